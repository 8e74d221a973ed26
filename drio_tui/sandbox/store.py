"""Reading and writing apps and their resources inside one transaction, as one user.

A `Document` is the stored JSON of a resource. What the API shows is the *view* of it: the document with what
follows from other rows filled in (see `serialization`). Another user's app is not there (`Problem` 404).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui.api.json_codec import dumps, loads
from drio_tui.sandbox.naming import could_be_id
from drio_tui.sandbox.problems import missing, unknown
from drio_tui.sandbox.serialization import SHOWN_AS_STORED, needed, view
from drio_tui.sandbox.settings import Settings
from drio_tui.sandbox.tables import AppRow, ResourceRow

Document = dict[str, Any]

LABELS = {
    "auth": "auth connection",
    "integration": "integration",
    "operation": "operation",
    "tool": "tool",
    "widget": "widget",
}
"""The kinds of resource an app holds, in the order in which they can be built, as messages call them."""


PLURALS = {
    "auth": "auth",
    "integration": "integrations",
    "operation": "operations",
    "tool": "tools",
    "widget": "widgets",
}
"""The names under which lists of them go over the wire."""


class Store:
    """One transaction's view of the database for `user_id`."""

    def __init__(self, session: AsyncSession, user_id: str, settings: Settings) -> None:
        self.session = session
        self.user_id = user_id
        self.settings = settings

    # --- apps ---------------------------------------------------------------------------------------

    async def apps(self) -> list[str]:
        """The user's apps as JSON texts, in the order of their creation."""
        found = await self.session.scalars(
            select(AppRow.document).where(AppRow.owner == self.user_id).order_by(AppRow.seq)
        )
        return list(found)

    async def app_text(self, app_id: str) -> str:
        """One app as JSON text. Raises `Problem` 404."""
        if could_be_id(app_id):
            text = await self.session.scalar(
                select(AppRow.document).where(AppRow.id == app_id, AppRow.owner == self.user_id)
            )
            if text is not None:
                return text
        raise missing("app")

    async def app(self, app_id: str) -> Document:
        """One app. Raises `Problem` 404."""
        return _read(await self.app_text(app_id))

    async def slugs(self) -> set[str]:
        """The slugs that are taken."""
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

    def _mine(self, app_id: str) -> Select[str, str]:
        return (
            select(ResourceRow.kind, ResourceRow.document)
            .join(AppRow, AppRow.id == ResourceRow.app_id)
            .where(AppRow.id == app_id, AppRow.owner == self.user_id)
        )

    async def find(self, app_id: str, kind: str, resource_id: str) -> Document | None:
        """The resource, or None where the app (which must be the user's) has none such."""
        if not (could_be_id(app_id) and could_be_id(resource_id)):
            return None
        row = (
            await self.session.execute(
                self._mine(app_id).where(ResourceRow.id == resource_id, ResourceRow.kind == kind)
            )
        ).first()
        return None if row is None else _read(row[1])

    async def one(self, app_id: str, kind: str, resource_id: str) -> Document:
        """The resource. Raises `Problem` 404, which says whether it is the app that is missing."""
        found = await self.find(app_id, kind, resource_id)
        if found is None:
            await self.app_text(app_id)
            raise missing(LABELS[kind])
        return found

    async def referred(self, app_id: str, kind: str, resource_id: str, path: str) -> Document:
        """The resource that the body names at `path`. Raises `Problem` 409 with that path."""
        found = await self.find(app_id, kind, resource_id)
        if found is None:
            raise unknown(LABELS[kind], [path])
        return found

    async def all(self, app_id: str, kind: str) -> list[Document]:
        """The resources of one kind in their order. Raises `Problem` 404 for the app."""
        return [_read(text) for text in await self.texts(app_id, kind)]

    async def texts(self, app_id: str, kind: str, *, parent: str | None = None) -> list[str]:
        """The resources of one kind in their order, as they are stored. Raises `Problem` 404 for the app."""
        wanted = self._mine(app_id).where(ResourceRow.kind == kind)
        if parent is not None:
            wanted = wanted.where(ResourceRow.parent == parent)
        rows = await self._rows(app_id, wanted.order_by(ResourceRow.rank, ResourceRow.seq))
        return [text for _, text in rows]

    async def everything(self, app_id: str) -> dict[str, list[str]]:
        """Every resource of the app by kind, as stored, each list in its order. Raises `Problem` 404 for the app."""
        rows = await self._rows(app_id, self._mine(app_id).order_by(ResourceRow.rank, ResourceRow.seq))
        found: dict[str, list[str]] = {kind: [] for kind in LABELS}
        for kind, text in rows:
            found[kind].append(text)
        return found

    async def _rows(self, app_id: str, wanted: Select[str, str]) -> Sequence[Row[str, str]]:
        rows = (await self.session.execute(wanted)).all() if could_be_id(app_id) else ()
        if not rows:
            await self.app_text(app_id)
        return rows

    async def holding(self, app_id: str, text: str) -> list[tuple[str, Document]]:
        """The resources whose document holds `text` anywhere, with their kind."""
        rows = await self.session.execute(
            self._mine(app_id).where(ResourceRow.document.contains(text, autoescape=True)).order_by(ResourceRow.seq)
        )
        return [(kind, _read(document)) for kind, document in rows]

    async def keys(self, app_id: str, kind: str) -> set[str]:
        """The keys that are taken among the resources of one kind."""
        return set(
            await self.session.scalars(
                select(ResourceRow.key).where(ResourceRow.app_id == app_id, ResourceRow.kind == kind)
            )
        )

    async def next_rank(self, app_id: str) -> int:
        """The `order` that puts a tool last."""
        last = await self.session.scalar(
            select(func.max(ResourceRow.rank)).where(ResourceRow.app_id == app_id, ResourceRow.kind == "tool")
        )
        return 0 if last is None else int(last) + 1

    async def add(self, kind: str, document: Document, *, rank: int = 0, parent: str | None = None) -> None:
        await self.session.execute(
            insert(ResourceRow).values(
                id=document["id"],
                app_id=document["appId"],
                kind=kind,
                key=document["key"],
                rank=rank,
                parent=parent,
                document=dumps(document),
            )
        )

    async def save(self, document: Document, *, rank: int = 0) -> None:
        await self.session.execute(
            update(ResourceRow)
            .where(ResourceRow.id == document["id"])
            .values(key=document["key"], rank=rank, document=dumps(document))
        )

    async def remove(self, resource_id: str) -> None:
        await self.session.execute(delete(ResourceRow).where(ResourceRow.id == resource_id))

    # --- views --------------------------------------------------------------------------------------

    async def views(self, kind: str, documents: list[Document]) -> list[Document]:
        """The documents as the API shows them; one query for whatever they refer to."""
        ids = {other for document in documents for other in needed(kind, document)}
        around: dict[str, Document] = {}
        if ids:
            rows = await self.session.scalars(select(ResourceRow.document).where(ResourceRow.id.in_(ids)))
            around = by_id(map(json.loads, rows))  # of these only texts are looked at, so the quick reader will do
        return [view(kind, document, around) for document in documents]

    async def view_texts(self, kind: str, texts: list[str]) -> list[str]:
        """The same from stored to shown JSON; what is shown as it is stored is not even read."""
        if kind in SHOWN_AS_STORED:
            return texts
        return [dumps(document) for document in await self.views(kind, [_read(text) for text in texts])]

    async def config_text(self, app_id: str, app: str) -> str:
        """The authoring config as JSON: `app` and every resource, each part as its own route gives it."""
        parts = [f'"app":{app}']
        for kind, texts in (await self.everything(app_id)).items():
            parts.append(f'"{PLURALS[kind]}":[{",".join(await self.view_texts(kind, texts))}]')
        return f"{{{','.join(parts)}}}"

    async def view(self, kind: str, document: Document) -> Document:
        """One document as the API shows it."""
        return (await self.views(kind, [document]))[0]


def by_id(documents: Iterable[Document]) -> dict[str, Document]:
    return {document["id"]: document for document in documents}


def _read(text: str) -> Document:
    document: Document = loads(text)
    return document
