"""`api` and `token`: requests to the signed-in host only, and the token only where it is asked for."""

from __future__ import annotations

import asyncio
import json
import shlex

import click
import jsonschema
import pytest

from drio_tui.api.transport import Transport
from drio_tui.cli import explore, request
from drio_tui.cli.values import Inputs, parse_assignment
from drio_tui.explorer import calls
from drio_tui.explorer.server_api import open_server_api
from drio_tui.schema.openapi import request_body
from tests.auth.httpd import HttpServer, Reply, Request, json_reply
from tests.cli.conftest import AppOnSandbox, CommandResult, Runner, on_terminal
from tests.explorer.servers import ServerOfDocument
from tests.sandbox_fixtures import SandboxProcess


def test_any_route_is_requested(on_sandbox: Runner, sandbox_process: SandboxProcess, app: AppOnSandbox) -> None:
    for path in (
        f"/apps/{app.id}",
        f"apps/{app.id}",
        f"/api/v1/apps/{app.id}",
        f"{sandbox_process.base_url}/api/v1/apps/{app.id}",
    ):
        assert on_sandbox("api", "get", path).json["app"]["slug"] == app.slug
    assert on_sandbox("api", "GET", "/.well-known/oauth-protected-resource").json["resource"]
    reply = on_sandbox("api", "GET", "/me", "--include")
    assert reply.out.splitlines()[0] == "HTTP 200 OK"
    assert "x-request-id: " in reply.out
    assert json.loads(reply.out.splitlines()[-1])["user"]["email"]


def test_a_body_is_made_of_fields_and_input(on_sandbox: Runner, app: AppOnSandbox) -> None:
    fields = ("-f", "description=12", "-f", "branding.primaryColor=#112233", "-f", "isEnabled:=false")
    changed = on_sandbox("api", "PATCH", f"/apps/{app.id}", *fields, "--yes")
    assert changed.code == 0, changed.err
    body = changed.json["app"]
    assert (body["description"], body["branding"]["primaryColor"], body["isEnabled"]) == ("12", "#112233", False)
    from_stdin = on_sandbox(
        "api", "PATCH", f"/apps/{app.id}", "-i", "-", "--yes", stdin='{"description": "from stdin"}'
    )
    assert from_stdin.json["app"]["description"] == "from stdin"


def test_a_secret_is_not_taken_from_an_argument(on_sandbox: Runner, app: AppOnSandbox) -> None:
    result = on_sandbox("api", "PATCH", f"/apps/{app.id}/auth/x", "-f", "config.apiKey=s3cr3t", "--yes")
    assert result.code == 2
    assert "--input -" in result.err
    assert "s3cr3t" not in result.err


def test_a_change_needs_yes_where_nobody_can_be_asked(on_sandbox: Runner, app: AppOnSandbox) -> None:
    path = f"/apps/{app.id}"
    refused = on_sandbox("api", "PATCH", path, "-f", "description=x")
    assert refused.code == 2
    assert "--yes" in refused.err
    dry = on_sandbox("api", "PATCH", path, "-f", "description=x", "--dry-run")
    assert dry.code == 0
    assert dry.out.splitlines()[0].startswith("PATCH http://")
    read_only = on_sandbox("--read-only", "api", "PATCH", path, "-f", "description=x", "--yes")
    assert read_only.code == 2
    assert "--read-only" in read_only.err
    assert app.client.get(f"/api/v1{path}").json()["app"]["description"] != "x"


@pytest.mark.parametrize(
    "path",
    [
        "https://example.com/apps", "http://127.0.0.1:1/api/v1/apps", "http://user@127.0.0.1/apps",
        "http://127.0.0.1.example.com/apps",
    ],
)  # fmt: skip
def test_another_host_is_never_asked(on_sandbox: Runner, path: str) -> None:
    result = on_sandbox("api", "GET", path)
    assert result.code == 2
    assert "that host only" in result.err


def test_an_error_of_the_server_is_printed_as_everywhere(on_sandbox: Runner) -> None:
    result = on_sandbox("api", "GET", "/apps/app_none", "--json", "--include")
    assert result.code == 1
    assert result.out.strip() == "HTTP 404 Not Found"
    assert result.error["status"] == 404


