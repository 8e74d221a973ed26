"""`call`: tools run from a script; stdout is the result, secrets are never arguments."""

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
from drio_tui.cli.call import _arguments
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import Process


@pytest.fixture(scope="module")
def desk(sandbox_process: Process) -> str:
    """The slug of an app whose upstream is the sandbox's helpdesk."""
    slug = f"call-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        client.post("/api/v1/apps", json={"templateId": "support", "name": "Call", "slug": slug}).raise_for_status()
    return slug


class Upstream(BaseHTTPRequestHandler):
    """Says what it was sent."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        told = {"key": self.headers.get("x-api-key"), "body": json.loads(self.rfile.read(length) or b"null")}
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def own(sandbox_process: Process) -> Iterator[str]:
    """The slug of an app whose upstream is a server of this test, which wants a key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    Thread(target=server.serve_forever, daemon=True).start()
    slug = f"own-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:

        def make(path: str, /, **body: Any) -> dict[str, Any]:
            (made,) = client.post(f"/api/v1/apps{path}", json=body).raise_for_status().json().values()
            return dict(made)

        app = make("", templateId="blank", name="Own", slug=slug)["id"]
        auth = make(f"/{app}/auth", name="Key", providerKey="api-key", config={"name": "X-Api-Key", "apiKey": "kept"})
        url = f"http://127.0.0.1:{server.server_port}"
        integration = make(f"/{app}/integrations", name="API", baseUrl=url, authId=auth["id"])["id"]
        operation = make(f"/{app}/integrations/{integration}/operations", name="Send", method="POST", path="/send",
                         inputSchema={"properties": {"text": {"type": "string"}}})["id"]  # fmt: skip
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        make(f"/{app}/tools", name="Send It", key="send-it", binding=binding)
    yield slug
    server.shutdown()
    server.server_close()


class OtherDrio(BaseHTTPRequestHandler):
    """A drio on this machine that is not the sandbox: it has the documented routes only. `texts` are replaced."""

    behind: Process
    texts: dict[str, str]
    asked: list[str]

    def _pass_on(self) -> None:
        self.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path.startswith("/sandbox/"):
            status, data = 404, b'{"error": {"code": "not_found", "message": "No such route.", "details": null}}'
        else:
            sent = {name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers}
            with self.behind.client() as client:
                answer = client.request(self.command, self.path, content=body, headers=sent)
            status, text = answer.status_code, answer.text
            for old, new in self.texts.items():
                text = text.replace(old, new)
            data = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _pass_on

    def log_message(self, *_arguments: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def other_drio(sandbox_process: Process) -> Iterator[tuple[str, type[OtherDrio]]]:
    """Its address, and its class with `texts` and `asked`."""
    kind = type("Handler", (OtherDrio,), {"behind": sandbox_process, "texts": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


def test_a_local_drio_that_is_not_the_sandbox_is_not_asked_for_the_sandbox_s_routes(
    drio: Runner, own: str, sandbox_process: Process, other_drio: tuple[str, type[OtherDrio]]
) -> None:
    address, kind = other_drio
    env = {"DRIO_TOKEN": sandbox_process.token, "DRIO_UPSTREAM_SECRET": "typed"}
    call = ("call", own, "send-it", "--args", '{"text": "hi"}', "--yes", "--allow-private")
    done = drio(*call, "--base-url", address, env=env)
    assert done.code == 0, done.err
    assert done.json["body"] == {"text": "hi"}
    assert not [path for path in kind.asked if path.startswith("/sandbox/")]
    own_sandbox = drio(*call[:-1], "--base-url", sandbox_process.base_url, env=env)
    assert "127.0.0.1" in own_sandbox.err, "the sandbox runs it itself, and does not call this machine"
    assert own_sandbox.code == 1


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("string", "it does not begin with https:// or http:// (string)"),
        ("ftp://x", "it does not begin with https:// or http:// (ftp://x)"),
        ("http://", "it names no host (http://)"),
        ("http://a b/", "it holds spaces or control characters (http://a b/)"),
    ],
)
def test_a_base_url_that_is_no_web_address_is_refused_in_one_sentence(
    drio: Runner, own: str, sandbox_process: Process, other_drio: tuple[str, type[OtherDrio]], base_url: str, why: str
) -> None:
    address, kind = other_drio
    with sandbox_process.client() as client:
        (app,) = [app for app in client.get("/api/v1/apps").json()["apps"] if app["slug"] == own]
        (api,) = client.get(f"/api/v1/apps/{app['id']}/integrations").json()["integrations"]
    kind.texts = {api["baseUrl"]: base_url}
    done = drio("call", own, "send-it", "--from-here", "--yes", "--base-url", address,
                env={"DRIO_TOKEN": sandbox_process.token, "DRIO_UPSTREAM_SECRET": "typed"})  # fmt: skip
    assert done.code == 1
    assert done.err.splitlines()[:2] == [
        f"error: The tool cannot be run: the base URL of API cannot be called, since {why}",
        "Give the integration the address of its API.",
    ]


def test_a_draft_s_result_is_on_stdout_and_everything_about_it_with_json(
    on_sandbox: Runner, desk: str, tmp_path: Path
) -> None:
    done = on_sandbox("call", desk, "search-contacts", "--args", '{"q": "ada", "limit": 1}')
    assert done.code == 0, done.err
    assert done.json["results"][0]["name"] == "Ada Okafor"
    (tmp_path / "args.json").write_text('{"q": "ada"}')
    whole = on_sandbox("call", desk, "Search Contacts", "--args", f"@{tmp_path / 'args.json'}", "--json").json
    assert whole["ok"] is True
    assert whole["request"]["url"].endswith("/contacts?q=ada")
    assert whole["response"]["status"] == 200
    assert whole["target"] == "sandbox"
    assert whole["timing"]
    shown = on_sandbox("call", desk, "search-contacts", "--args", "-", "--widget", stdin='{"q": "ada"}')
    assert shown.out.splitlines()[0].split() == ["Name", "Email", "Company", "Plan"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["search-contacts", "--args", "{"], 2, "not JSON"),
        (["search-contacts", "--args", '{"limit": 1000}'], 2, "limit may be at most 100"),
        (["no-such-tool"], 1, "no tool has the key"),
        (["search-contacts", "--deployed"], 1, "the app is a draft"),
        (["show-contact", "--args", '{"contactId": "con_99999"}'], 1, "The upstream answered 404"),
    ],
)
def test_what_goes_wrong_says_so_with_the_right_exit_code(
    on_sandbox: Runner, desk: str, arguments: list[str], code: int, said: str
) -> None:
    done = on_sandbox("call", desk, *arguments)
    assert (done.code, said in done.err, done.out) == (code, True, ""), done.err


