"""What the clients of models refuse in an input schema, though it is valid JSON Schema: who, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui.tool_calls.schemas import all_within
from drio_tui.tool_calls.token_count import compact

_MEMBER = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that a client refuses at `path`, as a sentence; the first of `count` places."""

    sentence: str
    path: str
    count: int = 1


def refusals(schema: dict[str, Any]) -> list[Refusal]:
    """One for each reason, with how many places have it. Names of arguments themselves are not looked at."""
    found: dict[str, Refusal] = {}
    for where, part in sorted(all_within(schema), key=lambda each: each[0]):
        path = ".".join(where)
        for reason in _reasons(part, nested=bool(where)):
            known = found.get(reason)
            found[reason] = Refusal("", known.path, known.count + 1) if known else Refusal("", path)
    return [
        Refusal(f"{reason}{f' ({one.count} places)' if one.count > 1 else ''}.", one.path, one.count)
        for reason, one in found.items()
    ]


def _reasons(part: dict[str, Any], *, nested: bool) -> Iterator[str]:
    kind = part.get("type")
    kinds = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    if "array" in kinds and "items" not in part:
        yield "OpenAI's and Gemini's APIs refuse a list without items, and all other tools with it"
    if isinstance(part.get("items"), list):
        yield "Gemini's and xAI's APIs refuse items that are a list of schemas"
    if "prefixItems" in part:
        yield "Gemini's API knows no prefixItems: a list of several kinds by position"
    enum = part.get("enum")
    if isinstance(enum, list):
        if not all(isinstance(one, str) for one in enum):
            yield "Gemini's API takes an enum of texts only"
        if len({compact(one) for one in enum}) < len(enum):
            yield "OpenAI's API refuses an enum that has a value twice"
        if "default" in part and compact(part["default"]) not in map(compact, enum):
            yield "Nobody can send its default, which is none of its enum"
    properties, required = part.get("properties"), part.get("required")
    if isinstance(properties, dict):
        if nested and any(not _MEMBER.fullmatch(str(name)) for name in properties):
            yield "Claude's API takes names of members of up to 64 letters, digits, _ . and - only"
        if isinstance(required, list) and any(isinstance(name, str) and name not in properties for name in required):
            yield "Gemini's API refuses a required member that is not described"
