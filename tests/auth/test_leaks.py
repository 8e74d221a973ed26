"""No secret is in logs, reprs, errors, files or processes where it should not be."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
import traceback
from pathlib import Path

import httpx
import pytest

from drio_tui.auth.bearer import BearerAuth
from drio_tui.auth.errors import SignedOut, SignInFailed
from drio_tui.auth.file_store import FileBackend
from drio_tui.auth.logout import log_out
from drio_tui.auth.token_manager import TokenManager
from tests.auth.conftest import User
from tests.auth.httpd import Raw, Reply, Request, json_reply
from tests.auth.world import TOKEN, SignInServers

SECRET_KINDS = ("at-", "rt-", "code-", "secret-")


def request_secrets(user: User, world: SignInServers) -> list[str]:
    """Return state and verifier of every authorization request."""
    states = [r.params["state"] for r in world.idp.requests if "state" in r.params]
    verifiers = [r.form["code_verifier"] for r in world.idp.requests_to(TOKEN) if "code_verifier" in r.form]
    return states + verifiers


async def test_a_whole_session_leaves_no_secret_in_logs_reprs_errors_or_files(
    user: User, world: SignInServers, caplog: pytest.LogCaptureFixture, isolated: Path
) -> None:
    """B68: sign in, work, refresh, failures of every kind, sign out, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio", "keyring", "drio_tui"):
        caplog.set_level(logging.DEBUG, logger=name)
    shown: list[str] = []

    def note(error: BaseException) -> None:
        shown.append(repr(error) + str(error) + "".join(traceback.format_exception(error)))
        frames = traceback.TracebackException.from_exception(error, capture_locals=False)
        shown.append("".join(frames.format()))

    world.settings.secret_method = "client_secret_basic"
    done = await user.sign_in()
    manager = TokenManager(done.profile, user.store, clock=user.clock)
    auth = BearerAuth(manager, world.base_url)
    async with httpx.AsyncClient(base_url=world.base_url, auth=auth, trust_env=False) as client:
        await client.post("/things", json={})
        world.access.clear()
        await client.get("/things")

        async def broken(request: Request) -> Raw:
            return Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")

        for fault in (broken, None):
            if fault is not None:
                world.override[TOKEN] = fault
            else:
                world.override.pop(TOKEN)
                world.refresh.clear()
            user.clock.pass_time(400)
            try:
                await client.get("/things")
            except Exception as error:
                note(error)
        with pytest.raises(SignedOut):
            await manager.token()
    world.override[TOKEN] = broken
    with pytest.raises(SignInFailed) as caught:
        await user.sign_in()
    note(caught.value)
    del world.override[TOKEN]
    again = await user.sign_in()
    shown += [repr(x) + str(x) for x in (again, again.tokens, again.profile, manager, auth, user.store, *user.events)]
    shown.append(pickle.dumps(again).decode("latin-1"))
    shown += user.notices
    files = {p: p.read_bytes().decode("latin-1") for p in isolated.rglob("*") if p.is_file()}
    await log_out(again.profile, user.store, user.profiles)

    everything = "\n".join([caplog.text, *shown])
    secrets = [s for s in world.minted if s.startswith(SECRET_KINDS)] + request_secrets(user, world)
    assert len(secrets) > 10
    assert len(caplog.records) > 20
    for secret in secrets:
        assert secret not in everything
    allowed = {FileBackend().path(again.profile.entry)} | {p for p in files if p.parent.name == "tokens"}
    for path, text in files.items():
        if path not in allowed:
            assert not any(secret in text for secret in secrets), path
    assert all(p.stat().st_mode & 0o077 == 0 for p in allowed if p.exists())


async def test_no_secret_is_in_the_process_list_or_in_a_childs_environment(
    user: User, world: SignInServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B68: the opener's arguments hold the address and with it the state, which is of no use without the verifier."""
    from drio_tui.auth.browser import DesktopEnvironment
    from drio_tui.auth.flow import SignInFlow

    opener = tmp_path / "opener"
    opener.write_text(f"#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline > {tmp_path}/args\nenv > {tmp_path}/env\n")
    opener.chmod(0o755)
    monkeypatch.setenv("DRIO_TOKEN", "secret-in-the-environment")
    env = dict(os.environ) | {"BROWSER": str(opener)}
    sign_in = SignInFlow(
        user.profiles.resolve(base_url=world.base_url),
        store=user.store,
        profiles=user.profiles,
        on_event=user.on_event,
        desktop=DesktopEnvironment(env, sys.platform),
    )
    await sign_in.run()
    seen = (tmp_path / "args").read_text() + (tmp_path / "env").read_text()
    assert "state=" in seen
    verifiers = [r.form["code_verifier"] for r in world.idp.requests_to(TOKEN)]
    for secret in ["secret-in-the-environment", *verifiers, *(s for s in world.minted if s.startswith(SECRET_KINDS))]:
        assert secret not in seen


@pytest.mark.parametrize("form", ["page", "text", "description", "message", "code"])
async def test_secrets_echoed_in_error_responses_are_hidden(user: User, world: SignInServers, form: str) -> None:
    """B68: the server repeats the code or the verifier; its message is shown without them."""

    async def echo(request: Request) -> Reply:
        text = f"Bad code {request.form['code']} for {request.form['code_verifier']}"
        match form:
            case "page":
                return Reply(200, b"<html>Bad " + request.body + b"</html>", {"Content-Type": "text/html"})
            case "text":
                return Reply(200, text.encode(), {"Content-Type": "text/plain"})
            case "description":
                return json_reply({"error": "invalid_grant", "error_description": text}, 400)
            case "code":
                return json_reply({"error": text}, 400)
        return json_reply({"message": text})

    world.override[TOKEN] = echo
    with pytest.raises(SignInFailed) as caught:
        await user.sign_in()
    assert "Bad" in caught.value.message
    for secret in [s for s in world.minted if s.startswith("code-")] + request_secrets(user, world):
        assert secret not in repr(caught.value) + str(caught.value.as_dict())


async def test_task_reprs_hold_no_secret(user: User, world: SignInServers) -> None:
    """B68: asyncio's own reprs (debug mode prints them) hold no secret."""
    user.opens_urls = False
    task = asyncio.create_task(user.flow().run())
    while not user.urls:
        await asyncio.sleep(0)
    shown = "".join(repr(t) + repr(t.get_coro()) for t in asyncio.all_tasks())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert user.urls[0] not in shown
    assert "state=" not in shown
