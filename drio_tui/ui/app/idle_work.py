"""Work that waits until nobody types: it would delay what a key shows."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from time import monotonic
from typing import Any

from textual.app import App

QUIET_SECONDS = 1.0
"""How long there was no key and no click before such work begins."""

FULL_COLLECTION = 500
"""Collections of the middle generation after which garbage is collected completely even while somebody types."""

_WORTH_IT = 5
"""Collections of the middle generation after which one in a pause is worth its time."""

_PAUSES_PER_FULL_COLLECTION = 8
"""Every so many pauses, garbage is searched for among all objects, otherwise among those made since the last pause."""


def postpone_full_collections() -> None:
    """Leave complete collections to `IdleCollector`, unless there was no pause for very long."""
    gc.set_threshold(*gc.get_threshold()[:2], FULL_COLLECTION)


class InputPause:
    """When the user last pressed a key or a mouse button, and waiting until that is a while ago."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._input_at: float | None = None

    def note_input(self) -> None:
        """Remember that a key or button was pressed just now."""
        self._input_at = self._clock()

    @property
    def remaining(self) -> float:
        """The seconds until there was no input for `QUIET_SECONDS`; 0 if that is so already."""
        return 0.0 if self._input_at is None else max(0.0, QUIET_SECONDS - (self._clock() - self._input_at))

    async def wait(self) -> None:
        """Wait until there was no input for `QUIET_SECONDS`."""
        seconds = self.remaining
        while seconds > 0:
            await asyncio.sleep(seconds)
            seconds = self.remaining


class IdleCollector:
    """Collects garbage while nobody types.

    With a long list on the screen a complete collection takes 0.1 to 0.3 s, and Python would do it every few keys. A
    key that ends the pause would wait as long, so what has survived a collection is left out of the next ones
    (`gc.freeze`). A screen that is closed after that stays in memory until all objects are searched again.
    """

    def __init__(self, app: App[Any], pause: InputPause) -> None:
        self._app, self._pause = app, pause
        self._is_scheduled = False
        self._count = 0

    def schedule(self) -> None:
        """Collect in the next pause of the input; call it for each key and request.

        It does nothing unless `postpone_full_collections` was called.
        """
        if not self._is_scheduled and gc.isenabled() and gc.get_threshold()[2] >= FULL_COLLECTION:
            self._is_scheduled = True
            self._app.set_timer(QUIET_SECONDS, self._collect, name="collect garbage")

    def _collect(self) -> None:
        self._is_scheduled = False
        if self._pause.remaining > 0:
            self.schedule()
        elif gc.get_count()[2] >= _WORTH_IT:
            self._count += 1
            if self._count % _PAUSES_PER_FULL_COLLECTION == 0:
                gc.unfreeze()
            gc.collect()
            gc.freeze()
