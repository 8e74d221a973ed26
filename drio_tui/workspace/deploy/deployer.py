"""One deploy from start to end: what is sent, what comes of it, and what it brought."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.client import DeployAnswerIncomplete
from drio_tui.api.errors import DrioError
from drio_tui.kinds import APP
from drio_tui.workspace.deploy.deploy_record import (
    Change,
    DeployRecordStore,
    changes_since,
    record_of,
    resources_of,
    revision_of,
)
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown
from drio_tui.workspace.saving.saver import Saver

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Deployed:
    """The app is live. `revision` names the config that was sent; `snapshot` is that config.

    `moved` says that someone else changed the app meanwhile, so that what went live may be either. `doubt` says that
    it was not the answer that told it, but reading the app again: the answer was lost, or lacked the app or the
    endpoint. `endpoint` is empty where it named none and no earlier deploy did.
    """

    before: str
    version: str
    endpoint: str
    revision: str
    changes: tuple[Change, ...] | None
    snapshot: Snapshot = field(repr=False)
    moved: bool = False
    doubt: Literal["", "lost", "incomplete"] = ""
    request_id: str | None = None
    notices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it; `changes` is null where no earlier deploy is known here."""
        changes = None if self.changes is None else [change.as_dict() for change in self.changes]
        return {
            "versionBefore": self.before or None, "version": self.version or None, "endpoint": self.endpoint or None,
            "revision": self.revision, "changes": changes, "changedMeanwhile": self.moved,
            "answerLost": self.doubt == "lost", "answerIncomplete": self.doubt == "incomplete",
            "requestId": self.request_id,
        }  # fmt: skip


async def deploy(
    saver: Saver, app: str, records: DeployRecordStore, tell: Tell = lambda _: None
) -> Deployed | Refused | Failed | Unknown:
    """Deploy the app as it is once the writes under way have ended; `tell` gets each step in a few words.

    A caller that goes away does not end it (see `Saver`). After an answer that was lost the app is read again.
    """
    if saver.intents.busy(app):
        tell("Waiting for the save under way")
    seen: list[Snapshot] = []

    async def look() -> None:
        tell("Reading it back" if seen else "Reading what is to go live")
        seen.append(await read(saver, app))
        if len(seen) == 1:
            tell("Deploying")

    outcome = await saver.deploy(app, look)
    if isinstance(outcome, Refused | Failed) or (isinstance(outcome, Unknown) and outcome.verdict != "applied"):
        return outcome
    joined = not seen  # it was under way already, for someone who asked before: that one keeps the record
    if joined:
        with contextlib.suppress(DrioError):
            await look()
    snapshot = seen[0] if seen else Snapshot(app)
    last = await asyncio.to_thread(records.read)
    raw = outcome.raw or {}
    error = outcome.error if isinstance(outcome, Unknown) else None
    told = raw.get("app")
    app_raw = raw if error or not isinstance(told, dict) else told
    endpoint = error.endpoint if isinstance(error, DeployAnswerIncomplete) else raw.get("endpoint")
    resources = resources_of(snapshot)
    record = record_of(
        version=_text(app_raw.get("version")),
        endpoint=_text(endpoint) or (last.endpoint if last else ""),
        resources=resources,
    )
    if not joined:
        await asyncio.to_thread(records.keep, record)
    return Deployed(
        before=snapshot.app.text("version") if snapshot.app and not joined else "",
        version=record.version,
        endpoint=record.endpoint,
        revision=record.revision,
        changes=None if last is None else tuple(changes_since(last, resources)),
        snapshot=snapshot,
        moved=bool(seen) and revision_of(resources_of(seen[-1])) != record.revision,
        doubt="incomplete" if isinstance(error, DeployAnswerIncomplete) else "lost" if error else "",
        request_id=None if isinstance(outcome, Unknown) else outcome.request_id,
        notices=tuple(records.notices),
    )


async def read(saver: Saver, app: str) -> Snapshot:
    """The app as it is. Raises the `DrioError` that kept the app itself from being read."""
    snapshot = Snapshot(app)
    await load_app(saver.client, app, snapshot.apply)
    error = snapshot.parts[APP.name].error
    if error is not None:
        raise error
    return snapshot


def refusal_lines(error: DrioError) -> list[str]:
    """What a server that refused to deploy says stands in the way, line by line; not yet safe to show."""
    details = getattr(error, "details", None)
    problems = details.get("problems") if isinstance(details, dict) else None
    if not isinstance(problems, list):
        return []
    lines = (problem.get("message") or problem.get("code") for problem in problems if isinstance(problem, dict))
    return [line for line in lines if isinstance(line, str)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
