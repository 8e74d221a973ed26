"""One deploy: ordered with saves, identified by its revision, compared with the previous one, explicit about doubts."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from drio_tui.api import json_codec
from drio_tui.api.errors import Conflict
from drio_tui.kinds import APP, AUTH, TOOL
from drio_tui.workspace.deploy import deploy_record
from drio_tui.workspace.deploy.deploy_record import (
    DeployRecordStore,
    changes_since,
    endpoint_of,
    record_of,
    resources_of,
)
from drio_tui.workspace.deploy.deployer import Deployed, deploy, refusal_lines
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.saving.save_result import Failed, Refused, Saved, Unknown
from tests.sandbox_fixtures import InProcessSandbox
from tests.workspace.saving_world import Editor


@pytest_asyncio.fixture
async def editor(sandbox: InProcessSandbox) -> AsyncIterator[Editor]:
    editor = Editor(sandbox)
    yield editor
    await editor.client.aclose()


async def deployable_app(editor: Editor) -> tuple[str, DeployRecordStore]:
    """Return the id of an app that can be deployed, and the store of its deploy records."""
    app = (await editor.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    return app, DeployRecordStore(editor.sandbox.base_url, app)


async def deployed(editor: Editor, app: str, records: DeployRecordStore) -> Deployed:
    outcome = await deploy(editor.saver, app, records)
    assert isinstance(outcome, Deployed)
    return outcome


async def test_a_second_deploy_lists_its_changes_by_resource_and_property(editor: Editor) -> None:
    app, records = await deployable_app(editor)
    steps: list[str] = []
    first = await deploy(editor.saver, app, records, steps.append)
    assert isinstance(first, Deployed)
    assert steps == ["Reading what is to go live", "Deploying", "Reading it back"]
    assert (first.before, first.version, first.changes) == ("1.0.0", "1.1.0", None)
    assert first.endpoint.startswith(editor.sandbox.base_url)
    assert not first.changed_meanwhile
    again = await deployed(editor, app, records)
    assert (again.before, again.version, again.changes) == ("1.1.0", "1.2.0", ())
    assert (again.revision, again.endpoint) == (first.revision, first.endpoint)

    tools = await editor.saver.list_resources(TOOL, app)
    assert isinstance(tools, list)
    await editor.saver.save(await editor.edit(TOOL, app, tools[0]["id"], description="Other words."))
    await editor.client.create(TOOL, {"name": "Fresh", "isEnabled": False}, app=app)
    third = await deployed(editor, app, records)
    assert third.revision != first.revision
    assert third.changes is not None
    changes = {(change.what, change.kind, change.name): change for change in third.changes}
    changed = changes.pop(("changed", "tool", tools[0]["name"]))
    assert [(field.dotted, field.after) for field in changed.fields] == [("description", "Other words.")]
    assert [*changes] == [("added", "tool", "Fresh")]
    assert json_codec.loads(json_codec.dumps(third.as_dict()))["changes"][0]["kind"] == "tool"


async def test_a_deploy_waits_for_the_current_save_and_delays_the_next(editor: Editor) -> None:
    """F35."""
    app, records = await deployable_app(editor)
    first = await editor.edit(APP, app, app, description="sent")
    second = await editor.edit(APP, app, app, serverInstructions="not sent")
    saving = asyncio.create_task(editor.saver.save(first))
    while not editor.saver.single_flight.is_busy(app):
        await asyncio.sleep(0)
    later: list[asyncio.Task[Any]] = []

    async def nothing() -> None:
        pass

    async def save_meanwhile() -> None:  # starts after the deploy has read the app and before it is sent
        later.append(asyncio.create_task(editor.saver.save(second)))
        for _ in range(50):
            await asyncio.sleep(0)

    editor.network.before = [nothing, save_meanwhile]
    outcome = await deployed(editor, app, records)
    assert isinstance(await saving, Saved)
    assert isinstance(await later[0], Saved)
    assert [verb for verb, *_ in editor.sent[-3:]] == ["PATCH", "POST", "PATCH"]
    sent = outcome.snapshot.app
    assert sent is not None
    assert sent.get("description") == "sent"
    assert sent.get("serverInstructions") != "not sent"
    assert not outcome.changed_meanwhile
    assert outcome.revision == deploy_record.revision_of(resources_of(outcome.snapshot))


async def test_twenty_deploys_at_once_are_one_request(editor: Editor) -> None:
    """F34."""
    app, records = await deployable_app(editor)
    before = len(editor.sent)
    outcomes = await asyncio.gather(*(deploy(editor.saver, app, records) for _ in range(20)))
    assert [verb for verb, *_ in editor.sent[before:]] == ["POST"]
    assert {outcome.version for outcome in outcomes if isinstance(outcome, Deployed)} == {"1.1.0"}


async def test_after_a_lost_answer_the_app_is_read_again(editor: Editor) -> None:
    app, records = await deployable_app(editor)
    first = await deployed(editor, app, records)
    editor.network.lose["POST"] = "answer"
    lost = await deployed(editor, app, records)
    assert lost.doubt == "lost"
    assert (lost.before, lost.version, lost.endpoint) == ("1.1.0", "1.2.0", first.endpoint)
    editor.network.lose["POST"] = "request"
    outcome = await deploy(editor.saver, app, records)
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == "cannot tell"
    last = records.read()
    assert last is not None
    assert last.version == "1.2.0"  # a version that may not be live is not stored
    editor.network.offline = True
    assert isinstance(await deploy(editor.saver, app, records), Failed)


@pytest.mark.parametrize(
    ("answer", "endpoint"),
    [
        (b"{}", ""),
        (b"[]", ""),
        (b"", ""),
        (b'{"app": null, "endpoint": "https://x.test/mcp"}', "https://x.test/mcp"),
        (b'{"app": {"version": "9.9.9"}}', ""),
        (b'{"app": {"version": ""}, "endpoint": "https://x.test/mcp"}', "https://x.test/mcp"),
    ],
)
async def test_an_incomplete_answer_is_completed_by_reading_the_app(
    editor: Editor, answer: bytes, endpoint: str
) -> None:
    app, records = await deployable_app(editor)
    derived = endpoint_of(editor.client.transport.base_url, (await editor.client.get(APP, app)).raw, sandbox=True)
    editor.network.instead = [(False, answer)]
    outcome = await deploy(editor.saver, app, records)
    assert isinstance(outcome, Unknown)
    assert records.read() is None
    editor.network.instead = [(True, answer)]
    looked_up = await deployed(editor, app, records)
    assert looked_up.doubt == "incomplete"
    assert (looked_up.before, looked_up.version, looked_up.endpoint) == ("1.0.0", "1.1.0", endpoint or derived)


async def test_a_refusal_lists_the_problems(editor: Editor) -> None:
    app, records = await deployable_app(editor)
    await editor.client.create(TOOL, {"name": "Loose end"}, app=app)
    outcome = await deploy(editor.saver, app, records)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, Conflict)
    assert refusal_lines(outcome.error) == ["Loose end: the tool is not bound to an operation."]
    assert records.read() is None


async def test_concurrent_changes_by_others_are_reported(editor: Editor, sandbox: InProcessSandbox) -> None:
    app, records = await deployable_app(editor)
    other_editor = Editor(sandbox, "someone else")

    async def change_description() -> None:
        await other_editor.client.update(APP, app, {"description": "theirs"}, app=app)

    editor.network.before = [change_description]
    assert (await deployed(editor, app, records)).changed_meanwhile
    await other_editor.client.aclose()


async def test_the_record_has_no_secrets_and_is_private(editor: Editor) -> None:
    app, records = await deployable_app(editor)
    await editor.client.create(
        AUTH, {"name": "Key", "providerKey": "bearer", "config": {"type": "bearer", "token": "s3cret-1234"}}, app=app
    )
    snapshot = await read_app(editor.client, app)
    auth = next(resource for resource in snapshot.resources("auth") if resource.name == "Key")
    assert isinstance(auth.raw, dict)
    auth.raw["config"] = {"type": "bearer", "token": "s3cret-1234"}  # a server that returns secrets
    resources = resources_of(snapshot)
    records.keep(record_of("1.0.0", "https://x.example/mcp", resources))
    assert b"s3cret" not in records.path.read_bytes()
    assert stat.S_IMODE(records.path.stat().st_mode) == 0o600
    assert changes_since(_stored_record(records), resources) == []


def _stored_record(records: DeployRecordStore) -> deploy_record.Record:
    record = records.read()
    assert record is not None
    return record


def test_a_fingerprinted_config_still_shows_which_resources_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy_record, "LARGEST", 50)
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    resources = {"tool/a": {"id": "a", "name": "A", "description": "x" * 100}, "tool/b": {"id": "b", "name": "B"}}
    records.keep(record_of("1.0.0", "", resources))
    assert b"xxx" not in records.path.read_bytes()
    current = {"tool/a": {**resources["tool/a"], "description": "y"}, "tool/c": {"id": "c", "name": "C"}}
    changes = [(change.what, change.name, change.fields) for change in changes_since(_stored_record(records), current)]
    assert changes == [("changed", "A", ()), ("removed", "B", ()), ("added", "C", ())]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"v": 2}', b'{"v": 1, "things": {"a": 1}}', b'{"v":1,"things":[]}']
)
def test_an_unreadable_record_is_ignored(text: bytes) -> None:
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    records.path.parent.mkdir(parents=True)
    records.path.write_bytes(text)
    records.path.chmod(0o600)
    assert records.read() is None


def test_a_record_that_cannot_be_stored_is_reported(isolated: Path) -> None:
    (isolated / "state").write_text("a file where the folder should be")
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    records.keep(record_of("1.0.0", "", {}))
    assert "could not be kept" in records.notices[0]
    assert os.fspath(records.path.parent.parent) in records.notices[0]
