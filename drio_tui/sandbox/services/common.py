"""Rules that all kinds share."""

from __future__ import annotations

from drio_tui.api.json_codec import Document
from drio_tui.naming import kebab, unused
from drio_tui.sandbox.problems import conflict
from drio_tui.sandbox.store import Store


async def assign_key(store: Store, kind: str, document: Document, old_key: str | None = None) -> None:
    """Check the document's key, or set one derived from its name. Raises `Problem` 409 if the key is taken.

    `old_key` is its key until now, which is not taken for itself.
    """
    key = document.get("key")
    if key is not None and key == old_key:
        return
    taken = await store.keys(document["appId"], kind) - {old_key}
    if key is None:
        document["key"] = unused(kebab(document["name"], kind), taken)
    elif key in taken:
        raise conflict("key", key)
