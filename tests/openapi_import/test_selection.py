"""Selecting operations: filters, tags, totals, and the plan for the selection."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from drio_tui.api.models import IntegrationCreate, OperationCreate, ToolCreate
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.openapi_import.existing import ExistingResources
from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.openapi_import.planning import MANY_TOOLS, ExistingIntegration, Plan, make_plan
from drio_tui.openapi_import.selection import OperationSelection
from tests.openapi_import.documents import PETS, parser_of

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def pets() -> OpenApiParser:
    return parser_of(PETS["paths"], components=PETS["components"], security=PETS["security"])


def planned(parser: OpenApiParser, *ids: str, **options: Any) -> Plan:
    operations = [operation for operation in parser.summaries() if not ids or operation.id in ids]
    details = {operation.id: parser.detail(operation.id) for operation in operations if not operation.obstacle}
    defaults: dict[str, Any] = {
        "base_url": "https://api.example.com", "integration": "", "auth": "", "tools": True,
        "present": ExistingResources(), "again": False,
    }  # fmt: skip
    source = options.pop("source", "")
    return make_plan(replace(parser.head(), title="Pets"), source, operations, details, **(defaults | options))


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 5), ("pets", 5), ("PET get", 2), ("tag:admin", 1), ("is:safe", 2), ("is:unsafe replace", 1),
     ("is:deprecated", 1), ("is:chosen", 1), ("is:blocked", 0), ("nothing", 0)],
)  # fmt: skip
def test_a_filter_shows_operations_with_every_word(query: str, count: int) -> None:
    selection = OperationSelection(list(pets().summaries()))
    selection.toggle("GET /pets")
    assert len(selection.shown(query)) == count


def test_operations_can_be_toggled_by_tag_and_by_filter() -> None:
    selection = OperationSelection(list(pets().summaries()))
    selection.toggle_all(selection.tagged_as("POST /pets"))
    assert selection.chosen == ("GET /pets", "POST /pets", "GET /pets/{petId}")
    selection.toggle_all([operation.id for operation in selection.shown("")])
    assert len(selection) == 5
    assert selection.unsafe == 3
    assert selection.tokens == sum(operation.tokens for operation in selection.operations)
    selection.toggle_all([operation.id for operation in selection.shown("")])
    assert not len(selection)


def test_an_operation_with_an_obstacle_cannot_be_chosen() -> None:
    selection = OperationSelection(list(parser_of({"/a": {"trace": {}, "get": {}}}).summaries()))
    assert selection.toggle("TRACE /a") == "TRACE requests cannot be sent."
    selection.toggle_all(operation.id for operation in selection.operations)
    assert selection.chosen == ("GET /a",)


def test_existing_operations_cannot_be_chosen() -> None:
    selection = OperationSelection(list(pets().summaries()))
    selection.choose(["GET /pets", "POST /pets"])
    selection.set_existing(["GET /pets"])
    assert selection.chosen == ("POST /pets",)
    assert selection.toggle("GET /pets") == "The app has it already."


def test_many_tools_cause_a_warning() -> None:
    selection = OperationSelection(list(parser_of({f"/p{n}": {"get": {}} for n in range(MANY_TOOLS + 1)}).summaries()))
    selection.choose(operation.id for operation in selection.operations)
    assert str(selection.warnings()[0]).startswith(f"{MANY_TOOLS + 1} tools are many")


def test_a_plan_contains_the_integration_then_each_operation_with_its_tool() -> None:
    plan = planned(pets(), "GET /pets", "POST /pets", auth="auth_1")
    assert [resource.local for resource in plan.resources] == [
        "integration:1",
        "operation:1",
        "tool:1",
        "operation:2",
        "tool:2",
    ]
    integration, operation, tool = plan.resources[:3]
    body = integration.resolved({})[0]
    assert len(body["config"]["openapi"].pop("imported")) == 2
    assert body == {
        "name": "Pets", "key": "pets", "kind": "rest", "baseUrl": "https://api.example.com", "authId": "auth_1",
        "config": {"openapi": {"title": "Pets", "version": "1.0", "signIn": ["API key X-Api-Key in the header"]}},
    }  # fmt: skip
    assert operation.resolved({"integration:1": "integration_9"})[1] == "integration_9"
    body, _ = tool.resolved({"operation:1": "operation_9"})
    assert body["binding"] == {"type": "integration_operation", "integrationOperationId": "operation_9"}
    assert body["key"] == operation.body["key"] == "list-pets"
    summaries = {summary.id: summary for summary in pets().summaries()}
    assert plan.tokens == summaries["GET /pets"].tokens + summaries["POST /pets"].tokens


def test_the_query_of_the_documents_url_is_not_stored() -> None:
    plan = planned(pets(), "GET /pets", source="https://store.example/api.json?X-Signature=secret#top")
    assert plan.resources[0].body["config"]["openapi"]["source"] == "https://store.example/api.json"


def test_every_body_of_a_plan_is_accepted_by_drio() -> None:
    for resource in planned(pets()).resources:
        body, _ = resource.resolved(dict.fromkeys(resource.needs, "id_1"))
        model = {"integration": IntegrationCreate, "operation": OperationCreate, "tool": ToolCreate}[resource.kind]
        model.from_wire(body)


def test_planned_keys_are_unique_in_the_plan_and_the_app() -> None:
    paths = {f"/p{n}": {"get": {"operationId": "x" * 70, "summary": "Same"}} for n in range(12)}
    taken = {"tool": ["x" * 64], "operation": [f"{'x' * 62}-2"], "integration": ["pets"]}
    raws = {f"{kind}s": tuple({"key": key} for key in keys) for kind, keys in taken.items()}
    present = ExistingResources(raws["integrations"], raws["operations"], raws["tools"])
    plan = planned(parser_of(paths), present=present)
    for kind in ("operation", "tool"):
        keys = [resource.body["key"] for resource in plan.of(kind)]
        assert len({*keys, *taken["tool"], *taken["operation"]}) == 14
        assert all(LEGAL.fullmatch(key) for key in keys)
    assert plan.resources[0].body["key"] == "pets-2"


def test_operations_without_tools_can_be_added_to_an_existing_integration() -> None:
    plan = planned(pets(), tools=False, integration=ExistingIntegration("integration_5", "https://old.example"))
    assert {resource.kind for resource in plan.resources} == {"operation"}
    assert {resource.parent for resource in plan.resources} == {"integration_5"}
    assert not plan.tokens


def test_operations_with_another_server_get_a_separate_integration() -> None:
    own = {"servers": [{"url": "https://upload.example.com"}]}
    plan = planned(parser_of({"/a": {"get": {}}, "/b": {"put": own}, "/c": own | {"get": {}}}))
    first, second = plan.of("integration")
    assert second.body["name"] == "Pets (upload.example.com)"
    assert second.body["key"] != first.body["key"]
    parents = {resource.source: resource.parent for resource in plan.of("operation")}
    assert parents == {"GET /a": first.local, "PUT /b": second.local, "GET /c": second.local}


def test_parts_that_are_left_out_are_reported() -> None:
    plan = planned(parser_of({"/a": {"trace": {}, "get": {"parameters": [{"name": "s", "in": "cookie"}]}}}))
    assert [resource.source for resource in plan.of("tool")] == ["GET /a"]
    assert {problem.operation for problem in plan.problems} == {"TRACE /a", "GET /a"}


@pytest.mark.parametrize("url", ["", "ftp://x", "https://u:p@x.example", "/relative"])
def test_there_is_no_plan_without_a_base_url(url: str) -> None:
    with pytest.raises(ImportFailed, match="There is no base URL for its operations"):
        planned(pets(), base_url=url)


def test_each_operation_counts_once_by_its_state() -> None:
    operations = [*pets().summaries()]
    selection = OperationSelection([replace(operations[0], obstacle="it has no path"), *operations[1:]])
    of_app = [operation.id for operation in operations[1:4]]
    selection.set_existing(of_app)
    selection.set_compared(of_app[:1], [replace(operations[0], id="GET /gone")])
    assert selection.counts == {"new": 1, "unchanged": 2, "changed": 1, "gone": 1, "cannot be taken": 1}
    assert sum(selection.counts.values()) == len(selection.operations)
