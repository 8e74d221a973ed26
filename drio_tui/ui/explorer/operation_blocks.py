"""How operations, requests and responses are shown as text, and what the screens of the explorer share."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.content import Content

from drio_tui.api.redact import redact_headers
from drio_tui.explorer.calls import OperationResponse
from drio_tui.explorer.history import ExplorerHistory
from drio_tui.explorer.server_api import Operation, Parameter
from drio_tui.text import duration
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

METHOD_STYLES = {
    "GET": "$text-secondary", "POST": "$text-success", "PATCH": "$text-warning", "PUT": "$text-warning",
    "DELETE": "$text-error",
}  # fmt: skip
_PLACES = (("path", "Path"), ("query", "Query"), ("header", "Headers"), ("body", "Body"))
_MOST_PARAMETERS = 200
_histories: WeakKeyDictionary[DrioClient, ExplorerHistory] = WeakKeyDictionary()


def history_of(client: DrioClient) -> ExplorerHistory:
    """Return the requests of this session to a server, and what was typed; kept in memory only."""
    history = _histories.get(client)
    if history is None:
        history = _histories[client] = ExplorerHistory()
    return history


def groups_of(operation: Operation) -> dict[str, list[str]]:
    """Return the tabs of the form: the arguments by the place they are sent to."""
    groups: dict[str, list[str]] = {}
    titles = dict(_PLACES)
    for parameter in operation.parameters:
        groups.setdefault(titles[parameter.place.where], []).append(parameter.argument)
    return groups


def operation_blocks(operation: Operation) -> Iterator[Block]:
    """Yield the description of an operation: what it does, its parameters and responses."""
    summary = operation.summary
    yield Heading(
        Content.assemble(
            (operation.method[:20], f"bold {METHOD_STYLES.get(operation.method, '')}"),
            " ",
            sanitize_line(operation.path, 500, "bold"),
        )
    )
    facts = [summary.operation_id, ", ".join(summary.tags)]
    if any(facts):
        yield Paragraph(sanitize_line(" · ".join(fact for fact in facts if fact), 300, "$foreground-muted"))
    if summary.deprecated:
        yield Paragraph(Content.styled("Deprecated.", "$text-warning"), Content.styled("▲", "$text-warning"))
    if operation.obstacle:
        yield Paragraph(sanitize_line(operation.obstacle, 500, "$text-error"), Content.styled("✗", "$text-error"))
    yield Gap()
    yield Paragraph(sanitize(operation.description, multiline=True))
    parameters = operation.described_parameters
    for where, title in _PLACES:
        listed = [parameter for parameter in parameters if parameter.place.where == where]
        if listed:
            note = sanitize_line(operation.media_type, 60, "$foreground-muted") if where == "body" else Content()
            yield Heading(Content.styled(title, "bold"), note)
            yield from map(_parameter_field, listed[:_MOST_PARAMETERS])
    if operation.responses:
        yield Heading(Content.styled("Responses", "bold"))
        for response in operation.responses:
            text = " ".join(part for part in (response.description, f"({', '.join(response.media_types)})") if part)
            yield Field(sanitize_line(response.status, 10), sanitize_line(text.removesuffix(" ()"), 400))
    for note_text in operation.detail.notes:
        yield Gap()
        yield Paragraph(sanitize_line(note_text, 400), Content.styled("▲", "$text-warning"))


def _parameter_field(parameter: Parameter) -> Field:
    mark = Content.styled("*", "$text-error") if parameter.required else Content()
    label = Content.assemble(sanitize_line(parameter.name, 60, "$text-secondary"), mark)
    text = Content.assemble(sanitize_line(parameter.type, 120, "$foreground-muted"), "  ",
                            sanitize_line(parameter.description, 400))  # fmt: skip
    return Field(label, text)


def status_content(status: int) -> Content:
    """Return an HTTP status with its phrase and a mark."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    symbol, style = (
        ("✓", "$text-success") if 200 <= status < 300 else ("✗", "$text-error") if status >= 400
        else ("→", "$text-warning")
    )  # fmt: skip
    return Content.styled(f"{symbol} {status} {phrase}".rstrip(), style)


def response_summary(response: OperationResponse, *, more: bool) -> Content:
    """Return the status of a response, and its duration, size and the headers that matter."""
    facts = [duration(response.seconds, short=True), kilobytes(response.size)]
    facts += [
        f"{name}: {value}" for name, value in response.shown_headers
        if name != "x-request-id" and not (name == "content-type" and value.startswith("application/json"))
    ]  # fmt: skip
    parts = [status_content(response.status), Content("  "), sanitize_line(" · ".join(facts), 300, "$foreground-muted")]
    if response.unknown:
        parts.append(Content.styled("  ▲ It may have taken effect.", "$text-warning"))
    if more:
        parts.append(Content.styled("  F7: next page", "$text-accent"))
    return Content.assemble(*parts)


def header_blocks(response: OperationResponse) -> Iterator[Block]:
    """Yield the headers of a response, without secrets."""
    yield Entry(Content(), status_content(response.status))
    for name, value in redact_headers(response.headers):
        yield Field(sanitize_line(name, 60, "$text-secondary"), sanitize_line(value, 2_000))
