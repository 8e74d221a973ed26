"""Every screen and dialog looks as it did: characters, colours and attributes, at two sizes."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

import drio_tui.ui
from drio_tui.kinds import AUTH, TOOL
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.failed_screen import FailedScreen
from drio_tui.ui.app.opening import make_screen
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.dialogs.confirm_dialog import ConfirmScreen
from drio_tui.ui.dialogs.name_dialog import NameScreen
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.editing.editors.sample import SampleScreen
from drio_tui.ui.editing.recovery_screen import RecoveryScreen
from drio_tui.ui.playground.playground_dialogs import CredentialsScreen
from drio_tui.workspace.run.local_runner import CredentialRequest
from drio_tui.workspace.run.run_history import Kept
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit
from tests.golden.frames import FOLDER, compare, frame
from tests.openapi_import.documents import PETS
from tests.sandbox_fixtures import close, start_sandbox
from tests.ui.driving import until

SIZES = ((120, 40), (80, 24))
NOT_SHOWN = {
    "DrioScreen": "the base of all screens",
    "Dialog": "the base of all dialogs",
    "SaveScreen": "the base of the edit screen",
    "StartScreen": "gone before it is idle",
    "StepScreen": "tests/ui/playground/test_playground_screen.py",
}
"""Screens without a frame, and why."""


class Camera:
    """Takes frames of a running program."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app
        self.frames: dict[str, str] = {}
        self.seen: set[str] = set()

    async def take(self, name: str) -> None:
        """The screen on top, in every size."""
        self.seen |= {kind.__name__ for kind in type(self.app.screen).__mro__}
        for columns, rows in reversed(SIZES):
            await self.pilot.resize_terminal(columns, rows)
            self.app.clear_notifications()
            await self.settled()
            self.frames[f"{name}-{columns}x{rows}"] = frame(self.app)

    async def settled(self) -> None:
        """Until two frames in a row are equal."""
        before = ""
        while before != (before := frame(self.app)):
            await self.pilot.pause()

    async def shown(self, kind: str, filled: Any = lambda _: True) -> Any:
        """The screen of that class, once it is on top and filled."""
        app = self.app
        await until(self.pilot, lambda: type(app.screen).__name__ == kind and app.screen.is_mounted)
        await until(self.pilot, lambda: filled(app.screen))
        return app.screen

    async def leave(self, screen: Screen[Any]) -> None:
        """Close a screen, and wait until it is gone."""
        screen.dismiss(None)
        await until(self.pilot, lambda: screen not in self.app.screen_stack)

    async def dialog(self, name: str, screen: Screen[Any]) -> None:
        """A dialog over what is open."""
        self.app.push_screen(screen)
        await self.shown(type(screen).__name__)
        await self.take(name)
        await self.leave(screen)


async def lists(camera: Camera) -> None:
    """Templates, requests, apps, and what opens over any of them."""
    pilot, app = camera.pilot, camera.app
    await pilot.press("1")
    screen = await camera.shown("TemplatesScreen", lambda screen: screen.resources)
    screen.list.choose("support")
    await camera.take("templates")
    await pilot.press("slash", *"zzz")
    await camera.take("templates-no-match")
    await pilot.press("escape", "escape")
    await pilot.press("question_mark")
    await camera.shown("HelpScreen")
    await camera.take("help")
    await camera.leave(app.screen)
    await pilot.press("ctrl+p")
    await camera.shown("Palette")
    await camera.take("palette")
    await pilot.press("escape")
    await camera.dialog("welcome", make_screen("welcome"))
    await pilot.press("L")
    await camera.shown("SignInScreen")
    await camera.take("sign-in")
    await camera.leave(app.screen)
    await camera.dialog("confirm", ConfirmScreen("Quit?", "You would lose your edits.", agree="Quit"))
    await camera.dialog("confirm-by-name", ConfirmScreen("Delete it?", "For good.", agree="Delete", name="acme"))
    await camera.dialog("failed", FailedScreen("RuntimeError: broken", None, lambda: None, kept=True))
    kept = UnsavedEdit(
        "p", app.backend.server, "app_1", "tool", "tool_1", "Search", mine={}, base={}, at=0.0, why="a test"
    )
    await camera.dialog("recovery", RecoveryScreen([kept]))
    await pilot.resize_terminal(30, 8)
    await camera.shown("TooSmallScreen")
    camera.seen.add("TooSmallScreen")
    camera.frames["too-small-30x8"] = frame(app)
    await pilot.resize_terminal(*SIZES[0])
    await pilot.press("2")
    await camera.shown("AppsScreen", lambda screen: screen.resources)
    await until(pilot, lambda: "counting" not in frame(app))
    await camera.take("apps")


