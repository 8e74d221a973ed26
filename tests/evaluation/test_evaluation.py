"""What tests of tools expect, how they are run, and what CI systems get of them."""

from __future__ import annotations

import asyncio
from typing import Any
from xml.etree import ElementTree

import pytest

from drio_tui.api.json_codec import Document
from drio_tui.evaluation.expectations import mismatches
from drio_tui.evaluation.from_run import suggested_test, unused_name
from drio_tui.evaluation.junit import junit_xml
from drio_tui.evaluation.local_tests import keep_local, local_section, merged
from drio_tui.evaluation.runner import PARALLEL, TestResult, count_outcomes, evaluate
from drio_tui.evaluation.tool_test import ToolTest, problems_of
from drio_tui.workspace.run.bound_tool import BoundTool, NotRunnable
from drio_tui.workspace.run.local_runner import BadArguments
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from drio_tui.workspace.run.tool_run import Run
from tests.workspace.run.conftest import bound

VALUE = {"results": [{"id": "c1", "name": "Anna"}, {"id": "c2", "name": "Ada"}], "total": 2, "next": None}
MAPPINGS = {"rows": "$.results", "columns.mail": "$.mail", "title": "$.nothing"}
WIDGET = {"primitive": "data-table", "config": {"fieldMappings": MAPPINGS}}


def run_of(tool: BoundTool, value: Any = VALUE, *, error: str = "", arguments: Document | None = None) -> Run:
    structured = None if error else value
    timing = [("upstream", 0.5)]
    run = Run(
        tool.id, tool.title, "here", arguments or {}, structured=structured, value=value, error=error, timing=timing
    )
    run.secret_names = tool.secret_names
    return run


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ({}, []),
        ({"status": "error"}, ["status: expected error, got ok"]),
        ({"contains": "Anna"}, []),
        ({"contains": "Zoe"}, ["contains"]),
        ({"values": [{"path": "$.results[0].id", "equals": "c1"}]}, []),
        ({"values": [{"path": "$.results[0].id", "equals": "c9"}]}, ['$.results[0].id: expected "c9", got "c1"']),
        ({"values": [{"path": "$.results[*].id", "equals": ["c1", "c2"]}]}, []),
        ({"values": [{"path": "$.results[*].id", "equals": "c1"}]}, ["$.results[*].id"]),
        ({"values": [{"path": "$.next", "equals": None}]}, []),
        ({"values": [{"path": "$.gone", "equals": None}]}, ["$.gone: expected null, got nothing"]),
        ({"values": [{"path": "$.total", "equals": "2"}]}, ["$.total"]),
        ({"values": [{"path": "$.total", "exists": True}, {"path": "$.gone", "exists": False}]}, []),
        ({"values": [{"path": "$.total", "exists": False}, {"path": "$.gone", "exists": True}]}, ["$.total", "$.gone"]),
        ({"values": [{"path": "$.results[*].name", "matches": "^A"}]}, []),
        ({"values": [{"path": "$.results[*].name", "matches": "^An"}]}, ["$.results[*].name"]),
        ({"values": [{"path": "$.gone", "matches": "."}]}, ["$.gone: expected a match of ., got nothing"]),
        ({"values": [{"path": "$.results", "count": 2}, {"path": "$.results[*]", "count": 2}]}, []),
        ({"values": [{"path": "$.results", "count": 3}]}, ["$.results: expected 3 items, got 2 items"]),
        ({"slots": ["rows"]}, []),
        (
            {"slots": ["columns.mail", "body"]},
            ["slot columns.mail", "slot body: expected a value, got no field mapping"],
        ),
        ({"maxSeconds": 0.5, "maxBytes": 200, "maxTokens": 60}, []),
        ({"maxSeconds": 0.4, "maxBytes": 20, "maxTokens": 5}, ["seconds", "bytes", "tokens"]),
        ({"later": {"kept": True}}, []),
    ],
)
def test_a_run_is_compared_with_what_is_expected(expect: Document, expected: list[str]) -> None:
    tool = bound("https://api.example.com", widget=WIDGET)
    found = [
        str(mismatch) for mismatch in mismatches(ToolTest("t", {"name": "n", "expect": expect}), tool, run_of(tool))
    ]
    assert len(found) == len(expected)
    for text, start in zip(found, expected, strict=True):
        assert text.startswith(start), text


