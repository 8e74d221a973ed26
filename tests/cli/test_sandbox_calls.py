"""`drio-tui sandbox calls`: what MCP clients asked of deployed apps."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from drio_tui.cli.sandbox_calls import _FOLLOW_WIDTHS, _Printer
from drio_tui.workspace.deploy.endpoint_calls import EndpointCall
from tests import preloaded
from tests.cli.conftest import AppOnSandbox, CommandResult, Runner
from tests.sandbox_fixtures import SandboxProcess

Call = Callable[..., None]


@pytest.fixture
def calls(drio: Runner, sandbox_process: SandboxProcess) -> Runner:
    """Run `sandbox calls` on the shared sandbox."""

    def run(*arguments: str) -> CommandResult:
        return drio("sandbox", "calls", *arguments, "--data", str(sandbox_process.data_dir))

    return run


@pytest.fixture
def call(app: AppOnSandbox) -> Call:
    """Call a tool of the app, deployed for it, as an MCP client with a name."""
    endpoint = app.client.post(f"/api/v1/apps/{app.id}/deploy").raise_for_status().json()["endpoint"]

    def send(tool: str, arguments: dict[str, Any], client: str = "Claude") -> None:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1.2"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": tool,
        }
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        httpx.post(endpoint, json=message, headers=headers, trust_env=False).raise_for_status()

    return send


def test_calls_are_a_table_and_lines_of_json(app: AppOnSandbox, call: Call, calls: Runner, on_sandbox: Runner) -> None:
    assert calls(app.slug).err == "No client has called yet.\n"
    call("search-contacts", {"q": "northwind"})
    call("show-contact", {"contactId": "con_9999"}, client="\x1b[2Jevil\u202e\n")
    listed = calls(app.slug)
    assert listed.code == 0
    header, found, missing = listed.out.splitlines()
    assert header.split() == ["TIME", "CLIENT", "METHOD", "TOOL", "RESULT", "MS", "BYTES", "TOKENS"]
    assert "Claude 1.2" in found
    assert "search-contacts  ok" in found
    assert "failed: The upstream answered 404" in missing
    assert "\x1b" not in missing
    assert "\u202e" not in missing
    lines = [json.loads(line) for line in calls(app.id, "--json").out.splitlines()]
    assert [line["arguments"] for line in lines] == [{"q": "northwind"}, {"contactId": "con_9999"}]
    assert lines[0]["protocol"] == "2026-07-28"
    (newest,) = calls(app.slug, "--json", "--limit", "1").out.splitlines()
    assert json.loads(newest) == lines[1]
    assert [line["appId"] for line in map(json.loads, calls("--json").out.splitlines()) if line == lines[0]] == [app.id]
    header, *rows = calls("--limit", "2").out.splitlines()
    assert header.split()[:3] == ["TIME", "APP", "CLIENT"]
    assert [row.split()[1] for row in rows] == [app.slug] * 2
    for _ in range(2):
        call("show-contact", {"contactId": "con_9999"})
    assert "▲ Tool Show Contact: 3 of its 3 calls failed" in on_sandbox("inspect", app.slug).out


def test_follow_prints_calls_as_they_come_and_ends_with_ctrl_c(
    app: AppOnSandbox, call: Call, sandbox_process: SandboxProcess
) -> None:
    call("search-contacts", {"q": "first"})
    command = preloaded.popen(
        "sandbox", "calls", app.slug, "--follow", "--json", "--data", str(sandbox_process.data_dir),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with command:
        assert command.stdout is not None
        assert json.loads(command.stdout.readline())["arguments"] == {"q": "first"}
        for query in ("second", "third"):
            call("search-contacts", {"q": query})
            assert json.loads(command.stdout.readline())["arguments"] == {"q": query}
        command.send_signal(signal.SIGINT)
        rest, errors = command.communicate(timeout=30)
    assert (command.returncode, rest, errors) == (130, "", "Interrupted.\n")


async def test_batches_of_calls_are_rows_of_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    call = EndpointCall(
        1, "app_1", "2026-11-30T01:55:35.216Z", "Claude", "1", "", "tools/call", "", None, None, (), 200, False, "",
        0.01, 5, 2, {}
    )  # fmt: skip
    printer = _Printer(as_json=False, widths=_FOLLOW_WIDTHS)
    for tool in ("a", "a-tool-with-a-name-longer-than-its-column", "b", "c"):
        await printer.show([replace(call, tool=tool)])
    header, first, *others = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["TIME", "CLIENT"]
    assert first.index("ok") == header.index("RESULT")
    assert len({line.index("ok") for line in others}) == 1


def test_an_unknown_app_or_no_sandbox_is_an_error(calls: Runner, drio: Runner, tmp_path: Path) -> None:
    assert calls("no-such-app").code == 1
    result = drio("sandbox", "calls", "--data", str(tmp_path / "none"))
    assert result.code == 1
    assert "No sandbox is running" in result.err
