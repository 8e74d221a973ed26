"""What was live, and making it live again.

Each deploy keeps the app's config and, sealed, the secrets of its auth connections: a live endpoint goes on
with what it was deployed with, until the next deploy. Restoring publishes an earlier deployment's config and
secrets as a new version; the draft stays as it is but for its version.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.api.json_codec import dumps, loads
from drio_tui.sandbox.db import Base
from drio_tui.sandbox.naming import could_be_id
from drio_tui.sandbox.problems import Problem, missing
from drio_tui.sandbox.secrets import Vault, is_sealed
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import AppRow, DeploymentRow, NoteRow, ResourceRow, SecretRow

Document = dict[str, Any]


class DeployedSecretRow(Base):
    """The secret members of an auth connection as they were when a version was deployed, sealed."""

    __tablename__ = "deployed_secrets"
    __table_args__ = (UniqueConstraint("app_id", "version", "auth_id"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    app_id: Mapped[str] = mapped_column(ForeignKey(AppRow.id, ondelete="CASCADE"), index=True)
    version: Mapped[str] = mapped_column(String(40))
    auth_id: Mapped[str] = mapped_column(String(64))
    members: Mapped[str] = mapped_column(Text)


def _about_secret(secret_id: str) -> str:
    return f"secret/{secret_id}"


def _about_deployed(auth_id: str) -> str:
    return f"deployed/{auth_id}"


async def sealed_members(store: Store, secret_id: str, members: Document) -> str:
    """A connection's secret members as they are stored."""
    return await store.settings.vault.seal(dumps(members), _about_secret(secret_id))


async def open_members(vault: Vault, secret_id: str, stored: str) -> Document:
    """A connection's secret members as they were given. Raises `SecretsUnavailable`."""
    members: Document = loads(await vault.unseal(stored, _about_secret(secret_id)))
    return members


async def seal_what_is_open(session: AsyncSession, vault: Vault, *, sqlite: bool) -> int:
    """Seal the secrets that an earlier version stored as they are; how many there were.

    On SQLite what they were is overwritten in the file, not only unlinked.
    """
    rows = (await session.execute(select(SecretRow.id, SecretRow.members))).all()
    open_rows = [(secret_id, stored) for secret_id, stored in rows if not is_sealed(stored)]
    if open_rows and sqlite:
        await session.execute(text("PRAGMA secure_delete=ON"))
    for secret_id, stored in open_rows:
        sealed = await vault.seal(stored, _about_secret(secret_id))
        await session.execute(update(SecretRow).where(SecretRow.id == secret_id).values(members=sealed))
    return len(open_rows)


async def secret_note(session: AsyncSession, vault: Vault, name: str, value: str) -> tuple[str, bool]:
    """The secret note of that name, made with `value` where there is none yet; and whether it was made now.

    It is stored sealed; one that is not is sealed by this. Raises `SecretsUnavailable`.
    """
    about = f"note/{name}"
    stored = await session.scalar(select(NoteRow.value).where(NoteRow.name == name))
    if stored is None:
        await session.execute(insert(NoteRow).values(name=name, value=await vault.seal(value, about)))
        return value, True
    known = await vault.unseal(stored, about)
    if not is_sealed(stored):
        await session.execute(update(NoteRow).where(NoteRow.name == name).values(value=await vault.seal(known, about)))
    return known, False


async def move_own_upstream(session: AsyncSession, before: str, now: str) -> None:
    """Point what is deployed at the sandbox's own helpdesk where that is served this time."""
    rows = await session.execute(
        select(DeploymentRow.seq, DeploymentRow.snapshot).where(
            DeploymentRow.snapshot.contains(before, autoescape=True)
        )
    )
    for seq, stored in rows.all():
        snapshot = loads(stored)
        for integration in snapshot["integrations"]:
            url = integration["baseUrl"]
            if url == before or url.startswith(before + "/"):
                integration["baseUrl"] = now + url.removeprefix(before)
        await session.execute(update(DeploymentRow).where(DeploymentRow.seq == seq).values(snapshot=dumps(snapshot)))


async def keep_secrets(store: Store, app_id: str, version: str) -> None:
    """Keep the app's secrets as they are now with the version that goes live. Raises `SecretsUnavailable`."""
    vault = store.settings.vault
    rows = await store.session.execute(
        select(SecretRow.id, SecretRow.auth_id, SecretRow.members)
        .join(ResourceRow, ResourceRow.id == SecretRow.auth_id)
        .where(ResourceRow.app_id == app_id)
    )
    for secret_id, auth_id, stored in rows.all():
        members = dumps(await open_members(vault, secret_id, stored))
        await store.session.execute(
            insert(DeployedSecretRow).values(
                app_id=app_id,
                version=version,
                auth_id=auth_id,
                members=await vault.seal(members, _about_deployed(auth_id)),
            )
        )