async def wizard(camera: Camera, folder: Path) -> None:
    """Each page, and the screens over them."""
    pilot, app = camera.pilot, camera.app
    app.open_guide()
    guide = await camera.shown("WizardScreen", lambda screen: screen.taken is not None and screen._page.resources)
    await camera.take("wizard-template")
    guide._page.rows.choose("support")
    await pilot.press("ctrl+s")
    for page in ("basics", "branding", "auth", "api", "tools", "review"):
        if guide._on != page:
            guide.call_later(guide._show, page)
        await until(pilot, lambda page=page: guide._on == page and guide._page.is_mounted)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.take(f"wizard-{page}")
        if page == "auth":
            await pilot.press("enter")
            await camera.shown("ConfigScreen")
            await camera.take("wizard-connection")
            await camera.leave(app.screen)
        elif page == "api":
            await pilot.press("a")
            await camera.shown("ChooserScreen")
            await pilot.press("enter")
            await camera.shown("WizardResourceScreen", lambda screen: screen._filled)
            await camera.take("wizard-new-integration")
            await camera.leave(app.screen)
            await pilot.press("i")
            await camera.shown("WizardImportScreen")
            await camera.take("wizard-import")
            await camera.leave(app.screen)
    await camera.dialog("wizard-rename", NameScreen("Tool", "Search"))
    await camera.leave(guide)


async def one_app(camera: Camera, folder: Path) -> None:
    """The app screen with its pages and everything that opens over it."""
    pilot, app = camera.pilot, camera.app
    client = await app.backend.ready()
    app_id = next(resource.id for resource in app.screen.resources if resource.get("slug") == "acme-support")
    pending = {"providerKey": "api-key", "name": "Waiting", "config": {"name": "X-Api-Key"}}
    await client.create(AUTH, pending, app=app_id)
    app.open_app(app_id)
    tree = await camera.shown("AppScreen", lambda screen: screen.outline is not None and not screen.loading_app)
    await camera.take("app")
    resources = {
        kind: list(tree.snapshot.resources(kind)) for kind in ("tool", "widget", "auth", "integration", "operation")
    }
    for kind in ("tool", "widget", "integration", "operation"):
        tree.tree_view.reveal(resources[kind][0].key)
        await until(pilot, lambda kind=kind: tree.detail._node.key == resources[kind][0].key)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.take(f"app-{kind}")
    for tab in ("json", "references"):
        tree.detail.tabs.active = tab
        await camera.take(f"app-{tab}")
    tree.detail.tabs.active = "fields"
    tree.tree_view.focus()
    await pilot.press("p")
    await camera.shown("ProblemsScreen")
    await camera.take("problems")
    await camera.leave(app.screen)
    await pilot.press("a")
    await camera.shown("ChooserScreen")
    await camera.take("chooser")
    await camera.leave(app.screen)
    tool = resources["tool"][0]
    tree.tree_view.reveal(tool.key)
    await until(pilot, lambda: tree.chosen.about == tool.key)
    tree.action_delete_resources()
    await camera.shown("BatchDialog")
    await camera.take("delete")
    await camera.leave(app.screen)
    await editors(camera, tree, resources)
    await playground(camera, tree, tool)
    await pilot.press("i")
    screen = await camera.shown("ImportScreen")
    await camera.take("import-empty")
    document = folder / "petstore.json"
    document.write_text(json.dumps(PETS))
    screen.query_one(".-source").value = str(document)
    await pilot.press("enter")
    await until(pilot, lambda: screen.document is not None and screen.picker.id_here)
    screen.query_one(".-source").value = "petstore.json"
    await pilot.press("space")
    await until(pilot, lambda: not screen._checking)
    await camera.take("import")
    await pilot.press("ctrl+s")
    await camera.shown("MakingScreen")
    await camera.take("import-steps")
    await camera.leave(app.screen)
    await camera.leave(screen)
    await pilot.press("d")
    screen = await camera.shown("DeployScreen", lambda screen: screen.report is not None)
    await camera.take("deploy")
    await pilot.press("D")
    await until(pilot, lambda: screen.seen is not None)
    await camera.take("deployed")
    await pilot.press("C")
    connect = await camera.shown("ConnectScreen", lambda screen: screen.guides)
    await camera.take("connect")
    await camera.leave(connect)
    await camera.leave(screen)
    tree.action_show_history()
    await camera.shown("HistoryScreen")
    await camera.take("history")
    await camera.leave(app.screen)


