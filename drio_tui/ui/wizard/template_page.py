"""The step where the template is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from drio_tui.api.errors import DrioError
from drio_tui.text import did_you_mean
from drio_tui.ui.apps.template_detail import is_complete, template_blocks
from drio_tui.ui.apps.templates_screen import (
    TemplatesScreen,
    fetch_template,
    fetch_templates,
    matching_templates,
    row_of,
    works_offline,
)
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.wizard.page import Page, WizardView
from drio_tui.wizard.validation import DraftDiagnostic
from drio_tui.workspace.model.snapshot import Resource


class TemplatePage(Page):
    """A list of templates with a filter, and the contents of the selected one."""

    TITLE = "Choose what to start from"
    ABOUT = "Everything it brings can be changed next."
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_template",
        "New app: its template",
        Key("wizard_template.filter", "slash", "filter", "Filter", "Show only the templates that match"),
        Key("wizard_template.again", "r", "read_again", "Refresh", "Read the templates again", show=False),
    )

    class TemplatesLoaded(Message):
        """The templates were loaded, or `error` is the reason why not."""

        def __init__(self, resources: Sequence[Resource] | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.resources = resources
            self.error = error

    class TemplateLoaded(Message):
        """The complete template was loaded; with an `error`, `resource` is the incomplete one of the list."""

        def __init__(self, resource: Resource, error: DrioError | None = None) -> None:
            super().__init__()
            self.resource = resource
            self.error = error

    def __init__(self, wizard: WizardView) -> None:
        super().__init__(wizard)
        self.resources: Sequence[Resource] | None = None
        self._complete: dict[str, Resource] = {}
        self._requested: set[str] = set()

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="choice"):
                yield FilterInput(placeholder="/ to filter", id="template-filter")
                yield RowList(Column("Template", min_width=16), Column("Brings", min_width=18, rank=2),
                              Column("Offline", 7, rank=1, may_hide=True), id="templates")  # fmt: skip
                yield EmptyState("Reading the templates…", id="nothing")
            yield Document(id="about")

    def on_mount(self) -> None:
        self.query_one("#templates").display = False
        self.query_one("#template-filter").display = False
        if self.draft.app:  # the app exists, so its template cannot be changed: show only that one
            self._set_resources([Resource("template", self.draft.template_id, self.draft.template)])
            return
        self.read()

    def read(self) -> None:
        """Load the templates, also a second time."""
        self.query_one("#nothing", EmptyState).show_message("Reading the templates…")
        self.wizard.fetch(fetch_templates, self.TemplatesLoaded, self, partial(self.TemplatesLoaded, None), "templates")

    @property
    def filling(self) -> bool:
        return self.resources is None and self.wizard.has_request("templates")

    @property
    def rows(self) -> RowList:
        """The list of templates."""
        return self.query_one("#templates", RowList)

    @property
    def chosen(self) -> Resource | None:
        """The template that the cursor is on, complete if it was loaded completely."""
        listed = next((resource for resource in self.resources or () if resource.id == self.rows.key), None)
        return self._complete.get(listed.id, listed) if listed else None

    def on_template_page_templates_loaded(self, message: TemplatesLoaded) -> None:
        message.stop()
        if message.resources is not None:
            self._set_resources(message.resources)
        elif self.draft.template is not None:  # drio cannot be reached, but the draft has the chosen template
            self._set_resources([Resource("template", self.draft.template_id, self.draft.template)])
        else:
            error = message.error or DrioError(title="Not read")
            self.query_one("#nothing", EmptyState).show_error(error, ("Ctrl+S", "try again"))

    def _set_resources(self, resources: Sequence[Resource]) -> None:
        first, self.resources = self.resources is None, resources
        if not resources:
            title, text, steps = TemplatesScreen.EMPTY
            self.query_one("#nothing", EmptyState).show_message(title, text, *steps)
        self.query_one("#nothing").display = not resources
        self.rows.display = bool(resources)
        self.query_one("#template-filter").display = len(resources) > 1
        self._show()
        wanted, self.wizard.wanted = self.wizard.wanted, ""
        if wanted and any(resource.id == wanted for resource in resources):
            self.rows.choose(wanted)
            self.wizard.action_next()
            return
        if wanted:
            suggestion = did_you_mean(
                wanted, [name for resource in resources for name in (resource.id, resource.text("name"))]
            )
            text = sanitize_line(f"There is no template {wanted}. {suggestion or 'Choose one of these.'}", 200).plain
            self.notify(text, severity="warning", markup=False)
        if self.draft.template_id:
            self.rows.choose(self.draft.template_id)
        elif first and (offline := next((resource for resource in resources if works_offline(resource)), None)):
            self.rows.choose(offline.id)  # a default that works without a network
        self.wizard.focus_page()

    def _show(self) -> None:
        query = self.query_one("#template-filter", Input).value
        matches = matching_templates(self.resources or (), query)
        self.rows.show([_row(resource) for resource in matches])
        if query and matches:
            self.rows.action_first()
        self._show_details()

    def action_filter(self) -> None:
        if self.resources:
            self.query_one("#template-filter").focus()

    def action_read_again(self) -> None:
        if not self.draft.app:
            self.read()

    @on(Input.Changed, "#template-filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show()

    @on(FilterInput.Leave)
    def _filter_left(self) -> None:
        self.rows.focus()

    def update_content(self) -> None:
        self._show_details()

    @on(RowList.Moved, "#templates")
    def _show_details(self) -> None:
        resource = self.chosen
        details = self.query_one("#about", Document)
        if resource is None:
            nothing = sanitize("Nothing matches.", "$foreground-muted") if self.resources else Content()
            details.show([Paragraph(nothing)])
            return
        details.show(template_blocks(resource))
        if (
            not is_complete(resource.raw)
            and not resource.made_up
            and resource.id not in self._requested
            and not self.draft.app
        ):
            self._requested.add(resource.id)
            self.wizard.fetch(
                partial(fetch_template, id=resource.id),
                self.TemplateLoaded,
                self,
                partial(self.TemplateLoaded, resource),
                "template",
            )

    def on_template_page_template_loaded(self, message: TemplateLoaded) -> None:
        message.stop()
        self._complete[message.resource.id] = message.resource
        if self.chosen is message.resource:
            self._show_details()
        if self.draft.template_id == message.resource.id and message.error is None and not self.draft.app:
            self.draft.choose(message.resource.raw)

    @on(RowList.Opened, "#templates")
    def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.wizard.action_next()

    def apply(self) -> bool:
        """Start from the selected template; return whether there is one."""
        resource = self.chosen
        if resource is None or resource.made_up or not isinstance(resource.raw, dict):
            if self.resources is None:
                self.read()
            return bool(self.draft.template_id)
        if not self.draft.app and (resource.id != self.draft.template_id or resource.raw != self.draft.template):
            self.draft.choose(resource.raw)
            self.mark_edited()
        return True

    def focus_first(self) -> None:
        if self.rows.display:
            self.rows.focus()

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        self.focus_first()


def _row(resource: Resource) -> Row:
    name, _category, brings, offline = row_of(resource).cells
    return Row(resource.id, (name, brings, offline))
