"""A test that expects what a run has returned: a start for the user, who leaves out what changes from day to day."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.api.redact import is_secret
from drio_tui.document_layout import SECRET, escape, escape_names
from drio_tui.evaluation.tool_test import NAME_MAX
from drio_tui.tool_calls.token_count import compact
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.mapping import step_text
from drio_tui.workspace.run.tool_run import Run, mapping_outcomes

_MOST_VALUES = 5
_MOST_LOOKED_AT = 200
_STABLE = re.compile(r"id|[A-Za-z0-9_]*(?:Id|_id)|key|slug|name|title|email|code|sku")
"""Names of properties whose values rarely change."""
_LONGEST_EQUAL = 200


def suggested_test(bound: BoundTool, run: Run) -> Document:
    """Return a test with the arguments and the status of a run, and values of its result, as a document has it.

    Secret arguments are `$secret`s.
    """
    secret = {name for name in run.arguments if is_secret(name) or name in bound.secret_names}
    arguments = {
        escape(name): {SECRET: _variable(name)} if name in secret else escape_names(value)
        for name, value in run.arguments.items()
    }
    expect: Document = {"status": "error" if run.failed else "ok"}
    if not run.failed:
        if values := _values(run.value):
            expect["values"] = values
        if slots := [outcome.slot for outcome in mapping_outcomes(bound, run) if outcome.state == "found"]:
            expect["slots"] = slots
    shown = {name: value for name, value in run.arguments.items() if name not in secret}
    return {"name": _name(shown), "arguments": arguments, "expect": expect}


def _variable(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    return text if text and not text[0].isdigit() else f"SECRET_{text}".rstrip("_")


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a test, with a number where another test of the tool has it."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name} ({number})", number + 1
    return unused


def _name(arguments: Document) -> str:
    parts = (f"{name}={value if isinstance(value, str) else compact(value)}" for name, value in arguments.items())
    return " ".join(", ".join(parts).split())[: NAME_MAX // 2] or "without arguments"


def _values(result: Any) -> list[Document]:
    stable: list[Document] = []
    others: list[Document] = []
    for path, name, value in _parts(result):
        if isinstance(value, list):
            others.append({"path": path, "count": 0} if not value else {"path": f"{path}[0]", "exists": True})
        elif isinstance(value, str) and _STABLE.fullmatch(name) and len(value) <= _LONGEST_EQUAL:
            stable.append({"path": path, "equals": value})
        elif value is not None and name:
            others.append({"path": path, "exists": True})
    return [*stable, *others][:_MOST_VALUES]


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
