"""What can be done with a field beyond typing into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drio_tui.schema.fields import MISSING
from drio_tui.schema.form import has_secret, to_fields, to_json
from drio_tui.schema.leaves import JsonNode, SecretLeaf
from drio_tui.schema.lists import ArrayNode, MapNode
from drio_tui.schema.nodes import Node
from drio_tui.ui.dialogs.select_dialog import Choice
from drio_tui.ui.forms.field_widget import Place
from drio_tui.ui.forms.group_widgets import ListBlock

if TYPE_CHECKING:
    from drio_tui.ui.forms.schema_form import SchemaForm

_STEPS = {"up": -1, "down": 1, "remove": 0}


def deeds(place: Place) -> list[Choice[str]]:
    """The menu of a place, for `do`: only what would change something."""
    node = place.node
    found: list[Choice[str]] = []
    if isinstance(node, ArrayNode | MapNode):
        found.append(Choice("add", "Add one"))
    if node.touched:
        found.append(Choice("reset", "Reset", "to how it was"))
    value = node.value()
    secret = isinstance(node, SecretLeaf)
    if not node.field.required and (value is not MISSING or secret) and not place.is_item and node.parent is not None:
        found.append(Choice("clear", "Remove the secret" if secret else "Leave out", "as if it had never been set"))
    if node.field.nullable and value is not None:
        found.append(Choice("null", "Set to null"))
    if isinstance(node, JsonNode):
        if node.field.kind != "json" and not node.too_long:
            found.append(Choice("fields", "Edit in fields"))
    elif not has_secret(node) and node.parent is not None:
        found.append(Choice("json", "Edit as JSON"))
    item = _item(place)
    if item is not None:
        what = "this" if item is place else "the whole item"
        found += [
            Choice("up", f"Move {what} up", "Alt+↑"),
            Choice("down", f"Move {what} down", "Alt+↓"),
            Choice("remove", f"Remove {what}"),
        ]
    return found


def do(form: SchemaForm, place: Place, deed: str) -> None:
    """Do one of the resources that `deeds` offered."""
    node = place.node
    if deed in _STEPS:
        form.shift(place, _STEPS[deed])
        return
    if deed == "add":
        if isinstance(place, ListBlock):
            place.add()
        return
    match deed:
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
    form.redraw(place, node)


def json_deeds(draft: bool) -> list[Choice[str]]:
    """The menu of the JSON view."""
    found = [Choice("outside", "Edit in $EDITOR")]
    if draft:
        found.insert(0, Choice("drop", "Forget this text", "back to what the fields hold"))
    return found


def do_json(form: SchemaForm, deed: str) -> None:
    """Do one of the resources that `json_deeds` offered."""
    if deed == "drop":
        form.drop_draft()
    else:
        form.action_outside()


def _item(place: Place) -> Place | None:
    """The place, or the nearest one above, that stands in a list."""
    node: Node | None = place.node
    if place.is_item:
        return place
    while node is not None and not isinstance(node.parent, ArrayNode | MapNode):
        node = node.parent
    if node is None:
        return None
    return next((above for above in place.ancestors if isinstance(above, Place) and above.node is node), None)
