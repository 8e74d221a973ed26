"""What happens on events in a widget: an ordered table, the marked action's fields, and what its template gives."""

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
from drio_tui.schema.fields import Field, Hints, Option, Reader, Reference
from drio_tui.schema.form import FormModel
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key, movement
from drio_tui.ui.editing.editors.base import Context, Editor, Notes, say_end, verdict
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.group_widgets import AddLine
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.schema_examples import sample_of

_TARGET = "actions[].targetToolId"
_HINTS = Hints(
    extra={
        "actions[].targetToolName": {"readOnly": True},
        _TARGET: {"title": "Target tool", "description": "The tool that is called, for callTool."},
        "actions[].template": {"description": "What is sent; {{ row.id }} stands for what is there."},
        "actions[].trigger": {"description": "The event in the widget."},
        "actions[].type": {"description": "Call a tool, send a message to the chat, or open a page."},
        "actions[].callMode": {"description": "Once for each event, or always anew."},
    }
)
_MOST = 200


class ActionList(OptionList):
    """The actions, in order."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "action_list",
        "The table of a widget's actions",
        *movement("action_list"),
        Key("action_list.remove", "delete,backspace,x", "remove", "Remove", "Take this action away"),
        Key("action_list.earlier", "alt+up,K", "shift(-1)", "Earlier", "Move it up"),
        Key("action_list.later", "alt+down,J", "shift(1)", "Later", "Move it down"),
    )

    def action_remove(self) -> None:
        _editor_of(self).remove_marked()

    def action_shift(self, step: int) -> None:
        _editor_of(self).shift_marked(step)


class ActionsEditor(Editor):
    """Edits `actions`, which are replaced whole when saved. What an action has beyond its fields stays in it."""

    members = ("actions",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "actions",
        "Widgets: actions",
        Key("actions.add", "f6", "add", "Add", "One more action"),
        Key("actions.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    # -- state ------------------------------------------------------------------------------------

    def reset(self) -> None:
        found = self.base.get("actions")
        self._item = _item_of(self.context)
        self._kept = (
            not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, dict) for one in found)
        )
        self.models: list[FormModel] = []
        if isinstance(found, list) and not self._kept:
            self.models = [FormModel(self._item, dict(one)) for one in found]
        if found is None:
            self._kept = False
        self.at = 0

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if self._kept or (not self.models and not isinstance(self.base.get("actions"), list)):
            return dict(self.base)
        return {"actions": [self._action(model) for model in self.models]}

    def _action(self, model: FormModel) -> dict[str, Any]:
        """One action; the name of its target goes with the target."""
        made = dict(model.value())
        target = made.get("targetToolId")
        if target != (model.base or {}).get("targetToolId"):
            tool = self.snapshot.resource("tool", target) if isinstance(target, str) else None
            made.pop("targetToolName", None)
            if tool is not None:
                made["targetToolName"] = tool.name
        return made

    def problems(self) -> list[FieldError]:
        found = list(self.refused)
        if self._kept or not self.dirty:
            return found
        for number, model in enumerate(self.models):
            found += [FieldError(f"actions.{number}.{one.path}".rstrip("."), one.message) for one in model.check()]
            for member, wrong in self._wrong(self._action(model)):
                found.append(FieldError(f"actions.{number}.{member}", wrong))
        return found

    def _wrong(self, action: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What is surely wrong with an action beyond its schema."""
        if action.get("type") != "callTool":
            return
        target = action.get("targetToolId")
        if not isinstance(target, str) or not target:
            yield "targetToolId", "is required to call a tool"
        elif self.snapshot.parts["tool"].state == "ready" and self.snapshot.resource("tool", target) is None:
            yield "targetToolId", "names a tool that is not there"

    def scope(self) -> dict[str, Any]:
        """What templates are looked up in: the sample of the widget's tool, through the widget's mappings."""
        sample = sample_of(self.snapshot, self.whole.get("toolId"))
        config = self.whole.get("config")
        found = config.get("fieldMappings") if isinstance(config, dict) else None
        kept = self.context.sample(self.whole.get("toolId"))
        result = sample.result if kept is None else kept
        return mapping.scope_of(found if isinstance(found, dict) else {}, result, sample.given)

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="refused")
            yield ActionList(markup=False, compact=True, id="table")
            yield AddLine("action…")
            yield Vertical(id="one")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def on_mount(self) -> None:
        self.renew()

    def load(self, raw: Mapping[str, Any] | None, snapshot: Snapshot, context: Context | None = None) -> None:
        super().load(raw, snapshot, context)
        if self.is_mounted:
            self.renew()

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        left = super().apply_errors(errors)
        named: dict[int, list[FieldError]] = {}
        for error in self.refused:
            steps = error.path.replace("[", ".").replace("]", "").split(".", 2)
            if len(steps) > 1 and steps[1].isdigit():
                rest = steps[2] if len(steps) > 2 else ""
                named.setdefault(int(steps[1]), []).append(FieldError(rest, error.message))
        for number, some in named.items():
            if number < len(self.models):
                self.models[number].apply_errors(some)
        if named and self.is_mounted:
            self.at = min(min(named), max(0, len(self.models) - 1))
            self.renew()
        return left

    def renew(self) -> None:
        """Show the fields of the marked action."""
        self.show()
        self.call_later(self._put_form)

    async def _put_form(self) -> None:
        """One form after the other: one that went before it was there would be half made."""
        box = self.query_one("#one", Vertical)
        wanted = self.models[self.at] if self.models else None
        there = next((form.model for form in self.query(SchemaForm)), None)
        if there is wanted and not self.refused:
            return
        await box.remove_children()
        if wanted is not None:
            references = {_TARGET: Reference(self._tools, "new tool…")}
            await box.mount(SchemaForm(wanted, references=references, json_view=False))

    def _tools(self) -> list[Option]:
        return [
            Option(tool.id, tool.name, tool.text("key")) for tool in self.snapshot.resources("tool") if not tool.made_up
        ]

    def show(self) -> None:
        lines = [verdict("bad", f"{one.path} {one.message}") for one in self.refused]
        if self._kept:
            lines.append(verdict("warning", "These actions are not as this table expects them: edit them as JSON."))
        elif not self.models:
            lines.append(Content.styled("Nothing happens in this widget yet.", "$foreground-muted"))
        notes = self.query_one("#refused", Notes)
        notes.say(lines)
        notes.display = bool(lines)
        table = self.query_one(ActionList)
        table.display = bool(self.models)
        scope = self.scope()
        table.clear_options()
        table.add_options([Line(self._line(number, scope)) for number in range(len(self.models))])
        table.highlighted = self.at if self.models else None
        self.query_one(AddLine).display = not self._kept
        self.query_one("#notes", Notes).say(self._about(scope))

    def _line(self, number: int, scope: Mapping[str, Any]) -> Content:
        action = self._action(self.models[number])
        kind = _text(action.get("type"))
        parts: list[Content | str | tuple[str, str]] = [(f"{number + 1:3} ", "$foreground-muted")]
        template = _text(action.get("template"))
        wrong = bool(list(self._wrong(action)) or mapping.check_template(template, scope))
        parts.append(("! ", "$text-warning") if wrong else ("✓ ", "$text-success"))
        parts.append(_column(_text(action.get("trigger")) or "—", 13))
        parts.append(_column(kind or "—", 11))
        target = action.get("targetToolId")
        if isinstance(target, str) and target:
            tool = self.snapshot.resource("tool", target)
            name = tool.name if tool is not None else f"{target} (not there)"
            parts.append(_column(f"→ {name}", 18))
        parts.append(_column(template, 18))
        parts.append(safe_line(_text(action.get("callMode")), 10, "$foreground-muted"))
        return Content.assemble(*parts)

    def _about(self, scope: Mapping[str, Any]) -> Iterator[Content]:
        if not self.models:
            return
        action = self._action(self.models[self.at])
        yield Content.styled(f"Action {self.at + 1}", "bold $text-primary")
        for _, wrong in self._wrong(action):
            yield verdict("bad", f"The target tool {wrong}.")
        template = _text(action.get("template"))
        found = mapping.check_template(template, scope)
        for wrong in found:
            yield verdict("warning", f"The template {wrong}.")
        if template and not found:
            known = scope.get("result") is not None
            yield (
                verdict("good", "Every path of the template is in the sample.")
                if known
                else verdict("warning", "There is no sample to try the template on.")
            )
        if template:
            yield Content.assemble(("Sends ", "$foreground-muted"), safe_line(mapping.rendered(template, scope), 200))
        primitive, trigger = _text(self.whole.get("primitive")), _text(action.get("trigger"))
        usual = mapping.TRIGGERS.get(primitive)
        if usual and trigger and trigger not in usual:
            yield verdict("warning", f"A {primitive} usually sends {', '.join(usual)}, not {trigger}.")
        yield Content()
        yield Content.styled("A template can use", "bold $text-primary")
        for name, root in (("row", "item"), ("result", "result"), ("input", "input"), ("form", "form")):
            value = scope.get(root)
            if value is not None:
                yield Content.assemble(
                    safe_line(f"{{{{ {name} }}}}  "), safe_line(mapping.brief(value), 80, "$foreground-muted")
                )

    # -- what is done -----------------------------------------------------------------------------

    @on(OptionList.OptionHighlighted, "#table")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        marked = self.query_one(ActionList).highlighted  # the message may be about what was marked before
        if event.option_index == marked and marked != self.at and marked < len(self.models):
            self.at = event.option_index
            self.renew()

    @on(OptionList.OptionSelected, "#table")
    def _entered(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.models:
            self.query_one(SchemaForm).focus_first()

    @on(AddLine.Pressed)
    def _add(self, event: AddLine.Pressed) -> None:
        event.stop()
        self.action_add()

    def action_add(self) -> None:
        if self._kept:
            return
        usual = mapping.TRIGGERS.get(_text(self.whole.get("primitive")), ("button.click",))
        model = FormModel(self._item)
        for member, text in (("trigger", usual[0]), ("type", "callTool"), ("callMode", "once")):
            node, rest = model.nearest(member)
            if not rest:
                node.take(text)
        self.models.append(model)
        self.at = len(self.models) - 1
        self.changed()
        self.renew()
        self.call_later(self._into)

    def _into(self) -> None:
        for form in self.query(SchemaForm):
            form.call_after_refresh(form.focus_first)

    def remove_marked(self) -> None:
        """Take the marked action away."""
        if not self.models:
            self.notify("There is no action yet.", markup=False)
        else:
            del self.models[self.at]
            self.at = max(0, min(self.at, len(self.models) - 1))
            self.changed()
            self.renew()

    def shift_marked(self, step: int) -> None:
        """Move the marked action up or down."""
        other = self.at + step
        if 0 <= other < len(self.models):
            self.models[self.at], self.models[other] = self.models[other], self.models[self.at]
            self.at = other
            self.changed()
        elif self.models:
            say_end(self, step)
        else:
            self.notify("There is no action yet.", markup=False)

    def refer(self, path: str, id: str) -> None:
        steps = path.split(".")
        if len(steps) == 3 and steps[1].isdigit() and int(steps[1]) < len(self.models):
            number = int(steps[1])
            node, rest = self.models[number].nearest("targetToolId")
            if not rest:
                node.take(id)
                self.at = number
                self.changed()
                for place in self.query(FieldRow):
                    if place.node is node:
                        place.reload()
                self.renew()

    def on_schema_form_changed(self, event: SchemaForm.Changed) -> None:
        event.stop()
        self.changed()

    def on_schema_form_submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.post_message(self.SaveWanted(self))

    def on_schema_form_new_wanted(self, event: SchemaForm.NewWanted) -> None:
        event.stop()
        self.post_message(self.NewWanted(self, "tool", f"actions.{self.at}.targetToolId", event.name))

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self))


def _item_of(context: Context) -> Field:
    """One action: by the server's own schema where it describes the list, else by our model."""
    if context.body is not None:
        reader, schema = context.body
        whole = Reader(reader.schemas.root, _HINTS).field(schema)
        member = whole.members.get("actions") if whole.kind == "object" else None
        if member is not None and member.kind == "array" and member.item.kind == "object":
            return member.item
    root = models.ActionsInput.model_json_schema(by_alias=True)
    return Reader(root, _HINTS).field(root).members["actions"].item


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _column(text: str, width: int) -> Content:
    shown = safe_line(text, width)
    return Content.assemble(shown, " " * (width - shown.cell_length + 1))


def _editor_of(widget: OptionList) -> ActionsEditor:
    return next(node for node in widget.ancestors if isinstance(node, ActionsEditor))
