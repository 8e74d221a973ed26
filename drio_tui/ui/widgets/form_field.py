"""One field of a form: label, input, and under it what is wrong or what helps."""

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
from drio_tui.ui.widgets.sanitize import safe
from drio_tui.ui.widgets.values import swatch


class FormField(Vertical):
    """A text, a colour with a swatch, or one of several words. `path` names the member it stands for."""

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
        """The person, or the program, changed the value."""

        def __init__(self, form_field: FormField, value: str) -> None:
            super().__init__()
            self.form_field = form_field
            self.value = value

        @property
        def control(self) -> FormField:
            return self.form_field

    class Left(Message):
        """The focus left it."""

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
                # A Select reads its prompt as markup, so what the template has is only shown when it is one of ours.
                prompt = self._placeholder if self._placeholder in self._choices else "not set"
                yield Select([(choice, choice) for choice in self._choices], prompt=prompt, compact=True)
            else:
                yield Input(placeholder=one_line(self._placeholder, 200), select_on_focus=False)
            if self._kind == "colour":
                yield Static(classes="form-field--swatch")
        yield Static(safe(self._help), classes="form-field--note")

    def on_mount(self) -> None:
        self._paint()
        self.query_one(".form-field--note").display = bool(self._help)

    @property
    def value(self) -> str:
        """What is filled in; empty when nothing is."""
        if self._kind == "choice":
            chosen = self.query_one(Select).value
            return chosen if isinstance(chosen, str) else ""
        return self.query_one(Input).value

    def set_value(self, value: str) -> None:
        """Fill in a text, without telling anyone."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = value
            field.cursor_position = len(value)
        self._paint()

    def focus_input(self) -> None:
        """Put the focus into it."""
        self.query_one(Select if self._kind == "choice" else Input).focus()

    def say(self, *, error: str = "", help: str | None = None) -> None:
        """Show an error under the field, or, when there is none, a help."""
        if help is not None:
            self._help = help
        self.error = error
        note = self.query_one(".form-field--note", Static)
        text = f"✗ {error}" if error else self._help
        note.update(safe(text))
        note.display = bool(text)
        self.set_class(bool(error), "-invalid")

    def _paint(self) -> None:
        if self._kind != "colour":
            return
        typed = self.value.strip()
        shown = typed or self._placeholder
        patch = Content() if not shown else swatch(shown) if is_colour(shown) or typed else Content()
        self.query_one(".form-field--swatch", Static).update(patch)

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Input.Changed | Select.Changed) -> None:
        event.stop()
        self._paint()
        self.post_message(self.Changed(self, self.value))

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        event.stop()
        self.post_message(self.Left(self))
