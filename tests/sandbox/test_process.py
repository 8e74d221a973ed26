"""The sandbox as a process: start, ready line, lock of the data folder, and exit."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import preloaded
from tests.sandbox_fixtures import API, SandboxProcess, kill_process, start_sandbox

pytestmark = pytest.mark.socket


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
def start(data: Path) -> Iterator[Any]:
    """A function that starts a sandbox on `data`; the processes are killed after the test."""
    processes: list[SandboxProcess] = []

    def start_process(*arguments: str, **options: Any) -> SandboxProcess:
        processes.append(start_sandbox(data, *arguments, **options))
        return processes[-1]

    yield start_process
    for process in processes:
        kill_process(process)


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `drio-tui sandbox …` and wait for its end."""
    return preloaded.run("sandbox", *arguments, text=True, **options)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_ready_line_and_example_app(start: Any, data: Path) -> None:
    process = start()
    assert set(process.ready) == {"event", "id", "baseUrl", "apiUrl", "dataDir", "pid", "version"}
    assert process.ready["event"] == "ready"
    assert process.ready["apiUrl"] == process.ready["baseUrl"] + API
    assert (process.ready["pid"], process.ready["dataDir"]) == (process.popen.pid, str(data))
    info = json.loads((data / "sandbox.json").read_text())
    assert set(info) >= {"pid", "baseUrl", "startedAt"}
    with process.client() as client:
        (app,) = client.get(f"{API}/apps").json()["apps"]
        assert (app["name"], app["templateId"]) == ("Acme Support", "support")
    assert process.stop() == 128 + signal.SIGTERM
    assert process.popen.stdout
    assert process.popen.stdout.read() == ""
    assert process.token not in process.stderr.read_text()


def test_files_are_private_and_process_info_is_removed_at_exit(start: Any, data: Path) -> None:
    old_umask = os.umask(0)
    try:
        process = start()
    finally:
        os.umask(old_umask)
    assert mode(data) == 0o700
    names = {path.name for path in data.iterdir()}
    assert {"sandbox.json", "sandbox.lock", "local-token", "sandbox.db"} <= names
    assert {name: oct(mode(data / name)) for name in names} == dict.fromkeys(names, "0o600")
    process.stop()
    assert not (data / "sandbox.json").exists()


def test_it_listens_on_loopback_only(start: Any) -> None:
    process = start()
    port = int(process.base_url.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [line[1] for line in listening if line[3] == "0A" and int(line[1].partition(":")[2], 16) == port]
    assert addresses == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_cleanly_with_open_connections(start: Any, data: Path, number: int) -> None:
    process = start()
    with process.client() as client, socket.create_connection(("127.0.0.1", client.base_url.port or 0)):
        assert client.get(f"{API}/me").status_code == 200
        assert process.stop(number) == 128 + number
    assert not (data / "sandbox.json").exists()
    assert "Traceback" not in process.stderr.read_text()


def test_exit_with_parent_ends_it_when_stdin_closes(start: Any) -> None:
    process = start("--exit-with-parent", stdin=subprocess.PIPE)
    assert process.popen.stdin
    process.popen.stdin.write("not the end yet\n")
    process.popen.stdin.flush()
    with process.client() as client:
        assert client.get(f"{API}/me").status_code == 200
    process.popen.stdin.close()
    assert process.popen.wait(20) == 0


def test_second_process_on_the_same_data_is_refused_with_the_holder(start: Any, data: Path) -> None:
    first = start()
    second = command("serve", "--data", str(data))
    assert second.returncode == 1
    assert second.stdout == ""
    assert str(first.popen.pid) in second.stderr
    assert first.base_url in second.stderr
    with first.client() as client:
        assert client.get(f"{API}/me").status_code == 200


def test_start_status_and_stop_of_a_background_sandbox(background: Path) -> None:
    data_option = ("--data", str(background))
    stopped = command("status", *data_option)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "No sandbox is running" in stopped.stderr
    assert json.loads(command("status", *data_option, "--json").stdout)["running"] is False
    started = command("start", *data_option, "--idle-exit", "7", "--allow-private-egress")
    assert started.returncode == 0, started.stderr
    base_url = started.stdout.strip()
    assert str(background / "sandbox.log") in started.stderr
    assert "the options given now" in command("start", *data_option, "--idle-exit", "8").stderr
    second_start = command("start", *data_option, "--json")
    assert json.loads(second_start.stdout)["baseUrl"] == base_url
    assert json.loads(second_start.stdout)["started"] is False
    with socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2]))):
        running = json.loads(command("status", *data_option, "--json").stdout)
    assert running["running"] is True
    assert running["connections"] == 1
    assert running["options"] == {
        "port": 0,
        "idleExit": 7,
        "allowPrivateEgress": True,
        "secretKeyFile": None,
        "database": None,
    }
    status = command("status", *data_option)
    assert status.returncode == 0
    assert base_url in status.stdout
    assert "after 7 min" in status.stdout
    assert command("stop", *data_option).returncode == 0
    assert command("status", *data_option).returncode == 1
    assert "No sandbox is running" in command("stop", *data_option).stderr


