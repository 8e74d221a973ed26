"""The helpdesk that the sandbox serves as an upstream, so that templates work without a network.

A small REST API, separate from drio's: contacts, tickets with their notes, and help articles. It requires the
header `X-Api-Key`. The seed records in `catalogue/helpdesk.json` never change; new and changed records are stored
in the database. Errors are `{"message": …}`, as is common for such APIs.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from drio_tui.api.json_codec import MalformedJson, dumps, loads
from drio_tui.sandbox.core import json_response, sandbox_of
from drio_tui.sandbox.routing import Router
from drio_tui.sandbox.settings import UPSTREAM_PREFIX
from drio_tui.sandbox.tables import UpstreamRow
from drio_tui.text import has_words

Record = dict[str, Any]

KEY_HEADER = "X-Api-Key"
_DEFAULT_LIMIT = 20
_ID_PREFIXES = {"contacts": "con", "tickets": "tic", "notes": "note", "articles": "art"}


class UpstreamProblem(Exception):
    """An error response of the helpdesk."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def _require_key(request: Request) -> None:
    key = request.headers.get(KEY_HEADER, "")
    if not hmac.compare_digest(key.encode("utf-8", "replace"), sandbox_of(request).upstream_key.encode()):
        raise UpstreamProblem(401, f"Send the API key in {KEY_HEADER}.")


router = Router(UPSTREAM_PREFIX, guard=_require_key)


@cache
def _seeds() -> dict[str, list[Record]]:
    text = files("drio_tui.sandbox").joinpath("catalogue", "helpdesk.json").read_text("utf-8")
    seeds: dict[str, list[Record]] = json.loads(text)
    return seeds


async def _records(session: AsyncSession, collection: str) -> dict[str, Record]:
    """Return every record by id, in its newest state: a later row of the same id replaces an earlier one."""
    records = {record["id"]: record for record in _seeds()[collection]}
    rows = await session.scalars(
        select(UpstreamRow.document).where(UpstreamRow.collection == collection).order_by(UpstreamRow.seq)
    )
    for text in rows:
        record: Record = loads(text)
        records[record["id"]] = record
    return records


async def _store(session: AsyncSession, collection: str, record: Record) -> None:
    await session.execute(insert(UpstreamRow).values(collection=collection, document=dumps(record)))


async def _next_id(session: AsyncSession, collection: str) -> str:
    row_count = await session.scalar(
        select(func.count()).select_from(UpstreamRow).where(UpstreamRow.collection == collection)
    )
    return f"{_ID_PREFIXES[collection]}_{1001 + len(_seeds()[collection]) + (row_count or 0)}"


async def _body(request: Request, model_name: str) -> Record:
    from pydantic import ValidationError  # imported, as the models, only with the first body

    from drio_tui.sandbox import upstream_inputs

    try:
        model: type[upstream_inputs.Input] = getattr(upstream_inputs, model_name)
        return model.model_validate(loads(await request.body())).model_dump(exclude_none=True)
    except MalformedJson as error:
        raise UpstreamProblem(400, f"The body is not JSON: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"])) or "body"
        raise UpstreamProblem(422, f"{path}: {first['msg']}") from None


def _matches(record: Record, query: str, names: tuple[str, ...]) -> bool:
    """Whether the properties `names` of a record contain every word of `query`."""
    return has_words(" ".join(str(record.get(name, "")) for name in names), query)


def _page(request: Request, matches: list[Record]) -> Response:
    return json_response(200, {"results": matches[: _limit(request)], "total": len(matches)})


