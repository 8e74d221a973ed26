"""Reading and writing apps and their resources inside one transaction, as one user.

A `Document` is the stored JSON object of a resource. The API shows its *view*: the document plus the properties
that are computed from other rows (see `serialization`). Another user's app does not exist here (`Problem` 404).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypedDict

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.sandbox.naming import could_be_id
from drio_tui.sandbox.problems import not_found, unknown_reference
from drio_tui.sandbox.serialization import SHOWN_AS_STORED, related_ids, view
from drio_tui.sandbox.settings import Settings
from drio_tui.sandbox.tables import AppRow, ResourceRow, SecretRow

LABELS = {
    "auth": "auth connection",
    "integration": "integration",
    "operation": "operation",
    "tool": "tool",
    "widget": "widget",
}
"""The label of each kind of resource in messages, in the order in which resources can be created."""


PLURALS = {
    "auth": "auth",
    "integration": "integrations",
    "operation": "operations",
    "tool": "tools",
    "widget": "widgets",
}
"""The name of the list of each kind in JSON."""


class Store:
    """The apps and resources of the user `user_id`, inside one transaction."""

    def __init__(self, session: AsyncSession, user_id: str, settings: Settings) -> None:
        self.session = session
        self.user_id = user_id
        self.settings = settings

    # --- apps ---------------------------------------------------------------------------------------

    async def apps(self) -> list[str]:
        """Return the user's apps as JSON, in the order of their creation."""
        texts = await self.session.scalars(
            select(AppRow.document).where(AppRow.owner == self.user_id).order_by(AppRow.seq)
        )
        return list(texts)

    async def app_json(self, app_id: str) -> str:
        """Return one app as JSON. Raises `Problem` 404."""
        if could_be_id(app_id):
            text = await self.session.scalar(
                select(AppRow.document).where(AppRow.id == app_id, AppRow.owner == self.user_id)
            )
            if text is not None:
                return text
        raise not_found("app")

    async def app(self, app_id: str) -> Document:
        """Return one app. Raises `Problem` 404."""
        return _parse(await self.app_json(app_id))

    async def slugs(self) -> set[str]:
        """Return the slugs that are taken."""
        return set(await self.session.scalars(select(AppRow.slug).where(AppRow.owner == self.user_id)))

    async def add_app(self, document: Document) -> None:
        await self.session.execute(
            insert(AppRow).values(
                id=document["id"], owner=self.user_id, slug=document["slug"], document=dumps(document)
            )
        )

    async def save_app(self, document: Document) -> None:
        await self.session.execute(
            update(AppRow).where(AppRow.id == document["id"]).values(slug=document["slug"], document=dumps(document))
        )

    # --- resources -------------------------------------------------------------------------------------

    def _select(self, app_id: str) -> Select[str, str]:
        """Return the query for the kind and document of every resource of an app, if it is the user's."""
        return (
            select(ResourceRow.kind, ResourceRow.document)
            .join(AppRow, AppRow.id == ResourceRow.app_id)
            .where(AppRow.id == app_id, AppRow.owner == self.user_id)
        )

    async def find(self, app_id: str, kind: str, resource_id: str) -> Document | None:
        """Return the resource; None if the app has no such resource, or is not the user's."""
        if not (could_be_id(app_id) and could_be_id(resource_id)):
            return None
        row = (
            await self.session.execute(
                self._select(app_id).where(ResourceRow.id == resource_id, ResourceRow.kind == kind)
            )
        ).first()
        return None if row is None else _parse(row[1])

    async def get(self, app_id: str, kind: str, resource_id: str) -> Document:
        """Return the resource. Raises `Problem` 404, for the app if that is what does not exist."""
        document = await self.find(app_id, kind, resource_id)
        if document is None:
            await self.app_json(app_id)
            raise not_found(LABELS[kind])
        return document

    async def get_referenced(self, app_id: str, kind: str, resource_id: str, path: str) -> Document:
        """Return the resource that the body refers to at `path`. Raises `Problem` 409 with that path."""
        document = await self.find(app_id, kind, resource_id)
        if document is None:
            raise unknown_reference(LABELS[kind], [path])
        return document

    async def list_all(self, app_id: str, kind: str) -> list[Document]:
        """Return the resources of one kind in their order. Raises `Problem` 404 for the app."""
        return [_parse(text) for text in await self.list_json(app_id, kind)]

    async def list_json(self, app_id: str, kind: str, *, parent: str | None = None) -> list[str]:
        """Return the stored JSON of the resources of one kind in their order. Raises `Problem` 404 for the app."""
        query = self._select(app_id).where(ResourceRow.kind == kind)
        if parent is not None:
            query = query.where(ResourceRow.parent == parent)
        rows = await self._rows(app_id, query.order_by(ResourceRow.rank, ResourceRow.seq))
        return [text for _, text in rows]

    async def json_by_kind(self, app_id: str) -> dict[str, list[str]]:
        """Return the stored JSON of every resource by kind, in their order. Raises `Problem` 404 for the app."""
        rows = await self._rows(app_id, self._select(app_id).order_by(ResourceRow.rank, ResourceRow.seq))
        texts: dict[str, list[str]] = {kind: [] for kind in LABELS}
        for kind, text in rows:
            texts[kind].append(text)
        return texts

    async def _rows(self, app_id: str, query: Select[str, str]) -> Sequence[Row[str, str]]:
        """Return the rows of a query of `_select`. Raises `Problem` 404 for the app."""
        rows = (await self.session.execute(query)).all() if could_be_id(app_id) else ()
        if not rows:
            await self.app_json(app_id)
        return rows

    async def containing(self, app_id: str, text: str) -> list[tuple[str, Document]]:
        """Return the kind and document of the resources whose JSON contains `text` anywhere."""
        rows = await self.session.execute(
            self._select(app_id).where(ResourceRow.document.contains(text, autoescape=True)).order_by(ResourceRow.seq)
        )
        return [(kind, _parse(document)) for kind, document in rows]

    async def keys(self, app_id: str, kind: str) -> set[str]:
        """Return the keys that are taken among the resources of one kind."""
        return set(
            await self.session.scalars(
                select(ResourceRow.key).where(ResourceRow.app_id == app_id, ResourceRow.kind == kind)
            )
        )

    async def next_rank(self, app_id: str) -> int:
        """Return the `order` that puts a tool last."""
        last = await self.session.scalar(
            select(func.max(ResourceRow.rank)).where(ResourceRow.app_id == app_id, ResourceRow.kind == "tool")
        )
        return 0 if last is None else int(last) + 1

    async def add(self, kind: str, document: Document, *, rank: int = 0, parent: str | None = None) -> None:
        await self.session.execute(insert(ResourceRow).values(_row(kind, document, rank, parent)))

    async def save(self, document: Document, *, rank: int = 0) -> None:
        await self.session.execute(
            update(ResourceRow)
            .where(ResourceRow.id == document["id"])
            .values(key=document["key"], rank=rank, document=dumps(document))
        )

    async def remove(self, resource_id: str) -> None:
        await self.session.execute(delete(ResourceRow).where(ResourceRow.id == resource_id))

    async def save_secrets(self, auth_id: str, secret_id: str, members: str) -> None:
        """Replace the secrets of an auth connection, `members` sealed as `secret_id`; "" for none."""
        await self.session.execute(delete(SecretRow).where(SecretRow.auth_id == auth_id))
        if members:
            await self.session.execute(insert(SecretRow).values(id=secret_id, auth_id=auth_id, members=members))

    # --- views --------------------------------------------------------------------------------------

    async def views(self, kind: str, documents: list[Document]) -> list[Document]:
        """Return the views of documents of one kind, with one query for all that they refer to."""
        ids = {related_id for document in documents for related_id in related_ids(kind, document)}
        related: dict[str, Document] = {}
        if ids:
            # only their texts are used: the fast, lossy parser will do
            related = by_id(map(json.loads, await self._documents(ids)))
        return [view(kind, document, related) for document in documents]

    async def _documents(self, ids: set[str]) -> Iterable[str]:
        """Return the stored JSON of the resources with these ids."""
        return await self.session.scalars(select(ResourceRow.document).where(ResourceRow.id.in_(ids)))

    async def views_json(self, kind: str, texts: list[str]) -> list[str]:
        """Return the JSON of the views of stored documents; it is not parsed if the view is the document."""
        if kind in SHOWN_AS_STORED:
            return texts
        return [dumps(document) for document in await self.views(kind, [_parse(text) for text in texts])]

    async def config_json(self, app_id: str, app: str) -> str:
        """Return the authoring config as JSON: `app` (JSON) and the view of every resource."""
        parts = [f'"app":{app}']
        for kind, texts in (await self.json_by_kind(app_id)).items():
            parts.append(f'"{PLURALS[kind]}":[{",".join(await self.views_json(kind, texts))}]')
        return f"{{{','.join(parts)}}}"

    async def view(self, kind: str, document: Document) -> Document:
        """Return the view of one document."""
        return (await self.views(kind, [document]))[0]


