"""Everything that reads or changes what Textual, Rich and asyncio do not document.

Nothing else in the program may use a private name of theirs; tests/ui/base/test_textual_internals.py checks each.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import selectors
import signal
import termios
import time
import weakref
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import Context, copy_context
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from rich.segment import Segment
from textual import events
from textual._context import active_message_pump
from textual._node_list import NodeList
from textual._styles_cache import StylesCache
from textual._xterm_parser import BRACKETED_PASTE_END, XTermParser
from textual.app import App
from textual.binding import BindingsMap
from textual.color import Color
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Offset, Region
from textual.keys import key_to_character
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen, ScreenResultType
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

T = TypeVar("T")

if TYPE_CHECKING:
    _ScreenBase = Screen[Any]
else:
    _ScreenBase = object

_READ_SIZE = 1 << 16
_PASTE_PAUSE = 2.0
"""Seconds without input after which a paste whose end never came is taken as ended."""
_LARGEST = 5_000
"""Columns or rows that no terminal has: a size report that says more is garbage."""
_SEQUENCE_OR_TEXT = re.compile("\x1b[^\x1b]{0,40}|[^\x1b]+")
"""Longer than any sequence for which Textual's parser looks."""
_PALETTE_SEARCH = "--textual-command-palette-gather-commands"
"""The worker group in which Textual's command palette looks for commands."""
_SHORT_SEGMENT = 256
"""Characters; a line of the terminal is rarely longer."""
_GONE = frozenset({errno.EIO, errno.EBADF, errno.ENXIO, errno.ENODEV, errno.EPIPE})


