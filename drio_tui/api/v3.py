"""Reads a drio through API v3, as far as v3 is documented (docs/maintaining/contract.md, section 5).

Results are the JSON as received: only tools and validations have documented properties (`v3_models`). The one POST,
`validate`, is documented as a check; that it changes nothing is our assumption.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from drio_tui.api.errors import ApiError, ConnectionLost, DrioError, NotDrio, OutcomeUnknown, UsageError
from drio_tui.api.resource_type import first_errors, path_of
from drio_tui.api.versions import path_of_versions

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drio_tui.api.client import DrioClient

MOST_PER_PAGE = 100
PER_PAGE = 50
"""The server's own page size, where a request names none."""


class NoV3(DrioError):
    """The server does not serve v3 of the API."""

    title = "This drio does not serve API v3"
    hint = "It serves v1: `drio-tui apps` lists its apps."


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list in the server's order; `next_cursor` is None on the last one, `extra` the rest of the JSON."""

    items: list[Any]
    next_cursor: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object as it was received."""
        return {"items": self.items, "next_cursor": self.next_cursor, **self.extra}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page to read: after `cursor`, at most `limit` resources (0: the server's own size) that match `query`.

    Raises `UsageError` for a limit that v3 does not take.
    """

    cursor: str = ""
    limit: int = 0
    query: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= MOST_PER_PAGE:
            raise UsageError(f"a page of API v3 has 1 to {MOST_PER_PAGE} resources")

    def text(self) -> str:
        """Return it as the query of a URL, with its `?`; empty for the first page of the server's own size."""
        pairs = {"cursor": self.cursor, "limit": self.limit, "query": self.query}
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"?{query}" if query else ""


class V3Client:
    """API v3 of the server of a `DrioClient`, with the same sign-in. Methods raise only `DrioError`s."""

    def __init__(self, client: DrioClient) -> None:
        self._client = client
        self._root = f"{path_of_versions(client.transport.base_url)}/v3"

    async def apps(self, page: PageQuery | None = None) -> Page:
        """GET /apps."""
        return await self._page("/apps", page)

    async def app(self, app: str) -> dict[str, Any]:
        """GET /apps/{id}: the app, with metadata of its release endpoint."""
        return await self._object("GET", path_of("/apps/{app}", app=app))

    async def authoring_state(self, app: str) -> dict[str, Any]:
        """GET …/authoring-state: integrations, operations, tools and validation in one."""
        return await self._object("GET", path_of("/apps/{app}/authoring-state", app=app))

    async def operations(self, app: str, integration: str, page: PageQuery | None = None) -> Page:
        """GET …/integrations/{integration_id}/operations."""
        path = path_of("/apps/{app}/integrations/{integration}/operations", app=app, integration=integration)
        return await self._page(path, page)

    async def tools(self, app: str, page: PageQuery | None = None) -> Page:
        """GET …/tools."""
        return await self._page(path_of("/apps/{app}/tools", app=app), page)

    async def validate(self, app: str) -> dict[str, Any]:
        """POST …/draft/validate: what prevents publishing. A lost response raises `ConnectionLost`: try again."""
        try:
            return await self._object("POST", path_of("/apps/{app}/draft/validate", app=app))
        except OutcomeUnknown as error:
            raise ConnectionLost(error.message) from error

    async def runtime_preview(self, app: str) -> dict[str, Any]:
        """GET …/draft/runtime-preview: `runtime`, as a model would see the draft, and `validation`."""
        return await self._object("GET", path_of("/apps/{app}/draft/runtime-preview", app=app))

    async def _page(self, path: str, page: PageQuery | None) -> Page:
        envelope = await self._object("GET", path + (page or PageQuery()).text())
        items, cursor = envelope.get("items"), envelope.get("next_cursor")
        if not isinstance(items, list):
            raise NotDrio(f"{self._root}{path} answered without a list of items")
        extra = {name: value for name, value in envelope.items() if name not in ("items", "next_cursor")}
        return Page(items, cursor if isinstance(cursor, str) and cursor else None, extra)

    async def _object(self, method: str, path: str) -> dict[str, Any]:
        try:
            reply = await self._client.transport.request(method, self._root + path, at_origin=True)
        except ApiError as error:
            if error.status in (404, 410) and (await self._client.versions.find())["v3"].state in (
                "missing",
                "retired",
            ):
                raise NoV3(f"it answered HTTP {error.status} to {self._root}{path}") from error
            raise
        if not isinstance(reply.data, dict):
            raise NotDrio(f"{self._root}{path} answered without a JSON object")
        return reply.data


async def all_pages(read: Callable[[PageQuery], Awaitable[Page]], page: PageQuery) -> Page:
    """Return the page after which `page` asks and all that follow as one; stops at a cursor that came before."""
    items: list[Any] = []
    cursors: set[str | None] = {None}
    while True:
        answer = await read(page)
        items += answer.items
        if answer.next_cursor in cursors:
            return Page(items, None, answer.extra)
        cursors.add(answer.next_cursor)
        page = replace(page, cursor=answer.next_cursor or "")


def deviation(model: type[BaseModel], raw: Any) -> str:
    """Return why `raw` is not as documented, e.g. `order: Input should be a valid integer`; empty if it is."""
    from pydantic import ValidationError  # slow to import

    try:
        model.model_validate(raw)
    except ValidationError as error:
        return first_errors(error)
    except RecursionError:
        return "nested too deeply"
    return ""
