"""Values on the command line: `PATH=TEXT` and `PATH:=JSON` as in HTTPie, JSON objects in files, and secrets.

`=` always gives text, so that no value changes its type because it happens to look like JSON (`version=1.0`); `:=`
gives any JSON, null to clear. `=@FILE` and `:=@FILE` read the value from a file, `@-` from standard input. A path is
dotted; a dot within a name is written `\\.`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.api.redact import HIDDEN, redact
from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.cli.common import CREDENTIAL
from drio_tui.cli.output import prompt_secret
from drio_tui.cli.streams import can_prompt, exit_if_closed
from drio_tui.text import one_line

PropertyPath = tuple[str, ...]

MAX_INPUT = 8 << 20
"""Characters that one file, or standard input, may hold."""
_MAX_SECRET = 64 << 10
_ABSENT: Any = object()
_UNESCAPED_DOT = re.compile(r"(?<!\\)\.")


@dataclass(slots=True)
class Inputs:
    """Reads files and standard input; the latter only once."""

    _stdin_reader: str = ""

    def read(self, path: str, reader: str) -> str:
        """Return the text of a file, of standard input for `-`. `reader` names what needs it. Raises `UsageError`."""
        if path == "-":
            self.claim_stdin(reader)
            exit_if_closed("stdin")
        try:
            if path == "-":
                text = sys.stdin.read(MAX_INPUT + 1)
            else:
                with Path(path).open(encoding="utf-8-sig") as file:
                    text = file.read(MAX_INPUT + 1)
        except (OSError, ValueError) as error:
            name = "standard input" if path == "-" else one_line(path, 200)
            raise UsageError(f"{name} cannot be read: {one_line(str(error), 200)}") from None
        if len(text) > MAX_INPUT:
            raise UsageError(f"{reader} is longer than {MAX_INPUT >> 20} MiB")
        return text

    def claim_stdin(self, reader: str) -> None:
        """Reserve standard input for one reader. Raises `UsageError` if another one has it."""
        if self._stdin_reader:
            raise UsageError(f"{self._stdin_reader} and {reader} cannot both be read from standard input")
        self._stdin_reader = reader

    @property
    def stdin_taken(self) -> bool:
        """Whether standard input was read, or will be."""
        return bool(self._stdin_reader)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for the property at a path. `typed` is false for text, whose type was not given as JSON."""

    path: PropertyPath
    value: Any = field(repr=False)
    typed: bool = True
    secret: bool = False

    @property
    def dotted(self) -> str:
        return ".".join(name.replace(".", r"\.") for name in self.path)


def is_assignment(argument: str) -> bool:
    """Return whether an argument gives a value, rather than naming a resource."""
    return "=" in argument


def parse_path(text: str) -> PropertyPath:
    """Return a dotted path as names. Raises `UsageError` for an empty name."""
    path = tuple(name.replace(r"\.", ".") for name in _UNESCAPED_DOT.split(text.strip()))
    if not all(path):
        raise UsageError(f"{one_line(text, 80)!r} is not the path of a property", hint="Such as branding.primaryColor.")
    return path


def parse_assignment(argument: str, inputs: Inputs, *, secret_hint: str = "") -> Assignment:
    """Return the value that an argument gives to a property. Raises `UsageError`.

    `secret_hint` says how a secret is given instead, where there is no option `--secret`.
    """
    name, _, text = argument.partition("=")
    typed = name.endswith(":")
    path = parse_path(name.removesuffix(":"))
    dotted = one_line(".".join(path), 80)
    from_stdin = text == "@-"
    if text.startswith("@"):
        text = inputs.read(text[1:], dotted)
        if not typed:
            text = text.removesuffix("\n").removesuffix("\r")
    value: Any = text
    if typed:
        try:
            value = json_codec.loads(text)
        except json_codec.MalformedJson as error:
            raise UsageError(
                f"the value of {dotted} is not JSON: {error}", hint=f"{dotted}=TEXT, without the colon, takes text."
            ) from None
    if not from_stdin:
        refuse_secret(path, value, secret_hint)
    return Assignment(path, value, typed)


