"""The outermost layer but for the guard: how large a request may be, and what happens when we fail."""

from __future__ import annotations

import logging

from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.problems import CODES, Problem, envelope

log = logging.getLogger("drio_tui.sandbox")


class Limits:
    """Answers 413 to a body of more than `max_body` bytes, and 500 in the envelope to what nobody foresaw."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        taken = 0

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.max_body:
                raise Problem(413, self._limit)  # inside the app, whose own handler answers it
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def fail(status: int, text: str) -> None:
            body = envelope(request_id(scope), CODES[status], text)
            await Response(body, status, media_type="application/json")(scope, receive, send)

        if self._announced(scope) > self.max_body:
            await fail(413, self._limit)
            return
        try:
            await self.app(scope, receive_limited, send_noted)
        except Exception:  # the last resort: whatever it is, the caller gets an answer and the log the rest
            log.exception("request %s failed: %s %s", request_id(scope), scope["method"], scope["path"])
            if started:
                raise
            await fail(500, "The sandbox failed; its log says more.")

    @property
    def _limit(self) -> str:
        return f"A body may have {self.max_body} bytes at most."

    @staticmethod
    def _announced(scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length":
                text = value.decode("ascii", "replace")
                return int(text) if text.isdigit() and len(text) < 20 else 0
        return 0
