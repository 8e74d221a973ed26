"""Editors that are a form with notes beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from drio_tui.api import models
from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Field, SchemaOverlay, SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.schema.resolve import Json, UnsupportedSchema
from drio_tui.schema.value_nodes import ScalarNode
from drio_tui.ui.editing.editors.base import Editor, EditorContext, Notes
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.widgets.sanitize import sanitize_line


def field_for(
    properties: Sequence[str], model_name: str, hints: SchemaOverlay, context: EditorContext, *, nested: bool = False
) -> Field:
    """Return the field of an object with these properties, as a form shows it.

    It is read from the server's schema where that describes all of them, else from the schema of our model. With
    `nested`, the first property has to be an object itself.
    """
    if context.body is not None:
        reader, schema = context.body
        described = _subset(properties, reader.schemas.root, schema, hints)
        if described is not None and (not nested or described.properties[properties[0]].kind == "object"):
            return described
    root = getattr(models, model_name).model_json_schema(by_alias=True)
    modelled = _subset(properties, root, root, hints)
    assert modelled is not None
    return modelled


def _subset(names: Sequence[str], root: Json, schema: Json, hints: SchemaOverlay) -> Field | None:
    """Return the field of an object with only these properties of a schema, None if the schema lacks one."""
    reader = SchemaReader(root, hints)
    try:
        flat, _ = reader.schemas.flat(schema)
    except UnsupportedSchema:
        return None
    properties = flat.get("properties")
    if not isinstance(properties, Mapping) or not all(name in properties for name in names):
        return None
    all_required = flat.get("required")
    required = [name for name in all_required if name in names] if isinstance(all_required, list) else []
    kept = {name: properties[name] for name in names}
    field = reader.field({"type": "object", "properties": kept, "required": required})
    return field if all(name in field.properties for name in names) else None


class FormEditor(Editor):
    """A form of the editor's properties, or of the object in the only one of them (`nested`)."""

    model_name: ClassVar[str] = ""
    """The name of our model of the request, for a server whose OpenAPI document does not describe it."""

    create_model_name: ClassVar[str] = ""
    """The same for the request that creates the resource, where that requires more."""

    nested: ClassVar[bool] = False
    """Whether the form shows the properties of the object in the editor's only property."""

    hints: ClassVar[SchemaOverlay] = SchemaOverlay()
    groups: ClassVar[Mapping[str, Sequence[str]] | None] = None

    model: FormModel

    def field(self) -> Field:
        """Return the field that the form shows."""
        new = self.create_model_name and not isinstance(self.resource.get("id"), str)
        model_name = self.create_model_name if new else self.model_name
        field = field_for(self.properties, model_name, self.hints, self.context, nested=self.nested)
        return field.properties[self.properties[0]] if self.nested else field

    def reset(self) -> None:
        self.model = FormModel(self.field(), self._start_value())

    def _start_value(self) -> dict[str, Any] | None:
        if not self.nested:
            return dict(self.base) if self.resource else None
        value = self.base.get(self.properties[0])
        if isinstance(value, dict):
            return value
        return {} if isinstance(self.resource.get("id"), str) else None  # defaults are for what is new

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        value = self.model.value(secrets=secrets)
        if not self.nested:
            return value if isinstance(value, dict) else {}
        name = self.properties[0]
        if not value and not isinstance(self.base.get(name), dict):
            return {key: self.base[key] for key in (name,) if key in self.base}
        return {name: value}

    def set_value(self, value: Mapping[str, Any]) -> None:
        given = {name: value[name] for name in self.properties if name in value}
        form_value = value.get(self.properties[0]) if self.nested else given
        if not isinstance(form_value, dict):
            super().set_value(value)  # a form can only show an object
            return
        self.model.assign(form_value)
        self.rebuild_form()

    def rebuild_form(self) -> None:
        """Show the fields again after their model was changed from elsewhere."""
        if self.is_mounted:
            self.call_later(self._mount_form, force=True)
            self.show()

    def validate(self) -> list[FieldError]:
        errors = [FieldError(f"{self._prefix}{error.path}".rstrip("."), error.message) for error in self.model.check()]
        return [*errors, *self.server_errors]

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.make_form()
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def make_form(self) -> SchemaForm:
        """Return a new form for the current model."""
        return SchemaForm(self.model, groups=self.groups, json_view=False, classes="-main")

    @property
    def form(self) -> SchemaForm:
        """The form on the screen."""
        return self.query_one(SchemaForm)

    def replace_form(self) -> None:
        """Replace the form by one for the current model."""
        self.call_later(self._mount_form)

    async def _mount_form(self, *, force: bool = False) -> None:
        """Replace the form if its model is not the current one, or with `force`.

        Each step is awaited: a form that is removed while it mounts is left half-built.
        """
        old = self.form
        parent = old.parent
        if (force or old.model is not self.model) and isinstance(parent, Widget):
            await parent.mount(self.make_form(), before=old)
            await old.remove()

    def focus_first(self) -> None:
        self.form.focus_first()

    def focus_property(self, path: str) -> None:
        node = self.model.nearest_node(path.removeprefix(self._prefix))[0]
        if node is self.model.root:
            self.focus_first()
        else:
            self.form.show_node(node)

    @property
    def _prefix(self) -> str:
        """The prefix of the paths of the resource that lead into the form."""
        return f"{self.properties[0]}." if self.nested else ""

    def focus_error(self, path: str) -> None:
        if self.form.validate():
            self.form.focus_first()

    def show(self) -> None:
        self.query_one("#notes", Notes).show_lines(self.notes())

    def notes(self) -> list[Content]:
        """Return the lines beside the form."""
        return [
            Content.assemble(("✗ ", "$text-error"), sanitize_line(f"{error.path} {error.message}", 300))
            for error in self.server_errors
        ]

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        left = super().apply_errors(errors)
        if self.is_mounted and self.server_errors:
            form_errors = [
                FieldError(error.path.removeprefix(self._prefix), error.message) for error in self.server_errors
            ]
            self.form.apply_errors(form_errors)
        return left

    def set_field(self, path: str, value: Any) -> None:
        """Set the value of a field as if it had been typed, and show it."""
        node, rest = self.model.nearest_node(path)
        if rest:
            return
        if isinstance(node, ScalarNode):
            node.set_value(value)
        else:
            node = node.assign(value)
        row = self.form.field_widget_of(node) if self.is_mounted else None
        if isinstance(row, FieldRow):
            self.form.redraw(row, row.node)  # this posts `Changed`
        else:
            self.mark_changed()
