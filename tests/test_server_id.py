"""The files of a sandbox are named after its id, and those that earlier versions named after its port are adopted."""

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
from drio_tui.plan.undo import undo_last
from drio_tui.server_id import migrate_old_files, server_id
from drio_tui.session import Session, open_session
from drio_tui.storage import paths
from drio_tui.storage.file_names import digest
from drio_tui.storage.files import private_dir
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.run.tool_run import Run
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.history import new_entry
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import Edit, Saved
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit
from tests.sandbox_fixtures import InProcessSandbox, SandboxProcess, kill_process, start_sandbox
from tests.ui.driving import running, show, until

FIRST, SECOND = "http://127.0.0.1:40001/api/v1", "http://localhost:65535/api/v1"
HERE = server_id(FIRST, "ab" * 12)
OTHER = "https://getdrio.com/api/v1"


def add_entry(journal: Journal, name: str, at: float) -> None:
    """Add a completed change to a journal."""
    entry = replace(new_entry("update", "app_1", "tool", "tool_1", name, before={"a": 1}, after={}), at=at)
    journal.begin(entry)
    journal.end(replace(entry, state="done"))


def test_journals_of_all_ports_are_merged_by_time() -> None:
    for name, url, at in (("one", FIRST, 1.0), ("two", SECOND, 2.0), ("three", FIRST, 3.0), ("other", OTHER, 2.5)):
        add_entry(Journal("sandbox", url, "app_1"), name, at)
    old = digest(f"sandbox\0{FIRST}\0app_1")[:16]  # the name in version 0.1
    assert (paths.state_dir() / "journal" / f"sandbox-app_1-{old}.jsonl").exists()
    history = Journal("sandbox", HERE, "app_1").read()
    assert [entry.name for entry in history.entries] == ["one", "two", "three"]
    assert all(entry.state == "done" for entry in history.entries)
    assert [entry.name for entry in Journal("sandbox", OTHER, "app_1").read().entries] == ["other"]
    assert Journal("sandbox", FIRST, "app_1").read().entries == []


def test_a_failed_adoption_is_tried_again() -> None:
    folder = paths.state_dir() / "adopted"
    private_dir(folder)
    (folder / "old-40001").write_text("kept")
    calls: list[list[Path]] = []

    def name_of(url: str) -> str:
        return f"old-{urlsplit(url).port}"

    def fail_once(old_files: list[Path]) -> None:
        calls.append(old_files)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")

    for _ in range(3):
        migrate_old_files(HERE, folder / "new", "old-*", name_of, fail_once)
    assert calls == [[folder / "old-40001"]] * 2


def test_the_newest_deploy_record_is_adopted() -> None:
    for number, url in enumerate((SECOND, FIRST)):
        DeployRecordStore(url, "app_1").keep(record_of(f"1.{number}.0", "", {}))
    record = DeployRecordStore(HERE, "app_1").read()
    assert record is not None
    assert record.version == "1.1.0"
    assert DeployRecordStore(HERE, "app_2").read() is None


def test_runs_and_samples_of_all_ports_are_adopted() -> None:
    for at, url in ((2.0, FIRST), (1.0, SECOND)):
        history = RunHistory(url, "app_1")
        history.add(Run("tool_1", "Search", "here", {"from": url}, at))
        history.save_sample(url, {"of": url})
    RunHistory(OTHER, "app_1").add(Run("tool_1", "Search", "here", {}, 3.0))
    assert (paths.state_dir() / "playground" / hashlib.sha256(f"{FIRST}\napp_1".encode()).hexdigest()[:24]).is_dir()
    adopted = RunHistory(HERE, "app_1")
    assert [run.at for run in adopted.runs("tool_1")] == [2.0, 1.0]
    assert [adopted.sample(url) for url in (FIRST, SECOND)] == [{"of": FIRST}, {"of": SECOND}]
    assert len(RunHistory(OTHER, "app_1").runs("tool_1")) == 1


def test_schema_histories_of_all_ports_are_adopted() -> None:
    SchemaHistory(FIRST, "app_1").remember({("op", "h1"): {"title": "first"}})
    SchemaHistory(SECOND, "app_1").remember({("op", "h2"): {"title": "second"}})
    SchemaHistory(OTHER, "app_1").remember({("op", "h3"): None})
    old = hashlib.sha256(json_codec.dumps([FIRST, "app_1"]).encode()).hexdigest()[:32]
    assert (paths.state_dir() / "schemas" / f"{old}.json").exists()
    adopted = SchemaHistory(HERE, "app_1")
    adopted.remember({("op", "h4"): None})
    assert set(adopted.of("op")) == {"h1", "h2", "h4"}
    assert set(SchemaHistory(OTHER, "app_1").of("op")) == {"h3"}


