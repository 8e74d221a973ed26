"""The templates that apps are created from. The screen works without a sign-in."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from drio_tui.api.client import TEMPLATES, DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.api.resource_type import validation_error
from drio_tui.ui.apps.template_detail import is_complete, resource_counts, template_blocks
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, resources_of

WORKS_OFFLINE = "works offline"
"""The tag of a template whose API works without a network, because the sandbox serves it."""

SIGNED_OUT = "Creating an app needs a sign-in: press L."
_PLACEHOLDER_ROWS = tuple(
    Row(
        f"waiting{n}",
        (Content.styled("▒" * width, "$foreground-muted"), Content.styled("▒" * 8, "$foreground-muted")),
    )
    for n, width in enumerate((16, 11, 19, 13, 17, 9))
)


class TemplatesScreen(DrioScreen[None]):
    """The list of templates with a filter, and beside it the contents of the selected template."""

    AREA = "templates"
    CSS_PATH = stylesheet("templates")
    BINDINGS = keymap.section(
        "templates",
        "Templates",
        Key("templates.create", "c", "create", "Create app", "Create an app from the template", dangerous=True),
        Key("templates.filter", "slash", "filter", "Filter", "Show only the templates that match"),
        Key("templates.refresh", "r", "refresh", "Refresh", "Read the templates again"),
        Key("templates.copy", "y", "copy_id", "Copy id", "Copy the template's id", show=False),
        Key("templates.other", "tab", "other_pane", "Other side", "Between the list and the details", show=False),
    )

    resources: reactive[tuple[Resource, ...] | None] = reactive(None, init=False)
    """The templates in the server's order; None until they are loaded for the first time."""

    filter_text: reactive[str] = reactive("", init=False)
    """The text of the filter field."""

    failure: reactive[DrioError | None] = reactive(None, init=False)
    """Why the last request for the templates failed."""

    class _TemplatesLoaded(Message):
        def __init__(self, resources: tuple[Resource, ...]) -> None:
            super().__init__()
            self.resources = resources

    class _LoadFailed(Message):
        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class _TemplateLoaded(Message):
        def __init__(self, resource: Resource) -> None:
            super().__init__()
            self.resource = resource

    class _TemplateFailed(Message):
        def __init__(self, resource: Resource, error: DrioError) -> None:
            super().__init__()
            self.resource = resource
            self.error = error

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="templates"):
            with Vertical(id="choice"):
                yield FilterInput(placeholder="/ to filter", id="filter")
                yield RowList(
                    Column("Template", min_width=20),
                    Column("Category", 24, min_width=10, rank=1),
                    Column("Brings", min_width=18, rank=3),
                    Column("Offline", 7, rank=2, may_hide=True),
                    id="list",
                )
                yield EmptyState(id="empty")
            yield Document(id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self._complete: dict[str, Resource] = {}
        self._shown_template: str | None = None
        self._requested: str | None = None
        self.query_one("#empty").display = False
        self.list.show(_PLACEHOLDER_ROWS)
        self.list.focus()
        self.action_refresh()

    @property
    def list(self) -> RowList:
        """The list of templates."""
        return self.query_one("#list", RowList)

    @property
    def chosen(self) -> Resource | None:
        """The template under the cursor, complete if it was loaded completely."""
        key = self.list.key
        listed = next((resource for resource in self.resources or () if resource.id == key), None)
        return self._complete.get(listed.id, listed) if listed else None

    def session_changed(self) -> None:
        self.refresh_bindings()
        self._complete.clear()
        self.action_refresh()

    # -- loading ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        self.run_request(fetch_templates, self._TemplatesLoaded, group="templates", failed=self._LoadFailed)

    def on_templates_screen__templates_loaded(self, message: _TemplatesLoaded) -> None:
        self._complete.clear()
        self._shown_template = self._requested = None
        self.failure = None
        self.resources = message.resources

    def on_templates_screen__load_failed(self, message: _LoadFailed) -> None:
        self.failure = message.error
        if self.resources is not None:
            self.drio.show_error(message.error)

    def on_templates_screen__template_loaded(self, message: _TemplateLoaded) -> None:
        self._complete[message.resource.id] = message.resource
        self._show_details()

    def action_back(self) -> None:
        """Cancel the requests; without any, clear the filter; without a filter, go back."""
        if not self.cancel_requests():
            if self.filter_text:
                self.query_one("#filter", FilterInput).value = ""
            else:
                self.drio.back()
        elif self.resources is None:
            self.failure = DrioError("You stopped the reading.", title="Not read")

    def on_templates_screen__template_failed(self, message: _TemplateFailed) -> None:
        if self.chosen is message.resource:
            text = sanitize(f"What it brings could not be read. {message.error}", "$text-warning")
            self.query_one("#about", Document).show([*template_blocks(message.resource), Paragraph(text, Content("▲"))])

    # -- display ----------------------------------------------------------------------------------

    def watch_resources(self) -> None:
        self._show_list()

    def watch_filter_text(self) -> None:
        self._show_list()

    def watch_failure(self) -> None:
        self._show_list()

    def _show_list(self) -> None:
        if self.resources is None and self.failure is None:
            return
        ranked = []
        for index, resource in enumerate(self.resources or ()):
            score = rank(self.filter_text, resource.name, searchable_text(resource))
            if score is not None:
                ranked.append((score, index, resource))
        ranked.sort(key=lambda match: match[:2])
        self.list.show([row_of(resource) for _, _, resource in ranked])
        if self.filter_text and ranked:
            self.list.action_first()
        was_hidden = not self.list.display
        self.list.display = bool(ranked)
        field = self.query_one("#filter", FilterInput)
        field.display = bool(self.resources)
        if ranked and was_hidden and not field.has_focus:
            self.list.focus()
        empty = self.query_one("#empty", EmptyState)
        empty.display = not ranked
        if self.resources is None and self.failure is not None:
            empty.show_error(self.failure, ("r", "try again"), ("3", "see the request"))
        elif not self.resources:
            empty.show_message("No templates", "This drio offers none.", ("r", "look again"))
        else:
            empty.show_message("Nothing matches", f"No template matches “{self.filter_text}”.", ("Esc", "show all"))
        self._show_details()

    @on(RowList.Moved, "#list")
    def _show_details(self) -> None:
        resource = self.chosen
        details = self.query_one("#about", Document)
        if resource is None:
            details.show(())
            self._shown_template = None
        else:
            details.show(template_blocks(resource), keep_place=self._shown_template == resource.id)
            self._shown_template = resource.id
            incomplete = not is_complete(resource.raw) and not resource.made_up and resource.id not in self._complete
            if incomplete and self._requested != resource.id:
                self._requested = resource.id
                self.run_request(
                    partial(fetch_template, id=resource.id),
                    self._TemplateLoaded,
                    group="template",
                    failed=partial(self._TemplateFailed, resource),
                )
        self.refresh_bindings()

    # -- actions ----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "create":
            if self.chosen is None:
                return "There is no template to start from."
            if self.drio.session is None:
                return SIGNED_OUT
            if self.chosen.made_up:
                return "This template has no id that could be asked for."
        return None

    def action_create(self) -> None:
        if self.chosen is not None:
            self.drio.open_wizard(self.chosen.raw)

    @on(RowList.Opened, "#list")
    async def _row_opened(self) -> None:
        await self.run_action("screen.create")

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_text = event.value

    @on(FilterInput.Leave)
    def _filter_left(self) -> None:
        self.list.focus()

    def action_other_pane(self) -> None:
        self.query_one("#about").focus() if self.list.has_focus else self.list.focus()

    def action_copy_id(self) -> None:
        if self.chosen is not None:
            self.drio.copy(self.chosen.id, "the template's id")


async def fetch_templates(client: DrioClient) -> tuple[Resource, ...]:
    """Fetch the list of templates."""
    listing = await client.templates()
    return await asyncio.to_thread(resources_of, "template", listing.raw, partial(validation_error, TEMPLATES))


async def fetch_template(client: DrioClient, id: str) -> Resource:
    """Fetch one template with its resources."""
    item = await client.template(id)
    return Resource("template", id, item.raw, validation_error(TEMPLATES, item.raw))


def searchable_text(resource: Resource) -> str:
    """Return the text that a filter searches besides the name."""
    return " ".join([resource.id, resource.text("category"), resource.text("description")[:500], *_tags(resource)])


def works_offline(resource: Resource) -> bool:
    """Return whether an app created from the template works without a network."""
    return WORKS_OFFLINE in _tags(resource)


def _tags(resource: Resource) -> list[str]:
    tags: Any = resource.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def row_of(resource: Resource) -> Row:
    """Return a template's row: its name, its category, the numbers of its resources, whether it works offline."""
    name = sanitize_line(resource.name, 200)
    if resource.reason:
        name = Content.assemble(("▲ ", "$text-warning"), name)
    category = sanitize_line(resource.text("category"), 40, "$text-secondary")
    brings = Content.styled(resource_counts(resource.raw), "$foreground-muted")
    offline = Content.styled("✓ works" if works_offline(resource) else "", "$text-success")
    return Row(resource.id, (name, category, brings, offline))