async def editors(camera: Camera, tree: Any, resources: dict[str, list[Any]]) -> None:
    """Each page of the edit screen of each kind, a review, a conflict and the dialog for a sample."""
    pilot, app, id = camera.pilot, camera.app, tree.app_id
    targets = {kind: Target(id, kind, found[0].id) for kind, found in resources.items()}
    targets["pending"] = Target(id, "auth", resources["auth"][-1].id, member="config")
    targets["app"] = Target(id, "app", id)
    targets["new-tool"] = Target(id, "tool")
    for name, target in targets.items():
        tree.open_edit(target)
        screen = await camera.shown("EditScreen", lambda screen: screen._filled)
        pages = len(screen._pages) if name != "pending" else 1
        for number in range(pages):
            if name != "pending":
                screen.show_page(number)
            await camera.take(f"edit-{name}-{number}" if pages > 1 else f"edit-{name}")
        await camera.leave(screen)
    tool = resources["tool"][0]
    mine = {**tool.raw, "name": "another_name", "description": "Changed here."}
    for name, dialog, base in (
        ("review", "ReviewScreen", None),
        ("conflict", "ConflictScreen", {**tool.raw, "description": "As it was."}),
    ):
        screen = EditScreen(Target(id, "tool", tool.id, mine=mine, base=base), tree.snapshot)
        app.push_screen(screen)
        await camera.shown("EditScreen", lambda screen: screen._filled)
        screen.action_write()
        await camera.shown(dialog)
        await camera.take(name)
        await camera.leave(app.screen)
        await until(pilot, lambda screen=screen: app.screen is screen and not screen._saving)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.leave(screen)
    await camera.dialog("sample", SampleScreen('{"results": []}'))


async def playground(camera: Camera, tree: Any, tool: Any) -> None:
    """Before and after a run, the runs kept, and a sign-in for an upstream."""
    pilot, app = camera.pilot, camera.app
    client = await app.backend.ready()
    tool = next(one for one in (await client.list(TOOL, app=tree.app_id)).items if one["key"] == "search-contacts")
    app.open_tool(tree.app_id, tool["id"])
    screen = await camera.shown("PlaygroundScreen", lambda screen: screen.form is not None)
    await camera.take("playground")
    await pilot.press(*"north")
    await pilot.press("ctrl+r")
    await until(pilot, lambda: not screen.busy and screen.run_shown is not None)
    await camera.take("playground-run")
    for page in ("result", "request", "mappings"):
        screen.show_page(page)
        await camera.take(f"playground-{page}")
    runs = Kept(app.backend.server, tree.app_id).folder / "runs.json"
    runs.write_text(re.sub(r'"timing":{[^}]*}', '"timing":{"answer":0.012}', runs.read_text()))
    screen.action_history()
    await camera.shown("RunsScreen")
    await camera.take("playground-runs")
    await camera.leave(app.screen)
    wanted = CredentialRequest(("auth", "a"), "Helpdesk key", "help.example.com", (("apiKey", "API key"),))
    await camera.dialog("playground-sign-in", CredentialsScreen(wanted, "GET https://help.example.com/tickets"))
    await camera.leave(screen)


@pytest.mark.timeout(480)
async def test_every_screen_looks_as_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if not (request.config.getoption("--golden") or request.config.getoption("--update-golden")):
        pytest.skip("only with --golden: the number of requests, and with it ids, depends on the machine")
    numbered = {"PYTHONPATH": str(FOLDER / "numbered_ids")}
    process = await asyncio.to_thread(lambda: start_sandbox(tmp_path / "sandbox", env=numbered))
    try:
        monkeypatch.setenv("DRIO_TOKEN", process.token)
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")  # no browser, on whatever machine this runs
        monkeypatch.setattr(secrets, "token_urlsafe", lambda size=32: "s" * (size * 4 // 3))  # of the sign-in's address
        app = DrioApp(LaunchOptions(base_url=process.base_url))
        async with app.run_test(size=SIZES[0]) as pilot:
            await until(pilot, lambda: app.current_mode != "start")
            camera = Camera(pilot)
            await lists(camera)
            await wizard(camera, tmp_path)
            await pilot.press("2")
            await camera.shown("AppsScreen", lambda screen: screen.resources)
            await one_app(camera, tmp_path)
            await pilot.press("3")
            await camera.shown("RequestsScreen")
            app.backend.log.clear()
            await (await app.backend.ready()).me()
            await until(pilot, lambda: "GET" in frame(app))
            await camera.take("requests")
    finally:
        await asyncio.to_thread(close, process)
    missing = all_screens() - camera.seen - NOT_SHOWN.keys()
    assert not missing, f"no frame shows {sorted(missing)}"
    compare(FOLDER / "screens", camera.frames, update=request.config.getoption("--update-golden"))


def all_screens() -> set[str]:
    """The names of all screen classes of the program."""
    found = set()
    for module in pkgutil.walk_packages(drio_tui.ui.__path__, "drio_tui.ui."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Screen) and value.__module__ == module.name:
                found.add(name)
    return found - {"PageBindings"}
