"""The base of the screens with the apps and the templates: a list to load, to filter and to refresh, and details."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static

from drio_tui.api.errors import ApiRetired, DrioError, NewerApi
from drio_tui.ui.base.messages import UNREACHABLE, Status
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.row_list import RowList
from drio_tui.ui.widgets.values import stale_mark

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.model.snapshot import Resource


class ResourceListScreen(DrioScreen[None]):
    """A list of resources with a filter, and the details of the one under the cursor.

    Subclasses yield a `RowList`, a `FilterInput`, an `EmptyState`, a `Document` with the id `about` and a `Static` with
    the id `note`. They override `fetch`, `show_rows` and `show_details`.
    """

    CSS_PATH = stylesheet("apps")
    V3_STEP: ClassVar[tuple[str, str]] = ("2", "look at its apps through API v3")
    """The key hint where only v3 is served."""
    KIND: ClassVar[str]
    """The kind of the resources, which is also the noun in messages; `AREA` is its plural."""
    OPEN_ACTION: ClassVar[str]
    """The action of a row that is opened."""
    EMPTY: ClassVar[tuple[str, str, tuple[tuple[str, str], ...]]]
    """The message if the server has none: title, sentence and key hints."""
    PLACEHOLDER_WIDTHS: ClassVar[tuple[tuple[int, ...], ...]]
    """Cells of the placeholder rows that are shown until the list is loaded, as their widths."""

    resources: var[tuple[Resource, ...] | None] = var(None, init=False)
    """The resources in the server's order; None until they are loaded for the first time."""

    filter_text: var[str] = var("", init=False)
    """The text of the filter field."""

    failure: var[DrioError | None] = var(None, init=False)
    """Why the last request for the list failed."""

    class _Loaded(Message):
        def __init__(self, resources: tuple[Resource, ...]) -> None:
            super().__init__()
            self.resources = resources

    class _LoadFailed(Message):
        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._loaded_at: datetime | None = None
        self._wanted: str | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "status", self.update_note)
        self.start_loading()

    def fetch(self, client: DrioClient) -> Awaitable[tuple[Resource, ...]]:
        """Fetch the list."""
        raise NotImplementedError

    def loaded(self) -> None:
        """Handle that the list was loaded, before it is shown."""

    def show_rows(self, resources: Sequence[Resource]) -> int:
        """Show the rows of the resources that match the filter; return their number."""
        raise NotImplementedError

    def show_details(self) -> None:
        """Show the details of the resource under the cursor."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return the text of the note below the list; empty for none."""
        return ""

    @property
    def rows(self) -> RowList:
        """The list."""
        return self.query_one(RowList)

    @property
    def chosen(self) -> Resource | None:
        """The resource under the cursor."""
        key = self.rows.key
        return next((resource for resource in self.resources or () if resource.id == key), None)

    def choose(self, id: str) -> None:
        """Move the cursor to a resource, now or once the list is loaded; the filter is cleared."""
        self._wanted = id
        self.query_one(FilterInput).value = ""
        self.show_list()
        self.rows.focus()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to filter."""
        return not self.resources

    # -- loading ----------------------------------------------------------------------------------

    def start_loading(self) -> None:
        """Show placeholder rows and load the list."""
        self.query_one(EmptyState).display = False
        self.rows.show_placeholders(self.PLACEHOLDER_WIDTHS)
        self.rows.focus()
        self.action_refresh()

    def action_refresh(self) -> None:
        self.run_request(self.fetch, self._Loaded, group=self.AREA, failed=self._LoadFailed)

    def on_resource_list_screen__loaded(self, message: _Loaded) -> None:
        self._loaded_at = datetime.now()
        self.set_reactive(ResourceListScreen.failure, None)
        self.set_reactive(ResourceListScreen.resources, message.resources)
        self.loaded()
        self.show_list()

    def on_resource_list_screen__load_failed(self, message: _LoadFailed) -> None:
        self.failure = message.error
        if self.resources is not None:
            self.drio.show_error(message.error)

    def action_back(self) -> None:
        """Cancel the requests; without any, clear the filter; without a filter, go back."""
        if not self.cancel_requests():
            if self.filter_text:
                self.query_one(FilterInput).value = ""
            else:
                self.drio.navigator.back()
        elif self.resources is None:
            self.failure = DrioError("You stopped the reading.", title="Not read")

    # -- display ----------------------------------------------------------------------------------

    def watch_filter_text(self) -> None:
        self.show_list()

    def watch_failure(self) -> None:
        self.show_list()

    def show_list(self) -> None:
        """Show the rows that match, or why there are none."""
        if self.resources is None and self.failure is None:
            return
        count = self.show_rows(self.resources or ())
        was_hidden = not self.rows.display
        self.rows.display = bool(count)
        field = self.query_one(FilterInput)
        field.display = not self.is_empty
        if count and was_hidden and not field.has_focus:
            self.rows.focus()
        empty = self.query_one(EmptyState)
        empty.display = not count
        if not count:
            self._show_why_empty(empty)
        if self._wanted is not None and self.resources is not None:
            self.rows.choose(self._wanted)
            self._wanted = None
        self.update_note(self.drio.status)
        self.show_details()

    def _show_why_empty(self, empty: EmptyState) -> None:
        if self.resources is None and self.failure is not None:
            self.show_failure(empty, self.failure)
        elif self.is_empty:
            title, text, steps = self.EMPTY
            empty.show_message(title, text, *steps)
        else:
            text = f"No {self.KIND} matches “{self.filter_text}”."
            empty.show_message("Nothing matches", text, ("Esc", "show all"))

    @property
    def reason_not_editable(self) -> str | None:
        """Why nothing can be created or edited at this drio; None if it can, or if it is not known."""
        return "Editing needs API v1, which this drio does not serve." if self.drio.status.is_v1_gone else None

    def show_failure(self, empty: EmptyState, error: DrioError) -> None:
        """Show why there is no list. Where v1 is not served, it says what works instead."""
        explorer = "4", "use every operation of its API"
        if isinstance(error, NewerApi | ApiRetired):
            steps = (self.V3_STEP,) if is_v3(error) else ()
            empty.show_message(error.title, error.message, *steps, explorer, ("r", "try again"))
        else:
            steps = (explorer,) if self.drio.status.is_v1_gone else ()
            empty.show_error(error, *steps, ("r", "try again"), ("3", "see the request"))

    def update_note(self, status: Status) -> None:
        """Update the line below the list: the summary, and whether the list is stale."""
        parts: list[Content] = []
        if self.resources is not None:
            if summary := self.summary():
                parts.append(Content.styled(summary, "$foreground-muted"))
            if status.phase in UNREACHABLE or self.failure is not None:
                parts.append(Content.styled(stale_mark(self._loaded_at), "$text-warning"))
        note = self.query_one("#note", Static)
        note.set_class(not parts, "-empty")
        note.update(Content("   ").join(parts), layout=False)

    @on(RowList.Moved)
    def _cursor_moved(self) -> None:
        self.show_details()

    # -- actions ----------------------------------------------------------------------------------

    @on(RowList.Opened)
    async def _row_opened(self) -> None:
        await self.run_action(self.OPEN_ACTION)

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_text = event.value

    @on(FilterInput.Leave)
    def _filter_left(self) -> None:
        self.rows.focus()

    def action_copy_id(self) -> None:
        if self.chosen is not None:
            self.drio.copy(self.chosen.id, f"the {self.KIND}'s id")


def is_v3(error: DrioError) -> bool:
    """Return whether an error says that the server serves v3 of the API instead of v1."""
    return isinstance(error, NewerApi) and error.version == "v3"
