"""`call`: run a tool; the result is on stdout, secrets are never arguments."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.cli.call import _parse_arguments
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import SandboxProcess


@pytest.fixture(scope="module")
def desk(sandbox_process: SandboxProcess) -> str:
    """The slug of an app whose upstream is the sandbox's helpdesk."""
    slug = f"call-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        client.post("/api/v1/apps", json={"templateId": "support", "name": "Call", "slug": slug}).raise_for_status()
    return slug


class Upstream(BaseHTTPRequestHandler):
    """Returns the key and the body of each request."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        request = {"key": self.headers.get("x-api-key"), "body": json.loads(self.rfile.read(length) or b"null")}
        data = json.dumps(request).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing on stderr."""


@pytest.fixture(scope="module")
def own(sandbox_process: SandboxProcess) -> Iterator[str]:
    """The slug of an app whose upstream is a server of this test, which requires a key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    Thread(target=server.serve_forever, daemon=True).start()
    slug = f"own-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:

        def create(path: str, /, **body: Any) -> dict[str, Any]:
            (resource,) = client.post(f"/api/v1/apps{path}", json=body).raise_for_status().json().values()
            return dict(resource)

        app = create("", templateId="blank", name="Own", slug=slug)["id"]
        auth = create(f"/{app}/auth", name="Key", providerKey="api-key", config={"name": "X-Api-Key", "apiKey": "kept"})
        url = f"http://127.0.0.1:{server.server_port}"
        integration = create(f"/{app}/integrations", name="API", baseUrl=url, authId=auth["id"])["id"]
        operation = create(f"/{app}/integrations/{integration}/operations", name="Send", method="POST", path="/send",
                           inputSchema={"properties": {"text": {"type": "string"}}})["id"]  # fmt: skip
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        create(f"/{app}/tools", name="Send It", key="send-it", binding=binding)
    yield slug
    server.shutdown()
    server.server_close()


class OtherDrio(BaseHTTPRequestHandler):
    """A proxy that has the documented routes of the sandbox only, as another drio on this machine would.

    `texts` are replaced in its responses, `paths` are those that were requested.
    """

    upstream: SandboxProcess
    texts: dict[str, str]
    paths: list[str]

    def _forward(self) -> None:
        self.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path.startswith("/sandbox/"):
            status, data = 404, b'{"error": {"code": "not_found", "message": "No such route.", "details": null}}'
        else:
            headers = {name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers}
            with self.upstream.client() as client:
                response = client.request(self.command, self.path, content=body, headers=headers)
            status, text = response.status_code, response.text
            for old, new in self.texts.items():
                text = text.replace(old, new)
            data = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _forward

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing on stderr."""


@pytest.fixture
def other_drio(sandbox_process: SandboxProcess) -> Iterator[tuple[str, type[OtherDrio]]]:
    """Its URL, and its class with `texts` and `paths`."""
    handler = type("Handler", (OtherDrio,), {"upstream": sandbox_process, "texts": {}, "paths": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def test_call_requests_no_sandbox_routes_from_another_local_drio(
    drio: Runner, own: str, sandbox_process: SandboxProcess, other_drio: tuple[str, type[OtherDrio]]
) -> None:
    url, handler = other_drio
    env = {"DRIO_TOKEN": sandbox_process.token, "DRIO_UPSTREAM_SECRET": "typed"}
    call = ("call", own, "send-it", "--args", '{"text": "hi"}', "--yes", "--allow-private")
    result = drio(*call, "--base-url", url, env=env)
    assert result.code == 0, result.err
    assert result.json["body"] == {"text": "hi"}
    assert not [path for path in handler.paths if path.startswith("/sandbox/")]
    in_sandbox = drio(*call[:-1], "--base-url", sandbox_process.base_url, env=env)
    assert "127.0.0.1" in in_sandbox.err, "the sandbox runs the tool, and refuses to call this machine"
    assert in_sandbox.code == 1


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("string", "it does not begin with https:// or http:// (string)"),
        ("ftp://x", "it does not begin with https:// or http:// (ftp://x)"),
        ("http://", "it names no host (http://)"),
        ("http://a b/", "it holds spaces or control characters (http://a b/)"),
    ],
)
def test_invalid_base_url_of_an_integration_is_one_error_line(
    drio: Runner,
    own: str,
    sandbox_process: SandboxProcess,
    other_drio: tuple[str, type[OtherDrio]],
    base_url: str,
    why: str,
) -> None:
    url, handler = other_drio
    with sandbox_process.client() as client:
        (app,) = [app for app in client.get("/api/v1/apps").json()["apps"] if app["slug"] == own]
        (api,) = client.get(f"/api/v1/apps/{app['id']}/integrations").json()["integrations"]
    handler.texts = {api["baseUrl"]: base_url}
    result = drio("call", own, "send-it", "--from-here", "--yes", "--base-url", url,
                  env={"DRIO_TOKEN": sandbox_process.token, "DRIO_UPSTREAM_SECRET": "typed"})  # fmt: skip
    assert result.code == 1
    assert result.err.splitlines()[:2] == [
        f"error: The tool cannot be run: the base URL of API cannot be called, since {why}",
        "Give the integration the address of its API.",
    ]


