"""Changes by others while an app is open: found by a poller, shown as marks in the tree, never under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual.message import Message

from drio_tui.kinds import KINDS
from drio_tui.text import count_of, first_names
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.polling import PolledScreen, Poller
from drio_tui.workspace.model.changes import Change, Contents, changes_by_others, contents_of, created_keys
from drio_tui.workspace.model.loader import AppCheck, check_app
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

if TYPE_CHECKING:
    from textual.timer import Timer

    from drio_tui.api.client import DrioClient
    from drio_tui.ui.editing.edit_target import EditTarget
    from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot, Update

_LISTED = ("auth", "integration", "tool", "widget")
"""The kinds of which an app has one list each, besides the config."""

_SIGNS = {"new": "+", "changed": "~", "deleted": "-"}


class Checked(Message):
    """A check of the app came back, of the config or of one `kind`; it was made after the writes up to `position`."""

    def __init__(self, check: AppCheck, kind: str, position: int) -> None:
        super().__init__()
        self.check = check
        self.kind = kind
        self.position = position


@dataclass(frozen=True, slots=True)
class Mark:
    """What someone else has done to a resource ("new", "changed" or "deleted"), and when it was noticed."""

    what: str
    at: datetime
    properties: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.what} {self.at:%H:%M}"


@dataclass(slots=True)
class _Baseline:
    """The resources that later ones are compared with.

    `positions` says by kind how many own writes they contain at least, `earlier` how many the read before contained.
    `created` are the keys of the resources that this program has created since then.
    """

    contents: Contents = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, int] = field(default_factory=dict)
    created: dict[str, frozenset[ResourceKey]] = field(default_factory=dict)


@runtime_checkable
class EditsResource(Protocol):
    """What live updates need of the edit screen, which documents the attributes and methods."""

    target: EditTarget

    @property
    def is_saving(self) -> bool: ...

    def remote_changed(self, *, deleted: bool, properties: Mapping[str, Any]) -> None: ...


class LiveView(ScreenContext, PolledScreen, Protocol):
    """What live updates need of the app screen, which documents the attributes and methods."""

    app_id: str
    snapshot: Snapshot
    loading_app: bool
    outline: TreeModel | None

    @property
    def selected_node(self) -> TreeNode | None: ...

    def set_timer(self, delay: float, callback: Any = ..., *, name: str | None = ...) -> Timer: ...

    def show_changes(self) -> None: ...

    def show_change_marks(self) -> None: ...


class LiveUpdates:
    """Keeps an app screen up to date, and knows what others have changed.

    `marks` are the changes the user has not looked at yet, by resource key. They are found by comparing each read,
    whoever asked for it, with the one before. What this program has written in between is left out.
    """

    def __init__(self, screen: LiveView) -> None:
        self._screen = screen
        self.marks: dict[ResourceKey, Mark] = {}
        self.poller = Poller(
            screen, self._check, lambda checked: checked, is_visible=self._is_visible, is_busy=self._is_busy
        )
        self._deleted: dict[ResourceKey, tuple[TreeNode, int]] = {}
        self._baseline = _Baseline()
        self._etag = ""
        self._config_kinds: frozenset[str] = frozenset()
        self._lists: tuple[str, ...] = ()
        self._turn = 0
        self._held: Checked | None = None
        self._read_position = 0
        self._compared: set[str] = set()  # kinds of the current read
        self._last_key: ResourceKey | None = None

    # -- when ---------------------------------------------------------------------------------------

    def _is_visible(self) -> bool:
        return self._screen.is_on_top or self._edit_screen is not None

    def _is_busy(self) -> bool:
        edit = self._edit_screen
        writes = self._screen.connection.own_writes
        return (
            self._screen.loading_app
            or self._screen.has_request("change")
            or writes.is_running(self._screen.app_id)
            or (edit is not None and edit.is_saving)
        )

    @property
    def _edit_screen(self) -> EditsResource | None:
        """The screen that edits a resource of this app, if it is on top."""
        top = self._screen.drio.screen
        return top if isinstance(top, EditsResource) and top.target.app == self._screen.app_id else None

    # -- reading ------------------------------------------------------------------------------------

    def read_started(self) -> None:
        """Note that the app is read as a whole: it will contain what was written until now."""
        self._read_position = self._screen.connection.own_writes.position
        self._held = None
        self._etag = ""
        self._compared.clear()

    def parts_read(self) -> None:
        """Compare what is read by now with the last read, before the tree shows it: what was deleted stays in it."""
        if self._baseline.contents:
            self._compare_read()

    def read_finished(self) -> None:
        """Compare the app, as it was just read, with the last read."""
        self._compare_read()
        self.poller.read()

    def _compare_read(self) -> None:
        contents = contents_of(self._screen.snapshot)
        new = {kind: resources for kind, resources in contents.items() if kind not in self._compared}
        self._compared |= new.keys()
        self._compare(new, self._read_position)

    def saved(self, resource: Resource) -> None:
        """Note a resource as drio returned it to an own save."""
        kinds = dict(self._baseline.contents)
        kinds[resource.kind] = {**kinds.get(resource.kind, {}), resource.id: resource}
        self._baseline.contents = kinds

    async def _check(self, client: DrioClient) -> Checked:
        position = self._screen.connection.own_writes.position
        kind = ("", *self._lists)[self._turn]  # the config and the lists it lacks take turns
        return Checked(await check_app(client, self._screen.snapshot, self._etag, kind), kind, position)

    def checked(self, message: Checked) -> None:
        """Show what a check found; while a resource is edited, only tell the edit screen."""
        if self.poller.is_outdated(message):
            return
        writes = self._screen.connection.own_writes
        if self._screen.loading_app or writes.is_running(self._screen.app_id) or self._is_outdated(message):
            self._etag = ""  # what the check has found is to be found again
            self.poller.finished(changed=True)
            return
        self._etag = message.check.etag
        if message.check.kinds is not None and not message.kind:
            self._config_kinds = message.check.kinds
            self._lists = tuple(kind for kind in _LISTED if kind not in message.check.kinds)
        self._turn = (self._turn + 1) % (len(self._lists) + 1)
        updates = message.check.updates
        if edit := self._edit_screen:
            self._held = message if updates else None
            self._warn(edit, updates)
        else:
            self._apply(message)
        self.poller.finished(changed=bool(updates))

    def _is_outdated(self, message: Checked) -> bool:
        return bool(self._screen.connection.own_writes.since(self._screen.app_id, message.position))

    def resume(self) -> None:
        """Show what was found while a resource was edited, and check again soon: the screen is looked at again."""
        held, self._held = self._held, None
        if held is not None:
            self._etag = ""
            if not self._screen.loading_app and not self._is_outdated(held):
                self._apply(held)
        self.poller.resume()

    def _apply(self, message: Checked) -> None:
        for update in message.check.updates:
            self._screen.snapshot.apply(update)
        kinds = {message.kind} if message.kind else self._config_kinds
        contents = contents_of(self._screen.snapshot)
        self._compare({kind: contents[kind] for kind in kinds & contents.keys()}, message.position)
        if message.check.updates:
            self._screen.show_changes()

    def _warn(self, edit: EditsResource, updates: Iterable[Update]) -> None:
        """Tell the edit screen what others have changed in the resource that it edits."""
        key = (edit.target.kind, edit.target.id)
        after = contents_of(self._screen.snapshot, updates)
        change = self._changes(after).get(key)
        resource = change.after if change is not None else None
        edit.remote_changed(
            deleted=change is not None and resource is None,
            properties={name: resource.get(name) for name in change.properties} if change and resource else {},
        )

    def _changes(self, contents: Contents) -> dict[ResourceKey, Change]:
        """Return what others have changed since the last read of each kind."""
        own_writes, app, last = self._screen.connection.own_writes, self._screen.app_id, self._baseline
        kinds_by_window: dict[tuple[int, int, frozenset[ResourceKey]], list[str]] = {}
        for kind in contents:
            window = last.positions.get(kind, 0), last.earlier.get(kind, 0), last.created.get(kind, frozenset())
            kinds_by_window.setdefault(window, []).append(kind)
        changes: dict[ResourceKey, Change] = {}
        for (position, earlier, created), kinds in kinds_by_window.items():
            own = own_writes.since(app, position)
            recent = frozenset(key for key in own_writes.since(app, earlier) if key[1]) | created
            found = changes_by_others(last.contents, {**last.contents, **contents}, own, recent)
            changes.update((key, change) for key, change in found.items() if key[0] in kinds)
        return changes

    # -- marks --------------------------------------------------------------------------------------

    def _compare(self, contents: Contents, position: int) -> None:
        """Mark what others have changed since the last read; `position` is that of the own writes in `contents`."""
        last = self._baseline
        if last.contents:
            now = datetime.now()
            for key, change in self._changes(contents).items():
                self._mark(key, change, now)
        for key in [key for key in self.marks if key not in self._deleted and _lacks(contents, key)]:
            del self.marks[key]  # deleted by this program since
        own_writes, app = self._screen.connection.own_writes, self._screen.app_id
        own = own_writes.since(app, min((last.positions.get(kind, 0) for kind in contents), default=position))
        created = created_keys(last.contents, contents, own)
        self._baseline = _Baseline(
            {**last.contents, **contents},
            {**last.positions, **dict.fromkeys(contents, position)},
            {**last.earlier, **{kind: last.positions.get(kind, position) for kind in contents}},
            {**last.created, **dict.fromkeys(contents, created)},
        )

    def _mark(self, key: ResourceKey, change: Change, now: datetime) -> None:
        if change.after is None:
            self.marks[key] = Mark("deleted", now)
            self._keep(key)
            return
        self._deleted.pop(key, None)
        known = self.marks.get(key)
        if change.before is None or (known is not None and known.what == "new"):
            self.marks[key] = Mark("new", now)
        else:
            properties = {*change.properties, *(known.properties if known is not None else ())}
            self.marks[key] = Mark("changed", now, tuple(sorted(properties)))

    def _keep(self, key: ResourceKey) -> None:
        """Keep the node of a deleted resource, to show it until the user has looked at it."""
        outline = self._screen.outline
        node = outline.by_key.get(key) if outline is not None else None
        if node is None or node.parent is None:
            del self.marks[key]
            return
        resource = self._baseline.contents.get(key[0], {}).get(key[1])
        node.value = resource.raw if resource is not None else None
        self._deleted[key] = (node, node.parent.children.index(node))

    def with_deleted(self, outline: TreeModel) -> TreeModel:
        """Return the tree of the app with what was deleted until the user has looked at it."""
        for node, index in sorted(self._deleted.values(), key=lambda kept: (kept[0].depth, kept[1])):
            outline.keep_deleted(node, index)
        return outline

    @property
    def tree_marks(self) -> Mapping[ResourceKey, tuple[str, str]]:
        """The sign and the text of each mark, for the tree."""
        return {key: (_SIGNS[mark.what], mark.text) for key, mark in self.marks.items()}

    def cursor_moved(self, node: TreeNode | None) -> None:
        """Remove the mark of the resource that the cursor has left."""
        key = None if node is None else node.key if node.kind == "deleted" else node.about
        left, self._last_key = self._last_key, key
        self.poller.user_active()
        if left is None or left == key or self.marks.pop(left, None) is None:
            return
        if self._deleted.pop(left, None) is not None:
            gone = [key for key, (node, _) in self._deleted.items() if any(up.key == left for up in node.ancestors())]
            for below in gone:
                del self._deleted[below]
                self.marks.pop(below, None)
            self._screen.show_changes()
        else:
            self._screen.show_change_marks()

    def forget_marks(self) -> None:
        """Remove all marks: the user reads the app again."""
        self.marks.clear()
        self._deleted.clear()

    def note(self) -> str:
        """Return what the user should know about the changes: about the selected resource, else how many there are."""
        node = self._screen.selected_node
        key = None if node is None else node.key if node.kind == "deleted" else node.about
        mark = self.marks.get(key) if key is not None else None
        if mark is not None:
            names = f": {first_names(mark.properties, 3)}" if mark.properties else ""
            return f"{_SIGNS[mark.what]} {mark.text} by someone else{names}"
        return f"~ {count_of(len(self.marks), 'change')} by others" if self.marks else ""


def _lacks(contents: Contents, key: ResourceKey) -> bool:
    return key[0] in KINDS and key[0] in contents and key[1] not in contents[key[0]]
