"""The body of an upstream's response as a JSON value that every client accepts."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from drio_tui.api.json_codec import MalformedJson, loads

if TYPE_CHECKING:
    from drio_tui.tool_calls.fetch import UpstreamResponse

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_TEXT_TYPES = ("text/", "application/xml", "application/xhtml+xml", "application/javascript")


def read(response: UpstreamResponse) -> tuple[Any, bool]:
    """Return the response's value, and whether it was JSON; None for what is neither JSON nor text."""
    media_type = response.content_type
    if not response.body:
        return None, False
    if media_type.endswith(("/json", "+json")) or media_type in ("", "text/plain"):
        try:
            return plain(loads(response.body)), True
        except MalformedJson:
            pass
    if media_type == "" or media_type.startswith(_TEXT_TYPES) or media_type.endswith(("/json", "+json", "+xml")):
        try:
            text = response.body.decode(response.charset or "utf-8", "replace")
        except LookupError:
            text = response.body.decode("utf-8", "replace")
        return _SURROGATES.sub("\ufffd", text.replace("\x00", "\ufffd")), False
    return None, False


def plain(value: Any) -> Any:
    """Return JSON that every client accepts: numbers beyond a double as the nearest double, no lone surrogates."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
    if isinstance(value, Decimal):
        number = float(value)
        return number if number not in (float("inf"), float("-inf")) else str(value)
    if isinstance(value, dict):
        return {plain(name): plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def as_text(value: Any) -> str:
    """Return a value as JSON text for models and users."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
