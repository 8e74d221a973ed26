"""The order in which changes of the tools' chains are undone, so that no chain runs in a circle in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drio_tui.workspace.lint.tool_chain import ids
from drio_tui.workspace.saving.history import Entry


def chain_predecessors(entries: Iterable[Entry]) -> Iterator[tuple[str, ...]]:
    """Yield for each entry, in the order in which they are undone, the ids of those that must be undone before it.

    One whose undo adds a next tool comes after those before it that take one away: until then that may close a circle
    through chains that no entry is about. drio took the changes in the opposite order, so that nothing else can.
    """
    removing: tuple[str, ...] = ()
    for entry in entries:
        before, after = ({*ids((side or {}).get("nextToolIds"))} for side in (entry.before, entry.after))
        adds, removes = bool(before - after), bool(after - before)
        yield removing if adds else ()
        if removes:
            removing = (entry.id,) if adds else (*removing, entry.id)  # the others are undone before it
