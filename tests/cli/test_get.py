"""`get`: resources as a table, names, JSON and YAML; and how names are matched by all commands."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.cli.conftest import AppOnSandbox, Runner


def test_all_resources_of_a_kind_are_listed(on_sandbox: Runner, app: AppOnSandbox) -> None:
    tools = app.list("tools")
    table = on_sandbox("get", app.slug, "tools")
    assert table.code == 0
    assert all(tool["name"] in table.out and tool["id"] in table.out for tool in tools.values())
    assert on_sandbox("get", app.slug, "tools", "--json").json == {"tools": list(tools.values())}
    assert on_sandbox("get", app.slug, "Tool", "-o", "name").out.split() == list(tools)


@pytest.mark.parametrize("command", [["get", "SLUG", "integrations"], ["inspect", "SLUG", "--kind", "integrations"]])
def test_the_columns_of_a_table_have_readable_titles(on_sandbox: Runner, app: AppOnSandbox, command: list[str]) -> None:
    header = on_sandbox(*[app.slug if part == "SLUG" else part for part in command]).out.splitlines()[0]
    assert re.split(r" {2,}", header) == ["NAME", "KEY", "KIND", "BASE URL", "STATUS", "ID"]


def test_one_resource_is_printed_with_all_its_properties(on_sandbox: Runner, app: AppOnSandbox) -> None:
    tool = app.list("tools")["search-tickets"]
    printed = on_sandbox("get", app.slug, "tool", "search-tickets").out
    assert all(re.search(rf"^{name}\s", printed, re.MULTILINE) for name in tool)
    for name in (tool["id"], tool["key"], tool["name"]):
        assert on_sandbox("get", app.slug, "tool", name, "--json").json == {"tool": tool}
    assert yaml.safe_load(on_sandbox("get", app.slug, "tool", "search-tickets", "-o", "yaml").out) == {"tool": tool}


def test_glob_patterns_mean_several_resources(on_sandbox: Runner, app: AppOnSandbox) -> None:
    names = on_sandbox("get", app.slug, "tools", "search-*", "*Ticket", "-o", "name").out.split()
    assert names == ["search-contacts", "search-tickets", "show-ticket", "open-ticket", "update-ticket"]


def test_an_operation_is_found_below_its_integration(on_sandbox: Runner, app: AppOnSandbox) -> None:
    operation = app.list("operations")["get-ticket"]
    (integration,) = app.list("integrations")
    found = on_sandbox("get", app.slug, "operations", f"{integration}/get-ticket", "--json")
    assert found.json == {"operation": operation}
    assert on_sandbox("get", app.slug, "operations", "nothing/get-ticket").code == 1


def test_an_unknown_name_is_an_error_with_a_suggestion(on_sandbox: Runner, app: AppOnSandbox) -> None:
    result = on_sandbox("get", app.slug, "tools", "serch-tickets")
    assert result.code == 1
    assert "Did you mean search-tickets" in result.err
    assert on_sandbox("get", app.slug, "tools", "none-*").code == 1
    unknown = on_sandbox("get", app.slug, "gadgets")
    assert unknown.code == 2
    assert "auth, integrations, operations, tools, widgets" in unknown.err


def test_a_name_that_several_resources_have_is_refused_with_their_ids(on_sandbox: Runner, app: AppOnSandbox) -> None:
    tools = app.list("tools")
    ids = [tools[key]["id"] for key in ("add-note", "open-ticket")]
    for id in ids:
        app.patch(f"tools/{id}", {"name": "Twice"})
    result = on_sandbox("get", app.slug, "tools", "Twice")
    assert result.code == 2
    assert all(id in result.err for id in ids)
    assert on_sandbox("get", app.slug, "tools", ids[0], "-o", "name").out.strip() == "add-note"
    assert on_sandbox("get", app.slug, "tools", "Twi*", "-o", "name").out.split() == ["open-ticket", "add-note"]
    called = on_sandbox("call", app.slug, "Twice")
    assert called.code == 2
    assert all(id in called.err for id in ids)


@pytest.mark.parametrize("form", ["table", "name", "json", "yaml"])
def test_hostile_text_is_harmless_in_every_form(on_sandbox: Runner, app: AppOnSandbox, form: str) -> None:
    """F55."""
    hostile = "a [/] b \x1b]52;c;ZXZp\x07 \x9b31m \u202e[@click=app.quit]x[/]"
    tools = app.list("tools")
    app.patch(f"tools/{tools['add-note']['id']}", {"name": hostile, "description": hostile})
    for names in ((), ("add-note",)):
        result = on_sandbox("get", app.slug, "tools", *names, "-o", form)
        assert result.code == 0
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.out)


def test_secrets_are_hidden(on_sandbox: Runner, app: AppOnSandbox) -> None:
    tool = app.list("tools")["add-note"]
    app.patch(f"tools/{tool['id']}", {"description": "Sent with Bearer c2VjcmV0LXNlY3JldC1zZWNyZXQ"})
    for arguments in ((), ("-o", "json"), ("-o", "yaml")):
        result = on_sandbox("get", app.slug, "tools", tool["key"], *arguments)
        assert "Sent with Bearer" in result.out
        assert "c2VjcmV0" not in result.out + result.err