def test_a_failure_can_be_expected_with_its_text() -> None:
    tool = bound("https://api.example.com")
    run = run_of(tool, {"detail": "no such contact"}, error="The upstream answered 404.")
    expect = {"status": "error", "contains": "no such", "values": [{"path": "$.detail", "matches": "contact$"}]}
    assert mismatches(ToolTest("t", {"name": "n", "expect": expect}), tool, run) == []
    (found,) = mismatches(ToolTest("t", {"name": "n"}), tool, run)
    assert str(found) == "status: expected ok, got error: The upstream answered 404."


def test_secret_arguments_are_not_in_what_is_reported() -> None:
    tool = bound("https://api.example.com", schema={"type": "object", "properties": {"token": {"type": "string"}}})
    run = run_of(tool, {"echo": "hunter-twenty-two"}, arguments={"token": "hunter-twenty-two"})
    expect = {"values": [{"path": "$.echo", "equals": "x" * 5_000}]}
    (found,) = mismatches(ToolTest("t", {"name": "n", "expect": expect}), tool, run)
    assert "hunter" not in str(found)
    assert len(found.expected) == 300


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"name": "n", "expect": {"status": "fine"}}, ("expect", "status")),
        ({"arguments": {}}, ("name",)),
        ({"name": "n", "expect": {"values": [{"path": "results", "exists": True}]}}, ("expect", "values", 0, "path")),
        ({"name": "n", "expect": {"values": [{"path": "$.a"}]}}, ("expect", "values", 0)),
        ({"name": "n", "expect": {"values": [{"path": "$.a", "matches": "("}]}}, ("expect", "values", 0, "matches")),
        (
            {"name": "n", "expect": {"values": [{"path": "$.a", "matches": "(a+)+$"}]}},
            ("expect", "values", 0, "matches"),
        ),
        ({"name": "n", "arguments": []}, ("arguments",)),
    ],
)
def test_what_is_wrong_with_a_test_is_found(raw: Document, path: tuple[Any, ...]) -> None:
    assert [where for where, _ in problems_of(raw)] == [path]


def test_nulls_are_values() -> None:
    arguments = {"a": None, "b": {"c": None}}
    values = [{"path": "$.a", "equals": None}, {"path": "$.b", "equals": {"c": None}}]
    assert [*problems_of({"name": "n", "arguments": arguments, "expect": {"values": values}})] == []


async def test_tests_run_concurrently_and_writes_only_when_asked() -> None:
    tools = {"read": bound("https://a.example"), "write": bound("https://a.example", method="POST")}
    running: list[str] = []
    most = 0

    def tool_of(key: str) -> BoundTool:
        if key not in tools:
            raise NotRunnable("there is no such tool")
        return tools[key]

    async def run_tool(tool: BoundTool, arguments: Document) -> Run:
        nonlocal most
        assert not (tool is tools["write"] and running)
        running.append(tool.id)
        most = max(most, len(running))
        await asyncio.sleep(0)
        running.remove(tool.id)
        if arguments.get("bad"):
            raise BadArguments("q must be text")
        return run_of(tool)

    reads = [ToolTest("read", {"name": f"r{number}"}) for number in range(8)]
    bad = ToolTest(
        "read", {"name": "bad", "arguments": {"bad": 1}, "expect": {"status": "error", "contains": "must be"}}
    )
    others = [ToolTest("write", {"name": "w1"}), ToolTest("write", {"name": "w2"}), ToolTest("gone", {"name": "g"})]
    tests = [*others, bad, *reads, ToolTest("read", {"name": "x", "expect": 5})]
    results = await evaluate(tests, tool_of, run_tool)
    assert [result.test for result in results] == tests
    assert most == PARALLEL
    assert count_outcomes(results) == {"passed": 9, "failed": 0, "error": 2, "skipped": 2}
    assert results[-1].message == "The test is not valid: expect must be an object."
    results = await evaluate(tests, tool_of, run_tool, include_writes=True)
    assert [result.outcome for result in results[:3]] == ["passed", "passed", "error"]


