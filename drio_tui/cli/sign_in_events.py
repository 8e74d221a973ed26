"""What `login` and `doctor` share: events on stderr, pasting the redirect URL, finding the sandbox and the settings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from drio_tui.cli.common import run
from drio_tui.cli.output import echo_json, is_quiet, warn
from drio_tui.text import duration

if TYPE_CHECKING:
    from drio_tui.auth.events import Event
    from drio_tui.auth.profiles import Profiles
    from drio_tui.settings import Settings

_PASTE_SECONDS = 0.15
"""Pause after which pasted lines are taken as complete."""

_PRINTED_WHEN_QUIET = frozenset({"url", "paste", "paste-refused", "still-waiting", "problem"})
"""The events that the user needs in order to sign in or out."""

Notify = Callable[[str, str], None]
"""Prints an event on stderr: its name and its text."""


class TakesPaste(Protocol):
    """What waits for the browser."""

    def paste(self, text: str) -> None:
        """Use a pasted redirect URL as the callback. Raises `PasteRefused`."""


def sandbox_url(data_dir: str | None, notify: Notify) -> str:
    from drio_tui.launcher import ensure_sandbox

    return run(ensure_sandbox(data_dir, on_line=lambda text: notify("notice", text))).base_url


def load_settings(notify: Notify) -> Settings:
    """Load the settings and print what is wrong with them, so that no setting is ignored silently."""
    from drio_tui.settings import Settings

    settings = Settings.load()
    for problem in settings.problems:
        notify("notice", problem)
    return settings


def notifier(as_json: bool) -> Notify:
    """Return a function that prints an event on stderr; with `--quiet` only those of `_PRINTED_WHEN_QUIET`."""

    def notify(event: str, text: str) -> None:
        if is_quiet() and event not in _PRINTED_WHEN_QUIET:
            return
        if as_json:
            echo_json({"event": event, "text": text}, compact=True, err=True)
        else:
            warn(text)

    return notify


def notify_of_profile_notices(profiles: Profiles, notify: Notify) -> None:
    while profiles.notices:
        notify("notice", profiles.notices.pop(0))


def notify_of_event(event: Event, notify: Notify, as_json: bool) -> None:
    from drio_tui.auth import events

    match event:
        case events.StepStarted(text=text) if not as_json:
            notify("step", f"{text} …")
        case events.UrlReady(url=url):
            notify("url", url if as_json else f"\nOpen this address in a browser:\n\n  {url}\n")
        case events.PasteOffered(reason=reason):
            notify("paste", f"{reason}. After allowing access, paste the address of the last page here.")
        case events.Waiting(timeout=seconds) if not as_json:
            notify("waiting", f"Waiting up to {duration(seconds)}. The last page's address can be pasted here.")
        case events.StillWaiting():
            notify(
                "still-waiting",
                "Nothing has come back yet. If the browser shows an error page such as invalid_client, "
                "stop with Ctrl+C and run `drio-tui login --register-again`.",
            )
        case events.Notice(text=text):
            notify("notice", text)
        case _:
            pass


@contextlib.contextmanager
def accept_pasted_url(sign_in: TakesPaste, notify: Notify, *, piped: bool) -> Iterator[None]:
    """Pass the lines typed on stdin while the block runs to the sign-in; at the end of input, stop reading.

    A pipe is read only with `piped` (--no-browser), so that `login` in the loop of a script does not consume the
    script's input.
    """
    from drio_tui.auth.errors import PasteRefused

    try:
        handle = sys.stdin.fileno()
        mode = os.fstat(handle).st_mode
        readable = os.isatty(handle) or (piped and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)))
    except (OSError, ValueError, AttributeError):  # there is no stdin
        readable = False
    if not readable or sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    buffer = bytearray()
    flush: asyncio.TimerHandle | None = None

    def paste_buffer() -> None:
        text = buffer.decode("utf-8", "replace").strip()
        buffer.clear()
        if not text:
            return
        try:
            sign_in.paste(text)
        except PasteRefused as error:
            notify("paste-refused", f"{error.title}: {error.message} {error.hint}".strip())

    def on_readable() -> None:
        nonlocal flush
        try:
            data = os.read(handle, 65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if flush is not None:
            flush.cancel()
        if not data:
            loop.remove_reader(handle)
            paste_buffer()
            return
        buffer.extend(data)
        if b"\n" in data:  # a URL that the terminal wrapped may arrive as several lines
            flush = loop.call_later(_PASTE_SECONDS, paste_buffer)

    try:
        loop.add_reader(handle, on_readable)
    except (OSError, NotImplementedError):  # stdin is of a kind that the event loop cannot watch
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(handle)
        if flush is not None:
            flush.cancel()
