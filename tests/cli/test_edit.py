"""`set`, `add`, `delete`, `enable`, `disable`, `bind`, `rebind`, `chain`: changing an app from scripts."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from drio_tui.cli.review import _kept_plan
from drio_tui.cli.values import Inputs, parse_assignment
from drio_tui.plan.steps import Step
from tests import preloaded
from tests.auth.httpd import HttpServer, Reply, Request
from tests.cli.conftest import AppOnSandbox, CommandResult, Faults, Runner, on_terminal
from tests.sandbox_fixtures import SandboxProcess

SECRET = "s3cr3t-value-of-the-upstream"


def requests_of(result: CommandResult) -> list[dict[str, Any]]:
    """The results of a command that was called with --json."""
    results: list[dict[str, Any]] = result.json["results"]
    return results


async def forwarded(upstream: httpx.AsyncClient, request: Request) -> Reply:
    """Return the response of a sandbox to a request that a proxy got."""
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    reply = await upstream.request(request.method, request.path, content=request.body, headers=headers)
    kept = {name: reply.headers[name] for name in ("content-type", "server")}
    return Reply(reply.status_code, reply.content, kept)


# --- set -------------------------------------------------------------------------------------------


def test_several_resources_are_changed_by_one_command_and_undone_by_one(on_sandbox: Runner, app: AppOnSandbox) -> None:
    before = app.list("tools")
    result = on_sandbox("set", app.slug, "tools", "*", "description=New text", "--yes")
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == len(before)
    assert {tool["description"] for tool in app.list("tools").values()} == {"New text"}
    groups = on_sandbox("undo", app.slug, "--list", "--json").json["groups"]
    assert [len(group) for group in groups] == [len(before)]
    assert on_sandbox("undo", app.slug, "--yes").code == 0
    assert app.list("tools") == before
    states = {change["state"] for change in on_sandbox("history", app.slug, "--json").json["changes"][len(before) :]}
    assert states == {"undone"}


def test_text_stays_text_and_a_colon_gives_json(on_sandbox: Runner, app: AppOnSandbox) -> None:
    values = ("description=12", "order:=40", "annotations.readOnlyHint:=false", "annotations.title=true")
    assert on_sandbox("set", app.slug, "tool", "add-note", *values, "--yes").code == 0
    tool = app.list("tools")["add-note"]
    assert (tool["description"], tool["order"]) == ("12", 40)
    assert tool["annotations"] == {**tool["annotations"], "readOnlyHint": False, "title": "true"}
    assert on_sandbox("set", app.slug, "tool", "add-note", "description:=null", "--yes").code == 0
    assert app.list("tools")["add-note"]["description"] is None


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("isEnabled=false", "isEnabled:=false"), ("descripton=x", "Did you mean description"), ("id=x", "drio sets it"),
        ("order:=four", "not JSON"), ("name.first=x", "name:=JSON"), ("=x", "not the path"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_usage_error_that_says_what_to_write(
    on_sandbox: Runner, app: AppOnSandbox, value: str, hint: str
) -> None:
    before = app.list("tools")
    result = on_sandbox("set", app.slug, "tool", "add-note", value, "--yes")
    assert result.code == 2
    assert hint in result.err
    assert app.list("tools") == before


def test_nothing_is_sent_without_yes_or_with_dry_run(on_sandbox: Runner, app: AppOnSandbox) -> None:
    before = app.list("tools")
    command = ("set", app.slug, "tools", "search-*", "description=New text")
    refused = on_sandbox(*command)
    assert refused.code == 2
    assert "--yes" in refused.err
    dry = on_sandbox(*command, "--dry-run")
    assert dry.code == 0
    assert "New text" in dry.out
    assert dry.out.splitlines()[-1] == "2 to change."
    as_json = on_sandbox(*command, "--dry-run", "--json").json
    assert [change["name"] for change in as_json["changes"]] == ["search-contacts", "search-tickets"]
    for arguments in (command, ("delete", app.slug, "tools", "*", "--cascade"), ("disable", app.slug, "tools", "*")):
        read_only = on_sandbox("--read-only", *arguments, "--yes")
        assert read_only.code == 2
        assert "--read-only" in read_only.err
    assert app.list("tools") == before


def test_what_has_the_value_already_is_not_sent(on_sandbox: Runner, app: AppOnSandbox) -> None:
    command = ("set", app.slug, "app", "description=Same", "--yes", "--json")
    assert len(requests_of(on_sandbox(*command))) == 1
    assert requests_of(on_sandbox(*command)) == []


def test_what_get_prints_can_be_edited_and_given_back(on_sandbox: Runner, app: AppOnSandbox) -> None:
    printed = on_sandbox("get", app.slug, "tool", "add-note", "--json").out
    unchanged = on_sandbox("set", app.slug, "tool", "add-note", "--file", "-", "--yes", "--json", stdin=printed)
    assert requests_of(unchanged) == []
    edited = printed.replace("Add Note", "Add a note")
    assert on_sandbox("set", app.slug, "tool", "add-note", "--file", "-", "--yes", stdin=edited).code == 0
    assert app.list("tools")["add-note"]["name"] == "Add a note"
    listed = on_sandbox("get", app.slug, "tools", "--json").out
    assert on_sandbox("set", app.slug, "tool", "add-note", "--file", "-", "--yes", stdin=listed).code == 2
    moved = json.dumps({"tool": {"appId": "app_other"}})
    assert on_sandbox("set", app.slug, "tool", "add-note", "--file", "-", "--yes", stdin=moved).code == 2


def test_hidden_secrets_are_never_written_back(on_sandbox: Runner, app: AppOnSandbox) -> None:
    tool = app.list("tools")["add-note"]
    text = "Sent with Bearer c2VjcmV0LXNlY3JldC1zZWNyZXQ"
    app.patch(f"tools/{tool['id']}", {"description": text})
    printed = on_sandbox("get", app.slug, "tool", "add-note", "--json").out
    assert text not in printed
    renamed = printed.replace("Add Note", "Add a note")
    assert on_sandbox("set", app.slug, "tool", "add-note", "--file", "-", "--yes", stdin=renamed).code == 0
    assert app.list("tools")["add-note"]["description"] == text
    for command in (("set", app.slug, "tool", "open-ticket"), ("add", app.slug, "tool")):
        refused = on_sandbox(*command, "--file", "-", "--yes", stdin=printed.replace('"add-note"', '"other"'))
        assert refused.code == 2
    assert "••" not in str(app.list("tools"))


def test_a_file_is_a_merge_patch(on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path) -> None:
    file = tmp_path / "branding.json"
    file.write_text('{"branding": {"primaryColor": "#123456", "fontFamily": null}}')
    assert on_sandbox("set", app.slug, "app", "--file", str(file), "--yes").code == 0
    branding = app.client.get(f"/api/v1/apps/{app.id}").json()["app"]["branding"]
    assert branding["primaryColor"] == "#123456"
    assert branding.get("fontFamily") is None
    assert branding["accentColor"]


def test_references_take_names(on_sandbox: Runner, app: AppOnSandbox) -> None:
    auth = app.list("auth")["helpdesk-key"]
    made = on_sandbox("add", app.slug, "integrations", "name=Other", "baseUrl=https://other.test", "--yes")
    assert made.code == 0, made.err
    changed = on_sandbox("set", app.slug, "integration", "other", "authId=helpdesk-key", "--yes")
    assert changed.code == 0, changed.err
    assert (
        app.list("integrations")["other"] | {"authId": auth["id"], "id": made.out.strip()}
        == app.list("integrations")["other"]
    )
    unknown = on_sandbox("set", app.slug, "integration", "other", "authId=helpdesk-kay", "--yes")
    assert unknown.code == 1
    assert "Did you mean helpdesk-key" in unknown.err


def test_an_error_of_one_resource_leaves_the_others_changed(on_sandbox: Runner, app: AppOnSandbox) -> None:
    keys = ("add-note", "open-ticket", "show-ticket")
    result = on_sandbox("set", app.slug, "tools", *keys, "key=one-key", "--yes", "--json")
    assert result.code == 1
    assert sorted(request["done"] for request in requests_of(result)) == [False, False, True]
    assert all(
        "key" in request["errors"] or request["problem"] for request in requests_of(result) if not request["done"]
    )
    assert result.error["code"] == "not_all_done"
    assert "one-key" in app.list("tools")


async def test_a_change_by_others_to_the_same_property_is_kept(
    app: AppOnSandbox, sandbox_process: SandboxProcess
) -> None:
    """The other change is made while the user looks at what would be changed."""
    tools = app.list("tools")

    def change_meanwhile() -> None:
        app.patch(f"tools/{tools['add-note']['id']}", {"description": "theirs"})
        app.patch(f"tools/{tools['open-ticket']['id']}", {"name": "Theirs"})

    arguments = ("set", app.slug, "tools", "add-note", "open-ticket", "description=mine")
    code, shown = await asyncio.to_thread(on_terminal, sandbox_process, arguments, change_meanwhile)
    assert code == 1
    assert "Make 2 changes?" in shown
    now = app.list("tools")
    assert now["add-note"]["description"] == "theirs"
    assert (now["open-ticket"]["description"], now["open-ticket"]["name"]) == ("mine", "Theirs")


def test_operations_are_moved_though_answers_are_lost(on_sandbox: Runner, app: AppOnSandbox, faults: Faults) -> None:
    added = on_sandbox("add", app.slug, "integration", "name=CRM", "baseUrl=https://crm.example.com", "--yes")
    before = app.list("tools")
    command = ("move", app.slug, "search-contacts", "helpdesk/get-contact", "crm")
    assert "2 to create, 4 to change, 2 to delete." in on_sandbox(*command, "--dry-run").out
    for rule in ("POST:**/operations=lost*1", "PUT:**/binding=lost*1", "DELETE:**/operations/{id}=lost*1"):
        assert faults("on", rule).code == 0
    result = on_sandbox(*command, "--yes")
    assert result.code == 0, result.err
    operations = app.list("operations")
    moved = {operations[key]["id"] for key in ("search-contacts", "get-contact")}
    assert {operations[key]["integrationId"] for key in ("search-contacts", "get-contact")} == {added.out.strip()}
    assert len(operations) == 7
    tools = app.list("tools")
    assert {tools[key]["binding"]["integrationOperationId"] for key in ("search-contacts", "show-contact")} == moved
    assert [(tool["nextToolIds"], tool["widgetId"]) for tool in tools.values()] == [
        (tool["nextToolIds"], tool["widgetId"]) for tool in before.values()
    ]
    preview = on_sandbox("undo", app.slug, "--dry-run").out
    assert (preview.count("undo: "), preview.count("stays: ")) == (8, 0)
    assert on_sandbox("undo", app.slug, "--yes").out.count("✓") == 8


def test_the_same_move_again_does_the_rest_after_a_refusal(
    on_sandbox: Runner, app: AppOnSandbox, faults: Faults
) -> None:
    on_sandbox("add", app.slug, "integration", "name=CRM", "key=crm", "baseUrl=https://crm.example.com", "--yes")
    command = ("move", app.slug, "get-con[t]act", "helpdesk/add-note", "Get ticket", "crm", "--yes")
    for rule in ("POST:**/operations=status:400*3", "DELETE:**/operations/{id}=status:400*3"):
        assert faults("on", rule).code == 0
        result = on_sandbox(*command)
        assert result.code == 1
        assert "the same command again does the rest" in result.err
    assert len(app.list("operations")) == 10
    result = on_sandbox(*command)
    assert (result.code, result.out.count("deleted operation")) == (0, 3), result.err
    operations = app.list("operations")
    moved = {
        key for key, one in operations.items() if one["integrationId"] != operations["search-contacts"]["integrationId"]
    }
    assert (len(operations), moved) == (7, {"get-contact", "add-note", "get-ticket"})


def test_hostile_text_is_harmless_in_the_plan_and_the_results(on_sandbox: Runner, app: AppOnSandbox) -> None:
    """F55."""
    hostile = "a \x1b]52;c;ZXZp\x07 \x9b31m \u202e b\nforged"
    tool = app.list("tools")["add-note"]
    app.patch(f"tools/{tool['id']}", {"name": hostile.replace("\n", ""), "description": hostile})
    for last in (("--dry-run",), (), ("--yes",)):
        result = on_sandbox("set", app.slug, "tools", "add-note", f"description={hostile}", "name=x", *last)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.out + result.err)
        assert "\nforged" not in result.out + result.err


# --- secrets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (f"config.apiKey={SECRET}",),
        (f'config:={{"apiKey": "{SECRET}"}}',),
        ("config.apiKey=@FILE",),
        ("--file", "JSON"),
    ],
)
def test_a_secret_in_an_argument_or_a_file_is_refused(
    on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "json").write_text(json.dumps({"config": {"apiKey": SECRET}}))
    paths = {"FILE": str(tmp_path / "secret"), "JSON": str(tmp_path / "json")}
    given = [paths.get(text) or text.replace("FILE", paths["FILE"]) for text in arguments]
    result = on_sandbox("set", app.slug, "auth", "helpdesk-key", *given, "--yes")
    assert result.code == 2
    assert "--secret config.apiKey" in result.err
    assert SECRET not in result.out + result.err


@pytest.mark.parametrize("way", ["variable", "default variable", "stdin", "json on stdin"])
def test_a_secret_is_read_from_the_environment_or_stdin_and_kept_nowhere(
    on_sandbox: Runner, app: AppOnSandbox, isolated: Path, way: str
) -> None:
    option = {"variable": ("--secret", "config.apiKey=UPSTREAM"), "json on stdin": ("--file", "-")}
    env = {"variable": {"UPSTREAM": SECRET}, "default variable": {"DRIO_UPSTREAM_SECRET": SECRET}}
    stdin = {"stdin": f"{SECRET}\n", "json on stdin": json.dumps({"config": {"apiKey": SECRET}})}
    arguments = ("set", app.slug, "auth", "helpdesk-key", *option.get(way, ("--secret", "config.apiKey")))
    for last in (("--dry-run",), ("--yes", "--json")):
        result = on_sandbox(*arguments, *last, env=env.get(way), stdin=stdin.get(way, ""))
        assert result.code == 0, result.err
        assert SECRET not in result.out + result.err
    assert requests_of(result)[0]["done"]
    assert on_sandbox("history", app.slug, "--json").json["changes"][0]["lost"] == ["config.apiKey"]
    kept = [path for path in isolated.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


# --- add and delete --------------------------------------------------------------------------------


def test_add_prints_the_id_of_what_it_created(on_sandbox: Runner, app: AppOnSandbox) -> None:
    (integration,) = app.list("integrations")
    fields = (f"integrationId={integration}", "name=Get status", "method=GET", "path=/status")
    made = on_sandbox("add", app.slug, "operation", *fields, "--yes")
    assert made.code == 0, made.err
    assert app.list("operations")["get-status"]["id"] == made.out.strip()
    assert on_sandbox("add", app.slug, "operation", *fields[1:], "--yes").code == 2
    assert on_sandbox("undo", app.slug, "--yes").code == 0
    assert "get-status" not in app.list("operations")


async def test_an_add_that_was_killed_creates_nothing_twice(app: AppOnSandbox, sandbox_process: SandboxProcess) -> None:
    """The command is killed after the server has created the resource and before the response arrives."""
    commands: list[subprocess.Popen[str]] = []
    async with httpx.AsyncClient(base_url=sandbox_process.base_url, trust_env=False) as upstream:

        async def forward(request: Request) -> Reply:
            reply = await forwarded(upstream, request)
            if request.method == "POST" and len(commands) == 1:
                commands[0].kill()
                await asyncio.to_thread(commands[0].wait)
            return reply

        async with HttpServer(forward) as proxy:
            arguments = ("add", app.slug, "tools", "name=Only once", "--yes", "--base-url", f"{proxy.origin}/api/v1")
            for _ in range(2):
                command = preloaded.popen(
                    *arguments, env={"DRIO_TOKEN": sandbox_process.token}, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )  # fmt: skip
                commands.append(command)
                out, err = await asyncio.to_thread(command.communicate)
    assert (commands[0].returncode, commands[1].returncode) == (-9, 0), err
    made = [tool["id"] for tool in app.list("tools").values() if tool["name"] == "Only once"]
    assert made == [out.strip()]


def test_two_equal_adds_create_two_resources(on_sandbox: Runner, app: AppOnSandbox) -> None:
    for _ in range(2):
        assert on_sandbox("add", app.slug, "tools", "name=new tool", "--yes").code == 0
    assert [tool["name"] for tool in app.list("tools").values()].count("new tool") == 2


def test_a_resource_that_get_printed_can_be_added_again(on_sandbox: Runner, app: AppOnSandbox) -> None:
    printed = on_sandbox("get", app.slug, "tool", "add-note", "--json").out
    arguments = ("key=second-note", "name=Second note", "widgetId:=null")
    made = on_sandbox("add", app.slug, "tool", "--file", "-", *arguments, "--yes", stdin=printed)
    assert made.code == 0, made.err
    tools = app.list("tools")
    assert tools["second-note"]["binding"] == tools["add-note"]["binding"]


def test_a_resource_that_others_refer_to_takes_a_choice(on_sandbox: Runner, app: AppOnSandbox) -> None:
    before = app.list("tools")
    refused = on_sandbox("delete", app.slug, "tool", "show-ticket", "--yes")
    assert refused.code == 2
    assert "--detach" in refused.err
    assert app.list("tools") == before
    shown = on_sandbox("delete", app.slug, "tool", "show-ticket", "--detach", "--dry-run").out
    assert "- tool show-ticket" in shown
    deleted = on_sandbox("delete", app.slug, "tool", "show-ticket", "--detach", "--yes")
    assert deleted.code == 0, deleted.err
    tools = app.list("tools")
    assert "show-ticket" not in tools
    assert tools["search-tickets"]["nextToolIds"] == []
    assert on_sandbox("undo", app.slug, "--yes").code == 0
    assert app.list("tools").keys() == before.keys()


def test_cascade_deletes_what_refers_to_it(on_sandbox: Runner, app: AppOnSandbox) -> None:
    (integration,) = app.list("integrations")
    deleted = on_sandbox("delete", app.slug, "integration", integration, "--cascade", "--yes")
    assert deleted.code == 0, deleted.err
    assert not app.list("integrations")
    assert not app.list("operations")
    assert not app.list("tools")


# --- the rest --------------------------------------------------------------------------------------


def test_tools_and_the_app_are_disabled_and_enabled(on_sandbox: Runner, app: AppOnSandbox) -> None:
    assert on_sandbox("disable", app.slug, "tools", "*note", "open-ticket", "--yes").code == 0
    disabled = [key for key, tool in app.list("tools").items() if not tool["isEnabled"]]
    assert disabled == ["open-ticket", "add-note"]
    assert len(requests_of(on_sandbox("enable", app.slug, "tools", "*", "--yes", "--json"))) == 2
    assert on_sandbox("disable", app.slug, "app", "--yes").code == 0
    assert app.client.get(f"/api/v1/apps/{app.id}").json()["app"]["isEnabled"] is False
    assert on_sandbox("disable", app.slug, "widgets", "*", "--yes").code == 2


def test_a_tool_is_bound_and_chained_by_names(on_sandbox: Runner, app: AppOnSandbox) -> None:
    (integration,) = app.list("integrations")
    operation = app.list("operations")["get-ticket"]["id"]
    assert on_sandbox("bind", app.slug, "add-note", f"{integration}/get-ticket", "--yes").code == 0
    assert app.list("tools")["add-note"]["binding"]["integrationOperationId"] == operation
    assert on_sandbox("chain", app.slug, "show-contact", "open-ticket", "add-note", "--yes").code == 0
    tools = app.list("tools")
    assert tools["show-contact"]["nextToolIds"] == [tools["open-ticket"]["id"], tools["add-note"]["id"]]
    for option in ("--dry-run", "--yes"):  # both make the same checks
        refused = on_sandbox("chain", app.slug, "add-note", "show-contact", option)
        assert (refused.code, "the chain would run in a circle: " in refused.err) == (1, True), refused
        text = f'nextToolIds:=["{tools["show-contact"]["id"]}"]'
        assert on_sandbox("set", app.slug, "tool", "open-ticket", text, option).code == 1
    assert on_sandbox("chain", app.slug, "show-contact", "--yes").code == 2
    assert on_sandbox("chain", app.slug, "show-contact", "--clear", "--yes").code == 0
    assert app.list("tools")["show-contact"]["nextToolIds"] == []


def test_stale_tools_are_bound_to_the_current_schema(on_sandbox: Runner, app: AppOnSandbox) -> None:
    operation = app.list("operations")["search-tickets"]
    schema = operation["inputSchema"] | {"properties": {"words": {"type": "string"}}, "required": ["words"]}
    app.patch(f"operations/{operation['id']}", {"inputSchema": schema})
    assert app.list("tools")["search-tickets"]["binding"]["status"] == "stale"
    shown = on_sandbox("rebind", app.slug, "--stale", "--dry-run")
    assert "~ tool search-tickets" in shown.out
    assert "cannot be undone" in shown.out
    results = requests_of(on_sandbox("rebind", app.slug, "--stale", "--yes", "--json"))
    assert [result["name"] for result in results] == ["search-tickets"]
    assert app.list("tools")["search-tickets"]["binding"]["status"] == "ready"
    assert requests_of(on_sandbox("rebind", app.slug, "search-tickets", "--yes", "--json")) == []


async def test_ten_tools_take_one_command_and_two_requests_each(
    drio: Runner, app: AppOnSandbox, sandbox_process: SandboxProcess
) -> None:
    for number in range(10):
        app.client.post(f"/api/v1/apps/{app.id}/tools", json={"name": f"Extra {number}"}).raise_for_status()
    async with httpx.AsyncClient(base_url=sandbox_process.base_url, trust_env=False) as upstream:

        async def forward(request: Request) -> Reply:
            return await forwarded(upstream, request)

        async with HttpServer(forward) as proxy:
            arguments = ("set", app.slug, "tools", "extra-*", "description=x", "--yes", "--json")
            options = ("--base-url", f"{proxy.origin}/api/v1")
            env = {"DRIO_TOKEN": sandbox_process.token}
            result = await asyncio.to_thread(drio, *arguments, *options, env=env)
    assert len(requests_of(result)) == 10, result.err
    methods = Counter(request.method for request in proxy.requests)
    reads_of_the_app = 4  # the list of apps, the config, the connections with their providers, the integrations
    assert methods == {"GET": reads_of_the_app + 10, "PATCH": 10}


# --- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "path", "value"),
    [
        ("name=a=b", ("name",), "a=b"), ("name=", ("name",), ""), ("a.b.c:=[1, true]", ("a", "b", "c"), [1, True]),
        (r"config.headers.X\.Y=z", ("config", "headers", "X.Y"), "z"), ('name:="1"', ("name",), "1"),
        ("version=1.0", ("version",), "1.0"), ("a:=null", ("a",), None), ("url=https://x.test:8", ("url",), "https://x.test:8"),
    ],
)  # fmt: skip
def test_assignments_are_read_as_httpie_writes_them(argument: str, path: tuple[str, ...], value: Any) -> None:
    assignment = parse_assignment(argument, Inputs())
    assert (assignment.path, assignment.value) == (path, value)


def test_map_fills_slots_from_the_schema_a_sample_or_the_last_result(
    on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path
) -> None:
    suggested = on_sandbox("map", app.slug, "contact-table", "--dry-run", "--json").json["suggestions"]
    assert [slot["slot"] for slot in suggested[0]["slots"]] == ["columns.phone", "columns.createdAt"]
    sample = tmp_path / "sample.json"
    sample.write_text('{"contacts": [{"name": "Ada", "score": 3}]}')
    result = on_sandbox("map", app.slug, "contact-table", "--sample", str(sample), "--yes", "--json").json
    slots = {slot.pop("slot"): slot for slot in result["suggestions"][0]["slots"]}
    assert (slots["rows"]["before"], slots["rows"]["path"], slots["rows"]["taken"]) == (
        "$.results",
        "$.contacts",
        False,
    )
    assert (slots["columns.score"]["path"], slots["columns.score"]["taken"]) == ("$.score", True)
    assert on_sandbox("map", app.slug, "contact-table", "--sample", str(sample), "--replace", "--yes").code == 0
    mappings = on_sandbox("get", app.slug, "widget", "contact-table", "--json").json["widget"]["config"][
        "fieldMappings"
    ]
    assert next(iter(mappings)) == "rows"
    assert (mappings["rows"], mappings["columns.plan"]) == ("$.contacts", "$.plan")
    again = on_sandbox("map", app.slug, "contact-table", "--sample", str(sample), "--replace", "--yes")
    assert "Nothing to change." in again.err
    unknown = on_sandbox("map", app.slug, "contact-table", "--slot", "colour", "--slot", "rows", "--yes")
    assert "There is no path for colour of Contact Table." in unknown.err


def test_no_undo_is_promised_where_the_history_cannot_be_written(
    on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    env = {"DRIO_STATE_DIR": str(tmp_path / "state")}
    result = on_sandbox("rename", app.slug, "tool", "{name}!", "--yes", env=env)
    assert result.code == 0
    assert "in memory only" in result.err
    assert "`undo` cannot take it back" in result.err
    assert "takes it back" not in result.err


async def test_a_kept_plan_is_named_after_the_command() -> None:
    opened: Any = SimpleNamespace(session=SimpleNamespace(profile="work", server_id="https://a.example"), id="app_1")
    steps = [Step("create/a", "create", "tool", "Create the tool A", body={"name": "A"})]
    session = await _kept_plan(opened, steps, "Move 1 operation of acme to Other")
    assert session is not None
    try:
        assert session.record.title == "Move 1 operation of acme to Other"
    finally:
        session.close(forget=True)
