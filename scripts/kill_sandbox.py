"""Kills a sandbox (kill -9) repeatedly while it is written to: acknowledged writes must not be lost.

    python scripts/kill_sandbox.py [--kills 200] [--seed N] [--writers 4]

Each round starts the sandbox on the same data, lets several writers create, change and delete tools, and kills it at a
random moment. The writers record the expected state: every acknowledged write, and both outcomes of the request that
was being sent. Then the database must pass SQLite's integrity check, the sandbox must open it, and every tool must be
complete and as expected, with no other tools. Exits with 1 at the first loss.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

API = "/api/v1"
Outcomes = list[dict[str, Any] | None]
"""The states that a tool may have; None: it does not exist."""


class Lost(Exception):
    """An acknowledged write is missing, or there is a state that was never written."""


class Server:
    """A sandbox process."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "drio_tui", "sandbox", "serve", "--data", str(data)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        if not line:
            raise Lost(f"it does not start: {self.process.stderr.read()}")
        self.address = urlsplit(json.loads(line)["baseUrl"]).netloc
        self.token = (data / "local-token").read_text().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self.headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        self.http = http.client.HTTPConnection(server.address, timeout=20)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.http.request(method, API + path, None if body is None else json.dumps(body), self.headers)
        answer = self.http.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None


class Writer(threading.Thread):
    """Writes to a separate app until the connection breaks.

    `expected` are the tools by name, each with the states it may have: one, or two while a request is being sent.
    """

    def __init__(self, server: Server, app: str, expected: dict[str, Outcomes], seed: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(server)
        self.app = app
        self.expected = expected
        self.random = random.Random(seed)
        self.acknowledged = 0
        self.failure: str | None = None

    def run(self) -> None:
        try:
            while self._write():
                self.acknowledged += 1
        except (OSError, http.client.HTTPException):
            pass  # the kill
        finally:
            self.client.http.close()

    def _write(self) -> bool:
        """Make one write; return False if the server's response is an error."""
        tools = {name: states[0] for name, states in self.expected.items() if states[0] is not None}
        mark = f"{self.random.getrandbits(64):016x}"
        kind = self.random.choice(["create", "create", "change", "delete"]) if tools else "create"
        name = mark if kind == "create" else self.random.choice(sorted(tools))
        before = tools.get(name)
        padding = "x" * self.random.choice([0, 10, 4000])
        path = f"/apps/{self.app}/tools"
        after: dict[str, Any] | None = None
        if kind == "create":
            after = {"name": name, "description": mark + padding}
            method, body = "POST", after
        else:
            assert before is not None
            path += f"/{before['id']}"
            method, body = ("DELETE", None) if kind == "delete" else ("PATCH", {"description": mark + padding})
            if body is not None:
                after = before | body
        self.expected[name] = [before, after]
        status, answer = self.client(method, path, body)
        if status not in (200, 201, 204):
            self.failure = f"{method} {path}: {status} {answer}"
            return False
        self.expected[name] = [after if after is None else {key: answer["tool"][key] for key in ("id", *after)}]
        return True


def check(server: Server, app: str, expected: dict[str, Outcomes]) -> None:
    """Compare the tools with the expected states, and replace two possible states by the actual one. Raises `Lost`."""
    client = Client(server)
    status, answer = client("GET", f"/apps/{app}/tools")
    client.http.close()
    if status != 200:
        raise Lost(f"the tools of {app} cannot be listed: {status}")
    tools = {tool["name"]: tool for tool in answer["tools"]}
    if unknown := set(tools) - set(expected):
        raise Lost(f"no writer created {sorted(unknown)}")
    for name, states in list(expected.items()):
        tool = tools.get(name)
        for state in states:
            if state is None and tool is None:
                del expected[name]
                break
            if state is not None and tool is not None and all(tool[key] == value for key, value in state.items()):
                expected[name] = [{key: tool[key] for key in ("id", "name", "description")}]
                break
        else:
            raise Lost(f"{name}: expected one of {states}, found {tool}")


def rounds(data: Path, kills: int, writers: int, seed: int) -> int:
    """Run `kills` rounds and return the number of acknowledged writes. Raises `Lost`."""
    rng = random.Random(seed)
    expected_by_app: dict[str, dict[str, Outcomes]] = {}
    acknowledged = 0
    for number in range(kills + 1):
        server = Server(data)
        try:
            if number == 0:
                client = Client(server)
                for _ in range(writers):
                    _, answer = client("POST", "/apps", {"templateId": "blank", "name": "Under fire"})
                    expected_by_app[answer["app"]["id"]] = {}
                client.http.close()
            for app, expected in expected_by_app.items():
                check(server, app, expected)
            if number == kills:
                break
            threads = [Writer(server, app, expected, rng.getrandbits(32)) for app, expected in expected_by_app.items()]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.0, 0.4))  # the moment of the kill varies
        finally:
            server.kill()
        for thread in threads:
            thread.join(30)
            acknowledged += thread.acknowledged
            if thread.failure:
                raise Lost(thread.failure)
        with sqlite3.connect(data / "sandbox.db") as database:
            integrity = database.execute("PRAGMA integrity_check").fetchall()
        database.close()
        if integrity != [("ok",)]:
            raise Lost(f"integrity: {integrity}")
    return acknowledged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drio-kill-") as name:
        try:
            acknowledged = rounds(Path(name) / "sandbox", options.kills, options.writers, options.seed)
        except Lost as error:
            print(f"LOST (seed {options.seed}): {error}", file=sys.stderr)
            return 1
    print(json.dumps({"kills": options.kills, "acknowledged": acknowledged, "lost": 0, "seed": options.seed}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
