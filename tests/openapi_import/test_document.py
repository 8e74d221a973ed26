"""A document opened from a file or an address by a process of its own."""

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
from drio_tui.openapi_import import fetch_document as sources
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.errors import ImportFailed
from tests.openapi_import.documents import PETS, document, parameter


@pytest.fixture
def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return str(path)


async def failing(where: str) -> ImportFailed:
    with pytest.raises(ImportFailed) as caught:
        await open_document(where)
    return caught.value


async def test_a_document_says_what_it_is_and_plans_what_is_chosen(pets: str) -> None:
    told: list[str] = []
    async with await open_document(pets, told.append) as found:
        assert (found.title, found.head.openapi, found.base_url) == ("Acme API", "3.1.0", "https://api.example.com/v1")
        assert found.tags == ("pets", "admin")
        assert [one.id for one in found.operations][:2] == ["GET /pets", "POST /pets"]
        assert found.proposal(["GET /pets"]) == found.schemes[0]
        assert found.proposal([]) is None
        plan = await found.plan(["POST /pets", "GET /nowhere"])
        assert [resource.kind for resource in plan.resources] == ["integration", "operation", "tool"]
        assert list(await found.details(["GET /nowhere"])) == []
        process = found._reader._process if found._reader else None
    assert process is not None
    assert process.returncode is not None, "closing ends the process"
    assert told[-1] == "5 of 5 operations"
    with pytest.raises(ImportFailed, match="The document is closed"):
        await found.details(["GET /pets"])


@pytest.mark.parametrize("how", ["'{}'", '"{}"', "  {}  ", "file://{}"])
async def test_a_path_is_taken_as_terminals_and_people_write_it(pets: str, how: str) -> None:
    async with await open_document(how.format(pets)) as found:
        assert len(found.operations) == 5


async def test_a_path_may_begin_at_home_and_hold_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my api.yaml").write_text("openapi: 3.1.0\ninfo: {title: Mine}\npaths: {/a: {get: {}}}\n")
    for where in ("~/my api.yaml", "~/my\\ api.yaml"):
        async with await open_document(where) as found:
            assert found.title == "Mine"


async def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b"")
    os.truncate(tmp_path / "big", sources.LARGEST + 1)
    for name, says in {
        "nothing": "There is no file", ".": "is a folder", "empty": "It is empty.", "pipe": "is no plain file",
        "big": "is larger than 64 MiB", "a\0b": "cannot be opened",
    }.items():  # fmt: skip
        assert says in (await failing(f"{tmp_path}/{name}")).message
    assert (await failing("  ")).message == "No file or address is given."
    assert "ftp addresses are not read" in (await failing("ftp://x.example/a")).message


async def test_a_document_that_is_none_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"swagger": "2.0"}')
    failed = await failing(str(tmp_path / "old.json"))
    assert "Swagger 2.0" in failed.message
    assert "Convert it" in failed.hint


async def test_cancelling_ends_the_reading_and_its_process(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text(json.dumps(document({f"/p{n}": {"get": {}} for n in range(5_000)})))
    started = asyncio.Event()
    task = asyncio.create_task(
        open_document(str(tmp_path / "large.json"), lambda text: started.set() if "reading" in text else None)
    )
    await started.wait()
    for _ in range(5):  # also while it is being ended
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]


async def test_who_leaves_before_the_answer_does_not_leave_it_to_the_next(tmp_path: Path) -> None:
    paths = {f"/p{number}": {"get": {"summary": f"S{number}", "responses": {}}} for number in range(300)}
    async with await opened(tmp_path, document(paths)) as found:
        asked = asyncio.create_task(found.details([f"GET /p{number}" for number in range(200)]))
        while not found._asked:
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        told = await found.details(["GET /p250", "GET /p3"])
        assert [told[id].tool["name"] for id in told] == ["S250", "S3"]


async def test_what_standard_input_holds_is_read_and_one_that_never_ends_can_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as stream, open(writing, "wb", buffering=0) as other:
        monkeypatch.setattr("sys.stdin", stream)
        asked = asyncio.create_task(sources.fetch("-"))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        other.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # as a program that ends does
    monkeypatch.setattr("sys.stdin", None)
    assert "closed" in (await failing("-")).message


