"""The effects of a PATCH, and the preservation of unknown properties."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox, in_process


async def test_absent_is_unchanged_null_clears_objects_merge_one_level(api: Caller) -> None:
    app = await api.create_app(
        companyUrl="https://acme.com", branding={"primaryColor": "#111111", "accentColor": "#222222", "extra": {"a": 1}}
    )
    before = (await api("GET", f"/apps/{app}"))["app"]
    patch = {"companyUrl": None, "branding": {"primaryColor": "#333333", "accentColor": None, "extra": {"b": 2}}}
    after = (await api("PATCH", f"/apps/{app}", patch))["app"]
    branding = {**before["branding"], "primaryColor": "#333333", "extra": {"b": 2}}
    del branding["accentColor"]
    assert after == {**before, "companyUrl": None, "branding": branding}
    assert (await api("PATCH", f"/apps/{app}", {}))["app"] == after


async def test_null_restores_defaults(api: Caller) -> None:
    app = await api.create_app(branding={"primaryColor": "#111111"})
    await api("PATCH", f"/apps/{app}", {"isEnabled": False})
    after = (await api("PATCH", f"/apps/{app}", {"isEnabled": None, "branding": None, "slug": None}))["app"]
    assert (after["isEnabled"], after["branding"], after["slug"]) == (True, {}, "an-app")
    tool = await api.create(app, "tools", name="t", kind="other", annotations={"readOnlyHint": True})
    await api.create(app, "tools", name="u")
    path = f"/apps/{app}/tools/{tool['id']}"
    after = (await api("PATCH", path, {"kind": None, "annotations": None, "order": None}))["tool"]
    assert (after["kind"], after["annotations"], after["order"]) == ("function", {}, 2)


async def test_required_properties_cannot_be_cleared(api: Caller) -> None:
    app = await api.create_app()
    operation = await api.create_operation(app)
    body = {"name": None, "method": None, "path": None, "description": "changed too"}
    error = await api("PATCH", f"/apps/{app}/operations/{operation['id']}", body, expect=400)
    assert [field["path"] for field in error["details"]["fields"]] == ["name", "method", "path"]
    assert await api.get(app, f"operations/{operation['id']}") == operation


async def test_read_only_properties_may_be_repeated_but_not_changed(api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create_bound_tool(app, annotations={"readOnlyHint": True})
    path = f"/apps/{app}/tools/{tool['id']}"
    assert (await api("PATCH", path, tool))["tool"] == tool
    error = await api("PATCH", path, {"id": "tool_other", "nextToolIds": [tool["id"]], "binding": {}}, expect=400)
    assert {field["path"]: field["message"] for field in error["details"]["fields"]} == {
        "id": "is set by the server",
        "nextToolIds": "is set by PUT …/chain",
        "binding": "is set by PUT …/binding",
    }
    assert (await api("PATCH", path, {"binding": None}))["tool"]["binding"] is None
    whole = (await api("GET", f"/apps/{app}"))["app"]
    assert (await api("PATCH", f"/apps/{app}", whole))["app"] == whole
    for name, value in (
        ("status", "published"),
        ("version", "9.0.0"),
        ("publicMcpId", "x"),
        ("templateId", "support"),
    ):
        await api("PATCH", f"/apps/{app}", {name: value}, expect=400)


async def test_create_ignores_read_only_properties(api: Caller) -> None:
    app = await api.create_app(id="app_mine", status="published", version="7.7.7", publicMcpId="mcp_mine")
    created = (await api("GET", f"/apps/{app}"))["app"]
    assert app != "app_mine"
    assert (created["status"], created["version"]) == ("draft", "1.0.0")


@pytest.mark.parametrize("kind", ["tools", "auth", "integrations", "operations", "widgets"])
async def test_patch_with_the_whole_document_changes_nothing(sandbox: InProcessSandbox, kind: str) -> None:
    async with sandbox.client() as client:
        api = Caller(client)
        app = (await api("GET", "/apps"))["apps"][0]["id"]
        resources = (await api("GET", f"/apps/{app}/config"))["config"][kind]
        for resource in resources:
            (after,) = (await api("PATCH", f"/apps/{app}/{kind}/{resource['id']}", resource)).values()
            after.pop("lastValidatedAt", None)
            resource.pop("lastValidatedAt", None)
            assert after == resource


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
EXTRAS = st.dictionaries(st.text(min_size=1, max_size=6).map(lambda name: f"x{name}"), JSON_VALUES, max_size=3)


async def _send_and_read_back(
    api: Caller, top: dict[str, Any], inner: dict[str, Any], deep: dict[str, Any], schema: dict[str, Any]
) -> None:
    app = await api.create_app(**top, branding={"primaryColor": "#111111", **inner})
    created = (await api("GET", f"/apps/{app}"))["app"]
    assert created | top == created
    assert created["branding"] | inner == created["branding"]
    operation = await api.create_operation(app, **top, inputSchema={"type": "object", "x-more": schema})
    assert operation["inputSchema"] == {"type": "object", "x-more": schema}
    binding = {"type": "later", "integrationOperationId": operation["id"], **inner}
    tool = await api.create(app, "tools", name="t", binding=binding, annotations=deep, **top)
    assert tool | top == tool
    assert tool["annotations"] == deep
    assert tool["binding"] | inner == tool["binding"]
    config = {"fieldMappings": deep, "style": {"density": "compact"}, **inner}
    body = {
        "name": "w",
        "toolId": tool["id"],
        "primitive": "later",
        "config": config,
        "actions": [{"trigger": "later", "type": "later", **deep}],
        **top,
    }
    widget = await api.create(app, "widgets", **body)
    assert widget | body == widget
    renamed = (await api("PATCH", f"/apps/{app}/widgets/{widget['id']}", {"name": "n"}))["widget"]
    assert renamed == {**widget, "name": "n"}


def test_unknown_properties_are_preserved_at_every_level(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        context = in_process(tmp_path / "data", example_app=False)
        sandbox = runner.run(context.__aenter__())
        client = sandbox.client()
        try:

            @settings(max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
            @given(EXTRAS, EXTRAS, EXTRAS, EXTRAS)
            def check(top: Any, inner: Any, deep: Any, schema: Any) -> None:
                runner.run(_send_and_read_back(Caller(client), top, inner, deep, schema))

            check()
        finally:
            runner.run(client.aclose())
            runner.run(context.__aexit__(None, None, None))


async def test_numbers_are_preserved_exactly(api: Caller) -> None:
    app = await api.create_app()
    text = b'{"name":"t","x":[1.10,1e400,123456789012345678901234567890,-0.0,0.1000000000000000055511151231257827]}'
    url = f"/api/v1/apps/{app}/tools"
    response = await api.http.post(url, content=text, headers={"Content-Type": "application/json"})
    shown = (await api.http.get(f"{url}/{response.json()['tool']['id']}")).content
    assert b"1e400" in shown.lower().replace(b"+", b"")
    assert b"123456789012345678901234567890" in shown
    assert b"0.1000000000000000055511151231257827" in shown
