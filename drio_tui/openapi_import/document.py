"""An open OpenAPI document: its operations, and the plan to import the selected ones.

    async with await open_document("~/petstore.yaml") as document:
        print(document.title, len(document.operations), document.problems)
        plan = await document.plan(["GET /pets", "POST /pets"], base_url=document.base_url)

A separate process (`worker`) reads the document and answers requests while it is open, so that no document blocks the
event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from drio_tui.asyncio_wait import wait_until_done
from drio_tui.child_process import end_process, start_process
from drio_tui.openapi_import import framing
from drio_tui.openapi_import.errors import EXTRA, DocumentProblem, ImportFailed
from drio_tui.openapi_import.existing import ExistingResources, Raw, call_of
from drio_tui.openapi_import.fetch_document import Source, fetch
from drio_tui.openapi_import.model import (
    DocumentInfo,
    OperationDetail,
    OperationSummary,
    Scheme,
    Server,
    detail_from_json,
    info_from_json,
    summary_from_json,
)
from drio_tui.openapi_import.planning import ExistingIntegration, NewConnection, Plan, make_plan
from drio_tui.storage.files import os_error_text
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.openapi_import.proposals import Proposals

READ_SECONDS = 120.0
READ_PROCESSOR_SECONDS = 120
CHECK_SECONDS = 30.0
CHECK_PROCESSOR_SECONDS = 10
"""The processor time of the check against the specification. On a busy machine it takes longer, at most
`CHECK_SECONDS`.
"""

NOT_FINISHED = "the check against the OpenAPI specification took too long and was not finished"

Progress = Callable[[str], object]
"""Called with a short description of the progress (`1.3 MB read`, `400 of 1,000 operations`)."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The violations of the OpenAPI specification. If not `finished` there may be more; the last problem says so."""

    problems: tuple[DocumentProblem, ...]
    finished: bool = True


class WorkerDied(ImportFailed):
    """The worker process ended without a response."""


async def open_document(where: str, progress: Progress | None = None) -> Document:
    """Open the document at a path, a URL or `-` (standard input); `close` it, or use it in `async with`.

    Raises `ImportFailed` (a `DrioError`) with the reason and the position. Cancelling ends it at once.
    """
    report = progress or (lambda _: None)
    report("looking")
    source = await fetch(where, lambda size: report(f"{_size(size)} read"))
    return await read_document(source, progress)


async def read_document(source: Source, progress: Progress | None = None, *, outline: bool = False) -> Document:
    """Open a document whose bytes are already loaded; otherwise like `open_document`.

    With `outline`, its operations are read only as far as `Document.summaries` says, and Swagger 2.0 is read too.
    """
    report = progress or (lambda _: None)
    report(f"reading {_size(len(source.data))}")
    document = Document(source, outline=outline)
    try:
        async with asyncio.timeout(READ_SECONDS):
            await document._read(report)
    except TimeoutError:
        await document.close()
        raise ImportFailed(f"It takes longer than {duration(READ_SECONDS)} to read.") from None
    except BaseException:
        await document.close()
        raise
    return document


