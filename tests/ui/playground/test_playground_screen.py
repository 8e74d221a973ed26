"""The playground: a tool's form, its runs and their results, its chain, and what is stored."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.api.curl import command
from drio_tui.api.redact import HIDDEN
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors.sample import SampleDialog
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.playground import step_finder
from drio_tui.ui.playground.chain_step_dialog import ChainStepDialog
from drio_tui.ui.playground.playground_dialogs import CredentialsDialog, RunHistoryDialog
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.widgets.widget_preview import WidgetPreview
from drio_tui.workspace.run import sandbox_runner
from drio_tui.workspace.run.tool_run import Run
from tests.sandbox.mcp.conftest import Upstream, http_response, upstream
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import at_once, running, text_of, until
from tests.ui.idle import parked
from tests.ui.table_server import TableServer, drio_of, serving

__all__ = ["upstream"]

HOSTILE = "[red]\x1b]52;c;ZXZp\x07\u202eevil\u200b[@click=app.quit]x[/] \x9b2J"
SECRET = "s3cr3t!x"


@pytest.fixture(scope="module")
def desk(sandbox_process: SandboxProcess) -> Iterator[dict[str, str]]:
    """An app whose upstream is the sandbox's helpdesk: its id under `app`, the ids of its tools under their keys."""
    with sandbox_process.client() as client:
        body = {"templateId": "support", "name": "Desk", "slug": f"desk-{uuid.uuid4().hex[:8]}"}
        app = client.post("/api/v1/apps", json=body).raise_for_status().json()["app"]["id"]
        tools = client.get(f"/api/v1/apps/{app}/tools").json()["tools"]
        widgets = client.get(f"/api/v1/apps/{app}/widgets").json()["widgets"]
        yield (
            {"app": app} | {tool["key"]: tool["id"] for tool in tools} | {f"w:{w['toolId']}": w["id"] for w in widgets}
        )
        client.delete(f"/api/v1/apps/{app}")


async def playground(pilot: Pilot[Any], app: str, tool: str) -> Any:
    """Open the playground of a tool, and return it once it can be used."""
    program: Any = pilot.app
    program.navigator.open_tool(app, tool)
    await until(pilot, lambda: isinstance(program.screen, PlaygroundScreen) and program.screen.form is not None)
    await pilot.pause()
    return program.screen


async def answered(pilot: Pilot[Any], screen: Any, title: str = "") -> None:
    """Wait until a run has finished and is shown."""
    await until(pilot, lambda: not screen.busy and screen.run_shown is not None and title in screen.run_shown.title)
    await pilot.pause()


def preview(screen: Any) -> str:
    return str(screen.query_one(WidgetPreview).text)


