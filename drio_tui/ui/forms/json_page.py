"""The whole object as JSON, on a tab of its own. Secrets are left out of it."""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.schema.form import FormModel
from drio_tui.schema.jsontext import pretty
from drio_tui.schema.leaves import TOO_LONG
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.widgets.sanitize import safe_line


class FormPage(VerticalScroll, can_focus=False):
    """What stands on one tab."""


class WholeJson(FormPage):
    """The JSON view. Text that does not parse is kept as `draft` until it does, or is dropped."""

    def __init__(self, model: FormModel, *, id: str) -> None:
        super().__init__(id=id)
        self._model = model
        self._shown = ""
        self._area: TextEditor | None = None
        self._error = ""
        self.draft: str | None = None
        """Text that does not parse."""

    @property
    def text(self) -> str:
        """What would be edited: the draft, or the object as the fields hold it."""
        return self.draft if self.draft is not None else pretty(self._model.value(secrets=False))

    def show(self) -> AwaitComplete:
        """Fill the page anew; awaiting it waits until it is there."""
        self._shown = text = self.text
        gone = self.remove_children()
        if len(text) > TOO_LONG:
            self._area = None
            words = f"{len(text):,} characters are too many to edit here; the fields, and $EDITOR, can edit them."
            return AwaitComplete(gone, self.mount(Static(Content(words).stylize("$foreground-muted"))))
        self._area = TextEditor(text, classes="-whole")
        error = safe_line(f"✗ not taken over: {self._error}", 300, "$text-error") if self._error else Content()
        return AwaitComplete(gone, self.mount(self._area, Static(error, classes="-json-error")))

    def focus_text(self) -> None:
        """Take the focus to the text; to be called when it is there."""
        if self._area is not None and self._area.is_attached and self.display:
            self._area.focus()

    def drop(self) -> None:
        """Forget the draft."""
        self.draft, self._error = None, ""

    def take_edits(self) -> bool:
        """Take over what was typed, if anything was; whether the fields hold something else now."""
        if self._area is None or (self._area.text == self._shown and self.draft is None):
            return False
        return self.take(self._area.text)

    def take(self, text: str) -> bool:
        """Take over the object from text; text that does not parse becomes the draft."""
        try:
            value: Any = loads(text)
            if not isinstance(value, dict):
                raise MalformedJson("the whole must be an object in { }")
        except MalformedJson as error:
            self.draft, self._error = text, str(error)
            return False
        self.drop()
        self._shown = text
        self._model.take(value)
        return True
