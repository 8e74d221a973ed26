"""The responses of an endpoint as data, not sanitized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.text import text_of

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """The server's description of itself; missing texts are empty. `protocol` is the MCP version: `2025-11-25`."""

    name: str = ""
    title: str = ""
    version: str = ""
    instructions: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class SeenTool:
    """A tool as a model's client gets it; `raw` is the complete JSON."""

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
        for uri in (ui.get("resourceUri") if isinstance(ui, dict) else None, self.meta.get("openai/outputTemplate")):
            if isinstance(uri, str) and uri:
                return uri
        return ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call.

    `text` is what a model reads; `structured` the `structuredContent`, None where there is none; `seconds`
    the duration; `raw` the complete result. `is_error` says that the tool itself failed.
    """

    text: str
    structured: Any
    is_error: bool
    seconds: float
    raw: Object = field(repr=False)

    @property
    def meta(self) -> Object:
        """The result's `_meta`."""
        meta = self.raw.get("_meta")
        return meta if isinstance(meta, dict) else {}


@dataclass(frozen=True, slots=True)
class Contents:
    """A resource: its text (empty if it is binary), its media type and its `_meta`."""

    uri: str
    text: str
    mime: str = ""
    meta: Object = field(default_factory=dict)


def tool_from(raw: Mapping[str, Any]) -> SeenTool:
    """Return a tool of a `tools/list` result."""
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
    """Return the result of a `tools/call`."""
    content = raw.get("content")
    parts = [part_text(part) for part in content] if isinstance(content, list) else []
    return CallResult("\n".join(parts), raw.get("structuredContent"), raw.get("isError") is True, seconds, raw)


def contents_from(uri: str, raw: Mapping[str, Any]) -> Contents:
    """Return the first of the contents of a `resources/read` result."""
    contents = raw.get("contents")
    first = _object(contents[0]) if isinstance(contents, list) and contents else {}
    mime, meta = text_of(first, "mimeType"), _object(first.get("_meta"))
    return Contents(text_of(first, "uri") or uri, text_of(first, "text"), mime, meta)


def part_text(part: Any) -> str:
    """Return one item of a result's content as text; other media are named in brackets."""
    item = _object(part)
    content_type = text_of(item, "type")
    if content_type == "text":
        return text_of(item, "text")
    if content_type == "resource":
        resource = _object(item.get("resource"))
        return text_of(resource, "text") or f"[resource {text_of(resource, 'uri')}]"
    description = text_of(item, "mimeType") or text_of(item, "uri")
    return f"[{' '.join(filter(None, (content_type or 'content', description)))}]"


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
