"""OpenAPI's serialization styles of parameters, by the type of the value.

| style                             | place       | a list                     | an object                        |
|-----------------------------------|-------------|----------------------------|----------------------------------|
| `form`                            | query, form | `n=a&n=b`, or `n=a,b`      | `k=v&l=w`, or `n=k,v,l,w`        |
| `spaceDelimited`, `pipeDelimited` | query, form | the same, with ` ` or `|`  | the same                         |
| `deepObject`                      | query, form | `n[]=a&n[]=b`              | `n[k]=v&n[l][m]=w`               |
| `simple`, `label`, `matrix`       | path        | `a,b` `.a.b` `;n=a;n=b`    | `k,v` or `k=v`, by style         |
| `simple`                          | header      | `a, b`                     | `k,v,l,w`, or `k=v,l=w`          |
| `reserved` (RFC 6570 `{+n}`)      | path        | one value, its slashes kept                                   |
| `json` (`content` of a parameter) | all         | JSON                                                          |

Without a style a list repeats its name and an object is JSON. OpenAPI does not define lists under `deepObject`; they
are sent as servers that use it expect them. Nested lists and objects that a style does not define are JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

STYLES: dict[str, frozenset[str]] = {
    "path": frozenset({"simple", "label", "matrix", "reserved", "json"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject", "json"}),
    "header": frozenset({"simple", "json"}),
    "body": frozenset(),
}
"""The styles by place. Fields of a form have those of the query."""

RESERVED = "/:@!$&'()*+,;=~"
"""Characters that need no encoding in a path (RFC 3986 section 3.3, and the slash)."""

_SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}

Text = Callable[[Any], str]
"""Returns one value as text; raises for what cannot be sent."""
Encode = Callable[[str], str]


def pairs(name: str, value: Any, style: str, explode: bool, text: Text, encode: Encode) -> Iterator[str]:
    """Yield the `name=value` parts of a query or form, encoded; none for `null` and empty values."""

    def pair(key: str, item: Any) -> str:
        return f"{encode(key)}={encode(text(item))}"

    if value is None:
        return
    if style == "json":
        yield f"{encode(name)}={encode(as_json(value, text))}"
    elif style == "deepObject" and isinstance(value, dict | list):
        for key, item in _deep(name, value):
            yield pair(key, item)
    elif isinstance(value, list):
        if explode or not style:
            yield from (pair(name, item) for item in value if item is not None)
        elif value:
            yield _joined(name, value, style, text, encode)
    elif isinstance(value, dict) and style:
        if explode and style == "form":
            for key, item in value.items():
                yield from pairs(key, item, "", True, text, encode)
        elif flattened := _flattened_items(value):
            yield _joined(name, flattened, style, text, encode)
    else:
        yield pair(name, value)


def in_path(name: str, value: Any, style: str, explode: bool, text: Text) -> str:
    """Return a value as the part of a path that replaces `{name}`, encoded."""

    def encode(item: Any) -> str:
        return quote(text(item), safe="")

    if style == "json":
        return quote(as_json(value, text), safe="")
    if style == "reserved":
        return quote(text(value), safe=RESERVED)
    encoded_name = quote(name, safe="")
    if isinstance(value, dict):
        encoded_items = [(encode(key), encode(item)) for key, item in value.items() if item is not None]
        parts = (
            [f"{key}={item}" for key, item in encoded_items]
            if explode
            else [part for pair in encoded_items for part in pair]
        )
    elif isinstance(value, list):
        parts = [encode(item) for item in value if item is not None]
        if explode and style == "matrix":
            parts = [f"{encoded_name}={item}" for item in parts]
    else:
        parts, explode = [encode(value)], False
    if style == "label":
        return "." + ("." if explode else ",").join(parts)
    if style == "matrix":
        return "".join(f";{part}" for part in parts) if explode else f";{encoded_name}={','.join(parts)}"
    return ",".join(parts)


def in_header(value: Any, style: str, explode: bool, text: Text) -> str:
    """Return a value as the text of a header."""
    if style == "json":
        return as_json(value, text)
    if isinstance(value, list):
        return ", ".join(text(item) for item in value if item is not None)
    if isinstance(value, dict) and style:
        if explode:
            return ",".join(f"{text(key)}={text(item)}" for key, item in value.items() if item is not None)
        return ",".join(map(text, _flattened_items(value)))
    return text(value)


def as_json(value: Any, text: Text) -> str:
    """Return a value as JSON. `text` encodes lists and objects, and any value within one, as JSON."""
    return text([value])[1:-1]


def _joined(name: str, values: Iterable[Any], style: str, text: Text, encode: Encode) -> str:
    separator = encode(_SEPARATORS[style]) if style in _SEPARATORS else ","
    return f"{encode(name)}={separator.join(encode(text(item)) for item in values if item is not None)}"


def _flattened_items(value: dict[str, Any]) -> list[Any]:
    return [part for key, item in value.items() if item is not None for part in (key, item)]


def _deep(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _deep(f"{name}[{key}]", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _deep(f"{name}[{index if isinstance(item, dict | list) else ''}]", item)
    elif value is not None:
        yield name, value
