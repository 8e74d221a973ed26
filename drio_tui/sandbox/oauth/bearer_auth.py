"""Who sends a request to the management API, told by its bearer token (RFC 6750)."""

from __future__ import annotations

import re
import secrets
from typing import cast

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse

from drio_tui.sandbox.db import Base, Database
from drio_tui.sandbox.middleware import problem_response
from drio_tui.sandbox.oauth.grants import live_access_token
from drio_tui.sandbox.oauth.secret import digest, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer, Principal
from drio_tui.sandbox.oauth.settings import API_PREFIX, DEFAULT_SCOPES, OAuthSettings
from drio_tui.sandbox.oauth.tables import Client, Grant, Token, User

LOCAL_CLIENT = "local"
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]{1,512}=*\Z")


class NotSignedIn(Exception):
    """A request to a protected route without a token that counts. `sent` tells whether there was one."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("invalid token" if sent else "no token")
        self.sent = sent


async def require_user(request: Request) -> Principal:
    """The dependency of every protected route; raises `NotSignedIn`, which becomes a 401."""
    server = cast(OAuthServer, request.app.state.oauth)
    headers = request.headers.getlist("authorization")
    if not headers:
        raise NotSignedIn(sent=False)
    scheme, _, token = headers[0].partition(" ")
    token = token.strip()
    if len(headers) > 1 or scheme.lower() != "bearer" or not _BEARER.match(token):
        raise NotSignedIn(sent=True)
    principal = await principal_of(server, token)
    if principal is None:
        raise NotSignedIn(sent=True)
    return principal


async def principal_of(server: OAuthServer, token: str) -> Principal | None:
    """Whom an access token stands for; None when it is unknown, expired, revoked or for something else."""
    key, now = digest(token), server.now()
    known = server.tokens.get(key, now)
    if known is not None:
        return known
    generation = server.tokens.generation
    async with server.db.read() as session:
        found: Token | None = (await session.execute(live_access_token(key, now))).unique().scalar_one_or_none()
    if found is None:
        return None
    principal = Principal(
        user_id=found.grant.user_id,
        email=found.grant.user.email,
        client_id=found.grant.client_id,
        scopes=frozenset(found.scope.split()),
    )
    server.tokens.put(key, principal, found.expires_at, generation)
    return principal


async def not_signed_in(request: Request, error: Exception) -> JSONResponse:
    """The 401 for `NotSignedIn`, in drio's envelope, with the way to sign in (RFC 9728 section 5.1)."""
    server = cast(OAuthServer, request.app.state.oauth)
    metadata = f"{server.settings.base_url}/.well-known/oauth-protected-resource{API_PREFIX}"
    challenge = f'Bearer resource_metadata="{metadata}"'
    message = "Sign in first: this route needs a bearer token."
    if isinstance(error, NotSignedIn) and error.sent:
        challenge = f'Bearer error="invalid_token", error_description="The token does not count", {challenge[7:]}'
        message = "The token is unknown, has expired or was revoked: sign in again."
    return problem_response(401, "unauthorized", message, scope=request.scope, headers={"WWW-Authenticate": challenge})


# --- people, and the token that never crosses the network ----------------------------------------


async def user_with_email(session: AsyncSession, email: str, *, name: str, now: float) -> User:
    """The user of that address, made when there is none yet."""
    query = select(User).where(User.email == email)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        user = User(id="user_" + secrets.token_hex(8), email=email, name=name, image=None, created_at=now)
        await _add_unless_there(session, user)
        found = (await session.execute(query)).scalar_one()
    return found


async def _add_unless_there(session: AsyncSession, row: Base) -> None:
    """Insert a row that another process may be inserting at the same time; whichever comes first stays."""
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        pass


async def local_user(session: AsyncSession, settings: OAuthSettings) -> User:
    """The person at this machine: who the local token stands for and the sign-in page offers."""
    return await user_with_email(session, settings.local_email, name=settings.local_name, now=settings.clock())


async def mint_local_token(db: Database, settings: OAuthSettings) -> str:
    """A bearer token for the local user, to be handed over through a private file only.

    It belongs to a client of its own, `local`, that can do nothing else; it lives for
    `settings.local_lifetime` and ends with the database (`drio-tui sandbox reset`).
    """
    secret, now = new_secret("local"), settings.clock()
    async with db.session() as session:
        user = await local_user(session, settings)
        if await session.get(Client, LOCAL_CLIENT) is None:
            await _add_unless_there(
                session,
                Client(
                    id=LOCAL_CLIENT,
                    name="This machine",
                    application_type="native",
                    auth_method="local",  # no endpoint knows this method, so the client cannot act at any
                    secret_digest=None,
                    redirect_uris=[],
                    grant_types=[],
                    scope=" ".join(DEFAULT_SCOPES),
                    about={},
                    created_at=now,
                ),
            )
        grant = Grant(
            id="grant_" + secrets.token_hex(12),
            client_id=LOCAL_CLIENT,
            user_id=user.id,
            scope=" ".join(DEFAULT_SCOPES),
            resource=settings.api_url,
            created_at=now,
            revoked_at=None,
        )
        session.add(grant)
        await session.flush()
        session.add(
            Token(
                key=digest(secret),
                kind="access",
                grant_id=grant.id,
                scope=grant.scope,
                issued_at=now,
                expires_at=now + settings.local_lifetime,
            )
        )
    return secret
