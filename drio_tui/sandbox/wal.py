"""Detecting damage in an SQLite write-ahead log that SQLite itself ignores without an error.

SQLite reads a log up to the first frame with a wrong checksum, and takes the rest for a write that a crash
interrupted. That is right at the end of a log, but in the middle it loses changes that were acknowledged.
Layout: https://sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import sys
from array import array
from pathlib import Path

_MAGIC = (0x377F0682, 0x377F0683)
_HEADER = 32
_FRAME_HEADER = 24

Sums = tuple[int, int]


def is_damaged(wal: Path) -> bool:
    """Whether the log holds acknowledged changes that can no longer be read.

    A log that looks damaged is read a second time: another process may have been writing to it.
    """
    return _is_damaged(wal.read_bytes()) and _is_damaged(wal.read_bytes())


def _is_damaged(data: bytes) -> bool:
    if len(data) < _HEADER:
        return False
    magic, page_size = _word(data, 0), _word(data, 8)
    if magic not in _MAGIC:
        return True
    big = bool(magic & 1)
    sums = _checksum(data[:24], (0, 0), big=big)
    if sums != (_word(data, 24), _word(data, 28)) or not 512 <= page_size <= 65536:
        return True
    salts, size = data[16:24], _FRAME_HEADER + page_size
    broken = broken_before_commit = False
    for start in range(_HEADER, len(data) - size + 1, size):
        frame = data[start : start + size]
        is_current = frame[8:16] == salts  # else it is from before the last restart of the log, or damaged
        stored_sums = (_word(frame, 16), _word(frame, 20))
        header_sums = _checksum(frame[:8], sums, big=big)
        valid = is_current and _checksum(frame[_FRAME_HEADER:], header_sums, big=big) == stored_sums
        if valid and broken_before_commit:
            return True  # written after a commit was flushed, so every frame of that commit must once have been valid
        broken = broken or not valid
        # a frame that ends a transaction has the size of the database in pages here, other frames have 0
        broken_before_commit = broken_before_commit or (broken and is_current and _word(frame, 4) != 0)
        sums = stored_sums
    return False


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")


def _checksum(data: bytes, sums: Sums, *, big: bool) -> Sums:
    words = array("I", data)
    if big != (sys.byteorder == "big"):
        words.byteswap()
    first, second = sums
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