async def deployed_secrets(session: AsyncSession, vault: Vault, snapshot: Document) -> dict[str, Document]:
    """The secret members that a snapshot was deployed with, by auth connection. Raises `SecretsUnavailable`.

    A deployment from before they were kept with it has those of now.
    """
    app_id, version = snapshot["app"]["id"], snapshot["app"]["version"]
    rows = await session.execute(
        select(DeployedSecretRow.auth_id, DeployedSecretRow.members).where(
            DeployedSecretRow.app_id == app_id, DeployedSecretRow.version == version
        )
    )
    found = {auth_id: loads(await vault.unseal(stored, _about_deployed(auth_id))) for auth_id, stored in rows.all()}
    for auth in snapshot["auth"]:
        reference = auth.get("secretRef")
        if auth["id"] not in found and reference:
            members = await session.scalar(select(SecretRow.members).where(SecretRow.id == reference))
            if members is not None:
                found[auth["id"]] = await open_members(vault, reference, members)
    return found


async def newest(session: AsyncSession, public_mcp_id: str) -> tuple[int, str] | None:
    """The number and the snapshot of what is live under a public id."""
    if not could_be_id(public_mcp_id):
        return None
    row = (
        await session.execute(
            select(DeploymentRow.seq, DeploymentRow.snapshot)
            .where(DeploymentRow.public_mcp_id == public_mcp_id)
            .order_by(DeploymentRow.seq.desc())
            .limit(1)
        )
    ).first()
    return None if row is None else (row[0], row[1])


async def newest_number(session: AsyncSession, public_mcp_id: str) -> int | None:
    """The number of what is live under a public id."""
    if not could_be_id(public_mcp_id):
        return None
    found: int | None = await session.scalar(
        select(DeploymentRow.seq)
        .where(DeploymentRow.public_mcp_id == public_mcp_id)
        .order_by(DeploymentRow.seq.desc())
        .limit(1)
    )
    return found


async def history(store: Store, app_id: str) -> list[Document]:
    """The app's deployments, the live one first: `version`, `deployedAt`, `live`, and what each held."""
    await store.app_text(app_id)
    rows = await store.session.execute(
        select(DeploymentRow.version, DeploymentRow.deployed_at, DeploymentRow.snapshot)
        .where(DeploymentRow.app_id == app_id)
        .order_by(DeploymentRow.seq.desc())
    )
    found = []
    for index, (version, deployed_at, stored) in enumerate(rows.all()):
        snapshot = loads(stored)
        found.append(
            {
                "version": version,
                "deployedAt": _moment(deployed_at),
                "live": index == 0,
                "restoredFrom": snapshot.get("restoredFrom"),
                "tools": sum(bool(tool["isEnabled"]) for tool in snapshot["tools"]),
                "widgets": len(snapshot["widgets"]),
            }
        )
    return found


async def restore(store: Store, app_id: str, next_version: str, version: str | None = None) -> Document:
    """Publish an earlier deployment again, as `next_version`; the one before the live one unless told.

    The app as it is then. Raises `Problem` 404 for the app and the version, 409 where nothing is earlier.
    """
    document = await store.app(app_id)
    rows = (
        await store.session.execute(
            select(DeploymentRow.version, DeploymentRow.snapshot)
            .where(DeploymentRow.app_id == app_id)
            .order_by(DeploymentRow.seq.desc())
        )
    ).all()
    if version is None:
        if len(rows) < 2:
            raise Problem(409, "There is no earlier deployment to restore.", code="nothing_to_restore")
        chosen = rows[1]
    else:
        found = next((row for row in rows if row[0] == version), None)
        if found is None:
            raise missing("deployment")
        chosen = found
    snapshot: Document = loads(chosen[1])
    snapshot["app"] = snapshot["app"] | {"version": next_version}
    snapshot["restoredFrom"] = chosen[0]
    await store.session.execute(
        insert(DeploymentRow).values(
            app_id=app_id,
            public_mcp_id=document["publicMcpId"],
            version=next_version,
            deployed_at=time.time(),
            snapshot=dumps(snapshot),
        )
    )
    kept = await store.session.execute(
        select(DeployedSecretRow.auth_id, DeployedSecretRow.members).where(
            DeployedSecretRow.app_id == app_id, DeployedSecretRow.version == chosen[0]
        )
    )
    for auth_id, members in kept.all():
        await store.session.execute(
            insert(DeployedSecretRow).values(app_id=app_id, version=next_version, auth_id=auth_id, members=members)
        )
    result = document | {"version": next_version, "status": "published"}
    await store.save_app(result)
    return result


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
