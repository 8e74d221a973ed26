"""The requests of this session from the explorer: what was asked of which operation, and how it was answered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.redact import redacted_url
from drio_tui.explorer.calls import OperationResponse, target_of, without_secrets
from drio_tui.explorer.server_api import Operation
from drio_tui.tool_calls.requests import PreparedRequest
from drio_tui.workspace.saving.unsaved_edits import TypedInput

_MOST = 200


@dataclass(frozen=True, slots=True)
class PastRequest:
    """One request, without its secrets. `status` is None if there was no response, for the reason `error`.

    `values` are those of the form; None if the request was written by hand, or is that of a further page.
    `left_out` are the arguments whose values are secret. `at` is in seconds since the epoch.
    """

    operation: Operation
    method: str
    target: str
    values: dict[str, Any] | None = field(repr=False)
    left_out: tuple[str, ...]
    status: int | None
    seconds: float
    error: str
    at: float


class ExplorerHistory:
    """The last requests; iterating gives the newest first. They are kept in memory only.

    `typed` is what was typed for operations and not sent or cleared, by the id of the operation.
    """

    def __init__(self) -> None:
        self._requests: deque[PastRequest] = deque(maxlen=_MOST)
        self.typed: dict[str, TypedInput] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[PastRequest]:
        return iter(self._requests)

    def add(
        self,
        operation: Operation,
        request: PreparedRequest,
        values: dict[str, Any] | None,
        response: OperationResponse | None,
        error: str = "",
    ) -> None:
        """Add a request that was sent, with its response or the reason why there is none."""
        kept = None if values is None else without_secrets(operation, values)
        self._requests.appendleft(
            PastRequest(
                operation,
                request.method,
                redacted_url(target_of(request)),
                kept,
                tuple(name for name in values or {} if kept is not None and kept.get(name) != (values or {})[name]),
                response.status if response is not None else None,
                response.seconds if response is not None else 0.0,
                error,
                time.time(),
            )
        )