class NewAppStore(Store):
    """The store of an app that is being created: its resources are in memory until `insert_all`.

    It has what the services need to create resources. Reading and writing those of a template one by one would take a
    hundred statements.
    """

    def __init__(self, store: Store, app: Document) -> None:
        super().__init__(store.session, store.user_id, store.settings)
        self._app = app
        self._new_rows: dict[str, _Row] = {}
        self._secrets: list[dict[str, str]] = []

    async def insert_all(self) -> None:
        """Insert the app and its resources."""
        await self.add_app(self._app)
        if self._new_rows:
            await self.session.execute(insert(ResourceRow), list(self._new_rows.values()))
        if self._secrets:
            await self.session.execute(insert(SecretRow), self._secrets)

    async def app_json(self, app_id: str) -> str:
        if app_id != self._app["id"]:
            raise not_found("app")
        return dumps(self._app)

    async def find(self, app_id: str, kind: str, resource_id: str) -> Document | None:
        row = self._new_rows.get(resource_id)
        return None if row is None or (row["app_id"], row["kind"]) != (app_id, kind) else _parse(row["document"])

    async def list_json(self, app_id: str, kind: str, *, parent: str | None = None) -> list[str]:
        rows = [row for row in self._of_kind(app_id, kind) if parent is None or row["parent"] == parent]
        return [row["document"] for row in sorted(rows, key=lambda row: row["rank"])]

    async def keys(self, app_id: str, kind: str) -> set[str]:
        return {row["key"] for row in self._of_kind(app_id, kind)}

    async def next_rank(self, app_id: str) -> int:
        return max((row["rank"] + 1 for row in self._of_kind(app_id, "tool")), default=0)

    async def add(self, kind: str, document: Document, *, rank: int = 0, parent: str | None = None) -> None:
        self._new_rows[document["id"]] = _row(kind, document, rank, parent)

    async def save(self, document: Document, *, rank: int = 0) -> None:
        row = self._new_rows[document["id"]]
        self._new_rows[document["id"]] = _row(row["kind"], document, rank, row["parent"])

    async def save_secrets(self, auth_id: str, secret_id: str, members: str) -> None:
        if members:
            self._secrets.append({"id": secret_id, "auth_id": auth_id, "members": members})

    def _of_kind(self, app_id: str, kind: str) -> list[_Row]:
        return [row for row in self._new_rows.values() if (row["app_id"], row["kind"]) == (app_id, kind)]

    def _select(self, app_id: str) -> Select[str, str]:
        raise NotImplementedError("the resources are not in the database yet")

    async def _documents(self, ids: set[str]) -> Iterable[str]:
        return [self._new_rows[resource_id]["document"] for resource_id in ids if resource_id in self._new_rows]


class _Row(TypedDict):
    """The columns of a `ResourceRow`."""

    id: str
    app_id: str
    kind: str
    key: str
    rank: int
    parent: str | None
    document: str


def _row(kind: str, document: Document, rank: int, parent: str | None) -> _Row:
    return _Row(
        id=document["id"],
        app_id=document["appId"],
        kind=kind,
        key=document["key"],
        rank=rank,
        parent=parent,
        document=dumps(document),
    )


def by_id(documents: Iterable[Document]) -> dict[str, Document]:
    """Return the documents by their id."""
    return {document["id"]: document for document in documents}


def _parse(text: str) -> Document:
    document: Document = loads(text)
    return document
