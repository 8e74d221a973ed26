"""Renaming many resources by a pattern: their names, or their keys.

A pattern is `s/FIND/REPLACEMENT/`, as in sed with a regular expression and the flags `g` (all matches) and `i` (ignore
case), or a template such as `Contacts: {name}` with `{name}`, `{key}` and `{n}`, the number of the resource (`{n:2}`:
with two digits).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Literal

from drio_tui.kinds import APP, KINDS
from drio_tui.naming import kebab
from drio_tui.plan.bulk import BulkPlan, can_be_changed, name_problem, update_step
from drio_tui.plan.key_order import KeyChange, order_by_keys
from drio_tui.plan.replacing import Replacement
from drio_tui.plan.steps import Step
from drio_tui.workspace.model.snapshot import Resource, Snapshot

Property = Literal["name", "key"]

KNOWN_BY_KEYS = "Others may know them by their keys: scripts, documents and, of tools, AI clients."
_FIELD = re.compile(r"\{([a-z]+)(?::([1-9]))?\}")
_SED = re.compile(r"s([^\w\s\\])")
_MOST_FLAGS = 2
_MOST_NOTES = 3


class NamePattern:
    """A pattern for new names. Raises `ValueError`, with a sentence for the user, for one that cannot be used."""

    def __init__(self, pattern: str) -> None:
        self._template = pattern
        self._replacement = _replacement_of(pattern)
        if self._replacement is not None and self._replacement.problem:
            raise ValueError(self._replacement.problem)
        if self._replacement is None:
            names = {match[1] for match in _FIELD.finditer(pattern)}
            if unknown := names - {"name", "key", "n"}:
                raise ValueError(f"{{{unknown.pop()}}} is not known: {{name}}, {{key}} and {{n}} are.")
            if not names:
                raise ValueError("A pattern is s/FIND/REPLACEMENT/, or a text with {name}, {key} or {n}.")

    def apply(self, value: str, resource: Resource, number: int) -> str:
        """Return the new value of a property; `number` is that of the resource, from 1. Raises `ValueError`."""
        if self._replacement is not None:
            return self._replacement.apply(value)

        def filled(match: re.Match[str]) -> str:
            if match[1] == "n":
                return str(number).zfill(int(match[2] or 1))
            return resource.text(match[1])

        return _FIELD.sub(filled, self._template)


def _replacement_of(pattern: str) -> Replacement | None:
    """Return the replacement that a pattern such as `s/a/b/g` means, None for a template. Raises `ValueError`."""
    match = _SED.match(pattern)
    if match is None:
        return None
    delimiter = re.escape(match[1])
    part = rf"((?:\\.|[^\\{delimiter}])*){delimiter}"
    parts = re.fullmatch(rf"s{delimiter}{part}{part}([gi]{{0,{_MOST_FLAGS}}})", pattern, re.DOTALL)
    if parts is None:
        raise ValueError("Such a pattern is s/FIND/REPLACEMENT/, with g, i or nothing after it.")
    find, text = (re.sub(r"\\(.)", partial(_unescaped, match[1]), group) for group in parts.groups()[:2])
    return Replacement(find, text, regex=True, ignore_case="i" in parts[3], first="g" not in parts[3])


def _unescaped(delimiter: str, match: re.Match[str]) -> str:
    """Return an escaped delimiter without its backslash, and other escapes as they are."""
    return delimiter if match[1] == delimiter else match[0]


def rename_by_pattern(
    snapshot: Snapshot, resources: Iterable[Resource], pattern: str, property_name: Property = "name"
) -> BulkPlan:
    """Return the plan that gives resources of an app the names, or the keys, that the pattern makes of theirs.

    Keys are made of what the pattern gives as drio makes them: in lower case, with hyphens.
    """
    resources = [resource for resource in resources if can_be_changed(resource)]
    try:
        name_pattern = NamePattern(pattern)
        wanted = [
            (resource, name_pattern.apply(resource.text(property_name), resource, number))
            for number, resource in enumerate(resources, start=1)
        ]
    except ValueError as error:
        return BulkPlan(problems=(str(error),))
    if property_name == "name":
        steps = [step for resource, name in wanted if (step := _step(resource, "name", name))]
        problems = [problem for step in steps for change in step.changes if (problem := name_problem(change))]
        return BulkPlan(tuple(steps), tuple(problems), tuple(islice(_equal_names(snapshot, wanted), _MOST_NOTES)))
    wanted = [(resource, kebab(key)) for resource, key in wanted]
    steps, changes = [], []
    for resource, key in wanted:
        step = _step(resource, "key", key)
        if step is not None:
            steps.append(step)
            changes.append(KeyChange(step.id, step.kind, key, key, was=resource.text("key")))
    notes = (KNOWN_BY_KEYS,) if steps else ()
    steps = order_by_keys(steps, changes)
    groups = {step.id: f"rename:{step.kind}:{step.ref}" for step in steps}
    return BulkPlan(tuple(steps), tuple(_key_problems(snapshot, wanted)), notes, groups=groups)


def _step(resource: Resource, property_name: str, value: str) -> Step | None:
    wanted: dict[str, Any] = {**resource.raw, property_name: value}
    return update_step(resource, wanted, id=f"rename:{resource.kind}:{resource.id}")


def _equal_names(snapshot: Snapshot, wanted: list[tuple[Resource, str]]) -> Iterator[str]:
    """Yield which resources would have one name, which drio allows, as sentences."""
    new_names = {resource.key: name for resource, name in wanted if name != resource.text("name")}
    names = Counter(
        (kind, new_names.get(one.key, one.text("name")))
        for kind in dict.fromkeys(kind for kind, _ in new_names)
        for one in snapshot.resources(kind)
    )
    for kind, name in dict.fromkeys((key[0], name) for key, name in new_names.items()):
        if names[kind, name] > 1:
            yield f"{names[kind, name]} {KINDS[kind].plural.lower()} would have the name {name}."


def _key_problems(snapshot: Snapshot, wanted: list[tuple[Resource, str]]) -> Iterator[str]:
    """Yield why drio would refuse the keys, as sentences."""
    for resource, key in wanted:
        if resource.kind == APP.name:
            yield "An app has a slug and no key."
        elif not key:
            yield f"Nothing would be left of the key of {resource.name}."
    renamed = {resource.key for resource, _ in wanted}
    counts = Counter((resource.kind, key) for resource, key in wanted if key)
    for (kind, key), count in counts.items():
        other = next(
            (one for one in snapshot.resources(kind) if one.key not in renamed and one.text("key") == key), None
        )
        if count > 1:
            yield f"{count} {KINDS[kind].plural.lower()} would have the key {key}."
        elif other is not None:
            yield f"The {KINDS[kind].title.lower()} {other.name} has the key {key} already."
