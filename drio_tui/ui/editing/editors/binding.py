"""The editor of a tool's binding: a search for the operation, its input, and whether the binding is up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import new_name
from drio_tui.ui.editing.editors.base import Editor, Notes, status_text
from drio_tui.ui.editing.editors.search_list import NEW, SearchList, SearchRow, new_resource_row
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import schema_lines
from drio_tui.workspace.lint.binding import Candidate, SchemaChange, binding_state, candidates, schema_changes
from drio_tui.workspace.model.snapshot import Resource

NEW_OPERATION = "new operation…"
_SET_BY_SERVER = ("schemaHashAtBindTime", "status")
_SIGNS = {"added": ("+ ", "$text-success"), "removed": ("- ", "$text-error"), "changed": ("~ ", "$text-warning")}
_SCHEMA_LINES = 60


class BindingEditor(Editor):
    """Binds a tool to an operation. Rebinding to the same operation takes over its current schema."""

    properties = ("binding",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "binding",
        "Bindings",
        Key("binding.rebind", "f6", "rebind", "Rebind", "Bind to the same operation again, with its current schema"),
        Key("binding.unbind", "f7", "unbind", "Unbind", "Bind the tool to nothing"),
        Key("binding.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    def reset(self) -> None:
        binding = self.base.get("binding")
        self.binding: dict[str, Any] | None = dict(binding) if isinstance(binding, dict) else None
        self._rebound = False
        self._unbound = False

    @property
    def operation_id(self) -> str:
        """The id of the operation that the tool is bound to, empty if there is none."""
        id = self.binding.get("integrationOperationId") if self.binding else None
        return id if isinstance(id, str) else ""

    @property
    def operation(self) -> Resource | None:
        """The operation that the tool is bound to, None if it is unbound or the operation does not exist."""
        return self.snapshot.resource("operation", self.operation_id) if self.operation_id else None

    @property
    def resend(self) -> tuple[str, ...]:
        return ("binding",) if self._rebound else ()

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if self.binding is None:
            return {"binding": None} if self._unbound and "binding" in self.base else dict(self.base)
        return {"binding": dict(self.binding)}

    def validate(self) -> list[FieldError]:
        errors = super().validate()
        if self.dirty and self.operation_id and binding_state(self.binding, self.snapshot) == "missing":
            errors.append(FieldError("binding.integrationOperationId", "names an operation that is not there"))
        return errors

    def bind(self, operation: str) -> None:
        """Bind to an operation. Other properties of the binding stay; hash and status are set by the server."""
        base = self.base.get("binding")
        self._rebound = self._unbound = False
        if isinstance(base, dict) and base.get("integrationOperationId") == operation:
            self.binding = dict(base)
        else:
            others = {name: value for name, value in (self.binding or {}).items() if name not in _SET_BY_SERVER}
            self.binding = {"type": "integration_operation", **others, "integrationOperationId": operation}
        self.mark_changed()

    def set_reference(self, path: str, id: str) -> None:
        self.bind(id)

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="state")
            yield SearchList(self._rows, "type to find an operation: name, path, integration", id="operations")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def show(self) -> None:
        self.query_one("#state", Notes).show_lines([*self._status_lines(), Content()])
        search = self.query_one(SearchList)
        search.refresh_rows(None if search.search_text else self.operation_id or None)
        self._show_operation()

    def _status_lines(self) -> Iterator[Content]:
        for error in self.server_errors:
            yield status_text("bad", f"{error.path} {error.message}")
        operation = self.operation
        name = operation.name if operation is not None else self.operation_id
        match binding_state(self.binding, self.snapshot):
            case "unbound":
                yield status_text("warning", "It is bound to nothing yet.")
            case "missing":
                yield status_text("bad", f"Its operation {name} is not there any more.")
            case _ if self._rebound:
                yield status_text("good", f"Will be bound to {name} again, with its current schema, when saved.")
            case "stale":
                yield status_text("warning", f"The schema of {name} has changed. F6 rebinds it.")
            case "ready" if not self.changes():
                yield status_text("good", f"Bound to {name}.")
            case "other":
                status = self.binding.get("status") if self.binding else ""
                yield status_text("warning", f"Bound to {name}; its state is {status}.")
            case _:
                yield status_text("good", f"Will be bound to {name} when saved.")

    def _rows(self, search_text: str) -> list[SearchRow]:
        rows: list[SearchRow] = []
        integration: object = self  # not None, which stands for an unknown integration
        for candidate in candidates(self.snapshot, search_text):
            if not search_text and candidate.integration is not integration:
                integration = candidate.integration
                name = candidate.integration.name if candidate.integration else "(integration unknown)"
                rows.append(SearchRow(partial(sanitize_line, name, 60, "$text-primary bold")))
            line = partial(self._operation_row, candidate, with_integration=bool(search_text))
            rows.append(SearchRow(line, candidate.operation.id))
        if not rows:
            rows.append(SearchRow(lambda: Content.styled("No operation matches.", "$foreground-muted")))
        return [*rows, new_resource_row(NEW_OPERATION, _new_operation_name(search_text))]

    def _operation_row(self, candidate: Candidate, *, with_integration: bool) -> Content:
        is_bound = candidate.operation.id == self.operation_id
        mark = ("● ", "$text-accent") if is_bound else "  "
        stale = is_bound and binding_state(self.binding, self.snapshot) == "stale" and not self._rebound
        parts: list[Content | str | tuple[str, str]] = [
            mark,
            sanitize_line(candidate.operation.name, 36, "bold" if is_bound else ""),
        ]
        parts += ["  ", sanitize_line(candidate.call, 40, "$foreground-muted")]
        if stale:
            parts.append(("  stale", "$text-warning"))
        if with_integration and candidate.integration is not None:
            parts += ["  ", sanitize_line(candidate.integration.name, 24, "$text-accent")]
        return Content.assemble(*parts)

    def _show_operation(self) -> None:
        highlighted = self.query_one(SearchList).highlighted_row
        operation = (
            self.snapshot.resource("operation", highlighted.value)
            if highlighted is not None and highlighted.value
            else None
        )
        self.query_one("#notes", Notes).show_lines(self._operation_lines(operation) if operation is not None else ())

    def _operation_lines(self, operation: Resource) -> Iterator[Content]:
        yield sanitize_line(operation.name, 80, "bold $text-primary")
        yield sanitize_line(f"{operation.text('method')} {operation.text('path')}", 200)
        description = operation.text("description")
        if description:
            yield sanitize_line(description, 400, "$foreground-muted")
        if operation.id == self.operation_id and binding_state(self.binding, self.snapshot) == "stale":
            yield Content()
            yield from difference(self.binding, operation, self.context.schemas)
        yield Content()
        yield Content.styled("Input", "bold $text-primary")
        schema = operation.get("inputSchema")
        if schema is None:
            yield Content.styled("It takes no input.", "$foreground-muted")
            return
        for number, line in enumerate(schema_lines(schema)):
            if number >= _SCHEMA_LINES:
                yield Content.styled("…", "$foreground-muted")
                return
            yield line

    # -- editing ----------------------------------------------------------------------------------

    @on(SearchList.Highlighted)
    def _operation_highlighted(self, event: SearchList.Highlighted) -> None:
        event.stop()
        self._show_operation()

    @on(SearchList.Chosen)
    def _operation_chosen(self, event: SearchList.Chosen) -> None:
        event.stop()
        if event.row.value == NEW:
            name = _new_operation_name(event.search.search_text)
            self.post_message(self.NewWanted(self, "operation", "binding.integrationOperationId", name))
        elif event.row.value:
            self.bind(str(event.row.value))

    def action_rebind(self) -> None:
        base = self.base.get("binding")
        if self.operation is None:
            self.notify("It is bound to no operation that is there.", severity="warning", markup=False)
        elif not isinstance(base, dict) or base.get("integrationOperationId") != self.operation_id:
            self.notify("It will be bound with the current schema anyway.", markup=False)
        else:
            self._rebound = True
            self.mark_changed()

    def action_unbind(self) -> None:
        if self.binding is None:
            self.notify("It is bound to nothing.", markup=False)
            return
        self._rebound, self._unbound = False, True
        self.binding = None
        self.mark_changed()


def difference(binding: Mapping[str, Any] | None, operation: Resource, schemas: Mapping[str, Any]) -> Iterator[Content]:
    """Yield what changed in an operation since a tool was bound to it, if `schemas` has the schema of that time."""
    yield Content.styled("Changed since the tool was bound", "bold $text-warning")
    bound = binding.get("schemaHashAtBindTime") if binding else None
    if not isinstance(bound, str) or bound not in schemas:
        yield Content.assemble("  then ", sanitize_line(str(bound), 60, "$foreground-muted"))
        yield Content.assemble("  now  ", sanitize_line(str(operation.get("schemaHash")), 60, "$foreground-muted"))
        yield Content.styled(
            "  drio does not keep the earlier schema, and drio-tui has not seen it.", "$foreground-muted"
        )
        return
    changes = schema_changes(schemas[bound], operation.get("inputSchema"))
    yield from map(_change_line, changes)
    if not changes:
        yield Content.styled("  Its input is unchanged: something else in it changed.", "$foreground-muted")


def _change_line(change: SchemaChange) -> Content:
    """Return a schema change as a line."""
    parts: list[Content | str | tuple[str, str]] = [_SIGNS[change.what], sanitize_line(change.path, 60)]
    if change.what == "changed":
        parts += [": ", sanitize_line(change.before, 60, "$foreground-muted"), " → ", sanitize_line(change.after, 60)]
    else:
        parts += ["  ", sanitize_line(change.before or change.after, 60, "$foreground-muted")]
    if change.breaks:
        parts.append(("  can break calls", "$text-warning"))
    return Content.assemble(*parts)


def _new_operation_name(search_text: str) -> str:
    """Return the name of a new operation; a path that was searched for is not a name."""
    return "" if search_text.lstrip().startswith("/") else new_name(search_text, NEW_OPERATION)
