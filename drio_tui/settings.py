"""The user's settings in `config.toml`, read once at start and never written by the program.

    theme = "drio-light"          # any theme of the palette
    read_only = true              # as --read-only
    login_timeout = 300           # seconds to wait for the browser
    insecure_storage = true       # keep tokens in a 0600 file even if there is a keyring
    live = false                  # as --no-live: do not look for changes by others
    sandbox_idle_exit = 60        # minutes without a connection after which a background sandbox ends; 0: never
    [keys]                        # binding id = keys
    "app.help" = "f1,question_mark"

A file that cannot be read does not stop the program: it starts with the defaults and reports the error with file and
line. State that the program saves itself (the last theme) is in `remembered.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drio_tui.storage import files, paths

_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; `problems` are error messages for the user, `keys` maps binding ids to keys."""

    theme: str | None = None
    read_only: bool = False
    login_timeout: float = 300.0
    insecure_storage: bool = False
    sandbox_idle_exit: float = 60.0
    live: bool = True
    keys: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """Load the settings of `path` (default: the platform's config folder). Never raises."""
        path = path or paths.config_dir() / "config.toml"
        try:
            with path.open("rb") as file:
                data = file.read(_LIMIT + 1)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            return cls(problems=(f"{path} cannot be read ({files.os_error_text(error)}); the defaults are in force.",))
        if len(data) > _LIMIT:
            return cls(problems=(f"{path} is larger than 1 MiB; the defaults are in force.",))
        import tomllib  # imported only if there is a config file

        try:
            values = tomllib.loads(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            return cls(problems=(f"{path}, line {line}: not UTF-8 text; the defaults are in force.",))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            return cls(problems=(f"{path}: {error}; the defaults are in force.",))
        return _validated(values, path)


def _validated(values: dict[str, Any], path: Path) -> Settings:
    """Return the settings with the valid values of the file, and a problem for each of the others."""
    problems: list[str] = []
    valid: dict[str, Any] = {}
    types: dict[str, tuple[type | tuple[type, ...], str]] = {
        "theme": (str, "a theme's name in quotes"),
        "read_only": (bool, "true or false"),
        "login_timeout": ((int, float), "a number of seconds"),
        "insecure_storage": (bool, "true or false"),
        "sandbox_idle_exit": ((int, float), "a number of minutes, 0 for never"),
        "live": (bool, "true or false"),
        "keys": (dict, "a table of binding ids"),
    }
    for name, value in values.items():
        if name not in types:
            problems.append(f"{path}: `{name}` is not a setting of this version; it is ignored.")
            continue
        expected_type, description = types[name]
        if not isinstance(value, expected_type) or (isinstance(value, bool) and expected_type is not bool):
            problems.append(f"{path}: `{name}` has to be {description}; the default is in force.")
            continue
        valid[name] = value
    if not 1 <= valid.get("login_timeout", 300) <= 3600:
        problems.append(f"{path}: `login_timeout` has to lie between 1 and 3600 seconds; the default is in force.")
        del valid["login_timeout"]
    if not 0 <= valid.get("sandbox_idle_exit", 0) <= 1e6:
        problems.append(f"{path}: `sandbox_idle_exit` has to be 0 or a number of minutes; the default is in force.")
        del valid["sandbox_idle_exit"]
    keys = valid.get("keys", {})
    valid["keys"] = {name: value for name, value in keys.items() if isinstance(value, str) and value.strip()}
    problems.extend(
        f'{path}: below [keys], `{name}` has to be keys as text, such as "ctrl+r"; settings belong above [keys].'
        for name in keys.keys() - valid["keys"].keys()
    )
    return Settings(**valid, problems=tuple(problems))


def load_state() -> dict[str, Any]:
    """Return what `save_state` saved; empty if there is nothing, or it cannot be read."""
    try:
        values = json.loads(files.read_private(paths.state_dir() / "remembered.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def save_state(**values: Any) -> bool:
    """Save `values` for the next start, beside those saved before; return False if they cannot be written."""
    try:
        folder = files.private_dir(paths.state_dir())
        files.write_private(folder / "remembered.json", json.dumps(load_state() | values).encode())
    except OSError:
        return False
    return True
