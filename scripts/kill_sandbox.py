"""kill -9 a sandbox again and again while it is written to: what it acknowledged must be there afterwards.

    python scripts/kill_sandbox.py [--kills 200] [--seed N] [--writers 4]

Each round starts the sandbox on the same data, lets several writers create, change and delete tools, and
kills it at a random moment. Writers keep an oracle: what was acknowledged, and for the one request that
was under way, both outcomes. Then the database must pass SQLite's integrity check, the sandbox must open it,
and every tool must be as the oracle says, whole, with nothing it does not know. Exits 1 at the first loss.
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


class Lost(Exception):
    """Something that was acknowledged is not there, or something is there that cannot be."""


class Server:
    """One life of the sandbox."""

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
    """Writes into an app of its own until the connection breaks.

    `known` are the tools by name, each with the states it may be in: one, or two while a request was under way.
    """

    def __init__(self, server: Server, app: str, known: dict[str, Outcomes], seed: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(server)
        self.app = app
        self.known = known
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
        """One write; False when the server answered with something else than success."""
        tools = {name: states[0] for name, states in self.known.items() if states[0] is not None}
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
        self.known[name] = [before, after]
        status, answer = self.client(method, path, body)
        if status not in (200, 201, 204):
            self.failure = f"{method} {path}: {status} {answer}"
            return False
        self.known[name] = [after if after is None else {key: answer["tool"][key] for key in ("id", *after)}]
        return True


def check(server: Server, app: str, known: dict[str, Outcomes]) -> None:
    """Compare what is there with the oracle, and settle what was open."""
    client = Client(server)
    status, answer = client("GET", f"/apps/{app}/tools")
    client.http.close()
    if status != 200:
        raise Lost(f"the tools of {app} cannot be listed: {status}")
    there = {tool["name"]: tool for tool in answer["tools"]}
    if unknown := set(there) - set(known):
        raise Lost(f"nobody made {sorted(unknown)}")
    for name, states in list(known.items()):
        tool = there.get(name)
        for state in states:
            if state is None and tool is None:
                del known[name]
                break
            if state is not None and tool is not None and all(tool[key] == value for key, value in state.items()):
                known[name] = [{key: tool[key] for key in ("id", "name", "description")}]
                break
        else:
            raise Lost(f"{name}: expected one of {states}, found {tool}")


def rounds(data: Path, kills: int, writers: int, seed: int) -> int:
    """Run `kills` rounds; the number of acknowledged writes. Raises `Lost`."""
    choose = random.Random(seed)
    oracle: dict[str, dict[str, Outcomes]] = {}
    acknowledged = 0
    for number in range(kills + 1):
        server = Server(data)
        try:
            if number == 0:
                client = Client(server)
                for _ in range(writers):
                    _, answer = client("POST", "/apps", {"templateId": "blank", "name": "Under fire"})
                    oracle[answer["app"]["id"]] = {}
                client.http.close()
            for app, known in oracle.items():
                check(server, app, known)
            if number == kills:
                break
            threads = [Writer(server, app, known, choose.getrandbits(32)) for app, known in oracle.items()]
            for thread in threads:
                thread.start()
            time.sleep(choose.uniform(0.0, 0.4))  # the moment of the kill is what is varied
        finally:
            server.kill()
        for thread in threads:
            thread.join(30)
            acknowledged += thread.acknowledged
            if thread.failure:
                raise Lost(thread.failure)
        with sqlite3.connect(data / "sandbox.db") as database:
            verdict = database.execute("PRAGMA integrity_check").fetchall()
        database.close()
        if verdict != [("ok",)]:
            raise Lost(f"integrity: {verdict}")
    return acknowledged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drio-kill-") as name:
        try:
            acknowledged = rounds(Path(name) / "sandbox", chosen.kills, chosen.writers, chosen.seed)
        except Lost as loss:
            print(f"LOST (seed {chosen.seed}): {loss}", file=sys.stderr)
            return 1
    print(json.dumps({"kills": chosen.kills, "acknowledged": acknowledged, "lost": 0, "seed": chosen.seed}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
