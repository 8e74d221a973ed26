"""The form of one test of a tool: its name, its arguments, and what is expected of the result."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from drio_tui.api.errors import FieldError
from drio_tui.evaluation.tool_test import form_field, problems_of
from drio_tui.schema.form import FormModel
from drio_tui.schema.nodes import dotted
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize_line

GROUPS = {"Test": ("name", "arguments"), "Expect": ("expect",)}


class ToolTestScreen(DrioScreen[dict[str, Any] | None]):
    """Edits a test of a tool; the result is its JSON, None if the user left.

    `test` is the one to edit, or what a new one begins with; `taken` are the names of the tool's other tests.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("playground")
    opens_fields = True
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tool_test",
        "A test of a tool",
        Key("tool_test.save", "ctrl+s", "save", "Save", "Check the test, then save it", show=False, palette=False),
    )

    def __init__(
        self, tool: str, test: dict[str, Any] | None = None, taken: Collection[str] = (), *, is_new: bool = False
    ) -> None:
        super().__init__()
        self._tool = tool
        self._taken = taken
        self._is_new = is_new
        self._saved = False
        model = FormModel(form_field(), None if is_new else test)
        if is_new and test:
            model.assign(test)
        self.form = SchemaForm(model, groups=GROUPS)

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        yield Static(id="status")
        yield self.form

    def on_mount(self) -> None:
        super().on_mount()
        title = "New test of " if self._is_new else "Test of "
        heading = Content.assemble((title, "$foreground-muted"), sanitize_line(self._tool, 80, "bold"))
        self.query_one("#heading", Static).update(heading)
        self._show_status(Content.styled("Ctrl+S saves the test. Arguments and values are JSON.", "$foreground-muted"))
        self.call_after_refresh(self.form.focus_first)

    def _show_status(self, text: Content) -> None:
        self.query_one("#status", Static).update(text)

    def action_save(self) -> None:
        self.form.action_save()

    @on(SchemaForm.Submitted)
    def _submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        errors = [FieldError(dotted(path), text) for path, text in problems_of(event.value)]
        if event.value.get("name") in self._taken:
            errors.append(FieldError("name", "is the name of another test of the tool"))
        if errors:
            self.form.apply_errors(errors)
            first = f"✗ {errors[0].path} {errors[0].message}"
            self._show_status(sanitize_line(first, 200, "$text-error"))
            return
        self._saved = True
        self.dismiss(event.value)

    def unsaved_input(self) -> str:
        return "your edits of the test" if self.form.model.dirty and not self._saved else ""
