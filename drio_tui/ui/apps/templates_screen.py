"""The templates that apps are created from. The screen works without a sign-in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from drio_tui.api.client import TEMPLATES, DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.api.resource_type import validation_error
from drio_tui.ui.apps.resource_list_screen import ResourceListScreen
from drio_tui.ui.apps.template_detail import is_complete, resource_counts, template_blocks
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
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


class TemplatesScreen(ResourceListScreen):
    """The list of templates with a filter, and beside it the contents of the selected template."""

    AREA = "templates"
    KIND = "template"
    OPEN_ACTION = "screen.create"
    EMPTY = "No templates", "This drio offers none.", (("r", "look again"),)
    PLACEHOLDER_WIDTHS = tuple((name, 8) for name in (16, 11, 19, 13, 17, 9))
    BINDINGS = keymap.section(
        "templates",
        "Templates",
        Key("templates.create", "c", "create", "Create app", "Create an app from the template", dangerous=True),
        Key("templates.filter", "slash", "filter", "Filter", "Show only the templates that match"),
        Key("templates.refresh", "r", "refresh", "Refresh", "Read the templates again"),
        Key("templates.copy", "y", "copy_id", "Copy id", "Copy the template's id", show=False),
        Key("templates.other", "tab", "other_pane", "Other side", "Between the list and the details", show=False),
    )

    class _TemplateLoaded(Message):
        def __init__(self, resource: Resource) -> None:
            super().__init__()
            self.resource = resource

    class _TemplateFailed(Message):
        def __init__(self, resource: Resource, error: DrioError) -> None:
            super().__init__()
            self.resource = resource
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._complete: dict[str, Resource] = {}
        self._shown_template: str | None = None
        self._requested: str | None = None

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
        yield Static(id="note")

    @property
    def chosen(self) -> Resource | None:
        """The template under the cursor, complete if it was loaded completely."""
        listed = super().chosen
        return self._complete.get(listed.id, listed) if listed else None

    def session_changed(self) -> None:
        self._complete.clear()
        self.action_refresh()

    # -- loading ----------------------------------------------------------------------------------

    def fetch(self, client: DrioClient) -> Awaitable[tuple[Resource, ...]]:
        return fetch_templates(client)

    def loaded(self) -> None:
        self._complete.clear()
        self._shown_template = self._requested = None

    def on_templates_screen__template_loaded(self, message: _TemplateLoaded) -> None:
        self._complete[message.resource.id] = message.resource
        self.show_details()

    def on_templates_screen__template_failed(self, message: _TemplateFailed) -> None:
        if self.chosen is message.resource:
            text = sanitize(f"What it brings could not be read. {message.error}", "$text-warning")
            self.query_one("#about", Document).show([*template_blocks(message.resource), Paragraph(text, Content("▲"))])

    # -- display ----------------------------------------------------------------------------------

    def show_rows(self, resources: Sequence[Resource]) -> int:
        matches = matching_templates(resources, self.filter_text)
        numbers = Counter(resource.name for resource in resources)
        self.rows.show([row_of(resource, with_id=numbers[resource.name] > 1) for resource in matches])
        if self.filter_text and matches:
            self.rows.action_first()
        return len(matches)

    def show_details(self) -> None:
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

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "create":
            if self.chosen is None:
                return "There is no template to start from."
            if self.reason_not_editable:
                return self.reason_not_editable
            if self.drio.session is None:
                return SIGNED_OUT
            if self.chosen.made_up:
                return "This template has no id that could be asked for."
        return None

    def action_create(self) -> None:
        if self.chosen is not None:
            self.drio.navigator.open_wizard(self.chosen.raw)

    def action_other_pane(self) -> None:
        self.query_one("#about").focus() if self.rows.has_focus else self.rows.focus()


async def fetch_templates(client: DrioClient) -> tuple[Resource, ...]:
    """Fetch the list of templates."""
    listing = await client.templates()
    return await asyncio.to_thread(resources_of, "template", listing.raw, partial(validation_error, TEMPLATES))


async def fetch_template(client: DrioClient, id: str) -> Resource:
    """Fetch one template with its resources."""
    item = await client.template(id)
    return Resource("template", id, item.raw, validation_error(TEMPLATES, item.raw))


def matching_templates(resources: Sequence[Resource], query: str) -> list[Resource]:
    """Return the templates that match, the best match first and equal ones in the given order."""
    ranked = []
    for resource in resources:
        text = [resource.id, resource.text("category"), resource.text("description")[:500], *_tags(resource)]
        if (score := rank(query, resource.name, " ".join(text))) is not None:
            ranked.append((score, resource))
    ranked.sort(key=lambda match: match[0])
    return [resource for _, resource in ranked]


def works_offline(resource: Resource) -> bool:
    """Return whether an app created from the template works without a network."""
    return WORKS_OFFLINE in _tags(resource)


def _tags(resource: Resource) -> list[str]:
    tags: Any = resource.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def row_of(resource: Resource, *, with_id: bool = False) -> Row:
    """Return a template's row: its name, its category, the numbers of its resources, whether it works offline.

    With `with_id` the id is beside the name, for names that several templates have.
    """
    name = sanitize_line(resource.name, 200)
    if with_id:
        name = Content.assemble(name, " ", sanitize_line(resource.id, 100, "$foreground-muted"))
    if resource.reason:
        name = Content.assemble(("▲ ", "$text-warning"), name)
    category = sanitize_line(resource.text("category"), 40, "$text-secondary")
    brings = Content.styled(resource_counts(resource.raw), "$foreground-muted")
    offline = Content.styled("✓ works" if works_offline(resource) else "", "$text-success")
    return Row(resource.id, (name, category, brings, offline))
