"""The dialogs of the API explorer: what is about to be sent, a request written by hand, earlier requests."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static, TextArea

from drio_tui.api import json_codec
from drio_tui.api.redact import redacted_url
from drio_tui.explorer.calls import media_type_of, target_of
from drio_tui.explorer.history import ExplorerHistory, PastRequest
from drio_tui.schema.jsontext import pretty
from drio_tui.text import duration
from drio_tui.tool_calls.requests import JSON, PreparedRequest, content_kind, is_media_type
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.explorer.operation_blocks import METHOD_STYLES, status_content
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.forms.keeps_edit import RAW_REQUEST, KeepsEdit
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


class SendDialog(Dialog[bool]):
    """Shows a whole request that is not only reading, without secrets; the result is whether to send it."""

    CSS_PATH = stylesheet("explorer")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "send_request",
        "Sending a request",
        Key("send_request.no", "escape", "answer(False)", "No", "Send nothing"),
    )

    def __init__(self, method: str, text: str) -> None:
        super().__init__()
        self._method, self._text = method, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="explorer-box") as box:
            box.border_title = sanitize_line(f"Send this {self._method} request?", 60)
            yield JsonView(id="to-send")
            yield ButtonRow(Button("No", id="no"), Button("Send it", id="yes", variant="error"))

    def on_mount(self) -> None:
        self.query_one(JsonView).show_text(self._text)
        self.focus_default()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)


class RawRequestDialog(Dialog[PreparedRequest | None], KeepsEdit[PreparedRequest | None]):
    """Edits path, query, media type and body of a request by hand; the result is the request, None to leave.

    `edit` is a kept edit of one, to go on with.
    """

    CSS_PATH = stylesheet("explorer")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "raw_request",
        "A request written by hand",
        Key("raw_request.send", "ctrl+r,f9,ctrl+s", "send", "Send", "Send it as it is written", priority=True),
        Key("raw_request.leave", "escape", "leave", "Leave", "Send nothing"),
    )

    REASON = "the program ended before it was sent"

    def __init__(self, request: PreparedRequest, operation_id: str, edit: UnsavedEdit | None = None) -> None:
        super().__init__()
        self._request, self._operation_id = request, operation_id
        text = (request.body or b"").decode("utf-8", "replace")
        self._unedited = target_of(request), media_type_of(request), text
        self._begin_with = self._unedited
        if edit is not None:
            self.kept_edit_id = edit.id
            body, media_type = edit.local.get("body"), str(edit.local.get("mediaType") or self._unedited[1])
            self._begin_with = str(edit.local["target"]), media_type, edit.draft if body is None else pretty(body)

    def compose(self) -> ComposeResult:
        with Vertical(classes="explorer-box") as box:
            box.border_title = sanitize_line(f"{self._request.method} as it is written", 60)
            box.border_subtitle = "Ctrl+R sends it · Esc leaves"
            yield Static("Path and query", classes="-label")
            target = LineEditor(self._begin_with[0])
            target.id = "target"
            yield target
            yield Static("Content-Type of the body", classes="-label")
            media_type = LineEditor(self._begin_with[1], placeholder=JSON)
            media_type.id = "media-type"
            yield media_type
            yield Static("Body", classes="-label")
            yield TextEditor(self._begin_with[2])
            yield Static(id="message")

    def on_mount(self) -> None:
        self.query_one("#target").focus()

    def _written(self) -> tuple[str, str, str]:
        """Return the path with the query, the media type and the body as they are written."""
        target, media_type = (self.query_one(id, Input).value for id in ("#target", "#media-type"))
        return target, media_type, self.query_one(TextEditor).text

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _edited(self) -> None:
        self.schedule_keep()

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return what is written, without secrets: those in the query, and in a body that is JSON."""
        target, media_type, text = written = self._written()
        if written == self._unedited:
            return None
        body, draft = None, text
        with contextlib.suppress(json_codec.MalformedJson):
            body, draft = json_codec.loads(text), ""
        hidden = redacted_url(target) != target
        local = {"target": target.partition("?")[0] if hidden else target, "body": body, "mediaType": media_type}
        return self.new_edit(
            RAW_REQUEST, f"{self._request.method} {target}" if not hidden else str(local["target"]), why,
            resource=self._operation_id, local=local, draft=draft, lost=("the query",) if hidden else (),
        )  # fmt: skip

    def unsaved_input(self) -> str:
        return "the request that you wrote" if self.unsaved_edit(self.REASON) is not None else ""

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def action_send(self) -> None:
        """Close with the request; a body that is sent as JSON has to be JSON."""
        target, media_type, text = self._written()
        target, media_type = target.strip(), media_type.strip() or JSON
        is_multipart = media_type.lower().startswith("multipart/")
        if is_multipart:  # its lines end with CRLF (RFC 2046 section 4.1.1)
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        body = text.encode() if text.strip() else None
        problem = ""
        if not (target.startswith("/") and target.isascii() and target.isprintable() and " " not in target):
            problem = "The path has to begin with a slash and to be percent-encoded."
        elif body is not None and not is_media_type(media_type):
            problem = "The Content-Type is no media type, such as text/plain."
        elif body is not None and is_multipart and "boundary=" not in media_type.lower():
            problem = "The Content-Type has to name the boundary: …; boundary=…"
        elif body is not None and content_kind(media_type) == "json":
            try:
                json_codec.loads(text)
            except json_codec.MalformedJson as error:
                problem = f"The body is not JSON: {error}"
        if problem:
            self.query_one("#message", Static).update(sanitize_line(f"✗ {problem}", 200, "$text-error"))
            return
        origin = self._request.url.removesuffix(target_of(self._request))
        headers = {name: value for name, value in self._request.headers.items() if name.lower() != "content-type"}
        if body is not None:
            headers["Content-Type"] = media_type
        self.dismiss(replace(self._request, url=origin + target, headers=headers, body=body))


