"""The marks of apps that differ from their documents, for the apps whose document the program knows."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from drio_tui.api.errors import DrioError
from drio_tui.text import count_of
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_MOST_CHECKED = 8
"""How many apps are compared with their documents, those first that were compared last."""
_SECONDS = 30.0
"""How long a mark is kept before the app is compared again."""


@dataclass(frozen=True, slots=True)
class DriftMark:
    """How an app differs from its document at `path` (as text for the user, not sanitized).

    `drifted` is the number of resources that were changed in drio, `not_applied` of those that were changed in the
    document; `problem` is why they could not be compared, else empty. `at` is when they were, in seconds since
    the epoch.
    """

    path: str
    drifted: int = 0
    not_applied: int = 0
    problem: str = ""
    at: float = 0.0

    @property
    def sign(self) -> Content:
        """The mark in the list of apps, which takes no space where nothing differs."""
        if self.problem:
            return Content.styled("▲ ", "$text-warning")
        return Content.styled("≠ ", "$text-warning") if self.drifted or self.not_applied else Content()

    @property
    def text(self) -> Content:
        """What the mark means, for the details of the app."""
        path = sanitize_line(self.path, 300)
        if self.problem:
            return Content.assemble(path, "\n", sanitize_line(f"▲ {self.problem}", 300, "$text-warning"))
        parts = []
        if self.drifted:
            parts.append(f"{count_of(self.drifted, 'resource')} changed in drio")
        if self.not_applied:
            parts.append(f"{count_of(self.not_applied, 'resource')} not applied")
        if not parts:
            return Content.assemble(path, ("\n✓ as in drio", "$text-success"))
        return Content.assemble(path, (f"\n≠ {', '.join(parts)} (M)", "$text-warning"))


async def check_drift(
    client: DrioClient,
    apps: Collection[str],
    marks: Mapping[str, DriftMark],
    report: Callable[[str, DriftMark], object],
) -> None:
    """Compare the apps (ids) whose document is known with it, one after the other; `report` gets each mark.

    Those that have a current mark among `marks` are left out. Raises nothing but `asyncio.CancelledError`.
    """
    from drio_tui.manifest.known_documents import known_documents, shown_path

    known = await asyncio.to_thread(known_documents, client.transport.server_id)
    for document in [document for document in known if document.app in apps][:_MOST_CHECKED]:
        mark = marks.get(document.app)
        if mark is None or mark.at < max(time.time() - _SECONDS, document.at) or mark.path != shown_path(document.path):
            report(document.app, await _compare(client, document.app, document.path))


async def _compare(client: DrioClient, app: str, path: str) -> DriftMark:
    from drio_tui.manifest.known_documents import shown_path
    from drio_tui.manifest.opened import drift_of

    shown = shown_path(path)
    try:
        drift = await drift_of(client, app, Path(path), os.environ)
    except DrioError as error:
        return DriftMark(shown, problem=error.message.partition("\n")[0] or error.title, at=time.time())
    return DriftMark(shown, len(drift.changes), drift.not_applied, at=time.time())
