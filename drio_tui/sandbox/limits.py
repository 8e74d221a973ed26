"""The middleware below `GuardMiddleware`: it limits the size of request bodies and handles unexpected exceptions."""

from __future__ import annotations

import logging

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.problems import CODES, Problem, envelope

log = logging.getLogger("drio_tui.sandbox")


class LimitsMiddleware:
    """Responds with 413 to a body of more than `max_body` bytes, with 500 to an unexpected exception."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body:
                raise Problem(413, self._limit)  # inside the app, whose exception handler turns it into a response
            return message

        async def send_and_track(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def send_error(status: int, text: str) -> None:
            body = envelope(request_id(scope), CODES[status], text)
            await Response(body, status, media_type="application/json")(scope, receive, send)

        if self._content_length(scope) > self.max_body:
            await send_error(413, self._limit)
            return
        try:
            await self.app(scope, receive_limited, send_and_track)
        except Exception:  # the last resort: the client gets a response, the log has the traceback
            log.exception("request %s failed: %s %s", request_id(scope), scope["method"], scope["path"])
            if started:
                raise
            await send_error(500, "The sandbox failed; its log says more.")

    @property
    def _limit(self) -> str:
        return f"A body may have {self.max_body} bytes at most."

    @staticmethod
    def _content_length(scope: Scope) -> int:
        """Return the value of Content-Length, 0 if there is none or it is not a number."""
        for name, value in scope["headers"]:
            if name == b"content-length":
                text = value.decode("ascii", "replace")
                return int(text) if text.isdigit() and len(text) < 20 else 0
        return 0
