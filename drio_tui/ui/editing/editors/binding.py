"""What a tool calls: an operation found by typing, its input at a glance, and whether the binding still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import name_typed
from drio_tui.ui.editing.editors.base import Editor, Notes, verdict
from drio_tui.ui.editing.editors.search_list import NEW, Row, SearchList, new_row
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.ui.widgets.values import schema_lines
from drio_tui.workspace.lint.binding import Candidate, SchemaChange, candidates, schema_changes, standing
from drio_tui.workspace.model.snapshot import Resource

NEW_OPERATION = "new operation…"
_SERVER_SETS = ("schemaHashAtBindTime", "status")
_SIGNS = {"added": ("+ ", "$text-success"), "removed": ("- ", "$text-error"), "changed": ("~ ", "$text-warning")}
_SCHEMA_LINES = 60


class BindingEditor(Editor):
    """Binds a tool to an operation. Binding it anew to the same one takes over that one's present schema."""

    members = ("binding",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "binding",
        "Bindings",
        Key("binding.rebind", "f6", "rebind", "Rebind", "Bind to the same operation anew, with its present schema"),
        Key("binding.unbind", "f7", "unbind", "Unbind", "Bind the tool to nothing"),
        Key("binding.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    def reset(self) -> None:
        found = self.base.get("binding")
        self.binding: dict[str, Any] | None = dict(found) if isinstance(found, dict) else None
        self._rebound = False
        self._unbound = False

    @property
    def operation_id(self) -> str:
        """The id of the operation it is bound to; empty when it is bound to none."""
        found = self.binding.get("integrationOperationId") if self.binding else None
        return found if isinstance(found, str) else ""

    @property
    def operation(self) -> Resource | None:
        """The operation it is bound to, if it is there."""
        return self.snapshot.resource("operation", self.operation_id) if self.operation_id else None

    @property
    def again(self) -> tuple[str, ...]:
        return ("binding",) if self._rebound else ()

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if self.binding is None:
            return {"binding": None} if self._unbound and "binding" in self.base else dict(self.base)
        return {"binding": dict(self.binding)}

    def problems(self) -> list[FieldError]:
        found = super().problems()
        if self.dirty and self.operation_id and standing(self.binding, self.snapshot) == "missing":
            found.append(FieldError("binding.integrationOperationId", "names an operation that is not there"))
        return found

    def bind(self, operation: str) -> None:
        """Bind to an operation. What else is in the binding stays; hash and status are the server's."""
        base = self.base.get("binding")
        self._rebound = self._unbound = False
        if isinstance(base, dict) and base.get("integrationOperationId") == operation:
            self.binding = dict(base)
        else:
            kept = {name: value for name, value in (self.binding or {}).items() if name not in _SERVER_SETS}
            self.binding = {"type": "integration_operation", **kept, "integrationOperationId": operation}
        self.changed()

    def refer(self, path: str, id: str) -> None:
        self.bind(id)

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="state")
            yield SearchList(self._rows, "type to find an operation: name, path, integration", id="operations")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def show(self) -> None:
        self.query_one("#state", Notes).say([*self._state(), Content()])
        search = self.query_one(SearchList)
        search.fill(None if search.typed else self.operation_id or None)
        self._say()

    def _state(self) -> Iterator[Content]:
        for error in self.refused:
            yield verdict("bad", f"{error.path} {error.message}")
        operation = self.operation
        name = operation.name if operation is not None else self.operation_id
        match standing(self.binding, self.snapshot):
            case "unbound":
                yield verdict("warning", "It is bound to nothing yet.")
            case "missing":
                yield verdict("bad", f"Its operation {name} is not there any more.")
            case _ if self._rebound:
                yield verdict("good", f"Will be bound to {name} anew, with its present schema, when saved.")
            case "stale":
                yield verdict("warning", f"{name} changed its schema since. F6 binds it anew.")
            case "ready" if not self.changes():
                yield verdict("good", f"Bound to {name}.")
            case "other":
                status = self.binding.get("status") if self.binding else ""
                yield verdict("warning", f"Bound to {name}; its state is {status}.")
            case _:
                yield verdict("good", f"Will be bound to {name} when saved.")

    def _rows(self, typed: str) -> list[Row]:
        found: list[Row] = []
        owner: object = self
        for one in candidates(self.snapshot, typed):
            if not typed and one.integration is not owner:
                owner = one.integration
                name = one.integration.name if one.integration else "(integration unknown)"
                found.append(Row(safe_line(name, 60, "$text-primary bold")))
            found.append(Row(self._line(one, named=bool(typed)), one.operation.id))
        if not found:
            found.append(Row(Content.styled("No operation fits.", "$foreground-muted")))
        return [*found, new_row(NEW_OPERATION, _name(typed))]

    def _line(self, one: Candidate, *, named: bool) -> Content:
        here = one.operation.id == self.operation_id
        mark = ("● ", "$text-accent") if here else "  "
        stale = here and standing(self.binding, self.snapshot) == "stale" and not self._rebound
        parts: list[Content | str | tuple[str, str]] = [mark, safe_line(one.operation.name, 36, "bold" if here else "")]
        parts += ["  ", safe_line(one.call, 40, "$foreground-muted")]
        if stale:
            parts.append(("  stale", "$text-warning"))
        if named and one.integration is not None:
            parts += ["  ", safe_line(one.integration.name, 24, "$text-accent")]
        return Content.assemble(*parts)

    def _say(self) -> None:
        marked = self.query_one(SearchList).marked
        operation = self.snapshot.resource("operation", marked.value) if marked is not None and marked.value else None
        self.query_one("#notes", Notes).say(self._about(operation) if operation is not None else ())

    def _about(self, operation: Resource) -> Iterator[Content]:
        yield safe_line(operation.name, 80, "bold $text-primary")
        yield safe_line(f"{operation.text('method')} {operation.text('path')}", 200)
        description = operation.text("description")
        if description:
            yield safe_line(description, 400, "$foreground-muted")
        if operation.id == self.operation_id and standing(self.binding, self.snapshot) == "stale":
            yield Content()
            yield from difference(self.binding, operation, self.context.schemas)
        yield Content()
        yield Content.styled("Input", "bold $text-primary")
        schema = operation.get("inputSchema")
        if schema is None:
            yield Content.styled("It takes nothing.", "$foreground-muted")
            return
        for number, line in enumerate(schema_lines(schema)):
            if number >= _SCHEMA_LINES:
                yield Content.styled("…", "$foreground-muted")
                return
            yield line

    # -- what is done -----------------------------------------------------------------------------

    @on(SearchList.Marked)
    def _marked(self, event: SearchList.Marked) -> None:
        event.stop()
        self._say()

    @on(SearchList.Taken)
    def _taken(self, event: SearchList.Taken) -> None:
        event.stop()
        if event.row.value == NEW:
            name = _name(event.search.typed)
            self.post_message(self.NewWanted(self, "operation", "binding.integrationOperationId", name))
        elif event.row.value:
            self.bind(str(event.row.value))

    def action_rebind(self) -> None:
        base = self.base.get("binding")
        if self.operation is None:
            self.notify("It is bound to no operation that is there.", severity="warning", markup=False)
        elif not isinstance(base, dict) or base.get("integrationOperationId") != self.operation_id:
            self.notify("It will be bound with the present schema anyway.", markup=False)
        else:
            self._rebound = True
            self.changed()

    def action_unbind(self) -> None:
        if self.binding is None:
            self.notify("It is bound to nothing.", markup=False)
            return
        self._rebound, self._unbound = False, True
        self.binding = None
        self.changed()

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self))


