"""The fault lab in the program: switched from its dialog or from elsewhere; what the user sees meanwhile is true."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from textual.pilot import Pilot

from drio_tui import fault_lab
from drio_tui.api.errors import ServerError
from drio_tui.ui.base import connection
from drio_tui.ui.dialogs import faults_dialog
from drio_tui.ui.dialogs.faults_dialog import FaultsDialog
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.history_dialog import HistoryDialog
from drio_tui.ui.widgets.row_list import RowList
from drio_tui.ui.widgets.status_line import StatusLine
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import at_once, click_button, running, show, text_of, until
from tests.ui.editing.test_faults import banner
from tests.ui.editing.test_saving import edit_of, opened, set_field
from tests.ui.idle import parked
from tests.ui.signin.test_signin_screen import browsing, signing_in, stored_tokens
from tests.ui.table_server import TableServer, drio_of, serving
from tests.ui.test_hostile_text import unsafe

CONTROL = "/sandbox/faults"


@pytest.fixture
def http(sandbox_process: SandboxProcess) -> Iterator[httpx.Client]:
    """The local user without the program; everything is switched off afterwards."""
    with sandbox_process.client() as client:
        yield client
        client.delete(CONTROL)


@pytest.fixture
def drio(sandbox_process: SandboxProcess, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the program on the shared sandbox, in its list of apps."""
    monkeypatch.setattr(connection, "_PROBE_SECONDS", (0.05,))

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[Pilot[Any]]:
        base_url, token = sandbox_process.base_url, sandbox_process.token
        async with running(base_url, monkeypatch, token=token, **options) as pilot:
            screen = await show(pilot, "apps")
            await until(pilot, lambda: screen.resources)
            yield pilot

    return run


def status_line(pilot: Pilot[Any]) -> str:
    """Return the first line of the screen."""
    return text_of(pilot.app).splitlines()[0]


def notified(pilot: Pilot[Any]) -> str:
    """Return the messages of the notifications."""
    return "\n".join(note.message for note in pilot.app._notifications)


async def lab(pilot: Pilot[Any]) -> FaultsDialog:
    """Open the dialog, and return it once it is filled."""
    await pilot.press("B")
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, FaultsDialog) and app.screen.state is not None)
    dialog: FaultsDialog = app.screen
    return dialog


def names_on(http: httpx.Client) -> list[str]:
    return [entry["name"] for entry in http.get(CONTROL).json()["on"]]


async def test_presets_are_switched_in_the_dialog_and_shown_in_the_status_line(drio: Any, http: httpx.Client) -> None:
    async with drio(size=(80, 24)) as pilot:
        assert "faults" not in status_line(pilot)
        dialog = await lab(pilot)
        dialog.query_one(RowList).choose("conflict")
        await pilot.press("enter")
        await until(pilot, lambda: names_on(http) == ["conflict"])
        await until(pilot, lambda: "[x]  conflict" in text_of(pilot.app))
        assert "drio-tui sandbox faults on --seed" in text_of(pilot.app)
        dialog.query_one(RowList).choose("slow")
        await pilot.press("space")
        await until(pilot, lambda: names_on(http) == ["conflict", "slow"])
        await pilot.press("escape")
        await until(pilot, lambda: "faults: conflict +1" in status_line(pilot))
        dialog = await lab(pilot)
        dialog.query_one(RowList).choose("conflict")
        await pilot.press("space")
        await until(pilot, lambda: names_on(http) == ["slow"])
        await click_button(pilot, "#all-off")
        await until(pilot, lambda: names_on(http) == [])
        await click_button(pilot, "#close")
        await until(pilot, lambda: "faults" not in status_line(pilot))