class LeanApp(App[int], inherit_bindings=False):
    """An app that keeps nothing of the widgets that were removed."""

    _own_context: Context | None = None

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        # Textual makes scrollbars when they are asked for, also in a widget that is ending (8.2). Nobody would end
        # their message loops, which hold the whole screen.
        if parent._pruning or parent._closing or parent._closed:
            widget._attach(parent)
            return
        self._in_own_context(super()._start_widget, parent, widget)

    def _register(self, parent: DOMNode, *widgets: Widget, **options: Any) -> list[Widget]:
        empty_cancelled_timers(asyncio.get_running_loop())
        return self._in_own_context(super()._register, parent, *widgets, **options)

    def _in_own_context(self, start: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Start widgets. A task keeps the context it was started in, and so the widget that was handling a message."""
        self._own_context = self._own_context or copy_context()
        return self._own_context.copy().run(start, *arguments, **options)


class DriverOwner(Protocol):
    """What a `TerminalDriver` needs of the app it draws for; the callbacks may come from any thread."""

    def watch_signals(self, driver: TerminalDriver) -> None:
        """Take over the signals for which Textual has just set handlers of its own."""

    def on_signal(self, number: int, callback: Callable[[], object]) -> None:
        """Call `callback` on the event loop at each signal of this number."""

    def driver_failed(self, error: BaseException) -> None:
        """A thread of the driver ended with `error`: the program is deaf or mute."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal that may send any bytes, and be gone at any moment.

    Textual's own decodes strictly, dies of escape sequences that it cannot convert, waits for ever for an
    output thread that has died, and does its work inside signal handlers (Textual 8.2).
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._owner: DriverOwner = app
        self._gone = False
        self._file: Any = _Output(self._file, self._output_failed)
        self._owner.watch_signals(self)

    @property
    def lent(self) -> bool:
        """Whether another program has the terminal (`App.suspend`)."""
        return not self._auto_restart

    @property
    def gone(self) -> bool:
        """Whether the terminal was closed."""
        if not self._gone:
            try:
                termios.tcgetattr(self.fileno)
            except termios.error:
                self._gone = True
        return self._gone

    # -- stopping and going on --------------------------------------------------------------------

    def start_application_mode(self) -> None:
        for handle in (self.fileno, self._file.fileno()):
            os.set_blocking(handle, True)  # another program may have left it otherwise
        super().start_application_mode()  # type: ignore[no-untyped-call]
        handler = signal.getsignal(signal.SIGWINCH)
        if callable(handler):
            self._owner.on_signal(signal.SIGWINCH, lambda: handler(signal.SIGWINCH, None))

    def stop_application_mode(self) -> None:
        """Restore the terminal: its modes last, once everything is written.

        Ctrl+S stops the output of a terminal that is not in raw mode. Textual restores the modes first, and would
        wait for ever to write the rest.
        """
        before, self.attrs_before = self.attrs_before, None
        super().stop_application_mode()
        if isinstance(self._writer_thread, WriterThread):
            self._writer_thread.stop()
        self.attrs_before = before
        if before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, before)

    def stop_process(self) -> None:
        """Restore the terminal and stop, as at SIGTSTP."""
        self._sigtstp_application()

    def go_on(self) -> None:
        """Draw again after the process was stopped, as at SIGCONT.

        A stop by SIGSTOP came without notice, so that the threads still run: they are ended first, or Textual
        would start others beside them and take raw mode for the mode to restore at the end.
        """
        if self.lent or self.gone:
            return
        if not self._must_signal_resume:
            self.suspend_application_mode()
            self._must_signal_resume = True  # to be drawn again
        self.resume_application_mode()

    def abandon(self) -> None:
        """Restore the terminal from another thread, while the event loop and the driver's threads may be stuck."""
        if self.lent or self.gone or self._writer_thread is None:
            return
        self._key_thread = None
        self._writer_thread = _DirectWriter(self._file.fileno())  # type: ignore[assignment] # all that is used of it
        self._disable_mouse_support()
        self.stop_application_mode()

    # -- input ------------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError as error:
            self._lost_or_failed(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody reads the terminal any more
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
                        raise OSError(errno.EIO, os.strerror(errno.EIO))  # the end of a terminal's input: it is closed
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
                if ending:
                    return

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Resize) and not all(0 < side <= _LARGEST for side in message.size):
            return
        super().process_message(message)

    def _output_failed(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self._lost_or_failed(error)
        else:
            self._owner.driver_failed(error)

    def _lost_or_failed(self, error: OSError) -> None:
        if self._gone:
            return
        if error.errno in _GONE:
            self._gone = True
            os.kill(os.getpid(), signal.SIGHUP)  # the kernel tells only the leader of the session
        else:
            self._owner.driver_failed(error)


class _InputParser:
    """Textual's parser, started again after a sequence that it fails on; a paste ends although its end never comes."""

    def __init__(self, debug: bool) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)
        self._fed = time.monotonic()

    def feed(self, text: str) -> Iterator[Message]:
        self._fed = time.monotonic()
        for part in _SEQUENCE_OR_TEXT.findall(text):
            # A sequence goes in by single characters, so that what follows one that fails is not lost with it.
            for piece in part if part[0] == "\x1b" else [part]:
                yield from self._guarded(self._parser.feed, piece)

    def tick(self) -> Iterator[Message]:
        yield from self._guarded(self._parser.tick)
        if time.monotonic() - self._fed > _PASTE_PAUSE and self._in_paste:
            yield from self.feed(BRACKETED_PASTE_END)

    @property
    def _in_paste(self) -> bool:
        frame = cast(Any, self._parser._gen).gi_frame
        return frame is not None and bool(frame.f_locals["bracketed_paste"])

    def _guarded(self, step: Callable[..., Iterable[Message]], *arguments: str) -> Iterator[Message]:
        try:
            yield from step(*arguments)
        except Exception:  # noqa: BLE001 - numbers that are no code points, sizes of 0: what follows is read again
            failed, self._parser = self._parser, XTermParser(self._debug)
            for name in ("mouse_pixels", "terminal_size", "terminal_pixel_size", "last_x", "last_y"):
                setattr(self._parser, name, getattr(failed, name))


