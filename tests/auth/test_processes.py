"""Several processes that share one sign-in, and processes that are killed during a refresh."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

import pytest

from drio_tui.auth.errors import SignedOut
from drio_tui.auth.flow import SignInResult
from drio_tui.auth.token_manager import TokenManager
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import SystemClock
from drio_tui.storage.lock import FileLock, LockBusy, sign_in_lock
from tests.auth.conftest import User
from tests.auth.httpd import Raw, Reply, Request
from tests.auth.world import TOKEN, SignInServers

PROGRAM = """
import asyncio, os, signal, sys
from drio_tui.auth.errors import SignedOut
from drio_tui.auth.token_manager import TokenManager
from drio_tui.auth.profiles import Profiles
from drio_tui.auth.token_store import TokenStore

class Dying(TokenStore):
    async def save(self, profile, tokens):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    profile = Profiles.load().current
    store = (Dying if sys.argv[1] == 'dies' else TokenStore)()
    manager = TokenManager(profile, store)
    print('READY', flush=True)
    sys.stdin.readline()
    print('ASKING', flush=True)
    try:
        print('TOKEN', await manager.token(), flush=True)
    except SignedOut:
        print('SIGNED OUT', flush=True)

asyncio.run(main())
"""


async def start(kind: str = "lives", *prefix: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-c", PROGRAM, kind, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert await line(process) == "READY"
    return process


async def line(process: Process) -> str:
    assert process.stdout is not None
    text = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    if not text:
        assert process.stderr is not None
        raise AssertionError((await process.stderr.read()).decode())
    return text


async def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()
    assert await line(process) == "ASKING"


async def end(*processes: Process) -> None:
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def expired(user: User) -> SignInResult:
    """A sign-in whose access token has expired by the real clock."""
    user.clock.now = SystemClock().wall() - 1000
    return await user.sign_in()


@pytest.mark.slow
async def test_five_processes_with_one_expired_token_refresh_once(
    user: User, world: SignInServers, expired: SignInResult
) -> None:
    """B44: exactly one POST; the other processes read the store again and use the same token."""
    all_waiting, requests = asyncio.Event(), []

    async def held(request: Request) -> Reply:
        requests.append(request)
        await all_waiting.wait()
        return world._token(request)

    world.override[TOKEN] = held
    processes = await asyncio.gather(*(start() for _ in range(5)))
    try:
        await asyncio.gather(*(go(p) for p in processes))
        all_waiting.set()
        tokens = await asyncio.gather(*(line(p) for p in processes))
    finally:
        await end(*processes)
    assert len(requests) == 1
    assert len(set(tokens)) == 1
    assert tokens[0].removeprefix("TOKEN ") in world.access


@pytest.mark.slow
async def test_lock_of_a_killed_process_is_free(user: User, world: SignInServers, expired: SignInResult) -> None:
    """B44: kill -9 during the refresh, while it holds the lock."""
    reached = asyncio.Event()

    async def hangs(request: Request) -> Raw:
        reached.set()
        return Raw(b"", "hang")

    world.override[TOKEN] = hangs
    victim = await start()
    try:
        await go(victim)
        await reached.wait()
        manager = TokenManager(expired.profile, TokenStore())
        with pytest.raises(LockBusy):
            async with sign_in_lock(expired.profile.entry).hold(0):
                pass
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        del world.override[TOKEN]
        assert await manager.token() in world.access
    finally:
        await end(victim)


@pytest.mark.slow
async def test_process_killed_before_storing_the_refreshed_tokens_requires_one_sign_in(
    user: User, world: SignInServers, expired: SignInResult
) -> None:
    """B46: kill -9 between response and storing: the next process gets `invalid_grant` once."""
    victim = await start("dies")
    try:
        await go(victim)
        assert await victim.wait() == -signal.SIGKILL
    finally:
        await end(victim)
    assert world.refreshes == 1
    manager = TokenManager(expired.profile, TokenStore())
    for _ in range(3):
        with pytest.raises(SignedOut):
            await manager.token()
    assert world.refused_grants == 1
    again = await user.sign_in(expired.profile)
    assert again.tokens.access_token in world.access


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("faketime") is None, reason="libfaketime is not on this machine")
@pytest.mark.parametrize("shift", ["+1h", "-1h", "+3650d", "-3650d"])
async def test_a_wrong_system_clock_costs_one_refresh_at_most(user: User, world: SignInServers, shift: str) -> None:
    """B49 B50: a real process with a wrong clock."""
    user.clock.now = SystemClock().wall()
    await user.sign_in()
    process = await start("lives", "faketime", "-f", shift)
    try:
        await go(process)
        answer = await line(process)
    finally:
        await end(process)
    assert answer.removeprefix("TOKEN ") in world.access
    assert world.refreshes <= 1


async def test_two_holders_in_one_process_exclude_each_other(tmp_path: Any) -> None:
    """B44: the second one gets the lock when the first releases it."""
    path = tmp_path / "locks" / "x.lock"
    order: list[str] = []

    async def second() -> None:
        async with FileLock(path).hold(10):
            order.append("second")

    async with FileLock(path).hold(1):
        waiting = asyncio.create_task(second())
        for _ in range(50):
            await asyncio.sleep(0)
        order.append("first")
    await waiting
    assert order == ["first", "second"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_waiting_for_a_lock_times_out(tmp_path: Any) -> None:
    """B44: the lock stays usable."""
    path = tmp_path / "locks" / "x.lock"
    async with FileLock(path).hold(1):
        with pytest.raises(LockBusy):
            async with FileLock(path).hold(0.1):
                pass
        with pytest.raises(LockBusy), FileLock(path).hold_blocking(0.05):
            pass
    async with FileLock(path).hold(0) as free:
        assert free.shared


@pytest.mark.parametrize("where", ["/proc/nowhere/x.lock", "/dev/null/x.lock"])
async def test_unwritable_lock_folder_gives_an_unshared_lock(where: str) -> None:
    """F42: without a writable home there is no other process to share with."""
    from pathlib import Path

    async with FileLock(Path(where)).hold(0) as lock:
        assert not lock.shared


async def test_a_link_in_the_lock_folder_is_not_followed(tmp_path: Any) -> None:
    """B60: locking does not create the target of a symbolic link."""
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    (folder / "x.lock").symlink_to(tmp_path / "made")
    async with FileLock(folder / "x.lock").hold(0):
        pass
    assert not os.path.lexists(tmp_path / "made")
