"""One deploy: ordered with saves, named by its revision, compared with the one before, honest when unsure."""

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
from drio_tui.workspace.deploy import deploy_record as stored
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, changes_since, record_of, resources_of
from drio_tui.workspace.deploy.deployer import Deployed, deploy, read, refusal_lines
from drio_tui.workspace.saving.save_result import Failed, Refused, Saved, Unknown
from tests.sandbox_fixtures import InProcess
from tests.workspace.saving_world import Editor


@pytest_asyncio.fixture
async def one(sandbox: InProcess) -> AsyncIterator[Editor]:
    editor = Editor(sandbox)
    yield editor
    await editor.client.aclose()


async def made(one: Editor) -> tuple[str, DeployRecordStore]:
    """An app that can be deployed, and where its deploys are kept."""
    app = (await one.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    return app, DeployRecordStore(one.sandbox.base_url, app)


async def done(one: Editor, app: str, records: DeployRecordStore) -> Deployed:
    outcome = await deploy(one.saver, app, records)
    assert isinstance(outcome, Deployed)
    return outcome


async def test_a_second_deploy_says_what_it_brings_by_resource_and_member(one: Editor) -> None:
    app, records = await made(one)
    told: list[str] = []
    first = await deploy(one.saver, app, records, told.append)
    assert isinstance(first, Deployed)
    assert told == ["Reading what is to go live", "Deploying", "Reading it back"]
    assert (first.before, first.version, first.changes) == ("1.0.0", "1.1.0", None)
    assert first.endpoint.startswith(one.sandbox.base_url)
    assert not first.moved
    again = await done(one, app, records)
    assert (again.before, again.version, again.changes) == ("1.1.0", "1.2.0", ())
    assert (again.revision, again.endpoint) == (first.revision, first.endpoint)

    tools = await one.saver.listed(TOOL, app)
    assert isinstance(tools, list)
    await one.saver.save(await one.edit(TOOL, app, tools[0]["id"], description="Other words."))
    await one.client.create(TOOL, {"name": "Fresh", "isEnabled": False}, app=app)
    third = await done(one, app, records)
    assert third.revision != first.revision
    assert third.changes is not None
    changes = {(change.what, change.kind, change.name): change for change in third.changes}
    changed = changes.pop(("changed", "tool", tools[0]["name"]))
    assert [(field.dotted, field.after) for field in changed.fields] == [("description", "Other words.")]
    assert [*changes] == [("added", "tool", "Fresh")]
    assert json_codec.loads(json_codec.dumps(third.as_dict()))["changes"][0]["kind"] == "tool"


async def test_a_deploy_waits_for_the_save_under_way_and_holds_back_the_next(one: Editor) -> None:
    """F35."""
    app, records = await made(one)
    first = await one.edit(APP, app, app, description="sent")
    second = await one.edit(APP, app, app, serverInstructions="not sent")
    saving = asyncio.create_task(one.saver.save(first))
    while not one.saver.intents.busy(app):
        await asyncio.sleep(0)
    later: list[asyncio.Task[Any]] = []

    async def nothing() -> None:
        pass

    async def save_meanwhile() -> None:  # begun between what the deploy read and the deploy itself
        later.append(asyncio.create_task(one.saver.save(second)))
        for _ in range(50):
            await asyncio.sleep(0)

    one.network.before = [nothing, save_meanwhile]
    outcome = await done(one, app, records)
    assert isinstance(await saving, Saved)
    assert isinstance(await later[0], Saved)
    assert [verb for verb, *_ in one.sent[-3:]] == ["PATCH", "POST", "PATCH"]
    sent = outcome.snapshot.app
    assert sent is not None
    assert sent.get("description") == "sent"
    assert sent.get("serverInstructions") != "not sent"
    assert not outcome.moved
    assert outcome.revision == stored.revision_of(resources_of(outcome.snapshot))


async def test_twenty_deploys_at_once_are_one_request(one: Editor) -> None:
    """F34."""
    app, records = await made(one)
    before = len(one.sent)
    outcomes = await asyncio.gather(*(deploy(one.saver, app, records) for _ in range(20)))
    assert [verb for verb, *_ in one.sent[before:]] == ["POST"]
    assert {outcome.version for outcome in outcomes if isinstance(outcome, Deployed)} == {"1.1.0"}


async def test_after_a_lost_answer_reading_again_shows_whether_it_is_live(one: Editor) -> None:
    app, records = await made(one)
    first = await done(one, app, records)
    one.network.lose["POST"] = "answer"
    lost = await done(one, app, records)
    assert lost.doubt == "lost"
    assert (lost.before, lost.version, lost.endpoint) == ("1.1.0", "1.2.0", first.endpoint)
    one.network.lose["POST"] = "request"
    outcome = await deploy(one.saver, app, records)
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == "cannot tell"
    last = records.read()
    assert last is not None
    assert last.version == "1.2.0"  # what may not be live is not kept as if it were
    one.network.offline = True
    assert isinstance(await deploy(one.saver, app, records), Failed)


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
async def test_a_success_without_app_or_endpoint_is_looked_up(one: Editor, answer: bytes, endpoint: str) -> None:
    app, records = await made(one)
    one.network.instead = [(False, answer)]
    outcome = await deploy(one.saver, app, records)
    assert isinstance(outcome, Unknown)
    assert records.read() is None
    one.network.instead = [(True, answer)]
    looked_up = await done(one, app, records)
    assert looked_up.doubt == "incomplete"
    assert (looked_up.before, looked_up.version, looked_up.endpoint) == ("1.0.0", "1.1.0", endpoint)


async def test_a_refusal_says_what_stands_in_the_way(one: Editor) -> None:
    app, records = await made(one)
    await one.client.create(TOOL, {"name": "Loose end"}, app=app)
    outcome = await deploy(one.saver, app, records)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, Conflict)
    assert refusal_lines(outcome.error) == ["Loose end: the tool is not bound to an operation."]
    assert records.read() is None


