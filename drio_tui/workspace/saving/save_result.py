"""What can come of a change: each a type of its own, so that whoever asked for it has to look at all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from drio_tui.api.errors import ApiError, Conflict, DrioError, FieldError
from drio_tui.kinds import Kind
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Merge, Object, Path

Verdict = Literal["applied", "not applied", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A resource as it was when the edit began (`base`) and as it is wanted (`mine`); both may hold secrets.

    `again` names members to be sent though they did not change: a tool bound anew to the same operation
    (`binding`) takes over its new schema.
    """

    kind: Kind[Any]
    app: str
    id: str
    base: Object = field(repr=False)
    mine: Object = field(repr=False)
    again: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the resource is called. Not yet safe to show."""
        return self.kind.label(self.base)


@dataclass(frozen=True, slots=True)
class Saved:
    """The change is in. `raw` is the resource as the server now gives it.

    `diff` is what was written (empty when there was nothing left to write), `theirs` what others had
    changed since the edit began, which was kept. `request_ids` are those of the answers, in order.
    """

    raw: Object = field(repr=False)
    diff: tuple[FieldChange, ...] = ()
    theirs: tuple[FieldChange, ...] = ()
    request_ids: tuple[str, ...] = ()
    group: str = ""

    @property
    def request_id(self) -> str | None:
        """The id of the last answer, to be quoted to support."""
        return self.request_ids[-1] if self.request_ids else None

    @property
    def id(self) -> str:
        """The resource's id; of interest after a create."""
        found = self.raw.get("id")
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Both sides changed the same members; nothing (more) was written. `theirs` is the resource as it is now."""

    edit: Edit
    merge: Merge
    theirs: Object = field(repr=False)

    @property
    def fields(self) -> tuple[FieldConflict, ...]:
        """The members in question, each with its three values."""
        return self.merge.conflicts

    def resolved(self, values: dict[Path, Any]) -> Edit:
        """The edit to save next, with the value decided on for each conflict. Raises `KeyError` for a missing one."""
        return replace(self.edit, base=self.theirs, mine=self.merge.resolved(values))


@dataclass(frozen=True, slots=True)
class DeletedElsewhere:
    """The resource is no longer there. `buffer` is what was wanted, whole, to be created anew."""

    edit: Edit
    buffer: Object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no. `fields` are the members it names; `written` is what had got through before.

    `read` is the resource as it was when the refused request was made, where there was one.
    """

    error: ApiError
    written: tuple[FieldChange, ...] = ()
    read: Object | None = field(default=None, repr=False)

    @property
    def fields(self) -> list[FieldError]:
        """The errors that belong to single members."""
        return self.error.field_errors

    @property
    def referrers(self) -> list[dict[str, Any]]:
        """What stands in the way of a delete: `{"kind", "id", "name", "field"}` each."""
        return self.error.referrers if isinstance(self.error, Conflict) else []


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be tried (no connection, no sign-in, an unreadable answer to a read): nothing was changed."""

    error: DrioError
    written: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no usable answer came. `verdict` is what reading again said of it.

    `raw` is the resource as it was read again, None where that failed or it is not there.
    """

    error: DrioError
    verdict: Verdict
    raw: Object | None = field(default=None, repr=False)
    written: tuple[FieldChange, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The resource is gone; `already` says that someone else had done it."""

    name: str
    request_id: str | None = None
    already: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What was to be deleted is not what was seen any more; nothing was deleted. `raw` is how it is now."""

    theirs: tuple[FieldChange, ...]
    raw: Object = field(repr=False)


SaveOutcome = Saved | Conflicted | DeletedElsewhere | Refused | Failed | Unknown
CreateOutcome = Saved | Refused | Failed | Unknown
DeleteOutcome = Deleted | Changed | Refused | Failed | Unknown
Outcome = SaveOutcome | DeleteOutcome


def succeeded(outcome: Outcome) -> bool:
    """Whether what was asked for is so now."""
    return isinstance(outcome, Saved | Deleted) or (isinstance(outcome, Unknown) and outcome.verdict == "applied")


def problem(outcome: Outcome) -> str:
    """Why it did not succeed, in a sentence, not yet safe to show; empty when it did."""
    match outcome:
        case Unknown(verdict=verdict, error=error) if verdict != "applied":
            return f"{error.title}: reading again {_SAYS[verdict]}"
        case Refused(error=error) | Failed(error=error):
            return str(error)
        case Conflicted(merge=merge):
            return f"Someone else changed {', '.join(conflict.dotted for conflict in merge.conflicts)}"
        case Changed(theirs=theirs):
            return f"Someone else changed {', '.join(change.dotted for change in theirs)}"
        case DeletedElsewhere():
            return "It was deleted elsewhere"
        case _:
            return ""


_SAYS = {"not applied": "shows that it did not happen", "cannot tell": "does not show whether it happened"}
