"""What a preflight finds, case by case, and that it knows all that the sandbox refuses to deploy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from drio_tui.api.errors import Conflict, ServerError
from drio_tui.kinds import APP, OPERATION, TOOL, WIDGET
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.diagnostics import RULES
from drio_tui.workspace.lint.preflight import MANY_TOOLS, preflight
from drio_tui.workspace.model.snapshot import Failed
from tests.workspace.saving_world import World
from tests.workspace.small_app import small_config, snapshot_of

ROWS = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}}},
}
Change = Callable[[dict[str, Any]], Any]


def sound() -> dict[str, Any]:
    """An app in which there is nothing to find."""
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


def found(change: Change | None = None, **options: Any) -> list[tuple[str, str, str, str]]:
    config = copy.deepcopy(sound())
    if change is not None:
        change(config)
    report = preflight(snapshot_of(config), **options)
    for finding in report.findings:
        assert finding.message.endswith(".")
        assert finding.advice
        assert finding.name
    return [(one.severity, one.code, one.key[-1], one.path) for one in report.findings]


def test_there_is_nothing_to_find_in_a_sound_app() -> None:
    report = preflight(snapshot_of(sound()), base_url="https://getdrio.com/api/v1")
    assert report.findings == ()
    assert (report.errors, report.warnings, report.tools) == (0, 0, 2)
    assert 100 < report.tokens < 250
    assert 400 < report.bytes < 1_000


def setting(part: str, number: int, **members: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        resource = config[part] if part == "app" else config[part][number]
        resource.update(members)

    return change


def _gone(part: str) -> Change:
    return lambda config: config[part].clear()


def _many(config: dict[str, Any]) -> None:
    tool = config["tools"][0]
    config["tools"] += [{**tool, "id": f"tool_m{n}", "key": f"k{n}", "nextToolIds": []} for n in range(MANY_TOOLS)]


def _wordy(config: dict[str, Any]) -> None:
    config["operations"][0]["inputSchema"] = {"type": "object", "properties": {"q": {"description": "x" * 50_000}}}


def _stale(config: dict[str, Any]) -> None:
    config["operations"][0]["schemaHash"] = "another"


MAPPINGS = "config.fieldMappings"
ACTION = {"trigger": "row.select", "type": "callTool", "targetToolId": "tool_2"}
CASES: list[tuple[Change, list[tuple[str, str, str, str]]]] = [
    (setting("tools", 0, binding=None), [("error", "unbound_tool", "tool_1", "binding")]),
    (_stale, [("error", "stale_binding", "tool_1", "binding"), ("error", "stale_binding", "tool_2", "binding")]),
    (setting("tools", 0, nextToolIds=["tool_9"]), [("error", "broken_chain", "tool_1", "nextToolIds[0]")]),
    (
        setting("tools", 1, isEnabled=False),
        [
            ("error", "broken_chain", "tool_1", "nextToolIds[0]"),
            ("error", "broken_action", "widget_1", "actions[0].targetToolId"),
        ],
    ),
    (
        setting("tools", 1, nextToolIds=["tool_1"]),
        [("error", "chain_cycle", "tool_1", "nextToolIds"), ("error", "chain_cycle", "tool_2", "nextToolIds")],
    ),
    (
        setting("widgets", 0, actions=[{**ACTION, "targetToolId": None}]),
        [("error", "broken_action", "widget_1", "actions[0].targetToolId")],
    ),
    (setting("integrations", 0, authId="auth_9"), [("error", "dangling_reference", "integration_1", "authId")]),
    (setting("widgets", 0, toolId="tool_9"), [("warning", "dangling_reference", "widget_1", "toolId")]),
    (setting("auth", 0, status="invalid"), [("error", "invalid_auth", "auth_1", "status")]),
    (setting("auth", 0, status="pending"), [("warning", "pending_auth", "auth_1", "status")]),
    (
        setting("integrations", 0, authId=None, config={"openapi": {"signIn": ["API key K in the header"]}}),
        [("warning", "no_sign_in", "integration_1", "authId")],
    ),
    (setting("integrations", 0, baseUrl=None), [("error", "no_base_url", "integration_1", "baseUrl")]),
    (setting("integrations", 0, baseUrl="api.acme.com"), [("error", "no_base_url", "integration_1", "baseUrl")]),
    (setting("integrations", 0, baseUrl="http://a.example"), [("warning", "plain_http", "integration_1", "baseUrl")]),
    (setting("operations", 0, path="/a/{id"), [("error", "path_parameter", "operation_1", "path")]),
    (setting("tools", 1, key="search-tickets"), [("error", "duplicate_tool_name", "tool_2", "key")]),
    (setting("tools", 1, key="send mail"), [("warning", "tool_name", "tool_2", "key")]),
    (setting("tools", 1, key="k" * 65), [("warning", "tool_name", "tool_2", "key")]),
    (setting("tools", 1, key="k" * 60), [("warning", "long_tool_name", "tool_2", "key")]),
    (setting("tools", 1, description=" "), [("warning", "no_description", "tool_2", "description")]),
    (setting("tools", 1, description="x" * 1025), [("warning", "long_description", "tool_2", "description")]),
    (
        setting("operations", 0, method="POST"),
        [
            ("warning", "unsafe_read_only", "tool_1", "annotations.readOnlyHint"),
            ("warning", "unsafe_read_only", "tool_2", "annotations.readOnlyHint"),
        ],
    ),
    (setting("tools", 1, annotations=None), [("warning", "read_only_not_said", "tool_2", "annotations.readOnlyHint")]),
    (
        setting("operations", 0, inputSchema={"type": "object", "properties": {"a b": {}}}),
        [("warning", "argument_name", "operation_1", "inputSchema.properties.a b")],
    ),
    (
        setting("operations", 0, inputSchema={"type": "object", "anyOf": [{"required": ["q"]}]}),
        [("warning", "schema_union", "operation_1", "inputSchema")],
    ),
    (
        setting("operations", 0, inputSchema={"type": "object", "properties": {"a": {"type": "array"}}}),
        [("warning", "schema_refused", "operation_1", "inputSchema.properties.a")],
    ),
    (
        setting("operations", 0, outputSchema=ROWS | {"description": "x" * 9_000}),
        [("warning", "large_output_schema", "operation_1", "outputSchema")],
    ),
    (setting("tools", 1, key="2fa"), [("warning", "tool_name", "tool_2", "key")]),
    (
        setting("widgets", 0, config={"fieldMappings": {"rows": "results"}}),
        [("error", "wrong_mapping", "widget_1", f"{MAPPINGS}.rows")],
    ),
    (
        setting("widgets", 0, config={"fieldMappings": {"rows": "$.results", "columns.x": "$.nope"}}),
        [("warning", "mapping_finds_nothing", "widget_1", f"{MAPPINGS}.columns.x")],
    ),
    (
        setting("widgets", 0, actions=[{**ACTION, "template": "{{ row.nope }}"}]),
        [("warning", "unknown_template_path", "widget_1", "actions[0].template")],
    ),
    (
        setting("app", 0, branding={"accentColor": "#ffffee"}),
        [("warning", "low_contrast", "app_1", "branding.accentColor")],
    ),
    (setting("app", 0, isEnabled=False), [("warning", "app_disabled", "app_1", "isEnabled")]),
    (_gone("tools"), [("warning", "no_tools", "app_1", "")]),
    (_many, [("warning", "too_many_tools", "app_1", "")]),
    (_wordy, [("warning", "many_tokens", "app_1", "")]),
]


@pytest.mark.parametrize(("change", "expected"), CASES, ids=[f"{n}-{case[1][0][1]}" for n, case in enumerate(CASES)])
def test_each_resource_that_is_wrong_is_found_where_it_is(change: Change, expected: list[tuple[str, ...]]) -> None:
    codes = {each[1] for each in expected}
    told = found(change)
    assert [each for each in told if each[1] in codes] == expected
    assert codes <= RULES.keys()
    # What follows from it elsewhere is found too: what refers to a tool that is gone or named alike.
    assert {each[1] for each in told if each[0] == "error"} <= codes | {"broken_chain", "broken_action"}


def test_what_is_switched_off_is_left_alone() -> None:
    def off(config: dict[str, Any]) -> None:
        config["tools"] = [{**config["tools"][1], "isEnabled": False, "binding": None, "description": ""}]
        config["auth"][0]["status"] = "invalid"
        config["integrations"][0]["baseUrl"] = None

    assert found(off) == [
        ("warning", "no_tools", "app_1", ""),
        ("warning", "dangling_reference", "widget_1", "toolId"),
    ]


@pytest.mark.parametrize(
    ("url", "drio", "told"),
    [
        ("https://10.0.0.7/v1", "https://getdrio.com/api/v1", "cannot reach it"),
        ("https://crm.internal", "https://getdrio.com/api/v1", "cannot reach it"),
        ("http://[::ffff:127.0.0.1]:8080/", "https://getdrio.com/api/v1", "cannot reach it"),
        ("http://localhost:9000", "http://127.0.0.1:4000/api/v1", "localhost is a name of a private network"),
        ("http://127.0.0.1:4000/upstream", "http://127.0.0.1:4000/api/v1", ""),
        ("https://api.example.com", "http://127.0.0.1:4000/api/v1", ""),
    ],
)
def test_addresses_are_judged_by_where_drio_is(url: str, drio: str, told: str) -> None:
    config = sound()
    config["integrations"][0]["baseUrl"] = url
    allowed = AllowedHosts() if "127.0.0.1:4000" in drio else None
    findings = preflight(snapshot_of(config), base_url=drio, allowed=allowed).findings
    assert [finding.code for finding in findings] == (["private_base_url"] if told else [])
    assert all(told in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("url", "allowed", "told"),
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
def test_a_private_address_is_warned_of_until_the_sandbox_may_call_it(
    url: str, allowed: AllowedHosts, told: str
) -> None:
    config = sound()
    config["integrations"][0]["baseUrl"] = url
    findings = preflight(snapshot_of(config), base_url="http://127.0.0.1:4000/api/v1", allowed=allowed).findings
    assert [finding.code for finding in findings] == (["private_base_url"] if told else [])
    assert all(told in finding.advice for finding in findings)


def test_what_could_not_be_read_blocks_a_deploy() -> None:
    snapshot = snapshot_of(sound())
    snapshot.apply(Failed("operation", ServerError("no", status=500)))
    assert ("error", "part_unread") in [(one.severity, one.code) for one in preflight(snapshot).findings]


@pytest.mark.parametrize("value", [None, 5, [], "x", {"a": [None]}])
def test_config_in_which_nothing_is_what_it_should_be_is_looked_at_all_the_same(value: Any) -> None:
    config = sound()
    for resource in (
        *config["tools"],
        *config["operations"],
        *config["widgets"],
        *config["integrations"],
        config["app"],
    ):
        for member in [name for name in resource if name not in ("id", "isEnabled")]:
            resource[member] = value
    preflight(snapshot_of(config))


async def test_all_that_the_sandbox_refuses_is_an_error_here_too(world: World) -> None:
    one, app, ids = world.one, world.app, world.ids
    operation = await one.raw(OPERATION, app, ids["operation"])
    schema = {"type": "object", "properties": {"other": {"type": "string"}}}
    await one.client.update(OPERATION, operation["id"], {"inputSchema": schema}, app=app)  # a: stale
    await one.client.update(TOOL, ids["tool b"], {"isEnabled": False}, app=app)  # a: chain, the widget: action
    with pytest.raises(Conflict) as refused:
        await one.client.deploy(app)
    theirs = {(each["code"], each["id"]) for each in refused.value.details["problems"]}
    assert theirs == {
        ("stale_binding", ids["tool a"]), ("broken_chain", ids["tool a"]), ("broken_action", ids["widget"]),
        ("unbound_tool", ids["tool c"]),
    }  # fmt: skip
    config = await one.client.config(app)
    report = preflight(snapshot_of(config | {"app": await one.raw(APP, app, app)}))
    ours = {(each.code, each.key[1]) for each in report.findings if each.severity == "error"}
    assert theirs <= ours
    # A hidden widget's actions count there, and so they do here.
    await one.client.update(WIDGET, ids["widget"], {"visibility": "hidden"}, app=app)
    config = await one.client.config(app)
    assert "broken_action" in {each.code for each in preflight(snapshot_of(config)).findings}
