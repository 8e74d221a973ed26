"""Where the sandbox keeps apps and what belongs to them.

Every resource is one row: its JSON as the API gives it (`document`, ASCII text, unknown members and all)
beside the few columns that queries need. What can be derived from other rows (a binding's staleness, the
name of an action's target) is not stored. Secrets stand in a table of their own, so that no document can
give one away.
"""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.sandbox.db import Base

_ID = String(64)


class AppRow(Base):
    """An app. `seq` is the order of creation; a slug is unique among the apps of its owner."""

    __tablename__ = "apps"
    __table_args__ = (UniqueConstraint("owner", "slug"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    slug: Mapped[str] = mapped_column(String(120))
    document: Mapped[str] = mapped_column(Text)


class ResourceRow(Base):
    """An auth connection, integration, operation, tool or widget (`kind`) of an app.

    `rank` orders lists before `seq` does (a tool's `order`, else 0); `parent` is an operation's integration.
    """

    __tablename__ = "things"
    __table_args__ = (
        UniqueConstraint("app_id", "kind", "key"),
        Index("ix_things_listing", "app_id", "kind", "rank", "seq"),
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    app_id: Mapped[str] = mapped_column(ForeignKey(AppRow.id, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(120))
    rank: Mapped[int] = mapped_column(Integer, default=0)
    parent: Mapped[str | None] = mapped_column(_ID, index=True)
    document: Mapped[str] = mapped_column(Text)


class SecretRow(Base):
    """The secret members of an auth connection's config, as a JSON object; `id` is its `secretRef`."""

    __tablename__ = "secrets"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    auth_id: Mapped[str] = mapped_column(ForeignKey(ResourceRow.id, ondelete="CASCADE"), index=True)
    members: Mapped[str] = mapped_column(Text)


class DeploymentRow(Base):
    """What was live from one deploy to the next: the whole config at that moment (`snapshot`, JSON)."""

    __tablename__ = "deployments"
    __table_args__ = (UniqueConstraint("app_id", "version"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    app_id: Mapped[str] = mapped_column(ForeignKey(AppRow.id, ondelete="CASCADE"))
    public_mcp_id: Mapped[str] = mapped_column(_ID, index=True)
    version: Mapped[str] = mapped_column(String(40))
    deployed_at: Mapped[float] = mapped_column(Float)
    snapshot: Mapped[str] = mapped_column(Text)


class UpstreamRow(Base):
    """A record that was added to the sandbox's own helpdesk API; what it is seeded with is not stored."""

    __tablename__ = "upstream_records"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    collection: Mapped[str] = mapped_column(String(20), index=True)
    document: Mapped[str] = mapped_column(Text)


class NoteRow(Base):
    """A fact about this sandbox itself: its id, its helpdesk's API key, where it was served last."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
