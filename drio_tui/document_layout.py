"""How an app is laid out as a document: its sections, properties, defaults and references, and the way back to the API.

    {"app": {"slug": …, …},
     "auth": {key: {…}},
     "integrations": {key: {…, "operations": {key: {…}}}},
     "tools": {key: {…}},            in the order of the app
     "widgets": {key: {…}},
     "tests": {key of a tool: [{…}]}}

The resource that an entry describes is identified by its key, an operation by `integration/operation`, the app by its
slug. Properties have the API's names (`PROPERTIES` has the exceptions). References hold keys. A document that is a
template of the sandbox has `"template": {"id": …, "name": …, "description": …, "category": …, "tags": […]}` too.

The sandbox reads its templates by these rules, so that this module imports nothing that it may not import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from drio_tui.api.json_codec import Document as Object
from drio_tui.api.json_values import same_json

Path = tuple[str, ...]

ResourceName = tuple[str, str]
"""A kind and a key: `("tool", "search-contacts")`, `("operation", "helpdesk/search-contacts")`."""

SECTIONS: dict[str, str] = {"auth": "auth", "integration": "integrations", "tool": "tools", "widget": "widgets"}
"""The property of the document with the entries of a kind; those of operations are in their integrations."""
OPERATIONS = "operations"
TEMPLATE = "template"
"""The section of a document that says how the catalogue of the sandbox shows it."""
TESTS = "tests"
"""The section of a document with tests of its tools, by their keys; drio never gets it."""
WAS = "was"
"""The property of an entry with the key that the resource had before it was renamed."""

PROPERTIES: dict[str, dict[str, str]] = {
    kind: {api_name: name or api_name for api_name, _, name in (pair.partition(":") for pair in names)}
    for kind, names in {
        "app": (
            "slug", "name", "description", "templateId:template", "companyUrl", "isEnabled", "serverInstructions",
            "branding",
        ),
        "auth": ("name", "providerKey:provider", "config", "secretRef", "grants"),
        "integration": ("name", "kind", "baseUrl", "authId:auth", "config"),
        "operation": ("name", "description", "method", "path", "inputSchema", "outputSchema"),
        "tool": ("name", "description", "kind", "isEnabled", "annotations", "binding", "nextToolIds:next"),
        "widget": ("name", "toolId:tool", "primitive", "displayMode", "visibility", "config", "actions"),
    }.items()
}  # fmt: skip
"""By kind, the known properties in the order of the document: the API's name and the document's."""

DEFAULTS: dict[str, Object] = {
    "app": {"isEnabled": True, "branding": {}},
    "auth": {"grants": [], "config": {}},
    "integration": {"kind": "rest", "config": {}},
    "operation": {},
    "tool": {"kind": "function", "isEnabled": True, "annotations": {}, "next": []},
    "widget": {"displayMode": "inline", "visibility": "visible", "config": {}, "actions": []},
}
"""By kind, the values that a server sets where none is given: absent, null and these are equal."""

WHOLE = frozenset({"inputSchema", "outputSchema"})
"""Objects that are declared as a whole: what is missing in them is removed, and not left as it is."""

CREATE_ONLY = frozenset({"template", "provider"})
"""Properties that are only sent when the resource is created."""

ENV, SECRET, FILE, ORDER = "$env", "$secret", "$file", "$order"
"""Names that mean something else in a document: an object with one of the first three stands for a value."""
_ESCAPED = re.compile(r"\$\$+(?:env|secret|file|order)")
_TO_ESCAPE = re.compile(r"\$+(?:env|secret|file|order)")

BINDING_TYPE = "integration_operation"


def place(kind: str, key: str, path: Path = ()) -> str:
    """Return where a resource or property is in a document: `integrations/helpdesk/search#inputSchema.type`."""
    section = {"app": "app", "operation": "integrations"}.get(kind) or SECTIONS[kind]
    resource = section if kind == "app" else f"{section}/{key}"
    return f"{resource}#{'.'.join(path)}" if path else resource


def entries(data: Object) -> Iterator[tuple[str, str, Object]]:
    """Yield the kind, key and entry of each resource of a document, in the order in which an app is built."""
    app = data.get("app")
    if isinstance(app, dict):
        yield "app", str(app.get("slug", "")), app
    sections = {kind: objects_of(data.get(section)) for kind, section in SECTIONS.items()}
    for kind in ("auth", "integration"):
        for key, entry in sections[kind].items():
            yield kind, key, entry
    for key, entry in sections["integration"].items():
        for operation_key, operation in objects_of(entry.get(OPERATIONS)).items():
            yield "operation", f"{key}/{operation_key}", operation
    for kind in ("tool", "widget"):
        for key, entry in sections[kind].items():
            yield kind, key, entry


def entry_at(data: Object, kind: str, key: str) -> Object | None:
    """Return the entry of a resource in a document, None if there is none."""
    if kind == "app":
        app = data.get("app")
        return app if isinstance(app, dict) else None
    if kind == "operation":
        integration_key, _, key = key.partition("/")
        integration = _entry_of(data.get("integrations"), integration_key)
        return None if integration is None else _entry_of(integration.get(OPERATIONS), key)
    return _entry_of(data.get(SECTIONS[kind]), key)


def _entry_of(section: Any, key: str) -> Object | None:
    """Return one of `objects_of(section)`."""
    if not isinstance(section, dict) or key not in section:
        return None
    entry = section[key]
    return {} if entry is None else entry if isinstance(entry, dict) else None


def normalized(kind: str, entry: Object) -> Object:
    """Return an entry without what equals an absent property: null in its first two levels, and default values.

    Secrets in it are kept. `was` and the operations of an integration are no properties of the resource.
    """
    result: Object = {}
    defaults = DEFAULTS[kind]
    for name, value in entry.items():
        if value is None or name == WAS or (name == OPERATIONS and kind == "integration"):
            continue
        if isinstance(value, dict) and None in value.values():
            value = {inner_name: inner for inner_name, inner in value.items() if inner is not None}
        if name not in defaults or not same_json(value, defaults[name]):
            result[name] = value
    return result


def references(kind: str, entry: Object) -> Iterator[tuple[Path, str, str]]:
    """Yield the path, the kind and the key of each reference of an entry, also of those that have no target."""
    match kind:
        case "integration" if isinstance(entry.get("auth"), str):
            yield ("auth",), "auth", entry["auth"]
        case "tool":
            binding = entry.get("binding")
            if isinstance(binding, str):
                yield ("binding",), "operation", binding
            elif isinstance(binding, dict) and isinstance(binding.get("operation"), str):
                yield ("binding", "operation"), "operation", binding["operation"]
            next_tools = entry.get("next")
            for index, key in enumerate(next_tools if isinstance(next_tools, list) else ()):
                if isinstance(key, str):
                    yield ("next", str(index)), "tool", key
        case "widget":
            if isinstance(entry.get("tool"), str):
                yield ("tool",), "tool", entry["tool"]
            actions = entry.get("actions")
            for index, action in enumerate(actions if isinstance(actions, list) else ()):
                if isinstance(action, dict) and isinstance(action.get("target"), str):
                    yield ("actions", str(index), "target"), "tool", action["target"]


# --- back to the API -------------------------------------------------------------------------------


def ref_of(kind: str, key: str) -> str:
    """Return the name by which the steps of a plan refer to a resource that has no id yet."""
    return f"ref:{kind}/{key}"


def to_api(kind: str, entry: Object, id_of: Callable[[str, str], str]) -> Object:
    """Return an entry, or some properties of it, with the API's names and ids.

    `id_of` returns the id or ref of a kind and key. Secrets in the entry are kept.
    """
    api_names = {document_name: api_name for api_name, document_name in PROPERTIES[kind].items()}
    result: Object = {}
    for name, value in entry.items():
        if name in (WAS, OPERATIONS if kind == "integration" else WAS):
            continue
        result[api_names.get(name, name)] = _value_to_api(kind, name, value, id_of)
    return result


def create_body(kind: str, key: str, entry: Object, id_of: Callable[[str, str], str]) -> Object:
    """Return the body of the POST that creates the resource of an entry, with its key; nulls are left out."""
    given: Object = {}
    for name, value in entry.items():
        if isinstance(value, dict):
            value = {inner_name: inner for inner_name, inner in value.items() if inner is not None}
        if value is not None:
            given[name] = value
    identity = {"slug": key} if kind == "app" else {"key": key.rpartition("/")[2]}
    return identity | to_api(kind, given, id_of)


def short_binding(binding: Any) -> Any:
    """Return the binding of a tool in a document as an export writes it: the operation alone where it says no more."""
    if not isinstance(binding, dict):
        return binding
    binding = without_binding_type(binding)
    return binding["operation"] if binding.keys() == {"operation"} else binding


def without_binding_type(binding: dict[str, Any]) -> dict[str, Any]:
    """Return a binding without its type, if that is the only one there is."""
    is_left_out = binding.get("type") in (BINDING_TYPE, None)
    return {name: value for name, value in binding.items() if name != "type" or not is_left_out}


def _value_to_api(kind: str, name: str, value: Any, id_of: Callable[[str, str], str]) -> Any:
    match kind, name, value:
        case "integration", "auth", str():
            return id_of("auth", value)
        case "tool", "binding", str():
            return {"type": BINDING_TYPE, "integrationOperationId": id_of("operation", value)}
        case "tool", "binding", dict():
            binding = {inner_name: inner for inner_name, inner in value.items() if inner_name != "operation"}
            if isinstance(value.get("operation"), str):
                binding = {"type": BINDING_TYPE} | binding
                binding["integrationOperationId"] = id_of("operation", value["operation"])
            return binding
        case "tool", "next", list():
            return [id_of("tool", key) if isinstance(key, str) else key for key in value]
        case "widget", "tool", str():
            return id_of("tool", value)
        case "widget", "actions", list():
            return [_action_to_api(action, id_of) for action in value]
        case _:
            return value


def _action_to_api(action: Any, id_of: Callable[[str, str], str]) -> Any:
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        return action
    return {
        "targetToolId" if name == "target" else name: id_of("tool", value) if name == "target" else value
        for name, value in action.items()
    }


def objects_of(value: Any) -> dict[str, Object]:
    """Return the entries of a section that are objects; a key without a value is an empty one."""
    if not isinstance(value, dict):
        return {}
    return {key: {} if item is None else item for key, item in value.items() if item is None or isinstance(item, dict)}


# --- names that mean something else ----------------------------------------------------------------


def unescape(name: str) -> str:
    """Return the name of a property as it is written in a document: `$$env` as `$env`."""
    return name[1:] if _ESCAPED.fullmatch(name) else name


def escape(name: str) -> str:
    """Return how the name of a property is written in a document: `$env` as `$$env`."""
    return f"${name}" if _TO_ESCAPE.fullmatch(name) else name


def escape_names(value: Any) -> Any:
    """Return a JSON value as it is written in a document."""
    if isinstance(value, dict):
        return {escape(name): escape_names(item) for name, item in value.items()}
    return [escape_names(item) for item in value] if isinstance(value, list) else value
