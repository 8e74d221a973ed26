"""What Esc does while a plan is carried out."""

from __future__ import annotations

from typing import Protocol

_TEXTS = ("Esc stops", "stopping after the running requests… Esc cancels them", "cancelling the running requests…")


class Stoppable(Protocol):
    """A plan that can be stopped: its executor, or the applier of a document."""

    def stop(self, *, cancel: bool = False) -> bool:
        """Start no further step; with `cancel`, cancel the running requests and return whether there were any."""


class PlanStop:
    """Counts how often Esc was pressed during a run of a plan.

    The first time no further step is started, and the running requests are waited for. Each further time they are
    cancelled, so that reading back shows what came of them. From the third time the user can leave a run in which there
    is nothing to cancel.
    """

    def __init__(self) -> None:
        self._presses = 0

    def begin(self) -> None:
        """A run begins."""
        self._presses = 0

    @property
    def wanted(self) -> bool:
        """Whether the run is to be stopped: one that has only begun then carries out no step."""
        return self._presses > 0

    def text(self, doing: str) -> str:
        """Return what is going on, for the line below the plan; `doing` is the running work (`applying…`)."""
        return f"{doing} {_TEXTS[0]}" if not self._presses else _TEXTS[min(self._presses, len(_TEXTS) - 1)]

    def press(self, plan: Stoppable | None) -> bool:
        """Handle Esc; `plan` is None while it is being prepared. Return whether the run can only be left."""
        self._presses += 1
        cancelled = plan is not None and plan.stop(cancel=self._presses > 1)
        return not cancelled and self._presses > 2