async def test_pages_are_followed_on_the_same_host_only(drio: Runner) -> None:
    async def answer(request: Request) -> Reply:
        if request.path.endswith("/cursor"):
            return json_reply(
                {"items": [1], "next_cursor": "two"} if "cursor=" not in request.query else {"items": [2]}
            )
        link = "https://example.com/stolen" if "page=2" in request.query else f"{request.path}?fields=id,name&page=2"
        reply = json_reply({"items": [request.query]})
        reply.headers["Link"] = f'<{request.path}?page=0>; rel="first", <{link}>; title="a, b"; rel="next"'
        return reply

    async with HttpServer(answer) as server:
        env = {"DRIO_TOKEN": "t"}
        options = ("--base-url", f"{server.origin}/api/v1", "--paginate")
        by_cursor = await asyncio.to_thread(drio, "api", "GET", "/cursor", *options, env=env)
        by_link = await asyncio.to_thread(drio, "api", "GET", "/link", *options, env=env)
    assert [json.loads(line)["items"] for line in by_cursor.out.splitlines()] == [[1], [2]]
    assert len(by_link.out.splitlines()) == 2
    assert by_link.code == 2
    assert "example.com" in by_link.err


def test_the_token_is_printed_only_with_show(on_sandbox: Runner, sandbox_process: SandboxProcess) -> None:
    described = on_sandbox("token")
    assert described.code == 0
    assert "you@sandbox.local" in described.out
    assert sandbox_process.token not in described.out + described.err
    facts = on_sandbox("token", "--json")
    assert facts.json["source"] == "DRIO_TOKEN"
    assert "token" not in facts.json
    assert on_sandbox("token", "--show").out.strip() == sandbox_process.token
    assert on_sandbox("token", "--show", "--json").json["token"] == sandbox_process.token


def test_secrets_are_hidden_on_a_terminal_and_not_in_a_pipe(
    on_sandbox: Runner, app: AppOnSandbox, sandbox_process: SandboxProcess
) -> None:
    tool = app.list("tools")["add-note"]["id"]
    app.patch(f"tools/{tool}", {"description": "Sent with Bearer c2VjcmV0LXNlY3JldC1zZWNyZXQ"})
    command = ("api", "GET", f"/apps/{app.id}/tools/{tool}", "--include")
    assert "c2VjcmV0LXNlY3JldC1zZWNyZXQ" in on_sandbox(*command).out
    code, shown = on_terminal(sandbox_process, command)
    assert code == 0
    assert "Sent with Bearer" in shown
    assert "c2VjcmV0LXNlY3JldC1zZWNyZXQ" not in shown
    _, shown = on_terminal(sandbox_process, ("token",))
    assert sandbox_process.token not in shown


def test_a_change_is_asked_for_on_a_terminal(app: AppOnSandbox, sandbox_process: SandboxProcess) -> None:
    code, shown = on_terminal(sandbox_process, ("api", "PATCH", f"/apps/{app.id}", "-f", "description=asked"))
    assert (code, "[y/N]" in shown) == (0, True)
    assert app.client.get(f"/api/v1/apps/{app.id}").json()["app"]["description"] == "asked"


def test_without_a_sign_in_there_is_no_token(drio: Runner, sandbox_process: SandboxProcess) -> None:
    assert drio("token", "--base-url", sandbox_process.base_url).code == 4