def difference(binding: Mapping[str, Any] | None, operation: Resource, schemas: Mapping[str, Any]) -> Iterator[Content]:
    """What changed in an operation since a tool was bound to it, as far as the schema of then is in `schemas`."""
    yield Content.styled("Changed since the tool was bound", "bold $text-warning")
    bound = binding.get("schemaHashAtBindTime") if binding else None
    if not isinstance(bound, str) or bound not in schemas:
        yield Content.assemble("  then ", safe_line(str(bound), 60, "$foreground-muted"))
        yield Content.assemble("  now  ", safe_line(str(operation.get("schemaHash")), 60, "$foreground-muted"))
        yield Content.styled("  drio keeps no schema of then, and drio-tui did not see it.", "$foreground-muted")
        return
    found = schema_changes(schemas[bound], operation.get("inputSchema"))
    yield from map(_change, found)
    if not found:
        yield Content.styled("  Its input is as it was: something else of it changed.", "$foreground-muted")


def _change(change: SchemaChange) -> Content:
    """One difference, as a line."""
    parts: list[Content | str | tuple[str, str]] = [_SIGNS[change.what], safe_line(change.path, 60)]
    if change.what == "changed":
        parts += [": ", safe_line(change.before, 60, "$foreground-muted"), " → ", safe_line(change.after, 60)]
    else:
        parts += ["  ", safe_line(change.before or change.after, 60, "$foreground-muted")]
    if change.breaks:
        parts.append(("  can break calls", "$text-warning"))
    return Content.assemble(*parts)


def _name(typed: str) -> str:
    """What a new operation is called; a path was looked for, and is no name."""
    return "" if typed.lstrip().startswith("/") else name_typed(typed, NEW_OPERATION)
