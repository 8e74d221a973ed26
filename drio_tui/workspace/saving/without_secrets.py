"""What of a resource is written to files: its properties without secrets, and fingerprints that recognize it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.redact import may_hold_secrets, redact
from drio_tui.storage.file_names import digest


def fingerprint_of(text: str) -> str:
    """Return a short fingerprint of an id or another text."""
    return digest(text)[:8]


def fingerprints_of(body: dict[str, Any]) -> dict[str, str]:
    """Return the fingerprints of the properties of a body, without secrets and objects.

    Text counts without spaces around it, which drio may remove.
    """
    return {
        name: fingerprint_of(json_codec.dumps(value.strip() if isinstance(value, str) else value))
        for name, value in without_secrets(body)[0].items()
        if not isinstance(value, dict)
    }


def without_secrets(value: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, ...], ...]]:
    """Return the object without its secrets, and the paths (name by name) of the removed secrets.

    A list that contains a secret is removed as a whole: the rest of it would be restored as if it were complete.
    """
    if not may_hold_secrets(value):
        return dict(value), ()
    lost: list[tuple[str, ...]] = []
    return _strip(value, redact(value), (), lost), tuple(lost)


def without_paths(raw: Mapping[str, Any], lost: tuple[str, ...], path: str = "") -> dict[str, Any]:
    """Return a copy without the properties at the dotted paths in `lost`; `path` is that of `raw` itself."""
    result: dict[str, Any] = {}
    for name, value in raw.items():
        value_path = f"{path}.{name}" if path else name
        if value_path not in lost:
            result[name] = without_paths(value, lost, value_path) if isinstance(value, dict) else value
    return result


def _strip(
    value: dict[str, Any], redacted: dict[str, Any], path: tuple[str, ...], lost: list[tuple[str, ...]]
) -> dict[str, Any]:
    stripped: dict[str, Any] = {}
    for name, item in value.items():
        item_path = (*path, name)
        redacted_item = redacted.get(name)
        if isinstance(item, dict) and isinstance(redacted_item, dict):
            stripped[name] = _strip(item, redacted_item, item_path, lost)
        elif item == redacted_item:
            stripped[name] = item
        else:
            lost.append(item_path)
    return stripped
