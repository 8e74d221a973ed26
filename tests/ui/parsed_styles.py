"""Style sheets are parsed once for all tests: Textual keeps what it parsed per app, and each test has its own app."""

from __future__ import annotations

from typing import Any

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet


def install() -> None:
    """Give every style sheet with the same variables (a theme's colours) the same parsed rules."""
    parsed: dict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = {}
    parse_rules = Stylesheet._parse_rules

    def shared(self: Stylesheet, *arguments: Any, **options: Any) -> Any:
        own = self._parse_cache
        self._parse_cache = parsed.setdefault(frozenset(self._variables.items()), LRUCache(4096))
        try:
            return parse_rules(self, *arguments, **options)
        finally:
            self._parse_cache = own  # which is emptied when the variables change

    Stylesheet._parse_rules = shared  # type: ignore[method-assign]
