"""The tab with the whole object as JSON, without secrets."""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.schema.form import FormModel
from drio_tui.schema.jsontext import pretty
from drio_tui.schema.value_nodes import TOO_LONG
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.widgets.sanitize import sanitize_line


class FormPage(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The content of one tab. Without Textual's keys for scrolling, which would hide those of the form."""


class JsonPage(FormPage):
    """The JSON view. Text that does not parse is kept as `draft` until it parses or is discarded."""

    def __init__(self, model: FormModel, *, id: str) -> None:
        super().__init__(id=id)
        self._model = model
        self._shown = ""
        self._area: TextEditor | None = None
        self._error = ""
        self.draft: str | None = None
        """Text that does not parse; None if there is none."""

    @property
    def text(self) -> str:
        """The text to edit: the draft, or the object from the fields."""
        return self.draft if self.draft is not None else pretty(self._model.value(secrets=False))

    @property
    def typed(self) -> str:
        """What was typed and is not applied to the fields yet; empty if there is nothing."""
        if self._area is not None and self._area.text != self._shown:
            return self._area.text
        return self.draft or ""

    def show(self) -> AwaitComplete:
        """Fill the page again; await the result to wait until it is mounted."""
        self._shown = text = self.text
        removed = self.remove_children()
        if len(text) > TOO_LONG:
            self._area = None
            message = f"{len(text):,} characters are too many to edit here; the fields, and $EDITOR, can edit them."
            return AwaitComplete(removed, self.mount(Static(Content(message).stylize("$foreground-muted"))))
        self._area = TextEditor(text, classes="-whole")
        error = sanitize_line(f"✗ not taken over: {self._error}", 300, "$text-error") if self._error else Content()
        return AwaitComplete(removed, self.mount(self._area, Static(error, classes="-json-error")))

    def focus_text(self) -> None:
        """Focus the text; call it once the page is filled."""
        if self._area is not None and self._area.is_attached and self.display:
            self._area.focus()

    def drop(self) -> None:
        """Discard the draft."""
        self.draft, self._error = None, ""

    def take_edits(self) -> bool:
        """Apply the typed text, if it was edited; return whether the fields have changed."""
        if self._area is None or (self._area.text == self._shown and self.draft is None):
            return False
        return self.take(self._area.text)

    def take(self, text: str) -> bool:
        """Apply the object in `text` to the fields; return False if it does not parse, and keep it as the draft."""
        try:
            value: Any = loads(text)
            if not isinstance(value, dict):
                raise MalformedJson("the whole must be an object in { }")
        except MalformedJson as error:
            self.draft, self._error = text, str(error)
            return False
        self.drop()
        self._shown = text
        self._model.assign(value)
        return True
