"""The editor of a tool's MCP annotations: what they mean, and whether they match the operation that the tool calls."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from drio_tui.schema.fields import SchemaOverlay
from drio_tui.ui.editing.editors.base import status_text
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.lint.annotations import ANNOTATION_HELP, annotation_notes


class AnnotationsEditor(FormEditor):
    """Form and explanation of `annotations`."""

    properties = ("annotations",)
    model_name = "ToolPatch"
    nested = True
    hints = SchemaOverlay(
        extra={
            f"annotations.{name}": {"title": title, "description": text}
            for name, (title, text) in ANNOTATION_HELP.items()
        }
    )

    def method(self) -> str:
        """Return the HTTP method of the operation that the tool is bound to, empty if it is not known."""
        binding = self.resource.get("binding")
        id: Any = binding.get("integrationOperationId") if isinstance(binding, dict) else None
        operation = self.snapshot.resource("operation", id) if isinstance(id, str) else None
        return operation.text("method") if operation is not None else ""

    def notes(self) -> list[Content]:
        lines = [Content.styled("What clients make of it", "bold $text-primary")]
        for note in annotation_notes(self.model.value(), self.method()):
            lines.append(
                status_text("warning", note.text) if note.tone == "warning" else sanitize_line(f"• {note.text}", 300)
            )
        tail = "These are hints: clients need not follow them, and should not trust those of unknown servers."
        return [*super().notes(), *lines, Content(), sanitize_line(tail, 200, "$foreground-muted")]
