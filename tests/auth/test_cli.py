"""`drio-tui login`, `logout`, `status` and `doctor` as real processes: with a script as browser, a pipe, a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import sys
import termios
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from drio_tui.auth.doctor.doctor import STEPS
from drio_tui.auth.profiles import Profiles
from drio_tui.storage import paths
from tests import preloaded
from tests.auth.conftest import FakeClock
from tests.auth.httpd import HTML, Raw, Reply, Request, always, json_reply
from tests.auth.world import REGISTER, TOKEN, SignInServers

BROWSER = """#!{python}
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(sys.argv[1]).read()
"""


@dataclass
class CompletedCommand:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object: the last line on stderr, all of whose lines are JSON."""
        lines = [json.loads(line) for line in self.err.splitlines()]
        return lines[-1]["error"]


@pytest.fixture
def browser(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "browser"
    path.write_text(BROWSER.format(python=sys.executable))
    path.chmod(0o755)
    return {"BROWSER": str(path)}


async def drio(*arguments: str, env: dict[str, str] | None = None, stdin: bytes | None = None) -> CompletedCommand:
    done = await asyncio.to_thread(lambda: preloaded.run(*arguments, env=env, input=stdin))
    return CompletedCommand(done.returncode, done.stdout.decode(), done.stderr.decode())


async def test_login_status_logout(world: SignInServers, browser: dict[str, str]) -> None:
    """B24 B59 B66: stdout has the result, stderr the progress, and the URL is always shown."""
    login = await drio("login", "--base-url", world.api.origin, "--timeout", "8", env=browser)
    assert login.code == 0, login.err
    assert login.out == f"Signed in to {world.api.origin[7:]} as ada@example.com (profile {world.api.origin[7:]}).\n"
    assert "Waiting up to 8 seconds." in login.err
    assert f"{world.idp.origin}/door/in?" in login.err
    assert "file store" in login.err
    status = await drio("status")
    assert status.code == 0
    for word in ("ada@example.com", world.api.origin[7:], "file store", "renewed automatically"):
        assert word in status.out
    state = (await drio("status", "--json")).json
    assert state["signedIn"] is True
    assert state["tokenStore"] == "file"
    assert state["account"] == "ada@example.com"
    assert state["expiresAt"].endswith("Z")
    logout = await drio("logout")
    assert logout.code == 0
    assert "token revoked" in logout.out
    assert len(world.revoked) == 1
    after = (await drio("status", "--json")).json
    assert after["signedIn"] is False
    assert after["account"] is None
    assert list((paths.state_dir() / "tokens").iterdir()) == []


async def test_json_output_of_login_status_and_logout(world: SignInServers, browser: dict[str, str]) -> None:
    """B41 B59: every line on stderr is JSON too, and no token is in any of it."""
    login = await drio("login", "--base-url", world.api.origin, "--profile", "work", "--json", env=browser)
    assert login.code == 0, login.err
    assert login.json["profile"] == "work"
    assert login.json["account"] == "ada@example.com"
    events = [json.loads(line) for line in login.err.splitlines()]
    assert "url" in [e["event"] for e in events]
    status = await drio("status", "--json", "--profile", "work")
    logout = await drio("logout", "--all", "--json")
    assert logout.json == {"profiles": [{"profile": "work", "wasSignedIn": True, "revoked": True}]}
    for secret in [s for s in world.minted if s.startswith(("at-", "rt-", "code-"))]:
        assert not any(secret in d.out + d.err for d in (login, status, logout))


async def test_status_shows_the_environment_token_as_the_source(
    world: SignInServers, browser: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """B64: `status` names the variable and never prints the token."""
    await drio("login", "--base-url", world.api.origin, env=browser)
    monkeypatch.setenv("DRIO_TOKEN", "very-secret-token")
    status = await drio("status")
    state = (await drio("status", "--json")).json
    assert "DRIO_TOKEN" in status.out
    assert state["source"] == "DRIO_TOKEN"
    assert "very-secret" not in status.out + status.err
    logout = await drio("logout")
    assert "still set" in logout.err


async def test_client_id_option_is_used_and_stored_in_the_profile(
    world: SignInServers, browser: dict[str, str]
) -> None:
    """B14: `--client-id` where the server has no registration endpoint."""
    world.settings.metadata = {"registration_endpoint": None}
    refused = await drio("login", "--base-url", world.api.origin, "--json", env=browser)
    assert refused.code == 1
    assert refused.error["code"] == "registration_unavailable"
    assert refused.error["step"] == "registration"
    assert "--client-id" in refused.error["hint"]
    world.clients["by-hand"] = {"token_endpoint_auth_method": "none"}
    assert (await drio("login", "--base-url", world.api.origin, "--client-id", "by-hand", env=browser)).code == 0
    assert (await drio("login", env=browser)).code == 0
    assert world.idp.requests_to(REGISTER) == []


async def test_grant_refused_with_status_200_exits_with_4(world: SignInServers, browser: dict[str, str]) -> None:
    """B51: with the server's message; an HTML page instead keeps the sign-in and exits with 1."""
    await drio("login", "--base-url", world.api.origin, env=browser)
    world.access.clear()

    world.override[TOKEN] = always(HTML)
    kept = await drio("me")
    assert kept.code == 1
    assert "Welcome to the hotel" in kept.err
    world.override[TOKEN] = always(json_reply({"error": "invalid_grant", "error_description": "ended by\x1b[2J ada"}))
    over = await drio("me", "--json")
    assert over.code == 4
    assert over.error["code"] == "signed_out"
    assert "invalid_grant: ended by␛[2J ada" in over.error["message"]
    again = await drio("me")
    assert again.code == 4
    assert "drio-tui login" in again.err


async def test_missing_keyring_is_mentioned_at_the_first_sign_in_only(
    world: SignInServers, browser: dict[str, str]
) -> None:
    """B59: a script that renews its token with every call prints nothing about it."""
    first = await drio("login", "--base-url", world.api.origin, env=browser)
    assert "no keyring" in first.err
    for _ in range(2):
        world.access.clear()
        done = await drio("me", "--json")
        assert done.code == 0, done.err
        assert done.err == ""
    assert world.refreshes == 2
    assert "no keyring" not in (await drio("login", env=browser)).err


async def test_logout_reports_a_locked_keyring(world: SignInServers, browser: dict[str, str], tmp_path: Path) -> None:
    """B66: `--insecure-storage` after a keyring sign-in; no "token revoked" while one token is still valid."""
    env = {"PYTHON_KEYRING_BACKEND": "tests.auth.disk_keyring.Keyring", "DRIO_TEST_KEYRING": str(tmp_path / "kept")}
    assert (await drio("login", "--base-url", world.api.origin, env=env | browser)).code == 0
    assert (await drio("login", "--insecure-storage", env=env | browser)).code == 0
    lock = tmp_path / "kept.locked"
    lock.touch()
    partly = await drio("logout", env=env)
    assert partly.code == 1
    assert "Not signed out everywhere" in partly.err
    assert "unlock it, then run `drio-tui logout` again" in partly.err
    assert "token revoked" not in partly.out
    assert len(world.refresh) == 1
    lock.unlink()
    done = await drio("logout", env=env)
    assert done.code == 0, done.err
    assert "token revoked" in done.out
    assert world.refresh == {}
    assert json.loads((tmp_path / "kept").read_text()) == {}


async def test_scopes_can_be_chosen(world: SignInServers, browser: dict[str, str]) -> None:
    """B22: several options, or several scopes in one; invalid scopes are a usage error."""
    login = ("login", "--base-url", world.api.origin)
    assert (await drio(*login, "--scope", "apps:read openid", "--scope", "email", env=browser)).code == 0
    assert world.idp.requests_to("/door/in")[-1].params["scope"] == "apps:read openid email"
    for nonsense in ("", 'a"b', "caf\u00e9"):
        refused = await drio(*login, "--scope", nonsense, env=browser)
        assert refused.code == 2, refused.err
        assert "Traceback" not in refused.err


async def test_register_again_is_an_option(world: SignInServers, browser: dict[str, str]) -> None:
    """B35 B53."""
    await drio("login", "--base-url", world.api.origin, env=browser)
    await drio("login", env=browser)
    assert len(world.idp.requests_to(REGISTER)) == 1
    await drio("login", "--register-again", env=browser)
    assert len(world.idp.requests_to(REGISTER)) == 2


async def test_login_without_input_and_browser_times_out(world: SignInServers) -> None:
    """B35 F49: stdin is closed or empty."""
    for stdin in (None, b""):
        done = await drio(
            "login", "--base-url", world.api.origin, "--no-browser", "--timeout", "1", "--json", stdin=stdin
        )
        assert done.code == 1
        assert done.error["code"] == "callback_timeout"
        assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("login", "--base-url", "http://getdrio.com"), 2),
        (("login", "--base-url", "ftp://x"), 2),
        (("login", "--profile", "\x1b[2J"), 2),
        (("login", "--timeout", "0"), 2),
        (("logout", "--profile", "nobody"), 2),
        (("status", "--profile", "nobody"), 2),
        (("logout",), 0),
        (("logout", "--all"), 0),
        (("status",), 4),
        (("status", "--sandbox"), 1),
        (("status", "--sandbox", "--profile", "work"), 2),
    ],
)
async def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    """B65 B66: usage errors exit with 2; signing out while signed out exits with 0."""
    done = await drio(*arguments)
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err