class _Output:
    """The file that the driver's output thread writes to; what cannot be written is reported and dropped.

    The thread goes on, so that nobody waits for ever for room in its queue.
    """

    def __init__(self, file: Any, failed: Callable[[Exception], None]) -> None:
        self._to = file
        self._failed = failed

    def fileno(self) -> int:
        return int(self._to.fileno())

    def write(self, text: str) -> None:
        try:
            self._to.write(text)
        except Exception as error:  # noqa: BLE001 - the driver decides what it means
            self._failed(error)

    def flush(self) -> None:
        try:
            self._to.flush()
        except Exception as error:  # noqa: BLE001 - the driver decides what it means
            self._failed(error)


class _DirectWriter:
    """In the place of the output thread: writes at once, past every buffer and lock."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, text: str) -> None:
        os.write(self._handle, text.encode("ascii", "replace"))


class PageBindings(Screen[ScreenResultType]):
    """A screen one part of which has its keys active wherever the focus is, also when nothing has it.

    Textual takes the keys of the focused widget and of what it is in. A page without anything to focus would
    have none.
    """

    @property
    def key_page(self) -> Widget | None:
        """The part of the screen that has its keys active; override it."""
        return None

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        chain = super()._binding_chain
        page = self.key_page
        if page is None or not page.is_mounted or page._pruning or any(node is page for node, _ in chain):
            return chain
        place = next((place for place, (node, _) in enumerate(chain) if node is self), len(chain))
        bindings = page._bindings.copy()
        for node, _ in chain[:place]:
            for key in list(bindings.key_to_bindings):
                if node.check_consume_key(key, key_to_character(key)):  # typed into a field elsewhere
                    del bindings.key_to_bindings[key]
        if self.app._keymap:
            bindings.apply_keymap(self.app._keymap)
        return [*chain[:place], (page, bindings), *chain[place:]]


class IgnoresStaleSizes(_ScreenBase):
    """Mixed into screens, before Textual's class: a size that the terminal no longer has is not laid out.

    Textual's layout posts the size that it was made for to the screen itself, which makes the layout of the screens
    behind it again (8.2): two sizes that are under way at once would follow each other for ever.
    """

    def on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            event.stop()
            event.prevent_default()


def all_screens(app: App[Any]) -> list[Screen[Any]]:
    """The screens of every mode, not only of the one that is shown."""
    return [screen for stack in app._screen_stacks.values() for screen in stack]


def mode_of(app: App[Any], screen: Screen[Any]) -> str:
    """The mode in whose stack `screen` is."""
    return next(mode for mode, stack in app._screen_stacks.items() if screen in stack)


def forget_watchers(watched: DOMNode, *leaving: DOMNode) -> None:
    """Let `watched` forget who watches its reactives and has ended, or is `leaving`.

    Textual does so when the reactive changes the next time, which may be never (8.2).
    """
    for watchers in getattr(watched, "__watchers", {}).values():
        watchers[:] = [one for one in watchers if one[0] not in leaving and one[0].is_running]


def forget_fields(screen: Screen[Any]) -> None:
    """Let `screen` forget the fields that were removed from it.

    Each field subscribes to the start of a text selection with a callback that holds it. Textual drops those of
    removed fields when a selection starts, which may be never (8.2).
    """
    signal = screen.text_selection_started_signal
    for node in [node for node in signal._subscriptions if not node.is_running]:
        signal.unsubscribe(node)


def share_background_styles() -> None:
    """Cache the styles of backgrounds by their colours alone.

    Textual caches them by widget as well, and with each of the last thousand widgets the lines that it drew (8.2).
    """
    original = StylesCache.get_inner_outer
    if not hasattr(original, "cache_info"):
        return
    cached = lru_cache(1024)(partial(original.__wrapped__, None))

    def get_inner_outer(_self: StylesCache, base_background: Color, background: Color) -> tuple[Style, Style]:
        return cached(base_background, background)

    StylesCache.get_inner_outer = get_inner_outer  # type: ignore[method-assign,assignment] # for every widget


def limit_split_segments() -> None:
    """Cache few of the long segments that were split, as those of a long value in an input field.

    Rich caches the last 16,384 splits with the text before and after the cut, whatever its length (15.0). A field is
    split at another cell with each key: 5,000 wide characters take 40 KiB a key.
    """
    method = vars(Segment)["_split_cells"]
    if not hasattr(method.__func__, "cache_info"):
        return
    split = partial(method.__func__.__wrapped__, Segment)
    short, long = lru_cache(4096)(split), lru_cache(8)(split)

    def _split_cells(_: type[Segment], segment: Segment, cut: int) -> tuple[Segment, Segment]:
        parts: tuple[Segment, Segment] = (short if len(segment.text) <= _SHORT_SEGMENT else long)(segment, cut)
        return parts

    Segment._split_cells = classmethod(_split_cells)  # type: ignore[method-assign,assignment] # for every widget


class _WeakSender:
    """In the place of a message's slot for its sender: a weak reference."""

    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, message: Message | None, owner: type[Message]) -> Any:
        if message is None:
            return self
        sender = self.slot.__get__(message, owner)
        return None if sender is None else sender()

    def __set__(self, message: Message, sender: MessagePump | None) -> None:
        self.slot.__set__(message, None if sender is None else weakref.ref(sender))


