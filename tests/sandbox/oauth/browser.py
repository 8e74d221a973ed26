"""Helpers for signing in: a browser that keeps cookies and posts forms, an application, a clock."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.types import ASGIApp

PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"
AUTH = "/api/v1/auth"


class Clock:
    """Seconds since the epoch, which change only by `forward`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def http(app: ASGIApp, base: str = BASE) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


class _Page(HTMLParser):
    """The forms of a page (id, action, method, fields), its text and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            form = {"id": attributes.get("id"), "action": attributes["action"], "method": attributes["method"]}
            self.forms.append(form | {"fields": {}})
        elif tag == "input" and attributes.get("name"):
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text.append(data)


class Browser:
    """Follows redirects inside the sandbox; one to another origin is kept as `external_redirect` instead."""

    def __init__(self, app: ASGIApp, base: str = BASE) -> None:
        self.base = base
        self.http = http(app, base)
        self.page: httpx.Response | None = None
        self.external_redirect = ""

    async def open(self, url: str) -> httpx.Response:
        return await self._follow(await self.http.get(url))

    async def _follow(self, response: httpx.Response) -> httpx.Response:
        self.external_redirect = ""
        while response.is_redirect:
            target = str(response.url.join(response.headers["location"]))
            if not target.startswith(self.base + "/"):
                self.external_redirect = response.headers["location"]
                break
            response = await self.http.get(target)
        self.page = response
        return response

    @property
    def forms(self) -> list[dict[str, Any]]:
        assert self.page is not None
        return _Page(self.page.text).forms

    @property
    def tags(self) -> list[str]:
        assert self.page is not None
        return _Page(self.page.text).tags

    @property
    def text(self) -> str:
        assert self.page is not None
        return " ".join(" ".join(_Page(self.page.text).text).split())

    async def submit(self, form: int = 0, headers: dict[str, str] | None = None, **values: str) -> httpx.Response:
        """Submit the page's form of that number."""
        target = self.forms[form]
        assert target["method"] == "post"
        all_headers = {"Origin": self.base, **(headers or {})}
        response = await self.http.post(target["action"], data=target["fields"] | values, headers=all_headers)
        return await self._follow(response)

    async def sign_in(self, email: str | None = None) -> None:
        """On the sign-in page, continue as the local user, or with another address."""
        if email is None:
            await self.submit(0, who="local")
        else:
            await self.submit(1, who="other", email=email)

    @property
    def redirect_params(self) -> dict[str, str]:
        """The parameters of the redirect to the application."""
        pairs = parse_qsl(urlsplit(self.external_redirect).query, keep_blank_values=True)
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)

    async def close(self) -> None:
        await self.http.aclose()


@dataclass
class Application:
    """A registered application with its PKCE verifier."""

    http: httpx.AsyncClient
    info: dict[str, Any]
    redirect_uri: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def id(self) -> str:
        return str(self.info["client_id"])

    @property
    def challenge(self) -> str:
        return challenge_of(self.verifier)

    def authorize_url(self, **changes: str | None) -> str:
        """Return the authorization URL; `changes` replace parameters, None removes one."""
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "state": "a state",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changes
        query = {name: value for name, value in params.items() if value is not None}
        return str(httpx.URL(BASE + f"{AUTH}/authorize", params=query))

    async def exchange(self, code: str, /, **changes: Any) -> httpx.Response:
        """Exchange a code for tokens."""
        auth = changes.pop("auth", None)
        params = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.id,
            "code_verifier": self.verifier,
        } | changes
        form = {name: value for name, value in params.items() if value is not None}
        return await self.http.post(f"{AUTH}/token", data=form, auth=auth)

    async def refresh(self, token: str, /, **changes: Any) -> httpx.Response:
        """Exchange a refresh token for new tokens."""
        auth = changes.pop("auth", None)
        params = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.id} | changes
        form = {name: value for name, value in params.items() if value is not None}
        return await self.http.post(f"{AUTH}/token", data=form, auth=auth)

    async def revoke(self, token: str, /, **changes: Any) -> httpx.Response:
        """Revoke a token."""
        auth = changes.pop("auth", None)
        params = {"token": token, "client_id": self.id} | changes
        form = {name: value for name, value in params.items() if value is not None}
        return await self.http.post(f"{AUTH}/revoke", data=form, auth=auth)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
