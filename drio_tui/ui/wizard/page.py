"""The base class of the wizard's pages, and what they need of the wizard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from textual.containers import Vertical

from drio_tui.ui.base.context import ScreenContext
from drio_tui.wizard.draft import Draft
from drio_tui.wizard.validation import DraftDiagnostic

if TYPE_CHECKING:
    from textual.message import Message
    from textual.widget import Widget

    from drio_tui.api.client import DrioClient
    from drio_tui.plan.steps import Step
    from drio_tui.ui.plan.plan_stop import PlanStop
    from drio_tui.ui.widgets.row_list import RowList
    from drio_tui.wizard.draft_store import DraftSession
    from drio_tui.workspace.model.snapshot import Resource, Snapshot


class WizardView(ScreenContext, Protocol):
    """What the pages need of the wizard; `WizardScreen` documents the attributes and methods."""

    wanted: str
    taken: dict[str, str] | None
    providers: tuple[Resource, ...]
    plan_stop: PlanStop
    draft_session: DraftSession

    @property
    def draft(self) -> Draft: ...

    @property
    def app_snapshot(self) -> Snapshot | None: ...

    @property
    def steps(self) -> list[Step]: ...

    @property
    def running(self) -> bool: ...

    @property
    def finished(self) -> bool: ...

    def fetch(
        self,
        call: Callable[[DrioClient], Awaitable[Any]],
        done: Callable[[Any], Message],
        to: Widget,
        failed: Callable[[Any], Message],
        group: str,
    ) -> None: ...

    def focus_page(self) -> None: ...

    def go_to(self, name: str, ref: str = ...) -> None: ...

    def action_next(self) -> None: ...

    def mark_edited(self) -> None: ...

    def run_plan(self) -> None: ...

    def skip(self, step: Step) -> None: ...

    def deploy(self) -> None: ...

    def open_created_app(self) -> None: ...


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

    def __init__(self, wizard: WizardView) -> None:
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
