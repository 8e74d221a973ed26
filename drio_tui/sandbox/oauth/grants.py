"""The token and revocation endpoints: Authlib implements the protocol, this module its storage.

Authlib implements client authentication (RFC 6749 section 2.3), both grants (4.1.3, 6), the PKCE verification
(RFC 7636 section 4.6) and revocation (RFC 7009). It is synchronous, so it runs inside `AsyncSession.run_sync`,
within one write transaction: new tokens are committed together with the use of the code or refresh token.
"""

from __future__ import annotations

import logging
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from drio_tui.sandbox.oauth.register import AUTH_METHODS
from drio_tui.sandbox.oauth.secret import digest, new_secret
from drio_tui.sandbox.oauth.server import is_client_id
from drio_tui.sandbox.oauth.settings import OAuthSettings
from drio_tui.sandbox.oauth.tables import AuthorizationCode, Client, Grant, Token, User

# At DEBUG Authlib logs the tokens that it issues.
logging.getLogger("authlib").setLevel(logging.INFO)

AuthlibResponse = tuple[int, Any, list[tuple[str, str]]]
"""Status, body and headers."""


class InvalidTargetError(OAuth2Error):
    """The resource is unknown, or is not the one that the user has consented to (RFC 8707 section 2)."""

    error = "invalid_target"


class FormRequest(OAuth2Request):
    """A POST whose form has been parsed already."""

    def __init__(self, uri: str, form: dict[str, str], authorization: str | None) -> None:
        super().__init__("POST", uri, headers={"Authorization": authorization} if authorization else {})
        self.payload = BasicOAuth2Payload(form)
        self._form = form

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)
    server: TokenServer

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        """Return the code if this client may still use it. A second use revokes the grant."""
        row = self.server.session.get(AuthorizationCode, digest(code), with_for_update={"of": AuthorizationCode})
        if row is None or row.grant.client_id != client.id:
            return None
        if row.used_at is not None:
            self.server.revoke_grant(row.grant)
            return None
        if row.expires_at <= self.server.now or row.grant.revoked_at is not None:
            return None
        return row

    def validate_token_request(self) -> None:
        super().validate_token_request()
        self.server.check_resource(self.request)

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        authorization_code.used_at = self.server.now

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User:
        return authorization_code.grant.user


class _RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: TokenServer

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        """Return the token if it is valid. A second use revokes the grant, with all its tokens."""
        row = self.server.session.get(Token, digest(refresh_token), with_for_update={"of": Token})
        if row is None or row.kind != "refresh" or row.grant.client_id != self.server.client_id(self.request):
            return None
        if row.used_at is not None:
            self.server.revoke_grant(row.grant)
            return None
        if row.revoked_at or row.grant.revoked_at or row.expires_at <= self.server.now:
            return None
        return row

    def validate_token_request(self) -> None:
        super().validate_token_request()
        self.server.check_resource(self.request)

    def authenticate_user(self, refresh_token: Token) -> User:
        return refresh_token.grant.user

    def revoke_old_credential(self, refresh_token: Any) -> None:
        refresh_token.used_at = self.server.now


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = list(AUTH_METHODS)
    server: TokenServer

    def check_params(self, request: Any, client: Client) -> None:
        """Require only the token; an unknown `token_type_hint` is ignored (RFC 7009 section 2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return self.server.session.get(Token, digest(token_string))

    def revoke_token(self, token: Token, request: Any) -> None:
        """Revoke an access token, or the whole grant of a refresh token."""
        if token.kind == "refresh":
            self.server.revoke_grant(token.grant)
        else:
            token.revoked_at = self.server.now


class TokenServer(AuthorizationServer):
    """Authlib's server for one database transaction."""

    def __init__(self, session: Session, settings: OAuthSettings) -> None:
        super().__init__()
        self.session = session
        self.settings = settings
        self.now = settings.clock()
        self.register_grant(_CodeGrant, [CodeChallenge(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_token_generator(
            "default",
            self._new_token,  # type: ignore[arg-type]  # Authlib allows a generator to omit parameters
        )

    def token(self, request: FormRequest) -> AuthlibResponse:
        """Return the response of the token endpoint."""
        response: AuthlibResponse = self.create_token_response(request)
        return response

    def revoke(self, request: FormRequest) -> AuthlibResponse:
        """Return the response of the revocation endpoint."""
        response: AuthlibResponse = self.create_endpoint_response(_Revocation.ENDPOINT_NAME, request)  # type: ignore[no-untyped-call]  # Authlib has no types
        return response

    def query_client(self, client_id: str) -> Any:
        return self.session.get(Client, client_id) if is_client_id(client_id) else None

    @staticmethod
    def client_id(request: Any) -> str | None:
        """Return the id of the client that Authlib has authenticated."""
        client: Client | None = request.client
        return None if client is None else client.id

    def check_resource(self, request: Any) -> None:
        """Raise `InvalidTargetError` if `resource` is not the one of the grant, or is not served here."""
        resource = request.form.get("resource")
        grant: Grant = (request.authorization_code or request.refresh_token).grant
        if resource is not None and (
            not self.settings.covers(resource) or (grant.resource is not None and resource != grant.resource)
        ):
            raise InvalidTargetError("The resource is not the one that was consented to.")

    def revoke_grant(self, grant: Grant) -> None:
        """Revoke a grant, with every code and token of it."""
        if grant.revoked_at is None:
            self.session.execute(
                update(Grant).where(Grant.id == grant.id, Grant.revoked_at.is_(None)).values(revoked_at=self.now)
            )

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Store the digests of new tokens; a refresh token keeps the whole scope of the grant."""
        source: AuthorizationCode | Token = request.authorization_code or request.refresh_token
        settings = self.settings
        self._insert("access", token["access_token"], token["scope"], settings.access_lifetime, source.grant_id)
        if "refresh_token" in token:
            scope = source.get_scope()
            self._insert("refresh", token["refresh_token"], scope, settings.refresh_lifetime, source.grant_id)

    def _insert(self, kind: str, secret: str, scope: str, lifetime: int, grant_id: str) -> None:
        self.session.add(
            Token(
                key=digest(secret),
                kind=kind,
                grant_id=grant_id,
                scope=scope,
                issued_at=self.now,
                expires_at=self.now + lifetime,
            )
        )

    def _new_token(
        self, *, scope: str | None = None, include_refresh_token: bool = True, **_other: Any
    ) -> dict[str, Any]:
        token: dict[str, Any] = {
            "access_token": new_secret("at"),
            "token_type": "Bearer",
            "expires_in": self.settings.access_lifetime,
            "scope": scope or "",
        }
        if include_refresh_token:
            token["refresh_token"] = new_secret("rt")
        return token

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: Authlib's signals are not used."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> AuthlibResponse:
        return status, body, headers


def valid_access_token(key: str, now: float) -> Any:
    """Return the query for an access token that is valid at `now`, by its digest."""
    return (
        select(Token)
        .join(Token.grant)
        .where(
            Token.key == key,
            Token.kind == "access",
            Token.revoked_at.is_(None),
            Token.expires_at > now,
            Grant.revoked_at.is_(None),
        )
    )
