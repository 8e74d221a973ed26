"""An app's branding as CSS variables: only colours, font names and radii that are such."""

from __future__ import annotations

import re
from typing import Any

_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
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
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else None


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2), transparency left aside."""
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    first, second = sorted((_luminance(one), _luminance(other)))
    return (second + 0.05) / (first + 0.05)


def _ink_on(colour: str) -> str:
    return _INK if _contrast(colour, _INK) >= _contrast(colour, _PAPER) else _PAPER
