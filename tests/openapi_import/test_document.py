"""Opening documents from files and URLs with the worker process."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import select
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from drio_tui.openapi_import import document as documents
from drio_tui.openapi_import import fetch_document
from drio_tui.openapi_import.document import Document, open_document, read_document
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.openapi_import.fetch_document import Source
from tests.openapi_import.documents import PETS, document, parameter


@pytest.fixture
def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return str(path)


async def import_error(where: str) -> ImportFailed:
    with pytest.raises(ImportFailed) as caught:
        await open_document(where)
    return caught.value


async def test_a_document_has_its_properties_and_plans_the_chosen_operations(pets: str) -> None:
    progress: list[str] = []
    async with await open_document(pets, progress.append) as opened:
        assert (opened.title, opened.head.openapi, opened.base_url) == (
            "Acme API",
            "3.1.0",
            "https://api.example.com/v1",
        )
        assert opened.tags == ("pets", "admin")
        assert [operation.id for operation in opened.operations][:2] == ["GET /pets", "POST /pets"]
        assert opened.preferred_scheme(["GET /pets"]) == opened.schemes[0]
        assert opened.preferred_scheme([]) is None
        plan = await opened.plan(["POST /pets", "GET /nowhere"])
        assert [resource.kind for resource in plan.resources] == ["integration", "operation", "tool"]
        assert list(await opened.details(["GET /nowhere"])) == []
        process = opened._worker._process if opened._worker else None
    assert process is not None
    assert process.returncode is not None, "closing ends the process"
    assert progress[-1] == "5 of 5 operations"
    with pytest.raises(ImportFailed, match="The document is closed"):
        await opened.details(["GET /pets"])


@pytest.mark.parametrize("how", ["'{}'", '"{}"', "  {}  ", "file://{}"])
async def test_paths_may_be_quoted_or_file_urls(pets: str, how: str) -> None:
    async with await open_document(how.format(pets)) as opened:
        assert len(opened.operations) == 5


async def test_a_path_may_start_with_a_tilde_and_contain_blanks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my api.yaml").write_text("openapi: 3.1.0\ninfo: {title: Mine}\npaths: {/a: {get: {}}}\n")
    for where in ("~/my api.yaml", "~/my\\ api.yaml"):
        async with await open_document(where) as opened:
            assert opened.title == "Mine"


async def test_the_reason_is_given_when_a_file_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b"")
    os.truncate(tmp_path / "big", fetch_document.LARGEST + 1)
    for name, message in {
        "nothing": "There is no file", ".": "is a folder", "empty": "It is empty.", "pipe": "is no plain file",
        "big": "is larger than 64 MiB", "a\0b": "cannot be opened",
    }.items():  # fmt: skip
        assert message in (await import_error(f"{tmp_path}/{name}")).message
    assert (await import_error("  ")).message == "No file or address is given."
    assert "ftp addresses are not read" in (await import_error("ftp://x.example/a")).message


async def test_a_swagger_2_document_is_rejected_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"swagger": "2.0"}')
    failed = await import_error(str(tmp_path / "old.json"))
    assert "Swagger 2.0" in failed.message
    assert "Convert it" in failed.hint


async def test_cancelling_ends_the_worker(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text(json.dumps(document({f"/p{n}": {"get": {}} for n in range(5_000)})))
    started = asyncio.Event()
    task = asyncio.create_task(
        open_document(str(tmp_path / "large.json"), lambda text: started.set() if "reading" in text else None)
    )
    await started.wait()
    for _ in range(5):  # also while the process is being ended
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_answer_of_a_cancelled_request_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    paths = {f"/p{number}": {"get": {"summary": f"S{number}", "responses": {}}} for number in range(300)}
    async with await open_json(tmp_path, document(paths)) as opened:
        request = asyncio.create_task(opened.details([f"GET /p{number}" for number in range(200)]))
        while not opened._requests:
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        details = await opened.details(["GET /p250", "GET /p3"])
        assert [detail.tool["name"] for detail in details.values()] == ["S250", "S3"]


async def test_reading_a_standard_input_without_end_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_end, write_end = os.pipe()
    with open(read_end, encoding="utf-8") as stream, open(write_end, "wb", buffering=0) as other:
        monkeypatch.setattr("sys.stdin", stream)
        task = asyncio.create_task(fetch_document.fetch("-"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        other.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # as at the end of the program
    monkeypatch.setattr("sys.stdin", None)
    assert "closed" in (await import_error("-")).message


async def test_a_dead_worker_is_reported(pets: str) -> None:
    opened = await open_document(pets)
    assert opened._worker is not None
    assert opened._worker._process is not None
    opened._worker._process.kill()
    with pytest.raises(ImportFailed, match="ended unexpectedly"):
        await opened.details(["GET /pets"])
    await opened.close()


async def test_modules_in_the_directory_of_a_document_are_not_imported(
    pets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "yaml.py", "jsonschema_path.py", "drio_tui.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    async with await open_document("pets.json") as opened:
        await opened.check(["GET /pets"])
    assert not (tmp_path / "ran").exists()


async def test_reading_a_document_has_a_time_limit(pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "READ_SECONDS", 0.0)
    assert "takes longer than 0 seconds to read" in (await import_error(pets)).message


async def test_a_worker_that_does_not_respond_is_ended(pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await open_document(pets) as opened:
        monkeypatch.setattr(documents, "READ_SECONDS", 0.0)
        with pytest.raises(ImportFailed, match="takes longer than 0 seconds to describe its operations"):
            await opened.details(["GET /pets"])
        with pytest.raises(ImportFailed, match="is closed"):
            await opened.details(["GET /pets"])


# --- validation ----------------------------------------------------------------------------------


async def open_json(tmp_path: Path, value: Any) -> Document:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(value))
    return await open_document(str(path))


async def test_an_invalid_operation_does_not_affect_the_others(tmp_path: Path) -> None:
    valid = {"responses": {"200": {"description": "Fine"}}}
    invalid = {"parameters": [{"name": "a", "in": "moon", "schema": {}}], **valid}
    paths = {"/good": {"get": valid}, "/bad": {"get": invalid}, "/lost": {"get": {"$ref": "#/x", **valid}}}
    async with await open_json(tmp_path, document(paths)) as opened:
        assert [operation.id for operation in opened.operations] == ["GET /good", "GET /bad", "GET /lost"]
        assert await opened.check(["GET /good"]) == documents.CheckResult(())
        reported: list[Any] = []
        problems = (await opened.check(None, reported.append)).problems
        assert reported == list(problems)
        assert {problem.operation for problem in problems} >= {"GET /bad"}
        plan = await opened.plan(["GET /good"])
        assert not plan.problems


async def test_validation_fetches_nothing(tmp_path: Path, server: Server) -> None:
    paths = {"/a": {"get": {"parameters": [{"$ref": f"{server.url}/p.json"}],
             "responses": {"200": {"description": "", "content": {"application/json": {
                 "schema": {"properties": {"a": {"$ref": f"{server.url}/s.json"}}}}}}}}}}  # fmt: skip
    async with await open_json(tmp_path, document(paths)) as opened:
        await opened.check()
        await opened.check(["GET /a"])
        await opened.details(["GET /a"])
    assert server.asked == []


async def test_without_the_extra_json_is_read_and_the_missing_package_is_named(
    pets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "without" / "yaml").mkdir(parents=True)
    for name in ("yaml/__init__.py", "jsonschema_path.py"):
        (tmp_path / "without" / name).write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "without"), os.getcwd()]))
    async with await open_document(pets) as opened:
        (problem,) = (await opened.check()).problems
    assert "pip install 'drio-tui[openapi]'" in str(problem)
    (tmp_path / "a.yaml").write_text("openapi: 3.1.0\npaths: {}\n")
    failed = await import_error(str(tmp_path / "a.yaml"))
    assert "YAML" in failed.message
    assert "pip install 'drio-tui[openapi]'" in failed.hint


def hostile(schema: Any) -> dict[str, Any]:
    """Return a document that takes the validator hours: 2**30 alternatives, or catastrophic backtracking."""
    doubling: dict[str, Any] = {
        f"A{n}": {"allOf": [{"$ref": f"#/components/schemas/A{n + 1}"}] * 2} for n in range(30)
    } | {"A30": {"type": "object", "properties": {"x": {"type": "string"}}}}
    return document(
        {"/a": {"get": {"parameters": [parameter("q", schema=schema)], "responses": {"200": {"description": "Fine"}}}}},
        openapi="3.0.3",
        components={"schemas": doubling},
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$", "default": "a" * 60 + "!"},
        {"$ref": "#/components/schemas/A0"},
    ],
)
async def test_a_hostile_document_stops_the_validation_but_not_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: Any
) -> None:
    monkeypatch.setattr(documents, "CHECK_PROCESSOR_SECONDS", 2)
    async with await open_json(tmp_path, hostile(schema)) as opened:
        checked = await opened.check(None)
        assert not checked.finished
        assert checked.problems[-1].message == documents.NOT_FINISHED
        plan = await opened.plan(["GET /a"])
        assert [resource.kind for resource in plan.resources] == ["integration", "operation", "tool"]
        assert len(json.dumps(plan.as_dict())) < 10_000


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a handle of a process that is not a child")
@pytest.mark.parametrize("noticed_by", ["system", "timer"])
async def test_the_worker_ends_with_the_program_during_a_long_match(tmp_path: Path, noticed_by: str) -> None:
    """During a regular expression match, which holds the GIL, no thread could notice the end of the parent."""
    worker = (
        "import os, re, sys\nfrom drio_tui.openapi_import import worker\n"
        f"worker._PR_SET_PDEATHSIG = {1 if noticed_by == 'system' else 9999}\n"
        "worker._end_with(os.getppid())\nprint(os.getpid(), flush=True)\n"
        "re.match('(a+)+$', 'a' * 60 + '!')\n"
    )
    program = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {worker!r}])\nsys.stdin.read()\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    handle = os.pidfd_open(int(await process.stdout.readline()))
    try:
        process.terminate()
        await process.wait()
        ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 30)
        assert ended
    finally:
        os.close(handle)


# --- URLs ----------------------------------------------------------------------------------------


class Server:
    """An HTTP server that answers each path with the complete response in `answers`, and records the request heads."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, bytes | Callable[[asyncio.StreamWriter], Any]] = {}
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            answer = self.answers.get(head.split(" ")[1], ok(b"", status="404 Not Found"))
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()


