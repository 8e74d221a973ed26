"""Other data in the responses to GET, in the form that the OpenAPI document describes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from drio_tui.api.json_codec import Document

HUGE_COUNT = 5_000
_FREE_TEXTS = frozenset({"name", "description", "serverInstructions", "title", "providerName", "category"})
_LONG = "A long text that goes on. " * 400
_HOSTILE = (
    "[red]markup[/red] [@click=app.quit]click[/] [/oops]",
    "\x1b[2J\x1b[31mred \x1b]0;title\x07 \x1b]52;c;ZXZpbA==\x07",
    "\x9b31mC1 \x1bP+q544e\x1b\\ back\x08space\rreturn",
    "\u202eevil\u202c zero\u200bwidth \ufeff",
    "<script>alert(1)</script> ${{7*7}} {{ x }} '; rm -rf ~ #",
    "e" + "\u0301" * 200 + " 👩‍👩‍👧‍👦 漢字 ＷＩＤＥ",
    "=cmd()|line\nbreak\u2028separator",
    "../../etc/passwd%00%2e%2e",
)
_UNKNOWN_VALUE = "unheard-of"
_UNKNOWN_PROPERTY = "sandboxAddition"


class DataFaults:
    """Changes parsed responses; `document` has the schemas that `$ref` refers to."""

    def __init__(self, document: Document) -> None:
        self._schemas = document["components"]["schemas"]

    def changed(self, value: Any, schema: Any, shape: str, count: int | None) -> Any:
        """Return `value`, a response of the form of `schema`, as the shape says (`empty`, `one`, `huge` …)."""
        if shape in ("empty", "one", "huge"):
            lengths = {"empty": 0, "one": 1, "huge": HUGE_COUNT if count is None else count}
            return _with_lists(value, lambda items: _of_length(items, lengths[shape]))
        if shape == "unknown":
            return self._walk(value, schema, _unknown_text, add_properties=True)
        # The same text is always replaced by the same: else each GET would show changes that nobody made.
        texts = (_LONG,) if shape == "long" else _HOSTILE

        def free_text(name: str, text: str, _known_values: list[str]) -> str:
            return texts[zlib.crc32(f"{name}:{text}".encode()) % len(texts)] if name in _FREE_TEXTS else text

        return self._walk(value, schema, free_text, add_properties=False)

    def _walk(
        self,
        value: Any,
        schema: Any,
        text_of: Callable[[str, str, list[str]], str],
        *,
        add_properties: bool,
        name: str = "",
    ) -> Any:
        """Return `value` with other texts, where the schema describes what a text is."""
        variants = self._variants(schema)
        if isinstance(value, str):
            known: list[str] = next(
                (variant["x-known-values"] for variant in variants if "x-known-values" in variant), []
            )
            return text_of(name, value, known)
        if isinstance(value, list):
            items: Any = next((variant["items"] for variant in variants if "items" in variant), {})
            return [self._walk(item, items, text_of, add_properties=add_properties, name=name) for item in value]
        properties = next((variant["properties"] for variant in variants if "properties" in variant), None)
        if not isinstance(value, dict) or properties is None:
            return value
        changed = {
            key: self._walk(item, properties.get(key, {}), text_of, add_properties=add_properties, name=key)
            for key, item in value.items()
        }
        return changed | {_UNKNOWN_PROPERTY: {"since": "v9", "values": [1, None]}} if add_properties else changed

    def _variants(self, schema: Any) -> list[dict[str, Any]]:
        """Return the schemas of which one has to be valid: a schema, or those in its `anyOf`, with `$ref` resolved."""
        if not isinstance(schema, dict):
            return []
        if "$ref" in schema:
            return self._variants(self._schemas.get(schema["$ref"].rpartition("/")[2]))
        if "x-known-values" in schema or "anyOf" not in schema:
            return [schema]
        return [variant for part in schema["anyOf"] for variant in self._variants(part)]


def _unknown_text(_name: str, text: str, known_values: list[str]) -> str:
    return _UNKNOWN_VALUE if known_values else text


def _with_lists(value: Any, change: Callable[[list[Any]], list[Any]], depth: int = 2) -> Any:
    """Return `value` with other lists of resources, in the response itself or in a config."""
    if isinstance(value, list) and all(isinstance(item, dict) and "id" in item for item in value):
        return change(value)
    if isinstance(value, dict) and depth:
        return {name: _with_lists(item, change, depth - 1) for name, item in value.items()}
    return value


def _of_length(items: list[Any], length: int) -> list[Any]:
    """Return the items, shortened or repeated as copies with other ids, keys and names."""
    if not items:
        return items
    copies = [_copy(items[number % len(items)], number // len(items) + 1) for number in range(len(items), length)]
    return [*items[:length], *copies]


def _copy(item: dict[str, Any], number: int) -> dict[str, Any]:
    changed = {name: f"{item[name]}-{number}" for name in ("id", "key", "slug") if isinstance(item.get(name), str)}
    return item | changed | {"name": f"{item.get('name', 'Copy')} {number}"}
