"""The menu of a form field: reset, leave out, null, edit as JSON, move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from drio_tui.schema.fields import MISSING
from drio_tui.schema.form import has_secret, to_fields, to_json
from drio_tui.schema.lists import EntriesNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.value_nodes import JsonNode, SecretNode
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.forms.field_widget import FieldWidget
from drio_tui.ui.forms.group_widgets import ListBlock

if TYPE_CHECKING:
    from textual.app import App

_STEPS = {"up": -1, "down": 1, "remove": 0}


class MenuOwner(Protocol):
    """The form, as its menus see it; `SchemaForm` documents the attributes and methods."""

    @property
    def app(self) -> App[Any]: ...

    @property
    def has_invalid_json(self) -> bool: ...

    def move_item(self, field_widget: FieldWidget, step: int) -> None: ...

    def redraw(self, field_widget: FieldWidget, node: Node) -> None: ...

    def discard_json_text(self) -> None: ...

    def action_outside(self) -> None: ...


def open_menu(form: MenuOwner, field_widget: FieldWidget) -> None:
    """Open the menu of a field, if it has any items."""
    items = _menu_items(field_widget)
    if not items:
        return

    def item_chosen(choice: Choice[str] | None) -> None:
        if choice is not None:
            _run_item(form, field_widget, choice.value)

    title = field_widget.node.field.title or "Field"
    form.app.push_screen(SelectDialog(title, items, near=field_widget.region), item_chosen)


def open_json_menu(form: MenuOwner) -> None:
    """Open the menu of the JSON view."""
    items = [Choice("outside", "Edit in $EDITOR")]
    if form.has_invalid_json:
        items.insert(0, Choice("drop", "Forget this text", "back to what the fields hold"))

    def item_chosen(choice: Choice[str] | None) -> None:
        if choice is None:
            return
        if choice.value == "drop":
            form.discard_json_text()
        else:
            form.action_outside()

    form.app.push_screen(SelectDialog("JSON", items), item_chosen)


def _menu_items(field_widget: FieldWidget) -> list[Choice[str]]:
    """Return the menu of a field: only items that would change something."""
    node = field_widget.node
    items: list[Choice[str]] = []
    if isinstance(node, EntriesNode):
        items.append(Choice("add", "Add one"))
    if node.is_changed:
        items.append(Choice("reset", "Reset", "to how it was"))
    value = node.value()
    secret = isinstance(node, SecretNode)
    if (
        not node.field.required
        and (value is not MISSING or secret)
        and not field_widget.is_item
        and node.parent is not None
    ):
        items.append(Choice("clear", "Remove the secret" if secret else "Leave out", "as if it had never been set"))
    if node.field.nullable and value is not None:
        items.append(Choice("null", "Set to null"))
    if isinstance(node, JsonNode):
        if node.field.kind != "json" and not node.too_long:
            items.append(Choice("fields", "Edit in fields"))
    elif not has_secret(node) and node.parent is not None:
        items.append(Choice("json", "Edit as JSON"))
    enclosing = _enclosing_item(field_widget)
    if enclosing is not None:
        what = "this" if enclosing is field_widget else "the whole item"
        items += [
            Choice("up", f"Move {what} up", "Alt+↑"),
            Choice("down", f"Move {what} down", "Alt+↓"),
            Choice("remove", f"Remove {what}"),
        ]
    return items


def _run_item(form: MenuOwner, field_widget: FieldWidget, item: str) -> None:
    """Run an item of `_menu_items`."""
    node = field_widget.node
    if item in _STEPS:
        form.move_item(field_widget, _STEPS[item])
        return
    if item == "add":
        if isinstance(field_widget, ListBlock):
            field_widget.add()
        return
    match item:
        case "reset":
            node.reset()
        case "clear":
            node.clear()
        case "null":
            node.set_null()
        case "json":
            node = to_json(node)
        case "fields" if isinstance(node, JsonNode):
            node = to_fields(node)
    form.redraw(field_widget, node)


def _enclosing_item(field_widget: FieldWidget) -> FieldWidget | None:
    """Return the widget, or its nearest ancestor, that is an item of a list or map."""
    node: Node | None = field_widget.node
    if field_widget.is_item:
        return field_widget
    while node is not None and not isinstance(node.parent, EntriesNode):
        node = node.parent
    if node is None:
        return None
    return next(
        (
            ancestor
            for ancestor in field_widget.ancestors
            if isinstance(ancestor, FieldWidget) and ancestor.node is node
        ),
        None,
    )