async def test_a_process_that_dies_is_told_of(pets: str) -> None:
    found = await open_document(pets)
    assert found._reader is not None
    assert found._reader._process is not None
    found._reader._process.kill()
    with pytest.raises(ImportFailed, match="ended unexpectedly"):
        await found.details(["GET /pets"])
    await found.close()


async def test_nothing_in_the_folder_of_a_document_is_run(
    pets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "yaml.py", "jsonschema_path.py", "drio_tui.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    async with await open_document("pets.json") as found:
        await found.check(["GET /pets"])
    assert not (tmp_path / "ran").exists()


async def test_a_document_that_takes_too_long_is_given_up(pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "READ_SECONDS", 0.0)
    assert "takes longer than 0 seconds to read" in (await failing(pets)).message


# --- held against the specification --------------------------------------------------------------


async def opened(tmp_path: Path, value: Any) -> Document:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(value))
    return await open_document(str(path))


async def test_what_is_wrong_in_one_operation_does_not_keep_another_from_being_used(tmp_path: Path) -> None:
    good = {"responses": {"200": {"description": "Fine"}}}
    bad = {"parameters": [{"name": "a", "in": "moon", "schema": {}}], **good}
    paths = {"/good": {"get": good}, "/bad": {"get": bad}, "/lost": {"get": {"$ref": "#/x", **good}}}
    async with await opened(tmp_path, document(paths)) as found:
        assert [one.id for one in found.operations] == ["GET /good", "GET /bad", "GET /lost"]
        assert await found.check(["GET /good"]) == documents.Checked(())
        told: list[Any] = []
        problems = (await found.check(None, told.append)).problems
        assert told == list(problems)
        assert {problem.operation for problem in problems} >= {"GET /bad"}
        plan = await found.plan(["GET /good"])
        assert not plan.problems


async def test_checking_fetches_nothing(tmp_path: Path, server: Server) -> None:
    paths = {"/a": {"get": {"parameters": [{"$ref": f"{server.url}/p.json"}],
             "responses": {"200": {"description": "", "content": {"application/json": {
                 "schema": {"properties": {"a": {"$ref": f"{server.url}/s.json"}}}}}}}}}}  # fmt: skip
    async with await opened(tmp_path, document(paths)) as found:
        await found.check()
        await found.check(["GET /a"])
        await found.details(["GET /a"])
    assert server.asked == []


async def test_without_its_extra_json_is_read_and_it_is_said_what_is_missing(
    pets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "without" / "yaml").mkdir(parents=True)
    for name in ("yaml/__init__.py", "jsonschema_path.py"):
        (tmp_path / "without" / name).write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "without"), os.getcwd()]))
    async with await open_document(pets) as found:
        (problem,) = (await found.check()).problems
    assert "pip install 'drio-tui[openapi]'" in str(problem)
    (tmp_path / "a.yaml").write_text("openapi: 3.1.0\npaths: {}\n")
    failed = await failing(str(tmp_path / "a.yaml"))
    assert "YAML" in failed.message
    assert "pip install 'drio-tui[openapi]'" in failed.hint


def hostile(schema: Any) -> dict[str, Any]:
    """A document that takes the validator hours: alternatives that double 30 times, or a pattern that goes back."""
    doubled: dict[str, Any] = {
        f"A{n}": {"allOf": [{"$ref": f"#/components/schemas/A{n + 1}"}] * 2} for n in range(30)
    } | {"A30": {"type": "object", "properties": {"x": {"type": "string"}}}}
    return document(
        {"/a": {"get": {"parameters": [parameter("q", schema=schema)], "responses": {"200": {"description": "Fine"}}}}},
        openapi="3.0.3",
        components={"schemas": doubled},
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$", "default": "a" * 60 + "!"},
        {"$ref": "#/components/schemas/A0"},
    ],
)
async def test_a_hostile_document_ends_the_check_and_not_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: Any
) -> None:
    monkeypatch.setattr(documents, "CHECK_PROCESSOR_SECONDS", 2)
    async with await opened(tmp_path, hostile(schema)) as found:
        checked = await found.check(None)
        assert not checked.finished
        assert checked.problems[-1].message == documents.NOT_FINISHED
        plan = await found.plan(["GET /a"])
        assert [resource.kind for resource in plan.resources] == ["integration", "operation", "tool"]
        assert len(json.dumps(plan.as_dict())) < 10_000


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a handle of a process that is no child")
@pytest.mark.parametrize("noticed_by", ["system", "timer"])
async def test_the_reader_ends_with_the_program_whatever_it_is_doing(tmp_path: Path, noticed_by: str) -> None:
    """A regular expression holds the interpreter's lock: no other thread of the reader could see that it is alone."""
    reader = (
        "import os, re, sys\nfrom drio_tui.openapi_import import worker\n"
        f"worker._PR_SET_PDEATHSIG = {1 if noticed_by == 'system' else 9999}\n"
        "worker._end_with(os.getppid())\nprint(os.getpid(), flush=True)\n"
        "re.match('(a+)+$', 'a' * 60 + '!')\n"
    )
    program = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {reader!r}])\nsys.stdin.read()\n"
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


