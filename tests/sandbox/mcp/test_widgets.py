"""Widgets in a real browser, and as documents."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.model_types import PRIMITIVES
from drio_tui.sandbox.mcp.snapshot import Deployment, read
from drio_tui.sandbox.mcp.widgets import document_of, widgets_of
from drio_tui.sandbox.mcp.widgets.css_variables import variables
from drio_tui.widget_data.field_mappings import fill
from tests.sandbox.mcp.browser import BINARY, Page, browser
from tests.sandbox.mcp.conftest import ServedSandbox

needs_chromium = pytest.mark.skipif(BINARY is None, reason="there is no Chromium on this machine")

EVIL = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">{{7*7}}&amp;"


def deployment(primitive: str, mappings: Any = None, **more: Any) -> Deployment:
    """Return a deployment with one tool `do` and its widget."""
    schema = more.pop("schema", {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})
    config = {"fieldMappings": mappings or {}, "style": more.pop("style", {})}
    widget = {"id": "w", "toolId": "t", "key": "w", "name": "W", "primitive": primitive, "config": config}
    return read(1, {
        "app": {"id": "app_1", "slug": "acme", "name": more.pop("app", "Acme"), "version": "1.1.0",
                "branding": more.pop("branding", {"primaryColor": "#0f172a", "backgroundColor": "#ffffff"})},
        "auth": [],
        "integrations": [{"id": "i", "baseUrl": "https://api.example.com", "authId": None, "config": {}}],
        "operations": [{"id": "o", "integrationId": "i", "method": "GET", "path": "/", "inputSchema": schema}],
        "tools": [{"id": "t", "key": "do", "name": "Do It", "isEnabled": True,
                   "binding": {"integrationOperationId": "o"}}],
        "widgets": [widget | more],
    })  # fmt: skip


def document_with(deployed: Deployment, result: dict[str, Any]) -> str:
    """Return the document of the tool's widget that shows a result without a host."""
    tool = deployed.by_id["t"]
    assert tool.widget
    view = fill(tool.widget["config"]["fieldMappings"], result).as_wire() | {"wrapped": False}
    return document_of(deployed, tool, {"structuredContent": result, "_meta": {"drio/view": view}, "content": []})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser") / "profile") as opened:
        yield opened


def draw(page: Page, folder: Path, document: str) -> str:
    """Open a document and return its text; fail if it has errors or loads anything."""
    file = folder / "widget.html"
    file.write_text(document)
    page.errors.clear()
    page.requested.clear()
    page.open(file.as_uri())
    page.until("document.getElementById('root').dataset.ready")
    assert page.errors == []
    assert {url for url in page.requested if not url.startswith("data:")} == {file.as_uri()}
    return str(page.run("document.getElementById('root').innerText"))


ROWS = {"results": [{"id": "c1", "name": "Ada", "n": 3, "at": "2026-03-01"}, {"id": "c2", "name": EVIL, "n": 1200}]}
MONTHS = {"t": "Forecast", "m": [{"m": "Jan", "v": 10}, {"m": "Feb", "v": -4}, {"m": "Mar", "v": 15.5}]}
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf"
    "DwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CHART = {"x": "$.m[*].m", "y": "$.m[*].v", "title": "$.t"}

DRAWN: list[tuple[str, dict[str, str], dict[str, Any], dict[str, str], list[str]]] = [
    (
        "data-table",
        {"rows": "$.results", "columns.name": "$.name", "columns.n": "$.n"},
        ROWS,
        {},
        ["Ada", "1,200", EVIL],
    ),
    ("list", {"items": "$.results", "title": "$.name", "badge": "$.n"}, ROWS, {}, ["Ada", "1,200", EVIL]),
    ("card-grid", {"items": "$.results", "title": "$.name", "value": "$.n"}, ROWS, {"columns": "2"}, ["Ada", EVIL]),
    ("timeline", {"items": "$.results", "title": "$.name", "timestamp": "$.at"}, ROWS, {}, ["2026-03-01", EVIL]),
    ("card", {"title": "$.t", "fields.first": "$.f"}, {"t": EVIL, "f": "x"}, {}, [EVIL, "First", "x"]),
    ("detail", {"title": "$.t", "sections.who": "$.who"}, {"t": "T", "who": {"name": EVIL}}, {}, ["Who", "Name", EVIL]),
    ("text", {"body": "$.b"}, {"b": f"# Head\n\n{EVIL} **bold**"}, {"format": "markdown"}, ["Head", EVIL, "bold"]),
    ("metric", {"value": "$.v", "label": "$.l"}, {"v": 0.42, "l": EVIL}, {"format": "percent"}, ["42%", EVIL]),
    ("form", {"fields.id": "$.id"}, {"id": "c1"}, {"submitLabel": "Send it"}, ["Id", "Send it"]),
    ("chart", CHART, MONTHS, {}, ["Forecast"]),
    ("chart", CHART, MONTHS, {"type": "line", "area": "true"}, ["Forecast"]),
    ("chart", CHART, MONTHS, {"type": "radar"}, ["Forecast"]),
    ("chart", CHART, MONTHS, {"type": "funnel"}, ["Forecast"]),
    ("image", {"src": "$.u", "caption": "$.c"}, {"u": DOT, "c": EVIL}, {}, [EVIL]),
    ("image", {"src": "$.u", "alt": "$.c"}, {"u": "https://evil.example/x.png", "c": EVIL}, {}, [EVIL, "Open image"]),
    ("some-new-one", {"title": "$.t"}, {"t": "T"}, {}, ["T"]),
]


