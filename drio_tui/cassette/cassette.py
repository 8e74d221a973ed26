"""The file of a cassette: lines of JSON. The first is the header, then come runs of the program and their exchanges.

    {"drioTuiCassette": 1, "client": "drio-tui/0.2.0", "recordedAt": "…"}
    {"run": {"id": "5f3a91c0", "client": "drio-tui/0.2.0", "command": "edit set", "at": "…"}}
    {"exchange": {"run": "5f3a91c0", "at": "…", "seconds": 0.012, "request": {…}, "response": {…}}}

A request has `method`, `url`, `headers` (pairs) and `body`, a response `status`, `headers` and `body`; instead of the
response there may be an `error`, the name of httpx's exception. A body is `{"json": …}`, `{"form": pairs}`,
`{"text": …}`, `{"omitted": bytes}` or empty. A last line without its end, after a kill, is ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from drio_tui.api.errors import UsageError
from drio_tui.storage.files import os_error_text
from drio_tui.text import one_line

FORMAT = 1
HEADER_KEY = "drioTuiCassette"
_LARGEST = 1 << 30
_TITLE = "That cassette cannot be used"


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its response, or the `error` that was met instead. `number` counts from 1 in the file."""

    number: int
    run: str
    at: str
    seconds: float
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    error: str = ""

    @property
    def method(self) -> str:
        return str(self.request["method"])

    @property
    def url(self) -> str:
        return str(self.request["url"])

    @property
    def status(self) -> int:
        """The status of the response, 0 without one."""
        return int(self.response.get("status") or 0)


@dataclass(frozen=True, slots=True)
class Cassette:
    """What a file contains. `runs` maps ids to the commands that ran; `digest` is of the content, 24 hex digits."""

    client: str
    recorded_at: str
    digest: str
    runs: dict[str, str] = field(default_factory=dict)
    exchanges: list[RecordedExchange] = field(default_factory=list)


def read_cassette(path: Path) -> Cassette:
    """Read a cassette; blocks. Raises `UsageError`."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{one_line(str(path), 200)}: {os_error_text(error)}", title=_TITLE) from error
    if len(data) > _LARGEST:
        raise UsageError(f"{one_line(str(path), 200)} is larger than 1 GiB", title=_TITLE)
    lines = data.split(b"\n")[:-1]  # what follows the last line end was cut off, or is empty
    header = parse_header(path, lines[0] if lines else data)
    digest = hashlib.sha256(data).hexdigest()[:24]
    cassette = Cassette(str(header.get("client")), str(header.get("recordedAt")), digest)
    for number, line in enumerate(lines[1:], start=2):
        try:
            _add(cassette, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{one_line(str(path), 200)}, line {number}: not a line of a cassette", title=_TITLE
            ) from error
    return cassette


def parse_header(path: Path, line: bytes) -> dict[str, Any]:
    """Return the first line of a cassette. Raises `UsageError` for any other file, and for a later format."""
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    version = header.get(HEADER_KEY) if isinstance(header, dict) else None
    if not isinstance(version, int):
        raise UsageError(f"{one_line(str(path), 200)} is no cassette", title=_TITLE)
    if version > FORMAT:
        raise UsageError(
            f"{one_line(str(path), 200)} was recorded by a later version, {one_line(str(header.get('client')), 40)}",
            title=_TITLE,
            hint="Update drio-tui.",
        )
    assert isinstance(header, dict)
    return header


def _add(cassette: Cassette, line: dict[str, Any]) -> None:
    if run := line.get("run"):
        cassette.runs[run["id"]] = str(run["command"])
    elif item := line.get("exchange"):
        request, response = item["request"], item.get("response") or {}
        for part in (request, response):
            _check_part(part)
        if not isinstance(request["method"], str) or not isinstance(request["url"], str):
            raise ValueError("request")
        if not response and not isinstance(item["error"], str):
            raise ValueError("neither a response nor an error")
        if response and not 100 <= response["status"] <= 999:
            raise ValueError("status")
        cassette.exchanges.append(
            RecordedExchange(
                len(cassette.exchanges) + 1, str(item["run"]), str(item.get("at")), float(item.get("seconds") or 0),
                request, response, str(item.get("error") or ""),
            )
        )  # fmt: skip


def _check_part(part: dict[str, Any]) -> None:
    pairs = part.get("headers", [])
    if not isinstance(part.get("body", {}), dict) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs
    ):
        raise ValueError("headers or body")


def body_bytes(part: Mapping[str, Any]) -> bytes:
    """Return the body of a recorded request or response as it is sent; empty if it was omitted."""
    body = part.get("body") or {}
    if "json" in body:
        return json.dumps(body["json"], ensure_ascii=False).encode()
    if "form" in body:
        return urlencode([tuple(pair) for pair in body["form"]]).encode()
    return str(body.get("text", "")).encode()
