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
from drio_tui.ui.forms.keeps_edit import TEST, KeepsEdit, assign_edit, is_edited
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

GROUPS = {"Test": ("name", "arguments"), "Expect": ("expect",)}


class ToolTestScreen(DrioScreen[dict[str, Any] | None], KeepsEdit[dict[str, Any] | None]):
    """Edits a test of a tool; the result is its JSON, None if the user left.

    `app_id` and `tool_id` are those of the tool, `tool` is its title. `test` is the one to edit, in `place`, or what a
    new one begins with; `taken` are the names of the tool's other tests. `edit` is the kept edit to go on with.
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
        self, app_id: str, tool_id: str, tool: str, test: dict[str, Any] | None = None, taken: Collection[str] = (), *,
        is_new: bool = False, place: str = "", edit: UnsavedEdit | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._app_id, self._tool_id, self._tool = app_id, tool_id, tool
        self._place = place
        self._test = None if is_new else test
        self.saved_edit: UnsavedEdit | None = None
        """What was saved, as long as it is not written: then the form can be opened again."""
        self._taken = taken
        self._is_new = is_new
        self._saved = False
        model = FormModel(form_field(), self._test)
        if edit is not None:
            self.kept_edit_id = edit.id
            assign_edit(model, edit)
        elif is_new and test:
            model.assign(test)
        self.form = SchemaForm(model, groups=GROUPS, draft=edit.draft if edit is not None else "")

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
        self.saved_edit = self.unsaved_edit("it was not written")
        self._saved = True
        self.dismiss(event.value)

    # -- keeping what is typed --------------------------------------------------------------------

    @on(SchemaForm.Changed)
    def _edited(self) -> None:
        self.schedule_keep()

    def unsaved_input(self) -> str:
        return "your edits of the test" if is_edited(self.form) and not self._saved else ""

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        if not self.unsaved_input():
            return None
        name = str(self.form.model.value().get("name") or "")
        return self.edit_of_form(
            self.form, TEST, f"{name} of {self._tool}".strip(), why, app=self._app_id, resource=self._tool_id,
            parent=self._place, base=self._test,
        )  # fmt: skip

    def edit_when_left(self) -> UnsavedEdit | None:
        return self.saved_edit
