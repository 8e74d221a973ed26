"""The outcomes of a change. Each is a separate type, so that a caller has to handle all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from drio_tui.api.errors import ApiError, Conflict, DrioError, FieldError
from drio_tui.kinds import Kind
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Merge, Object, Path

ReadBack = Literal["applied", "not applied", "cannot tell"]
"""What reading a resource back shows of a write with an unknown outcome."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A resource as it was when the edit began (`base`) and as edited (`local`); both may contain secrets.

    `again` are properties that are sent even if unchanged: rebinding a tool to the same operation (`binding`) binds it
    to the operation's current schema. `secret` are the dotted paths of values that are secrets whatever their names.
    """

    kind: Kind[Any]
    app: str
    id: str
    base: Object = field(repr=False)
    local: Object = field(repr=False)
    again: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the resource; not sanitized."""
        return self.kind.label(self.base)


@dataclass(frozen=True, slots=True)
class Saved:
    """The change was saved. `raw` is the resource in the last response.

    `diff` are the changes that were written (empty if there were none left to write), `remote` the changes that others
    made since the edit began and that were kept. `request_ids` are those of the responses, in order.
    """

    raw: Object = field(repr=False)
    diff: tuple[FieldChange, ...] = ()
    remote_changes: tuple[FieldChange, ...] = ()
    request_ids: tuple[str, ...] = ()
    group: str = ""

    @property
    def request_id(self) -> str | None:
        """The request id of the last response, to be quoted to support."""
        return self.request_ids[-1] if self.request_ids else None

    @property
    def id(self) -> str:
        """The id of the resource, which is new after a create; empty if the response has none."""
        id = self.raw.get("id")
        return id if isinstance(id, str) else ""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Both sides changed the same properties; nothing (more) was written. `remote` is the current resource."""

    edit: Edit
    merge: Merge
    remote: Object = field(repr=False)

    @property
    def fields(self) -> tuple[FieldConflict, ...]:
        """The conflicting properties, each with its three values."""
        return self.merge.conflicts

    def resolved(self, values: dict[Path, Any]) -> Edit:
        """Return the next edit to save, with a value for each conflict. Raises `KeyError` for a missing one."""
        return replace(self.edit, base=self.remote, local=self.merge.resolved(values))


@dataclass(frozen=True, slots=True)
class DeletedElsewhere:
    """The resource no longer exists. `buffer` is the edited resource, from which it can be created again."""

    edit: Edit
    buffer: Object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server rejected the request. `written` are the changes that earlier requests of the save have written.

    `read` is the resource as read before the rejected request, None if it was not read.
    """

    error: ApiError
    written: tuple[FieldChange, ...] = ()
    read: Object | None = field(default=None, repr=False)

    @property
    def fields(self) -> list[FieldError]:
        """The errors of single fields."""
        return self.error.field_errors

    @property
    def referrers(self) -> list[dict[str, Any]]:
        """The dependents that prevent a delete, each `{"kind", "id", "name", "field"}`."""
        return self.error.referrers if isinstance(self.error, Conflict) else []


@dataclass(frozen=True, slots=True)
class Failed:
    """The request was not sent (no connection, no sign-in, an unreadable response to a read): it changed nothing.

    `written` are the changes that earlier requests of the save have written.
    """

    error: DrioError
    written: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request was sent, and there was no usable response. `read_back` is what reading the resource back shows.

    `raw` is the resource as read back, None if that failed or it does not exist.
    """

    error: DrioError
    read_back: ReadBack
    raw: Object | None = field(default=None, repr=False)
    written: tuple[FieldChange, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The resource is deleted; `already` is true if someone else deleted it before."""

    name: str
    request_id: str | None = None
    already: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """The resource changed since the user decided to delete it; nothing was deleted. `raw` is the current resource."""

    remote_changes: tuple[FieldChange, ...]
    raw: Object = field(repr=False)


SaveOutcome = Saved | Conflicted | DeletedElsewhere | Refused | Failed | Unknown
CreateOutcome = Saved | Refused | Failed | Unknown
DeleteOutcome = Deleted | ChangedMeanwhile | Refused | Failed | Unknown
Outcome = SaveOutcome | DeleteOutcome


def succeeded(outcome: Outcome) -> bool:
    """Return whether the change was made."""
    return isinstance(outcome, Saved | Deleted) or (isinstance(outcome, Unknown) and outcome.read_back == "applied")


def problem(outcome: Outcome) -> str:
    """Return why a change did not succeed, as a sentence, not sanitized; empty if it did."""
    match outcome:
        case Unknown(read_back="not applied", error=error):
            return "Reading again shows that it did not happen" + (f" ({error.message})" if error.message else "")
        case Unknown(read_back="cannot tell", error=error):
            return f"{error.title}: reading again does not show it"
        case Refused(error=error) | Failed(error=error):
            return str(error)
        case Conflicted(merge=merge):
            return f"Someone else changed {', '.join(conflict.dotted for conflict in merge.conflicts)}"
        case ChangedMeanwhile(remote_changes=changes):
            return f"Someone else changed {', '.join(change.dotted for change in changes)}"
        case DeletedElsewhere():
            return "It was deleted elsewhere"
        case _:
            return ""
