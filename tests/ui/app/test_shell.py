"""The app: starting, areas, status line, keys, themes, sizes, errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.geometry import Size
from textual.widgets import Input

from drio_tui import settings
from drio_tui.api.errors import DrioError
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.launcher import stop_sandbox
from drio_tui.storage import paths
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.help_dialog import HelpDialog
from drio_tui.ui.app.navigation import SCREENS
from drio_tui.ui.app.too_small_dialog import SMALLEST, TooSmallDialog
from drio_tui.ui.base import connection, keymap
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.widgets.row_list import RowList
from tests.ui.driving import open_first_app, running, show, text_of, until
from tests.ui.idle import idle
from tests.ui.table_server import TableServer, drio_of, serving


def configure(text: str) -> None:
    """Write config.toml."""
    path = paths.config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def notifications(app: DrioApp) -> list[str]:
    """Return the notifications, as title and message."""
    return [f"{notification.title}: {notification.message}" for notification in app._notifications]


# -- starting -----------------------------------------------------------------------------------------


def test_the_first_frame_imports_neither_http_nor_models_nor_the_keyring() -> None:
    code = "import sys, json, drio_tui.ui.app.drio_app; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    heavy = ("pydantic", "httpx", "keyring", "click", "fastapi", "sqlalchemy", "mcp", "drio_tui.sandbox")
    assert [name for name in modules if name in heavy or name.startswith("drio_tui.api.")] == []


async def test_the_sandbox_flag_opens_the_apps_of_the_local_user(sandbox_process: Any) -> None:
    app = DrioApp(LaunchOptions(sandbox=True, data_dir=sandbox_process.data_dir))
    async with app.run_test(size=(100, 30)) as pilot:
        assert "drio" in text_of(app)
        await until(pilot, lambda: app.current_mode == "apps" and "Acme Support" in text_of(app))
        await until(pilot, lambda: "you@sandbox.local" in text_of(app))
        assert "local sandbox" in text_of(app)
        assert "online" in text_of(app)


async def test_a_failed_sandbox_start_shows_the_reason_and_can_be_retried(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.write_text("in the way")
    app = DrioApp(LaunchOptions(sandbox=True, data_dir=folder))
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.failure is not None)
        await until(pilot, lambda: "The sandbox did not start" in text_of(app))
        assert "retry" in text_of(app)
        folder.unlink()
        await pilot.press("r")
        await until(pilot, lambda: app.current_mode == "apps" and app.status.phase == "online")
        assert app.failure is None
    stop_sandbox(folder)


async def test_the_first_run_offers_to_sign_in_or_the_sandbox_and_checks_the_host() -> None:
    app = DrioApp()
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.current_mode == "welcome" and app.screen.is_mounted)
        await pilot.pause()
        shown = text_of(app)
        assert "https://getdrio.com" in shown
        assert "Try the local sandbox" in shown
        host = app.screen.query_one("#host", Input)
        host.value = "http://elsewhere.example"
        host.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "clear text" in text_of(app))
        assert app.screen.id != "sign-in"


async def test_signed_out_the_templates_are_shown(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token="") as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert "signed out" in text_of(pilot.app)


async def test_a_request_without_a_response_means_offline_and_a_response_online(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        assert app.status.phase == "online"
        good, app.connection.client.transport.base_url = (
            app.connection.client.transport.base_url,
            "http://127.0.0.1:9/api/v1",
        )
        screen.action_refresh()
        await until(pilot, lambda: app.status.phase == "offline")
        assert "offline" in text_of(app)
        assert app.status.cause
        app.connection._set_status(account="")  # as after a start without a connection
        app.connection.client.transport.base_url = good
        screen.action_refresh()
        await until(pilot, lambda: app.status.phase == "online" and app.status.account == "ada@acme.com")


async def test_the_screen_recovers_when_drio_responds_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """F09."""
    monkeypatch.setattr(connection, "_PROBE_SECONDS", (0.05,))
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, token="") as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        good = app.connection.base_url
        app.connection.base_url = app.connection.client.transport.base_url = "http://127.0.0.1:9/api/v1"
        screen.action_refresh()
        await until(pilot, lambda: app.status.phase == "offline")
        count = server.asked("GET", "/templates")
        app.connection.base_url = app.connection.client.transport.base_url = good
        await until(pilot, lambda: app.status.phase == "signed-out")
        await until(pilot, lambda: server.asked("GET", "/templates") >= count + 2)


# -- areas and keys -----------------------------------------------------------------------------------


async def test_numbers_and_clicks_switch_areas_and_each_keeps_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        templates = await show(pilot, "templates")
        await until(pilot, lambda: templates.resources)
        await pilot.press("j")
        key = templates.rows.key
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "requests")
        start, *_ = app.screen.query_one("StatusLine")._clickable[0]
        await pilot.click("StatusLine", offset=(start + 2, 0))
        await until(pilot, lambda: app.current_mode == "templates")
        assert app.screen is templates
        assert templates.rows.key == key


async def test_read_only_hides_dangerous_keys_and_is_shown_in_the_status_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, read_only=True) as pilot,
    ):
        for area in ("templates", "apps"):
            screen = await show(pilot, area)
            ids = {active.binding.id for active in screen.active_bindings.values()}
            assert not [name for name in ids if (key := keymap.find(name)) and key.dangerous]
            assert "read-only" in text_of(pilot.app)


async def test_pressing_a_disabled_key_shows_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.resources)
        screen = await show(pilot, "requests")
        await app.workers.wait_for_complete()
        screen.action_clear()
        await until(pilot, lambda: "/apps" not in text_of(app))
        await pilot.press("c")
        await until(pilot, lambda: any("There is no request to copy." in text for text in notifications(app)))


async def test_keys_can_be_rebound_in_the_config_file(monkeypatch: pytest.MonkeyPatch) -> None:
    configure('[keys]\n"app.requests" = "f9"\n')
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        await pilot.press("3")
        await pilot.pause()
        assert app.current_mode == "apps"
        await pilot.press("f9")
        await until(pilot, lambda: app.current_mode == "requests")


async def test_unknown_and_duplicate_bindings_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    configure('[keys]\n"app.nonsense" = "f9"\n"app.apps" = "1"\n')
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await until(pilot, lambda: any("app.nonsense: there is no such binding" in text for text in notifications(app)))
        assert any("1 is used by both" in text for text in notifications(app))


def test_every_key_has_a_description_and_is_in_the_table() -> None:
    for name in SCREENS:
        module, _ = SCREENS[name]
        __import__(f"drio_tui.ui.{module}")
    table = keymap.markdown_table()
    for part in keymap.sections():
        for key in part.keys:
            assert key.description
            assert f"`{key.id}`" in table
            assert not {"ctrl+i", "ctrl+m", "ctrl+h", "ctrl+enter", "shift+enter"} & set(key.keys.split(","))


async def test_the_palette_finds_a_command_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        await pilot.press("ctrl+p")
        await pilot.press(*"Requests")
        await until(pilot, lambda: "The requests to drio" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "requests")


async def test_a_profile_is_offered_in_the_palette_by_its_literal_name(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = Profiles.load()
    profiles.add(Profile("[@click=app.quit]p[/]", "http://127.0.0.1:9/api/v1", account="[bold]a[/] \x1b[31m"))
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        await pilot.press("ctrl+p")
        await pilot.press(*"Use profile")
        await until(pilot, lambda: "Use profile [@click=app.quit]p[/]" in text_of(app))
        assert "[bold]a[/] ␛[31m" in text_of(app)


async def test_another_connection_shows_nothing_of_the_previous_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        serving(TableServer({})) as other,
        running(server.base_url, monkeypatch) as pilot,
    ):
        app: Any = pilot.app
        opened = await open_first_app(pilot)
        app.restart(base_url=other.base_url)
        await until(pilot, lambda: app.current_mode == "apps" and app.screen is not opened)
        await until(pilot, lambda: other.asked("GET", "/apps"))
        assert len(app.screen_stack) == 1
        assert app.connection.base_url.startswith(other.base_url)


# -- themes -------------------------------------------------------------------------------------------


async def test_the_configured_theme_is_used_and_a_chosen_one_is_remembered() -> None:
    configure('theme = "no-such-theme"\n')
    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(notifications=True) as pilot:
        assert app.theme == "drio"
        await until(pilot, lambda: "there is no theme no-such-theme" in " ".join(text_of(app).split()))
        app.theme = "drio-light"
        await until(pilot, lambda: settings.load_state().get("theme") == "drio-light")
    configure("")
    assert DrioApp().theme == "drio-light"
    configure('theme = "nord"\n')
    assert DrioApp().theme == "nord"


async def test_every_theme_draws_every_area(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        for theme in ("drio", "drio-light", "ansi-dark", "ansi-light", "solarized-light"):
            app.theme = theme
            for area in ("templates", "apps", "requests"):
                await show(pilot, area)
                assert "drio" in text_of(app)


async def test_an_error_is_shown_literally_in_a_toast() -> None:
    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        app.show_error(DrioError("a [bold]b[/] [/x] \x1b]52;c;x\x07", title="[@click=app.quit]t[/]"))
        await until(pilot, lambda: "[bold]b[/]" in text_of(app))
        assert "␛]52" in text_of(app)
        assert "[@click=app.quit]t[/]" in text_of(app)


# -- sizes --------------------------------------------------------------------------------------------


async def test_a_stale_resize_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        old = Size(44, 13)
        screen.post_message(events.Resize(old, old, old))
        assert await idle(5)
        assert screen.has_class("-normal")
        assert screen.size == app.size


async def test_a_too_small_terminal_is_covered_until_it_is_large_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        await pilot.press("j")
        key, focused = screen.rows.key, screen.focused
        for size in ((20, 5), (1, 1), (44, 11)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: isinstance(app.screen, TooSmallDialog))
        await pilot.resize_terminal(SMALLEST.width, SMALLEST.height)
        await until(pilot, lambda: app.screen is screen)
        assert (screen.rows.key, screen.focused) == (key, focused)


async def test_keys_do_nothing_while_the_terminal_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "templates")
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: isinstance(app.screen, TooSmallDialog))
        await pilot.press("2", "3", "L", "T", "question_mark", "ctrl+p")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen is screen)


async def test_screens_opened_while_the_terminal_is_too_small_appear_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "templates")
        await pilot.resize_terminal(30, 6)
        await until(pilot, lambda: isinstance(app.screen, TooSmallDialog))
        covered = app.screen
        assert "q quits" in text_of(app)
        question = ConfirmDialog("Quit?", agree="Quit")  # what q asks if something was typed
        app.push_screen(question)
        await until(pilot, lambda: app.screen is not covered and "to answer a question" in text_of(app))
        app.screen.dismiss()
        question.dismiss(False)
        await until(pilot, lambda: app.screen is covered and "q quits" in text_of(app))
        await app.run_action("help")
        await until(pilot, lambda: isinstance(app.screen, TooSmallDialog) and app.screen is not covered)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: isinstance(app.screen, HelpDialog) and "Esc closes" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_rapid_resizes_settle_on_the_last_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """F46."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        await pilot.press("question_mark")
        for width in (500, 3, 80, 1, 200, 44, 60, 2, 120):
            await pilot.resize_terminal(width, max(1, width // 4))
        await pilot.resize_terminal(500, 500)
        await until(pilot, lambda: not isinstance(app.screen, TooSmallDialog) and app.size == Size(500, 500))
        assert "Keys" in text_of(app)


# -- lists --------------------------------------------------------------------------------------------


async def test_lists_move_with_j_k_g_and_capital_g_and_open_with_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        rows = screen.query_one("#list", RowList)
        rows.focus()
        positions = []
        for key in ("G", "k", "g", "j", "down", "up", "end", "home"):
            await pilot.press(key)
            positions.append(rows.cursor)
        assert positions == [2, 1, 0, 1, 2, 1, 2, 0]
