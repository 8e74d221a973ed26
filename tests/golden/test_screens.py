"""Golden files of every screen and dialog: characters, colours and attributes, at two sizes."""

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
from drio_tui.ui.app.navigation import make_screen
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.name_dialog import NameDialog
from drio_tui.ui.editing.edit_screen import EditScreen, EditTarget
from drio_tui.ui.editing.editors.sample import SampleDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.playground.playground_dialogs import CredentialsDialog
from drio_tui.workspace.run.local_runner import CredentialRequest
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit
from tests.golden.frames import FOLDER, compare, frame
from tests.openapi_import.documents import PETS
from tests.sandbox_fixtures import kill_process, start_sandbox
from tests.ui.driving import until

SIZES = ((120, 40), (80, 24))
NOT_SHOWN = {
    "DrioScreen": "the base class of all screens",
    "Dialog": "the base class of all dialogs",
    "ResourceListScreen": "the base class of the lists of apps and templates",
    "SaveScreen": "the base class of the edit screen",
    "StartScreen": "closed before it is idle",
    "ChainStepDialog": "tests/ui/playground/test_playground_screen.py",
}
"""Screens without a frame, and why."""


class Camera:
    """Takes frames of the running program; `seen` are the names of the screen classes in them."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app
        self.frames: dict[str, str] = {}
        self.seen: set[str] = set()

    async def take(self, name: str) -> None:
        """Take frames of the top screen in every size."""
        self.seen |= {cls.__name__ for cls in type(self.app.screen).__mro__}
        for columns, rows in reversed(SIZES):
            await self.pilot.resize_terminal(columns, rows)
            self.app.clear_notifications()
            await self.wait_until_stable()
            self.frames[f"{name}-{columns}x{rows}"] = frame(self.app)

    async def wait_until_stable(self) -> None:
        """Wait until two frames in a row are equal."""
        before = ""
        while before != (before := frame(self.app)):
            await self.pilot.pause()

    async def wait_for(self, class_name: str, is_ready: Any = lambda _: True) -> Any:
        """Return the top screen once it is of that class and ready."""
        app = self.app
        await until(self.pilot, lambda: type(app.screen).__name__ == class_name and app.screen.is_mounted)
        await until(self.pilot, lambda: is_ready(app.screen))
        return app.screen

    async def close(self, screen: Screen[Any]) -> None:
        """Close a screen, and wait until it is removed."""
        screen.dismiss(None)
        await until(self.pilot, lambda: screen not in self.app.screen_stack)

    async def take_dialog(self, name: str, screen: Screen[Any]) -> None:
        """Open a dialog, take its frames and close it."""
        self.app.push_screen(screen)
        await self.wait_for(type(screen).__name__)
        await self.take(name)
        await self.close(screen)


async def take_lists(camera: Camera) -> None:
    """Take the templates, the apps, and the screens that can be opened over any of them."""
    pilot, app = camera.pilot, camera.app
    await pilot.press("1")
    screen = await camera.wait_for("TemplatesScreen", lambda screen: screen.resources)
    screen.rows.choose("support")
    await camera.take("templates")
    await pilot.press("slash", *"zzz")
    await camera.take("templates-no-match")
    await pilot.press("escape", "escape")
    await pilot.press("question_mark")
    await camera.wait_for("HelpDialog")
    await camera.take("help")
    await camera.close(app.screen)
    await pilot.press("ctrl+p")
    await camera.wait_for("Palette")
    await camera.take("palette")
    await pilot.press("escape")
    await camera.take_dialog("welcome", make_screen("welcome"))
    await pilot.press("L")
    await camera.wait_for("SignInScreen")
    await camera.take("sign-in")
    await camera.close(app.screen)
    await camera.take_dialog("confirm", ConfirmDialog("Quit?", "You would lose your edits.", agree="Quit"))
    await camera.take_dialog("confirm-by-name", ConfirmDialog("Delete it?", "For good.", agree="Delete", name="acme"))
    await camera.take_dialog("failed", FailedScreen("RuntimeError: broken", None, lambda: None, kept=True))
    edit = UnsavedEdit(
        "p", app.connection.server, "app_1", "tool", "tool_1", "Search", local={}, base={}, at=0.0, why="a test"
    )
    await camera.take_dialog("recovery", RecoveryDialog([edit]))
    await pilot.resize_terminal(30, 8)
    await camera.wait_for("TooSmallDialog")
    camera.seen.add("TooSmallDialog")
    camera.frames["too-small-30x8"] = frame(app)
    await pilot.resize_terminal(*SIZES[0])
    await pilot.press("2")
    await camera.wait_for("AppsScreen", lambda screen: screen.resources)
    await until(pilot, lambda: "counting" not in frame(app))
    await camera.take("apps")


async def take_wizard(camera: Camera, folder: Path) -> None:
    """Take each page of the wizard, and the screens that it opens."""
    pilot, app = camera.pilot, camera.app
    app.navigator.open_wizard()
    wizard = await camera.wait_for("WizardScreen", lambda screen: screen.taken is not None and screen._page.resources)
    await camera.take("wizard-template")
    wizard._page.rows.choose("support")
    await pilot.press("ctrl+s")
    for page in ("basics", "branding", "auth", "api", "tools", "review"):
        if wizard._page_name != page:
            wizard.call_later(wizard._show, page)
        await until(pilot, lambda page=page: wizard._page_name == page and wizard._page.is_mounted)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.take(f"wizard-{page}")
        if page == "auth":
            await pilot.press("enter")
            await camera.wait_for("ConfigScreen")
            await camera.take("wizard-connection")
            await camera.close(app.screen)
        elif page == "api":
            await pilot.press("a")
            await camera.wait_for("SelectDialog")
            await pilot.press("enter")
            await camera.wait_for("WizardResourceScreen", lambda screen: screen.is_filled)
            await camera.take("wizard-new-integration")
            await camera.close(app.screen)
            await pilot.press("i")
            await camera.wait_for("WizardImportScreen")
            await camera.take("wizard-import")
            await camera.close(app.screen)
    await camera.take_dialog("wizard-rename", NameDialog("Tool", "Search"))
    await camera.close(wizard)


async def take_app(camera: Camera, folder: Path) -> None:
    """Take the app screen with its pages, and everything that it opens."""
    pilot, app = camera.pilot, camera.app
    client = await app.connection.ready()
    app_id = next(resource.id for resource in app.screen.resources if resource.get("slug") == "acme-support")
    pending = {"providerKey": "api-key", "name": "Waiting", "config": {"name": "X-Api-Key"}}
    await client.create(AUTH, pending, app=app_id)
    app.navigator.open_app(app_id)
    app_screen = await camera.wait_for(
        "AppScreen", lambda screen: screen.outline is not None and not screen.loading_app
    )
    await camera.take("app")
    resources = {
        kind: list(app_screen.snapshot.resources(kind))
        for kind in ("tool", "widget", "auth", "integration", "operation")
    }
    for kind in ("tool", "widget", "integration", "operation"):
        app_screen.tree_view.reveal(resources[kind][0].key)
        await until(pilot, lambda kind=kind: app_screen.detail._node.key == resources[kind][0].key)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.take(f"app-{kind}")
    for tab in ("json", "references"):
        app_screen.detail.tabs.active = tab
        await camera.take(f"app-{tab}")
    app_screen.detail.tabs.active = "fields"
    app_screen.tree_view.focus()
    await pilot.press("p")
    await camera.wait_for("ProblemsDialog")
    await camera.take("problems")
    await camera.close(app.screen)
    await pilot.press("a")
    await camera.wait_for("SelectDialog")
    await camera.take("select")
    await camera.close(app.screen)
    tool = resources["tool"][0]
    app_screen.tree_view.reveal(tool.key)
    await until(pilot, lambda: app_screen.selected_node.about == tool.key)
    app_screen.action_delete_resources()
    await camera.wait_for("BatchDialog")
    await camera.take("delete")
    await camera.close(app.screen)
    await take_editors(camera, app_screen, resources)
    await take_playground(camera, app_screen)
    await pilot.press("i")
    import_screen = await camera.wait_for("ImportScreen")
    await camera.take("import-empty")
    document = folder / "petstore.json"
    document.write_text(json.dumps(PETS))
    import_screen.query_one(".-source").value = str(document)
    await pilot.press("enter")
    await until(pilot, lambda: import_screen.document is not None and import_screen.picker.current_id)
    import_screen.query_one(".-source").value = "petstore.json"
    await pilot.press("space")
    await until(pilot, lambda: not import_screen._checking)
    await camera.take("import")
    await pilot.press("ctrl+s")
    await camera.wait_for("ImportDialog")
    await camera.take("import-steps")
    await camera.close(app.screen)
    await camera.close(import_screen)
    await pilot.press("d")
    deploy_screen = await camera.wait_for("DeployScreen", lambda screen: screen.report is not None)
    await camera.take("deploy")
    await pilot.press("D")
    await until(pilot, lambda: deploy_screen.seen is not None)
    await camera.take("deployed")
    await pilot.press("C")
    connect_screen = await camera.wait_for("ConnectScreen", lambda screen: screen.guides)
    await camera.take("connect")
    await camera.close(connect_screen)
    await camera.close(deploy_screen)
    app_screen.action_show_history()
    await camera.wait_for("HistoryDialog")
    await camera.take("history")
    await camera.close(app.screen)


async def take_editors(camera: Camera, app_screen: Any, resources: dict[str, list[Any]]) -> None:
    """Take each page of the edit screen of each kind, a review, a conflict and the dialog for a sample."""
    pilot, app, id = camera.pilot, camera.app, app_screen.app_id
    targets = {kind: EditTarget(id, kind, of_kind[0].id) for kind, of_kind in resources.items()}
    targets["pending"] = EditTarget(id, "auth", resources["auth"][-1].id, focus_path="config")
    targets["app"] = EditTarget(id, "app", id)
    targets["new-tool"] = EditTarget(id, "tool")
    for name, target in targets.items():
        app_screen.actions.open_edit(target)
        screen = await camera.wait_for("EditScreen", lambda screen: screen.is_filled)
        pages = len(screen._pages) if name != "pending" else 1
        for number in range(pages):
            if name != "pending":
                screen.show_page(number)
            await camera.take(f"edit-{name}-{number}" if pages > 1 else f"edit-{name}")
        await camera.close(screen)
    tool = resources["tool"][0]
    local = {**tool.raw, "name": "another_name", "description": "Changed here."}
    for name, dialog, base in (
        ("review", "ReviewDialog", None),
        ("conflict", "ConflictDialog", {**tool.raw, "description": "As it was."}),
    ):
        screen = EditScreen(EditTarget(id, "tool", tool.id, local=local, base=base), app_screen.snapshot)
        app.push_screen(screen)
        await camera.wait_for("EditScreen", lambda screen: screen.is_filled)
        screen.action_write()
        await camera.wait_for(dialog)
        await camera.take(name)
        await camera.close(app.screen)
        await until(pilot, lambda screen=screen: app.screen is screen and not screen._saving)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await camera.close(screen)
    await camera.take_dialog("sample", SampleDialog('{"results": []}'))


async def take_playground(camera: Camera, app_screen: Any) -> None:
    """Take the playground before and after a run, the run history, and the dialog for an upstream's credentials."""
    pilot, app = camera.pilot, camera.app
    client = await app.connection.ready()
    tools = (await client.list(TOOL, app=app_screen.app_id)).items
    tool = next(tool for tool in tools if tool["key"] == "search-contacts")
    app.navigator.open_tool(app_screen.app_id, tool["id"])
    screen = await camera.wait_for("PlaygroundScreen", lambda screen: screen.form is not None)
    await camera.take("playground")
    await pilot.press(*"north")
    await pilot.press("ctrl+r")
    await until(pilot, lambda: not screen.busy and screen.run_shown is not None)
    await camera.take("playground-run")
    for page in ("result", "request", "mappings"):
        screen.show_page(page)
        await camera.take(f"playground-{page}")
    runs = RunHistory(app.connection.server, app_screen.app_id).folder / "runs.json"
    runs.write_text(re.sub(r'"timing":{[^}]*}', '"timing":{"answer":0.012}', runs.read_text()))
    screen.action_history()
    await camera.wait_for("RunHistoryDialog")
    await camera.take("playground-runs")
    await camera.close(app.screen)
    credentials = CredentialRequest(("auth", "a"), "Helpdesk key", "help.example.com", (("apiKey", "API key"),))
    await camera.take_dialog(
        "playground-sign-in", CredentialsDialog(credentials, "GET https://help.example.com/tickets")
    )
    await camera.close(screen)


