"""A plan in a separate process that is killed with SIGKILL, and carried out again until it is done.

python -m tests.plan.dying BASE_URL TOKEN APP AT WHEN    # at the request AT, `before` or `after` it; 0: never
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drio_tui.api.client import DrioClient
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.plan.record import PlanRecord, PlanSession, load_records
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.saver import Saver
from tests.plan.conftest import WHOLE_PLAN, tool_steps, whole_plan
from tests.workspace.saving_world import Token

if TYPE_CHECKING:
    from tests.sandbox_fixtures import SandboxProcess

EXTRA = 12
"""The number of tools that are created besides those of `whole_plan`."""


class _Killing(httpx.AsyncBaseTransport):
    """Kills this process at the request number `at` other than GET."""

    def __init__(self, at: int, when: str) -> None:
        self.inner = httpx.AsyncHTTPTransport()
        self.at, self.when, self.count = at, when, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.count += 1
        is_last = self.count == self.at
        if is_last and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        response = await self.inner.handle_async_request(request)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


def _finished_marker() -> Path:
    """Return the file that exists when the plan is done: a process started then must not begin another one."""
    return Path(os.environ["HOME"]) / "finished"


async def carry_out(base_url: str, token: str, app: str, at: int, when: str) -> bool:
    """Carry out the interrupted plan if there is one, else a new one; return whether it is done."""
    if _finished_marker().exists():
        return True
    transport = Transport(f"{base_url}/api/v1", auth=Token(token), http=_Killing(at, when))
    client = DrioClient(transport)
    saver = Saver(client, lambda app_id: Journal("me", base_url, app_id))
    records = load_records("me", base_url).records
    if records:
        session = PlanSession.resume(records[0].id)
    else:
        steps = (*whole_plan(), *tool_steps(EXTRA))
        session = PlanSession.begin(PlanRecord("me", base_url, app, "Create everything", steps))
    executor = session.executor(saver)
    await executor.run()
    if executor.done:
        _finished_marker().touch()
    session.close(forget=executor.done)
    await client.aclose()
    for result in executor.failed:
        print(result.step.about, result.problem, file=sys.stderr)
    return executor.complete


def run_process(sandbox: SandboxProcess, app: str, home: Path, at: int, when: str, kill_after: float = 0) -> int:
    """Run `carry_out` in a process, killed after some seconds if `kill_after` is given; return its exit code."""
    command = [sys.executable, "-m", "tests.plan.dying", sandbox.base_url, sandbox.token, app, str(at), when]
    environment = {**os.environ, "DRIO_STATE_DIR": str(home / "state"), "HOME": str(home)}
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parent.parent.parent) as process:
        if kill_after:
            time.sleep(kill_after)  # a random moment of the run, also between two requests
            process.kill()
        return process.wait(120)


def new_app(sandbox: SandboxProcess, name: str) -> str:
    """Create an app and return its id."""
    with sandbox.client() as client:
        client.timeout = httpx.Timeout(60)
        return str(client.post("/api/v1/apps", json={"templateId": "support", "name": name}).json()["app"]["id"])


def check_plan(sandbox: SandboxProcess, app: str, home: Path) -> None:
    """Check that the plan was carried out completely and nothing twice, and that no plan is left."""
    with sandbox.client() as client:
        client.timeout = httpx.Timeout(60)
        config: dict[str, Any] = client.get(f"/api/v1/apps/{app}/config").json()["config"]
    counted = Counter(tool["name"] for tool in config["tools"])
    for name in (*WHOLE_PLAN["tools"], *(f"tool {number}" for number in range(EXTRA))):
        assert counted[name] == 1, (name, counted[name])
    for part, names in (("auth", ["desk"]), ("integrations", ["desk"]), ("operations", ["find", "show", "close"])):
        found = [resource["name"] for resource in config[part] if resource["name"] in names]
        assert sorted(found) == sorted(names), (part, found)
    tools = {tool["id"]: tool["name"] for tool in config["tools"]}
    (find,) = [tool for tool in config["tools"] if tool["name"] == "find"]
    assert [tools[id] for id in find["nextToolIds"]] == ["show", "close"]
    assert not [*(home / "state" / "plans").glob("*.json")]


def check_killed_plan(
    sandbox: SandboxProcess, home: Path, number: int, at: int, when: str, kill_after: float = 0
) -> bool:
    """Kill a plan once and carry it out again; return whether it was killed before it was done."""
    app = new_app(sandbox, f"Killed {number}")
    folder = home / str(number)
    folder.mkdir()
    killed = run_process(sandbox, app, folder, at, when, kill_after) != 0
    assert run_process(sandbox, app, folder, 0, when) == 0 or not killed
    check_plan(sandbox, app, folder)
    return killed


if __name__ == "__main__":
    base_url, token, app, at, when = sys.argv[1:]
    sys.exit(0 if asyncio.run(carry_out(base_url, token, app, int(at), when)) else 1)
