"""The dialog for a delete: what refers to the resources, what is deleted with them, the steps in a safe order."""

from __future__ import annotations

from collections.abc import Sequence

from drio_tui.kinds import KINDS
from drio_tui.plan.deletion import find_dependents, plan_delete
from drio_tui.plan.executor import Executor
from drio_tui.text import count_of
from drio_tui.ui.base.messages import Status, undo_promise
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot
from drio_tui.workspace.saving.without_secrets import without_secrets


def delete_dialog(
    snapshot: Snapshot, keys: Sequence[ResourceKey], status: Status, *, cascade: bool = False
) -> BatchDialog:
    """Return the dialog that deletes resources. Raises `UsageError` when one of them cannot be deleted.

    Without `cascade`, a reference to them is removed where the resource that holds it can exist without it; other
    dependents are deleted too. `status` is that of the connection.
    """
    links = Links(snapshot)
    plan = plan_delete(snapshot, links, keys, cascade=cascade)
    dependents = find_dependents(snapshot, links, keys)
    resources = [resource for key in keys if (resource := snapshot.at(key))]
    single = resources[0] if len(resources) == 1 else None
    target = f"the {KINDS[single.kind].title.lower()} {single.name}" if single else count_of(len(resources), "resource")
    title = f"Delete {target}?"
    lines = []
    if dependents:
        names = ", ".join(
            f"{dependent.name} ({KINDS[dependent.key[0]].title.lower()})" for dependent in dependents[:12]
        )
        count = f"{count_of(len(dependents), 'resource')} refer{'s' if len(dependents) == 1 else ''}"
        pronoun = "it" if single else "them"
        more = " …" if len(dependents) > 12 else ""
        lines.append(f"{count} to {pronoun}, directly or through others: {names}{more}")
    if plan.also_deleted:
        count_along = len(plan.also_deleted)
        subject = "It" if len(dependents) == 1 else f"{count_along} of them"
        verb = "is" if count_along == 1 else "are"
        lines.append(f"{subject} cannot exist without {pronoun} and {verb} deleted too.")
    if not dependents:
        lines.append("Nothing refers to it.")
    deleted = [resource for step in plan.deleted if (resource := snapshot.at(step.key))]
    lines.append(undo_promise(status, _undo_note(deleted)))
    if plan.unread:
        lines.append(f"Not read: {', '.join(plan.unread)}. More may refer to it.")
    name = single.name if single else f"delete {len(resources)}"
    return BatchDialog(
        title, "\n".join(lines), plan.steps,
        lambda saver: Executor(saver, snapshot.app_id, plan.steps), agree="Delete", name=name,
    )  # fmt: skip


def _undo_note(resources: Sequence[Resource]) -> str:
    """Return a sentence about what an undo restores and what it cannot."""
    with_secret = [
        resource.name
        for resource in resources
        if isinstance(resource.raw, dict) and (resource.text("secretRef") or without_secrets(resource.raw)[1])
    ]
    pronoun, id = ("it", "a new id") if len(resources) == 1 else ("them", "new ids")
    lost = f", but without the secret of {', '.join(with_secret[:12])}, which is not kept" if with_secret else ""
    return f"z brings {pronoun} back, under {id}{lost}."
