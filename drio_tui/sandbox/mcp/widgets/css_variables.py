"""An app's branding as CSS variables; values that are not valid colours, font names or radii are ignored."""

from __future__ import annotations

import re
from typing import Any

from drio_tui import contrast

_FONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,60}")
_RADII = {"none": "0px", "sm": "4px", "md": "7px", "lg": "11px", "xl": "16px", "full": "22px"}
_FALLBACK = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
_DARK, _LIGHT = "#14181f", "#ffffff"


def variables(branding: Any) -> str:
    """Return the declarations for `:root`. Without a background colour, the browser chooses light or dark."""
    branding = branding if isinstance(branding, dict) else {}
    background = _colour(branding.get("backgroundColor"))
    primary = _colour(branding.get("primaryColor")) or "#2456c9"
    accent = _colour(branding.get("accentColor")) or "#0e9f6e"
    font = branding.get("fontFamily")
    family = f'"{font}", {_FALLBACK}' if isinstance(font, str) and _FONT.fullmatch(font) else _FALLBACK
    declarations = {
        "--accent": accent,
        "--on-primary": _text_colour_on(primary),
        "--font": family,
        "--radius": _RADII.get(str(branding.get("borderRadius")), "9px"),
        "--muted": "color-mix(in srgb, var(--fg) 64%, var(--bg))",
        "--line": "color-mix(in srgb, var(--fg) 15%, var(--bg))",
        "--tint": "color-mix(in srgb, var(--accent) 12%, var(--bg))",
        "--surface": "color-mix(in srgb, var(--fg) 2%, var(--bg))",
    }
    if background:
        foreground = _text_colour_on(background)
        declarations |= {
            "--scheme": "light" if foreground == _DARK else "dark",
            "--bg": background,
            "--fg": foreground,
            "--primary": primary if _contrast(primary, background) >= 3 else foreground,
        }
        declarations["--on-primary"] = _text_colour_on(declarations["--primary"])
    else:
        declarations |= {
            "--scheme": "light dark",
            "--bg": f"light-dark({_LIGHT}, {_DARK})",
            "--fg": f"light-dark({_DARK}, #eef1f5)",
            "--primary": primary if _contrast(primary, _LIGHT) >= 3 and _contrast(primary, _DARK) >= 3 else accent,
        }
        declarations["--on-primary"] = _text_colour_on(declarations["--primary"])
    return " ".join(f"{name}: {value};" for name, value in declarations.items())


def _colour(value: Any) -> str | None:
    return value if isinstance(value, str) and contrast.is_colour(value) else None


def _contrast(foreground: str, background: str) -> float:
    ground = contrast.parse(background) or contrast.WHITE
    return contrast.ratio(contrast.parse(foreground, ground) or contrast.BLACK, ground)


def _text_colour_on(background: str) -> str:
    return _DARK if _contrast(_DARK, background) >= _contrast(_LIGHT, background) else _LIGHT
