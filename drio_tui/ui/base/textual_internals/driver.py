"""The driver of the terminal: any bytes as input, a terminal that is closed, suspending and a crash."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import signal
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, XTermParser
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

_READ_SIZE = 1 << 16
_PASTE_PAUSE = 2.0
"""Seconds without input after which a paste without an end is taken as complete."""
_MAX_SIZE = 5_000
"""Columns or rows; a size report with more is ignored, since no terminal is that large."""
_SEQUENCE_OR_TEXT = re.compile("\x1b[^\x1b]{0,40}|[^\x1b]+")
"""An escape and up to 40 characters, more than in any sequence that Textual's parser knows; or text without escapes."""
_CLOSED_ERRORS = frozenset({errno.EIO, errno.EBADF, errno.ENXIO, errno.ENODEV, errno.EPIPE})


class DriverOwner(Protocol):
    """What a `TerminalDriver` needs of its app. The methods may be called on any thread."""

    def watch_signals(self, driver: TerminalDriver) -> None:
        """Replace the signal handlers that Textual has just set."""

    def on_signal(self, number: int, callback: Callable[[], object]) -> None:
        """Call `callback` on the event loop at each signal of this number."""

    def driver_failed(self, error: BaseException) -> None:
        """Handle that a thread of the driver ended with `error`: input or output no longer works."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal that may send any bytes and may be closed at any moment.

    Textual's own decodes UTF-8 strictly, fails on escape sequences that it cannot convert, waits for ever for an
    output thread that has ended, and does its work inside signal handlers (Textual 8.2).
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._owner: DriverOwner = app
        self._closed = False
        self._file: Any = _Output(self._file, self._output_failed)
        self._owner.watch_signals(self)

    @property
    def suspended(self) -> bool:
        """Whether another program has the terminal (`App.suspend`)."""
        return not self._auto_restart

    @property
    def closed(self) -> bool:
        """Whether the terminal was closed."""
        if not self._closed:
            try:
                termios.tcgetattr(self.fileno)
            except termios.error:
                self._closed = True
        return self._closed

    # -- suspending and resuming ------------------------------------------------------------------

    def start_application_mode(self) -> None:
        for handle in (self.fileno, self._file.fileno()):
            os.set_blocking(handle, True)  # another program may have left it non-blocking
        super().start_application_mode()  # type: ignore[no-untyped-call]
        handler = signal.getsignal(signal.SIGWINCH)
        if callable(handler):
            self._owner.on_signal(signal.SIGWINCH, lambda: handler(signal.SIGWINCH, None))

    def stop_application_mode(self) -> None:
        """Restore the terminal: its modes last, after everything is written.

        Ctrl+S stops the output of a terminal that is not in raw mode. Textual restores the modes first and could
        wait for ever to write the rest.
        """
        modes, self.attrs_before = self.attrs_before, None
        super().stop_application_mode()
        if isinstance(self._writer_thread, WriterThread):
            self._writer_thread.stop()
        self.attrs_before = modes
        if modes is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, modes)

    def stop_process(self) -> None:
        """Restore the terminal and stop the process, as at SIGTSTP."""
        self._sigtstp_application()

    def resume_process(self) -> None:
        """Draw again after the process was stopped, as at SIGCONT.

        After SIGSTOP, which cannot be handled, the driver's threads still run: they are ended first, or Textual
        would start more of them, and take raw mode for the mode to restore at the end.
        """
        if self.suspended or self.closed:
            return
        if not self._must_signal_resume:
            self.suspend_application_mode()
            self._must_signal_resume = True  # so that everything is drawn again
        self.resume_application_mode()

    def abandon(self) -> None:
        """Restore the terminal from another thread, while the event loop and the driver's threads may hang."""
        if self.suspended or self.closed or self._writer_thread is None:
            return
        self._key_thread = None
        self._writer_thread = _DirectWriter(self._file.fileno())  # type: ignore[assignment] # only `write` is used
        self._disable_mouse_support()
        self.stop_application_mode()

    # -- input ------------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError as error:
            self._closed_or_failed(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the terminal is no longer read
            self._owner.driver_failed(error)

    def run_input_thread(self) -> None:
        decode = getincrementaldecoder("utf-8")("replace").decode
        parser = _InputParser(self._debug)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while True:
                ending = self.exit_event.is_set()
                if selector.select(0 if ending else 0.1):
                    data = os.read(self.fileno, _READ_SIZE)
                    if not data:
                        raise OSError(errno.EIO, os.strerror(errno.EIO))  # end of file: the terminal is closed
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
                if ending:
                    return

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Resize) and not all(0 < side <= _MAX_SIZE for side in message.size):
            return
        super().process_message(message)

    def _output_failed(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self._closed_or_failed(error)
        else:
            self._owner.driver_failed(error)

    def _closed_or_failed(self, error: OSError) -> None:
        if self._closed:
            return
        if error.errno in _CLOSED_ERRORS:
            self._closed = True
            os.kill(os.getpid(), signal.SIGHUP)  # the kernel sends it only to the leader of the session
        else:
            self._owner.driver_failed(error)


class _InputParser:
    """Textual's parser, restarted after a sequence it fails on; a paste without an end is ended after a pause."""

    def __init__(self, debug: bool) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)
        self._fed_at = time.monotonic()

    def feed(self, text: str) -> Iterator[Message]:
        self._fed_at = time.monotonic()
        for part in _SEQUENCE_OR_TEXT.findall(text):
            # A sequence is fed by single characters, so that what follows a failing sequence is not lost.
            for piece in part if part[0] == "\x1b" else [part]:
                yield from self._guarded(self._parser.feed, piece)

    def tick(self) -> Iterator[Message]:
        yield from self._guarded(self._parser.tick)
        if time.monotonic() - self._fed_at > _PASTE_PAUSE and self._in_paste:
            yield from self.feed(BRACKETED_PASTE_END)

    @property
    def _in_paste(self) -> bool:
        frame = cast(Any, self._parser._gen).gi_frame
        return frame is not None and bool(frame.f_locals["bracketed_paste"])

    def _guarded(self, step: Callable[..., Iterable[Message]], *arguments: str) -> Iterator[Message]:
        try:
            yield from step(*arguments)
        except Exception:  # noqa: BLE001 - invalid code points, sizes of 0: a new parser reads what follows
            failed, self._parser = self._parser, XTermParser(self._debug)
            for name in ("mouse_pixels", "terminal_size", "terminal_pixel_size", "last_x", "last_y"):
                setattr(self._parser, name, getattr(failed, name))


class _Output:
    """The file that the driver's output thread writes to; a failed write is reported and dropped.

    The thread goes on, so that nothing waits for ever for room in its queue.
    """

    def __init__(self, file: Any, on_failure: Callable[[Exception], None]) -> None:
        self._to = file
        self._on_failure = on_failure

    def fileno(self) -> int:
        return int(self._to.fileno())

    def write(self, text: str) -> None:
        try:
            self._to.write(text)
        except Exception as error:  # noqa: BLE001 - the driver decides what it means
            self._on_failure(error)

    def flush(self) -> None:
        try:
            self._to.flush()
        except Exception as error:  # noqa: BLE001 - the driver decides what it means
            self._on_failure(error)


class _DirectWriter:
    """Replaces the output thread: writes at once, without buffers and locks."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, text: str) -> None:
        os.write(self._handle, text.encode("ascii", "replace"))
