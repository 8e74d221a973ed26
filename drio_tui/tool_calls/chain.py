"""Which arguments a following tool of a chain takes from the results before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from drio_tui.tool_calls import tools

Document = dict[str, Any]
Fits = Callable[[Any, Any], bool]
"""Whether a value (second) fits the schema of an argument (first)."""


@dataclass(frozen=True, slots=True)
class ChainArguments:
    """`arguments` as they were found; `sources` tells from which source each came, by its index; `absent` are
    the required ones that no source has.
    """

    arguments: Document
    sources: dict[str, int] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def handed_on(schema: Document, sources: Sequence[Document], fits: Fits) -> ChainArguments:
    """For every argument of the schema the first value of that name and of a fitting kind in `sources`."""
    taken: Document = {}
    origin: dict[str, int] = {}
    for name, member in tools.properties(schema).items():
        for index, source in enumerate(sources):
            if name in source and source[name] is not None and fits(member, source[name]):
                taken[name] = source[name]
                origin[name] = index
                break
    return ChainArguments(taken, origin, [name for name in tools.required(schema) if name not in taken])