def test_junit_names_the_failed_case_and_survives_hostile_texts() -> None:
    tool = bound("https://a.example")
    test = ToolTest("tool-1", {"name": "finds \x1b[31m\0 \ud800 \ufffe\uffff anna", "expect": {"contains": "\x07<&>"}})
    failed = TestResult(test, "failed", 0.25, tuple(mismatches(test, tool, run_of(tool))))
    results = [failed, *(TestResult(test, outcome, message="why") for outcome in ("passed", "error", "skipped"))]
    root = ElementTree.fromstring(junit_xml("acme", results))
    (suite,) = root
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    case = suite[0]
    assert case.get("classname") == "acme.tool-1"
    assert "anna" in str(case.get("name"))
    assert [child.tag for case in suite for child in case] == ["failure", "error", "skipped"]
    assert "contains: expected" in str(case[0].get("message"))


def test_a_run_becomes_a_test_that_it_passes() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string"}, "token": {"type": "string"}}}
    tool = bound("https://a.example", schema=schema, widget=WIDGET)
    run = run_of(tool, arguments={"q": "an", "$env": 1, "token": "sesame-street"})
    test = suggested_test(tool, run)
    assert test["name"] == f"{tool.title} succeeds"
    assert unused_name(test["name"], [test["name"], f"{test['name']} (2)"]) == f"{tool.title} succeeds (3)"
    assert test["arguments"] == {"q": "an", "$$env": 1, "token": {"$secret": "TOKEN"}}
    assert test["expect"] == {
        "status": "ok",
        "values": [
            {"path": "$.total", "exists": True},
            {"path": "$.results[0].id", "exists": True}, {"path": "$.results[0].name", "exists": True},
        ],
        "slots": ["rows"],
    }  # fmt: skip
    assert [*problems_of(test)] == []
    assert mismatches(ToolTest("t", test), tool, run) == []
    failed = suggested_test(tool, run_of(tool, error="no"))
    assert (failed["name"], failed["expect"]) == (f"{tool.title} fails", {"status": "error"})
    # What was asked for is in the answer; a secret is not written into the test, wherever it is.
    echoed = {"id": "c1", "name": "Anna", "token": "sesame-street", "tags": []}
    asked = run_of(tool, echoed, arguments={"q": "c1", "token": "sesame-street"})
    assert suggested_test(tool, asked)["expect"]["values"] == [
        {"path": "$.id", "equals": "c1"}, {"path": "$.name", "exists": True},
        {"path": "$.token", "exists": True}, {"path": "$.tags", "exists": True},
    ]  # fmt: skip


def test_tests_without_a_document_are_kept_on_this_machine() -> None:
    history = RunHistory("drio.example", "app_1")
    assert local_section(history) == {}
    first = [{"name": "a", "x-owner": "ada", "arguments": {"q": 1}}, {"name": "b"}]
    keep_local(history, "search", first)
    keep_local(history, "show", [{"name": "c"}])
    keep_local(history, "show", [])
    assert local_section(history) == {"search": first}
    document = {"search": [{"name": "b", "expect": {}}], "list": {"$file": "tests.json"}}
    assert merged(document, {"search": first, "list": first}) == {
        "search": [{"name": "b", "expect": {}}, first[0]], "list": {"$file": "tests.json"},
    }  # fmt: skip
    (history.folder / "tests.json").write_text('{"v": 2}')
    with pytest.raises(NotKept):
        keep_local(history, "search", first)
