"""Writes the document form of an app as YAML or JSON text, in one file or in one per resource.

Its section `tests`, if it has one, is as a document has it: with substitutions and escaped names.

The text depends on the data only: two exports of one app are equal byte by byte.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from drio_tui.api import json_codec, yaml_writer
from drio_tui.api.errors import DrioError
from drio_tui.document_layout import OPERATIONS, ORDER, TESTS, escape_names
from drio_tui.manifest.document import COLLECTIONS, MAIN_FILES, Document, load_document
from drio_tui.manifest.problems import BadDocument
from drio_tui.naming import kebab, unused
from drio_tui.storage.files import os_error_text, write_public
from drio_tui.text import count_of
from drio_tui.workspace.saving.merge import Object

Format = Literal["yaml", "json"]

_RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}
)
"""Names that a file cannot have on Windows."""


_MOST_NAMED = 5
_FORCE = "--force overwrites it."


class NotExported(DrioError):
    """The document cannot be written, or must not be."""

    title = "Not exported"


def _as_written(data: Object) -> Object:
    """Return a document form as it is written; tests, which may have substitutions, are already."""
    return {name: value if name == TESTS else escape_names(value) for name, value in data.items()}


def document_text(data: Object, format: Format = "yaml") -> str:
    """Return the text of a document form. Raises `NotExported` if YAML cannot hold it."""
    return _text(_as_written(data), format)


def _text(data: Object, format: Format) -> str:
    if format == "json":
        return json_codec.for_display(json_codec.dumps(data, indent=2)) + "\n"
    try:
        return yaml_writer.dumps(data)
    except yaml_writer.NotYaml as error:
        raise NotExported(f"A text of the app cannot be written as YAML: {error}.", hint="Use --format json.") from None


def document_files(data: Object, *, split: bool = False, format: Format = "yaml") -> dict[str, str]:
    """Return the texts of the files of a document, by path relative to its directory; the main file is first."""
    parts = _split(_as_written(data)) if split else {"drio": _as_written(data)}
    return {f"{name}.{format}": _text(part, format) for name, part in parts.items()}


def _split(data: Object) -> dict[str, Object]:
    """Return the parts of a document by file name without suffix: one for each resource, and the rest in `drio`."""
    main: Object = dict(data)
    parts: dict[str, Object] = {"drio": main}
    for collection in COLLECTIONS:
        entries = data.get(collection)
        if not isinstance(entries, dict):
            continue
        names = _file_names(entries)
        main[collection] = _order_of(names)
        for key, name in names.items():
            entry = entries[key]
            operations = entry.get(OPERATIONS) if collection == "integrations" and isinstance(entry, dict) else None
            if isinstance(operations, dict):
                operation_names = _file_names(operations)
                entry = {**entry, OPERATIONS: _order_of(operation_names)}
                for operation, operation_name in operation_names.items():
                    part = {collection: {key: {OPERATIONS: {operation: operations[operation]}}}}
                    parts[f"{collection}/{name}/{operation_name}"] = part
            parts[f"{collection}/{name}"] = {collection: {key: entry}}
    return parts


def _order_of(names: Mapping[str, str]) -> Object:
    """Return what keeps the order of entries that are read from files in the order of their `names`."""
    return {} if [*names.values()] == sorted(names.values()) else {ORDER: [*names]}


def _file_names(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return the name of the file of each key; it is the key unless that is no usable name."""
    taken = set(_RESERVED_NAMES)
    names: dict[str, str] = {}
    for key in entries:
        names[key] = unused(kebab(key, "resource"), taken)
        taken.add(names[key])
    return names


# --- files -----------------------------------------------------------------------------------------


def files_to_replace(target: Path, data: Object) -> list[Path]:
    """Return the files of the document at `target`, a directory or a file, that an export replaces.

    Raises `NotExported` if that is the document of another app, cannot be read, or was edited: it has comments,
    substitutions or another layout than an export.
    """
    if not target.exists():
        return []
    try:
        document = load_document(target)
    except BadDocument as error:
        if all(problem.code == "no_document" for problem in error.problems):
            return []
        raise NotExported(f"There is a document that cannot be read. {error.problems[0]}", hint=_FORCE) from None
    if errors := [problem for problem in document.problems if problem.severity == "error"]:
        raise NotExported(f"There is a document with errors. {errors[0]}", hint=_FORCE)
    slug, other = _slug(data), _slug(document.data)
    if slug != other:
        name = f"of another app, {other[:80]}" if other else "without a slug"
        files = named_files([source.name for source in document.sources])
        text = f"{target} has the document {name}, in {files}."
        raise NotExported(text, hint=f"Choose another directory. --force overwrites or removes {files}.")
    if not _is_as_exported(document):
        raise NotExported(
            f"The document in {target} was edited: comments and layout would be lost.",
            hint=f"`drio-tui pull` brings the changes of drio into it. {_FORCE}",
        )
    return list(document.files)


def named_files(names: Sequence[str]) -> str:
    """Return the names of files as text, of many only the first ones; not sanitized."""
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {count_of(more, 'more file')}" if more > 0 else shown


def _is_as_exported(document: Document) -> bool:
    if any(section != TESTS for section, *_ in document.substitutions):
        return False
    data = document.resolve({}, {})
    if TESTS in document.data:
        data[TESTS] = document.data[TESTS]
    main, *others = document.sources
    format: Format = "json" if main.path.suffix == ".json" else "yaml"
    with contextlib.suppress(NotExported):
        if not others and main.data == document_text(data, format).encode():
            return True
        files = document_files(data, split=True, format=format)
        return {source.name: source.data for source in document.sources} == {
            name: text.encode() for name, text in files.items()
        }
    return False


def write_files(folder: Path, files: Mapping[str, str], replaced: list[Path]) -> list[Path]:
    """Write the files of a document into `folder`, remove `replaced` files that are not among them; return the removed.

    Each file is written atomically. Raises `NotExported`.
    """
    written = {(folder / name).resolve() for name in files}
    try:
        for name, text in files.items():
            write_public(folder / name, text.encode())
        stale = [path for path in replaced if path.resolve() not in written]
        for path in stale:
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, folder)
    except OSError as error:
        path_text = getattr(error, "filename", None) or folder
        raise NotExported(f"{path_text} cannot be written: {os_error_text(error)}.", hint="") from None
    return stale


def _remove_empty(path: Path, root: Path) -> None:
    """Remove a folder and those above it that are empty, up to `root`."""
    while path.resolve().is_relative_to(root.resolve()) and path.resolve() != root.resolve():
        try:
            path.rmdir()
        except OSError:  # it is not empty
            return
        path = path.parent


def existing_files(target: Path) -> list[Path]:
    """Return the files of the document at `target` as far as it can be read, and main files that cannot be read."""
    folder = target.resolve()
    files = [folder / name for name in MAIN_FILES if (folder / name).is_file()]
    with contextlib.suppress(BadDocument):
        files += [path for path in load_document(target).files if path not in files]
    return files


def _slug(data: Object) -> str:
    app = data.get("app")
    slug = app.get("slug") if isinstance(app, dict) else None
    return slug if isinstance(slug, str) else ""
