"""Makes `0.1/`: the folders that version 0.1 (commit 29499e4) leaves behind when it is used for a while.

Run by that version, not by today's:

    git worktree add /tmp/old 29499e4 --detach
    cd /tmp/old && PYTHONPATH=/tmp/old python …/tests/old_state/make.py …/tests/old_state/0.1

The program is driven on its own sandbox, which listens on port 38999: that has to be free. What the program
notes is of January 2025, so that it is older than any run of the tests. Every secret is made up here or by the
throwaway sandbox for itself. `config.toml` is a person's file and written here; all others the old version writes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PORT = 38999
BASE_URL = f"http://127.0.0.1:{PORT}/api/v1"
LOCALHOST = f"http://localhost:{PORT}"
BEGIN = 1735689600.0  # 2025-01-01
TOKEN = "made-up-access-token-of-the-fixture"  # it opens nothing
REFRESH = "made-up-refresh-token-of-the-fixture"

CONFIG = """\
theme = "drio-light"
login_timeout = 120
insecure_storage = true

[keys]
"app.help" = "f2"
"batch.left" = "left,H"
"confirm.left" = "left,K"
"confirm.right" = "right,J"
"""


def settle(root: Path) -> None:
    """Make the process one that keeps its files below `root`, in January 2025."""
    for name in [name for name in os.environ if name.startswith(("DRIO_", "XDG_"))]:
        del os.environ[name]
    os.environ["HOME"] = str(root / "home")
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    for name in ("config", "data", "state", "cache"):
        os.environ[f"DRIO_{name.upper()}_DIR"] = str(root / name)
    now = time.time
    offset = now() - BEGIN
    time.time = lambda: now() - offset


async def sign_in() -> None:
    """A profile whose tokens lie in a file, and the client that was registered for it."""
    from drio_tui.auth.client_store import Client, ClientRegistrationStore
    from drio_tui.auth.profiles import Profile, Profiles
    from drio_tui.auth.token_store import Vault
    from drio_tui.auth.tokens import TokenSet

    origin = BASE_URL.removesuffix("/api/v1")
    profile = Profile("work", BASE_URL, "ada@example.com", "user_ada", "file", pinned_file=True)
    tokens = TokenSet(
        TOKEN, "client-of-the-fixture", origin, f"{origin}/oauth2/token", time.time(), refresh_token=REFRESH,
        revocation_endpoint=f"{origin}/oauth2/revoke", scope="openid",
    )  # fmt: skip
    place = await Vault(insecure=True).save(profile, tokens)
    assert place == "file", place
    Profiles.load().add(profile)
    ClientRegistrationStore().add(Client("client-of-the-fixture", origin, ("http://127.0.0.1/callback",), time.time()))


async def work_in_the_program() -> str:
    """A day at the program, on the sandbox; gives the id of the app."""
    from drio_tui.kinds import APP, TOOL, WIDGET
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.base.launch_options import LaunchOptions
    from drio_tui.ui.base.services import saver_of
    from drio_tui.wizard.draft_store import DraftSession
    from drio_tui.wizard.executor import Executor
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore
    from drio_tui.workspace.deploy.deployer import Deployed, deploy
    from drio_tui.workspace.saving import journal as journals
    from drio_tui.workspace.saving.journal import Journal
    from drio_tui.workspace.saving.save_result import Edit, succeeded
    from drio_tui.workspace.saving.saver import Saver
    from drio_tui.workspace.saving.undo import undo_last
    from tests.ui.driving import open_first_app, show, until

    class Killed(Journal):
        def end(self, entry: Any) -> None:
            """The program is killed before it can note what came of the change."""

    program: Any = DrioApp(LaunchOptions(sandbox=True))
    assert program.settings.problems == ()
    async with program.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: program.backend.session is not None)
        assert program.backend.base_url == BASE_URL, program.backend.base_url
        client = program.backend.client
        app = str((await client.list(APP)).items[0]["id"])
        saver = saver_of(program.backend, client)
        tools = {tool["key"]: tool for tool in (await client.list(TOOL, app=app)).items}

        async def save(tool: dict[str, Any], **change: Any) -> None:
            outcome = await saver.save(Edit(TOOL, app, tool["id"], tool, {**tool, **change}))
            assert succeeded(outcome), outcome

        # Changes of which only the beginning was noted, since the program was killed: one reached drio, one did not.
        operation = tools["search-contacts"]["binding"]["integrationOperationId"]
        bound = {"type": "integration_operation", "integrationOperationId": operation}
        killed = Saver(client, lambda one: Killed("sandbox", BASE_URL, one))
        assert succeeded(await killed.create(TOOL, app, {"name": "Lost", "description": "Lost.", "binding": bound}))
        never = journals.entry("create", app, TOOL.name, "", "Never Made", after={"name": "Never Made"})
        await asyncio.to_thread(Journal("sandbox", BASE_URL, app).begin, never)

        # Changes: updated and undone, updated, deployed, created, deleted, updated.
        search, note, show_contact = (tools[key] for key in ("search-contacts", "add-note", "show-contact"))
        await save(search, name="Undone at once")
        assert [step.ok for step in await undo_last(saver, app)] == [True]
        await save(note, description="Adds a note to a contact.")
        deployed = await deploy(saver, app, DeployRecordStore(program.backend.base_url, app), lambda _: None)
        assert isinstance(deployed, Deployed), deployed
        count = {"name": "Count Contacts", "description": "Counts them.", "binding": bound}
        assert succeeded(await saver.create(TOOL, app, count))
        widget = (await client.list(WIDGET, app=app)).items[0]
        assert succeeded(await saver.delete(WIDGET, app, widget["id"], base=widget))
        await save(search, name="Find Contacts")

        # Looking at the app keeps the schemas of its operations.
        await open_first_app(pilot)
        schemas = Path(os.environ["DRIO_STATE_DIR"]) / "schemas"
        await until(pilot, lambda: list(schemas.glob("*.json")))
        await pilot.press("escape")

        # The playground: a run, and its result as the sample of the widget.
        program.open_tool(app, show_contact["id"])
        await until(
            pilot, lambda: type(program.screen).__name__ == "PlaygroundScreen" and program.screen.form is not None
        )
        await pilot.press(*"con_1002", "ctrl+r")
        await until(pilot, lambda: not program.screen.busy and program.screen.run_shown is not None)
        assert not program.screen.run_shown.failed, program.screen.run_shown
        await pilot.press("S")
        await until(pilot, lambda: any("Kept" in str(note.message) for note in program._notifications))
        await pilot.press("escape")

        # A wizard that is left in the middle, with a name of one's own and a tool left out.
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.resources)
        await pilot.press("n")
        await until(pilot, lambda: type(program.screen).__name__ == "WizardScreen")
        guide = program.screen
        await until(pilot, lambda: guide.taken is not None and guide._page is not None and guide._page.resources)
        guide._page.rows.choose("support")
        while guide._on != "tools":
            here = guide._on
            await pilot.press("ctrl+s")
            await until(pilot, lambda here=here: guide._on != here and guide._page.is_mounted)  # type: ignore[misc]
            if guide._on == "basics":
                guide._page.field("name").query_one("Input").value = "Night desk"
                guide._page.field("companyUrl").query_one("Input").value = "https://acme.example"
                await until(pilot, lambda: guide.draft.basics.get("companyUrl"))
        await pilot.press("down", "space")
        await until(pilot, lambda: guide.draft.dropped)
        await pilot.press("escape")
        await until(pilot, lambda: program.screen is not guide)

        # Another wizard that was ended while it made the app: one of its two new tools is there.
        keeper = DraftSession.begin("sandbox", program.backend.base_url)
        keeper.draft.choose((await client.template("support")).raw)
        keeper.draft.basics.update(name="Day desk", slug="day-desk")
        for name in ("First", "Second"):
            keeper.draft.add("tool", {"name": name, "description": f"The {name.lower()} one."})
        executor = Executor(saver, keeper.draft, keeper.save, pause=0)
        executor.replan()
        await executor.run("read")
        await executor.run(next(step.id for step in executor.steps if executor.state(step).state == "todo"))
        assert not executor.failed, executor.failed
        assert not executor.done
        keeper.close()

        # The theme is chosen, and a tool's form is open with something typed when the terminal hangs up.
        program.theme = "nord"
        await until(pilot, lambda: (Path(os.environ["DRIO_STATE_DIR"]) / "remembered.json").exists())
        from drio_tui.ui.app.opening import make_screen
        from drio_tui.ui.editing.edit_screen import Target

        program.push_screen(make_screen("edit", Target(app, "tool", note["id"])))
        await until(pilot, lambda: type(program.screen).__name__ == "EditScreen" and program.screen._filled)
        await pilot.press("end", *" to a person")
        await until(pilot, lambda: program.screen.dirty)
        program._keep("the program was ended by signal 1")
    return app


async def change_at_localhost(app: str) -> None:
    """A change under the name that a person may type for this machine; its history goes by that name."""
    from drio_tui.kinds import TOOL
    from drio_tui.session import connected
    from drio_tui.workspace.saving.journal import Journal
    from drio_tui.workspace.saving.save_result import Edit, succeeded
    from drio_tui.workspace.saving.saver import Saver

    async with connected(base_url=LOCALHOST) as session:
        saver = Saver(session.client, lambda one: Journal(session.profile, session.base_url, one))
        tool = next(tool for tool in (await session.client.list(TOOL, app=app)).items if tool["key"] == "show-ticket")
        assert succeeded(await saver.save(Edit(TOOL, app, tool["id"], tool, {**tool, "name": "Look at Ticket"})))


def work_by_command(app: str) -> None:
    """`drio-tui deploy` under the profile and a change at localhost, on the same sandbox."""
    from drio_tui.cli import cli

    data = Path(os.environ["DRIO_DATA_DIR"]) / "sandbox"
    served = subprocess.Popen(
        [sys.executable, "-m", "drio_tui", "sandbox", "serve", "--data", str(data)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout
        assert f":{PORT}" in served.stdout.readline()
        os.environ["DRIO_TOKEN"] = (data / "local-token").read_text().strip()
        cli(["--profile", "work", "deploy", app, "--no-verify"], standalone_mode=False)
        asyncio.run(change_at_localhost(app))
    finally:
        served.terminate()
        served.wait()


def main(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settle(root)
        (root / "home").mkdir()
        (root / "config").mkdir()
        (root / "config" / "config.toml").write_text(CONFIG)
        from drio_tui.sandbox.datadir import DataDir

        box = root / "data" / "sandbox"
        with DataDir(box).held():
            DataDir(box).keep_port(PORT)
        asyncio.run(sign_in())
        work_by_command(asyncio.run(work_in_the_program()))
        # What only a running program needs goes, and the token that opens the sandbox. Small pages: a small file.
        with sqlite3.connect(box / "sandbox.db") as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("PRAGMA page_size = 1024")
            database.execute("VACUUM")
        database.close()
        shutil.rmtree(root / "home")
        shutil.rmtree(root / "cache")  # what can be fetched again
        for path in [*root.rglob("*.lock"), *root.rglob("lock"), *box.glob("local-token"), *box.glob("*.db-*")]:
            path.unlink(missing_ok=True)
        shutil.copytree(root, target)
    for path in sorted(target.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(target)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
