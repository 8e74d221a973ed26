"""One deploy from start to end: the request, its outcome, and what it changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.client import DeployAnswerIncomplete
from drio_tui.api.errors import DrioError
from drio_tui.workspace.deploy.deploy_record import (
    Change,
    DeployRecordStore,
    changes_since,
    endpoint_of,
    record_of,
    resources_of,
    revision_of,
)
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown
from drio_tui.workspace.saving.saver import Saver

ReportStep = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Deployed:
    """The app is live. `revision` identifies the config that was sent; `snapshot` is that config.

    `changed_meanwhile` says that someone else changed the app meanwhile, so that either config may have gone live.
    `doubt` says that the version was read from the app afterwards, since the response was lost or lacked the app or the
    endpoint. `endpoint` is empty where the response named none, no earlier deploy did, and the app does not show it.
    """

    before: str
    version: str
    endpoint: str
    revision: str
    changes: tuple[Change, ...] | None
    snapshot: Snapshot = field(repr=False)
    changed_meanwhile: bool = False
    doubt: Literal["", "lost", "incomplete"] = ""
    request_id: str | None = None
    notices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`; `changes` is null where no earlier deploy is known here."""
        changes = None if self.changes is None else [change.as_dict() for change in self.changes]
        return {
            "versionBefore": self.before or None, "version": self.version or None, "endpoint": self.endpoint or None,
            "revision": self.revision, "changes": changes, "changedMeanwhile": self.changed_meanwhile,
            "answerLost": self.doubt == "lost", "answerIncomplete": self.doubt == "incomplete",
            "requestId": self.request_id,
        }  # fmt: skip


async def deploy(
    saver: Saver, app: str, records: DeployRecordStore, report: ReportStep = lambda _: None
) -> Deployed | Refused | Failed | Unknown:
    """Deploy the app as it is once the saves under way have ended; `report` gets each step as a short text.

    Cancelling the caller does not end the deploy (see `Saver`). After a response that was lost the app is read again.
    """
    if saver.single_flight.is_busy(app):
        report("Waiting for the save under way")
    snapshots: list[Snapshot] = []

    async def read_again() -> None:
        report("Reading it back" if snapshots else "Reading what is to go live")
        snapshots.append(await read_app(saver.client, app, required=["app"]))
        if len(snapshots) == 1:
            report("Deploying")

    outcome = await saver.deploy(app, read_again)
    if isinstance(outcome, Refused | Failed) or (isinstance(outcome, Unknown) and outcome.read_back != "applied"):
        return outcome
    joined = not snapshots  # another caller's deploy was under way already, and that caller stores the record
    if joined:
        with contextlib.suppress(DrioError):
            await read_again()
    snapshot = snapshots[0] if snapshots else Snapshot(app)
    last_record = await asyncio.to_thread(records.read)
    raw = outcome.raw or {}
    error = outcome.error if isinstance(outcome, Unknown) else None
    answered_app = raw.get("app")
    app_raw = raw if error or not isinstance(answered_app, dict) else answered_app
    endpoint = error.endpoint if isinstance(error, DeployAnswerIncomplete) else raw.get("endpoint")
    resources = resources_of(snapshot)
    transport = saver.client.transport
    derived = endpoint_of(transport.base_url, app_raw, sandbox=transport.is_sandbox) or ""
    record = record_of(
        version=_text(app_raw.get("version")),
        endpoint=_text(endpoint) or (last_record.endpoint if last_record else "") or derived,
        resources=resources,
    )
    if not joined:
        await asyncio.to_thread(records.keep, record)
    return Deployed(
        before=snapshot.app.text("version") if snapshot.app and not joined else "",
        version=record.version,
        endpoint=record.endpoint,
        revision=record.revision,
        changes=None if last_record is None else tuple(changes_since(last_record, resources)),
        snapshot=snapshot,
        changed_meanwhile=bool(snapshots) and revision_of(resources_of(snapshots[-1])) != record.revision,
        doubt="incomplete" if isinstance(error, DeployAnswerIncomplete) else "lost" if error else "",
        request_id=None if isinstance(outcome, Unknown) else outcome.request_id,
        notices=tuple(records.notices),
    )


def refusal_lines(error: DrioError) -> list[str]:
    """Return the reasons of a server that refused to deploy, line by line; not sanitized."""
    details = getattr(error, "details", None)
    problems = details.get("problems") if isinstance(details, dict) else None
    if not isinstance(problems, list):
        return []
    lines = (problem.get("message") or problem.get("code") for problem in problems if isinstance(problem, dict))
    return [line for line in lines if isinstance(line, str)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
