"""Every key that a page names does something, whether the page is empty or not."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from drio_tui.kinds import KINDS
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors.base import Notes
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.footer import KeyFooter
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from drio_tui.wizard.validation import PAGES
from tests import THOROUGH
from tests.ui.driving import open_first_app, running, text_of, until
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving
from tests.ui.wizard.test_wizard_screen import fill, open_wizard
from tests.workspace.small_app import small_config

SMALL = (80, 24)
PARTS = {"auth": "auth", "integration": "integrations", "operation": "operations", "tool": "tools", "widget": "widgets"}
_KEYS_IN_TEXT = re.compile(r"\b(F\d+|Ctrl\+[A-Z]|Enter|Space)\b|(?:^|[,;] )([a-z])(?= \w+s\b)")
_LEAVING = ("ctrl+s", "escape")  # these may leave the page


def named_keys(screen: Any) -> list[str]:
    """Return the keys that the screen names: in its footer, in empty states and in its texts."""
    footer = [key.key for footer in screen.query(KeyFooter) for key in footer.keys if not key.action.endswith("quit")]
    key_labels: list[str] = []
    for empty in screen.query(EmptyState):
        if empty.region:
            key_labels += [line.partition("  ")[0] for line in str(empty.visual).splitlines() if "  " in line.strip()]
    widgets = [*screen.query("#task").results(Static), *screen.query(Notes)]
    texts = [str(widget.visual) for widget in widgets if widget.region]
    key_labels += [groups[0] or groups[1] for text in texts for groups in _KEYS_IN_TEXT.findall(text)]
    keys = dict.fromkeys([*footer, *(_key(text) for text in key_labels)])
    return sorted(keys, key=lambda key: _LEAVING.index(key) if key in _LEAVING else -1)


def _key(label: str) -> str:
    """Return Textual's name of a key as it is shown."""
    *modifiers, last = label.strip().split("+")
    name = {"Esc": "escape", "/": "slash"}.get(last) or (last if len(last) == 1 and not modifiers else last.lower())
    return "+".join([*(modifier.lower() for modifier in modifiers), name])


def _leaves_wizard(wizard: WizardScreen, key: str) -> bool:
    """Return whether a key leaves the wizard or creates the app."""
    return key == "escape" or (key == "ctrl+s" and wizard.draft.page == "review")


def state(app: Any) -> Any:
    """Return everything visible that a key can change."""
    return app.screen, app.screen.focused, text_of(app), len(app._notifications)


async def dead_keys(
    pilot: Pilot[Any], screen: Any, restore: Callable[[], Awaitable[None]], known: set[tuple[str, str]]
) -> list[str]:
    """Return the named keys that change nothing; `restore` shows the page again as it was.

    `known` are the keys of the whole screen that were already pressed on another page.
    """
    dead: list[str] = []
    for key in named_keys(screen):
        if key not in named_keys(screen):
            continue  # an earlier key changed the page
        bound = screen.active_bindings.get(key)
        if bound is not None and bound.node in (screen, pilot.app) and key not in _LEAVING:
            if (key, bound.binding.action) in known:
                continue
            known.add((key, bound.binding.action))
        if pilot.app.screen is not screen or (isinstance(screen, WizardScreen) and _leaves_wizard(screen, key)):
            break  # this key, or Ctrl+S before, leaves the page
        pilot.app._notifications.clear()
        before = state(pilot.app)
        await pilot.press(key)
        for _ in range(20):  # the effect of a posted message comes a moment later
            await pilot.pause()
            if state(pilot.app) != before:
                break
        else:
            dead.append(key)
        while pilot.app.screen is not screen and len(pilot.app.screen_stack) > 1 and key not in _LEAVING:
            await pilot.press("escape")
            await pilot.pause()
        if pilot.app.screen is screen:
            await restore()
    return dead


@pytest.mark.parametrize("template", ["blank", "support"] if THOROUGH else ["blank"])
async def test_every_key_named_on_a_wizard_page_does_something(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    """A blank template has no resources: its pages are empty, and nothing on them can take the focus."""
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        wizard = await open_wizard(pilot, template)
        fill(wizard, name="Keys", slug=f"keys-{template}", companyUrl="https://acme.com")
        await pilot.pause()
        dead: dict[str, list[str]] = {}
        known: set[tuple[str, str]] = set()
        for page in PAGES[:-1]:

            async def restore(page: str = page) -> None:
                wizard.set_focus(None)
                if wizard._page_name != page:
                    await wizard._show(page)
                await until(pilot, lambda: wizard._page.is_mounted and wizard._page_name == page)
                wizard.focus_page()
                await pilot.pause()

            await restore()
            if found := await dead_keys(pilot, wizard, restore, known):
                dead[page] = found
        assert not dead, dead


@pytest.mark.parametrize("full", [False, True] if THOROUGH else [True], ids=lambda full: "full" if full else "empty")
async def test_every_key_named_on_an_editor_page_does_something(monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    """A new resource in an empty app, and an existing one in an app with a resource of each kind."""
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
            existing = next(iter(screen.snapshot.resources(kind)), None) if full or kind == "app" else None
            number, count = 0, 1
            while number < count:
                screen.actions.open_edit(EditTarget("app_1", kind, existing.id if existing else ""))
                edit = await edit_of(pilot)
                count = len(edit._pages)

                async def restore(edit: Any = edit, number: int = number) -> None:
                    edit.show_page(number)
                    await pilot.pause()

                await restore()
                if found := await dead_keys(pilot, edit, restore, known):
                    dead[f"{kind} {edit._pages[number].id}"] = found
                if edit.is_attached:
                    edit.dismiss(None)
                await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
                number += 1
    assert not dead, dead


async def test_page_keys_work_while_a_button_outside_the_page_has_the_focus(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        wizard = await open_wizard(pilot, "blank")
        fill(wizard, name="Keys", slug="keys-beside", companyUrl="https://acme.com")
        await pilot.pause()
        for page in ("auth", "api", "tools"):
            await wizard._show(page)
            wizard.query_one("#next").focus()
            await pilot.press("a")
            await until(pilot, lambda: pilot.app.screen is not wizard)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is wizard)
