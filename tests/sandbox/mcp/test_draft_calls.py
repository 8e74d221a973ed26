"""Running a draft's tools in the sandbox: nothing is deployed, and secrets are redacted."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.sandbox.conftest import token_of
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response
from tests.sandbox_fixtures import InProcessSandbox

KEY = "the-key-of-the-upstream"


async def run_draft(served: ServedSandbox, app: str, tool: str, arguments: Any, *, expect: int = 200) -> Any:
    """Run a tool of the draft; return the parsed body of the response."""
    response = await served.api.http.post(f"/sandbox/apps/{app}/tools/{tool}/try", json={"arguments": arguments})
    assert response.status_code == expect, response.text
    return response.json()


def upstream_body(result: Any) -> Any:
    return json.loads(base64.b64decode(result["answer"]["body"]))


async def test_draft_tool_runs_with_its_secret_which_is_redacted(lax: ServedSandbox, upstream: Upstream) -> None:
    auth = {"providerKey": "api-key", "config": {"type": "apiKey", "name": "X-Api-Key", "apiKey": KEY}}
    app, tool = await lax.create_tool(upstream.base_url, path="/a", auth=auth, inputSchema={"properties": {"q": {}}})
    upstream.response_for = lambda seen: http_response(json.dumps({"you sent": seen.headers["x-api-key"]}).encode())
    result = await run_draft(lax, app, tool["id"], {"q": "x"})
    assert upstream.requests[0].target == "/a?q=x"
    assert upstream.requests[0].headers["x-api-key"] == KEY
    assert upstream_body(result) == {"you sent": "••••••"}
    assert result["seconds"] > 0
    # The current draft is run: changes count at once, and a disabled tool can be run.
    operations = (await lax.api("GET", f"/apps/{app}/config"))["config"]["operations"]
    await lax.api("PATCH", f"/apps/{app}/operations/{operations[0]['id']}", {"path": "/b"})
    await lax.api("PATCH", f"/apps/{app}/tools/{tool['id']}", {"isEnabled": False})
    await run_draft(lax, app, tool["id"], {})
    assert upstream.requests[1].target == "/b"
    assert (await lax.api("GET", f"/apps/{app}"))["app"]["status"] == "draft"


async def test_base64_and_json_encodings_of_a_password_are_redacted(lax: ServedSandbox, upstream: Upstream) -> None:
    config = {"type": "basic", "username": "anna", "password": 'pä"ssword'}
    auth = {"providerKey": "basic", "config": config}
    app, tool = await lax.create_tool(upstream.base_url, path="/a", auth=auth)
    sent = base64.b64encode(b'anna:p\xc3\xa4"ssword').decode()

    def echo(seen: Any) -> bytes:
        return http_response(json.dumps({"you sent": seen.headers["authorization"], "that is": 'pä"ssword'}).encode())

    upstream.response_for = echo
    result = await run_draft(lax, app, tool["id"], {})
    assert upstream.requests[0].headers["authorization"] == f"Basic {sent}"
    assert upstream_body(result) == {"you sent": "Basic ••••••", "that is": "••••••"}


async def test_draft_run_errors_are_reported(lax: ServedSandbox, strict: ServedSandbox, upstream: Upstream) -> None:
    app, tool = await lax.create_tool(upstream.base_url, path="/{id}")
    assert "right" in (await run_draft(lax, app, tool["id"], {}))["error"]
    refused = await run_draft(lax, app, tool["id"], {"id": ".."})
    assert "cannot be part of a path" in refused["error"]
    assert refused["unknown"] is False
    assert not upstream.requests
    unbound = await lax.api.create(app, "tools", name="Loose")
    assert "bound to no operation" in (await run_draft(lax, app, unbound["id"], {}, expect=409))["error"]["message"]
    await run_draft(lax, app, "tool_none", {}, expect=404)
    await run_draft(lax, app, tool["id"], [1], expect=400)
    app, tool = await strict.create_tool(upstream.base_url)
    assert "this machine" in (await run_draft(strict, app, tool["id"], {}))["error"]
    assert not upstream.requests


async def test_only_the_owner_can_run_a_draft_tool(lax: ServedSandbox, upstream: Upstream) -> None:
    app, tool = await lax.create_tool(upstream.base_url)
    state = lax.app.state.sandbox
    in_process = InProcessSandbox(lax.app, lax.base_url, "", None, state.database)  # type: ignore[arg-type]
    stranger = await token_of(in_process, "stranger@example.com")
    for headers, status in (({"Authorization": f"Bearer {stranger}"}, 404), ({"Authorization": ""}, 401)):
        for method, action in (("POST", "try"), ("GET", "page")):
            url = f"/sandbox/apps/{app}/tools/{tool['id']}/{action}"
            body = {"json": {"arguments": {}}} if method == "POST" else {}
            response = await lax.api.http.request(method, url, headers=headers, **body)  # type: ignore[arg-type]
            assert response.status_code == status, response.text
    assert not upstream.requests
