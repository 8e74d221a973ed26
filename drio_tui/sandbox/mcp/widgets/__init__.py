"""Widgets as MCP Apps: self-contained HTML documents that render a tool's result with the app's branding.

A document loads nothing and connects to nothing: its Content-Security-Policy allows only its own script and style,
by hash. It gets its data as JSON from the host (MCP Apps, or ChatGPT's `window.openai`) or, in a preview, from a
script element of type `application/json`, and renders them as text nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.mcp.snapshot import DeployedTool, Deployment
from drio_tui.sandbox.mcp.widgets.css_variables import variables
from drio_tui.tool_calls.tools import WIDGET_DIGEST, widget_tool_meta, widget_uri
from drio_tui.widget_data import template

APPS_EXTENSION = "io.modelcontextprotocol/ui"
"""The MCP Apps extension (SEP-1865)."""
MIME_TYPE = "text/html;profile=mcp-app"
VIEW_META = "drio/view"
"""The property of a result's `_meta` with the widget's data (`drio_tui.widget_data.field_mappings.WidgetData`)."""

_ITEM_PRIMITIVES = frozenset({"data-table", "list", "card-grid", "timeline", "chart"})
_CONTROLS = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget of a deployment. Its URI contains a hash of the document, since hosts cache what they fetched."""

    uri: str
    key: str
    title: str
    description: str
    html: str = field(repr=False)
    tool_meta: Document = field(repr=False)
    resource_meta: Document = field(repr=False)


def widgets_of(deployment: Deployment) -> dict[str, Widget]:
    """Return the widgets of a deployment by the id of their tool."""
    return {tool.id: _widget(deployment, tool) for tool in deployment.tools.values() if tool.widget is not None}


def document_of(deployment: Deployment, tool: DeployedTool, result: Document | None = None) -> str:
    """Return the HTML of a tool's widget; with `result` (an MCP tool result) it shows that without a host."""
    assert tool.widget is not None
    config = _config(deployment, tool, tool.widget)
    style = f":root {{{variables(deployment.app.get('branding'))}}}\n{_asset('widget.css')}"
    script = _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(str(tool.widget['name']))}</title><style>{style}</style></head>"
        '<body><main id="root" aria-live="polite"></main>'
        f'<script type="application/json" id="config">{_json_for_html(config)}</script>'
        f'<script type="application/json" id="data">{_json_for_html(result)}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _widget(deployment: Deployment, tool: DeployedTool) -> Widget:
    assert tool.widget is not None
    app, widget = deployment.app, tool.widget
    text = document_of(deployment, tool)
    uri = widget_uri(app, widget, hashlib.sha256(text.encode()).hexdigest()[:WIDGET_DIGEST])
    description = widget.get("description") or f"{widget['name']}: the result of {tool.title}."
    no_domains: Document = {"connectDomains": [], "resourceDomains": []}
    return Widget(
        uri=uri,
        key=widget["key"],
        title=widget["name"],
        description=description,
        html=text,
        tool_meta=widget_tool_meta(uri, tool.title),
        resource_meta={
            "ui": {"csp": no_domains, "prefersBorder": True},
            "openai/widgetDescription": description,
            "openai/widgetPrefersBorder": True,
            "openai/widgetCSP": {"connect_domains": [], "resource_domains": []},
        },
    )


def _config(deployment: Deployment, tool: DeployedTool, widget: Document) -> Document:
    """Return the config that the document's script reads."""
    config = widget.get("config") or {}
    mappings = config.get("fieldMappings") or {}
    return {
        "name": deployment.app["name"],
        "version": deployment.app.get("version") or "",
        "primitive": widget["primitive"],
        "displayMode": widget.get("displayMode") or "inline",
        "style": {name: str(value) for name, value in (config.get("style") or {}).items()},
        "actions": [
            config_action
            for index, action in enumerate(widget.get("actions") or [])
            if (config_action := _action(deployment, widget, index, action)) is not None
        ],
        "form": _form(tool, mappings) if widget["primitive"] == "form" else [],
        "yName": str(mappings.get("y", "value")).rpartition(".")[2] or "value",
        "viewMeta": VIEW_META,
        "roots": {name: sorted(names) for name, names in template.ROOTS.items()},
    }


def _action(deployment: Deployment, widget: Document, index: int, action: Document) -> Document | None:
    """Return an action as the document's script reads it, None for one that cannot work."""
    target = deployment.by_id.get(action.get("targetToolId") or "")
    kind = action.get("type")
    if kind not in ("callTool", "sendMessage", "openUrl") or (kind == "callTool" and target is None):
        return None
    text = action.get("template")
    compiled: Any = None
    if isinstance(text, str) and text:
        compiled = template.arguments(text) if kind == "callTool" else {"parts": template.parts(text)}
    roots = [part[0] for part in template.parts(text or "") if isinstance(part, list)]
    refers_to_item = widget["primitive"] not in ("form",) and any(
        root not in template.ROOTS["result"] for root in roots
    )
    return {
        "index": index,
        "trigger": action.get("trigger"),
        "type": kind,
        "tool": target.name if target else None,
        "argument": _argument(target) if target else None,
        "properties": list(target.properties) if target else [],
        "label": _label(kind, target),
        "template": compiled,
        "repeats": action.get("callMode") not in (None, "once"),
        "ofItem": refers_to_item or (not roots and kind == "callTool" and widget["primitive"] in _ITEM_PRIMITIVES),
    }


def _label(kind: str, target: DeployedTool | None) -> str:
    if kind == "callTool" and target is not None:
        return target.title
    return "Ask about it" if kind == "sendMessage" else "Open"


def _argument(tool: DeployedTool) -> str | None:
    """Return the name of the argument that takes an action's value: the first required one, else the first."""
    names = [*tool.required, *tool.properties]
    return names[0] if names else None


def _form(tool: DeployedTool, mappings: Document) -> list[Document]:
    """Return the fields of a form: the mapped ones in their order, or every argument of the tool if none is mapped."""
    mapped = [name.removeprefix("fields.") for name in mappings if name.startswith("fields.")]
    fields = []
    for name in mapped or tool.properties:
        schema = tool.properties.get(name)
        schema = schema if isinstance(schema, dict) else {}
        kind = schema.get("type")
        multiline = isinstance(schema.get("maxLength"), int) and schema["maxLength"] > 300
        fields.append(
            {
                "name": name,
                "type": kind if kind in _CONTROLS else "string",
                "title": schema.get("title"),
                "description": schema.get("description"),
                "choices": schema.get("enum"),
                "format": schema.get("format"),
                "required": name in tool.required,
                "multiline": multiline,
            }
        )
    return fields


def _json_for_html(value: Any) -> str:
    """Return JSON that contains no HTML syntax, for a script element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8").replace("\r\n", "\n")


@cache
def _script() -> str:
    names = sorted(file.name for file in files(__name__).iterdir() if file.name.endswith(".js"))
    body = "\n".join(_asset(name) for name in names)
    return f'"use strict";\n(() => {{\n{body}}})();\n'