async def test_control_sequences_from_the_server_do_not_reach_the_terminal(
    world: SignInServers, browser: dict[str, str]
) -> None:
    """B31 F55: account names and error texts with control sequences are shown as symbols."""

    async def me(request: Request) -> Reply:
        if world.bearer(request) is None:
            return world.refuse()
        return json_reply({"user": {"id": "u", "email": "a\x1b]52;c;ZXZpbA==\x07\u202e[red]b"}})

    world.api_override["/api/v1/me"] = me
    login = await drio("login", "--base-url", world.api.origin, env=browser)
    status = await drio("status")
    world.settings.callback = {"code": None, "error": "access_denied", "error_description": "\x1b[2J\x9bno"}
    denied = await drio("login", env=browser)
    assert login.code == 0, login.err
    assert denied.code == 1
    assert "␛]52" in login.out
    assert "[red]" in login.out
    for done in (login, status, denied):
        assert not set(done.out + done.err) & {"\x1b", "\x07", "\u202e", "\x9b"}


async def test_damaged_profiles_file_is_reported_and_kept(world: SignInServers) -> None:
    """F43: it is renamed."""
    path = Profiles().path
    path.parent.mkdir(parents=True)
    path.write_text("{")
    done = await drio("status", "--json")
    assert done.code == 4
    assert "damaged" in done.err
    assert path.with_name("profiles.json.damaged-1").exists()


