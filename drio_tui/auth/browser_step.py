"""The part of a sign-in that happens in the browser: opening the URL, and waiting for the callback or a paste."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from drio_tui.auth import browser
from drio_tui.auth.authorization import AuthorizationCode, AuthorizationRequest, FailedCallback
from drio_tui.auth.errors import CallbackTimeout, PasteRefused, Step
from drio_tui.auth.events import Event, Notice, PasteOffered, StepDone, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.loopback import Listener
from drio_tui.text import duration

TIMEOUT_SECONDS = 300.0
SILENCE_SECONDS = 20.0


class BrowserStep:
    """Opens authorization URLs and waits for their callbacks, one after the other.

    `timeout` is how long to wait for a callback, in seconds. `can_register_again`: whether a callback that does not
    come may be the fault of a registration that the server forgot.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None],
        *,
        open_browser: bool = True,
        timeout: float = TIMEOUT_SECONDS,
        desktop: browser.DesktopEnvironment | None = None,
        can_register_again: bool = True,
    ) -> None:
        self._emit = on_event
        self._open_browser = open_browser
        self._timeout = timeout
        self._desktop = desktop
        self._can_register_again = can_register_again
        self._request: AuthorizationRequest | None = None
        self._callback: asyncio.Future[AuthorizationCode | FailedCallback] | None = None

    def paste(self, text: str) -> None:
        """Use a pasted redirect URL, or a bare code, as the callback. Raises `PasteRefused`; the wait then goes on."""
        if self._request is None or self._callback is None:
            raise PasteRefused("Sign-in has not come to the browser yet.", hint="Wait for the address to appear.")
        if self._callback.done():
            raise PasteRefused("The response is here already.", hint="")
        result = self._request.parse_pasted(text)
        self._callback.set_result(result)

    async def wait_for_code(self, listener: Listener, request: AuthorizationRequest, url: str) -> str:
        """Emit the URL, open the browser and wait for the callback; return the code. Raises `SignInFailed`."""
        callback = listener.expect(request.parse_callback, self._report_unrelated)
        self._request, self._callback = request, callback
        self._emit(UrlReady(url))
        await self._open_url(url)
        self._emit(StepStarted(Step.CALLBACK, "Waiting for the browser"))
        self._emit(Waiting(time.monotonic() + self._timeout, self._timeout))
        try:
            await asyncio.wait({callback}, timeout=min(SILENCE_SECONDS, self._timeout))
            seconds_left = self._timeout - SILENCE_SECONDS
            if not callback.done() and seconds_left > 0:
                if self._can_register_again:
                    self._emit(StillWaiting(SILENCE_SECONDS))
                await asyncio.wait({callback}, timeout=seconds_left)
            if not callback.done():
                raise CallbackTimeout(f"Nothing came back within {duration(self._timeout)}.")
            result = callback.result()
        finally:
            callback.cancel()
        if isinstance(result, FailedCallback):
            raise result.error
        self._emit(StepDone(Step.CALLBACK, "the browser came back"))
        return result.code

    def _report_unrelated(self, reason: str) -> None:
        self._emit(Notice(f"A response from a browser was refused: {reason}. Still waiting for the right one."))

    async def _open_url(self, url: str) -> None:
        if not self._open_browser:
            self._emit(PasteOffered("Opening a browser was switched off"))
            return
        desktop = self._desktop or browser.DesktopEnvironment.detect()
        obstacle = desktop.why_no_browser()
        if obstacle is not None:
            self._emit(PasteOffered(obstacle))
            return
        self._emit(StepStarted(Step.BROWSER, "Opening your browser"))
        try:
            await browser.open_url(url, desktop)
        except browser.BrowserUnavailable as refusal:
            self._emit(PasteOffered(str(refusal)))
        else:
            self._emit(StepDone(Step.BROWSER, "if no window appeared, open the address yourself"))
