"""The settings of the authorization server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

API_PREFIX = "/api/v1"
AUTH_PREFIX = f"{API_PREFIX}/auth"
CONSENT_PATH = "/oauth/consent"
SIGN_IN_PATH = "/workos/sign-in"
STYLE_PATH = "/oauth/style.css"

SCOPES: dict[str, str] = {
    "openid": "Know which drio account you are",
    "profile": "See your name and picture",
    "email": "See your e-mail address",
    "offline_access": "Stay signed in when you are away",
}
"""Every scope of the management API (contract 2), with its description on the consent page."""

DEFAULT_SCOPES = ("openid", "profile", "email")
"""Granted to an application that requests no scopes."""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """The settings of the authorization server.

    Lifetimes are in seconds. `clock` returns seconds since the epoch and can be replaced in tests. `base_url` is
    the sandbox's own origin, `http://127.0.0.1:PORT`, without a trailing slash; it is the issuer, and never taken
    from a request.
    """

    base_url: str
    access_lifetime: int = 3600
    refresh_lifetime: int = 30 * 86400
    local_lifetime: int = 10 * 365 * 86400
    code_lifetime: int = 60
    request_lifetime: int = 600
    registrations_per_minute: int = 30
    local_email: str = "you@sandbox.local"
    local_name: str = "Local User"
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.base_url.endswith("/"):
            raise ValueError("base_url ends without a slash")
        if self.code_lifetime > 60:
            raise ValueError("authorization codes live for 60 seconds at most")

    @property
    def api_url(self) -> str:
        """The protected resource: the base URL of the management API."""
        return self.base_url + API_PREFIX

    def covers(self, resource: str) -> bool:
        """Whether an RFC 8707 resource indicator names the management API (or the whole sandbox)."""
        if "#" in resource or not (resource.isascii() and resource.isprintable()):
            return False
        bare = resource.rstrip("/")
        return bare in (self.base_url, self.api_url) or resource.startswith(self.api_url + "/")
