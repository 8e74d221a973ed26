"""The folders of drio-tui. They follow the conventions of the platform; an environment variable overrides each.

    DRIO_CONFIG_DIR   config.toml, profiles.json
    DRIO_DATA_DIR     the sandbox's database
    DRIO_STATE_DIR    fallback token files, locks, logs, recovery files
    DRIO_CACHE_DIR    OpenAPI documents, names for completion, the apps as they were last listed

All functions return absolute paths and create nothing. If there is no home folder, the path does not exist and cannot
be created: writing fails, and the caller keeps its data in memory.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from drio_tui.text import visible

APP = "drio-tui"
_NONEXISTENT = Path("/nonexistent") / APP


def _dir(variable: str, function: str) -> Path:
    override = os.environ.get(variable)
    if override:
        try:
            return Path(override).expanduser().absolute()
        except (RuntimeError, OSError):  # `~` without a home, or a deleted working directory
            return _NONEXISTENT
    import platformdirs  # slow to import, and only needed by commands that use files

    try:
        path = Path(str(getattr(platformdirs, function)(APP, appauthor=False)))
    except (RuntimeError, KeyError, OSError):
        return _NONEXISTENT
    return path if path.is_absolute() else _NONEXISTENT


def config_dir() -> Path:
    """Return the folder of settings and profiles (no secrets)."""
    return _dir("DRIO_CONFIG_DIR", "user_config_dir")


def data_dir() -> Path:
    """Return the folder of the sandbox's data."""
    return _dir("DRIO_DATA_DIR", "user_data_dir")


def state_dir() -> Path:
    """Return the folder of token files, locks, logs and recovery files; it has mode 0700."""
    return _dir("DRIO_STATE_DIR", "user_state_dir")


def cache_dir() -> Path:
    """Return the folder of files that can be fetched again."""
    return _dir("DRIO_CACHE_DIR", "user_cache_dir")


def sandbox_dir() -> Path:
    """Return the default folder of the sandbox's database (without `--data`)."""
    return data_dir() / "sandbox"


def sandbox_command(name: str, folder: Path) -> str:
    """Return `drio-tui sandbox NAME` for the sandbox of a data folder, quoted for a shell."""
    option = "" if folder == sandbox_dir() else f" --data {shlex.quote(visible(str(folder)))}"
    return f"drio-tui sandbox {name}{option}"
