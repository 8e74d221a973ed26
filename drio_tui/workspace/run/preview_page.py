"""A widget's HTML with a result in it, as one file that a browser opens.

The widget is in an iframe with an opaque origin, under its own Content-Security-Policy and under the page's, which
blocks loading from anywhere. The page acts as the host of MCP Apps (SEP-1865): it answers the widget's
`ui/initialize` and passes it the tool's input and result; other requests of the widget are refused.
"""

from __future__ import annotations

import contextlib
import html
import json
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drio_tui.storage.files import private_dir, write_private
from drio_tui.text import visible
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.tool_run import Run, view_of

VIEW_META = "drio/view"
DIRECTORY_PREFIX = "drio-tui-page-"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const frame = document.getElementById("widget");
const post = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
const showStatus = (text) => { document.getElementById("status").textContent = text; };
addEventListener("message", (event) => {
  if (event.source !== frame.contentWindow) return;
  const { id, method, params } = event.data || {};
  if (method === "ui/initialize")
    post({ id, result: { protocolVersion: (params || {}).protocolVersion || "2026-01-26",
      hostInfo: { name: "drio-tui", version: "1" }, hostCapabilities: {},
      hostContext: { displayMode: "inline", availableDisplayModes: ["inline"] } } });
  else if (method === "ui/notifications/initialized") {
    post({ method: "ui/notifications/tool-input", params: { arguments: data.arguments } });
    post({ method: "ui/notifications/tool-result", params: data.result });
  } else if (method === "ui/notifications/size-changed" && params && Number(params.height) > 0)
    frame.style.height = Math.min(20000, Math.ceil(params.height) + 4) + "px";
  else if (id !== undefined) {
    showStatus("The widget asked for " + String(method).slice(0, 60) + ". This page only shows: nothing was done.");
    post({ id, error: { code: -32601, message: "This is a preview: nothing is done from here." } });
  }
});
frame.srcdoc = data.html;
"""
_STYLE = """
body { margin: 0; font: 14px system-ui, sans-serif; background: Canvas; color: CanvasText; color-scheme: light dark; }
header { padding: 8px 16px; opacity: .7; } #status { min-height: 1.2em; padding: 0 16px; }
iframe { border: 0; width: 100%; height: 70vh; } pre { padding: 0 16px; white-space: pre-wrap; }
"""


def page_with(widget_html: str, bound: BoundTool, run: Run) -> str:
    """Return a page that shows a widget's document with the run's result in it."""
    meta = {VIEW_META: view_of(bound, run).as_wire() | {"wrapped": run.value is not run.structured}}
    result: dict[str, Any] = {"structuredContent": run.structured, "content": [], "_meta": meta}
    if run.failed:
        result = {"content": [{"type": "text", "text": run.error}], "isError": True}
    data = {"html": widget_html, "arguments": run.arguments, "result": result}
    body = (
        '<iframe id="widget" sandbox="allow-scripts" referrerpolicy="no-referrer" title="The widget"></iframe>'
        f'<script type="application/json" id="data">{_html_safe_json(data)}</script><script>{_SCRIPT}</script>'
    )
    return _page(f"{bound.title}: as the widget shows it", body)


def plain_page(lines: Sequence[str], bound: BoundTool) -> str:
    """Return a page with the lines that the terminal shows, where the widget's HTML is not available."""
    text = html.escape("\n".join(visible(line) for line in lines))
    reason = "This drio does not give a draft's HTML: here is what the terminal shows. Deploy it to see the widget."
    return _page(bound.title, f"<p id='why' style='padding: 0 16px'>{reason}</p><pre>{text}</pre>")


def write_page(document: str) -> Path:
    """Write the document to a new private file (0600, in a directory with mode 0700). Raises `OSError`."""
    directory = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX))
    private_dir(directory)
    path = directory / f"{secrets.token_hex(8)}.html"
    write_private(path, document.encode("utf-8", "replace"))
    return path


def remove_page(path: Path) -> None:
    """Delete what `write_page` wrote."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">'
        f"<title>{html.escape(visible(title))}</title><style>{_STYLE}</style></head>"
        f'<body><header>{html.escape(visible(title))}</header><p id="status" role="status"></p>{body}</body></html>\n'
    )


def _html_safe_json(value: Any) -> str:
    """Return JSON that no HTML parser interprets as markup, wherever it is embedded."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
