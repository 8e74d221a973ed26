"""Failures inside the program are reported, and the program goes on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from drio_tui.ui.app.failed_screen import FailedScreen
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.apps.apps_screen import AppsScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.signin.signin_screen import SignInScreen
from drio_tui.workspace.saving import unsaved_edits
from tests.ui import drawing
from tests.ui.driving import at_once, open_first_app, running, show, text_of, until
from tests.ui.editing.test_faults import editing_tool
from tests.ui.editing.test_saving import set_field
from tests.ui.shell_pty import Terminal
from tests.ui.table_server import TableServer, drio_of, serving

SECRET = "access_token=s3cretS3cret"


def fail(*_: Any, **__: Any) -> None:
    raise RuntimeError(f"broken with {SECRET}")


def with_failures_survived(pilot: Pilot[Any]) -> Any:
    """Return the app, set to survive failures as it does in a terminal."""
    app: Any = pilot.app
    app.failures.survive = True
    return app


def reports(isolated: Path) -> list[str]:
    return [path.read_text() for path in (isolated / "state" / "crashes").glob("*")]


async def wait_for_replacement(app: Any) -> FailedScreen:
    """Wait for the screen that replaces a failed one. The pilot would wait for the messages of the failed screen."""
    async with asyncio.timeout(30):
        while not isinstance(app.screen, FailedScreen) or not app.screen.is_mounted:
            await asyncio.sleep(0)
            drawing.draw()
    return app.screen


async def wait_for_notification(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: any(text in note.message for note in pilot.app._notifications))


async def test_a_failing_action_is_reported_and_the_screen_stays(
    monkeypatch: pytest.MonkeyPatch, isolated: Path
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app = with_failures_survived(pilot)
        screen = await show(pilot, "apps")
        monkeypatch.setattr(AppsScreen, "action_sort", fail)
        for _ in range(5):  # an action may fail any number of times
            await pilot.press("s")
        await wait_for_notification(pilot, "RuntimeError: broken")
        assert app.screen is screen
        (note, *_) = app._notifications
        assert note.severity == "error"
        assert "s3cret" not in note.message
        assert str(isolated / "state" / "crashes") in note.message.replace("~", str(Path.home()))
        assert all("in fail" in report and "s3cret" not in report for report in reports(isolated))
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "templates")


async def test_failures_of_workers_and_app_callbacks_are_reported(
    monkeypatch: pytest.MonkeyPatch, isolated: Path
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app = with_failures_survived(pilot)
        await show(pilot, "apps")

        async def work() -> None:
            fail()

        app.screen.run_worker(work())
        app.call_later(fail)
        app.call_next(fail)
        await until(pilot, lambda: len(reports(isolated)) == 3)
        assert all("in fail" in report for report in reports(isolated))
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "requests")


@pytest.mark.parametrize("where", ["handler", "timer", "render"])
async def test_a_failing_first_screen_of_an_area_is_replaced_and_can_be_reopened(
    where: str, monkeypatch: pytest.MonkeyPatch, isolated: Path
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app = with_failures_survived(pilot)
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        with monkeypatch.context() as broken:
            if where == "handler":
                screen.query_one("#filter").call_later(fail)
            elif where == "timer":
                screen.set_timer(0.01, fail)
            else:
                broken.setattr(type(screen.table), "render_line", fail)
                screen.table.refresh()
            await wait_for_replacement(app)
        await pilot.pause()
        assert "This screen failed and was closed" in text_of(app)
        assert "A report without secrets is in" in text_of(app)
        assert "s3cret" not in text_of(app)
        await until(pilot, lambda: not screen.is_running)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, AppsScreen) and app.screen.resources)
        assert app.screen is not screen
        assert len(app.screen_stack) == 1
        assert isinstance(await open_first_app(pilot), AppScreen)


async def test_unsaved_edits_of_a_failing_screen_are_kept_and_reopened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        app = with_failures_survived(pilot)
        below = app.screen_stack[-2]
        set_field(screen, "name", "Mine")
        screen.form.call_later(fail)
        await wait_for_replacement(app)
        assert [edit.local["name"] for edit in unsaved_edits.load().buffers] == ["Mine"]
        assert app.screen_stack[-2] is below
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen.is_filled)
        assert app.screen.edited_resource()["name"] == "Mine"


async def test_a_screen_without_its_widgets_still_has_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual draws the footer of a screen that is being closed."""
    async with editing_tool(monkeypatch) as (_, screen, _):
        assert "ctrl+s" in screen.active_bindings
        await screen.form.remove()
        assert "ctrl+s" in screen.active_bindings


