"""No key that a page names is dead, whether there is anything on the page or nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._footer import FooterKey

from drio_tui.kinds import KINDS
from drio_tui.ui.editing.edit_screen import Target
from drio_tui.ui.editing.editors.base import Notes
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from drio_tui.wizard.validation import PAGES
from tests.ui.driving import open_first_app, running, text_of, until
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving
from tests.ui.wizard.test_wizard_screen import begin, fill
from tests.workspace.small_app import small_config

SMALL = (80, 24)
PARTS = {"auth": "auth", "integration": "integrations", "operation": "operations", "tool": "tools", "widget": "widgets"}
_IN_WORDS = re.compile(r"\b(F\d+|Ctrl\+[A-Z]|Enter|Space)\b|(?:^|[,;] )([a-z])(?= \w+s\b)")
_LAST = ("ctrl+s", "escape")  # these may leave the page


def named_keys(screen: Any) -> list[str]:
    """The keys that the screen names now: in its footer, where there is nothing, and in what it says about itself."""
    footer = [each.key for each in screen.query(FooterKey) if not each.action.endswith("quit")]
    shown: list[str] = []
    for empty in screen.query(EmptyState):
        if empty.region:
            shown += [line.partition("  ")[0] for line in str(empty.visual).splitlines() if "  " in line.strip()]
    said = [str(each.visual) for each in [*screen.query("#task").results(Static), *screen.query(Notes)] if each.region]
    shown += [each[0] or each[1] for text in said for each in _IN_WORDS.findall(text)]
    keys = dict.fromkeys([*footer, *(_key(each) for each in shown)])
    return sorted(keys, key=lambda key: _LAST.index(key) if key in _LAST else -1)


def _key(shown: str) -> str:
    """Textual's name of a key that is named in words."""
    *modifiers, last = shown.strip().split("+")
    name = {"Esc": "escape", "/": "slash"}.get(last) or (last if len(last) == 1 and not modifiers else last.lower())
    return "+".join([*(one.lower() for one in modifiers), name])


def _ends(guide: WizardScreen, key: str) -> bool:
    """Whether a key leaves the wizard, or makes the app."""
    return key == "escape" or (key == "ctrl+s" and guide.draft.page == "review")


def state(app: Any) -> Any:
    """Everything that a key can change and a person can see."""
    return app.screen, app.screen.focused, text_of(app), len(app._notifications)


async def dead_keys(
    pilot: Pilot[Any], screen: Any, again: Callable[[], Awaitable[None]], known: set[tuple[str, str]]
) -> list[str]:
    """The named keys after which nothing is different; `again` brings the page back as it was.

    `known` are the keys of the screen as a whole that were pressed on another page already.
    """
    dead: list[str] = []
    for key in named_keys(screen):
        if key not in named_keys(screen):
            continue  # a key before it changed the page
        bound = screen.active_bindings.get(key)
        if bound is not None and bound.node in (screen, pilot.app) and key not in _LAST:
            if (key, bound.binding.action) in known:
                continue
            known.add((key, bound.binding.action))
        if pilot.app.screen is not screen or (isinstance(screen, WizardScreen) and _ends(screen, key)):
            break  # that, or Ctrl+S before, leads away
        pilot.app._notifications.clear()
        before = state(pilot.app)
        await pilot.press(key)
        for _ in range(20):  # what a message that it sends brings about comes a moment later
            await pilot.pause()
            if state(pilot.app) != before:
                break
        else:
            dead.append(key)
        while pilot.app.screen is not screen and len(pilot.app.screen_stack) > 1 and key not in _LAST:
            await pilot.press("escape")
            await pilot.pause()
        if pilot.app.screen is screen:
            await again()
    return dead


@pytest.mark.parametrize("template", ["blank", "support"])
async def test_every_key_that_a_page_of_the_wizard_names_does_something(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    """A blank template brings nothing: its pages are empty, and nothing on them takes the focus."""
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        guide = await begin(pilot, template)
        fill(guide, name="Keys", slug=f"keys-{template}", companyUrl="https://acme.com")
        await pilot.pause()
        dead: dict[str, list[str]] = {}
        known: set[tuple[str, str]] = set()
        for page in PAGES[:-1]:

            async def again(page: str = page) -> None:
                guide.set_focus(None)
                if guide._on != page:
                    await guide._show(page)
                await until(pilot, lambda: guide._page.is_mounted and guide._on == page)
                guide.focus_page()
                await pilot.pause()

            await again()
            if found := await dead_keys(pilot, guide, again, known):
                dead[page] = found
        assert not dead, dead


@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
async def test_every_key_that_a_page_of_an_editor_names_does_something(
    monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """Something new in an app without anything, and what is there in one that has one of everything."""
    config = small_config()
    if not full:
        config |= {part: [] for part in PARTS.values()}
    answers = drio_of(config)
    for kind, part in PARTS.items():
        answers |= {f"GET {KINDS[kind].item.format(app='app_1', id=raw['id'])}": {kind: raw} for raw in config[part]}
    answers["GET /apps/app_1"] = {"app": config["app"]}
    dead: dict[str, list[str]] = {}
    known: set[tuple[str, str]] = set()
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        screen = await open_first_app(pilot)
        for kind in ("app", *PARTS):
            there = next(iter(screen.snapshot.resources(kind)), None) if full or kind == "app" else None
            number, count = 0, 1
            while number < count:
                screen.open_edit(Target("app_1", kind, there.id if there else ""))
                edit = await edit_of(pilot)
                count = len(edit._pages)

                async def again(edit: Any = edit, number: int = number) -> None:
                    edit.show_page(number)
                    await pilot.pause()

                await again()
                if found := await dead_keys(pilot, edit, again, known):
                    dead[f"{kind} {edit._pages[number].id}"] = found
                if edit.is_attached:
                    edit.dismiss(None)
                await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
                number += 1
    assert not dead, dead


@pytest.mark.parametrize("page", ["auth", "api", "tools"])
async def test_the_keys_of_a_page_work_when_a_button_beside_it_has_the_focus(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        guide = await begin(pilot, "blank")
        fill(guide, name="Keys", slug="keys-beside", companyUrl="https://acme.com")
        await pilot.pause()
        await guide._show(page)
        guide.query_one("#next").focus()
        await pilot.press("a")
        await until(pilot, lambda: pilot.app.screen is not guide)
