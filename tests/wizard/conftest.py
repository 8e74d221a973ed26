"""Drafts that end in a real app on the sandbox, and a program that can die at any request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drio_tui.api.http import httpx
from drio_tui.kinds import APP
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft import Draft
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.wizard.executor import Executor
from tests.workspace.saving_world import Editor

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcess


class Dead(BaseException):
    """The program was killed."""


class Mortal(httpx.AsyncBaseTransport):
    """Dies at the request number `at` among those that change something, before or after it was carried out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, at: int, when: str) -> None:
        self.inner, self.at, self.when, self.seen = inner, at, when, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.seen += 1
        if self.seen == self.at and self.when == "before":
            raise Dead
        response = await self.inner.handle_async_request(request)
        if self.seen == self.at:
            raise Dead
        return response


class Maker:
    """One run of the program: it takes a draft up, and carries it out."""

    def __init__(self, sandbox: InProcess, draft: str = "") -> None:
        self.editor = Editor(sandbox, "me")
        base_url = sandbox.base_url
        self.keeper = DraftSession.resume(draft) if draft else DraftSession.begin("me", base_url)
        self.draft: Draft = self.keeper.draft
        self.executor = Executor(self.editor.saver, self.draft, self.keeper.save, pause=0)

    async def choose(self, template: str, **basics: str) -> None:
        self.draft.choose((await self.editor.client.template(template)).raw)
        self.draft.basics.update(basics)

    async def run(self, until: str = "") -> None:
        self.executor.replan()
        await self.executor.run(until)

    def states(self) -> dict[str, str]:
        return {step.id: self.executor.state(step).state for step in self.executor.steps}

    def die(self) -> str:
        """As the kernel ends it: nothing is written any more, locks are free. Gives the draft's id."""
        self.keeper._written = 1 << 62
        self.keeper._held.close()
        return self.draft.id

    async def app(self) -> dict[str, Any]:
        """The app as it came out, by names: what a person would see."""
        config: dict[str, Any] = await self.editor.client.config(self.draft.app)
        names = {one["id"]: one["name"] for part in config.values() if isinstance(part, list) for one in part}
        return {
            "app": {name: config["app"].get(name) for name in ("name", "slug", "companyUrl", "description")},
            "tools": {
                tool["name"]: (
                    names.get((tool.get("binding") or {}).get("integrationOperationId")),
                    [names[id] for id in tool["nextToolIds"]],
                )
                for tool in config["tools"]
            },
            "widgets": {widget["name"]: names[widget["toolId"]] for widget in config["widgets"]},
            "operations": sorted(one["name"] for one in config["operations"]),
            "integrations": {one["name"]: names.get(one["authId"]) for one in config["integrations"]},
            "auth": {one["name"]: one["config"].get("name") for one in config["auth"]},
        }

    async def apps(self) -> int:
        """How many apps there are."""
        return len((await self.editor.client.list(APP)).items)


async def everything(maker: Maker) -> None:
    """A draft that needs every kind of request."""
    await maker.choose("support", name="Night desk", slug="night-desk", companyUrl="https://acme.com",
                       description="Answers at night")  # fmt: skip
    draft = maker.draft
    draft.dropped += ["draft:tool:add-note", "draft:tool:show-contact"]
    draft.names["draft:tool:search-tickets"] = "Find Tickets"
    draft.names["draft:widget:ticket-list"] = "Tickets"
    from drio_tui.wizard.draft import FilledConnection

    draft.auth["draft:auth:helpdesk-key"] = FilledConnection({"name": "X-Desk-Key"}, {"name": "X-Desk-Key"})
    auth = draft.add("auth", {"name": "Weather sign-in", "providerKey": "none"})
    weather = draft.add("integration", {"name": "Weather", "baseUrl": "https://w.example.com", "authId": auth.ref})
    operation = draft.add(
        "operation", {"name": "Forecast", "method": "GET", "path": "/f", "integrationId": weather.ref}
    )
    binding = {"type": "integration_operation", "integrationOperationId": operation.ref}
    first = draft.add("tool", {"name": "Forecast", "description": "The weather.", "binding": binding})
    second = draft.add("tool", {"name": "Storms", "description": "Storms.", "binding": binding})
    first.filled.edit({**first.body, "nextToolIds": [second.ref, "draft:tool:search-tickets"]}, dict(first.body))
    first.filled.shown = dict(first.filled.whole)
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": second.ref, "callMode": "once"}
    draft.add("widget", {"name": "Sky", "primitive": "list", "toolId": first.ref, "actions": [action]})


def left() -> list[Draft]:
    """The drafts that would be offered."""
    return draft_store.load("me").drafts
