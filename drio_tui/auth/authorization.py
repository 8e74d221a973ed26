"""One authorization request and the judgement of what comes back: state, PKCE, issuer, shape."""

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

_MOST_PARAMETERS = 40
_CODE = re.compile(r"[\x21-\x7e]{4,4096}")  # RFC 6749 appendix A.11, without the space
_AMPERSAND = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
_SINGLE = ("state", "code", "error", "error_description", "iss")


@dataclass(frozen=True, slots=True)
class NotOurs:
    """An answer without our state: perhaps another attempt's, perhaps an attacker's. It ends nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The authorization code."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer with our state that ends the attempt."""

    error: SignInFailed


Verdict = NotOurs | Granted | Refused


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The secrets and expectations of one authorization request; made anew for every attempt, never reused."""

    issuer: str
    issuer_named: bool
    redirect_uri: str
    state: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(64))

    @property
    def challenge(self) -> str:
        """The S256 code challenge (RFC 7636 section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def url(self, discovery: Discovery, client_id: str) -> str:
        """The address for the browser (RFC 6749 section 4.1.1, RFC 7636, RFC 8707)."""
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
            query["prompt"] = "consent"  # OpenID Connect Core section 11: else offline_access is ignored
        parts = urlsplit(discovery.server.authorization_endpoint)
        kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in query]
        return urlunsplit(parts._replace(query=urlencode([*kept, *query.items()])))

    def judge(self, query: str) -> Verdict:
        """What the query string of a callback means (RFC 6749 section 4.1.2, RFC 9207 section 2.4)."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
        except (ValueError, UnicodeDecodeError):
            return NotOurs("it cannot be read")
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        states = values.get("state", [])
        if len(states) != 1 or not states[0]:
            return NotOurs("it carries no single state")
        if not hmac.compare_digest(states[0].encode(errors="replace"), self.state.encode()):
            return NotOurs("it belongs to another sign-in attempt")
        return self._judge_ours(values)

    def _judge_ours(self, values: dict[str, list[str]]) -> Verdict:
        doubled = [name for name in _SINGLE if len(values.get(name, [])) > 1]
        if doubled:
            return Refused(CallbackRefused(f"It carries {doubled[0]} more than once."))
        one = {name: found[0] for name, found in values.items()}
        if "code" in one and "error" in one:
            return Refused(CallbackRefused("It carries a code and an error at once."))
        if "iss" in one:
            if one["iss"] != self.issuer:  # RFC 9207 section 2.4: simple string comparison, no normalization
                return Refused(IssuerMixUp(f"It names {one_line(one['iss'], 200)}, expected {self.issuer}."))
        elif self.issuer_named:
            return Refused(IssuerMixUp(f"It does not name its issuer, though {self.issuer} always does."))
        if "error" in one:
            return Refused(_authorization_error(one["error"], one.get("error_description", "")))
        code = one.get("code", "")
        if not _CODE.fullmatch(code):
            return Refused(CallbackRefused("It carries neither a usable code nor an error."))
        return Granted(code)

    def judge_pasted(self, text: str) -> Granted | Refused:
        """The same for text a person pasted: the whole redirect address, its query, or the bare code.

        Spaces and line breaks anywhere, `&amp;`, quotes and angle brackets around it are forgiven. Raises
        `PasteRefused` for what cannot be this attempt's answer; the attempt goes on.
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
            return Granted(joined)
        query = joined.partition("#")[0].partition("?")[2] if "?" in joined else joined
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        if "response_type" in names or "code_challenge" in names:
            raise PasteRefused("That is the address to open in the browser, not the one it ended at.")
        if "code" not in names and "error" not in names:
            raise PasteRefused("That address carries no code.")
        if "state" not in names:
            query = f"{query}&{urlencode({'state': self.state})}"
        verdict = self.judge(query)
        if isinstance(verdict, NotOurs):
            raise PasteRefused(f"That address cannot be used: {verdict.reason}.")
        return verdict


def _authorization_error(code: str, description: str) -> SignInFailed:
    said = one_line(code, 80) + (f": {one_line(description, 400)}" if description else "")
    if code == "access_denied":
        return AuthorizationDenied(said)
    if code == "invalid_target":
        return TargetRefused(said, step=Step.CALLBACK)
    error = AuthorizationFailed(said)
    error.error = code
    error.register_again = code in ("unauthorized_client", "invalid_client", "invalid_request")
    if code in ("server_error", "temporarily_unavailable"):
        error.hint = "This is on the server's side; try again later."
    elif code == "invalid_scope":
        error.hint = "The server does not grant these scopes; choose others: `drio-tui login --scope SCOPE`."
    return error
