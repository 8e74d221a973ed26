"""A command `drio-tui` for shell scripts, whose runs are forked processes of `tests.preloaded`.

A new process for each run takes most of the time of a script for imports. The command is a small program that passes
its arguments, environment, working directory and streams to this process, and waits for the exit code.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests import preloaded

_COMMAND = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()])
    server.sendall(request.encode("utf-8", "surrogateescape"))
    server.shutdown(socket.SHUT_WR)
    code = server.recv(8)
os._exit(int(code or 70))
"""


@contextlib.contextmanager
def command_folder() -> Iterator[Path]:
    """Yield a folder with the command, which works until the end of the context."""
    with tempfile.TemporaryDirectory(prefix="drio-command-") as name, socket.socket(socket.AF_UNIX) as server:
        path, address = Path(name, "drio-tui"), str(Path(name, "socket"))  # a socket's address has at most 107 bytes
        server.bind(address)
        server.listen()
        path.write_text(_COMMAND.format(python=sys.executable, address=address), encoding="utf-8")
        path.chmod(0o755)
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        yield path.parent
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(server: socket.socket) -> None:
    """Accept runs until the socket is shut down."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_run, args=(connection,), daemon=True).start()


def _run(connection: socket.socket) -> None:
    with connection:
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        try:
            with connection.makefile("rb") as file:
                arguments, environment, folder = json.loads(file.read().decode("utf-8", "surrogateescape"))
            stdin, stdout, stderr = streams
            process = preloaded.popen(
                *arguments, env=environment, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr
            )
        finally:
            for stream in streams:
                os.close(stream)
        code = process.wait()
        connection.sendall(str(code if code >= 0 else 128 - code).encode())
