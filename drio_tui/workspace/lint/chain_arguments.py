"""Whether the results of a chain can give the next tool its arguments.

Only what is certain is reported: every result before it is described by a schema that is not open, or was seen here,
and nothing in it suits a required argument. A tool that changes something is called by the model, which fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.text import first_names
from drio_tui.tool_calls import tools
from drio_tui.workspace.lint.diagnostics import Diagnostic, about
from drio_tui.workspace.lint.tool_chain import Chains, ids
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.argument_suggestions import (
    FIRST_ARGUMENTS,
    MOST_VALUES,
    Source,
    nouns_of,
    source_of,
    suggest_arguments,
)
from drio_tui.workspace.run.bound_tool import BoundTool, NotRunnable, bound_of, fits
from drio_tui.workspace.run.chain_choices import ChainChoices
from drio_tui.workspace.run.run_history import RunHistory

MOST_BEFORE = 10
"""Longer chains are not checked."""


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """What this machine knows of an app: the newest result of each tool, by id, and the choices for its chains."""

    results: Mapping[str, Any] = field(default_factory=dict)
    choices: ChainChoices | None = None

    @classmethod
    def read(cls, history: RunHistory) -> KnownRuns:
        """Read what is kept of an app. Blocking."""
        return cls(history.newest_results(), ChainChoices.read(history))


def unfilled_arguments(snapshot: Snapshot, known: KnownRuns) -> Iterator[Diagnostic]:
    """Report the required arguments of the next tools that no result before them can fill."""
    chains = Chains.of(snapshot)
    before: dict[str, set[str]] = {}
    for tool, targets in chains.next.items():
        for target in targets:
            before.setdefault(target, set()).add(tool)
    bound = {tool: found for tool in chains.names if (found := _bound(snapshot, tool)) is not None}
    all_sources = _Sources(bound, known)
    for resource in snapshot.resources("tool"):
        if resource.id not in bound or not bound[resource.id].enabled:
            continue
        for number, target in enumerate(ids(resource.get("nextToolIds"))):
            next_tool = bound.get(target)
            if next_tool is None or not next_tool.enabled or not next_tool.only_reads:
                continue
            sources = all_sources.of_chain(_with_predecessors(resource.id, before))
            names = _unfilled(next_tool, sources) if sources is not None else []
            kept = known.choices.places(snapshot, resource.id, target) if known.choices is not None else {}
            names = [name for name in names if kept.get(name) is None]
            if names:
                text = f"Nothing that comes before gives {next_tool.title} its {first_names(names, 5)}"
                yield about(resource, "unfilled_chain_argument", f"{text}.", f"nextToolIds[{number}]")


def _bound(snapshot: Snapshot, tool: str) -> BoundTool | None:
    try:
        return bound_of(snapshot, tool)
    except NotRunnable:  # another check reports it
        return None


def _with_predecessors(tool: str, before: Mapping[str, set[str]]) -> list[str]:
    """Return a tool and those whose results come before it in any chain, the nearest first."""
    found = [tool]
    for current in found:
        found += [earlier for earlier in sorted(before.get(current, ())) if earlier not in found]
    return found


class _Sources:
    """The results of tools and the arguments of their calls, each read once."""

    def __init__(self, bound: Mapping[str, BoundTool], known: KnownRuns) -> None:
        self._bound, self._known = bound, known
        self._of_tool: dict[str, list[Source] | None] = {}

    def of_chain(self, chain: list[str]) -> list[Source] | None:
        """Return the sources of these tools; None if one may have more, or if there are many tools or values."""
        if len(chain) > MOST_BEFORE:
            return None
        sources: list[Source] = []
        for id in chain:
            if id not in self._of_tool:
                self._of_tool[id] = self._read(id)
            of_tool = self._of_tool[id]
            if of_tool is None:
                return None
            sources += of_tool
        count = sum(1 for source in sources for _ in source.shape.walk())
        return sources if count <= MOST_VALUES else None

    def _read(self, id: str) -> list[Source] | None:
        tool = self._bound.get(id)
        if tool is None:
            return None
        path = tool.operation["path"]
        source = source_of(id, tool.title, schema=tool.output_schema, path=path)
        arguments = source_of(FIRST_ARGUMENTS, "", schema=tool.schema)
        known = [source] + ([arguments] if tools.properties(tool.schema) else [])
        if not source.shape.types or any(
            shape.is_open for known_source in known for shape in known_source.shape.walk()
        ):
            return None
        seen = self._known.results.get(id)
        return known if seen is None else [*known, source_of(id, tool.title, value=seen, path=path)]


def _unfilled(tool: BoundTool, sources: list[Source]) -> list[str]:
    suggestions = suggest_arguments(tool.schema, sources, fits, nouns=nouns_of(tool.title, tool.operation["path"]))
    return [
        name
        for name in tools.required(tool.schema)
        if name in suggestions and not any(suggestion.points > 0 for suggestion in suggestions[name])
    ]