@needs_chromium
@pytest.mark.parametrize(("primitive", "mappings", "result", "style", "texts"), DRAWN)
def test_every_primitive_renders_data_as_text_and_loads_nothing(
    page: Page, tmp_path: Path, primitive: str, mappings: Any, result: Any, style: Any, texts: list[str]
) -> None:
    """F66."""
    content = draw(page, tmp_path, document_with(deployment(primitive, mappings, style=style), result))
    for text in texts:
        assert text in content
    assert page.run("document.title") == "W"
    if primitive == "chart":
        assert page.run("document.querySelector('svg').getAttribute('aria-label')") == "V: Jan 10, Feb -4, Mar 15.5"
        assert page.run("document.querySelectorAll('svg text').length") >= 3


BROKEN_WORDS = """
[...document.querySelectorAll("td, th")].flatMap((cell) => {
  const text = cell.firstChild;
  if (!text) return [];
  return [...text.data.matchAll(/\\S+/g)].filter((word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return new Set([...range.getClientRects()].map((rect) => rect.top)).size > 1;
  }).map((word) => word[0]);
})
"""


@needs_chromium
@pytest.mark.parametrize("width", [360, 700])
def test_table_cells_wrap_between_words_and_only_long_words_break(page: Page, tmp_path: Path, width: int) -> None:
    rows = [
        {"a": "The invoice names the wrong business address since the relocation of the headquarters",
         "b": "Northwind International Trading Company", "c": "Call back on Thursday afternoon", "d": "responsible"},
    ]  # fmt: skip
    mappings = {"rows": "$", **{f"columns.{name}": f"$.{name}" for name in "abcd"}}
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    try:
        draw(page, tmp_path, document_with(deployment("data-table", mappings), rows))
        assert page.run(BROKEN_WORDS) == []
        endless = [{"a": "x" * 400, "b": "b", "c": "c", "d": "d"}]
        draw(page, tmp_path, document_with(deployment("data-table", mappings), endless))
        assert page.run(BROKEN_WORDS) == ["x" * 400]
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
    finally:
        page.send("Emulation.clearDeviceMetricsOverride")


def test_every_documented_primitive_has_an_example() -> None:
    assert {primitive for primitive, *_ in DRAWN} >= set(PRIMITIVES)


@needs_chromium
def test_hostile_names_and_styles_of_the_config_are_harmless(page: Page, tmp_path: Path) -> None:
    branding = {"primaryColor": "red;}*{display:none}", "fontFamily": '";}</style><script>document.title=1</script>'}
    deployed = deployment("list", {"items": "$.results", "title": "$.name"}, app=EVIL, branding=branding,
                       style={"density": EVIL, "groupBy": "__proto__"})  # fmt: skip
    assert "Ada" in draw(page, tmp_path, document_with(deployed, ROWS))


