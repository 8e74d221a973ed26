"""The tables of the authorization server. Times are seconds since the epoch.

Codes, tokens and client secrets are stored as SHA-256 digests only, so that the database never holds a usable
credential.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from drio_tui.sandbox.db import Base
from drio_tui.sandbox.oauth.redirects import matches
from drio_tui.sandbox.oauth.secret import constant_time_equals, digest

_KEY = String(64)


class User(Base):
    """A user of the sandbox. `image` is a URL or null."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(254))
    image: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Client(Base):
    """A registered application (RFC 7591), which is kept when its tokens are deleted.

    Authlib calls the `check_*` methods.
    """

    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    application_type: Mapped[str] = mapped_column(String(10))
    auth_method: Mapped[str] = mapped_column(String(24))
    secret_digest: Mapped[str | None] = mapped_column(_KEY)
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    grant_types: Mapped[list[str]] = mapped_column(JSON)
    scope: Mapped[str] = mapped_column(Text)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Float)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret_digest is not None and constant_time_equals(self.secret_digest, digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return matches(redirect_uri, self.redirect_uris, native=self.application_type == "native")


class AuthorizationRequest(Base):
    """An authorization request: `status` is sign_in, consent, granted or denied.

    `key` is the digest of the handle in the URLs, `browser` the digest of the cookie of the browser that sent it.
    """

    __tablename__ = "oauth_requests"

    key: Mapped[str] = mapped_column(_KEY, primary_key=True)
    browser: Mapped[str] = mapped_column(_KEY)
    client_id: Mapped[str] = mapped_column(ForeignKey(Client.id, ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(128))
    resource: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[str | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    expires_at: Mapped[float] = mapped_column(Float, index=True)

    client: Mapped[Client] = relationship(lazy="joined", innerjoin=True)
    user: Mapped[User | None] = relationship(lazy="joined")


class WorkOSCode(Base):
    """A code that the stand-in for WorkOS has issued, for one authorization request."""

    __tablename__ = "workos_codes"

    key: Mapped[str] = mapped_column(_KEY, primary_key=True)
    request_key: Mapped[str] = mapped_column(ForeignKey(AuthorizationRequest.key, ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[float] = mapped_column(Float, index=True)


class Grant(Base):
    """The grant of one consent, to which its code and all its tokens belong."""

    __tablename__ = "oauth_grants"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(Client.id, ondelete="CASCADE"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(Text)
    resource: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class AuthorizationCode(Base):
    """An authorization code. A used one is kept, so that a second use is detected."""

    __tablename__ = "oauth_codes"

    key: Mapped[str] = mapped_column(_KEY, primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id, ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[float] = mapped_column(Float, index=True)
    used_at: Mapped[float | None] = mapped_column(Float)

    grant: Mapped[Grant] = relationship(lazy="joined", innerjoin=True)

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope


class Token(Base):
    """An access or refresh token (`kind`). A used refresh token is kept, so that a second use is detected."""

    __tablename__ = "oauth_tokens"

    key: Mapped[str] = mapped_column(_KEY, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id, ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float, index=True)
    used_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)

    grant: Mapped[Grant] = relationship(lazy="joined", innerjoin=True)

    def check_client(self, client: Client) -> bool:
        return self.grant.client_id == client.id

    def get_scope(self) -> str:
        return self.scope
