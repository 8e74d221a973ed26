"""Where the arguments of a chain's tools come from, as users chose it: kept on this machine, since drio has no place.

The file `chains.json` of an app, beside its runs (`run_history`), holds an entry for each pair of tools:

    {"tool": ID, "toolKey": KEY, "next": ID, "nextKey": KEY,
     "arguments": {NAME: {"from": ID, "fromKey": KEY, "path": JSONPATH}, NAME: null}}

`from` is empty for the arguments of the first call; null leaves an argument out. Tools are found by id, so that one
that was renamed keeps its choices; by key, if it was created again. Properties that are not known are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.json_codec import Document
from drio_tui.storage.files import read_private, write_private
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.argument_suggestions import FIRST_ARGUMENTS, ArgumentPath
from drio_tui.workspace.run.run_history import NotKept, RunHistory

VERSION = 1
MOST = 1_000
"""The most pairs of tools of an app; the oldest are dropped."""
_FILE_BYTES = 4 << 20
_FILE = "chains.json"

Places = dict[str, ArgumentPath | None]
"""Where each argument comes from; None leaves it out."""


class ChainChoices:
    """The choices of one app, as they were read. `read` and `keep` block: call them in a thread."""

    def __init__(self, history: RunHistory, entries: list[Document] | None = None) -> None:
        self._history = history
        self._entries = entries or []

    @classmethod
    def read(cls, history: RunHistory) -> ChainChoices:
        """Return the kept choices of an app; none where the file is absent, unreadable or of a newer version."""
        document = _read(history)
        return cls(history, _entries(document) if _is_known(document) else [])

    def places(self, snapshot: Snapshot, tool: str, next_tool: str) -> Places:
        """Return the choices for the arguments of `next_tool` after `tool` (ids); empty if there are none."""
        entry = self._entry(snapshot, tool, next_tool)
        arguments = entry.get("arguments") if entry is not None else None
        places: Places = {}
        for name, place in arguments.items() if isinstance(arguments, dict) else ():
            if place is None:
                places[name] = None
            elif isinstance(place, dict) and isinstance(place.get("path"), str):
                places[name] = ArgumentPath(
                    _current_id(snapshot, place.get("from"), place.get("fromKey")), place["path"]
                )
        return places

    def keep(self, snapshot: Snapshot, tool: str, next_tool: str, places: Mapping[str, ArgumentPath | None]) -> None:
        """Keep choices for these arguments, and those for others as they are. Raises `NotKept`."""
        with self._history.writing():
            document = _read(self._history)
            if document is not None and not _is_known(document):
                raise NotKept(f"{self._history.folder / _FILE} was written by a newer version, and is left as it is")
            document = document if isinstance(document, dict) else {"v": VERSION}
            self._entries = _entries(document)
            entry = self._entry(snapshot, tool, next_tool)
            if entry is None:
                entry = {}
            else:
                self._entries.remove(entry)
            entry |= {
                "tool": tool,
                "toolKey": _key(snapshot, tool),
                "next": next_tool,
                "nextKey": _key(snapshot, next_tool),
            }
            arguments = entry["arguments"] = entry["arguments"] if isinstance(entry.get("arguments"), dict) else {}
            for name, place in places.items():
                known = arguments.get(name)
                arguments[name] = None if place is None else {
                    **(known if isinstance(known, dict) else {}),
                    "from": place.tool, "fromKey": _key(snapshot, place.tool), "path": place.path,
                }  # fmt: skip
            self._entries = [*self._entries, entry][-MOST:]
            document["chains"] = self._entries
            write_private(self._history.folder / _FILE, json_codec.dumps(document).encode("ascii"))

    def _entry(self, snapshot: Snapshot, tool: str, next_tool: str) -> Document | None:
        """Return the newest entry of two tools: by their ids, else by the keys of tools that were created again."""
        wanted = (tool, next_tool)
        by_key = None
        for entry in reversed(self._entries):
            ids = (entry.get("tool"), entry.get("next"))
            if ids == wanted:
                return entry
            current = (
                _current_id(snapshot, ids[0], entry.get("toolKey")), _current_id(snapshot, ids[1], entry.get("nextKey"))
            )  # fmt: skip
            if by_key is None and current == wanted:
                by_key = entry
        return by_key


def _current_id(snapshot: Snapshot, id: Any, key: Any) -> str:
    """Return the id of a tool, or of the one that has its key now if it is gone."""
    if not isinstance(id, str) or id == FIRST_ARGUMENTS:
        return FIRST_ARGUMENTS
    if snapshot.resource("tool", id) is None and isinstance(key, str) and key:
        return next((tool.id for tool in snapshot.resources("tool") if tool.text("key") == key), id)
    return id


def _key(snapshot: Snapshot, tool: str) -> str:
    resource = snapshot.resource("tool", tool) if tool else None
    return resource.text("key") if resource is not None else ""


def _is_known(document: Any) -> bool:
    return isinstance(document, dict) and document.get("v") == VERSION


def _entries(document: Any) -> list[Document]:
    entries = document.get("chains") if isinstance(document, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _read(history: RunHistory) -> Any:
    """Return the file's JSON, None where it cannot be read."""
    try:
        return json_codec.loads(read_private(history.folder / _FILE, limit=_FILE_BYTES))
    except (OSError, json_codec.MalformedJson):
        return None