def test_it_exits_when_idle(start: Any) -> None:
    process = start("--idle-exit", "0.001")
    assert process.popen.wait(30) == 0
    assert "nobody was connected" in process.stderr.read_text()
    assert not (process.data_dir / "sandbox.json").exists()


def test_idle_time_starts_after_the_last_connection_and_request() -> None:
    from drio_tui.sandbox.serve import IdleTime

    idle = IdleTime(100.0)
    assert idle.seconds(0, 0, 130.0) == 30.0
    assert idle.seconds(1, 0, 140.0) == 0.0
    assert idle.seconds(0, 0, 150.0) == 10.0
    assert idle.seconds(0, 1, 160.0) == 0.0  # a connection was opened and closed in between
    assert idle.seconds(0, 1, 165.0) == 5.0


def test_it_exits_when_its_folder_is_removed(start: Any, data: Path) -> None:
    process = start()
    shutil.rmtree(data)
    assert process.popen.wait(30) == 0
    assert "was removed" in process.stderr.read_text()


def test_command_with_sandbox_option_starts_it_and_keeps_it_running(background: Path) -> None:
    def drio(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drio_tui", "--sandbox", "--data", str(background), *arguments],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    first = drio("apps", "--json")
    assert json.loads(first.stdout)["apps"][0]["name"] == "Acme Support"
    assert "drio-tui sandbox stop" in first.stderr
    ready = (background / "sandbox.json").read_text()
    assert "sandbox" not in drio("me").stderr
    assert (background / "sandbox.json").read_text() == ready


def test_error_names_the_port_that_is_in_use(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        completed = command("serve", "--data", str(data), "--port", str(port), "--json")
    assert completed.returncode == 1
    assert f"port {port} is in use" in json.loads(completed.stderr)["error"]["message"]


def test_restart_after_a_kill_keeps_token_port_and_data(start: Any, data: Path) -> None:
    first = start()
    with first.client() as client:
        app = client.post(f"{API}/apps", json={"templateId": "blank", "name": "Kept"}).json()["app"]
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (data / "sandbox.json").exists()
    second = start()
    assert (second.token, second.base_url) == (first.token, first.base_url)
    with second.client() as client:
        assert client.get(f"{API}/apps/{app['id']}").json()["app"] == app


def test_restart_on_another_port_updates_the_helpdesk_urls(start: Any) -> None:
    first = start()
    first.stop()
    port = int(first.base_url.rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        second = start()
    assert second.base_url != first.base_url
    with second.client() as client:
        app = client.get(f"{API}/apps").json()["apps"][0]["id"]
        (integration,) = client.get(f"{API}/apps/{app}/integrations").json()["integrations"]
    assert integration["baseUrl"].startswith(second.base_url + "/")


def test_server_keeps_idle_connections_longer_than_clients() -> None:
    from drio_tui.api import transport
    from drio_tui.sandbox import serve

    # Else a change could be sent over a connection while the server closes it, and its outcome would be unknown.
    assert transport.KEEP_ALIVE_SECONDS < 5 < serve.KEEP_ALIVE_SECONDS
    client = httpx.AsyncClient(limits=httpx.Limits())
    assert 2 * (client._transport._pool._keepalive_expiry or 0) < serve.KEEP_ALIVE_SECONDS  # type: ignore[attr-defined]


async def test_connections_have_tcp_nodelay() -> None:
    from drio_tui.sandbox.serve import _listen

    no_delay: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_connection(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        no_delay.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with _listen(0) as listener:
        async with await asyncio.start_server(on_connection, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await no_delay
            writer.close()
            await writer.wait_closed()


def test_probe_of_the_lock_does_not_prevent_a_start(data: Path) -> None:
    from drio_tui.sandbox.datadir import AlreadyRunning, DataDir

    folder = DataDir(data)
    with folder.locked():
        pass
    with (data / "sandbox.lock").open("rb+") as probe:
        fcntl.flock(probe, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (probe, fcntl.LOCK_UN)).start()
        with folder.locked(), pytest.raises(AlreadyRunning), folder.locked():
            pass


def test_foreign_host_header_is_rejected_over_the_socket(start: Any) -> None:
    process = start()
    response = httpx.get(process.base_url + f"{API}/templates", headers={"Host": "evil.example"}, trust_env=False)
    assert response.status_code == 421


def test_token_command_works_with_and_without_a_running_sandbox(start: Any, data: Path) -> None:
    before = command("token", "--data", str(data))
    assert before.returncode == 0, before.stderr
    process = start()
    assert before.stdout.strip() == process.token
    assert json.loads(command("token", "--data", str(data), "--json").stdout) == {"token": process.token}
    assert mode(data / "local-token") == 0o600
    with process.client() as client:
        assert client.get(f"{API}/me").status_code == 200


def test_token_file_readable_by_others_is_replaced(start: Any, data: Path) -> None:
    first = start()
    first.stop()
    (data / "local-token").chmod(0o644)
    second = start()
    assert second.token != first.token
    assert mode(data / "local-token") == 0o600


def test_reset_needs_confirmation_and_keeps_a_backup(start: Any, data: Path) -> None:
    first = start()
    assert command("reset", "--data", str(data), "--yes").returncode == 1
    first.stop()
    refused = command("reset", "--data", str(data))
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert (data / "sandbox.db").exists()
    done = command("reset", "--data", str(data), "--yes", "--json")
    assert done.returncode == 0
    backup = Path(json.loads(done.stdout)["backup"])
    assert backup.exists()
    assert not (data / "sandbox.db").exists()
    second = start()
    assert second.token != first.token
    with second.client() as client:
        client.headers["Authorization"] = f"Bearer {first.token}"
        assert client.get(f"{API}/me").status_code == 401


def test_path_prints_the_data_folder(data: Path) -> None:
    assert command("path", "--data", str(data)).stdout == f"{data}\n"
    folder = json.loads(command("path", "--json").stdout)["dataDir"]
    assert folder == os.path.join(os.environ["DRIO_DATA_DIR"], "sandbox")
    assert not data.exists()


def test_damaged_database_is_refused_with_advice_and_not_changed(start: Any, data: Path) -> None:
    start().stop()
    damaged = b"not a database at all" * 200
    (data / "sandbox.db").write_bytes(damaged)
    completed = command("serve", "--data", str(data))
    assert completed.returncode == 1
    assert "sandbox.db" in completed.stderr
    assert "sandbox reset" in completed.stderr
    assert (data / "sandbox.db").read_bytes() == damaged


def test_error_names_a_data_folder_that_is_a_file(data: Path) -> None:
    data.write_text("")
    completed = command("serve", "--data", str(data))
    assert completed.returncode in (1, 2)
    assert str(data) in completed.stderr
    assert "Traceback" not in completed.stderr


def test_missing_extra_is_reported_with_install_command(data: Path) -> None:
    code = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'fastapi' else real(name, *a)\n"
        f"sys.argv = ['drio-tui', 'sandbox', 'serve', '--data', {str(data)!r}]\n"
        "from drio_tui.cli import main; main()"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert completed.returncode == 1
    assert "pip install 'drio-tui[sandbox]'" in completed.stderr


def test_starting_with_new_data_imports_only_what_it_needs(data: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from drio_tui.sandbox.app import create_app
from drio_tui.sandbox.datadir import DataDir
from drio_tui.sandbox.serve import ensure_local_token
from drio_tui.sandbox.settings import Settings

print([name for name in ("textual", "mcp", "keyring") if name in sys.modules])

async def start():
    folder = DataDir(Path({str(data)!r}))
    app = create_app(Settings(folder.path, "http://127.0.0.1:1"))
    async with app.router.lifespan_context(app):
        token = await ensure_local_token(app.state.sandbox, folder)
        headers = [(b"host", b"127.0.0.1:1"), (b"authorization", b"Bearer " + token.encode())]
        scope = {{"type": "http", "method": "GET", "path": "/api/v1/apps", "query_string": b"", "headers": headers}}
        messages = []

        async def send(message):
            messages.append(message)

        await app(scope, None, send)
        print(messages[0]["status"])
        unneeded = ("textual", "mcp", "jsonschema", "pydantic", "fastapi", "email_validator")
        print([name for name in unneeded if name in sys.modules])

asyncio.run(start())
"""
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert completed.stdout.split() == ["[]", "200", "[]"], completed.stderr