# --- addresses -----------------------------------------------------------------------------------


class Server:
    """Answers each path with what `answers` has: bytes of a whole HTTP answer. Keeps what it was asked."""

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
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        listening.close()


async def test_an_address_is_read_without_credentials_and_relative_servers_count_from_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret-of-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    body = json.dumps(PETS | {"servers": [{"url": "../v3"}]}).encode()
    server.answers["/docs/openapi.json?x=1"] = ok(
        b"", "302 Found", Location="/a/b/openapi.json", Set_Cookie="sid=1; Path=/"
    )
    server.answers["/a/b/openapi.json"] = ok(gzip.compress(body), Content_Encoding="gzip")
    async with await open_document(f"{server.url}/docs/openapi.json?x=1#/paths") as found:
        assert found.base_url == f"{server.url}/a/v3"
        assert len(found.operations) == 5
    for head in server.asked:
        assert "cookie" not in head.lower()
        assert "authorization" not in head.lower()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ok(b"no", "404 Not Found"), "answered with HTTP 404"),
        (ok(b"", "401 Unauthorized"), "wants a sign-in (HTTP 401), and no credentials are sent"),
        (ok(b"<!DOCTYPE html><title>Sign in</title>"), "It is a web page"),
        (ok(b'{"openapi": "3.1.0", "paths": {'), "It ends too early"),
        (ok(b"x" * 20).replace(b"Length: 20", b"Length: 400"), "127.0.0.1"),
        (ok(b"", "302 Found", Location="/loop"), "from one address to the next without end"),
        (ok(b"", "302 Found", Location="file:///etc/passwd"), "does not begin with https:// or http://"),
        (ok(b"", "302 Found", Location="http://ada:secret@127.0.0.1/"), "no credentials are sent"),
        (ok(gzip.compress(b" " * (sources.LARGEST + 2)), Content_Encoding="gzip"), "larger than 64 MiB"),
        (ok(b"x", Content_Encoding="br"), "which was not asked for"),
        (b"garbage\r\n\r\n", "127.0.0.1"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_document_is_said_to_be_what_it_is(server: Server, answer: bytes, says: str) -> None:
    server.answers["/loop"] = answer
    failed = await failing(f"{server.url}/loop")
    assert says in failed.message
    assert "secret" not in str(failed)


async def test_encryption_is_never_given_up_on_the_way() -> None:
    with pytest.raises(ImportFailed, match="without encryption"):
        sources._redirected("https://a.example/x", "http://a.example/x")
    assert sources._redirected("https://a.example/x", "//b.example/y") == "https://b.example/y"


@pytest.mark.parametrize("address", ["http://", "https://[::1", "http://ada:secret@127.0.0.1:1/x", "http://x:99999/"])
async def test_an_address_that_cannot_be_is_refused(address: str) -> None:
    assert "secret" not in str(await failing(address))


async def test_nobody_at_the_address_is_said(server: Server) -> None:
    assert "127.0.0.1" in (await failing("http://127.0.0.1:1/openapi.json")).message


async def test_a_server_that_never_ends_is_left_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    forever = asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await forever.wait()

    server.answers["/slow"] = stall
    failed = await failing(f"{server.url}/slow")
    forever.set()
    assert "did not send the whole document within 0.2 s" in failed.message


async def test_a_document_of_thirty_megabytes_is_read(tmp_path: Path) -> None:
    big = document({f"/p{n}": {"get": {"description": "x" * 15_000}} for n in range(2_000)})
    path = tmp_path / "big.json"
    path.write_text(json.dumps(big))
    assert path.stat().st_size > 30_000_000
    async with await open_document(str(path)) as found:
        assert len(found.operations) == 2_000
        assert len((await found.plan([found.operations[7].id])).resources) == 3
