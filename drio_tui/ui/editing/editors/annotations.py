"""A tool's MCP annotations, explained in words and held against what the tool calls."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from drio_tui.schema.fields import Hints
from drio_tui.ui.editing.editors.base import verdict
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.lint.annotations import EXPLAINED, words


class AnnotationsEditor(FormEditor):
    """Form and explanation of `annotations`."""

    members = ("annotations",)
    schema_of = "ToolPatch"
    inner = True
    hints = Hints(
        extra={
            f"annotations.{name}": {"title": title, "description": text} for name, (title, text) in EXPLAINED.items()
        }
    )

    def method(self) -> str:
        """The method of the operation that the tool is bound to; empty when that is not known."""
        binding = self.whole.get("binding")
        id: Any = binding.get("integrationOperationId") if isinstance(binding, dict) else None
        operation = self.snapshot.resource("operation", id) if isinstance(id, str) else None
        return operation.text("method") if operation is not None else ""

    def notes(self) -> list[Content]:
        lines = [Content.styled("What clients make of it", "bold $text-primary")]
        for said in words(self.model.value(), self.method()):
            lines.append(verdict("warning", said.text) if said.tone == "warning" else safe_line(f"• {said.text}", 300))
        tail = "These are hints: clients need not follow them, and should not trust those of a stranger."
        return [*super().notes(), *lines, Content(), safe_line(tail, 200, "$foreground-muted")]
