"""An app on the sandbox, clients that edit it, and a network with faults."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from drio_tui.api.client import DrioClient
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET, Kind
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import Edit
from drio_tui.workspace.saving.saver import Saver

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string"}}}


class Token(httpx.Auth):
    """Authentication with a fixed access token."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def async_auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


class Network(httpx.AsyncBaseTransport):
    """The connection to the sandbox, with faults: those of its fault lab, by request, and some that it cannot have.

    - `lose`: by method, what is lost of the next request: the `answer`, after the request was carried out, or the
      `request` itself.
    - `hang`: like `lose`, but there is no response until the caller cancels; `hung` is set then.
    - `faults`: faults of the lab, such as `lost:503`, for the next requests other than GET.
    - `refuse`: statuses, or pairs of status and `details`, of the responses to the next requests other than GET.
    - `instead`: bodies of 200 responses to the next requests other than GET, each with whether to carry it out.
    - `before`: awaited before the next requests other than GET, one for each.
    - `offline`: every connection is refused.

    `sent_count` is the number of the requests other than GET.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.lose: dict[str, str] = {}
        self.hang: dict[str, str] = {}
        self.hung = asyncio.Event()
        self.offline = False
        self.faults: list[str] = []
        self.sent_count = 0
        self.refuse: list[int | tuple[int, Any]] = []
        self.instead: list[tuple[bool, bytes]] = []
        self.before: list[Any] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.offline:
            raise httpx.ConnectError("refused", request=request)
        self.sent_count += request.method != "GET"
        if request.method != "GET" and self.before:
            await self.before.pop(0)()
        if request.method != "GET" and self.refuse:
            refusal = self.refuse.pop(0)
            status, details = refusal if isinstance(refusal, tuple) else (refusal, None)
            error = {"code": "refused", "message": "no", "details": details, "requestId": None}
            return await self._send(request, f"status:{status}:{json.dumps({'error': error})}")
        if request.method != "GET" and self.instead:
            carried_out, text = self.instead.pop(0)
            if carried_out:
                await (await self.inner.handle_async_request(request)).aread()
            return httpx.Response(200, stream=httpx.ByteStream(text), headers={"Content-Type": "application/json"})
        if hanging := self.hang.pop(request.method, ""):
            if hanging == "answer":
                await (await self.inner.handle_async_request(request)).aread()
            self.hung.set()
            await asyncio.Event().wait()
        if request.method != "GET" and self.faults:
            return await self._send(request, self.faults.pop(0))
        lost = self.lose.pop(request.method, "")
        return await self._send(request, {"request": "reset", "answer": "lost"}.get(lost, ""))

    async def _send(self, request: httpx.Request, fault: str = "") -> httpx.Response:
        """Send a request that asks the fault lab for a fault."""
        if fault:
            request.headers["X-Sandbox-Fault"] = fault
        return await self.inner.handle_async_request(request)


class Editor:
    """One user: a client, a saver with a journal, and the log of the requests."""

    def __init__(self, sandbox: InProcessSandbox, profile: str = "me", *, retries: int = 0) -> None:
        self.sandbox = sandbox
        self.profile = profile
        self.network = Network(sandbox.transport)
        self.exchanges: list[Exchange] = []
        self.client = DrioClient(
            Transport(
                f"{sandbox.base_url}/api/v1", auth=Token(sandbox.token), http=self.network,
                on_exchange=self.exchanges.append, limits=Limits(retries=retries),
            )
        )  # fmt: skip
        self.saver = Saver(self.client, self.journal)

    def journal(self, app: str) -> Journal:
        """Return a new journal, as another process would open it."""
        return Journal(self.profile, self.sandbox.base_url, app)

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """The requests other than GET: method, last segment of the path, body."""
        by_number = {exchange.number: exchange for exchange in self.exchanges if exchange.method != "GET"}
        return [
            (exchange.method, exchange.path.rpartition("/")[2], exchange.request_body)
            for exchange in by_number.values()
        ]

    async def raw(self, kind: Kind[Any], app: str, id: str) -> dict[str, Any]:
        return (await self.client.get(kind, id, app=app)).raw

    async def edit(self, kind: Kind[Any], app: str, id: str, **changes: Any) -> Edit:
        """Return an edit of the current resource."""
        base = await self.raw(kind, app, id)
        return Edit(kind, app, id, base, {**base, **changes})


class World:
    """An app with all kinds of resources.

    auth ← integration ← operation ← tool a → tool b; tool c; the widget of tool a has an action that calls tool b.
    """

    def __init__(self, one: Editor) -> None:
        self.editor = one
        self.ids: dict[str, str] = {}

    @classmethod
    async def made(cls, sandbox: InProcessSandbox) -> World:
        world = cls(Editor(sandbox))
        client = world.editor.client
        item = await client.create(APP, {"templateId": "support", "name": "Wired"})
        app = world.ids["app"] = item.raw["id"]

        async def add(name: str, kind: Kind[Any], parent: str = "", **body: Any) -> None:
            world.ids[name] = (await client.create(kind, {"name": name, **body}, app=app, parent=parent)).raw["id"]

        ids = world.ids
        await add("auth", AUTH, providerKey="none")
        await add("integration", INTEGRATION, baseUrl="https://api.example.com", authId=ids["auth"])
        await add("operation", OPERATION, ids["integration"], method="GET", path="/search", inputSchema=SCHEMA)
        await add("tool b", TOOL)
        await add("tool c", TOOL)
        binding = {"type": "integration_operation", "integrationOperationId": ids["operation"]}
        await add("tool a", TOOL, binding=binding, nextToolIds=[ids["tool b"]], description="first")
        action = {"trigger": "row.select", "type": "callTool", "targetToolId": ids["tool b"], "callMode": "once"}
        await add("widget", WIDGET, toolId=ids["tool a"], primitive="data-table", actions=[action])
        return world

    @property
    def app(self) -> str:
        return self.ids["app"]
