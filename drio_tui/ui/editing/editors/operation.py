"""The editor of an operation's call: method, path with its parameters, input schema and output schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import SchemaOverlay
from drio_tui.schema.resolve import Json, Schemas, UnsupportedSchema
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.editing.editors.base import status_text
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.lint import path_parameters

_PLACES = {"path": "path", "query": "query", "header": "header", "body": "body"}
_CHECKED = (
    "Checked in a schema: types, the values of keywords, patterns, lengths, and references within it. "
    "Formats, custom vocabularies and external references are left to the server."
)
_MAX_ARGUMENTS = 40
_MAX_DEPTH = 60


class OperationEditor(FormEditor):
    """Edits the call in a form, and checks path and input schema against each other."""

    properties = ("method", "path", "inputSchema", "outputSchema")
    model_name = "OperationPatch"
    create_model_name = "OperationCreate"
    hints = SchemaOverlay(
        extra={
            "path": {"description": "Added to the integration's base URL; {name} stands for a parameter."},
            "inputSchema": {"title": "Input schema", "description": "JSON Schema of the call's arguments."},
            "outputSchema": {
                "title": "Output schema",
                "description": "JSON Schema of the response; samples follow it.",
            },
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

    def _text(self, name: str) -> str:
        value = self.model.value().get(name)
        return value if isinstance(value, str) else ""

    def _schema(self, name: str = "inputSchema") -> Any:
        return self.model.value().get(name)

    def validate(self) -> list[FieldError]:
        errors = super().validate()
        if not self.dirty:
            return errors  # errors from before the edit do not prevent saving
        path, schema = self._text("path"), self._schema()
        errors += [FieldError("path", message) for message in path_parameters.find_path_errors(path)]
        errors += [
            FieldError("inputSchema", f"lacks the parameter {name} of the path")
            for name in path_parameters.missing(path, schema)
        ]
        errors += [
            FieldError("inputSchema", f"describes {name} of the path as a list or object, and gives it no style")
            for name in path_parameters.unsendable_arguments(path, schema)
        ]
        for name in ("inputSchema", "outputSchema"):
            errors += [
                FieldError(name, f"refers to {ref}, which is not in it")
                for ref in unresolved_references(self._schema(name))
            ]
        return list(dict.fromkeys(errors))

    def notes(self) -> list[Content]:
        method, path, schema = self._text("method"), self._text("path"), self._schema()
        lines = [*super().notes(), Content.styled("The call", "bold $text-primary"), self._call_line(method, path)]
        lines += [status_text("bad", f"The path {message}.") for message in path_parameters.find_path_errors(path)]
        optional = path_parameters.optional(path, schema)
        unsuitable = path_parameters.unsendable_arguments(path, schema)
        arguments = path_parameters.arguments(method, path, schema)
        width = min(20, max((len(argument.name) for argument in arguments), default=0))
        for argument in arguments[:_MAX_ARGUMENTS]:
            name = sanitize_line(argument.name, 20)
            label = Content.assemble(name, " " * (width - name.cell_length), "  ", _PLACES[argument.place])
            if not argument.described:
                lines.append(
                    Content.assemble(status_text("bad", ""), label, ("  not in the input schema", "$text-error"))
                )
            elif argument.name in unsuitable:
                lines.append(
                    Content.assemble(status_text("bad", ""), label, ("  a list or object in a path", "$text-error"))
                )
            elif argument.name in optional:
                lines.append(
                    Content.assemble(status_text("warning", ""), label, ("  must be required", "$text-warning"))
                )
            else:
                required = "  required" if argument.required else ""
                lines.append(Content.assemble(status_text("good", ""), label, (required, "$foreground-muted")))
        if len(arguments) > _MAX_ARGUMENTS:
            lines.append(Content.styled(f"… and {len(arguments) - _MAX_ARGUMENTS} more", "$foreground-muted"))
        if not arguments:
            lines.append(Content.styled("It takes no arguments.", "$foreground-muted"))
        if path_parameters.missing(path, schema) or optional:
            lines.append(Content.styled("F6 puts them into the schema, as required.", "$text-accent"))
        for schema_name, title in (("inputSchema", "input"), ("outputSchema", "output")):
            for ref in unresolved_references(self._schema(schema_name)):
                lines.append(status_text("bad", f"The {title} schema refers to {ref}, which is not in it."))
        return [*lines, Content(), sanitize_line(_CHECKED, 400, "$foreground-muted")]

    def _call_line(self, method: str, path: str) -> Content:
        parts: list[Content | str] = [sanitize_line(method or "?", 10, "bold"), " "]
        missing = set(path_parameters.missing(path, self._schema()))
        for piece in path_parameters.pieces(path):
            style = "" if not piece.name else "$text-error bold" if piece.name in missing else "$text-accent bold"
            parts.append(sanitize_line(piece.text, 200, style))
        return Content.assemble(*parts)

    def action_complete(self) -> None:
        schema, path = self._schema(), self._text("path")
        if path_parameters.missing(path, schema) or path_parameters.optional(path, schema):
            self.set_field("inputSchema", path_parameters.with_path_parameters(path, schema))
        else:
            self.notify("Every parameter of the path is in the schema already.", markup=False)


def unresolved_references(schema: Json) -> list[str]:
    """Return the local references of a schema that it does not define. External references are not checked."""
    schemas = Schemas(schema)
    unresolved: dict[str, None] = {}
    for ref in _local_references(schema):
        try:
            schemas.find(ref)
        except UnsupportedSchema:
            unresolved[ref] = None
    return list(unresolved)


def _local_references(schema: Json) -> Iterator[str]:
    stack: list[tuple[Json, int]] = [(schema, 0)]
    while stack:
        value, depth = stack.pop()
        if depth > _MAX_DEPTH:
            continue
        if isinstance(value, Mapping):
            ref = value.get("$ref")
            if isinstance(ref, str) and ref.startswith("#"):
                yield ref
            stack += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            stack += [(inner, depth + 1) for inner in value]
