"""Trying a draft's tools inside the sandbox: nothing is deployed, and no secret comes out."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.sandbox.conftest import token_of
from tests.sandbox.mcp.conftest import Served, Upstream, respond
from tests.sandbox_fixtures import InProcess

KEY = "the-key-of-the-upstream"


async def try_it(served: Served, app: str, tool: str, arguments: Any, *, expect: int = 200) -> Any:
    answer = await served.api.http.post(f"/sandbox/apps/{app}/tools/{tool}/try", json={"arguments": arguments})
    assert answer.status_code == expect, answer.text
    return answer.json()


def body_of(told: Any) -> Any:
    return json.loads(base64.b64decode(told["answer"]["body"]))


async def test_a_draft_is_run_with_its_sealed_secret_which_never_comes_back(lax: Served, upstream: Upstream) -> None:
    auth = {"providerKey": "api-key", "config": {"type": "apiKey", "name": "X-Api-Key", "apiKey": KEY}}
    app, tool = await lax.tool(upstream.base_url, path="/a", auth=auth, inputSchema={"properties": {"q": {}}})
    upstream.answer = lambda seen: respond(json.dumps({"you sent": seen.headers["x-api-key"]}).encode())
    told = await try_it(lax, app, tool["id"], {"q": "x"})
    assert upstream.seen[0].target == "/a?q=x"
    assert upstream.seen[0].headers["x-api-key"] == KEY
    assert body_of(told) == {"you sent": "••••••"}
    assert told["seconds"] > 0
    # The draft as it is now: what was changed counts at once, and a tool that is switched off can be tried.
    operations = (await lax.api("GET", f"/apps/{app}/config"))["config"]["operations"]
    await lax.api("PATCH", f"/apps/{app}/operations/{operations[0]['id']}", {"path": "/b"})
    await lax.api("PATCH", f"/apps/{app}/tools/{tool['id']}", {"isEnabled": False})
    await try_it(lax, app, tool["id"], {})
    assert upstream.seen[1].target == "/b"
    assert (await lax.api("GET", f"/apps/{app}"))["app"]["status"] == "draft"


async def test_neither_a_password_s_base64_nor_its_json_spelling_comes_back(lax: Served, upstream: Upstream) -> None:
    config = {"type": "basic", "username": "anna", "password": 'pä"ssword'}
    auth = {"providerKey": "basic", "config": config}
    app, tool = await lax.tool(upstream.base_url, path="/a", auth=auth)
    sent = base64.b64encode(b'anna:p\xc3\xa4"ssword').decode()

    def echo(seen: Any) -> bytes:
        return respond(json.dumps({"you sent": seen.headers["authorization"], "that is": 'pä"ssword'}).encode())

    upstream.answer = echo
    told = await try_it(lax, app, tool["id"], {})
    assert upstream.seen[0].headers["authorization"] == f"Basic {sent}"
    assert body_of(told) == {"you sent": "Basic ••••••", "that is": "••••••"}


async def test_what_cannot_be_run_says_so(lax: Served, strict: Served, upstream: Upstream) -> None:
    app, tool = await lax.tool(upstream.base_url, path="/{id}")
    assert "right" in (await try_it(lax, app, tool["id"], {}))["error"]
    refused = await try_it(lax, app, tool["id"], {"id": ".."})
    assert "cannot be part of a path" in refused["error"]
    assert refused["unknown"] is False
    assert not upstream.seen
    unbound = await lax.api.new(app, "tools", name="Loose")
    assert "bound to no operation" in (await try_it(lax, app, unbound["id"], {}, expect=409))["error"]["message"]
    await try_it(lax, app, "tool_none", {}, expect=404)
    await try_it(lax, app, tool["id"], [1], expect=400)
    app, tool = await strict.tool(upstream.base_url)
    assert "this machine" in (await try_it(strict, app, tool["id"], {}))["error"]
    assert not upstream.seen


async def test_only_the_app_s_owner_may_try_it(lax: Served, upstream: Upstream) -> None:
    app, tool = await lax.tool(upstream.base_url)
    box = lax.app.state.sandbox
    as_box = InProcess(lax.app, lax.base_url, "", None, box.database)  # type: ignore[arg-type]
    stranger = await token_of(as_box, "stranger@example.com")
    for headers, status in (({"Authorization": f"Bearer {stranger}"}, 404), ({"Authorization": ""}, 401)):
        for method, last in (("POST", "try"), ("GET", "page")):
            url = f"/sandbox/apps/{app}/tools/{tool['id']}/{last}"
            body = {"json": {"arguments": {}}} if method == "POST" else {}
            answer = await lax.api.http.request(method, url, headers=headers, **body)  # type: ignore[arg-type]
            assert answer.status_code == status, answer.text
    assert not upstream.seen
