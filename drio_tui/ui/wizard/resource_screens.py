"""Editing resources of an app that does not exist yet: the forms of the edit screen, without any request."""

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

from drio_tui.api.json_values import same_json
from drio_tui.kinds import AUTH, KINDS
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors import editor_properties
from drio_tui.ui.editing.editors.auth import AuthEditor
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize_line
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
class FormResult:
    """The object that a form was filled in with, and the same without its write-only properties."""

    full: dict[str, Any] = field(repr=False)
    shown: dict[str, Any] = field(repr=False)


def add_resource(draft: Draft, kind: str, parent: str, result: FormResult) -> AddedResource:
    """Add a filled-in resource to the draft, with the reference to its parent."""
    parent_key = KINDS[kind].parent
    reference = {parent_key[0]: parent} if parent_key and parent else {}
    return draft.add(kind, result.full | reference, result.shown | reference)


class WizardResourceScreen(EditScreen):
    """Creates a resource in the draft, starting with the properties `begin`, or edits the added one `body`.

    `result` is set when the user saved the form. `store` puts the current input into the draft, also an incomplete one,
    while the user types and when the program ends; `after_store` is called after the former.
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
        store: Callable[[FormResult], None] | None = None,
        after_store: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(
            EditTarget(APP_REF, kind, parent=parent, local=body, initial=begin or {}, focus_path=member), snapshot
        )
        self._store = store
        self._after_store = after_store
        self._body_before = body
        self._parent_ref = parent
        self.result: FormResult | None = None

    @property
    def dirty(self) -> bool:
        if self.result is not None or not self.is_filled:
            return False
        if self._body_before is None:
            return super().dirty
        return not same_json(self._body(self.edited_resource()), self._body(self._body_before))

    def _create_and_refer(self, kind: str, name: str, refer: Callable[[str], None]) -> None:
        """Notify the user on which step to create it: nothing can be created here while the app does not exist."""
        title, step = KINDS[kind].title.lower(), TITLES[PAGE_OF[kind]]
        self.notify(
            f"The wizard makes it on its step {step}. Keep what you have here (Ctrl+S), go there with F7 or Ctrl+S, "
            f"add it (a), then come back: Enter here chooses it.",
            title=f"No new {title} from here",
            markup=False,
        )

    def save_to_draft(self) -> None:
        """Put the current input into the draft, because the program ends."""
        if self._store is not None and self.dirty:
            self._store(self._current_result(self.edited_resource()))

    def _current_edit(self) -> UnsavedEdit | None:
        if self.is_mounted and self._store is not None and self.result is None:
            self._read_json()
            current, before = self._edited_with_json(secrets=True), self._body_before
            if self._is_edited() if before is None else not same_json(self._body(current), self._body(before)):
                self._store(self._current_result(current))
                if self._after_store is not None:
                    self._after_store()
        return None

    def _current_result(self, local: Mapping[str, Any]) -> FormResult:
        parent_key = self.kind.parent
        reference = {parent_key[0]: self._parent_ref} if parent_key and self._parent_ref else {}
        return FormResult(self._body(local) | reference, self._body(self._edited_with_json(secrets=False)) | reference)

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return None: the edit is kept in the app's draft."""
        return None

    def _body(self, local: Mapping[str, Any]) -> dict[str, Any]:
        writable = {*editor_properties(self.kind.name), "providerKey"}
        return {
            name: value
            for name, value in comparable(self.kind, dict(local)).items()
            if value is not None and (name not in self.kind.fixed or name in writable)
        }

    async def _create(self, client: DrioClient, local: dict[str, Any], _again: tuple[str, ...]) -> Outcome | None:
        self.result = self._current_result(local)
        return Saved(self.result.full)

    def _finish_save(self, raw: Mapping[str, Any], what: str) -> None:
        self.dismiss("")


class TemplateConnectionEditor(AuthEditor):
    """Edits a connection of the template, whose current values are not known before the app exists."""

    def notes(self) -> list[Content]:
        note = "Whatever you leave empty stays as the template has it, also where it is required."
        return [Content.styled(note, "$text-accent"), Content(), *super().notes()]


class ConfigScreen(DrioScreen[FormResult | None]):
    """Fills in the config of a connection of the template, and returns it.

    `store` puts the current input into the draft, also an incomplete one, while the user types and when the program
    ends; `after_store` is called after the former.
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
        store: Callable[[FormResult], None] | None = None,
        after_store: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self._after_store = after_store
        self._store_pending = False
        self._resource_name, self._raw, self._snapshot, self._store = name, raw, snapshot, store

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(sanitize_line(f"{AUTH.symbol} {self._resource_name}", 120, "bold"), id="heading")
            yield Static(id="banner")
            editor = TemplateConnectionEditor()
            editor.load(self._raw, self._snapshot)
            yield editor

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.editor.focus_first)

    def session_changed(self) -> None:
        """Stay open: what is typed belongs to the draft, which the wizard keeps."""

    @property
    def editor(self) -> AuthEditor:
        """The editor of the connection."""
        return self.query_one(AuthEditor)

    def unsaved_input(self) -> str:
        return "your edits of the connection" if self.editor.dirty else ""

    @on(Editor.Changed)
    def _editor_changed(self) -> None:
        if not self._store_pending:
            self._store_pending = True
            self.set_timer(SOON, self._store_input)

    def _store_input(self) -> None:
        self._store_pending = False
        self.save_to_draft()
        if self._after_store is not None:
            self._after_store()

    @on(Editor.SaveWanted)
    def _save_requested(self, event: Message) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        if not self.is_mounted:
            return
        problems = self.editor.validate()
        banner = self.query_one("#banner", Static)
        banner.set_class(bool(problems), "-said")
        if problems:
            self.editor.form.validate()
            banner.update(sanitize_line(f"✗ {problems[0].path}: {problems[0].message}", 300))
            return
        self.dismiss(self._current_result() if self.editor.dirty else None)

    def save_to_draft(self) -> None:
        """Put the current input into the draft, because the program ends."""
        if self._store is not None and self.is_mounted and self.editor.dirty:
            self._store(self._current_result())

    def _current_result(self) -> FormResult:
        config = self.editor.value().get("config") or {}
        return FormResult(config, self.editor.value(secrets=False).get("config") or {})
