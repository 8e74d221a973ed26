"""What the command palette finds: resources of the apps that were opened last, apps, templates, settings and commands.

The entries are made when the palette is opened, from what the program has loaded; a key press only ranks them. What is
not loaded of the templates and of the apps that were opened last is read meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from textual.actions import parse
from textual.screen import Screen

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.auth.profiles import Profiles
from drio_tui.kinds import KINDS
from drio_tui.storage import paths
from drio_tui.text import visible
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.apps.apps_screen import AppsScreen
from drio_tui.ui.apps.templates_screen import TemplatesScreen, fetch_templates
from drio_tui.ui.base import keymap
from drio_tui.ui.base.textual_internals.screens import all_screens
from drio_tui.workspace import recent_apps
from drio_tui.workspace.model.loader import snapshot_of_config
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp

S = TypeVar("S", bound=Screen[Any])

EntryKey = tuple[str, ...]
"""What identifies an entry while the program runs: its source and the id in it."""

_TAGS = {
    "branding": "Branding",
    "auth": "Auth",
    "provider": "Provider",
    **{name: KINDS[name].title for name in ("integration", "operation", "tool", "widget")},
}
"""What is shown before a resource of the open app, by the kind of its node."""

_TEXT_MAX = 120
"""The longest name or note of an entry, in characters: a line of the palette is shorter."""

_MOST_RECENT = 5
"""How many apps that are not open are searched: those that were opened last."""
_RECENT_SECONDS = 60.0
"""How long what was read of such an app is searched before it is read again."""

_templates: WeakKeyDictionary[DrioClient, tuple[Resource, ...]] = WeakKeyDictionary()
_recent: WeakKeyDictionary[DrioClient, dict[str, _RecentApp]] = WeakKeyDictionary()


@dataclass(slots=True)
class _RecentApp:
    """The nodes of an app that is not open, as its config with this ETag has them; when it was read, monotonic."""

    nodes: list[TreeNode] = field(default_factory=list)
    name: str = ""
    etag: str = ""
    at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the palette.

    `tag` says what it is (Tool, App, Command), `note` is a second name (a key, a method and path), `place` where it is
    or what it does. `name`, `note` and `place` are sanitized. `is_in_app` is whether it belongs to the open app, whose
    entries come first among equal matches.
    """

    key: EntryKey
    tag: str
    name: str
    run: Callable[[], object]
    note: str = ""
    place: str = ""
    is_in_app: bool = False

    def rank(self, query: str) -> int | None:
        """Return how well the entry matches, by its name or its note; 0 is the best, None no match."""
        by_name = rank(query, self.name, f"{self.note} {self.place} {self.tag}")
        if by_name is None or by_name == 0 or not self.note:
            return by_name
        by_note = rank(query, self.note, self.name)
        return by_name if by_note is None else min(by_name, by_note)


Match = tuple[tuple[int, int, int, int], Entry]
"""An entry that matches, with its sort key."""


def ranked(entries: Sequence[Entry], query: str, recent: Sequence[EntryKey], start: int = 0) -> list[Match]:
    """Return the entries that match with their sort keys: rank, the open app first, what was chosen last, the order.

    `start` is the number of the first entry in the whole list, if this is a part of it.
    """
    matches: list[Match] = []
    for number, entry in enumerate(entries, start):
        score = entry.rank(query)
        if score is not None:
            last_used = recent.index(entry.key) if entry.key in recent else len(recent)
            matches.append(((score, not entry.is_in_app, last_used, number), entry))
    return matches


def make_entries(app: DrioApp, screen: Screen[object]) -> list[Entry]:
    """Return every entry; `screen` is that over which the palette is opened."""
    return [
        *_resources(app),
        *_apps(app),
        *_recent_resources(app),
        *_template_entries(app),
        *_commands(app, screen),
        *_settings(app),
    ]


