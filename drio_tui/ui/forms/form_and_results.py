"""The base of screens with a form at the left and pages of results at the right; in a narrow terminal one at a time."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.content import Content
from textual.reactive import var
from textual.widgets import ContentSwitcher, Static

from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import DrioScreen


class FormAndResultsScreen(DrioScreen[None]):
    """A screen with a form in the widget `FORM_ID`, and `#results`: a `TabStrip` and a `ContentSwitcher` `#pages`.

    The pages have the ids `PAGES`, in the order of the tabs. `#status` is a line above both.
    """

    FORM_ID: ClassVar[str]
    PAGES: ClassVar[tuple[str, ...]]

    form: SchemaForm | None = None

    busy: var[bool] = var(False, init=False)
    """Whether what the form is for is running: a request or a tool."""

    may_have_effect = False
    """Whether what is running was sent, and may change something."""

    def idle_status(self) -> Content:
        """Return the status while nothing is running."""
        raise NotImplementedError

    def show_status(self, text: Content) -> None:
        """Show a text above the form and the results."""
        self.query_one("#status", Static).update(text)

    def running_task(self) -> str:
        return "What you sent" if self.busy and self.may_have_effect else ""

    def action_back(self) -> None:
        """Stop what is running, else stop loading, else go from the results to the form, else go back one screen."""
        if self.busy:
            self.cancel_requests()
            self.busy = False
            text = "▲ Stopped. It may have taken effect all the same." if self.may_have_effect else "Stopped."
            self.show_status(Content.styled(text, "$text-warning"))
        elif self.cancel_requests():
            self.show_status(self.idle_status())
        elif self.shows_only_results:
            self.show_form()
        else:
            self.drio.navigator.back()

    @property
    def shows_only_results(self) -> bool:
        """Whether the results are shown without the form, which has no room beside them."""
        return self.has_class("-narrow") and self.has_class("-results")

    def action_page(self, step: int) -> None:
        """Go to the next page, or the one before; the form is the first one."""
        in_results = self.has_class("-results") if self.has_class("-narrow") else not self._is_form_focused()
        current = self.PAGES.index(str(self.query_one("#pages", ContentSwitcher).current))
        position = ((current + 1 if in_results else 0) + step) % (len(self.PAGES) + 1)
        if position == 0:
            self.show_form()
        else:
            self.show_page(self.PAGES[position - 1])

    def _is_form_focused(self) -> bool:
        focused = self.focused
        return focused is not None and any(node.id == self.FORM_ID for node in focused.ancestors)

    def show_form(self) -> None:
        """Show and focus the form."""
        self.remove_class("-results")
        if self.form is not None:
            self.call_after_refresh(self.form.focus_first)

    def show_page(self, name: str) -> None:
        """Show and focus a page of the results."""
        self.add_class("-results")
        self.query_one("#pages", ContentSwitcher).current = name
        self.query_one("#results TabStrip", TabStrip).chosen = self.PAGES.index(name)
        page = self.query_one(f"#{name}")
        self.call_after_refresh(
            lambda: next((widget for widget in (page, *page.query("*")) if widget.focusable), page).focus()
        )

    @on(TabStrip.Chosen)
    def _page_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_page(self.PAGES[event.number])
