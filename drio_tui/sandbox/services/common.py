"""What the kinds have in common."""

from __future__ import annotations

from typing import Any

from drio_tui.naming import kebab, unused
from drio_tui.sandbox.problems import clash
from drio_tui.sandbox.store import Store

Document = dict[str, Any]


async def settle_key(store: Store, kind: str, document: Document, before: str | None = None) -> None:
    """Give the document its key: the one it asks for (409 when taken), else one made from its name.

    `before` is the key it has had, which is always free for itself.
    """
    wanted = document.get("key")
    if wanted is not None and wanted == before:
        return
    taken = await store.keys(document["appId"], kind) - {before}
    if wanted is None:
        document["key"] = unused(kebab(document["name"], kind), taken)
    elif wanted in taken:
        raise clash("key", wanted)