async def load_more(app: DrioApp) -> bool:
    """Read what the palette finds and no screen has read; return whether there are other entries now."""
    return any(await asyncio.gather(_load_templates(app), _load_recent_apps(app)))


async def _load_templates(app: DrioApp) -> bool:
    """Read the templates, once per connection, unless their screen has; return whether there are more entries now."""
    client = app.connection.client
    if client is None or client in _templates or _screens(app, TemplatesScreen):
        return False
    try:
        _templates[client] = await fetch_templates(client)
    except DrioError:
        return False
    return True


async def _load_recent_apps(app: DrioApp) -> bool:
    """Read the apps that were opened last, with a request each; return whether one has other resources now."""
    client = app.connection.client
    if client is None or app.session is None or app.status.cassette:
        return False
    listed = {resource.id for screen in _screens(app, AppsScreen) for resource in screen.resources or ()}
    opened = (await asyncio.to_thread(recent_apps.load, app.connection.server)).opened
    last = sorted((id for id in opened if id in listed), key=lambda id: opened[id], reverse=True)[:_MOST_RECENT]
    known = _recent.setdefault(client, {})
    for id in known.keys() - {*last}:
        del known[id]
    due = [id for id in last if time.monotonic() - known.setdefault(id, _RecentApp()).at > _RECENT_SECONDS]
    return any(await asyncio.gather(*(_load_recent(client, id, known[id]) for id in due)))


async def _load_recent(client: DrioClient, id: str, known: _RecentApp) -> bool:
    try:
        config, known.etag = await client.changed_config(id, known.etag)
    except DrioError:
        return False
    known.at = time.monotonic()
    if config is None:
        return False
    snapshot = await snapshot_of_config(id, config)
    outline = await asyncio.to_thread(TreeModel, snapshot)
    known.name, known.nodes = outline.root.title, [*_nodes(outline)]
    return True


def _short(text: str) -> str:
    return visible(text[:_TEXT_MAX])


def _screens(app: DrioApp, kind: type[S]) -> list[S]:
    return [screen for screen in all_screens(app) if isinstance(screen, kind)]


# -- resources of apps --------------------------------------------------------------------------------


def _nodes(outline: TreeModel) -> Iterator[TreeNode]:
    """Yield the nodes of an app that the palette finds, in the order of its tree."""
    return (node for node in outline.walk() if node.about is not None and node.kind in _TAGS)


def _resources(app: DrioApp) -> Iterator[Entry]:
    """Yield the resources of the app that was opened last, in the order of its tree."""
    for screen in _screens(app, AppScreen)[-1:]:
        for node in _nodes(screen.outline) if screen.outline is not None else ():
            show = partial(app.navigator.return_to, screen, partial(screen.show_resource, node.key))
            yield _resource(screen.app_id, node, show, is_in_app=True)


def _recent_resources(app: DrioApp) -> Iterator[Entry]:
    """Yield the resources of the other apps that were opened last, as far as they are read."""
    client = app.connection.client
    shown = {screen.app_id for screen in _screens(app, AppScreen)[-1:]}
    for apps in _screens(app, AppsScreen)[:1]:
        for id, recent in (_recent.get(client, {}) if client is not None else {}).items():
            for node in recent.nodes if id not in shown else ():
                show = partial(app.navigator.switch_app, apps, id, node.key)
                yield _resource(id, node, show, within=(recent.name,))


def _resource(
    app_id: str, node: TreeNode, show: Callable[[], object], *, within: tuple[str, ...] = (), is_in_app: bool = False
) -> Entry:
    place = " › ".join(map(_short, (*within, *(above.title for above in [*node.ancestors()][-2::-1]))))
    note = "" if node.kind == "branding" else _short(node.note)
    key = ("resource", app_id, *node.key)
    return Entry(key, _TAGS[node.kind], _short(node.title), show, note=note, place=place, is_in_app=is_in_app)


# -- apps and templates -------------------------------------------------------------------------------