def test_call_prints_the_result_of_a_draft_and_the_whole_run_with_json(
    on_sandbox: Runner, desk: str, tmp_path: Path
) -> None:
    result = on_sandbox("call", desk, "search-contacts", "--args", '{"q": "ada", "limit": 1}')
    assert result.code == 0, result.err
    assert result.json["results"][0]["name"] == "Ada Okafor"
    (tmp_path / "args.json").write_text('{"q": "ada"}')
    run = on_sandbox("call", desk, "Search Contacts", "--args", f"@{tmp_path / 'args.json'}", "--json").json
    assert run["ok"] is True
    assert run["request"]["url"].endswith("/contacts?q=ada")
    assert run["response"]["status"] == 200
    assert run["target"] == "sandbox"
    assert run["timing"]
    widget = on_sandbox("call", desk, "search-contacts", "--args", "-", "--widget", stdin='{"q": "ada"}')
    assert widget.out.splitlines()[0].split() == ["Name", "Email", "Company", "Plan"]


def test_a_chain_goes_on_with_a_row_and_what_was_chosen_is_kept(on_sandbox: Runner, desk: str) -> None:
    search = ("call", desk, "search-contacts", "--args", '{"limit": 3}')
    detail = on_sandbox(*search, "--then", "show-contact")
    assert (detail.code, detail.json["id"]) == (0, "con_1001")
    assert 'contactId = "con_1001", $.results[*].id of Search Contacts: the id of a contact' in detail.err
    run = on_sandbox(*search, "--then", "show-contact", "--row", "2", "--then", "search-tickets", "--json").json
    assert [earlier["name"] for earlier in run["before"]] == ["Search Contacts", "Show Contact"]
    assert run["arguments"]["contactId"] == "con_1002"
    assert {"name": "contactId", "from": "Show Contact", "path": "$.id", "reason": "the id of a contact"} in run[
        "taken"
    ]
    chosen = on_sandbox(*search, "--then", "search-tickets", "--take", "q=$.results[*].name", "--row", "3", "--keep")
    assert chosen.code == 0, chosen.err
    again = on_sandbox(*search, "--then", "search-tickets", "--json").json
    assert again["arguments"]["q"] == "Ada Okafor"
    for options, message in (
        (("--row", "4"), "there is no row 4: the result of Search Contacts has 3 rows"),
        (("--take", "contactId=$.results[*].gone"), "no result has contactId of Show Contact"),
        (("--take", "gone=$.total"), "no tool of --then takes gone"),
        (("--then", "show-contact"), "a tool of a chain is run once"),
        (("--row", "1", "--row", "2"), "there are more --row than --then"),
    ):
        refused = on_sandbox(*search, "--then", "show-contact", *options)
        assert (refused.code, message in refused.err) == (2, True), refused.err
    # What was asked for is not left out of the call, though it is optional.
    left_out = on_sandbox(*search, "--then", "search-tickets", "--take", "q=$.results[*].gone", "--row", "2")
    assert (left_out.code, left_out.out) == (2, ""), left_out.err
    assert "row 2 of Search Contacts has no q for Search Tickets at $.results[*].gone" in left_out.err
    wrong = on_sandbox("call", desk, "search-contacts", "--args", '{"limit": 1000}', "--then", "search-contacts")
    assert "a tool of a chain is run once" in wrong.err  # said before the first tool is run


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search-contacts", "--args", "{"], 2, "not JSON"),
        (["search-contacts", "--args", '{"limit": 1000}'], 2, "limit may be at most 100"),
        (["no-such-tool"], 1, "no tool has the key"),
        (["search-contacts", "--deployed"], 1, "the app is a draft"),
        (["show-contact", "--args", '{"contactId": "con_99999"}'], 1, "The upstream answered 404"),
    ],
)
def test_call_errors_go_to_stderr_with_their_exit_code(
    on_sandbox: Runner, desk: str, arguments: list[str], code: int, message: str
) -> None:
    result = on_sandbox("call", desk, *arguments)
    assert (result.code, message in result.err, result.out) == (code, True, ""), result.err


