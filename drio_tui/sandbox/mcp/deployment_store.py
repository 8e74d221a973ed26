"""Stored deployments and their secrets: history, and restoring an earlier one.

Each deploy stores the app's config and a sealed copy of the secrets of its auth connections, so that edits of the
draft do not change the live endpoint until the next deploy. Restoring publishes an earlier deployment's config
and secrets as a new version; of the draft only the version changes.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.sandbox.db import Base
from drio_tui.sandbox.naming import could_be_id
from drio_tui.sandbox.problems import Problem, not_found
from drio_tui.sandbox.secrets import SecretCipher, is_sealed
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import AppRow, DeploymentRow, MetaRow, ResourceRow, SecretRow


class DeployedSecretRow(Base):
    """The sealed secret properties of an auth connection (`members`) at the time of the deploy of a version."""

    __tablename__ = "deployed_secrets"
    __table_args__ = (UniqueConstraint("app_id", "version", "auth_id"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    app_id: Mapped[str] = mapped_column(ForeignKey(AppRow.id, ondelete="CASCADE"), index=True)
    version: Mapped[str] = mapped_column(String(40))
    auth_id: Mapped[str] = mapped_column(String(64))
    members: Mapped[str] = mapped_column(Text)


def _secret_data(secret_id: str) -> str:
    """Return the associated data of a `SecretRow`."""
    return f"secret/{secret_id}"


def _deployed_secret_data(auth_id: str) -> str:
    """Return the associated data of a `DeployedSecretRow`."""
    return f"deployed/{auth_id}"


async def seal_secrets(store: Store, secret_id: str, secrets: Document) -> str:
    """Return a connection's secret properties sealed, for `SecretRow.members`. Raises `SecretsUnavailable`."""
    return await store.settings.cipher.seal(dumps(secrets), _secret_data(secret_id))


async def unseal_secrets(cipher: SecretCipher, secret_id: str, stored: str) -> Document:
    """Return a connection's secret properties from `SecretRow.members`. Raises `SecretsUnavailable`."""
    secrets: Document = loads(await cipher.unseal(stored, _secret_data(secret_id)))
    return secrets


async def seal_plaintext_secrets(session: AsyncSession, cipher: SecretCipher, *, sqlite: bool) -> int:
    """Seal the secrets that an earlier version stored in plain text; return how many there were.

    On SQLite the plain text is overwritten in the file, not only unlinked.
    """
    rows = (await session.execute(select(SecretRow.id, SecretRow.members))).all()
    plaintext_rows = [(secret_id, stored) for secret_id, stored in rows if not is_sealed(stored)]
    if plaintext_rows and sqlite:
        await session.execute(text("PRAGMA secure_delete=ON"))
    for secret_id, stored in plaintext_rows:
        sealed = await cipher.seal(stored, _secret_data(secret_id))
        await session.execute(update(SecretRow).where(SecretRow.id == secret_id).values(members=sealed))
    return len(plaintext_rows)


async def get_or_insert_secret(
    session: AsyncSession, cipher: SecretCipher, name: str, new_value: str
) -> tuple[str, bool]:
    """Return the secret of that name in `MetaRow`, or insert `new_value`; and whether it was inserted.

    It is stored sealed; one in plain text is sealed now. Raises `SecretsUnavailable`.
    """
    associated_data = f"note/{name}"
    stored = await session.scalar(select(MetaRow.value).where(MetaRow.name == name))
    if stored is None:
        sealed = await cipher.seal(new_value, associated_data)
        await session.execute(insert(MetaRow).values(name=name, value=sealed))
        return new_value, True
    value = await cipher.unseal(stored, associated_data)
    if not is_sealed(stored):
        sealed = await cipher.seal(value, associated_data)
        await session.execute(update(MetaRow).where(MetaRow.name == name).values(value=sealed))
    return value, False


async def move_deployed_integrations(session: AsyncSession, old_url: str, new_url: str) -> None:
    """Replace the old URL of the sandbox's own helpdesk in the `baseUrl` of deployed integrations."""
    rows = await session.execute(
        select(DeploymentRow.seq, DeploymentRow.snapshot).where(
            DeploymentRow.snapshot.contains(old_url, autoescape=True)
        )
    )
    for seq, stored in rows.all():
        snapshot = loads(stored)
        for integration in snapshot["integrations"]:
            url = integration["baseUrl"]
            if url == old_url or url.startswith(old_url + "/"):
                integration["baseUrl"] = new_url + url.removeprefix(old_url)
        await session.execute(update(DeploymentRow).where(DeploymentRow.seq == seq).values(snapshot=dumps(snapshot)))


