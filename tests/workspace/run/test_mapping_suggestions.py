"""Field mappings suggested from a schema or a real result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from drio_tui.api.json_codec import loads
from drio_tui.sandbox import catalogue
from drio_tui.workspace.run.mapping import apply_mappings
from drio_tui.workspace.run.mapping_suggestions import (
    mapping_suggestions,
    slot_changes,
    suggest_mappings,
    suggest_primitive,
)
from drio_tui.workspace.run.schema_examples import example_of
from tests.workspace.run.test_mapping import JSON

TEMPLATES = Path(catalogue.__file__).parent / "templates"

REPOSITORY = {
    "id": 1,
    "name": "textual",
    "owner": {"login": "Textualize", "id": 3, "avatar_url": "https://example.com/a.png"},
    "html_url": "https://example.com/textual",
    "description": "A framework.",
    "url": "https://api.example.com/textual",
    "created_at": "2021-04-08T13:54:33Z",
    "stars_count": 23,
}


def operation_of(template: str, widget: str) -> dict[str, Any]:
    """Return the operation whose result a widget of a template shows."""
    document = loads((TEMPLATES / f"{template}.json").read_bytes())
    integration, operation = document["tools"][document["widgets"][widget]["tool"]]["binding"].split("/")
    found: dict[str, Any] = document["integrations"][integration]["operations"][operation]
    return found


@pytest.mark.parametrize(
    ("template", "widget", "primitive", "expected"),
    [
        (
            "support", "contact-table", "data-table",
            {"rows": "$.results", "columns.name": "$.name", "columns.email": "$.email", "columns.company": "$.company",
             "columns.phone": "$.phone", "columns.plan": "$.plan", "columns.createdAt": "$.createdAt"},
        ),
        (
            "support", "contact-card", "card",
            {"title": "$.name", "subtitle": "$.company", "badge": "$.plan", "fields.email": "$.email",
             "fields.phone": "$.phone", "fields.createdAt": "$.createdAt"},
        ),
        (
            "support", "ticket-list", "list",
            {"items": "$.results", "title": "$.subject", "subtitle": "$.priority", "timestamp": "$.updatedAt",
             "badge": "$.status"},
        ),
        (
            "support", "ticket-detail", "detail",
            {"title": "$.subject", "status": "$.status", "body": "$.body", "fields.priority": "$.priority",
             "fields.createdAt": "$.createdAt", "fields.updatedAt": "$.updatedAt", "sections.contact": "$.contact",
             "sections.notes": "$.notes"},
        ),
        (
            "support", "new-ticket-form", "form",
            {"fields.subject": "$.subject", "fields.body": "$.body", "fields.priority": "$.priority"},
        ),
        (
            "e-commerce", "product-grid", "card-grid",
            {"items": "$.results", "title": "$.title", "value": "$.price", "badge": "$.rating", "image": "$.image"},
        ),
        (
            "e-commerce", "order-table", "data-table",
            {"rows": "$.results", "columns.id": "$.id", "columns.status": "$.status", "columns.total": "$.total",
             "columns.placedAt": "$.placedAt"},
        ),
        ("e-commerce", "return-label", "image", {"src": "$.labelUrl", "alt": "$.id"}),
        (
            "sales-crm", "forecast-chart", "chart",
            {"x": "$.months[*].month", "y": "$.months[*].weighted", "series.best": "$.months[*].best"},
        ),
        (
            "sales-crm", "deal-timeline", "timeline",
            {"items": "$.activities", "title": "$.type", "body": "$.text", "timestamp": "$.at"},
        ),
        ("analytics-dashboard", "query-result", "data-table", {"rows": "$.rows", "columns": "$.columns"}),
        ("knowledge-base", "article-text", "text", {"title": "$.title", "body": "$.body", "link": "$.url"}),
    ],
)  # fmt: skip
def test_slots_are_filled_from_the_output_schema(
    template: str, widget: str, primitive: str, expected: dict[str, str]
) -> None:
    operation = operation_of(template, widget)
    schema = operation["outputSchema"]
    mappings = suggest_mappings(primitive, schema, arguments=operation["inputSchema"])
    assert mappings == expected
    if primitive != "form":  # its fields are those of the arguments
        states = {outcome.slot: outcome.state for outcome in apply_mappings(mappings, example_of(schema))}
        assert set(states.values()) == {"found"}, states


@pytest.mark.parametrize(
    ("primitive", "sample", "expected"),
    [
        (
            "data-table", {"total": 1, "items": [REPOSITORY]},
            {"rows": "$.items", "columns.name": "$.name", "columns.owner": "$.owner.login",
             "columns.created_at": "$.created_at", "columns.stars_count": "$.stars_count"},
        ),
        (
            "data-table", [{"id": "o1", "status": "open", "total": 3.5, "customer-id": "c1"}],
            {"rows": "$", "columns.id": "$.id", "columns.status": "$.status", "columns.total": "$.total"},
        ),
        (
            "data-table", {"e-mail": "ada@example.com", "name": "Ada"},
            {"rows": "$", "columns.name": "$.name", "columns.e-mail": "$['e-mail']"},
        ),
        ("card", {"data": {"id": "1", "name": "Ada"}}, {"title": "$.data.name"}),
        ("card", [{"id": "1", "name": "Ada"}], {"title": "$[0].name"}),
        ("list", {"tags": ["a", "b"]}, {"items": "$.tags", "title": "$"}),
        (
            "metric", {"name": "Revenue", "amount": 3, "change": -1},
            {"label": "$.name", "value": "$.amount", "delta": "$.change"},
        ),
        ("card-grid", {"n": 1}, {}),
        ("chart", {"rows": ["a"]}, {}),
        ("data-table", None, {}),
        ("card", "text", {}),
    ],
)  # fmt: skip
def test_slots_are_filled_from_a_real_result(primitive: str, sample: Any, expected: dict[str, str]) -> None:
    assert suggest_mappings(primitive, sample=sample) == expected


def test_secrets_are_not_shown() -> None:
    owner = {"password": "x", "name": "Bo"}
    pet = {"name": "Rex", "api_token": "s3cret", "clientSecret": {"name": "x"}, "owner": owner, "colour": "red"}
    for primitive, sample in (("data-table", [pet]), ("list", [pet]), ("card", pet), ("detail", pet)):
        paths = " ".join(suggest_mappings(primitive, None, sample).values()).lower()
        assert "name" in paths
        assert "token" not in paths
        assert "secret" not in paths
        assert "password" not in paths


def test_what_a_real_result_lacks_is_not_suggested() -> None:
    schema = operation_of("support", "contact-table")["outputSchema"]
    sample = {"results": [{"id": "con_1", "name": "Ada", "plan": "free"}], "total": 1}
    assert suggest_mappings("data-table", schema, sample) == {
        "rows": "$.results",
        "columns.name": "$.name",
        "columns.plan": "$.plan",
    }
    reasons = {suggestion.slot: suggestion.reason for suggestion in mapping_suggestions("data-table", schema, sample)}
    assert reasons["columns.plan"] == "one of free, team, business"


@pytest.mark.parametrize(
    ("mappings", "expected"),
    [
        ({}, {"title": "$.subject", "sections.contact": "$.contact"}),
        ({"title": "$.subject", "sections.customer": "$.contact"}, {}),  # the same section under another name
        ({"title": "$.subject", "fields.customer": "$.contact"}, {"sections.contact": "$.contact"}),  # another group
        ({"title": "$.subject", "body": "$.contact"}, {"sections.contact": "$.contact"}),  # no group
        (
            {"title": "$.contact", "sections.contact": "$.subject", "sections.customer": "$.id"},
            {"title": "$.subject", "sections.contact": "$.contact"},
        ),
    ],
)
def test_a_path_that_its_group_has_under_another_name_is_not_suggested_again(
    mappings: dict[str, str], expected: dict[str, str]
) -> None:
    sample = {"id": "tic_1", "subject": "Broken", "contact": {"id": "con_1", "name": "Ada"}}
    assert {change.slot: change.path for change in slot_changes("detail", mappings, sample=sample)} == expected


def test_a_path_whose_slot_gets_another_one_is_suggested_for_its_own_name() -> None:
    mappings = {"rows": "$", "columns.name": "$.email"}
    changes = slot_changes("data-table", mappings, sample=[{"name": "Ada", "email": "ada@example.com"}])
    assert {change.slot: change.path for change in changes} == {"columns.name": "$.name", "columns.email": "$.email"}


@settings(max_examples=25)
@given(JSON)
def test_every_suggestion_is_a_path_that_can_be_evaluated(sample: Any) -> None:
    for primitive in ("data-table", "list", "card", "chart"):
        for outcome in apply_mappings(suggest_mappings(primitive, sample=sample), sample):
            assert outcome.state != "wrong", outcome


def test_the_kind_of_widget_follows_the_result() -> None:
    assert suggest_primitive(operation_of("support", "contact-table")["outputSchema"]) == "data-table"
    assert suggest_primitive(operation_of("support", "contact-card")["outputSchema"]) == "detail"
    assert suggest_primitive(operation_of("e-commerce", "product-grid")["outputSchema"]) == "card-grid"
    assert suggest_primitive(sample={"amount": 3}) == "metric"
