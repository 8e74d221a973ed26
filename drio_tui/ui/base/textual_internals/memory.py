"""Not keeping what was closed: widgets, screens and texts that caches, watchers, messages and timers would hold."""

from __future__ import annotations

import asyncio
import weakref
from functools import lru_cache, partial
from typing import Any

from rich.segment import Segment
from textual._node_list import NodeList
from textual._styles_cache import StylesCache
from textual.color import Color
from textual.dom import DOMNode
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from drio_tui.ui.base.textual_internals import is_patched, patch

_SHORT_SEGMENT = 256
"""Characters; a line of the terminal is rarely longer."""


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
    if is_patched(original):
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

    patch(NodeList, updated)


def empty_cancelled_timers(loop: asyncio.AbstractEventLoop) -> None:
    """Clear the contexts of the cancelled timers of `loop`.

    asyncio keeps up to a hundred of them until their time, each with its context, which holds the worker
    that set the timer and thereby a closed screen.
    """
    for handle in getattr(loop, "_scheduled", ()):
        if handle.cancelled():
            handle._context = None
