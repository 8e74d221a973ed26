"""The tables of apps and of what belongs to them.

Every resource is one row: its JSON as the API shows it (`document`, ASCII, with unknown properties) and the few
columns that queries need. What can be computed from other rows (whether a binding is stale, the name of an
action's target) is not stored. Secrets are in a separate table, so that no document can disclose one.
"""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.sandbox.db import Base

_ID = String(64)


class AppRow(Base):
    """An app. `seq` is the order of creation; a slug is unique per owner."""

    __tablename__ = "apps"
    __table_args__ = (UniqueConstraint("owner", "slug"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    slug: Mapped[str] = mapped_column(String(120))
    document: Mapped[str] = mapped_column(Text)


class ResourceRow(Base):
    """An auth connection, integration, operation, tool or widget (`kind`) of an app.

    Lists are sorted by `rank` (a tool's `order`, else 0), then by `seq`. `parent` is an operation's integration.
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
    """The secret properties of an auth connection's config (`members`, sealed JSON); `id` is its `secretRef`."""

    __tablename__ = "secrets"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    auth_id: Mapped[str] = mapped_column(ForeignKey(ResourceRow.id, ondelete="CASCADE"), index=True)
    members: Mapped[str] = mapped_column(Text)


class DeploymentRow(Base):
    """One deployment of an app: its whole config at the time of the deploy (`snapshot`, JSON)."""

    __tablename__ = "deployments"
    __table_args__ = (UniqueConstraint("app_id", "version"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    app_id: Mapped[str] = mapped_column(ForeignKey(AppRow.id, ondelete="CASCADE"))
    public_mcp_id: Mapped[str] = mapped_column(_ID, index=True)
    version: Mapped[str] = mapped_column(String(40))
    deployed_at: Mapped[float] = mapped_column(Float)
    snapshot: Mapped[str] = mapped_column(Text)


class UpstreamRow(Base):
    """A record of the sandbox's own helpdesk that a request created or changed; the seed records are not stored."""

    __tablename__ = "upstream_records"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    collection: Mapped[str] = mapped_column(String(20), index=True)
    document: Mapped[str] = mapped_column(Text)


class MetaRow(Base):
    """A value about the sandbox itself: `id`, `upstream_key` (the helpdesk's, sealed), `base_url` (of the last run)."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
