"""Plans that create an app's resources, and networks that hold, count or end their requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from drio_tui.api.http import httpx
from drio_tui.kinds import TOOL
from drio_tui.plan.executor import Executor
from drio_tui.plan.steps import Step, changes_of
from tests.workspace.conftest import other_editor as other_editor
from tests.workspace.conftest import sandbox as sandbox
from tests.workspace.conftest import world as world
from tests.workspace.conftest import world_data as world_data

if TYPE_CHECKING:
    from drio_tui.plan.state import PlanState
    from tests.workspace.saving_world import World


def executor_of(world: World, steps: list[Step], state: PlanState | None = None, **options: Any) -> Executor:
    """Return an executor that does not wait between steps."""
    return Executor(world.editor.saver, world.app, steps, state, pause=0, **options)


def create_tool(name: str, **more: Any) -> Step:
    """Return the step that creates a tool."""
    return Step(f"create:{name}", "create", "tool", f"Create {name}", f"ref:{name}", body={"name": name}, **more)


def tool_steps(count: int) -> list[Step]:
    """Return the steps that create tools which do not depend on each other."""
    return [create_tool(f"tool {number}") for number in range(count)]


def whole_plan() -> list[Step]:
    """Return a plan with every kind of resource: operations below an integration, tools, a widget, a chain."""
    steps = [
        Step("create:auth", "create", "auth", "Create desk", "ref:auth", body={"name": "desk", "providerKey": "none"}),
        Step("create:desk", "create", "integration", "Create desk", "ref:desk", after=("create:auth",),
             body={"name": "desk", "baseUrl": "https://desk.example.com", "authId": "ref:auth"}),
    ]  # fmt: skip
    for name in ("find", "show", "close"):
        operation = {"name": name, "method": "GET", "path": f"/{name}"}
        binding = {"type": "integration_operation", "integrationOperationId": f"ref:operation {name}"}
        steps += [
            Step(f"create:operation {name}", "create", "operation", f"Create {name}", f"ref:operation {name}",
                 "ref:desk", operation, after=("create:desk",)),
            Step(f"create:{name}", "create", "tool", f"Create {name}", f"ref:{name}",
                 body={"name": name, "binding": binding}, after=(f"create:operation {name}",)),
        ]  # fmt: skip
    widget = {"name": "list", "primitive": "list", "toolId": "ref:find"}
    steps += [
        Step("create:list", "create", "widget", "Create list", "ref:list", body=widget, after=("create:find",)),
        Step("chain:find", "update", "tool", "Chain find", "ref:find", changes=changes_of({
            "nextToolIds": ["ref:show", "ref:close"], "description": "Finds."}),
            after=("create:find", "create:show", "create:close"), mark="1"),
    ]  # fmt: skip
    return steps


async def created(world: World) -> dict[str, Any]:
    """Return what `whole_plan` has created, with names instead of ids, and how often."""
    config = await world.editor.client.config(world.app)
    names = {
        resource["id"]: resource["name"] for part in config.values() if isinstance(part, list) for resource in part
    }
    names_of = {
        kind: sorted(resource["name"] for resource in config[kind] if resource["name"] in _NAMES)
        for kind in ("auth", "integrations", "operations", "tools", "widgets")
    }
    (find,) = [tool for tool in config["tools"] if tool["name"] == "find"]
    (desk,) = [integration for integration in config["integrations"] if integration["name"] == "desk"]
    (widget,) = [widget for widget in config["widgets"] if widget["name"] == "list"]
    return names_of | {
        "chain": [names[id] for id in find["nextToolIds"]],
        "binding": names[find["binding"]["integrationOperationId"]],
        "description": find["description"],
        "signs in with": names[desk["authId"]],
        "shows": names[widget["toolId"]],
    }


_NAMES = ("desk", "find", "show", "close", "list")
WHOLE_PLAN = {
    "auth": ["desk"], "integrations": ["desk"], "operations": ["close", "find", "show"],
    "tools": ["close", "find", "show"], "widgets": ["list"], "chain": ["show", "close"], "binding": "find",
    "description": "Finds.", "signs in with": "desk", "shows": "find",
}  # fmt: skip


async def tool_names(world: World, prefix: str = "tool ") -> list[str]:
    """Return the sorted names of the tools that begin with `prefix`."""
    tools = (await world.editor.client.list(TOOL, app=world.app)).items
    return sorted(tool["name"] for tool in tools if tool["name"].startswith(prefix))


class Counting(httpx.AsyncBaseTransport):
    """Counts the requests by method, and how many are being carried out at the same time.

    With `together`, a request other than GET waits until there are as many as that.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, together: int = 0) -> None:
        self.inner = inner
        self.counts: dict[str, int] = {}
        self.running = self.most = 0
        self._barrier = asyncio.Barrier(together) if together else None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.counts[request.method] = self.counts.get(request.method, 0) + 1
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self._barrier is not None:
                await self._barrier.wait()
            await asyncio.sleep(0)
            return await self.inner.handle_async_request(request)
        finally:
            self.running -= 1


class Killed(BaseException):
    """The program was killed."""


class Killing(httpx.AsyncBaseTransport):
    """Kills the program at the request number `at` other than GET, before or after that is carried out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, at: int, when: str) -> None:
        self.inner, self.at, self.when, self.count = inner, at, when, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.count >= self.at:
            raise Killed  # nothing is sent any more
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.count += 1
        if self.count == self.at and self.when == "before":
            raise Killed
        response = await self.inner.handle_async_request(request)
        if self.count >= self.at:
            raise Killed
        return response