async def test_the_operations_of_any_server_are_listed_and_described(drio: Runner) -> None:
    served = ServerOfDocument()
    async with HttpServer(served) as server:
        options, env = ("--base-url", f"{server.origin}/api/v1"), {"DRIO_TOKEN": "t"}

        async def api(*words: str) -> CommandResult:
            return await asyncio.to_thread(drio, *words, *options, env=env)

        listed = await api("api", "--list", "apps")
        assert [line.split()[:2] for line in listed.out.splitlines()[1:3]] == [
            ["GET", "/api/v3/apps"], ["POST", "/api/v3/apps"],
        ]  # fmt: skip
        assert "✗ is not an object" in listed.out
        reading = await api("--read-only", "api", "--list", "--json")
        assert {operation["method"] for operation in reading.json["operations"]} == {"GET"}
        described = await api("api", "--describe", "POST", "/apps")
        for text in ("Idempotency-Key  string, required", "name  string, required  Shown to users.", "201  Created"):
            assert text in described.out
        assert "api POST /api/v3/apps --header Idempotency-Key:Idempotency-Key --field name=" in described.out
        assert "--list sends no request" in (await api("api", "--list", "--field", "a=b")).err
        unknown = await api("api", "--describe", "POST", "/app")
        assert f"`drio-tui --base-url {server.origin}/api/v1 api --list` lists them." in unknown.err
        as_json = (await api("api", "--describe", "POST", "/apps", "--json")).json
        assert {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}} in as_json[
            "parameters"
        ]
        command = ("api", "POST", "/api/v3/apps", "-H", "Idempotency-Key: k", "-f", "name=New", "--yes")
        created = await api(*command)
        assert created.json["name"] == "New"
        assert served.requests[-1].headers["idempotency-key"] == "k"
        assert (await api("api", "GET", "/api/v3/apps", "-H", "X-Api-Key: s3cr3t")).code == 2
        text = await asyncio.to_thread(
            drio, "api", "PUT", "/api/v3/x", "-H", "Content-Type: text/plain", "-i", "-", "--yes", *options,
            env=env, stdin="plain",
        )  # fmt: skip
        assert text.code == 1
        assert (served.requests[-1].body, served.requests[-1].headers["content-type"]) == (b"plain", "text/plain")
        completed = await asyncio.to_thread(
            drio, env=env | {"_DRIO_TUI_COMPLETE": "bash_complete", "COMP_CWORD": "5", "COMP_WORDS": " ".join(
                ["drio-tui", *options, "api", "GET", "/api/v3/a"])},
        )  # fmt: skip
        assert completed.out.split() == ["plain,/api/v3/apps", "plain,/api/v3/apps/"]


async def test_the_example_of_each_operation_has_a_valid_body(sandbox_process: SandboxProcess) -> None:
    transport = Transport(f"{sandbox_process.base_url}/api/v1")
    count = 0
    async with await open_server_api(transport) as server_api:
        document = (await transport.request("GET", "/openapi.json", anonymous=True)).data
        for summary in server_api.operations:
            operation = await server_api.operation(summary.id)
            body_schema = request_body(document, operation.method, operation.path)
            if body_schema is None:
                continue
            with click.Context(request.api):
                words = shlex.split(explore.example_command(operation, server_api.origin))
            fields = [words[at + 1] for at, word in enumerate(words) if word == "--field"]
            assignments = [parse_assignment(text, Inputs()) for text in fields]
            body = {assignment.dotted: assignment.value for assignment in assignments}
            assert body, summary.id
            jsonschema.validate(body, {**document, **body_schema})
            count += 1
    await transport.aclose()
    assert count >= 15


async def test_the_example_of_a_body_that_is_no_json_object_is_piped() -> None:
    document = {
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "/api/v3"}],
        "paths": {"/apps/{id}/lines": {"post": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                {"name": "at", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 7}},
            ],
            "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
                "type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}}}},
            "responses": {"200": {"description": "ok"}},
        }}, "/text": {
            "put": {"requestBody": {"content": {"application/json": {"schema": {"type": "string"}}}}},
            "get": {"requestBody": {"content": {"application/json": {"schema": {"properties": {"a": {}}}}}}},
        }},
    }  # fmt: skip
    async with HttpServer(ServerOfDocument(document)) as server:
        transport = Transport(f"{server.origin}/api/v1")
        async with await open_server_api(transport) as server_api:
            operation = await server_api.operation(server_api.operations[0].id)
            with click.Context(request.api):
                assert explore.example_command(operation, server_api.origin) == (
                    "printf %s code=code | drio-tui api POST '/api/v3/apps/{id}/lines?at=7'"
                    " --header 'Content-Type: application/x-www-form-urlencoded' --input -"
                )
                text = await server_api.operation("PUT /text")
                command = """printf %s '"text"' | drio-tui api PUT /api/v3/text --input -"""
                assert explore.example_command(text, server_api.origin) == command
                reading = await server_api.operation("GET /text")
                assert explore.example_command(reading, server_api.origin) == "drio-tui api GET /api/v3/text"
                sent = calls.prepare(text, server_api.origin, {"body": "text"})
                assert calls.request_text(sent).endswith('\n\n"text"')
        await transport.aclose()
