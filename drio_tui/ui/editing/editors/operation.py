"""An operation's call: method, path with its parameters, and the schemas of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Hints
from drio_tui.schema.resolve import Json, Schemas, UnsupportedReference
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.editing.editors.base import verdict
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.lint import path_parameters

_PLACES = {"path": "path", "query": "query", "header": "header", "body": "body"}
_CHECKED = (
    "Checked in a schema: its types, what each keyword has to hold, patterns, lengths, and references within it. "
    "Formats, vocabularies of one's own and references to elsewhere are left to the server."
)
_MOST = 40
_DEEPEST = 60


class OperationEditor(FormEditor):
    """Form of the call; path and input schema are held against each other."""

    members = ("method", "path", "inputSchema", "outputSchema")
    schema_of = "OperationPatch"
    schema_of_new = "OperationCreate"
    hints = Hints(
        extra={
            "path": {"description": "Added to the integration's base URL; {name} stands for a parameter."},
            "inputSchema": {"title": "Input schema", "description": "JSON Schema of the call's arguments."},
            "outputSchema": {"title": "Output schema", "description": "JSON Schema of the answer; samples follow it."},
        }
    )
    groups = {"Call": ("method", "path"), "Input": ("inputSchema",), "Output": ("outputSchema",)}
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "operation",
        "Operations",
        Key(
            "operation.complete",
            "f6",
            "complete",
            "Parameters",
            "Put every parameter of the path into the input schema, as required",
        ),
    )

    def _text(self, member: str) -> str:
        found = self.model.value().get(member)
        return found if isinstance(found, str) else ""

    def _schema(self, member: str = "inputSchema") -> Any:
        return self.model.value().get(member)

    def problems(self) -> list[FieldError]:
        found = super().problems()
        if not self.dirty:
            return found  # what was there before is not the edit's fault
        path, schema = self._text("path"), self._schema()
        found += [FieldError("path", wrong) for wrong in path_parameters.mistakes(path)]
        found += [
            FieldError("inputSchema", f"lacks the parameter {name} of the path")
            for name in path_parameters.missing(path, schema)
        ]
        found += [
            FieldError("inputSchema", f"gives {name}, which stands in the path, no form that fits into one")
            for name in path_parameters.unsuitable(path, schema)
        ]
        for member in ("inputSchema", "outputSchema"):
            found += [
                FieldError(member, f"refers to {ref}, which is not in it")
                for ref in loose_references(self._schema(member))
            ]
        return list(dict.fromkeys(found))

    def notes(self) -> list[Content]:
        method, path, schema = self._text("method"), self._text("path"), self._schema()
        lines = [*super().notes(), Content.styled("The call", "bold $text-primary"), self._drawn(method, path)]
        lines += [verdict("bad", f"The path {wrong}.") for wrong in path_parameters.mistakes(path)]
        optional = path_parameters.optional(path, schema)
        unsuitable = path_parameters.unsuitable(path, schema)
        found = path_parameters.arguments(method, path, schema)
        width = min(20, max((len(one.name) for one in found), default=0))
        for one in found[:_MOST]:
            name = safe_line(one.name, 20)
            label = Content.assemble(name, " " * (width - name.cell_length), "  ", _PLACES[one.place])
            if not one.described:
                lines.append(Content.assemble(verdict("bad", ""), label, ("  not in the input schema", "$text-error")))
            elif one.name in unsuitable:
                lines.append(
                    Content.assemble(verdict("bad", ""), label, ("  a list or object in a path", "$text-error"))
                )
            elif one.name in optional:
                lines.append(Content.assemble(verdict("warning", ""), label, ("  must be required", "$text-warning")))
            else:
                needed = "  required" if one.required else ""
                lines.append(Content.assemble(verdict("good", ""), label, (needed, "$foreground-muted")))
        if len(found) > _MOST:
            lines.append(Content.styled(f"… and {len(found) - _MOST} more", "$foreground-muted"))
        if not found:
            lines.append(Content.styled("It takes no arguments.", "$foreground-muted"))
        if path_parameters.missing(path, schema) or optional:
            lines.append(Content.styled("F6 puts them into the schema, as required.", "$text-accent"))
        for member, title in (("inputSchema", "input"), ("outputSchema", "output")):
            for ref in loose_references(self._schema(member)):
                lines.append(verdict("bad", f"The {title} schema refers to {ref}, which is not in it."))
        return [*lines, Content(), safe_line(_CHECKED, 400, "$foreground-muted")]

    def _drawn(self, method: str, path: str) -> Content:
        parts: list[Content | str] = [safe_line(method or "?", 10, "bold"), " "]
        missing = set(path_parameters.missing(path, self._schema()))
        for piece in path_parameters.pieces(path):
            style = "" if not piece.name else "$text-error bold" if piece.name in missing else "$text-accent bold"
            parts.append(safe_line(piece.text, 200, style))
        return Content.assemble(*parts)

    def action_complete(self) -> None:
        schema, path = self._schema(), self._text("path")
        if path_parameters.missing(path, schema) or path_parameters.optional(path, schema):
            self.put("inputSchema", path_parameters.completed(path, schema))
        else:
            self.notify("Every parameter of the path is in the schema already.", markup=False)


def loose_references(schema: Json) -> list[str]:
    """The references within a schema that lead nowhere in it. Those to elsewhere are not looked at."""
    schemas = Schemas(schema)
    found: dict[str, None] = {}
    for ref in _references(schema):
        try:
            schemas.find(ref)
        except UnsupportedReference:
            found[ref] = None
    return list(found)


def _references(schema: Json) -> Iterator[str]:
    waiting: list[tuple[Json, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(value, Mapping):
            ref = value.get("$ref")
            if isinstance(ref, str) and ref.startswith("#"):
                yield ref
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
