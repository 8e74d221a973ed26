"""Errors of signing in, staying signed in and signing out. Each names the step that failed and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from drio_tui.api.errors import ConnectionFailed, DrioError, SignInRequired

REGISTER_AGAIN = "`drio-tui login --register-again`, or `R` on the sign-in screen"


class Step(StrEnum):
    """The steps of signing in; the values are shown to the user."""

    DISCOVERY = "discovery"
    REGISTRATION = "registration"
    LISTENER = "listener"
    BROWSER = "browser"
    CALLBACK = "callback"
    EXCHANGE = "token exchange"
    ACCOUNT = "account"
    STORAGE = "storage"
    REFRESH = "refresh"
    REVOCATION = "revocation"


class SignInFailed(DrioError):
    """A step of signing in failed; `step` says which. Nothing was stored."""

    title = "Sign-in failed"
    step: Step = Step.DISCOVERY
    register_again: bool = False
    """Whether forgetting the registered client and registering a new one may help."""

    expected: str = ""
    """The value that the protocol asks for, where one value differs from another; else empty."""
    received: str = ""
    """The value received instead of `expected`; as sent, not sanitized."""

    def __init__(
        self,
        message: str = "",
        *,
        step: Step | None = None,
        title: str | None = None,
        hint: str | None = None,
        expected: str = "",
        received: str = "",
    ) -> None:
        super().__init__(message, title=title, hint=hint)
        if step is not None:
            self.step = step
        self.expected, self.received = expected, received

    def __str__(self) -> str:
        return f"{self.title} ({self.step}): {self.message}"

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"step": str(self.step)}


# --- the connection to the sign-in server ----------------------------------------------------------


class StepUnreachable(SignInFailed):
    """No connection: nothing was sent."""

    title = "Cannot reach the sign-in server"
    hint = "Check the network, the proxy settings and the host, then try again."


class StepTimeout(SignInFailed):
    """No complete response in time."""

    title = "The sign-in server did not answer in time"
    hint = "Try again in a moment."


class StepConnectionError(SignInFailed):
    """The connection broke before the response was complete."""

    title = "The connection to the sign-in server broke"
    hint = "Try again."


class ServerUnavailable(SignInFailed):
    """5xx, 408 or 429; `retry_after` in seconds where the server sent it."""

    title = "The sign-in server is unavailable"
    hint = "This is on the server's side; try again later."
    status: int = 0
    retry_after: float | None = None


class BadAnswer(SignInFailed):
    """A response that violates the protocol: not JSON, wrong types, too large, an unexpected status."""

    title = "The sign-in server gave a response that makes no sense"
    hint = "Check the base URL; a proxy or a captive portal may be answering instead."
    json_hint = "The server answers, but not as OAuth asks; report it to its owner."
    """The hint for a JSON response, which no captive portal sends."""


# --- discovery -------------------------------------------------------------------------------------


class NoSignInService(SignInFailed):
    """No authorization-server metadata at any of the well-known URLs."""

    title = "No sign-in service was found"
    hint = "Check that the base URL is a drio host."


class MetadataMismatch(SignInFailed):
    """The metadata name another issuer or another resource than the one they were fetched for."""

    title = "The sign-in metadata belong to someone else"
    hint = "Check the base URL; do not go on if you did not expect this."


class UnsafeEndpoint(SignInFailed):
    """An endpoint that is neither https nor http on loopback."""

    title = "The sign-in server names an unsafe address"
    hint = "Only https, or http on this machine, is used. Check the base URL."


class PkceMissing(SignInFailed):
    """The server does not offer PKCE with S256 (RFC 7636)."""

    title = "The sign-in server is too old to be safe"
    hint = "It must list S256 in code_challenge_methods_supported."


# --- registration ----------------------------------------------------------------------------------


class RegistrationUnavailable(SignInFailed):
    """There is no registration endpoint and no client id was given."""

    title = "This server does not register clients"
    hint = "Ask its owner for a client id and run `drio-tui login --client-id ID`."
    step = Step.REGISTRATION


class RegistrationRefused(SignInFailed):
    """The server refused to register this client."""

    title = "The server refused to register this program"
    hint = "Ask its owner for a client id and run `drio-tui login --client-id ID`."
    step = Step.REGISTRATION


class RedirectUriChanged(SignInFailed):
    """The server registered other redirect URIs than the requested one, so no callback could arrive."""

    title = "The server registered another return address"
    hint = "Report this to the server's owner; a client id made by hand (`--client-id`) avoids it."
    step = Step.REGISTRATION


# --- browser and callback --------------------------------------------------------------------------


class ListenerFailed(SignInFailed):
    """No loopback port could be opened."""

    title = "Cannot listen for the browser's response"
    hint = "Another program or a firewall may forbid it; look at the loopback interface."
    step = Step.LISTENER


class AuthorizationDenied(SignInFailed):
    """`error=access_denied`: the user denied access, or is not allowed to grant it."""

    title = "Sign-in was denied"
    hint = "Start again and allow access in the browser."
    step = Step.CALLBACK


class AuthorizationFailed(SignInFailed):
    """The authorization server answered with another error (RFC 6749 section 4.1.2.1)."""

    title = "The sign-in server answered with an error"
    hint = f"Try again; if it comes back, register again: {REGISTER_AGAIN}."
    step = Step.CALLBACK
    error: str = ""


class CallbackRefused(SignInFailed):
    """The callback has the right state but is malformed."""

    title = "The browser brought back a response that cannot be trusted"
    hint = "Start again."
    step = Step.CALLBACK


class IssuerMixUp(CallbackRefused):
    """The callback's `iss` is missing or names another issuer (RFC 9207)."""

    title = "The response came from another sign-in server"
    hint = "Do not go on if you did not expect this; check the base URL and start again."


