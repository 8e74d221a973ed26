"""The steps of a plan: data about what is sent, in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, Object, with_value
from drio_tui.workspace.saving.save_result import Outcome

Verb = Literal["create", "update", "detach", "delete", "read", "run"]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one resource; it takes one request, or a few.

    `id` is unique in the plan, and the same in each plan with the same change, so that its state is found again.
    `about` says what it does, for the user, not yet sanitized. `after` are the ids of the steps that it needs.

    | verb     | what is sent                                                                                         |
    |----------|------------------------------------------------------------------------------------------------------|
    | `create` | `body`, below `parent`. `ref` is the name by which other steps refer to the created resource         |
    | `update` | `changes` to the current resource, or with `base` merged with those that others made since           |
    | `detach` | the property `property_name` without the references to `targets` (ids)                               |
    | `delete` | nothing if `base` is given and others changed more than `ignoring`; `links` and `place` as in `Entry` |
    | `read`   | what `run` does; in each process once                                                                |
    | `run`    | what `run` does; such a step is not kept in a file                                                   |

    With `drops_rejected` a create is sent again without the optional references that drio rejects. `run` returns the
    outcome, or why nothing was sent, as a sentence. `follows` are the ids of steps that must have ended before, done or
    not.

    `ref` of the others is the id of their resource, or the ref of a created one; of an app's own update it is empty or
    its id. Refs in `parent`, `body` and the `after` of `changes` are replaced by ids. `mark` is a digest, without
    secrets, of what is sent: an update that is done is sent again if its mark differs. `again` are properties that are
    sent even if they are unchanged (`Edit.again`). `secret` are dotted paths in `body` or `changes` of values that are
    never stored; `lost` are those of a stored step, whose values have to be given again.
    """

    id: str
    verb: Verb
    kind: str
    about: str
    ref: str = ""
    parent: str = ""
    body: Object = field(default_factory=dict, repr=False)
    changes: tuple[FieldChange, ...] = ()
    base: Object | None = field(default=None, repr=False)
    after: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    mark: str = ""
    again: tuple[str, ...] = ()
    property_name: str = ""
    targets: frozenset[str] = frozenset()
    links: tuple[tuple[str, str, str], ...] = ()
    ignoring: frozenset[str] = frozenset()
    place: int | None = None
    drops_rejected: bool = False
    secret: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    run: Callable[[], Awaitable[Outcome | str]] | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """The kind and the id (or ref) of its resource."""
        return self.kind, self.ref


def changes_of(body: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return a PATCH body as changes: like drio's PATCH, an object in it changes only the properties that it has."""
    changes: list[FieldChange] = []
    for name, value in body.items():
        if isinstance(value, dict):
            changes += [FieldChange((name, key), MISSING, item) for key, item in value.items()]
        else:
            changes.append(FieldChange((name,), MISSING, value))
    return tuple(changes)


def with_changes(resource: Object, changes: Iterable[FieldChange]) -> Object:
    """Return a copy of a resource with the changes made."""
    result = dict(resource)
    for change in changes:
        result = with_value(result, change.path, change.after)
    return result


def replace_refs(value: Any, ids: Mapping[str, str]) -> Any:
    """Return the JSON value with ids in place of refs; other strings stay. Raises `KeyError` for a ref without id."""
    if isinstance(value, str):
        if value in ids and not ids[value]:
            raise KeyError(value)
        return ids.get(value, value)
    if isinstance(value, dict):
        return {name: replace_refs(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [replace_refs(item, ids) for item in value]
    return value


def without_references(kind: Kind[Any], raw: Object, property_name: str, targets: frozenset[str]) -> Object:
    """Return a copy of `raw` without the references to `targets` in one property."""
    result = dict(raw)
    for reference in kind.references:
        path = reference.path.split(".")
        if path[0].removesuffix("[]") != property_name:
            continue
        value = result.get(property_name)
        if path[0].endswith("[]") and isinstance(value, list):
            result[property_name] = [item for item in value if not any(id in targets for id in _ids(item, path[1:]))]
        elif any(id in targets for _, id in reference.ids(result)):
            result[property_name] = None
    return result


def _ids(value: Any, path: list[str]) -> Iterator[str]:
    """Yield the id at a path below `value`, if there is one."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        yield value