class Document:
    """One document. `operations` are all its operations in order; `problems` are its defects that were tolerated.

    Its texts are not yet sanitized.
    """

    def __init__(self, source: Source, *, outline: bool = False) -> None:
        self.source = source
        self._task = "outline" if outline else "read"
        self.head = DocumentInfo("", "", "")
        self.operations: tuple[OperationSummary, ...] = ()
        self.problems: tuple[DocumentProblem, ...] = ()
        self._by_id: dict[str, OperationSummary] = {}
        self._details: dict[str, OperationDetail] = {}
        self._worker: _Worker | None = None
        self._turn = asyncio.Lock()
        self._requests: set[asyncio.Task[None]] = set()

    @property
    def title(self) -> str:
        """The API's name, never empty."""
        return self.head.title

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers of the API, at least one; an unusable one has an empty `url` and a `problem`."""
        return self.head.servers

    @property
    def base_url(self) -> str:
        """The URL of the first usable server; empty if there is none and the user has to enter it."""
        return next((server.url for server in self.servers if server.url), "")

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The security schemes."""
        return self.head.schemes

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags of the operations, in the order of their first use."""
        return tuple(dict.fromkeys(tag for operation in self.operations for tag in operation.tags))

    def operation(self, id: str) -> OperationSummary | None:
        """Return the operation with this id (`GET /pets`), or None."""
        return self._by_id.get(id)

    def preferred_scheme(self, chosen: Iterable[str]) -> Scheme | None:
        """Return the supported security scheme that most of the chosen operations accept; None if they need none."""
        uses: dict[str, int] = {}
        for id in chosen:
            for name in self._by_id[id].schemes if id in self._by_id else ():
                uses[name] = uses.get(name, 0) + 1
        candidates = [scheme for scheme in self.schemes if scheme.name in uses]
        return max(
            candidates,
            key=lambda scheme: (bool(scheme.provider), not scheme.problem, uses[scheme.name]),
            default=None,
        )

    async def details(self, ids: Iterable[str]) -> dict[str, OperationDetail]:
        """Return the details of operations by id, in the given order, without unknown ids.

        Raises `ImportFailed` when the document is closed or the worker has died. After a cancellation the worker's
        response is still read, or it would be taken for the response to the next request.
        """
        known = [id for id in dict.fromkeys(ids) if id in self._by_id]
        if not all(id in self._details for id in known):
            await self._uncancelled(self._describe(known))
        return {id: self._details[id] for id in known}

    def known_detail(self, id: str) -> OperationDetail | None:
        """Return the details of an operation if they were asked for before."""
        return self._details.get(id)

    async def summaries(self, ids: Iterable[str]) -> list[OperationSummary]:
        """Return the whole summaries of operations of an outline, in the given order; raises what `details` does."""
        known = [id for id in dict.fromkeys(ids) if id in self._by_id]
        summaries: list[OperationSummary] = []

        async def summarize() -> None:
            async with self._turn:
                answer = await self._ask({"summaries": known})
                summaries.extend(summary_from_json(value) for value in answer["summaries"])

        if known:
            await self._uncancelled(summarize())
        return summaries

    async def _uncancelled(self, work: Coroutine[Any, Any, None]) -> None:
        request = asyncio.create_task(work)
        self._requests.add(request)
        request.add_done_callback(self._request_done)
        await asyncio.shield(request)

    async def _describe(self, ids: list[str]) -> None:
        async with self._turn:
            missing = [id for id in ids if id not in self._details]
            if missing:
                answer = await self._ask({"details": missing})
                for value in answer["details"]:
                    self._details[value["id"]] = detail_from_json(value)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        worker = self._worker
        if worker is None:
            raise ImportFailed("The document is closed.")
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await worker.ask(request)
        except TimeoutError:
            self._worker = None  # a late response would be taken for that to the next request
            await worker.close()
            raise ImportFailed(
                f"It takes longer than {duration(READ_SECONDS)} to describe its operations.", hint="Open it again."
            ) from None

    def _request_done(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        if not request.cancelled():
            request.exception()  # retrieved, so that asyncio does not log it when the caller was cancelled

    async def plan(
        self,
        chosen: Iterable[str],
        *,
        base_url: str = "",
        integration: ExistingIntegration | str = "",
        auth: str | NewConnection = "",
        tools: bool = True,
        present: ExistingResources | None = None,
        again: bool = False,
        proposals: Proposals | None = None,
    ) -> Plan:
        """Return the resources to create for the chosen operations: the integration, then each operation with its tool.

        `integration` is the `Target` integration to add to, or the name of a new one (by default the document's title),
        which gets `base_url` (by default the document's first usable server) and `auth`: the id of an auth connection,
        a local name for which `PlannedResource.resolved` gets an id, or a connection to create. With `tools` false only
        operations are created.

        `present` holds the resources of the app. Those that it has of the document are not created again: the
        integration is found by the document's title, its base URL and the name if one is given, operations by method
        and path. With `again`, another integration is created nevertheless. Of `proposals`
        what is taken is planned: texts and annotations of tools, widgets, chains.

        Operations with an obstacle are left out and reported in `Plan.problems`. Raises `ImportFailed` if there is no
        usable base URL.
        """
        ids = [id for id in dict.fromkeys(chosen) if id in self._by_id]
        details = await self.details(id for id in ids if not self._by_id[id].obstacle)
        operations = [self._by_id[id] for id in ids]
        base_url = base_url.strip().rstrip("/") or self.base_url
        plan = make_plan(
            self.head, self.source.url, operations, details,
            base_url=base_url, integration=integration, auth=auth, tools=tools, present=present or ExistingResources(),
            again=again, proposals=proposals,
        )  # fmt: skip
        return plan if present is None else replace(plan, first_order=present.next_tool_order)

    async def proposals(self, chosen: Iterable[str], server: str = "") -> Proposals:
        """Return what is proposed for operations; `server` is the name of the app in the config of AI clients.

        Raises what `details` does.
        """
        from drio_tui.openapi_import.proposals import propose  # not needed to read a document

        operations = [self._by_id[id] for id in dict.fromkeys(chosen) if id in self._by_id]
        operations = [operation for operation in operations if not operation.obstacle]
        details = await self.details(operation.id for operation in operations)
        return await asyncio.to_thread(propose, operations, details, server=server)

    def existing_operations(
        self, present: ExistingResources, base_url: str = "", integration: str = ""
    ) -> dict[str, Raw]:
        """Return the operations that an app already has, by their ids in the document.

        Operations of `base_url` are looked for in `integration` (an id), if given, all others in the integrations with
        their base URL.
        """
        calls_by_url: dict[str, dict[str, tuple[str, str]]] = {}
        main = base_url.strip().rstrip("/") or self.base_url
        for operation in self.operations:
            own = next((server.url for server in operation.servers if server.url), "")
            calls_by_url.setdefault(own or main, {})[operation.id] = call_of(operation)
        existing: dict[str, Raw] = {}
        for url, calls in calls_by_url.items():
            known = present.integration(url, self.title)
            id = integration if integration and url == main else str(known.get("id")) if known else ""
            existing |= present.operations_of(id, calls) if id else {}
        return existing

    async def check(
        self, chosen: Iterable[str] | None = None, on_problem: Callable[[DocumentProblem], object] | None = None
    ) -> CheckResult:
        """Return the violations of the OpenAPI specification, in the whole document or in what the operations use.

        Checking all of a large document takes longer than the time limit, ten operations of it about two seconds. If
        the validator is not installed, that is the only problem. Cancelling ends it at once.
        """
        order = {"chosen": None if chosen is None else list(chosen)}
        problems: list[DocumentProblem] = []
        finished = False

        def note(problem: DocumentProblem) -> None:
            problems.append(problem)
            if on_problem:
                on_problem(problem)

        worker = _Worker()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await worker.start("check", self.source, seconds=CHECK_PROCESSOR_SECONDS, **order)
                while "ready" not in (answer := await worker.next()):
                    note(DocumentProblem(**answer["problem"]))
                finished = answer["finished"]
            if not finished:
                note(DocumentProblem(NOT_FINISHED))
        except (TimeoutError, WorkerDied):
            note(DocumentProblem(NOT_FINISHED))
        except ImportFailed as failed:
            if EXTRA in failed.hint:
                note(
                    DocumentProblem(f"it was not checked against the specification: that takes `pip install '{EXTRA}'`")
                )
            else:
                note(DocumentProblem(f"it could not be checked: {failed.message}"))
        finally:
            await worker.close()
        return CheckResult(tuple(problems), finished)

    async def close(self) -> None:
        """End the worker process."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
        if self._requests:  # pending requests fail when the process ends
            await asyncio.wait(self._requests)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self, report: Progress) -> None:
        self._worker = _Worker()
        await self._worker.start(self._task, self.source, seconds=READ_PROCESSOR_SECONDS, chosen=None)
        operations: list[OperationSummary] = []
        while "ready" not in (answer := await self._worker.next()):
            if "head" in answer:
                self.head = info_from_json(answer["head"])
            else:
                operations += [summary_from_json(value) for value in answer["operations"]]
                report(f"{len(operations):,} of {answer['total']:,} operations")
        self.operations = tuple(operations)
        self.problems = tuple(DocumentProblem(**value) for value in answer["problems"])
        self._by_id = {operation.id: operation for operation in operations}


class _Worker:
    """The program's end of the pipe to the worker process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._feed_task: asyncio.Task[None] | None = None

    async def start(self, task: str, source: Source, *, seconds: int, chosen: list[str] | None) -> None:
        # -P: no modules are imported from the current directory, which may be that of an untrusted document.
        command = (sys.executable, "-P", "-m", "drio_tui.openapi_import.worker", str(os.getpid()))
        try:
            self._process = await start_process(*command, stdout=asyncio.subprocess.PIPE)
        except OSError as error:
            raise ImportFailed(f"{one_line(sys.executable, 200)} cannot be run: {os_error_text(error)}") from error
        order = {"bytes": len(source.data), "url": source.url, "task": task, "chosen": chosen, "seconds": seconds}
        self._feed_task = asyncio.create_task(self._feed(framing.packed(order), source.data))

    async def _feed(self, *parts: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the worker ended early; its last frame contains the reason
            for part in parts:
                self._process.stdin.write(part)
                await self._process.stdin.drain()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its response. Only one request may be pending."""
        await self._feed(framing.packed(request))
        return await self.next()

    async def next(self) -> dict[str, Any]:
        """Return the next frame. Raises `ImportFailed` for a frame with a failure, and when the process has died."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            answer: dict[str, Any] = await framing.receive(self._process.stdout)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise WorkerDied(
                "The program that reads it ended unexpectedly: the document is too much for it."
            ) from error
        if "failed" in answer:
            raise ImportFailed(answer["failed"], hint=answer["hint"])
        return answer

    async def close(self) -> None:
        """End the process, also in the middle of a task."""
        cancelled = await wait_until_done(asyncio.ensure_future(self._end()))
        if cancelled is not None:
            raise cancelled

    async def _end(self) -> None:
        if self._feed_task is not None:
            self._feed_task.cancel()
            await asyncio.wait([self._feed_task])
        if self._process is not None:
            await end_process(self._process)


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1000))} kB"