def read_object(path: str, inputs: Inputs) -> dict[str, Any]:
    """Return the JSON object in a file, or standard input for `-`. Raises `UsageError`, also for a secret in a file."""
    text = inputs.read(path, "the JSON object")
    try:
        value = json_codec.loads(text)
    except json_codec.MalformedJson as error:
        raise UsageError(f"{_input_name(path)} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{_input_name(path)} does not hold a JSON object")
    if path != "-":
        refuse_secret((), value)
    return value


def refuse_secret(path: PropertyPath, value: Any, hint: str = "") -> None:
    """Raise `UsageError` if a value contains a secret: arguments are visible to all processes, files are kept."""
    outer: Any = value
    for name in reversed(path):
        outer = {name: outer}
    where = _first_difference(outer, redact(outer), ())
    if where is None:
        return
    raise secret_error(".".join(where), hint)


def secret_error(dotted: str, hint: str = "") -> UsageError:
    """Return the error for a secret that was given as an argument or in a file."""
    dotted = one_line(dotted, 80)
    return UsageError(
        f"{dotted} is a secret, and neither an argument nor a file may hold one",
        hint=hint
        or f"Use --secret {dotted}, which reads it from {CREDENTIAL}, a prompt or standard input, or "
        f"--secret {dotted}=VARIABLE, which reads it from that environment variable.",
    )


def read_secrets(options: Iterable[str], inputs: Inputs) -> list[Assignment]:
    """Return the values of `--secret PATH` and `--secret PATH=VARIABLE`. Raises `UsageError`."""
    secrets: list[Assignment] = []
    for option in options:
        path_text, given, variable = option.partition("=")
        path = parse_path(path_text)
        if given:
            secret = os.environ.get(variable, "")
            if not secret:
                raise UsageError(
                    f"the environment variable {one_line(variable, 80)} is not set",
                    hint=f"--secret {one_line(path_text, 80)}=VARIABLE takes the name of a variable, not the secret.",
                )
        else:
            secret = read_secret(f"secret {one_line(path_text, 80)}", inputs)
        SECRET_VALUES.add(secret)
        secrets.append(Assignment(path, secret, secret=True))
    return secrets


def read_secret(label: str, inputs: Inputs) -> str:
    """Return a secret: from `DRIO_UPSTREAM_SECRET`, a prompt, or a line of standard input. Raises `UsageError`."""
    secret = os.environ.get(CREDENTIAL, "")
    if not secret and not inputs.stdin_taken and can_prompt():
        secret = prompt_secret(label)
    elif not secret and not inputs.stdin_taken:
        inputs.claim_stdin(label)
        try:
            secret = sys.stdin.readline(_MAX_SECRET + 1).strip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"the {label} cannot be read from standard input") from None
    if len(secret) > _MAX_SECRET:
        raise UsageError(f"the {label} is longer than {_MAX_SECRET:,} characters")
    if not secret:
        raise UsageError(f"the {label} is needed", hint=f"Set {CREDENTIAL}, or give it on standard input.")
    return secret


def restored(value: Any, redacted: Any, raw: Any, path: PropertyPath = ()) -> Any:
    """Return a copy in which what is as in `redacted`, as `get` printed it, is as in `raw` again.

    Raises `UsageError` for another value in which a secret is hidden: the dots must not be written.
    """
    if value == redacted:
        return raw
    if isinstance(value, dict):
        redacted, raw = (side if isinstance(side, dict) else {} for side in (redacted, raw))
        return {
            name: restored(item, redacted.get(name, _ABSENT), raw.get(name), (*path, name))
            for name, item in value.items()
        }
    if _contains_hidden(value):
        dotted = one_line(".".join(path), 80)
        raise UsageError(
            f"a secret is hidden in {dotted}, so it cannot be written", hint="Leave it out, or replace it."
        )
    return value


def _contains_hidden(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_contains_hidden, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and HIDDEN in value


def _first_difference(value: Any, redacted: Any, path: PropertyPath) -> PropertyPath | None:
    """Return the path of the first value that `redact` has changed, None if there is none."""
    if isinstance(value, dict) and isinstance(redacted, dict):
        for name, item in value.items():
            inner = _first_difference(item, redacted[name], (*path, name))
            if inner is not None:
                return inner
        return None
    return None if value == redacted else path


def _input_name(path: str) -> str:
    return "standard input" if path == "-" else one_line(path, 200)
