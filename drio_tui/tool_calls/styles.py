"""The styles in which OpenAPI sends a parameter's value, chosen by what the value is.

| style                             | place       | a list                     | an object                        |
|-----------------------------------|-------------|----------------------------|----------------------------------|
| `form`                            | query, form | `n=a&n=b`, or `n=a,b`      | `k=v&l=w`, or `n=k,v,l,w`        |
| `spaceDelimited`, `pipeDelimited` | query, form | the same, with ` ` or `|`  | the same                         |
| `deepObject`                      | query, form | `n[]=a&n[]=b`              | `n[k]=v&n[l][m]=w`               |
| `simple`, `label`, `matrix`       | path        | `a,b` `.a.b` `;n=a;n=b`    | `k,v` or `k=v`, each in its way  |
| `simple`                          | header      | `a, b`                     | `k,v,l,w`, or `k=v,l=w`          |
| `reserved` (RFC 6570 `{+n}`)      | path        | one value, its slashes kept                                   |
| `json` (`content` of a parameter) | all         | JSON                                                          |

Without a style a list repeats its name and an object is JSON. OpenAPI leaves lists under `deepObject` open; what
is sent for them is what servers that use it read. Lists and objects inside of what has no form for them are JSON.
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
"""The styles by place. Members of a form have those of the query."""

RESERVED = "/:@!$&'()*+,;=~"
"""What a path may hold as it is (RFC 3986 section 3.3, and the slash)."""

_SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}

Text = Callable[[Any], str]
"""One value as text; raises for what cannot be sent."""
Encode = Callable[[str], str]


def pairs(name: str, value: Any, style: str, explode: bool, text: Text, encode: Encode) -> Iterator[str]:
    """The `name=value` parts of a query or a form, encoded. `null` and what is empty have none."""

    def pair(called: str, one: Any) -> str:
        return f"{encode(called)}={encode(text(one))}"

    if value is None:
        return
    if style == "json":
        yield f"{encode(name)}={encode(as_json(value, text))}"
    elif style == "deepObject" and isinstance(value, dict | list):
        for called, one in _deep(name, value):
            yield pair(called, one)
    elif isinstance(value, list):
        if explode or not style:
            yield from (pair(name, one) for one in value if one is not None)
        elif value:
            yield _joined(name, value, style, text, encode)
    elif isinstance(value, dict) and style:
        if explode and style == "form":
            for member, one in value.items():
                yield from pairs(member, one, "", True, text, encode)
        elif flat := _flat(value):
            yield _joined(name, flat, style, text, encode)
    else:
        yield pair(name, value)


def in_path(name: str, value: Any, style: str, explode: bool, text: Text) -> str:
    """A value as the part of a path that stands for `{name}`, encoded."""

    def encode(one: Any) -> str:
        return quote(text(one), safe="")

    if style == "json":
        return quote(as_json(value, text), safe="")
    if style == "reserved":
        return quote(text(value), safe=RESERVED)
    named = quote(name, safe="")
    if isinstance(value, dict):
        members = [(encode(member), encode(one)) for member, one in value.items() if one is not None]
        parts = [f"{member}={one}" for member, one in members] if explode else [each for two in members for each in two]
    elif isinstance(value, list):
        parts = [encode(one) for one in value if one is not None]
        if explode and style == "matrix":
            parts = [f"{named}={one}" for one in parts]
    else:
        parts, explode = [encode(value)], False
    if style == "label":
        return "." + ("." if explode else ",").join(parts)
    if style == "matrix":
        return "".join(f";{part}" for part in parts) if explode else f";{named}={','.join(parts)}"
    return ",".join(parts)


def in_header(value: Any, style: str, explode: bool, text: Text) -> str:
    """A value as the text of a header."""
    if style == "json":
        return as_json(value, text)
    if isinstance(value, list):
        return ", ".join(text(one) for one in value if one is not None)
    if isinstance(value, dict) and style:
        if explode:
            return ",".join(f"{text(member)}={text(one)}" for member, one in value.items() if one is not None)
        return ",".join(map(text, _flat(value)))
    return text(value)


def as_json(value: Any, text: Text) -> str:
    """A value as JSON; `text` makes JSON of lists and objects, and of anything in one."""
    return text([value])[1:-1]


def _joined(name: str, values: Iterable[Any], style: str, text: Text, encode: Encode) -> str:
    separator = encode(_SEPARATORS[style]) if style in _SEPARATORS else ","
    return f"{encode(name)}={separator.join(encode(text(one)) for one in values if one is not None)}"


def _flat(value: dict[str, Any]) -> list[Any]:
    return [each for member, one in value.items() if one is not None for each in (member, one)]


def _deep(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for member, one in value.items():
            yield from _deep(f"{name}[{member}]", one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _deep(f"{name}[{number if isinstance(one, dict | list) else ''}]", one)
    elif value is not None:
        yield name, value
