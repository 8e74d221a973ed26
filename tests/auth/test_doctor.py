"""The sign-in doctor: each fault of a server or of this machine names its step and what to do, without secrets."""

from __future__ import annotations

import asyncio
import email.utils
import getpass
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import keyring.errors
import pytest
import trustme
from keyring.backend import KeyringBackend

from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.doctor.doctor import STEPS, Doctor
from drio_tui.auth.doctor.report import Check, Outcome, Redaction, Report
from drio_tui.auth.events import Event, UrlReady
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import TokenSet
from drio_tui.storage import paths
from tests.auth.conftest import MemoryKeyring, User
from tests.auth.httpd import HTML, Reply, Request, always, json_reply
from tests.auth.test_environment import https_server
from tests.auth.test_others import consent
from tests.auth.world import AUTHORIZE, REVOKE, TOKEN, SignInServers, browse


@pytest.fixture
def private_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


SIGN_IN_STEPS = [step.id for step in STEPS if step.signs_in]


async def examine(
    profile: Profile | str,
    *,
    sign_in: bool = False,
    open_page: Callable[[str], Coroutine[Any, Any, Any]] = browse,
    **options: Any,
) -> Report:
    """Run the doctor; the user opens each URL in a browser and agrees."""
    if isinstance(profile, str):
        profile = Profiles.load().resolve(base_url=profile)
    pages: list[asyncio.Task[Any]] = []

    def see(event: Event) -> None:
        if isinstance(event, UrlReady):
            pages.append(asyncio.create_task(open_page(event.url)))

    options = {"open_browser": False, "timeout": 20, "desktop": DesktopEnvironment({}, "linux")} | options
    async with Doctor(profile, on_event=see, **options) as doctor:
        report = await doctor.run(sign_in=sign_in)
    await asyncio.gather(*pages)
    return report


def check_of(report: Report, step: str) -> Check:
    return next(check for check in report.checks if check.step.id == step)


def only_failure(report: Report) -> Check:
    """Return the one check that failed; what comes after it says what it needs."""
    assert [check.step.id for check in report.failed] == [report.failed[0].step.id]
    return report.failed[0]


async def test_a_server_without_faults_passes_every_step(world: SignInServers) -> None:
    world.settings.sends_iss = True
    report = await examine(world.base_url, sign_in=True)
    assert report.is_ok, report.as_text()
    assert [check.step.id for check in report.checks] == [step.id for step in STEPS]
    ok = {check.step.id for check in report.checks if check.outcome == Outcome.OK}
    assert ok >= {*SIGN_IN_STEPS} - {"stored-client"}
    token = check_of(report, "token")
    assert (token.requests[0].method, token.requests[0].status) == ("POST", 200)
    assert "RFC 6749" in token.step.rule
    assert token.curl.startswith("curl \\\n  --request POST")
    assert "$DRIO_SECRET" in token.curl


async def test_without_consent_nothing_is_registered_and_no_browser_opens(world: SignInServers) -> None:
    report = await examine(world.base_url)
    assert report.is_ok, report.as_text()
    assert {check_of(report, step).outcome for step in SIGN_IN_STEPS} == {Outcome.SKIPPED}
    assert "needs --sign-in" in check_of(report, "registration").summary
    assert world.clients == {}
    assert [request.method for request in world.idp.requests] == ["GET"]


async def test_a_trial_leaves_nothing_behind(world: SignInServers, user: User) -> None:
    """The stored sign-in and the registered clients stay as they are; the tokens of the trial are revoked."""
    stored = await user.sign_in()
    before = {path: path.read_bytes() for path in paths.state_dir().rglob("*.json")}
    issued = set(world.refresh)
    report = await examine(stored.profile, sign_in=True)
    assert report.is_ok, report.as_text()
    assert set(world.refresh) == issued
    assert {path: path.read_bytes() for path in paths.state_dir().rglob("*.json")} == before
    assert len(ClientRegistrationStore().for_issuer(world.issuer)) == 1
    assert "knows the client" in check_of(report, "stored-client").summary


