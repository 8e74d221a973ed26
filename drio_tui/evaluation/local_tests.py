"""Tests of the tools of an app that has no document: kept on this machine, since drio has no place for them.

The file `tests.json` of an app, beside its runs (`run_history`), has them as a document has them, by the keys of tools:
`{"v": 1, "tests": {KEY: [{"name": …, "arguments": …, "expect": …}]}}`. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.json_codec import Document
from drio_tui.storage.files import read_private, write_private
from drio_tui.workspace.run.run_history import NotKept, RunHistory

VERSION = 1
_FILE = "tests.json"
_FILE_BYTES = 4 << 20

Section = dict[str, list[Document]]
"""Tests by the keys of their tools, as a document has them."""


def local_section(history: RunHistory) -> Section:
    """Return the tests that are kept of an app; none where the file is absent, unreadable or of a newer version."""
    document = _read(history)
    return _section(document) if _is_known(document) else {}


def keep_local(history: RunHistory, tool: str, tests: list[Document]) -> None:
    """Replace the tests of a tool. Raises `NotKept`."""
    with history.writing():
        document = _read(history)
        if document is not None and not _is_known(document):
            raise NotKept(f"{history.folder / _FILE} was written by a newer version, and is left as it is")
        section = _section(document)
        section.pop(tool, None)
        if tests:
            section[tool] = tests
        content = {**(document or {"v": VERSION}), "tests": section}
        data = json_codec.dumps(content).encode("ascii")
        if len(data) > _FILE_BYTES:
            raise NotKept(f"The tests of the app are larger than {_FILE_BYTES >> 20} MiB.")
        write_private(history.folder / _FILE, data)


def merged(first: Section, second: Section) -> Section:
    """Return the tests of both; of two with the same name, that of `first`."""
    result: Section = {**first}
    for tool, tests in second.items():
        entries = result.get(tool, [])
        if not isinstance(entries, list):
            continue  # a document has them in another file
        known = {test.get("name") for test in entries if isinstance(test, dict)}
        if added := [test for test in tests if test.get("name") not in known]:
            result[tool] = [*entries, *added]
    return result


def _read(history: RunHistory) -> Any:
    """Return the file's JSON, None where it cannot be read."""
    try:
        return json_codec.loads(read_private(history.folder / _FILE, limit=_FILE_BYTES))
    except (OSError, json_codec.MalformedJson):
        return None


def _is_known(document: Any) -> bool:
    return isinstance(document, dict) and document.get("v") == VERSION


def _section(document: Any) -> Section:
    tests = document.get("tests") if isinstance(document, dict) else None
    return {
        tool: [test for test in entries if isinstance(test, dict)]
        for tool, entries in (tests.items() if isinstance(tests, dict) else ())
        if isinstance(entries, list)
    }
