"""The program records its requests to a cassette, and runs from one without a server."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from drio_tui.cassette import active
from drio_tui.storage import paths
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.base.messages import Status, undo_hint
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.delete_dialog import delete_dialog
from drio_tui.ui.signin.signin_screen import SignInScreen
from tests.manifest.apps import snapshot_of
from tests.sandbox_fixtures import kill_process, start_sandbox
from tests.ui.deploy.test_deploy_screen import open_deploy_screen
from tests.ui.driving import open_first_app, running, show, text_of, until
from tests.ui.editing.test_faults import banner
from tests.ui.editing.test_saving import edit, edit_of, set_field
from tests.ui.signin.test_signin_screen import browsing, stored_tokens


async def walk(pilot: Any) -> list[str]:
    """Edit a tool, create an integration and deploy; return the screens, without the status line and times."""
    screens = []
    opened = await open_first_app(pilot)
    screens.append(text_of(pilot.app))
    editing, _ = await edit(pilot, opened, "tool")
    set_field(editing, "name", "Edited")
    await pilot.press("ctrl+s")
    await until(pilot, lambda: pilot.app.screen is opened and not opened.loading_app)
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog))
    await pilot.press(*"integration", "enter")
    editing = await edit_of(pilot)
    set_field(editing, "name", "Created")
    set_field(editing, "baseUrl", "https://created.test")
    await pilot.press("ctrl+s")
    await until(pilot, lambda: pilot.app.screen is opened and not opened.loading_app)
    pilot.app.clear_notifications()
    await pilot.pause()
    screens.append(text_of(pilot.app))
    assert "Edited" in screens[-1]
    assert "Created" in screens[-1]
    deploying = await open_deploy_screen(pilot)
    await pilot.press("D")
    await until(pilot, lambda: deploying.deployed is not None and not deploying.has_request("look"))
    assert deploying.deployed.version == "1.1.0"
    await pilot.press("escape")
    await until(pilot, lambda: pilot.app.screen is opened and not opened.loading_app)
    await pilot.press("escape")
    templates = await show(pilot, "templates")
    await until(pilot, lambda: templates.resources)
    await pilot.pause()
    screens.append(text_of(pilot.app))
    return [re.sub(r"\d\d:\d\d", "", screen.partition("\n")[2]) for screen in screens]


async def sign_in(pilot: Any, base_url: str) -> None:
    """Sign in through the browser, and wait for the apps."""
    app = pilot.app
    await pilot.press("L")
    await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.url)
    async with browsing(base_url) as browser:
        await browser.walk(app.screen.url)
        await browser.follow()
    await until(pilot, lambda: app.current_mode == "apps" and app.screen.resources)
    app.clear_notifications()


@pytest.mark.socket
async def test_a_recorded_sign_in_and_walk_are_replayed_without_their_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cassette = tmp_path / "walk.cassette"
    process = await asyncio.to_thread(start_sandbox, tmp_path / "sandbox")
    try:
        active.start_recording(cassette, lambda: "")
        async with running(process.base_url, monkeypatch, token="", cassette="recording") as pilot:
            assert " recording " in text_of(pilot.app).splitlines()[0]
            await sign_in(pilot, process.base_url)
            recorded = await walk(pilot)
        tokens = await stored_tokens(process.base_url)
    finally:
        assert active.stop() == ""
        kill_process(process)
    assert tokens
    assert tokens.refresh_token
    for secret in (tokens.access_token, tokens.refresh_token):
        assert secret.encode() not in cassette.read_bytes()
    shutil.rmtree(paths.state_dir())  # nobody is signed in any more
    active.start_replay(cassette, lambda: "")
    try:
        app = DrioApp(LaunchOptions(cassette="replay", sandbox=True))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.current_mode == "apps" and app.status.phase == "online")
            assert " replay " in text_of(app).splitlines()[0]
            assert await walk(pilot) == recorded
            await pilot.press("L", "B")
            assert [type(screen).__name__ for screen in app.screen_stack] == ["TemplatesScreen"]
            notes = "\n".join(note.message for note in app._notifications)
            assert "A replayed session needs no sign-in." in notes
            assert "Only a sandbox can be made to fail" in notes
            # A request that is not in the cassette says so, and not that drio is offline.
            editing, _ = await edit(pilot, await open_first_app(pilot), "tool")
            set_field(editing, "name", "Edited otherwise")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "was not recorded" in banner(app))
            assert re.search(
                r"was not recorded: PATCH /api/v1/\S+; the closest one is number \d+, PATCH /api/v1/\S+, which differs "
                r'in body.name \("Edited", now "Edited otherwise"\)',
                banner(app),
            )
            assert "Nothing you typed is lost" in banner(app)
            assert app.status.phase == "online"
    finally:
        active.stop()


def test_in_a_replay_nothing_is_promised_to_be_taken_back() -> None:
    live, replay = Status(), Status(cassette="replay")
    assert undo_hint(live, "z takes it back.") == "z takes it back."
    assert "nothing was changed" in undo_hint(replay, "z takes it back.")
    snapshot = snapshot_of({"app": {"slug": "acme", "name": "Acme"}, "tools": {"search": {"name": "Search"}}})
    keys = [tool.key for tool in snapshot.resources("tool")]
    assert "z brings it back, under a new id." in delete_dialog(snapshot, keys, live)._body
    text = delete_dialog(snapshot, keys, replay)._body
    assert "This is a replay: nothing is changed." in text
    assert "z brings" not in text
