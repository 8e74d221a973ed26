"""Documents with rare but valid constructs: imported, deployed, called by an MCP client, and each request compared.

`oracle` derives the expected requests without the program's code.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.openapi_import.import_dialog import ImportDialog
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from tests import THOROUGH, preloaded
from tests.openapi_import import oracle
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response, lax, upstream
from tests.ui.driving import open_first_app, running, text_of, until

__all__ = ["lax", "upstream"]  # fixtures

pytestmark = pytest.mark.socket

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
READABLE = [path for path in CASES if "swagger" not in path.name]


def operations_of(document: Any) -> list[tuple[str, str]]:
    """Return the operations of a document in order."""
    items = [(path, oracle._resolved(document, item)) for path, item in document["paths"].items()]
    return [(path, method) for path, item in items for method in item if method in oracle.METHODS]


def sendable(document: Any) -> list[tuple[str, str]]:
    return [operation for operation in operations_of(document) if not oracle.unsendable(document, *operation)]


async def command(lax: ServedSandbox, *arguments: str) -> tuple[int, Any, str]:
    """Run a command on the sandbox; return its exit status, its JSON output and its standard error."""
    command = [*arguments, "--json", "--base-url", lax.base_url]
    process = await asyncio.to_thread(lambda: preloaded.run(*command, env={"DRIO_TOKEN": token_of(lax)}, text=True))
    return process.returncode, json.loads(process.stdout) if process.stdout.strip() else None, process.stderr


def token_of(lax: ServedSandbox) -> str:
    return str(lax.api.http.headers["Authorization"]).removeprefix("Bearer ")


async def assert_calls_match_the_document(lax: ServedSandbox, upstream: Upstream, app: str, document: Any) -> None:
    """Deploy the app, call every operation with each alternative and declared response, and compare the requests."""
    config = (await lax.api("GET", f"/apps/{app}/config"))["config"]
    expected = sendable(document)
    by_id = {operation["id"]: operation for operation in config["operations"]}
    tools = sorted(config["tools"], key=lambda tool: tool["order"])
    operations = [by_id[tool["binding"]["integrationOperationId"]] for tool in tools]
    assert [operation["method"] for operation in operations] == [method.upper() for _, method in expected]
    assert len(operations) == len(by_id)
    async with lax.client(await lax.deploy(app)) as model:
        await model.list_tools()
        for (path, method), tool, operation in zip(expected, tools, operations, strict=True):
            accepted = oracle.accepted(document, path, method)
            answers = [*oracle.answers(document, path, method)] or [(200, "application/json", b'{"name": null}')]
            for choice in (0, 1):
                request = oracle.expected_request(document, path, method, choice)
                for status, kind, body in answers:
                    upstream.response_for = lambda _, response=(body, f"{status} OK", kind): http_response(*response)
                    upstream.requests.clear()
                    result = await model.call_tool(tool["key"], request.arguments(operation["inputSchema"]))
                    assert not result.is_error, f"{method} {path}: {result.content}"
                    (seen,) = upstream.requests
                    differences = request.differences(seen.method, seen.target, seen.headers, seen.body, "/base")
                    assert differences == [], f"{method} {path}"
                    first = oracle.essence(seen.headers["accept"].partition(",")[0])
                    assert not accepted or first in accepted, f"{method} {path}"


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
async def test_a_case_imported_by_the_command_is_called_as_documented(
    lax: ServedSandbox, upstream: Upstream, path: Path
) -> None:
    document = json.loads(path.read_text())
    app = await lax.api.create_app(slug="cases")
    listed = (await command(lax, "import", app, str(path)))[1]["operations"]
    assert [summary["id"] for summary in listed] == [
        f"{method.upper()} {template}" for template, method in operations_of(document)
    ]
    assert [summary["id"] for summary in listed if summary["obstacle"]] == [
        f"{method.upper()} {template}"
        for template, method in operations_of(document)
        if oracle.unsendable(document, template, method)
    ]
    options = ("--all", "--no-check", "--yes", "--server", f"{upstream.base_url}/base")
    status, _, stderr = await command(lax, "import", app, str(path), *options)
    assert status == 0, stderr
    checked = (await command(lax, "check", app))[1]
    assert "error" not in [diagnostic["severity"] for diagnostic in checked["findings"]]
    await assert_calls_match_the_document(lax, upstream, app, document)


@pytest.mark.parametrize("path", READABLE if THOROUGH else READABLE[:2], ids=lambda path: path.stem)
async def test_a_case_imported_in_the_terminal_is_called_as_documented(
    lax: ServedSandbox, upstream: Upstream, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(path.read_text())
    app = await lax.api.create_app(slug="cases")
    async with running(lax.base_url, monkeypatch, token=token_of(lax)) as pilot:
        await open_first_app(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        screen: Any = pilot.app.screen
        screen.query_one(".-source").value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
        await pilot.press("a")
        chosen = [f"{method.upper()} {template}" for template, method in sendable(document)]
        assert list(screen.picker.selection.chosen) == chosen
        screen.query_one(".-base").value = f"{upstream.base_url}/base"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
    await assert_calls_match_the_document(lax, upstream, app, document)


async def test_the_reason_is_shown_for_an_unsupported_document(
    lax: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = set(CASES) - set(READABLE)
    app = await lax.api.create_app(slug="cases")
    status, _, stderr = await command(lax, "import", app, str(path))
    assert status != 0
    assert "It is a Swagger 2.0 document, and only OpenAPI 3.x is read." in stderr
    async with running(lax.base_url, monkeypatch, token=token_of(lax)) as pilot:
        await open_first_app(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        pilot.app.screen.query_one(".-source").value = str(path)  # type: ignore[attr-defined] # an input
        await pilot.press("enter")
        await until(pilot, lambda: "It is a Swagger 2.0 document" in text_of(pilot.app))