def host_page(document: str, result: dict[str, Any]) -> str:
    """Return the page of a host (MCP Apps specification) that records and answers the widget's requests in `asked`."""
    return f"""<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="view" sandbox="allow-scripts allow-forms allow-same-origin" style="width:100%;height:640px;border:0"
  srcdoc="{html.escape(document)}"></iframe>
<script>
const asked = [];
const view = document.getElementById("view");
const inside = (source) => view.contentWindow.eval(source);
addEventListener("message", (event) => {{
  if (event.source !== view.contentWindow) return;
  const message = event.data;
  asked.push(message);
  const answer = (result) => view.contentWindow.postMessage({{jsonrpc: "2.0", id: message.id, result}}, "*");
  if (message.method === "ui/initialize")
    answer({{protocolVersion: "2026-01-26", hostInfo: {{name: "test", version: "1"}}, hostCapabilities: {{}},
             hostContext: {{availableDisplayModes: ["inline", "fullscreen"]}}}});
  else if (message.method === "ui/notifications/initialized") {{
    const note = (method, params) => view.contentWindow.postMessage({{jsonrpc: "2.0", method, params}}, "*");
    note("ui/notifications/tool-input", {{arguments: {{}}}});
    note("ui/notifications/tool-result", {json.dumps(result).replace("<", chr(92) + "u003c")});
  }} else if (message.method === "tools/call")
    answer({{content: [{{type: "text", text: "ok"}}], structuredContent: {{called: message.params.name}}}});
  else if (message.id !== undefined) answer({{}});
}});
</script>"""


def click(page: Page, selector: str) -> None:
    page.run(f"view.contentDocument.querySelector({json.dumps(selector)}).click()")


def requests_of(page: Page, method: str) -> Any:
    """Wait for a request of the widget with that method; return the params of all of them."""
    page.until(f"asked.some((message) => message.method === {json.dumps(method)})")
    return page.run(
        f"asked.filter((message) => message.method === {json.dumps(method)}).map((message) => message.params)"
    )


@needs_chromium
@pytest.mark.socket
async def test_example_table_renders_in_a_host_and_rows_call_the_next_tool(
    helpdesk: ServedSandbox, page: Page, tmp_path: Path
) -> None:
    (app,) = (await helpdesk.api("GET", "/apps"))["apps"]
    endpoint = await helpdesk.deploy(app["id"])
    async with helpdesk.client(endpoint) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool("search-contacts", {"q": "northwind"})
        meta = tools["search-contacts"].meta
        assert meta
        (contents,) = (await client.read_resource(meta["ui"]["resourceUri"])).contents
    result_json = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    file = tmp_path / "host.html"
    file.write_text(host_page(contents.text, result_json))  # type: ignore[union-attr]  # a text, as the endpoint's tests show

    def check() -> None:
        page.errors.clear()
        page.open(file.as_uri())
        page.until("!!view.contentDocument?.querySelector('tbody tr')")
        content = page.run("view.contentDocument.getElementById('root').innerText")
        for text in (
            "Ada Okafor",
            "ada.okafor@northwind-bakery.example",
            "Northwind Bakery",
            "business",
            "Ines Moreau",
        ):
            assert text in content
        if folder := os.environ.get("DRIO_TEST_PICTURES"):
            page.picture(Path(folder) / "widget.png")
        click(page, "tbody tr")
        assert requests_of(page, "tools/call") == [{"name": "show-contact", "arguments": {"contactId": "con_1001"}}]
        page.until("view.contentDocument.body.innerText.includes('show-contact')")
        click(page, "tbody tr")  # `callMode: once`
        click(page, "tbody tr:nth-child(2)")
        page.until("asked.filter((message) => message.method === 'tools/call').length === 2")
        assert requests_of(page, "tools/call")[1]["arguments"] == {
            "contactId": result.structured_content["results"][1]["id"]
        }
        (size, *_) = requests_of(page, "ui/notifications/size-changed")
        assert size["height"] > 0
        assert page.errors == []

    await asyncio.to_thread(check)


ACTIONS = [
    {
        "trigger": "form.submit",
        "type": "callTool",
        "targetToolId": "t",
        "template": '{"id": "{{ form.id }}", "x": [1]}',
    },
    {"trigger": "form.submit", "type": "sendMessage", "template": "Said {{ form.id }} {{ ''.constructor }}"},
    {"trigger": "button.click", "type": "openUrl", "template": "{{ result.url }}"},
]