class Terminal:
    """A `drio-tui` process in a separate pseudo-terminal."""

    def __init__(self) -> None:
        self.seen = ""
        self.output_changed = asyncio.Event()

    async def start(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        modes = termios.tcgetattr(slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drio_tui", *arguments, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        try:
            self.seen += os.read(self.master, 65536).decode()
        except OSError:
            asyncio.get_running_loop().remove_reader(self.master)
        self.output_changed.set()

    async def until(self, text: str) -> None:
        async with asyncio.timeout(30):
            while text not in self.seen:
                self.output_changed.clear()
                await self.output_changed.wait()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    async def authorization_params(self) -> dict[str, str]:
        await self.until("can be pasted here")
        line = [part for part in self.seen.split() if "/door/in?" in part][-1]
        return {k: v[0] for k, v in parse_qs(urlsplit(line).query).items()}

    async def end(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 30)
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        return code


async def test_redirect_url_can_be_pasted_into_the_terminal(world: SignInServers, clock: FakeClock) -> None:
    """B36 B26: a refused paste is explained and the wait goes on; a URL wrapped over several lines is joined."""
    terminal = Terminal()
    await terminal.start("login", "--base-url", world.api.origin, "--no-browser")
    params = await terminal.authorization_params()
    terminal.type(f"{params['redirect_uri']}?code=abcd&state=of-another-attempt\n")
    await terminal.until("another sign-in attempt")
    code = world.mint("code")
    world.codes[code] = params | {"account": "ada@example.com"}
    address = f"{params['redirect_uri']}?code={code}&state={params['state']}"
    terminal.type(f"  {address[:50]}\n{address[50:90]}\n{address[90:]}\n")
    await terminal.until("Signed in to")
    assert await terminal.end() == 0


async def test_redirect_url_can_be_piped_in(world: SignInServers) -> None:
    """B36: with `--no-browser` a pipe is read too; an unusable line or the end of input does not end the wait."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drio_tui", "login", "--base-url", world.api.origin, "--no-browser", "--json",
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stderr is not None
    params: dict[str, str] = {}
    while not params:
        event = json.loads(await asyncio.wait_for(process.stderr.readline(), 30))
        if event["event"] == "url":
            params = {k: v[0] for k, v in parse_qs(urlsplit(event["text"]).query).items()}
    code = world.mint("code")
    world.codes[code] = params | {"account": "ada@example.com"}
    out, err = await asyncio.wait_for(process.communicate(f"?code={code}&state={params['state']}".encode()), 30)
    assert process.returncode == 0, err
    assert json.loads(out)["account"] == "ada@example.com"


async def test_ctrl_c_ends_the_wait_and_closes_the_port(world: SignInServers) -> None:
    """B27: exit code 130, no traceback, the port is closed and nothing was stored."""
    terminal = Terminal()
    await terminal.start("login", "--base-url", world.api.origin, "--no-browser")
    params = await terminal.authorization_params()
    terminal.process.send_signal(signal.SIGINT)
    assert await terminal.end() == 130
    assert "Traceback" not in terminal.seen
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(params["redirect_uri"]).port)) != 0
    assert len(Profiles.load()) == 0


async def test_sign_in_modules_import_no_heavy_libraries() -> None:
    """B57: no textual, pydantic or keyring for a command that only needs the token."""
    code = (
        "import sys, drio_tui.auth.bearer, drio_tui.auth.flow, drio_tui.auth.logout\n"
        "print([n for n in ('textual', 'pydantic', 'keyring') if n in sys.modules])\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


async def test_doctor_reports_as_json_and_keeps_nothing(world: SignInServers, browser: dict[str, str]) -> None:
    done = await drio("doctor", "--base-url", world.api.origin, "--sign-in", "--json", env=browser)
    assert done.code == 0, done.err
    assert done.json["ok"] is True
    checks = {check["id"]: check for check in done.json["checks"]}
    assert checks["revocation"]["result"] == "ok"
    assert checks["token"]["requests"][0]["url"] == f"{world.idp.origin}{TOKEN}"
    assert [secret for secret in world.minted if not secret.startswith("client-") and secret in done.out] == []
    assert world.refresh == {}
    assert (await drio("status")).code == 4


async def test_doctor_exits_with_1_and_names_the_failed_step(world: SignInServers) -> None:
    world.settings.metadata = {"registration_endpoint": None}
    done = await drio("doctor", "--base-url", world.api.origin)
    assert done.code == 1
    assert "failed   registration: This server does not register clients" in done.out
    assert "do: Ask its owner for a client id and run `drio-tui login --client-id ID`." in done.out
    assert done.out.endswith("Failed: registration\n")
    as_json = await drio("doctor", "--base-url", world.api.origin, "--json")
    assert (as_json.code, as_json.json["failedStep"]) == (1, "registration")


async def test_doctor_waits_before_each_step_and_asks_before_the_sign_in(
    world: SignInServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the callback can be pasted, and the tokens are revoked."""
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    await terminal.start("doctor", "--base-url", world.api.origin, "--step", "--no-browser")
    for step in STEPS:
        if step.signs_in:
            break
        await terminal.until(f"Next: {step.title} (Enter")
        assert f"{step.title}: " not in terminal.seen
        terminal.type("\n")
    await terminal.until("Try a sign-in now?")
    assert world.clients == {}
    terminal.type("y\n")
    for step in STEPS:
        if step.signs_in:
            await terminal.until(f"Next: {step.title} (Enter")
            terminal.type("\n")
        if step.id == "callback":
            params = await terminal.authorization_params()
            code = world.mint("code")
            world.codes[code] = params | {"account": "ada@example.com"}
            terminal.type(f"{params['redirect_uri']}?code={code}&state={params['state']}\n")
    await terminal.until("No step failed.")
    assert await terminal.end() == 0
    assert world.refresh == {}
    for step in STEPS:
        assert len(re.findall(rf"(?:ok|warning|skipped) +{re.escape(step.title)}: ", terminal.seen)) == 1, step.title


async def test_ctrl_c_during_the_doctors_sign_in_revokes_its_tokens(
    world: SignInServers, browser: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = asyncio.Event()

    async def me(request: Request) -> Reply | Raw:
        if world.bearer(request) is None:
            return world.refuse()
        waits.set()
        return Raw(then="hang")

    world.api_override["/api/v1/me"] = me
    monkeypatch.setenv("BROWSER", browser["BROWSER"])
    terminal = Terminal()
    await terminal.start("doctor", "--base-url", world.api.origin, "--sign-in")
    async with asyncio.timeout(30):
        await waits.wait()
    assert len(world.refresh) == 1
    terminal.process.send_signal(signal.SIGINT)
    assert await terminal.end() == 130
    assert world.refresh == {}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_recorded_sign_in_has_no_secret(
    world: SignInServers, browser: dict[str, str], tmp_path: Path, method: str
) -> None:
    """B68: sign in, look, sign out, with a cassette; whatever way the client authenticates in."""
    if method != "none":
        world.settings.secret_method = method
    cassette = tmp_path / "walk.cassette"
    record = ("--record", str(cassette))
    login = await drio("login", "--base-url", world.api.origin, "--timeout", "8", *record, env=browser)
    assert login.code == 0, login.err
    assert (await drio("me", *record)).code == 0
    assert (await drio("logout", *record)).code == 0
    recorded = cassette.read_text()
    assert "redacted-code-1" in recorded
    assert "redacted-verifier-1" in recorded
    secrets = [text for text in world.minted if text.startswith(("at-", "rt-", "code-", "secret-"))]
    secrets += [r.params["state"] for r in world.idp.requests if "state" in r.params]
    secrets += [r.form["code_verifier"] for r in world.idp.requests_to(TOKEN) if "code_verifier" in r.form]
    assert len(secrets) >= 5
    assert not [text[:8] for text in secrets if text in recorded]
    basics = [r.headers["authorization"].split()[1] for r in world.idp.requests if "authorization" in r.headers]
    assert not [text[:8] for text in basics if text in recorded]
