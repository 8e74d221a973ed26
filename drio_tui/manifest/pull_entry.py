"""One resource of a document compared with drio: which of its values are pulled, which stay, which are in conflict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from drio_tui.api.json_values import same_json
from drio_tui.api.yaml_reader import Location
from drio_tui.document_layout import ResourceName, escape, place, short_binding, unescape
from drio_tui.manifest.compare import BOTH_ADDED
from drio_tui.manifest.document import Document, substituted
from drio_tui.manifest.substitutions import EnvValue, FileValue, SecretValue
from drio_tui.plan.changes import Action, ResourceChange
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Object, value_at
from drio_tui.workspace.saving.merge import Path as PropertyPath

BOTH_CHANGED = "both the document and drio changed it since the last apply"
Side = Literal["", "document", "drio"]


@dataclass(frozen=True, slots=True)
class PullOptions:
    """How a pull treats what differs.

    `delete`: resources that drio does not have are removed. `declared_only`: nothing is added that the document lacks.
    `on_conflict`: which side counts where both changed a value; empty: the document's, and the conflict is reported.
    `only`: the resources that are pulled, by kind and key; None: all.
    """

    delete: bool = False
    declared_only: bool = False
    on_conflict: Side = ""
    only: frozenset[ResourceName] | None = None

    def includes(self, name: ResourceName) -> bool:
        """Return whether a resource is pulled."""
        return self.only is None or name in self.only


class PullContext(Protocol):
    """What the comparison of one resource needs of the pull; `known` are the values of substitutions."""

    document: Document
    options: PullOptions
    known: dict[Location, Any]
    file_values: dict[Path, Any]
    changes: list[ResourceChange]
    notes: list[str]

    def is_secret(self, name: ResourceName, path: PropertyPath) -> bool:
        """Return whether drio does not say what it has at a path, since it is a secret."""

    def set_value(self, location: Location, value: Any) -> None:
        """Set a value in the file that has it; `MISSING` removes it."""


class EntryPull:
    """The comparison of one resource of the document with drio's; `base` is what was applied, None if not known."""

    def __init__(self, puller: PullContext, name: ResourceName, location: Location, base: Object | None) -> None:
        self.puller = puller
        self.name = name
        self.location = location
        self.base = base
        self.fields: list[FieldChange] = []
        self.conflicts: list[FieldConflict] = []

    def report(self) -> None:
        """Add what was found to the changes of the pull."""
        if self.fields or self.conflicts:
            action: Action = "conflict" if self.conflicts else "update"
            fields, conflicts = tuple(self.fields), tuple(self.conflicts)
            self.puller.changes.append(ResourceChange(action, *self.name, fields, conflicts))

    def compare(self, path: PropertyPath, value: Any, current: Any, default: Any, is_known: bool) -> None:
        """Compare a value of the document, as it is written, with drio's.

        `path` has the names as they are written. `is_known`: an absent value in drio means that it was cleared.
        """
        location = (*self.location, *path)
        plain_path = tuple(unescape(step) for step in path)
        substitution = self.puller.document.substitutions.get(location)
        if isinstance(substitution, SecretValue) or self.puller.is_secret(self.name, plain_path):
            return
        if substitution is not None:
            self._compare_substitution(substitution, location, plain_path, current, default)
            return
        is_cleared = current is MISSING and is_known and (default == {} or self._has_substitutions(location))
        if isinstance(value, dict) and (isinstance(current, dict) or is_cleared):
            inner = current if isinstance(current, dict) else {}
            for written, item in value.items():
                self.compare((*path, written), item, inner.get(unescape(written), MISSING), MISSING, is_known)
            own = {unescape(written) for written in value}
            for name, item in inner.items():
                if name not in own:
                    self.add(path, name, item)
            return
        local = substituted(value, self.puller.known, location)
        if (self.name[0], plain_path) == ("tool", ("binding",)):
            local = short_binding(local)
        if _same(local, current, default):
            return
        if current is MISSING and not is_known and (self.base is None or value_at(self.base, plain_path) is MISSING):
            self.puller.notes.append(
                f"{place(*self.name, plain_path)} is not in drio, which may not know it; it is left."
            )
            return
        if self._has_substitutions(location):
            self.puller.notes.append(
                f"{place(*self.name, plain_path)} differs in drio, and has a $env, $secret or $file in it: change it."
            )
            return
        if self._is_taken(plain_path, local, current, default):
            new = default if current is MISSING and default is not MISSING else current
            self.puller.set_value(location, new)
            self.fields.append(FieldChange(plain_path, local, current))

    def add(self, path: PropertyPath, name: str, value: Any) -> None:
        """Add a property that drio has and the document lacks."""
        plain_path = (*(unescape(step) for step in path), name)
        if self.puller.options.declared_only or self.puller.is_secret(self.name, plain_path):
            return
        if self.base is not None and value_at(self.base, plain_path) is not MISSING:
            return  # the document had it when it was applied: its author took it away
        self.puller.set_value((*self.location, *path, escape(name)), value)
        self.fields.append(FieldChange(plain_path, MISSING, value))

    def _is_taken(self, path: PropertyPath, local: Any, current: Any, default: Any) -> bool:
        """Return whether drio's value is taken; report a conflict."""
        if self.base is None:
            return True
        base = value_at(self.base, path)
        if _same(base, current, default):
            return False  # only the document changed it
        if _same(base, local, default) or self.puller.options.on_conflict == "drio":
            return True
        if not self.puller.options.on_conflict:
            reason = BOTH_CHANGED if self.base else BOTH_ADDED
            self.conflicts.append(FieldConflict(path, base, current, local, reason))
        return False

    def _compare_substitution(
        self, substitution: EnvValue | FileValue, location: Location, path: PropertyPath, current: Any, default: Any
    ) -> None:
        where = place(*self.name, path)
        local = self.puller.known.get(location, MISSING)
        if local is MISSING:
            return  # the variable is not set
        if _same(local, current, default):
            return
        if isinstance(substitution, EnvValue):
            self.puller.notes.append(
                f"{where} differs in drio. It comes from the environment variable {substitution.name}, so it is left."
            )
        elif current is MISSING:
            self.puller.notes.append(f"{where} was cleared in drio. It comes from a file, so it is left.")
        elif self._uses_of(substitution.path) > 1:
            self.puller.notes.append(f"{where} differs in drio. Its file is used in several places, so it is left.")
        elif self._is_taken(path, local, current, default):
            self.puller.file_values[substitution.path] = current
            self.fields.append(FieldChange(path, local, current))

    def _uses_of(self, path: Path) -> int:
        substitutions = self.puller.document.substitutions.values()
        return sum(isinstance(other, FileValue) and other.path == path for other in substitutions)

    def _has_substitutions(self, location: Location) -> bool:
        return any(other[: len(location)] == location for other in self.puller.document.substitutions)


def _same(left: Any, right: Any, default: Any) -> bool:
    """Return whether two values mean the same: absent, null and the default are equal."""
    left, right = _plain(left, default), _plain(right, default)
    return left is right if MISSING in (left, right) else same_json(left, right)


def _plain(value: Any, default: Any) -> Any:
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if item is not None}
    if value is None or (default is not MISSING and same_json(value, default)):
        return MISSING
    return value
