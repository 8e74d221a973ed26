"""Printing, for all commands: text is sanitized here, before it is styled.

Results go to stdout, progress and errors to stderr. `tests/cli/test_output.py` fails if a command prints in another
way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.text import visible


@dataclass(frozen=True, slots=True)
class Styled:
    """Text and the keyword arguments of `click.style`, which is applied where colours are used."""

    text: str
    attributes: Mapping[str, Any]

    def __str__(self) -> str:
        return self.text


Line = tuple[str | Styled, ...]
"""The parts of one line of output."""

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Set whether `info` prints nothing (`--quiet`); results, errors and questions are still printed."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Return whether `--quiet` was given."""
    return _quiet


def style(text: str, **attributes: Any) -> Styled:
    """Return `text` with a style, to be passed to `echo`; the arguments are those of `click.style`."""
    return Styled(text, attributes)


def echo(*parts: str | Styled, err: bool = False) -> None:
    """Print the parts as one text on stdout, or on stderr; control and format characters are shown, newlines kept."""
    click.echo("".join(_render(part, err) for part in parts), err=err, color=True)


def info(*parts: str | Styled) -> None:
    """Print progress and notes on stderr, unless `--quiet` is given."""
    if not _quiet:
        echo(*parts, err=True)


def warn(*parts: str | Styled) -> None:
    """Print on stderr, also with `--quiet`: errors, warnings about a result, what a question is about."""
    echo(*parts, err=True)


def echo_json(value: Any, *, compact: bool = False, err: bool = False) -> None:
    """Print a JSON value in ASCII on one line; on a terminal with readable characters, indented unless `compact`."""
    from drio_tui.api import json_codec

    if (sys.stderr if err else sys.stdout).isatty():
        click.echo(json_codec.for_display(json_codec.dumps(value, indent=None if compact else 2)), err=err)
    else:
        click.echo(json_codec.dumps(value), err=err)


def echo_code(code: str) -> None:
    """Print code of this program, such as a completion script, unchanged."""
    click.echo(code)


def confirm(question: str, *, exit_at_no: bool = False) -> bool:
    """Ask a yes-or-no question on stderr and return the answer; with `exit_at_no`, the command exits with 1 at no."""
    agreed = click.confirm(visible(question), err=True)
    if exit_at_no and not agreed:
        warn("Nothing was changed.")
        raise click.exceptions.Exit(1)
    return agreed


def pause(text: str) -> None:
    """Show `text` on stderr and wait for Enter. Raises `click.Abort` at the end of input."""
    click.prompt(visible(text), default="", show_default=False, prompt_suffix=" ", err=True)


def prompt_secret(label: str) -> str:
    """Ask for a secret on stderr without echoing what is typed, and return it."""
    return str(click.prompt(visible(label), hide_input=True, err=True))


def use_colour(err: bool = False) -> bool:
    """Return whether to colour stdout (or stderr): NO_COLOR and FORCE_COLOR decide, then whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _render(part: str | Styled, err: bool) -> str:
    text = visible(SECRET_VALUES.hidden(str(part)), multiline=True)
    return click.style(text, **part.attributes) if isinstance(part, Styled) and use_colour(err) else text
