"""The diagnostics of a preflight, case by case, and that they include all that the sandbox refuses to deploy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from drio_tui.api.errors import Conflict, ServerError
from drio_tui.kinds import APP, OPERATION, TOOL, WIDGET
from drio_tui.tool_calls.token_count import MANY_TOOLS
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.diagnostics import RULES
from drio_tui.workspace.lint.preflight import preflight
from drio_tui.workspace.model.snapshot import PartFailed
from tests.workspace.saving_world import World
from tests.workspace.small_app import small_config, snapshot_of

ROWS = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}}},
}
Change = Callable[[dict[str, Any]], Any]


def sound() -> dict[str, Any]:
    """Return the config of an app without any diagnostics."""
    config = small_config()
    config["app"]["branding"] = {"primaryColor": "#0f172a", "accentColor": "#14532d"}
    config["operations"][0] |= {"inputSchema": {"type": "object", "properties": {"q": {}}}, "outputSchema": ROWS}
    for tool in config["tools"]:
        tool |= {"description": "Finds tickets.", "annotations": {"readOnlyHint": True}, "isEnabled": True}
        tool["binding"] = dict(config["tools"][0]["binding"])
    config["tools"][1]["order"] = 2
    config["widgets"][0]["config"] = {"fieldMappings": {"rows": "$.results", "columns.id": "$.id"}}
    config["widgets"][0]["actions"][0]["template"] = "{{ row.id }}"
    return config


def diagnostics_of(change: Change | None = None, **options: Any) -> list[tuple[str, str, str, str]]:
    config = copy.deepcopy(sound())
    if change is not None:
        change(config)
    report = preflight(snapshot_of(config), **options)
    for finding in report.diagnostics:
        assert finding.message.endswith(".")
        assert finding.advice
        assert finding.name
    return [(finding.severity, finding.code, finding.key[-1], finding.path) for finding in report.diagnostics]


def test_a_valid_app_has_no_diagnostics() -> None:
    report = preflight(snapshot_of(sound()), base_url="https://getdrio.com/api/v1")
    assert report.diagnostics == ()
    assert (report.errors, report.warnings, report.tools) == (0, 0, 2)
    assert 100 < report.tokens < 250
    assert 400 < report.bytes < 1_000


def patched(part: str, index: int, **properties: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        resource = config[part] if part == "app" else config[part][index]
        resource.update(properties)

    return change


def _without(part: str) -> Change:
    return lambda config: config[part].clear()


def _too_many_tools(config: dict[str, Any]) -> None:
    tool = config["tools"][0]
    config["tools"] += [{**tool, "id": f"tool_m{n}", "key": f"k{n}", "nextToolIds": []} for n in range(MANY_TOOLS)]


def _long_schema(config: dict[str, Any]) -> None:
    config["operations"][0]["inputSchema"] = {"type": "object", "properties": {"q": {"description": "x" * 50_000}}}


def _changed_schema_hash(config: dict[str, Any]) -> None:
    config["operations"][0]["schemaHash"] = "another"


MAPPINGS = "config.fieldMappings"
ACTION = {"trigger": "row.select", "type": "callTool", "targetToolId": "tool_2"}
CASES: list[tuple[Change, list[tuple[str, str, str, str]]]] = [
    (patched("tools", 0, binding=None), [("error", "unbound_tool", "tool_1", "binding")]),
    (
        _changed_schema_hash,
        [("error", "stale_binding", "tool_1", "binding"), ("error", "stale_binding", "tool_2", "binding")],
    ),
    (patched("tools", 0, nextToolIds=["tool_9"]), [("error", "broken_chain", "tool_1", "nextToolIds[0]")]),
    (
        patched("tools", 1, isEnabled=False),
        [
            ("error", "broken_chain", "tool_1", "nextToolIds[0]"),
            ("error", "broken_action", "widget_1", "actions[0].targetToolId"),
        ],
    ),
    (
        patched("tools", 1, nextToolIds=["tool_1"]),
        [("error", "chain_cycle", "tool_1", "nextToolIds"), ("error", "chain_cycle", "tool_2", "nextToolIds")],
    ),
    (
        patched("widgets", 0, actions=[{**ACTION, "targetToolId": None}]),
        [("error", "broken_action", "widget_1", "actions[0].targetToolId")],
    ),
    (patched("integrations", 0, authId="auth_9"), [("error", "dangling_reference", "integration_1", "authId")]),
    (patched("widgets", 0, toolId="tool_9"), [("warning", "dangling_reference", "widget_1", "toolId")]),
    (patched("auth", 0, status="invalid"), [("error", "invalid_auth", "auth_1", "status")]),
    (patched("auth", 0, status="pending"), [("warning", "pending_auth", "auth_1", "status")]),
    (
        patched("integrations", 0, authId=None, config={"openapi": {"signIn": ["API key K in the header"]}}),
        [("warning", "no_sign_in", "integration_1", "authId")],
    ),
    (patched("integrations", 0, baseUrl=None), [("error", "no_base_url", "integration_1", "baseUrl")]),
    (patched("integrations", 0, baseUrl="api.acme.com"), [("error", "no_base_url", "integration_1", "baseUrl")]),
    (patched("integrations", 0, baseUrl="http://a.example"), [("warning", "plain_http", "integration_1", "baseUrl")]),
    (patched("operations", 0, path="/a/{id"), [("error", "path_parameter", "operation_1", "path")]),
    (patched("tools", 1, key="search-tickets"), [("error", "duplicate_tool_name", "tool_2", "key")]),
    (patched("tools", 1, key="send mail"), [("warning", "tool_name", "tool_2", "key")]),
    (patched("tools", 1, key="k" * 65), [("warning", "tool_name", "tool_2", "key")]),
    (patched("tools", 1, key="k" * 60), [("warning", "long_tool_name", "tool_2", "key")]),
    (patched("tools", 1, description=" "), [("warning", "no_description", "tool_2", "description")]),
    (patched("tools", 1, description="x" * 1025), [("warning", "long_description", "tool_2", "description")]),
    (
        patched("operations", 0, method="POST"),
        [
            ("warning", "unsafe_read_only", "tool_1", "annotations.readOnlyHint"),
            ("warning", "unsafe_read_only", "tool_2", "annotations.readOnlyHint"),
        ],
    ),
    (patched("tools", 1, annotations=None), [("warning", "read_only_not_said", "tool_2", "annotations.readOnlyHint")]),
    (
        patched("operations", 0, inputSchema={"type": "object", "properties": {"a b": {}}}),
        [("warning", "argument_name", "operation_1", "inputSchema.properties.a b")],
    ),
    (
        patched("operations", 0, inputSchema={"type": "object", "anyOf": [{"required": ["q"]}]}),
        [("warning", "schema_union", "operation_1", "inputSchema")],
    ),
    (
        patched("operations", 0, inputSchema={"type": "object", "properties": {"a": {"type": "array"}}}),
        [("warning", "schema_array", "operation_1", "inputSchema.properties.a")],
    ),
    (
        patched("operations", 0, outputSchema=ROWS | {"description": "x" * 9_000}),
        [("warning", "large_output_schema", "operation_1", "outputSchema")],
    ),
    (patched("tools", 1, key="2fa"), [("warning", "tool_name_start", "tool_2", "key")]),
    (
        patched("widgets", 0, config={"fieldMappings": {"rows": "results"}}),
        [("error", "wrong_mapping", "widget_1", f"{MAPPINGS}.rows")],
    ),
    (
        patched("widgets", 0, config={"fieldMappings": {"rows": "$.results", "columns.x": "$.nope"}}),
        [("warning", "mapping_finds_nothing", "widget_1", f"{MAPPINGS}.columns.x")],
    ),
    (
        patched("widgets", 0, actions=[{**ACTION, "template": "{{ row.nope }}"}]),
        [("warning", "unknown_template_path", "widget_1", "actions[0].template")],
    ),
    (
        patched("app", 0, branding={"accentColor": "#ffffee"}),
        [("warning", "low_contrast", "app_1", "branding.accentColor")],
    ),
    (patched("app", 0, isEnabled=False), [("warning", "app_disabled", "app_1", "isEnabled")]),
    (_without("tools"), [("warning", "no_tools", "app_1", "")]),
    (_too_many_tools, [("warning", "too_many_tools", "app_1", "")]),
    (_long_schema, [("warning", "many_tokens", "app_1", "")]),
]


@pytest.mark.parametrize(("change", "expected"), CASES, ids=[f"{n}-{case[1][0][1]}" for n, case in enumerate(CASES)])
def test_each_rule_reports_the_resource_and_property(change: Change, expected: list[tuple[str, ...]]) -> None:
    codes = {diagnostic[1] for diagnostic in expected}
    reported = diagnostics_of(change)
    assert [diagnostic for diagnostic in reported if diagnostic[1] in codes] == expected
    assert codes <= RULES.keys()
    # Consequences are reported too: references to a tool that is gone or has the same name.
    assert {diagnostic[1] for diagnostic in reported if diagnostic[0] == "error"} <= codes | {
        "broken_chain",
        "broken_action",
    }


def test_disabled_resources_are_not_checked() -> None:
    def off(config: dict[str, Any]) -> None:
        config["tools"] = [{**config["tools"][1], "isEnabled": False, "binding": None, "description": ""}]
        config["auth"][0]["status"] = "invalid"
        config["integrations"][0]["baseUrl"] = None

    assert diagnostics_of(off) == [
        ("warning", "no_tools", "app_1", ""),
        ("warning", "dangling_reference", "widget_1", "toolId"),
    ]


@pytest.mark.parametrize(
    ("url", "drio", "message"),
    [
        ("https://10.0.0.7/v1", "https://getdrio.com/api/v1", "cannot reach it"),
        ("https://crm.internal", "https://getdrio.com/api/v1", "cannot reach it"),
        ("http://[::ffff:127.0.0.1]:8080/", "https://getdrio.com/api/v1", "cannot reach it"),
        ("http://localhost:9000", "http://127.0.0.1:4000/api/v1", "localhost is a name of a private network"),
        ("http://127.0.0.1:4000/upstream", "http://127.0.0.1:4000/api/v1", ""),
        ("http://127.0.0.1:4000/upstream/helpdesk/v1", "", ""),
        ("http://127.0.0.1:4000/upstream/helpdesk/v1", "http://127.0.0.1:5000/api/v1", "cannot reach it"),
        ("http://127.0.0.1:4000/v1", "", "cannot reach it"),
        ("https://api.example.com", "http://127.0.0.1:4000/api/v1", ""),
    ],
)
def test_private_addresses_depend_on_where_drio_runs(url: str, drio: str, message: str) -> None:
    config = sound()
    config["integrations"][0]["baseUrl"] = url
    allowed = AllowedHosts() if "127.0.0.1:4000" in drio else None
    findings = preflight(snapshot_of(config), base_url=drio, allowed=allowed).diagnostics
    assert [finding.code for finding in findings] == (["private_base_url"] if message else [])
    assert all(message in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("url", "allowed", "advice"),
    [
        (
            "http://127.0.0.1:9000/v1",
            AllowedHosts(),
            "`drio-tui sandbox allow 127.0.0.1:9000`, or A on ",
        ),
        ("http://127.0.0.1:9000/v1", AllowedHosts((("127.0.0.1", 9000),)), ""),
        ("http://127.0.0.1:9001/v1", AllowedHosts((("127.0.0.1", 9000),)), "127.0.0.1:9001"),
        ("http://printer.local/v1", AllowedHosts(everything=True), ""),
        ("http://169.254.169.254/", AllowedHosts(), "Name a public address."),
    ],
)
def test_private_addresses_are_reported_until_the_sandbox_allows_them(
    url: str, allowed: AllowedHosts, advice: str
) -> None:
    config = sound()
    config["integrations"][0]["baseUrl"] = url
    findings = preflight(snapshot_of(config), base_url="http://127.0.0.1:4000/api/v1", allowed=allowed).diagnostics
    assert [finding.code for finding in findings] == (["private_base_url"] if advice else [])
    assert all(advice in finding.advice for finding in findings)


def test_unread_parts_are_errors() -> None:
    snapshot = snapshot_of(sound())
    snapshot.apply(PartFailed("operation", ServerError("no", status=500)))
    assert ("error", "part_unread") in [(finding.severity, finding.code) for finding in preflight(snapshot).diagnostics]


@pytest.mark.parametrize("value", [None, 5, [], "x", {"a": [None]}])
def test_malformed_config_can_be_checked(value: Any) -> None:
    config = sound()
    for resource in (
        *config["tools"],
        *config["operations"],
        *config["widgets"],
        *config["integrations"],
        config["app"],
    ):
        for name in [name for name in resource if name not in ("id", "isEnabled")]:
            resource[name] = value
    preflight(snapshot_of(config))


async def test_everything_that_the_sandbox_refuses_is_an_error(world: World) -> None:
    editor, app, ids = world.editor, world.app, world.ids
    operation = await editor.raw(OPERATION, app, ids["operation"])
    schema = {"type": "object", "properties": {"other": {"type": "string"}}}
    await editor.client.update(OPERATION, operation["id"], {"inputSchema": schema}, app=app)  # a: stale
    await editor.client.update(TOOL, ids["tool b"], {"isEnabled": False}, app=app)  # a: chain, the widget: action
    with pytest.raises(Conflict) as refused:
        await editor.client.deploy(app)
    sandbox_errors = {(problem["code"], problem["id"]) for problem in refused.value.details["problems"]}
    assert sandbox_errors == {
        ("stale_binding", ids["tool a"]), ("broken_chain", ids["tool a"]), ("broken_action", ids["widget"]),
        ("unbound_tool", ids["tool c"]),
    }  # fmt: skip
    config = await editor.client.config(app)
    report = preflight(snapshot_of(config | {"app": await editor.raw(APP, app, app)}))
    preflight_errors = {(finding.code, finding.key[1]) for finding in report.diagnostics if finding.severity == "error"}
    assert sandbox_errors <= preflight_errors
    # The sandbox checks the actions of a hidden widget too.
    await editor.client.update(WIDGET, ids["widget"], {"visibility": "hidden"}, app=app)
    config = await editor.client.config(app)
    assert "broken_action" in {finding.code for finding in preflight(snapshot_of(config)).diagnostics}
