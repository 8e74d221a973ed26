"""The editor of a widget's actions: the list, the fields of the selected action, and what its template renders to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option as Line

from drio_tui.api import models
from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Field, Option, Reference, SchemaOverlay, SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key, movement
from drio_tui.ui.editing.editors.base import Editor, EditorContext, Notes, notify_at_end, status_text
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.group_widgets import AddLine
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.schema_examples import sample_of

_TARGET = "actions[].targetToolId"
_HINTS = SchemaOverlay(
    extra={
        "actions[].targetToolName": {"readOnly": True},
        _TARGET: {"title": "Target tool", "description": "The tool that is called, for callTool."},
        "actions[].template": {"description": "What is sent; {{ row.id }} stands for the value at that path."},
        "actions[].trigger": {"description": "The event in the widget."},
        "actions[].type": {"description": "Call a tool, send a message to the chat, or open a page."},
        "actions[].callMode": {"description": "Once for each event, or every time."},
    }
)
_MAX_ACTIONS = 200


class ActionList(OptionList):
    """The actions, in order."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "action_list",
        "Widgets: list of actions",
        *movement("action_list"),
        Key("action_list.remove", "delete,backspace,x", "remove", "Remove", "Remove this action"),
        Key("action_list.earlier", "alt+up,K", "shift(-1)", "Earlier", "Move it up"),
        Key("action_list.later", "alt+down,J", "shift(1)", "Later", "Move it down"),
    )

    def action_remove(self) -> None:
        _editor_of(self).remove_selected()

    def action_shift(self, step: int) -> None:
        _editor_of(self).move_selected(step)


