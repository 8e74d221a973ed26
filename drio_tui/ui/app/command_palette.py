"""The command palette: finds resources, apps, templates, settings and commands by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from drio_tui.ui.app.palette_entries import Entry, Match, load_more, make_entries, ranked
from drio_tui.ui.base.workers import start_worker
from drio_tui.workspace.model.search import matched_positions

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp

_MOST = 40
"""How many matches are shown: more are no help, and each takes time to draw."""
_CHUNK = 250
"""How many entries are ranked before other work of the event loop, such as the next key, gets its turn."""
_RECENT_SHOWN = 5
_RECENT_KEPT = 50
_TAG_CELLS = 12
_NAME_CELLS = 40


class Commands(Provider):
    """Provides the palette's entries, best first, one line each.

    They are passed as `Content`, without markup: their names may contain any text. Textual accepts `Content`, without
    reading markup in it.
    """

    _entries: Sequence[Entry] = ()

    @property
    def _drio(self) -> DrioApp:
        return cast("DrioApp", self.app)

    async def startup(self) -> None:
        self._loaded = asyncio.Event()
        self._make_entries()
        start_worker(self._drio, self._add_more, group="palette", exclusive=True)

    def _make_entries(self) -> None:
        self._entries = make_entries(self._drio, self.screen)

    async def _add_more(self) -> None:
        """Read what nothing has read yet, while the user types; the next key finds it, or a search without matches."""
        try:
            if await load_more(self._drio):
                self._make_entries()
        finally:
            self._loaded.set()

    async def discover(self) -> Hits:
        """Yield what was chosen last, then every command, sorted by name."""
        recent = self._drio.navigator.recent
        by_key = {entry.key: entry for entry in self._entries}
        last = [by_key[key] for key in recent if key in by_key][:_RECENT_SHOWN]
        commands = [entry for entry in self._entries if entry.tag == "Command" and entry not in last]
        for entry in [*last, *commands]:
            yield DiscoveryHit(_line(entry, ""), partial(self._run, entry), entry.name)

    async def search(self, query: str) -> Hits:
        """Yield the best matches; those that are as good are ordered by `ranked`."""
        matches = await self._matches(query)
        if not matches and not self._loaded.is_set():
            await self._loaded.wait()
            matches = await self._matches(query)
        for number, (_, entry) in enumerate(matches[:_MOST]):
            yield Hit(1 - number / _MOST, _line(entry, query), partial(self._run, entry), entry.name)

    async def _matches(self, query: str) -> list[Match]:
        recent = self._drio.navigator.recent
        matches: list[Match] = []
        for start in range(0, len(self._entries), _CHUNK):
            matches += ranked(self._entries[start : start + _CHUNK], query, recent, start)
            await asyncio.sleep(0)
        return sorted(matches, key=lambda match: match[0])

    async def _run(self, entry: Entry) -> None:
        navigator = self._drio.navigator
        navigator.recent = [entry.key, *(key for key in navigator.recent if key != entry.key)][:_RECENT_KEPT]
        result = entry.run()
        if asyncio.iscoroutine(result):
            await result


def _line(entry: Entry, query: str) -> Content:
    """Return an entry as a line: what it is, its name with the matching letters underlined, its note, its place."""
    name = Content(entry.name)
    for position in matched_positions(query, entry.name):
        name = name.stylize("underline", position, position + 1)
    name = name.truncate(_NAME_CELLS, ellipsis=True)
    note = (f"  {entry.note}", "$text-accent") if entry.note else ""
    place = (f"  {entry.place}", "$foreground-muted not bold") if entry.place else ""
    return Content.assemble((f"{entry.tag:<{_TAG_CELLS}}", "$text-secondary not bold"), name, note, place)
