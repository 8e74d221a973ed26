"""Finding in a server's OpenAPI document (3.0 or 3.1) the schema of what a request takes.

The document may come from anywhere and be anything: whatever is not as it should be means that nothing is
found, and the caller uses the schema of our own models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drio_tui.schema.fields import Hints, Reader
from drio_tui.schema.resolve import Json, Schemas, UnsupportedReference

_PARAMETER = re.compile(r"\{[^{}]*\}")


def request_body(document: Json, method: str, path: str) -> Json | None:
    """The JSON Schema of a request's JSON body, None where the document does not describe one.

    `path` is as `kinds` writes it (`/apps/{app}/tools`); parameters match by place, whatever their names,
    and the document may have the API's base path (`/api/v1`) before its own. References in what is given
    count from the document: read it with `Reader(document)`.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        return None
    wanted = _shape(path)
    schemas = Schemas(document)
    for written, item in document["paths"].items():
        if not isinstance(written, str) or not isinstance(item, Mapping):
            continue
        if not _ends_with(_shape(written), wanted):
            continue
        operation = item.get(method.lower())
        body = operation.get("requestBody") if isinstance(operation, Mapping) else None
        schema = _schema_of(schemas, body)
        if schema is not None:
            return schema
    return None


def reader(document: Json, method: str, path: str, hints: Hints | None = None) -> tuple[Reader, Json] | None:
    """A reader of the document and the schema of the request's body in it, None where there is none to draw.

    A schema that is no object with members is not used: our own says more.
    """
    schema = request_body(document, method, path)
    if schema is None:
        return None
    made = Reader(document, hints)
    found = made.field(schema)
    return (made, schema) if found.kind == "object" and found.members else None


def _schema_of(schemas: Schemas, body: Json) -> Json | None:
    if isinstance(body, Mapping) and isinstance(body.get("$ref"), str):
        try:
            body = schemas.find(body["$ref"])
        except UnsupportedReference:
            return None
    content = body.get("content") if isinstance(body, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    for kind, media in content.items():
        name = str(kind).split(";", 1)[0].strip().lower()
        if (name == "application/json" or name.endswith("+json")) and isinstance(media, Mapping) and "schema" in media:
            return media["schema"]
    return None


def _shape(path: str) -> str:
    return _PARAMETER.sub("{}", path.rstrip("/"))


def _ends_with(written: str, wanted: str) -> bool:
    """Whether `written` is the wanted path, after nothing but a base path: one without parameters."""
    return written.endswith(wanted) and "{}" not in written[: len(written) - len(wanted)]
