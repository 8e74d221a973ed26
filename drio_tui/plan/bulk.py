"""Steps that change many resources in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drio_tui.kinds import Kind
from drio_tui.plan.steps import Step, changes_of
from drio_tui.workspace.model.snapshot import Resource


def can_be_switched(kind: Kind[Any]) -> bool:
    """Return whether resources of this kind can be enabled and disabled."""
    model = kind.patch_model
    return model is not None and "is_enabled" in model.model_fields


def enable_all(resources: Iterable[Resource], enabled: bool) -> tuple[Step, ...]:
    """Return the steps that enable or disable resources."""
    verb = "Enable" if enabled else "Disable"
    changes = changes_of({"isEnabled": enabled})
    return tuple(
        Step(f"{verb.lower()}:{resource.kind}:{resource.id}", "update", resource.kind, f"{verb} {resource.name}",
             resource.id, changes=changes)
        for resource in resources
    )  # fmt: skip
