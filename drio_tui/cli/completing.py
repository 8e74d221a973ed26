"""What a shell offers for an argument: apps and templates from a private cache, profiles, kinds and AI clients.

The shell waits while this runs, so nothing here speaks to a network: a separate process (`python -m
drio_tui.cli.completing`) fills the cache, is waited for briefly where there is nothing yet, and goes on alone. It is
started only for someone who is signed in, or for a sandbox that runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from drio_tui.storage import files, paths
from drio_tui.text import one_line

VARIABLE = "_DRIO_TUI_COMPLETE"
FRESH_SECONDS = 30.0
OLD_SECONDS = 86_400.0
_WAIT_SECONDS = 0.6
_AGAIN_SECONDS = 10.0
_FETCH_SECONDS = 10.0
_MOST = 2_000
_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]{1,200}")  # what no shell has to quote

Found = dict[str, list[list[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """The drio that a command line means, and whose account there; `name` is the cache's for it."""

    name: str
    profile: str | None = None
    base_url: str | None = None
    sandbox_dir: str | None = None

    @property
    def path(self) -> Path:
        return paths.cache_dir() / "completion" / f"{hashlib.sha256(self.name.encode()).hexdigest()[:32]}.json"


class Bash(BashComplete):
    """Bash takes the words of a line apart at colons; an address is put together again."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in words:
            if joined and (word == ":" or joined[-1].endswith(":")):
                joined[-1] += word
            else:
                joined.append(word)
        return joined, incomplete


def prepare() -> None:
    """To be called before click completes a line."""
    add_completion_class(Bash, "bash")


# --- what click asks for -------------------------------------------------------------------------


def complete(what: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """What begins with `incomplete`; empty where nothing is known."""
    return [
        CompletionItem(value, help=one_line(about, 60) or None)
        for value, about in _names(what, ctx)
        if value.startswith(incomplete) and _PLAIN.fullmatch(value)
    ]


def _names(what: str, ctx: click.Context) -> list[list[str]]:
    """Names with a few words about each."""
    match what:
        case "kinds":
            from drio_tui.kinds import KINDS

            return [[kind.list_key, ""] for kind in KINDS.values()]
        case "clients":
            from drio_tui.workspace.deploy.ai_clients import guides

            return [[guide.name, guide.title] for guide in guides("", "")]
        case "profiles":
            from drio_tui.auth.profiles import Profiles

            return [[profile.name, profile.host] for profile in Profiles.load()]
    return _cached(ctx, what)


def forget() -> None:
    """Delete everything that is kept for completion."""
    with contextlib.suppress(OSError):
        for path in (paths.cache_dir() / "completion").iterdir():
            path.unlink(missing_ok=True)


# --- the cache -----------------------------------------------------------------------------------


def _cached(ctx: click.Context, what: str) -> list[list[str]]:
    """The names of that kind as last read; where that is long ago they are read again, for the next time."""
    from drio_tui.api.errors import DrioError

    try:
        target = _target(ctx)
    except DrioError:  # a profile or a base URL that cannot be
        return []
    if target is None:
        return []
    found, age = _read(target)
    if age > FRESH_SECONDS:
        process = _start_reading(target)
        if process is not None and not found:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_WAIT_SECONDS)
            found, _ = _read(target)
    return found.get(what, [])


def _target(ctx: click.Context) -> Target | None:
    """Which drio to ask, as which account: None where nobody is signed in, or the sandbox does not run."""
    from drio_tui.auth.bearer import TOKEN_VARIABLE, token_from_environment
    from drio_tui.auth.profiles import Profiles

    outer = ctx.find_root().params
    below_sandbox = ctx.parent is not None and ctx.parent.info_name == "sandbox"
    if below_sandbox or ctx.params.get("sandbox") or outer.get("sandbox"):
        from drio_tui.launcher import find_running

        folder = Path(ctx.params.get("data") or outer.get("data") or paths.sandbox_dir()).expanduser().absolute()
        return Target(f"sandbox {folder}", sandbox_dir=str(folder)) if find_running(folder) else None
    name = ctx.params.get("profile") or outer.get("profile")
    base_url = ctx.params.get("base_url") or outer.get("base_url")
    profile = Profiles.load().resolve(name, base_url)
    given = token_from_environment()
    if given is not None:
        token = os.environ[TOKEN_VARIABLE]
        return Target(f"{profile.base_url} {hashlib.sha256(token.encode()).hexdigest()}", name, base_url)
    return Target(profile.entry, name, base_url) if profile.account or profile.account_id else None


def _read(target: Target) -> tuple[Found, float]:
    """What is kept, and how many seconds ago it was read."""
    try:
        kept = json.loads(files.read_private(target.path))
        age = time.time() - float(kept["at"])
        found = {
            what: [[str(value), str(about)] for value, about in kept[what]] for what in ("apps", "templates")
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, OLD_SECONDS
    return (found, age) if 0 <= age < OLD_SECONDS else ({}, OLD_SECONDS)


def _start_reading(target: Target) -> subprocess.Popen[bytes] | None:
    """Read again in a process that outlives this one; None where one was started a moment ago."""
    asked = target.path.with_suffix(".asked")
    try:
        files.private_dir(target.path.parent)
        if asked.exists() and 0 <= time.time() - asked.stat().st_mtime < _AGAIN_SECONDS:
            return None
        files.write_private(asked, b"")
        return subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "drio_tui.cli.completing", json.dumps(asdict(target))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != VARIABLE},
        )
    except OSError:  # the cache cannot be written, or no process can be started
        return None


# --- the process that reads ----------------------------------------------------------------------


async def _fetch(target: Target) -> Found:
    import asyncio

    from drio_tui.kinds import APP
    from drio_tui.launcher import find_running
    from drio_tui.session import open_session

    running = find_running(Path(target.sandbox_dir)) if target.sandbox_dir else None
    if target.sandbox_dir and running is None:
        return {}
    session = await open_session(
        profile=target.profile, base_url=target.base_url, sandbox=running is not None, running=running
    )
    try:
        apps, templates = await asyncio.gather(session.client.list(APP), session.client.templates())
    finally:
        await session.aclose()
    return {
        "apps": [_pair(item, ("slug", "id")) for item in apps.items],
        "templates": [_pair(item, ("id",)) for item in templates.items],
    }


def _pair(item: dict[str, Any], members: tuple[str, ...]) -> list[str]:
    values = (str(item.get(member) or "") for member in members)
    return [next((value for value in values if _PLAIN.fullmatch(value)), ""), str(item.get("name") or "")[:200]]


def main(argument: str) -> None:
    """Fill the cache for one target; what cannot be read leaves it as it was, for a while."""
    import asyncio

    from drio_tui.api.errors import DrioError

    target = Target(**json.loads(argument))
    before, _ = _read(target)
    found: Found = {"apps": [], "templates": []} | before
    with contextlib.suppress(DrioError, TimeoutError, OSError):
        found |= asyncio.run(asyncio.wait_for(_fetch(target), _FETCH_SECONDS))
    body = {"at": time.time()} | {what: pairs[:_MOST] for what, pairs in found.items()}
    with contextlib.suppress(OSError):
        folder = files.private_dir(target.path.parent)
        files.write_private(target.path, json.dumps(body).encode("ascii"))
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime > OLD_SECONDS:
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1])
