"""Running a tool of a draft without deploying it, as its deployment would run it, with the sandbox's secrets.

Only the upstream's response is returned, with every occurrence of those secrets redacted.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import select

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.api.secret_values import HIDDEN, forms_of
from drio_tui.sandbox.mcp.deployment_store import unseal_secrets
from drio_tui.sandbox.problems import Problem, not_found
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.settings import UPSTREAM_PREFIX
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import ResourceRow, SecretRow
from drio_tui.tool_calls.egress import Policy, origin_text

if TYPE_CHECKING:
    from drio_tui.sandbox.core import Sandbox
    from drio_tui.sandbox.mcp.snapshot import DeployedTool, Deployment


_MIN_SECRET_LENGTH = 4


class DraftTool:
    """One tool of a draft, enabled or not, in its current state."""

    def __init__(self, sandbox: Sandbox, config: Document, tool_id: str, secrets: dict[str, Document] | None) -> None:
        self._settings = sandbox.settings
        self._allowed = sandbox.allowed
        self._config = config
        self._tool_id = tool_id
        self._secrets = secrets

    async def run(self, arguments: Document) -> Document:
        """Run the tool once. Raises `Problem` 409 if it is not bound.

        Returns `{"answer", "seconds"}`, or `{"error", "unknown", "private", "seconds"}` if there was no response.
        `private` is the host and port that was not called only because its address is private.
        """
        config = self._config | {"tools": [tool for tool in self._config["tools"] if tool["id"] == self._tool_id]}
        deployment, tool = await self._as_deployed(config)
        runtime_module = await _import_module("runtime")
        from drio_tui.tool_calls.fetch import UpstreamResponse  # the runtime has imported it

        own_url = urlsplit(self._settings.base_url)
        policy = Policy(
            (own_url.hostname or "", own_url.port or 80),
            UPSTREAM_PREFIX,
            self._settings.allow_private_egress,
            self._allowed,
        )
        runtime = runtime_module.Runtime(deployment, policy, self._secrets, how_to_allow=self._allowed.advice)
        started = time.perf_counter()
        try:
            result = await runtime.call_upstream(tool, arguments)
        finally:
            await runtime.aclose()
        seconds = time.perf_counter() - started
        secrets = self._secret_spellings(runtime.sent_secrets)
        if not isinstance(result, UpstreamResponse):
            private = origin_text(result.private) if result.private else None
            failure = {"error": _redact(result.text, secrets), "unknown": result.unknown, "seconds": seconds}
            return failure | {"private": private}
        body = result.body
        for secret in secrets:
            body = body.replace(secret.encode("utf-8", "surrogatepass"), HIDDEN.encode())
        return {
            "answer": {
                "status": result.status,
                "contentType": result.content_type,
                "charset": result.charset,
                "body": base64.b64encode(body).decode("ascii"),
            },
            "seconds": seconds,
        }

    async def page(self) -> str:
        """Return the HTML of the tool's widget, as a deploy would publish it. Raises `Problem` 404 if it has none."""
        deployment, tool = await self._as_deployed(self._config)
        if tool.widget is None:
            raise not_found("widget")
        document: str = (await _import_module("widgets")).document_of(deployment, tool)
        return document

    async def _as_deployed(self, config: Document) -> tuple[Deployment, DeployedTool]:
        """Return the config as a deployment in which the tool is enabled, and the tool. Raises `Problem` 409."""
        tools = [tool | {"isEnabled": True} if tool["id"] == self._tool_id else tool for tool in config["tools"]]
        deployment: Deployment = (await _import_module("snapshot")).read(0, config | {"tools": tools})
        tool = deployment.by_id.get(self._tool_id)
        if tool is None:
            raise Problem(409, "The tool is bound to no operation, so there is nothing to run.", code="not_bound")
        return deployment, tool

    def _secret_spellings(self, sent: set[str]) -> list[str]:
        """Return the stored secrets, and what was sent (a token, the base64 of a password), in every encoding."""
        stored = [value for secrets in (self._secrets or {}).values() for value in secrets.values()]
        values = {value for value in (*stored, *sent) if isinstance(value, str) and len(value) >= _MIN_SECRET_LENGTH}
        return list(forms_of(dict.fromkeys(values, HIDDEN)))


async def load_draft_tool(sandbox: Sandbox, store: Store, app_id: str, tool_id: str) -> DraftTool:
    """Return a tool of the app's draft in its current state. Raises `Problem` 404 for the app and the tool."""
    app = await store.app(app_id)
    await store.get(app_id, "tool", tool_id)
    config: Document = loads(await store.config_json(app_id, dumps(app)))
    secrets: dict[str, Document] | None = {}
    cipher = store.settings.cipher
    rows = await store.session.execute(
        select(SecretRow.id, SecretRow.auth_id, SecretRow.members)
        .join(ResourceRow, ResourceRow.id == SecretRow.auth_id)
        .where(ResourceRow.app_id == app_id)
    )
    try:
        secrets = {
            auth_id: await unseal_secrets(cipher, secret_id, stored) for secret_id, auth_id, stored in rows.all()
        }
    except SecretsUnavailable:
        secrets = None  # a call that needs credentials fails with the reason
    return DraftTool(sandbox, config, tool_id, secrets)


def _redact(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


async def _import_module(name: str) -> Any:
    """Import a module of this package in a thread, since its first import takes long."""
    return await asyncio.to_thread(importlib.import_module, f"drio_tui.sandbox.mcp.{name}")
