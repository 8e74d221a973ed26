"""Where the arguments of the next tool of a chain could come from."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.workspace.run import argument_suggestions
from drio_tui.workspace.run.argument_suggestions import (
    FIRST_ARGUMENTS,
    MOST_ARGUMENTS,
    chosen,
    is_path,
    nouns_of,
    rows_path,
    source_of,
    suggest_arguments,
    value_at,
)
from drio_tui.workspace.run.bound_tool import fits

TEXT = {"type": "string"}
CONTACT = {"id": "con_1", "name": "Ada", "email": "ada@example.com", "plan": "free", "tickets": [{"id": "tic_1"}]}


def places(
    argument: str,
    schema: dict[str, Any],
    value: Any = None,
    *,
    output: Any = None,
    source: tuple[str, str] = ("Search Contacts", "/contacts"),
    target: tuple[str, str] = ("Show Contact", "/contacts/{contactId}"),
    first: dict[str, Any] | None = None,
    required: bool = True,
    only_reads: bool = True,
) -> tuple[str, str] | None:
    """Return the path that is chosen for an argument and why; with `!` before it if it is one of the first call."""
    sources = [source_of("t1", source[0], value=value, schema=output, path=source[1])]
    sources.append(source_of(FIRST_ARGUMENTS, "arguments", value=first or {}))
    suggestions = suggest_arguments(
        {"type": "object", "properties": {argument: schema}}, sources, fits, nouns=nouns_of(*target)
    )
    best = chosen(argument, suggestions[argument], required=required, only_reads=only_reads)
    if best is None:
        return None
    return ("" if best.place.tool else "!") + best.place.path, best.reason


@pytest.mark.parametrize(
    ("argument", "schema", "value", "expected"),
    [
        ("contactId", TEXT, {"results": [CONTACT]}, ("$.results[*].id", "the id of a contact")),
        ("contact_id", TEXT, {"contacts": [{"id": "c", "teamId": "a"}]}, ("$.contacts[*].id", "the id of a contact")),
        ("id", TEXT, {"results": [CONTACT]}, ("$.results[*].id", "the id of a contact")),
        ("ticketId", TEXT, CONTACT, ("$.tickets[*].id", "the id of a ticket")),
        ("contactId", TEXT, CONTACT, ("$.id", "the id of a contact")),
        ("accountId", TEXT, {"data": {"account": {"id": "acc_1"}}}, ("$.data.account.id", "the id of an account")),
        ("contact", TEXT, {"results": [CONTACT]}, ("$.results[*].id", "the id of a contact")),
        ("contactEmail", TEXT, {"results": [CONTACT]}, ("$.results[*].email", "a similar name")),
        ("CONTACT-ID", TEXT, {"contactId": "c", "id": "x"}, ("$.id", "the id of a contact")),
        ("plan", TEXT, {"plan": "free"}, ("$.plan", "the same name")),
        ("plan", {"type": "string", "enum": ["team"]}, {"plan": "free"}, None),
        ("contactId", {"type": "integer"}, {"results": [CONTACT]}, None),
        ("contactId", {"type": "string", "pattern": "^x_"}, {"results": [CONTACT]}, None),
        ("ownerId", TEXT, {"results": [CONTACT]}, None),
        ("q", TEXT, {"results": [CONTACT]}, None),
        ("contactId", TEXT, {"results": []}, None),
    ],
)  # fmt: skip
def test_an_argument_takes_the_value_that_its_name_and_type_suggest(
    argument: str, schema: dict[str, Any], value: Any, expected: tuple[str, str] | None
) -> None:
    assert places(argument, schema, value) == expected


def test_without_a_result_its_schema_decides() -> None:
    item = {"type": "object", "properties": {"id": TEXT, "status": {"enum": ["open"], "type": "string"}}}
    output = {"type": "object", "properties": {"results": {"type": "array", "items": item}}}
    assert places("contactId", TEXT, output=output) == ("$.results[*].id", "the id of a contact")
    assert places("contactId", {"type": "integer"}, output=output) is None
    assert places("state", {"type": "string", "enum": ["open", "done"]}, output=output) == (
        "$.results[*].status", "the same values",
    )  # fmt: skip


def test_a_result_comes_before_the_arguments_of_the_first_call() -> None:
    assert places("limit", {"type": "integer"}, {"limit": 3}, first={"limit": 5}) == ("$.limit", "the same name")
    assert places("limit", {"type": "integer"}, {"limit": "x"}, first={"limit": 5}) == ("!$.limit", "the same name")


def test_what_need_not_be_there_is_taken_only_if_it_is_certain() -> None:
    tickets = ("Search Tickets", "/tickets")
    assert places("contactId", TEXT, CONTACT, target=tickets, required=False) == ("$.id", "the id of a contact")
    assert places("status", TEXT, {"tickets": [{"status": "open"}]}, target=tickets, required=False) is None
    assert places("text", TEXT, {"notes": [{"text": "old"}]}, only_reads=False) is None
    assert places("contactId", TEXT, {"results": [CONTACT]}, only_reads=False) is not None


@pytest.mark.parametrize(
    ("title", "path", "nouns"),
    [
        ("Search Contacts", "/contacts", {"contact"}),
        ("List Tickets of a Contact", "/contacts/{id}/tickets", {"ticket"}),
        ("Show Pipeline", "/v2/deals/search?q=1", {"pipeline", "deal"}),
        ("Categories", "/api/v1/categories/{id}", {"category"}),
        ("Find", "/search", set()),
    ],
)
def test_what_a_tool_is_about(title: str, path: str, nouns: set[str]) -> None:
    assert nouns_of(title, path) == nouns


def test_a_path_is_evaluated_in_a_row() -> None:
    value = {"results": [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": ["b"]}]}
    assert value_at(value, "$.results[*].id", 1) == 2
    assert value_at(value, "$.results[*].tags[*]", 1) == "b"
    assert value_at(value, "$.results[*].id", 9) is None
    assert (rows_path("$.results[*].id"), rows_path("$.id")) == ("$.results", "")
    assert (is_path("$.a"), is_path("a")) == (True, False)


def test_only_the_first_arguments_of_a_tool_with_very_many_have_suggestions() -> None:
    schema = {"type": "object", "properties": {f"a{number}": {"type": "string"} for number in range(300)}}
    suggestions = suggest_arguments(schema, [source_of("t", "List pets", value={"x": "1"})], lambda *_: True)
    assert [name for name, offers in suggestions.items() if offers] == [
        f"a{number}" for number in range(MOST_ARGUMENTS)
    ]
    assert len(suggestions) == MOST_ARGUMENTS  # of the others nothing is known, also not that nothing fills them


def test_of_long_results_and_long_chains_only_so_many_values_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argument_suggestions, "MOST_VALUES", 9)
    sources = [source_of(f"t{number}", "T", value={f"text{key}": "a" for key in range(50)}) for number in (1, 2)]
    sources.append(source_of(FIRST_ARGUMENTS, "arguments", value={"text": "a"}))
    checked: list[Any] = []

    def counted(schema: Any, value: Any) -> bool:
        checked.append(value)
        return fits(schema, value)

    offers = suggest_arguments({"properties": {"text": TEXT, "other": TEXT}}, sources, counted)
    assert [offer.place.tool for offer in offers["text"]] == [FIRST_ARGUMENTS, *["t1"] * 3, *["t2"] * 3]
    assert len(checked) == 1  # only for what has a reason