async def test_before_the_first_run_the_widget_shows_sample_data(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        screen = await playground(pilot, desk["app"], desk["search-contacts"])
        await until(pilot, lambda: "The widget shows sample data. Ctrl+R runs the tool" in text_of(pilot.app))
        assert "ada@example.com" in preview(screen)
        for page in PlaygroundScreen.PAGES[1:]:
            screen.show_page(page)
            await until(pilot, lambda: "was not run yet: Ctrl+R runs it" in text_of(pilot.app))
        await pilot.press("ctrl+r")
        await answered(pilot, screen)
        assert "sample data" not in text_of(pilot.app)
        assert "ada@example.com" not in preview(screen)


async def test_a_tool_is_run_inspected_chained_kept_and_run_again(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = sandbox_process.token
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {tmp_path}/opened.html\n')
    opener.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(opener))
    async with running(sandbox_process.base_url, monkeypatch, token=token, size=(80, 24)) as pilot:
        screen = await playground(pilot, desk["app"], desk["search-contacts"])
        assert "Draft, in the sandbox" in text_of(pilot.app)
        at_once(pilot, *"ada", "ctrl+s")  # the same as ctrl+r; the arguments include the keys typed right before
        await answered(pilot, screen)
        assert "Ada Okafor" in preview(screen)
        assert "✓ 200" in text_of(pilot.app)
        await pilot.press("o")
        await until(pilot, (tmp_path / "opened.html").exists)
        assert "ada.okafor@northwind-bakery.example" in (tmp_path / "opened.html").read_text()
        pages = {}
        for name in PlaygroundScreen.PAGES[1:]:
            await pilot.press("f5")
            await pilot.pause()
            pages[name] = text_of(pilot.app)
        assert '"results"' in pages["result"]
        assert "contacts?q=ada" in pages["request"]
        assert "X-Api-Key" in pages["request"]
        assert "columns.email" in pages["mappings"]
        assert "Every mapping matched." in pages["mappings"]
        assert "upstream" in pages["timing"]
        assert "Show Contact" in pages["chain"]
        await pilot.click("#results > TabStrip", offset=(12, 0))  # the same by mouse
        assert screen.query_one("#pages").current == "result"
        # The next tool takes the id of a row; the result can be edited, too.
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChainStepDialog))
        assert "$.results[*].id  the id of a contact" in text_of(pilot.app)
        assert "A deployed chain passes values of the same name only" in text_of(pilot.app)
        # Leaving the only next tool out ends the chain; Esc takes it in again.
        await pilot.press("f7", "enter")
        await until(pilot, lambda: "No tool is left to run" in text_of(pilot.app))
        await until(pilot, lambda: any("No tool is left" in note.message for note in pilot.app._notifications))
        await pilot.press("escape", "f7")
        await until(pilot, lambda: "Next: Show Contact" in text_of(pilot.app))
        await pilot.press("f5")
        await until(pilot, lambda: pilot.app.screen.query(TextEditor))
        dialog: Any = pilot.app.screen
        editor = dialog.query_one(TextEditor)
        assert not dialog.unsaved_input()
        editor.text = "{"
        await until(pilot, lambda: "not taken over" in text_of(pilot.app))
        assert dialog.unsaved_input() == "your edit of the result"
        editor.text = json.dumps({"contactId": "con_1002"})
        await until(pilot, lambda: "con_1002  $.contactId" in text_of(pilot.app))
        assert "the same name" in text_of(pilot.app)
        await pilot.press("ctrl+r")
        await answered(pilot, screen, "Show Contact")
        assert "Ben Lindqvist" in preview(screen)
        assert "Search Contacts › Show Contact" in text_of(pilot.app)
        await pilot.press("S")
        await until(pilot, lambda: any("Kept" in str(note.message) for note in pilot.app._notifications))
        before = screen.run_shown
        at_once(pilot, "ctrl+r", "f6")  # the target that is chosen right after applies to the next run
        await until(pilot, lambda: screen.run_shown is not before and not screen.busy)
        assert (screen.run_shown.target, screen.target) == ("sandbox", "here")
        await pilot.press("f6", "f6")
        await until(pilot, lambda: "Ctrl+R runs the tool: Draft, in the sandbox" in text_of(pilot.app))
        await pilot.app.workers.wait_for_complete()
    # In another process the run history is there, and the widget's editor uses the sample.
    async with running(sandbox_process.base_url, monkeypatch, token=token) as pilot:
        screen = await playground(pilot, desk["app"], desk["show-contact"])
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunHistoryDialog) and "con_1002" in text_of(pilot.app))
        await pilot.press("r")
        await answered(pilot, screen)
        assert screen.run_shown.arguments == {"contactId": "con_1002"}
        widget = desk[f"w:{desk['show-contact']}"]
        pilot.app.push_screen(EditScreen(EditTarget(desk["app"], "widget", widget)))
        await until(pilot, lambda: isinstance(pilot.app.screen, EditScreen) and pilot.app.screen.editors)
        await pilot.press("f5")
        await until(pilot, lambda: "a result kept in the playground" in text_of(pilot.app))
        editor = pilot.app.screen.editors[0]
        assert editor.sample["name"] == "Ben Lindqvist"
        assert "Ben Lindqvist" in text_of(pilot.app)
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(pilot.app.screen, SampleDialog))
        pilot.app.screen.query_one(TextEditor).text = ""
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "made from the output schema" in text_of(pilot.app))


