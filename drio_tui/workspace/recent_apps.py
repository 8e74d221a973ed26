"""Which apps were opened here, and how the list of apps was sorted last: kept from one start to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drio_tui import settings

_OPENED = "opened_apps"
_ORDER = "apps_order"
_MOST_APPS = 200
_MOST_SERVERS = 20


@dataclass(frozen=True, slots=True)
class AppsState:
    """When each app was opened here, by id in seconds since the epoch; the property to sort by and the direction."""

    opened: dict[str, float] = field(default_factory=dict)
    order: str = ""
    descending: bool = False


def load(server: str) -> AppsState:
    """Return what is kept for a drio. Never raises; blocks."""
    state = settings.load_state()
    order = state.get(_ORDER)
    if not (isinstance(order, list) and len(order) == 2 and isinstance(order[0], str)):
        order = ["", False]
    return AppsState(_opened(state).get(server, {}), order[0], order[1] is True)


def remember_opened(server: str, app: str, at: float) -> None:
    """Keep that an app was opened. Blocks; what cannot be written is forgotten."""
    opened = _opened(settings.load_state())
    times = {**opened.pop(server, {}), app: at}
    newest = sorted(times, key=lambda id: times[id])[-_MOST_APPS:]
    opened[server] = {id: times[id] for id in newest}
    settings.save_state(**{_OPENED: dict(list(opened.items())[-_MOST_SERVERS:])})


def remember_order(order: str, descending: bool) -> None:
    """Keep how the list is sorted. Blocks."""
    settings.save_state(**{_ORDER: [order, descending]})


def _opened(state: dict[str, Any]) -> dict[str, dict[str, float]]:
    servers = state.get(_OPENED)
    return {
        server: {id: float(at) for id, at in times.items() if isinstance(at, int | float) and not isinstance(at, bool)}
        for server, times in (servers.items() if isinstance(servers, dict) else ())
        if isinstance(times, dict)
    }
