"""The command palette: every key that works on the screen, by its name, and the connections one can switch to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.types import IgnoreReturnCallbackType

from drio_tui.auth.profiles import Profiles
from drio_tui.ui.base import keymap
from drio_tui.ui.widgets.sanitize import safe_line

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp


class Command(NamedTuple):
    """A name to search for, its key, what it does, and doing it."""

    name: str
    key: str
    help: str
    run: IgnoreReturnCallbackType


class Commands(Provider):
    """Names and help are handed over as content: a profile's name may hold anything."""

    @property
    def _drio(self) -> DrioApp:
        return cast("DrioApp", self.app)

    def _commands(self) -> Iterator[Command]:
        seen = set()
        for node, binding, enabled, _tooltip in self.screen.active_bindings.values():
            key = keymap.find(binding.id)
            if key is None or not key.palette or key.id in seen or not enabled:
                continue
            seen.add(key.id)
            shown = keymap.display(binding.key)
            yield Command(key.description, shown, key.tooltip or key.description, partial(self._run, key.action, node))
        app = self._drio
        yield Command("Use the local sandbox", "", "Start or join it", partial(app.restart, sandbox=True))
        yield Command("Sign in to another host", "", "Choose the host first", partial(app.switch_mode, "welcome"))
        for profile in Profiles.load():
            about = f"{profile.host}, {profile.account or 'not signed in'}"
            yield Command(f"Use profile {profile.name}", "", about, partial(app.restart, profile=profile.name))
        yield Command("Save a screenshot", "", "As an SVG file in the current folder", app.deliver_screenshot)

    async def _run(self, action: str, node: DOMNode) -> None:
        await self.app.run_action(action, node)

    async def discover(self) -> Hits:
        """Everything, by name."""
        for command in sorted(self._commands(), key=lambda one: one.name):
            yield DiscoveryHit(_display(command), command.run, command.name, _help(command))

    async def search(self, query: str) -> Hits:
        """What matches, the letters that match marked."""
        matcher = self.matcher(query)
        for command in self._commands():
            score, places = matcher.fuzzy_search.match(matcher.query, command.name)
            if score > 0:
                yield Hit(score, _display(command, places), command.run, command.name, _help(command))


def _display(command: Command, marked: Any = ()) -> Content:
    name = safe_line(command.name, 60)
    # Positions only fit as long as nothing had to be made visible.
    if name.plain == command.name:
        for place in marked:
            name = name.stylize("underline", place, place + 1)
    return Content.assemble(name, (f"  {command.key}" if command.key else "", "$text-accent"))


def _help(command: Command) -> Any:
    # textual takes content here as well and does not read markup in it, though it is declared as text.
    return safe_line(command.help, 70)
