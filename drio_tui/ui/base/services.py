"""What the screens that change resources share: the saver, and the server's OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError
from drio_tui.kinds import KINDS, Kind
from drio_tui.schema.fields import Field, Option, Reference, SchemaOverlay, SchemaReader
from drio_tui.schema.openapi import request_body_reader
from drio_tui.schema.resolve import Json
from drio_tui.text import one_line
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.model.server_openapi import ServerOpenApi
from drio_tui.workspace.model.snapshot import Snapshot

if TYPE_CHECKING:
    from drio_tui.ui.base.connection import Connection
    from drio_tui.workspace.saving.saver import Saver

DOCUMENT_SECONDS = 1.0
"""How long a form waits for the server's current document; after that it uses the cached one.

A form does not change when the document comes later: the next form uses it.
"""

_savers: WeakKeyDictionary[DrioClient, Saver] = WeakKeyDictionary()
_documents: WeakKeyDictionary[DrioClient, ServerOpenApi] = WeakKeyDictionary()


def get_saver(connection: Connection, client: DrioClient) -> Saver:
    """Return the one saver of a connection, so that the same request is recognized whichever screen makes it."""
    saver = _savers.get(client)
    if saver is None:
        from drio_tui.workspace.saving.journal import Journal  # not needed to show an app
        from drio_tui.workspace.saving.saver import Saver

        profile = connection.status.profile
        saver = _savers[client] = Saver(client, lambda app: Journal(profile, client.transport.server_id, app))
    return saver


def get_openapi_document(client: DrioClient) -> ServerOpenApi:
    """Return the OpenAPI document of a connection. It is fetched in the background, so asking early costs nothing."""
    document = _documents.get(client)
    if document is None:
        document = _documents[client] = ServerOpenApi(client.transport)
    return document


async def known_schemas(connection: Connection, app: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known input schemas, by hash, of the operation that a resource is bound to; empty without one."""
    binding = resource.get("binding")
    operation = binding.get("integrationOperationId") if isinstance(binding, Mapping) else None
    if not isinstance(operation, str):
        return {}
    return await asyncio.to_thread(SchemaHistory(connection.server, app).of, operation)


def body_schema(kind: Kind[Any], document: Json | None, *, new: bool) -> tuple[SchemaReader, Json, bool]:
    """Return a reader and the schema of the body that creates or changes a resource, and whether it is the server's."""
    names = {reference.path: {"title": KINDS[reference.to].title} for reference in kind.references}
    hints = SchemaOverlay(multiline=frozenset(kind.multiline), extra=names)
    method, path = ("POST", kind.collection) if new else ("PATCH", kind.item)
    described = request_body_reader(document, method, path, hints) if document is not None else None
    if described is not None:
        return (*described, True)
    model = kind.create_model if new else kind.patch_model
    schema = model.model_json_schema(by_alias=True) if model else {"type": "object", "properties": {}}
    return SchemaReader(schema, hints), schema, False


def without_properties(schema_reader: SchemaReader, schema: Json, left_out: frozenset[str]) -> Field:
    """Return the body as a field for a form, without the properties that have a separate editor."""
    flat_schema, _ = schema_reader.schemas.flat(schema)
    properties: Mapping[str, Any] = flat_schema.get("properties") or {}
    required = flat_schema.get("required") or []
    return schema_reader.field(
        {
            "type": "object",
            "properties": {name: value for name, value in properties.items() if name not in left_out},
            "required": [name for name in required if name not in left_out],
        }
    )


def reference_options(kind: Kind[Any], snapshot: Snapshot) -> dict[str, Reference]:
    """Return what the properties of a kind can refer to, by path, from the resources of the app."""

    def options(to: str) -> list[Option]:
        return [
            Option(resource.id, resource.name, resource.id)
            for resource in snapshot.resources(to)
            if not resource.made_up
        ]

    return {
        reference.path: Reference(partial(options, reference.to), f"new {KINDS[reference.to].title.lower()}…")
        for reference in kind.references
    }


def forbidden_reason(error: ApiError, advice: str) -> str:
    """Return the message of a 403 as the reason why a key is disabled; `advice` has no full stop."""
    return f"drio does not allow this: {one_line(error.message, 200).rstrip('. ')}. {advice}."
