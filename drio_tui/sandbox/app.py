"""The sandbox as one ASGI application."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from fastapi import FastAPI
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui import __version__
from drio_tui.api.json_codec import dumps, loads
from drio_tui.sandbox import oauth, openapi, problems, routes, upstream
from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.core import Sandbox
from drio_tui.sandbox.db import Database
from drio_tui.sandbox.limits import Limits
from drio_tui.sandbox.mcp import deployment_store, endpoint
from drio_tui.sandbox.middleware import Guard
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.services import apps
from drio_tui.sandbox.settings import UPSTREAM_PREFIX, Settings
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import NoteRow, ResourceRow

log = logging.getLogger("drio_tui.sandbox")

EXAMPLE = {
    "templateId": "support",
    "name": "Acme Support",
    "slug": "acme-support",
    "companyUrl": "https://acme.com",
}
"""The app that is there when a sandbox is new."""


def create_app(settings: Settings) -> FastAPI:
    """The application; its lifespan opens the database (raising `StorageError`) and closes it."""
    database = Database(settings.target)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with database:
            await _prepare(sandbox)
            async with live.running():
                yield

    app = FastAPI(
        title="drio management API",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    routes.install(app)  # first, since routes are tried in their order
    upstream.install(app)
    server = oauth.install(app, database, oauth.OAuthSettings(base_url=settings.base_url))
    sandbox = app.state.sandbox = Sandbox(settings, database, server, AllowedHosts(settings.data_dir))
    live = endpoint.install(app, sandbox)
    openapi.install(app, settings)
    app.state.methods_at = routes.methods(app)
    app.add_middleware(Limits, max_body=settings.max_body)
    port = urlsplit(settings.base_url).port or 80
    app.add_middleware(Guard, port=port, json_only=("/api/", "/mcp/", "/sandbox/"), sandbox_id=lambda: sandbox.id)
    return app


async def _prepare(sandbox: Sandbox) -> None:
    """What a new sandbox has: a key for its helpdesk, the local user, and an example app."""
    settings = sandbox.settings
    async with sandbox.alone("start") as session:
        user = await oauth.local_user(session, sandbox.oauth.settings)
        sandbox.id, _ = await _remember(session, "id", secrets.token_hex(12))
        sandbox.upstream_key, fresh = await _upstream_key(sandbox, session)
        if fresh and settings.example_app:
            store = Store(session, user.id, settings)
            await apps.create(store, EXAMPLE, upstream_key=sandbox.upstream_key)
        before, fresh = await _remember(session, "base_url", settings.base_url)
        if not fresh and before != settings.base_url:
            await _follow_helpdesk(session, before + UPSTREAM_PREFIX, settings.upstream_url)
            await deployment_store.move_own_upstream(session, before + UPSTREAM_PREFIX, settings.upstream_url)
            await session.execute(update(NoteRow).where(NoteRow.name == "base_url").values(value=settings.base_url))


async def _upstream_key(sandbox: Sandbox, session: AsyncSession) -> tuple[str, bool]:
    """The helpdesk's API key, and whether it is new; one for this run only while the secrets cannot be read."""
    vault = sandbox.settings.vault
    value = f"helpdesk_{secrets.token_urlsafe(24)}"
    known = await session.scalar(select(NoteRow.value).where(NoteRow.name == "upstream_key"))
    given = sandbox.settings.secret_key_file is not None
    if given:
        await vault.check()
    try:
        found = await deployment_store.secret_note(session, vault, "upstream_key", value)
        await deployment_store.seal_what_is_open(session, vault, sqlite=sandbox.database.path is not None)
        return found
    except SecretsUnavailable as error:
        if known is None or given:  # a new sandbox without a place for its key is of no use, nor is the wrong key
            raise
        log.warning("%s: %s. Calls that sign in will fail. %s", error.title, error.message, error.hint)
        return value, False


async def _follow_helpdesk(session: AsyncSession, before: str, now: str) -> None:
    """Point the integrations that use the sandbox's own helpdesk at where it is served this time."""
    rows = await session.execute(
        select(ResourceRow.id, ResourceRow.document).where(
            ResourceRow.kind == "integration", ResourceRow.document.contains(before, autoescape=True)
        )
    )
    for resource_id, text in rows.all():
        document = loads(text)
        if document["baseUrl"] == before or document["baseUrl"].startswith(before + "/"):
            document["baseUrl"] = now + document["baseUrl"].removeprefix(before)
            await session.execute(
                update(ResourceRow).where(ResourceRow.id == resource_id).values(document=dumps(document))
            )


async def _remember(session: AsyncSession, name: str, value: str) -> tuple[str, bool]:
    """The note of that name, made with `value` where there is none yet; and whether it was made now."""
    known = await session.scalar(select(NoteRow.value).where(NoteRow.name == name))
    if known is not None:
        return known, False
    await session.execute(insert(NoteRow).values(name=name, value=value))
    return value, True
