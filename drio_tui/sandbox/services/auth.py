"""Auth connections: how an app authenticates to an upstream."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.mcp.deployment_store import seal_secrets, unseal_secrets
from drio_tui.sandbox.misplaced import misplaced_secrets
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import FieldError, invalid, unknown_reference
from drio_tui.sandbox.providers import connection_status, providers, secret_properties, split_config
from drio_tui.sandbox.references import refuse_if_referenced
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import SecretRow

RULES = Rules(
    order=(
        "id", "appId", "providerId", "providerKey", "providerName", "key", "name", "status", "config", "secretRef",
        "grants", "lastValidatedAt", "lastError",
    ),
    required=frozenset({"name"}),
    read_only=frozenset({"id", "appId", "providerId", "providerName", "status", "lastValidatedAt", "lastError"}),
    defaults={"grants": []},
    set_elsewhere={"providerKey": "POST, when the connection is created"},
)  # fmt: skip


async def create(store: Store, app_id: str, body: Document, *, is_valid: bool = False) -> Document:
    """Create a connection. Raises `Problem` 400 for the provider and misplaced secrets, 409 for the key.

    `is_valid`: its config is known to have everything that the provider needs.
    """
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
    await assign_key(store, "auth", document)
    config, secrets = split_config(provider, {"type": provider["kind"]} | (document["config"] or {}))
    document["config"] = config
    secrets = {name: value for name, value in secrets.items() if value is not None}
    reference = _external_reference(document["secretRef"], None)
    _set_status(document, *(("valid", []) if is_valid else _status(provider, document, secrets)))
    document["secretRef"] = new_id("secret") if secrets else reference
    await store.add("auth", document)
    await _save_secrets(store, document, secrets)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the connection; a secret property of `config` replaces that secret, null removes it.

    Raises `Problem` 400 and 409.
    """
    provider = providers()[document["providerKey"]]
    _refuse_misplaced(provider, patch, document)
    secrets = await _load_secrets(store, document)
    reference_changed = "secretRef" in patch and patch["secretRef"] != document["secretRef"]
    if reference_changed:
        _external_reference(patch["secretRef"], document["secretRef"])
        secrets = {}
    config_patch = patch.get("config")
    if isinstance(config_patch, dict):
        public, secret = split_config(provider, config_patch)
        patch = patch | {"config": public}
        secrets = {name: value for name, value in (secrets | secret).items() if value is not None}
        if reference_changed and patch["secretRef"] is not None and secrets:
            raise invalid([(f"config.{name}", "is kept elsewhere: give it or secretRef, not both") for name in secrets])
    elif "config" in patch:
        secrets = {}
    result = RULES.patched(document, patch)
    await assign_key(store, "auth", result, document["key"])
    result["config"] = result["config"] or {"type": provider["kind"]}
    if secrets:
        reference = await _stored_reference(store, document)
        result["secretRef"] = reference or new_id("secret")
    elif _is_internal(result["secretRef"]):
        result["secretRef"] = None
    _set_status(result, *_status(provider, result, secrets))
    await store.save(result)
    await _save_secrets(store, result, secrets)
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the connection and its secrets. Raises `Problem` 409 while an integration uses it."""
    await refuse_if_referenced(store, document["appId"], "auth", document)
    await store.remove(document["id"])


def _refuse_misplaced(provider: Document, body: Document, before: Document) -> None:
    """Raise `Problem` 400 for secrets under names that the provider does not define, naming the right property."""
    names = " or ".join(f"config.{name}" for name in sorted(secret_properties(provider)))
    advice = f"the secret of {provider['name']} goes into {names}" if names else f"{provider['name']} takes no secret"
    errors = list(misplaced_secrets(body, RULES.known, before, advice))
    config = body.get("config")
    if isinstance(config, dict):
        known = provider["configSchema"]["properties"]
        errors += misplaced_secrets(config, known, before.get("config"), advice, "config.")
    if errors:
        raise invalid(errors)


def _status(provider: Document, document: Document, secrets: Document) -> tuple[str, list[FieldError]]:
    """Return the status, and why it is not `valid`. A secret that is kept elsewhere counts as present."""
    external: Document = {}
    if document["secretRef"] and not _is_internal(document["secretRef"]):
        names = provider["configSchema"]["properties"]
        external = split_config(provider, dict.fromkeys(names, "kept elsewhere"))[1]
    return connection_status(provider, document["config"], external | secrets)


def _set_status(document: Document, status: str, reasons: list[FieldError]) -> None:
    """Set `status`, `lastValidatedAt` and `lastError`."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document["status"] = status
    document["lastValidatedAt"] = now if status == "valid" else document["lastValidatedAt"]
    document["lastError"] = (
        None
        if status == "valid"
        else {
            "message": "; ".join(f"{path} {message}" for path, message in reasons),
            "fields": [{"path": path, "message": message} for path, message in reasons],
        }
    )


def _is_internal(reference: str | None) -> bool:
    """Whether a `secretRef` names a secret that the sandbox stores."""
    return reference is not None and reference.startswith("secret_")


def _external_reference(reference: str | None, own_reference: str | None) -> str | None:
    """Return `reference`. Raises `Problem` 409 if it names a secret that the sandbox stores for another connection."""
    if _is_internal(reference) and reference != own_reference:
        raise unknown_reference("secret", ["secretRef"])
    return reference


async def _stored_reference(store: Store, document: Document) -> str | None:
    """Return the id of the connection's stored secrets, None if there are none."""
    secret_id: str | None = await store.session.scalar(select(SecretRow.id).where(SecretRow.auth_id == document["id"]))
    return secret_id


async def _load_secrets(store: Store, document: Document) -> Document:
    query = select(SecretRow.id, SecretRow.members).where(SecretRow.auth_id == document["id"])
    row = (await store.session.execute(query)).first()
    return {} if row is None else await unseal_secrets(store.settings.cipher, row[0], row[1])


async def _save_secrets(store: Store, document: Document, secrets: Document) -> None:
    secret_id = document["secretRef"]
    sealed = await seal_secrets(store, secret_id, secrets) if secrets else ""
    await store.save_secrets(document["id"], secret_id, sealed)
