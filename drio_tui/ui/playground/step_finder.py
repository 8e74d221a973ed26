"""Computing the next step of a chain in a thread: with large results, its suggestions take long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from drio_tui.ui.base.workers import RunsWorkers, start_worker
from drio_tui.workspace.run.chain_runner import Chain, Step

if TYPE_CHECKING:
    from drio_tui.ui.widgets.rich_text import Block

Draw = Callable[[Chain, Step | None], "list[Block]"]


class Receiver(Protocol):
    """A screen or widget to which a message is posted."""

    def post_message(self, message: Message) -> bool: ...


class StepFound(Message):
    """The next step of a chain was computed, None at its end; `number` is what `find` returned.

    `blocks` are what `draw` made of it.
    """

    def __init__(self, number: int, step: Step | None, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.number, self.step, self.blocks = number, step, blocks


@dataclass(frozen=True, slots=True)
class _Wanted:
    number: int
    chain: Chain
    target: Receiver
    draw: Draw | None


class StepFinder:
    """Computes next steps one at a time; what is wanted meanwhile replaces what waits."""

    def __init__(self) -> None:
        self._number = 0
        self._wanted: _Wanted | None = None
        self._is_finding = False

    def find(self, owner: RunsWorkers, chain: Chain, target: Receiver, draw: Draw | None = None) -> int:
        """Compute the next step of `chain` as it is when its turn comes, and post `StepFound` to `target`.

        `draw` is called in the thread, too. Returns the number of the request.
        """
        self._number += 1
        self._wanted = _Wanted(self._number, chain, target, draw)
        if not self._is_finding:
            self._is_finding = True
            start_worker(owner, self._find_wanted, group="next-step")
        return self._number

    def cancel(self) -> None:
        """Want nothing any more: what is being computed is not posted."""
        self._number += 1
        self._wanted = None

    async def _find_wanted(self) -> None:
        try:
            while self._wanted is not None:
                wanted, self._wanted = self._wanted, None
                position = wanted.chain.position()
                step, blocks = await asyncio.to_thread(_compute, position, wanted.draw)
                wanted.chain.reuse(position)
                if wanted.number == self._number:
                    wanted.target.post_message(StepFound(wanted.number, step, blocks))
        finally:
            self._is_finding = False


def _compute(chain: Chain, draw: Draw | None) -> tuple[Step | None, Sequence[Block]]:
    step, _ = chain.next_step()
    return step, draw(chain, step) if draw is not None else ()
