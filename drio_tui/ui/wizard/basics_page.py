"""The step where the app gets its name, slug and texts."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static, TextArea

from drio_tui.naming import slug_of
from drio_tui.ui.widgets.form_field import FormField
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.ui.wizard.page import Page, WizardView
from drio_tui.wizard.validation import DraftDiagnostic, diagnostics

_SLUG = "Part of its address. It follows the name until you change it."
_TEXTS = (
    ("description", "Description", "What the app does. Empty: as the template has it."),
    ("serverInstructions", "Instructions", "Given to every model. Empty: as the template has it."),
)


class BasicsPage(Page):
    """The fields of the app in a column; Enter moves to the next field, and after Company URL to the next step."""

    TITLE = "Name it"
    ABOUT = "Only the name is needed; everything can be changed later."

    def __init__(self, wizard: WizardView) -> None:
        super().__init__(wizard)
        if not self.draft.basics.get("name", "").strip() and not self.draft.app:
            # A suggestion to be overwritten, cut because each key takes seconds in a line of many thousand characters.
            self.draft.basics["name"] = self.draft.suggested_name or "New app"
        self._update_slug()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="basics", can_focus=False):
            yield FormField("name", "Name", placeholder="Acme Support")
            yield FormField("slug", "Slug", placeholder="made from the name", help=_SLUG)
            yield FormField("companyUrl", "Company URL", placeholder="https://acme.com")
            for path, label, help in _TEXTS:
                with Vertical(classes="text"):
                    with Horizontal():
                        yield Static(label, classes="label")
                        yield TextArea(self.draft.basics.get(path, ""), id=path, compact=True, show_line_numbers=False)
                    yield Static(sanitize(help, "$foreground-muted"), classes="note")

    def on_mount(self) -> None:
        for path in ("name", "slug", "companyUrl"):
            self.field(path).set_value(self.draft.basics.get(path, ""))
        self._show_slug()

    def field(self, path: str) -> FormField:
        """Return the field of a property."""
        return self.query_one(f"#{path}", FormField)

    def focus_first(self) -> None:
        input = self.field("name").query_one(Input)
        input.focus()
        input.action_select_all()

    def flush_input(self) -> None:
        for path in ("slug", "name", "companyUrl"):  # the slug before the name, which may change the slug
            self._set_value(self.field(path), self.field(path).value)
        for area in self.query(TextArea):
            if self.draft.basics.get(area.id or "", "") != area.text:
                self.draft.basics[area.id or ""] = area.text
                self.mark_edited()

    @on(FormField.Changed)
    @on(TextArea.Changed)
    def _changed(self, event: FormField.Changed | TextArea.Changed) -> None:
        event.stop()
        self.flush_input()

    def _set_value(self, form_field: FormField, value: str) -> None:
        path = form_field.path
        if self.draft.basics.get(path, "") == value:
            return
        self.draft.basics[path] = value
        if path == "slug":
            self.draft.own_slug = True
        elif path == "name" and not self.draft.basics.get("slug"):
            self.draft.own_slug = False  # an emptied slug follows the name again
        if path in ("name", "slug") and not self.draft.own_slug:
            self._update_slug()
            self.field("slug").set_value(self.draft.basics.get("slug", ""))
        self._validate("slug")
        if form_field.error:  # an error disappears as soon as the value is valid
            self._validate(path)
        self.mark_edited()

    def _update_slug(self) -> None:
        """Derive the slug from the name, unless the user edited the slug."""
        if not self.draft.own_slug and not self.draft.app:
            self.draft.basics["slug"] = slug_of(self.draft.basics.get("name", ""), self.wizard.taken or ())

    def update_content(self) -> None:
        """Check the slug again: the slugs in use are loaded."""
        self.flush_input()  # first, so that a slug typed just now is not replaced
        self._show_slug()

    def _show_slug(self) -> None:
        self._update_slug()
        self.field("slug").set_value(self.draft.basics.get("slug", ""))
        self._validate("slug")

    @on(FormField.Left)
    def _field_left(self, event: FormField.Left) -> None:
        event.stop()
        self._validate(event.form_field.path)

    def _validate(self, path: str) -> None:
        errors = {
            diagnostic.path: diagnostic.message
            for diagnostic in diagnostics(self.draft, self.wizard.taken)
            if diagnostic.page == "basics"
        }
        field = self.field(path)
        error = errors.get(path, "")
        if error:
            field.show_note(error=error)
        elif path == "slug" and field.value and self.wizard.taken is not None and not self.draft.app:
            field.show_note(help=f"✓ Free. {_SLUG}")
        else:
            field.show_note(help=_SLUG if path == "slug" else "")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.field("companyUrl") in event.input.ancestors:
            self.wizard.action_next()
        else:
            self.screen.focus_next()

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        first = None
        for diagnostic in diagnostics:
            if diagnostic.path in ("name", "slug", "companyUrl"):
                self.field(diagnostic.path).show_note(error=diagnostic.message)
                first = first or self.field(diagnostic.path)
        if first is not None:
            first.focus_input()
