"""Keys that arrive together act as if typed one by one: each goes to the widget focused by the keys before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base import type_ahead
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from tests import THOROUGH
from tests.openapi_import.documents import PETS
from tests.ui.driving import at_once, open_first_app, running, show, until
from tests.ui.shell_pty import Terminal
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import SEARCH_TOOL, small_config

COMMANDS = "q1naeDLzi"
"""Letters that are commands on some screen; the first one quits."""
TOOL_1 = "/apps/app_1/tools/tool_1"


@asynccontextmanager
async def program(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Any]:
    """Run the program with a server of one app; yield both."""
    answers = drio_of()
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch, size=size) as pilot:
        yield pilot, server


async def wait_for_screen(pilot: Pilot[Any], kind: type[Any], ready: Callable[[Any], object] = lambda _: True) -> Any:
    """Return the top screen, once it is of this class and ready."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and ready(pilot.app.screen))
    return pilot.app.screen


async def field_ends_with(pilot: Pilot[Any], field: Input, text: str = COMMANDS) -> None:
    """Wait until a field contains all letters that were typed together."""
    await until(pilot, lambda: field.value.endswith(text))
    assert pilot.app.is_running


async def test_every_letter_after_slash_belongs_to_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        for area in ("app", "templates", "requests", "apps"):
            if area == "app":
                screen = await open_first_app(pilot)
            else:
                screen = await show(pilot, area)
                await until(pilot, lambda screen=screen: getattr(screen, "resources", True))
            at_once(pilot, "/", *COMMANDS)
            await field_ends_with(pilot, screen.query_one("#filter", Input))
            assert pilot.app.screen is screen, area
            at_once(pilot, "escape", "escape", "escape")
            await until(pilot, lambda: not isinstance(pilot.app.focused, Input))


async def test_every_letter_after_slash_belongs_to_the_filter_in_wizard_and_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "pets.json"
    document.write_text(json.dumps(PETS))
    async with program(monkeypatch) as (pilot, _):
        await show(pilot, "apps")
        at_once(pilot, "n", "/", *COMMANDS)
        wizard = await wait_for_screen(
            pilot, WizardScreen, lambda screen: screen._page is not None and screen._page.resources
        )
        await field_ends_with(pilot, wizard.query_one("#template-filter", Input))
        at_once(pilot, "escape", "escape", "escape")
        await until(pilot, lambda: pilot.app.screen is not wizard)
        await open_first_app(pilot)
        at_once(pilot, "i", *str(document), "enter")
        screen = await wait_for_screen(pilot, ImportScreen, lambda screen: screen.picker._shown)
        screen.picker.focus_list()
        await pilot.pause()
        at_once(pilot, "/", *COMMANDS)
        await field_ends_with(pilot, screen.picker.query_one(FilterInput))
        assert pilot.app.screen is screen


async def test_every_letter_after_slash_goes_to_the_json_search(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        screen = await show(pilot, "requests")
        view = screen.query_one("#response-body", JsonView)
        view._lines.focus()
        await pilot.pause()
        at_once(pilot, "/", *COMMANDS)
        await field_ends_with(pilot, view.query_one(Input))


async def test_keys_wait_until_a_screen_opened_by_the_previous_key_is_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Open an app from the list, type into its filter, go back, and type into the first field of the app's form."""
    async with program(monkeypatch) as (pilot, server):
        await show(pilot, "requests")
        at_once(pilot, "2", "enter", "/", *COMMANDS)
        screen = await wait_for_screen(pilot, AppScreen)
        await field_ends_with(pilot, screen.query_one("#filter", Input))
        at_once(pilot, "escape", "escape", "g", "g", "e", "end", *COMMANDS)
        editing = await wait_for_screen(pilot, EditScreen)
        await until(pilot, lambda: isinstance(pilot.app.focused, LineEditor))
        assert pilot.app.screen is editing
        await field_ends_with(pilot, pilot.app.focused)
        assert server.asked("PATCH", "/apps/app_1") == 0


async def test_text_waits_for_the_form_of_a_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, server):
        screen = await open_first_app(pilot)
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        server.hold(f"GET {TOOL_1}")
        at_once(pilot, "e", "end", *COMMANDS)
        async with asyncio.timeout(30):
            while not server.asked("GET", TOOL_1):
                await asyncio.sleep(0)
        assert pilot.app._type_ahead.waiting
        server.release()
        editing = await wait_for_screen(pilot, EditScreen)
        await until(pilot, lambda: editing.is_filled and isinstance(pilot.app.focused, LineEditor))
        await field_ends_with(pilot, pilot.app.focused)


async def test_text_for_a_form_that_does_not_load_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(type_ahead._LIMITS, "fill", 0.2)
    async with program(monkeypatch) as (pilot, server):
        screen = await open_first_app(pilot)
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        server.hold(f"GET {TOOL_1}")
        at_once(pilot, "e", *COMMANDS, "f1")
        await until(pilot, lambda: any("was not used" in note.message for note in pilot.app._notifications))
        # Keys that are not text are not dropped.
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "HelpDialog")
        assert isinstance(pilot.app.screen_stack[-2], EditScreen)