async def copy_secrets(store: Store, app_id: str, version: str) -> None:
    """Store a copy of the app's current secrets for the deployment of `version`. Raises `SecretsUnavailable`."""
    cipher = store.settings.cipher
    rows = await store.session.execute(
        select(SecretRow.id, SecretRow.auth_id, SecretRow.members)
        .join(ResourceRow, ResourceRow.id == SecretRow.auth_id)
        .where(ResourceRow.app_id == app_id)
    )
    for secret_id, auth_id, stored in rows.all():
        secrets = dumps(await unseal_secrets(cipher, secret_id, stored))
        await store.session.execute(
            insert(DeployedSecretRow).values(
                app_id=app_id,
                version=version,
                auth_id=auth_id,
                members=await cipher.seal(secrets, _deployed_secret_data(auth_id)),
            )
        )


async def deployed_secrets(session: AsyncSession, cipher: SecretCipher, snapshot: Document) -> dict[str, Document]:
    """Return the secret properties of a deployment, by auth connection. Raises `SecretsUnavailable`.

    A deployment by a version that did not copy secrets uses the current ones.
    """
    app_id, version = snapshot["app"]["id"], snapshot["app"]["version"]
    rows = await session.execute(
        select(DeployedSecretRow.auth_id, DeployedSecretRow.members).where(
            DeployedSecretRow.app_id == app_id, DeployedSecretRow.version == version
        )
    )
    secrets = {
        auth_id: loads(await cipher.unseal(stored, _deployed_secret_data(auth_id))) for auth_id, stored in rows.all()
    }
    for auth in snapshot["auth"]:
        reference = auth.get("secretRef")
        if auth["id"] not in secrets and reference:
            stored = await session.scalar(select(SecretRow.members).where(SecretRow.id == reference))
            if stored is not None:
                secrets[auth["id"]] = await unseal_secrets(cipher, reference, stored)
    return secrets


async def live_deployment(session: AsyncSession, public_mcp_id: str) -> tuple[int, str] | None:
    """Return the number and the snapshot (JSON) of the live deployment of a public id, None if there is none."""
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


async def live_number(session: AsyncSession, public_mcp_id: str) -> int | None:
    """Return the number of the live deployment of a public id, None if there is none."""
    if not could_be_id(public_mcp_id):
        return None
    number: int | None = await session.scalar(
        select(DeploymentRow.seq)
        .where(DeploymentRow.public_mcp_id == public_mcp_id)
        .order_by(DeploymentRow.seq.desc())
        .limit(1)
    )
    return number


async def history(store: Store, app_id: str) -> list[Document]:
    """Return the app's deployments, the live one first. Raises `Problem` 404.

    Each has `version`, `deployedAt`, `live`, `restoredFrom`, and the number of `tools` and `widgets`.
    """
    await store.app_json(app_id)
    rows = await store.session.execute(
        select(DeploymentRow.version, DeploymentRow.deployed_at, DeploymentRow.snapshot)
        .where(DeploymentRow.app_id == app_id)
        .order_by(DeploymentRow.seq.desc())
    )
    deployments = []
    for index, (version, deployed_at, stored) in enumerate(rows.all()):
        snapshot = loads(stored)
        deployments.append(
            {
                "version": version,
                "deployedAt": _timestamp(deployed_at),
                "live": index == 0,
                "restoredFrom": snapshot.get("restoredFrom"),
                "tools": sum(bool(tool["isEnabled"]) for tool in snapshot["tools"]),
                "widgets": len(snapshot["widgets"]),
            }
        )
    return deployments


async def restore(store: Store, app_id: str, next_version: str, version: str | None = None) -> Document:
    """Publish an earlier deployment (`version`, or the one before the live one) again, as `next_version`.

    Return the app. Raises `Problem` 404 for the app and the version, 409 if there is no earlier deployment.
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
        row = next((row for row in rows if row[0] == version), None)
        if row is None:
            raise not_found("deployment")
        chosen = row
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
    secret_rows = await store.session.execute(
        select(DeployedSecretRow.auth_id, DeployedSecretRow.members).where(
            DeployedSecretRow.app_id == app_id, DeployedSecretRow.version == chosen[0]
        )
    )
    for auth_id, members in secret_rows.all():
        await store.session.execute(
            insert(DeployedSecretRow).values(app_id=app_id, version=next_version, auth_id=auth_id, members=members)
        )
    result = document | {"version": next_version, "status": "published"}
    await store.save_app(result)
    return result


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
