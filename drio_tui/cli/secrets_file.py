"""Secrets of a document: from a file, or the environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from drio_tui.api.errors import UsageError

secrets_option = click.option(
    "--secrets", "secrets_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="A file with NAME=VALUE lines for { $secret: NAME }; else the environment is used.",
)  # fmt: skip


def given_secrets(names: Sequence[str], secrets_file: Path | None) -> dict[str, str]:
    """Return the values of secrets by name, without those that are not in the file or the environment.

    Raises `UsageError` if the file cannot be read, and `BadDocument`.
    """
    from drio_tui.manifest.substitutions import read_dotenv

    values: dict[str, str] = {}
    if secrets_file is not None:
        try:
            text = secrets_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{secrets_file} cannot be read: {error}") from error
        values = read_dotenv(text, str(secrets_file))
    given = {name: values.get(name) or os.environ.get(name) for name in names}
    return {name: value for name, value in given.items() if value}
