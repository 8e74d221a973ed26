"""The arguments that the next tool of a chain takes from earlier results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.tool_calls import tools

Fits = Callable[[Any, Any], bool]
"""Returns whether a value (second parameter) is valid under the schema of an argument (first parameter)."""


@dataclass(frozen=True, slots=True)
class ChainArguments:
    """The arguments that were found.

    `sources` holds the index of the source of each, `absent` the required ones that no source has.
    """

    arguments: Document
    sources: dict[str, int] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def chain_arguments(schema: Document, sources: Sequence[Document], fits: Fits) -> ChainArguments:
    """Return, for every argument of the schema, the first value in `sources` that has its name and is valid for it."""
    arguments: Document = {}
    source_indexes: dict[str, int] = {}
    for name, argument_schema in tools.properties(schema).items():
        for index, source in enumerate(sources):
            if name in source and source[name] is not None and fits(argument_schema, source[name]):
                arguments[name] = source[name]
                source_indexes[name] = index
                break
    return ChainArguments(arguments, source_indexes, [name for name in tools.required(schema) if name not in arguments])