def _get(records: dict[str, Record], record_id: str, label: str) -> Record:
    if record_id not in records:
        raise UpstreamProblem(404, f"There is no {label} {record_id[:80]!r}.")
    return records[record_id]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(_DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100 and len(text) < 4):
        raise UpstreamProblem(400, "limit: a whole number from 1 to 100")
    return int(text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@router.get("/contacts")
async def search_contacts(request: Request) -> Response:
    """Search contacts: every word of `q` in name, e-mail or company."""
    async with sandbox_of(request).database.read() as session:
        records = await _records(session, "contacts")
    query = request.query_params.get("q", "")
    matches = [record for record in records.values() if _matches(record, query, ("name", "email", "company"))]
    return _page(request, matches)


@router.get("/contacts/{contact_id}")
async def get_contact(request: Request, contact_id: str) -> Response:
    """Return one contact, with its tickets."""
    async with sandbox_of(request).database.read() as session:
        contact = _get(await _records(session, "contacts"), contact_id, "contact")
        tickets = await _records(session, "tickets")
    contact_tickets = [ticket for ticket in tickets.values() if ticket["contactId"] == contact_id]
    return json_response(200, contact | {"tickets": contact_tickets})


@router.post("/contacts")
async def create_contact(request: Request) -> Response:
    """Create a contact; its e-mail must not be in use."""
    body = await _body(request, "NewContact")
    async with sandbox_of(request).exclusive("helpdesk") as session:
        contacts = await _records(session, "contacts")
        if any(record["email"].lower() == body["email"].lower() for record in contacts.values()):
            raise UpstreamProblem(409, "email: there is a contact with this e-mail already")
        contact = {"id": await _next_id(session, "contacts"), **body, "plan": "free", "createdAt": _now()}
        await _store(session, "contacts", contact)
    return json_response(201, contact)


@router.get("/tickets")
async def search_tickets(request: Request) -> Response:
    """Search tickets by words (`q`), `status`, `priority` and `contactId`, the newest first."""
    async with sandbox_of(request).database.read() as session:
        records = await _records(session, "tickets")
    filters = {name: request.query_params.get(name) for name in ("status", "priority", "contactId")}
    query = request.query_params.get("q", "")
    matches = [
        record
        for record in records.values()
        if all(value is None or record[name] == value for name, value in filters.items())
        and _matches(record, query, ("subject", "body"))
    ]
    return _page(request, sorted(matches, key=lambda record: (record["createdAt"], record["id"]), reverse=True))


@router.get("/tickets/{ticket_id}")
async def get_ticket(request: Request, ticket_id: str) -> Response:
    """Return one ticket, with its contact and its notes."""
    async with sandbox_of(request).database.read() as session:
        ticket = _get(await _records(session, "tickets"), ticket_id, "ticket")
        contacts = await _records(session, "contacts")
        notes = await _records(session, "notes")
    ticket_notes = [note for note in notes.values() if note["ticketId"] == ticket_id]
    return json_response(200, ticket | {"contact": contacts[ticket["contactId"]], "notes": ticket_notes})


@router.post("/tickets")
async def create_ticket(request: Request) -> Response:
    """Create an open ticket of a contact."""
    body = await _body(request, "NewTicket")
    async with sandbox_of(request).exclusive("helpdesk") as session:
        _get(await _records(session, "contacts"), body["contactId"], "contact")
        now = _now()
        ticket_id = await _next_id(session, "tickets")
        ticket = {"id": ticket_id, "status": "open", **body, "createdAt": now, "updatedAt": now}
        await _store(session, "tickets", ticket)
    return json_response(201, ticket)


@router.patch("/tickets/{ticket_id}")
async def update_ticket(request: Request, ticket_id: str) -> Response:
    """Change a ticket's status and priority."""
    body = await _body(request, "TicketChange")
    async with sandbox_of(request).exclusive("helpdesk") as session:
        before = _get(await _records(session, "tickets"), ticket_id, "ticket")
        ticket = before | body | {"updatedAt": _now()}
        await _store(session, "tickets", ticket)
    return json_response(200, ticket)


@router.post("/tickets/{ticket_id}/notes")
async def add_note(request: Request, ticket_id: str) -> Response:
    """Add a note for colleagues to a ticket."""
    body = await _body(request, "NewNote")
    async with sandbox_of(request).exclusive("helpdesk") as session:
        _get(await _records(session, "tickets"), ticket_id, "ticket")
        note = {"id": await _next_id(session, "notes"), "ticketId": ticket_id, **body, "createdAt": _now()}
        await _store(session, "notes", note)
    return json_response(201, note)


@router.get("/articles")
async def search_articles(request: Request) -> Response:
    """Search help articles: every word of `q` in title, body or section. The body is not in the result."""
    async with sandbox_of(request).database.read() as session:
        records = await _records(session, "articles")
    query = request.query_params.get("q", "")
    matches = [record for record in records.values() if _matches(record, query, ("title", "body", "section"))]
    return _page(request, [{name: value for name, value in record.items() if name != "body"} for record in matches])


@router.get("/articles/{article_id}")
async def get_article(request: Request, article_id: str) -> Response:
    """Return one help article with its body."""
    async with sandbox_of(request).database.read() as session:
        return json_response(200, _get(await _records(session, "articles"), article_id, "article"))


def install(app: Starlette) -> None:
    """Add the helpdesk to `app`."""

    async def on_problem(_request: Request, error: Exception) -> Response:
        if not isinstance(error, UpstreamProblem):
            raise error
        return json_response(error.status, {"message": str(error)})

    app.add_exception_handler(UpstreamProblem, on_problem)
    app.router.routes.extend(router.routes)
