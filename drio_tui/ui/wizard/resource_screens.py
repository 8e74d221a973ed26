"""Editing resources of an app that is not there yet: the forms of the edit screen, with nothing sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from drio_tui.api.models import same_json
from drio_tui.kinds import AUTH, KINDS
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.editing.editors import special_members
from drio_tui.ui.editing.editors.auth import AuthEditor
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.ui.wizard import TITLES
from drio_tui.wizard.draft import AddedResource, Draft
from drio_tui.wizard.template_parts import APP_REF
from drio_tui.wizard.validation import PAGE_OF
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.save_result import Outcome, Saved
from drio_tui.workspace.saving.unsaved_edits import SOON, UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


@dataclass(frozen=True, slots=True)
class Made:
    """What was filled in, and the same without what is write-only."""

    whole: dict[str, Any] = field(repr=False)
    shown: dict[str, Any] = field(repr=False)


def new_resource(draft: Draft, kind: str, parent: str, made: Made) -> AddedResource:
    """Take in what was filled in, under its parent."""
    owner = KINDS[kind].parent
    under = {owner[0]: parent} if owner and parent else {}
    return draft.add(kind, made.whole | under, made.shown | under)


class WizardResourceScreen(EditScreen):
    """Makes something new, which begins with `begin`, or edits what was added. It sends nothing.

    `made` is there when it was taken. `keep` puts it into the draft, also half done, as it is typed and when the
    program ends without asking; `kept` is called after the former.
    """

    def __init__(
        self,
        kind: str,
        parent: str,
        snapshot: Snapshot,
        body: dict[str, Any] | None = None,
        *,
        begin: dict[str, Any] | None = None,
        member: str = "",
        keep: Callable[[Made], None] | None = None,
        kept: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(Target(APP_REF, kind, parent=parent, mine=body, begin=begin or {}, member=member), snapshot)
        self._keep = keep
        self._told_kept = kept
        self._before = body
        self._under = parent
        self.made: Made | None = None

    @property
    def dirty(self) -> bool:
        if self.made is not None or not self._filled:
            return False
        if self._before is None:
            return super().dirty
        return not same_json(self._body(self.mine()), self._body(self._before))

    def _make(self, kind: str, name: str, refer: Callable[[str], None]) -> None:
        """There is no app yet to make it in."""
        title, step = KINDS[kind].title.lower(), TITLES[PAGE_OF[kind]]
        self.notify(
            f"The wizard makes it on its step {step}. Keep what you have here (Ctrl+S), go there with F7 or Ctrl+S, "
            f"add it (a), then come back: Enter here chooses it.",
            title=f"No new {title} from here",
            markup=False,
        )

    def give_back(self) -> None:
        """Put what is there so far into the draft: the program ends."""
        if self._keep is not None and self.dirty:
            self._keep(self._so_far(self.mine()))

    def _typed(self) -> UnsavedEdit | None:
        if self.is_mounted and self._keep is not None and self.made is None:
            self._read_json()
            now = self._mine_typed(secrets=True)
            if self._is_edited() if self._before is None else not same_json(self._body(now), self._body(self._before)):
                self._keep(self._so_far(now))
                if self._told_kept is not None:
                    self._told_kept()
        return None

    def _so_far(self, mine: Mapping[str, Any]) -> Made:
        owner = self.kind.parent
        under = {owner[0]: self._under} if owner and self._under else {}
        return Made(self._body(mine) | under, self._body(self._mine_typed(secrets=False)) | under)

    def buffer(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """It belongs to the draft of the app, which is kept by itself."""
        return None

    def _body(self, mine: Mapping[str, Any]) -> dict[str, Any]:
        also = {*special_members(self.kind.name), "providerKey"}
        return {
            name: value
            for name, value in comparable(self.kind, dict(mine)).items()
            if value is not None and (name not in self.kind.fixed or name in also)
        }

    async def _create(self, client: DrioClient, mine: dict[str, Any], _again: tuple[str, ...]) -> Outcome | None:
        self.made = self._so_far(mine)
        return Saved(self.made.whole)

    def _saved(self, raw: Mapping[str, Any], what: str, request_id: str | None) -> None:
        self.dismiss("")


class BroughtConnection(AuthEditor):
    """The connection as its template will bring it: what it holds by then is not known."""

    def notes(self) -> list[Content]:
        told = "Whatever you leave empty stays as the template has it, also where it is required."
        return [Content.styled(told, "$text-accent"), Content(), *super().notes()]


class ConfigScreen(DrioScreen[Made | None]):
    """Fills in a connection that the template brings: what its provider asks for. Ends with its config.

    `keep` puts it into the draft, also half done, as it is typed and when the program ends without asking; `kept` is
    called after the former.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_credentials",
        "New app: a connection",
        Key("wizard_credentials.take", "ctrl+s", "take", "Take", "Take what is filled in", priority=True),
    )

    def __init__(
        self,
        name: str,
        raw: Mapping[str, Any],
        snapshot: Snapshot,
        *,
        keep: Callable[[Made], None] | None = None,
        kept: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self._told_kept = kept
        self._waiting = False
        self._called, self._raw, self._snapshot, self._keep = name, raw, snapshot, keep

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(safe_line(f"{AUTH.symbol} {self._called}", 120, "bold"), id="heading")
            yield Static(id="banner")
            editor = BroughtConnection()
            editor.load(self._raw, self._snapshot)
            yield editor

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.editor.focus_first)

    @property
    def editor(self) -> AuthEditor:
        """The editor."""
        return self.query_one(AuthEditor)

    def unsaved(self) -> str:
        return "your edits of the connection" if self.editor.dirty else ""

    @on(Editor.Changed)
    def _edited(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.set_timer(SOON, self._typed)

    def _typed(self) -> None:
        self._waiting = False
        self.give_back()
        if self._told_kept is not None:
            self._told_kept()

    @on(Editor.SaveWanted)
    def _asked(self, event: Message) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        if not self.is_mounted:
            return
        found = self.editor.problems()
        banner = self.query_one("#banner", Static)
        banner.set_class(bool(found), "-said")
        if found:
            self.editor.form.validate()
            banner.update(safe_line(f"✗ {found[0].path}: {found[0].message}", 300))
            return
        self.dismiss(self._so_far() if self.editor.dirty else None)

    def give_back(self) -> None:
        """Put what is there so far into the draft: the program ends."""
        if self._keep is not None and self.is_mounted and self.editor.dirty:
            self._keep(self._so_far())

    def _so_far(self) -> Made:
        config = self.editor.value().get("config") or {}
        return Made(config, self.editor.value(secrets=False).get("config") or {})
