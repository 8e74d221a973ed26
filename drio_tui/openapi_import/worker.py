"""The process that reads one document, so that a large or malicious document can only harm this process.

    python -m drio_tui.openapi_import.worker PARENT

PARENT is the process id of the program; this process ends with it. Standard input holds a frame `{"bytes": n,
"url": "…", "task": "read" | "outline" | "check", "chosen": [ids] | null, "seconds": n}`, where `seconds` limits the
processor time of the task, then the document's bytes. For `read` it answers with frames `{"head": …}`,
`{"operations": […], "total": n}` as often as needed and `{"ready": true, "problems": […]}`, and then to each frame
`{"details": [ids]}` with one of the same name. For `outline` the operations are outlines, Swagger 2.0 is read too, and
each frame `{"summaries": [ids]}` is answered by one of the same name. For `check` it answers with `{"problem": …}` for
each problem and `{"ready": true, "finished": true}`, where `finished` is false if the processor time was used up
before. After an error it sends one frame `{"failed": "…", "hint": "…"}` and exits.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO, NoReturn

from drio_tui.openapi_import import framing
from drio_tui.openapi_import.errors import BadDocument
from drio_tui.openapi_import.parser import OpenApiParser

MEMORY = 4 << 30
"""The limit of the process's address space in bytes, on systems that support it."""

_DETAIL_SECONDS = 20
"""The processor time for each request after the document was read."""

_GRACE_SECONDS = 2
_WATCH_SECONDS = 1.0
_BATCH = 200
"""Operations per frame."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class OutOfTime(BaseException):
    """The processor time of the check is used up. Not an `Exception`, which a library might catch."""


def main() -> None:
    """Serve one document over standard input and output."""
    _end_with(int(sys.argv[1]))
    _limit_memory()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # output of libraries must not get into the frames
    with contextlib.suppress(EOFError, BrokenPipeError):
        order = framing.read(source)
        data = source.read(order["bytes"])
        try:
            if order["task"] == "check":
                _check(target, data, order)
            else:
                _limit_processor(order["seconds"])
                _serve(source, target, data, order)
        except BadDocument as bad:
            framing.write(target, {"failed": bad.message, "hint": bad.hint})
        except MemoryError:
            framing.write(target, {"failed": "It takes more memory to read than it may.", "hint": ""})
        except RecursionError:
            framing.write(target, {"failed": "It is nested too deeply.", "hint": ""})


def _serve(source: BinaryIO, target: BinaryIO, data: bytes, order: dict[str, Any]) -> None:
    is_outline = order["task"] == "outline"
    parser = OpenApiParser(data, order["url"], swagger2=is_outline)
    del data
    framing.write(target, {"head": asdict(parser.head())})
    batch: list[dict[str, Any]] = []
    for summary in parser.outlines() if is_outline else parser.summaries():
        batch.append(asdict(summary))
        if len(batch) == _BATCH:
            framing.write(target, {"operations": batch, "total": parser.total})
            batch = []
    framing.write(target, {"operations": batch, "total": parser.total})
    framing.write(target, {"ready": True, "problems": [problem.as_dict() for problem in parser.problems]})
    while True:
        request = framing.read(source)
        _limit_processor(_DETAIL_SECONDS)
        if "summaries" in request:
            framing.write(target, {"summaries": [asdict(parser.summary(id)) for id in request["summaries"]]})
        else:
            framing.write(target, {"details": [asdict(parser.detail(id)) for id in request["details"]]})


def _check(target: BinaryIO, data: bytes, order: dict[str, Any]) -> None:
    _limit_processor(order["seconds"], _out_of_time)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    finished = True
    try:
        from drio_tui.openapi_import.validation import check  # the validator takes a second to import

        for problem in check(data, order["url"], order["chosen"]):
            framing.write(target, {"problem": problem.as_dict()})
    except OutOfTime:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        finished = False
    framing.write(target, {"ready": True, "finished": finished})


# --- limits --------------------------------------------------------------------------------------


def _end_with(parent: int) -> None:
    """End this process when its parent ends, whatever it is doing.

    Linux does this itself. Elsewhere a timer signal checks the parent: its handler runs between bytecodes of the main
    thread, and also during a long regular expression match, which holds the GIL and so blocks all other threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _leave_orphaned(parent)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: _leave_orphaned(parent))
        signal.setitimer(signal.ITIMER_REAL, _WATCH_SECONDS, _WATCH_SECONDS)


def _leave_orphaned(parent: int) -> None:
    if hasattr(os, "getppid") and sys.platform != "win32" and os.getppid() != parent:
        os._exit(1)


def _limit_processor(seconds: int, handler: Any = None) -> None:
    """Limit the processor time to this many more seconds; then `handler` is run, or without one the process ends."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    if handler is not None:
        signal.signal(signal.SIGXCPU, handler)
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds)
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        if handler is not None:  # the process ends if the handler has not ended the check after the grace time
            hard = soft + _GRACE_SECONDS if hard == resource.RLIM_INFINITY else min(hard, soft + _GRACE_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _out_of_time(*_: object) -> NoReturn:
    raise OutOfTime


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError, ValueError):
        _, maximum = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, maximum))


if __name__ == "__main__":
    main()
