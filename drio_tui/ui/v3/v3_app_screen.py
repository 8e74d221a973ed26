"""One app, read through API v3: the app, its tools, its authoring state, its validation, its runtime preview."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static, TabbedContent, TabPane

from drio_tui.api.errors import DrioError
from drio_tui.api.v3 import Page, PageQuery, V3Client
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.v3.v3_blocks import tool_blocks, tool_cells, validation_blocks
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.rich_text import Block, Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, resources_of

PARTS = ("app", "tools", "state", "validation", "preview")
"""The tabs, by the part that they show."""


class V3AppScreen(DrioScreen[None]):
    """The parts of an app as tabs; a part is read when its tab is shown for the first time, the first two at once.

    The validation is the one of the authoring state until `v` asks for one.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("v3")
    BINDINGS = keymap.section(
        "v3_app",
        "An app through API v3",
        Key("v3_app.next_tab", "f4,right_square_bracket", "tab(1)", "Tab →", "The next part of the app"),
        Key("v3_app.previous_tab", "f3,left_square_bracket", "tab(-1)", "← Tab", "The previous part", show=False),
        Key("v3_app.validate", "v", "validate", "Validate", "Let drio check the draft (a POST)", dangerous=True),
        Key("v3_app.filter", "slash", "filter", "Filter", "Show only the tools that match", show=False),
        Key("v3_app.more", "m", "more", "More", "Read the next page of tools"),
        Key("v3_app.refresh", "r", "refresh", "Refresh", "Read the part again"),
    )

    parts: var[Mapping[str, Any]] = var(dict, init=False)
    """What was read of each part: JSON, the tools, or the `DrioError` why it was not."""

    filter_text: var[str] = var("", init=False)
    """The text of the filter field of the tools."""

    class _PartRead(Message):
        def __init__(self, part: str, value: Any) -> None:
            super().__init__()
            self.part = part
            self.value = value

    class _ToolsRead(Message):
        def __init__(self, page: Page, asked: PageQuery) -> None:
            super().__init__()
            self.page = page
            self.asked = asked

    def __init__(self, app_id: str, name: str = "") -> None:
        super().__init__()
        self.app_id = app_id
        self.app_name = name or app_id
        self.next_cursor: str | None = None
        """The page of tools after those that are loaded, None if there is none."""

    def compose_body(self) -> ComposeResult:
        heading = Content.assemble(
            sanitize_line(self.app_name, 80, "bold $text-primary"),
            "  ",
            sanitize_line(self.app_id, 80, "$foreground-muted"),
            ("  API v3, read-only", "$foreground-muted"),
        )
        yield Static(heading, id="heading")
        with TabbedContent(initial="app"):
            with TabPane("App", id="app"):
                yield JsonView(id="app-json")
            with TabPane("Tools", id="tools"):
                yield FilterInput(placeholder="/ to filter", id="filter")
                with Horizontal(id="tool-list"):
                    yield RowList(
                        Column("Tool", min_width=16), Column("Enabled", 8, rank=1), Column("Runtime", 12, rank=2)
                    )
                    yield Document(id="tool")
                yield Static(id="note")
            with TabPane("Authoring state", id="state"):
                yield JsonView(id="state-json")
            with TabPane("Validation", id="validation"):
                yield Document(id="validation-text")
            with TabPane("Preview", id="preview"):
                yield JsonView(id="preview-json")

    def on_mount(self) -> None:
        super().on_mount()
        self._read("app")
        self._read("tools")
        self.query_one("#app-json JsonLines").focus()

    @property
    def part(self) -> str:
        """The part whose tab is shown."""
        return self.query_one(TabbedContent).active or "app"

    # -- reading ----------------------------------------------------------------------------------

    def _read(self, part: str) -> None:
        app = self.app_id
        calls: dict[str, Callable[[V3Client], Awaitable[Any]]] = {
            "app": lambda client: client.app(app),
            "state": lambda client: client.authoring_state(app),
            "preview": lambda client: client.runtime_preview(app),
            "validate": lambda client: client.validate(app),
        }
        if part == "tools":
            self._read_tools(PageQuery())
            return
        source = "state" if part == "validation" else part
        target = "validation" if part == "validate" else source
        self.run_request(
            lambda client: calls[source](V3Client(client)),
            lambda value: self._PartRead(target, value),
            group=source,
            failed=lambda error: self._PartRead(target, error),
            once=source == "validate",
        )

    def _read_tools(self, asked: PageQuery) -> None:
        self.run_request(
            lambda client: V3Client(client).tools(self.app_id, asked),
            lambda page: self._ToolsRead(page, asked),
            group="tools",
            failed=lambda error: self._PartRead("tools", error),
        )

    def on_v3app_screen__part_read(self, message: _PartRead) -> None:
        value, before = message.value, self.parts.get(message.part)
        if isinstance(value, DrioError) and before is not None and not isinstance(before, DrioError):
            self.drio.show_error(value)  # what was read before stays
            return
        parts = {**self.parts, message.part: value}
        if message.part == "state" and isinstance(value, dict) and "validation" in value:
            parts.setdefault("validation", value["validation"])
        self.parts = parts

    def on_v3app_screen__tools_read(self, message: _ToolsRead) -> None:
        self.next_cursor = message.page.next_cursor
        tools = self.tools if message.asked.cursor else ()
        raws = [*(tool.raw for tool in tools), *message.page.items]
        self.parts = {**self.parts, "tools": resources_of("tool", raws, lambda _raw: "")}

    @on(TabbedContent.TabActivated)
    def _tab_shown(self) -> None:
        part = self.part
        known = "state" if part == "validation" else part
        if part not in self.parts and not self.has_request(known):
            self._read(part)
        self._focus_part()

    def _focus_part(self) -> None:
        part = self.part
        selector = {"tools": "RowList", "validation": "#validation-text"}.get(part, f"#{part}-json JsonLines")
        self.query_one(selector).focus()

    # -- display ----------------------------------------------------------------------------------

    @property
    def tools(self) -> tuple[Resource, ...]:
        """The loaded tools."""
        tools = self.parts.get("tools")
        return tools if isinstance(tools, tuple) else ()

    @property
    def chosen(self) -> Resource | None:
        """The tool under the cursor."""
        key = self.query_one(RowList).key
        return next((tool for tool in self.tools if tool.id == key), None)

    def watch_parts(self, before: Mapping[str, Any], current: Mapping[str, Any]) -> None:
        for part, value in current.items():
            if value is not before.get(part):
                self._show_part(part, value)

    def _show_part(self, part: str, value: Any) -> None:
        if part == "tools":
            self._show_tools()
        elif part == "validation":
            blocks = _error_blocks(value) if isinstance(value, DrioError) else validation_blocks(value)
            self.query_one("#validation-text", Document).show(blocks)
        elif isinstance(value, DrioError):
            self.query_one(f"#{part}-json", JsonView).show_text(_error_text(value))
            if part == "state" and "validation" not in self.parts:
                self.query_one("#validation-text", Document).show(_error_blocks(value))
        else:
            self.query_one(f"#{part}-json", JsonView).show(value)
            if part == "state" and "validation" not in self.parts:
                text = "The authoring state contains no validation. Press v to let drio check the draft."
                self.query_one("#validation-text", Document).show([Paragraph(Content(text))])

    def watch_filter_text(self) -> None:
        self._show_tools()

    def _show_tools(self) -> None:
        rows = [
            Row(tool.id, tool_cells(tool))
            for tool in self.tools
            if rank(self.filter_text, tool.name, f"{tool.text('key')} {tool.text('description')} {tool.id}") is not None
        ]
        self.query_one(RowList).show(rows)
        note = count_of(len(self.tools), "tool") + (", and more: m" if self.next_cursor else "")
        self.query_one("#note", Static).update(Content.styled(note, "$foreground-muted"))
        self._show_tool()

    def _show_tool(self) -> None:
        failure, tool = self.parts.get("tools"), self.chosen
        blocks: list[Block] = []
        if isinstance(failure, DrioError):
            blocks = _error_blocks(failure)
        elif tool is not None:
            blocks = tool_blocks(tool)
        elif failure is not None:
            blocks = [Paragraph(Content("No tool matches." if self.tools else "The app has no tools."))]
        self.query_one("#tool", Document).show(blocks)

    @on(RowList.Moved)
    def _tool_selected(self) -> None:
        self._show_tool()

    @on(RowList.Opened)
    def _tool_opened(self) -> None:
        self.query_one("#tool").focus()

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "more" and not self.next_cursor:
            return "There is no further page of tools."
        if action == "filter" and self.is_mounted and self.part != "tools":
            return "Only the tools can be filtered; in JSON, / finds text."
        return None

    def action_tab(self, step: int) -> None:
        index = (PARTS.index(self.part) + step) % len(PARTS)
        self.query_one(TabbedContent).active = PARTS[index]

    def action_refresh(self) -> None:
        part = self.part
        if part == "validation":
            self.parts = {name: value for name, value in self.parts.items() if name not in ("validation", "state")}
        self._read(part)

    def action_more(self) -> None:
        self._read_tools(PageQuery(cursor=self.next_cursor or ""))

    def action_validate(self) -> None:
        self.query_one(TabbedContent).active = "validation"
        self._read("validate")

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_text = event.value

    @on(FilterInput.Leave)
    def _filter_left(self) -> None:
        self.query_one(RowList).focus()

    def action_back(self) -> None:
        """Cancel the requests; without any, clear the filter; without a filter, go back."""
        if self.cancel_requests():
            stopped = DrioError("You stopped the reading. r reads again.", title="Not read")
            missing = [part for part in ("app", "tools", self.part) if part not in self.parts]
            self.parts = {**dict.fromkeys(missing, stopped), **self.parts}
        elif self.filter_text:
            self.query_one(FilterInput).value = ""
        else:
            self.drio.navigator.back()


def _error_text(error: DrioError) -> str:
    return "\n".join(filter(None, (error.title, error.message, error.hint)))


def _error_blocks(error: DrioError) -> list[Block]:
    return [Paragraph(sanitize(_error_text(error), "$text-error", multiline=True), Content("✗"))]
