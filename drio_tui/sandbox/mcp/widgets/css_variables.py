"""An app's branding as CSS variables: only colours, font names and radii that are such."""

from __future__ import annotations

import re
from typing import Any

from drio_tui import contrast

_FONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,60}")
_RADII = {"none": "0px", "sm": "4px", "md": "7px", "lg": "11px", "xl": "16px", "full": "22px"}
_FALLBACK = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
_INK, _PAPER = "#14181f", "#ffffff"


def variables(branding: Any) -> str:
    """The declarations for `:root`. Without a background colour, light or dark is the reader's choice."""
    given = branding if isinstance(branding, dict) else {}
    background = _colour(given.get("backgroundColor"))
    primary = _colour(given.get("primaryColor")) or "#2456c9"
    accent = _colour(given.get("accentColor")) or "#0e9f6e"
    font = given.get("fontFamily")
    family = f'"{font}", {_FALLBACK}' if isinstance(font, str) and _FONT.fullmatch(font) else _FALLBACK
    found = {
        "--accent": accent,
        "--on-primary": _ink_on(primary),
        "--font": family,
        "--radius": _RADII.get(str(given.get("borderRadius")), "9px"),
        "--muted": "color-mix(in srgb, var(--fg) 64%, var(--bg))",
        "--line": "color-mix(in srgb, var(--fg) 15%, var(--bg))",
        "--tint": "color-mix(in srgb, var(--accent) 12%, var(--bg))",
        "--surface": "color-mix(in srgb, var(--fg) 2%, var(--bg))",
    }
    if background:
        ink = _ink_on(background)
        found |= {
            "--scheme": "light" if ink == _INK else "dark",
            "--bg": background,
            "--fg": ink,
            "--primary": primary if _contrast(primary, background) >= 3 else ink,
        }
        found["--on-primary"] = _ink_on(found["--primary"])
    else:
        found |= {
            "--scheme": "light dark",
            "--bg": f"light-dark({_PAPER}, {_INK})",
            "--fg": f"light-dark({_INK}, #eef1f5)",
            "--primary": primary if _contrast(primary, _PAPER) >= 3 and _contrast(primary, _INK) >= 3 else accent,
        }
        found["--on-primary"] = _ink_on(found["--primary"])
    return " ".join(f"{name}: {value};" for name, value in found.items())


def _colour(value: Any) -> str | None:
    return value if isinstance(value, str) and contrast.is_colour(value) else None


def _contrast(one: str, other: str) -> float:
    ground = contrast.parse(other) or contrast.WHITE
    return contrast.ratio(contrast.parse(one, ground) or contrast.BLACK, ground)


def _ink_on(colour: str) -> str:
    return _INK if _contrast(_INK, colour) >= _contrast(_PAPER, colour) else _PAPER