HistoryChoice = tuple[Literal["edit", "run"], PastRequest]


class RequestHistoryDialog(Dialog[HistoryChoice | None]):
    """Lists the requests of this session, newest first; the result is one to edit or to send again, None if closed."""

    CSS_PATH = stylesheet("explorer")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "request_history",
        "Requests of the explorer",
        Key("request_history.again", "r", "again", "Send again", "Send it again with the same values"),
        Key("request_history.close", "escape,q", "close", "Close", "Back to the explorer"),
    )

    def __init__(self, history: ExplorerHistory) -> None:
        super().__init__()
        self._requests = {str(number): request for number, request in enumerate(history)}

    def compose(self) -> ComposeResult:
        with Vertical(classes="explorer-box") as box:
            box.border_title = "Requests of this session"
            box.border_subtitle = "Enter edits one · r sends it again · Esc closes"
            yield RowList(
                Column("When", 8, min_width=8, rank=1), Column("Method", 7), Column("Path", min_width=20, cut="middle"),
                Column("Response", 24, min_width=8), Column("Time", 8, "right", rank=2),
            )  # fmt: skip
            if not self._requests:
                yield Static("Nothing was sent yet.", id="message")

    def on_mount(self) -> None:
        rows = [
            Row(
                key,
                (
                    Content(time.strftime("%H:%M:%S", time.localtime(request.at))),
                    Content.styled(request.method[:20], METHOD_STYLES.get(request.method, "")),
                    sanitize_line(request.target, 400),
                    status_content(request.status) if request.status is not None
                    else sanitize_line(f"✗ {request.error}", 100, "$text-error"),
                    Content(duration(request.seconds, short=True) if request.status is not None else ""),
                ),
            )
            for key, request in self._requests.items()
        ]  # fmt: skip
        self.query_one(RowList).show(rows)
        self.query_one(RowList).focus()

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        self.dismiss(("edit", self._requests[event.key]))

    def action_again(self) -> None:
        request = self._requests.get(self.query_one(RowList).key or "")
        if request is not None:
            self.dismiss(("run", request))

    def action_close(self) -> None:
        self.dismiss(None)
