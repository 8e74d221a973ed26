"""The step for the app's branding: the branding editor with its preview."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.editors.branding import BrandingEditor
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.template_parts import planned_snapshot
from drio_tui.wizard.validation import DraftDiagnostic


class PreviewFirstEditor(BrandingEditor):
    """The branding editor with the preview above the other notes."""

    def notes(self) -> list[Content]:
        lines = super().notes()
        heading = next((index for index, line in enumerate(lines) if line.plain == "Preview"), len(lines))
        return [*lines[heading + 1 :], *lines[:heading]]


class BrandingPage(Page):
    """Edits the branding, initially the template's; F6 corrects a colour with too little contrast."""

    TITLE = "Choose its branding"
    ABOUT = "Widgets use these colours; F6 makes one readable."

    def compose(self) -> ComposeResult:
        editor = PreviewFirstEditor()
        snapshot = planned_snapshot(self.draft)
        app = snapshot.app
        # Without the ref: the form shows its defaults only for a new app.
        raw = {name: value for name, value in app.raw.items() if name != "id"} if app else {}
        editor.load(raw, snapshot)
        yield editor

    @property
    def editor(self) -> BrandingEditor:
        """The branding editor."""
        return self.query_one(BrandingEditor)

    def focus_first(self) -> None:
        self.editor.focus_first()

    @on(Editor.Changed)
    def _changed(self, event: Editor.Changed) -> None:
        event.stop()
        self.flush_input()

    def flush_input(self) -> None:
        if not self.editor.dirty:
            return
        branding = self.editor.value().get("branding")
        if isinstance(branding, dict) and branding != self.draft.branding:
            self.draft.branding = branding
            self.mark_edited()

    @on(Editor.SaveWanted)
    def _next(self, event: Editor.SaveWanted) -> None:
        event.stop()
        self.wizard.action_next()

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        self.editor.form.validate()
