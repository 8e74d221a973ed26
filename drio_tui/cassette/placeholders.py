"""Replaces secrets in recorded requests and responses by placeholders; the same secret gets the same one."""

from __future__ import annotations

import base64
import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from drio_tui.api.redact import BEARER_TOKEN, HIDDEN, is_secret, redact, redact_headers
from drio_tui.api.secret_values import SECRET_VALUES, SHORTEST, forms_of, pattern_of, with_texts

PLACEHOLDER = re.compile(r"redacted-([a-z]+)-(\d+)")
_USERINFO = re.compile(r"(://[^/\s:@]*:)([^/\s@]+)@")
_INPUT_VALUE = re.compile(r"(\bvalue\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_API_PATH = re.compile(r"/api/v\d+(/|$|\?)")
_KINDS = ("token", "verifier", "cookie", "password", "code", "state")


class Placeholders:
    """The placeholders of one recording: `redacted-token-1` stands for the same token everywhere.

    Not safe for threads. Secrets are kept in memory only.
    """

    def __init__(self) -> None:
        self._by_secret: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._known: re.Pattern[str] | None = None
        self._by_form: dict[str, str] = {}

    def continue_after(self, text: str) -> None:
        """Give no placeholder that occurs in `text`, an earlier part of the cassette."""
        for kind, number in PLACEHOLDER.findall(text):
            self._counts[kind] = max(self._counts[kind], int(number))

    def learn_environment(self) -> None:
        """Learn the secrets in environment variables, so that they are hidden wherever they occur."""
        for name, value in os.environ.items():
            if value and (is_secret(name) or name.startswith("DRIO_TOKEN")):
                self.of(name, value)

    def of(self, name: str, secret: str) -> str:
        """Return the placeholder of `secret`, the value of a property or variable `name`."""
        if PLACEHOLDER.fullmatch(secret) or not secret:
            return secret
        if secret not in self._by_secret:
            kind = next((kind for kind in _KINDS if kind in name.lower()), "secret")
            self._counts[kind] += 1
            self._by_secret[secret] = f"redacted-{kind}-{self._counts[kind]}"
            if len(secret) >= SHORTEST:
                self._by_form |= forms_of({secret: self._by_secret[secret]})
                self._known = None
        return self._by_secret[secret]

    def json(self, value: Any, *, oauth: bool) -> Any:
        """Return a JSON value with placeholders for its secrets."""
        return self._merge("", value, redact(value, oauth=oauth))

    def form(self, pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
        """Return the fields of a form or a query with placeholders for their secrets."""
        return [[name, self.of(name, value) if is_secret(name, oauth=True) else self.text(value)]
                for name, value in pairs]  # fmt: skip

    def url(self, url: str, *, oauth: bool) -> str:
        """Return a URL without its fragment, and with placeholders for the secrets in its query."""
        parts = urlsplit(self.text(url))
        query = parts.query
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(is_secret(name, oauth=oauth) for name, _ in pairs):
            query = urlencode(
                [(name, self.of(name, value) if is_secret(name, oauth=oauth) else value) for name, value in pairs]
            )
        return urlunsplit(parts._replace(query=query, fragment=""))

    def headers(self, pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
        """Return headers with placeholders for the secret ones, and for secrets in the others."""
        original = list(pairs)
        return [
            [name, self._header(name.lower(), value, hidden == HIDDEN)]
            for (name, value), (_, hidden) in zip(original, redact_headers(original), strict=True)
        ]

    def _header(self, name: str, value: str, is_hidden: bool) -> str:
        if name in ("location", "content-location", "referer"):
            return self.url(value, oauth=True)
        if not is_hidden:
            return self.text(value)
        scheme, _, rest = value.partition(" ")
        if name.endswith("authorization") and rest:
            if scheme.lower() == "basic":
                self._learn_basic(rest)
            return f"{scheme} {self.of('token', rest)}"
        return self.of("cookie" if "cookie" in name else name, value)

    def _learn_basic(self, encoded: str) -> None:
        try:
            _, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return
        self.of("password", password)

    def text(self, text: str) -> str:
        """Return a text with placeholders for bearer tokens and passwords in URLs."""
        if "earer" in text:
            text = BEARER_TOKEN.sub(lambda match: match[1] + self.of("token", match[2]), text)
        if "@" in text:
            text = _USERINFO.sub(lambda match: f"{match[1]}{self.of('password', match[2])}@", text)
        return text

    def page(self, text: str) -> str:
        """Return a text that is not JSON, without the values of a page's inputs."""
        return self.text(_INPUT_VALUE.sub(rf'\1"{HIDDEN}"', text))

    def replace_known(self, value: Any) -> Any:
        """Return a JSON value with placeholders wherever a secret occurs that was seen before."""
        for secret in SECRET_VALUES:
            self.of("secret", secret)
        if not self._by_form:
            return value
        if self._known is None:
            self._known = pattern_of(self._by_form)
        known = self._known
        return with_texts(value, lambda text: known.sub(lambda match: self._by_form[match[0]], text))

    def _merge(self, name: str, original: Any, redacted: Any) -> Any:
        if isinstance(redacted, str) and redacted == HIDDEN:
            return self.hidden(name, original)
        if isinstance(original, dict):
            return {key: self._merge(key, item, redacted[key]) for key, item in original.items()}
        if isinstance(original, list):
            return [self._merge(name, *pair) for pair in zip(original, redacted, strict=True)]
        return self.text(original) if isinstance(original, str) else original

    def hidden(self, name: str, value: Any) -> Any:
        """Return a JSON value that is a secret, with placeholders for all texts and without numbers."""
        if isinstance(value, str):
            return self.of(name, value)
        if isinstance(value, dict):
            return {key: self.hidden(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.hidden(name, item) for item in value]
        return value if value is None or isinstance(value, bool) else 0


def has_oauth_names(url: str, content: bytes) -> bool:
    """Return whether `code` and `state` are secrets in a request: neither in the API nor in calls of a deployed app."""
    return not _API_PATH.search(url) and b'"jsonrpc"' not in content


def recorded_body(content: bytes, media_type: str, placeholders: Placeholders, *, oauth: bool) -> dict[str, Any]:
    """Return a body as a cassette stores it: `json`, `form`, `text`, or how many bytes were `omitted`."""
    if not content:
        return {}
    kind = media_type.partition(";")[0].strip().lower()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"omitted": len(content)}
    if kind == "application/x-www-form-urlencoded":
        return {"form": placeholders.form(parse_qsl(text, keep_blank_values=True))}
    try:
        return {"json": placeholders.json(json.loads(text), oauth=oauth)}
    except (ValueError, RecursionError):
        if "json" in kind:
            return {"omitted": len(content)}  # secrets cannot be found in it
        return {"text": placeholders.page(text)}
