"""The sandbox's OAuth 2.1 authorization server, and the validation of its tokens.

`install(app, db, settings)` adds the routes, and the 401 of `require_user`, to a Starlette or FastAPI application.
Import this package before `Database.open`, which creates its tables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drio_tui.sandbox.db import Database, ReadCache
from drio_tui.sandbox.oauth import authorize, metadata, register, token_routes, workos
from drio_tui.sandbox.oauth.bearer_auth import (
    NotSignedIn,
    local_user,
    mint_local_token,
    principal_of,
    require_user,
    unauthorized_response,
    user_with_email,
)
from drio_tui.sandbox.oauth.form_parsing import OAuthProblem
from drio_tui.sandbox.oauth.pages import style_sheet
from drio_tui.sandbox.oauth.server import OAuthServer, Principal, RateLimit
from drio_tui.sandbox.oauth.settings import (
    API_PREFIX,
    AUTH_PREFIX,
    CONSENT_PATH,
    SIGN_IN_PATH,
    STYLE_PATH,
    OAuthSettings,
)
from drio_tui.sandbox.oauth.tables import User

__all__ = [
    "NotSignedIn",
    "OAuthServer",
    "OAuthSettings",
    "Principal",
    "User",
    "build_routes",
    "install",
    "local_user",
    "mint_local_token",
    "principal_of",
    "require_user",
    "user_with_email",
]

_Endpoint = Callable[[OAuthServer, Request], Awaitable[Response]]


def install(app: Starlette, db: Database, settings: OAuthSettings) -> OAuthServer:
    """Add the authorization server to `app`, also as `app.state.oauth`, and return it."""
    server = OAuthServer(db, settings, RateLimit(settings.registrations_per_minute), ReadCache(db))
    app.state.oauth = server
    app.add_exception_handler(NotSignedIn, unauthorized_response)
    app.router.routes.extend(build_routes(server))
    return server


def build_routes(server: OAuthServer) -> list[BaseRoute]:
    """Return the routes: discovery, the OAuth endpoints, the WorkOS sign-in and the consent page."""
    settings = server.settings
    authorization_server = metadata.authorization_server(settings)
    root = metadata.protected_resource(settings, resource=settings.base_url)
    api = metadata.protected_resource(settings, resource=settings.api_url)
    well_known = "/.well-known/oauth-"
    return [
        _document_route(f"{well_known}authorization-server", authorization_server),
        _document_route(f"{well_known}authorization-server{API_PREFIX}", authorization_server),
        _document_route(f"{well_known}protected-resource", root),
        _document_route(f"{well_known}protected-resource{API_PREFIX}", api),
        _route(server, f"{AUTH_PREFIX}/register", "POST", register.register),
        _route(server, f"{AUTH_PREFIX}/authorize", "GET", authorize.authorize),
        _route(server, authorize.CALLBACK_PATH, "GET", authorize.callback),
        _route(server, f"{AUTH_PREFIX}/token", "POST", token_routes.token),
        _route(server, f"{AUTH_PREFIX}/refresh", "POST", token_routes.refresh),
        _route(server, f"{AUTH_PREFIX}/revoke", "POST", token_routes.revoke),
        _route(server, SIGN_IN_PATH, "GET", workos.show_sign_in),
        _route(server, SIGN_IN_PATH, "POST", workos.sign_in),
        _route(server, CONSENT_PATH, "GET", authorize.show_consent),
        _route(server, CONSENT_PATH, "POST", authorize.answer_consent),
        Route(STYLE_PATH, _style, methods=["GET"]),
    ]


def _route(server: OAuthServer, path: str, method: str, endpoint: _Endpoint) -> Route:
    async def call(request: Request) -> Response:
        try:
            return await endpoint(server, request)
        except OAuthProblem as problem:
            return problem.response()

    return Route(path, call, methods=[method], name=endpoint.__name__)


def _document_route(path: str, document: dict[str, object]) -> Route:
    async def call(_request: Request) -> Response:
        return JSONResponse(document, headers={"Cache-Control": "no-cache"})

    return Route(path, call, methods=["GET"])


async def _style(_request: Request) -> Response:
    return style_sheet()