def test_a_tool_that_is_not_read_only_needs_yes_without_a_terminal(on_sandbox: Runner, own: str) -> None:
    refused = on_sandbox("call", own, "send-it", "--args", '{"text": "hi"}')
    assert refused.code == 2
    assert "POST http://127.0.0.1" in refused.err
    assert "--yes" in refused.err


def test_a_local_run_reads_its_secret_from_the_environment_and_never_prints_it(on_sandbox: Runner, own: str) -> None:
    arguments = ("call", own, "send-it", "--from-here", "--yes", "--args", '{"text": "hi"}')
    without_secret = on_sandbox(*arguments)
    assert without_secret.code == 2
    assert "DRIO_UPSTREAM_SECRET" in without_secret.err
    env = {"DRIO_UPSTREAM_SECRET": "typed-secret"}
    private = on_sandbox(*arguments, env=env)
    assert private.code == 1
    assert "--allow-private" in private.err
    result = on_sandbox(*arguments, "--allow-private", "--json", env=env)
    assert result.code == 0, result.err
    assert result.json["result"] == {"key": "••••••", "body": {"text": "hi"}}
    assert "typed-secret" not in result.out + result.err + private.err


def test_read_only_refuses_tools_that_are_not_read_only(on_sandbox: Runner, own: str, desk: str) -> None:
    result = on_sandbox("--read-only", "call", own, "send-it", "--yes", "--args", "{}")
    assert result.code == 2
    assert "--read-only" in result.err
    assert on_sandbox("--read-only", "call", desk, "search-contacts").code == 0


def test_arguments_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_bytes(b'{"q": "\xff"}')
    with pytest.raises(UsageError, match="cannot be read"):
        _parse_arguments(f"@{tmp_path / 'args.json'}")
    with pytest.raises(UsageError, match="cannot be read"):
        _parse_arguments("@a\x00b")


def test_a_private_address_is_allowed_listed_and_revoked_in_a_running_sandbox(
    drio: Runner, on_sandbox: Runner, own: str, sandbox_process: SandboxProcess
) -> None:
    data = ("--data", str(sandbox_process.data_dir))
    call = ("call", own, "send-it", "--args", '{"text": "hi"}', "--yes")
    refused = on_sandbox(*call)
    hint = re.search(r"run `drio-tui (sandbox allow --data \S+ (127\.0\.0\.1:\d+))`", refused.err)
    assert hint is not None, refused.err
    assert "--allow-private" not in refused.err  # it is for runs from this machine
    host = hint[2]
    warned = on_sandbox("check", own)
    assert f"Allow it: `drio-tui {hint[1]}`" in warned.out.replace("\n", " ")
    allowed = drio(*hint[1].split())
    assert (allowed.code, allowed.err.strip()) == (0, f"The sandbox may call {host}.")
    assert host in drio("sandbox", "allow", *data).out.splitlines()
    assert on_sandbox(*call).code == 0
    assert "private_base_url" not in on_sandbox("check", own).out
    revoked = drio("sandbox", "allow", host, "--revoke", *data, "--json")
    assert host not in revoked.json["hosts"]
    assert on_sandbox(*call).code == 1
    again = drio("sandbox", "allow", host, "--revoke", *data)
    assert again.code == 1
    assert "Nothing was revoked" in again.err


def test_a_private_address_is_allowed_listed_and_revoked_without_a_running_sandbox(
    drio: Runner, tmp_path: Path
) -> None:
    data = ("--data", str(tmp_path / "sandbox"))
    assert drio("sandbox", "allow", "localhost:8000", *data).code == 0
    assert drio("sandbox", "allow", *data).out.splitlines() == ["localhost:8000"]
    assert drio("sandbox", "allow", "localhost:8000", "--revoke", *data).code == 0
    assert drio("sandbox", "allow", *data).out == ""
    for host, reason in (("localhost", "names no port"), ("169.254.169.254:80", "is never called")):
        refused = drio("sandbox", "allow", host, *data)
        assert refused.code == 2
        assert reason in refused.err