def ok(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


async def test_a_url_is_fetched_without_credentials_and_is_the_base_of_relative_servers(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret-of-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    body = json.dumps(PETS | {"servers": [{"url": "../v3"}]}).encode()
    server.answers["/docs/openapi.json?x=1"] = ok(
        b"", "302 Found", Location="/a/b/openapi.json", Set_Cookie="sid=1; Path=/"
    )
    server.answers["/a/b/openapi.json"] = ok(gzip.compress(body), Content_Encoding="gzip")
    async with await open_document(f"{server.url}/docs/openapi.json?x=1#/paths") as opened:
        assert opened.base_url == f"{server.url}/a/v3"
        assert len(opened.operations) == 5
    for head in server.asked:
        assert "cookie" not in head.lower()
        assert "authorization" not in head.lower()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ok(b"no", "404 Not Found"), "answered with HTTP 404"),
        (ok(b"", "401 Unauthorized"), "wants a sign-in (HTTP 401), and no credentials are sent"),
        (ok(b"<!DOCTYPE html><title>Sign in</title>"), "It is a web page"),
        (ok(b'{"openapi": "3.1.0", "paths": {'), "It ends too early"),
        (ok(b"x" * 20).replace(b"Length: 20", b"Length: 400"), "127.0.0.1"),
        (ok(b"", "302 Found", Location="/loop"), "from one address to the next without end"),
        (ok(b"", "302 Found", Location="file:///etc/passwd"), "does not begin with https:// or http://"),
        (ok(b"", "302 Found", Location="http://ada:secret@127.0.0.1/"), "no credentials are sent"),
        (ok(gzip.compress(b" " * (fetch_document.LARGEST + 2)), Content_Encoding="gzip"), "larger than 64 MiB"),
        (ok(b"x", Content_Encoding="br"), "which was not asked for"),
        (b"garbage\r\n\r\n", "127.0.0.1"),
    ],
)  # fmt: skip
async def test_the_reason_is_given_when_a_url_returns_no_document(server: Server, answer: bytes, message: str) -> None:
    server.answers["/loop"] = answer
    failed = await import_error(f"{server.url}/loop")
    assert message in failed.message
    assert "secret" not in str(failed)


