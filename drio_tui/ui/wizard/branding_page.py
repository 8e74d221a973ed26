"""The step where the app gets its looks: the branding editor with its preview."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.editors.branding import BrandingEditor
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.template_parts import as_it_will_be
from drio_tui.wizard.validation import Finding


class Looks(BrandingEditor):
    """The branding editor with the preview first: here it is the point."""

    def notes(self) -> list[Content]:
        lines = super().notes()
        at = next((place for place, line in enumerate(lines) if line.plain == "Preview"), len(lines))
        return [*lines[at + 1 :], *lines[:at]]


class LooksPage(Page):
    """The branding as the template has it, to be changed; F6 mends a colour that cannot be read."""

    TITLE = "Give it its looks"
    ABOUT = "Widgets wear these colours; F6 makes one readable."

    def compose(self) -> ComposeResult:
        editor = Looks()
        snapshot = as_it_will_be(self.draft)
        app = snapshot.app
        # Without its ref: what is edited is new, so that the form may show its own defaults.
        raw = {name: value for name, value in app.raw.items() if name != "id"} if app else {}
        editor.load(raw, snapshot)
        yield editor

    @property
    def editor(self) -> BrandingEditor:
        """The editor."""
        return self.query_one(BrandingEditor)

    def focus_first(self) -> None:
        self.editor.focus_first()

    @on(Editor.Changed)
    def _changed(self, event: Editor.Changed) -> None:
        event.stop()
        self.settle()

    def settle(self) -> None:
        if not self.editor.dirty:
            return
        found = self.editor.value().get("branding")
        if isinstance(found, dict) and found != self.draft.branding:
            self.draft.branding = found
            self.edited()

    @on(Editor.SaveWanted)
    def _next(self, event: Editor.SaveWanted) -> None:
        event.stop()
        self.guide.action_next()

    def complain(self, findings: Sequence[Finding]) -> None:
        self.editor.form.validate()
