"""The API explorer: every operation of the connected server's own OpenAPI document, with a filter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from drio_tui.api.errors import DrioError
from drio_tui.explorer.known import remember
from drio_tui.explorer.server_api import Operation, ServerApi, open_server_api
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.explorer.operation_blocks import METHOD_STYLES, operation_blocks
from drio_tui.ui.explorer.operation_screen import OperationScreen, open_history
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Block, Document, Heading, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from textual.worker import Worker

    from drio_tui.api.client import DrioClient
    from drio_tui.openapi_import.model import OperationSummary
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

_PAUSE_SECONDS = 1 / 60
"""How long the cursor stays on an operation before it is described."""

_BATCH = 50
"""Operations after which those that cannot be sent are marked."""


class ExplorerScreen(DrioScreen[None]):
    """The operations of the server, and the description of the selected one; Enter opens its form.

    `edit` is a kept edit of a request, whose form is opened once the operations are read.
    """

    AREA = "explorer"
    CSS_PATH = stylesheet("explorer")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "explorer",
        "API explorer",
        Key("explorer.filter", "slash", "filter", "Filter", "Show only the operations that match"),
        Key("explorer.history", "H,f12", "history", "History", "The requests of this session: edit one, or send it "
            "again"),
        Key("explorer.refresh", "r", "refresh", "Refresh", "Read the server's OpenAPI document again"),
    )  # fmt: skip

    server_api: var[ServerApi | None] = var(None, init=False)
    """The operations; None until they are loaded."""

    filter_text: var[str] = var("", init=False)
    """The text of the filter field."""

    failure: var[DrioError | None] = var(None, init=False)
    """Why there are no operations."""

    class Opened(Message):
        """The document was read."""

        def __init__(self, server_api: ServerApi) -> None:
            super().__init__()
            self.server_api = server_api

    class LoadFailed(Message):
        """The document cannot be read."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class Completed(Message):
        """Further operations are known completely; those with the ids `unusable` cannot be sent."""

        def __init__(self, server_api: ServerApi, unusable: list[str]) -> None:
            super().__init__()
            self.server_api = server_api
            self.unusable = unusable

    class Described(Message):
        """An operation was described, to be shown or, with `opened`, to be filled in; `error` says why it was not."""

        def __init__(self, id: str, operation: Operation | None, error: str = "", *, opened: bool = False) -> None:
            super().__init__()
            self.id = id
            self.operation = operation
            self.error = error
            self.opened = opened

    def __init__(self, edit: UnsavedEdit | None = None) -> None:
        super().__init__()
        self._edit = edit
        self._rows: dict[str, Row] = {}
        self._completion: Worker[Any] | None = None
        self._loaded: ServerApi | None = None
        self._unmounted = False

    def compose_body(self) -> ComposeResult:
        yield EmptyState("Reading the server's OpenAPI document…")
        with Horizontal(id="explorer"):
            with Vertical(id="operations"):
                yield FilterInput(placeholder="Filter: method, path, summary, tag", id="filter")
                yield RowList(
                    Column("Method", 7), Column("Path", min_width=20, cut="middle", goes_first=True),
                    Column("Summary", min_width=12, rank=1, follows=True),
                )  # fmt: skip
                yield Static(id="note")
            yield Document(id="details")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#explorer").display = False
        self.action_refresh()

    async def on_unmount(self) -> None:
        self._unmounted = True
        for server_api in {self.server_api, self._loaded}:
            await self._close(server_api)

    async def _close(self, server_api: ServerApi | None) -> None:
        """End the process that has the document."""
        if self._completion is not None:
            self._completion.cancel()
        if server_api is not None:
            await server_api.close()

    # -- loading ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        async def read(client: DrioClient) -> ServerApi:
            server_api = await open_server_api(client.transport)
            if self._unmounted:  # Textual cancels a screen's workers after its `on_unmount`
                await server_api.close()
            else:
                self._loaded = server_api
                await asyncio.to_thread(remember, client.transport.base_url, server_api)
            return server_api

        self.run_request(read, self.Opened, group="read", failed=self.LoadFailed)

    async def on_explorer_screen_opened(self, message: Opened) -> None:
        await self._close(self.server_api)
        self._loaded = None
        self._rows.clear()
        self.failure = None
        self.server_api = message.server_api
        if self._edit is not None:
            self._describe(self._edit.resource, opened=True)
        # Not a request of this screen, which Esc would stop.
        self._completion = start_worker(self.app, self._complete, message.server_api, group="complete-operations")

    def on_explorer_screen_load_failed(self, message: LoadFailed) -> None:
        if self.server_api is not None:
            self.drio.show_error(message.error)
        self.failure = message.error

    async def _complete(self, server_api: ServerApi) -> None:
        """Read what of the operations an outline does not say: which cannot be sent."""
        ids = [operation.id for operation in server_api.operations]
        try:
            for start in range(0, len(ids), _BATCH):
                complete = await server_api.complete(ids[start : start + _BATCH])
                if unusable := [operation.id for operation in complete if operation.obstacle]:
                    self.post_message(self.Completed(server_api, unusable))
        except DrioError:  # it was closed, or is too much for its process: each operation says so when it is opened
            return

    def on_explorer_screen_completed(self, message: Completed) -> None:
        if message.server_api is self.server_api:
            for id in message.unusable:
                self._rows.pop(id, None)
            self._show_rows()

    # -- the list ---------------------------------------------------------------------------------

    def watch_server_api(self) -> None:
        self._show_rows()

    def watch_filter_text(self) -> None:
        self._show_rows()

    def watch_failure(self) -> None:
        self._show_rows()

    def _show_rows(self) -> None:
        server_api, rows = self.server_api, self.query_one(RowList)
        empty = self.query_one(EmptyState)
        empty.display = server_api is None
        self.query_one("#explorer").display = server_api is not None
        if server_api is None:
            if self.failure is not None:
                empty.show_error(self.failure, ("r", "try again"), ("3", "see the requests"))
            return
        found = server_api.matching(self.filter_text, read_only=self.drio.options.read_only)
        rows.show([self._row(server_api, operation) for operation in found])
        self.query_one("#note", Static).update(self._note(server_api, len(found)), layout=False)
        if self.focused is None and self.is_current:
            rows.focus()
        if not found:
            text = f"No operation matches “{self.filter_text}”." if self.filter_text else "There is no operation."
            self._show_details([Paragraph(sanitize_line(text, 200, "$foreground-muted"))])

    def _row(self, server_api: ServerApi, operation: OperationSummary) -> Row:
        row = self._rows.get(operation.id)
        if row is None:
            if operation.obstacle:
                text = sanitize_line(f"✗ {operation.obstacle}", 200, "$text-error")
            elif operation.deprecated:
                summary = sanitize_line(operation.summary, 200, "$foreground-muted")
                text = Content.assemble(("deprecated ", "$text-warning"), summary)
            else:
                text = sanitize_line(operation.summary, 200, "$foreground-muted")
            method = sanitize_line(operation.method, 20, METHOD_STYLES.get(operation.method, ""))
            path = sanitize_line(server_api.path_of(operation), 400)
            row = self._rows[operation.id] = Row(operation.id, (method, path, text))
        return row

    def _note(self, server_api: ServerApi, count: int) -> Content:
        total = len(server_api.operations)
        number = count_of(total, "operation") if count == total else f"{count:,} of {total:,} operations"
        parts = [sanitize_line(f"{number} · {server_api.title} {server_api.version}".rstrip(), 100)]
        if server_api.other_host:
            parts.append(sanitize_line(f" · the document names {server_api.other_host}", 100))
        if problems := server_api.problems:
            text = f"  ▲ {count_of(len(problems), 'problem')} in the document: {problems[0]}"
            parts.append(sanitize_line(text, 300, "$text-warning"))
        return Content.assemble(*parts)

    # -- the selected operation -------------------------------------------------------------------

    @on(RowList.Moved)
    def _row_selected(self, event: RowList.Moved) -> None:
        if event.key is None or self.server_api is None:
            return
        operation = self.server_api.known_operation(event.key)
        if operation is not None:
            self._show_details(list(operation_blocks(operation)))
        else:
            row = self._rows[event.key]
            self._show_details([Heading(Content(" ").join(row.cells[:2])), Paragraph(row.cells[2])])
            self._describe(event.key)

    @on(RowList.Opened)
    def _row_opened(self, event: RowList.Opened) -> None:
        self._describe(event.key, opened=True)

    def _describe(self, id: str, *, opened: bool = False) -> None:
        server_api = self.server_api
        if server_api is None:
            return

        async def describe(_client: DrioClient) -> ExplorerScreen.Described:
            if not opened:
                await asyncio.sleep(_PAUSE_SECONDS)
            return self.Described(id, await server_api.operation(id), opened=opened)

        def failed(error: DrioError) -> Message:
            return self.Described(id, None, error.message, opened=opened)

        self.run_request(describe, lambda message: message, group="open" if opened else "describe", failed=failed)

    def on_explorer_screen_described(self, message: Described) -> None:
        edit = self._edit if self._edit is not None and self._edit.resource == message.id else None
        if message.opened:
            self._edit = None
        if message.opened and message.operation is not None:
            self.app.push_screen(OperationScreen(message.operation, edit=edit))
        elif edit is not None:
            self.notify(sanitize_line(message.error, 300).plain, severity="warning", markup=False)
        elif message.id == self.query_one(RowList).key:
            blocks: list[Block] = (
                list(operation_blocks(message.operation)) if message.operation is not None
                else [Paragraph(sanitize_line(message.error, 400, "$text-error"), Content.styled("✗", "$text-error"))]
            )  # fmt: skip
            self._show_details(blocks)

    def _show_details(self, blocks: list[Block]) -> None:
        self.query_one("#details", Document).show(blocks)

    # -- actions ----------------------------------------------------------------------------------

    @on(FilterInput.Changed, "#filter")
    def _filter_changed(self, event: FilterInput.Changed) -> None:
        self.filter_text = event.value

    @on(FilterInput.Leave)
    def _filter_left(self, event: FilterInput.Leave) -> None:
        event.stop()
        self.query_one(RowList).focus()

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action in ("filter", "history") and self.server_api is None:
            return "The server's OpenAPI document is not read yet."
        return None

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    def action_back(self) -> None:
        """Cancel the requests; without any, clear the filter."""
        if self.cancel_requests():
            if self.server_api is None:
                self.failure = DrioError("You stopped the reading.", title="Not read")
        elif self.filter_text:
            self.query_one(FilterInput).value = ""
        else:
            super().action_back()

    def action_history(self) -> None:
        open_history(self)
