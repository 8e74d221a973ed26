"""The client requests each of the 37 routes of v1, as in the contract's table."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, UsageError
from drio_tui.api.http import httpx
from drio_tui.api.models import Binding, WidgetAction
from drio_tui.api.resource_type import path_of
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET
from tests.api.conftest import TOKEN, Bench
from tests.api.fault_server import answer

BODY = {"name": "N", "unknownMember": {"deep": [1]}}
BINDING = {"type": "integration_operation", "integrationOperationId": "op"}
ACTION = {"trigger": "row.select", "type": "callTool"}
Call = Callable[[DrioClient], Awaitable[Any]]

# The vendor's route table: method, path, body sent, envelope answered, the call that makes it.
ROUTES: list[tuple[str, str, Any, dict[str, Any], Call]] = [
    ("GET", "/templates", None, {"templates": []}, lambda c: c.templates()),
    ("GET", "/templates/T", None, {"template": {}}, lambda c: c.template("T")),
    ("GET", "/me", None, {"user": {}}, lambda c: c.me()),
    ("GET", "/apps", None, {"apps": []}, lambda c: c.list(APP)),
    ("POST", "/apps", BODY, {"app": {}}, lambda c: c.create(APP, BODY)),
    ("GET", "/apps/A", None, {"app": {}}, lambda c: c.get(APP, "A")),
    ("PATCH", "/apps/A", BODY, {"app": {}}, lambda c: c.update(APP, "A", BODY)),
    ("GET", "/apps/A/config", None, {"config": {}}, lambda c: c.config("A")),
    ("POST", "/apps/A/deploy", None, {"app": {"version": "1"}, "endpoint": "e"}, lambda c: c.deploy("A")),
    ("GET", "/apps/A/auth", None, {"auth": [], "providers": []}, lambda c: c.list(AUTH, app="A")),
    ("POST", "/apps/A/auth", BODY, {"auth": {}}, lambda c: c.create(AUTH, BODY, app="A")),
    ("GET", "/apps/A/auth/X", None, {"auth": {}}, lambda c: c.get(AUTH, "X", app="A")),
    ("PATCH", "/apps/A/auth/X", BODY, {"auth": {}}, lambda c: c.update(AUTH, "X", BODY, app="A")),
    ("DELETE", "/apps/A/auth/X", None, {}, lambda c: c.delete(AUTH, "X", app="A")),
    ("GET", "/apps/A/integrations", None, {"integrations": []}, lambda c: c.list(INTEGRATION, app="A")),
    ("POST", "/apps/A/integrations", BODY, {"integration": {}}, lambda c: c.create(INTEGRATION, BODY, app="A")),
    ("GET", "/apps/A/integrations/X", None, {"integration": {}}, lambda c: c.get(INTEGRATION, "X", app="A")),
    ("PATCH", "/apps/A/integrations/X", BODY, {"integration": {}}, lambda c: c.update(INTEGRATION, "X", BODY, app="A")),
    ("DELETE", "/apps/A/integrations/X", None, {}, lambda c: c.delete(INTEGRATION, "X", app="A")),
    ("GET", "/apps/A/integrations/P/operations", None, {"operations": []},
     lambda c: c.list(OPERATION, app="A", parent="P")),
    ("POST", "/apps/A/integrations/P/operations", BODY, {"operation": {}},
     lambda c: c.create(OPERATION, BODY, app="A", parent="P")),
    ("GET", "/apps/A/operations/X", None, {"operation": {}}, lambda c: c.get(OPERATION, "X", app="A")),
    ("PATCH", "/apps/A/operations/X", BODY, {"operation": {}}, lambda c: c.update(OPERATION, "X", BODY, app="A")),
    ("DELETE", "/apps/A/operations/X", None, {}, lambda c: c.delete(OPERATION, "X", app="A")),
    ("GET", "/apps/A/tools", None, {"tools": []}, lambda c: c.list(TOOL, app="A")),
    ("POST", "/apps/A/tools", BODY, {"tool": {}}, lambda c: c.create(TOOL, BODY, app="A")),
    ("GET", "/apps/A/tools/X", None, {"tool": {}}, lambda c: c.get(TOOL, "X", app="A")),
    ("PATCH", "/apps/A/tools/X", BODY, {"tool": {}}, lambda c: c.update(TOOL, "X", BODY, app="A")),
    ("DELETE", "/apps/A/tools/X", None, {}, lambda c: c.delete(TOOL, "X", app="A")),
    ("PUT", "/apps/A/tools/X/binding", BINDING, {"tool": {}}, lambda c: c.bind("A", "X", Binding.from_wire(BINDING))),
    ("PUT", "/apps/A/tools/X/chain", {"nextToolIds": ["a", "b"]}, {"tool": {}},
     lambda c: c.set_chain("A", "X", ("a", "b"))),
    ("GET", "/apps/A/widgets", None, {"widgets": []}, lambda c: c.list(WIDGET, app="A")),
    ("POST", "/apps/A/widgets", BODY, {"widget": {}}, lambda c: c.create(WIDGET, BODY, app="A")),
    ("GET", "/apps/A/widgets/X", None, {"widget": {}}, lambda c: c.get(WIDGET, "X", app="A")),
    ("PATCH", "/apps/A/widgets/X", BODY, {"widget": {}}, lambda c: c.update(WIDGET, "X", BODY, app="A")),
    ("DELETE", "/apps/A/widgets/X", None, {}, lambda c: c.delete(WIDGET, "X", app="A")),
    ("PUT", "/apps/A/widgets/X/actions", {"actions": [ACTION, ACTION]}, {"widget": {}},
     lambda c: c.set_actions("A", "X", [ACTION, WidgetAction.from_wire(ACTION)])),
]  # fmt: skip
NAMES = [f"{method} {path}" for method, path, *_ in ROUTES]


def test_the_table_has_all_37_routes_once() -> None:
    assert len(ROUTES) == len(set(NAMES)) == 37


@pytest.mark.parametrize(("method", "path", "body", "envelope", "call"), ROUTES, ids=NAMES)
async def test_route_is_requested_with_method_path_and_body(
    bench: Bench, method: str, path: str, body: Any, envelope: dict[str, Any], call: Call
) -> None:
    server, client = await bench.pair(answer(envelope))
    await call(client)
    (seen,) = server.requests_seen
    assert (seen.method, seen.target) == (method, "/api/v1" + path)
    if body is None:
        assert seen.body == b""
        assert "content-type" not in seen.headers
    else:
        assert seen.json == body
        assert seen.headers["content-type"] == "application/json"
    signed = seen.headers.get("authorization") == f"Bearer {TOKEN}"
    assert signed is not path.startswith("/templates")
    assert seen.headers["accept"] == "application/json"
    assert re.fullmatch(r"drio-tui/\S+", seen.headers["user-agent"])


async def test_update_without_changes_sends_nothing(bench: Bench) -> None:
    server, client = await bench.pair()
    with pytest.raises(UsageError, match="nothing changed"):
        await client.update(APP, "A", {})
    assert server.requests_seen == []


async def test_app_cannot_be_deleted(bench: Bench) -> None:
    server, client = await bench.pair()
    with pytest.raises(UsageError, match="no way to delete"):
        await client.delete(APP, "A")
    assert server.requests_seen == []


# --- ids ------------------------------------------------------------------------------------------

NASTY = [
    "a/b", "../../me", "..%2f..%2fme", "%2e%2e", "a?b=c", "a#b", "a%b", "a%20b", "a b", "a+b", "ä☃𝄞", ".hidden", "...",
    "a;b", "a\\b", "\x00", "\r\nHost: evil", "{id}", "{app}", "a:b@c", "//evil.test", "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("id", NASTY, ids=ascii)
async def test_id_is_encoded_in_one_path_segment(bench: Bench, id: str) -> None:
    """F23."""
    server, client = await bench.pair(answer({"tool": {}}))
    await client.get(TOOL, id, app=id)
    (seen,) = server.requests_seen
    segments = seen.target.split("/")
    assert segments[:4] + segments[5:6] == ["", "api", "v1", "apps", "tools"]
    assert len(segments) == 7
    assert [unquote(segments[4]), unquote(segments[6])] == [id, id]


@pytest.mark.parametrize("id", ["", ".", "..", "\ud800", "a\udfffb"], ids=ascii)
async def test_id_that_cannot_be_a_path_segment_is_refused(bench: Bench, id: str) -> None:
    server, client = await bench.pair()
    for call in (
        client.get(TOOL, id, app="A"), client.get(TOOL, "X", app=id), client.delete(TOOL, id, app="A"),
        client.list(OPERATION, app="A", parent=id), client.config(id), client.deploy(id), client.template(id),
        client.set_chain("A", id, []),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            await call
    assert server.requests_seen == []


async def test_overlong_id_raises_a_drio_error(bench: Bench) -> None:
    """F23."""
    server, client = await bench.pair()
    with pytest.raises(DrioError):
        await client.get(APP, "☃" * 10_000)
    assert server.requests_seen == []


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_id_is_encoded_once_and_never_traverses(app: str, id: str) -> None:
    """F23."""
    try:
        path = path_of("/apps/{app}/tools/{id}", app=app, id=id)
    except UsageError:
        assert {app, id} & {".", ".."} or any("\ud800" <= c <= "\udfff" for c in app + id)
        return
    sent = httpx.URL("http://127.0.0.1/api/v1" + path).raw_path.decode()
    segments = sent.split("/")
    assert [unquote(segment) for segment in segments] == ["", "api", "v1", "apps", app, "tools", id]


def test_each_kind_names_models_that_exist() -> None:
    for kind in KINDS.values():
        assert kind.model.__name__ == kind.model_name
        assert kind.create_model
        assert kind.patch_model
