"""The same tool run in the sandbox, as deployed, and shown in a browser."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, NotFound
from drio_tui.api.transport import Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.workspace.deploy.deploy_record import NotDeployed, endpoint_of, endpoint_of_app
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.model.tools import find_tool, tool_of
from drio_tui.workspace.run import preview_page
from drio_tui.workspace.run.bound_tool import bound_of
from drio_tui.workspace.run.deployed_runner import run_deployed, widget_page
from drio_tui.workspace.run.local_runner import BadArguments, LocalRunner, origin
from drio_tui.workspace.run.sandbox_runner import page_of, run_in_sandbox
from drio_tui.workspace.run.text_renderer import render_widget
from drio_tui.workspace.run.tool_run import Run, mapping_outcomes, run_from
from tests.sandbox.mcp.browser import BINARY, browser
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response
from tests.workspace.run.conftest import bound

EVIL = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


@pytest_asyncio.fixture
async def client(helpdesk: ServedSandbox) -> AsyncIterator[DrioClient]:
    base = helpdesk.base_url + "/api/v1"
    token = helpdesk.api.http.headers["Authorization"].removeprefix("Bearer ")
    async with DrioClient(Transport(base, auth=BearerAuth(StaticToken(token, "test"), base))) as drio:
        yield drio


async def read_snapshot(client: DrioClient, helpdesk: ServedSandbox) -> Snapshot:
    app = (await helpdesk.api("GET", "/apps"))["apps"][0]["id"]
    snapshot = Snapshot(app)
    await load_app(client, app, snapshot.apply)
    return snapshot


async def test_draft_and_deployed_tool_have_the_same_result_and_rendering(
    client: DrioClient, helpdesk: ServedSandbox
) -> None:
    snapshot = await read_snapshot(client, helpdesk)
    id = find_tool(snapshot, "search-contacts")
    assert id is not None
    tool = bound_of(snapshot, id)
    assert tool_of(snapshot, "widget", str((tool.widget or {})["id"])) == id
    draft = await run_in_sandbox(client, tool, {"q": "ada", "limit": 5})
    assert draft.response is not None
    assert draft.response.status == 200
    assert draft.request is not None
    assert draft.request.url.endswith("/contacts?q=ada&limit=5")
    assert {outcome.state for outcome in mapping_outcomes(tool, draft)} == {"found"}
    assert "Ada Okafor" in "\n".join(render_widget(tool, draft, 100).plain())
    app: Any = snapshot.app.raw if snapshot.app else {}
    with pytest.raises(NotDeployed):
        await endpoint_of_app(client, app)
    endpoint = await helpdesk.deploy(snapshot.app_id)
    assert endpoint_of(client.transport.base_url, app, sandbox=client.transport.is_sandbox) == endpoint
    live = await run_deployed(endpoint, tool, {"q": "ada", "limit": 5})
    assert live.structured == draft.structured
    assert live.request is not None
    assert live.request.body == '{"q":"ada","limit":5}'
    assert [name for name, _ in live.timing] == ["connecting", "call"]
    assert render_widget(tool, live, 100).plain() == render_widget(tool, draft, 100).plain()
    assert [step["tool"] for step in live.steps][:1] == ["show-contact"]
    refused = await run_deployed(endpoint, tool, {"limit": 5_000})
    assert refused.failed
    assert "limit" in refused.error
    with pytest.raises(BadArguments):
        await run_in_sandbox(client, tool, {"limit": 5_000})
    html = await widget_page(endpoint, tool)
    assert html.splitlines()[0] == "<!doctype html>"
    assert await page_of(client, tool) != ""
    without_widget = next(resource for resource in snapshot.resources("tool") if resource.text("key") == "add-note")
    with pytest.raises(NotDeployed, match="no widget"):
        await widget_page(endpoint, bound_of(snapshot, without_widget.id))
    with pytest.raises(NotFound):
        await page_of(client, bound_of(snapshot, without_widget.id))
    with pytest.raises(DrioError):
        await run_deployed(f"{helpdesk.base_url}/mcp/mcp_none", tool, {})


async def test_an_undocumented_answer_has_the_same_result_and_note_everywhere(
    lax: ServedSandbox, upstream: Upstream
) -> None:
    upstream.response_for = lambda _seen: http_response(b'{"name": null, "kept": [1]}')
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    app, created = await lax.create_tool(upstream.base_url, outputSchema=schema)
    base = lax.base_url + "/api/v1"
    token = lax.api.http.headers["Authorization"].removeprefix("Bearer ")
    async with DrioClient(Transport(base, auth=BearerAuth(StaticToken(token, "test"), base))) as client:
        snapshot = Snapshot(app)
        await load_app(client, app, snapshot.apply)
        tool = bound_of(snapshot, created["id"])
        runner = LocalRunner(hosts={origin(tool)}, private={origin(tool)})
        runs = [await run_in_sandbox(client, tool, {}), await runner.run(tool, {})]
    runs.append(await run_deployed(await lax.deploy(app), tool, {}))
    for run in runs:
        assert (run.error, run.structured) == ("", {"name": None, "kept": [1]})
        assert run.note.startswith("The response is not as the operation's outputSchema says: name")
        assert run_from(run.as_wire()).note == run.note


@pytest.mark.parametrize(
    ("api", "app", "endpoint"),
    [
        ("http://127.0.0.1:99/api/v1", {"publicMcpId": "mcp_1"}, "http://127.0.0.1:99/mcp/mcp_1"),
        ("http://localhost:99/api/v1", {"publicMcpId": "mcp_1"}, None),
        ("https://getdrio.com/api/v1", {"publicMcpId": "mcp_1"}, "https://mcp_1.mcp.getdrio.com/mcp"),
        ("https://getdrio.com/api/v1", {"publicMcpId": "evil.example/"}, None),
        ("https://getdrio.com.evil.example/api/v1", {"publicMcpId": "mcp_1"}, None),
        ("https://getdrio.com/api/v1", {"publicMcpId": 7}, None),
        ("http://[::1", {"publicMcpId": "mcp_1"}, None),
    ],
)
def test_the_endpoint_is_derived_from_the_public_id_where_possible(api: str, app: Any, endpoint: Any) -> None:
    try:
        derived = endpoint_of(api, app, sandbox="127.0.0.1" in api)
    except ValueError:
        derived = None
    assert derived == endpoint


def test_a_preview_page_is_private_and_removed() -> None:
    tool = bound("https://up.example", widget={"primitive": "text", "name": EVIL})
    run = Run("t1", "Do", "here", {}, structured={"a": EVIL}, value={"a": EVIL})
    document = preview_page.page_with(f"<p>{EVIL}</p>", tool, run)
    assert document.count("<script") == 2
    assert "<img" not in document
    plain = preview_page.plain_page([EVIL, "\x1b]0;x\x07"], tool)
    assert "<script" not in plain
    assert "&lt;/script&gt;" in plain
    assert "\x1b" not in plain
    path = preview_page.write_page(document)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    preview_page.remove_page(path)
    assert not path.parent.exists()


@pytest.mark.skipif(BINARY is None, reason="there is no Chromium on this machine")
async def test_the_preview_page_shows_the_result_and_loads_nothing(
    client: DrioClient, helpdesk: ServedSandbox, tmp_path: Path
) -> None:
    snapshot = await read_snapshot(client, helpdesk)
    id = find_tool(snapshot, "search-contacts")
    assert id is not None
    tool = bound_of(snapshot, id)
    run = await run_in_sandbox(client, tool, {"q": "ada"})
    html = await page_of(client, tool)
    run.value["results"][0]["name"] = EVIL
    document = preview_page.page_with(html, tool, run)
    path = preview_page.write_page(document)
    with browser(tmp_path / "profile") as page:
        page.open(path.as_uri())
        page.until("parseInt(document.getElementById('widget').style.height) > 40")  # it has reported its size
        if out := os.environ.get("DRIO_TEST_PICTURES"):
            page.picture(Path(out) / "playground-page.png")
        assert page.run("document.title") != "pwned"
        assert not page.errors
        assert [url for url in page.requested if not url.startswith(("file:", "data:", "about:"))] == []
        # The frame cannot be inspected from outside, by design; with `allow-same-origin` it can.
        path.write_text(document.replace('sandbox="allow-scripts"', 'sandbox="allow-scripts allow-same-origin"'))
        page.open(path.as_uri() + "?again")
        shown = page.until("document.getElementById('widget').contentDocument?.querySelector('table')?.innerText")
        assert EVIL in shown
        assert "ada.okafor@northwind-bakery.example" in shown
    preview_page.remove_page(path)
