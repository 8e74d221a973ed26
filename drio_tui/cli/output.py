"""The only way to print: text is sanitized here and styled only afterwards.

stdout is data, stderr is narration. `tests/cli/test_output.py` fails where a command prints in another way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from drio_tui.text import visible


@dataclass(frozen=True, slots=True)
class Styled:
    """Text with the style that `click.style` shall give it where colours are wanted."""

    text: str
    how: Mapping[str, Any]

    def __str__(self) -> str:
        return self.text


Line = tuple[str | Styled, ...]
_quiet = False


def set_quiet(quiet: bool) -> None:
    """With `--quiet`, `say` prints nothing: results, errors and questions remain."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    return _quiet


def style(text: str, **how: Any) -> Styled:
    """`text` in a style, to be passed to `echo`; the arguments are those of `click.style`."""
    return Styled(text, how)


def echo(*parts: str | Styled, err: bool = False) -> None:
    """Print the parts as one text on stdout, or on stderr; control and format characters are shown, newlines kept."""
    click.echo("".join(_rendered(part, err) for part in parts), err=err, color=True)


def say(*parts: str | Styled) -> None:
    """Narrate on stderr, unless `--quiet` is given."""
    if not _quiet:
        echo(*parts, err=True)


def warn(*parts: str | Styled) -> None:
    """Print on stderr what has to be read in any case: errors, warnings about a result, what a question is about."""
    echo(*parts, err=True)


def echo_json(value: Any, *, compact: bool = False, err: bool = False) -> None:
    """Print a JSON value: in ASCII on one line, on a terminal readable and indented unless `compact`."""
    from drio_tui.api import json_codec

    if (sys.stderr if err else sys.stdout).isatty():
        click.echo(json_codec.readable(json_codec.dumps(value, indent=None if compact else 2)), err=err)
    else:
        click.echo(json_codec.dumps(value), err=err)


def echo_code(code: str) -> None:
    """Print program text that is ours, such as a completion script, as it is."""
    click.echo(code)


def confirm(question: str, *, abort: bool = False) -> bool:
    """Ask a yes-or-no question on stderr; with `abort`, raises `click.Abort` at no."""
    return click.confirm(visible(question), abort=abort, err=True)


def prompt_secret(label: str) -> str:
    """Ask for a secret on stderr without showing what is typed."""
    return str(click.prompt(visible(label), hide_input=True, err=True))


def colours(err: bool = False) -> bool:
    """Whether to colour stdout (or stderr): a terminal that can, and nobody who asked not to."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _rendered(part: str | Styled, err: bool) -> str:
    safe = visible(str(part), multiline=True)
    return click.style(safe, **part.how) if isinstance(part, Styled) and colours(err) else safe
