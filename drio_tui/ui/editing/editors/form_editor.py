"""An editor that is a form with something to say beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from drio_tui.api import models
from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Field, Hints, Reader
from drio_tui.schema.form import FormModel
from drio_tui.schema.leaves import Leaf
from drio_tui.schema.resolve import Json, UnsupportedReference
from drio_tui.ui.editing.editors.base import Context, Editor, Notes
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.model.snapshot import Snapshot


def field_of(members: Sequence[str], schema_of: str, hints: Hints, context: Context, *, inner: bool = False) -> Field:
    """The members as an object to draw: by the server's own schema where it describes them all, else by our model.

    With `inner`, the first member has to be an object itself.
    """
    if context.body is not None:
        reader, schema = context.body
        found = _only(members, reader.schemas.root, schema, hints)
        if found is not None and (not inner or found.members[members[0]].kind == "object"):
            return found
    root = getattr(models, schema_of).model_json_schema(by_alias=True)
    own = _only(members, root, root, hints)
    assert own is not None
    return own


def _only(members: Sequence[str], root: Json, schema: Json, hints: Hints) -> Field | None:
    reader = Reader(root, hints)
    try:
        flat, _ = reader.schemas.flat(schema)
    except UnsupportedReference:
        return None
    properties = flat.get("properties")
    if not isinstance(properties, Mapping) or not all(name in properties for name in members):
        return None
    needed = flat.get("required")
    required = [name for name in needed if name in members] if isinstance(needed, list) else []
    shown = {name: properties[name] for name in members}
    found = reader.field({"type": "object", "properties": shown, "required": required})
    return found if all(name in found.members for name in members) else None


class FormEditor(Editor):
    """A form of the editor's members, or of what is in the only one of them (`inner`)."""

    schema_of: ClassVar[str] = ""
    """Our own model of the request, by name, for a server that does not describe it."""

    schema_of_new: ClassVar[str] = ""
    """Likewise of the request that makes the resource, where that one asks for more."""

    inner: ClassVar[bool] = False
    """Whether the form shows the members of the editor's one member, which is an object."""

    hints: ClassVar[Hints] = Hints()
    groups: ClassVar[Mapping[str, Sequence[str]] | None] = None

    model: FormModel

    def field(self) -> Field:
        """What the form is drawn from."""
        new = self.schema_of_new and not isinstance(self.whole.get("id"), str)
        schema_of = self.schema_of_new if new else self.schema_of
        whole = field_of(self.members, schema_of, self.hints, self.context, inner=self.inner)
        return whole.members[self.members[0]] if self.inner else whole

    def reset(self) -> None:
        self.model = FormModel(self.field(), self._start())

    def _start(self) -> dict[str, Any] | None:
        if not self.inner:
            return dict(self.base) if self.whole else None
        value = self.base.get(self.members[0])
        if isinstance(value, dict):
            return value
        return {} if isinstance(self.whole.get("id"), str) else None  # defaults are for what is new

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        found = self.model.value(secrets=secrets)
        if not self.inner:
            return found if isinstance(found, dict) else {}
        name = self.members[0]
        if not found and not isinstance(self.base.get(name), dict):
            return {key: self.base[key] for key in (name,) if key in self.base}
        return {name: found}

    def take(self, value: Mapping[str, Any]) -> None:
        wanted = (
            value.get(self.members[0]) if self.inner else {name: value[name] for name in self.members if name in value}
        )
        if not isinstance(wanted, dict):
            super().take(value)  # the form has no place for what is no object
            return
        self.model.take(wanted)
        self.retell()

    def retell(self) -> None:
        """Show the fields anew after their model was changed from elsewhere."""
        if self.is_mounted:
            self.call_later(self._put_form, anew=True)
            self.show()

    def problems(self) -> list[FieldError]:
        wrong = [FieldError(f"{self._prefix}{error.path}".rstrip("."), error.message) for error in self.model.check()]
        return [*wrong, *self.refused]

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.new_form()
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def new_form(self) -> SchemaForm:
        """A form over the model as it is."""
        return SchemaForm(self.model, groups=self.groups, json_view=False, classes="-main")

    @property
    def form(self) -> SchemaForm:
        """The form on the screen."""
        return self.query_one(SchemaForm)

    def load(self, raw: Mapping[str, Any] | None, snapshot: Snapshot, context: Context | None = None) -> None:
        super().load(raw, snapshot, context)
        if self.is_mounted:
            self.renew()

    def renew(self) -> None:
        """Put a form over the present model in the place of the one that is there."""
        self.call_later(self._put_form)

    async def _put_form(self, *, anew: bool = False) -> None:
        """One form after the other: one that went before it was there would be half made."""
        old = self.form
        parent = old.parent
        if (anew or old.model is not self.model) and isinstance(parent, Widget):
            await parent.mount(self.new_form(), before=old)
            await old.remove()

    def focus_first(self) -> None:
        self.form.focus_first()

    def focus_member(self, path: str) -> None:
        node = self.model.nearest(path.removeprefix(self._prefix))[0]
        if node is self.model.root:
            self.focus_first()
        else:
            self.form.show_node(node)

    @property
    def _prefix(self) -> str:
        """What a path of the resource begins with where it leads into the form."""
        return f"{self.members[0]}." if self.inner else ""

    def focus_problem(self, path: str) -> None:
        if self.form.validate():
            self.form.focus_first()

    def show(self) -> None:
        self.query_one("#notes", Notes).say(self.notes())

    def notes(self) -> list[Content]:
        """What is said beside the form."""
        return [Content.assemble(("✗ ", "$text-error"), safe_line(f"{e.path} {e.message}", 300)) for e in self.refused]

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        left = super().apply_errors(errors)
        if self.is_mounted and self.refused:
            named = [FieldError(error.path.removeprefix(self._prefix), error.message) for error in self.refused]
            self.form.apply_errors(named)
        return left

    def put(self, path: str, value: Any) -> None:
        """Put a value on a field as if it had been typed, and show it."""
        node, rest = self.model.nearest(path)
        if rest:
            return
        if isinstance(node, Leaf):
            node.set_value(value)
        else:
            node = node.take(value)
        place = self.form.place_of(node) if self.is_mounted else None
        if isinstance(place, FieldRow):
            self.form.redraw(place, place.node)  # it tells that it changed
        else:
            self.changed()

    def on_schema_form_changed(self, event: SchemaForm.Changed) -> None:
        event.stop()
        self.changed()

    def on_schema_form_submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.post_message(self.SaveWanted(self))
