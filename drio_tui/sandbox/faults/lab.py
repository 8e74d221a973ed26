"""The state of the fault lab: which rules are on, and what they have done. It ends with the process."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.faults.presets import PRESETS
from drio_tui.sandbox.faults.rules import FAULTS, Rule, parse_fault, parse_rule
from drio_tui.text import one_line

MAX_ENTRIES = 100
_NO_HEADER = re.compile(r"[^\x21-\x3a\x3c-\x7e]")


@dataclass(slots=True)
class ActiveRule:
    """A rule that is on. `matched` are the requests it was about, `injected` those it applied to."""

    rule: Rule
    since: float
    matched: int = 0
    injected: int = 0


@dataclass(slots=True)
class Entry:
    """A preset or a single rule that was switched on, under its name."""

    name: str
    rules: list[ActiveRule]


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault for one request: the rule, and the name under which it is counted and announced."""

    name: str
    rule: Rule


class FaultLab:
    """Decides for every request which faults are injected.

    A rule's number of matching requests advances before anything is injected, so that of concurrent requests exactly
    the first N are answered so. With the same rules, seed and order of requests the same faults come.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self.seed = 0
        self.counts: Counter[str] = Counter()
        """How many faults were injected since the start of the process, by name."""

    def switch_on(self, names: Sequence[str], seed: int | None = None) -> None:
        """Switch on presets and rules; one that is on begins again. Raises ValueError, and switches nothing on."""
        parsed = parse_names(names)
        if len(self._active().keys() | parsed.keys()) > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES} rules are on")
        if seed is not None:
            self.seed = seed
        elif not self._entries:
            self.seed = secrets.randbelow(1_000_000)
        now = self._clock()
        for name, rules in parsed.items():
            self._entries.pop(name, None)
            self._entries[name] = Entry(name, [ActiveRule(rule, now) for rule in rules])

    def switch_off(self, names: Sequence[str] | None = None) -> None:
        """Switch off what has one of the names, or everything."""
        for name in list(self._entries) if names is None else names:
            self._entries.pop(name, None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing was switched on since everything was off; cheap, for every request."""
        return not self._entries

    @property
    def names(self) -> list[str]:
        """The names of what is on, in the order in which it was switched on."""
        return list(self._active())

    @property
    def announcement(self) -> str:
        """The names of what is on for a response header, joined by `; `; empty if nothing is on."""
        labels = [name if name in PRESETS else entry.rules[0].rule.label for name, entry in self._active().items()]
        return "; ".join(_NO_HEADER.sub("?", label)[:60] for label in labels[:10])

    def injections(self, method: str, path: str, *, has_token: bool, requested: str = "") -> list[Injection]:
        """Return the faults for a request: delays, and one other fault at most, which is the last one.

        `requested` are the presets and faults that the request itself asks for. Raises ValueError for unknown ones.
        """
        chosen: list[Injection] = []
        terminal: Injection | None = None
        for name, rule in _requested(requested):
            if rule.matches(method, path, has_token=has_token) and rule.when.applies(1, f"{self.seed}:{rule.text}"):
                injection = Injection(name, rule)
                if rule.kind.name == "delay":
                    chosen.append(injection)
                else:
                    terminal = terminal or injection
        now = self._clock()
        for entry in self._active().values():
            for active in entry.rules:
                if self._applies(active, now, method, path, has_token):
                    injection = Injection(entry.name if entry.name in PRESETS else active.rule.kind.name, active.rule)
                    if active.rule.kind.name == "delay":
                        chosen.append(injection)
                    elif terminal is None:
                        terminal = injection
                    else:
                        continue
                    active.injected += 1
        chosen.extend([terminal] if terminal else [])
        self.counts.update(injection.name for injection in chosen)
        return chosen

    def _applies(self, active: ActiveRule, now: float, method: str, path: str, has_token: bool) -> bool:
        rule = active.rule
        age = now - active.since
        if age < rule.when.start or rule.when.is_over(active.matched, age):
            return False
        if not rule.matches(method, path, has_token=has_token):
            return False
        active.matched += 1
        return rule.when.applies(active.matched, f"{self.seed}:{rule.text}")

    def _active(self) -> dict[str, Entry]:
        """Return what is on, after removing what can no longer apply."""
        now = self._clock()
        for name, entry in list(self._entries.items()):
            if all(active.rule.when.is_over(active.matched, now - active.since) for active in entry.rules):
                del self._entries[name]
        return self._entries

    @property
    def command(self) -> str:
        """The command that switches on the same rules with the same seed; empty if nothing is on."""
        names = " ".join(shlex.quote(name) for name in self._active())
        return f"drio-tui sandbox faults on --seed {self.seed} {names}" if names else ""

    def as_wire(self) -> Document:
        """Return the state as JSON: what is on, the seed, the counts, and which presets and faults there are."""
        active = [
            {
                "name": entry.name,
                "rules": [
                    {"rule": rule.rule.text, "matched": rule.matched, "injected": rule.injected} for rule in entry.rules
                ],
            }
            for entry in self._active().values()
        ]
        return {
            "on": active,
            "seed": self.seed,
            "command": self.command,
            "injected": dict(self.counts),
            "presets": [_preset_as_wire(name) for name in PRESETS],
            "faults": [
                {"name": kind.name, "argument": kind.argument, "default": kind.default, "description": kind.description}
                for kind in FAULTS.values()
            ],
        }


def _preset_as_wire(name: str) -> dict[str, Any]:
    preset = PRESETS[name]
    return {"name": name, "description": preset.description, "rules": [rule.text for rule in preset.rules]}


def parse_names(names: Iterable[str]) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of presets, and rules as they are, by name. Raises ValueError for what is neither."""
    parsed = {}
    for name in names:
        try:
            parsed[name] = _rules_of(name)
        except ValueError as error:
            raise ValueError(f"{one_line(name, 120)} {error}") from None
    return parsed


def _rules_of(name: str) -> tuple[Rule, ...]:
    """Return the rules of a preset, or the one that `name` describes. Raises ValueError."""
    preset = PRESETS.get(name)
    if preset is not None:
        return preset.rules
    if "=" not in name:
        raise ValueError(f"is no preset ({', '.join(PRESETS)}), and no rule such as POST:/tools=status:503*2")
    return (parse_rule(name),)


def _requested(text: str) -> list[tuple[str, Rule]]:
    """Return the rules that a request asks for in its header. Raises ValueError."""
    name = text.strip()
    if not name:
        return []
    if name in PRESETS:
        return [(name, rule) for rule in PRESETS[name].rules]
    rule = parse_fault(name)
    return [(rule.kind.name, rule)]
