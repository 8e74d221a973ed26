"""Checks a document without a server: schema, references, chains, JSONPath, and the rules of the preflight.

A document may be partial: what it refers to and does not have may be in drio, so that this is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from drio_tui.api.patterns import KEY
from drio_tui.api.redact import is_secret
from drio_tui.api.yaml_reader import Location
from drio_tui.document_layout import (
    OPERATIONS,
    PROPERTIES,
    SECTIONS,
    TEMPLATE,
    TESTS,
    WAS,
    entries,
    entry_at,
    references,
    to_api,
)
from drio_tui.evaluation.tool_test import TEST_SCHEMA, problems_of, repeated_names
from drio_tui.kinds import KINDS
from drio_tui.manifest.document import TOP, Document, substituted
from drio_tui.manifest.lock import name_of
from drio_tui.manifest.problems import DocumentProblem
from drio_tui.manifest.schema import TEMPLATE_SCHEMA, JsonSchema, resource_schema
from drio_tui.manifest.substitutions import BadSubstitution, EnvValue
from drio_tui.naming import KEY_MAX
from drio_tui.schema.check import deep_errors
from drio_tui.schema.fields import Field, SchemaReader
from drio_tui.text import did_you_mean
from drio_tui.widget_data.jsonpath import NotEvaluated, PathError, parse
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.client_view import lint
from drio_tui.workspace.lint.clients import CLIENT_RULES, Client
from drio_tui.workspace.lint.diagnostics import RULES, Diagnostic
from drio_tui.workspace.lint.preflight import preflight
from drio_tui.workspace.lint.resource_checks import Severity
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, Snapshot
from drio_tui.workspace.saving.merge import Object

_REFERENCE_IDS = {
    "authId": "auth", "nextToolIds": "next", "toolId": "tool", "targetToolId": "target", "templateId": "template",
    "providerKey": "provider", "integrationOperationId": "binding", "widgetId": "tool, at the widget",
}  # fmt: skip
"""Names of the API that a document has under another name, and that one."""
_NOT_HERE = {
    **dict.fromkeys(
        ("id", "appId", "status", "version", "schemaHash", "publicMcpId", "lastValidatedAt", "lastError"),
        "drio sets it: leave it out.",
    ),
    "key": "The name of the entry is its key: leave it out.",
    "order": "The order of the tools is that of the document: leave it out.",
}
"""Names of the API that a document does not have, and why."""
_OWN_CHECK = frozenset({"dangling_reference", "dangling_binding"})
_ABOUT_ABSENT = frozenset({"unbound_tool", "no_base_url"})
"""Rules whose error is a warning if the document does not have the property: drio may have its value."""


def validate(
    document: Document,
    environ: Mapping[str, str],
    clients: Sequence[Client] = (),
    *,
    base_url: str = "",
    allowed: AllowedHosts | None = None,
) -> list[DocumentProblem]:
    """Return all problems of a document in the order of its files, with those found when it was read.

    What one of `clients` refuses is an error; without clients, what any of them refuses is a warning. `base_url` is
    that of the drio it is for, if that is known, `allowed` what that lets apps call if it is a sandbox.

    Variables that are not in `environ` and have no default, and secrets, are taken to be right.
    """
    problems = {*document.problems, *_Validation(document, environ, clients, base_url, allowed).run()}
    order = {source.name: number for number, source in enumerate(document.sources)}
    return sorted(
        problems,
        key=lambda problem: (
            order.get(problem.file, -1), problem.line, problem.column, problem.severity, problem.code, problem.message,
        ),
    )  # fmt: skip


def quick_errors(document: Document, environ: Mapping[str, str]) -> list[DocumentProblem]:
    """Return the errors of a document that are found without looking at the app as a whole: what drio would reject."""
    problems = _Validation(document, environ).run(as_deployed=False)
    return [problem for problem in problems if problem.severity == "error"]


def with_position(document: Document, text: str) -> str:
    """Return a text that begins with a place, `tools/search#binding: …`, with the file, line and column before it."""
    where, _, path = text.partition(": ")[0].partition("#")
    try:
        kind, key = ("app", "") if where == "app" else name_of(where)
    except ValueError:
        return text
    steps = (int(step) if step.isdecimal() else step for step in path.split(".") if step)
    return f"{document.problem((*location_of(kind, key), *steps), '').where}: {text}"


def snapshot_of(data: Object) -> Snapshot:
    """Return the app that a document form describes, with keys as ids; parts that it does not have are not read."""
    snapshot = Snapshot(_slug(data))
    resources: dict[str, list[Resource]] = {kind: [] for kind, section in SECTIONS.items() if section in data}
    if "app" in data:
        resources["app"] = []
    if "integrations" in data:
        resources["operation"] = []
    for kind, key, entry in entries(data):
        raw: Object = {"id": key or "app", **to_api(kind, entry, lambda _, key: key)}
        if kind == "operation":
            raw |= {"integrationId": key.partition("/")[0], "key": key.partition("/")[2]}
        elif kind != "app":
            raw["key"] = key
        resources[kind].append(Resource(kind, raw["id"], raw))
    for kind, items in resources.items():
        snapshot.apply(PartLoaded(kind, tuple(items)))
    return snapshot


class _Validation:
    """One validation of a document."""

    def __init__(
        self,
        document: Document,
        environ: Mapping[str, str],
        clients: Sequence[Client] = (),
        base_url: str = "",
        allowed: AllowedHosts | None = None,
    ) -> None:
        self.document = document
        self.base_url, self.allowed = base_url, allowed
        self.clients = clients
        self.found: list[DocumentProblem] = []
        values = document.known_values(environ)
        unset = document.substitutions.keys() - values.keys()
        self.unknown = unset | document.invalid
        for location in unset:
            substitution = document.substitutions[location]
            if isinstance(substitution, EnvValue) and substitution.name in environ:
                try:
                    substitution.value(environ)
                except BadSubstitution as error:
                    self._report(location, str(error), code="missing_variable")
        self.data: Object = substituted(document.data, values)
        self.keys = {(kind, key) for kind, key, _ in entries(self.data)}
        self.former: dict[tuple[str, str], str] = {}
        """By the name that a resource had, the key of the entry that says so."""

    @property
    def is_template(self) -> bool:
        """Whether it is marked as a template, whose app gets its name and slug from the user."""
        return TEMPLATE in self.data

    def run(self, *, as_deployed: bool = True) -> list[DocumentProblem]:
        """Return what is wrong; without `as_deployed`, but for the rules of the preflight and what drio never gets."""
        self._check_names(self.data, dict.fromkeys(TOP), ())
        self._check_template()
        for kind, key, entry in entries(self.data):
            base = location_of(kind, key)
            self._check_key(kind, key, base)
            self._check_schema(kind, entry, base)
            if kind != "app" or not self.is_template:
                self._check_complete(kind, entry, base)
            self._check_references(kind, entry, base)
            if kind in ("auth", "integration"):
                self._check_secrets(entry.get("config"), (*base, "config"))
            if kind == "widget":
                self._check_mappings(entry, base)
        if as_deployed:
            self._check_tests()
            self._check_as_deployed()
        return self.found

    def _report(self, location: Location, message: str, *, code: str, warning: bool = False, advice: str = "") -> None:
        severity: Severity = "warning" if warning else "error"
        self.found.append(self.document.problem(location, message, severity=severity, code=code, advice=advice))

    def _is_unknown(self, location: Location) -> bool:
        return any(location[:length] in self.unknown for length in range(1, len(location) + 1))

    def _check_template(self) -> None:
        if not self.is_template:
            return
        section = self.data[TEMPLATE]
        for path, message in deep_errors(SchemaReader(TEMPLATE_SCHEMA).field(TEMPLATE_SCHEMA), section):
            location = (TEMPLATE, *path)
            if not self._is_unknown(location):
                self._report(location, f"It {message}.", code="schema")
        self._check_names(section, TEMPLATE_SCHEMA["properties"], (TEMPLATE,))

    def _check_tests(self) -> None:
        for tool, tests in self.data.get(TESTS, {}).items():
            base = (TESTS, tool)
            if self._is_unknown(base):
                continue
            if not isinstance(tests, list):
                self._report(base, "It must be a list of tests.", code="schema")
                continue
            if "tools" in self.data and ("tool", tool) not in self.keys:
                suggestion = did_you_mean(tool, (key for kind, key in self.keys if kind == "tool"))
                message = f"The document has no tool {tool}; it has to be in drio. {suggestion}".strip()
                self._report(base, message, code="unknown_reference", warning=True)
            for index, test in enumerate(tests):
                for path, message in problems_of(test):
                    location = (*base, index, *path)
                    if not self._is_unknown(location):
                        self._report(location, f"It {message}.", code="schema")
                if isinstance(test, dict):
                    self._check_names(test, TEST_SCHEMA["properties"], (*base, index))
            for index in repeated_names(tests):
                self._report((*base, index, "name"), "Another test of the tool has this name.", code="duplicate_name")

    # --- one resource ------------------------------------------------------------------------------

    def _check_key(self, kind: str, key: str, base: Location) -> None:
        own_key = key.rpartition("/")[2]
        if kind == "app":
            if not key and not self.is_template:
                self._report(base, "It has no slug, which says which app it is.", code="incomplete", warning=True)
        elif not re.fullmatch(KEY, own_key) or len(own_key) > KEY_MAX:
            message = f"A key is up to {KEY_MAX} lower-case letters, digits and single hyphens."
            self._report(base, message, code="key", warning=True)

    def _check_schema(self, kind: str, entry: Object, base: Location) -> None:
        schema, field = _schema_of(kind)
        resource = {name: value for name, value in entry.items() if kind != "integration" or name != OPERATIONS}
        for path, message in deep_errors(field, resource):
            location = (*base, *path)
            if not self._is_unknown(location):
                is_boolean = message == "must be yes or no"
                advice = "`yes`, `no`, `on` and `off` are texts." if is_boolean else ""
                text = "must be true or false" if is_boolean else message
                self._report(location, f"It {text}.", code="schema", advice=advice)
        self._check_names(resource, schema["properties"], base, schema["$defs"], is_resource=True)
        if (was := entry.get(WAS)) and isinstance(was, str):
            self._check_was(kind, was, base)

    def _check_was(self, kind: str, was: str, base: Location) -> None:
        former = (kind, f"{base[1]}/{was}" if kind == "operation" else was)
        if was == base[-1]:
            self._report((*base, WAS), f"{was} is its key now.", code="was")
        elif other := self.former.get(former):
            self._report((*base, WAS), f"{other} was {was} too.", code="was")
        self.former[former] = str(base[-1])

    def _check_names(
        self,
        value: Object,
        properties: Mapping[str, Any],
        location: Location,
        definitions: JsonSchema | None = None,
        *,
        is_resource: bool = False,
    ) -> None:
        """Warn of names that are probably misspelled, in an object and the objects in it whose names are known.

        `is_resource`: names of the API's resources, and of the actions of a widget, are reported as well.
        """
        for name, item in value.items():
            inner = (*location, name)
            if name in properties:
                for schema, part, part_location in _parts(properties[name], item, inner, definitions or {}):
                    has_references = isinstance(part_location[-1], int) or name == "binding"
                    self._check_names(
                        part, schema["properties"], part_location, definitions, is_resource=has_references
                    )
            elif is_resource and name in _REFERENCE_IDS:
                known = _REFERENCE_IDS[name]
                message = f"A document has {known} instead, with a key: ids mean nothing in another app."
                self._report(inner, message, code="unknown_property")
            elif is_resource and name in _NOT_HERE:
                self._report(inner, _NOT_HERE[name], code="unknown_property", warning=True)
            elif suggestion := did_you_mean(name, properties):
                message = f"There is no property of this name; it is kept. {suggestion}"
                self._report(inner, message, code="unknown_property", warning=True)

    def _check_complete(self, kind: str, entry: Object, base: Location) -> None:
        missing = [name for name in _required(kind) if entry.get(name) is None]
        if missing:
            message = f"It has no {' and no '.join(missing)}: enough to change what is there, not to create it."
            self._report(base, message, code="incomplete", warning=True)

    def _check_references(self, kind: str, entry: Object, base: Location) -> None:
        for path, target, key in references(kind, entry):
            location = (*base, *(int(step) if step.isdecimal() else step for step in path))
            if (target, key) in self.keys or self._is_unknown(location):
                continue
            suggestion = did_you_mean(key, (known for known_kind, known in self.keys if known_kind == target))
            title = KINDS[target].title.lower()
            message = f"The document has no {title} {key}; it has to be in drio. {suggestion}".strip()
            self._report(location, message, code="unknown_reference", warning=True)

    def _check_secrets(self, value: Any, location: Location) -> None:
        for name, item in value.items() if isinstance(value, dict) else ():
            inner = (*location, name)
            if inner in self.unknown:
                continue
            if isinstance(item, dict):
                self._check_secrets(item, inner)
            elif isinstance(item, str) and item and is_secret(name) and inner not in self.document.substitutions:
                advice = "Write { $secret: NAME }, and set NAME in the environment."
                message = "It looks like a secret, which everybody who has the document can read."
                self._report(inner, message, code="plain_secret", warning=True, advice=advice)

    def _check_mappings(self, entry: Object, base: Location) -> None:
        config = entry.get("config")
        mappings = config.get("fieldMappings") if isinstance(config, dict) else None
        for slot, path in mappings.items() if isinstance(mappings, dict) else ():
            location = (*base, "config", "fieldMappings", slot)
            if self._is_unknown(location):
                continue
            try:
                if not isinstance(path, str):
                    raise PathError("is not a JSONPath")
                parse(path)
            except NotEvaluated:
                continue
            except PathError as error:
                text = path if isinstance(path, str) else "It"
                self._report(location, f"{text} {error}.", code="wrong_mapping", advice=RULES["wrong_mapping"].advice)

    # --- the app as it would be deployed -------------------------------------------------------------

    def _check_as_deployed(self) -> None:
        snapshot = snapshot_of(self.data)
        wrong_mappings = {problem.path for problem in self.found if problem.code == "wrong_mapping"}
        diagnostics: Sequence[Diagnostic] = preflight(
            snapshot, base_url=self.base_url, allowed=self.allowed
        ).diagnostics
        if self.clients:
            others = (diagnostic for diagnostic in diagnostics if diagnostic.code not in CLIENT_RULES)
            diagnostics = [*others, *lint(snapshot, self.clients).diagnostics]
        for diagnostic in diagnostics:
            location, is_there = self._locate(diagnostic)
            if diagnostic.code in _OWN_CHECK or self._is_unknown(location):
                continue
            if diagnostic.code in ("broken_chain", "broken_action") and self._names_missing_tool(location):
                continue
            if diagnostic.code == "wrong_mapping" and location in wrong_mappings:
                continue
            warning = diagnostic.severity == "warning" or (diagnostic.code in _ABOUT_ABSENT and not is_there)
            self._report(location, diagnostic.message, code=diagnostic.code, warning=warning, advice=diagnostic.advice)

    def _names_missing_tool(self, location: Location) -> bool:
        value: Any = self.data
        for step in location:
            if isinstance(value, dict):
                value = value.get(step)
            else:
                value = value[step] if isinstance(value, list) and isinstance(step, int) else None
        return isinstance(value, str) and ("tool", value) not in self.keys

    def _locate(self, diagnostic: Diagnostic) -> tuple[Location, bool]:
        """Return the location in the document that a diagnostic is about, and whether its property is there."""
        kind, key = diagnostic.key[0], diagnostic.key[-1]
        if kind not in PROPERTIES:
            return (), False
        base = location_of(kind, key)
        value: Any = entry_at(self.data, kind, key)
        rest = diagnostic.path
        for api_name, name in PROPERTIES[kind].items():
            if re.match(rf"{re.escape(api_name)}(?=$|[.\[])", rest):
                rest = name + rest.removeprefix(api_name)
                break
        location: list[str | int] = []
        while rest:
            if isinstance(value, list) and (match := re.match(r"\[(\d+)\]\.?", rest)) and int(match[1]) < len(value):
                step: str | int = int(match[1])
                value, rest = value[int(match[1])], rest[match.end() :]
            elif isinstance(value, dict):
                rest = rest.replace("targetToolId", "target", 1) if "targetToolId" not in value else rest
                names = [name for name in value if rest == name or rest.startswith((f"{name}.", f"{name}["))]
                step = max(names, key=len, default="")
                if not step:
                    break
                value, rest = value[step], rest.removeprefix(step).removeprefix(".")
            else:
                break
            location.append(step)
        if not location and rest and not rest.startswith("key"):
            return (*base, re.split(r"[.\[]", rest)[0]), False
        return (*base, *location), bool(location)


def location_of(kind: str, key: str) -> Location:
    """Return where the entry of a resource is in a document."""
    if kind == "app":
        return ("app",)
    if kind == "operation":
        integration, _, operation = key.partition("/")
        return ("integrations", integration, OPERATIONS, operation)
    return (SECTIONS[kind], key)


def _slug(data: Object) -> str:
    app = data.get("app")
    slug = app.get("slug") if isinstance(app, dict) else None
    return slug if isinstance(slug, str) else ""


@lru_cache
def _schema_of(kind: str) -> tuple[JsonSchema, Field]:
    schema = resource_schema(kind)
    return schema, SchemaReader(schema).field(schema)


@lru_cache
def _required(kind: str) -> tuple[str, ...]:
    """Return the properties without which a resource cannot be created, by their names in a document."""
    model = KINDS[kind].create_model
    required = [field.alias for field in model.model_fields.values() if field.is_required()] if model else []
    return tuple(name for api_name, name in PROPERTIES[kind].items() if api_name in required)


def _parts(
    schema: Any, value: Any, location: Location, definitions: JsonSchema
) -> Iterator[tuple[JsonSchema, Object, Location]]:
    """Yield the objects at a property, also those in a list, whose schema has properties."""
    if not isinstance(schema, dict):
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from _parts(definitions.get(reference.removeprefix("#/$defs/")), value, location, definitions)
    for alternative in schema.get("anyOf", ()):
        yield from _parts(alternative, value, location, definitions)
    if isinstance(value, dict) and "properties" in schema:
        yield schema, value, location
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _parts(schema["items"], item, (*location, index), definitions)
