"""Reads a document: one file, or the files of a directory, merged. All errors are collected, with line and column.

The document of a directory is `drio.yaml` (or `drio.json`), other YAML files beside it, and the YAML and JSON files in
`auth`, `integrations`, `tools` and `widgets` below it. A file belongs to it if it has at least one of the properties
of a document at its top; others are in `Document.ignored`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drio_tui.api.yaml_reader import Location
from drio_tui.document_layout import ORDER, TEMPLATE, TESTS, ResourceName, entries, short_binding, unescape
from drio_tui.manifest.problems import BadDocument, DocumentProblem
from drio_tui.manifest.secret import Secret
from drio_tui.manifest.source import BadSource, Source, read_source
from drio_tui.manifest.substitutions import (
    SECRETS_HINT,
    BadSubstitution,
    EnvValue,
    FileValue,
    SecretValue,
    Substitution,
    file_value,
    is_substitution,
    parse_substitution,
)
from drio_tui.storage.files import os_error_text
from drio_tui.text import did_you_mean
from drio_tui.workspace.lint.resource_checks import Severity

COLLECTIONS = ("auth", "integrations", "tools", "widgets")
"""The properties of a document that hold resources by key."""
TOP = ("app", TEMPLATE, *COLLECTIONS, TESTS)
MAIN_FILES = ("drio.yaml", "drio.yml", "drio.json")
"""The names of the main file of a document; a directory has one of them."""
FileTimes = tuple[tuple[str, int, int], ...]
"""The path of each file, when it was changed last (in nanoseconds since the epoch), and its size."""
MOST_FILES = 10_000
_YAML = (".yaml", ".yml")


@dataclass
class Document:
    """A document as it was read.

    `root` is its directory, resolved; `sources` are its files, `ignored` the names of YAML files that are not part of
    it. `data` is the merged value, in which substitutions are still objects; `invalid` are the locations of those that
    are not valid. `problems` are what is wrong with it.
    """

    root: Path
    sources: tuple[Source, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    substitutions: dict[Location, Substitution] = field(default_factory=dict)
    invalid: set[Location] = field(default_factory=set)
    ignored: tuple[str, ...] = ()
    problems: list[DocumentProblem] = field(default_factory=list)
    owners: dict[Location, Source] = field(default_factory=dict)

    @property
    def app_data(self) -> dict[str, Any]:
        """`data` without the tests, which are no part of the app."""
        return {name: value for name, value in self.data.items() if name != TESTS}

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the document, the main one first."""
        return tuple(source.path for source in self.sources)

    def source_of(self, location: Location) -> Source:
        """Return the file that has the value at `location`, or would have it."""
        for length in range(len(location), -1, -1):
            if owner := self.owners.get(location[:length]):
                return owner
        return self.sources[0]

    def place_of(self, location: Location) -> tuple[Path, int]:
        """Return the file and line of the value at `location`, or of the nearest one around it."""
        source = self.source_of(location)
        return source.path, source.position(location)[0]

    def problem(
        self,
        location: Location,
        message: str,
        *,
        severity: Severity = "error",
        code: str = "document",
        advice: str = "",
    ) -> DocumentProblem:
        """Return a problem of the value at `location`, with the position of what is there."""
        source = self.source_of(location)
        line, column, _ = source.position(location)
        return DocumentProblem(message, source.name, line, column, location, severity, code, advice)

    def resources(self) -> list[ResourceName]:
        """Return the kind and key of every resource in the document."""
        return [(kind, key) for kind, key, _ in entries(self.data)]

    def secret_names(self, *, of_tests: bool = False) -> list[str]:
        """Return the names of all secrets of the app, or of its tests, each once."""
        values = (
            value.name
            for location, value in self.substitutions.items()
            if isinstance(value, SecretValue) and (location[0] == TESTS) == of_tests
        )
        return list(dict.fromkeys(values))

    def known_values(self, environ: Mapping[str, str]) -> dict[Location, Any]:
        """Return the values of the substitutions by location; without secrets, and variables without a right value."""
        values: dict[Location, Any] = {}
        for location, substitution in self.substitutions.items():
            if isinstance(substitution, FileValue):
                values[location] = substitution.value
            elif isinstance(substitution, EnvValue):
                with contextlib.suppress(BadSubstitution):
                    values[location] = substitution.value(environ)
        return values

    def resolve(self, environ: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return the document form: `data` without its tests, with every substitution replaced by its value.

        A secret is a `Secret`. Raises `BadDocument` with every variable and secret that is missing.
        """
        return with_short_bindings(self._resolved(self.app_data, environ, secrets))

    def resolve_tests(self, environ: Mapping[str, str], secrets: Mapping[str, str]) -> Any:
        """Return the section `tests` as `resolve` returns the rest; None if there is none."""
        data = {TESTS: self.data[TESTS]} if TESTS in self.data else {}
        return self._resolved(data, environ, secrets).get(TESTS)

    def _resolved(self, data: dict[str, Any], environ: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
        values: dict[Location, Any] = {}
        problems: list[DocumentProblem] = []
        for location, substitution in self.substitutions.items():
            if location[0] not in data:
                continue
            match substitution:
                case FileValue(value=value):
                    values[location] = value
                case EnvValue():
                    try:
                        values[location] = substitution.value(environ)
                    except BadSubstitution as error:
                        problems.append(self.problem(location, str(error), code="missing_variable"))
                case SecretValue(name=name):
                    if secret := secrets.get(name):
                        values[location] = Secret(name, secret)
                    else:
                        problems.append(self.problem(location, f"There is no secret {name}.", code="missing_secret"))
        if problems:
            missing_secret = any(problem.code == "missing_secret" for problem in problems)
            raise BadDocument(problems, hint=SECRETS_HINT if missing_secret else "")
        resolved: dict[str, Any] = substituted(data, values)
        return resolved


def with_short_bindings(form: dict[str, Any]) -> dict[str, Any]:
    """Return a document form with each binding as an export writes it, so that both ways to write one are equal."""
    tools = form.get("tools")
    if not isinstance(tools, dict):
        return form
    return {
        **form,
        "tools": {
            key: {**tool, "binding": short_binding(tool["binding"])}
            if isinstance(tool, dict) and "binding" in tool
            else tool
            for key, tool in tools.items()
        },
    }


def substituted(value: Any, values: Mapping[Location, Any], location: Location = ()) -> Any:
    """Return a copy of a document's data with the `values` at their locations, and names without the escape `$$`."""
    if location in values:
        return values[location]
    if isinstance(value, dict):
        return {unescape(name): substituted(item, values, (*location, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, values, (*location, index)) for index, item in enumerate(value)]
    return value


def read_document(path: Path) -> Document:
    """Read the document in a directory, or one file. Raises `BadDocument` with all errors."""
    document = load_document(path)
    if errors := [problem for problem in document.problems if problem.severity == "error"]:
        raise BadDocument(errors)
    return document


def load_document(path: Path) -> Document:
    """Read a document as far as it can be read; `problems` has the errors. Raises `BadDocument` if there is none."""
    document = _Reader(path).read()
    if not document.sources:
        raise BadDocument(document.problems, hint="")
    return document


def file_times(path: Path) -> FileTimes:
    """Return when the files of the document at `path` were changed last, without reading them.

    The files of its `$file` are not among them.
    """
    times: list[tuple[str, int, int]] = []
    for file in _Reader(path).files():
        with contextlib.suppress(OSError):
            info = file.stat()
            times.append((str(file), info.st_mtime_ns, info.st_size))
    return tuple(times)


class _Reader:
    """Reads the document at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        is_file = path.is_file()
        self._root = (path.parent if is_file else path).resolve()
        self._document = Document(self._root)
        self._problems = self._document.problems
        self._files = [path.resolve()] if is_file else None

    def read(self) -> Document:
        document = self._document
        sources: list[Source] = []
        ignored: list[str] = []
        if not self._root.is_dir():
            self._problems.append(DocumentProblem(f"There is no file or directory {self._path}.", code="no_document"))
            return document
        for file in self.files():
            name = file.relative_to(self._root).as_posix()
            try:
                source = read_source(file, name)
            except BadSource as error:
                self._problems += error.problems
                continue
            if self._belongs(source):
                sources.append(source)
            else:
                ignored.append(name)
        document.sources, document.ignored = tuple(sources), tuple(ignored)
        if not sources:
            if not self._problems:
                message = f"There is no {MAIN_FILES[0]} or {MAIN_FILES[-1]} in {self._path}."
                self._problems.append(DocumentProblem(message, code="no_document"))
            return document
        for source in sources:
            self._find_substitutions(source, source.value, ())
            self._merge(document.data, source.value, (), source)
        self._check_structure()
        self._apply_order()
        return document

    def files(self) -> list[Path]:
        """Return the files of the document; what is wrong with the others becomes a problem."""
        return self._files or self._find_files()

    def _find_files(self) -> list[Path]:
        main = [path for name in MAIN_FILES if (path := self._root / name).exists()]
        if len(main) > 1:
            message = f"It is there beside {main[0].name}: a directory has one of them."
            self._problems.append(DocumentProblem(message, main[1].name))
        found = main[:1]
        for path in self._entries(self._root):
            if path.suffix.lower() in _YAML and path not in main:
                found.append(path)
        for collection in COLLECTIONS:
            found += self._files_below(self._root / collection)
        inside: list[Path] = []
        for path in found[:MOST_FILES]:
            if path.resolve().is_relative_to(self._root):
                inside.append(path)
            else:
                name = path.relative_to(self._root).as_posix()
                self._problems.append(DocumentProblem("It is a link that leaves the directory of the document.", name))
        if len(found) > MOST_FILES:
            self._problems.append(DocumentProblem(f"The document has more than {MOST_FILES:,} files."))
        return inside

    def _files_below(self, folder: Path) -> Iterator[Path]:
        if not folder.is_dir() or folder.is_symlink():
            return
        entries = self._entries(folder)
        yield from (path for path in entries if path.suffix.lower() in (*_YAML, ".json") and not path.is_dir())
        for path in entries:
            if path.is_dir():
                yield from self._files_below(path)

    def _entries(self, folder: Path) -> list[Path]:
        """Return what is in a folder, sorted by name without suffix, without hidden files."""
        try:
            entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
            return sorted(entries, key=lambda path: (path.stem, path.name))
        except OSError as error:
            name = folder.relative_to(self._root).as_posix()
            self._problems.append(DocumentProblem(f"It cannot be read: {os_error_text(error)}.", name))
            return []

    def _belongs(self, source: Source) -> bool:
        """Return whether a file is part of the document; one that could be meant as a part of it is a problem."""
        is_main = self._files is not None or source.name in MAIN_FILES
        if not isinstance(source.value, dict):
            if is_main and source.value is not None:
                self._problems.append(DocumentProblem("A document is an object.", source.name, 1, 1))
            elif is_main:
                self._problems.append(DocumentProblem("It is empty.", source.name))
            return False
        if is_main or any(name in source.value for name in ("app", *COLLECTIONS)):
            return True
        if isinstance(source.value.get(TESTS), dict):
            return True
        for name in source.value:
            if suggestion := did_you_mean(name, [known for known in TOP if known != TESTS]):
                line, column, _ = source.position((name,))
                message = f"It has none of the properties of a document. {suggestion}"
                self._problems.append(DocumentProblem(message, source.name, line, column, (name,)))
        return False

    def _find_substitutions(self, source: Source, value: Any, location: Location) -> None:
        if is_substitution(value):
            self._document.invalid.add(location)
            if len(location) < _resource_depth(location) + 1:
                message = "$env, $secret and $file stand for the value of a property, not for a resource."
                self._report(source, location, message)
                return
            folder = source.path.parent
            try:
                self._document.substitutions[location] = parse_substitution(
                    value, lambda written: file_value(written, folder, self._root)
                )
            except BadSubstitution as error:
                self._report(source, location, str(error))
            except BadSource as error:
                for problem in error.problems:
                    self._report(source, location, f"{problem.where}: {problem.message}")
            else:
                self._document.invalid.discard(location)
            return
        items: Iterable[tuple[str | int, Any]] = ()
        if isinstance(value, dict):
            items = value.items()
        elif isinstance(value, list):
            items = enumerate(value)
        for step, item in items:
            if isinstance(item, dict | list):
                self._find_substitutions(source, item, (*location, step))

    def _merge(self, target: dict[str, Any], value: dict[str, Any], location: Location, source: Source) -> None:
        owners = self._document.owners
        for name, item in value.items():
            inner = (*location, name)
            if isinstance(item, dict) and _is_merged(inner) and isinstance(target.get(name, {}), dict):
                owners.setdefault(inner, source)
                self._merge(target.setdefault(name, {}), item, inner, source)
            elif name not in target:
                target[name] = item
                owners[inner] = source
            else:
                other = owners[inner]
                line, _, _ = other.position(inner)
                self._report(source, inner, f"It is in {other.name}:{line} too.", code="duplicate_name")

    def _report(self, source: Source, location: Location, message: str, *, code: str = "document") -> None:
        line, column, _ = source.position(location)
        self._problems.append(DocumentProblem(message, source.name, line, column, location, code=code))

    def _check_structure(self) -> None:
        data = self._document.data
        for name in ("app", TEMPLATE, TESTS):
            self._check_object(data, (name,))
        for collection in COLLECTIONS:
            for key in list(self._check_object(data, (collection,))):
                resource = self._check_object(data[collection], (collection, key))
                if collection == "integrations":
                    for operation in list(self._check_object(resource, (collection, key, "operations"))):
                        self._check_object(resource["operations"], (collection, key, "operations", operation))

    def _check_object(self, container: dict[str, Any], location: Location) -> dict[str, Any]:
        """Return the object at `location`, whose last step is in `container`; one that is none is removed."""
        name = str(location[-1])
        if name not in container or name == ORDER:
            return {}
        value = container[name]
        if isinstance(value, dict):
            return {} if is_substitution(value) else value
        if value is None and len(location) % 2 == 0:
            container[name] = {}
            return {}
        noun = location[-1] if len(location) % 2 else "A resource"
        message = (
            f"{noun} is empty: write {{}} for none, or leave it out." if value is None else f"{noun} is an object."
        )
        self._problems.append(self._document.problem(location, message, code="structure"))
        del container[name]
        return {}

    def _apply_order(self) -> None:
        data = self._document.data
        locations: list[Location] = [(name,) for name in COLLECTIONS]
        locations += [("integrations", key, "operations") for key in data.get("integrations", ())]
        for location in locations:
            container: Any = data
            for step in location[:-1]:
                container = container.get(step, {})
            collection = container.get(location[-1])
            if isinstance(collection, dict) and ORDER in collection:
                container[location[-1]] = self._ordered(collection, location)

    def _ordered(self, collection: dict[str, Any], location: Location) -> dict[str, Any]:
        order = collection.pop(ORDER)
        if not isinstance(order, list) or not all(isinstance(key, str) for key in order):
            self._problems.append(self._document.problem((*location, ORDER), f"{ORDER} is a list of keys."))
            return collection
        for index, key in enumerate(order):
            if key not in collection or key in order[:index]:
                reason = "is listed twice" if key in order[:index] else "is not there"
                text = " ".join(filter(None, (f"{key} {reason}.", did_you_mean(key, collection))))
                self._problems.append(self._document.problem((*location, ORDER, index), text, code="order"))
        listed = {key: collection[key] for key in order if key in collection}
        return {**listed, **collection}


def _is_merged(location: Location) -> bool:
    """Return whether the properties of the object at `location` may be in several files."""
    match location:
        case (name,):
            return name in COLLECTIONS or name == TESTS
        case ("integrations", _) | ("integrations", _, "operations"):
            return True
    return False


def _resource_depth(location: Location) -> int:
    """Return how many steps lead to the resource that the location is in."""
    match location:
        case ("integrations", _, "operations", *_):
            return 4
        case (name, *_) if name in COLLECTIONS:
            return 2
    return 1
