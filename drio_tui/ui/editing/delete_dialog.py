"""Deleting: everything that refers to it, what becomes of that, and the steps in a safe order."""

from __future__ import annotations

from collections.abc import Sequence

from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Key, Resource, Snapshot
from drio_tui.workspace.saving.delete_plan import blast_radius, plan_delete
from drio_tui.workspace.saving.journal import strip


def delete_screen(snapshot: Snapshot, keys: Sequence[Key], *, cascade: bool = False) -> BatchDialog:
    """The question about deleting resources. Raises `UsageError` for what cannot be deleted.

    Without `cascade`, references are taken out where their holder can live without them.
    """
    links = Links(snapshot)
    plan = plan_delete(snapshot, links, keys, cascade=cascade)
    hits = blast_radius(snapshot, links, keys)
    resources = [resource for key in keys if (resource := snapshot.at(key))]
    one = resources[0] if len(resources) == 1 else None
    target = f"the {KINDS[one.kind].title.lower()} {one.name}" if one else count_of(len(resources), "resource")
    title = f"Delete {target}?"
    lines = []
    if hits:
        names = ", ".join(f"{hit.name} ({KINDS[hit.key[0]].title.lower()})" for hit in hits[:12])
        count = f"{count_of(len(hits), 'resource')} refer{'s' if len(hits) == 1 else ''}"
        what = "it" if one else "them"
        lines.append(f"{count} to {what}, directly or through others: {names}{' …' if len(hits) > 12 else ''}")
    if plan.along:
        along = len(plan.along)
        who = "It" if len(hits) == 1 else f"{along} of them"
        lines.append(f"{who} cannot be without {what} and {'goes' if along == 1 else 'go'} too.")
    if not hits:
        lines.append("Nothing refers to it.")
    lines.append(_way_back([resource for step in plan.deleted if (resource := snapshot.at(step.key))]))
    if plan.unread:
        lines.append(f"Not read: {', '.join(plan.unread)}. More may refer to it.")
    name = one.name if one else f"delete {len(resources)}"
    return BatchDialog(
        title, "\n".join(lines), [step.about for step in plan.steps],
        lambda saver: plan.batch(saver, snapshot.app_id), agree="Delete", name=name,
    )  # fmt: skip


def _way_back(resources: Sequence[Resource]) -> str:
    """What undoing it will bring back and what not."""
    secret = [
        one.name for one in resources if isinstance(one.raw, dict) and (one.text("secretRef") or strip(one.raw)[1])
    ]
    what, id = ("it", "a new id") if len(resources) == 1 else ("them", "new ids")
    lost = f", but without the secret of {', '.join(secret[:12])}, which is not kept" if secret else ""
    return f"z brings {what} back, under {id}{lost}."
