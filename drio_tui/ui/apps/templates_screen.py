"""The templates: what apps start from. Works signed out."""

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
from drio_tui.api.resource_type import why_degraded
from drio_tui.ui.apps.template_detail import counts, is_whole, template_blocks
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, resources_of

WORKS_OFFLINE = "works offline"
"""The tag of a template whose API answers without a network, because the sandbox serves it."""

SIGNED_OUT = "Creating an app needs a sign-in: press L."
_WAITING = tuple(
    Row(
        f"waiting{n}",
        (Content.styled("▒" * width, "$foreground-muted"), Content.styled("▒" * 8, "$foreground-muted")),
    )
    for n, width in enumerate((16, 11, 19, 13, 17, 9))
)


class TemplatesScreen(DrioScreen[None]):
    """A list to filter by typing, and what the chosen template brings beside it."""

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
    """The templates in the server's order; None until they were read once."""

    wanted: reactive[str] = reactive("", init=False)
    """What the filter field holds."""

    failure: reactive[DrioError | None] = reactive(None, init=False)
    """Why the last reading failed."""

    class _Read(Message):
        def __init__(self, resources: tuple[Resource, ...]) -> None:
            super().__init__()
            self.resources = resources

    class _NotRead(Message):
        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class _One(Message):
        def __init__(self, resource: Resource) -> None:
            super().__init__()
            self.resource = resource

    class _NotOne(Message):
        def __init__(self, resource: Resource, error: DrioError) -> None:
            super().__init__()
            self.resource = resource
            self.error = error

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="templates"):
            with Vertical(id="choice"):
                yield FilterInput(placeholder="/ to filter", id="filter")
                yield RowList(
                    Column("Template", least=20),
                    Column("Category", 24, least=10, rank=1),
                    Column("Brings", least=18, rank=3),
                    Column("Offline", 7, rank=2, may_hide=True),
                    id="list",
                )
                yield EmptyState(id="empty")
            yield Document(id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self._whole: dict[str, Resource] = {}
        self._shown: str | None = None
        self._asked_for: str | None = None
        self.query_one("#empty").display = False
        self.list.show(_WAITING)
        self.list.focus()
        self.action_refresh()

    @property
    def list(self) -> RowList:
        """The list of templates."""
        return self.query_one("#list", RowList)

    @property
    def chosen(self) -> Resource | None:
        """The template the cursor is on, whole if it was read whole."""
        key = self.list.key
        found = next((resource for resource in self.resources or () if resource.id == key), None)
        return self._whole.get(found.id, found) if found else None

    def session_changed(self) -> None:
        self.refresh_bindings()
        self._whole.clear()
        self.action_refresh()

    # -- reading ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        self.run_request(read_templates, self._Read, group="templates", failed=self._NotRead)

    def on_templates_screen__read(self, message: _Read) -> None:
        self._whole.clear()
        self._shown = self._asked_for = None
        self.failure = None
        self.resources = message.resources

    def on_templates_screen__not_read(self, message: _NotRead) -> None:
        self.failure = message.error
        if self.resources is not None:
            self.drio.show_error(message.error)

    def on_templates_screen__one(self, message: _One) -> None:
        self._whole[message.resource.id] = message.resource
        self._show_chosen()

    def action_back(self) -> None:
        """Stop reading, and say so where nothing was read yet; else out of the filter, then back."""
        if not self.cancel_requests():
            if self.wanted:
                self.query_one("#filter", FilterInput).value = ""
            else:
                self.drio.back()
        elif self.resources is None:
            self.failure = DrioError("You stopped the reading.", title="Not read")

    def on_templates_screen__not_one(self, message: _NotOne) -> None:
        if self.chosen is message.resource:
            said = safe(f"What it brings could not be read. {message.error}", "$text-warning")
            self.query_one("#about", Document).show([*template_blocks(message.resource), Paragraph(said, Content("▲"))])

    # -- showing ----------------------------------------------------------------------------------

    def watch_resources(self) -> None:
        self._show_list()

    def watch_wanted(self) -> None:
        self._show_list()

    def watch_failure(self) -> None:
        self._show_list()

    def _show_list(self) -> None:
        if self.resources is None and self.failure is None:
            return
        ranked = []
        for place, resource in enumerate(self.resources or ()):
            score = rank(self.wanted, resource.name, rest_of(resource))
            if score is not None:
                ranked.append((score, place, resource))
        ranked.sort(key=lambda entry: entry[:2])
        self.list.show([row_of(resource) for _, _, resource in ranked])
        if self.wanted and ranked:
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
            empty.say_error(self.failure, ("r", "try again"), ("3", "see the request"))
        elif not self.resources:
            empty.say("No templates", "This drio offers none.", ("r", "look again"))
        else:
            empty.say("Nothing matches", f"No template matches “{self.wanted}”.", ("Esc", "show all"))
        self._show_chosen()

    @on(RowList.Moved, "#list")
    def _show_chosen(self) -> None:
        resource = self.chosen
        page = self.query_one("#about", Document)
        if resource is None:
            page.show(())
            self._shown = None
        else:
            page.show(template_blocks(resource), keep_place=self._shown == resource.id)
            self._shown = resource.id
            in_short = not is_whole(resource.raw) and not resource.made_up and resource.id not in self._whole
            if in_short and self._asked_for != resource.id:
                self._asked_for = resource.id
                self.run_request(
                    partial(read_one, id=resource.id),
                    self._One,
                    group="template",
                    failed=partial(self._NotOne, resource),
                )
        self.refresh_bindings()

    # -- acting -----------------------------------------------------------------------------------

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
            self.drio.open_guide(self.chosen.raw)

    @on(RowList.Opened, "#list")
    async def _opened(self) -> None:
        await self.run_action("screen.create")

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.wanted = event.value

    @on(FilterInput.Leave)
    def _to_list(self) -> None:
        self.list.focus()

    def action_other_pane(self) -> None:
        self.query_one("#about").focus() if self.list.has_focus else self.list.focus()

    def action_copy_id(self) -> None:
        if self.chosen is not None:
            self.drio.copy(self.chosen.id, "the template's id")


async def read_templates(client: DrioClient) -> tuple[Resource, ...]:
    """The templates, as the list gives them."""
    listing = await client.templates()
    return await asyncio.to_thread(resources_of, "template", listing.raw, partial(why_degraded, TEMPLATES))


async def read_one(client: DrioClient, id: str) -> Resource:
    """One template, whole."""
    item = await client.template(id)
    return Resource("template", id, item.raw, why_degraded(TEMPLATES, item.raw))


def rest_of(resource: Resource) -> str:
    """What else a filter looks at."""
    return " ".join([resource.id, resource.text("category"), resource.text("description")[:500], *_tags(resource)])


def works_offline(resource: Resource) -> bool:
    """Whether an app made from the template can be tried with no network."""
    return WORKS_OFFLINE in _tags(resource)


def _tags(resource: Resource) -> list[str]:
    tags: Any = resource.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def row_of(resource: Resource) -> Row:
    """A template as a row: its name, its category, what it brings in numbers, whether it works offline."""
    name = safe_line(resource.name, 200)
    if resource.reason:
        name = Content.assemble(("▲ ", "$text-warning"), name)
    category = safe_line(resource.text("category"), 40, "$text-secondary")
    brings = Content.styled(counts(resource.raw), "$foreground-muted")
    offline = Content.styled("✓ works" if works_offline(resource) else "", "$text-success")
    return Row(resource.id, (name, category, brings, offline))
