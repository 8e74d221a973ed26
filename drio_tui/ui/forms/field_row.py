"""A field in one row: the label at the left (above if the form is narrow), the editor, and a message below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input, TextArea

from drio_tui.api.json_values import same_json
from drio_tui.contrast import is_colour
from drio_tui.schema.fields import MISSING, Reference, compact_json
from drio_tui.schema.lists import MapNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.objects import ChoiceNode
from drio_tui.schema.value_nodes import JsonNode, ScalarNode, SecretNode
from drio_tui.text import visible
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.forms.field_widget import CONTROLS, LABEL, MOST_LINES, NUMBER, FieldWidget, message_line, message_lines
from drio_tui.ui.forms.inputs import Picker, Segments, TextEditor
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line

_NOT_SET = "not set"
_ENTRY_NAME = "-key"


def on_one_line(node: Node) -> bool:
    """Return whether a node is edited in a single row; this includes alternatives of simple types."""
    if isinstance(node, ChoiceNode):
        return all(variant.scalar or variant.kind == "json" for variant in node.field.variants)
    return isinstance(node, ScalarNode | SecretNode | JsonNode)


class FieldRow(FieldWidget):
    """A field with one editor. For a map's entry, the name is edited too; for a choice, its type."""

    def __init__(self, node: Node, *, reference: Reference | None = None) -> None:
        super().__init__(node)
        self._reference = reference

    @property
    def called(self) -> str:
        """The title; for a reference without "ID", since the user chooses a resource and never types an id."""
        return super().called.removesuffix(" ID") if self._reference is not None else super().called

    @property
    def leaf(self) -> Node | None:
        """The node that holds the value: for a choice, that of the chosen alternative."""
        return self.node.body if isinstance(self.node, ChoiceNode) else self.node

    @property
    def _is_entry(self) -> bool:
        return isinstance(self.node.parent, MapNode)

    # -- editors ----------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        editors: list[Widget] = []
        if self._is_entry:
            editors.append(LineEditor(self._entry_name(), placeholder="name", classes=_ENTRY_NAME))
        if isinstance(self.node, ChoiceNode):
            editors.append(Picker(self._type_content(), classes="-type"))
        editors += self._editor()
        self._arrange(editors)
        yield from editors

    def _arrange(self, editors: Sequence[Widget]) -> None:
        """Leave room for the label and for ↑ ↓ ✕. Setting styles on each editor costs less than CSS rules."""
        narrow = self.narrow
        top = 1 if self._stacked else 0
        for number, editor in enumerate(editors):
            left = self._column if number == 0 else 0
            last = number == len(editors) - 1
            editor.styles.margin = (top, (len(CONTROLS) if self.is_item else 0) if last else 1, 0, left)
            if editor.has_class(_ENTRY_NAME):
                editor.styles.width = 12 if narrow else 22
            elif editor.has_class("-type"):
                editor.styles.width = 9 if narrow and self.is_item else 14

    def rearrange(self) -> None:
        """Fit the editors to another width of the form."""
        self._arrange(list(self.children))
        self.refresh(layout=True)

    def _editor(self) -> Iterator[Widget]:
        leaf = self.leaf
        if isinstance(leaf, SecretNode):
            yield LineEditor(leaf.typed_text, placeholder=self._secret_state(leaf), password=True)
        elif isinstance(leaf, JsonNode):
            if leaf.too_long:
                yield Picker(sanitize_line(f"{len(leaf.text):,} characters: kept as they are; $EDITOR can edit them"))
            else:
                yield TextEditor(leaf.text, placeholder="JSON", classes="-json")
        elif isinstance(leaf, ScalarNode):
            if self._reference is not None or leaf.field.kind == "enum":
                yield Picker(self._picker_content())
            elif leaf.field.kind == "boolean":
                yield Segments(self._segment_labels(), self._segment_number())
            elif leaf.multiline:
                yield TextEditor(leaf.text, placeholder=self._placeholder(leaf))
            else:
                yield LineEditor(leaf.text, placeholder=self._placeholder(leaf))

    def _secret_state(self, leaf: SecretNode) -> str:
        if leaf.cleared:
            return "will be removed"
        if leaf.kept:
            return "unchanged"
        return "" if leaf.new else "not set"

    def _placeholder(self, leaf: ScalarNode) -> str:
        if not leaf.new and leaf.field.default is not MISSING:
            return f"default: {compact_json(leaf.field.default)}"
        example = leaf.field.example
        return f"e.g. {example[:200]}" if example else ""

    def _entry_name(self) -> str:
        parent = self.node.parent
        assert isinstance(parent, MapNode)
        return str(parent.step_to(self.node) or "")

    # -- showing ----------------------------------------------------------------------------------

    @property
    def _stacked(self) -> bool:
        return self.narrow and not self.is_item

    @property
    def _column(self) -> int:
        """The number of cells before the editor."""
        if self._stacked:
            return 2
        return (0 if self._is_entry else NUMBER) if self.is_item else LABEL

    def _message(self) -> Content:
        """Return the message under the editor."""
        leaf = self.leaf
        more_errors = leaf.errors if leaf is not None and leaf is not self.node else ()
        help_text = self.node.field.description
        if isinstance(leaf, JsonNode) and leaf.reason and leaf.reason != "edited as JSON":
            help_text = f"{help_text} (JSON: {leaf.reason})" if help_text else f"JSON: {leaf.reason}"
        if not (self.is_item and not self.node.errors and not more_errors):
            return message_line(self.node, more_errors=more_errors, help_text=help_text)
        return Content()

    def _message_lines(self, width: int) -> list[Content]:
        return message_lines(self._message(), width - self._column, whole=self.has_pseudo_class("focus-within"))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return super().get_content_height(container, viewport, width) + max(
            len(self._message_lines(width)), 0 if self.is_item else 1
        )

    def render(self) -> Content:
        width, height = self.content_size
        message_lines = self._message_lines(width)
        lines: list[Content] = []
        label = self._label(width)
        controls = Content(CONTROLS).stylize("$foreground-muted") if self.is_item else Content()
        gap = max(0, width - label.cell_length - controls.cell_length)
        lines.append(Content.assemble(label, " " * gap, controls))
        blank = height - 1 - max(len(message_lines), 0 if self.is_item else 1)
        lines += [Content()] * max(0, blank)
        indent = " " * self._column
        lines += [Content.assemble(indent, line) for line in message_lines]
        return Content("\n").join(lines)

    def _label(self, width: int) -> Content:
        room = width if self._stacked else self._column - 1
        if self._is_entry:
            return Content()
        swatch = self._swatch()
        active = self.has_pseudo_class("focus-within") or self.mouse_hover
        menu = " ⋯" if active and not self.is_item else ""
        keep = swatch.cell_length + len(menu)
        title = self.title(max(3, room - keep))
        if self.has_pseudo_class("focus-within"):
            title = title.stylize("bold")
        space = max(0, room - title.cell_length - keep)
        if self._stacked:
            space = 1
        return Content.assemble(title, " " * space, swatch, (menu, "$foreground-muted"))

    def _swatch(self) -> Content:
        leaf = self.leaf
        if not (isinstance(leaf, ScalarNode) and leaf.field.kind == "string" and is_colour(leaf.text)):
            return Content()
        is_colour_field = leaf.field.format in ("color", "colour", "hex-color") or leaf.field.name.endswith("Color")
        return Content.styled(" ██ ", _opaque(leaf.text)) if is_colour_field else Content()

    def refresh_state(self) -> None:
        leaf = self.leaf
        for picker in self.query(Picker):
            if picker.has_class("-type"):
                picker.show(self._type_content())
            elif isinstance(leaf, ScalarNode):
                picker.show(self._picker_content())
        self.set_class(bool(self.node.errors or (leaf and leaf.errors)), "-wrong")
        self.refresh(layout=True)

    def reload(self) -> None:
        """Show the node's value again after it was changed by something else than the editor."""
        leaf = self.leaf
        for editor in self.query(LineEditor):
            if editor.has_class(_ENTRY_NAME):
                editor.value = self._entry_name()
            elif isinstance(leaf, SecretNode):
                editor.value = leaf.typed_text
                editor.placeholder = self._secret_state(leaf)
            elif isinstance(leaf, ScalarNode):
                editor.value = leaf.text
        for area in self.query(TextEditor):
            if isinstance(leaf, ScalarNode | JsonNode) and area.text != leaf.text:
                area.load_text(leaf.text)
        for segments in self.query(Segments):
            segments.chosen = self._segment_number()
        self.refresh_state()

    def focus_editor(self) -> None:
        for child in self.children:
            if child.focusable and not child.has_class("-type"):
                child.focus()
                return

    def on_descendant_focus(self) -> None:
        lines = message_lines(self._message(), self.content_size.width - self._column, whole=True)
        self.refresh(layout=len(lines) > MOST_LINES)

    def on_descendant_blur(self) -> None:
        if not self.is_mounted or not self.is_attached:
            return
        leaf = self.leaf
        for node in {id(node): node for node in (self.node, leaf) if node is not None}.values():
            if node.is_changed or node.errors or node.value() is not MISSING:
                node.check_self()  # an empty field that only had the focus is checked when saving
        if isinstance(self.node.parent, MapNode) and self.node.is_changed:
            self.node.parent.check()
        self.refresh_state()
        self.post_message(self.Edited(self))

    def on_enter(self) -> None:
        self.refresh()

    def on_leave(self) -> None:
        self.refresh()

    # -- editing ----------------------------------------------------------------------------------

    def _handle_edit(self) -> None:
        """Handle an edit: check a field with errors again, so that they disappear once corrected."""
        leaf = self.leaf
        for node in (self.node, leaf):
            if node is not None and node.check_errors:
                node.check_self()
        wrong = bool(self.node.errors or (leaf and leaf.errors))
        if wrong or self.has_class("-wrong"):
            self.set_class(wrong, "-wrong")
            self.refresh(layout=True)
        else:
            self.refresh()
        self.post_message(self.Edited(self))

    @on(Input.Changed)
    def _line_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.has_class(_ENTRY_NAME):
            if event.value != self._entry_name() and isinstance(self.node.parent, MapNode):
                self.node.parent.rename(self.node, event.value)
                self._handle_edit()
            return
        leaf = self.leaf
        if isinstance(leaf, SecretNode):
            if event.value != leaf.typed_text:
                leaf.set_text(event.value)
                self._handle_edit()
        elif isinstance(leaf, ScalarNode) and event.value != leaf.text:
            leaf.set_text(event.value)
            self._handle_edit()

    @on(Input.Submitted)
    def _line_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    @on(TextArea.Changed)
    def _text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        leaf = self.leaf
        if isinstance(leaf, ScalarNode | JsonNode) and event.text_area.text != leaf.text:
            leaf.set_text(event.text_area.text)
            self._handle_edit()

    # -- booleans ---------------------------------------------------------------------------------

    def _segment_labels(self) -> list[str]:
        return ["yes", "no"] if self.node.field.required else ["yes", "no", _NOT_SET]

    def _segment_number(self) -> int | None:
        value = self.leaf.value() if self.leaf is not None else MISSING
        if isinstance(value, bool):
            return 0 if value else 1
        return 2 if len(self._segment_labels()) == 3 else None

    @on(Segments.Chosen)
    def _segment_chosen(self, event: Segments.Chosen) -> None:
        event.stop()
        if not isinstance(self.leaf, ScalarNode):
            return
        if event.number < 2:
            self.leaf.set_value(event.number == 0)
        elif self.leaf.initial is None:
            self.leaf.set_value(None)
        else:
            self.leaf.set_value(MISSING)
        self._handle_edit()

    # -- choices ----------------------------------------------------------------------------------

    def _picker_content(self) -> Content:
        assert isinstance(self.leaf, ScalarNode)
        value = self.leaf.value()
        if value is None or value is MISSING or value == "":
            example = "" if self._reference else self.leaf.field.example
            return sanitize_line(f"choose… e.g. {example}" if example else "choose…", 60, "$foreground-muted")
        if self._reference is not None:
            for option in self._reference.options():
                if _same_value(option.value, value):
                    return sanitize_line(option.label, 80)
            return Content.assemble(sanitize_line(str(value), 60), (" (not found)", "$text-warning"))
        for option in self.leaf.field.options:
            if _same_value(option.value, value):
                return sanitize_line(option.label, 80)
        return Content.assemble(sanitize_line(visible(self.leaf.text), 60), (" (current value)", "$foreground-muted"))

    def _choices(self) -> tuple[list[Choice[object]], int | None]:
        """Return the choices, and the index of the current one."""
        assert isinstance(self.leaf, ScalarNode)
        leaf = self.leaf
        value = leaf.value()
        options = self._reference.options() if self._reference else leaf.field.options
        choices: list[Choice[object]] = [Choice(option.value, option.label, option.note) for option in options]
        current = next((number for number, choice in enumerate(choices) if _same_value(choice.value, value)), None)
        # The server's value and the current one can always be chosen, even if they are not among the options.
        for known in (value, leaf.initial):
            if known is MISSING or known is None or any(_same_value(choice.value, known) for choice in choices):
                continue
            choices.append(Choice(known, known if isinstance(known, str) else compact_json(known), "current value"))
            if _same_value(known, value) and current is None:
                current = len(choices) - 1
        if not leaf.field.required and not self.is_item:
            choices.append(Choice(MISSING, _NOT_SET, quiet=True))
            current = len(choices) - 1 if current is None else current
        if self._reference is not None and self._reference.new:
            choices.append(Choice(self._reference, self._reference.new, quiet=True, new=True))
        return choices, current

    @on(Picker.Wanted)
    def _open_choices(self, event: Picker.Wanted) -> None:
        event.stop()
        if event.picker.has_class("-type"):
            self._open_types(event)
            return
        if not isinstance(self.leaf, ScalarNode):
            return
        choices, current = self._choices()
        self.app.push_screen(
            SelectDialog(
                self.node.field.title,
                choices,
                current=current,
                near=event.picker.region,
                typed=event.typed,
                free=self.leaf.field.allows_other_values and self._reference is None,
            ),
            self._value_picked,
        )

    def _value_picked(self, choice: Choice[object] | None) -> None:
        leaf = self.leaf
        if choice is None or not isinstance(leaf, ScalarNode):
            return
        if choice.value is self._reference and self._reference is not None:
            self.post_message(self.CreateRequested(self, choice.typed))
            return
        if choice.value is MISSING and leaf.initial is None:
            leaf.set_value(None)
        else:
            leaf.set_value(choice.value)
        self._check_and_post_edited()

    def set_reference(self, value: str) -> None:
        """Refer to a resource, such as one that was just created."""
        if isinstance(self.leaf, ScalarNode):
            self.leaf.set_value(value)
            self._check_and_post_edited()

    def _check_and_post_edited(self) -> None:
        self.node.check_self()
        if self.leaf is not None:
            self.leaf.check_self()
        self.refresh_state()
        self.post_message(self.Edited(self))

    @on(Picker.Turned)
    def _step_value(self, event: Picker.Turned) -> None:
        event.stop()
        if event.picker.has_class("-type"):
            if isinstance(self.node, ChoiceNode):
                count = len(self.node.field.variants)
                index = -1 if self.node.chosen is None and event.step > 0 else self.node.chosen or 0
                self._choose_type((index + event.step) % count)
            return
        if not isinstance(self.leaf, ScalarNode):
            return
        choices, current = self._choices()
        choices = [choice for choice in choices if not choice.quiet]
        if choices:
            index = -1 if current is None or current >= len(choices) else current
            self._value_picked(choices[(index + event.step) % len(choices) if index >= 0 or event.step > 0 else -1])

    # -- types ------------------------------------------------------------------------------------

    def _type_content(self) -> Content:
        node = self.node
        assert isinstance(node, ChoiceNode)
        if node.chosen is None:
            return Content.styled("null" if node.null else "type…", "$foreground-muted")
        return sanitize_line(node.field.variants[node.chosen].title, 20)

    def _open_types(self, event: Picker.Wanted) -> None:
        node = self.node
        assert isinstance(node, ChoiceNode)
        choices = [
            Choice(number, variant.title, variant.description) for number, variant in enumerate(node.field.variants)
        ]
        self.app.push_screen(
            SelectDialog("Type", choices, current=node.chosen, near=event.picker.region, typed=event.typed),
            self._type_picked,
        )

    def _type_picked(self, choice: Choice[int] | None) -> None:
        if choice is not None:
            self._choose_type(choice.value)

    def _choose_type(self, number: int) -> None:
        node = self.node
        if not isinstance(node, ChoiceNode) or node.chosen == number:
            return
        text = node.body.text if isinstance(node.body, ScalarNode) else ""
        body = node.choose(number)
        if (
            isinstance(body, ScalarNode)
            and text
            and not body.text
            and body.field.kind in ("string", "number", "integer")
        ):
            body.set_text(text)  # keep what was typed
        for child in list(self.children):
            if not _edits_name_or_type(child):
                child.remove()
        editors = list(self._editor())
        self._arrange([*(child for child in self.children if _edits_name_or_type(child)), *editors])
        self.mount(*editors)
        self._check_and_post_edited()

    # -- mouse ------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        if event.widget is not self:
            return
        step = self.control_at(event, self.content_size.width)
        if step is not None:
            self.post_message(self.MoveRequested(self, step))
        elif event.button == 3 or (event.y == 0 and LABEL - 3 <= event.x < LABEL and self._column == LABEL):
            self.post_message(self.MenuRequested(self))
        else:
            self.focus_editor()


def _edits_name_or_type(editor: Widget) -> bool:
    """Return whether an editor is for the name or the type, not for the value."""
    return editor.has_class("-type") or editor.has_class(_ENTRY_NAME)


def _same_value(left: object, right: object) -> bool:
    """Return whether two values are the same JSON."""
    return left is right or (left is not MISSING and right is not MISSING and same_json(left, right))


def _opaque(colour: str) -> str:
    """Return a colour without its transparency, which a terminal cannot show."""
    return colour[:4] if len(colour) == 5 else colour[:7]
