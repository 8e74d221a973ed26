"""What stands for a value in a document: `{ $env: NAME, default: … }`, `{ $secret: NAME }` and `{ $file: path }`.

A property that really has one of these names is written with one `$` more: `$$env`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drio_tui.api.yaml_reader import plain_value
from drio_tui.document_layout import ENV, FILE, SECRET
from drio_tui.manifest.problems import BadDocument, DocumentProblem
from drio_tui.manifest.source import BadSource, parse_source, read_bytes
from drio_tui.schema.fields import MISSING

_SUBSTITUTIONS = (ENV, SECRET, FILE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class BadSubstitution(ValueError):
    """The object is no valid substitution; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class EnvValue:
    """The value of an environment variable. `default` is `MISSING` if there is none.

    It is text, but where the default is a boolean or a number, the variable has to be one too.
    """

    name: str
    default: Any = MISSING

    def value(self, environ: Mapping[str, str]) -> Any:
        """Return the value. Raises `BadSubstitution`."""
        if self.name not in environ:
            if self.default is MISSING:
                raise BadSubstitution(f"The environment variable {self.name} is not set, and there is no default.")
            return self.default
        text = environ[self.name]
        if not isinstance(self.default, bool | int | float):
            return text
        value = plain_value(text.strip())
        wanted = bool if isinstance(self.default, bool) else (int, float)
        if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(self.default, bool):
            kind = "true or false" if isinstance(self.default, bool) else "a number"
            raise BadSubstitution(f"The environment variable {self.name} has to be {kind}, as its default is.")
        return value


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret, from the environment, a file of secrets or a prompt."""

    name: str


@dataclass(frozen=True, slots=True)
class FileValue:
    """The content of a file: JSON and YAML as a value, all else as text without its last line break."""

    path: Path
    value: Any


Substitution = EnvValue | SecretValue | FileValue


SECRETS_HINT = "Set it in the environment, or give a file with NAME=VALUE lines with --secrets FILE."


def is_substitution(value: Any) -> bool:
    """Return whether a value is meant as a substitution, valid or not."""
    return isinstance(value, dict) and any(name in value for name in _SUBSTITUTIONS)


def parse_substitution(value: Mapping[str, Any], read_file: Callable[[str], FileValue]) -> Substitution:
    """Return the substitution that an object is. Raises `BadSubstitution`, and what `read_file` raises."""
    kind = next(name for name in _SUBSTITUTIONS if name in value)
    allowed = {kind, "default"} if kind == ENV else {kind}
    if extra := [name for name in value if name not in allowed]:
        escaped = f"a property of that name is written ${kind}"
        raise BadSubstitution(f"{kind} allows no {extra[0][:80]!r} beside it; {escaped}.")
    content = value[kind]
    if not isinstance(content, str) or not content:
        noun = "a relative path" if kind == FILE else "the name of a variable"
        raise BadSubstitution(f"{kind} takes {noun}.")
    if kind == FILE:
        return read_file(content)
    if not _NAME.fullmatch(content):
        raise BadSubstitution(f"{kind} takes a name of letters, digits and _, not {content[:80]!r}.")
    if kind == SECRET:
        return SecretValue(content)
    default = value.get("default", MISSING)
    if isinstance(default, dict | list):
        raise BadSubstitution("The default of $env is a text, a number, true, false or null.")
    return EnvValue(content, default)


def file_value(written: str, folder: Path, root: Path) -> FileValue:
    """Return the value of `$file: written` in a file of `folder`. Raises `BadSubstitution` and `BadSource`.

    The file has to be in `root`, which is resolved, also when symbolic links are followed, and may not be hidden.
    """
    if "\\" in written or Path(written).is_absolute() or re.match(r"[A-Za-z]:", written):
        raise BadSubstitution("$file takes a relative path with / between folders.")
    try:
        path = (folder / written).resolve()
    except (OSError, ValueError, RuntimeError):
        raise BadSubstitution("$file takes the path of a file.") from None
    if not path.is_relative_to(root):
        raise BadSubstitution(f"$file cannot leave the directory of the document: {written[:200]}.")
    name = path.relative_to(root).as_posix()
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        raise BadSubstitution(f"$file cannot be a hidden file: {written[:200]}.")
    data = read_bytes(path, name)
    if path.suffix.lower() in (".json", ".yaml", ".yml"):
        return FileValue(path, parse_source(data, path, name).value)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"It is not UTF-8 text: byte {error.start} is wrong."
        raise BadSource(DocumentProblem(message, name, code="syntax")) from None
    return FileValue(path, _without_line_end(text.removeprefix("\ufeff")))


def _without_line_end(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def file_text(value: str, *, ends_with_newline: bool) -> str:
    """Return the text of a file from which `file_value` reads the value."""
    mark = "\ufeff" if value.startswith("\ufeff") else ""
    end = "\r\n" if value.endswith("\r") else "\n"
    return mark + value + (end if ends_with_newline or value.endswith("\n") else "")


def read_dotenv(data: str, name: str) -> dict[str, str]:
    """Return the variables in the text of a dotenv file. Raises `BadDocument` with the lines that are none."""
    values: dict[str, str] = {}
    problems: list[DocumentProblem] = []
    for number, line in enumerate(data.removeprefix("\ufeff").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        variable, equals, rest = line.removeprefix("export ").partition("=")
        variable, rest = variable.strip(), rest.strip()
        value = _dotenv_value(rest)
        if not equals or not _NAME.fullmatch(variable) or value is None:
            problems.append(DocumentProblem("The line is not NAME=VALUE.", name, number, code="secrets_file"))
        else:
            values[variable] = value
    if problems:
        raise BadDocument(problems, hint="")
    return values


def _dotenv_value(text: str) -> str | None:
    """Return the value after `NAME=`, None if its quotes are not closed."""
    if text[:1] == "'":
        match = re.fullmatch(r"'([^']*)'\s*(?:#.*)?", text)
        return match[1] if match else None
    if text[:1] == '"':
        match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', text)
        if match is None:
            return None
        escapes = {"n": "\n", "r": "\r", "t": "\t"}
        return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), match[1])
    return re.split(r"\s+#", text, maxsplit=1)[0]