@needs_chromium
def test_form_keeps_typed_values_when_a_result_arrives(page: Page, tmp_path: Path) -> None:
    deployed = deployment("form", {"fields.id": "$.id"}, actions=ACTIONS, displayMode="fullscreen")
    view = {"slots": {"fields.id": "old"}, "items": None, "columns": [], "cut": 0, "wrapped": False}
    structured = {"id": "old", "url": "javascript:document.title='pwned'"}
    result = {"structuredContent": structured, "content": [], "_meta": {"drio/view": view}}
    file = tmp_path / "host.html"
    file.write_text(host_page(document_of(deployed, deployed.by_id["t"]), result))
    page.open(file.as_uri())
    assert requests_of(page, "ui/request-display-mode") == [{"mode": "fullscreen"}]
    page.until("view.contentDocument.querySelector('input')?.value === 'old'")
    typed = 'a"} <b>'
    page.run(f"""(() => {{ const input = view.contentDocument.querySelector('input'); input.value = {json.dumps(typed)};
        input.dispatchEvent(new Event('input', {{bubbles: true}})); }})()""")
    page.run("view.contentWindow.postMessage({jsonrpc: '2.0', method: 'ui/notifications/tool-result',"
             f" params: {json.dumps(result)}}}, '*')")  # fmt: skip
    page.until("view.contentDocument.querySelector('input')?.value !== 'old'")
    click(page, "button[type=submit]")
    assert requests_of(page, "tools/call") == [{"name": "do", "arguments": {"id": typed, "x": [1]}}]
    (message,) = requests_of(page, "ui/message")
    assert message["content"] == [{"type": "text", "text": f"Said {typed} {{{{ ''.constructor }}}}"}]
    click(page, "button.main[type=button]")
    page.until("view.contentDocument.body.innerText.includes('not a web address')")
    assert page.run("asked.some((message) => message.method === 'ui/open-link')") is False


@needs_chromium
def test_widget_works_with_window_openai(page: Page, tmp_path: Path) -> None:
    actions = [{"trigger": "row.select", "type": "callTool", "targetToolId": "t", "template": "{{ row.id }}"}]
    deployed = deployment("list", {"items": "$.results", "title": "$.name"}, actions=actions)
    view = fill({"items": "$.results", "title": "$.name"}, ROWS).as_wire() | {"wrapped": False}
    globals_json = json.dumps({"output": ROWS, "meta": {"drio/view": view}}).replace("<", "\\u003c")
    page.send("Page.addScriptToEvaluateOnNewDocument", source=f"""
        window.calls = []; const globals = {globals_json};
        window.openai = {{toolOutput: globals.output, toolResponseMetadata: globals.meta, toolInput: {{}},
            callTool: async (name, args) => {{ calls.push([name, args]); return {{structuredContent: {{}}}}; }},
            notifyIntrinsicHeight() {{}}}};""")  # fmt: skip
    try:
        assert "Ada" in draw(page, tmp_path, document_of(deployed, deployed.by_id["t"]))
        page.run("document.querySelector('li').click()")
        assert page.until("calls.length && calls") == [["do", {"id": "c1"}]]
    finally:
        page.send("Page.removeScriptToEvaluateOnNewDocument", identifier="1")


# --- as documents ---------------------------------------------------------------------------------------


def test_csp_allows_only_the_own_script_and_style() -> None:
    document = document_with(deployment("card", {"title": "$.t"}), {"t": EVIL})
    policy = html.unescape(re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', document)[0])
    scripts = re.findall(r"<script>(.*?)</script>", document, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
    assert (len(scripts), len(styles)) == (1, 1)

    def digest(text: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; script-src '{digest(scripts[0])}'; style-src '{digest(styles[0])}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", document)


def test_uri_changes_only_with_the_document() -> None:
    widget = widgets_of(deployment("card", {"title": "$.t"}))["t"]
    same = widgets_of(deployment("card", {"title": "$.t"}))["t"]
    other = widgets_of(deployment("card", {"title": "$.t"}, branding={"primaryColor": "#ff0000"}))["t"]
    assert widget.uri == same.uri
    assert widget.uri != other.uri
    assert widget.uri.startswith("ui://acme/w-")
    assert widget.uri.endswith(".html")
    assert widget.resource_meta["ui"]["csp"] == {"connectDomains": [], "resourceDomains": []}


def test_hidden_widget_is_not_served() -> None:
    assert widgets_of(deployment("card", visibility="hidden")) == {}


@pytest.mark.parametrize("colour", ["red", "#12", "#0f172a;}", "url(x)", "", None, 5])
def test_invalid_colours_are_ignored(colour: Any) -> None:
    assert variables({"primaryColor": colour}) == variables({})


def test_text_has_contrast_on_every_background() -> None:
    assert "--fg: #ffffff" in variables({"backgroundColor": "#101010"})
    assert "--fg: #14181f" in variables({"backgroundColor": "#fff"})
    assert "--primary: #14181f" in variables({"backgroundColor": "#ffffff", "primaryColor": "#fefefe"})
