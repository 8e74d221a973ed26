"""Presets: named rules of the fault lab for what happens most."""

from __future__ import annotations

from dataclasses import dataclass

from drio_tui.sandbox.faults.rules import Rule, parse_rule

_RETIRED = '{"error":{"code":"api_retired","message":"The API v1 was retired.","details":null}}'
_PORTAL = "**=html"


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset: its rules, of which the first one that applies to a request answers it."""

    name: str
    description: str
    rules: tuple[Rule, ...]


def _preset(name: str, description: str, *rules: str) -> Preset:
    return Preset(name, description, tuple(map(parse_rule, rules)))


PRESETS = {
    preset.name: preset
    for preset in (
        _preset("slow", "Every response takes 2 seconds", "*=delay:2"),
        _preset("flaky", "One response in 5 is a 503, one in 10 a reset", "*=status:503~0.2", "*=reset~0.1"),
        _preset("rate-limited", "Every third request has to wait (429)", "*=rate-limit:2%3"),
        _preset("token-expired", "The next token has expired, once (401)", "*=invalid-token*1"),
        _preset("conflict", "Every change meets a conflict (409)", "WRITE:*=status:409"),
        _preset("offline", "Every connection is reset", "**=reset"),
        _preset("captive-portal", "Every response is the sign-in page of a Wi-Fi", _PORTAL),
        _preset("api-retired", "The API v1 no longer exists (410)", f"*=status:410:{_RETIRED}"),
        _preset("answer-lost", "Changes are made, their responses are lost", "WRITE:*=lost"),
    )
}
