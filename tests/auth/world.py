"""A drio-like API, and an authorization server on another origin with unusual paths that is strict about the protocol.

The user has allowed all access beforehand, so following redirects signs in.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, unquote_plus, urlencode, urlsplit

from tests.auth.httpd import Handler, HttpServer, Raw, Reply, Request, json_reply

AUTHORIZE, TOKEN, REGISTER, REVOKE = "/door/in", "/counter/swap", "/desk/enrol", "/counter/return"


@dataclass
class Settings:
    """How the two servers behave; a test changes the settings it needs."""

    issuer_path: str = ""
    layout: str = "oauth"  # which of the four metadata URLs exists
    has_resource_metadata: bool = True
    challenge: str | None = "metadata"  # 'metadata', None, or a literal WWW-Authenticate value
    metadata: dict[str, Any] = field(default_factory=dict)  # None removes a property
    resource: dict[str, Any] = field(default_factory=dict)
    registration_status: int = 201
    registration: dict[str, Any] = field(default_factory=dict)
    secret_method: str | None = None  # the method that the server requires
    expires_in: Any = 300
    token: dict[str, Any] = field(default_factory=dict)
    rotates: bool = True
    sends_iss: bool = False
    refused_scopes: tuple[str, ...] = ()  # what `authorize` refuses with invalid_scope
    callback: dict[str, str | None] = field(default_factory=dict)  # added to (None: removed from) the redirect
    account: str = "ada@example.com"
    me_status: int = 200


class SignInServers:
    """The two servers: `api` is drio, `idp` the authorization server. The overrides replace the handlers of paths."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.override: dict[str, Handler] = {}  # handlers by path of the authorization server
        self.api_override: dict[str, Handler] = {}
        self.clients: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.access: dict[str, str] = {}  # token -> account
        self.refresh: dict[str, dict[str, str]] = {}
        self.revoked: list[str] = []
        self.refreshes = 0
        self.refused_grants = 0
        self._numbers = itertools.count(1)
        self.minted: list[str] = []  # every id, code, token and secret issued
        self.api = HttpServer(self._api)
        self.idp = HttpServer(self._idp)

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self.api)
        await self._stack.enter_async_context(self.idp)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def base_url(self) -> str:
        return f"{self.api.origin}/api/v1"

    @property
    def issuer(self) -> str:
        return self.idp.origin + self.settings.issuer_path

    def mint(self, kind: str) -> str:
        digest = hashlib.sha256(f"{id(self)} {kind} {next(self._numbers)}".encode()).hexdigest()
        token = f"{kind}-{digest}"
        self.minted.append(token)
        return token

    # --- the API -------------------------------------------------------------------------------

    def _challenge(self) -> str | None:
        if self.settings.challenge == "metadata":
            return f'Bearer resource_metadata="{self.api.origin}/.well-known/oauth-protected-resource/api/v1"'
        return self.settings.challenge

    def bearer(self, request: Request) -> str | None:
        return self.access.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    def refuse(self) -> Reply:
        challenge = self._challenge()
        return (
            json_reply({"error": {"code": "unauthorized", "message": "no"}}, 401)
            if challenge is None
            else json_reply(
                {"error": {"code": "unauthorized", "message": "no"}}, 401, **{"WWW-Authenticate": challenge}
            )
        )

    async def _api(self, request: Request) -> Reply | Raw:
        if request.path in self.api_override:
            return await self.api_override[request.path](request)
        if request.path.startswith("/api/v1/"):
            account = self.bearer(request)
            if account is None:
                return self.refuse()
            if request.path == "/api/v1/me":
                user = {"id": f"user_{account}", "email": account, "name": "A"}
                return json_reply({"user": user}, self.settings.me_status)
            return json_reply({"path": request.path, "account": account, "body": request.body.decode()})
        if request.path == "/.well-known/oauth-protected-resource/api/v1" and self.settings.has_resource_metadata:
            document = {"resource": self.base_url, "authorization_servers": [self.issuer]}
            return json_reply(_merged(document, self.settings.resource))
        return Reply(404, b"nothing")

    # --- the authorization server --------------------------------------------------------------

    @property
    def metadata_path(self) -> str:
        path = self.settings.issuer_path
        return {
            "oauth": f"/.well-known/oauth-authorization-server{path}",
            "openid": f"/.well-known/openid-configuration{path}",
            "openid appended": f"{path}/.well-known/openid-configuration",
            "oauth appended": f"{path}/.well-known/oauth-authorization-server",
        }[self.settings.layout]

    def metadata(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": self.idp.origin + AUTHORIZE,
            "token_endpoint": self.idp.origin + TOKEN,
            "registration_endpoint": self.idp.origin + REGISTER,
            "revocation_endpoint": self.idp.origin + REVOKE,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email"],
            "authorization_response_iss_parameter_supported": self.settings.sends_iss,
        }
        return _merged(document, self.settings.metadata)

    async def _idp(self, request: Request) -> Reply | Raw:
        if request.path in self.override:
            return await self.override[request.path](request)
        if request.path == self.metadata_path:
            return json_reply(self.metadata())
        match request.method, request.path:
            case "POST", "/desk/enrol":
                return self._register(request)
            case "GET", "/door/in":
                return self._authorize(request)
            case "POST", "/counter/swap":
                return self._token(request)
            case "POST", "/counter/return":
                self.revoked.append(request.form["token"])
                self.refresh.pop(request.form["token"], None)
                return Reply(200)
        return Reply(404, b"<html>no such page</html>", {"Content-Type": "text/html"})

    def _register(self, request: Request) -> Reply:
        if self.settings.registration_status not in (200, 201):
            return json_reply(
                {"error": "access_denied", "error_description": "ask us"}, self.settings.registration_status
            )
        method = self.settings.secret_method or "none"
        client = {**request.json, "client_id": self.mint("client"), "token_endpoint_auth_method": method}
        if method != "none":
            client |= {"client_secret": self.mint("secret"), "client_secret_expires_at": 0}
        client = _merged(client, self.settings.registration)
        self.clients[client["client_id"]] = client
        return json_reply(client, self.settings.registration_status)

    def _authorize(self, request: Request) -> Reply:
        params = request.params
        client = self.clients.get(params["client_id"])
        if client is None or params["redirect_uri"] not in client.get("redirect_uris", [params["redirect_uri"]]):
            return Reply(400, b"unknown client or redirect uri")
        assert params["response_type"] == "code"
        assert params["code_challenge_method"] == "S256"
        if set(params.get("scope", "").split()) & set(self.settings.refused_scopes):
            query = urlencode({"error": "invalid_scope", "error_description": "not yours", "state": params["state"]})
            return Reply(302, b"", {"Location": f"{params['redirect_uri']}?{query}"})
        code = self.mint("code")
        self.codes[code] = params | {"account": self.settings.account}
        answer: dict[str, str | None] = {"code": code, "state": params["state"]}
        if self.settings.sends_iss:
            answer["iss"] = self.issuer
        query = {k: v for k, v in (answer | self.settings.callback).items() if v is not None}
        return Reply(302, b"", {"Location": f"{params['redirect_uri']}?{urlencode(query)}"})

    def _token(self, request: Request) -> Reply:
        form = request.form
        client = self.clients.get(form.get("client_id", ""))
        if client is None or not self._authenticated(request, client):
            return json_reply({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            refreshed = self.refresh.get(form["refresh_token"])
            if refreshed is None or refreshed["client_id"] != form["client_id"]:
                self.refused_grants += 1
                return json_reply({"error": "invalid_grant", "error_description": "spent"}, 400)
            self.refreshes += 1
            if self.settings.rotates:
                del self.refresh[form["refresh_token"]]
            return json_reply(self.grant(refreshed, rotate=self.settings.rotates))
        authorization = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        valid = authorization is not None and (
            authorization["client_id"] == form["client_id"]
            and authorization["redirect_uri"] == form["redirect_uri"]
            and authorization["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        )
        if authorization is None or not valid:
            self.refused_grants += 1
            return json_reply({"error": "invalid_grant"}, 400)
        return json_reply(self.grant(authorization))

    def _authenticated(self, request: Request, client: dict[str, Any]) -> bool:
        basic = request.headers.get("authorization", "")
        match client["token_endpoint_auth_method"]:
            case "client_secret_basic":
                pair = base64.b64decode(basic.removeprefix("Basic ")).decode().split(":")
                return [unquote_plus(p) for p in pair] == [client["client_id"], client["client_secret"]]
            case "client_secret_post":
                return not basic and request.form.get("client_secret") == client["client_secret"]
        return not basic and "client_secret" not in request.form

    def grant(self, authorization: dict[str, str], *, rotate: bool = True) -> dict[str, Any]:
        """Issue tokens for an authorization or refresh, and accept them from now on."""
        access = self.mint("at")
        self.access[access] = authorization["account"]
        body: dict[str, Any] = {"access_token": access, "token_type": "bearer", "expires_in": self.settings.expires_in}
        if rotate:
            body["refresh_token"] = self.mint("rt")
            self.refresh[body["refresh_token"]] = authorization
        return _merged(body, self.settings.token)


@dataclass
class Page:
    """The last page of the browser."""

    status_code: int
    url: SplitResult
    text: str


def query_of(url: str) -> dict[str, str]:
    """Return the query of a URL in which no name occurs twice."""
    pairs = parse_qs(urlsplit(url).query)
    assert all(len(v) == 1 for v in pairs.values())
    return {k: v[0] for k, v in pairs.items()}


async def browse(url: str) -> Page:
    """Open `url` as a browser does, following redirects. Without httpx, whose log the tests inspect."""

    def follow() -> Page:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(url, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.status, urlsplit(answer.url), answer.read().decode())

    return await asyncio.to_thread(follow)


def _merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in (document | changes).items() if v is not None}


__all__ = ["AUTHORIZE", "REGISTER", "REVOKE", "TOKEN", "Page", "Settings", "SignInServers", "browse"]
