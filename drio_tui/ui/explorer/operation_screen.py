"""One operation of the API explorer: a form for its request, and the response."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import ContentSwitcher, Static

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.api.redact import redact
from drio_tui.explorer import calls
from drio_tui.explorer.calls import OperationResponse
from drio_tui.explorer.commands import as_curl, as_drio_tui
from drio_tui.explorer.history import PastRequest
from drio_tui.explorer.paging import next_request
from drio_tui.explorer.server_api import Operation, origin_of
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.tool_calls.redaction import secret_names
from drio_tui.tool_calls.requests import JSON, SAFE, PreparedRequest, is_media_type
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.explorer.explorer_dialogs import HistoryChoice, RawRequestDialog, RequestHistoryDialog, SendDialog
from drio_tui.ui.explorer.operation_blocks import (
    METHOD_STYLES,
    groups_of,
    header_blocks,
    history_of,
    operation_blocks,
    response_summary,
)
from drio_tui.ui.forms.form_and_results import FormAndResultsScreen
from drio_tui.ui.forms.keeps_edit import (
    RAW_REQUEST,
    REQUEST,
    KeepsEdit,
    assign_edit,
    is_edited,
    typed_input_of,
    without_arguments,
)
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.saving.unsaved_edits import TypedInput, UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_TITLES = ("Response", "Headers", "Request", "Details")
_NOT_SENT = "Nothing was sent yet: Ctrl+R sends it."


class OperationScreen(FormAndResultsScreen, KeepsEdit[None]):
    """Sends requests of one operation. `past` is an earlier request to begin with; with `send` it is sent at once.

    `edit` is what was typed for it and is kept, to go on with.
    """

    WAITS = True
    AREA = "explorer"
    FORM_ID = "values"
    PAGES = ("response", "headers", "request", "details")
    CSS_PATH = stylesheet("explorer")
    opens_fields = True
    REASON = "the program ended before it was sent"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "explorer_operation",
        "An operation of the API",
        Key("explorer_operation.send", "ctrl+r,f9,ctrl+s", "send", "Send", "Send the request; one that may change "
            "something is shown first", priority=True),
        Key("explorer_operation.page", "f5", "page(1)", "Page →", "Values, response, headers, request, details",
            priority=True),
        Key("explorer_operation.page_back", "shift+f5,f11", "page(-1)", "Page ←", "The previous page", show=False,
            priority=True),
        Key("explorer_operation.raw", "f6", "raw", "By hand", "Edit path and body as text, whatever the document says",
            priority=True),
        Key("explorer_operation.next_page", "f7", "next_page", "Next page", "Request the next page of the response",
            priority=True),
        Key("explorer_operation.history", "f12,H", "history", "History", "The requests of this session", show=False),
        Key("explorer_operation.curl", "Y", "curl", "Copy as curl", "Copy the request as a curl command", show=False),
        Key("explorer_operation.command", "C", "command", "Copy as drio-tui", "Copy the request as a drio-tui command",
            show=False),
    )  # fmt: skip

    response: var[OperationResponse | None] = var(None, init=False)
    """The response that the pages show."""

    class Done(Message):
        """A request ended: with a response, whose data have no secrets, or for the reason `error`.

        Neither is set if the user did not agree to send it. `following` is the request of the next page.
        """

        def __init__(
            self,
            request: PreparedRequest,
            values: dict[str, Any] | None,
            response: OperationResponse | None = None,
            following: PreparedRequest | None = None,
            error: DrioError | None = None,
        ) -> None:
            super().__init__()
            self.request = request
            self.values = values
            self.response = response
            self.following = following
            self.error = error

    def __init__(
        self, operation: Operation, past: PastRequest | None = None, *, send: bool = False,
        edit: UnsavedEdit | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._edit = edit
        self._by_hand: PreparedRequest | None = None  # until there is a response to it
        self._answered: dict[str, Any] | None = None
        self.operation = operation
        self._past = past
        self._send_at_once = send
        self.form: SchemaForm | None = None
        self._sent: PreparedRequest | None = None
        self._following: PreparedRequest | None = None

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        yield Static(id="status")
        with Horizontal(id="operation"):
            with Vertical(id="values"):
                typed = self._typed_before()
                self.form = SchemaForm(
                    self._model(typed), groups=groups_of(self.operation), draft=typed.draft if typed else ""
                )
                yield self.form
            with Vertical(id="results"):
                yield TabStrip(_TITLES)
                with ContentSwitcher(initial="details", id="pages"):
                    yield JsonView(id="response")
                    yield Document(id="headers")
                    yield JsonView(id="request")
                    yield Document(id="details")

    def _typed_before(self) -> TypedInput | None:
        """Return what was typed for the operation before, and go on with its file; None if there is nothing."""
        client = self.connection.client
        typed = history_of(client).typed.pop(self.operation.id, None) if client is not None else None
        if self._edit is not None and self._edit.kind == REQUEST:
            typed = typed_input_of(self._edit)
        if self._past is not None or typed is None:
            return None
        self.kept_edit_id = typed.edit_id
        return typed

    def _model(self, typed: TypedInput | None) -> FormModel:
        schema = self.operation.schema
        model = FormModel(SchemaReader(schema).field(schema))
        if self._past is not None and self._past.values:
            model.assign(self._past.values)
        elif typed is not None:
            assign_edit(model, typed, {**model.value(), **typed.values})
        return model

    def on_mount(self) -> None:
        super().on_mount()
        operation = self.operation
        self.query_one("#heading", Static).update(
            Content.assemble(
                (operation.method[:20], f"bold {METHOD_STYLES.get(operation.method, '')}"), " ",
                sanitize_line(operation.path, 300, "bold"), "  ",
                sanitize_line(operation.summary.summary, 100, "$foreground-muted"),
            )
        )  # fmt: skip
        self.query_one("#details", Document).show(list(operation_blocks(operation)))
        self.query_one("#results TabStrip", TabStrip).chosen = self.PAGES.index("details")
        self.query_one("#response", JsonView).show_text(_NOT_SENT)
        self.query_one("#request", JsonView).show_text(_NOT_SENT)
        self.query_one("#headers", Document).show([Paragraph(Content.styled(_NOT_SENT, "$foreground-muted"))])
        self.show_status(self.idle_status())
        if self.form is not None:
            self.call_after_refresh(self.form.focus_first)
        if self._edit is not None and self._edit.kind == RAW_REQUEST:
            self.call_after_refresh(self._go_on_by_hand, self._edit)
        if self._send_at_once:
            self.call_after_refresh(self._send_past)

    def on_unmount(self) -> None:
        form, client = self.form, self.connection.client
        if form is not None and client is not None and is_edited(form):
            history_of(client).typed[self.operation.id] = self.typed_input(form)

    @on(SchemaForm.Changed)
    def _values_edited(self) -> None:
        self._by_hand = None
        self.schedule_keep()

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return what is typed, without secrets; None if drio has answered its request, which the history has then."""
        form, operation = self.form, self.operation
        if form is None or not is_edited(form) or (not form.typed_json and form.model.value() == self._answered):
            return None
        edit = self.edit_of_form(form, REQUEST, f"{operation.method} {operation.path}", why, resource=operation.id)
        return without_arguments(edit, secret_names(operation.schema))

    def unsaved_input(self) -> str:
        return "the request that you wrote by hand" if self._by_hand is not None else ""

    def edit_when_left(self) -> UnsavedEdit | None:
        return self.unsaved_edit(self.REASON)

    def _send_past(self) -> None:
        past = self._past
        if past is None:
            return
        if past.left_out or past.values is None:
            what = f"Not kept: {', '.join(past.left_out)}. Type it." if past.left_out else "Fill it in again."
            self.show_status(sanitize_line(f"▲ {what}", 200, "$text-warning"))
        else:
            self.action_send()

    # -- status and pages -------------------------------------------------------------------------

    def idle_status(self) -> Content:
        """Return what the response is, or how to send the request."""
        if self.response is not None:
            return response_summary(self.response, more=self._following is not None)
        if self.operation.obstacle:
            return sanitize_line(f"✗ {self.operation.obstacle} F6 writes it by hand.", 400, "$text-error")
        changes = "" if self.operation.method in SAFE else " It is shown before it is sent."
        return Content.styled(f"Ctrl+R sends the request.{changes}", "$foreground-muted")

    def watch_response(self, response: OperationResponse | None) -> None:
        self.show_status(self.idle_status())
        if response is None:
            return
        view = self.query_one("#response", JsonView)
        if response.data is not None:
            view.show(response.data)
        else:
            view.show_text(response.text or "The response has no body.")
        self.query_one("#headers", Document).show(list(header_blocks(response)))

    # -- available actions ------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        is_hidden = self.drio.options.read_only and self.operation.method not in SAFE
        if action in ("send", "raw") and is_hidden:
            return False
        return super().check_action(action, parameters)

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        match action:
            case "send" if self.operation.obstacle:
                return f"{self.operation.obstacle} F6 writes the request by hand."
            case "next_page" if self._following is None:
                return "There is no next page: the response names none."
        return None

    # -- sending ----------------------------------------------------------------------------------

    @on(SchemaForm.Submitted)
    def _submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.action_send()

    def action_send(self) -> None:
        """Send the request of the values in the form, if they are valid."""
        form = self.form
        if form is None or self.busy:
            return
        if not form.validate():
            self.remove_class("-results")
            self.show_status(
                Content.styled("✗ Some values are not right yet. F6 sends what the form does not allow.", "$text-error")
            )
            return
        values = dict(form.model.value())
        try:
            request = self._prepare(values)
        except UsageError as error:
            self.show_status(sanitize_line(f"✗ {error.message}", 400, "$text-error"))
            return
        self._send(request, values)

    def _prepare(self, values: dict[str, Any]) -> PreparedRequest:
        client = self.connection.client
        if client is None:
            raise UsageError("there is no connection")
        return calls.prepare(self.operation, origin_of(client.transport.base_url), values)

    def _send(self, request: PreparedRequest, values: dict[str, Any] | None) -> None:
        if self.busy or (self.drio.options.read_only and not calls.is_safe(request)):
            return
        self.busy, self.may_have_effect = True, False
        self.show_status(Content.styled("◌ sending… Esc stops it", "$text-warning"))

        async def call(client: DrioClient) -> OperationScreen.Done:
            if not calls.is_safe(request):
                text = calls.request_text(request)
                if not await self.drio.push_screen_wait(SendDialog(request.method, text)):
                    return self.Done(request, values)
            self.may_have_effect = not calls.is_safe(request)
            response = await calls.send(client.transport, request)
            following, error = None, None
            try:
                following = next_request(request, response.headers, response.data)
            except UsageError as refused:
                error = refused
            shown = await asyncio.to_thread(redact, response.data if response.data is not None else response.text)
            response = replace(response, text=shown) if response.data is None else replace(response, data=shown)
            return self.Done(request, values, response, following, error)

        def failed(error: DrioError) -> Message:
            return self.Done(request, values, error=error)

        self.run_request(call, lambda done: done, group="send", failed=failed, once=True)

    def on_operation_screen_done(self, message: Done) -> None:
        self.busy = False
        client, error = self.connection.client, message.error
        if message.response is None and error is None:
            self.show_status(Content.styled("Not sent.", "$text-warning"))
            return
        self._sent, self._following = message.request, message.following
        if client is not None:
            history_of(client).add(
                self.operation, message.request, message.values, message.response, error.title if error else ""
            )
        self.query_one("#request", JsonView).show_text(calls.request_text(message.request))
        self.set_reactive(OperationScreen.response, None)
        self.response = message.response
        if message.response is not None and message.request is self._by_hand:
            self._by_hand = None
        if message.response is not None and message.values is not None:
            self._answered = message.values
            self.schedule_keep()
        if error is not None:
            hint = f" {error.hint}" if error.hint else ""
            self.show_status(sanitize(f"✗ {error}{hint}", "$text-error"))
        self.show_page("response" if message.response is not None else "request")

    def action_next_page(self) -> None:
        if self._following is not None:
            self._send(self._following, None)

    def action_raw(self) -> None:
        """Edit path, query and body by hand, beginning with the request of the form as far as it can be made."""
        request = self._by_hand or self._current_request() or self._template_request()
        if request is not None and not self.busy:
            self.drio.push_screen(RawRequestDialog(request, self.operation.id), self._raw_written)

    def _go_on_by_hand(self, edit: UnsavedEdit) -> None:
        request = self._template_request()
        if request is not None:
            self.drio.push_screen(RawRequestDialog(request, self.operation.id, edit), self._raw_written)

    def _raw_written(self, request: PreparedRequest | None) -> None:
        if request is not None:
            self._by_hand = request
            self._send(request, None)

    def _current_request(self) -> PreparedRequest | None:
        """Return the request of the form as it is, without validating; else None."""
        try:
            return self._prepare(dict(self.form.model.value())) if self.form is not None else None
        except UsageError:
            return None

    def _template_request(self) -> PreparedRequest | None:
        """Return a request with the path of the operation, whose parameters are to be filled in."""
        client = self.connection.client
        if client is None:
            return None
        origin = origin_of(client.transport.base_url)
        headers = {"Accept": "application/json"}
        if types := [kind for kind in self.operation.detail.body_types if is_media_type(kind)]:
            headers["Content-Type"] = JSON if JSON in types else types[0]
        return PreparedRequest(self.operation.method, origin + self.operation.path, headers)

    # -- copying and history ----------------------------------------------------------------------

    def action_curl(self) -> None:
        if (request := self._request_to_copy()) is not None:
            self.drio.copy(as_curl(request), "the curl command")

    def action_command(self) -> None:
        if (request := self._request_to_copy()) is not None:
            self.drio.copy(as_drio_tui(request, self.connection.command_options), "the drio-tui command")

    def _request_to_copy(self) -> PreparedRequest | None:
        """Return the request of the form, or else the last one that was sent; notify if there is none."""
        request = self._current_request() or self._sent
        if request is None:
            self.notify("The request is not complete yet.", severity="warning", markup=False)
        return request

    def action_history(self) -> None:
        open_history(self)


def open_history(screen: DrioScreen[None]) -> None:
    """Show the requests of this session over a screen; one that is chosen opens its operation."""

    def open_chosen(choice: HistoryChoice | None) -> None:
        if choice is not None:
            action, request = choice
            screen.drio.push_screen(OperationScreen(request.operation, request, send=action == "run"))

    client = screen.connection.client
    if client is not None:
        screen.drio.push_screen(RequestHistoryDialog(history_of(client)), open_chosen)
