"""The last requests, bounded in number and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drio_tui.api.transport import Exchange

MAX_EXCHANGES = 500
MAX_BODY_BYTES = 32 << 20


class RequestLog:
    """A ring of exchanges, oldest first inside, newest first when iterated.

    When the response bodies held exceed `max_bytes` (counted by their size on the wire), the oldest ones
    are let go; the line itself stays until `max_exchanges` newer ones came.
    """

    def __init__(self, *, max_exchanges: int = MAX_EXCHANGES, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_exchanges = max_exchanges
        self._max_bytes = max_bytes
        self._held: dict[int, Exchange] = {}
        self._sizes: dict[int, int] = {}
        self._total = 0
        self.dropped_bodies: set[int] = set()

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Exchange]:
        return reversed(self._held.values())

    def get(self, number: int) -> Exchange | None:
        """The exchange with this number, if it is still held."""
        return self._held.get(number)

    def add(self, exchange: Exchange) -> None:
        """Take an exchange in, or note that a known one went on."""
        self._held[exchange.number] = exchange
        size = exchange.response_size if exchange.response_body is not None else 0
        self._total += size - self._sizes.get(exchange.number, 0)
        self._sizes[exchange.number] = size
        while len(self._held) > self._max_exchanges:
            oldest = next(iter(self._held))
            del self._held[oldest]
            self._total -= self._sizes.pop(oldest)
            self.dropped_bodies.discard(oldest)
        if self._total > self._max_bytes:
            self._let_go(exchange.number)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._sizes.clear()
        self.dropped_bodies.clear()
        self._total = 0

    def _let_go(self, newest: int) -> None:
        for number, exchange in self._held.items():
            if self._total <= self._max_bytes:
                return
            if number != newest and self._sizes[number]:
                exchange.response_body = None
                self._total -= self._sizes[number]
                self._sizes[number] = 0
                self.dropped_bodies.add(number)
