"""What the commands of `drio-tui sandbox` share: their options, the data folder, and the check for the extra."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from drio_tui.cli.common import command_hint
from drio_tui.storage import paths
from drio_tui.storage.files import os_error_text
from drio_tui.text import one_line

_EXTRA_MODULES = (
    "fastapi", "uvicorn", "sqlalchemy", "aiosqlite", "jinja2", "jsonschema", "multipart",
    "cryptography", "mcp", "regex",
)  # fmt: skip


def sandbox_options(*, database: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--data`, `--json` and, if the command opens it, `--database-url`."""

    def add_options(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")(function)
        if database:
            function = click.option(
                "--database-url",
                metavar="URL",
                envvar="DRIO_SANDBOX_DATABASE_URL",
                help="Another database than the file in DIR: postgresql+asyncpg://… or sqlite+aiosqlite:///FILE.",
            )(function)
        return click.option(
            "--data",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where it keeps its data, instead of the platform's folder for them.",
        )(function)

    return add_options


def sandbox_hint(*words: str) -> str:
    """Return the command `drio-tui sandbox WORDS…` for a hint, with the `--data` of the running command."""
    context = click.get_current_context()
    data = context.params.get("data") or context.find_root().params.get("data")
    return command_hint("sandbox", *words, *(("--data", str(data)) if data else ()), connection={})


def requires_extra(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command so that it raises `DrioError` if the `sandbox` extra is not installed."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        missing = [name for name in _EXTRA_MODULES if importlib.util.find_spec(name) is None]
        if missing:
            from drio_tui.api.errors import DrioError

            raise DrioError(
                f"{', '.join(missing)} cannot be found",
                title="The sandbox is not installed",
                hint="pip install 'drio-tui[sandbox]'",
            )
        return function(*args, **kwargs)

    return wrapper


def data_folder(data: Path | None, context: click.Context | None = None) -> Path:
    """Return the data folder: of this command's --data, of --data before the command, or the platform's.

    Raises `UsageError`.
    """
    outer = (context or click.get_current_context()).find_root().params.get("data")
    folder = data or (Path(outer) if outer else paths.sandbox_dir())
    try:
        return folder.expanduser().absolute()
    except (RuntimeError, OSError) as error:  # `~` of an unknown user, or a deleted working directory
        from drio_tui.api.errors import UsageError

        raise UsageError(f"{one_line(str(folder), 200)} is no folder: {os_error_text(error)}") from error
