"""Helpers that create form models and edit them."""

from __future__ import annotations

from typing import Any

from drio_tui.api import models
from drio_tui.api.model_types import ApiModel
from drio_tui.schema.fields import SchemaOverlay, SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.schema.lists import EntriesNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.objects import ChoiceNode
from drio_tui.schema.value_nodes import JsonNode, ScalarNode, SecretNode


def form(schema: Any, base: dict[str, Any] | None = None, *, hints: SchemaOverlay | None = None) -> FormModel:
    """Return the form of a schema."""
    return FormModel(SchemaReader(schema, hints).field(schema), base)


def form_of(model_name: str, base: dict[str, Any] | None = None) -> FormModel:
    """Return the form of the schema of an API model."""
    model: type[ApiModel] = getattr(models, model_name)
    return form(model.model_json_schema(by_alias=True), base)


def node_at(model: FormModel, path: str) -> Node:
    """Return the node at a dotted path."""
    node, rest = model.nearest_node(path)
    assert not rest, f"there is no {path}: {rest} is left"
    return node


def type_into(model: FormModel, path: str, text: str) -> None:
    """Set the text of the node at a dotted path."""
    node = node_at(model, path)
    if isinstance(node, ChoiceNode):
        assert node.body is not None
        node = node.body
    assert isinstance(node, ScalarNode | SecretNode | JsonNode)
    node.set_text(text)


def edit(node: Node, text: str) -> None:
    """Edit a node in a way that its class allows."""
    if isinstance(node, ScalarNode | SecretNode | JsonNode):
        node.set_text(text)
    elif isinstance(node, EntriesNode):
        node.add()
    elif isinstance(node, ChoiceNode):
        node.choose(len(text) % len(node.field.variants))
    else:
        node.clear()
