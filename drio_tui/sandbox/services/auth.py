"""Auth connections: how an app signs in to an upstream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from drio_tui.sandbox.mcp.deployment_store import open_members, sealed_members
from drio_tui.sandbox.misplaced import misplaced
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import invalid, unknown
from drio_tui.sandbox.providers import providers, secret_members, split, verdict
from drio_tui.sandbox.references import refuse_if_referred
from drio_tui.sandbox.services.common import settle_key
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import SecretRow

Document = dict[str, Any]

RULES = Rules(
    order=(
        "id", "appId", "providerId", "providerKey", "providerName", "key", "name", "status", "config", "secretRef",
        "grants", "lastValidatedAt", "lastError",
    ),
    required=frozenset({"name"}),
    fixed=frozenset({"id", "appId", "providerId", "providerName", "status", "lastValidatedAt", "lastError"}),
    defaults={"grants": []},
    elsewhere={"providerKey": "POST, when the connection is created"},
)  # fmt: skip


async def create(store: Store, app_id: str, body: Document) -> Document:
    """A new connection. Raises `Problem` 400 for the provider, 409 for the key."""
    provider = providers().get(body["providerKey"])
    if provider is None:
        raise invalid([("providerKey", "there is no such provider")])
    _refuse_misplaced(provider, body, {})
    document = RULES.new(
        body,
        id=new_id("auth"),
        appId=app_id,
        providerId=provider["id"],
        providerName=provider["name"],
    )
    await settle_key(store, "auth", document)
    config, secrets = split(provider, {"type": provider["kind"]} | (document["config"] or {}))
    document["config"] = config
    secrets = {name: value for name, value in secrets.items() if value is not None}
    reference = _external(document["secretRef"], None)
    _judge(provider, document, secrets)
    document["secretRef"] = new_id("secret") if secrets else reference
    await store.add("auth", document)
    await _keep(store, document, secrets)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The connection after `patch`; a secret member of `config` replaces that secret, null removes it."""
    provider = providers()[document["providerKey"]]
    _refuse_misplaced(provider, patch, document)
    secrets = await _secrets(store, document)
    moved = "secretRef" in patch and patch["secretRef"] != document["secretRef"]
    if moved:
        _external(patch["secretRef"], document["secretRef"])
        secrets = {}
    given = patch.get("config")
    if isinstance(given, dict):
        open_members, hidden = split(provider, given)
        patch = patch | {"config": open_members}
        secrets = {name: value for name, value in (secrets | hidden).items() if value is not None}
        if moved and patch["secretRef"] is not None and secrets:
            raise invalid([(f"config.{name}", "is kept elsewhere: give it or secretRef, not both") for name in secrets])
    elif "config" in patch:
        secrets = {}
    result = RULES.patched(document, patch)
    await settle_key(store, "auth", result, document["key"])
    result["config"] = result["config"] or {"type": provider["kind"]}
    if secrets:
        own = await _own_reference(store, document)
        result["secretRef"] = own or new_id("secret")
    elif _is_ours(result["secretRef"]):
        result["secretRef"] = None
    _judge(provider, result, secrets)
    await store.save(result)
    await _keep(store, result, secrets)
    return result


async def remove(store: Store, document: Document) -> None:
    await refuse_if_referred(store, document["appId"], "auth", document)
    await store.remove(document["id"])


def _refuse_misplaced(provider: Document, given: Document, before: Document) -> None:
    """Raise `Problem` 400 for secrets under names that the provider does not define, naming the right member."""
    named = " or ".join(f"config.{name}" for name in sorted(secret_members(provider)))
    advice = f"the secret of {provider['name']} goes into {named}" if named else f"{provider['name']} takes no secret"
    wrong = list(misplaced(given, RULES.known, before, advice))
    config = given.get("config")
    if isinstance(config, dict):
        known = provider["configSchema"]["properties"]
        wrong += misplaced(config, known, before.get("config"), advice, "config.")
    if wrong:
        raise invalid(wrong)


def _judge(provider: Document, document: Document, secrets: Document) -> None:
    """Set the status, and what it rests on. A secret kept elsewhere counts as there."""
    elsewhere: Document = {}
    if document["secretRef"] and not _is_ours(document["secretRef"]):
        hidden = split(provider, dict.fromkeys(provider["configSchema"]["properties"], "kept elsewhere"))[1]
        elsewhere = hidden
    status, reasons = verdict(provider, document["config"], elsewhere | secrets)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document["status"] = status
    document["lastValidatedAt"] = now if status == "valid" else document["lastValidatedAt"]
    document["lastError"] = (
        None
        if status == "valid"
        else {
            "message": "; ".join(f"{path} {why}" for path, why in reasons),
            "fields": [{"path": path, "message": why} for path, why in reasons],
        }
    )


def _is_ours(reference: str | None) -> bool:
    return reference is not None and reference.startswith("secret_")


def _external(reference: str | None, own: str | None) -> str | None:
    """`reference`, unless it names a secret of this sandbox that is not the connection's own (409)."""
    if _is_ours(reference) and reference != own:
        raise unknown("secret", ["secretRef"])
    return reference


async def _own_reference(store: Store, document: Document) -> str | None:
    found: str | None = await store.session.scalar(select(SecretRow.id).where(SecretRow.auth_id == document["id"]))
    return found


async def _secrets(store: Store, document: Document) -> Document:
    kept = select(SecretRow.id, SecretRow.members).where(SecretRow.auth_id == document["id"])
    row = (await store.session.execute(kept)).first()
    return {} if row is None else await open_members(store.settings.vault, row[0], row[1])


async def _keep(store: Store, document: Document, secrets: Document) -> None:
    await store.session.execute(delete(SecretRow).where(SecretRow.auth_id == document["id"]))
    if secrets:
        sealed = await sealed_members(store, document["secretRef"], secrets)
        await store.session.execute(
            insert(SecretRow).values(id=document["secretRef"], auth_id=document["id"], members=sealed)
        )
