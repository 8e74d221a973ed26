"""The step where the app gets its name, slug and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static, TextArea

from drio_tui.naming import slug_of
from drio_tui.ui.widgets.form_field import FormField
from drio_tui.ui.widgets.sanitize import safe
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.validation import Finding, findings

if TYPE_CHECKING:
    from drio_tui.ui.wizard.wizard_screen import WizardScreen

_SLUG = "Part of its address. It follows the name until you change it."
_TEXTS = (
    ("description", "Description", "What the app does. Empty: as the template has it."),
    ("serverInstructions", "Instructions", "Told to every model. Empty: as the template has it."),
)


class BasicsPage(Page):
    """Fields one under the other; Enter goes to the next one, and from the last line on to the next step."""

    TITLE = "Name it"
    ABOUT = "Only the name is needed; everything can be changed later."

    def __init__(self, guide: WizardScreen) -> None:
        super().__init__(guide)
        if not self.draft.basics.get("name", "").strip() and not self.draft.app:
            # To be typed over. A line of many thousand characters would take seconds for each step in it.
            self.draft.basics["name"] = self.draft.suggested_name or "New app"
        self._follow()

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
                    yield Static(safe(help, "$foreground-muted"), classes="note")

    def on_mount(self) -> None:
        for path in ("name", "slug", "companyUrl"):
            self.field(path).set_value(self.draft.basics.get(path, ""))
        self.renew()

    def field(self, path: str) -> FormField:
        """The field of a member."""
        return self.query_one(f"#{path}", FormField)

    def focus_first(self) -> None:
        found = self.field("name").query_one(Input)
        found.focus()
        found.action_select_all()

    def settle(self) -> None:
        for field in self.query(FormField):
            self._take(field, field.value)
        for area in self.query(TextArea):
            if self.draft.basics.get(area.id or "", "") != area.text:
                self.draft.basics[area.id or ""] = area.text
                self.edited()

    @on(FormField.Changed)
    def _typed(self, event: FormField.Changed) -> None:
        event.stop()
        self._take(event.form_field, event.form_field.value)

    def _take(self, form_field: FormField, value: str) -> None:
        path = form_field.path
        if self.draft.basics.get(path, "") == value:
            return
        self.draft.basics[path] = value
        if path == "slug":
            self.draft.own_slug = True
        elif path == "name" and not self.draft.basics.get("slug"):
            self.draft.own_slug = False  # one that was emptied follows the name again
        if path in ("name", "slug") and not self.draft.own_slug:
            self._follow()
            self.field("slug").set_value(self.draft.basics.get("slug", ""))
        self._judge("slug")
        if form_field.error:  # a complaint goes as soon as its reason does
            self._judge(path)
        self.edited()

    @on(TextArea.Changed)
    def _wrote(self, event: TextArea.Changed) -> None:
        event.stop()
        self.settle()

    def _follow(self) -> None:
        """Make the slug from the name, unless it is the person's own."""
        if not self.draft.own_slug and not self.draft.app:
            self.draft.basics["slug"] = slug_of(self.draft.basics.get("name", ""), self.guide.taken or ())

    def renew(self) -> None:
        """The slugs in use are known now."""
        self._follow()
        self.field("slug").set_value(self.draft.basics.get("slug", ""))
        self._judge("slug")

    @on(FormField.Left)
    def _left(self, event: FormField.Left) -> None:
        event.stop()
        self._judge(event.form_field.path)

    def _judge(self, path: str) -> None:
        found = {one.path: one.message for one in findings(self.draft, self.guide.taken) if one.page == "basics"}
        field = self.field(path)
        error = found.get(path, "")
        if error:
            field.say(error=error)
        elif path == "slug" and field.value and self.guide.taken is not None and not self.draft.app:
            field.say(help=f"✓ Free. {_SLUG}")
        else:
            field.say(help=_SLUG if path == "slug" else "")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self.field("companyUrl") in event.input.ancestors:
            self.guide.action_next()
        else:
            self.screen.focus_next()

    def complain(self, found: Sequence[Finding]) -> None:
        first = None
        for one in found:
            if one.path in ("name", "slug", "companyUrl"):
                self.field(one.path).say(error=one.message)
                first = first or self.field(one.path)
        if first is not None:
            first.focus_input()
