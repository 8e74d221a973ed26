"""In which media types the body of an operation is sent, and its response accepted."""

from __future__ import annotations

import re
from typing import Any

from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.tool_calls.requests import JSON, content_kind, is_media_type

_MOST_ACCEPTED = 8


def sendable(content: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Return the media type that a body is sent as, and its Media Type Object, from a `content` object.

    Plain JSON is preferred to other JSON, then forms, then text; ("", None) if there is none of these.
    """
    by_kind: dict[str, tuple[str, dict[str, Any]]] = {}
    for media_type, media in content.items():
        name = str(media_type).strip()
        if not isinstance(media, dict):
            continue
        if _essence(name) in ("*/*", "application/*"):
            name = JSON
        kind = "plain" if _essence(name) == JSON else content_kind(name)
        if kind and is_media_type(name):
            by_kind.setdefault(kind, (name, media))
    return next((by_kind[kind] for kind in ("plain", "json", "form", "text") if kind in by_kind), ("", None))


def accept_header(responses: Any, references: References) -> str:
    """Return the `Accept` header for the declared responses; empty if plain JSON, the default, is among them."""
    kinds: dict[str, None] = {}
    for response in successes(responses, references):
        content = response.get("content") if isinstance(response, dict) else None
        kinds |= dict.fromkeys(kind.strip() for kind in content if isinstance(kind, str)) if content else {}
    valid = [kind for kind in kinds if is_media_type(kind)]
    if not valid or any("*" in kind or _essence(kind) == JSON for kind in kinds):
        return ""
    order = {"json": 0, "text": 1}
    valid.sort(key=lambda kind: order.get(content_kind(kind), 2))
    preferred = content_kind(valid[0])
    listed = [kind if content_kind(kind) == preferred else f"{kind};q=0.5" for kind in valid[:_MOST_ACCEPTED]]
    return ", ".join([*listed, "*/*;q=0.1"])


def successes(responses: Any, references: References) -> list[Any]:
    """Return the declared 2xx responses in the order of their status, or the `default` one if there is none.

    A reference that cannot be resolved is returned as its `UnresolvedReference`.
    """
    declared = responses if isinstance(responses, dict) else {}
    statuses = sorted((status for status in declared if re.fullmatch(r"2(?:\d\d|[xX]{2})", status)), key=str.upper)
    resolved = []
    for status in statuses or (["default"] if "default" in declared else []):
        try:
            resolved.append(references.follow(declared[status]))
        except UnresolvedReference as error:
            resolved.append(error)
    return resolved


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
