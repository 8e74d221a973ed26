"""Finding damage in an SQLite write-ahead log that SQLite itself would pass over in silence.

SQLite reads a log up to the first frame whose checksum is wrong and takes the rest for the trace of a
write that a crash cut short. That is right at the end of a log. In its midst it means that changes which
were acknowledged are about to vanish. Layout: https://sqlite.org/fileformat2.html#walformat
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

    Read twice where it looks so: another process may be writing to it at this moment.
    """
    return _damaged(wal.read_bytes()) and _damaged(wal.read_bytes())


def _damaged(data: bytes) -> bool:
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
        ours = frame[8:16] == salts  # else left over from before the log was begun anew, or overwritten
        stored = (_word(frame, 16), _word(frame, 20))
        sound = ours and _checksum(frame[_FRAME_HEADER:], _checksum(frame[:8], sums, big=big), big=big) == stored
        if sound and broken_before_commit:
            return True  # it was written after a commit had been flushed, so all of that commit was there
        broken = broken or not sound
        # a frame that ends a transaction says how many pages the database then has
        broken_before_commit = broken_before_commit or (broken and ours and _word(frame, 4) != 0)
        sums = stored
    return False


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _checksum(data: bytes, start: Sums, *, big: bool) -> Sums:
    words = array("I", data)
    if big != (sys.byteorder == "big"):
        words.byteswap()
    first, second = start
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
