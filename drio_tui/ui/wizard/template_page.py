"""The step where the template is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from drio_tui.api.errors import DrioError
from drio_tui.text import did_you_mean
from drio_tui.ui.apps.template_detail import is_whole, template_blocks
from drio_tui.ui.apps.templates_screen import read_one, read_templates, rest_of, row_of, works_offline
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.validation import Finding
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource

if TYPE_CHECKING:
    from drio_tui.ui.wizard.wizard_screen import WizardScreen


class TemplatePage(Page):
    """A list to filter by typing, and what the chosen template brings."""

    TITLE = "Choose what to start from"
    ABOUT = "Everything it brings can be changed next."
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_template",
        "New app: its template",
        Key("wizard_template.filter", "slash", "filter", "Filter", "Show only the templates that match"),
        Key("wizard_template.again", "r", "read_again", "Refresh", "Read the templates again", show=False),
    )

    class Read(Message):
        """The templates arrived, or could not be read."""

        def __init__(self, resources: Sequence[Resource] | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.resources = resources
            self.error = error

    class One(Message):
        """One template arrived whole, or could not be read."""

        def __init__(self, resource: Resource, error: DrioError | None = None) -> None:
            super().__init__()
            self.resource = resource
            self.error = error

    def __init__(self, guide: WizardScreen) -> None:
        super().__init__(guide)
        self.resources: Sequence[Resource] | None = None
        self._whole: dict[str, Resource] = {}
        self._asked: set[str] = set()

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="choice"):
                yield FilterInput(placeholder="/ to filter", id="template-filter")
                yield RowList(Column("Template", least=16), Column("Brings", least=18, rank=2),
                              Column("Offline", 7, rank=1, may_hide=True), id="templates")  # fmt: skip
                yield EmptyState("Reading the templates…", id="nothing")
            yield Document(id="about")

    def on_mount(self) -> None:
        self.query_one("#templates").display = False
        self.query_one("#template-filter").display = False
        if self.draft.app:  # it cannot be changed any more: the one there is is all there is to see
            self._take([Resource("template", self.draft.template_id, self.draft.template)])
            return
        self.read()

    def read(self) -> None:
        """Read the templates (again)."""
        self.query_one("#nothing", EmptyState).say("Reading the templates…")
        self.guide.fetch(read_templates, self.Read, self, partial(self.Read, None), "templates")

    @property
    def filling(self) -> bool:
        return self.resources is None and self.guide.asking("templates")

    @property
    def rows(self) -> RowList:
        """The list of templates."""
        return self.query_one("#templates", RowList)

    @property
    def chosen(self) -> Resource | None:
        """The template that the cursor is on, whole if it was read whole."""
        found = next((resource for resource in self.resources or () if resource.id == self.rows.key), None)
        return self._whole.get(found.id, found) if found else None

    def on_template_page_read(self, message: Read) -> None:
        message.stop()
        if message.resources is not None:
            self._take(message.resources)
        elif self.draft.template is not None:  # drio is not there, but the one chosen is
            self._take([Resource("template", self.draft.template_id, self.draft.template)])
        else:
            error = message.error or DrioError(title="Not read")
            self.query_one("#nothing", EmptyState).say_error(error, ("Ctrl+S", "try again"))

    def _take(self, resources: Sequence[Resource]) -> None:
        first, self.resources = self.resources is None, resources
        self.query_one("#nothing").display = False
        self.rows.display = True
        self.query_one("#template-filter").display = len(resources) > 1
        self._show()
        wanted, self.guide.wanted = self.guide.wanted, ""
        if wanted and any(resource.id == wanted for resource in resources):
            self.rows.choose(wanted)
            self.guide.action_next()
            return
        if wanted:
            near = did_you_mean(
                wanted, [name for resource in resources for name in (resource.id, resource.text("name"))]
            )
            said = safe_line(f"There is no template {wanted}. {near or 'Choose one of these.'}", 200).plain
            self.notify(said, severity="warning", markup=False)
        if self.draft.template_id:
            self.rows.choose(self.draft.template_id)
        elif first and (offline := next((resource for resource in resources if works_offline(resource)), None)):
            self.rows.choose(offline.id)  # what can be tried at once, for who just goes on
        self.guide.focus_page()

    def _show(self) -> None:
        wanted = self.query_one("#template-filter", Input).value
        found = [
            (fit, place, resource)
            for place, resource in enumerate(self.resources or ())
            if (fit := rank(wanted, resource.name, rest_of(resource))) is not None
        ]
        found.sort(key=lambda one: one[:2])
        self.rows.show([_row(resource) for _, _, resource in found])
        if wanted and found:
            self.rows.action_first()
        self._tell()

    def action_filter(self) -> None:
        if self.resources:
            self.query_one("#template-filter").focus()

    def action_read_again(self) -> None:
        if not self.draft.app:
            self.read()

    @on(Input.Changed, "#template-filter")
    def _filter(self, event: Input.Changed) -> None:
        event.stop()
        self._show()

    @on(FilterInput.Leave)
    def _to_list(self) -> None:
        self.rows.focus()

    def renew(self) -> None:
        self._tell()

    @on(RowList.Moved, "#templates")
    def _tell(self) -> None:
        resource = self.chosen
        page = self.query_one("#about", Document)
        if resource is None:
            nothing = safe("Nothing matches.", "$foreground-muted") if self.resources else Content()
            page.show([Paragraph(nothing)])
            return
        page.show(template_blocks(resource))
        if (
            not is_whole(resource.raw)
            and not resource.made_up
            and resource.id not in self._asked
            and not self.draft.app
        ):
            self._asked.add(resource.id)
            self.guide.fetch(partial(read_one, id=resource.id), self.One, self, partial(self.One, resource), "template")

    def on_template_page_one(self, message: One) -> None:
        message.stop()
        self._whole[message.resource.id] = message.resource
        if self.chosen is message.resource:
            self._tell()
        if self.draft.template_id == message.resource.id and message.error is None and not self.draft.app:
            self.draft.choose(message.resource.raw)

    @on(RowList.Opened, "#templates")
    def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.guide.action_next()

    def take(self) -> bool:
        """Start from the chosen template; whether there is one."""
        resource = self.chosen
        if resource is None or resource.made_up or not isinstance(resource.raw, dict):
            if self.resources is None:
                self.read()
            return bool(self.draft.template_id)
        if not self.draft.app and (resource.id != self.draft.template_id or resource.raw != self.draft.template):
            self.draft.choose(resource.raw)
            self.edited()
        return True

    def focus_first(self) -> None:
        if self.rows.display:
            self.rows.focus()

    def complain(self, findings: Sequence[Finding]) -> None:
        self.focus_first()


def _row(resource: Resource) -> Row:
    name, _category, brings, offline = row_of(resource).cells
    return Row(resource.id, (name, brings, offline))