async def test_unsaved_edits_of_all_replaced_screens_are_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        app = with_failures_survived(pilot)
        set_field(screen, "name", "Lower")
        app.push_screen(EditScreen(EditTarget(screen.target.app, "tool")))
        await until(pilot, lambda: app.screen is not screen and app.screen.is_filled)
        set_field(app.screen, "name", "Upper")
        screen.form.call_later(fail)
        await wait_for_replacement(app)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen_stack[-2], EditScreen) and app.screen_stack[-2].is_filled)
        await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen.is_filled)
        assert [screen.edited_resource()["name"] for screen in app.screen_stack[-2:]] == ["Lower", "Upper"]


async def test_a_failing_dialog_returns_none_to_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        app = with_failures_survived(pilot)
        set_field(screen, "name", "Mine")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        app.screen.query_one("#no").call_later(fail)
        await wait_for_replacement(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.dirty
        assert not [worker for worker in app.workers if worker.group == "leave" and worker.is_running]


BROKEN_FOR_GOOD = """
import sys
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.launch import LaunchOptions, run_tui
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.app.help_dialog import HelpDialog

def fail(*_, **__):
    raise RuntimeError("broken with Bearer abc.def-ghi and access_token=s3cretS3cret")

HelpDialog.compose = fail
EmptyState.render = fail
sys.exit(run_tui(LaunchOptions(base_url="http://127.0.0.1:9")))
"""


@pytest.mark.socket
def test_repeated_failures_end_the_program_with_a_report(isolated: Path) -> None:
    """F51: the screen that shows the failure fails as well."""
    with Terminal(command=[sys.executable, "-c", BROKEN_FOR_GOOD], size=(120, 30)) as terminal:
        terminal.until("Quit")
        terminal.press("?")
        assert terminal.wait() == 1
        assert terminal.restored == []
        printed = terminal.output.split(b"\x1b[?1049l")[-1].decode()
        assert "drio-tui had to stop" in printed
        assert "Traceback" not in printed
        folder = isolated / "state" / "crashes"
        assert any(report.name in printed.replace("\r\n", "") for report in folder.iterdir())
        texts = [report.read_text() for report in folder.iterdir()]
        # Reports of subsequent failures are there too.
        assert any("RuntimeError" in text and "in fail" in text for text in texts)
        for report, text in zip(folder.iterdir(), texts, strict=True):
            assert report.stat().st_mode & 0o777 == 0o600
            for secret in ("abc.def-ghi", "s3cretS3cret"):
                assert secret not in text + printed


FAILING_HELP = BROKEN_FOR_GOOD.replace("HelpDialog.compose = fail", "DrioApp.action_help = fail").replace(
    "EmptyState.render = fail", ""
)


@pytest.mark.socket
def test_in_a_terminal_a_failing_action_is_reported_and_the_program_goes_on(isolated: Path) -> None:
    with Terminal(command=[sys.executable, "-c", FAILING_HELP], size=(120, 30)) as terminal:
        terminal.until("Quit")
        terminal.press("?")
        terminal.until("That failed")
        terminal.until("RuntimeError: broken")
        terminal.press("q")
        assert terminal.wait() == 0
        assert len(reports(isolated)) == 1


async def test_signing_in_from_another_area_shows_the_open_sign_in_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time, the open screen is brought to the front."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        first = app.screen
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "templates")
        await pilot.press("L")
        await until(pilot, lambda: app.screen is first)
        assert app.current_mode == "apps"
        at_once(pilot, "1", "L", "1", "L", "escape")
        await until(pilot, lambda: not first.is_running)
        screens = [screen for stack in app._screen_stacks.values() for screen in stack]
        assert not [screen for screen in screens if isinstance(screen, SignInScreen)]


async def test_the_command_palette_can_be_open_in_two_areas(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        for area in ("apps", "templates"):
            app.switch_mode(area)
            await until(pilot, lambda area=area: app.current_mode == area)
            await pilot.press("ctrl+p")
            await until(pilot, lambda: app.screen.has_class("--textual-command-palette"))
            assert app.screen.query_one(Input)
