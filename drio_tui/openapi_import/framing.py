"""JSON values on the pipe between program and worker: the length as eight hexadecimal digits, then the bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from asyncio import StreamReader

_HEADER = 8


def packed(value: Any) -> bytes:
    """Return the frame of a value."""
    data = json.dumps(value, separators=(",", ":")).encode("ascii")
    return f"{len(data):08x}".encode("ascii") + data


def write(stream: BinaryIO, value: Any) -> None:
    """Write the frame of a value."""
    stream.write(packed(value))
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """Read the next value. Raises `EOFError` at the end of the stream."""
    header = stream.read(_HEADER)
    if len(header) < _HEADER:
        raise EOFError
    return json.loads(stream.read(int(header, 16)))


async def receive(stream: StreamReader) -> Any:
    """Read the next value. Raises `asyncio.IncompleteReadError` at the end of the stream."""
    header = await stream.readexactly(_HEADER)
    return json.loads(await stream.readexactly(int(header, 16)))
