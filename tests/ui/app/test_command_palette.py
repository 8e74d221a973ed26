"""The command palette: what it finds, in which order, and what Enter on a match does."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.ui.app.palette_entries import Entry, ranked
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.workspace.model.search import matched_positions
from tests.ui.driving import click_button, open_first_app, running, show, text_of, until


def entry(name: str, note: str = "", place: str = "", *, tag: str = "Command", in_app: bool = False) -> Entry:
    return Entry((tag, name), tag, name, lambda: None, note, place, is_in_app=in_app)


ENTRIES = [
    entry("Get contact", "GET /contacts/{contactId}", "Integrations › Helpdesk", tag="Operation", in_app=True),
    entry("Show Contact", "show-contact", "Tools", tag="Tool", in_app=True),
    entry("Deploy notes", "deploy-notes", "Tools", tag="Tool", in_app=True),
    entry("Contacts", "contacts", tag="App"),
    entry("Copy id", "y", "Copy the id of the selected node"),
    entry("Deploy", "d", "Check the app, and take it live"),
    entry("Customer support", "Customer service", tag="Template"),
]


@pytest.mark.parametrize(
    ("query", "recent", "names"),
    [
        ("cont", [], ["Contacts", "Get contact", "Show Contact"]),  # the start of a name comes first
        ("contact", [("Tool", "Show Contact")], ["Contacts", "Show Contact", "Get contact"]),
        ("deploy", [("Command", "Deploy")], ["Deploy notes", "Deploy"]),  # the open app comes first among equals
        ("show-con", [], ["Show Contact"]),
        ("/contacts/", [], ["Get contact"]),
        ("get contacts", [], ["Get contact"]),
        ("tool deploy", [], ["Deploy notes"]),
        ("cstmr", [], ["Customer support"]),
        ("zzz", [], []),
    ],
)
def test_entries_are_ranked_by_match_then_the_open_app_then_what_was_chosen_last(
    query: str, recent: list[tuple[str, ...]], names: list[str]
) -> None:
    assert [match.name for _, match in sorted(ranked(ENTRIES, query, recent), key=lambda match: match[0])] == names


@pytest.mark.parametrize(
    ("query", "name", "letters"),
    [("con", "Reconnect con", "con"), ("sh ta", "Show Table", "ShTa"), ("swt", "Show Table", "SwT"), ("x", "İx", "")],
)
def test_the_letters_that_match_are_found(query: str, name: str, letters: str) -> None:
    assert "".join(name[at] for at in matched_positions(query, name)) == letters
    assert matched_positions("con", "Reconnect con")[0] == 10


def test_a_long_name_of_repeated_letters_is_ranked_at_once() -> None:
    """Textual's own matcher tries every way to place the letters: this would take it years."""
    name = "a" * 120
    assert ranked([entry(name)], "a" * 60 + "b", []) == []
    assert len(matched_positions("a" * 60, name)) == 60


async def search(pilot: Any, text: str, shown: str) -> None:
    """Open the palette, search, and choose the first match, which is shown as `shown`."""
    await pilot.press("ctrl+p", *text)
    await until(pilot, lambda: shown in text_of(pilot.app))
    await pilot.press("enter")


async def test_the_palette_opens_what_it_finds_from_every_screen(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        app: Any = pilot.app
        screen = await open_first_app(pilot)
        await search(pilot, "search-cont", "Tool        Search Contacts")
        await until(pilot, lambda: app.screen is screen and screen.selected_node.title == "Search Contacts")
        await pilot.press("backspace")
        await until(pilot, lambda: screen.selected_node is screen.outline.root)
        # Over an editor with an unsaved edit, it asks before it leaves it. Keys may be pressed ahead of the screens.
        await search(pilot, "search-cont", "Tool        Search Contacts")
        await pilot.press("e", "X")
        await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen.dirty)
        await search(pilot, "GET /cont", "Operation")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        await search(pilot, "GET /cont", "Operation")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await click_button(pilot, "#yes")
        await until(pilot, lambda: app.screen is screen and screen.selected_node.kind == "operation")
        # The templates were read once, by then.
        await search(pilot, "customer onb", "Template    Customer onboarding")
        await until(pilot, lambda: app.current_mode == "templates" and app.screen.rows.key == "onboarding")
        # Read-only hides what changes something; it can be left, as the program was not started with it.
        await search(pilot, "read-only: on", "Read-only: on")
        await until(pilot, lambda: app.options.read_only and app.status.read_only)
        assert app.screen.check_action("create", ()) is False
        await search(pilot, "read-only: off", "Read-only: off")
        await until(pilot, lambda: not app.options.read_only)
        # An app that is open is shown as it is, from every area.
        await search(pilot, "acme-supp", "App         Acme Support")
        await until(pilot, lambda: app.screen is screen)
        # The tools of an app that was opened before are found without it.
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: app.screen is apps)
        await search(pilot, "search-cont", "Search Contacts")
        await until(pilot, lambda: app.screen is not apps and app.screen.selected_node.title == "Search Contacts")
        assert app.screen.app_id == screen.app_id
        assert app.screen is not screen
