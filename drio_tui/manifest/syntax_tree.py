"""The text of a YAML or JSON file as a tree of values with their place in it, for changing single values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api import yaml_reader
from drio_tui.api.yaml_writer import Layout
from drio_tui.manifest.source import JsonNode, json_nodes

Kind = Literal["scalar", "mapping", "sequence", "alias"]


@dataclass(slots=True, eq=False)
class Node:
    """A value in a text, from index `start` to `end`. Comments and blank lines after it are not part of it.

    `text` is the content of a scalar; `style` its quotation mark, or how its block begins (`|`, `>`). `is_flow`: it is
    in braces or brackets. An alias has its `target`. Pairs whose key is a merge key (`<<`) are in `merges`.
    """

    kind: Kind
    start: int
    end: int
    text: str = ""
    style: str = ""
    is_flow: bool = False
    anchor: str = ""
    target: Node | None = None
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    merges: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    order: list[tuple[Node, Node]] = field(default_factory=list)
    """All pairs in the order of the text, with the merge keys."""


def yaml_tree(text: str) -> Node:
    """Return the tree of a YAML document that can be read and is not empty."""
    import yaml

    builder = _Builder(text)
    for event in yaml.parse(text, getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
        builder.add(type(event).__name__, event)
    assert builder.root is not None
    return builder.root


class _Builder:
    """Builds a tree from the events of PyYAML's parser."""

    def __init__(self, text: str) -> None:
        self.root: Node | None = None
        self._text = text
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, list[Node]]] = []
        """The collections that have not ended, each with the nodes in it: keys and values in turn, or items."""

    def add(self, name: str, event: Any) -> None:
        match name:
            case "MappingStartEvent" | "SequenceStartEvent":
                kind: Kind = "mapping" if name == "MappingStartEvent" else "sequence"
                start, end = event.start_mark.index, event.end_mark.index
                node = Node(kind, start, end, is_flow=self._text[end - 1 : end] in ("{", "["))
                self._place(node, event)
                self._open.append((node, []))
            case "MappingEndEvent" | "SequenceEndEvent":
                node, parts = self._open.pop()
                _fill(node, parts)
                if node.is_flow:
                    node.end = event.end_mark.index
                elif parts:
                    node.end = parts[-1].end
            case "ScalarEvent":
                self._place(self._scalar(event), event)
            case "AliasEvent":
                target = self._anchors.get(event.anchor)
                self._place(Node("alias", event.start_mark.index, event.end_mark.index, target=target), None)

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        style = event.style if event.style in ("'", '"', "|", ">") else ""
        if style in ("|", ">"):
            block = self._text[start:end]
            keeps_blank_lines = "+" in block.partition("\n")[0].partition("#")[0]
            end = start + len(block.removesuffix("\n") if keeps_blank_lines else block.rstrip())
        return Node("scalar", start, end, event.value, style)

    def _place(self, node: Node, event: Any) -> None:
        if event is not None and event.anchor:
            node.anchor = event.anchor
            self._anchors[event.anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        else:
            self.root = node


def _fill(node: Node, parts: list[Node]) -> None:
    if node.kind == "sequence":
        node.items = parts
        return
    node.order = list(zip(parts[::2], parts[1::2], strict=True))
    node.pairs = [pair for pair in node.order if not is_merge_key(pair[0])]
    node.merges = [value for key, value in node.order if is_merge_key(key)]


def is_merge_key(key: Node) -> bool:
    """Return whether a key merges the properties of other objects into this one."""
    return key.text == "<<" and not key.style


def json_tree(text: str) -> Node:
    """Return the tree of a JSON text that can be read."""
    return _from_json(json_nodes(text))


def _from_json(json_node: JsonNode) -> Node:
    kind: Kind = "mapping" if json_node.id == "mapping" else "sequence" if json_node.id == "sequence" else "scalar"
    node = Node(kind, json_node.start_mark.index, json_node.end, is_flow=kind != "scalar")
    if kind == "mapping":
        node.pairs = [
            (Node("scalar", key.start_mark.index, key.end, key.value, '"'), _from_json(value))
            for key, value in json_node.value
        ]
        node.order = node.pairs
    elif kind == "sequence":
        node.items = [_from_json(item) for item in json_node.value]
    return node


def layout_of(root: Node, text: str) -> Layout:
    """Return how far most objects and lists of a YAML text are indented."""
    object_steps: Counter[int] = Counter()
    list_steps: Counter[int] = Counter()
    for node in walk(root):
        if node.kind != "mapping" or node.is_flow:
            continue
        for key, value in node.order:
            if value.is_flow or value.kind not in ("mapping", "sequence"):
                continue
            start = value.order[0][0].start if value.order else value.start
            step = column_of(text, start) - column_of(text, key.start)
            (object_steps if value.kind == "mapping" else list_steps)[step] += 1
    object_indent = _commonest(object_steps, 2)
    return Layout(max(1, object_indent), max(0, _commonest(list_steps, object_indent)))


def _commonest(steps: Counter[int], otherwise: int) -> int:
    return steps.most_common(1)[0][0] if steps else otherwise


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything in it."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += [part for pair in node.order for part in pair]
        stack += node.items


def column_of(text: str, index: int) -> int:
    """Return how many characters are before `index` in its line."""
    return index - (text.rfind("\n", 0, index) + 1)


def line_end(text: str, index: int) -> int:
    """Return the index behind the line break of the line of `index`."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def parsed(text: str, *, is_json: bool) -> Any:
    """Return the value of a text. Raises `ValueError`."""
    from drio_tui.api import json_codec

    if is_json:
        return json_codec.loads(text)
    root = yaml_reader.compose(text)
    constructor = yaml_reader.Constructor(1_000_000, parse_float=json_codec.parse_number)
    value = None if root is None else constructor.construct(root)
    if constructor.duplicates:
        raise ValueError("a name occurs twice")
    return value
