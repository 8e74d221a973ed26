"""The sandbox as a process: how it starts, says so, keeps others out, and ends."""

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
from tests.sandbox_fixtures import API, Process, close, start_sandbox

pytestmark = pytest.mark.socket


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
def start(data: Path) -> Iterator[Any]:
    """Starts sandboxes on `data` and sees to it that they end."""
    begun: list[Process] = []

    def begin(*arguments: str, **options: Any) -> Process:
        begun.append(start_sandbox(data, *arguments, **options))
        return begun[-1]

    yield begin
    for process in begun:
        close(process)


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`drio-tui sandbox …` to its end."""
    return preloaded.run("sandbox", *arguments, text=True, **options)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_says_in_one_line_where_it_is_and_has_an_example_app(start: Any, data: Path) -> None:
    process = start()
    assert set(process.ready) == {"event", "id", "baseUrl", "apiUrl", "dataDir", "pid", "version"}
    assert process.ready["event"] == "ready"
    assert process.ready["apiUrl"] == process.ready["baseUrl"] + API
    assert (process.ready["pid"], process.ready["dataDir"]) == (process.popen.pid, str(data))
    told = json.loads((data / "sandbox.json").read_text())
    assert set(told) >= {"pid", "baseUrl", "startedAt"}
    with process.client() as client:
        (app,) = client.get(f"{API}/apps").json()["apps"]
        assert (app["name"], app["templateId"]) == ("Acme Support", "support")
    assert process.end() == 128 + signal.SIGTERM
    assert process.popen.stdout
    assert process.popen.stdout.read() == ""
    assert process.token not in process.stderr.read_text()


def test_its_files_are_for_their_owner_alone_and_what_tells_of_it_goes_with_it(start: Any, data: Path) -> None:
    old = os.umask(0)
    try:
        process = start()
    finally:
        os.umask(old)
    assert mode(data) == 0o700
    names = {path.name for path in data.iterdir()}
    assert {"sandbox.json", "sandbox.lock", "local-token", "sandbox.db"} <= names
    assert {name: oct(mode(data / name)) for name in names} == dict.fromkeys(names, "0o600")
    process.end()
    assert not (data / "sandbox.json").exists()


def test_it_listens_on_the_loopback_address_only(start: Any) -> None:
    process = start()
    port = int(process.base_url.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [line[1] for line in listening if line[3] == "0A" and int(line[1].partition(":")[2], 16) == port]
    assert addresses == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_in_the_middle_of_connections(start: Any, data: Path, number: int) -> None:
    process = start()
    with process.client() as client, socket.create_connection(("127.0.0.1", client.base_url.port or 0)):
        assert client.get(f"{API}/me").status_code == 200
        assert process.end(number) == 128 + number
    assert not (data / "sandbox.json").exists()
    assert "Traceback" not in process.stderr.read_text()


def test_it_ends_with_its_parent_where_that_was_asked_for(start: Any) -> None:
    process = start("--exit-with-parent", stdin=subprocess.PIPE)
    assert process.popen.stdin
    process.popen.stdin.write("not the end yet\n")
    process.popen.stdin.flush()
    with process.client() as client:
        assert client.get(f"{API}/me").status_code == 200
    process.popen.stdin.close()
    assert process.popen.wait(20) == 0


def test_a_second_one_on_the_same_data_is_told_who_is_there(start: Any, data: Path) -> None:
    first = start()
    second = command("serve", "--data", str(data))
    assert second.returncode == 1
    assert second.stdout == ""
    assert str(first.popen.pid) in second.stderr
    assert first.base_url in second.stderr
    with first.client() as client:
        assert client.get(f"{API}/me").status_code == 200


def test_it_is_started_in_the_background_told_of_and_stopped(background: Path) -> None:
    where = ("--data", str(background))
    absent = command("status", *where)
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "No sandbox is running" in absent.stderr
    assert json.loads(command("status", *where, "--json").stdout)["running"] is False
    begun = command("start", *where, "--idle-exit", "7", "--allow-private-egress")
    assert begun.returncode == 0, begun.stderr
    base_url = begun.stdout.strip()
    assert str(background / "sandbox.log") in begun.stderr
    assert "the options given now" in command("start", *where, "--idle-exit", "8").stderr
    again = command("start", *where, "--json")
    assert json.loads(again.stdout)["baseUrl"] == base_url
    assert json.loads(again.stdout)["started"] is False
    with socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2]))):
        running = json.loads(command("status", *where, "--json").stdout)
    assert running["running"] is True
    assert running["connections"] == 1
    assert running["options"] == {
        "port": 0,
        "idleExit": 7,
        "allowPrivateEgress": True,
        "secretKeyFile": None,
        "database": None,
    }
    shown = command("status", *where)
    assert shown.returncode == 0
    assert base_url in shown.stdout
    assert "after 7 min" in shown.stdout
    assert command("stop", *where).returncode == 0
    assert command("status", *where).returncode == 1
    assert "No sandbox is running" in command("stop", *where).stderr


def test_it_ends_by_itself_once_nobody_is_connected(start: Any) -> None:
    process = start("--idle-exit", "0.001")
    assert process.popen.wait(30) == 0
    assert "nobody was connected" in process.stderr.read_text()
    assert not (process.data_dir / "sandbox.json").exists()


def test_idle_time_begins_when_the_last_connection_and_the_last_request_are_over() -> None:
    from drio_tui.sandbox.serve import IdleTime

    idle = IdleTime(100.0)
    assert idle.seconds(0, 0, 130.0) == 30.0
    assert idle.seconds(1, 0, 140.0) == 0.0
    assert idle.seconds(0, 0, 150.0) == 10.0
    assert idle.seconds(0, 1, 160.0) == 0.0  # asked and gone in between
    assert idle.seconds(0, 1, 165.0) == 5.0


def test_it_ends_when_its_folder_is_removed(start: Any, data: Path) -> None:
    process = start()
    shutil.rmtree(data)
    assert process.popen.wait(30) == 0
    assert "was removed" in process.stderr.read_text()


def test_a_command_with_the_sandbox_starts_it_and_leaves_it_running(background: Path) -> None:
    def drio(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drio_tui", "--sandbox", "--data", str(background), *arguments],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    first = drio("apps", "--json")
    assert json.loads(first.stdout)["apps"][0]["name"] == "Acme Support"
    assert "drio-tui sandbox stop" in first.stderr
    ready = (background / "sandbox.json").read_text()
    assert "Found a running sandbox" in drio("me").stderr
    assert (background / "sandbox.json").read_text() == ready


def test_a_port_that_is_taken_is_named(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = command("serve", "--data", str(data), "--port", str(port), "--json")
    assert ended.returncode == 1
    assert f"port {port} is in use" in json.loads(ended.stderr)["error"]["message"]


def test_after_a_kill_it_starts_again_with_the_same_token_port_and_data(start: Any, data: Path) -> None:
    first = start()
    with first.client() as client:
        app = client.post(f"{API}/apps", json={"templateId": "blank", "name": "Kept"}).json()["app"]
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert (data / "sandbox.json").exists()
    second = start()
    assert (second.token, second.base_url) == (first.token, first.base_url)
    with second.client() as client:
        assert client.get(f"{API}/apps/{app['id']}").json()["app"] == app


def test_where_its_port_is_taken_it_moves_and_its_helpdesk_is_found_there(start: Any) -> None:
    first = start()
    first.end()
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


def test_it_keeps_idle_connections_longer_than_its_clients_do() -> None:
    from drio_tui.api import transport
    from drio_tui.sandbox import serve

    # Else a change could be sent over a connection that is closed at that moment, and its outcome be unknown.
    assert transport.KEEP_ALIVE_SECONDS < 5 < serve.KEEP_ALIVE_SECONDS
    client = httpx.AsyncClient(limits=httpx.Limits())
    assert 2 * (client._transport._pool._keepalive_expiry or 0) < serve.KEEP_ALIVE_SECONDS  # type: ignore[attr-defined]


async def test_its_connections_do_not_wait_for_acknowledgements() -> None:
    from drio_tui.sandbox.serve import _bound

    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with _bound(0) as listener:
        async with await asyncio.start_server(greet, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await seen
            writer.close()
            await writer.wait_closed()


def test_someone_who_only_looks_at_the_lock_does_not_keep_it_from_starting(data: Path) -> None:
    from drio_tui.sandbox.datadir import AlreadyRunning, DataDir

    folder = DataDir(data)
    with folder.held():
        pass
    with (data / "sandbox.lock").open("rb+") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (looker, fcntl.LOCK_UN)).start()
        with folder.held(), pytest.raises(AlreadyRunning), folder.held():
            pass


def test_another_host_name_is_turned_away_over_the_socket(start: Any) -> None:
    process = start()
    answer = httpx.get(process.base_url + f"{API}/templates", headers={"Host": "evil.example"}, trust_env=False)
    assert answer.status_code == 421


def test_token_works_while_it_runs_and_while_it_does_not(start: Any, data: Path) -> None:
    before = command("token", "--data", str(data))
    assert before.returncode == 0, before.stderr
    process = start()
    assert before.stdout.strip() == process.token
    assert json.loads(command("token", "--data", str(data), "--json").stdout) == {"token": process.token}
    assert mode(data / "local-token") == 0o600
    with process.client() as client:
        assert client.get(f"{API}/me").status_code == 200


def test_a_token_file_that_others_could_read_is_replaced(start: Any, data: Path) -> None:
    first = start()
    first.end()
    (data / "local-token").chmod(0o644)
    second = start()
    assert second.token != first.token
    assert mode(data / "local-token") == 0o600


def test_reset_wants_a_yes_keeps_a_backup_and_starts_afresh(start: Any, data: Path) -> None:
    first = start()
    assert command("reset", "--data", str(data), "--yes").returncode == 1
    first.end()
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


def test_path_says_where_the_data_are(data: Path) -> None:
    assert command("path", "--data", str(data)).stdout == f"{data}\n"
    told = json.loads(command("path", "--json").stdout)["dataDir"]
    assert told == os.path.join(os.environ["DRIO_DATA_DIR"], "sandbox")
    assert not data.exists()


def test_a_damaged_database_is_refused_with_advice_and_left_alone(start: Any, data: Path) -> None:
    start().end()
    damaged = b"not a database at all" * 200
    (data / "sandbox.db").write_bytes(damaged)
    ended = command("serve", "--data", str(data))
    assert ended.returncode == 1
    assert "sandbox.db" in ended.stderr
    assert "sandbox reset" in ended.stderr
    assert (data / "sandbox.db").read_bytes() == damaged


def test_a_data_folder_that_is_a_file_is_named(data: Path) -> None:
    data.write_text("")
    ended = command("serve", "--data", str(data))
    assert ended.returncode in (1, 2)
    assert str(data) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_the_extra_it_says_how_to_get_it(data: Path) -> None:
    code = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'fastapi' else real(name, *a)\n"
        f"sys.argv = ['drio-tui', 'sandbox', 'serve', '--data', {str(data)!r}]\n"
        "from drio_tui.cli import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "pip install 'drio-tui[sandbox]'" in ended.stderr


def test_starting_it_imports_neither_textual_nor_mcp(data: Path) -> None:
    code = "import sys, drio_tui.sandbox.serve; print([n for n in ('textual', 'mcp', 'keyring') if n in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == "[]"
