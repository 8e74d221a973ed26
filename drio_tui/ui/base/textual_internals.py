"""All uses and patches of undocumented parts of Textual, Rich and asyncio.

No other module may use their private names; tests/ui/base/test_textual_internals.py tests each of them here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import selectors
import signal
import sys
import termios
import time
import weakref
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import Context, copy_context
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual._context import active_message_pump
from textual._node_list import NodeList
from textual._styles_cache import StylesCache
from textual._xterm_parser import BRACKETED_PASTE_END, XTermParser
from textual.app import App
from textual.binding import Binding, BindingsMap
from textual.cache import LRUCache
from textual.color import Color
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Offset, Region
from textual.keys import key_to_character
from textual.message import Message
from textual.message_pump import MessagePump
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen, ScreenResultType
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget

T = TypeVar("T")

if TYPE_CHECKING:
    _ScreenBase = Screen[Any]
else:
    _ScreenBase = object

_READ_SIZE = 1 << 16
_PASTE_PAUSE = 2.0
"""Seconds without input after which a paste without an end is taken as complete."""
_MAX_SIZE = 5_000
"""Columns or rows; a size report with more is ignored, since no terminal is that large."""
_SEQUENCE_OR_TEXT = re.compile("\x1b[^\x1b]{0,40}|[^\x1b]+")
"""An escape and up to 40 characters, more than in any sequence that Textual's parser knows; or text without escapes."""
_PALETTE_SEARCH = "--textual-command-palette-gather-commands"
"""The worker group in which Textual's command palette searches."""
_SHORT_SEGMENT = 256
"""Characters; a line of the terminal is rarely longer."""
_CLOSED_ERRORS = frozenset({errno.EIO, errno.EBADF, errno.ENXIO, errno.ENODEV, errno.EPIPE})


class CachingStylesheet(Stylesheet):
    """A style sheet that parses each source once for the same variables.

    Textual's own parses all sources again for each new screen that has styles (8.2).
    """

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(1024)

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:  # else what is cached is still right
            super().set_variables(variables)

    def reparse(self) -> None:
        self._invalid_css = set()
        self.parse()


