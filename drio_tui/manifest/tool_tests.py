"""The tests of the tools of an app: in the section `tests` of its document, or on this machine where it has none."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from drio_tui.api.errors import DrioError
from drio_tui.document_layout import SECRET, TESTS, unescape
from drio_tui.evaluation.local_tests import Section, keep_local, local_section, merged
from drio_tui.evaluation.tool_test import ToolTest
from drio_tui.manifest.document import Document, FileTimes, file_times, load_document, read_document
from drio_tui.manifest.edits import CannotEdit, edited
from drio_tui.manifest.known_documents import known_document
from drio_tui.manifest.problems import BadDocument, DocumentProblem
from drio_tui.manifest.secret import Secret, revealed
from drio_tui.manifest.source import Source
from drio_tui.manifest.substitutions import (
    BadSubstitution,
    EnvValue,
    FileValue,
    SecretValue,
    is_substitution,
    parse_substitution,
)
from drio_tui.storage.files import os_error_text, write_public
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving.merge import Object


class NotWritten(DrioError):
    """The tests cannot be written to the document. Nothing was changed."""

    title = "The tests were not written"


class MissingValue(DrioError):
    """A test that is kept on this machine needs a variable or secret that is not set."""

    title = "A value of a test is missing"
    hint = "Set it in the environment."


Place = Literal["document", "local"]
"""Where tests are kept: the attribute of `KeptTests` that has them."""


@dataclass(frozen=True, slots=True)
class KeptTests:
    """The tests of a tool, as they are written: those in the document of its app, and those on this machine.

    `path` is the document, None if none is known; `times` are those of its files when it was read. `problem` says why
    its tests are not among them.
    """

    path: Path | None = None
    document: tuple[Object, ...] = ()
    local: tuple[Object, ...] = ()
    problem: str = ""
    times: FileTimes = ()


@dataclass(frozen=True, slots=True)
class TestFiles:
    """Reads and writes the tests of the tools of an app at a drio (a `server_id`). Its methods block."""

    __test__ = False

    server: str
    app_id: str

    @property
    def history(self) -> RunHistory:
        return RunHistory(self.server, self.app_id)

    def read(self, tool: str) -> KeptTests:
        """Return the tests of the tool with this key; of two with one name, that of the document."""
        local = tuple(local_section(self.history).get(tool, ()))
        path = self._path
        if path is None:
            return KeptTests(local=local)
        times = file_times(path)
        try:
            document = read_document(path)
            tests = document.data.get(TESTS, {}).get(tool, [])
            if is_substitution(tests):
                problem = f"The tests of {tool} are in another file, by $file."
                return KeptTests(path, local=local, problem=problem, times=times)
            if problems := [*_misshapen(document, tool, tests)]:
                raise BadDocument(problems)
        except BadDocument as error:
            return KeptTests(path, local=local, problem=str(error), times=times)
        names = [test.get("name") for test in tests]
        return KeptTests(
            path, tuple(tests), tuple(test for test in local if test.get("name") not in names), times=times
        )

    def read_if_changed(self, tool: str, before: KeptTests) -> KeptTests | None:
        """Return the tests of the tool if the files of the document have changed since `before` was read."""
        path = self._path
        times = file_times(path) if path is not None else ()
        return self.read(tool) if (path, times) != (before.path, before.times) else None

    @property
    def _path(self) -> Path | None:
        known = known_document(self.server, self.app_id)
        return Path(known.path) if known is not None and Path(known.path).exists() else None

    def resolved(self, kept: KeptTests, tool: str, environ: Mapping[str, str]) -> list[ToolTest]:
        """Return the tests of the tool with values, first those of the document.

        Raises `BadDocument` and `MissingValue` for a variable or secret that is not set.
        """
        tests: list[ToolTest] = []
        if kept.document and kept.path is not None:
            document = read_document(kept.path)
            secrets = {name: value for name in document.secret_names(of_tests=True) if (value := environ.get(name))}
            tests += [test for test in document_tests(document, environ, secrets) if test.tool == tool]
        return tests + local_tests({tool: [*kept.local]}, environ)

    def save(self, tool: str, before: KeptTests, after: KeptTests, places: Collection[Place]) -> KeptTests:
        """Write the tests of the tool in its document, or those on this machine, or both; return them as read again.

        Raises `DrioError` or `NotKept`, also where they are no longer as `before` has them: an editor may have added
        some to the document meanwhile.
        """
        current = self.read(tool)
        if any(getattr(current, place) != getattr(before, place) for place in places):
            raise NotWritten("They were changed after they were read here.", hint="Read them again, with r.")
        if "document" in places and current.problem:  # what could not be read would be overwritten
            raise NotWritten(current.problem, hint="Change them there.")
        if "document" in places and after.path is not None:
            write_tests(after.path, tool, [*after.document])
        if "local" in places:
            keep_local(self.history, tool, [*after.local])
        return self.read(tool)


def document_tests(document: Document, environ: Mapping[str, str], secrets: Mapping[str, str]) -> list[ToolTest]:
    """Return the tests of a document with the values of its substitutions.

    Raises `BadDocument` if one is missing, and for what is no list of objects: a test that is not run must not pass.
    """
    section = revealed(document.resolve_tests(environ, secrets) or {})
    if problems := [
        problem
        for name in document.data.get(TESTS, {})
        for problem in _misshapen(document, name, section.get(unescape(name)))
    ]:
        raise BadDocument(problems)
    return tests_in(section)


def _misshapen(document: Document, tool: str, tests: Any) -> Iterator[DocumentProblem]:
    """Yield what keeps the value of a tool in the section `tests` from being a list of objects."""
    if not isinstance(tests, list):
        yield document.problem((TESTS, tool), "The tests of a tool are a list.", code="schema")
        return
    for index, test in enumerate(tests):
        if not isinstance(test, dict):
            yield document.problem((TESTS, tool, index), "A test is an object.", code="schema")


def local_tests(
    section: Section, environ: Mapping[str, str], secrets: Mapping[str, str] = MappingProxyType({})
) -> list[ToolTest]:
    """Return the tests that are kept on this machine, with values for `$env` and `$secret`. Raises `MissingValue`.

    A secret that is not in `secrets` is looked up in the environment.
    """
    return tests_in(_resolved(section, environ, secrets))


def local_secret_names(value: Any) -> Iterator[str]:
    """Yield the names of the secrets in tests that are kept on this machine."""
    if is_substitution(value):
        if isinstance(value.get(SECRET), str):
            yield value[SECRET]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from local_secret_names(item)


def tests_in(section: Any) -> list[ToolTest]:
    """Return the tests of a section without substitutions; what is no list of objects is left out."""
    return [
        ToolTest(tool, test)
        for tool, tests in (section.items() if isinstance(section, dict) else ())
        if isinstance(tests, list)
        for test in tests
        if isinstance(test, dict)
    ]


def with_tests(data: Object, local: Section, target: Path | None) -> Object:
    """Return a document form with the tests of the document at `target`, if there is one, and those in `local`."""
    section = local
    if target is not None and target.exists():
        with contextlib.suppress(BadDocument):
            document = load_document(target)
            if document.data.get("app", {}).get("slug") == data.get("app", {}).get("slug"):
                section = merged(document.data.get(TESTS, {}), local)
    return {**data, TESTS: section} if section else data


def write_tests(path: Path, tool: str, tests: list[Object]) -> Path:
    """Replace the tests of a tool in the document at `path` and return the file; comments and layout stay.

    They are written as they are, with substitutions. Raises `BadDocument` and `NotWritten`.
    """
    document = read_document(path)
    source = _file_of(document, tool)
    value = deepcopy(source.value)
    section = value.setdefault(TESTS, {})
    if tests:
        section[tool] = tests
    else:
        section.pop(tool, None)
        if not section:
            del value[TESTS]
    is_json = source.path.suffix.lower() == ".json"
    try:
        text = edited(source.data.decode("utf-8"), value, is_json=is_json)
        if source.path.read_bytes() != source.data:
            raise NotWritten(f"{source.name} was changed while it was read.", hint="Try again.")
        write_public(source.path, text.encode("utf-8"))
    except CannotEdit as error:
        raise NotWritten(f"{source.name} cannot be changed. {error}") from None
    except OSError as error:
        raise NotWritten(f"{source.name} cannot be written: {os_error_text(error)}.") from None
    return source.path


def _file_of(document: Document, tool: str) -> Source:
    """Return the file that has the tests of a tool, or that new ones are written to."""
    if isinstance(document.data.get(TESTS, {}).get(tool), dict):
        raise NotWritten(f"The tests of {tool} are in another file, by $file.", hint="Change them there.")
    return document.source_of((TESTS, tool)) if TESTS in document.data else document.sources[0]


def _resolved(value: Any, environ: Mapping[str, str], secrets: Mapping[str, str]) -> Any:
    if is_substitution(value):
        return _value_of(value, environ, secrets)
    if isinstance(value, dict):
        return {unescape(name): _resolved(item, environ, secrets) for name, item in value.items()}
    return [_resolved(item, environ, secrets) for item in value] if isinstance(value, list) else value


def _value_of(value: Object, environ: Mapping[str, str], secrets: Mapping[str, str]) -> Any:
    def no_file(_: str) -> FileValue:
        raise BadSubstitution("$file needs a document.")

    try:
        substitution = parse_substitution(value, no_file)
        if isinstance(substitution, EnvValue):
            return substitution.value(environ)
    except BadSubstitution as error:
        raise MissingValue(str(error)) from None
    if isinstance(substitution, SecretValue):
        name = substitution.name
        if secret := secrets.get(name) or environ.get(name):
            return Secret(name, secret).value
    raise MissingValue(f"There is no secret {value.get(SECRET)}.")
