"""The MCP tool annotations in words, and whether they go with what the tool does.

They are hints for clients, not promises. Meanings and defaults are those of the MCP specification
(2025-06-18, `ToolAnnotations`): not read-only, destructive, not idempotent, open world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.tool_calls.requests import SAFE

READ_ONLY, DESTRUCTIVE = "readOnlyHint", "destructiveHint"
IDEMPOTENT, OPEN_WORLD = "idempotentHint", "openWorldHint"

EXPLAINED: dict[str, tuple[str, str]] = {
    "title": ("Title", "What clients call the tool, in place of its name."),
    READ_ONLY: ("Only reads", "It changes nothing anywhere. Clients may call it without asking first."),
    DESTRUCTIVE: ("Can destroy", "It may delete or overwrite, not only add. Taken for granted unless you say no."),
    IDEMPOTENT: ("Safe to repeat", "Calling it again with the same arguments changes nothing more."),
    OPEN_WORLD: ("Open world", "It reaches beyond one closed system, such as a web search. Assumed unless you say no."),
}
"""Each annotation's name for people, and what it means."""

_REPEATS = frozenset({"PUT", "DELETE"})

Tone = Literal["plain", "warning"]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence about the annotations."""

    text: str
    tone: Tone = "plain"


def words(annotations: Any, method: str = "") -> list[Said]:
    """What a client will make of the annotations; `method` is that of the operation the tool calls, if known."""
    given = annotations if isinstance(annotations, Mapping) else {}
    reads = _flag(given, READ_ONLY, False)
    destroys = _flag(given, DESTRUCTIVE, True)
    repeats = _flag(given, IDEMPOTENT, False)
    found: list[Said] = []
    if reads:
        found.append(Said("Clients take it for harmless and may call it without asking."))
        if given.get(DESTRUCTIVE) is True:
            found.append(Said("“Can destroy” does not count for a tool that only reads.", "warning"))
    else:
        ask = "Clients will ask before they call it" if destroys else "Clients may ask before they call it"
        why = "it may delete or overwrite." if destroys else "it adds, but destroys nothing."
        found.append(Said(f"{ask}: {why}"))
        found.append(
            Said("A call may be repeated without harm." if repeats else "Each call counts: it is not repeated.")
        )
    open_world = _flag(given, OPEN_WORLD, True)
    found.append(
        Said(
            "It may meet anything out there, so its answers are less trusted."
            if open_world
            else "It stays within one system that is known."
        )
    )
    return found + _against(given, method.upper(), reads, repeats)


def _against(given: Mapping[str, Any], method: str, reads: bool, repeats: bool) -> list[Said]:
    if not method:
        return []
    if reads and method not in SAFE:
        return [Said(f"It says that it only reads, and calls an operation with {method}.", "warning")]
    if method in SAFE and not reads:
        return [Said(f"The operation is a {method}: “Only reads” would spare people a question.", "warning")]
    if method in _REPEATS and not repeats and IDEMPOTENT not in given:
        return [Said(f"A {method} can usually be repeated safely.")]
    return []


def _flag(given: Mapping[str, Any], name: str, default: bool) -> bool:
    value = given.get(name)
    return value if isinstance(value, bool) else default
