"""The sandbox as one ASGI application."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette

from drio_tui.api.json_codec import dumps, loads
from drio_tui.sandbox import oauth, openapi, problems, routes, upstream
from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.core import Sandbox
from drio_tui.sandbox.db import Database
from drio_tui.sandbox.faults.injection import FaultMiddleware
from drio_tui.sandbox.limits import LimitsMiddleware
from drio_tui.sandbox.mcp import deployment_store, endpoint
from drio_tui.sandbox.middleware import GuardMiddleware
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.services import apps
from drio_tui.sandbox.settings import UPSTREAM_PREFIX, Settings
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import MetaRow, ResourceRow

log = logging.getLogger("drio_tui.sandbox")

EXAMPLE_APP = {
    "templateId": "support",
    "name": "Acme Support",
    "slug": "acme-support",
    "companyUrl": "https://acme.com",
}
"""The app that a new sandbox starts with."""


def create_app(settings: Settings) -> Starlette:
    """Return the application. Its lifespan opens the database (or raises `StorageError`) and closes it."""
    database = Database(settings.target)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database:
            await _prepare(sandbox)
            async with mcp_endpoint.running():
                yield

    app = Starlette(lifespan=lifespan)
    app.router.redirect_slashes = False
    problems.install(app)
    routes.install(app)  # first: Starlette tries routes in the order in which they were added
    upstream.install(app)
    server = oauth.install(app, database, oauth.OAuthSettings(base_url=settings.base_url))
    sandbox = app.state.sandbox = Sandbox(settings, database, server, AllowedHosts(settings.data_dir))
    mcp_endpoint = endpoint.install(app, sandbox)
    openapi.install(app, settings)
    app.state.methods_at = routes.methods(app)
    app.add_middleware(LimitsMiddleware, max_body=settings.max_body)
    app.add_middleware(FaultMiddleware, lab=sandbox.faults, document=lambda: app.state.openapi())
    port = urlsplit(settings.base_url).port or 80
    app.add_middleware(
        GuardMiddleware, port=port, json_only=("/api/", "/mcp/", "/sandbox/"), sandbox_id=lambda: sandbox.id
    )
    return app


async def _prepare(sandbox: Sandbox) -> None:
    """Create what a new sandbox lacks (ids, the helpdesk's key, the local user, an example app).

    If the sandbox has another base URL than at the last start, update the URLs of its helpdesk.
    """
    settings = sandbox.settings
    async with sandbox.exclusive("start") as session:
        user = await oauth.local_user(session, sandbox.oauth.settings)
        sandbox.id, _ = await _get_or_insert(session, "id", secrets.token_hex(12))
        sandbox.upstream_key, is_new = await _upstream_key(sandbox, session)
        if is_new and settings.example_app:
            store = Store(session, user.id, settings)
            await apps.create(store, EXAMPLE_APP, upstream_key=sandbox.upstream_key)
        old_base_url, is_new = await _get_or_insert(session, "base_url", settings.base_url)
        if not is_new and old_base_url != settings.base_url:
            old_upstream_url = old_base_url + UPSTREAM_PREFIX
            await _move_integrations(session, old_upstream_url, settings.upstream_url)
            await deployment_store.move_deployed_integrations(session, old_upstream_url, settings.upstream_url)
            await session.execute(update(MetaRow).where(MetaRow.name == "base_url").values(value=settings.base_url))


async def _upstream_key(sandbox: Sandbox, session: AsyncSession) -> tuple[str, bool]:
    """Return the helpdesk's API key, and whether it is new; a temporary key if the stored one cannot be unsealed."""
    cipher = sandbox.settings.cipher
    new_key = f"helpdesk_{secrets.token_urlsafe(24)}"
    stored = await session.scalar(select(MetaRow.value).where(MetaRow.name == "upstream_key"))
    has_key_file = sandbox.settings.secret_key_file is not None
    if has_key_file:
        await cipher.check()
    try:
        key_and_is_new = await deployment_store.get_or_insert_secret(session, cipher, "upstream_key", new_key)
        await deployment_store.seal_plaintext_secrets(session, cipher, sqlite=sandbox.database.path is not None)
        return key_and_is_new
    except SecretsUnavailable as error:
        # A new sandbox that cannot store its key is of no use, and a key file must be the right one.
        if stored is None or has_key_file:
            raise
        log.warning("%s: %s. Calls that sign in will fail. %s", error.title, error.message, error.hint)
        return new_key, False


async def _move_integrations(session: AsyncSession, old_url: str, new_url: str) -> None:
    """Replace the old URL of the sandbox's own helpdesk in the `baseUrl` of integrations."""
    rows = await session.execute(
        select(ResourceRow.id, ResourceRow.document).where(
            ResourceRow.kind == "integration", ResourceRow.document.contains(old_url, autoescape=True)
        )
    )
    for resource_id, text in rows.all():
        document = loads(text)
        if document["baseUrl"] == old_url or document["baseUrl"].startswith(old_url + "/"):
            document["baseUrl"] = new_url + document["baseUrl"].removeprefix(old_url)
            await session.execute(
                update(ResourceRow).where(ResourceRow.id == resource_id).values(document=dumps(document))
            )


async def _get_or_insert(session: AsyncSession, name: str, value: str) -> tuple[str, bool]:
    """Return the stored value of `name`, or insert `value` if there is none; and whether it was inserted."""
    stored = await session.scalar(select(MetaRow.value).where(MetaRow.name == name))
    if stored is not None:
        return stored, False
    await session.execute(insert(MetaRow).values(name=name, value=value))
    return value, True
