"""Open and close a screen many times and count what stays in memory: a test does a few rounds, a script fifty."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from tests.ui.driving import until

ALLOWED = 250
"""Blocks of memory that a round may leave on average: entries of the journal, noise of the allocator."""
STAYS = 1
"""Screens that may stay: the last one, which the event loop and Textual may still refer to."""


@dataclass(frozen=True)
class Found:
    """The result of opening and closing one screen many times: counts after half of the rounds and after all.

    `drawn` is the number of widgets whose drawn lines are kept at the end, `grown` the growth in blocks of memory.
    """

    name: str
    rounds: int
    at_once: int
    screens: tuple[int, int]
    widgets: tuple[int, int]
    drawn: int
    grown: int

    @property
    def a_round(self) -> float:
        """The growth per round of the second half, in blocks of memory."""
        return self.grown / max(1, self.rounds - self.rounds // 2)

    @property
    def fine(self) -> bool:
        """Whether no more stays in memory than one closed screen may still hold."""
        return self.screens[1] <= STAYS and max(self.widgets[1], self.drawn) <= self.at_once and self.a_round <= ALLOWED

    def __str__(self) -> str:
        made = f"{self.at_once:>4} widgets; alive {self.screens[0]} then {self.screens[1]} screens"
        counts = f"{self.widgets[0]:>3} then {self.widgets[1]:>3} widgets"
        mark = "ok" if self.fine else "GROWS"
        return f"{self.name:<18} {made}, {counts}, {self.a_round:>6.1f} blocks a round  {mark}"


@dataclass(frozen=True)
class Opening:
    """How a screen is opened: `open` returns once it is filled."""

    name: str
    open: Callable[[], Awaitable[Screen[Any]]]


async def measure(pilot: Pilot[Any], opening: Opening, rounds: int, *, held: bool = False) -> Found:
    """Open and close a screen `rounds` times, and count what stays in memory."""
    screens: weakref.WeakSet[Screen[Any]] = weakref.WeakSet()
    live: weakref.WeakSet[Widget] = weakref.WeakSet()
    drawn: weakref.WeakSet[Any] = weakref.WeakSet()
    at_once = 0
    counts: list[tuple[int, int, int]] = []
    for number in range(1, rounds + 1):
        screen = await opening.open()
        screens.add(screen)
        for widget in screen.walk_children(Widget):
            live.add(widget)
            drawn.add(widget._styles_cache)
        at_once = max(at_once, len(list(screen.walk_children(Widget))))
        del widget
        screen.dismiss()
        await until(pilot, lambda screen=screen: pilot.app.screen is not screen and not screen.is_running)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        del screen
        await pilot.pause()
        if number in (rounds // 2, rounds):
            pilot.app.connection.log.clear()  # it is bounded by itself
            await forget_timers()
            gc.collect()
            counts.append((len(screens), len(live), sys.getallocatedblocks()))
    if held:
        for screen in list(screens)[:2]:
            print(f"{screen!r} is held by", *holders(pilot.app, screen), sep="\n    ")
    half, whole = counts[0], counts[-1]
    return Found(
        opening.name, rounds, at_once, (half[0], whole[0]), (half[1], whole[1]), len(drawn), whole[2] - half[2]
    )


async def forget_timers() -> None:
    """Make the event loop drop its cancelled timers, which it does once there are many.

    Until then, or until their time (a request's time limit), their contexts hold what started them.
    """
    loop = asyncio.get_running_loop()
    for _ in range(1_000):
        loop.call_later(60, int).cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def holders(app: Any, wanted: object) -> Iterator[str]:
    """Yield the shortest chain of references from permanent objects to `wanted`."""
    loop: Any = asyncio.get_running_loop()
    roots = [sys.modules, app, loop, *asyncio.all_tasks()]
    above: dict[int, object] = {id(root): None for root in roots}
    queue = deque(roots)
    while queue:
        current = queue.popleft()
        if current is wanted:
            chain = [current]
            while (current := above[id(current)]) is not None:
                chain.append(current)
            yield from (_description(link) for link in reversed(chain))
            return
        for referent in gc.get_referents(current):
            if id(referent) not in above and gc.is_tracked(referent):
                above[id(referent)] = current
                queue.append(referent)


def _description(value: Any) -> str:
    if isinstance(value, dict):
        return f"dict of {len(value)}: {list(value)[:4]!r}"[:120]
    if isinstance(value, list | tuple | set | deque):
        return f"{type(value).__name__} of {len(value)}"
    return f"{type(value).__name__}: {value!r}"[:160]


class Walk:
    """The screens of one app in the sandbox, as openings."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app
        self.id = self.endpoint = ""
        self.above: Any = None

    async def begin(self) -> None:
        """Wait until the program is connected, and use the first app."""
        from drio_tui.kinds import APP

        await until(self.pilot, lambda: self.app.current_mode != "start" and self.app.session is not None)
        client = await self.app.connection.ready()
        self.id = (await client.list(APP)).items[0]["id"]
        self.endpoint = str((await client.deploy(self.id)).raw["endpoint"])

    async def shown(self, kind: str, filled: Callable[[Any], object] = lambda _: True) -> Any:
        """Return the top screen, once it is of this class, filled and painted."""
        await until(self.pilot, lambda: type(self.app.screen).__name__ == kind and filled(self.app.screen))
        await self.pilot.pause()
        return self.app.screen

    async def app_screen(self) -> Any:
        """Open the app screen; return it once everything is loaded."""
        self.app.navigator.open_app(self.id)
        return await self.shown("AppScreen", lambda screen: screen.outline is not None and not screen.loading_app)

    async def edit(self, target: Any) -> Any:
        """Open the edit screen; return it after every page was shown."""
        self.above.actions.open_edit(target)
        screen = await self.shown("EditScreen", lambda screen: screen.is_filled)
        for number in range(len(screen._pages)):
            screen.show_page(number)
            await self.pilot.pause()
        return screen

    async def asked(self, target: Any, dialog: str) -> Any:
        """Open the edit screen, and close the `dialog` that saving opens; return the edit screen."""
        screen = await self.edit(target)
        screen.action_write()
        (await self.shown(dialog)).dismiss(None)
        await until(self.pilot, lambda: self.app.screen is screen and not screen._saving)
        return screen

    def openings(self) -> Iterator[Opening]:
        """Yield the openings of the screens over the app screen (`above`), which stays open."""
        from drio_tui.kinds import KINDS
        from drio_tui.ui.dialogs.select_dialog import SelectDialog
        from drio_tui.ui.editing.edit_target import EditTarget

        resources = self.above.snapshot.resources
        for kind in KINDS:
            resource = next(iter(resources(kind)), None)
            if resource is None:
                continue
            target = EditTarget(self.id, kind, resource.id)
            yield Opening(f"edit {kind}", lambda target=target: self.edit(target))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        for kind in (kind for kind in KINDS.values() if kind.name != "app"):
            parent = next(iter(resources(kind.parent[1]))).id if kind.parent else ""
            target = EditTarget(self.id, kind.name, parent=parent)
            yield Opening(f"create {kind.name}", lambda target=target: self.edit(target))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        tool = next(iter(resources("tool")))
        local = {**tool.raw, "name": "another_name", "description": "Changed here."}
        review = EditTarget(self.id, "tool", tool.id, local=local)
        yield Opening("review", lambda: self.asked(review, "ReviewDialog"))
        conflict = EditTarget(self.id, "tool", tool.id, base={**tool.raw, "description": "As it was."}, local=local)
        yield Opening("conflict", lambda: self.asked(conflict, "ConflictDialog"))
        shown: dict[str, tuple[Callable[[], object], str, Callable[[Any], object]]] = {
            "history": (self.above.action_show_history, "HistoryDialog", lambda _: True),
            "choose a kind": (self.above.action_add_resource, SelectDialog.__name__, lambda _: True),
            "wizard": (self.app.navigator.open_wizard, "WizardScreen", lambda _: True),
            "deploy": (self.above.action_open_deploy, "DeployScreen", lambda screen: screen.report is not None),
            "connect": (
                lambda: self.app.navigator.open_connect(self.id, self.endpoint),
                "ConnectScreen",
                lambda screen: screen.guides,
            ),
            "playground": (
                lambda: self.app.navigator.open_tool(self.id, tool.id),
                "PlaygroundScreen",
                lambda screen: screen.form is not None,
            ),
            "import": (self.above.action_import_operations, "ImportScreen", lambda _: True),
        }
        for name, (press, kind_of_screen, filled) in shown.items():

            async def opened(
                press: Callable[[], object] = press, wanted: str = kind_of_screen, ready: Any = filled
            ) -> Any:
                press()
                return await self.shown(wanted, ready)

            yield Opening(name, opened)


async def walk(
    pilot: Pilot[Any], rounds: int, only: tuple[str, ...] = (), *, held: bool = False, tell: bool = False
) -> list[Found]:
    """Measure the app screen, then every screen over it; or only those named in `only`."""
    walker = Walk(pilot)
    await walker.begin()
    results: list[Found] = []

    async def measure_one(opening: Opening) -> None:
        if not only or opening.name in only:
            results.append(await measure(pilot, opening, rounds, held=held))
            if tell:
                print(results[-1], flush=True)

    await measure_one(Opening("app", walker.app_screen))
    walker.above = await walker.app_screen()
    for opening in walker.openings():
        await measure_one(opening)
    return results
