"""An OpenAPI document that is open: what it offers, and what the chosen operations become.

    async with await open_document("~/petstore.yaml") as document:
        print(document.title, len(document.operations), document.problems)
        plan = await document.plan(["GET /pets", "POST /pets"], base_url=document.base_url)

The document is read by a process of its own (`worker`), which answers as long as this is open: nothing here
holds up the event loop, whatever the document is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from drio_tui.asyncio_wait import wait_until_done
from drio_tui.child_process import end_process, start_process
from drio_tui.openapi_import import framing
from drio_tui.openapi_import.errors import EXTRA, ImportFailed, Problem
from drio_tui.openapi_import.existing import Present, Raw, call_of
from drio_tui.openapi_import.fetch_document import Source, fetch
from drio_tui.openapi_import.model import (
    DocumentInfo,
    OperationDetail,
    OperationSummary,
    Scheme,
    Server,
    detail_from,
    head_from,
    offered_from,
)
from drio_tui.openapi_import.planning import NewConnection, Plan, Target, make_plan
from drio_tui.storage.files import reason_of
from drio_tui.text import duration, one_line

READ_SECONDS = 120.0
READ_PROCESSOR_SECONDS = 120
CHECK_SECONDS = 30.0
CHECK_PROCESSOR_SECONDS = 10
"""How much of its processor the check against the specification may use. On a busy machine that takes longer, at most
`CHECK_SECONDS`.
"""

NOT_FINISHED = "the check against the OpenAPI specification took too long and was not finished"

Progress = Callable[[str], object]
"""Told in a few words what is being done (`1.3 MB read`, `400 of 1,000 operations`)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is not valid OpenAPI. Where `finished` is false there may be more, and the last problem says so."""

    problems: tuple[Problem, ...]
    finished: bool = True


class ReaderDied(ImportFailed):
    """The process that reads the document ended without an answer."""


async def open_document(where: str, progress: Progress | None = None) -> Document:
    """The document at a path, an address or `-` (standard input), read; `close` it, or use it in `async with`.

    Raises `ImportFailed` (a `DrioError`) with what is wrong and where. Cancelling ends all of it at once.
    """
    tell = progress or (lambda _: None)
    tell("looking")
    source = await fetch(where, lambda size: tell(f"{_size(size)} read"))
    return await read_document(source, progress)


async def read_document(source: Source, progress: Progress | None = None) -> Document:
    """The same of bytes that are here already."""
    tell = progress or (lambda _: None)
    tell(f"reading {_size(len(source.data))}")
    document = Document(source)
    try:
        async with asyncio.timeout(READ_SECONDS):
            await document._begin(tell)
    except TimeoutError:
        await document.close()
        raise ImportFailed(f"It takes longer than {duration(READ_SECONDS)} to read.") from None
    except BaseException:
        await document.close()
        raise
    return document


class Document:
    """One document. `operations` are all it has, in its own order; `problems` what is odd and was passed over.

    Texts in it come from elsewhere and are not safe to show.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.head = DocumentInfo("", "", "")
        self.operations: tuple[OperationSummary, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self._by_id: dict[str, OperationSummary] = {}
        self._details: dict[str, OperationDetail] = {}
        self._reader: _Reader | None = None
        self._turn = asyncio.Lock()
        self._asked: set[asyncio.Task[None]] = set()

    @property
    def title(self) -> str:
        """The API's name, never empty."""
        return self.head.title

    @property
    def servers(self) -> tuple[Server, ...]:
        """Where it says the API is, never empty; one that cannot be used has an empty `url` and a `problem`."""
        return self.head.servers

    @property
    def base_url(self) -> str:
        """The first server that can be used, empty where there is none and a person has to say."""
        return next((server.url for server in self.servers if server.url), "")

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The ways to sign in that it names."""
        return self.head.schemes

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag of its operations, in the order in which they come."""
        return tuple(dict.fromkeys(tag for offered in self.operations for tag in offered.tags))

    def offered(self, id: str) -> OperationSummary | None:
        """The operation with this id (`GET /pets`)."""
        return self._by_id.get(id)

    def proposal(self, chosen: Iterable[str]) -> Scheme | None:
        """The way to sign in that most of the chosen operations want and that can be had; None where none is wanted."""
        wanted: dict[str, int] = {}
        for id in chosen:
            for name in self._by_id[id].schemes if id in self._by_id else ():
                wanted[name] = wanted.get(name, 0) + 1
        found = [scheme for scheme in self.schemes if scheme.name in wanted]
        return max(found, key=lambda one: (bool(one.provider), not one.problem, wanted[one.name]), default=None)

    async def details(self, ids: Iterable[str]) -> dict[str, OperationDetail]:
        """What operations become, by id, in the order asked for; ids that are not there are left out.

        Raises `ImportFailed` when the document is closed or its reader has died. A caller that goes away is not
        waited for, but its answer is: left in the pipe, it would be taken for the next one's.
        """
        wanted = [id for id in dict.fromkeys(ids) if id in self._by_id]
        if not all(id in self._details for id in wanted):
            asked = asyncio.create_task(self._describe(wanted))
            self._asked.add(asked)
            asked.add_done_callback(self._answered)
            await asyncio.shield(asked)
        return {id: self._details[id] for id in wanted}

    async def _describe(self, wanted: list[str]) -> None:
        async with self._turn:
            missing = [id for id in wanted if id not in self._details]
            if missing:
                if self._reader is None:
                    raise ImportFailed("The document is closed.")
                answer = await self._reader.ask({"details": missing})
                for value in answer["details"]:
                    self._details[value["id"]] = detail_from(value)

    def _answered(self, asked: asyncio.Task[None]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # seen, whether or not the caller is still there

    async def plan(
        self,
        chosen: Iterable[str],
        *,
        base_url: str = "",
        integration: Target | str = "",
        auth: str | NewConnection = "",
        tools: bool = True,
        present: Present | None = None,
        again: bool = False,
    ) -> Plan:
        """What is to be made for the chosen operations, in order: integration, then each operation with its tool.

        `integration` is the `Target` integration to add to, or the name of the new one (the document's title
        unless given), which gets `base_url` (the document's first usable server unless given) and `auth`: the id
        of an auth connection, a name of your own that `PlannedResource.resolved` gets an id for, or one that is to
        be made. With `tools` false only operations are made.

        `present` is what the app has. What it has of the document is not made once more: the integration by the
        document's title, its base URL and the name if one is given, operations by method and path. `again` makes
        another integration all the same.

        Operations with an obstacle are left out and told of in `Plan.problems`. Raises `ImportFailed` where there
        is no usable base URL.
        """
        ids = [id for id in dict.fromkeys(chosen) if id in self._by_id]
        details = await self.details(id for id in ids if not self._by_id[id].obstacle)
        offered = [self._by_id[id] for id in ids]
        base_url = base_url.strip().rstrip("/") or self.base_url
        return make_plan(
            self.head, self.source.url, offered, details,
            base_url=base_url, integration=integration, auth=auth, tools=tools, present=present or Present(),
            again=again,
        )  # fmt: skip

    def there(self, present: Present, base_url: str = "", integration: str = "") -> dict[str, Raw]:
        """The operations that an app has, by their ids here: in `integration` (an id), else where they belong."""
        by_url: dict[str, dict[str, tuple[str, str]]] = {}
        main = base_url.strip().rstrip("/") or self.base_url
        for one in self.operations:
            own = next((server.url for server in one.servers if server.url), "")
            by_url.setdefault(own or main, {})[one.id] = call_of(one)
        found: dict[str, Raw] = {}
        for url, wanted in by_url.items():
            known = present.integration(url, self.title)
            id = integration if integration and url == main else str(known.get("id")) if known else ""
            found |= present.operations_of(id, wanted) if id else {}
        return found

    async def check(
        self, chosen: Iterable[str] | None = None, on_problem: Callable[[Problem], object] | None = None
    ) -> Checked:
        """What is not valid OpenAPI, in the whole document or in what the chosen operations need of it.

        The whole of a large document takes longer than there is time for, ten operations of it two seconds. Where the
        validator is not installed that is the one problem given. Cancelling ends it at once.
        """
        order = {"chosen": None if chosen is None else list(chosen)}
        found: list[Problem] = []
        finished = False

        def note(problem: Problem) -> None:
            found.append(problem)
            if on_problem:
                on_problem(problem)

        reader = _Reader()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await reader.start("check", self.source, seconds=CHECK_PROCESSOR_SECONDS, **order)
                while "ready" not in (answer := await reader.next()):
                    note(Problem(**answer["problem"]))
                finished = answer["finished"]
            if not finished:
                note(Problem(NOT_FINISHED))
        except (TimeoutError, ReaderDied):
            note(Problem(NOT_FINISHED))
        except ImportFailed as failed:
            if EXTRA in failed.hint:
                note(Problem(f"it was not checked against the specification: that takes `pip install '{EXTRA}'`"))
            else:
                note(Problem(f"it could not be checked: {failed.message}"))
        finally:
            await reader.close()
        return Checked(tuple(found), finished)

    async def close(self) -> None:
        """End the process that reads it."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        if self._asked:  # what was still asked for ends with the process
            await asyncio.wait(self._asked)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _begin(self, tell: Progress) -> None:
        self._reader = _Reader()
        await self._reader.start("read", self.source, seconds=READ_PROCESSOR_SECONDS, chosen=None)
        operations: list[OperationSummary] = []
        while "ready" not in (answer := await self._reader.next()):
            if "head" in answer:
                self.head = head_from(answer["head"])
            else:
                operations += [offered_from(value) for value in answer["operations"]]
                tell(f"{len(operations):,} of {answer['total']:,} operations")
        self.operations = tuple(operations)
        self.problems = tuple(Problem(**value) for value in answer["problems"])
        self._by_id = {offered.id: offered for offered in operations}


class _Reader:
    """The other end of `worker`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._feeding: asyncio.Task[None] | None = None

    async def start(self, task: str, source: Source, *, seconds: int, chosen: list[str] | None) -> None:
        # -P: what lies in the folder the program was started in (a document's own, say) is not to be imported.
        command = (sys.executable, "-P", "-m", "drio_tui.openapi_import.worker", str(os.getpid()))
        try:
            self._process = await start_process(*command, stdout=asyncio.subprocess.PIPE)
        except OSError as error:
            raise ImportFailed(f"{one_line(sys.executable, 200)} cannot be run: {reason_of(error)}") from error
        order = {"bytes": len(source.data), "url": source.url, "task": task, "chosen": chosen, "seconds": seconds}
        self._feeding = asyncio.create_task(self._feed(framing.packed(order), source.data))

    async def _feed(self, *parts: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended early; what it said last tells why
            for part in parts:
                self._process.stdin.write(part)
                await self._process.stdin.drain()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request. One at a time."""
        await self._feed(framing.packed(request))
        return await self.next()

    async def next(self) -> dict[str, Any]:
        """The next frame. Raises `ImportFailed` for one that tells of a failure, and when the process has died."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            answer: dict[str, Any] = await framing.receive(self._process.stdout)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise ReaderDied(
                "The program that reads it ended unexpectedly: the document is too much for it."
            ) from error
        if "failed" in answer:
            raise ImportFailed(answer["failed"], hint=answer["hint"])
        return answer

    async def close(self) -> None:
        """End the process, whatever it is doing."""
        cancelled = await wait_until_done(asyncio.ensure_future(self._end()))
        if cancelled is not None:
            raise cancelled

    async def _end(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])
        if self._process is not None:
            await end_process(self._process)


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1000))} kB"
