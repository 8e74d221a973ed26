"""Compares requests without what differs from run to run: secrets, times, ports of this machine, versions, headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from drio_tui.cassette import rpc
from drio_tui.cassette.placeholders import PLACEHOLDER
from drio_tui.text import first_names, one_line
from drio_tui.urls import is_loopback

_LOCAL_PORT = re.compile(r"(//(?:127\.0\.0\.1|localhost|\[::1\])):\d+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_VOLATILE = frozenset({
    "idempotencykey", "requestid", "clientrequestid", "softwareversion", "clientversion", "codechallenge", "nonce",
    "state",
})  # fmt: skip
_MOST_DIFFERENCES = 3
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class MatchedRequest:
    """What of a request takes part in matching. `server` is empty for this machine; `body` is normalised JSON."""

    method: str
    server: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: str

    @property
    def target(self) -> str:
        """The method and the path with its query, as one sanitized line."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return one_line(f"{self.method} {self.path}{f'?{query}' if query else ''}", 200)


def matched_request(request: Mapping[str, Any]) -> MatchedRequest:
    """Return what takes part in the matching of a request as a cassette stores it, with placeholders."""
    parts = urlsplit(str(request["url"]))
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    body = request.get("body") or {}
    if "form" in body:
        body = {"form": dict(body["form"])}
    is_rpc = rpc.is_message(body.get("json"))
    if is_rpc:
        body = {"json": rpc.matched(body["json"])}
    return MatchedRequest(
        str(request["method"]),
        "" if is_loopback(parts.hostname or "") else parts.netloc.rpartition("@")[2].lower(),
        parts.path,
        tuple((name, "" if _is_volatile(name) else _normalised_text(value)) for name, value in query),
        json.dumps(_normalised(body, arguments=is_rpc), sort_keys=True),
    )


def difference(asked: MatchedRequest, recorded: MatchedRequest) -> str:
    """Return how a request differs from a recorded one, for the user; empty if it does not."""
    found: list[str] = []
    if asked.method != recorded.method:
        found.append(f"the method ({recorded.method}, now {asked.method})")
    if asked.server != recorded.server:
        found.append(f"the host ({recorded.server or 'this machine'}, now {asked.server or 'this machine'})")
    if asked.path != recorded.path:
        found.append(f"the path ({one_line(recorded.path, 120)}, now {one_line(asked.path, 120)})")
    found += _differences("query", dict(recorded.query), dict(asked.query))
    found += _differences("body", _value(recorded), _value(asked))
    return first_names(found, _MOST_DIFFERENCES)


def likeness(asked: MatchedRequest, recorded: MatchedRequest) -> float:
    """Return how alike two requests are: the path counts most, then the method, the query and the body."""
    same = 4.0 * SequenceMatcher(None, asked.path, recorded.path, autojunk=False).ratio()
    same += 2.0 * (asked.method == recorded.method) + 1.0 * (asked.server == recorded.server)
    same += 0.5 * (asked.query == recorded.query)
    ours, theirs = dict(_leaves("", _value(asked))), dict(_leaves("", _value(recorded)))
    names = ours.keys() | theirs.keys()
    equal = sum(ours.get(name, _ABSENT) == theirs.get(name, _ABSENT) for name in names)
    return same + (equal / len(names) if names else 1.0)


def _value(request: MatchedRequest) -> Any:
    """Return the body of a request without the word that says how it was encoded."""
    body = json.loads(request.body)
    return next(iter(body.values())) if len(body) == 1 else body


def _differences(path: str, recorded: Any, asked: Any) -> list[str]:
    theirs, ours = dict(_leaves(path, recorded)), dict(_leaves(path, asked))
    found = []
    for name in dict.fromkeys((*theirs, *ours)):
        before, now = theirs.get(name, _ABSENT), ours.get(name, _ABSENT)
        if before != now:
            found.append(f"{one_line(name, 80)} ({_shown(before)}, now {_shown(now)})")
    return found


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else one_line(json.dumps(value, ensure_ascii=False), 60)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    elif value != {}:
        yield path, value


def _is_volatile(name: str) -> bool:
    return re.sub("[^a-z]", "", name.lower()) in _VOLATILE


def _normalised(value: Any, *, arguments: bool = False) -> Any:
    """Return a JSON value as it is compared; the names of `arguments` of a tool are its own, and none is volatile."""
    if isinstance(value, dict):
        return {key: "" if not arguments and _is_volatile(key) and isinstance(item, str)
                else _normalised(item, arguments=arguments) for key, item in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [_normalised(item, arguments=arguments) for item in value]
    return _normalised_text(value) if isinstance(value, str) else value


def _normalised_text(text: str) -> str:
    if _TIME.fullmatch(text):
        return "(time)"
    return _LOCAL_PORT.sub(r"\1", PLACEHOLDER.sub("(secret)", text))
