"""Finding, starting and ending the sandbox process."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from drio_tui import launcher
from drio_tui.api.transport import Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.session import open_session
from tests.sandbox_fixtures import close, start_sandbox

pytestmark = pytest.mark.socket


async def test_a_sandbox_is_started_used_and_ended(tmp_path: Path) -> None:
    told: list[str] = []
    running = await launcher.ensure_sandbox(tmp_path / "box", on_line=told.append)
    assert running.started_by_us
    assert running.alive
    assert told == ["Starting the sandbox", "The sandbox is ready"]
    base = running.base_url + "/api/v1"
    transport = Transport(base, auth=BearerAuth(StaticToken(running.token, "test"), base))
    assert (await transport.request("GET", "/me")).data["user"]
    await transport.aclose()
    await running.stop()
    assert not running.alive
    assert not launcher.is_locked(tmp_path / "box")


async def test_nothing_in_the_present_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("import pathlib; pathlib.Path('was-run').touch()")
    monkeypatch.chdir(tmp_path)
    running = await launcher.ensure_sandbox(tmp_path / "sandbox")
    await running.stop()
    assert not (tmp_path / "was-run").exists()


async def test_a_running_sandbox_is_joined_and_left_running(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "box")
    try:
        running = await launcher.ensure_sandbox(tmp_path / "box")
        assert not running.started_by_us
        assert running.base_url == process.base_url
        assert running.token == process.token
        await running.stop()
        assert process.popen.poll() is None
    finally:
        close(process)


async def test_the_token_is_handed_over_privately(tmp_path: Path) -> None:
    running = await launcher.ensure_sandbox(tmp_path / "box")
    try:
        assert stat.S_IMODE(os.stat(tmp_path / "box").st_mode) == 0o700
        assert stat.S_IMODE(os.stat(tmp_path / "box" / "local-token").st_mode) == 0o600
        assert running.token not in repr(running)
        if sys.platform == "linux":
            assert running._process
            arguments = Path(f"/proc/{running._process.pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{running._process.pid}/environ").read_bytes()
            assert running.token.encode() not in arguments + environment
    finally:
        await running.stop()


async def test_the_sandbox_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from drio_tui.launcher import ensure_sandbox\n"
        "async def main():\n"
        "    running = await ensure_sandbox(sys.argv[1])\n"
        "    print(running._process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "box"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    await parent.stdout.readline()
    assert launcher.is_locked(tmp_path / "box")
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(20):
        while launcher.is_locked(tmp_path / "box"):
            await asyncio.sleep(0.05)


async def test_what_a_dead_sandbox_left_behind_is_not_taken_for_a_living_one(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "box")
    process.popen.kill()
    process.popen.wait()
    close(process)
    assert (tmp_path / "box" / "sandbox.json").exists()
    assert launcher.find_running(tmp_path / "box") is None
    running = await launcher.ensure_sandbox(tmp_path / "box")
    try:
        assert running.started_by_us
    finally:
        await running.stop()


async def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("a file where the folder should be")
    with pytest.raises(launcher.SandboxFailed) as failure:
        await launcher.ensure_sandbox(tmp_path / "box")
    assert str(tmp_path / "box") in failure.value.message


async def test_a_session_that_started_the_sandbox_ends_it(tmp_path: Path) -> None:
    session = await open_session(sandbox=True, data_dir=tmp_path / "box")
    assert (await session.client.me()).raw["email"]
    await session.aclose()
    assert not launcher.is_locked(tmp_path / "box")


async def test_two_that_want_the_sandbox_at_once_share_one(tmp_path: Path) -> None:
    first, second = await asyncio.gather(
        launcher.ensure_sandbox(tmp_path / "box"), launcher.ensure_sandbox(tmp_path / "box")
    )
    try:
        assert first.base_url == second.base_url
        told = json.loads((tmp_path / "box" / "sandbox.json").read_text())
        assert told["baseUrl"] == first.base_url
        assert [first.started_by_us, second.started_by_us].count(True) == 1
    finally:
        await first.stop()
        await second.stop()