class LeanApp(App[int], inherit_bindings=False):
    """An app that does not keep removed widgets alive, and parses its styles once."""

    _widget_context: Context | None = None

    def __init__(self) -> None:
        super().__init__()
        self.stylesheet = CachingStylesheet(variables=self.get_css_variables())

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        super()._load_screen_css(screen)
        if screen._css_update_count < 0:  # it is new: its widgets get the styles of now when they are mounted
            screen._css_update_count = self._css_update_count

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        # Textual creates scrollbars on demand, also in a widget that is being removed (8.2). Nothing would end
        # their message loops, which keep the whole screen alive.
        if parent._pruning or parent._closing or parent._closed:
            widget._attach(parent)
            return
        self._in_widget_context(super()._start_widget, parent, widget)

    def _register(self, parent: DOMNode, *widgets: Widget, **options: Any) -> list[Widget]:
        empty_cancelled_timers(asyncio.get_running_loop())
        guard_text_areas()
        return self._in_widget_context(super()._register, parent, *widgets, **options)

    def _in_widget_context(self, start: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call `start` in a copy of the app's first context.

        A task keeps the context it was started in, which would hold the widget that was handling a message then.
        """
        self._widget_context = self._widget_context or copy_context()
        return self._widget_context.copy().run(start, *arguments, **options)


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


class PageBindings(Screen[ScreenResultType]):
    """A screen with a page (`key_page`) whose keys are active wherever the focus is, also without a focus.

    Textual uses the keys of the focused widget and its ancestors. A page without anything to focus would
    have none.
    """

    @property
    def key_page(self) -> Widget | None:
        """The widget whose keys are active; override it."""
        return None

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        chain = super()._binding_chain
        page = self.key_page
        if page is None or not page.is_mounted or page._pruning or any(node is page for node, _ in chain):
            return chain
        index = next((index for index, (node, _) in enumerate(chain) if node is self), len(chain))
        bindings = page._bindings.copy()
        for node, _ in chain[:index]:
            for key in list(bindings.key_to_bindings):
                if node.check_consume_key(key, key_to_character(key)):  # a text field that has the focus takes the key
                    del bindings.key_to_bindings[key]
        if self.app._keymap:
            bindings.apply_keymap(self.app._keymap)
        return [*chain[:index], (page, bindings), *chain[index:]]


class PrefixBindings(PageBindings[ScreenResultType]):
    """A screen with a prefix: a key (`PREFIX`, the id of its binding) after which other keys count for a moment.

    The prefix takes precedence over the same key of the focused widget, except where that takes it as text. While the
    next key is awaited, only the keys that may follow count, and the footer shows them. Any other key ends that.
    """

    PREFIX: ClassVar[str] = ""
    PREFIX_SECONDS: ClassVar[float] = 1.5

    _prefix_timer: Timer | None = None

    def prefix_bindings(self) -> Iterable[Binding]:
        """Return what the keys after the prefix do; override it."""
        return ()

    @property
    def awaits_key(self) -> bool:
        """Whether the prefix was pressed and the next key is awaited."""
        return self._prefix_timer is not None

    def begin_prefix(self) -> None:
        """Await the next key."""
        self.end_prefix()
        self._prefix_timer = self.set_timer(self.PREFIX_SECONDS, self.end_prefix)
        self.refresh_bindings()

    def end_prefix(self) -> None:
        """Await no key any more."""
        if self._prefix_timer is not None:
            self._prefix_timer.stop()
            self._prefix_timer = None
            self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        if self.awaits_key:  # one of the keys that may follow would not come here
            self.end_prefix()
            event.stop()
            event.prevent_default()

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        chain = super()._binding_chain
        own = next((bindings for node, bindings in chain if node is self), None)
        prefix = BindingsMap()
        for key, found in own.key_to_bindings.items() if own is not None and self.PREFIX else ():
            if any(binding.id == self.PREFIX for binding in found):
                prefix.key_to_bindings[key] = found
        if not prefix.key_to_bindings:  # a text field has the focus
            return chain
        if not self.awaits_key:
            return [(self, prefix), *chain]
        following = BindingsMap([replace(binding, priority=True) for binding in self.prefix_bindings()])
        if self.app._keymap:
            following.apply_keymap(self.app._keymap)
        return [(self, following)]


class IgnoresStaleSizes(_ScreenBase):
    """Mixed into screens, before Textual's class: ignores sizes that the terminal no longer has.

    Textual's layout posts its size to the screen itself, which lays out the screens behind it again (8.2): two sizes
    in the queue at once would trigger each other for ever.
    """

    def on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            event.stop()
            event.prevent_default()


def all_screens(app: App[Any]) -> list[Screen[Any]]:
    """Return the screens of every mode, not only of the current one."""
    return [screen for stack in app._screen_stacks.values() for screen in stack]


def mode_of(app: App[Any], screen: Screen[Any]) -> str:
    """Return the mode in whose stack `screen` is."""
    return next(mode for mode, stack in app._screen_stacks.items() if screen in stack)


def is_first_of_its_area(screen: Screen[Any]) -> bool:
    """Return whether `screen` is the first of its mode's stack, which Textual does not remove."""
    return any(stack[:1] == [screen] for stack in screen.app._screen_stacks.values())


def forget_watchers(watched: DOMNode, *leaving: DOMNode) -> None:
    """Remove the watchers of `watched`'s reactives that have ended or are in `leaving`.

    Textual does so at the next change of the reactive, which may never come (8.2).
    """
    for watchers in getattr(watched, "__watchers", {}).values():
        watchers[:] = [entry for entry in watchers if entry[0] not in leaving and entry[0].is_running]


def forget_fields(screen: Screen[Any]) -> None:
    """Remove the subscriptions of fields that were removed from `screen`.

    Each field subscribes to the start of a text selection with a callback that holds it. Textual drops those of
    removed fields when a selection starts, which may never happen (8.2).
    """
    signal = screen.text_selection_started_signal
    for node in [node for node in signal._subscriptions if not node.is_running]:
        signal.unsubscribe(node)


def share_background_styles() -> None:
    """Cache background styles by their colours only.

    Textual's key includes the widget's styles cache, so the cache holds the drawn lines of the last thousand widgets
    (8.2).
    """
    original = StylesCache.get_inner_outer
    if not hasattr(original, "cache_info"):
        return
    cached = lru_cache(1024)(partial(original.__wrapped__, None))

    def get_inner_outer(_self: StylesCache, base_background: Color, background: Color) -> tuple[Style, Style]:
        return cached(base_background, background)

    StylesCache.get_inner_outer = get_inner_outer  # type: ignore[method-assign,assignment] # for every widget


def share_tinted_styles() -> None:
    """Cache the tinted styles of what is behind a dialog by style and tint.

    Textual mixes the colours of each segment again whenever it draws the background of a dialog (8.2), which is half of
    the time that a dialog takes to open.
    """
    method = vars(BackgroundScreen)["process_segments"]
    if hasattr(method.__func__, "original"):
        return
    original = partial(method.__func__, BackgroundScreen)

    @lru_cache(2048)
    def tinted(style: RichStyle | None, color: Color) -> RichStyle | None:
        (segment,) = original([Segment(" ", style)], color)
        result: RichStyle | None = segment.style
        return result

    def process_segments(_: type[BackgroundScreen], segments: Iterable[Segment], color: Color) -> Iterator[Segment]:
        for segment in segments:
            text, style, control = segment
            yield segment if control else Segment(text, tinted(style, color), control)

    process_segments.original = original  # type: ignore[attr-defined] # says that it is patched
    BackgroundScreen.process_segments = classmethod(process_segments)  # type: ignore[method-assign,assignment]


def keep_screens_when_focus_moves() -> None:
    """Do not paint the whole screen when the focus moves.

    Textual does (8.2), with all that is behind a dialog. The two widgets paint themselves, and so does every widget
    whose style changes. The frame in which the screen was painted is still waited for: what is called after a refresh
    has to come after the events of widgets that are hidden, which take the focus away.
    """

    def watch_focused(screen: Screen[Any]) -> None:
        screen.refresh_bindings()
        screen._dirty_widgets.add(screen)  # nothing of it is painted, since it has no region to paint
        screen.check_idle()

    vars(Screen)["focused"]._repaint = False
    Screen._watch_focused = watch_focused  # type: ignore[method-assign] # for every screen


def limit_split_segments() -> None:
    """Cache only a few splits of long segments, such as those of a long value in an input field.

    Rich caches the last 16,384 splits with the text before and after the cut, whatever its length (15.0). A field is
    split at another cell with each key: 5,000 wide characters take 40 KiB per key.
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
    """Replaces the slot of a message's sender by a weak reference."""

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
    """Make messages hold their sender weakly.

    The message loop of a widget holds the last message until the next one comes, which may never happen (8.2): the
    size that a widget got while a dialog was open would hold the closed dialog, with everything it drew.
    """
    slot = vars(Message)["_sender"]
    if not isinstance(slot, _WeakSender):
        Message._sender = _WeakSender(slot)  # type: ignore[assignment,misc] # for every message


def forget_removed_nodes() -> None:
    """Clear a node's caches of its descendants when one is added or removed.

    Textual no longer uses them but keeps them (8.2): the displayed children, the last four arrangements and up to
    a thousand query results, each of which may hold a part of a closed page.
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

    updated._forgets = True  # type: ignore[attr-defined] # marks that it is patched
    NodeList.updated = updated  # type: ignore[method-assign] # for every widget


def is_ending(app: App[Any]) -> bool:
    """Return whether `App.exit` was called."""
    return app._exit


def end_after_crash(app: App[Any], error: BaseException) -> None:
    """End `app` with return code 1, as Textual does after an unhandled exception, but print no traceback."""
    app._return_code = 1
    if isinstance(error, Exception):
        app._exception = app._exception or error
    app._exception_event.set()
    app._close_messages_no_wait()


def empty_cancelled_timers(loop: asyncio.AbstractEventLoop) -> None:
    """Clear the contexts of the cancelled timers of `loop`.

    asyncio keeps up to a hundred of them until their time, each with its context, which holds the worker
    that set the timer and thereby a closed screen.
    """
    for handle in getattr(loop, "_scheduled", ()):
        if handle.cancelled():
            handle._context = None


def loop_is_idle(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether nothing but the running callback is ready: every task waits for I/O, a timer or a thread."""
    return not cast(Sized, cast(Any, loop)._ready)


def waits_for_refresh(screen: Screen[Any]) -> bool:
    """Return whether a layout or a `call_after_refresh` callback waits for the next repaint of `screen`."""
    return bool(screen._callbacks or screen._layout_required or screen._recompose_required)


def needs_paint(screen: Screen[Any]) -> bool:
    """Return whether a change of `screen` or of a widget on it is not painted yet."""
    return bool(
        waits_for_refresh(screen) or screen._scroll_required or screen._repaint_required or screen._dirty_widgets
    )


def paint_now(screen: Screen[Any]) -> None:
    """Lay `screen` out and paint what has changed, instead of at the next tick of its timer, some 16 ms later."""
    screen._on_timer_update()


def make_command_palette() -> Screen[Any]:
    """Return Textual's command palette, made safe to remove while it searches, as when the program ends.

    Textual's own would show the results in widgets that are removed by then, and its worker would fail (8.2).
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

    return Palette(placeholder="Search apps and what is in them, templates, settings, commands…")


def is_searching(screen: Screen[Any]) -> bool:
    """Return whether `screen` is Textual's command palette and still searches."""
    return any(worker.group == _PALETTE_SEARCH and worker.is_running for worker in screen.workers)


def guard_option_lists() -> None:
    """Make Page Up and Page Down do nothing in an option list without a line to go to.

    Textual looks up the line of the highlighted option, which does not exist before the list is laid out
    (Textual 8.2: `KeyError: 0` in the command palette without matches).
    """
    from textual.widgets import OptionList  # not needed for the first frame

    original = OptionList._move_page
    if getattr(original, "_guarded", False):
        return

    def _move_page(self: OptionList, direction: Any) -> None:
        if (self.highlighted or 0) in self._index_to_line:
            original(self, direction)

    _move_page._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    OptionList._move_page = _move_page  # type: ignore[method-assign] # the one place for the palette's, Select's and our lists


def guard_buttons() -> None:
    """Let a button ignore the second click of a double click that did not begin on it.

    A click may put a button where the pointer is, such as that of a question, which the user has not read before the
    second click. Textual counts clicks at one place, whatever is there (8.2).
    """
    from textual.widgets import Button  # not needed for the first frame

    original = Button._on_click
    if getattr(original, "_guarded", False):
        return
    clicked: weakref.ref[Button] | None = None

    async def _on_click(self: Button, event: events.Click) -> None:
        nonlocal clicked
        if event.chain == 1:
            clicked = weakref.ref(self)
        if clicked is not None and clicked() is self:
            await original(self, event)
        else:
            event.stop()

    _on_click._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    Button._on_click = _on_click  # type: ignore[method-assign] # for every button


def guard_selections() -> None:
    """Make a selection empty that begins below the text, which has become shorter since.

    Textual looks up the line after the last one (8.2: `IndexError` when the selection is copied).
    """
    original = Selection.extract
    if getattr(original, "_guarded", False):
        return

    def extract(self: Selection, text: str) -> str:
        below = self.start is not None and self.start.y >= len(text.splitlines())
        return "" if below else original(self, text)

    extract._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    Selection.extract = extract  # type: ignore[method-assign] # for every widget


def guard_text_areas() -> None:
    """Draw a text area blank until it has its styles, once `TextArea` is imported.

    Textual draws it with component styles and a background that do not exist yet (8.2: `KeyError` or
    `ColorParseError`, seen when screens and themes change fast).
    """
    if "textual.widgets._text_area" not in sys.modules:  # the first list needs none
        return
    from textual.widgets import TextArea

    original = TextArea.render_lines
    if getattr(original, "_guarded", False):
        return

    def render_lines(self: TextArea, crop: Region) -> list[Strip]:
        return original(self, crop) if self._component_styles else [Strip.blank(crop.width)] * crop.height

    render_lines._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    TextArea.render_lines = render_lines  # type: ignore[method-assign] # for every text area


def guard_mouse_selection() -> None:
    """Start no selection in a widget that was removed from its screen.

    Textual would ask its parent for a region (8.2: `AttributeError` when a mouse button is pressed over it).
    """
    original = Screen.get_widget_and_offset_at
    if getattr(original, "_guarded", False):
        return

    def get_widget_and_offset_at(self: Screen[Any], x: int, y: int) -> tuple[Widget | None, Offset | None]:
        widget, offset = original(self, x, y)
        gone = widget is not None and widget is not self and widget.parent is None
        return (None, None) if gone else (widget, offset)

    get_widget_and_offset_at._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    Screen.get_widget_and_offset_at = get_widget_and_offset_at  # type: ignore[method-assign] # for every screen


def guard_timers() -> None:
    """Make a timer that runs once run also if it is late.

    Textual skips the calls that it is late for, also the only one, if the process gets no processor time just after
    the start of the timer for as long as its delay (8.2). A new size of the terminal waits for a timer of 8 ms: once
    that was skipped, no size was noticed any more.
    """
    original = Timer._run
    if getattr(original, "_guarded", False):
        return

    async def _run(self: Timer) -> None:
        self._skip = self._skip and self._repeat != 0
        await original(self)

    _run._guarded = True  # type: ignore[attr-defined] # marks that it is patched
    Timer._run = _run  # type: ignore[method-assign] # for the timers of every widget


def has_started(app: App[Any]) -> bool:
    """Return whether `app` is mounted and handles messages."""
    return app._is_mounted and app._running


def screen_of_active_pump() -> Screen[Any] | None:
    """Return the screen of the widget that is handling a message; None for the app's own messages."""
    pump: Any = active_message_pump.get(None)
    while pump is not None and not isinstance(pump, Screen):
        pump = pump._parent
    return pump


async def replace_screens(app: App[Any], mode: str, index: int, screen: Screen[Any]) -> None:
    """Replace the screen at `index` of a mode's stack, and those above it, by `screen`.

    Their result callbacks get None. Their message loops may have ended, so they cannot be dismissed.
    """
    stack = app._screen_stacks[mode]
    removed = stack[index:]
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
