"""One field of a form: a label, an input, and a line for its error or help text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Select, Static

from drio_tui.contrast import is_colour
from drio_tui.text import one_line
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.ui.widgets.values import swatch


class FormField(Vertical):
    """A text, a colour with a swatch, or a choice. `path` is the path of the property it edits."""

    DEFAULT_CSS = """
    FormField {
        height: auto;
        & > Horizontal { height: 1; }
        & .form-field--label { width: 15; color: $foreground-muted; }
        & Input {
            width: 1fr;
            height: 1;
            border: none;
            padding: 0 1;
            background: $panel;
            &:focus { border: none; background: $block-cursor-blurred-background; }
        }
        & Select { width: 1fr; height: auto; }
        & Select > SelectCurrent { padding: 0 1 !important; background: $panel; }
        & .form-field--swatch { width: 7; padding-left: 1; }
        & > .form-field--note { height: auto; padding-left: 16; color: $foreground-muted; }
        &.-invalid .form-field--label { color: $text-error; }
        &.-invalid > .form-field--note { color: $text-error; }
    }
    """

    class Changed(Message):
        """The value was changed, by the user or the program."""

        def __init__(self, form_field: FormField, value: str) -> None:
            super().__init__()
            self.form_field = form_field
            self.value = value

        @property
        def control(self) -> FormField:
            return self.form_field

    class Left(Message):
        """The field lost the focus."""

        def __init__(self, form_field: FormField) -> None:
            super().__init__()
            self.form_field = form_field

    KINDS: ClassVar[tuple[str, ...]] = ("text", "colour", "choice")

    def __init__(
        self,
        path: str,
        label: str,
        *,
        kind: str = "text",
        placeholder: str = "",
        help: str = "",
        choices: tuple[str, ...] = (),
    ) -> None:
        super().__init__(id=path.replace(".", "-"))
        self.path = path
        self._label = label
        self._kind = kind
        self._placeholder = placeholder
        self._help = help
        self._choices = choices
        self.error = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self._label, classes="form-field--label", markup=False)
            if self._kind == "choice":
                # A Select reads its prompt as markup, so the placeholder is only shown if it is one of the choices.
                prompt = self._placeholder if self._placeholder in self._choices else "not set"
                yield Select([(choice, choice) for choice in self._choices], prompt=prompt, compact=True)
            else:
                yield Input(placeholder=one_line(self._placeholder, 200), select_on_focus=False)
            if self._kind == "colour":
                yield Static(classes="form-field--swatch")
        yield Static(sanitize(self._help), classes="form-field--note")

    def on_mount(self) -> None:
        self._update_swatch()
        self.query_one(".form-field--note").display = bool(self._help)

    @property
    def value(self) -> str:
        """The entered text or choice; empty if there is none."""
        if self._kind == "choice":
            chosen = self.query_one(Select).value
            return chosen if isinstance(chosen, str) else ""
        return self.query_one(Input).value

    def set_value(self, value: str) -> None:
        """Set the text without posting `Changed`."""
        field = self.query_one(Input)
        if field.value == value:
            return  # the cursor stays where it is
        with field.prevent(Input.Changed):
            field.value = value
            field.cursor_position = len(value)
        self._update_swatch()

    def focus_input(self) -> None:
        """Focus the input."""
        self.query_one(Select if self._kind == "choice" else Input).focus()

    def show_note(self, *, error: str = "", help: str | None = None) -> None:
        """Show an error under the field or, if there is none, a help text."""
        if help is not None:
            self._help = help
        self.error = error
        note = self.query_one(".form-field--note", Static)
        text = f"✗ {error}" if error else self._help
        note.update(sanitize(text))
        note.display = bool(text)
        self.set_class(bool(error), "-invalid")

    def _update_swatch(self) -> None:
        if self._kind != "colour":
            return
        entered = self.value.strip()
        colour = entered or self._placeholder
        content = Content() if not colour else swatch(colour) if is_colour(colour) or entered else Content()
        self.query_one(".form-field--swatch", Static).update(content)

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Input.Changed | Select.Changed) -> None:
        event.stop()
        self._update_swatch()
        self.post_message(self.Changed(self, self.value))

    @on(Input.Blurred)
    def _blurred(self, event: Input.Blurred) -> None:
        event.stop()
        self.post_message(self.Left(self))
