"""Completion as a shell asks for it: names from a private cache, never a wait for a network."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from typing import Any

import pytest

from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.cli import completing
from drio_tui.storage import paths
from tests.auth.httpd import HttpServer, Reply, Request, json_reply
from tests.sandbox_fixtures import Process

TOKEN = {"DRIO_TOKEN": "very-secret-token"}


async def complete(*words: str, env: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> list[str]:
    """What is offered for the last word of `drio-tui` and `words`."""
    asked = {"_DRIO_TUI_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("drio-tui", *words))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *options, "-m", "drio_tui",
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        env=os.environ | asked | {"COMP_CWORD": str(len(words))} | (env or {}),
    )  # fmt: skip
    out, err = await process.communicate()
    if options:
        assert "textual" not in err.decode()
    return [line.removeprefix("plain,") for line in out.decode().splitlines() if line]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def kept() -> list[dict[str, Any]]:
    folder = paths.cache_dir() / "completion"
    return [json.loads(path.read_text()) for path in folder.glob("*.json")] if folder.exists() else []


class Drio:
    """An API with one app, that can take its time; `asked` are the paths."""

    def __init__(self) -> None:
        self.slug = "acme-support"
        self.hold: asyncio.Event | None = None
        self.server = HttpServer(self.answer)

    async def answer(self, request: Request) -> Reply:
        if self.hold is not None:
            await self.hold.wait()
        if request.path.endswith("/apps"):
            apps = [
                {"id": "app_1", "slug": self.slug, "name": "Acme"},
                {"id": "app 2", "slug": "evil\x1b[2J; rm", "name": "x"},
                {"id": "app_3", "slug": "two words", "name": "y"},
            ]
            return json_reply({"apps": apps})
        return json_reply({"templates": [{"id": "support", "name": "Support"}]})


@pytest.fixture
async def drio() -> Any:
    one = Drio()
    async with one.server:
        yield one


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("inspect", "x", "--kind", "to"), ["tools"]),
        (("connect", "x", "--client", "claude-c"), ["claude-code"]),
        (("sandbox", "re"), ["restore", "reset"]),
        (("depl",), ["deploy"]),
    ],
)
async def test_what_is_known_without_asking_is_offered_at_once(words: tuple[str, ...], offered: list[str]) -> None:
    assert sorted(await complete(*words)) == sorted(offered)
    assert kept() == []


async def test_profiles_are_offered_also_those_named_after_an_account() -> None:
    profiles = Profiles.load()
    for name in ("getdrio.com", "getdrio.com/ada@example.com", "two words"):
        profiles.add(Profile(name, "https://getdrio.com/api/v1"), make_current=False)
    assert await complete("apps", "--profile", "get") == ["getdrio.com", "getdrio.com/ada@example.com"]
    assert await complete("apps", "--profile", "two") == []


async def test_nobody_is_asked_before_a_sign_in(drio: Drio) -> None:
    for words in (("inspect", "a"), ("templates", "s"), ("create", "--template", "s")):
        assert await complete("--base-url", drio.server.origin, *words) == []
    assert await complete("--sandbox", "inspect", "a") == []
    assert drio.server.requests == []
    assert not (paths.cache_dir() / "completion").exists()


async def test_apps_and_templates_are_offered_from_a_private_cache(drio: Drio) -> None:
    where = ("--base-url", drio.server.origin)
    await complete(*where, "inspect", "a", env=TOKEN)
    await until(lambda: kept() and kept()[0]["apps"])
    asked = len(drio.server.requests)
    assert await complete(*where, "inspect", "", env=TOKEN, options=("-X", "importtime")) == ["acme-support", "app_3"]
    assert await complete("deploy", "acme", *where, env=TOKEN) == []  # the last word is the address
    assert await complete("deploy", *where, "acme", env=TOKEN) == ["acme-support"]
    assert await complete(*where, "create", "--template", "s", env=TOKEN) == ["support"]
    assert len(drio.server.requests) == asked
    await complete(*where, "inspect", "", env={"DRIO_TOKEN": "another-token"})
    await until(lambda: len(kept()) == 2)  # what one account may see is not offered to another
    (path, *_) = (paths.cache_dir() / "completion").glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "very-secret-token" not in path.read_text()


async def test_an_address_that_bash_took_apart_at_its_colons_is_understood(drio: Drio) -> None:
    scheme, host, port = drio.server.origin.split(":")
    taken_apart = ("--base-url", scheme, ":", host, ":", port, "inspect", "ac")
    await complete(*taken_apart, env=TOKEN)
    await until(lambda: kept() and kept()[0]["apps"])
    assert await complete(*taken_apart, env=TOKEN) == ["acme-support"]


async def test_a_server_that_does_not_answer_holds_nobody_up(drio: Drio) -> None:
    drio.hold = asyncio.Event()
    assert await complete("--base-url", drio.server.origin, "inspect", "a", env=TOKEN) == []
    assert kept() == []  # whoever reads it is still waiting
    drio.hold.set()
    await until(lambda: kept() and kept()[0]["apps"])


async def test_old_names_are_offered_while_they_are_read_again(drio: Drio, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ("--base-url", drio.server.origin)
    await complete(*where, "inspect", "a", env=TOKEN)
    await until(lambda: kept() and kept()[0]["apps"])
    (path,) = (paths.cache_dir() / "completion").glob("*.json")
    past = time.time() - completing.FRESH_SECONDS - 1
    path.write_text(json.dumps(kept()[0] | {"at": past}))
    path.with_suffix(".asked").unlink()
    drio.slug = "acme-renamed"
    drio.hold = asyncio.Event()
    assert await complete(*where, "inspect", "acme", env=TOKEN) == ["acme-support"]
    drio.hold.set()
    await until(lambda: kept()[0]["at"] > past)
    assert await complete(*where, "inspect", "acme", env=TOKEN) == ["acme-renamed"]


async def test_the_apps_of_a_sandbox_that_runs_are_offered(sandbox_process: Process) -> None:
    where = ("--data", str(sandbox_process.data_dir))
    await complete("--sandbox", *where, "inspect", "a")
    await until(lambda: kept() and kept()[0]["apps"])
    assert "acme-support" in await complete("--sandbox", *where, "inspect", "acme")
    assert "acme-support" in await complete("sandbox", "restore", *where, "acme")


async def test_what_cannot_be_read_is_not_asked_for_with_every_key(drio: Drio) -> None:
    async def refuse(request: Request) -> Reply:
        return Reply(500)

    drio.server._handler = refuse
    where = ("--base-url", drio.server.origin)
    assert await complete(*where, "inspect", "a", env=TOKEN) == []
    await until(kept)
    asked = len(drio.server.requests)
    for _ in range(3):
        assert await complete(*where, "inspect", "a", env=TOKEN) == []
    assert len(drio.server.requests) == asked


async def test_signing_out_forgets_the_names(drio: Drio) -> None:
    await complete("--base-url", drio.server.origin, "inspect", "a", env=TOKEN)
    await until(kept)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "drio_tui", "logout", stdout=PIPE, stderr=PIPE)
    await process.communicate()
    assert kept() == []