def hold_senders_weakly() -> None:
    """Let no message hold the widget that sent it.

    The message loop of a widget holds the last message until the next one comes, which may be never (8.2): the
    size that a widget got while a dialog was open would hold the closed dialog, with all that it drew.
    """
    slot = vars(Message)["_sender"]
    if not isinstance(slot, _WeakSender):
        Message._sender = _WeakSender(slot)  # type: ignore[assignment,misc] # for every message


def forget_removed_nodes() -> None:
    """Let go of what a node has cached of the nodes below it when one is added or removed.

    Textual does not use it any more and keeps it (8.2): the displayed children, the last four arrangements and up to
    a thousand results of queries, each of which may hold a part of a closed page.
    """
    original = NodeList.updated
    if getattr(original, "_forgets", False):
        return

    def updated(self: NodeList) -> None:
        original(self)
        self._displayed_nodes = self._displayed_visible_nodes = (-1, [])
        node: Any = self._parent() if self._parent is not None else None
        while node is not None:
            node._query_one_cache.clear()
            if isinstance(node, Widget):
                node._arrangement_cache.clear()
            node = node._parent

    updated._forgets = True  # type: ignore[attr-defined] # marks that it is done
    NodeList.updated = updated  # type: ignore[method-assign] # for every widget


def is_ending(app: App[Any]) -> bool:
    """Whether `App.exit` was called."""
    return app._exit


def end_after_crash(app: App[Any], error: BaseException) -> None:
    """End `app` with return code 1, as Textual does after an unhandled exception, but without a printed traceback."""
    app._return_code = 1
    if isinstance(error, Exception):
        app._exception = app._exception or error
    app._exception_event.set()
    app._close_messages_no_wait()


def empty_cancelled_timers(loop: asyncio.AbstractEventLoop) -> None:
    """Let the cancelled timers of `loop` hold nothing.

    asyncio keeps up to a hundred of them until they would have run, each with its context, which holds the worker
    that set the timer and so a closed screen.
    """
    for handle in getattr(loop, "_scheduled", ()):
        if handle.cancelled():
            handle._context = None


