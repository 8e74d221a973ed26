"""Finding, starting and stopping the sandbox in the background."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from drio_tui import launcher
from drio_tui.api.transport import Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.sandbox.datadir import DataDir
from drio_tui.session import open_session
from tests.sandbox_fixtures import kill_process, start_sandbox

pytestmark = pytest.mark.socket


async def wait_until_ended(running: launcher.RunningSandbox) -> None:
    """Wait until a sandbox has released the lock of its folder."""
    await launcher.wait_until_ended(running)
    async with asyncio.timeout(30):
        while launcher.is_locked(running.data_dir):
            await asyncio.sleep(0.01)


async def test_a_sandbox_is_started_used_and_stopped(background: Path) -> None:
    lines: list[str] = []
    running = await launcher.ensure_sandbox(background, on_line=lines.append)
    assert running.started_by_us
    assert launcher.is_locked(background)
    stop = f"drio-tui sandbox stop --data {background}"
    assert lines == ["Starting the sandbox", f"The sandbox is ready; `{stop}` ends it"]
    base = running.base_url + "/api/v1"
    transport = Transport(base, auth=BearerAuth(StaticToken(running.token, "test"), base))
    assert (await transport.request("GET", "/me")).data["user"]
    await transport.aclose()
    stopped = await asyncio.to_thread(launcher.stop_sandbox, background)
    assert stopped is not None
    assert stopped.pid == running.pid
    assert not launcher.is_locked(background)
    assert not (background / "sandbox.json").exists()
    assert launcher.stop_sandbox(background) is None


async def test_modules_in_the_working_directory_are_not_run(
    tmp_path: Path, background: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("import pathlib; pathlib.Path('was-run').touch()")
    monkeypatch.chdir(tmp_path)
    await launcher.ensure_sandbox(background)
    assert not (tmp_path / "was-run").exists()


async def test_a_running_sandbox_is_used_and_not_stopped(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "box")
    try:
        running = await launcher.ensure_sandbox(tmp_path / "box")
        assert not running.started_by_us
        assert running.base_url == process.base_url
        assert running.token == process.token
        assert process.popen.poll() is None
    finally:
        kill_process(process)


async def test_the_token_is_passed_in_a_private_file_only(background: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIO_TOKEN", "the-token-of-another-drio")
    monkeypatch.setenv("DRIO_TOKEN_STAGING", "the-token-of-staging")
    running = await launcher.ensure_sandbox(background)
    assert stat.S_IMODE(os.stat(background).st_mode) == 0o700
    for name in ("local-token", "sandbox.json", "sandbox.log"):
        assert stat.S_IMODE(os.stat(background / name).st_mode) == 0o600, name
    assert running.token not in repr(running)
    if sys.platform == "linux":
        arguments = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{running.pid}/environ").read_bytes()
        for secret in (running.token, "the-token-of-another-drio", "the-token-of-staging"):
            assert secret.encode() not in arguments + environment
    assert running.token not in (background / "sandbox.log").read_text()


async def test_the_sandbox_outlives_the_program_that_started_it(background: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from drio_tui.launcher import ensure_sandbox\n"
        "async def main():\n"
        "    print((await ensure_sandbox(sys.argv[1])).pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(background)], stdout=subprocess.PIPE)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    session = await open_session(sandbox=True, data_dir=background)
    assert session.sandbox is not None
    assert session.sandbox.running.pid == pid
    assert (await session.client.me()).raw["email"]
    await session.aclose()
    assert launcher.is_locked(background)


async def test_the_ready_file_of_a_killed_sandbox_is_ignored(background: Path) -> None:
    first = await launcher.ensure_sandbox(background)
    os.kill(first.pid, signal.SIGKILL)
    await wait_until_ended(first)
    assert (background / "sandbox.json").exists()
    assert launcher.find_running(background) is None
    assert launcher.stop_sandbox(background) is None
    with DataDir(background).locked():  # by a process that does not serve, such as `sandbox reset`
        assert launcher.find_running(background) is None
    second = await launcher.ensure_sandbox(background)
    assert second.started_by_us
    assert second.pid != first.pid


@pytest.mark.skipif(sys.platform == "win32", reason="the lock is another one there")
async def test_a_killed_sandbox_that_still_holds_its_lock_is_waited_for(
    background: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel closes the files of a killed process one by one."""
    import fcntl

    first = await launcher.ensure_sandbox(background)
    os.kill(first.pid, signal.SIGKILL)
    await wait_until_ended(first)
    looked_twice = asyncio.Event()
    looks: list[Any] = []
    find_running = launcher.find_running

    def look(folder: Path) -> Any:
        looks.append(find_running(folder))
        if len(looks) == 2:
            loop.call_soon_threadsafe(looked_twice.set)
        return looks[-1]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(launcher, "find_running", look)
    with (background / "sandbox.lock").open("r+b") as lock:
        while launcher.is_locked(background):
            await asyncio.sleep(0)
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting = asyncio.create_task(launcher.ensure_sandbox(background))
        await asyncio.wait({starting, asyncio.ensure_future(looked_twice.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert looks[0].pid == first.pid, "its ready file is still there"
        assert not starting.done()
    assert (await starting).pid != first.pid


async def test_a_sandbox_that_is_ending_is_not_used(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "sandbox")
    try:
        running = await launcher.ensure_sandbox(tmp_path / "sandbox")
        address = urlsplit(running.base_url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"POST /api/v1/apps HTTP/1.1\r\nHost: %b\r\nContent-Length: 9\r\n" % address.netloc.encode())
        writer.write(b"Authorization: Bearer %b\r\n" % running.token.encode())
        writer.write(b"Expect: 100-continue\r\nContent-Type: application/json\r\n\r\n")
        assert b"100" in await reader.readline()  # the sandbox does not end before this request is complete
        os.kill(running.pid, signal.SIGTERM)
        await launcher.wait_until_ended(running)
        assert launcher.is_locked(running.data_dir)
        assert launcher.find_running(running.data_dir) is None
        writer.close()
    finally:
        kill_process(process)


async def test_a_start_failure_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("a file where the folder should be")
    with pytest.raises(launcher.SandboxFailed) as failure:
        await launcher.ensure_sandbox(tmp_path / "box")
    assert str(tmp_path / "box") in failure.value.message


async def test_a_start_failure_quotes_only_new_lines_of_the_log(background: Path) -> None:
    background.mkdir()
    (background / "sandbox.log").write_text("a line of last week\n")
    (background / "sandbox.db").write_bytes(b"not a database at all" * 200)
    with pytest.raises(launcher.SandboxFailed) as failure:
        await launcher.ensure_sandbox(background)
    assert "sandbox.db" in failure.value.message
    assert "last week" not in failure.value.message
    assert f"`drio-tui sandbox reset --data {background}` empties it" in failure.value.hint


async def test_a_long_log_is_rotated_at_the_next_start(background: Path) -> None:
    background.mkdir()
    (background / "sandbox.log").write_text("x" * (2 << 20))
    await launcher.ensure_sandbox(background)
    assert (background / "sandbox.log").stat().st_size < 1 << 20
    assert (background / "sandbox.log.1").stat().st_size == 2 << 20


async def test_concurrent_starts_share_one_sandbox(background: Path) -> None:
    first, second = await asyncio.gather(launcher.ensure_sandbox(background), launcher.ensure_sandbox(background))
    assert first.base_url == second.base_url
    assert first.pid == second.pid
    assert json.loads((background / "sandbox.json").read_text())["pid"] == first.pid
    assert [first.started_by_us, second.started_by_us].count(True) == 1


async def test_a_sandbox_that_was_started_early_is_the_one_that_is_used(background: Path) -> None:
    launcher.start_early(background)
    lines: list[str] = []
    running = await launcher.ensure_sandbox(background, on_line=lines.append)
    assert running.started_by_us
    assert lines[0] == "Starting the sandbox"
    launcher.start_early(background)  # it runs already: nothing is started
    assert (await launcher.ensure_sandbox(background)).pid == running.pid
    assert (background / "sandbox.log").read_text().count("already running") == 0


async def test_a_failure_of_an_early_start_is_reported_by_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("a file where the folder should be")
    launcher.start_early(tmp_path / "box")
    with pytest.raises(launcher.SandboxFailed) as failure:
        await launcher.ensure_sandbox(tmp_path / "box")
    assert str(tmp_path / "box") in failure.value.message


async def test_a_sandbox_of_another_version_is_used_with_advice(background: Path) -> None:
    await launcher.ensure_sandbox(background)
    ready = background / "sandbox.json"
    ready.write_text(json.dumps(json.loads(ready.read_text()) | {"version": "0.0.1"}))
    notices: list[str] = []
    session = await open_session(sandbox=True, data_dir=background, notice=notices.append)
    await session.aclose()
    assert "0.0.1" in notices[-1]
    assert "drio-tui sandbox stop" in notices[-1]


async def test_a_killed_sandbox_is_restarted_with_its_options_and_requests_succeed(background: Path) -> None:
    session = await open_session(sandbox=True, data_dir=background)
    link = session.sandbox
    assert link is not None
    await asyncio.to_thread(launcher.stop_sandbox, background)
    link.running = await launcher.ensure_sandbox(
        background, options=launcher.StartOptions(allow_private_egress=True, idle_exit=2)
    )
    os.kill(link.running.pid, signal.SIGKILL)
    await wait_until_ended(link.running)
    (background / "last-port").unlink()  # so that it is restarted on another port
    responses = await asyncio.gather(
        session.client.transport.request("POST", "/apps", json={"templateId": "blank", "name": "Made once"}),
        *(session.client.transport.request("GET", "/apps") for _ in range(5)),
    )
    assert responses[0].status == 201
    ready = json.loads((background / "sandbox.json").read_text())
    assert ready["options"] == {
        "port": 0,
        "idleExit": 2,
        "allowPrivateEgress": True,
        "secretKeyFile": None,
        "database": None,
    }
    assert session.base_url == ready["apiUrl"]
    names = [app["name"] for app in (await session.client.transport.request("GET", "/apps")).data["apps"]]
    assert names.count("Made once") == 1
    await session.aclose()


async def test_the_new_token_is_used_after_a_reset(background: Path) -> None:
    session = await open_session(sandbox=True, data_dir=background)
    await asyncio.to_thread(launcher.stop_sandbox, background)
    reset = [sys.executable, "-m", "drio_tui", "sandbox", "reset", "--yes", "--data", str(background)]
    subprocess.run(reset, check=True, capture_output=True)
    running = await launcher.ensure_sandbox(background)  # it refuses the session's token
    assert session.auth is not None
    session.client.transport.move_to(running.base_url + "/api/v1")
    session.auth.move_to(running.base_url)
    assert (await session.client.me()).raw["email"]
    await session.aclose()


async def test_a_sandbox_with_an_unknown_database_url_is_not_restarted(background: Path) -> None:
    running = await launcher.ensure_sandbox(background)
    running.ready = {**running.ready, "options": {"database": "postgresql+asyncpg://drio:***@db/drio"}}
    with pytest.raises(launcher.SandboxFailed) as failure:
        running.restart_options()
    assert "postgresql+asyncpg://drio:***@db/drio" in failure.value.message
    assert "DRIO_SANDBOX_DATABASE_URL" in failure.value.hint


@pytest.mark.parametrize(("reported", "restarted"), [(7, 7.0), (0, 0.0), (None, None)])
def test_a_restart_keeps_the_idle_exit(reported: float | None, restarted: float | None) -> None:
    ready = {"options": {"idleExit": reported, "database": None}}
    running = launcher.RunningSandbox("http://127.0.0.1:1", Path("data"), "token", ready=ready)
    assert running.restart_options().idle_exit == restarted
    assert running.runs_with(running.restart_options())


def test_a_sandbox_that_cannot_be_stopped_is_not_marked_as_stopped(
    background: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = asyncio.run(launcher.ensure_sandbox(background))

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", refuse)
        with pytest.raises(launcher.SandboxFailed, match="Operation not permitted"):
            launcher.stop_sandbox(background)
    assert not launcher.was_stopped(background)
    assert launcher.find_running(background) is not None
    launcher.stop_sandbox(background)
    assert launcher.was_stopped(background)
    assert running.pid


def test_the_database_url_is_passed_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIO_SANDBOX_DATABASE_URL", "sqlite+aiosqlite:///other")
    options = launcher.StartOptions(database_url="postgresql+asyncpg://drio:hush@db/drio")
    assert "hush" not in " ".join(options.arguments()) + repr(options)
    assert options.environment()["DRIO_SANDBOX_DATABASE_URL"] == options.database_url
    assert "DRIO_SANDBOX_DATABASE_URL" not in launcher.StartOptions().environment()


def test_the_idle_exit_is_read_from_the_environment_then_from_the_settings(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launcher.configured_idle_exit() == 3
    for invalid in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("DRIO_SANDBOX_IDLE_EXIT", invalid)
        assert launcher.configured_idle_exit() == 60
    (isolated / "config").mkdir()
    (isolated / "config" / "config.toml").write_text("sandbox_idle_exit = 15\n")
    assert launcher.configured_idle_exit() == 15
