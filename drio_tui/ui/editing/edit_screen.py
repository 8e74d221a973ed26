"""Editing one thing, or making a new one: form, special editors, the whole as JSON, and saving."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static, TextArea

from drio_tui.api.errors import NotFound
from drio_tui.api.models import same_json
from drio_tui.schema.form import FormModel
from drio_tui.schema.objects import ObjectNode
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed
from drio_tui.ui.base.services import (
    DOCUMENT_SECONDS,
    body_of,
    document_of,
    references_of,
    schemas_seen,
    without_members,
)
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.editing.create import begin_of, make_new
from drio_tui.ui.editing.editors import SPECIAL, special_members
from drio_tui.ui.editing.editors.base import Context, Editor
from drio_tui.ui.editing.save_flow import SaveScreen
from drio_tui.ui.forms.field_widget import once_mounted
from drio_tui.ui.forms.json_page import WholeJson
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import Kept
from drio_tui.workspace.saving.unsaved_edits import SECRETIVE, UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


@dataclass(frozen=True, slots=True)
class Target:
    """What is edited. No `id`: something new, under `parent` where its kind needs one.

    `base` and `mine` are those of an edit to go on with (a kept buffer, a copy); without them the resource is
    edited as the server has it. `outside` begins in the person's own editor. `recovered` is the kept buffer's id.
    `member` (a path: `actions[0].template`) is where to begin.
    `begin` are members that something new begins with: those of special editors, and its name; `wanted_by`
    names what is to refer to it.
    """

    app: str
    kind: str
    id: str = ""
    parent: str = ""
    base: dict[str, Any] | None = field(default=None, repr=False)
    mine: dict[str, Any] | None = field(default=None, repr=False)
    draft: str = field(default="", repr=False)
    outside: bool = False
    recovered: str = ""
    begin: dict[str, Any] = field(default_factory=dict, repr=False)
    wanted_by: str = ""
    member: str = ""


class EditScreen(SaveScreen):
    """Ends with the id of what was saved, None when nothing was."""

    AREA = "apps"
    CSS_PATH = stylesheet("editing")
    opens_fields = True
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "edit",
        "Editing",
        Key(
            "edit.save",
            "ctrl+s",
            "write",
            "Save",
            "Check everything, show the changes where there are several, then write",
            priority=True,
        ),
        Key("edit.page", "f5", "page(1)", "Page →", "The next page", priority=True),
        Key("edit.page_back", "shift+f5,f11", "page(-1)", "Page ←", "The page before", show=False, priority=True),
        Key("edit.outside", "ctrl+o,e", "outside", "$EDITOR", "Edit the whole as JSON in $VISUAL or $EDITOR"),
    )

    class Ready(Message):
        """Everything that the forms are made from is there."""

        def __init__(
            self,
            snapshot: Snapshot,
            raw: dict[str, Any] | None,
            document: Any,
            fresh: bool,
            schemas: Mapping[str, Any],
        ) -> None:
            super().__init__()
            self.fresh = fresh
            self.schemas = schemas
            self.snapshot = snapshot
            self.raw = raw
            self.document = document

    def __init__(self, target: Target, snapshot: Snapshot | None = None) -> None:
        super().__init__(target)
        self.snapshot = snapshot
        self._whole_model: FormModel | None = None
        self._begun: dict[str, Any] | None = None
        self._page = 0
        self._json_read = False

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(self._heading("reading…"), id="heading")
            yield Static(id="banner")
            yield ContentSwitcher(id="pages")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()

    def reconnected(self) -> None:
        """What could not be read is read now; an edit that has begun goes on as it is."""
        if not self._filled:
            self._read()

    def on_request_failed(self, message: RequestFailed) -> None:
        message.stop()
        self._say(f"{message.error}. F5 reads it again.")

    def _read(self) -> None:
        if self.form is not None:
            return  # it is being laid out
        self._say("")
        target, snapshot = self.target, self.snapshot

        async def read(client: DrioClient) -> EditScreen.Ready:
            document_of(client).ask()
            known = snapshot
            if known is None:
                known = Snapshot(target.app)
                await load_app(client, target.app, known.apply)
            raw = None
            if target.id:
                try:
                    raw = (await client.get(self.kind, target.id, app=target.app)).raw
                except NotFound:
                    raw = None
            seen = await schemas_seen(self.backend, target.app, raw or target.base or {})
            return self.Ready(known, raw, *(await document_of(client).now(DOCUMENT_SECONDS)), seen)

        self.run_request(read, lambda ready: ready, group="read", once=True)

    def _new(self) -> str:
        return f"new {self.kind.title.lower()}"

    def _heading(self, note: str = "") -> Content:
        title = self.kind.title
        name = self._new() if self.is_new else f"{title}  {self.kind.label(self.base)}"
        purpose = f"  for {self.target.wanted_by}" if self.target.wanted_by else ""
        return Content.assemble(
            safe_line(f"{self.kind.symbol} {name}", 120, "bold"),
            safe_line(purpose, 80, "$text-accent"),
            safe_line(f"   {note}", 120),
        )

    # -- building ---------------------------------------------------------------------------------

    async def on_edit_screen_ready(self, message: Ready) -> None:
        if self.form is not None:
            return  # asked for once more just before it came
        self.snapshot = message.snapshot
        if not self.is_new and self.target.base is None:
            if message.raw is None:
                self.drio.show_error(NotFound("it was deleted elsewhere", status=404))
                self.dismiss(None)
                return
            self.base = message.raw
        if self.kind.parent and not self._parent_id:
            self._parent_id = str(self.base.get(self.kind.parent[0]) or "")
        made, schema, theirs = body_of(self.kind, message.document, new=self.is_new)
        special = special_members(self.kind.name)
        begin = {member: value for member, value in self.target.begin.items() if member in special}
        whole = self.base or begin if self.target.mine is None else self.target.mine
        start = None if self.is_new else self._main(self.base)
        model = FormModel(without_members(made, schema, special), start)
        if self.target.mine is not None:
            model.take(self._main(whole))
        elif self.target.begin.keys() - begin.keys():
            model.take({**model.value(), **self._main(self.target.begin)})
            self._begun = model.value()
        self.form = SchemaForm(
            model, references=references_of(self.kind, message.snapshot), json_view=False, id="page-form"
        )
        kept = Kept(self.backend.server, self.target.app)
        context = Context(body=(made, schema) if theirs else None, schemas=message.schemas, kept=kept)
        titles = ["Form"]
        pages: list[Widget] = [self.form]
        for number, one in enumerate(SPECIAL.get(self.kind.name, ())):
            if self.is_new and not one.create:
                continue
            editor = one.make()
            editor.id = f"page-editor-{number}"
            editor.load(None if self.is_new and not whole else whole, message.snapshot, context)
            if self.target.mine is not None:
                editor.base = {name: self.base[name] for name in editor.members if name in self.base}
            self.editors.append(editor)
            titles.append(one.title)
            pages.append(editor)
        self._whole_model = FormModel(made.field(schema), None if self.is_new else self._open(self.base))
        self._whole = WholeJson(self._whole_model, id="page-json")
        if self.target.draft:
            self._whole.take(self.target.draft)
        pages.append(self._whole)
        titles.append("JSON")
        switcher = self.query_one("#pages", ContentSwitcher)
        for page in pages:
            page.display = False  # only what was composed into a switcher is hidden by it
        await self.mount(TabStrip(titles), before=switcher)
        await switcher.mount(*pages)
        switcher.current = "page-form"
        self._pages = pages
        self._filled = True
        word = "describes" if message.fresh else "described"
        note = f"fields as this server {word} them" if theirs else "fields as this version knows them"
        self.query_one("#heading", Static).update(self._heading(note))
        self.form.focus_first()
        if self.target.outside:
            self.call_after_refresh(self.action_outside)
        elif self.target.member:
            self.call_after_refresh(self._begin_at, self.target.member)

    def _begin_at(self, path: str) -> None:
        """Show the page on which a value is edited, with the focus on it."""
        member = re.split(r"[.\[]", path)[0]
        for number, editor in enumerate(self.editors, start=1):
            if member in editor.members:
                self.show_page(number, focus=False)
                self.call_after_refresh(editor.focus_member, path)
                return
        root = self.form.model.root if self.form is not None else None
        if self.form is not None and isinstance(root, ObjectNode) and member in root.members:
            self.form.show_node(root.members[member])

    def _open(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The members that a person can change."""
        chosen_once = special_members(self.kind.name) if self.is_new else frozenset()
        return {name: value for name, value in raw.items() if name not in self.kind.fixed or name in chosen_once}

    def _main(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Those of them on the plain form."""
        special = special_members(self.kind.name)
        return {name: value for name, value in self._open(raw).items() if name not in special}

    # -- what has become of it --------------------------------------------------------------------

    def mine(self, *, secrets: bool = True) -> dict[str, Any]:
        """The whole resource as it is wanted now."""
        if not self._filled or self.form is None:
            return dict(self.base if self.target.mine is None else self.target.mine)
        found = {name: value for name, value in self.base.items() if name in self.kind.fixed}
        found |= self.form.model.value(secrets=secrets)
        for editor in self.editors:
            if editor.is_mounted:
                found |= editor.value(secrets=secrets)
        return found

    def _mine_typed(self, *, secrets: bool) -> dict[str, Any]:
        """The same with what was typed as JSON and is not spread over the other pages yet."""
        if not self._json_read or self._whole_model is None:
            return self.mine(secrets=secrets)
        fixed = {name: value for name, value in self.base.items() if name in self.kind.fixed}
        found: dict[str, Any] = fixed | self._whole_model.value(secrets=secrets)
        config = found.get("config")
        if not secrets and self.kind.name in SECRETIVE and isinstance(config, dict):
            # The whole does not know what the provider calls secret: a new member may be one, by whatever name.
            sides = (self.base.get("config"), self.mine(secrets=False).get("config"))
            known = {name for side in sides if isinstance(side, dict) for name in side}
            found["config"] = {name: value for name, value in config.items() if name in known}
        return found

    @property
    def dirty(self) -> bool:
        """Whether there is anything to lose."""
        if self._filled and self.form is not None and self.saved is None:
            self._take_json()
        return self._is_edited()

    def _is_edited(self) -> bool:
        if self.saved is not None:
            return False
        if not self._filled or self.form is None:
            return self.target.mine is not None
        if self._json_read or (self._whole is not None and self._whole.draft is not None):
            return True
        if self.target.mine is not None and self.is_new:
            return True
        changed = self.form.model.dirty
        if self._begun is not None:  # a name that was typed elsewhere is no loss
            changed = not same_json(self.form.model.value(), self._begun)
        return changed or any(editor.dirty for editor in self.editors)

    def unsaved(self) -> str:
        return f"your edits of the {self.kind.title.lower()}" if self.dirty else ""

    def buffer(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        if looking:
            self._read_json()
        if not (self._is_edited() if looking else self.dirty):
            return None
        backend, mine = self.backend, self._mine_typed(secrets=False)
        return UnsavedEdit(
            profile=backend.status.profile, server=backend.server, app=self.target.app, kind=self.kind.name,
            resource=self.target.id, label=self.kind.label(self.base or mine), mine=mine,
            base=None if self.is_new else self.base, parent=self._parent_id,
            draft=(self._whole.draft or "") if self._whole else self.target.draft, why=why, id=self._kept.id,
        )  # fmt: skip

    def name_of_entry(self, entry: Any) -> str:
        if isinstance(entry, dict):  # a widget's action
            words = (entry.get(name) for name in ("trigger", "type", "targetToolName"))
            return " ".join(word for word in words if isinstance(word, str)) or "an action"
        return (self.name_of_id(entry) if isinstance(entry, str) else None) or str(entry)

    def name_of_id(self, id: str) -> str | None:
        return self.snapshot.name_of(id) if self.snapshot is not None else None

    # -- pages ------------------------------------------------------------------------------------

    @property
    def key_page(self) -> Widget | None:
        return self._pages[self._page] if self._filled else None

    def action_page(self, step: int) -> None:
        if not self.is_mounted:
            return
        if not self._filled:
            self._read()
        else:
            self.show_page((self._page + step) % len(self._pages))

    @on(TabStrip.Chosen)
    def _page_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_page(event.number, focus=event.enter)

    def show_page(self, number: int, *, focus: bool = True) -> None:
        """Show a page; what the others hold by now is told to it."""
        if not self._take_json() and number == self._page:
            return
        self._page = number
        page = self._pages[number]
        self.query_one(TabStrip).chosen = number
        self.query_one("#pages", ContentSwitcher).current = page.id
        self.mark_pages()
        if isinstance(page, WholeJson):
            self._fill_json(page)
        elif isinstance(page, Editor):
            page.see(self.mine())
            if focus:
                self.call_after_refresh(page.focus_first)
        elif self.form is not None and focus:
            self.set_focus(None)
            self.form.focus_soon()

    def mark_pages(self) -> None:
        if self.form is None or not self._filled:
            return
        wrong = [sum(len(node.errors) for node in self.form.model.failing())]
        for editor in self.editors:
            looked_at = editor.is_mounted and (editor.refused or (self._tried and (self.is_new or editor.dirty)))
            wrong.append(len(editor.problems()) if looked_at else 0)
        wrong.append(int(self._whole is not None and self._whole.draft is not None))
        self.query_one(TabStrip).count(wrong)

    def _fill_json(self, page: WholeJson) -> None:
        if page.draft is None and self._whole_model is not None:
            self._whole_model.take(self._open(self.mine(secrets=False)))
        self.set_focus(None)  # what has it may be taken away, and keys that a lost widget gets act nowhere
        if self.form is not None:
            once_mounted(self.form, page.show(), page.focus_text)

    def _take_json(self) -> bool:
        """Take over what was typed as JSON into the other pages; false while its text does not parse."""
        self._read_json()
        if self._json_read and self._whole_model is not None:
            self._json_read = False
            self._spread(self._whole_model.value())
        return not self._on_json or self._whole is None or self._whole.draft is None

    @property
    def _on_json(self) -> bool:
        return self._filled and self._pages[self._page] is self._whole

    def _read_json(self) -> None:
        """Read what was typed as JSON, for `_take_json` to spread over the other pages later."""
        if self._whole is not None and self._on_json:
            self._json_read = self._whole.take_edits() or self._json_read

    @on(TextArea.Changed, "#page-json TextArea")
    def _json_typed(self) -> None:
        self.keep_typed()

    def _spread(self, value: dict[str, Any]) -> None:
        if self.form is None or self.snapshot is None:
            return
        self.form.model.take(self._main(value))
        self.form._rebuild()
        for editor in self.editors:
            now = editor.value(secrets=False)
            wanted = {name: value[name] for name in editor.members if name in value}
            if not same_json(now, wanted):
                editor.take(wanted)

    def show_json(self) -> None:
        if self._pages[self._page] is self._whole:
            self._fill_json(self.query_one("#page-json", WholeJson))
        else:
            self.show_page(len(self._pages) - 1)

    def action_outside(self) -> None:
        from drio_tui.ui.forms.external_editor import NoEditor, edit_outside  # tempfile and subprocess, rarely needed

        page = self._whole
        if page is None or self._whole_model is None:
            return
        self._take_json()
        if page.draft is None:
            self._whole_model.take(self._open(self.mine(secrets=False)))
        text = page.text
        try:
            edited = edit_outside(self.app, text)
        except NoEditor as error:
            self.notify(safe_line(str(error), 300).plain, severity="warning", markup=False)
            return
        if edited is not None and edited != text:
            if page.take(edited):
                self._spread(self._whole_model.value())
            else:
                self.show_page(len(self._pages) - 1)
        if self._pages[self._page] is self._whole:
            self._fill_json(page)

    # -- new resources to refer to -------------------------------------------------------------------

    @on(SchemaForm.NewWanted)
    def _wanted_on_form(self, event: SchemaForm.NewWanted) -> None:
        event.stop()
        kinds = [one.to for one in self.kind.references if one.path == event.pattern]
        if kinds:
            self._make(kinds[0], event.name, lambda id: event.form.refer(event.path, id))

    @on(Editor.NewWanted)
    def _wanted_in_editor(self, event: Editor.NewWanted) -> None:
        event.stop()
        self._make(event.kind, event.name, lambda id: event.editor.refer(event.path, id))

    def _make(self, kind: str, name: str, refer: Callable[[str], None]) -> None:
        """Create a resource over this screen, called `name` if given, then refer to it where it was asked for."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        mine = self.mine(secrets=False)
        wanted_by = f"{self.kind.title.lower()} {self.kind.label(mine)}" if not self.is_new else f"the {self._new()}"
        begin = begin_of(kind, self.kind.name, self.base) | ({"name": name} if name else {})
        target = Target(self.target.app, kind, begin=begin, wanted_by=wanted_by)

        async def make() -> None:
            made = await make_new(self.drio, target, snapshot)
            if made is not None:
                refer(made.id)

        self.run_worker(make(), name="new", group="new", exclusive=True)