def loop_is_idle(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether nothing but the running callback is ready: every task waits for I/O, a timer or a thread."""
    return not cast(Sized, cast(Any, loop)._ready)


def waits_for_refresh(screen: Screen[Any]) -> bool:
    """Whether a layout, or a `call_after_refresh` callback, waits for the next repaint of `screen`."""
    return bool(screen._callbacks or screen._layout_required or screen._recompose_required)


def make_command_palette() -> Screen[Any]:
    """Textual's command palette, which may be removed while it searches, as when the program ends.

    Textual's own shows what was found in widgets that are gone by then, and its worker fails (8.2).
    """
    from textual.command import CommandList, CommandPalette  # opened long after the first frame
    from textual.widgets import LoadingIndicator

    class Palette(CommandPalette):
        def _watch__list_visible(self) -> None:
            if self.query(CommandList):
                super()._watch__list_visible()

        async def _watch__show_busy(self) -> None:
            if self.query(LoadingIndicator):
                await super()._watch__show_busy()

    return Palette()


def is_searching(screen: Screen[Any]) -> bool:
    """Whether `screen` is Textual's command palette and still looks for commands that match."""
    return any(worker.group == _PALETTE_SEARCH and worker.is_running for worker in screen.workers)


def guard_option_lists() -> None:
    """Let Page Up and Page Down do nothing in an option list without a line to go to.

    Textual looks up the line of the highlighted option, which does not exist before the list was laid out
    (Textual 8.2: `KeyError: 0` in the command palette without matches).
    """
    from textual.widgets import OptionList  # the first frame does without

    original = OptionList._move_page
    if getattr(original, "_guarded", False):
        return

    def _move_page(self: OptionList, direction: Any) -> None:
        if (self.highlighted or 0) in self._index_to_line:
            original(self, direction)

    _move_page._guarded = True  # type: ignore[attr-defined] # marks that it is done
    OptionList._move_page = _move_page  # type: ignore[method-assign] # the one place for the palette's, Select's and our lists


def guard_selections() -> None:
    """Let a selection that begins below the text, which has become shorter since, be empty.

    Textual looks up the line after the last one (8.2: `IndexError` when the selection is copied).
    """
    original = Selection.extract
    if getattr(original, "_guarded", False):
        return

    def extract(self: Selection, text: str) -> str:
        below = self.start is not None and self.start.y >= len(text.splitlines())
        return "" if below else original(self, text)

    extract._guarded = True  # type: ignore[attr-defined] # marks that it is done
    Selection.extract = extract  # type: ignore[method-assign] # for every widget


def guard_text_areas() -> None:
    """Draw a text area blank until it has its styles.

    Textual draws it from component styles and a background that are not there yet (8.2: `KeyError` or
    `ColorParseError`, seen when screens and themes change fast).
    """
    from textual.widgets import TextArea  # the first frame does without

    original = TextArea.render_lines
    if getattr(original, "_guarded", False):
        return

    def render_lines(self: TextArea, crop: Region) -> list[Strip]:
        return original(self, crop) if self._component_styles else [Strip.blank(crop.width)] * crop.height

    render_lines._guarded = True  # type: ignore[attr-defined] # marks that it is done
    TextArea.render_lines = render_lines  # type: ignore[method-assign] # for every text area


def guard_mouse_selection() -> None:
    """Begin no selection in a widget that has left its screen.

    Textual asks its parent for a region (8.2: `AttributeError` at a mouse button pressed over it).
    """
    original = Screen.get_widget_and_offset_at
    if getattr(original, "_guarded", False):
        return

    def get_widget_and_offset_at(self: Screen[Any], x: int, y: int) -> tuple[Widget | None, Offset | None]:
        widget, offset = original(self, x, y)
        gone = widget is not None and widget is not self and widget.parent is None
        return (None, None) if gone else (widget, offset)

    get_widget_and_offset_at._guarded = True  # type: ignore[attr-defined] # marks that it is done
    Screen.get_widget_and_offset_at = get_widget_and_offset_at  # type: ignore[method-assign] # for every screen


def has_started(app: App[Any]) -> bool:
    """Whether `app` is mounted and handles messages."""
    return app._is_mounted and app._running


def screen_of_active_pump() -> Screen[Any] | None:
    """The screen to which the widget belongs whose messages are being handled; None for the app's own messages."""
    pump: Any = active_message_pump.get(None)
    while pump is not None and not isinstance(pump, Screen):
        pump = pump._parent
    return pump


async def put_in_place_of(app: App[Any], mode: str, place: int, screen: Screen[Any]) -> None:
    """Put `screen` in the place of the screen at `place` of a mode's stack, and of those above it.

    Who waits for their results gets None. Their message loops may have ended, so they cannot be dismissed.
    """
    stack = app._screen_stacks[mode]
    removed = stack[place:]
    mounted = app.push_screen(screen, mode=mode)
    for old in reversed(removed):
        stack.remove(old)
        for callback in old._result_callbacks:
            if callback.future is not None and callback.future.done():
                callback.future = None
            callback(None)
    await mounted
    for old in reversed(removed):
        await app._replace_screen(old)