async def test_tokens_are_revoked_when_a_later_step_fails_or_the_doctor_is_cancelled(world: SignInServers) -> None:
    world.settings.me_status = 500
    report = await examine(world.base_url, sign_in=True)
    assert only_failure(report).step.id == "account"
    assert world.refresh == {}
    revoked = len(world.revoked)

    async def stop(step: Any) -> None:
        if step.id == "account":
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await examine(world.base_url, sign_in=True, before=stop)
    assert len(world.revoked) == revoked + 1
    assert world.refresh == {}


async def unavailable(_request: Request) -> Reply:
    return Reply(503)


def no_registration(world: SignInServers) -> None:
    world.settings.metadata = {"registration_endpoint": None}


def wrong_issuer(world: SignInServers) -> None:
    world.settings.metadata = {"issuer": "https://evil.example"}


def no_pkce(world: SignInServers) -> None:
    world.settings.metadata = {"code_challenge_methods_supported": None}


def unavailable_token(world: SignInServers) -> None:
    world.override[TOKEN] = unavailable


def wrong_resource(world: SignInServers) -> None:
    world.settings.resource = {"resource": "https://other.example/api/v1"}


def refused_registration(world: SignInServers) -> None:
    world.settings.registration_status = 403


def other_redirect(world: SignInServers) -> None:
    world.settings.registration = {"redirect_uris": ["http://127.0.0.1:1/callback"]}


def forgetful_registration(world: SignInServers) -> None:
    world.override[TOKEN] = always(json_reply({"error": "invalid_client"}, 401))


def mixed_up_callback(world: SignInServers) -> None:
    world.settings.callback = {"iss": "https://evil.example"}


def mixed_up_in_the_browser(world: SignInServers) -> None:
    """What is not a browser gets the sign-in page."""

    async def sign_in_page(_request: Request) -> Reply:
        del world.override[AUTHORIZE]
        return HTML

    world.override[AUTHORIZE] = sign_in_page
    mixed_up_callback(world)


def unknown_client(world: SignInServers) -> None:
    world.override[AUTHORIZE] = always(
        Reply(400, b"<html><title>invalid_client</title></html>", {"Content-Type": "text/html"})
    )


def denied(world: SignInServers) -> None:
    world.settings.callback = {"code": None, "error": "access_denied"}


def portal(world: SignInServers) -> None:
    world.settings.has_resource_metadata = False
    world.settings.challenge = None
    world.api_override["/.well-known/oauth-authorization-server"] = always(HTML)


def broken_revocation(world: SignInServers) -> None:
    world.override[REVOKE] = unavailable


FAULTS: list[tuple[Callable[[SignInServers], None], str, str, tuple[str, str] | None]] = [
    (no_registration, "registration", "--client-id", None),
    (wrong_issuer, "issuer", "do not go on if you did not expect this", ("", "https://evil.example")),
    (no_pkce, "server-metadata", "S256 in code_challenge_methods_supported", ("S256", "nothing")),
    (unavailable_token, "token", "try again later", None),
    (wrong_resource, "resource-metadata", "base URL", ("", "https://other.example/api/v1")),
    (refused_registration, "registration", "--client-id", None),
    (other_redirect, "registration", "owner", ("", "http://127.0.0.1:1/callback")),
    (forgetful_registration, "token", "--register-again", None),
    (mixed_up_callback, "authorization", "Do not go on", ("", "https://evil.example")),
    (mixed_up_in_the_browser, "callback", "Do not go on", ("", "https://evil.example")),
    (unknown_client, "authorization", "report it", ("", "HTTP 400")),
    (denied, "authorization", "allow access", None),
    (portal, "server-metadata", "captive portal", None),
    (broken_revocation, "revocation", "", None),
]


