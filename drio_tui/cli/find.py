"""Finding kinds and resources by the names that users write in commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import UsageError
from drio_tui.cli.common import effective_options, not_found_error
from drio_tui.cli.output import info
from drio_tui.cli.read import find_app
from drio_tui.kinds import KINDS, OPERATION, Kind
from drio_tui.plan.key_order import is_made_of, key_before, temporary_key
from drio_tui.session import Session, command_session
from drio_tui.text import first_names, one_line
from drio_tui.workspace.model.search import named, reference_name
from drio_tui.workspace.model.snapshot import KIND_ORDER, Resource, Snapshot

if TYPE_CHECKING:
    from drio_tui.workspace.saving.saver import Saver

_GLOB_CHARACTERS = frozenset("*?[")
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class OpenedApp:
    """An app as it was read, and a saver that writes to it and to its journal."""

    session: Session
    snapshot: Snapshot
    saver: Saver

    @property
    def id(self) -> str:
        return self.snapshot.app_id


@asynccontextmanager
async def opened_app(app: str, options: dict[str, Any], kinds: Container[str] = KIND_ORDER) -> AsyncIterator[OpenedApp]:
    """Provide the app with the id, slug or name `app`, read as a whole; `options` are the connection options.

    Raises the error of a part of `kinds` that cannot be read: nothing may be changed by a partial view of an app.
    """
    from drio_tui.workspace.model.loader import read_app

    async with command_session(**connection_of(options), notice=info) as session:
        snapshot = await read_app(session.client, await find_app(session.client, app), required=kinds)
        yield OpenedApp(session, snapshot, saver_of(session))


def saver_of(session: Session) -> Saver:
    """Return a saver that keeps the journal that the program keeps too."""
    from drio_tui.workspace.saving.journal import Journal
    from drio_tui.workspace.saving.saver import Saver

    return Saver(session.client, lambda app_id: Journal(session.profile, session.server_id, app_id))


def connection_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `command_session` from the parameters of a command with `connection_options`."""
    return effective_options(options["profile"], options["base_url"], options["sandbox"])


def find_resources(
    snapshot: Snapshot, kind: Kind[Any], names: Iterable[str], *, to_move: bool = False
) -> list[Resource]:
    """Return the resources of a kind that `names` mean, in their order, each once.

    A name is an id, key, slug or name, or a glob pattern (`*`, `?`, `[…]`) for keys, slugs and names. `to_move` finds
    an operation that gave its key away in an interrupted move by that key too, and not beside what was made of it.
    Raises `NotFound` for one that means nothing, and `UsageError` if several resources have the same name.
    """
    resources = [resource for resource in snapshot.resources(kind.name) if not resource.made_up]
    found: dict[str, Resource] = {}
    for name in names:
        matches = _exact_matches(snapshot, kind, resources, name, to_move=to_move)
        if len(matches) > 1:
            listed = ", ".join(f"{one_line(match.name, 60)} ({one_line(match.id, 80)})" for match in matches)
            raise UsageError(
                f"{len(matches)} {kind.plural.lower()} are called {one_line(name, 80)}: {listed}",
                hint="Name one of them by its id, the text in parentheses.",
            )
        if not matches and not _GLOB_CHARACTERS.isdisjoint(name):
            matches = [
                resource
                for resource in resources
                if any(fnmatchcase(text, name) for text in _names(resource, to_move=to_move))
            ]
        if not matches:
            raise _not_found(kind, name, resources)
        found |= {resource.id: resource for resource in matches}
    return list(found.values())


def find_resource(snapshot: Snapshot, kind: Kind[Any], name: str) -> Resource:
    """Return the one resource of a kind with the id, key, slug or name `name`. Raises `NotFound` or `UsageError`."""
    resources = find_resources(snapshot, kind, [name])
    if len(resources) > 1:
        raise UsageError(f"{one_line(name, 80)} means {len(resources)} {kind.plural.lower()}, and one is needed")
    return resources[0]


def _exact_matches(
    snapshot: Snapshot, kind: Kind[Any], resources: Sequence[Resource], name: str, *, to_move: bool = False
) -> list[Resource]:
    """Return the resources with this id, else with this key, slug or name: those of the first that any has."""
    matches = named(resources, name, lambda resource, property_name: resource.text(property_name))
    if to_move and not matches:
        matches = [resource for resource in resources if resource.text("key") == temporary_key(name, resource.id)]
    if to_move and len(matches) > 1:
        matches = [one for one in matches if not any(is_made_of(other, one) for other in matches)]
    if matches:
        return matches
    integration, slash, operation = name.partition("/")
    if kind is not OPERATION or not slash:
        return []
    parents = {
        parent.id for parent in _exact_matches(snapshot, KINDS["integration"], _integrations(snapshot), integration)
    }
    inside = [resource for resource in resources if _parent_of(resource) in parents]
    return _exact_matches(snapshot, kind, inside, operation, to_move=to_move)


def _integrations(snapshot: Snapshot) -> list[Resource]:
    return [resource for resource in snapshot.resources("integration") if not resource.made_up]


def _parent_of(operation: Resource) -> str:
    return operation.text("integrationId") or operation.parent_id


def _names(resource: Resource, *, to_move: bool = False) -> list[str]:
    before = key_before(resource.text("key"), resource.id) if to_move else None
    return [text for text in (*map(resource.text, ("key", "slug", "name")), before) if text]


def _not_found(kind: Kind[Any], name: str, resources: Sequence[Resource]) -> Exception:
    known = [text for resource in resources for text in _names(resource)]
    listed = first_names([one_line(reference_name(resource), 40) for resource in resources], _MOST_LISTED)
    existing = f"There are: {listed}." if resources else f"The app has no {kind.plural.lower()}."
    return not_found_error(f"{kind.title.lower()} has the key, name or id", name, known, otherwise=existing)
