"""What the pages of the wizard have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical

from drio_tui.wizard.draft import Draft
from drio_tui.wizard.validation import Finding

if TYPE_CHECKING:
    from drio_tui.ui.wizard.wizard_screen import WizardScreen


class Page(Vertical):
    """One step. It shows the draft as it is when it is mounted, and writes each change into it at once."""

    TITLE: ClassVar[str] = ""
    """What the person does here, as a short imperative."""

    ABOUT: ClassVar[str] = ""
    """A sentence beside it."""

    def __init__(self, guide: WizardScreen) -> None:
        super().__init__(id=f"page-{guide.draft.page}", classes="guide-page")
        self.guide = guide

    @property
    def about(self) -> str:
        """What is said beside the title, now."""
        return self.ABOUT

    @property
    def filling(self) -> bool:
        """Whether the page waits for what it shows."""
        return False

    @property
    def draft(self) -> Draft:
        """The answers."""
        return self.guide.draft

    def edited(self) -> None:
        """To be called after the person changed something."""
        self.guide.edited()

    def settle(self) -> None:
        """Write into the draft what was typed a moment ago, whose messages may still be on their way."""

    def take(self) -> bool:
        """Settle, and make the choice that going on from here means; whether one can go on."""
        self.settle()
        return True

    def focus_first(self) -> None:
        """Take the focus to where one begins."""

    def complain(self, findings: Sequence[Finding]) -> None:
        """Show what is wrong where it is wrong; the focus goes to the first of it."""

    def renew(self) -> None:
        """What is known of drio changed (the apps, the providers, how far the creation got): show it anew."""
