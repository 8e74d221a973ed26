"""The process that reads one document, so that a large or malicious one costs the program nothing but a process.

    python -m drio_tui.importing.worker

Standard input holds a frame `{"bytes": n, "url": "…", "task": "read" | "check", "chosen": [ids] | null}`, then the
document's bytes. For `read` it answers with frames `{"head": …}`, `{"operations": […], "total": n}` as often as
needed and `{"ready": true, "problems": […]}`, and then to each frame `{"details": [ids]}` with one of the same name.
For `check` it answers with `{"problem": …}` for each problem and `{"ready": true}`. Whatever goes wrong is one frame
`{"failed": "…", "hint": "…"}`, and the end.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from drio_tui.importing import frames
from drio_tui.importing.errors import BadDocument
from drio_tui.importing.reading import Reading

MEMORY = 4 << 30
"""Bytes of address space the process may take, where the system can be told."""

_PORTION = 200


def main() -> None:
    """Serve one document over standard input and output."""
    _limit()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not get into the frames
    with contextlib.suppress(EOFError, BrokenPipeError):
        order = frames.read(source)
        data = source.read(order["bytes"])
        try:
            if order["task"] == "check":
                _check(target, data, order)
            else:
                _serve(source, target, data, order)
        except BadDocument as bad:
            frames.write(target, {"failed": bad.message, "hint": bad.hint})
        except MemoryError:
            frames.write(target, {"failed": "It takes more memory to read than it may.", "hint": ""})
        except RecursionError:
            frames.write(target, {"failed": "It is nested too deeply.", "hint": ""})


def _serve(source: BinaryIO, target: BinaryIO, data: bytes, order: dict[str, Any]) -> None:
    reading = Reading(data, order["url"])
    del data
    frames.write(target, {"head": asdict(reading.head())})
    portion: list[dict[str, Any]] = []
    for offered in reading.offered():
        portion.append(asdict(offered))
        if len(portion) == _PORTION:
            frames.write(target, {"operations": portion, "total": reading.total})
            portion = []
    frames.write(target, {"operations": portion, "total": reading.total})
    frames.write(target, {"ready": True, "problems": [problem.as_dict() for problem in reading.problems]})
    while True:
        wanted = frames.read(source)["details"]
        frames.write(target, {"details": [asdict(reading.detail(id)) for id in wanted]})


def _check(target: BinaryIO, data: bytes, order: dict[str, Any]) -> None:
    from drio_tui.importing.checking import check  # the validator takes a second to import

    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    for problem in check(data, order["url"], order["chosen"]):
        frames.write(target, {"problem": problem.as_dict()})
    frames.write(target, {"ready": True})


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))


if __name__ == "__main__":
    main()
