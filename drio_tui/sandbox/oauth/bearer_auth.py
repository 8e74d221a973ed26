"""Authentication of requests to the management API by bearer token (RFC 6750)."""

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
from drio_tui.sandbox.oauth.grants import valid_access_token
from drio_tui.sandbox.oauth.secret import digest, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer, Principal
from drio_tui.sandbox.oauth.settings import API_PREFIX, DEFAULT_SCOPES, OAuthSettings
from drio_tui.sandbox.oauth.tables import Client, Grant, Token, User

LOCAL_CLIENT = "local"
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]{1,512}=*\Z")


class NotSignedIn(Exception):
    """A request to a protected route without a valid token. `sent` is whether it had an invalid one."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("invalid token" if sent else "no token")
        self.sent = sent


async def require_user(request: Request) -> Principal:
    """Return who sent the request: the dependency of every protected route. Raises `NotSignedIn` (401)."""
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
    """Return the user and client of an access token; None if it is unknown, expired, revoked or a refresh token."""
    key, now = digest(token), server.now()

    async def load(session: AsyncSession) -> tuple[Principal, float] | None:
        row: Token | None = (await session.execute(valid_access_token(key, now))).unique().scalar_one_or_none()
        if row is None:
            return None
        principal = Principal(
            user_id=row.grant.user_id,
            email=row.grant.user.email,
            client_id=row.grant.client_id,
            scopes=frozenset(row.scope.split()),
        )
        return principal, row.expires_at

    principal, expires_at = await server.tokens.read(key, load) or (None, 0.0)
    return principal if expires_at > now else None


async def unauthorized_response(request: Request, error: Exception) -> JSONResponse:
    """Return the 401 for `NotSignedIn`, in drio's envelope, with the metadata URL (RFC 9728 section 5.1)."""
    server = cast(OAuthServer, request.app.state.oauth)
    metadata = f"{server.settings.base_url}/.well-known/oauth-protected-resource{API_PREFIX}"
    challenge = f'Bearer resource_metadata="{metadata}"'
    message = "Sign in first: this route needs a bearer token."
    if isinstance(error, NotSignedIn) and error.sent:
        challenge = f'Bearer error="invalid_token", error_description="The token does not count", {challenge[7:]}'
        message = "The token is unknown, has expired or was revoked: sign in again."
    return problem_response(401, "unauthorized", message, scope=request.scope, headers={"WWW-Authenticate": challenge})


# --- users, and the local token ------------------------------------------------------------------


async def user_with_email(session: AsyncSession, email: str, *, name: str, now: float) -> User:
    """Return the user with that e-mail address, created if there is none yet."""
    query = select(User).where(User.email == email)
    user = (await session.execute(query)).scalar_one_or_none()
    if user is None:
        new_user = User(id="user_" + secrets.token_hex(8), email=email, name=name, image=None, created_at=now)
        await _insert_if_absent(session, new_user)
        user = (await session.execute(query)).scalar_one()
    return user


async def _insert_if_absent(session: AsyncSession, row: Base) -> None:
    """Insert a row, unless another process has inserted it at the same time."""
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        pass


async def local_user(session: AsyncSession, settings: OAuthSettings) -> User:
    """Return the user of the local token, whom the sign-in page offers first; created if necessary."""
    return await user_with_email(session, settings.local_email, name=settings.local_name, now=settings.clock())


async def mint_local_token(db: Database, settings: OAuthSettings) -> str:
    """Store a bearer token for the local user and return it; it is passed on through a private file only.

    It belongs to the client `local`, which no OAuth endpoint accepts. It is valid for `settings.local_lifetime`,
    at most until the database is reset (`drio-tui sandbox reset`).
    """
    secret, now = new_secret("local"), settings.clock()
    async with db.session() as session:
        user = await local_user(session, settings)
        if await session.get(Client, LOCAL_CLIENT) is None:
            await _insert_if_absent(
                session,
                Client(
                    id=LOCAL_CLIENT,
                    name="This machine",
                    application_type="native",
                    auth_method="local",  # no endpoint supports this method, so the client cannot use any
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
