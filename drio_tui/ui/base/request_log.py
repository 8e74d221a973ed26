"""The log of the last requests, bounded in number and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drio_tui.api.exchange import Exchange

MAX_EXCHANGES = 500
MAX_BODY_BYTES = 32 << 20


class RequestLog:
    """The last exchanges; iterating gives the newest first.

    When the response bodies exceed `max_bytes` (counted by their size on the wire), the oldest bodies are
    dropped; the exchange itself stays until there are `max_exchanges` newer ones.
    """

    def __init__(self, *, max_exchanges: int = MAX_EXCHANGES, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_exchanges = max_exchanges
        self._max_bytes = max_bytes
        self._exchanges: dict[int, Exchange] = {}
        self._sizes: dict[int, int] = {}
        self._total = 0
        self.dropped_bodies: set[int] = set()

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return reversed(self._exchanges.values())

    def get(self, number: int) -> Exchange | None:
        """Return the exchange with this number; None if it is no longer in the log."""
        return self._exchanges.get(number)

    def add(self, exchange: Exchange) -> None:
        """Add an exchange, or update the size of one that is in the log."""
        self._exchanges[exchange.number] = exchange
        size = exchange.response_size if exchange.response_body is not None else 0
        self._total += size - self._sizes.get(exchange.number, 0)
        self._sizes[exchange.number] = size
        while len(self._exchanges) > self._max_exchanges:
            oldest = next(iter(self._exchanges))
            del self._exchanges[oldest]
            self._total -= self._sizes.pop(oldest)
            self.dropped_bodies.discard(oldest)
        if self._total > self._max_bytes:
            self._drop_bodies(exchange.number)

    def clear(self) -> None:
        """Remove everything."""
        self._exchanges.clear()
        self._sizes.clear()
        self.dropped_bodies.clear()
        self._total = 0

    def _drop_bodies(self, newest: int) -> None:
        for number, exchange in self._exchanges.items():
            if self._total <= self._max_bytes:
                return
            if number != newest and self._sizes[number]:
                exchange.response_body = None
                self._total -= self._sizes[number]
                self._sizes[number] = 0
                self.dropped_bodies.add(number)