@pytest.mark.parametrize(("break_", "step", "advice", "values"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
async def test_a_fault_names_the_step_and_what_to_do(
    world: SignInServers,
    break_: Callable[[SignInServers], None],
    step: str,
    advice: str,
    values: tuple[str, str] | None,
) -> None:
    break_(world)
    report = await examine(world.base_url, sign_in=True)
    failed = only_failure(report)
    assert failed.step.id == step, report.as_text()
    assert advice in failed.advice
    assert failed.step.rule.startswith("RFC ")
    if values is not None:
        expected, received = values
        assert failed.expected
        assert failed.expected.startswith(expected)
        assert (failed.received or "nothing") == received
    for check in report.checks:
        if step in check.step.needs:
            assert (check.outcome, check.summary) == (Outcome.SKIPPED, f"needs {failed.step.title}")
    assert world.refresh == {} or step == "revocation"


async def test_missing_registration_is_found_without_consent(world: SignInServers) -> None:
    no_registration(world)
    failed = only_failure(await examine(world.base_url))
    assert (failed.step.id, "--client-id" in failed.advice) == ("registration", True)


async def test_a_client_that_the_server_forgot_is_found_without_a_browser(world: SignInServers, user: User) -> None:
    signed_in = await user.sign_in()
    world.clients.clear()
    report = await examine(signed_in.profile, sign_in=True)
    failed = only_failure(report)
    assert failed.step.id == "stored-client"
    assert "drio-tui login --register-again" in failed.advice
    assert check_of(report, "revocation").outcome == Outcome.OK  # the trial has a new client


@pytest.mark.parametrize(("hours", "direction"), [(1, "1 hour behind"), (-1, "1 hour ahead of")])
async def test_a_clock_off_by_an_hour_is_named(world: SignInServers, user: User, hours: int, direction: str) -> None:
    async def me(_request: Request) -> Reply:
        reply = world.refuse()
        reply.headers["Date"] = email.utils.formatdate(user.clock.wall() + 3600 * hours, usegmt=True)
        return reply

    world.api_override["/api/v1/me"] = me
    failed = only_failure(await examine(world.base_url, clock=user.clock))
    assert failed.step.id == "clock"
    assert direction in failed.summary
    assert "clock" in failed.advice
    assert failed.expected != failed.received


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("Failed to unlock the collection!")


async def test_a_locked_keyring_is_named(
    world: SignInServers, use_keyring: Callable[[KeyringBackend], KeyringBackend]
) -> None:
    use_keyring(LockedKeyring())
    report = await examine(world.base_url)
    failed = only_failure(report)
    assert failed.step.id == "keyring"
    assert "Unlock the keyring" in failed.advice
    assert "--insecure-storage" in failed.advice
    use_keyring(MemoryKeyring())
    assert "works" in check_of(await examine(world.base_url), "keyring").summary


async def test_readable_tokens_are_named(world: SignInServers, user: User) -> None:
    await user.sign_in()
    assert check_of(await examine(world.base_url), "folders").outcome == Outcome.OK
    tokens = next((paths.state_dir() / "tokens").iterdir())
    tokens.chmod(0o644)
    failed = only_failure(await examine(world.base_url))
    assert failed.step.id == "folders"
    assert "chmod" in failed.advice


async def test_a_host_that_does_not_answer_is_named(world: SignInServers) -> None:
    base_url = world.base_url
    await world.api.__aexit__()
    failed = only_failure(await examine(base_url))
    assert failed.step.id == "connect"
    assert "Check the network" in failed.advice
    await world.api.__aenter__()


async def test_an_unknown_host_is_named(private_authority: trustme.CA) -> None:
    failed = only_failure(await examine("https://no-such-host.invalid"))
    assert failed.step.id == "name"
    assert "DNS" in failed.advice


async def test_an_untrusted_certificate_is_named(
    private_authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for authority, step in ((trustme.CA(), "tls"), (private_authority, "resource-metadata")):
        async with await https_server(authority) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            failed = only_failure(await examine(url))
        assert failed.step.id == step
        assert ("SSL_CERT_FILE" in failed.advice) == (step == "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    failed = (await examine("https://no-such-host.invalid")).failed[0]
    assert failed.step.id == "certificates"
    assert "SSL_CERT_FILE" in failed.advice


async def test_a_proxy_is_named_without_its_password(
    private_authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:hunter22@proxy.invalid:3128")
    report = await examine("https://drio.example")
    assert check_of(report, "proxy").summary == "http://proxy.invalid:3128 for this host (HTTPS_PROXY in effect)"
    assert only_failure(report).step.id == "name"
    assert "proxy.invalid" in only_failure(report).summary
    assert "hunter22" not in report.as_text()


@pytest.mark.parametrize("broken", [False, True])
async def test_reports_hold_no_secrets(
    world: SignInServers, user: User, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    """Tokens, codes, state and secrets, the account, the home folder and the user's name."""
    monkeypatch.setenv("HOME", "/home/lovelace")
    monkeypatch.setattr(getpass, "getuser", lambda: "lovelace")
    world.settings.secret_method = "client_secret_post"

    async def quoting(request: Request) -> Reply:
        text = f"{request.body.decode()} /home/lovelace/x /srv/lovelace ada@example.com"
        return json_reply({"error": "invalid_grant", "error_description": text}, 400)

    stored = await user.sign_in()
    if broken:
        world.override[TOKEN] = quoting
    report = await examine(stored.profile, sign_in=True)
    text = report.as_text() + json.dumps(report.as_dict())
    secrets = [secret for secret in world.minted if not secret.startswith("client-")]
    secrets += [request.params["state"] for request in world.idp.requests if "state" in request.params]
    secrets += [request.form["code_verifier"] for request in world.idp.requests_to(TOKEN) if "code" in request.form]
    assert len(secrets) > 6
    assert [secret for secret in secrets if secret in text] == []
    for private in ("lovelace", "ada@example.com"):
        assert private not in text
    if not broken:
        assert "access token ‹" in report.as_text()


def test_fingerprints_tell_secrets_apart_within_one_report_only() -> None:
    first, second = Redaction("", ""), Redaction("", "")
    first.add("secret-one", "secret-two", "abc", None)
    assert first.text("secret-one secret-two secret-one abc").split(" ")[0::2] == [first.fingerprint("secret-one")] * 2
    assert first.fingerprint("secret-one") != first.fingerprint("secret-two")
    assert first.fingerprint("secret-one") != second.fingerprint("secret-one")
    assert "secret" not in repr(first)


async def test_a_stored_token_is_not_read(world: SignInServers, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await user.sign_in()

    async def fail(*_: Any, **__: Any) -> TokenSet | None:
        raise AssertionError("the stored sign-in was read")

    monkeypatch.setattr(TokenStore, "load", fail)
    assert (await examine(stored.profile)).is_ok


async def test_the_sandbox_passes_every_step(sandbox_process: Any) -> None:
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser:
        report = await examine(sandbox_process.base_url, sign_in=True, open_page=lambda url: consent(url, browser))
    assert report.is_ok, report.as_text()
    not_ok = {check.step.id: check.outcome for check in report.checks if check.outcome != Outcome.OK}
    assert not_ok.keys() <= {"certificates", "tls", "stored-client", "terminal"}, report.as_text()
    assert sandbox_process.token not in report.as_text()


async def test_hostile_texts_of_a_server_are_sanitized(world: SignInServers) -> None:
    """F55 F57."""
    hostile = "\x1b]52;c;ZXZp\x07\x9b31m\u202e$(reboot)'`id`"
    world.settings.metadata = {"issuer": f"https://evil.example/{hostile}"}
    report = await examine(world.base_url, sign_in=True)
    for text in (report.as_text(), *(check.curl for check in report.checks)):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "␛]52;c;ZXZp␇" in only_failure(report).received


async def test_versions_of_the_api_are_named(user: User, world: SignInServers) -> None:
    """Without v1 it is a warning with what works; the sign-in itself does not depend on it."""

    wants_a_token = always(json_reply({"error": {"code": "unauthorized", "message": "no"}}, 401))
    document = always(json_reply({"info": {"title": "drio API", "version": "3.0.0"}, "paths": {}}))
    missing = always(json_reply({"error": {"code": "not_found", "message": "no"}}, 404))
    world.api_override |= {
        "/api/v0/apps": missing,
        "/api/v1/apps": missing,
        "/api/v2/apps": missing,
        "/api/v3/apps": wants_a_token,
        "/api/v3/openapi.json": document,
    }
    report = await examine(world.base_url)
    check = next(check for check in report.checks if check.step.id == "api")
    assert (check.outcome, check.summary) == (Outcome.WARNING, "API v3 only; v3 is drio API 3.0.0")
    assert "`drio-tui v3`" in check.advice
    world.api_override["/api/v1/apps"] = wants_a_token
    report = await examine(world.base_url)
    check = next(check for check in report.checks if check.step.id == "api")
    assert (check.outcome, check.summary) == (Outcome.OK, "API v1 (v3 available); v3 is drio API 3.0.0")
