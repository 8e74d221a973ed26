"""Drafts that become an app on the sandbox, and a transport that kills the program at any request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drio_tui.api.http import httpx
from drio_tui.kinds import APP
from drio_tui.wizard.draft import Draft, FormValue
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.wizard.executor import DraftExecutor
from tests.workspace.saving_world import Editor

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


class Killed(BaseException):
    """The program was killed."""


class KillingTransport(httpx.AsyncBaseTransport):
    """Raises `Killed` at the request number `at` among those that are no GET, before or after it is carried out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, at: int, when: str) -> None:
        self.inner, self.at, self.when, self.count = inner, at, when, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.count += 1
        number = self.count  # others are sent at the same time
        if number == self.at and self.when == "before":
            raise Killed
        response = await self.inner.handle_async_request(request)
        if number == self.at:
            raise Killed
        return response


class Creation:
    """One run of the program that opens a draft and carries it out."""

    def __init__(self, sandbox: InProcessSandbox, draft: str = "") -> None:
        self.editor = Editor(sandbox, "me")
        base_url = sandbox.base_url
        self.session = DraftSession.resume(draft) if draft else DraftSession.begin("me", base_url)
        self.draft: Draft = self.session.draft
        self.executor = DraftExecutor(self.editor.saver, self.draft, self.session.save, pause=0)

    async def choose(self, template: str, **basics: str) -> None:
        self.draft.choose((await self.editor.client.template(template)).raw)
        self.draft.basics.update(basics)

    async def run(self, until: str = "") -> None:
        self.executor.replan()
        await self.executor.run(until)

    def states(self) -> dict[str, str]:
        return {step.id: self.executor.state(step).state for step in self.executor.steps}

    def die(self) -> str:
        """End as after SIGKILL: nothing more is written, the lock is released. Return the draft's id."""
        self.session._written_version = 1 << 62
        self.session._lock.close()
        return self.draft.id

    async def app(self) -> dict[str, Any]:
        """Return the created app with names instead of ids."""
        config: dict[str, Any] = await self.editor.client.config(self.draft.app)
        lists = [part for part in config.values() if isinstance(part, list)]
        names = {resource["id"]: resource["name"] for resources in lists for resource in resources}
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
            "operations": sorted(operation["name"] for operation in config["operations"]),
            "integrations": {
                integration["name"]: names.get(integration["authId"]) for integration in config["integrations"]
            },
            "auth": {connection["name"]: connection["config"].get("name") for connection in config["auth"]},
        }

    async def app_count(self) -> int:
        """Return the number of apps."""
        return len((await self.editor.client.list(APP)).items)


async def fill_in_everything(creation: Creation) -> None:
    """Fill in a draft that needs every kind of request."""
    await creation.choose("support", name="Night desk", slug="night-desk", companyUrl="https://acme.com",
                     description="Answers at night")  # fmt: skip
    draft = creation.draft
    draft.dropped += ["draft:tool:add-note", "draft:tool:show-contact"]
    draft.names["draft:tool:search-tickets"] = "Find Tickets"
    draft.names["draft:widget:ticket-list"] = "Tickets"
    draft.auth["draft:auth:helpdesk-key"] = FormValue({"name": "X-Desk-Key"}, {"name": "X-Desk-Key"})
    auth = draft.add("auth", {"name": "Weather sign-in", "providerKey": "none"})
    weather = draft.add("integration", {"name": "Weather", "baseUrl": "https://w.example.com", "authId": auth.ref})
    operation = draft.add(
        "operation", {"name": "Forecast", "method": "GET", "path": "/f", "integrationId": weather.ref}
    )
    binding = {"type": "integration_operation", "integrationOperationId": operation.ref}
    first = draft.add("tool", {"name": "Forecast", "description": "The weather.", "binding": binding})
    second = draft.add("tool", {"name": "Storms", "description": "Storms.", "binding": binding})
    first.filled.edit({**first.body, "nextToolIds": [second.ref, "draft:tool:search-tickets"]}, dict(first.body))
    first.filled.shown = dict(first.filled.full)
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": second.ref, "callMode": "once"}
    draft.add("widget", {"name": "Sky", "primitive": "list", "toolId": first.ref, "actions": [action]})