def _apps(app: DrioApp) -> Iterator[Entry]:
    for screen in _screens(app, AppsScreen)[:1]:
        for resource in screen.resources or ():
            if not resource.made_up:
                show = partial(app.navigator.switch_app, screen, resource.id)
                yield Entry(("app", resource.id), "App", _short(resource.name), show,
                            note=_short(resource.text("slug")), place=_short(resource.text("status")))  # fmt: skip


def _template_entries(app: DrioApp) -> Iterator[Entry]:
    screens = _screens(app, TemplatesScreen)
    listed = screens[0].resources if screens else None
    client = app.connection.client
    if listed is None and client is not None:
        listed = _templates.get(client)
    for resource in listed or ():
        if not resource.made_up:
            show = partial(app.navigator.show_template, resource.id)
            yield Entry(("template", resource.id), "Template", _short(resource.name), show,
                        note=_short(resource.text("category")), place=_short(resource.text("description")))  # fmt: skip


# -- commands and settings ----------------------------------------------------------------------------


def _commands(app: DrioApp, screen: Screen[object]) -> Iterator[Entry]:
    """Yield the enabled actions of the screen, and what has no key, sorted by name."""
    entries: dict[EntryKey, Entry] = {}
    for node, binding, enabled, _tooltip in screen.active_bindings.values():
        key = keymap.find(binding.id)
        if key is None or not enabled:
            continue
        for each in (key, *keymap.keys_after(key.id)):
            if each.palette and (each is key or node.check_action(*parse(each.action)[1:])):
                shown = keymap.display(binding.key) if each is key else keymap.displayed(each, app.settings.keys)
                run = partial(app.run_action, each.action, node)
                help_text = each.tooltip or each.description
                entries.setdefault(("command", each.id), _command(each.id, each.description, run, help_text, shown))
    others = [
        _command("screenshot", "Save a screenshot", app.deliver_screenshot, "As an SVG file in the current folder"),
        *(_connections(app) if app.options.cassette != "replay" else ()),
    ]
    yield from sorted([*entries.values(), *others], key=lambda entry: entry.name)


def _connections(app: DrioApp) -> Iterator[Entry]:
    """Yield what connects to something else, or examines the sign-in; a replay has one server, and none to ask."""
    yield _command("doctor", "Sign-in doctor", app.navigator.open_doctor, "Examine the sign-in step by step")
    yield _command("sandbox", "Use the local sandbox", partial(app.restart, sandbox=True), "Start or join it")
    yield _command("host", "Sign in to another host", partial(app.switch_mode, "welcome"), "Choose the host first")
    for profile in Profiles.load():
        help_text = f"{profile.account or 'not signed in'}, {profile.host}"
        use = partial(app.restart, profile=profile.name)
        yield _command(f"profile {profile.name}", f"Use profile {_short(profile.name)}", use, help_text)


def _command(id: str, name: str, run: Callable[[], object], help_text: str, key: str = "") -> Entry:
    return Entry(("command", id), "Command", name, run, note=key, place=_short(help_text))


def _settings(app: DrioApp) -> Iterator[Entry]:
    for name in sorted(app.available_themes):
        current = "in use" if name == app.theme else ""
        yield Entry(("setting", "theme", name), "Setting", f"Theme {name}", partial(setattr, app, "theme", name),
                    place=current)  # fmt: skip
    if not app.options.read_only:
        yield Entry(("setting", "read-only"), "Setting", "Read-only: on", partial(app.set_read_only, True),
                    place="Hide every action that changes something")  # fmt: skip
    elif app.may_leave_read_only:
        yield Entry(("setting", "read-only"), "Setting", "Read-only: off", partial(app.set_read_only, False),
                    place="Show the actions that change something again")  # fmt: skip
    path = str(paths.config_dir() / "config.toml")
    yield Entry(("setting", "file"), "Setting", "Copy the path of config.toml", partial(app.copy, path, "the path"),
                place=_short(path))  # fmt: skip
