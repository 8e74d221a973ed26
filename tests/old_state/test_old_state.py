"""The current version reads the files of version 0.1: sign-in, settings, history, drafts, edits, deploys, runs."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import TokenStore
from drio_tui.kinds import APP, TOOL, WIDGET
from drio_tui.plan.undo import undo_last
from drio_tui.session import open_session
from drio_tui.settings import Settings
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.help_dialog import HelpDialog
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.apps.app_table import draft_key
from drio_tui.ui.base import keymap
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.deploy.connect_screen import ConnectScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.history_dialog import HistoryDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.wizard.executor import DraftExecutor
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.saver import Saver
from tests.old_state.make import BASE_URL, LOCALHOST, REFRESH, TOKEN
from tests.sandbox_fixtures import InProcessSandbox, in_process, kill_process, start_sandbox
from tests.ui.driving import show, text_of, until

FIXTURE = Path(__file__).parent / "0.1"


@pytest.fixture(autouse=True)
def home(isolated: Path) -> Path:
    """The folders as version 0.1 left them, private again, since git does not store the modes."""
    shutil.copytree(FIXTURE, isolated, dirs_exist_ok=True)
    for path in isolated.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return isolated


@dataclass
class World:
    """The data of version 0.1 served by the current sandbox, and a client for it."""

    sandbox: InProcessSandbox
    client: DrioClient
    app: str

    @property
    def server(self) -> str:
        return self.client.transport.server_id

    def saver(self, profile: str = "sandbox") -> Saver:
        return Saver(self.client, lambda app: Journal(profile, self.server, app))

    async def names(self, kind: Any, app: str = "") -> Counter[str]:
        return Counter(str(raw["name"]) for raw in (await self.client.list(kind, app=app or self.app)).items)


@pytest_asyncio.fixture
async def world(home: Path) -> AsyncIterator[World]:
    async with in_process(home / "data" / "sandbox") as sandbox:
        auth = BearerAuth(StaticToken(sandbox.token, "the tests"), BASE_URL)
        client = DrioClient(Transport(BASE_URL, auth=auth, http=sandbox.transport))
        apps = {str(app["slug"]): str(app["id"]) for app in (await client.list(APP)).items}
        yield World(sandbox, client, apps["acme-support"])
        await client.aclose()


# -- sign-in and settings -------------------------------------------------------------------------


async def test_profile_and_tokens_of_version_0_1_are_used() -> None:
    profiles = Profiles.load()
    expected = Profile("work", BASE_URL, "ada@example.com", "user_ada", "file", pinned_file=True)
    assert (list(profiles), profiles.current, profiles.notices) == ([expected], expected, [])
    tokens = await TokenStore(insecure=True).load(expected)
    assert tokens is not None
    assert (tokens.access_token, tokens.refresh_token) == (TOKEN, REFRESH)
    (client,) = ClientRegistrationStore().for_issuer(tokens.issuer)
    assert (client.client_id, client.scopes) == (tokens.client_id, ())
    session = await open_session()
    assert (session.profile, session.account, session.base_url) == ("work", "ada@example.com", BASE_URL)
    assert session.auth is not None
    assert await session.auth.token() == TOKEN
    await session.aclose()
    profiles.add(Profile("other", "https://getdrio.com/api/v1"))
    assert Profiles.load().get("work") == expected


async def test_settings_and_remembered_theme_are_read() -> None:
    settings = Settings.load()
    assert settings.problems == ()
    assert (settings.theme, settings.login_timeout, settings.insecure_storage) == ("drio-light", 120, True)
    assert DrioApp().theme == "drio-light"
    (Path(os.environ["DRIO_CONFIG_DIR"]) / "config.toml").unlink()
    assert DrioApp().theme == "nord"


# -- history --------------------------------------------------------------------------------------


async def test_changes_are_listed_and_undone_newest_first(world: World) -> None:
    history = Journal("sandbox", world.server, world.app).read()
    assert [(entry.what, entry.name, entry.state) for entry in history.entries] == [
        ("create", "Lost", "unknown"),
        ("create", "Never Made", "unknown"),
        ("update", "Search Contacts", "done"),
        ("update", "Undone at once", "done"),
        ("update", "Add Note", "done"),
        ("deploy", "Acme Support", "done"),
        ("create", "Count Contacts", "done"),
        ("delete", "Contact Table", "done"),
        ("update", "Search Contacts", "done"),
    ]
    assert history.is_undone(history.entries[2])
    assert {"Find Contacts", "Count Contacts"} <= (await world.names(TOOL)).keys()
    saver = world.saver()
    for name in ("Search Contacts", "Contact Table", "Count Contacts", "Add Note"):
        assert [step.entry.name for step in await undo_last(saver, world.app) if step.ok] == [name]
    steps = await undo_last(saver, world.app)
    assert {step.entry.name: step.problem for step in steps} == {
        "Acme Support": "A deploy cannot be taken back: drio has no way to un-deploy",
        "Lost": "It is not known whether this tool was made; if it was, delete it by hand",
    }
    states = {entry.name: entry.state for entry in Journal("sandbox", world.server, world.app).read().entries}
    assert (states["Lost"], states["Never Made"]) == ("unresolved", "failed")
    tools = await world.names(TOOL)
    assert tools.keys() & {"Search Contacts", "Find Contacts", "Count Contacts", "Lost"} == {"Search Contacts", "Lost"}
    assert "Contact Table" in await world.names(WIDGET)
    (add_note,) = [tool for tool in (await world.client.list(TOOL, app=world.app)).items if tool["key"] == "add-note"]
    assert add_note["description"] != "Adds a note to a contact."


async def test_profile_has_a_separate_journal(world: World) -> None:
    (entry,) = Journal("work", world.server, world.app).read().entries
    assert (entry.what, entry.name, entry.state) == ("deploy", "Acme Support", "done")


async def test_changes_made_at_localhost_are_undone(world: World) -> None:
    """A sandbox is also reachable at `localhost`, and version 0.1 named the files after the host that was typed."""
    (step,) = await undo_last(world.saver(urlsplit(LOCALHOST).netloc), world.app)
    assert (step.ok, step.entry.name) == (True, "Show Ticket")
    assert "Show Ticket" in await world.names(TOOL)


async def test_deploy_record_is_read(world: World) -> None:
    records = DeployRecordStore(world.server, world.app)
    record = records.read()
    assert record is not None
    assert record.endpoint.startswith(f"{world.sandbox.base_url}/mcp/mcp_")
    assert record.version == (await world.client.get(APP, world.app)).raw["version"] == "1.2.0"
    assert "Find Contacts" in {resource.get("name") for resource in record.resources.values()}
    assert records.notices == []


# -- unfinished work ------------------------------------------------------------------------------


async def test_wizard_draft_is_resumed(world: World) -> None:
    kept = draft_store.load("sandbox", world.server)
    assert kept.problems == []
    assert sorted(draft.name for draft in kept.drafts) == ["Day desk", "Night desk"]
    (night,) = [draft for draft in kept.drafts if draft.name == "Night desk"]
    draft_session = DraftSession.resume(night.id, world.server)
    draft = draft_session.draft
    assert (draft.page, draft.dropped, draft.basics["companyUrl"]) == (
        "tools", ["draft:tool:show-contact"], "https://acme.example",
    )  # fmt: skip
    executor = DraftExecutor(world.saver(), draft, draft_session.save, pause=0)
    await executor.run()
    assert (executor.failed, executor.done) == ([], True)
    tools = await world.names(TOOL, draft.app)
    assert "Show Contact" not in tools
    assert "Search Contacts" in tools
    draft_session.close()


async def test_interrupted_app_creation_is_finished_without_duplicates(world: World) -> None:
    (day,) = [draft for draft in draft_store.load("sandbox", world.server).drafts if draft.name == "Day desk"]
    draft_session = DraftSession.resume(day.id, world.server)
    assert draft_session.draft.app
    assert await world.names(TOOL, draft_session.draft.app) & Counter(("First", "Second")) == Counter(["First"])
    executor = DraftExecutor(world.saver(), draft_session.draft, draft_session.save, pause=0)
    await executor.run()
    assert (executor.failed, executor.done) == ([], True)
    tools = await world.names(TOOL, draft_session.draft.app)
    assert (tools["First"], tools["Second"]) == (1, 1)
    assert (await world.names(APP))["Day desk"] == 1
    draft_session.close()


async def test_runs_samples_and_schemas_are_read(world: World) -> None:
    tools = {str(tool["key"]): tool for tool in (await world.client.list(TOOL, app=world.app)).items}
    id = str(tools["show-contact"]["id"])
    kept = RunHistory(world.server, world.app)
    (run,) = kept.runs(id)
    assert (run.arguments, run.failed, run.target) == ({"contactId": "con_1002"}, False, "sandbox")
    assert "Ben Lindqvist" in str(run.structured)
    assert "Ben Lindqvist" in str(kept.sample(id))
    seen = SchemaHistory(world.server, world.app)
    operations = {str(tool["binding"]["integrationOperationId"]) for tool in tools.values()}
    assert all(seen.of(operation) for operation in operations)


async def test_files_of_a_drio_that_is_no_sandbox_are_named_after_its_address(world: World) -> None:
    """The files are not renamed then: they are found under the names of version 0.1."""
    (tool,) = [tool for tool in (await world.client.list(TOOL, app=world.app)).items if tool["key"] == "show-contact"]
    assert len(Journal("sandbox", BASE_URL, world.app).read().entries) == 9
    assert DeployRecordStore(BASE_URL, world.app).read() is not None
    assert RunHistory(BASE_URL, world.app).runs(str(tool["id"]))
    assert SchemaHistory(BASE_URL, world.app).of(str(tool["binding"]["integrationOperationId"]))
    assert len(draft_store.load("sandbox", BASE_URL).drafts) == 2
    assert [buffer.server for buffer in unsaved_edits.load("sandbox").buffers] == [BASE_URL]


# -- the program ----------------------------------------------------------------------------------


@pytest.mark.socket
async def test_program_offers_unsaved_work_and_accepts_old_key_ids(home: Path) -> None:
    """The program on its sandbox, which now listens on another port."""
    box = home / "data" / "sandbox"
    (box / "last-port").unlink()
    served = await asyncio.to_thread(start_sandbox, box)
    program: Any = DrioApp(LaunchOptions(sandbox=True))
    try:
        async with program.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(program.screen, RecoveryDialog))
            assert program.connection.base_url != BASE_URL
            assert program.theme == "drio-light"
            assert [note.message for note in program._notifications if note.severity != "information"] == []
            assert "tool Add Note" in text_of(program)
            assert "ended by signal 1" in text_of(program)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(program.screen, EditScreen) and program.screen.form is not None)
            assert program.screen.edited_resource()["name"] == "Add Note to a person"
            await pilot.press("ctrl+s")
            await until(pilot, lambda: not isinstance(program.screen, EditScreen))

            apps = await show(pilot, "apps")
            await until(pilot, lambda: apps.resources and len(apps.drafts) == 2)
            rows = {draft.name: draft_key(draft) for draft in apps.drafts}
            apps.table.choose(rows["Night desk"])
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(program.screen, WizardScreen) and program.screen._page is not None)
            assert program.screen._page_name == "tools"
            await pilot.press("escape")
            await until(pilot, lambda: program.screen is apps)

            apps.table.choose(rows["Day desk"])
            await pilot.press("D")
            await until(pilot, lambda: isinstance(program.screen, ConfirmDialog))
            focused = []
            for key in "JHJK":  # bound by the old ids
                await pilot.press(key)
                focused.append(program.screen.focused.id)
            assert focused == ["yes", "no", "yes", "no"]
            await pilot.press("escape", "f2")
            await until(pilot, lambda: isinstance(program.screen, HelpDialog))
            await pilot.press("escape")
            await until(pilot, lambda: program.screen is apps)

            apps.table.choose(next(str(app.id) for app in apps.resources if app.raw["slug"] == "acme-support"))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
            await pilot.press("H")
            await until(
                pilot, lambda: isinstance(program.screen, HistoryDialog) and "Count Contacts" in text_of(program)
            )
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(program.screen, AppScreen))
            await pilot.press("C")
            await until(pilot, lambda: isinstance(program.screen, ConnectScreen) and program.screen.guides)
            assert program.screen.endpoint.startswith(f"{served.base_url}/mcp/mcp_")
            await pilot.press("escape")

            # A run needs the helpdesk's key as version 0.1 encrypted it, at the current address.
            opened = program.screen
            tool = next(tool for tool in opened.snapshot.resources("tool") if tool.raw["key"] == "show-contact")
            program.navigator.open_tool(opened.app_id, tool.id)
            await until(pilot, lambda: isinstance(program.screen, PlaygroundScreen) and program.screen.form is not None)
            await pilot.press(*"con_1001", "ctrl+r")
            await until(pilot, lambda: not program.screen.busy and program.screen.run_shown is not None)
            assert "Ada Okafor" in str(program.screen.run_shown.structured)
    finally:
        await asyncio.to_thread(kill_process, served)


def test_key_ids_of_version_0_1_are_accepted() -> None:
    """Every key id in the README of version 0.1 is a current id, or an earlier name of one."""
    keymap.load_sections()
    for name in (FIXTURE.parent / "key_ids.txt").read_text().split():
        assert keymap.problems(keymap.with_current_ids({name: "f24"})) == [], name
