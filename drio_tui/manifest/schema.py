"""The JSON Schema of a document, made from the models of the API's requests.

`document_schema` is for editors: it allows `$env`, `$secret` and `$file` in place of a value. `resource_schema` is the
schema of one resource whose substitutions were replaced, by which `validation` checks it. Nothing is required in
either, since a document may declare a part of a resource; what is not listed is allowed too.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from drio_tui.api import patterns
from drio_tui.document_layout import OPERATIONS, PROPERTIES, SECTIONS, TEMPLATE, TESTS, WAS
from drio_tui.evaluation.tool_test import TEST_SCHEMA
from drio_tui.kinds import KINDS
from drio_tui.naming import KEY_MAX

JsonSchema = dict[str, Any]

SCHEMA_URI = "https://json-schema.org/draft/2020-12/schema"
_KEY: JsonSchema = {"type": "string", "pattern": patterns.KEY, "maxLength": KEY_MAX}
_OPERATION_KEY = patterns.KEY.replace("$", "/") + patterns.KEY.removeprefix("^")
_ENV_NAME: JsonSchema = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
_REFERENCES: dict[tuple[str, str], JsonSchema] = {
    ("integration", "auth"): {
        "anyOf": [_KEY, {"type": "null"}],
        "description": "The key of the auth connection applied to every call.",
        "examples": ["helpdesk-key"],
    },
    ("tool", "binding"): {
        "anyOf": [
            {"type": "string", "pattern": _OPERATION_KEY},
            {"type": "object", "properties": {"operation": {"type": "string", "pattern": _OPERATION_KEY}}},
            {"type": "null"},
        ],
        "description": "The operation it calls: the keys of its integration and the operation.",
        "examples": ["helpdesk/search-contacts"],
    },
    ("tool", "next"): {
        "anyOf": [{"type": "array", "items": _KEY, "uniqueItems": True}, {"type": "null"}],
        "description": "The keys of the tools it hands its result to.",
        "examples": [["show-contact"]],
    },
    ("widget", "tool"): {
        "anyOf": [_KEY],
        "description": "The key of the tool whose result it shows.",
        "examples": ["search-contacts"],
    },
}
_TARGET: JsonSchema = {
    "anyOf": [_KEY, {"type": "null"}],
    "description": "The key of the tool that it calls.",
    "title": "Target",
}
_DEFINITIONS = {
    "app": "App", "auth": "AuthConnection", "integration": "Integration", "operation": "Operation", "tool": "Tool",
    "widget": "Widget",
}  # fmt: skip
_SUBSTITUTION = "Substitution"
_SUBSTITUTIONS: JsonSchema = {
    "description": "Stands for a value.",
    "oneOf": [
        {
            "type": "object",
            "description": "The value of an environment variable.",
            "properties": {"$env": _ENV_NAME, "default": {"type": ["string", "number", "boolean", "null"]}},
            "required": ["$env"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "description": "A secret, from the environment, a file of secrets or a prompt.",
            "properties": {"$secret": _ENV_NAME},
            "required": ["$secret"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "description": "The content of a file, JSON or text; the path is relative to this file.",
            "properties": {"$file": {"type": "string", "minLength": 1}},
            "required": ["$file"],
            "additionalProperties": False,
        },
    ],
}


_TEXT: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 2000}
TEMPLATE_SCHEMA: JsonSchema = {
    "type": "object",
    "title": "Template",
    "description": "How the catalogue of the sandbox shows the document: `drio-tui sandbox template add`.",
    "properties": {
        "id": {**_KEY, "title": "Id", "description": "Which template it is; the slug of the app when left out."},
        "name": {**_TEXT, "title": "Name", "description": "The name of the app when left out."},
        "description": {**_TEXT, "title": "Description", "description": "The description of the app when left out."},
        "category": {**_TEXT, "title": "Category", "description": "Where the catalogue lists it."},
        "tags": {"type": "array", "items": _TEXT, "title": "Tags", "description": "Words to find it by."},
    },
    "additionalProperties": True,
}


def resource_schema(kind: str) -> JsonSchema:
    """Return the schema of a resource in a document, with its definitions in `$defs`."""
    resource_type = KINDS[kind]
    api_properties: JsonSchema = {}
    definitions: JsonSchema = {}
    for model in (resource_type.patch_model, resource_type.create_model):
        if model is not None:
            schema = model.model_json_schema()
            api_properties |= schema["properties"]
            definitions |= schema.get("$defs", {})
    properties: JsonSchema = {}
    for api_name, name in PROPERTIES[kind].items():
        properties[name] = _REFERENCES.get((kind, name)) or api_properties[api_name]
    if kind == "app":
        properties["slug"] = {**_KEY, "title": "Slug", "description": "Which app it is.", "examples": ["acme-support"]}
    properties[WAS] = {**_KEY, "title": "Was", "description": "The key before it was renamed."}
    if action := definitions.pop("WidgetActionInput", None):
        actions = action["properties"]
        del actions["targetToolId"], actions["targetToolName"]
        actions["target"] = _TARGET
        definitions["WidgetAction"] = {**action, "title": "Action", "description": "What happens on an event."}
        properties = _with_renamed_reference(properties, "WidgetActionInput", "WidgetAction")
    result = {
        "type": "object",
        "title": resource_type.title,
        "properties": properties,
        "additionalProperties": True,
        "$defs": definitions,
    }
    cleaned: JsonSchema = _without_noise(deepcopy(result))
    return cleaned


def document_schema() -> JsonSchema:
    """Return the schema of a document."""
    definitions: JsonSchema = {_SUBSTITUTION: deepcopy(_SUBSTITUTIONS)}
    for kind, name in _DEFINITIONS.items():
        schema = resource_schema(kind)
        definitions |= {inner: _with_substitutions(value) for inner, value in schema.pop("$defs").items()}
        definitions[name] = {**_with_substitutions(schema), "type": "object" if kind == "app" else ["object", "null"]}
    definitions["Template"] = _with_substitutions(TEMPLATE_SCHEMA)
    definitions["Test"] = _with_substitutions(TEST_SCHEMA)
    definitions["Test"]["properties"]["arguments"]["type"] = "object"
    definitions["Integration"]["properties"][OPERATIONS] = _collection("operation")
    return {
        "$schema": SCHEMA_URI,
        "title": "A drio app as a document",
        "type": "object",
        "properties": {
            TEMPLATE: {"$ref": "#/$defs/Template"},
            "app": {"$ref": "#/$defs/App"},
            **{section: _collection(kind) for kind, section in SECTIONS.items()},
            TESTS: {
                "type": "object",
                "description": "Tests of the tools, by the keys of these: `drio-tui test`. drio does not get them.",
                "additionalProperties": _or_substitution({"type": "array", "items": {"$ref": "#/$defs/Test"}}),
                "propertyNames": _KEY,
            },
        },
        "additionalProperties": True,
        "$defs": definitions,
    }


def _collection(kind: str) -> JsonSchema:
    plural = KINDS[kind].plural.lower()
    order = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Keys in their order, where files do not say.",
    }
    return {
        "type": "object",
        "description": f"The {plural if kind != 'auth' else 'auth connections'}, by key.",
        "properties": {"$order": order},
        "additionalProperties": {"$ref": f"#/$defs/{_DEFINITIONS[kind]}"},
        "propertyNames": {"anyOf": [_KEY, {"const": "$order"}]},
    }


def _with_renamed_reference(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        if value.get("$ref") == f"#/$defs/{old}":
            return {**value, "$ref": f"#/$defs/{new}"}
        return {name: _with_renamed_reference(item, old, new) for name, item in value.items()}
    return [_with_renamed_reference(item, old, new) for item in value] if isinstance(value, list) else value


def _without_noise(schema: Any, *, is_map: bool = False) -> Any:
    """Return a schema without `"default": null` and `required`. `is_map`: it maps names to schemas."""
    if isinstance(schema, list):
        return [_without_noise(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_noise(item, is_map=not is_map and name in ("properties", "$defs"))
        for name, item in schema.items()
        if is_map or not (name == "required" or (name == "default" and item is None))
    }


def _with_substitutions(schema: JsonSchema) -> JsonSchema:
    """Return an object's schema in which each property and item may also be a substitution."""
    result = dict(schema)
    if "properties" in result:
        result["properties"] = {name: _or_substitution(value) for name, value in result["properties"].items()}
    if isinstance(result.get("items"), dict):
        result["items"] = _or_substitution(result["items"])
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in result:
            result[keyword] = [_with_substitutions(part) for part in result[keyword]]
    return result


def _or_substitution(schema: JsonSchema) -> JsonSchema:
    """Return the schema of a value or a substitution; texts about it stay at the top, where editors look for them."""
    inner = _with_substitutions(schema)
    texts: JsonSchema = {name: inner.pop(name) for name in ("title", "description", "examples") if name in inner}
    alternatives = inner.pop("anyOf") if set(inner) == {"anyOf"} else [inner]
    return {**texts, "anyOf": [*alternatives, {"$ref": f"#/$defs/{_SUBSTITUTION}"}]}
