"""`v3` on a server of API v3, and what other commands say there."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.fault_server import FaultServer
from tests.api.v3_server import VALID, V3Drio, app, tool
from tests.cli.conftest import CommandResult, Runner

HOSTILE = "a [/] b \x1b]52;c;ZXZp\x07 \x9b31m \u202e[@click=app.quit]x[/]"


@pytest.fixture
def drio_v3() -> Iterator[tuple[V3Drio, FaultServer]]:
    """A server of API v3 in a thread."""
    behaviour = V3Drio()
    server = FaultServer(behaviour)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    yield behaviour, server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def on_v3(drio: Runner, drio_v3: tuple[V3Drio, FaultServer]) -> Callable[..., CommandResult]:
    """Run `drio-tui` with a token against the server."""

    def run(*arguments: str) -> CommandResult:
        return drio(*arguments, "--base-url", drio_v3[1].origin, env={"DRIO_TOKEN": "tok-1234567890-abcdefghij"})

    return run


def test_v3_is_read_in_pages_as_a_table_and_as_json(
    on_v3: Callable[..., CommandResult], drio_v3: tuple[V3Drio, FaultServer]
) -> None:
    drio_v3[0].apps = [app(number, f"App {number}") for number in (1, 2, 3)]
    first = on_v3("v3", "apps", "--limit", "2")
    assert [line.split()[-1] for line in first.out.splitlines()] == ["ID", "app_1", "app_2"]
    assert "--cursor after-2" in first.err
    assert [app["id"] for app in on_v3("v3", "apps", "--limit", "2", "--all", "--json").json["items"]] == [
        "app_1", "app_2", "app_3",
    ]  # fmt: skip
    assert on_v3("v3", "apps", "--query", "app 3", "--json").json["items"][0]["release"]["endpoint"]
    assert on_v3("v3", "app", "app_2", "--json").json["name"] == "App 2"
    assert on_v3("v3", "state", "app_1").json.keys() == {"integrations", "operations", "tools", "validation"}
    assert on_v3("v3", "operations", "app_1", "integration_123").out.splitlines()[1].split() == [
        "Search", "GET", "/v3", "op_123",
    ]  # fmt: skip
    assert on_v3("v3", "preview", "app_1").json["validation"]["ok"] is False
    table = on_v3("v3", "tools", "app_1").out.splitlines()
    assert table[0].split() == ["KEY", "NAME", "ENABLED", "RUNTIME", "STATUS", "SOURCE", "ID"]
    assert table[2].split() == ["summarize-contact", "Summarize", "Contact", "no", "hidden", "op_123", "tool_456"]


def test_v3_validation_is_a_preflight(on_v3: Callable[..., CommandResult], drio_v3: tuple[V3Drio, FaultServer]) -> None:
    failed = on_v3("v3", "validate", "app_123")
    assert failed.code == 1
    assert "The operation of the tool does not exist. (blocks publishing) [operation_missing]" in failed.out
    assert "tool Search Contacts HubSpot tool_123" in failed.out
    assert failed.out.endswith("1 error, 1 warning; 1 of them prevent publishing.\n")
    drio_v3[0].validation = VALID
    assert on_v3("v3", "validate", "app_123", "--json").code == 0
    drio_v3[0].validation = {"ok": "yes", "issues": [3]}
    odd = on_v3("v3", "validate", "app_123")
    assert odd.code == 1
    assert "not as documented: ok: Input should be a valid boolean" in odd.out
    refused = on_v3("v3", "validate", "app_123", "--read-only")
    assert refused.code == 2
    assert [request.method for request in drio_v3[1].requests_seen] == ["POST"] * 3


def test_v3_texts_are_printed_without_control_characters_and_deviations_are_named(
    on_v3: Callable[..., CommandResult], drio_v3: tuple[V3Drio, FaultServer]
) -> None:
    drio_v3[0].apps[0]["name"] = HOSTILE
    drio_v3[0].tools = [tool(name=HOSTILE, order="first", runtime_status={"state": HOSTILE}), 7]
    drio_v3[0].validation = {"ok": False, "issues": [{"message": HOSTILE, "references": [{"label": HOSTILE}, 1]}]}
    for words in (["apps"], ["tools", "app_123"], ["validate", "app_123"], ["state", "app_123"]):
        result = on_v3("v3", *words)
        printed = result.out + result.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
        assert "[@click=app.quit]x[/]" in printed
    err = on_v3("v3", "tools", "app_123").err
    assert "is not as documented: order: Input should be a valid integer" in err
    assert "The tool - is not as documented" in err


@pytest.mark.parametrize(
    "command",
    [
        "apps",
        "me",
        "get app_1 tools",
        "set app_1 app name=x --yes",
        "deploy app_1 --yes",
        "create --template t --name n",
    ],
)
def test_commands_that_need_v1_say_at_once_what_works(on_v3: Callable[..., CommandResult], command: str) -> None:
    result = on_v3(*command.split())
    assert result.code == 5
    assert result.out == ""
    first, hint, *_ = result.err.splitlines()
    assert "this drio speaks v3; drio-tui edits v1, which it does not serve" in first
    assert re.search(r"`drio-tui --base-url http://\S+ v3 apps` lists its apps", hint)
    assert on_v3(*command.split(), "--json").error["version"] == "v3"


def test_v3_on_a_drio_without_it_says_so(on_sandbox: Runner) -> None:
    result = on_sandbox("v3", "apps")
    assert result.code == 1
    assert "This drio does not serve API v3" in result.err


def test_v3_is_recorded_and_replayed(on_v3: Callable[..., CommandResult], drio: Runner, tmp_path: Path) -> None:
    cassette = str(tmp_path / "v3.cassette")
    recorded = on_v3("v3", "tools", "app_123", "--record", cassette)
    replayed = drio("v3", "tools", "app_123", "--replay", cassette)
    assert (replayed.code, replayed.out) == (0, recorded.out)
