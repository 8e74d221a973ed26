"""The templates that apps start from, `providers.json` and `helpdesk.json`.

A template is a document (see `document_layout`) with a section `template`. Those that come with the program are in
`templates/`, as JSON, which the sandbox reads without a YAML parser; what the user added is in the data folder.
`{"$env": "SANDBOX_HELPDESK_URL"}` and `{"$secret": "SANDBOX_HELPDESK_KEY"}` in the former are the URL and the API key
of the helpdesk that the sandbox itself serves.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from drio_tui.api.json_codec import Document, MalformedJson, dumps, loads
from drio_tui.document_layout import OPERATIONS, SECTIONS, TEMPLATE, objects_of
from drio_tui.storage.files import read_private

log = logging.getLogger("drio_tui.sandbox")

FOLDER = "templates"
"""The folder of the user's templates in the data folder, and of the others in this package: a file `ID.json` each."""
MAX_BYTES = 4 << 20

Version = tuple[tuple[str, int, int, int], ...]
"""Name, time of change, size and inode of each file of a folder: another one after any change."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template. `document` is its document form; `is_custom`: the user added it."""

    id: str
    name: str
    description: str
    category: str
    tags: list[str]
    document: Document = field(repr=False)
    is_custom: bool = False

    @classmethod
    def of_document(cls, document: Document, *, is_custom: bool = False) -> Template:
        """Return the template that a document is. Raises `ValueError` if its section `template` is not complete."""
        section = objects_of(document).get(TEMPLATE, {})
        id, name, description, category = (section.get(name) for name in ("id", "name", "description", "category"))
        tags = section.get("tags", [])
        if not all(isinstance(text, str) for text in (id, name, description, category, *tags)):
            raise ValueError("the section template has no id, name, description and category")
        return cls(str(id), str(name), str(description), str(category), tags, document, is_custom)

    @property
    def app(self) -> Document:
        """The properties of an app made from it, but for those that say which app it is."""
        app = objects_of(self.document).get("app", {})
        return {name: value for name, value in app.items() if name not in ("slug", "name", "template", "branding")}

    @property
    def branding(self) -> Document:
        """The branding of an app made from it."""
        return objects_of(self.document.get("app")).get("branding", {})

    @property
    def integrations(self) -> list[Document]:
        """The integrations with their keys, each with a list of its `operations`."""
        return [
            integration | {OPERATIONS: _with_keys(integration.get(OPERATIONS))}
            for integration in self._section("integration")
        ]

    def _section(self, kind: str) -> list[Document]:
        return _with_keys(self.document.get(SECTIONS[kind]))

    def as_wire(self) -> Document:
        """Return the template as the API shows it: its resources, without the references between them."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "category": self.category,
            "tags": self.tags,
            "branding": self.branding,
            "tools": [_summary(tool, "annotations") for tool in self._section("tool")],
            "widgets": [_summary(widget, "primitive", "displayMode") for widget in self._section("widget")],
            "auth": [
                _summary(connection | {"providerKey": connection.get("provider")}, "providerKey")
                for connection in self._section("auth")
            ],
            "integrations": [
                _summary(integration, "kind")
                | {OPERATIONS: [_summary(operation, "method", "path") for operation in integration[OPERATIONS]]}
                for integration in self.integrations
            ],
        }


def _with_keys(entries: Any) -> list[Document]:
    return [{"key": key} | entry for key, entry in objects_of(entries).items()]


def _summary(spec: Document, *optional_names: str) -> Document:
    return {name: spec[name] for name in ("key", "name", "description", *optional_names) if name in spec}


def catalogue(data_dir: Path | None = None) -> dict[str, Template]:
    """Return the templates of a sandbox by id, sorted by name with `blank` last; those of the program without a folder.

    The files of the user's templates are read again when they have changed.
    """
    return _catalogue(data_dir, _version(data_dir))


def catalogue_body(data_dir: Path) -> bytes:
    """Return the body of the response that lists the templates."""
    return _body(data_dir, _version(data_dir))


def find_template(template_id: str, data_dir: Path | None = None) -> Template | None:
    """Return the template with that id, or None."""
    return catalogue(data_dir).get(template_id)


@lru_cache(maxsize=8)
def _catalogue(data_dir: Path | None, version: Version) -> dict[str, Template]:
    templates = dict(_built_in())
    if data_dir is not None:
        for file_name, *_ in version:
            if custom := _read_custom(data_dir / FOLDER / file_name):
                templates.setdefault(custom.id, custom)
    ordered = sorted(templates.values(), key=lambda template: (template.id == "blank", template.name))
    return {template.id: template for template in ordered}


@lru_cache(maxsize=8)
def _body(data_dir: Path | None, version: Version) -> bytes:
    templates = _catalogue(data_dir, version).values()
    return dumps({"templates": [template.as_wire() for template in templates]}).encode("ascii")


@cache
def _built_in() -> dict[str, Template]:
    templates = [
        Template.of_document(loads(file.read_bytes()))
        for file in files(__name__).joinpath(FOLDER).iterdir()
        if file.name.endswith(".json")
    ]
    return {template.id: template for template in templates}


def _version(data_dir: Path | None) -> Version:
    if data_dir is None:
        return ()
    found = []
    try:
        for path in sorted((data_dir / FOLDER).glob("*.json")):
            info = path.lstat()
            found.append((path.name, info.st_mtime_ns, info.st_size, info.st_ino))
    except OSError as error:
        log.warning("The templates in %s cannot be read: %s", data_dir, error)
    return tuple(found)


def _read_custom(path: Path) -> Template | None:
    """Return the template in a file, None if it cannot be read."""
    try:
        document = loads(read_private(path, limit=MAX_BYTES))
        template = Template.of_document(document if isinstance(document, dict) else {}, is_custom=True)
        if template.id != path.stem:
            raise ValueError(f"its id is {template.id}")
        template.as_wire()
    except (OSError, MalformedJson, ValueError, TypeError, AttributeError) as error:
        log.warning("The template %s is left out: %s", path, error)
        return None
    return template
