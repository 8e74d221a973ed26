"""JSON values on a pipe between two of our processes: eight hexadecimal digits of length, then so many bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from asyncio import StreamReader

_HEAD = 8


def packed(value: Any) -> bytes:
    """A value as it goes through the pipe."""
    data = json.dumps(value, separators=(",", ":")).encode("ascii")
    return f"{len(data):08x}".encode("ascii") + data


def write(stream: BinaryIO, value: Any) -> None:
    """Send a value."""
    stream.write(packed(value))
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """The next value. Raises `EOFError` when there is none."""
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        raise EOFError
    return json.loads(stream.read(int(head, 16)))


async def receive(stream: StreamReader) -> Any:
    """The next value. Raises `asyncio.IncompleteReadError` when there is none."""
    head = await stream.readexactly(_HEAD)
    return json.loads(await stream.readexactly(int(head, 16)))
