"""The models of the bodies that the helpdesk takes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    """A body without other properties."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class NewContact(Input):
    name: str = Field(min_length=1, max_length=200)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)
    company: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=40)


class NewTicket(Input):
    subject: str = Field(min_length=1, max_length=200)
    body: str = Field(max_length=10_000)
    contactId: str  # noqa: N815 - the helpdesk's own spelling on the wire
    priority: str = Field("normal", pattern="^(low|normal|high|urgent)$")


class TicketChange(Input):
    status: str | None = Field(None, pattern="^(open|pending|solved)$")
    priority: str | None = Field(None, pattern="^(low|normal|high|urgent)$")


class NewNote(Input):
    body: str = Field(min_length=1, max_length=10_000)
