"""The base class of the wizard's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from textual.containers import Vertical

from drio_tui.wizard.draft import Draft
from drio_tui.wizard.validation import DraftDiagnostic

if TYPE_CHECKING:
    from drio_tui.ui.widgets.row_list import RowList
    from drio_tui.ui.wizard.wizard_screen import WizardScreen


@runtime_checkable
class KeepsDraft(Protocol):
    """A screen over the wizard that edits a part of the draft."""

    def save_to_draft(self) -> None:
        """Write what was typed into the draft."""


class Page(Vertical):
    """One step. It shows the draft as it is when the page is mounted, and writes every change to the draft at once."""

    TITLE: ClassVar[str] = ""
    """The user's task on this page, as a short imperative."""

    ABOUT: ClassVar[str] = ""
    """A sentence shown beside the title."""

    def __init__(self, wizard: WizardScreen) -> None:
        super().__init__(id=f"page-{wizard.draft.page}", classes="wizard-page")
        self.wizard = wizard

    @property
    def about(self) -> str:
        """The text beside the title for the current state."""
        return self.ABOUT

    @property
    def filling(self) -> bool:
        """Whether the page still waits for data."""
        return False

    @property
    def rows(self) -> RowList | None:
        """The list in which the page shows resources, if it has one."""
        return None

    @property
    def draft(self) -> Draft:
        """The wizard's draft."""
        return self.wizard.draft

    def mark_edited(self) -> None:
        """Let the wizard save the draft; called after each change by the user."""
        self.wizard.mark_edited()

    def flush_input(self) -> None:
        """Write into the draft what the fields hold, because their change messages may not have been handled yet."""

    def apply(self) -> bool:
        """Flush the input and make the page's choice before the next step; return whether there is one."""
        self.flush_input()
        return True

    def focus_first(self) -> None:
        """Focus the first field or list."""

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        """Show the errors at their fields, and focus the first of them."""

    def update_content(self) -> None:
        """Show new data: the apps or the providers were loaded, or the creation has progressed."""
