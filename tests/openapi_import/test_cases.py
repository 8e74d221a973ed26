"""Documents with what is rare and legal: imported, deployed, called by a model's client, each request as it says.

What a request has to be is found by `oracle`, without the program's code.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.openapi_import.import_dialog import MakingScreen
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from tests import preloaded
from tests.openapi_import import oracle
from tests.sandbox.mcp.conftest import Served, Upstream, lax, respond, upstream
from tests.ui.driving import open_first_app, running, text_of, until

__all__ = ["lax", "upstream"]  # fixtures

pytestmark = pytest.mark.socket

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
READABLE = [path for path in CASES if "swagger" not in path.name]


def operations_of(document: Any) -> list[tuple[str, str]]:
    """The operations of a document, in its order."""
    items = [(path, oracle._resolved(document, item)) for path, item in document["paths"].items()]
    return [(path, method) for path, item in items for method in item if method in oracle.METHODS]


def sendable(document: Any) -> list[tuple[str, str]]:
    return [one for one in operations_of(document) if not oracle.unsendable(document, *one)]


async def command(lax: Served, *arguments: str) -> tuple[int, Any, str]:
    """A command on the sandbox: its status, its JSON, and what it said."""
    command = [*arguments, "--json", "--base-url", lax.base_url]
    done = await asyncio.to_thread(lambda: preloaded.run(*command, env={"DRIO_TOKEN": token_of(lax)}, text=True))
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def token_of(lax: Served) -> str:
    return str(lax.api.http.headers["Authorization"]).removeprefix("Bearer ")


async def calls_are_what_the_document_says(lax: Served, upstream: Upstream, app: str, document: Any) -> None:
    """Deploy the app, call every operation with every alternative and every declared answer, and look at what came."""
    config = (await lax.api("GET", f"/apps/{app}/config"))["config"]
    wanted = sendable(document)
    assert [one["method"] for one in config["operations"]] == [method.upper() for _, method in wanted]
    names = {tool["binding"]["integrationOperationId"]: tool["key"] for tool in config["tools"]}
    async with lax.client(await lax.deploy(app)) as model:
        await model.list_tools()
        for (path, method), operation in zip(wanted, config["operations"], strict=True):
            accepted = oracle.accepted(document, path, method)
            answers = [*oracle.answers(document, path, method)] or [(200, "application/json", b'{"name": null}')]
            for choice in (0, 1):
                request = oracle.wanted(document, path, method, choice)
                for status, kind, body in answers:
                    upstream.answer = lambda _, got=(body, f"{status} OK", kind): respond(*got)
                    upstream.seen.clear()
                    result = await model.call_tool(names[operation["id"]], request.arguments(operation["inputSchema"]))
                    assert not result.is_error, f"{method} {path}: {result.content}"
                    (seen,) = upstream.seen
                    differing = request.differences(seen.method, seen.target, seen.headers, seen.body, "/base")
                    assert differing == [], f"{method} {path}"
                    first = oracle.essence(seen.headers["accept"].partition(",")[0])
                    assert not accepted or first in accepted, f"{method} {path}"


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
async def test_a_case_imported_by_the_command_is_called_as_it_says(lax: Served, upstream: Upstream, path: Path) -> None:
    document = json.loads(path.read_text())
    app = await lax.api.app(slug="cases")
    listed = (await command(lax, "import", app, str(path)))[1]["operations"]
    assert [one["id"] for one in listed] == [f"{method.upper()} {place}" for place, method in operations_of(document)]
    cannot = [one["id"] for one in listed if one["obstacle"]]
    assert cannot == [
        f"{method.upper()} {place}"
        for place, method in operations_of(document)
        if oracle.unsendable(document, place, method)
    ]
    made = await command(lax, "import", app, str(path), "--all", "--no-check", "--server", f"{upstream.base_url}/base")
    assert made[0] == 0, made[2]
    checked = (await command(lax, "check", app))[1]
    assert [one for one in checked["findings"] if one["severity"] == "error"] == []  # what can be called is no error
    await calls_are_what_the_document_says(lax, upstream, app, document)


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
async def test_a_case_imported_in_the_terminal_is_called_as_it_says(
    lax: Served, upstream: Upstream, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(path.read_text())
    app = await lax.api.app(slug="cases")
    async with running(lax.base_url, monkeypatch, token=token_of(lax)) as pilot:
        await open_first_app(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        screen: Any = pilot.app.screen
        screen.query_one(".-source").value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.id_here)
        await pilot.press("a")
        chosen = [f"{method.upper()} {place}" for place, method in sendable(document)]
        assert list(screen.picker.choosing.chosen) == chosen
        screen.query_one(".-base").value = f"{upstream.base_url}/base"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, MakingScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
    await calls_are_what_the_document_says(lax, upstream, app, document)


async def test_a_document_that_is_not_read_says_why(lax: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = set(CASES) - set(READABLE)
    app = await lax.api.app(slug="cases")
    status, _, said = await command(lax, "import", app, str(path))
    assert status != 0
    assert "It is a Swagger 2.0 document, and only OpenAPI 3.x is read." in said
    async with running(lax.base_url, monkeypatch, token=token_of(lax)) as pilot:
        await open_first_app(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        pilot.app.screen.query_one(".-source").value = str(path)  # type: ignore[attr-defined] # an input
        await pilot.press("enter")
        await until(pilot, lambda: "It is a Swagger 2.0 document" in text_of(pilot.app))
