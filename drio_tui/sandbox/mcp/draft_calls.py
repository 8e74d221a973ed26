"""Trying a tool of a draft: its operation is run as a deploy would run it, with the secrets that are sealed here.

Only the upstream's answer comes back, without those secrets wherever they stand in it. Nothing is deployed.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import select

from drio_tui.api.json_codec import dumps, loads
from drio_tui.api.redact import HIDDEN, spellings
from drio_tui.sandbox.mcp.deployment_store import open_members
from drio_tui.sandbox.problems import Problem, missing
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.settings import UPSTREAM_PREFIX
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import ResourceRow, SecretRow
from drio_tui.tool_calls.egress import Policy, origin_text
from drio_tui.tool_calls.fetch import Answer

if TYPE_CHECKING:
    from drio_tui.sandbox.core import Sandbox
    from drio_tui.sandbox.mcp.snapshot import DeployedTool, Deployment

Document = dict[str, Any]

_SHORTEST_SECRET = 4


class Draft:
    """A draft as it is now, with one tool of it that is to be tried; enabled or not."""

    def __init__(self, box: Sandbox, config: Document, tool_id: str, secrets: dict[str, Document] | None) -> None:
        self._settings = box.settings
        self._allowed = box.allowed
        self._config = config
        self._tool_id = tool_id
        self._secrets = secrets

    async def run(self, arguments: Document) -> Document:
        """`{"answer", "seconds"}`, or `{"error", "unknown", "private", "seconds"}` where no answer came.

        `private` is the host and port that was not called only because its address is a private one.
        """
        config = self._config | {"tools": [tool for tool in self._config["tools"] if tool["id"] == self._tool_id]}
        deployment, tool = await self._read(config)
        runtimes = await _loaded("runtime")
        own = urlsplit(self._settings.base_url)
        policy = Policy(
            (own.hostname or "", own.port or 80), UPSTREAM_PREFIX, self._settings.allow_private_egress, self._allowed
        )
        runtime = runtimes.Runtime(deployment, policy, self._secrets, how_to_allow=self._allowed.advice)
        began = time.perf_counter()
        try:
            answer = await runtime.attempt(tool, arguments)
        finally:
            await runtime.aclose()
        seconds = time.perf_counter() - began
        known = self._known(runtime.given)
        if not isinstance(answer, Answer):
            private = origin_text(answer.private) if answer.private else None
            told = {"error": _clean(answer.text, known), "unknown": answer.unknown, "seconds": seconds}
            return told | {"private": private}
        body = answer.body
        for secret in known:
            body = body.replace(secret.encode("utf-8", "surrogatepass"), HIDDEN.encode())
        return {
            "answer": {
                "status": answer.status,
                "contentType": answer.content_type,
                "charset": answer.charset,
                "body": base64.b64encode(body).decode("ascii"),
            },
            "seconds": seconds,
        }

    async def page(self) -> str:
        """The HTML of the tool's widget, as a deploy would publish it. Raises `Problem` 404 where it has none."""
        deployment, tool = await self._read(self._config)
        if tool.widget is None:
            raise missing("widget")
        made: str = (await _loaded("widgets")).document_of(deployment, tool)
        return made

    async def _read(self, config: Document) -> tuple[Deployment, DeployedTool]:
        tools = [tool | {"isEnabled": True} if tool["id"] == self._tool_id else tool for tool in config["tools"]]
        deployment: Deployment = (await _loaded("snapshot")).read(0, config | {"tools": tools})
        tool = deployment.by_id.get(self._tool_id)
        if tool is None:
            raise Problem(409, "The tool is bound to no operation, so there is nothing to run.", code="not_bound")
        return deployment, tool

    def _known(self, given: set[str]) -> list[str]:
        """What was sealed, and what was sent of it (the base64 of a password, a token), in every spelling."""
        members = [value for each in (self._secrets or {}).values() for value in each.values()]
        secrets = {value for value in (*members, *given) if isinstance(value, str) and len(value) >= _SHORTEST_SECRET}
        return sorted({spelt for secret in secrets for spelt in spellings(secret)}, key=lambda one: (-len(one), one))


async def draft(box: Sandbox, store: Store, app_id: str, tool_id: str) -> Draft:
    """The app's draft as it is now. Raises `Problem` 404 for the app and the tool."""
    app = await store.app(app_id)
    await store.one(app_id, "tool", tool_id)
    config: Document = loads(await store.config_text(app_id, dumps(app)))
    secrets: dict[str, Document] | None = {}
    vault = store.settings.vault
    rows = await store.session.execute(
        select(SecretRow.id, SecretRow.auth_id, SecretRow.members)
        .join(ResourceRow, ResourceRow.id == SecretRow.auth_id)
        .where(ResourceRow.app_id == app_id)
    )
    try:
        secrets = {auth_id: await open_members(vault, secret_id, stored) for secret_id, auth_id, stored in rows.all()}
    except SecretsUnavailable:
        secrets = None  # whoever signs in says so
    return Draft(box, config, tool_id, secrets)


def _clean(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, HIDDEN)
    return text


async def _loaded(name: str) -> Any:
    """A module that takes a while to import, loaded in a thread by whoever tries something first."""
    return await asyncio.to_thread(importlib.import_module, f"drio_tui.sandbox.mcp.{name}")
