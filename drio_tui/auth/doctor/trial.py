"""A sign-in on trial: a separate client, tokens that are revoked at the end, nothing stored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from drio_tui.auth import browser, token_endpoint
from drio_tui.auth.account import fetch_account
from drio_tui.auth.authorization import AuthorizationRequest, FailedCallback
from drio_tui.auth.browser_step import BrowserStep
from drio_tui.auth.client_store import Client, ClientRegistrationStore
from drio_tui.auth.discovery import Discovery
from drio_tui.auth.doctor.report import Finding, Outcome, Redaction
from drio_tui.auth.errors import REGISTER_AGAIN, AuthorizationFailed, ClientRefused, GrantRefused, SignInFailed, Step
from drio_tui.auth.events import Event
from drio_tui.auth.loopback import Listener
from drio_tui.auth.oauth_http import OAuthHttpClient, OAuthResponse
from drio_tui.auth.profiles import Profile
from drio_tui.auth.registration import register, unregister
from drio_tui.auth.tokens import Clock, TokenSet
from drio_tui.text import duration

_ASKS_FOR_A_BROWSER = frozenset({401, 403, 405, 406, 429})
"""Statuses with which the authorization endpoint may refuse what is not a browser; they say nothing of the client."""


class Trial:
    """The steps of a sign-in with `discovery`. `aclose` undoes at the server what they did, and closes the listener."""

    def __init__(
        self,
        profile: Profile,
        discovery: Discovery,
        http: OAuthHttpClient,
        redaction: Redaction,
        *,
        on_event: Callable[[Event], None],
        open_browser: bool,
        timeout: float,
        clock: Clock,
        desktop: browser.DesktopEnvironment | None,
    ) -> None:
        self.browser = BrowserStep(
            on_event, open_browser=open_browser, timeout=timeout, desktop=desktop, can_register_again=False
        )
        self._profile = profile
        self._discovery = discovery
        self._http = http
        self._redaction = redaction
        self._clock = clock
        self._listener: Listener | None = None
        self._client: Client | None = None
        self._request: AuthorizationRequest | None = None
        self._code = ""
        self._tokens: TokenSet | None = None

    async def aclose(self) -> None:
        """Revoke the tokens and remove the client, as far as the server lets us, and close the listener."""
        tokens, self._tokens = self._tokens, None
        client, self._client = self._client, None
        if self._listener is not None:
            await self._listener.close()
        with contextlib.suppress(SignInFailed):
            if tokens is not None:
                await token_endpoint.revoke(self._http, tokens)
        with contextlib.suppress(SignInFailed):
            if client is not None:
                await unregister(self._http, client)

    async def run(self, step: str) -> Finding:
        """Run the step with this id. Raises `SignInFailed` and other `DrioError`s."""
        match step:
            case "registration":
                return await self._register()
            case "stored-client":
                return await self._probe_stored_client()
            case "authorization":
                return await self._make_request()
            case "callback":
                return await self._wait()
            case "token":
                return await self._exchange()
            case "account":
                return await self._fetch_account()
            case "refresh":
                return await self._refresh()
            case _:
                return await self._revoke()

    async def _register(self) -> Finding:
        self._listener = await Listener.open()
        redirect_uri, server = self._listener.redirect_uri, self._discovery.server
        if self._profile.client:
            self._client = Client(self._profile.client, server.issuer)
            return Finding(f"none: the profile has the client id {self._profile.client}")
        self._client = client = await register(
            self._http, server, redirect_uri, requested_scopes=self._discovery.scopes, now=self._clock.wall()
        )
        self._redaction.add(client.client_secret, client.registration_token)
        self._discovery = replace(self._discovery, scopes=client.scopes_to_request(self._discovery.scopes))
        return Finding(
            f"registered for this check as {client.client_id}, authentication {client.auth_method}",
            expected=redirect_uri,
            received=client.redirect_uris[0],
        )

    async def _probe_stored_client(self) -> Finding:
        """Ask the authorization endpoint about the client that the next sign-in would use; the browser stays closed."""
        issuer, now = self._discovery.server.issuer, self._clock.wall()
        known = [client for client in ClientRegistrationStore().for_issuer(issuer) if client.is_usable(now)]
        if self._profile.client or not known:
            return Finding("none; the next sign-in registers one", Outcome.SKIPPED)
        client = known[0]
        request = self._new_request(client.redirect_uris[0])
        response = await self._probe(request, client)
        if response.status in _ASKS_FOR_A_BROWSER:
            return Finding(f"the server tells only a browser (HTTP {response.status})", Outcome.SKIPPED)
        if 400 <= response.status < 500:
            return Finding(
                f"the server refuses the client {client.client_id} (HTTP {response.status}): "
                f"{response.error_text() or 'it no longer knows this program'}",
                Outcome.FAILED,
                expected="the sign-in page, or a redirect to it",
                received=f"HTTP {response.status}",
                advice=f"Register again: {REGISTER_AGAIN}.",
            )
        return Finding(f"the server knows the client {client.client_id}")

    async def _make_request(self) -> Finding:
        assert self._listener is not None  # the step before it did not fail
        assert self._client is not None
        redirect_uri = self._listener.redirect_uri
        self._request = self._new_request(redirect_uri)
        url = self._request.url(self._discovery, self._client.client_id)
        try:
            browser.require_web_url(url)
        except browser.BrowserUnavailable as error:
            return Finding(str(error), Outcome.FAILED, received=url, advice="Report it to the server's owner.")
        try:
            response = await self._probe(self._new_request(redirect_uri), self._client)
        except AuthorizationFailed as error:
            if error.error != "invalid_scope" or not self._discovery.scopes:
                raise
            self._discovery = replace(self._discovery, scopes=())  # as the sign-in does
            return Finding(f"{error.message}; asking without scopes", Outcome.WARNING, advice=error.hint or "")
        scopes = " ".join(self._discovery.scopes) or "none"
        if response.status in _ASKS_FOR_A_BROWSER or response.status < 400:
            return Finding(f"PKCE S256, resource {self._discovery.resource}, scopes {scopes}")
        response.raise_if_unavailable()
        return Finding(
            f"the server refuses it before asking anybody (HTTP {response.status}): {response.error_text()}",
            Outcome.FAILED,
            expected="the sign-in page, or a redirect to it",
            received=f"HTTP {response.status}",
            advice="The server refuses a client that it has just registered; report it to its owner.",
        )

    async def _probe(self, request: AuthorizationRequest, client: Client) -> OAuthResponse:
        """Send an authorization request without cookies; follow no redirect. Raises what the server redirects back."""
        url = request.url(self._discovery, client.client_id)
        response = await self._http.get(url, step=Step.CALLBACK, redirects=None)
        target = response.headers.get("location", "")
        if target.startswith(request.redirect_uri):
            result = request.parse_callback(urlsplit(target).query)
            if isinstance(result, FailedCallback):
                raise result.error
        return response

    def _new_request(self, redirect_uri: str) -> AuthorizationRequest:
        server = self._discovery.server
        request = AuthorizationRequest(server.issuer, server.sends_iss, redirect_uri)
        self._redaction.add(request.state, request.verifier, request.challenge)
        return request

    async def _wait(self) -> Finding:
        assert self._listener is not None
        assert self._client is not None
        assert self._request is not None
        url = self._request.url(self._discovery, self._client.client_id)
        self._code = await self.browser.wait_for_code(self._listener, self._request, url)
        self._redaction.add(self._code)
        return Finding(f"state and issuer are right, code {self._redaction.fingerprint(self._code)}")

    async def _exchange(self) -> Finding:
        assert self._client is not None
        assert self._request is not None
        try:
            tokens = await token_endpoint.exchange_code(
                self._http,
                self._discovery,
                self._client,
                code=self._code,
                verifier=self._request.verifier,
                redirect_uri=self._request.redirect_uri,
                now=self._clock.wall(),
            )
        except ClientRefused as error:
            error.hint = (
                f"The server forgets clients that it has registered. Register again: {REGISTER_AGAIN}; if it stays "
                "like this, report it to the server's owner."
            )
            raise
        self._use(tokens)
        missing = [scope for scope in self._discovery.scopes if scope not in tokens.scope.split()]
        summary = f"{self._describe(tokens)}, scopes {tokens.scope or 'none'}"
        if tokens.refresh_token is None:
            advice = "You will have to sign in again whenever the token ends; the server's owner can allow refreshing."
            return Finding(f"{summary}, no refresh token", Outcome.WARNING, advice=advice)
        if missing:
            return Finding(
                summary,
                Outcome.WARNING,
                expected=" ".join(self._discovery.scopes),
                received=tokens.scope,
                advice=f"Without {' '.join(missing)} some things do not work; the server's owner can grant it.",
            )
        return Finding(summary)

    async def _fetch_account(self) -> Finding:
        assert self._tokens is not None
        account = await fetch_account(self._http, self._profile, self._tokens)
        self._redaction.hide("account", account.id, account.email, account.name)
        names = [name for name in ("id", "email", "name") if getattr(account, name)]
        return Finding(f"names the account by {', '.join(names)} (not shown here)")

    async def _refresh(self) -> Finding:
        assert self._tokens is not None
        if self._tokens.refresh_token is None:
            return Finding("there is no refresh token", Outcome.SKIPPED)
        before = self._tokens.refresh_token
        tokens = await token_endpoint.refresh(self._http, self._tokens, now=self._clock.wall())
        self._use(tokens)
        rotation = "the same refresh token" if tokens.refresh_token == before else "a new refresh token"
        return Finding(f"{self._describe(tokens)}, {rotation}")

    async def _revoke(self) -> Finding:
        """Revoke the tokens; then a refresh must fail (RFC 7009 section 2)."""
        assert self._tokens is not None
        tokens = self._tokens
        if tokens.revocation_endpoint is None:
            advice = "Signing out leaves the token valid at the server until it ends; its owner can offer revocation."
            return Finding("the server offers none", Outcome.WARNING, advice=advice)
        await token_endpoint.revoke(self._http, tokens)
        self._tokens = None
        if tokens.refresh_token is None:
            return Finding("the token is revoked")
        try:
            revived = await token_endpoint.refresh(self._http, tokens, now=self._clock.wall())
        except GrantRefused:
            return Finding("the refresh token is revoked, and no longer accepted")
        self._use(revived)
        return Finding(
            "the server said yes, and still accepts the refresh token",
            Outcome.WARNING,
            expected="invalid_grant",
            received="new tokens",
            advice="Signing out does not end a sign-in at this server; report it to its owner.",
        )

    def _use(self, tokens: TokenSet) -> None:
        self._redaction.add(tokens.access_token, tokens.refresh_token, tokens.client_secret)
        self._tokens = tokens

    def _describe(self, tokens: TokenSet) -> str:
        lifetime = "no lifetime named" if tokens.lifetime is None else f"valid for {duration(tokens.lifetime)}"
        return f"access token {self._redaction.fingerprint(tokens.access_token)}, {lifetime}"
