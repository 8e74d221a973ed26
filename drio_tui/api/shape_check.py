"""Telling without pydantic that a resource is as documented, for the lists that stand on the first screens.

Importing pydantic and building the models takes a fifth of a second. A resource that `fits` is surely valid
for its model (a test holds both together); one that does not fit is judged by the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shape = Mapping[str, Any]
"""Member names to what stands there: a type, a nested `Shape`, or a one-element list of either."""

BRANDING: Shape = dict.fromkeys(
    ("primaryColor", "accentColor", "backgroundColor", "fontFamily", "borderRadius"), str
)  # fmt: skip
APP: Shape = {
    **dict.fromkeys(
        ("id", "name", "slug", "publicMcpId", "description", "version", "status", "templateId", "companyUrl",
         "serverInstructions"),
        str,
    ),
    "isEnabled": bool,
    "branding": BRANDING,
}  # fmt: skip
_PART: Shape = dict.fromkeys(("name", "key", "description"), str)
TEMPLATE: Shape = {
    **dict.fromkeys(("id", "name", "description", "category"), str),
    "tags": [str],
    **{name: [_PART] for name in ("tools", "widgets", "auth", "integrations")},
    "branding": BRANDING,
}
_REQUIRED = {id(APP): ("id", "name"), id(TEMPLATE): ("id", "name"), id(_PART): ("name",)}


def fits(raw: Any, shape: Shape) -> bool:
    """Whether `raw` is an object whose known members are all there that must be, and of the right types.

    Unknown members are none of its business; null is fine wherever the member may be missing.
    """
    if not isinstance(raw, dict) or not all(map(str.isascii, raw)):
        return False
    required = _REQUIRED.get(id(shape), ())
    if not all(_is(raw.get(name), str) for name in required):
        return False
    return all(raw[name] is None or _is(raw[name], wanted) for name, wanted in shape.items() if name in raw)


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return isinstance(value, list) and all(_is(item, wanted[0]) for item in value)
    if wanted is str:
        return isinstance(value, str) and _is_text(value)
    if isinstance(wanted, type):
        return isinstance(value, wanted)
    return fits(value, wanted)


def _is_text(value: str) -> bool:
    """Whether there is no half of a character in it (a lone surrogate), which pydantic takes for no text."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