async def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    with pytest.raises(ImportFailed, match="without encryption"):
        fetch_document._redirected("https://a.example/x", "http://a.example/x")
    assert fetch_document._redirected("https://a.example/x", "//b.example/y") == "https://b.example/y"


@pytest.mark.parametrize("address", ["http://", "https://[::1", "http://ada:secret@127.0.0.1:1/x", "http://x:99999/"])
async def test_an_invalid_url_is_rejected(address: str) -> None:
    assert "secret" not in str(await import_error(address))


async def test_an_unreachable_host_is_named(server: Server) -> None:
    assert "127.0.0.1" in (await import_error("http://127.0.0.1:1/openapi.json")).message


async def test_a_download_has_a_time_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_document, "SECONDS", 0.2)
    forever = asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await forever.wait()

    server.answers["/slow"] = stall
    failed = await import_error(f"{server.url}/slow")
    forever.set()
    assert "did not send the whole document within 0.2 s" in failed.message


async def test_a_document_of_thirty_megabytes_is_read(tmp_path: Path) -> None:
    big = document({f"/p{n}": {"get": {"description": "x" * 15_000}} for n in range(2_000)})
    path = tmp_path / "big.json"
    path.write_text(json.dumps(big))
    assert path.stat().st_size > 30_000_000
    async with await open_document(str(path)) as opened:
        assert len(opened.operations) == 2_000
        assert len((await opened.plan([opened.operations[7].id])).resources) == 3


async def test_an_outline_is_completed_on_request_and_lists_what_is_broken() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Half broken"},
        "paths": {
            "/a": {"get": {"operationId": "getA", "tags": ["x"], "deprecated": True}, "put": "nothing"},
            "/b": {"post": {"requestBody": {"$ref": "#/nowhere"}}},
        },
    }
    source = Source("half.json", json.dumps(document).encode(), "http://127.0.0.1:1/api/half.json")
    async with await read_document(source, outline=True) as outline:
        first, second = outline.operations
        assert (first.id, first.operation_id, first.tags, first.deprecated) == ("GET /a", "getA", ("x",), True)
        assert second.obstacle == ""
        assert [problem.operation for problem in outline.problems] == ["PUT /a"]
        complete = await outline.summaries(["POST /b", "GET /none"])
        assert [summary.id for summary in complete] == ["POST /b"]
        assert "#/nowhere" in complete[0].obstacle
        details = await outline.details(["POST /b"])
        assert details["POST /b"].obstacle == complete[0].obstacle
