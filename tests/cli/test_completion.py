"""Completion as a shell calls it: names come from a private cache, without waiting for the network."""

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
from tests.sandbox_fixtures import SandboxProcess

TOKEN = {"DRIO_TOKEN": "very-secret-token"}


async def complete(*words: str, env: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> list[str]:
    """Return the completions of the last word of `drio-tui WORDS`; `options` are those of the interpreter."""
    variables = {"_DRIO_TUI_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("drio-tui", *words))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *options, "-m", "drio_tui",
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        env=os.environ | variables | {"COMP_CWORD": str(len(words))} | (env or {}),
    )  # fmt: skip
    out, err = await process.communicate()
    if options:
        assert "textual" not in err.decode()
    return [line.removeprefix("plain,") for line in out.decode().splitlines() if line]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def cached() -> list[dict[str, Any]]:
    """The contents of all files of the cache."""
    folder = paths.cache_dir() / "completion"
    return [json.loads(path.read_text()) for path in folder.glob("*.json")] if folder.exists() else []


class Drio:
    """An API with one app that has a usable slug; while `hold` is an event that is not set, it does not respond."""

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
    api = Drio()
    async with api.server:
        yield api


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("inspect", "x", "--kind", "to"), ["tools"]),
        (("connect", "x", "--client", "claude-c"), ["claude-code"]),
        (("sandbox", "re"), ["replay", "restore", "reset"]),
        (("depl",), ["deploy"]),
    ],
)
async def test_names_of_the_program_itself_are_completed_without_the_cache(
    words: tuple[str, ...], names: list[str]
) -> None:
    assert sorted(await complete(*words)) == sorted(names)
    assert cached() == []


async def test_profiles_are_completed_if_they_need_no_quoting() -> None:
    profiles = Profiles.load()
    for name in ("getdrio.com", "getdrio.com/ada@example.com", "two words"):
        profiles.add(Profile(name, "https://getdrio.com/api/v1"), make_current=False)
    assert await complete("apps", "--profile", "get") == ["getdrio.com", "getdrio.com/ada@example.com"]
    assert await complete("apps", "--profile", "two") == []


async def test_no_request_is_sent_without_a_sign_in(drio: Drio) -> None:
    for words in (("inspect", "a"), ("templates", "s"), ("create", "--template", "s")):
        assert await complete("--base-url", drio.server.origin, *words) == []
    assert await complete("--sandbox", "inspect", "a") == []
    assert drio.server.requests == []
    assert not (paths.cache_dir() / "completion").exists()


async def test_apps_and_templates_are_completed_from_a_private_cache(drio: Drio) -> None:
    where = ("--base-url", drio.server.origin)
    await complete(*where, "inspect", "a", env=TOKEN)
    await until(lambda: cached() and cached()[0]["apps"])
    count = len(drio.server.requests)
    assert await complete(*where, "inspect", "", env=TOKEN, options=("-X", "importtime")) == ["acme-support", "app_3"]
    assert await complete("deploy", "acme", *where, env=TOKEN) == []  # the last word is the URL
    assert await complete("deploy", *where, "acme", env=TOKEN) == ["acme-support"]
    assert await complete(*where, "create", "--template", "s", env=TOKEN) == ["support"]
    assert len(drio.server.requests) == count
    await complete(*where, "inspect", "", env={"DRIO_TOKEN": "another-token"})
    await until(lambda: len(cached()) == 2)  # the names of one account are not offered to another
    (path, *_) = (paths.cache_dir() / "completion").glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "very-secret-token" not in path.read_text()


async def test_a_url_that_bash_split_at_its_colons_is_joined(drio: Drio) -> None:
    scheme, host, port = drio.server.origin.split(":")
    split = ("--base-url", scheme, ":", host, ":", port, "inspect", "ac")
    await complete(*split, env=TOKEN)
    await until(lambda: cached() and cached()[0]["apps"])
    assert await complete(*split, env=TOKEN) == ["acme-support"]


async def test_completion_does_not_wait_for_a_slow_server(drio: Drio) -> None:
    drio.hold = asyncio.Event()
    assert await complete("--base-url", drio.server.origin, "inspect", "a", env=TOKEN) == []
    assert cached() == []  # the background process is still waiting
    drio.hold.set()
    await until(lambda: cached() and cached()[0]["apps"])


async def test_old_names_are_completed_while_they_are_refreshed(drio: Drio, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ("--base-url", drio.server.origin)
    await complete(*where, "inspect", "a", env=TOKEN)
    await until(lambda: cached() and cached()[0]["apps"])
    (path,) = (paths.cache_dir() / "completion").glob("*.json")
    past = time.time() - completing.FRESH_SECONDS - 1
    path.write_text(json.dumps(cached()[0] | {"at": past}))
    path.with_suffix(".asked").unlink()
    drio.slug = "acme-renamed"
    drio.hold = asyncio.Event()
    assert await complete(*where, "inspect", "acme", env=TOKEN) == ["acme-support"]
    drio.hold.set()
    await until(lambda: cached()[0]["at"] > past)
    assert await complete(*where, "inspect", "acme", env=TOKEN) == ["acme-renamed"]


async def test_the_apps_of_a_running_sandbox_are_completed(sandbox_process: SandboxProcess) -> None:
    where = ("--data", str(sandbox_process.data_dir))
    await complete("--sandbox", *where, "inspect", "a")
    await until(lambda: cached() and cached()[0]["apps"])
    assert "acme-support" in await complete("--sandbox", *where, "inspect", "acme")
    assert "acme-support" in await complete("sandbox", "restore", *where, "acme")


async def test_the_resources_of_the_app_on_the_command_line_are_completed(sandbox_process: SandboxProcess) -> None:
    where = ("--sandbox", "--data", str(sandbox_process.data_dir))
    await complete(*where, "get", "acme-support", "tools", "s")
    await until(lambda: cached() and cached()[0].get("tools"))
    assert await complete(*where, "get", "acme-support", "tools", "show-c") == ["show-contact"]
    assert await complete(*where, "call", "acme-support", "show-c") == ["show-contact"]
    assert await complete(*where, "bind", "acme-support", "add-note", "helpdesk/get-t") == ["helpdesk/get-ticket"]
    assert await complete(*where, "set", "acme-support", "tools", "show-contact", "descr") == ["description="]
    assert await complete(*where, "get", "acme-support", "gadgets", "s") == []
    assert await complete(*where, "get", "acme-support", "to") == ["tools"]


async def test_a_failed_refresh_is_not_repeated_at_every_completion(drio: Drio) -> None:
    async def fail(request: Request) -> Reply:
        return Reply(500)

    drio.server._handler = fail
    where = ("--base-url", drio.server.origin)
    assert await complete(*where, "inspect", "a", env=TOKEN) == []
    await until(cached)
    count = len(drio.server.requests)
    for _ in range(3):
        assert await complete(*where, "inspect", "a", env=TOKEN) == []
    assert len(drio.server.requests) == count


async def test_logout_clears_the_completion_cache(drio: Drio) -> None:
    await complete("--base-url", drio.server.origin, "inspect", "a", env=TOKEN)
    await until(cached)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "drio_tui", "logout", stdout=PIPE, stderr=PIPE)
    await process.communicate()
    assert cached() == []
