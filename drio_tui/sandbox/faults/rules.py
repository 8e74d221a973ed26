"""The rules of the fault lab: which requests, which fault, and when.

A rule is written `[METHOD:]PATH=FAULT[:ARGUMENT][WHEN]`, for example `POST:/tools=status:503*2`.

- METHOD is one or more methods (`POST|PATCH`), or `WRITE` for POST, PUT, PATCH and DELETE.
- PATH is the end of a path, or `*` for the management API without its OAuth endpoints, or `**` for everything but the
  routes that control the lab. In it, `{name}` and `*` are one segment, `**` any number of them.
- FAULT and ARGUMENT are those of `FAULTS`.
- WHEN is `*N` (the first N matching requests), `%N` (every Nth) or `~P` (with probability P, 0 to 1), and
  `@FROM-TO` (a period in seconds since the rule was switched on). Without it every matching request is answered so.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from drio_tui.text import duration

MAX_SECONDS = 300.0
WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_METHODS = WRITE_METHODS | {"GET", "HEAD", "OPTIONS"}
_API = re.compile(r"/api/v1/(?!auth/)(?!openapi\.json\Z).*")
_EVERYTHING = re.compile(r".*", re.DOTALL)
_WHEN = re.compile(
    r"(?P<choice>\*\d{1,9}|%\d{1,9}|~(?:0|1|0?\.\d{1,9}|1\.0))?(?:@(?P<start>[\d.]*)-(?P<end>[\d.]*))?\Z"
)
_SHAPES = ("empty", "one", "huge", "long", "hostile", "unknown")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault. `argument` is how its argument is written, empty if it has none; `default` may stand for it."""

    name: str
    description: str
    argument: str = ""
    default: str | None = None

    @property
    def syntax(self) -> str:
        """How the fault is written, with brackets round an argument that may be left out."""
        if not self.argument:
            return self.name
        return f"{self.name}[:{self.argument}]" if self.default is not None else f"{self.name}:{self.argument}"


FAULTS = {
    kind.name: kind
    for kind in (
        FaultKind("status", "An error status, with drio's error envelope or BODY", "CODE[:BODY]"),
        FaultKind("delay", "The response comes later", "SECONDS", "2"),
        FaultKind("reset", "The connection is reset, and the request not carried out"),
        FaultKind("cut", "The connection ends in the middle of the response"),
        FaultKind("truncate", "The JSON ends in the middle"),
        FaultKind("html", "An HTML page with status 200"),
        FaultKind("type", "The response with another Content-Type", "MEDIA-TYPE", "text/plain"),
        FaultKind("slow-body", "The body comes in small pieces", "SECONDS", "10"),
        FaultKind("rate-limit", "429 with Retry-After", "SECONDS", "2"),
        FaultKind("invalid-token", "401 invalid_token, as for an expired token; only where a token was sent"),
        FaultKind("lost", "The request is carried out, then its response lost, or replaced by an error", "CODE", ""),
        FaultKind("data", f"Answers to GET with other data: {', '.join(_SHAPES)}", "SHAPE[:COUNT]"),
    )
}