async def test_a_tool_that_is_not_read_only_asks_first_and_is_hidden_in_read_only_mode(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sandbox_process.token
    async with running(sandbox_process.base_url, monkeypatch, token=token) as pilot:
        screen = await playground(pilot, desk["app"], desk["update-ticket"])
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert "not right yet" in text_of(pilot.app)
        assert not screen.busy
        screen.form.model.assign({"ticketId": "tic_1001", "status": "pending"})
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        text = text_of(pilot.app)
        assert "PATCH" in text
        assert '"status": "pending"' in text
        await pilot.press("escape")
        await until(pilot, lambda: "Not run." in text_of(pilot.app))
        assert screen.run_shown is None
        gate, run_in_sandbox = asyncio.Event(), sandbox_runner.run_in_sandbox

        async def run_slowly(*arguments: Any) -> Any:
            with parked():
                await gate.wait()
            return await run_in_sandbox(*arguments)

        monkeypatch.setattr(sandbox_runner, "run_in_sandbox", run_slowly)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "running… Esc stops it" in text_of(pilot.app))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "What you sent is under way" in text_of(pilot.app))
        await pilot.press("escape")
        gate.set()
        await answered(pilot, screen)
        assert not screen.run_shown.error
        assert screen.run_shown.structured["status"] == "pending"
        program: Any = pilot.app
        program.options = replace(program.options, read_only=True)
        assert screen.check_action("run_tool", ()) is False
        screen.action_run_tool()
        assert not screen.busy
        other = await playground(pilot, desk["app"], desk["search-contacts"])
        assert other.check_action("run_tool", ()) is True
        await pilot.press(*"zed")  # typed arguments are there again when the tool is opened again
        program.pop_screen()
        await until(pilot, lambda: program.screen is screen)
        assert (await playground(pilot, desk["app"], desk["search-contacts"])).form.model.value()["q"] == "zed"


async def test_the_next_step_of_a_chain_is_found_in_a_thread_and_input_waits_for_it_but_esc_does_not(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    released, compute = threading.Event(), step_finder._compute

    def held(*arguments: Any) -> Any:
        released.wait()
        return compute(*arguments)

    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        screen = await playground(pilot, desk["app"], desk["search-contacts"])
        await pilot.press("ctrl+r")
        await answered(pilot, screen)
        monkeypatch.setattr(step_finder, "_compute", held)
        with parked():
            await pilot.press("f7")
            await until(pilot, lambda: "Next: Show Contact" in text_of(pilot.app))
            dialog: Any = pilot.app.screen
            await until(pilot, lambda: "looking where its arguments come from" in text_of(pilot.app))
            assert "$.results[*].id" not in text_of(pilot.app)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)
            await pilot.press("f7")
            at_once(pilot, "down", "down", "enter")
            await until(pilot, lambda: pilot.app.screen is not screen)
            assert pilot.app.screen is not dialog
        released.set()
        await answered(pilot, screen, "Show Contact")
        assert screen.run_shown.arguments == {"contactId": "con_1003"}
        assert "$.results[*].id of Search Contacts" not in text_of(pilot.app)
        screen.show_page("chain")
        await until(pilot, lambda: "Search Contacts" in text_of(pilot.app))


