"""Comparing JSON values, without the models, which are slow to import."""

from __future__ import annotations

from typing import Any

_CONTAINERS = (dict, list)


def changes(base: dict[str, Any], wanted: dict[str, Any], *, depth: int = 1) -> dict[str, Any]:
    """Return the PATCH body from `base` to `wanted`: changed properties, null for removed ones (RFC 7396).

    Objects are compared `depth` levels deep, as PATCH merges them; lists are replaced.
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        if key in base and same_json(base[key], value):
            continue
        base_value = base.get(key)
        if depth and isinstance(value, dict) and isinstance(base_value, dict):
            patch[key] = changes(base_value, value, depth=depth - 1)
        else:
            patch[key] = value
    patch.update({key: None for key in base if key not in wanted})
    return patch


def same_json(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; `1` and `True` differ, as do `1` and `1.0`."""
    return bool(left == right) and _same_types(left, right)


def _same_types(left: Any, right: Any) -> bool:
    """Return whether two equal JSON values have the same types inside, too."""
    if left.__class__ is not right.__class__:
        return False
    if isinstance(left, dict):
        pairs = [(value, right[key]) for key, value in left.items()]
    elif isinstance(left, list):
        pairs = [*zip(left, right, strict=True)]
    else:
        return True
    for value, other in pairs:
        if value.__class__ is not other.__class__ or (value.__class__ in _CONTAINERS and not _same_types(value, other)):
            return False
    return True
