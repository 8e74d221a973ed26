"""What is kept of a sandbox is found whatever port it listens on, also what earlier versions named after the port."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drio_tui.api import json_codec
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, TOOL
from drio_tui.launcher import ensure_sandbox
from drio_tui.server_id import adopt, server_id
from drio_tui.session import Session, open_session
from drio_tui.storage import paths
from drio_tui.storage.files import private_dir
from drio_tui.ui.editing.recovery_screen import RecoveryScreen
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.run.run_history import Kept
from drio_tui.workspace.run.tool_run import Run
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import Edit, Saved
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.undo import undo_last
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit
from tests.sandbox_fixtures import InProcess, Process, close, start_sandbox
from tests.ui.driving import running, show, until

FIRST, SECOND = "http://127.0.0.1:40001/api/v1", "http://localhost:65535/api/v1"
HERE = server_id(FIRST, "ab" * 12)
OTHER = "https://getdrio.com/api/v1"


def note(journal: Journal, name: str, at: float) -> None:
    entry = replace(journals.entry("update", "app_1", "tool", "tool_1", name, before={"a": 1}, after={}), at=at)
    journal.begin(entry)
    journal.end(replace(entry, state="done"))


def test_the_journals_of_all_ports_become_one_in_the_order_of_the_changes() -> None:
    for name, url, at in (("one", FIRST, 1.0), ("two", SECOND, 2.0), ("three", FIRST, 3.0), ("other", OTHER, 2.5)):
        note(Journal("sandbox", url, "app_1"), name, at)
    old = journals.digest(f"sandbox\0{FIRST}\0app_1")[:16]  # as version 0.1 named it
    assert (paths.state_dir() / "journal" / f"sandbox-app_1-{old}.jsonl").exists()
    history = Journal("sandbox", HERE, "app_1").read()
    assert [entry.name for entry in history.entries] == ["one", "two", "three"]
    assert all(entry.state == "done" for entry in history.entries)
    assert [entry.name for entry in Journal("sandbox", OTHER, "app_1").read().entries] == ["other"]
    assert Journal("sandbox", FIRST, "app_1").read().entries == []


def test_files_of_an_earlier_version_are_looked_for_again_after_a_failure() -> None:
    folder = paths.state_dir() / "adopted"
    private_dir(folder)
    (folder / "old-40001").write_text("kept")
    taken: list[list[Path]] = []

    def name_of(url: str) -> str:
        return f"old-{urlsplit(url).port}"

    def fail_once(found: list[Path]) -> None:
        taken.append(found)
        if len(taken) == 1:
            raise OSError(28, "No space left on device")

    for _ in range(3):
        adopt(HERE, folder / "new", "old-*", name_of, fail_once)
    assert taken == [[folder / "old-40001"]] * 2


def test_the_newest_record_of_a_deploy_is_found() -> None:
    for number, url in enumerate((SECOND, FIRST)):
        DeployRecordStore(url, "app_1").keep(record_of(f"1.{number}.0", "", {}))
    found = DeployRecordStore(HERE, "app_1").read()
    assert found is not None
    assert found.version == "1.1.0"
    assert DeployRecordStore(HERE, "app_2").read() is None


def test_runs_and_samples_of_all_ports_are_found() -> None:
    for at, url in ((2.0, FIRST), (1.0, SECOND)):
        kept = Kept(url, "app_1")
        kept.add(Run("tool_1", "Search", "here", {"from": url}, at))
        kept.save_sample(url, {"of": url})
    Kept(OTHER, "app_1").add(Run("tool_1", "Search", "here", {}, 3.0))
    assert (paths.state_dir() / "playground" / hashlib.sha256(f"{FIRST}\napp_1".encode()).hexdigest()[:24]).is_dir()
    here = Kept(HERE, "app_1")
    assert [run.at for run in here.runs("tool_1")] == [2.0, 1.0]
    assert [here.sample(url) for url in (FIRST, SECOND)] == [{"of": FIRST}, {"of": SECOND}]
    assert len(Kept(OTHER, "app_1").runs("tool_1")) == 1


def test_schemas_seen_on_all_ports_are_found() -> None:
    SchemaHistory(FIRST, "app_1").remember({("op", "h1"): {"title": "first"}})
    SchemaHistory(SECOND, "app_1").remember({("op", "h2"): {"title": "second"}})
    SchemaHistory(OTHER, "app_1").remember({("op", "h3"): None})
    old = hashlib.sha256(json_codec.dumps([FIRST, "app_1"]).encode()).hexdigest()[:32]
    assert (paths.state_dir() / "schemas" / f"{old}.json").exists()
    here = SchemaHistory(HERE, "app_1")
    here.remember({("op", "h4"): None})
    assert set(here.of("op")) == {"h1", "h2", "h4"}
    assert set(SchemaHistory(OTHER, "app_1").of("op")) == {"h3"}


def test_drafts_are_offered_on_another_port_and_kept_under_the_id_from_then_on() -> None:
    keeper = DraftSession.begin("sandbox", FIRST)
    keeper.draft.basics["name"] = "Nova"
    keeper.close()
    assert [draft.name for draft in draft_store.load("sandbox", HERE).drafts] == ["Nova"]
    assert draft_store.load("sandbox", OTHER).drafts == []
    DraftSession.resume(keeper.draft.id, HERE).close()
    assert [draft.server for draft in draft_store.load("sandbox").drafts] == [HERE]
    assert draft_store.load("sandbox", server_id(FIRST, "cd" * 12)).drafts == []


def test_files_that_cannot_be_read_or_belong_to_nobody_do_no_harm(isolated: Path) -> None:
    folder = private_dir(private_dir(paths.state_dir()) / "journal")
    (folder / "sandbox-app_1-0123456789abcdef.jsonl").write_text("no journal\n")
    name = f"sandbox-app_1-{journals.digest(f'sandbox{chr(0)}{FIRST}{chr(0)}app_1')[:16]}.jsonl"
    (folder / name).write_bytes(b"\xff\n")
    (folder / name).chmod(0o600)
    journal = Journal("sandbox", HERE, "app_1")
    assert journal.read().entries == []
    note(journal, "new", 1.0)
    assert [entry.name for entry in Journal("sandbox", HERE, "app_1").read().entries] == ["new"]
    assert (folder / "sandbox-app_1-0123456789abcdef.jsonl").read_text() == "no journal\n"


@contextmanager
def serving(folder: Path) -> Iterator[Process]:
    process = start_sandbox(folder)
    try:
        yield process
    finally:
        close(process)


async def opened(folder: Path) -> Session:
    return await open_session(sandbox=True, running=await ensure_sandbox(folder))


@pytest.mark.socket
async def test_a_change_made_on_one_port_is_undone_on_another(tmp_path: Path) -> None:
    """The journal of an earlier version, named after the port, is the one that is read."""
    folder = tmp_path / "box"
    with serving(folder) as first:
        session = await opened(folder)
        app = str((await session.client.list(APP)).items[0]["id"])
        tool = (await session.client.list(TOOL, app=app)).items[0]
        saver = Saver(session.client, lambda one: Journal("sandbox", session.base_url, one))
        saved = await saver.save(Edit(TOOL, app, str(tool["id"]), tool, {**tool, "name": "Changed"}))
        assert isinstance(saved, Saved)
        known = session.server
        await session.aclose()
    with closing(socket.socket()) as other:  # another program has the port now
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(first.base_url).port))
        other.listen()
        with serving(folder) as second:
            assert second.base_url != first.base_url
            session = await opened(folder)
            assert session.server == known
            steps = await undo_last(Saver(session.client, lambda one: Journal("sandbox", session.server, one)), app)
            assert [step.ok for step in steps] == [True]
            assert (await session.client.get(TOOL, str(tool["id"]), app=app)).raw["name"] == tool["name"]
            await session.aclose()


async def test_a_client_learns_the_id_from_any_answer(sandbox: InProcess) -> None:
    """Also one that is not signed in, and that was not told by the sandbox's files."""
    transport = Transport(f"{sandbox.base_url}/api/v1", http=sandbox.transport)
    assert transport.server_id == transport.base_url
    await transport.request("GET", "/templates", anonymous=True)
    assert transport.server_id == server_id("", sandbox.app.state.sandbox.id)


@pytest.mark.socket
async def test_a_sign_in_at_the_address_of_a_sandbox_finds_what_is_kept_under_its_id(
    sandbox_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program learns from the first answer which sandbox it is, after it looked for drafts for the first time."""
    url, token = sandbox_process.base_url, sandbox_process.token
    known = server_id("", sandbox_process.ready["id"])
    async with running(url, monkeypatch, token=token) as pilot:
        await until(pilot, lambda: pilot.app.backend.server == known)
        profile = pilot.app.status.profile
    keeper = DraftSession.begin(profile, known)
    keeper.draft.basics["name"] = "Nova"
    keeper.close()
    raw, mine = {"id": "tool_1", "name": "Search"}, {"id": "tool_1", "name": "Mine"}
    unsaved_edits.save(UnsavedEdit(profile, known, "app_1", "tool", "tool_1", "x", mine, raw, at=1))
    async with running(url, monkeypatch, token=token) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryScreen))
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: [draft.name for draft in apps.drafts] == ["Nova"])
