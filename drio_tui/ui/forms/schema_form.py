"""The form widget: tabs that are filled when first shown, errors at their fields, and a JSON view of the object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static, TextArea

from drio_tui.schema.fields import Reference
from drio_tui.schema.form import FormModel, is_hidden
from drio_tui.schema.nodes import Node
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.field_widget import FieldWidget, call_when_mounted
from drio_tui.ui.forms.group_widgets import Block, ListBlock, MoreFields, first_fields, make_field_widget
from drio_tui.ui.forms.json_page import FormPage, JsonPage
from drio_tui.ui.forms.menu import open_json_menu, open_menu
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.errors import FieldError

JSON_TAB = "JSON"
NARROW = 60
"""Cells of width below which labels are placed above their editors."""


class SchemaForm(Widget):
    """A form for a model.

    `references` gives, by path pattern (`binding.integrationOperationId`, `nextToolIds[]`), what a property
    can refer to; `groups` assigns properties to tabs by title; `note` says where the schema is from. With
    `json_view`, the last tab is the whole object as JSON; `draft` is text in it that does not parse.
    """

    DEFAULT_CSS = stylesheet("forms").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form",
        "Forms",
        Key("form.save", "ctrl+s", "save", "Save", "Check everything, then save"),
        Key("form.menu", "f2", "menu", "Field", "What can be done with this field: reset, leave out, null, JSON, move"),
        Key("form.previous_tab", "f3,ctrl+pageup", "tab(-1)", "Tab ←", "The tab before", show=False),
        Key("form.next_tab", "f4,ctrl+pagedown", "tab(1)", "Tab →", "The next tab"),
        Key("form.next_error", "f8", "next_error", "Next error", "Go to the next field with an error", show=False),
        Key("form.editor", "e", "outside", "$EDITOR", "Edit the whole as JSON in $VISUAL or $EDITOR", show=False),
        Key("form.item_up", "alt+up", "shift(-1)", "Item up", "Move this item up", show=False),
        Key("form.item_down", "alt+down", "shift(1)", "Item down", "Move this item down", show=False),
        Key("form.up", "up", "app.focus_previous", "Up", "The field before", show=False, palette=False),
        Key("form.down", "down", "app.focus_next", "Down", "The next field", show=False, palette=False),
        Key("form.page_up", "pageup", "page(-1)", "Page up", show=False, palette=False),
        Key("form.page_down", "pagedown", "page(1)", "Page down", show=False, palette=False),
    )

    class Changed(Message):
        """Something on the form was edited."""

        def __init__(self, form: SchemaForm) -> None:
            super().__init__()
            self.form = form

        @property
        def control(self) -> SchemaForm:
            return self.form

    class Submitted(Message):
        """The form should be saved and is valid by its schema; `value` is the whole object, `patch` the changes."""

        def __init__(self, form: SchemaForm, value: Any, patch: dict[str, Any]) -> None:
            super().__init__()
            self.form = form
            self.value = value
            self.patch = patch

        @property
        def control(self) -> SchemaForm:
            return self.form

    class NewWanted(Message):
        """A resource should be created for the reference at `path` (of `pattern`); then call `refer`.

        `name` is its name, empty if none was typed.
        """

        def __init__(self, form: SchemaForm, path: str, pattern: str, name: str = "") -> None:
            super().__init__()
            self.name = name
            self.form = form
            self.path = path
            self.pattern = pattern

        @property
        def control(self) -> SchemaForm:
            return self.form

    def __init__(
        self,
        model: FormModel,
        *,
        references: Mapping[str, Reference] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        note: str = "",
        json_view: bool = True,
        draft: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.model = model
        self._references = references or {}
        self._group_config = groups
        self._note = note
        self._draft = draft
        self._json_view = json_view and model.field.kind == "object"
        self._groups = model.groups(groups)
        self._current = 0
        self._shown_notes = Content()
        self.is_filled: set[int] = set()
        self._json_page: JsonPage | None = None
        self._removing: list[Awaitable[object]] = []
        self._mounting: Awaitable[object] | None = None

    # -- building ---------------------------------------------------------------------------------

    @property
    def titles(self) -> list[str]:
        """The titles of the tabs."""
        return [group.title for group in self._groups] + ([JSON_TAB] if self._json_view else [])

    def compose(self) -> ComposeResult:
        if len(self.titles) > 1:
            yield TabStrip(self.titles)
        for number in range(len(self.titles)):
            name = f"page-{number}"
            page = FormPage(id=name)
            if self._is_json(number):
                page = self._json_page = JsonPage(self.model, id=name)
                if self._draft:
                    self._json_page.take(self._draft)
            page.display = number == 0
            yield page
        note = Static(id="form-note")
        note.display = False
        yield note

    @property
    def _tab_strip(self) -> TabStrip | None:
        """The line of tabs, if there is more than one tab; it is always the first child."""
        first = self.children[0] if self.children else None
        return first if isinstance(first, TabStrip) else None

    def on_mount(self) -> None:
        self._fill(0)
        self._update_status()

    def on_resize(self, event: events.Resize) -> None:
        narrow = event.size.width < NARROW
        if narrow != self.has_class("-narrow-form"):
            self.set_class(narrow, "-narrow-form")
            for row in self.query(FieldRow):
                row.rearrange()

    def _page(self, number: int) -> FormPage:
        return self.query_one(f"#page-{number}", FormPage)

    def _is_json(self, number: int) -> bool:
        return self._json_view and number == len(self._groups)

    def _fill(self, number: int) -> None:
        """Fill a tab with its field widgets, once; the JSON view is filled each time."""
        page = self._page(number)
        if isinstance(page, JsonPage):
            self._mounting = page.show()
            return
        if number in self.is_filled:
            return
        self.is_filled.add(number)
        nodes = [node for node in self.model.nodes_in(self._groups[number]) if not is_hidden(node)]
        is_single = len(nodes) == 1 and len(self._groups) > 1
        make = partial(make_field_widget, references=self._references, header=not is_single)
        widgets = [*first_fields(nodes, make)]
        empty = Static(Content("Nothing to fill in here.").stylize("$foreground-muted"))
        self._mounting = AwaitComplete(*self._removing, page.mount(*(widgets or [empty])))
        self._removing = []

    def load(self, base: dict[str, Any] | None) -> None:
        """Fill the form from `base`, which was loaded again."""
        self.model.load(base)
        if self._json_page is not None:
            self._json_page.drop()
        self.rebuild()

    def rebuild(self) -> None:
        """Fill the tabs again from the model; their titles stay."""
        self._empty_pages()
        self._fill(self._current)
        self._update_status()

    def _empty_pages(self) -> None:
        groups = self.model.groups(self._group_config)
        if [group.title for group in groups] == [group.title for group in self._groups]:
            self._groups = groups
        self.is_filled.clear()
        self._removing = [self._page(number).remove_children() for number in range(len(self._groups))]

    # -- tabs -------------------------------------------------------------------------------------

    @property
    def has_invalid_json(self) -> bool:
        """Whether the JSON view contains text that does not parse."""
        return self._json_page is not None and self._json_page.draft is not None

    @property
    def typed_json(self) -> str:
        """The text of the JSON view that is not applied to the fields yet; empty if there is none."""
        return self._json_page.typed if self._json_page is not None else ""

    @property
    def current(self) -> int:
        """The number of the tab that is shown."""
        return self._current

    def show_tab(self, number: int, *, focus: bool = True) -> None:
        """Show a tab; it is filled when it is first shown."""
        if not 0 <= number < len(self.titles) or number == self._current:
            return
        self._apply_json_edits()
        self._page(self._current).display = False
        self._current = number
        page = self._page(number)
        self._fill(number)
        page.display = True
        if self._tab_strip is not None:
            self._tab_strip.chosen = number
        if focus:
            self._after_mounting(self.focus_first)
        self._update_status()

    def _after_mounting(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the content of the current tab is mounted."""
        if self._mounting is not None:
            call_when_mounted(self, self._mounting, callback)

    @on(TabStrip.Chosen)
    def _tab_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_tab(event.number, focus=False)
        if event.enter:
            self._after_mounting(self.focus_first)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys for tabs if there is only one, and that for the external editor without a JSON view."""
        if action == "outside":
            return self._json_view
        return action != "tab" or len(self.titles) > 1

    def action_tab(self, step: int) -> None:
        self.show_tab((self._current + step) % len(self.titles))

    def action_page(self, pages: int) -> None:
        page = self._page(self._current)
        page.scroll_relative(y=pages * max(1, page.size.height - 2), animate=False)

    def focus_first(self) -> None:
        """Focus the first field of the tab."""
        page = self._page(self._current)
        for field_widget in page.query(FieldWidget):
            if isinstance(field_widget, FieldRow) or (isinstance(field_widget, Block) and field_widget.has_header):
                field_widget.focus_editor()
                return
        for widget in page.query("*"):
            if widget.focusable:
                widget.focus()
                return

    def focus_soon(self) -> None:
        """Focus the first field once the tab shows the current model; old widgets may not be removed yet."""
        self._after_mounting(self.focus_first)

    # -- the JSON view ----------------------------------------------------------------------------

    def _apply_json_edits(self) -> bool:
        """Apply the edits of the JSON view; return whether the fields have to be filled again."""
        if self._json_page is None or not self._is_json(self._current) or not self._json_page.take_edits():
            return False
        self._empty_pages()
        self.post_message(self.Changed(self))
        return True

    def discard_json_text(self) -> None:
        """Discard the text of the JSON view that does not parse."""
        if self._json_page is None:
            return
        self._json_page.drop()
        if self._is_json(self._current):
            self._fill(self._current)
            self._after_mounting(self.focus_first)
        self._update_status()

    def action_outside(self) -> None:
        """Edit the whole object as JSON in the user's editor."""
        from drio_tui.ui.forms.external_editor import edited_outside  # tempfile and subprocess, rarely needed

        if self._json_page is None:
            return
        self._apply_json_edits()
        edited = edited_outside(self, self._json_page.text)
        if edited is None:
            return
        if self._json_page.take(edited):
            self.rebuild()
            self.post_message(self.Changed(self))
        elif self._is_json(self._current):
            self._fill(self._current)
        else:
            self.show_tab(len(self._groups))
        self._update_status()

    # -- errors -----------------------------------------------------------------------------------

    def validate(self) -> bool:
        """Check all fields, show their errors and focus the first one; return whether the form is valid."""
        if self._apply_json_edits():
            self._fill(self._current)
        invalid = bool(self.model.check()) or self.has_invalid_json
        self._show_errors()
        if invalid:
            self._focus_error(self.model.nodes_with_errors())
        return not invalid

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Show the server's errors at their fields; return those that belong to no field."""
        unmatched = self.model.apply_errors(errors)
        self._show_errors()
        self._focus_error([node for node in self.model.nodes_with_errors() if node.server_errors])
        return unmatched

    def _show_errors(self) -> None:
        for field_widget in self.query(FieldWidget):
            field_widget.refresh_state()
        self._update_status()

    def _update_status(self) -> None:
        """Update the error counts of the tabs and the line at the bottom."""
        failing = self.model.nodes_with_errors()
        counts = [0] * len(self.titles)
        for node in failing:
            counts[self._tab_of(node)] += len(node.errors) if node is not self.model.root else 0
        if self.has_invalid_json:
            counts[-1] += 1
        if self._tab_strip is not None:
            self._tab_strip.count(counts)
        parts: list[Content] = []
        parts += [sanitize_line(f"✗ {text}", 300, "$text-error") for text in self.model.root.errors]
        if self.has_invalid_json and not self._is_json(self._current):
            parts.append(sanitize_line("✗ The JSON view holds text that does not parse.", 200, "$text-error"))
        if self._note and not parts:
            parts.append(sanitize_line(self._note, 300, "$foreground-muted"))
        notes = Content("\n").join(parts)
        if notes != self._shown_notes:  # updating lays out the whole screen again
            self._shown_notes = notes
            note = self.query_one("#form-note", Static)
            note.update(notes)
            note.display = bool(parts)

    def _tab_of(self, node: Node) -> int:
        top = node
        while top.parent is not None and top.parent is not self.model.root:
            top = top.parent
        for number, group in enumerate(self._groups):
            if any(member is top for member in self.model.nodes_in(group)):
                return number
        return 0

    def _focus_error(self, failing: list[Node]) -> None:
        nodes = [node for node in failing if node is not self.model.root]
        if nodes:
            self.show_node(nodes[0])
        elif self.has_invalid_json:
            self.show_tab(len(self._groups))

    def show_node(self, node: Node) -> None:
        """Show the tab of a node, unfold its ancestors, and focus its editor."""
        self.show_tab(self._tab_of(node), focus=False)
        self._after_mounting(lambda: self._show_and_focus(node))

    def _show_and_focus(self, node: Node) -> None:
        """Focus the editor of a node of the current tab, after showing what it is in and that was not shown yet."""
        path, ancestor = {node}, node.parent
        while ancestor is not None:
            path.add(ancestor)
            ancestor = ancestor.parent
        for line in self._page(self._current).query(MoreFields):
            mounting = line.show_to(path)
            if mounting is not None:
                call_when_mounted(self, mounting, lambda: self._show_and_focus(node))
                return
        self._focus_node(node)

    def _focus_node(self, node: Node) -> None:
        field_widget = self.field_widget_of(node)
        if field_widget is None:
            return
        for ancestor in field_widget.ancestors:
            if isinstance(ancestor, Block):
                ancestor.folded = False
        field_widget.focus_editor()
        # Focusing scrolls too, but to where the field was before errors and new fields were laid out.
        self.call_after_refresh(field_widget.first_line.scroll_visible, animate=False)

    def field_widget_of(self, node: Node) -> FieldWidget | None:
        """Return the widget of a node, or of its nearest ancestor that has one; None before its tab was shown."""
        widgets = {id(field_widget.node): field_widget for field_widget in self.query(FieldWidget)}
        current: Node | None = node
        while current is not None:
            if id(current) in widgets:
                return widgets[id(current)]
            current = current.parent
        return None

    def action_next_error(self) -> None:
        failing = [node for node in self.model.nodes_with_errors() if node is not self.model.root]
        if not failing:
            return
        focused = self._focused_place()
        numbers = {id(node): number for number, node in enumerate(failing)}
        index = numbers.get(id(focused.node), -1) if focused is not None else -1
        self.show_node(failing[(index + 1) % len(failing)])

    def action_save(self) -> None:
        if self.validate():
            self.post_message(self.Submitted(self, self.model.value(), self.model.to_patch()))

    # -- messages of field widgets ----------------------------------------------------------------

    @on(FieldWidget.Edited)
    def _edited(self, event: FieldWidget.Edited) -> None:
        event.stop()
        for ancestor in event.field_widget.ancestors:
            if isinstance(ancestor, Block):
                ancestor.refresh_summary()
            if ancestor is self:
                break
        # While there are no errors, typing does not need a walk over the form.
        node = event.field_widget.node
        strip = self._tab_strip
        has_counts = (strip is not None and any(strip.counts)) or bool(self.model.root.errors)
        if has_counts or node.errors or any(child.errors for child in node.children()):
            self._update_status()
        self.post_message(self.Changed(self))

    @on(FieldWidget.CreateRequested)
    def _create_requested(self, event: FieldWidget.CreateRequested) -> None:
        event.stop()
        node = event.field_widget.node
        path = ".".join(map(str, node.path))
        self.post_message(self.NewWanted(self, path, node.field.pattern, event.name))

    def refer(self, path: str, value: str) -> None:
        """Set the reference at `path` to a resource that was just created."""
        node, rest = self.model.nearest_node(path)
        field_widget = self.field_widget_of(node)
        if not rest and isinstance(field_widget, FieldRow):
            field_widget.set_reference(value)
            field_widget.focus_editor()

    @on(FieldWidget.MoveRequested)
    def _move_requested(self, event: FieldWidget.MoveRequested) -> None:
        event.stop()
        self.move_item(event.field_widget, event.step)

    def move_item(self, field_widget: FieldWidget, step: int) -> None:
        """Move the item that a widget is, or is in, by `step`; remove it if `step` is 0."""
        enclosing = (widget for widget in (field_widget, *field_widget.ancestors) if isinstance(widget, FieldWidget))
        item = next((widget for widget in enclosing if widget.is_item), None)
        holder = next((widget for widget in enclosing if isinstance(widget, ListBlock)), None)
        if item is not None and holder is not None:
            holder.move_item(item, step)

    def action_shift(self, step: int) -> None:
        field_widget = self._focused_place()
        if field_widget is not None:
            self.move_item(field_widget, step)

    def _focused_place(self) -> FieldWidget | None:
        focused = self.screen.focused if self.is_attached else None
        if focused is None:
            return None
        return next((node for node in focused.ancestors_with_self if isinstance(node, FieldWidget)), None)

    # -- the menu of a field ----------------------------------------------------------------------

    @on(FieldWidget.MenuRequested)
    def _menu_requested(self, event: FieldWidget.MenuRequested) -> None:
        event.stop()
        open_menu(self, event.field_widget)

    def action_menu(self) -> None:
        if self._is_json(self._current):
            open_json_menu(self)
            return
        field_widget = self._focused_place()
        if field_widget is not None:
            open_menu(self, field_widget)

    def redraw(self, field_widget: FieldWidget, node: Node) -> None:
        """Show a field again after its node was changed or replaced by `node`."""
        node.check_self()
        if node is field_widget.node and isinstance(field_widget, FieldRow) and not any(node.children()):
            field_widget.reload()
        else:
            self._replace(field_widget, node)
        self._update_status()
        self.post_message(self.Changed(self))

    def _replace(self, field_widget: FieldWidget, node: Node) -> None:
        parent = field_widget.parent
        if not isinstance(parent, Widget):
            return
        without_header = isinstance(field_widget, Block) and not field_widget.has_header
        replacement = make_field_widget(node, self._references, header=not without_header)
        mounting = parent.mount(replacement, before=field_widget)
        field_widget.remove()
        call_when_mounted(self, mounting, replacement.focus_editor)

    @on(TextArea.Changed)
    def _json_typed(self, event: TextArea.Changed) -> None:
        if self._is_json(self._current):
            event.stop()
            self.post_message(self.Changed(self))
