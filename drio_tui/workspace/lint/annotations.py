"""MCP tool annotations as sentences, and whether they match what the tool does.

Annotations are hints for clients, not promises. Meanings and defaults are those of the MCP specification
(2025-06-18, `ToolAnnotations`): not read-only, destructive, not idempotent, open world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

READ_ONLY, DESTRUCTIVE = "readOnlyHint", "destructiveHint"
IDEMPOTENT, OPEN_WORLD = "idempotentHint", "openWorldHint"

ANNOTATION_HELP: dict[str, tuple[str, str]] = {
    "title": ("Title", "What clients call the tool, in place of its name."),
    READ_ONLY: ("Only reads", "It changes nothing anywhere. Clients may call it without asking first."),
    DESTRUCTIVE: ("Can destroy", "It may delete or overwrite, not only add. Taken for granted unless you say no."),
    IDEMPOTENT: ("Safe to repeat", "Calling it again with the same arguments changes nothing more."),
    OPEN_WORLD: ("Open world", "It reaches beyond one closed system, such as a web search. Assumed unless you say no."),
}
"""The label and the explanation of each annotation."""
HINT_LABELS = {name: label for name, (label, _) in ANNOTATION_HELP.items() if name != "title"}

_IDEMPOTENT_METHODS = frozenset({"PUT", "DELETE"})

Tone = Literal["plain", "warning"]


@dataclass(frozen=True, slots=True)
class AnnotationNote:
    """A sentence about the annotations."""

    text: str
    tone: Tone = "plain"


def annotation_notes(annotations: Any, method: str = "") -> list[AnnotationNote]:
    """Return what a client concludes from the annotations. `method` is that of the tool's operation, if it is known."""
    values = annotations if isinstance(annotations, Mapping) else {}
    read_only = _flag(values, READ_ONLY, False)
    destructive = _flag(values, DESTRUCTIVE, True)
    idempotent = _flag(values, IDEMPOTENT, False)
    sentences: list[AnnotationNote] = []
    if read_only:
        sentences.append(AnnotationNote("Clients take it for harmless and may call it without asking."))
        if values.get(DESTRUCTIVE) is True:
            sentences.append(AnnotationNote("“Can destroy” does not count for a tool that only reads.", "warning"))
    else:
        ask = "Clients will ask before they call it" if destructive else "Clients may ask before they call it"
        why = "it may delete or overwrite." if destructive else "it adds, but destroys nothing."
        sentences.append(AnnotationNote(f"{ask}: {why}"))
        sentences.append(
            AnnotationNote(
                "A call may be repeated without harm." if idempotent else "Each call counts: it is not repeated."
            )
        )
    open_world = _flag(values, OPEN_WORLD, True)
    sentences.append(
        AnnotationNote(
            "It may meet anything out there, so its responses are less trusted."
            if open_world
            else "It stays within one system that is known."
        )
    )
    return sentences + _mismatches(values, method.upper(), read_only, idempotent)


def _mismatches(values: Mapping[str, Any], method: str, read_only: bool, idempotent: bool) -> list[AnnotationNote]:
    from drio_tui.tool_calls.requests import SAFE  # the first list needs the labels only

    if not method:
        return []
    if read_only and method not in SAFE:
        return [AnnotationNote(f"It says that it only reads, and calls an operation with {method}.", "warning")]
    if method in SAFE and not read_only:
        return [AnnotationNote(f"The operation is a {method}: “Only reads” would spare users a question.", "warning")]
    if method in _IDEMPOTENT_METHODS and not idempotent and IDEMPOTENT not in values:
        return [AnnotationNote(f"A {method} can usually be repeated safely.")]
    return []


def _flag(values: Mapping[str, Any], name: str, default: bool) -> bool:
    value = values.get(name)
    return value if isinstance(value, bool) else default