def test_a_tool_that_changes_something_is_not_run_unasked(on_sandbox: Runner, own: str) -> None:
    refused = on_sandbox("call", own, "send-it", "--args", '{"text": "hi"}')
    assert refused.code == 2
    assert "POST http://127.0.0.1" in refused.err
    assert "--yes" in refused.err


def test_a_run_from_here_takes_its_secret_from_the_environment_and_shows_it_nowhere(
    on_sandbox: Runner, own: str
) -> None:
    arguments = ("call", own, "send-it", "--from-here", "--yes", "--args", '{"text": "hi"}')
    unasked = on_sandbox(*arguments)
    assert unasked.code == 2
    assert "DRIO_UPSTREAM_SECRET" in unasked.err
    env = {"DRIO_UPSTREAM_SECRET": "typed-secret"}
    private = on_sandbox(*arguments, env=env)
    assert private.code == 1
    assert "--allow-private" in private.err
    done = on_sandbox(*arguments, "--allow-private", "--json", env=env)
    assert done.code == 0, done.err
    assert done.json["result"] == {"key": "••••••", "body": {"text": "hi"}}
    assert "typed-secret" not in done.out + done.err + private.err


def test_read_only_runs_nothing_that_changes_something(on_sandbox: Runner, own: str, desk: str) -> None:
    done = on_sandbox("--read-only", "call", own, "send-it", "--yes", "--args", "{}")
    assert done.code == 2
    assert "--read-only" in done.err
    assert on_sandbox("--read-only", "call", desk, "search-contacts").code == 0


def test_arguments_of_other_bytes_than_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_bytes(b'{"q": "\xff"}')
    with pytest.raises(UsageError, match="cannot be read"):
        _arguments(f"@{tmp_path / 'args.json'}")
    with pytest.raises(UsageError, match="cannot be read"):
        _arguments("@a\x00b")


def test_a_private_address_is_allowed_listed_and_revoked_while_the_sandbox_runs(
    drio: Runner, on_sandbox: Runner, own: str, sandbox_process: Process
) -> None:
    data = ("--data", str(sandbox_process.data_dir))
    call = ("call", own, "send-it", "--args", '{"text": "hi"}', "--yes")
    refused = on_sandbox(*call)
    found = re.search(r"run `drio-tui (sandbox allow --data \S+ (127\.0\.0\.1:\d+))`", refused.err)
    assert found is not None, refused.err
    host = found[2]
    warned = on_sandbox("check", own)
    assert f"Allow it: `drio-tui {found[1]}`" in warned.out.replace("\n", " ")
    allowed = drio(*found[1].split())
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


def test_a_private_address_is_allowed_while_no_sandbox_runs(drio: Runner, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "sandbox"))
    assert drio("sandbox", "allow", "localhost:8000", *data).code == 0
    assert drio("sandbox", "allow", *data).out.splitlines() == ["localhost:8000"]
    assert drio("sandbox", "allow", "localhost:8000", "--revoke", *data).code == 0
    assert drio("sandbox", "allow", *data).out == ""
    for wrong, why in (("localhost", "names no port"), ("169.254.169.254:80", "is never called")):
        refused = drio("sandbox", "allow", wrong, *data)
        assert refused.code == 2
        assert why in refused.err
