"""The paths of the `.tcss` files: inside the package in a wheel, at the top of the repository in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_FOLDER = _PACKAGE / "styles"
if not _FOLDER.is_dir():
    _FOLDER = _PACKAGE.parent / "styles"


def stylesheet(name: str) -> Path:
    """Return the path of `styles/<name>.tcss`, for a `CSS_PATH`."""
    return _FOLDER / f"{name}.tcss"
