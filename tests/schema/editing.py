"""Making models, and editing them as a person would."""

from __future__ import annotations

from typing import Any

from drio_tui.api import models
from drio_tui.schema.fields import Hints, Reader
from drio_tui.schema.form import FormModel
from drio_tui.schema.leaves import JsonNode, Leaf, SecretLeaf
from drio_tui.schema.lists import ArrayNode, MapNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.objects import ChoiceNode


def form(schema: Any, base: dict[str, Any] | None = None, *, hints: Hints | None = None) -> FormModel:
    return FormModel(Reader(schema, hints).field(schema), base)


def form_of(model: str, base: dict[str, Any] | None = None) -> FormModel:
    kind: type[models.ApiModel] = getattr(models, model)
    return form(kind.model_json_schema(by_alias=True), base)


def at(model: FormModel, path: str) -> Node:
    node, rest = model.nearest(path)
    assert not rest, f"there is no {path}: {rest} is left"
    return node


def type_into(model: FormModel, path: str, text: str) -> None:
    node = at(model, path)
    if isinstance(node, ChoiceNode):
        assert node.body is not None
        node = node.body
    assert isinstance(node, Leaf | SecretLeaf | JsonNode)
    node.set_text(text)


def edit_somehow(node: Node, text: str) -> None:
    """One edit of the kind the node allows."""
    if isinstance(node, Leaf | SecretLeaf | JsonNode):
        node.set_text(text)
    elif isinstance(node, ArrayNode | MapNode):
        node.add()
    elif isinstance(node, ChoiceNode):
        node.choose(len(text) % len(node.field.variants))
    else:
        node.clear()