async def test_what_others_changed_while_it_went_live_is_said(one: Editor, sandbox: InProcess) -> None:
    app, records = await made(one)
    two = Editor(sandbox, "someone else")

    async def meddle() -> None:
        await two.client.update(APP, app, {"description": "theirs"}, app=app)

    one.network.before = [meddle]
    assert (await done(one, app, records)).moved
    await two.client.aclose()


async def test_the_record_holds_no_secret_and_is_nobody_elses_to_read(one: Editor) -> None:
    app, records = await made(one)
    await one.client.create(
        AUTH, {"name": "Key", "providerKey": "bearer", "config": {"type": "bearer", "token": "s3cret-1234"}}, app=app
    )
    snapshot = await read(one.saver, app)
    auth = next(resource for resource in snapshot.resources("auth") if resource.name == "Key")
    assert isinstance(auth.raw, dict)
    auth.raw["config"] = {"type": "bearer", "token": "s3cret-1234"}  # a server that gives secrets back
    resources = resources_of(snapshot)
    records.keep(record_of("1.0.0", "https://x.example/mcp", resources))
    assert b"s3cret" not in records.path.read_bytes()
    assert stat.S_IMODE(records.path.stat().st_mode) == 0o600
    assert changes_since(_known(records), resources) == []


def _known(records: DeployRecordStore) -> stored.Record:
    found = records.read()
    assert found is not None
    return found


def test_of_a_config_too_large_to_keep_it_is_known_which_resources_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "LARGEST", 50)
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    resources = {"tool/a": {"id": "a", "name": "A", "description": "x" * 100}, "tool/b": {"id": "b", "name": "B"}}
    records.keep(record_of("1.0.0", "", resources))
    assert b"xxx" not in records.path.read_bytes()
    now = {"tool/a": {**resources["tool/a"], "description": "y"}, "tool/c": {"id": "c", "name": "C"}}
    told = [(one.what, one.name, one.fields) for one in changes_since(_known(records), now)]
    assert told == [("changed", "A", ()), ("removed", "B", ()), ("added", "C", ())]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"v": 2}', b'{"v": 1, "things": {"a": 1}}', b'{"v":1,"things":[]}']
)
def test_a_record_that_cannot_be_read_is_as_none(text: bytes) -> None:
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    records.path.parent.mkdir(parents=True)
    records.path.write_bytes(text)
    records.path.chmod(0o600)
    assert records.read() is None


def test_a_record_that_cannot_be_kept_is_said_and_stops_nothing(isolated: Path) -> None:
    (isolated / "state").write_text("a file where the folder should be")
    records = DeployRecordStore("https://getdrio.com/api/v1", "app_1")
    records.keep(record_of("1.0.0", "", {}))
    assert "could not be kept" in records.notices[0]
    assert os.fspath(records.path.parent.parent) in records.notices[0]
