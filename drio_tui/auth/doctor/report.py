"""The report of the doctor: what each step found. It has no secrets, and names neither the user nor their folders."""

from __future__ import annotations

import getpass
import hashlib
import re
import secrets
import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from drio_tui.api.curl import command
from drio_tui.api.redact import redact
from drio_tui.api.secret_values import forms_of, replaced
from drio_tui.auth.oauth_http import OAuthExchange
from drio_tui.text import visible

_SECRET_VARIABLE = "DRIO_SECRET"  # noqa: S105 - the name of a shell variable
_SHORTEST_SECRET = 4
_MAX_TEXT_LENGTH = 2_000


class Outcome(StrEnum):
    """How a step ended; the values are shown to the user."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DoctorStep:
    """A step: its title, the rule that it checks, and the ids of the steps that it `needs`.

    `signs_in`: it is part of a sign-in, so it runs only if the user agreed.
    """

    id: str
    title: str
    rule: str = ""
    needs: tuple[str, ...] = ()
    signs_in: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found, as texts that may hold secrets. `advice` is what to do; empty if there is nothing to do.

    `expected` and `received` are the values that were compared; both empty if none were. `url` is what curl can be
    tried with where the step itself sends no request.
    """

    summary: str
    outcome: Outcome = Outcome.OK
    expected: str = ""
    received: str = ""
    advice: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request of a step, without secrets; `status` is None if there was no response."""

    method: str
    url: str
    status: int | None
    curl: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a step found, sanitized and without secrets."""

    step: DoctorStep
    outcome: Outcome
    summary: str
    expected: str = ""
    received: str = ""
    advice: str = ""
    requests: tuple[SentRequest, ...] = ()
    curl: str = ""
    """The last request as a curl command; empty if there was none."""

    def as_dict(self) -> dict[str, Any]:
        """Return the check for JSON."""
        return {
            "id": self.step.id,
            "title": self.step.title,
            "result": str(self.outcome),
            "summary": self.summary,
            "rule": self.step.rule or None,
            "requests": [
                {"method": sent.method, "url": sent.url, "status": sent.status, "curl": sent.curl}
                for sent in self.requests
            ],
            "expected": self.expected or None,
            "received": self.received or None,
            "advice": self.advice or None,
            "curl": self.curl or None,
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return the details as pairs of label and text; the values that were compared only where they differ."""
        requests = [
            ("request", f"{sent.method} {sent.url} → {'no response' if sent.status is None else f'HTTP {sent.status}'}")
            for sent in self.requests
        ]
        compared = (self.expected or self.received) and self.outcome in (Outcome.WARNING, Outcome.FAILED)
        values = [("expected", self.expected or "nothing"), ("received", self.received or "nothing")]
        curl = self.curl.replace(" \\\n  ", " ") if self.outcome == Outcome.FAILED else ""
        pairs = [
            ("rule", "" if self.outcome == Outcome.SKIPPED else self.step.rule),
            *requests,
            *(values if compared else []),
            ("do", self.advice),
            ("curl", curl),
        ]
        return [(label, text) for label, text in pairs if text]


@dataclass(slots=True)
class Redaction:
    """Makes texts fit for a public report: secrets become fingerprints, the home folder `~`.

    A fingerprint is the same for the same secret within one report, and says nothing about it elsewhere.
    """

    home: str = field(default_factory=lambda: _home())
    user: str = field(default_factory=lambda: _user_name())
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    _replacements: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, *values: str | None) -> None:
        """Hide these secrets in every text from now on; None and values too short to be a secret are ignored."""
        for secret in values:
            if secret and len(secret) >= _SHORTEST_SECRET:
                self._replacements[secret] = self.fingerprint(secret)

    def hide(self, label: str, *values: str | None) -> None:
        """Replace these private values by `‹label›` in every text from now on."""
        self._replacements.update({value: f"‹{label}›" for value in values if value and len(value) > _SHORTEST_SECRET})

    def fingerprint(self, secret: str) -> str:
        """Return what is shown instead of a secret."""
        return f"‹{hashlib.blake2s(secret.encode('utf-8', 'replace'), key=self._key).hexdigest()[:8]}›"

    def text(self, text: str, *, multiline: bool = False) -> str:
        """Return the text sanitized and without secrets."""
        text = str(redact(replaced(text, forms_of(self._replacements))))
        if self.home:
            text = re.sub(rf"{re.escape(self.home)}(?=[/\\]|$|[\s'\",:;)])", "~", text)
        if self.user:
            text = re.sub(rf"(?<=[/\\]){re.escape(self.user)}(?=[/\\]|$|[\s'\",:;)])", "‹user›", text)
        return visible(text[:_MAX_TEXT_LENGTH], multiline=multiline)

    def request(self, exchange: OAuthExchange) -> SentRequest:
        """Return an exchange without secrets, and as a curl command that takes them from the environment."""
        url, body = self.text(exchange.url), exchange.body
        headers = [(name, self.text(value)) for name, value in exchange.headers]
        curl = command(
            exchange.method, url, headers, self.text(body) if body is not None else None, variable=_SECRET_VARIABLE
        )
        return SentRequest(exchange.method, url, exchange.status, curl)

    def check(self, step: DoctorStep, finding: Finding, exchanges: list[OAuthExchange]) -> Check:
        """Return the check of a step, made of what it found and sent."""
        requests = tuple(self.request(exchange) for exchange in exchanges)
        curl = requests[-1].curl if requests else ""
        if finding.url and not requests:
            curl = f"curl --verbose --url {shlex.quote(self.text(finding.url))}"
        return Check(
            step,
            finding.outcome,
            self.text(finding.summary),
            self.text(finding.expected),
            self.text(finding.received),
            self.text(finding.advice),
            requests,
            curl,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The checks of all steps, in the order of the chain."""

    base_url: str
    checks: tuple[Check, ...]

    @property
    def is_ok(self) -> bool:
        """Whether no step failed; warnings and skipped steps do not count."""
        return not self.failed

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.outcome == Outcome.FAILED]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        failed = self.failed
        return {
            "baseUrl": self.base_url,
            "ok": self.is_ok,
            "failedStep": failed[0].step.id if failed else None,
            "checks": [check.as_dict() for check in self.checks],
        }

    def as_text(self) -> str:
        """Return the report as plain text, for a bug report."""
        lines = [f"drio-tui doctor: {self.base_url}", ""]
        for check in self.checks:
            lines.append(f"{check.outcome:8} {check.step.title}: {check.summary}")
            lines += [f"{'':9}{label}: {text}" for label, text in check.lines()]
        return "\n".join([*lines, ""])


def _home() -> str:
    try:
        home = str(Path.home())
    except RuntimeError:
        return ""
    return home if len(home) > 1 else ""


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