class ActionsEditor(Editor):
    """Edits `actions`, which a save replaces as a whole. Unknown properties of an action are kept."""

    properties = ("actions",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "actions",
        "Widgets: actions",
        Key("actions.add", "f6", "add", "Add", "One more action"),
        Key("actions.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    # -- state ------------------------------------------------------------------------------------

    def reset(self) -> None:
        actions = self.base.get("actions")
        self._action_field = _action_field_of(self.context)
        self._unsupported = (
            not isinstance(actions, list)
            or len(actions) > _MAX_ACTIONS
            or not all(isinstance(action, dict) for action in actions)
        )
        self.models: list[FormModel] = []
        if isinstance(actions, list) and not self._unsupported:
            self.models = [FormModel(self._action_field, dict(action)) for action in actions]
        if actions is None:
            self._unsupported = False
        self.selected = 0

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if self._unsupported or (not self.models and not isinstance(self.base.get("actions"), list)):
            return dict(self.base)
        return {"actions": [self._action_value(model) for model in self.models]}

    def _action_value(self, model: FormModel) -> dict[str, Any]:
        """Return an action. If its target was changed, the name of the target is updated too."""
        action = dict(model.value())
        target = action.get("targetToolId")
        if target != (model.base or {}).get("targetToolId"):
            tool = self.snapshot.resource("tool", target) if isinstance(target, str) else None
            action.pop("targetToolName", None)
            if tool is not None:
                action["targetToolName"] = tool.name
        return action

    def validate(self) -> list[FieldError]:
        errors = list(self.server_errors)
        if self._unsupported or not self.dirty:
            return errors
        for number, model in enumerate(self.models):
            errors += [
                FieldError(f"actions.{number}.{error.path}".rstrip("."), error.message) for error in model.check()
            ]
            for name, message in self._action_errors(self._action_value(model)):
                errors.append(FieldError(f"actions.{number}.{name}", message))
        return errors

    def _action_errors(self, action: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield property and message of the errors in an action that its schema does not show."""
        if action.get("type") != "callTool":
            return
        target = action.get("targetToolId")
        if not isinstance(target, str) or not target:
            yield "targetToolId", "is required to call a tool"
        elif self.snapshot.parts["tool"].state == "ready" and self.snapshot.resource("tool", target) is None:
            yield "targetToolId", "names a tool that is not there"

    def scope(self) -> dict[str, Any]:
        """Return the values that templates refer to: the sample of the widget's tool, through the field mappings."""
        sample = sample_of(self.snapshot, self.resource.get("toolId"))
        config = self.resource.get("config")
        mappings = config.get("fieldMappings") if isinstance(config, dict) else None
        saved = self.context.sample(self.resource.get("toolId"))
        result = sample.result if saved is None else saved
        return mapping.scope_of(mappings if isinstance(mappings, dict) else {}, result, sample.tool_input)

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="refused")
            yield ActionList(markup=False, compact=True, id="table")
            yield AddLine("action…")
            yield Vertical(id="action-form")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def on_mount(self) -> None:
        self.replace_form()

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        left = super().apply_errors(errors)
        by_action: dict[int, list[FieldError]] = {}
        for error in self.server_errors:
            steps = error.path.replace("[", ".").replace("]", "").split(".", 2)
            if len(steps) > 1 and steps[1].isdigit():
                rest = steps[2] if len(steps) > 2 else ""
                by_action.setdefault(int(steps[1]), []).append(FieldError(rest, error.message))
        for number, action_errors in by_action.items():
            if number < len(self.models):
                self.models[number].apply_errors(action_errors)
        if by_action and self.is_mounted:
            self.selected = min(min(by_action), max(0, len(self.models) - 1))
            self.replace_form()
        return left

    def replace_form(self) -> None:
        """Show the fields of the selected action."""
        self.show()
        self.call_later(self._mount_form)

    async def _mount_form(self) -> None:
        """Replace the form by one for the selected action.

        Each step is awaited: a form that is removed while it mounts is left half-built.
        """
        box = self.query_one("#action-form", Vertical)
        model = self.models[self.selected] if self.models else None
        current = next((form.model for form in self.query(SchemaForm)), None)
        if current is model and not self.server_errors:
            return
        await box.remove_children()
        if model is not None:
            references = {_TARGET: Reference(self._tool_options, "new tool…")}
            await box.mount(SchemaForm(model, references=references, json_view=False))

    def _tool_options(self) -> list[Option]:
        return [
            Option(tool.id, tool.name, tool.text("key")) for tool in self.snapshot.resources("tool") if not tool.made_up
        ]

    def show(self) -> None:
        lines = [status_text("bad", f"{error.path} {error.message}") for error in self.server_errors]
        if self._unsupported:
            lines.append(status_text("warning", "This list cannot show these actions: edit them as JSON."))
        elif not self.models:
            lines.append(Content.styled("Nothing happens in this widget yet.", "$foreground-muted"))
        notes = self.query_one("#refused", Notes)
        notes.show_lines(lines)
        notes.display = bool(lines)
        table = self.query_one(ActionList)
        table.display = bool(self.models)
        scope = self.scope()
        table.clear_options()
        table.add_options([Line(self._line(number, scope)) for number in range(len(self.models))])
        table.highlighted = self.selected if self.models else None
        self.query_one(AddLine).display = not self._unsupported
        self.query_one("#notes", Notes).show_lines(self._selected_notes(scope))

    def _line(self, number: int, scope: Mapping[str, Any]) -> Content:
        action = self._action_value(self.models[number])
        kind = _text(action.get("type"))
        parts: list[Content | str | tuple[str, str]] = [(f"{number + 1:3} ", "$foreground-muted")]
        template = _text(action.get("template"))
        has_errors = bool(list(self._action_errors(action)) or mapping.check_template(template, scope))
        parts.append(("! ", "$text-warning") if has_errors else ("✓ ", "$text-success"))
        parts.append(_column(_text(action.get("trigger")) or "—", 13))
        parts.append(_column(kind or "—", 11))
        target = action.get("targetToolId")
        if isinstance(target, str) and target:
            tool = self.snapshot.resource("tool", target)
            name = tool.name if tool is not None else f"{target} (not there)"
            parts.append(_column(f"→ {name}", 18))
        parts.append(_column(template, 18))
        parts.append(sanitize_line(_text(action.get("callMode")), 10, "$foreground-muted"))
        return Content.assemble(*parts)

    def _selected_notes(self, scope: Mapping[str, Any]) -> Iterator[Content]:
        if not self.models:
            return
        action = self._action_value(self.models[self.selected])
        yield Content.styled(f"Action {self.selected + 1}", "bold $text-primary")
        for _, message in self._action_errors(action):
            yield status_text("bad", f"The target tool {message}.")
        template = _text(action.get("template"))
        template_errors = mapping.check_template(template, scope)
        for message in template_errors:
            yield status_text("warning", f"The template {message}.")
        if template and not template_errors:
            has_sample = scope.get("result") is not None
            yield (
                status_text("good", "Every path of the template is in the sample.")
                if has_sample
                else status_text("warning", "There is no sample to try the template on.")
            )
        if template:
            yield Content.assemble(
                ("Sends ", "$foreground-muted"), sanitize_line(mapping.rendered(template, scope), 200)
            )
        primitive, trigger = _text(self.resource.get("primitive")), _text(action.get("trigger"))
        usual = mapping.TRIGGERS.get(primitive)
        if usual and trigger and trigger not in usual:
            yield status_text("warning", f"A {primitive} usually sends {', '.join(usual)}, not {trigger}.")
        yield Content()
        yield Content.styled("A template can use", "bold $text-primary")
        for name, root in (("row", "item"), ("result", "result"), ("input", "input"), ("form", "form")):
            value = scope.get(root)
            if value is not None:
                yield Content.assemble(
                    sanitize_line(f"{{{{ {name} }}}}  "),
                    sanitize_line(mapping.one_line_preview(value), 80, "$foreground-muted"),
                )

    # -- editing ----------------------------------------------------------------------------------

    @on(OptionList.OptionHighlighted, "#table")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        current = self.query_one(ActionList).highlighted  # the message may be about an earlier highlight
        if event.option_index == current and current != self.selected and current < len(self.models):
            self.selected = event.option_index
            self.replace_form()

    @on(OptionList.OptionSelected, "#table")
    def _opened(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.models:
            self.query_one(SchemaForm).focus_first()

    @on(AddLine.Pressed)
    def _add(self, event: AddLine.Pressed) -> None:
        event.stop()
        self.action_add()

    def action_add(self) -> None:
        if self._unsupported:
            return
        usual = mapping.TRIGGERS.get(_text(self.resource.get("primitive")), ("button.click",))
        model = FormModel(self._action_field)
        for name, text in (("trigger", usual[0]), ("type", "callTool"), ("callMode", "once")):
            node, rest = model.nearest_node(name)
            if not rest:
                node.assign(text)
        self.models.append(model)
        self.selected = len(self.models) - 1
        self.mark_changed()
        self.replace_form()
        self.call_later(self._focus_form)

    def _focus_form(self) -> None:
        for form in self.query(SchemaForm):
            form.call_after_refresh(form.focus_first)

    def remove_selected(self) -> None:
        """Remove the selected action."""
        if not self.models:
            self.notify("There is no action yet.", markup=False)
        else:
            del self.models[self.selected]
            self.selected = max(0, min(self.selected, len(self.models) - 1))
            self.mark_changed()
            self.replace_form()

    def move_selected(self, step: int) -> None:
        """Move the selected action up or down."""
        other = self.selected + step
        if 0 <= other < len(self.models):
            self.models[self.selected], self.models[other] = self.models[other], self.models[self.selected]
            self.selected = other
            self.mark_changed()
        elif self.models:
            notify_at_end(self, step)
        else:
            self.notify("There is no action yet.", markup=False)

    def set_reference(self, path: str, id: str) -> None:
        steps = path.split(".")
        if len(steps) == 3 and steps[1].isdigit() and int(steps[1]) < len(self.models):
            number = int(steps[1])
            node, rest = self.models[number].nearest_node("targetToolId")
            if not rest:
                node.assign(id)
                self.selected = number
                self.mark_changed()
                for row in self.query(FieldRow):
                    if row.node is node:
                        row.reload()
                self.replace_form()

    def on_schema_form_new_wanted(self, event: SchemaForm.NewWanted) -> None:
        event.stop()
        self.post_message(self.NewWanted(self, "tool", f"actions.{self.selected}.targetToolId", event.name))


def _action_field_of(context: EditorContext) -> Field:
    """Return the field of an action: from the server's schema where it describes the list, else from our model."""
    if context.body is not None:
        reader, schema = context.body
        body = SchemaReader(reader.schemas.root, _HINTS).field(schema)
        actions = body.properties.get("actions") if body.kind == "object" else None
        if actions is not None and actions.kind == "array" and actions.item.kind == "object":
            return actions.item
    root = models.ActionsInput.model_json_schema(by_alias=True)
    return SchemaReader(root, _HINTS).field(root).properties["actions"].item


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _column(text: str, width: int) -> Content:
    shown = sanitize_line(text, width)
    return Content.assemble(shown, " " * (width - shown.cell_length + 1))


def _editor_of(widget: OptionList) -> ActionsEditor:
    return next(node for node in widget.ancestors if isinstance(node, ActionsEditor))