@dataclass(frozen=True, slots=True)
class When:
    """When a rule applies, by the number of the matching request (from 1) and the seconds since it was switched on."""

    first: int | None = None
    every: int | None = None
    probability: float | None = None
    start: float = 0.0
    end: float | None = None

    def applies(self, number: int, seed: str) -> bool:
        """Return whether the rule applies to a request within its period; the same for the same `seed`."""
        if self.first is not None:
            return number <= self.first
        if self.every is not None:
            return number % self.every == 0
        if self.probability is not None:
            return random.Random(f"{seed}:{number}").random() < self.probability  # noqa: S311 - not a secret
        return True

    def is_over(self, matched: int, age: float) -> bool:
        """Return whether the rule can no longer apply."""
        return (self.first is not None and matched >= self.first) or (self.end is not None and age >= self.end)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `text` is how it is written."""

    text: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    kind: FaultKind
    argument: str
    when: When

    @property
    def label(self) -> str:
        """The rule without argument and period: requests and kind of fault."""
        return f"{self.text.partition('=')[0]}={self.kind.name}"

    @property
    def seconds(self) -> float:
        """The argument as seconds."""
        return float(self.argument)

    def matches(self, method: str, path: str, *, has_token: bool) -> bool:
        """Return whether a request is one of those that the rule is about. `path` is percent-decoded."""
        if self.methods and method not in self.methods:
            return False
        if self.kind.name == "data" and method != "GET":
            return False
        if self.kind.name == "invalid-token" and not has_token:
            return False
        return self.pattern.fullmatch(path) is not None


def parse_rule(text: str) -> Rule:
    """Return the rule that `text` describes. Raises ValueError with what is wrong with it."""
    target, separator, fault = text.strip().partition("=")
    if not separator:
        raise ValueError("has no fault: write it as [METHOD:]PATH=FAULT, as in POST:/tools=status:503*2")
    methods, path = _parse_target(target)
    return _parse_fault(text.strip(), methods, _pattern(path), fault)


def parse_fault(text: str) -> Rule:
    """Return a rule for any request from a fault alone, such as `status:503`. Raises ValueError."""
    return _parse_fault(f"**={text}", frozenset(), _EVERYTHING, text)


def _parse_target(target: str) -> tuple[frozenset[str], str]:
    names, separator, path = target.rpartition(":") if not target.startswith("/") else ("", "", target)
    methods: set[str] = set()
    for name in names.upper().split("|") if separator else ():
        if name != "WRITE" and name not in _METHODS:
            raise ValueError(f"names no method {name or 'before the colon'}: GET, POST, PUT, PATCH, DELETE or WRITE")
        methods |= WRITE_METHODS if name == "WRITE" else {name}
    if not path.startswith(("/", "*")):
        raise ValueError("has no path: it begins with a slash, or is * or **")
    return frozenset(methods), path


def _pattern(path: str) -> re.Pattern[str]:
    """Return the pattern of the whole paths that a path of a rule stands for."""
    if path == "**":
        return _EVERYTHING
    if path == "*":
        return _API
    parts = re.split(r"(\*\*|\*|\{[^{}/]*\})", path)
    wildcards = {"**": ".*", "*": "[^/]+"}
    inner = "".join(wildcards.get(part) or ("[^/]+" if part.startswith("{") else re.escape(part)) for part in parts)
    return re.compile(inner if path.startswith("*") else f".*{inner}", re.DOTALL)


def _parse_fault(text: str, methods: frozenset[str], pattern: re.Pattern[str], fault: str) -> Rule:
    match = next(found for start in range(len(fault) + 1) if (found := _WHEN.match(fault, start)))
    name, _, argument = fault[: match.start()].partition(":")
    kind = FAULTS.get(name)
    if kind is None:
        raise ValueError(f"has an unknown fault {name!r}: {', '.join(FAULTS)}")
    if not argument and kind.argument and kind.default is None:
        raise ValueError(f"lacks the argument of {name}: {kind.syntax}")
    if argument and not kind.argument:
        raise ValueError(f"has an argument, but {name} takes none")
    argument = argument or kind.default or ""
    _check_argument(kind, argument)
    return Rule(text, methods, pattern, kind, argument, _parse_when(match))


def _check_argument(kind: FaultKind, argument: str) -> None:
    """Raise ValueError if an argument is not what the kind takes."""
    if kind.name == "status" or (kind.name == "lost" and argument):
        code = argument.partition(":")[0] if kind.name == "status" else argument
        if not re.fullmatch(r"[2-5]\d\d", code) or code in ("204", "205", "304"):
            raise ValueError("needs a status from 200 to 599 that may have a body")
    elif kind.argument == "SECONDS":
        if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", argument) or float(argument) > MAX_SECONDS:
            raise ValueError(f"needs a time of at most {duration(MAX_SECONDS)}")
    elif kind.name == "type":
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", argument, re.ASCII):
            raise ValueError("needs a media type such as text/plain")
    elif kind.name == "data":
        shape, separator, count = argument.partition(":")
        if shape not in _SHAPES or (separator and (shape != "huge" or not re.fullmatch(r"\d{1,6}", count))):
            raise ValueError(f"needs a shape of data: {', '.join(_SHAPES)}, or huge:COUNT")


def _parse_when(match: re.Match[str]) -> When:
    choice, start, end = match["choice"] or "", match["start"] or "0", match["end"]
    try:
        since, until = float(start), float(end) if end else None
    except ValueError:
        raise ValueError("has a period that is not @FROM-TO, in seconds") from None
    if until is not None and until <= since:
        raise ValueError("has a period that ends before it begins")
    number = int(choice[1:]) if choice[:1] in ("*", "%") else None
    if number == 0:
        raise ValueError("counts from 1: *0 and %0 are no number of requests")
    return When(
        first=number if choice.startswith("*") else None,
        every=number if choice.startswith("%") else None,
        probability=float(choice[1:]) if choice.startswith("~") else None,
        start=since,
        end=until,
    )