async def test_letters_after_add_or_menu_filter_the_opened_list(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        await open_first_app(pilot)
        at_once(pilot, "a", *"widg")
        chooser = await wait_for_screen(pilot, SelectDialog)
        await field_ends_with(pilot, chooser.query_one(LineEditor), "widg")
        at_once(pilot, "escape", "g", "g", "e", "f2", *"rese")
        menu = await wait_for_screen(pilot, SelectDialog, lambda screen: screen is not chooser)
        await field_ends_with(pilot, menu.query_one(LineEditor), "rese")
        assert isinstance(pilot.app.screen_stack[-2], EditScreen)


async def test_a_command_is_found_and_run_in_one_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        await show(pilot, "apps")
        at_once(pilot, "ctrl+p", *"Requests", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "requests")
        at_once(pilot, "ctrl+p", *COMMANDS)
        palette = await wait_for_screen(pilot, CommandPalette)
        await field_ends_with(pilot, palette.query_one(Input))


async def test_the_playground_takes_arguments_right_after_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = {"id": "operation_1", "integrationId": "integration_1", "name": "Search", "method": "GET",
                 "path": "/tickets", "schemaHash": "hash_1",
                 "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}}}  # fmt: skip
    config = small_config()
    config["operations"] = [operation]
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        at_once(pilot, "t", *COMMANDS)
        await wait_for_screen(pilot, PlaygroundScreen)
        await until(pilot, lambda: isinstance(pilot.app.focused, LineEditor))
        await field_ends_with(pilot, pilot.app.focused)


async def test_a_paste_goes_to_the_field_opened_by_the_previous_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        at_once(pilot, "/")
        pilot.app.post_message(events.Paste("pasted "))
        at_once(pilot, *COMMANDS)
        await field_ends_with(pilot, screen.query_one("#filter", Input), f"pasted {COMMANDS}")


async def test_keys_after_a_click_go_to_what_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        screen = await open_first_app(pilot)
        field = screen.query_one("#filter", Input)
        x, y = field.region.x + 2, field.region.y
        for kind in (events.MouseDown, events.MouseUp):
            pilot.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))
        at_once(pilot, *COMMANDS)
        await field_ends_with(pilot, field)


async def test_keys_after_the_wheel_and_the_pointer_are_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        screen = await show(pilot, "apps")
        at_once(pilot, "/")
        for kind in (events.MouseScrollDown, events.MouseMove, events.MouseScrollUp):
            pilot.app.post_message(kind(None, 5, 5, 0, 0, 0, False, False, False, 5, 5))
        at_once(pilot, *COMMANDS)
        await field_ends_with(pilot, screen.query_one("#filter", Input))


async def test_a_confirmation_opened_by_a_worker_gets_the_next_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        screen = await open_first_app(pilot)
        await pilot.app.push_screen(EditScreen(EditTarget("app_1", "app", "app_1"), screen.snapshot))
        editing = await wait_for_screen(pilot, EditScreen, lambda screen: screen.is_filled)
        await until(pilot, lambda: isinstance(pilot.app.focused, LineEditor))
        at_once(pilot, "x", "escape", "enter")  # No is the default
        await until(pilot, lambda: pilot.app.screen is editing and not pilot.app._type_ahead.waiting)
        assert editing.dirty
        at_once(pilot, "escape")
        await wait_for_screen(pilot, ConfirmDialog)


async def test_a_never_idle_event_loop_does_not_block_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(type_ahead._LIMITS, "work", 0.05)
    async with program(monkeypatch) as (pilot, _):
        await show(pilot, "apps")

        async def busy() -> None:
            while True:
                await asyncio.sleep(0)

        task = asyncio.get_running_loop().create_task(busy())
        at_once(pilot, "3", "1", "3", "1", "f1")
        async with asyncio.timeout(30):
            while len(pilot.app.screen_stack) < 2:
                await asyncio.sleep(0)
        task.cancel()
        await until(pilot, lambda: pilot.app.screen.is_mounted)


async def test_page_keys_in_empty_lists_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with program(monkeypatch) as (pilot, _):
        await show(pilot, "apps")
        for keys in (("ctrl+p", *"zzzz"), ("ctrl+p",)):
            at_once(pilot, *keys, "pageup", "pagedown", "ctrl+home", "ctrl+end", "up", "down", "home", "end")
            palette = await wait_for_screen(pilot, CommandPalette)
            await until(pilot, lambda: not pilot.app._type_ahead.waiting)
            await until(pilot, lambda p=palette, keys=keys: p.query_one(Input).value == "".join(keys[1:]))
            palette.query_one(OptionList).action_page_up()
            at_once(pilot, "escape")
            await until(pilot, lambda palette=palette: pilot.app.screen is not palette)


@pytest.mark.socket
@pytest.mark.parametrize("key", ["/", "e", "a", "n", "\x10", "t"] if THOROUGH else ["/", "e"])
def test_in_a_terminal_keys_of_one_write_reach_the_opened_field(key: str) -> None:
    """The same in a real terminal, where the driver reads all keys at once."""
    with Terminal("--sandbox", size=(120, 40)) as terminal:
        terminal.until("Acme Support")
        terminal.press("\r")
        terminal.until("Search Contacts")
        terminal.until(lambda: "reading" not in terminal.text)
        if key == "n":
            terminal.press("\x1b")
            terminal.until("New app")
            terminal.press("n/zqdLX")
        elif key == "t":
            terminal.press("/Search Con\r")
            terminal.until("Search Contacts")
            terminal.press("tzqdLX")
        else:
            terminal.press(f"{key}zqdLX")
        terminal.until("zqdLX")
        assert terminal.process.poll() is None
