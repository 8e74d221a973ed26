"""The schema of a request body in a server's OpenAPI document (3.0 or 3.1).

The document is untrusted: if it is malformed, no schema is found, and the caller uses the schema of the API models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drio_tui.schema.fields import SchemaOverlay, SchemaReader
from drio_tui.schema.resolve import Json, Schemas, UnsupportedSchema

_PARAMETER = re.compile(r"\{[^{}]*\}")


def request_body(document: Json, method: str, path: str) -> Json | None:
    """Return the JSON Schema of a request's JSON body; None if the document does not describe one.

    `path` is written as in `kinds` (`/apps/{app}/tools`). The names of path parameters may differ, and the document's
    paths may begin with the API's base path (`/api/v1`). References in the schema are relative to the document: read
    it with `SchemaReader(document)`.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        return None
    wanted = _normalised(path)
    schemas = Schemas(document)
    for document_path, path_item in document["paths"].items():
        if not isinstance(document_path, str) or not isinstance(path_item, Mapping):
            continue
        if not _ends_with(_normalised(document_path), wanted):
            continue
        operation = path_item.get(method.lower())
        body = operation.get("requestBody") if isinstance(operation, Mapping) else None
        schema = _body_schema(schemas, body)
        if schema is not None:
            return schema
    return None


def request_body_reader(
    document: Json, method: str, path: str, hints: SchemaOverlay | None = None
) -> tuple[SchemaReader, Json] | None:
    """Return a reader of the document and the schema of the request's body; None if there is no usable schema.

    A schema of anything but an object with properties is not used: that of the API models describes more.
    """
    schema = request_body(document, method, path)
    if schema is None:
        return None
    document_reader = SchemaReader(document, hints)
    field = document_reader.field(schema)
    return (document_reader, schema) if field.kind == "object" and field.properties else None


def _body_schema(schemas: Schemas, body: Json) -> Json | None:
    """Return the schema of the JSON content of a `requestBody`."""
    if isinstance(body, Mapping) and isinstance(body.get("$ref"), str):
        try:
            body = schemas.find(body["$ref"])
        except UnsupportedSchema:
            return None
    content = body.get("content") if isinstance(body, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    for content_type, media_type in content.items():
        name = str(content_type).split(";", 1)[0].strip().lower()
        is_json = name == "application/json" or name.endswith("+json")
        if is_json and isinstance(media_type, Mapping) and "schema" in media_type:
            return media_type["schema"]
    return None


def _normalised(path: str) -> str:
    """Return a path without the names of its parameters."""
    return _PARAMETER.sub("{}", path.rstrip("/"))


def _ends_with(document_path: str, wanted: str) -> bool:
    """Return whether `document_path` is `wanted`, possibly after a base path without parameters."""
    return document_path.endswith(wanted) and "{}" not in document_path[: len(document_path) - len(wanted)]
