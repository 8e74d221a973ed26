"""How each AI client lists a tool, and which rules it breaks in each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui import sandbox
from drio_tui.manifest.validation import snapshot_of as document_snapshot
from drio_tui.workspace.deploy.model_view import expected_tool
from drio_tui.workspace.lint.client_view import Lint, lint, linted_tool, listed_tool
from drio_tui.workspace.lint.clients import CLIENT_RULES, CLIENTS
from drio_tui.workspace.lint.preflight import preflight
from tests.workspace.lint.test_preflight import Change, patched, sound
from tests.workspace.small_app import snapshot_of

TEMPLATES = sorted((Path(sandbox.__file__).parent / "catalogue" / "templates").glob("*.json"))


def linted(change: Change | None = None, clients: str = "chatgpt claude cursor", *, review: bool = False) -> Lint:
    config = copy.deepcopy(sound())
    if change is not None:
        change(config)
    return lint(snapshot_of(config), [CLIENTS[name] for name in clients.split()], review=review)


def schema(**schema: Any) -> Change:
    return patched("operations", 0, inputSchema={"type": "object", "properties": {"q": schema}})


def test_each_client_lists_a_tool_by_its_rules() -> None:
    config = sound()
    config["tools"][0]["description"] = "x" * 3_000
    snapshot = snapshot_of(config)
    tool = expected_tool(next(iter(snapshot.resources("tool"))), snapshot)
    chatgpt, claude, cursor = (listed_tool(tool, client, "acme") for client in CLIENTS.values())
    assert (chatgpt.name, claude.name, cursor.name) == (
        "search-tickets", "mcp__acme__search-tickets", "mcp_acme_search-tickets",
    )  # fmt: skip
    assert (chatgpt.left_out, claude.left_out, len(claude.description)) == (0, 952, 2_048)
    assert chatgpt.tokens > claude.tokens > 300
    assert claude.annotations == {"title": tool.title, "readOnlyHint": True}
    assert cursor.schema == tool.schema


@pytest.mark.parametrize(
    ("change", "code", "errors_in", "warnings_in"),
    [
        (patched("tools", 1, key="search-tickets"), "duplicate_tool_name", "chatgpt claude cursor", ""),
        (patched("tools", 1, key="send mail"), "tool_name", "", "chatgpt claude cursor"),
        (patched("tools", 1, key="k" * 60), "long_tool_name", "cursor", ""),
        (patched("tools", 1, description="x" * 2_049), "truncated_description", "", "claude"),
        (patched("tools", 1, description="x" * 2_049), "long_description", "", "chatgpt"),
        (patched("operations", 0, inputSchema={"anyOf": [{"required": ["q"]}]}), "schema_union", "chatgpt claude", ""),
        (schema(type="array"), "schema_array", "chatgpt", "cursor"),
        (schema(type="array", items=[{}]), "schema_items", "claude", "cursor"),
        (schema(type=["string", "null"]), "schema_type_list", "", "cursor"),
        (schema(**{"$ref": "#/$defs/a"}), "schema_reference", "", "claude"),
    ],
)
def test_what_a_client_refuses_is_an_error_for_it_alone(
    change: Change, code: str, errors_in: str, warnings_in: str
) -> None:
    for name in CLIENTS:
        severities = {diagnostic.severity for diagnostic in linted(change, name).diagnostics if diagnostic.code == code}
        assert severities == ({"error"} if name in errors_in else {"warning"} if name in warnings_in else set())


@pytest.mark.parametrize(
    "malformed",
    [
        {"type": ["string", {}]}, {"type": "array", "items": {"type": [["string"]]}}, {"properties": [1]},
        {"properties": {"b": 1}, "required": [{}]}, {"enum": [{}, [], None], "default": []},
    ],
)  # fmt: skip
def test_malformed_schemas_can_be_checked(malformed: dict[str, Any]) -> None:
    result = linted(schema(**malformed))
    assert len(result.tools) == len(result.as_dict()["tools"])


def test_the_longest_names_that_cursor_takes() -> None:
    slug = "acme-support"
    config = sound()
    config["app"]["slug"] = slug
    for length, codes in ((59, set()), (60, {"long_tool_name"})):
        config["tools"][1]["key"] = "k" * (length - len(slug))
        assert {diagnostic.code for diagnostic in lint(snapshot_of(config)).diagnostics} == codes


def test_reviews_are_only_checked_when_asked_for() -> None:
    assert not linted().diagnostics
    of_chatgpt = linted(review=True).diagnostics
    assert [(diagnostic.code, diagnostic.path) for diagnostic in of_chatgpt] == [
        ("chatgpt_review", "annotations.destructiveHint")
    ] * 2
    unsaid = linted(patched("tools", 1, annotations={}), "claude", review=True).diagnostics
    assert [diagnostic.code for diagnostic in unsaid] == ["read_only_not_said", "claude_review"]


def test_the_preflight_follows_the_same_rules() -> None:
    """Both report a rule once; the preflight leaves out what would flood it."""
    config = sound()
    config["tools"][1] |= {"key": "k" * 60, "description": "x" * 2_049, "annotations": {}}
    config["operations"][0]["inputSchema"] = {
        "type": "object", "anyOf": [{}], "properties": {"a b": {"type": ["array", "null"]}, "c": {"$ref": "#/$defs/d"}},
    }  # fmt: skip
    snapshot = snapshot_of(config)
    everything = lint(snapshot, review=True).diagnostics
    in_preflight = [diagnostic for diagnostic in preflight(snapshot).diagnostics if diagnostic.code in CLIENT_RULES]
    assert {diagnostic.code for diagnostic in in_preflight} == {
        diagnostic.code for diagnostic in everything if CLIENT_RULES[diagnostic.code].in_preflight
    }
    assert {diagnostic.code for diagnostic in everything} > {diagnostic.code for diagnostic in in_preflight}
    assert all(diagnostic.severity == "warning" for diagnostic in in_preflight)
    assert len(everything) == len(set(everything))


def test_tokens_are_those_of_each_tool_and_in_all() -> None:
    report = linted()
    assert report.tokens == sum(tool.tool.tokens for tool in report.tools) == preflight(snapshot_of(sound())).tokens
    for tool in report.as_dict()["tools"]:
        for client in tool["clients"].values():
            assert 20 < client["estimatedTokens"] < tool["estimatedTokens"]


def test_an_edited_tool_is_checked_against_the_others() -> None:
    snapshot = snapshot_of(sound())
    first, second = snapshot.resources("tool")
    edited = type(second)("tool", second.id, {**second.raw, "key": first.text("key"), "isEnabled": False})
    assert [diagnostic.code for diagnostic in linted_tool(edited, snapshot, review=False).diagnostics] == [
        "duplicate_tool_name"
    ]
    new = type(second)("tool", "", {"name": "New"})
    assert {"no_description"} <= {diagnostic.code for diagnostic in linted_tool(new, snapshot).diagnostics}


def test_every_rule_names_clients_a_source_and_advice() -> None:
    for code, rule in CLIENT_RULES.items():
        assert rule.clients, code
        assert rule.source.startswith("https://"), code
        assert rule.advice, code
        assert not set(rule.refused_by) & set(rule.worse_in), code


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.stem for path in TEMPLATES])
def test_the_templates_of_the_sandbox_break_no_rule(path: Path) -> None:
    """Only that of analytics has operations that read with POST, and warns of that deliberately."""
    report = lint(document_snapshot(json.loads(path.read_text(encoding="utf-8"))))
    codes = [diagnostic.code for diagnostic in report.diagnostics]
    assert codes == (["unsafe_read_only"] * 2 if path.stem == "analytics-dashboard" else [])