async def test_a_long_result_in_a_chain_is_shown_as_json_and_not_edited(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = hostile_config(upstream.base_url)
    server = TableServer(drio_of(config))
    async with serving(server), running(server.base_url, monkeypatch) as pilot:
        screen = await playground(pilot, "app_1", "tool_1")
        result = {"rows": [{"q": "x" * 1000}] * 250}
        screen.post_message(screen.Done(Run("tool_1", "T", "here", {}, value=result, structured=result), screen.bound))
        await answered(pilot, screen)
        await pilot.press("f7", "f5")
        await until(pilot, lambda: pilot.app.screen.query("#json JsonView"))
        await until(pilot, lambda: '"rows": [' in text_of(pilot.app))
        await until(pilot, lambda: any("shown, not edited" in note.message for note in pilot.app._notifications))
        assert not pilot.app.screen.query(TextEditor)
        await pilot.press("f5")
        assert pilot.app.screen.focused.id == "rows"


def hostile_config(base_url: str) -> dict[str, Any]:
    """Return an app in which every text tries to act on the terminal, with a tool that calls `base_url`."""
    return {
        "app": {"id": "app_1", "slug": "a", "name": HOSTILE, "version": "1.0.0", "status": "draft", "isEnabled": True},
        "auth": [{"id": "auth_1", "name": HOSTILE, "config": {"type": "apiKey", "name": "X-Api-Key"}}],
        "integrations": [{"id": "integration_1", "name": HOSTILE, "baseUrl": base_url, "authId": "auth_1",
                          "config": {"headers": {"X-Note": "plain"}}}],
        "operations": [{"id": "operation_1", "integrationId": "integration_1", "name": HOSTILE, "method": "GET",
                        "path": "/x",
                        "inputSchema": {"properties": {"q": {"type": "string", "description": HOSTILE}}}}],
        "tools": [{"id": "tool_1", "key": "t", "name": HOSTILE, "order": 1, "isEnabled": True,
                   "nextToolIds": ["tool_2"], "binding": {"integrationOperationId": "operation_1"}},
                  {"id": "tool_2", "key": "u", "name": HOSTILE, "order": 2, "isEnabled": True, "nextToolIds": [],
                   "binding": {"integrationOperationId": "operation_1"}},
                  {"id": "tool_3", "key": "v", "name": HOSTILE, "order": 3, "isEnabled": True}],
        "widgets": [{"id": "widget_1", "toolId": "tool_1", "key": "w", "name": HOSTILE, "primitive": "data-table",
                     "config": {"fieldMappings": {"rows": "$.rows", f"columns.{HOSTILE}": "$.a", "x\x1b": HOSTILE}}}],
    }  # fmt: skip


async def test_a_local_run_asks_first_hides_the_secret_and_shows_hostile_responses_as_text(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"a": HOSTILE, "b": SECRET}, {"a": "日本語" * 40}]
    upstream.response_for = lambda _seen: http_response(json.dumps({"rows": rows, HOSTILE: HOSTILE}).encode())
    server = TableServer(drio_of(hostile_config(upstream.base_url)))
    async with serving(server), running(server.base_url, monkeypatch) as pilot:
        screen = await playground(pilot, "app_1", "tool_1")
        await pilot.press("ctrl+r")
        # One dialog per run shows the request, its target, and a field for the secret.
        await until(pilot, lambda: isinstance(pilot.app.screen, CredentialsDialog))
        text = " ".join(text_of(pilot.app).replace("│", " ").split())
        assert f"127.0.0.1:{upstream.port}, an address that only this machine" in text
        assert "GET http" in text
        assert not upstream.requests
        await pilot.press(*SECRET)
        assert SECRET not in text_of(pilot.app)
        await pilot.press("enter")
        await answered(pilot, screen)
        assert upstream.requests[0].headers["x-api-key"] == SECRET
        for name in PlaygroundScreen.PAGES:
            screen.show_page(name)
            await pilot.pause()
            shown = text_of(pilot.app)
            assert SECRET not in shown
            assert not {char for char in shown if char in "\x1b\x07\x9b\u202e\u200b"}
            assert screen.is_current
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChainStepDialog))
        assert not {char for char in text_of(pilot.app) if char in "\x1b\x07\x9b\u202e\u200b"}
        await pilot.press("escape")
        # The second run does not ask; a run that does not end is stopped by Esc.

        connections = []

        async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            connections.append(reader)
            with parked():
                await reader.read()

        upstream.on_connection = hang
        await pilot.press(*["ctrl+r"] * 5)  # pressing it repeatedly starts one run
        await until(pilot, lambda: screen.busy and connections and "running" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped." in text_of(pilot.app))
        assert not screen.busy
        assert screen.is_current
        assert len(connections) == 1
        program: Any = pilot.app
        assert SECRET not in repr([*program.connection.log])
        # A tool that cannot be run says so, and its keys do nothing.
        program.navigator.open_tool("app_1", "tool_3")
        await until(pilot, lambda: "The tool cannot be run" in text_of(pilot.app))
        await pilot.press("f5", "f6", "f7", "f9", "o", "S", "Y")
        await pilot.pause()
        assert program.screen.bound is None
        assert not {char for char in text_of(pilot.app) if char in "\x1b\x07\x9b\u202e\u200b"}
        await pilot.app.workers.wait_for_complete()
    from drio_tui.storage import paths

    for path in paths.state_dir().rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize("hostile", ["'; touch pwned; '", "$(touch pwned)", "a\ntouch pwned\n", "\\'", HIDDEN + "'x"])
def test_a_run_copied_as_curl_expands_only_the_secret_from_the_environment(hostile: str, tmp_path: Path) -> None:
    """F59."""
    headers = [("X-Note", hostile), ("Authorization", f"Bearer {HIDDEN}"), ("Host", "evil")]
    text = command("POST", f"http://127.0.0.1:1/{hostile}?key={HIDDEN}", headers, json.dumps({"a": hostile}))
    script = f'curl() {{ printf "%s\\0" "$@"; }}\n{text}\n'
    env = {"UPSTREAM_SECRET": "t", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, cwd=tmp_path, env=env, check=True)
    arguments = ran.stdout.decode().split("\0")[:-1]
    assert list(tmp_path.iterdir()) == []
    assert "Authorization: Bearer t" in arguments
    assert json.loads(arguments[arguments.index("--data-raw") + 1]) == {"a": hostile}
    assert not any("evil" in argument for argument in arguments)
