"""The dialogs of the document screen: secrets that a plan sends, and where an app is exported to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from drio_tui.manifest.export import Format
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.forms.inputs import Segments
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line


class SecretsDialog(Dialog[dict[str, str] | None]):
    """Asks for the values of secrets; the result is the typed values by name, None if it was cancelled."""

    CSS_PATH = stylesheet("manifest")
    TYPED = "the secrets that you typed"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "document_secrets",
        "Secrets of a document",
        Key("document_secrets.leave", "escape", "leave", "Leave", "Apply nothing"),
    )

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def compose(self) -> ComposeResult:
        with Vertical(classes="document-box") as box:
            box.border_title = f"{count_of(len(self._names), 'secret')} to send"
            yield Static(
                "They are sent to drio once and kept nowhere else. Secrets that are set in the environment are not "
                "asked for.",
                classes="-text",
                markup=False,
            )
            for number, name in enumerate(self._names):
                yield Static(sanitize_line(name, 70), classes="-label")
                yield LineEditor("", password=True, classes=f"-secret -secret-{number}")
            yield Static(classes="-error")
            yield ButtonRow(Button("Cancel", id="cancel"), Button("Apply", id="go", variant="primary"))

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Go to the next field, or apply from the last one."""
        event.stop()
        fields = list(self.query(Input))
        index = fields.index(event.input) + 1
        if index < len(fields):
            fields[index].focus()
        else:
            self._send()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self._send()
        else:
            self.action_leave()

    def _send(self) -> None:
        values = [field.value for field in self.query(Input)]
        if all(values):
            self.dismiss(dict(zip(self._names, values, strict=True)))
            return
        empty = values.index("")
        message = sanitize_line(f"✗ {self._names[empty]} is empty.", 120, "$text-error")
        self.query_one(".-error", Static).update(message)
        list(self.query(Input))[empty].focus()


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """Where and how an app is exported; `path` is as the user typed it."""

    path: str
    split: bool
    format: Format


class ExportDialog(Dialog[ExportTarget | None]):
    """Asks where an app is exported to; None if it was cancelled. `error` is why the last try failed."""

    CSS_PATH = stylesheet("manifest")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "document_export",
        "Exporting an app",
        Key("document_export.leave", "escape", "leave", "Leave", "Export nothing"),
    )

    def __init__(self, target: ExportTarget, error: str = "") -> None:
        super().__init__()
        self._target, self._error = target, error

    def compose(self) -> ComposeResult:
        with Vertical(classes="document-box") as box:
            box.border_title = "Export the app to a document"
            yield Static("Directory (~ is your home; it is made if it is not there)", classes="-label", markup=False)
            yield LineEditor(self._target.path, placeholder="a directory", classes="-path")
            yield Static("Files", classes="-label")
            files = Segments(("one file", "one per resource"), int(self._target.split))
            files.id = "files"
            yield files
            yield Static("Format", classes="-label")
            format_choice = Segments(("YAML", "JSON"), int(self._target.format == "json"))
            format_choice.id = "format"
            yield format_choice
            yield Static(sanitize(self._error, "$text-error", multiline=True), classes="-error")
            yield ButtonRow(Button("Cancel", id="cancel"), Button("Export", id="go", variant="primary"))

    def on_mount(self) -> None:
        self.query_one(".-path", LineEditor).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._export()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self._export()
        else:
            self.action_leave()

    def _export(self) -> None:
        path = self.query_one(".-path", LineEditor).value.strip()
        if not path:
            self.query_one(".-error", Static).update(Content.styled("✗ Give a directory.", "$text-error"))
            return
        is_json = self.query_one("#format", Segments).chosen == 1
        split = self.query_one("#files", Segments).chosen == 1
        self.dismiss(ExportTarget(path, split, "json" if is_json else "yaml"))