def test_drafts_of_another_port_are_offered_and_saved_under_the_server_id() -> None:
    draft_session = DraftSession.begin("sandbox", FIRST)
    draft_session.draft.basics["name"] = "Nova"
    draft_session.close()
    assert [draft.name for draft in draft_store.load("sandbox", HERE).drafts] == ["Nova"]
    assert draft_store.load("sandbox", OTHER).drafts == []
    DraftSession.resume(draft_session.draft.id, HERE).close()
    assert [draft.server for draft in draft_store.load("sandbox").drafts] == [HERE]
    assert draft_store.load("sandbox", server_id(FIRST, "cd" * 12)).drafts == []


def test_unreadable_and_unrelated_files_are_ignored(isolated: Path) -> None:
    folder = private_dir(private_dir(paths.state_dir()) / "journal")
    (folder / "sandbox-app_1-0123456789abcdef.jsonl").write_text("no journal\n")
    name = f"sandbox-app_1-{digest(f'sandbox{chr(0)}{FIRST}{chr(0)}app_1')[:16]}.jsonl"
    (folder / name).write_bytes(b"\xff\n")
    (folder / name).chmod(0o600)
    journal = Journal("sandbox", HERE, "app_1")
    assert journal.read().entries == []
    add_entry(journal, "new", 1.0)
    assert [entry.name for entry in Journal("sandbox", HERE, "app_1").read().entries] == ["new"]
    assert (folder / "sandbox-app_1-0123456789abcdef.jsonl").read_text() == "no journal\n"


@contextmanager
def serving(folder: Path) -> Iterator[SandboxProcess]:
    process = start_sandbox(folder)
    try:
        yield process
    finally:
        kill_process(process)


async def open_sandbox_session(folder: Path) -> Session:
    return await open_session(sandbox=True, running=await ensure_sandbox(folder))


@pytest.mark.socket
async def test_a_change_made_on_one_port_can_be_undone_on_another(tmp_path: Path) -> None:
    """The journal is that of an earlier version, named after the port."""
    folder = tmp_path / "box"
    with serving(folder) as first:
        session = await open_sandbox_session(folder)
        app = str((await session.client.list(APP)).items[0]["id"])
        tool = (await session.client.list(TOOL, app=app)).items[0]
        saver = Saver(session.client, lambda app_id: Journal("sandbox", session.base_url, app_id))
        saved = await saver.save(Edit(TOOL, app, str(tool["id"]), tool, {**tool, "name": "Changed"}))
        assert isinstance(saved, Saved)
        known = session.server_id
        await session.aclose()
    with closing(socket.socket()) as other:  # another program uses the port now
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(first.base_url).port))
        other.listen()
        with serving(folder) as second:
            assert second.base_url != first.base_url
            session = await open_sandbox_session(folder)
            assert session.server_id == known
            saver = Saver(session.client, lambda app_id: Journal("sandbox", session.server_id, app_id))
            steps = await undo_last(saver, app)
            assert [step.ok for step in steps] == [True]
            assert (await session.client.get(TOOL, str(tool["id"]), app=app)).raw["name"] == tool["name"]
            await session.aclose()


async def test_a_client_reads_the_server_id_from_any_response(sandbox: InProcessSandbox) -> None:
    """Even without a sign-in, and without the sandbox's files."""
    transport = Transport(f"{sandbox.base_url}/api/v1", http=sandbox.transport)
    assert transport.server_id == transport.base_url
    await transport.request("GET", "/templates", anonymous=True)
    assert transport.server_id == server_id("", sandbox.app.state.sandbox.id)


@pytest.mark.socket
async def test_a_sign_in_to_a_sandbox_by_url_finds_the_files_of_its_server_id(
    sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets the id with the first response, after it has looked for drafts for the first time."""
    url, token = sandbox_process.base_url, sandbox_process.token
    known = server_id("", sandbox_process.ready["id"])
    async with running(url, monkeypatch, token=token) as pilot:
        await until(pilot, lambda: pilot.app.connection.server == known)
        profile = pilot.app.status.profile
    draft_session = DraftSession.begin(profile, known)
    draft_session.draft.basics["name"] = "Nova"
    draft_session.close()
    raw, local = {"id": "tool_1", "name": "Search"}, {"id": "tool_1", "name": "Mine"}
    unsaved_edits.save(UnsavedEdit(profile, known, "app_1", "tool", "tool_1", "x", local, raw, at=1))
    async with running(url, monkeypatch, token=token) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryDialog))
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: [draft.name for draft in apps.drafts] == ["Nova"])
