"""The token and revocation endpoints: Authlib carries the protocol, this module its memory.

Authlib decides client authentication (RFC 6749 section 2.3), both grants (4.1.3, 6), the PKCE proof
(RFC 7636 section 4.6) and revocation (RFC 7009). It is synchronous, so it runs inside
`AsyncSession.run_sync`, within one write transaction: what a code or refresh token is exchanged for is
stored together with the fact that it was exchanged.
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
from drio_tui.sandbox.oauth.server import plausible_client_id
from drio_tui.sandbox.oauth.settings import OAuthSettings
from drio_tui.sandbox.oauth.tables import Client, Code, Grant, Token, User

# At DEBUG, Authlib writes the tokens it issues into the log.
logging.getLogger("authlib").setLevel(logging.INFO)

Answer = tuple[int, Any, list[tuple[str, str]]]


class InvalidTargetError(OAuth2Error):
    """RFC 8707 section 2: the resource is unknown, or is not the one that was consented to."""

    error = "invalid_target"


class FormRequest(OAuth2Request):
    """A POST whose parameters are already read."""

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

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        """The code, if this client may still use it. A second use takes back what the first one gave."""
        found = self.server.session.get(Code, digest(code), with_for_update={"of": Code})
        if found is None or found.grant.client_id != client.id:
            return None
        if found.used_at is not None:
            self.server.revoke_grant(found.grant)
            return None
        if found.expires_at <= self.server.now or found.grant.revoked_at is not None:
            return None
        return found

    def validate_token_request(self) -> None:
        super().validate_token_request()
        self.server.check_resource(self.request)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        authorization_code.used_at = self.server.now

    def authenticate_user(self, authorization_code: Code) -> User:
        return authorization_code.grant.user


class _RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: TokenServer

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        """The token, if it is current. One that was exchanged before takes its whole family with it."""
        found = self.server.session.get(Token, digest(refresh_token), with_for_update={"of": Token})
        if found is None or found.kind != "refresh" or found.grant.client_id != self.server.client_id(self.request):
            return None
        if found.used_at is not None:
            self.server.revoke_grant(found.grant)
            return None
        if found.revoked_at or found.grant.revoked_at or found.expires_at <= self.server.now:
            return None
        return found

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
        """Only the token is needed: an unknown hint is ignored (RFC 7009 section 2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return self.server.session.get(Token, digest(token_string))

    def revoke_token(self, token: Token, request: Any) -> None:
        """An access token goes alone; a refresh token takes all that came from the same consent."""
        if token.kind == "refresh":
            self.server.revoke_grant(token.grant)
        else:
            token.revoked_at = self.server.now
            self.server.revoked = True


class TokenServer(AuthorizationServer):
    """Authlib's server over one database transaction. `revoked` tells whether anything was taken back."""

    def __init__(self, session: Session, settings: OAuthSettings) -> None:
        super().__init__()
        self.session = session
        self.settings = settings
        self.now = settings.clock()
        self.revoked = False
        self.register_grant(_CodeGrant, [CodeChallenge(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_token_generator(
            "default",
            self._new_token,  # type: ignore[arg-type]  # a generator may leave out what it does not use
        )

    def token(self, request: FormRequest) -> Answer:
        """Status, body and headers for the token endpoint."""
        answer: Answer = self.create_token_response(request)
        return answer

    def revoke(self, request: FormRequest) -> Answer:
        """Status, body and headers for the revocation endpoint."""
        answer: Answer = self.create_endpoint_response(_Revocation.ENDPOINT_NAME, request)  # type: ignore[no-untyped-call]  # no types there
        return answer

    def query_client(self, client_id: str) -> Any:
        return self.session.get(Client, client_id) if plausible_client_id(client_id) else None

    @staticmethod
    def client_id(request: Any) -> str | None:
        """The client that Authlib has authenticated."""
        client: Client | None = request.client
        return None if client is None else client.id

    def check_resource(self, request: Any) -> None:
        """The `resource` of a token request must be the one that was consented to, where one was named."""
        resource = request.form.get("resource")
        grant: Grant = (request.authorization_code or request.refresh_token).grant
        if resource is not None and (
            not self.settings.covers(resource) or (grant.resource is not None and resource != grant.resource)
        ):
            raise InvalidTargetError("The resource is not the one that was consented to.")

    def revoke_grant(self, grant: Grant) -> None:
        """Take back every code and token of one consent."""
        if grant.revoked_at is None:
            self.session.execute(
                update(Grant).where(Grant.id == grant.id, Grant.revoked_at.is_(None)).values(revoked_at=self.now)
            )
        self.revoked = True

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Store the digests of what `_new_token` made; a refresh token keeps the scope of the consent."""
        source: Code | Token = request.authorization_code or request.refresh_token
        settings = self.settings
        self._keep("access", token["access_token"], token["scope"], settings.access_lifetime, source.grant_id)
        if "refresh_token" in token:
            scope = source.get_scope()
            self._keep("refresh", token["refresh_token"], scope, settings.refresh_lifetime, source.grant_id)

    def _keep(self, kind: str, secret: str, scope: str, lifetime: int, grant_id: str) -> None:
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
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return status, body, headers


def live_access_token(key: str, now: float) -> Any:
    """The query for an access token that counts at `now`, by digest."""
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
