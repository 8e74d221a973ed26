"""One authorization request, and the validation of its callback: state, PKCE, issuer, well-formed parameters."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from drio_tui.auth.discovery import OFFLINE_ACCESS, Discovery
from drio_tui.auth.errors import (
    AuthorizationDenied,
    AuthorizationFailed,
    CallbackRefused,
    IssuerMixUp,
    PasteRefused,
    SignInFailed,
    Step,
    TargetRefused,
)
from drio_tui.text import one_line

_MAX_PARAMETERS = 40
_CODE = re.compile(r"[\x21-\x7e]{4,4096}")  # RFC 6749 appendix A.11, without the space
_AMPERSAND = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
_NOT_REPEATABLE = ("state", "code", "error", "error_description", "iss")


@dataclass(frozen=True, slots=True)
class UnrelatedCallback:
    """A callback without this request's state: another attempt's, or an attacker's. The wait goes on; `reason` says why
    it was rejected, as the end of a sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """The authorization code of a valid callback (RFC 6749 section 4.1.2)."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FailedCallback:
    """A callback with this request's state that holds an error or is malformed. It ends the sign-in."""

    error: SignInFailed


CallbackResult = UnrelatedCallback | AuthorizationCode | FailedCallback


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One authorization request: its secrets, and what its callback must match. A new one for every attempt.

    `iss_required`: the server includes `iss` in every authorization response (RFC 9207).
    """

    issuer: str
    iss_required: bool
    redirect_uri: str
    state: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(64))

    @property
    def challenge(self) -> str:
        """The S256 code challenge (RFC 7636 section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def url(self, discovery: Discovery, client_id: str) -> str:
        """Return the URL to open in the browser (RFC 6749 section 4.1.1, RFC 7636, RFC 8707)."""
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "resource": discovery.resource,
        }
        if discovery.scopes:
            query["scope"] = " ".join(discovery.scopes)
        if OFFLINE_ACCESS in discovery.scopes:
            query["prompt"] = "consent"  # OpenID Connect Core section 11: without it, offline_access is ignored
        parts = urlsplit(discovery.server.authorization_endpoint)
        endpoint_query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in query]
        return urlunsplit(parts._replace(query=urlencode([*endpoint_query, *query.items()])))

    def parse_callback(self, query: str) -> CallbackResult:
        """Validate the query string of a callback (RFC 6749 section 4.1.2, RFC 9207 section 2.4)."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict")
        except (ValueError, UnicodeDecodeError):
            return UnrelatedCallback("it cannot be read")
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        states = values.get("state", [])
        if len(states) != 1 or not states[0]:
            return UnrelatedCallback("it carries no single state")
        if not hmac.compare_digest(states[0].encode(errors="replace"), self.state.encode()):
            return UnrelatedCallback("it belongs to another sign-in attempt")
        return self._parse_own_callback(values)

    def _parse_own_callback(self, values: dict[str, list[str]]) -> CallbackResult:
        repeated = [name for name in _NOT_REPEATABLE if len(values.get(name, [])) > 1]
        if repeated:
            return FailedCallback(CallbackRefused(f"It carries {repeated[0]} more than once."))
        parameters = {name: texts[0] for name, texts in values.items()}
        if "code" in parameters and "error" in parameters:
            return FailedCallback(CallbackRefused("It carries a code and an error at once."))
        if "iss" in parameters:
            if parameters["iss"] != self.issuer:  # RFC 9207 section 2.4: simple string comparison, no normalization
                message = f"It names {one_line(parameters['iss'], 200)}, expected {self.issuer}."
                return FailedCallback(IssuerMixUp(message, expected=self.issuer, received=parameters["iss"]))
        elif self.iss_required:
            return FailedCallback(IssuerMixUp(f"It does not name its issuer, though {self.issuer} always does."))
        if "error" in parameters:
            return FailedCallback(_authorization_error(parameters["error"], parameters.get("error_description", "")))
        code = parameters.get("code", "")
        if not _CODE.fullmatch(code):
            return FailedCallback(CallbackRefused("It carries neither a usable code nor an error."))
        return AuthorizationCode(code)

    def parse_pasted(self, text: str) -> AuthorizationCode | FailedCallback:
        """Validate pasted text: the whole redirect URL, its query, or the bare code.

        Spaces and line breaks anywhere, `&amp;`, and quotes or angle brackets around it are ignored. Raises
        `PasteRefused` for what cannot be this request's callback; the sign-in goes on waiting.
        """
        joined = _AMPERSAND.sub("&", "".join(text.split())).strip("'\"<>`")
        if not joined:
            raise PasteRefused("There was nothing in it.")
        if len(joined) > 1 << 16:
            raise PasteRefused("It is far too long.")
        looks_like_url = "://" in joined or "code=" in joined or "error=" in joined or "state=" in joined
        if not looks_like_url:
            if not _CODE.fullmatch(joined):
                raise PasteRefused("It is neither an address nor a code.")
            return AuthorizationCode(joined)
        query = joined.partition("#")[0].partition("?")[2] if "?" in joined else joined
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        if "response_type" in names or "code_challenge" in names:
            raise PasteRefused("That is the address to open in the browser, not the one it ended at.")
        if "code" not in names and "error" not in names:
            raise PasteRefused("That address carries no code.")
        if "state" not in names:
            query = f"{query}&{urlencode({'state': self.state})}"
        result = self.parse_callback(query)
        if isinstance(result, UnrelatedCallback):
            raise PasteRefused(f"That address cannot be used: {result.reason}.")
        return result


def _authorization_error(code: str, description: str) -> SignInFailed:
    message = one_line(code, 80) + (f": {one_line(description, 400)}" if description else "")
    if code == "access_denied":
        return AuthorizationDenied(message)
    if code == "invalid_target":
        return TargetRefused(message, step=Step.CALLBACK)
    error = AuthorizationFailed(message)
    error.error = code
    error.register_again = code in ("unauthorized_client", "invalid_client", "invalid_request")
    if code in ("server_error", "temporarily_unavailable"):
        error.hint = "This is on the server's side; try again later."
    elif code == "invalid_scope":
        error.hint = "The server does not grant these scopes; choose others: `drio-tui login --scope SCOPE`."
    return error
