"""Bodies of requests that are sent as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from drio_tui.api import json_codec
from drio_tui.api.redact import redact


@dataclass(frozen=True, slots=True)
class Content:
    """A body that is sent as it is, with its media type."""

    media_type: str
    data: bytes = field(repr=False)


def redacted_content(content: Content) -> Any:
    """Return a body without its secrets: JSON as a value, a form as an object of its fields, else text."""
    if content.media_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        fields: dict[str, Any] = {}
        for name, value in parse_qsl(content.data.decode("utf-8", "replace"), keep_blank_values=True):
            fields[name] = [*_as_list(fields[name]), value] if name in fields else value
        return redact(fields)
    try:
        return redact(json_codec.loads(content.data))
    except json_codec.MalformedJson:
        return redact(content.data.decode("utf-8", "replace"))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
