"""What the screens that change resources share: the saver, and the server's own description of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError
from drio_tui.kinds import KINDS, Kind
from drio_tui.schema.fields import Field, Hints, Option, Reader, Reference
from drio_tui.schema.openapi import reader
from drio_tui.schema.resolve import Json
from drio_tui.text import one_line
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.model.server_openapi import ServerOpenApi
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.saver import Saver

if TYPE_CHECKING:
    from drio_tui.ui.base.connection import Backend

DOCUMENT_SECONDS = 1.0
"""How long a form waits for the server to say what its document is now; after that it uses what is known.

Nothing on a form changes when the answer comes later: the next form is made by it.
"""

_savers: WeakKeyDictionary[DrioClient, Saver] = WeakKeyDictionary()
_documents: WeakKeyDictionary[DrioClient, ServerOpenApi] = WeakKeyDictionary()


def saver_of(backend: Backend, client: DrioClient) -> Saver:
    """The one saver of a connection, so that the same intent is known again whichever screen it comes from."""
    found = _savers.get(client)
    if found is None:
        profile = backend.status.profile
        found = _savers[client] = Saver(client, lambda app: Journal(profile, client.transport.server_id, app))
    return found


def document_of(client: DrioClient) -> ServerOpenApi:
    """The document of a connection. Asking for it early costs nothing: it is done in the background."""
    found = _documents.get(client)
    if found is None:
        found = _documents[client] = ServerOpenApi(client.transport)
    return found


async def schemas_seen(backend: Backend, app: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """The input schemas seen here, by hash, of the operation that a resource is bound to; empty without one."""
    binding = resource.get("binding")
    operation = binding.get("integrationOperationId") if isinstance(binding, Mapping) else None
    if not isinstance(operation, str):
        return {}
    return await asyncio.to_thread(SchemaHistory(backend.server, app).of, operation)


def body_of(kind: Kind[Any], document: Json | None, *, new: bool) -> tuple[Reader, Json, bool]:
    """A reader and the schema of the body that makes or changes a resource, and whether it is the server's own."""
    names = {one.path: {"title": KINDS[one.to].title} for one in kind.references}
    hints = Hints(multiline=frozenset(kind.multiline), extra=names)
    method, path = ("POST", kind.collection) if new else ("PATCH", kind.item)
    found = reader(document, method, path, hints) if document is not None else None
    if found is not None:
        return (*found, True)
    model = kind.create_model if new else kind.patch_model
    schema = model.model_json_schema(by_alias=True) if model else {"type": "object", "properties": {}}
    return Reader(schema, hints), schema, False


def without_members(made: Reader, schema: Json, left_out: frozenset[str]) -> Field:
    """The body as a field to draw, without the members that have an editor of their own."""
    flat, _ = made.schemas.flat(schema)
    properties: Mapping[str, Any] = flat.get("properties") or {}
    needed = flat.get("required") or []
    return made.field(
        {
            "type": "object",
            "properties": {name: value for name, value in properties.items() if name not in left_out},
            "required": [name for name in needed if name not in left_out],
        }
    )


def references_of(kind: Kind[Any], snapshot: Snapshot) -> dict[str, Reference]:
    """What the members of a kind can refer to, by name, from what the app has."""

    def options(to: str) -> list[Option]:
        return [
            Option(resource.id, resource.name, resource.id)
            for resource in snapshot.resources(to)
            if not resource.made_up
        ]

    return {
        one.path: Reference(partial(options, one.to), f"new {KINDS[one.to].title.lower()}…") for one in kind.references
    }


def not_allowed(error: ApiError, advice: str) -> str:
    """What a 403 says as the reason why a key is off, with what can be done (without a full stop)."""
    return f"drio does not allow this: {one_line(error.message, 200).rstrip('. ')}. {advice}."
