"""Parse style sheets once for all tests: Textual's cache is per app, and each test has its own app."""

from __future__ import annotations

from typing import Any

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet


def install() -> None:
    """Share the parsed rules between style sheets with the same variables (a theme's colours)."""
    parsed: dict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = {}
    parse_rules = Stylesheet._parse_rules

    def parse_shared(self: Stylesheet, *arguments: Any, **options: Any) -> Any:
        own_cache = self._parse_cache
        self._parse_cache = parsed.setdefault(frozenset(self._variables.items()), LRUCache(4096))
        try:
            return parse_rules(self, *arguments, **options)
        finally:
            self._parse_cache = own_cache  # Textual clears it when the variables change

    RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign] # the same value, of a function in C
    Stylesheet._parse_rules = parse_shared  # type: ignore[method-assign]
