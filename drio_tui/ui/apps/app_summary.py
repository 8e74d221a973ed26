"""The details of one app, as blocks of a document."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from drio_tui.api.errors import DrioError
from drio_tui.asyncio_wait import import_in_thread
from drio_tui.kinds import CONTENTS
from drio_tui.text import count_of
from drio_tui.ui.apps.drift_marks import DriftMark
from drio_tui.ui.widgets.rich_text import Block, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import TONES, age, label_of, scalar
from drio_tui.workspace.model.status_tone import tone_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.deploy.deploy_record import Record
    from drio_tui.workspace.model.snapshot import Resource

_MUTED = "$foreground-muted"
_PROPERTIES = ("slug", "version", "templateId", "companyUrl")


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What the list of apps does not contain: the number of resources by kind, and the last deploy from this machine.

    `version` is the one that is live as far as the app tells. `error` is the reason why the resources are not counted.
    `errors` and `warnings` are the numbers of problems in the config; `endpoint` is empty if the app is not deployed,
    or it is not known where.
    """

    counts: Mapping[str, int]
    deployed: Record | None
    error: str = ""
    errors: int = 0
    warnings: int = 0
    endpoint: str = ""
    version: str = ""


async def fetch_facts(client: DrioClient, app: str, server: str) -> AppFacts:
    """Count the app's resources and problems by one GET of its config, and read its last deploy. Never raises."""
    for module in ("drio_tui.workspace.deploy.deploy_record", "drio_tui.workspace.lint.resource_checks"):
        await import_in_thread(module)  # not needed for the first screen
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, endpoint_of_app
    from drio_tui.workspace.lint.resource_checks import check_resources, count_severities
    from drio_tui.workspace.model.loader import snapshot_of_config
    from drio_tui.workspace.model.references import Links

    deployed = await asyncio.to_thread(DeployRecordStore(server, app).read)
    endpoint = deployed.endpoint if deployed is not None else ""
    try:
        config = await client.config(app)
    except DrioError as error:
        return AppFacts({}, deployed, str(error), endpoint=endpoint)
    snapshot = await snapshot_of_config(app, config)
    if snapshot.app is not None and isinstance(snapshot.app.raw, dict):
        with contextlib.suppress(DrioError):
            endpoint = await endpoint_of_app(client, snapshot.app.raw)
    counts = {
        kind.name: len(part.resources) for kind in CONTENTS if (part := snapshot.parts[kind.name]).state == "ready"
    }
    problems = await asyncio.to_thread(lambda: check_resources(snapshot, Links(snapshot)))
    errors, warnings = count_severities(problems)
    version = snapshot.app.text("version") if snapshot.app is not None else ""
    return AppFacts(counts, deployed, errors=errors, warnings=warnings, endpoint=endpoint, version=version)


def app_blocks(app: Resource, facts: AppFacts | None, mark: DriftMark | None = None) -> list[Block]:
    """Return the details of an app, the most important first.

    `facts` is None while they are loading, `mark` if no document of the app is known.
    """
    return list(_blocks(app, facts, mark))


def _blocks(app: Resource, facts: AppFacts | None, mark: DriftMark | None) -> Iterator[Block]:
    status = app.text("status")
    yield Heading(sanitize_line(app.name, 200, "bold $text-primary"), sanitize_line(status, 24, TONES[tone_of(status)]))
    if app.reason:
        yield Paragraph(sanitize_line(f"Not as documented: {app.reason}", 1000, "$text-warning"), Content("▲"))
    yield Field(Content.styled("Content", _MUTED), _content(facts))
    if facts is not None and not facts.error:
        yield Field(Content.styled("Problems", _MUTED), _problems(facts))
    yield Field(Content.styled("Deployed", _MUTED), _deploy(facts))
    if facts is not None and facts.endpoint:
        yield Field(Content.styled("Endpoint", _MUTED), sanitize_line(facts.endpoint, 300))
    if mark is not None:
        yield Field(Content.styled("Document", _MUTED), mark.text)
    for name in _PROPERTIES:
        if app.text(name):
            yield Field(sanitize_line(label_of(name), 40, _MUTED), scalar(app.get(name), name))
    if app.text("description"):
        yield Gap()
        yield Paragraph(sanitize(app.text("description")[:2000], multiline=True))


def _content(facts: AppFacts | None) -> Content:
    if facts is None:
        return Content.styled("◌ counting…", _MUTED)
    if facts.error:
        return sanitize_line(f"▲ not counted: {facts.error}", 300, "$text-warning")
    return Content(", ".join(count_of(facts.counts[kind.name], kind.title.lower()) for kind in CONTENTS
                             if kind.name in facts.counts))  # fmt: skip


def _problems(facts: AppFacts) -> Content:
    parts = []
    if facts.errors:
        parts.append(Content.styled(f"✗ {count_of(facts.errors, 'error')}", "$text-error"))
    if facts.warnings:
        parts.append(Content.styled(f"▲ {count_of(facts.warnings, 'warning')}", "$text-warning"))
    return Content("  ").join(parts) if parts else Content.styled("✓ none", "$text-success")


def _deploy(facts: AppFacts | None) -> Content:
    if facts is None:
        return Content.styled("…", _MUTED)
    last = facts.deployed
    if last is None:
        return Content.styled("none from this machine", _MUTED)
    own = Content.assemble(sanitize_line(last.version, 40), (f"  {age(time.time() - last.at)}", _MUTED))
    if not facts.version or facts.version == last.version:
        return own
    live = Content.assemble(sanitize_line(facts.version, 40), " is live, deployed or restored elsewhere")
    return Content.assemble(live, (". The draft may differ. From this machine: ", _MUTED), own)
