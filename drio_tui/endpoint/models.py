"""What an endpoint shows of itself, as data. Nothing here is safe to show yet: it came from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers: empty texts where it does not say. `protocol` is the MCP version spoken, `2025-11-25`."""

    name: str = ""
    title: str = ""
    version: str = ""
    instructions: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class SeenTool:
    """A tool as a model's client gets it; `raw` is all of it."""

    name: str
    title: str = ""
    description: str = ""
    input_schema: Object = field(default_factory=dict)
    output_schema: Object | None = None
    annotations: Object = field(default_factory=dict)
    meta: Object = field(default_factory=dict)
    raw: Object = field(default_factory=dict, repr=False)

    @property
    def widget_uri(self) -> str:
        """The `ui://` resource that shows its results, empty where there is none (MCP Apps, ChatGPT's Apps SDK)."""
        ui = self.meta.get("ui")
        for found in (ui.get("resourceUri") if isinstance(ui, dict) else None, self.meta.get("openai/outputTemplate")):
            if isinstance(found, str) and found:
                return found
        return ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call brought.

    `text` is what a model reads; `structured` the `structuredContent`, None where there is none; `seconds`
    how long it took; `raw` the whole result. `is_error` says that the tool itself failed.
    """

    text: str
    structured: Any
    is_error: bool
    seconds: float
    raw: Object = field(repr=False)

    @property
    def meta(self) -> Object:
        """The result's `_meta`."""
        found = self.raw.get("_meta")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Contents:
    """A resource: its text (empty when it is binary), its media type and its `_meta`."""

    uri: str
    text: str
    mime: str = ""
    meta: Object = field(default_factory=dict)


def tool_from(raw: Mapping[str, Any]) -> SeenTool:
    """A tool of a `tools/list` result."""
    output = raw.get("outputSchema")
    return SeenTool(
        name=text_of(raw, "name"),
        title=text_of(raw, "title"),
        description=text_of(raw, "description"),
        input_schema=_object(raw.get("inputSchema")),
        output_schema=output if isinstance(output, dict) else None,
        annotations=_object(raw.get("annotations")),
        meta=_object(raw.get("_meta")),
        raw=dict(raw),
    )


def result_from(raw: Object, seconds: float) -> CallResult:
    """The result of a `tools/call`."""
    content = raw.get("content")
    parts = [part_text(part) for part in content] if isinstance(content, list) else []
    return CallResult("\n".join(parts), raw.get("structuredContent"), raw.get("isError") is True, seconds, raw)


def contents_from(uri: str, raw: Mapping[str, Any]) -> Contents:
    """The first of the contents of a `resources/read` result."""
    found = raw.get("contents")
    first = _object(found[0]) if isinstance(found, list) and found else {}
    mime, meta = text_of(first, "mimeType"), _object(first.get("_meta"))
    return Contents(text_of(first, "uri") or uri, text_of(first, "text"), mime, meta)


def part_text(part: Any) -> str:
    """A piece of a result's content as text; what is no text is named."""
    piece = _object(part)
    kind = text_of(piece, "type")
    if kind == "text":
        return text_of(piece, "text")
    if kind == "resource":
        inner = _object(piece.get("resource"))
        return text_of(inner, "text") or f"[resource {text_of(inner, 'uri')}]"
    what = text_of(piece, "mimeType") or text_of(piece, "uri")
    return f"[{' '.join(filter(None, (kind or 'content', what)))}]"


def text_of(raw: Mapping[str, Any], member: str) -> str:
    """A member when it is a string, else the empty string."""
    value = raw.get(member)
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
