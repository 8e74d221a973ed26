"""A temporary PostgreSQL server for the tests, if PostgreSQL is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PREFIXES = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt"]


def _program(name: str) -> str | None:
    on_path = shutil.which(name)
    if on_path:
        return on_path
    for prefix in _PREFIXES:
        for path in sorted(Path(prefix).glob(f"*/bin/{name}"), reverse=True):
            return str(path)
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty database: `DRIO_TEST_POSTGRES`, or a server started for this run."""
    url = os.environ.get("DRIO_TEST_POSTGRES")
    if url:
        yield url
        return
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("no PostgreSQL here: neither DRIO_TEST_POSTGRES nor initdb and pg_ctl")
    user: dict[str, object] = {}
    folder = tempfile.mkdtemp(prefix="drio-pg-")
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data, port = f"{folder}/data", _free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "cwd": "/"}
    try:
        initialize = [initdb, "-D", data, "-U", "drio", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initialize, check=True, timeout=60, **quiet, **user)  # type: ignore[call-overload]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        start = [pg_ctl, "-D", data, "-w", "-t", "30", "-o", options, "-l", f"{folder}/log", "start"]
        subprocess.run(start, check=True, timeout=60, **quiet, **user)  # type: ignore[call-overload]
        try:
            yield f"postgresql+asyncpg://drio@127.0.0.1:{port}/postgres"
        finally:
            stop = [pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run(stop, check=False, timeout=30, **quiet, **user)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