@pytest.mark.timeout(480)
async def test_every_screen_looks_as_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if not (request.config.getoption("--golden") or request.config.getoption("--update-golden")):
        pytest.skip("only with --golden: the number of requests, and therefore the ids, depend on the machine")
    numbered_ids = {"PYTHONPATH": str(FOLDER / "numbered_ids")}
    process = await asyncio.to_thread(lambda: start_sandbox(tmp_path / "sandbox", env=numbered_ids))
    try:
        monkeypatch.setenv("DRIO_TOKEN", process.token)
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")  # no browser, on whatever machine this runs
        monkeypatch.setattr(secrets, "token_urlsafe", lambda size=32: "s" * (size * 4 // 3))  # in the sign-in URL
        app = DrioApp(LaunchOptions(base_url=process.base_url))
        async with app.run_test(size=SIZES[0]) as pilot:
            await until(pilot, lambda: app.current_mode != "start")
            camera = Camera(pilot)
            await take_lists(camera)
            await take_wizard(camera, tmp_path)
            await pilot.press("2")
            await camera.wait_for("AppsScreen", lambda screen: screen.resources)
            await take_app(camera, tmp_path)
            await pilot.press("3")
            await camera.wait_for("RequestsScreen")
            app.connection.log.clear()
            await (await app.connection.ready()).me()
            await until(pilot, lambda: "GET" in frame(app))
            await camera.take("requests")
    finally:
        await asyncio.to_thread(kill_process, process)
    missing = all_screens() - camera.seen - NOT_SHOWN.keys()
    assert not missing, f"no frame shows {sorted(missing)}"
    compare(FOLDER / "screens", camera.frames, update=request.config.getoption("--update-golden"))


def all_screens() -> set[str]:
    """Return the names of all screen classes of the program."""
    names = set()
    for module in pkgutil.walk_packages(drio_tui.ui.__path__, "drio_tui.ui."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Screen) and value.__module__ == module.name:
                names.add(name)
    return names - {"PageBindings"}
