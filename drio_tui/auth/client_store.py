"""The OAuth clients that this program has registered, per issuer, with their redirect URIs.

Stored in `clients.json` in the state folder. The file holds no secrets: a client secret or a registration token that
a server issues goes into the token store, under `Client.secret_entry`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.storage import paths
from drio_tui.storage.files import NotPrivate, os_error_text, private_dir, read_private, write_private
from drio_tui.storage.lock import FileLock, LockBusy

_MAX_PER_ISSUER = 8
# RFC 6749 appendix A.1 and A.2 allow any visible ASCII. The id goes into a URL for the browser, so it is bounded.
CLIENT_ID = re.compile(r"[\x20-\x7e]{1,2048}")
CLIENT_SECRET = re.compile(r"[\x20-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Client:
    """One OAuth client as registered (RFC 7591 section 3.2.1). Times are Unix seconds; 0 means never."""

    client_id: str
    issuer: str
    redirect_uris: tuple[str, ...] = ()
    issued_at: float = 0.0
    secret_expires_at: float = 0.0
    auth_method: str = "none"
    scopes: tuple[str, ...] = ()
    """The scopes it was registered for; empty where the server named none."""
    has_secrets: bool = False
    registration_uri: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    registration_token: str | None = field(default=None, repr=False)

    @property
    def secret_entry(self) -> str:
        """The name of this client's entry in the token store."""
        return f"client {self.issuer} {self.client_id}"

    def scopes_to_request(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Return the scopes to request: where the registration names scopes, only those of them that are `wanted`."""
        if not self.scopes or not wanted:
            return wanted
        return tuple(scope for scope in wanted if scope in self.scopes) or self.scopes

    def secrets_json(self) -> str:
        """Return the text to store under `secret_entry`."""
        return json.dumps({"clientSecret": self.client_secret, "registrationToken": self.registration_token})

    def with_secrets(self, text: str | None) -> Client | None:
        """Return the client with its secrets from `secrets_json`; None when it needs a secret and `text` has none."""
        try:
            secrets = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            secrets = {}
        secret = secrets.get("clientSecret") if isinstance(secrets, dict) else None
        token = secrets.get("registrationToken") if isinstance(secrets, dict) else None
        if self.auth_method != "none" and not isinstance(secret, str):
            return None
        return replace(
            self,
            client_secret=secret if isinstance(secret, str) else None,
            registration_token=token if isinstance(token, str) else None,
        )

    def is_usable(self, now: float) -> bool:
        """Return whether its secret has not expired (RFC 7591 `client_secret_expires_at`)."""
        return not self.secret_expires_at or now < self.secret_expires_at


class ClientRegistrationStore:
    """The registered clients on disk. A damaged or foreign file counts as empty: a client can be registered again.

    `notices` holds messages for the user.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.state_dir() / "clients.json"
        self.notices: list[str] = []
        self._unsaved: list[Client] | None = None

    def for_issuer(self, issuer: str) -> list[Client]:
        """Return the clients registered at `issuer`, newest first."""
        return [c for c in reversed(self._read()) if c.issuer == issuer]

    def add(self, client: Client) -> None:
        """Store `client`, replacing one of the same id; at most eight are kept per issuer, the newest."""
        self._change(lambda kept: _without_oldest([*(c for c in kept if not _same_client(c, client)), client]))

    def forget(self, issuer: str, client_id: str) -> None:
        """Remove one client."""
        self._change(lambda kept: [c for c in kept if (c.issuer, c.client_id) != (issuer, client_id)])

    def _change(self, change: Any) -> None:
        lock = FileLock(self.path.with_name("locks") / "clients.lock")
        try:
            with lock.hold_blocking(2.0):
                self._write(change(self._read()))
        except LockBusy:
            self._write(change(self._read()))

    def _read(self) -> list[Client]:
        if self._unsaved is not None:
            return self._unsaved
        try:
            items = json.loads(read_private(self.path))["clients"]
            return [client for item in items if CLIENT_ID.fullmatch((client := _parse_client(item)).client_id)]
        except FileNotFoundError:
            return []
        except NotPrivate as error:
            self.notices.append(f"{error}; registering again.")
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self.notices.append(f"{self.path} is damaged; registering again.")
        return []

    def _write(self, clients: list[Client]) -> None:
        body = {"version": 1, "clients": [_client_json(c) for c in clients]}
        try:
            private_dir(self.path.parent)
            write_private(self.path, json.dumps(body, indent=1).encode("ascii"))
        except (OSError, ValueError) as error:
            self._unsaved = clients
            self.notices.append(
                f"{self.path} cannot be written ({os_error_text(error)}); the next sign-in registers again."
            )


def _same_client(left: Client, right: Client) -> bool:
    return (left.issuer, left.client_id) == (right.issuer, right.client_id)


def _without_oldest(clients: list[Client]) -> list[Client]:
    newest = clients[-1]
    at_issuer = [c for c in clients if c.issuer == newest.issuer]
    dropped = at_issuer[:-_MAX_PER_ISSUER] if len(at_issuer) > _MAX_PER_ISSUER else []
    return [c for c in clients if c not in dropped]


def _client_json(client: Client) -> dict[str, Any]:
    return {
        "clientId": client.client_id,
        "issuer": client.issuer,
        "redirectUris": list(client.redirect_uris),
        "issuedAt": client.issued_at,
        "secretExpiresAt": client.secret_expires_at,
        "authMethod": client.auth_method,
        "scope": " ".join(client.scopes),
        "hasSecrets": client.has_secrets,
        "registrationUri": client.registration_uri,
    }


def _parse_client(item: Any) -> Client:
    def text(key: str) -> str | None:
        value = item.get(key)
        if value is not None and not isinstance(value, str):
            raise ValueError(key)
        return value

    client_id, issuer = text("clientId"), text("issuer")
    if not client_id or not issuer:
        raise ValueError("clientId")
    return Client(
        client_id=client_id,
        issuer=issuer,
        redirect_uris=tuple(str(uri) for uri in item.get("redirectUris") or ()),
        issued_at=float(item.get("issuedAt") or 0),
        secret_expires_at=float(item.get("secretExpiresAt") or 0),
        auth_method=text("authMethod") or "none",
        scopes=tuple((text("scope") or "").split()),
        has_secrets=item.get("hasSecrets") is True,
        registration_uri=text("registrationUri"),
    )