class PasteRefused(SignInFailed):
    """The pasted text cannot be used; the sign-in goes on waiting."""

    title = "That cannot be used"
    hint = "Paste the whole address of the last page, as the browser shows it."
    step = Step.CALLBACK


class CallbackTimeout(SignInFailed):
    """No callback arrived in time."""

    title = "The browser did not come back in time"
    hint = (
        "Try again; paste the address the browser ended at; or, if the browser showed an error page such as "
        f"invalid_client, register again: {REGISTER_AGAIN}."
    )
    step = Step.CALLBACK
    register_again = True


class SignInCancelled(SignInFailed):
    """The user cancelled; stored tokens are unchanged."""

    title = "Sign-in was cancelled"
    hint = "Nothing was changed."
    step = Step.CALLBACK


# --- token endpoint --------------------------------------------------------------------------------


class ExchangeRefused(SignInFailed):
    """The token endpoint refused the request; `error` is its error code (RFC 6749 section 5.2)."""

    title = "The code was not accepted"
    hint = "Start again."
    step = Step.EXCHANGE
    error: str = ""


class GrantRefused(ExchangeRefused):
    """invalid_grant: the code or refresh token is used, expired, revoked or another client's."""

    title = "The sign-in ran out or was used already"
    hint = "Start again, and finish within a minute of allowing access."


class ClientRefused(ExchangeRefused):
    """invalid_client: the server no longer knows this client."""

    title = "The server no longer knows this program"
    hint = f"Register again: {REGISTER_AGAIN}."
    register_again = True


class TargetRefused(ExchangeRefused):
    """invalid_target: the server gives no tokens for this API (RFC 8707)."""

    title = "The server gives no access to this API"
    hint = (
        "It does not know the API's address as a resource (RFC 8707). Check the base URL of the profile; "
        "if it is right, ask the server's owner to add it."
    )


class ClientNotAllowed(ExchangeRefused):
    """unauthorized_client: the client may not use this grant."""

    title = "The server does not let this program sign users in"
    hint = "Ask the server's owner, or use another client id (`--client-id`)."


class AccountUnknown(SignInFailed):
    """`GET /me` did not confirm the account, so the tokens were discarded."""

    title = "The account could not be confirmed"
    hint = "Try again; if it stays like this, check the base URL."
    step = Step.ACCOUNT


# --- stored sign-ins -------------------------------------------------------------------------------


class StoreFailed(DrioError):
    """A token store (the keyring or the file) could not be read or written."""

    title = "The token store cannot be used"
    hint = "`drio-tui status` says where tokens are kept; `--insecure-storage` uses a private file instead."

    def __init__(
        self, message: str = "", *, absent: bool = False, title: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, title=title, hint=hint)
        self.absent = absent
        """True when the store does not exist, so that it cannot hold tokens."""


class SignedOut(SignInRequired):
    """There is no usable token any more: signed out elsewhere, revoked or expired."""

    title = "Signed out"
    register_again: bool = False


class OtherAccount(SignedOut):
    """Requests waited for a new sign-in, and another account signed in: they are not sent with its token."""

    title = "Signed in as someone else"
    hint = "Try again and sign in as before, or press `L` to go over to the other account."


class Offline(ConnectionFailed):
    """The token has expired and the sign-in server cannot be reached now; the sign-in is kept."""

    title = "Offline"
    hint = "You are still signed in; this goes on when the network is back."


class NotRenewed(Offline):
    """The token has expired, and the response of the sign-in server's URL is not OAuth; the sign-in is kept."""

    title = "The sign-in cannot be renewed now"
    hint = (
        "You are still signed in. A proxy or a captive portal may be answering; if it stays like this, "
        "run `drio-tui login`."
    )
