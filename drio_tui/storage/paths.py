"""Where drio-tui keeps its files, per platform conventions, each folder changeable by an environment variable.

    DRIO_CONFIG_DIR   config.toml, profiles.json
    DRIO_DATA_DIR     the sandbox's database
    DRIO_STATE_DIR    fallback token files, locks, logs, recovery files
    DRIO_CACHE_DIR    OpenAPI documents

All functions return absolute paths and create nothing. Where no home folder can be found the path lies
in a folder that does not exist, so that a write fails plainly and the caller goes on in memory.
"""

from __future__ import annotations

import os
from pathlib import Path

APP = "drio-tui"
_NOWHERE = Path("/nonexistent") / APP


def _dir(variable: str, kind: str) -> Path:
    override = os.environ.get(variable)
    if override:
        try:
            return Path(override).expanduser().absolute()
        except (RuntimeError, OSError):  # `~` without a home, or a working folder that is gone
            return _NOWHERE
    import platformdirs  # its start-up cost is only paid by commands that touch files

    try:
        path = Path(str(getattr(platformdirs, kind)(APP, appauthor=False)))
    except (RuntimeError, KeyError, OSError):
        return _NOWHERE
    return path if path.is_absolute() else _NOWHERE


def config_dir() -> Path:
    """The folder of settings and profiles (nothing secret)."""
    return _dir("DRIO_CONFIG_DIR", "user_config_dir")


def data_dir() -> Path:
    """The folder of the sandbox's data."""
    return _dir("DRIO_DATA_DIR", "user_data_dir")


def state_dir() -> Path:
    """The folder of tokens without a keyring, locks, logs and recovery files; kept at mode 0700."""
    return _dir("DRIO_STATE_DIR", "user_state_dir")


def cache_dir() -> Path:
    """The folder of what can be fetched again."""
    return _dir("DRIO_CACHE_DIR", "user_cache_dir")


def sandbox_dir() -> Path:
    """Where the sandbox keeps its database unless `--data` says otherwise."""
    return data_dir() / "sandbox"
