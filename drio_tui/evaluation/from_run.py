"""A test that expects the parts that a run has returned: a start for the user, who adds what their values are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.api.redact import is_secret
from drio_tui.document_layout import SECRET, escape, escape_names
from drio_tui.evaluation.tool_test import NAME_MAX
from drio_tui.text import one_line
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.mapping import step_text
from drio_tui.workspace.run.tool_run import Run, mapping_outcomes

_MOST_VALUES = 5
_MOST_LOOKED_AT = 200


def suggested_test(bound: BoundTool, run: Run) -> Document:
    """Return a test with the arguments and the status of a run, and which values its result has, as a document has it.

    Values change from day to day: only one that was an argument, such as the id of what was asked for, is expected to
    be equal. Secret arguments are `$secret`s.
    """
    secret = {name for name in run.arguments if is_secret(name) or name in bound.secret_names}
    arguments = {
        escape(name): {SECRET: _variable(name)} if name in secret else escape_names(value)
        for name, value in run.arguments.items()
    }
    expect: Document = {"status": "error" if run.failed else "ok"}
    if not run.failed:
        asked = {
            value for name, value in run.arguments.items() if isinstance(value, str) and value and name not in secret
        }
        if values := _values(run.value, asked):
            expect["values"] = values
        if slots := [outcome.slot for outcome in mapping_outcomes(bound, run) if outcome.state == "found"]:
            expect["slots"] = slots
    name = one_line(bound.title, NAME_MAX // 2)
    return {"name": f"{name} {'fails' if run.failed else 'succeeds'}", "arguments": arguments, "expect": expect}


def _variable(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    return text if text and not text[0].isdigit() else f"SECRET_{text}".rstrip("_")


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a test, with a number where another test of the tool has it."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name} ({number})", number + 1
    return unused


def _values(result: Any, asked: Collection[str]) -> list[Document]:
    equal: list[Document] = []
    existing: list[Document] = []
    for path, name, value in _parts(result):
        if isinstance(value, list):
            existing.append({"path": path if not value else f"{path}[0]", "exists": True})
        elif isinstance(value, str) and value in asked:
            equal.append({"path": path, "equals": value})
        elif value is not None and name:
            existing.append({"path": path, "exists": True})
    checks = [*equal, *existing][:_MOST_VALUES]
    parents = {path for check in checks for path in _parents(check["path"])}
    return [check for check in checks if check["path"] not in parents or "equals" in check]


def _parents(path: str) -> Iterator[str]:
    """Yield the paths that a path leads through, which have a value where it has one."""
    for number, character in enumerate(path):
        if character in ".[":
            yield path[:number]


def _parts(result: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of what is in a result, breadth first; of a list only what is in its first item."""
    queue: list[tuple[str, str, Any]] = [("$", "", result)]
    for number in range(_MOST_LOOKED_AT):
        if number >= len(queue):
            return
        path, name, value = queue[number]
        if not isinstance(value, dict):
            yield path, name, value
        if isinstance(value, dict):
            queue += [(f"{path}{step_text(str(inner))}", str(inner), item) for inner, item in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            queue += [(f"{path}[0]{step_text(str(inner))}", str(inner), item) for inner, item in value[0].items()]
