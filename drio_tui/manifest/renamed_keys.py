"""Follows in a document what got another key in drio: in the keys of its entries, and in the references to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drio_tui.api import json_codec, yaml_writer
from drio_tui.api.json_values import same_json
from drio_tui.api.yaml_reader import Location
from drio_tui.document_layout import OPERATIONS, ORDER, SECTIONS, ResourceName, entries, references
from drio_tui.manifest.edits import CannotEdit, edited
from drio_tui.manifest.matching import with_item
from drio_tui.manifest.syntax_tree import Node, json_tree, parsed, yaml_tree
from drio_tui.manifest.validation import location_of
from drio_tui.workspace.saving.merge import Object

Keys = Mapping[ResourceName, str]
"""The new keys of resources, without that of the integration, by kind and key in the document."""


def new_name(name: ResourceName, keys: Keys) -> ResourceName:
    """Return the kind and key that a resource has after the renames."""
    kind, key = name
    parent, slash, own = key.rpartition("/")
    parent = keys.get(("integration", parent), parent)
    return kind, f"{parent}{slash}{keys.get(name, own)}"


def with_new_references(value: Any, keys: Keys) -> Any:
    """Return the value of a file, as it is written, with new keys in the references and in `$order`."""
    if not isinstance(value, dict):
        return value
    result = value
    for kind, key, entry in entries(value):
        steps = tuple(map(str, location_of(kind, key)))
        for path, to, target in references(kind, entry):
            new = new_name((to, target), keys)[1]
            if new != target:
                result = with_item(result, (*steps, *path), new)
    tools = result.get("tools")
    if isinstance(tools, dict) and isinstance(order := tools.get(ORDER), list):
        names = [keys.get(("tool", key), key) if isinstance(key, str) else key for key in order]
        result = {**result, "tools": {**tools, ORDER: names}}
    return result


def with_new_keys(value: Any, keys: Keys) -> Any:
    """Return the value of a file with new keys of its entries, in the same order."""
    if not isinstance(value, dict):
        return value
    result: Object = dict(value)
    integrations = result.get("integrations")
    if isinstance(integrations, dict):
        renamed = {key: _with_new_operation_keys(key, entry, keys) for key, entry in integrations.items()}
        result["integrations"] = renamed
    for kind, section in SECTIONS.items():
        if isinstance(found := result.get(section), dict):
            result[section] = {keys.get((kind, key), key): entry for key, entry in found.items()}
    return result


def _with_new_operation_keys(integration: str, entry: Any, keys: Keys) -> Any:
    operations = entry.get(OPERATIONS) if isinstance(entry, dict) else None
    if not isinstance(operations, dict):
        return entry
    renamed = {keys.get(("operation", f"{integration}/{key}"), key): item for key, item in operations.items()}
    return {**entry, OPERATIONS: renamed}


def edited_keys(text: str, keys: Keys, *, is_json: bool) -> str:
    """Return the text of a file with the new keys, all else as it was written. Raises `CannotEdit`."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    before = parsed(text.removeprefix(mark), is_json=is_json)
    text = edited(text, with_new_references(before, keys), is_json=is_json).removeprefix(mark)
    wanted = with_new_keys(parsed(text, is_json=is_json), keys)
    root = json_tree(text) if is_json else yaml_tree(text)
    nodes = [(node, key) for name, key in keys.items() if (node := _key_at(root, location_of(*name))) is not None]
    for node, key in sorted(nodes, key=lambda pair: -pair[0].start):
        written = json_codec.dumps(key) if is_json else yaml_writer.scalar(key, style=node.style)
        text = text[: node.start] + written + text[node.end :]
    if not same_json(parsed(text, is_json=is_json), wanted):
        raise CannotEdit("A key is written in a way that cannot be changed.")
    return mark + text


def _key_at(root: Node, location: Location) -> Node | None:
    """Return the last key on the way to a location, None if it is not in this file."""
    node, found = root, None
    for step in location:
        pair = next(((key, value) for key, value in node.pairs if key.text == step), None)
        if pair is None:
            return None
        found, node = pair
    return found
