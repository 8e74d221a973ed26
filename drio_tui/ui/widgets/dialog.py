"""How screens and dialogs end: once, and never in the place of what stands over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

S = TypeVar("S")

if TYPE_CHECKING:
    _Base = Screen[Any]
else:
    _Base = object


class EndsOnce(_Base):
    """Mixed into screens and dialogs, before textual's class.

    textual's `dismiss` takes away whatever is on top, and as often as it is called. A button that is pressed
    twice, or an answer that comes while help is read, would close something else. Here a screen that is covered
    (by a dialog, or by another area) goes when it is uncovered, and one that is gone stays gone.
    """

    _end: tuple[Any] | None = None

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """End with `result`, now or once nothing covers this screen."""
        if self.is_active:
            return super().dismiss(result)
        self._end = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._end is not None:
            self.call_later(self._end_now)

    def _end_now(self) -> None:
        """What textual calls later it waits for, and a screen cannot wait for its own end: this gives nothing."""
        if self._end is not None:
            self.dismiss(*self._end)


class Dialog(EndsOnce, ModalScreen[S]):
    """What is asked or shown over a screen."""
