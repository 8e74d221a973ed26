"""Shared by the benchmarks of keys: an event loop that times its turns, and keys timed until what they show is painted.

Times are milliseconds: those on the clock, and the processor time of the event loop's thread, which other programs of
the machine change little.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from textual import events
from textual.app import App
from textual.keys import _character_to_key

from benchmarks.common import Row
from drio_tui.ui.app.idle_work import QUIET_SECONDS
from drio_tui.ui.base.textual_internals.painting import loop_is_idle, needs_paint

R = TypeVar("R")

KEYSTROKE_P95 = 30.0
LONGEST_TURN = 50.0
_PAUSE = QUIET_SECONDS + 0.2
"""Seconds before keys are pressed on a page, in which garbage is collected as in the pauses that users make."""
_PATIENCE = 2.0
"""Seconds after which a key counts as painted though something still keeps the loop awake."""


@dataclass(slots=True)
class Times:
    """Milliseconds on the clock and of the processor, of each key or turn."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall * 1000)
        self.cpu.append(cpu * 1000)


class TimedLoop(asyncio.SelectorEventLoop):
    """Notes in `turns` how long each turn lasts: from the end of its wait to the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Times()
        self._began = time.perf_counter()
        self._cpu = 0.0

    def _process_events(self, event_list: Any) -> None:
        self._began = time.perf_counter()
        super()._process_events(event_list)  # type: ignore[misc]

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]
        cpu = time.thread_time()  # once in a turn: it is a system call, which counts as time of the keys
        self.turns.add(time.perf_counter() - self._began, cpu - self._cpu)
        self._cpu = cpu


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine in a `TimedLoop`."""
    with asyncio.Runner(loop_factory=TimedLoop) as runner:
        return runner.run(work)


class Keyboard:
    """Sends keys as a terminal does, and times each until the last frame that it causes.

    `pages` has the times of the keys by page, `turns` those of the loop's turns while they were pressed, with what ran
    in the pauses between them.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._painted: tuple[float, float] | None = None
        self.pages: dict[str, Times] = {}
        self.turns: dict[str, Times] = {}
        display: Callable[..., None] = app._display

        def timed_display(*arguments: Any, **options: Any) -> None:
            display(*arguments, **options)
            self._painted = time.perf_counter(), time.thread_time()

        app._display = timed_display  # type: ignore[method-assign]

    @property
    def loop(self) -> TimedLoop:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TimedLoop)
        return loop

    async def settle(self) -> None:
        """Wait until every message is handled and what they changed is painted, or that takes very long.

        Timers, threads and requests are not waited for: what they bring is not what the key shows first.
        """
        end, quiet = time.perf_counter() + _PATIENCE, 0
        while quiet < 3 and time.perf_counter() < end:
            await asyncio.sleep(0)
            quiet = quiet + 1 if loop_is_idle(self.loop) and not needs_paint(self._app.screen) else 0
            if not quiet:
                await asyncio.sleep(0.001)

    async def until(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        """Wait until a condition holds and nothing is left to do."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
                await self.settle()
        await self.settle()

    async def press(self, page: str, *keys: str, pause: float = 0.03) -> None:
        """Press keys, each a name of Textual's or a character, with `pause` seconds after each."""
        times = self.pages.setdefault(page, Times())
        await asyncio.sleep(_PAUSE)
        await self.settle()
        self.loop.turns = self.turns.setdefault(page, Times())
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 else key
            self._painted = None
            start, cpu = time.perf_counter(), time.thread_time()
            self._app.post_message(events.Key(name, key if len(key) == 1 else None))
            await self.settle()
            painted, painted_cpu = self._painted or (time.perf_counter(), time.thread_time())
            times.add(painted - start, painted_cpu - cpu)
            await asyncio.sleep(pause)
        self.loop.turns = Times()

    async def watch(self, page: str, work: Callable[[], Any], done: Callable[[], Any]) -> None:
        """Note the turns of the loop from `work` until `done()`, without keys."""
        await self.settle()
        self.loop.turns = self.turns.setdefault(page, Times())
        work()
        await self.until(done)
        self.loop.turns = Times()

    def rows(self) -> list[Row]:
        """Return the rows of the report: the 95th percentile of the keys' processor time, and the longest turn.

        Pages whose names begin alike, up to a colon, have a row together, with the keys that open dialogs there.
        """
        rows = []
        together: dict[str, Times] = {}
        for page, times in self.pages.items():
            whole = together.setdefault(page.partition(":")[0], Times())
            whole.wall += times.wall
            whole.cpu += times.cpu
        for page, times in {**self.pages, **{f"{name}: all keys": times for name, times in together.items()}}.items():
            note = f"processor p50 {_share(times.cpu, 0.5):.1f}, max {max(times.cpu):.1f}; "
            note += f"clock p50 {_share(times.wall, 0.5):.1f}, p95 {_share(times.wall, 0.95):.1f}, "
            note += f"max {max(times.wall):.1f}; {len(times.cpu)} keys"
            rows.append(Row(f"{page}: key to frame, p95", _share(times.cpu, 0.95), "ms", KEYSTROKE_P95, note=note))
        for page, turns in self.turns.items():
            note = f"clock {max(turns.wall):.1f}; {len(turns.cpu):,} turns"
            rows.append(Row(f"{page}: longest turn of the loop", max(turns.cpu), "ms", LONGEST_TURN, note=note))
        return rows


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
