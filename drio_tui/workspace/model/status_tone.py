"""Whether a status is good or bad, by its name."""

from __future__ import annotations

from typing import Literal

Tone = Literal["", "good", "warn", "bad", "info"]

_TONES: dict[str, Tone] = {
    "valid": "good",
    "ready": "good",
    "published": "good",
    "deployed": "good",
    "active": "good",
    "connected": "good",
    "draft": "info",
    "pending": "warn",
    "stale": "warn",
    "unbound": "bad",
    "missing": "bad",
    "invalid": "bad",
    "error": "bad",
}


def tone_of(status: str) -> Tone:
    """Return the tone of a status; empty for an unknown one."""
    return _TONES.get(status, "")
