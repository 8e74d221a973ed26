"""Choosing: filters, tags, what it comes to, and what a plan makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from drio_tui.api.models import IntegrationCreate, OperationCreate, ToolCreate
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.openapi_import.existing import Present
from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.openapi_import.planning import MANY_TOOLS, Plan, Target, make_plan
from drio_tui.openapi_import.selection import OperationSelection
from tests.openapi_import.documents import PETS, reading

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def pets() -> OpenApiParser:
    return reading(PETS["paths"], components=PETS["components"], security=PETS["security"])


def planned(found: OpenApiParser, *ids: str, **options: Any) -> Plan:
    offered = [one for one in found.offered() if not ids or one.id in ids]
    details = {one.id: found.detail(one.id) for one in offered if not one.obstacle}
    given: dict[str, Any] = {
        "base_url": "https://api.example.com", "integration": "", "auth": "", "tools": True, "present": Present(),
        "again": False,
    }  # fmt: skip
    source = options.pop("source", "")
    return make_plan(replace(found.head(), title="Pets"), source, offered, details, **(given | options))


@pytest.mark.parametrize(
    ("wanted", "count"),
    [("", 5), ("pets", 5), ("PET get", 2), ("tag:admin", 1), ("is:safe", 2), ("is:unsafe replace", 1),
     ("is:deprecated", 1), ("is:chosen", 1), ("is:blocked", 0), ("nothing", 0)],
)  # fmt: skip
def test_a_filter_shows_what_has_every_word(wanted: str, count: int) -> None:
    choosing = OperationSelection(list(pets().offered()))
    choosing.toggle("GET /pets")
    assert len(choosing.shown(wanted)) == count


def test_what_shares_a_tag_or_is_shown_is_chosen_together_and_dropped_together() -> None:
    choosing = OperationSelection(list(pets().offered()))
    choosing.toggle_all(choosing.tagged_as("POST /pets"))
    assert choosing.chosen == ("GET /pets", "POST /pets", "GET /pets/{petId}")
    choosing.toggle_all([one.id for one in choosing.shown("")])
    assert len(choosing) == 5
    assert choosing.unsafe == 3
    assert choosing.tokens == sum(one.tokens for one in choosing.operations)
    choosing.toggle_all([one.id for one in choosing.shown("")])
    assert not len(choosing)


def test_what_cannot_be_taken_is_not_chosen_by_any_way() -> None:
    choosing = OperationSelection(list(reading({"/a": {"trace": {}, "get": {}}}).offered()))
    assert choosing.toggle("TRACE /a") == "drio cannot send TRACE requests."
    choosing.toggle_all(one.id for one in choosing.operations)
    assert choosing.chosen == ("GET /a",)


def test_what_was_made_is_chosen_no_more() -> None:
    choosing = OperationSelection(list(pets().offered()))
    choosing.choose(["GET /pets", "POST /pets"])
    choosing.are_made(["GET /pets"])
    assert choosing.chosen == ("POST /pets",)
    assert choosing.toggle("GET /pets") == "The app has it already."


def test_many_tools_are_warned_of() -> None:
    choosing = OperationSelection(list(reading({f"/p{n}": {"get": {}} for n in range(MANY_TOOLS + 1)}).offered()))
    choosing.choose(one.id for one in choosing.operations)
    assert str(choosing.warnings()[0]).startswith(f"{MANY_TOOLS + 1} tools are many")


def test_a_plan_is_an_integration_then_each_operation_with_its_tool() -> None:
    plan = planned(pets(), "GET /pets", "POST /pets", auth="auth_1")
    assert [resource.local for resource in plan.resources] == [
        "integration:1",
        "operation:1",
        "tool:1",
        "operation:2",
        "tool:2",
    ]
    integration, operation, tool = plan.resources[:3]
    assert integration.resolved({})[0] == {
        "name": "Pets", "key": "pets", "kind": "rest", "baseUrl": "https://api.example.com", "authId": "auth_1",
        "config": {"openapi": {"title": "Pets", "version": "1.0", "signIn": ["API key X-Api-Key in the header"]}},
    }  # fmt: skip
    assert operation.resolved({"integration:1": "integration_9"})[1] == "integration_9"
    body, _ = tool.resolved({"operation:1": "operation_9"})
    assert body["binding"] == {"type": "integration_operation", "integrationOperationId": "operation_9"}
    assert body["key"] == operation.body["key"] == "list-pets"
    assert plan.tokens == sum(one.tokens for one in pets().offered() if one.id in ("GET /pets", "POST /pets"))


def test_the_query_of_the_documents_address_is_not_kept() -> None:
    plan = planned(pets(), "GET /pets", source="https://store.example/api.json?X-Signature=secret#top")
    assert plan.resources[0].body["config"]["openapi"]["source"] == "https://store.example/api.json"


def test_every_body_of_a_plan_is_one_that_drio_takes() -> None:
    for resource in planned(pets()).resources:
        body, _ = resource.resolved(dict.fromkeys(resource.needs, "id_1"))
        model = {"integration": IntegrationCreate, "operation": OperationCreate, "tool": ToolCreate}[resource.kind]
        model.from_wire(body)


def test_keys_are_unique_among_themselves_and_those_of_the_app() -> None:
    paths = {f"/p{n}": {"get": {"operationId": "x" * 70, "summary": "Same"}} for n in range(12)}
    taken = {"tool": ["x" * 64], "operation": [f"{'x' * 62}-2"], "integration": ["pets"]}
    raws = {f"{kind}s": tuple({"key": key} for key in keys) for kind, keys in taken.items()}
    present = Present(raws["integrations"], raws["operations"], raws["tools"])
    plan = planned(reading(paths), present=present)
    for kind in ("operation", "tool"):
        keys = [resource.body["key"] for resource in plan.of(kind)]
        assert len({*keys, *taken["tool"], *taken["operation"]}) == 14
        assert all(LEGAL.fullmatch(key) for key in keys)
    assert plan.resources[0].body["key"] == "pets-2"


def test_operations_can_be_made_without_tools_in_an_integration_that_is_there() -> None:
    plan = planned(pets(), tools=False, integration=Target("integration_5", "https://old.example"))
    assert {resource.kind for resource in plan.resources} == {"operation"}
    assert {resource.parent for resource in plan.resources} == {"integration_5"}
    assert not plan.tokens


def test_operations_with_a_server_of_their_own_get_an_integration_of_their_own() -> None:
    own = {"servers": [{"url": "https://upload.example.com"}]}
    plan = planned(reading({"/a": {"get": {}}, "/b": {"put": own}, "/c": own | {"get": {}}}))
    first, second = plan.of("integration")
    assert second.body["name"] == "Pets (upload.example.com)"
    assert second.body["key"] != first.body["key"]
    parents = {resource.source: resource.parent for resource in plan.of("operation")}
    assert parents == {"GET /a": first.local, "PUT /b": second.local, "GET /c": second.local}


def test_what_is_left_out_is_told_of() -> None:
    plan = planned(reading({"/a": {"trace": {}, "get": {"parameters": [{"name": "s", "in": "cookie"}]}}}))
    assert [resource.source for resource in plan.of("tool")] == ["GET /a"]
    assert {problem.operation for problem in plan.problems} == {"TRACE /a", "GET /a"}


@pytest.mark.parametrize("url", ["", "ftp://x", "https://u:p@x.example", "/relative"])
def test_there_is_no_plan_without_a_base_url(url: str) -> None:
    with pytest.raises(ImportFailed, match="There is no base URL for its operations"):
        planned(pets(), base_url=url)