async def test_what_is_switched_elsewhere_is_shown_with_the_next_answer(drio: Any, http: httpx.Client) -> None:
    async with drio(size=(80, 24)) as pilot:
        http.post(CONTROL, json={"on": ["POST:/apps/*/integrations/*/operations=status:503*2"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "faults: POST:/…tions=status" in status_line(pilot))
        await lab(pilot)
        assert "a rule from the command line" in text_of(pilot.app)
        await pilot.press("escape")
        http.delete(CONTROL)
        await pilot.press("r")
        await until(pilot, lambda: "faults" not in status_line(pilot))


async def test_a_click_on_the_faults_opens_the_dialog(drio: Any, http: httpx.Client) -> None:
    async with drio(size=(80, 24)) as pilot:
        http.post(CONTROL, json={"on": ["conflict"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "faults: conflict" in status_line(pilot))
        await pilot.click(StatusLine, offset=(status_line(pilot).index("faults:"), 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, FaultsDialog))


async def test_keys_after_a_switch_wait_for_its_response(
    drio: Any, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def failing_switch(*_arguments: Any, **_names: Any) -> Any:
        with parked():
            await gate.wait()
        raise ServerError("down")

    async def slow_switch(client: Any, **names: Any) -> Any:
        for _ in range(10):
            await fault_lab.fetch(client)
        return await fault_lab.switch(client, **names)

    async with drio(size=(80, 24)) as pilot:
        dialog = await lab(pilot)
        monkeypatch.setattr(faults_dialog, "switch", failing_switch)
        await pilot.press("space", "escape")
        await until(pilot, lambda: "switching…" in text_of(pilot.app))
        gate.set()
        await until(pilot, lambda: "They end with the sandbox." in text_of(pilot.app))
        assert pilot.app.screen is dialog
        monkeypatch.setattr(faults_dialog, "switch", slow_switch)
        at_once(pilot, "space", "down", "space", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, FaultsDialog))
        assert len(names_on(http)) == 2
        await until(pilot, lambda: "+1" in status_line(pilot))


async def test_leaving_the_history_while_a_change_is_undone_reports_the_outcome(drio: Any, http: httpx.Client) -> None:
    async with drio() as pilot:
        edit, screen, tool = await edit_first_tool(pilot, http)
        set_field(edit, "name", "To be undone")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        await pilot.press("H")
        await until(pilot, lambda: "can be undone" in text_of(pilot.app))
        http.post(CONTROL, json={"on": ["PATCH:*=delay:0.5*1"]}).raise_for_status()
        pilot.app.clear_notifications()
        at_once(pilot, "z", "z", "escape")
        await until(pilot, lambda: len(pilot.app._notifications) == 2)
        assert "A change is being undone." in notified(pilot)
        assert isinstance(pilot.app.screen, HistoryDialog)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert screen.snapshot.resource("tool", tool.path.split("/")[-1]).name == tool.read()["name"]


async def test_offline_is_shown_with_its_cause_and_ends_when_it_is_switched_off(drio: Any, http: httpx.Client) -> None:
    async with drio(size=(80, 24)) as pilot:
        http.post(CONTROL, json={"on": ["offline"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "offline" in status_line(pilot) and "faults" in status_line(pilot))
        await until(pilot, lambda: pilot.app.status.faults == ("offline",))
        await lab(pilot)
        assert pilot.app.status.phase == "offline", "the lab responds, and nothing else"
        await pilot.press("o", "escape")
        await until(pilot, lambda: "online" in status_line(pilot) and "faults" not in status_line(pilot))


@dataclass
class ToolOnSandbox:
    """A tool of a new app: its path, and the name that it has at first."""

    http: httpx.Client
    path: str
    name: str

    def read(self) -> dict[str, Any]:
        """Return the tool as it is now."""
        tool: dict[str, Any] = self.http.get(self.path).json()["tool"]
        return tool


async def edit_first_tool(pilot: Any, http: httpx.Client) -> tuple[Any, Any, ToolOnSandbox]:
    """Open the first tool of a new app; return its editor, the screen of the app, and the tool."""
    body = {"templateId": "support", "name": "Faults", "slug": f"faults-{uuid.uuid4().hex[:8]}"}
    app = http.post("/api/v1/apps", json=body).json()["app"]["id"]
    tool = http.get(f"/api/v1/apps/{app}/tools").json()["tools"][0]
    pilot.app.navigator.open_app(app)
    screen = await opened(pilot)
    screen.actions.open_edit(EditTarget(app, "tool", tool["id"]))
    return await edit_of(pilot), screen, ToolOnSandbox(http, f"/api/v1/apps/{app}/tools/{tool['id']}", tool["name"])


async def test_a_lost_answer_saves_once_and_says_so(drio: Any, http: httpx.Client) -> None:
    async with drio() as pilot:
        edit, screen, tool = await edit_first_tool(pilot, http)
        http.post(CONTROL, json={"on": ["answer-lost"]}).raise_for_status()
        set_field(edit, "name", "Saved unseen")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert tool.read()["name"] == "Saved unseen"
        assert http.get(CONTROL).json()["on"][0]["rules"][0]["injected"] == 1
        await until(pilot, lambda: "Saved unseen" in text_of(pilot.app))


async def test_a_conflict_keeps_the_edit_and_changes_nothing(drio: Any, http: httpx.Client) -> None:
    async with drio() as pilot:
        edit, screen, tool = await edit_first_tool(pilot, http)
        http.post(CONTROL, json={"on": ["conflict"]}).raise_for_status()
        set_field(edit, "name", "Refused")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Someone else changed it meanwhile" in banner(pilot.app))
        assert edit.edited_resource()["name"] == "Refused"
        assert tool.read()["name"] == tool.name
        http.delete(CONTROL)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert tool.read()["name"] == "Refused"


async def test_a_captive_portal_is_no_drio_and_what_was_loaded_stays(drio: Any, http: httpx.Client) -> None:
    """F14."""
    async with drio() as pilot:
        before = [resource.id for resource in pilot.app.screen.resources]
        http.post(CONTROL, json={"on": ["captive-portal"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "text/html" in notified(pilot))
        assert [resource.id for resource in pilot.app.screen.resources] == before
        assert "stale" in text_of(pilot.app)
        assert "offline" in status_line(pilot)
        http.delete(CONTROL)
        await until(pilot, lambda: "online" in status_line(pilot) and "stale" not in text_of(pilot.app))


async def test_a_retired_api_is_refused_with_its_message(drio: Any, http: httpx.Client) -> None:
    async with drio() as pilot:
        http.post(CONTROL, json={"on": ["api-retired"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "The API v1 was retired." in notified(pilot))
        await until(pilot, lambda: "stale" in text_of(pilot.app))


async def test_waits_are_shown_and_end_with_the_answer(drio: Any, http: httpx.Client) -> None:
    """F07: every third request waits, and is sent again by itself."""
    async with drio() as pilot:
        http.post(CONTROL, json={"on": ["GET:/v1/apps=rate-limit:2*1"]}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: "again in 2 s, Esc stops" in status_line(pilot))
        await until(pilot, lambda: "online" in status_line(pilot) and not pilot.app.screen.has_request("request"))
        assert not pilot.app._notifications
        assert "stale" not in text_of(pilot.app)


async def test_flaky_reads_are_repeated_until_they_succeed(drio: Any, http: httpx.Client) -> None:
    """F08 F12: one of each fault, and the list is complete and not stale."""
    async with drio() as pilot:
        http.post("/api/v1/apps", json={"templateId": "blank", "name": "Read at last"}).raise_for_status()
        http.post(CONTROL, json={"on": ["GET:/v1/apps=status:503*1", "GET:/v1/apps=reset*2"]}).raise_for_status()
        await pilot.press("r")
        screen: Any = pilot.app.screen
        await until(pilot, lambda: "Read at last" in [app.name for app in screen.resources])
        assert names_on(http) == []
        await until(pilot, lambda: "online" in status_line(pilot) and "stale" not in text_of(pilot.app))


@pytest.mark.parametrize("shape", ["empty", "one", "huge:1500", "long", "hostile", "unknown"])
async def test_an_app_with_other_data_is_shown_without_harm(
    drio: Any, http: httpx.Client, sandbox_process: SandboxProcess, shape: str
) -> None:
    """F21 F25 F27 F57: lists of every length, any texts, and values that this version does not know."""
    slug = f"data-{uuid.uuid4().hex[:8]}"
    app = http.post("/api/v1/apps", json={"templateId": "support", "name": "Data", "slug": slug}).json()["app"]
    async with drio() as pilot:
        http.post(CONTROL, json={"on": [f"*=data:{shape}"]}).raise_for_status()
        pilot.app.navigator.open_app(app["id"])
        screen = await opened(pilot)
        await pilot.pause()
        counts = {kind: len(list(screen.snapshot.resources(kind))) for kind in ("tool", "widget")}
        expected = {"empty": (0, 0), "one": (1, 1), "huge:1500": (1500, 1500)}.get(shape, (7, 5))
        assert (counts["tool"], counts["widget"]) == expected
        if expected[0]:
            tool = next(iter(screen.snapshot.resources("tool")))
            screen.tree_view.reveal(tool.key)
            await until(pilot, lambda: screen.selected_node.about == tool.key)
            await until(pilot, lambda: screen.detail._node.key == tool.key)
        assert not unsafe(text_of(pilot.app))
        assert ("unheard-of" in text_of(pilot.app)) is (shape == "unknown")


@pytest.mark.socket
async def test_an_expired_token_is_renewed_without_a_word(sandbox_process: SandboxProcess, http: httpx.Client) -> None:
    """F02: one refresh, and the request is sent again."""
    base_url = sandbox_process.base_url
    async with signing_in(base_url) as pilot, browsing(base_url) as browser:
        app: Any = pilot.app
        await until(pilot, lambda: app.screen.url)
        await browser.walk(app.screen.url)
        await browser.follow()
        await until(pilot, lambda: app.current_mode == "apps" and app.screen.resources)
        before = await stored_tokens(base_url)
        app.clear_notifications()
        http.post(CONTROL, json={"on": ["GET:/v1/apps=invalid-token*1"]}).raise_for_status()
        http.post("/api/v1/apps", json={"templateId": "blank", "name": "Seen with a new token"}).raise_for_status()
        await pilot.press("r")
        await until(pilot, lambda: any(resource.name == "Seen with a new token" for resource in app.screen.resources))
        assert names_on(http) == []
        after = await stored_tokens(base_url)
        assert before
        assert after
        assert after.access_token != before.access_token
        assert not app._notifications


async def test_read_only_switches_nothing(drio: Any, http: httpx.Client) -> None:
    async with drio(read_only=True) as pilot:
        await lab(pilot)
        await pilot.press("enter", "o")
        await until(pilot, lambda: any("switches no faults" in note.message for note in pilot.app._notifications))
        assert names_on(http) == []


async def test_another_drio_has_no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.press("B")
        await until(pilot, lambda: any("Only a sandbox" in note.message for note in pilot.app._notifications))
        assert pilot.app.screen is screen
