"""The command palette: the actions of the current screen by name, and the connections to switch to."""

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
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from drio_tui.ui.base.context import DrioContext


class Command(NamedTuple):
    """One entry of the palette: its name, key, help text and callback."""

    name: str
    key: str
    help: str
    run: IgnoreReturnCallbackType


class Commands(Provider):
    """Provides the palette's commands.

    Names and help texts are passed as `Content`, without markup: a profile's name may contain any text.
    """

    def _commands(self) -> Iterator[Command]:
        seen = set()
        for node, binding, enabled, _tooltip in self.screen.active_bindings.values():
            key = keymap.find(binding.id)
            if key is None or not key.palette or key.id in seen or not enabled:
                continue
            seen.add(key.id)
            key_text = keymap.display(binding.key)
            yield Command(
                key.description, key_text, key.tooltip or key.description, partial(self._run, key.action, node)
            )
        drio = cast("DrioContext", self.app)
        yield Command("Sign-in doctor", "", "Examine the sign-in step by step", drio.navigator.open_doctor)
        restart = drio.restart
        yield Command("Use the local sandbox", "", "Start or join it", partial(restart, sandbox=True))
        yield Command("Sign in to another host", "", "Choose the host first", partial(self.app.switch_mode, "welcome"))
        for profile in Profiles.load():
            help_text = f"{profile.host}, {profile.account or 'not signed in'}"
            yield Command(f"Use profile {profile.name}", "", help_text, partial(restart, profile=profile.name))
        yield Command("Save a screenshot", "", "As an SVG file in the current folder", self.app.deliver_screenshot)

    async def _run(self, action: str, node: DOMNode) -> None:
        await self.app.run_action(action, node)

    async def discover(self) -> Hits:
        """Yield every command, sorted by name."""
        for command in sorted(self._commands(), key=lambda command: command.name):
            yield DiscoveryHit(_label(command), command.run, command.name, _help(command))

    async def search(self, query: str) -> Hits:
        """Yield the commands that match `query`, with the matching letters underlined."""
        matcher = self.matcher(query)
        for command in self._commands():
            score, positions = matcher.fuzzy_search.match(matcher.query, command.name)
            if score > 0:
                yield Hit(score, _label(command, positions), command.run, command.name, _help(command))


def _label(command: Command, positions: Any = ()) -> Content:
    name = sanitize_line(command.name, 60)
    # The positions belong to the raw name: they are only valid if sanitizing changed nothing.
    if name.plain == command.name:
        for position in positions:
            name = name.stylize("underline", position, position + 1)
    return Content.assemble(name, (f"  {command.key}" if command.key else "", "$text-accent"))


def _help(command: Command) -> Any:
    # Textual accepts `Content` here, without reading markup in it, although the type is declared as `str`.
    return sanitize_line(command.help, 70)
