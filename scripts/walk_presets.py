"""Drives commands and the program through every preset of the fault lab, and counts what the sandbox got and has.

python scripts/walk_presets.py [PRESET ...] [--only cli|tui] [--step NAME] [--seed N] [--show]

Prints a row of a Markdown table for each step: what was shown, how many changing requests the sandbox received, and
what it had afterwards. A step that did not succeed is repeated without faults, as a user would: the arrow is the state
after that. Ends with 1 if anything was done twice, or if success was reported for what did not happen (marked ✗).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from textual.pilot import Pilot  # noqa: E402

from drio_tui.cli import cli  # noqa: E402
from drio_tui.sandbox import serve  # noqa: E402
from drio_tui.sandbox.faults.injection import Disconnectable  # noqa: E402
from drio_tui.sandbox.faults.presets import PRESETS  # noqa: E402
from drio_tui.ui.app.drio_app import DrioApp  # noqa: E402
from drio_tui.ui.base.launch_options import LaunchOptions  # noqa: E402
from drio_tui.ui.deploy.deploy_screen import DeployScreen  # noqa: E402
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog  # noqa: E402
from drio_tui.ui.editing.edit_screen import EditScreen  # noqa: E402
from drio_tui.ui.editing.edit_target import EditTarget  # noqa: E402
from drio_tui.ui.editing.review_dialog import ReviewDialog  # noqa: E402
from drio_tui.ui.openapi_import.import_dialog import ImportDialog  # noqa: E402
from drio_tui.ui.openapi_import.import_screen import ImportScreen  # noqa: E402
from drio_tui.ui.wizard.wizard_screen import WizardScreen  # noqa: E402
from tests.openapi_import.documents import PETS  # noqa: E402
from tests.ui import drawing, idle  # noqa: E402
from tests.ui.driving import click_button, show, text_of, until  # noqa: E402
from tests.ui.editing.test_saving import edit_of, opened, set_field  # noqa: E402
from tests.ui.wizard.test_wizard_screen import fill, go_to_page  # noqa: E402

DATA = tuple(f"*=data:{shape}" for shape in ("empty", "one", "huge", "hostile", "unknown", "long"))
UNREADABLE = ("offline", "captive-portal", "api-retired")
"""Presets with which nothing can be read: they are switched on once everything for the step has been read."""
CONTROL = "/sandbox/faults"
EDITED = "Edited in the walk."
APPLIED = "Applied in the walk."
NOT_REACHED = "NOT REACHED"
METHODS = ("get", "put", "post", "patch", "delete")


class Counting(Disconnectable):
    """Writes the method and the path of every changing request of the API to the file `log`."""

    log: Path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and scope["path"].startswith("/api/"):
            with self.log.open("a") as file:
                file.write(f"{scope['method']} {scope['path']}\n")
        await super().__call__(scope, receive, send)


@dataclass
class Counts:
    """What the sandbox has of what a step may have made; each of them 0 or 1 unless it was done twice."""

    done: bool
    twice: str = ""


class World:
    """The sandbox: a process that counts, looked at by plain requests, and an app in it for each step."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.log = folder / "requests"
        self.log.touch()
        self.pets = folder / "pets.json"
        self.pets.write_text(json.dumps(PETS))
        data = Path(os.environ["DRIO_DATA_DIR"]) / "sandbox"
        command = [sys.executable, __file__, "--serve", str(data), str(self.log)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        ready = json.loads(self.process.stdout.readline())
        token = (data / "local-token").read_text().strip()
        self.base_url = ready["baseUrl"]
        self.http = httpx.Client(base_url=self.base_url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        self.sent = 0

    def on(self, preset: str) -> None:
        """Switch on a preset, and count changing requests from here."""
        self.http.post(CONTROL, json={"on": [preset], "seed": self.seed}).raise_for_status()
        self.sent = len(self.log.read_text().splitlines())

    def off(self) -> None:
        self.http.delete(CONTROL).raise_for_status()

    @property
    def received(self) -> list[str]:
        """The changing requests since `on`, with `{}` for ids."""
        lines = self.log.read_text().splitlines()[self.sent :]
        return [re.sub(r"/(apps|tools|integrations|operations|widgets|auth)/[^/]+", r"/\1/{}", line) for line in lines]

    def new_app(self) -> dict[str, Any]:
        """Return a new app of the template `support`."""
        slug = f"walk-{uuid.uuid4().hex[:8]}"
        body = {"templateId": "support", "name": f"Walk {slug}", "slug": slug}
        app: dict[str, Any] = self.http.post("/api/v1/apps", json=body).raise_for_status().json()["app"]
        return app

    def config(self, app: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = self.http.get(f"/api/v1/apps/{app['id']}/config").raise_for_status().json()["config"]
        return config

    def described(self, app: dict[str, Any], text: str) -> Counts:
        """Whether the first tool has a description."""
        return Counts(self.config(app)["tools"][0]["description"] == text)

    def created(self, name: str) -> Counts:
        """Whether there is an app of this name, with all that its template has."""
        apps = [app for app in self.http.get("/api/v1/apps").json()["apps"] if app["name"] == name]
        twice = f"{len(apps)} apps" if len(apps) > 1 else ""
        return Counts(len(apps) == 1 and bool(self.config(apps[0])["tools"]), twice)

    def imported(self, app: dict[str, Any]) -> Counts:
        """Whether all of the document was imported."""
        config = self.config(app)
        new = [item["id"] for item in config["integrations"] if item["name"] == PETS["info"]["title"]]
        calls = [(item["method"], item["path"]) for item in config["operations"] if item["integrationId"] in new]
        tools = [item["key"] for item in config["tools"]]
        twice = [f"{len(new)} integrations"] if len(new) > 1 else []
        twice += [f"{call} twice" for call in {*calls} if calls.count(call) > 1]
        twice += [f"tool {key} twice" for key in {*tools} if tools.count(key) > 1 or f"{key}-2" in tools]
        expected = sum(method in METHODS for item in PETS["paths"].values() for method in item)
        return Counts(len(new) == 1 and len(calls) == expected and len(tools) == 7 + expected, ", ".join(twice))

    def deployed(self, app: dict[str, Any]) -> Counts:
        """Whether the app was deployed once more than by its creation."""
        version = self.http.get(f"/api/v1/apps/{app['id']}").json()["app"]["version"]
        return Counts(version == "1.1.0", "" if version in ("1.0.0", "1.1.0") else f"version {version}")


def serve_counted(data: Path, log: Path) -> int:
    """Run the sandbox so that it counts."""
    Counting.log = log
    vars(serve)["Disconnectable"] = Counting
    return serve.serve(data, on_ready=lambda info: print(json.dumps(info), flush=True))


@dataclass
class Row:
    """A row of the table. `ok` is what was reported: success, failure, or None for neither."""

    preset: str
    face: str
    step: str
    ok: bool | None
    shown: str
    received: list[str]
    before: Counts | None
    after: Counts | None

    @property
    def problem(self) -> str:
        """What is untrue; empty if nothing is."""
        if self.shown.startswith(NOT_REACHED):
            return "a step was not reached"
        for counts in (self.before, self.after):
            if counts is not None and counts.twice:
                return f"twice: {counts.twice}"
        if self.before is not None and self.ok is True and not self.before.done:
            return "reported, not done"
        if self.before is not None and self.ok is False and self.before.done and "not known" not in self.shown:
            return "done, failure reported"
        if self.after is not None and not self.after.done:
            return "cannot be repeated"
        return ""

    def __str__(self) -> str:
        state = "read" if self.before is None else "done" if self.before.done else "not done"
        if self.after is not None:
            state += f" → {'done' if self.after.done else 'NOT DONE'}"
        kinds = {line: self.received.count(line) for line in self.received}
        received = ", ".join(f"{line} ×{count}" if count > 1 else line for line, count in kinds.items()) or "none"
        shown = " / ".join(line.strip() for line in self.shown.splitlines() if line.strip()).replace("|", "\\|")
        mark = f"✗ {self.problem}" if self.problem else "✓"
        preset = self.preset.removeprefix("*=")
        return f"| {preset} | {self.face} {self.step} | {shown} | {received} | {state} | {mark} |"


# -- commands -----------------------------------------------------------------------------------------


def run_command(*arguments: str) -> tuple[bool, str]:
    """Run a command on the sandbox; return whether it succeeded, and what it said."""
    result = CliRunner().invoke(cli, [*arguments, "--sandbox"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [line for line in result.output.strip().splitlines() if line != "Found a running sandbox"]
    return result.exit_code == 0, "\n".join([f"exit {result.exit_code}", *lines])


def walk_commands(world: World, preset: str, chosen: str, show: bool) -> Iterator[Row]:
    """Run the commands one after the other, each on a new app."""
    for step in ("templates", "apps", "inspect", "create", "set", "import", "plan", "apply", "deploy"):
        if chosen not in ("", step):
            continue
        world.off()
        app = world.new_app()
        slug, new = app["slug"], f"{app['slug']}-new"
        tool = world.config(app)["tools"][0]["key"]
        counted: Callable[[], Counts] | None = None
        with tempfile.TemporaryDirectory() as document:
            if step in ("plan", "apply"):
                run_command("export", slug, "-o", document)
                file = Path(document) / "drio.yaml"
                description = world.config(app)["tools"][0]["description"]
                assert description in file.read_text()
                file.write_text(file.read_text().replace(description, APPLIED))
            arguments = {
                "templates": ("templates",),
                "apps": ("apps",),
                "inspect": ("inspect", slug),
                "create": ("create", "--template", "support", "--name", new, "--slug", new),
                "set": ("set", slug, "tools", tool, f"description={EDITED}", "--yes"),
                "import": ("import", slug, str(world.pets), "--all", "--yes"),
                "plan": ("plan", document),
                "apply": ("apply", document, "--yes"),
                "deploy": ("deploy", slug, "--yes"),
            }[step]
            counts: dict[str, Callable[[], Counts]] = {
                "create": lambda new=new: world.created(new),  # type: ignore[misc]
                "set": lambda app=app: world.described(app, EDITED),  # type: ignore[misc]
                "import": lambda app=app: world.imported(app),  # type: ignore[misc]
                "apply": lambda app=app: world.described(app, APPLIED),  # type: ignore[misc]
                "deploy": lambda app=app: world.deployed(app),  # type: ignore[misc]
            }
            counted = counts.get(step)
            world.on(preset)
            ok, said = run_command(*arguments)
            received = world.received
            world.off()
            before = counted() if counted else None
            after = None
            if before is not None and not (ok and before.done):
                again = run_command(*arguments)
                after = counted() if counted else None
                said += f"\n→ again {again[1]}"
            if show:
                print(f"--- {preset} {step}\n{said}\n", file=sys.stderr)
            yield Row(preset, "CLI", step, ok, said if len(said) < 1500 else said[:700] + " … " + said[-700:],
                      received, before, after)  # fmt: skip


# -- the program --------------------------------------------------------------------------------------


async def settled(pilot: Pilot[Any], seconds: float = 120.0) -> None:
    """Wait until nothing is under way: no request, no wait before the next attempt, no worker."""
    app: Any = pilot.app
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 4:
        is_idle = await idle.idle(5.0)
        running = [worker for worker in app.workers if not worker.is_finished]
        waiting = app.connection.status.waiting
        quiet = quiet + 1 if is_idle and not waiting and not running else 0
        assert app._exception is None, app._exception
        if time.monotonic() > end:
            names = [f"{worker.group}/{worker.name} of {worker.node}" for worker in running]
            print(f"(not settled: idle={is_idle} waiting={waiting} {names})", file=sys.stderr)
            break
        await asyncio.sleep(0.05)
    drawing.draw()
    await idle.idle()


def shown_in(app: Any) -> str:
    """Return what says how it went: status line, notifications, and the lines that a screen has for it."""
    parts = [" ".join(text_of(app).splitlines()[0].partition("4 API")[2].split())]
    parts += [
        f"({note.severity}) {note.title + ': ' if note.title else ''}{note.message}" for note in app._notifications
    ]
    for selector in ("#banner", "#deploy-note", "#progress", "#reason", "#body", "EmptyState"):
        for widget in app.screen.query(selector):
            with contextlib.suppress(Exception):
                text = widget.render().plain.strip()
                parts += [f"{selector}: {text}"] if text and widget.display and widget.region else []
    parts.append(f"[{type(app.screen).__name__}]")
    return "\n".join(parts)


class ProgramWalk:
    """One step in the program, started anew."""

    def __init__(self, world: World, preset: str, show: bool) -> None:
        self.world, self.preset, self.show = world, preset, show
        self.app = world.new_app()
        self.new = f"{self.app['slug']}-new"
        self.first_tool: str = world.config(self.app)["tools"][0]["id"]
        self.read_first = preset in UNREADABLE

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Pilot[Any]]:
        app = DrioApp(LaunchOptions(sandbox=True))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.current_mode != "start" or app.status.phase == "failed")
            yield pilot

    async def step(self, name: str) -> Row:
        """Do a step with faults, and again without them if it was not done."""
        world = self.world
        if name == "list" or not self.read_first:
            world.on(self.preset)
        async with self.running() as pilot:
            act = getattr(self, f"_{name}")
            ready = await act(pilot)
            if self.read_first and name != "list":
                world.on(self.preset)
            await ready(pilot)
            await settled(pilot)
            shown = shown_in(pilot.app)
            self._print(name, pilot)
            received = world.received
            ok = self.reported(name, pilot.app)
            world.off()
            counts: dict[str, Callable[[], Counts]] = {
                "edit": lambda: world.described(self.app, EDITED),
                "wizard": lambda: world.created(self.new),
                "import": lambda: world.imported(self.app),
                "deploy": lambda: world.deployed(self.app),
            }
            counted = counts.get(name)
            before = counted() if counted else None
            after = None
            if ok is not True:
                await self.again(name, pilot)
                await settled(pilot)
                self._print(f"{name} again", pilot)
                shown += f"\n→ again {shown_in(pilot.app)}"
                after = counted() if counted else None
        return Row(self.preset, "TUI", name, ok, shown, received, before, after)

    def _print(self, name: str, pilot: Pilot[Any]) -> None:
        if self.show:
            print(f"--- {self.preset} {name}\n{text_of(pilot.app)}\n", file=sys.stderr)

    def reported(self, name: str, app: Any) -> bool | None:
        """Return whether the program says that the step succeeded."""
        screen = app.screen
        if name == "list":
            return bool(getattr(screen, "resources", None)) and app.status.phase == "online"
        if name == "open":
            return getattr(screen, "outline", None) is not None
        if name == "edit":
            return not isinstance(screen, EditScreen | ReviewDialog)
        if name == "wizard":
            return bool(getattr(screen, "finished", False))
        if name == "import":
            return not isinstance(screen, ImportDialog | ImportScreen)
        return bool(screen.deployed)

    async def again(self, name: str, pilot: Pilot[Any]) -> None:
        """Do what a user does after the failure, without faults."""
        app: Any = pilot.app
        app.clear_notifications()
        if name in ("list", "open"):
            await until(pilot, lambda: app.status.phase == "online")
            await pilot.press("r")
        elif name == "edit":
            await self._save(pilot)
        elif name == "wizard" and app.screen._page_name == "template":
            await pilot.press("r")
            await until(pilot, lambda: app.screen._page.resources)
            await self._fill_wizard(pilot)
            await pilot.press("ctrl+s")
        elif name == "wizard":
            await pilot.press("r")
        elif name == "import":
            await click_button(pilot, "#go")
        else:
            await pilot.press("r")
            await settled(pilot)
            await self._press_deploy(pilot)

    async def _list(self, pilot: Pilot[Any]) -> Any:
        async def act(pilot: Pilot[Any]) -> None:
            if pilot.app.current_mode != "apps":
                await pilot.press("2")

        return act

    async def _open(self, pilot: Pilot[Any]) -> Any:
        async def act(pilot: Pilot[Any]) -> None:
            pilot.app.navigator.open_app(self.app["id"])  # type: ignore[attr-defined]

        return act

    async def _opened(self, pilot: Pilot[Any]) -> Any:
        pilot.app.navigator.open_app(self.app["id"])  # type: ignore[attr-defined]
        return await opened(pilot)

    async def _edit(self, pilot: Pilot[Any]) -> Any:
        screen = await self._opened(pilot)
        screen.actions.open_edit(EditTarget(self.app["id"], "tool", self.first_tool))
        editing = await edit_of(pilot)
        set_field(editing, "description", EDITED)
        return self._save

    async def _save(self, pilot: Pilot[Any]) -> None:
        await pilot.press("ctrl+s")
        await settled(pilot)
        if isinstance(pilot.app.screen, ReviewDialog):
            await pilot.press("ctrl+s")

    async def _wizard(self, pilot: Pilot[Any]) -> Any:
        app: Any = pilot.app
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.resources is not None)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, WizardScreen) and app.screen.taken is not None)
        await until(pilot, lambda: app.screen._page is not None and app.screen._page.resources is not None)

        async def act(pilot: Pilot[Any]) -> None:
            if app.screen._page_name != "template":
                await pilot.press("ctrl+s")

        if app.screen._page.resources:
            await self._fill_wizard(pilot)
        return act

    async def _fill_wizard(self, pilot: Pilot[Any]) -> None:
        """Choose the template `support`, or the only one, and go to the last step before the app is created."""
        wizard: Any = pilot.app.screen
        wizard._page.rows.choose("support")
        await go_to_page(pilot, wizard, "basics")
        fill(wizard, name=self.new)
        await until(pilot, lambda: wizard.draft.basics["slug"] == self.new)
        await go_to_page(pilot, wizard, "review")

    async def _import(self, pilot: Pilot[Any]) -> Any:
        app: Any = pilot.app
        await self._opened(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        screen = app.screen
        screen.query_one(".-source").value = str(self.world.pets)
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
        await pilot.press("a", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))

        async def act(pilot: Pilot[Any]) -> None:
            await pilot.press("enter")
            while isinstance(app.screen, ImportDialog) and app.screen.has_request("batch"):
                if app.screen.query("#stop:focus"):
                    await pilot.press("c")  # one failed: on with the others
                await asyncio.sleep(0.05)

        return act

    async def _deploy(self, pilot: Pilot[Any]) -> Any:
        app: Any = pilot.app
        await self._opened(pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DeployScreen) and app.screen.report is not None)
        return self._press_deploy

    async def _press_deploy(self, pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        if app.screen.report is not None and app.screen.report.errors:
            await pilot.press("F")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            await pilot.press(*(app.screen._required_name or ""), "enter")
        else:
            await pilot.press("D")


async def walk_program(world: World, preset: str, chosen: str, show: bool) -> AsyncIterator[Row]:
    for step in ("list", "open", "edit", "wizard", "import", "deploy"):
        if chosen in ("", step):
            world.off()
            walk = ProgramWalk(world, preset, show)
            try:
                yield await walk.step(step)
            except AssertionError as error:
                yield Row(preset, "TUI", step, None, f"{NOT_REACHED}: {error}"[:3000], world.received, None, None)


async def print_program(world: World, preset: str, chosen: str, show: bool) -> int:
    problems = 0
    async for row in walk_program(world, preset, chosen, show):
        print(row, flush=True)
        problems += bool(row.problem)
    return problems


def main() -> int:
    """Parse the arguments, and walk in temporary directories instead of the user's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="*", default=[*PRESETS, *DATA])
    parser.add_argument("--only", choices=("cli", "tui"), default="")
    parser.add_argument("--step", default="")
    parser.add_argument("--seed", type=int, default=7, help="of the probabilities of `flaky`")
    parser.add_argument("--show", action="store_true", help="print screens and output to standard error")
    options = parser.parse_args()
    os.environ.pop("DRIO_TOKEN", None)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    problems = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{folder}/{name.lower()}"
        world = World(Path(folder), options.seed)
        idle.install()
        drawing.install()
        try:
            print("| Preset | Step | Shown | Received | State | |\n|---|---|---|---|---|---|", flush=True)
            for preset in options.preset:
                if options.only != "tui":
                    for row in walk_commands(world, preset, options.step, options.show):
                        print(row, flush=True)
                        problems += bool(row.problem)
                if options.only != "cli":
                    problems += asyncio.run(print_program(world, preset, options.step, options.show))
        finally:
            world.process.terminate()
            world.process.wait(20)
    return 1 if problems else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        sys.exit(serve_counted(Path(sys.argv[2]), Path(sys.argv[3])))
    sys.exit(main())
