"""Changes values in the text of a YAML or JSON file without touching the rest of it.

Only the characters of values that differ are replaced, so that comments, order, quotes and layout of everything else
stay as the author wrote them. The result is read again before it is returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from drio_tui.api import json_codec, yaml_reader, yaml_writer
from drio_tui.api.json_values import same_json
from drio_tui.manifest.syntax_tree import (
    Node,
    column_of,
    is_merge_key,
    json_tree,
    layout_of,
    line_end,
    parsed,
    yaml_tree,
)
from drio_tui.schema.fields import MISSING

_FLOW_WIDTH = 110
"""A longer object is not written in braces, unless it is inside of some."""


class CannotEdit(Exception):
    """The text cannot be changed so that it has the value; the message is a sentence."""


class _WholeValue(Exception):
    """The parts of a value cannot be changed one by one."""


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a value is in: `key` is its name in an object; `column` that of the name or of the dash, -1 at the top."""

    column: int = -1
    key: Node | None = None
    is_flow: bool = False


def edited(text: str, value: Any, *, is_json: bool = False) -> str:
    """Return the text of a file changed so that its value is `value`. Raises `CannotEdit`."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    try:
        before = parsed(text, is_json=is_json)
        if same_json(before, value):
            return mark + text
        if before is None:
            raise CannotEdit("It is empty.")
        root = json_tree(text) if is_json else yaml_tree(text)
        result = _Editor(text, root, is_json).run(before, value)
        if same_json(parsed(result, is_json=is_json), value):
            return mark + result
    except (_WholeValue, yaml_reader.YamlError, yaml_writer.NotYaml, ValueError) as error:
        raise CannotEdit(f"It is written in a way that cannot be changed ({error}).") from None
    raise CannotEdit("It is written in a way that cannot be changed without changing other values.")


class _Editor:
    """The changes of one text."""

    def __init__(self, text: str, root: Node, is_json: bool) -> None:
        self.text = text
        self.root = root
        self.is_json = is_json
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.layout = yaml_writer.Layout() if is_json else layout_of(root, text)
        self.is_spaced = "{ " in text or not re.search(r"\{[^\s}]", text)
        self.replacements: list[tuple[int, int, str]] = []
        self.new_of_anchor: dict[int, Any] = {}
        self.anchors_change = False

    def run(self, old: Any, new: Any) -> str:
        """Return the changed text."""
        self._find_anchors(self.root, old, new)
        self._change(self.root, old, new, _Parent(is_flow=self.is_json))
        parts: list[str] = []
        position = 0
        for start, end, replacement in sorted(self.replacements, key=lambda edit: edit[:2]):
            if start < position:
                raise _WholeValue("two changes overlap")
            parts += (self.text[position:start], replacement.replace("\n", self.newline))
            position = end
        return "".join([*parts, self.text[position:]])

    def _replace(self, start: int, end: int, text: str) -> None:
        self.replacements.append((start, end, text))

    def _find_anchors(self, node: Node, old: Any, new: Any) -> None:
        """Note the new value of every node that has an anchor: its aliases have that value too."""
        if node.anchor:
            self.new_of_anchor[id(node)] = new
            self.anchors_change = self.anchors_change or not same_json(old, new)
        if node.kind == "mapping" and isinstance(old, dict):
            for key, value in node.pairs:
                inner = new.get(key.text, MISSING) if isinstance(new, dict) else MISSING
                self._find_anchors(value, old.get(key.text), inner)
        elif node.kind == "sequence" and isinstance(old, list):
            pairs = dict(_aligned(old, new)) if isinstance(new, list) else {}
            for index, item in enumerate(node.items):
                to = pairs.get(index)
                self._find_anchors(item, old[index], MISSING if to is None else new[to])

    def _change(self, node: Node, old: Any, new: Any, parent: _Parent) -> None:
        """Change a node from the value `old` to `new`."""
        if node.kind == "alias":
            if not same_json(self.new_of_anchor.get(id(node.target), old), new):
                self._write(node, new, parent)
            return
        if same_json(old, new) and not self.anchors_change:
            return
        mark = len(self.replacements)
        try:
            if node.kind == "mapping" and isinstance(new, dict) and new and node.order:
                self._change_mapping(node, old, new)
            elif node.kind == "sequence" and isinstance(new, list) and new and node.items:
                self._change_sequence(node, old, new)
            elif not same_json(old, new):
                self._write(node, new, parent)
        except _WholeValue:
            del self.replacements[mark:]
            self._write(node, new, parent)

    # --- objects and lists -------------------------------------------------------------------------

    def _change_mapping(self, node: Node, old: dict[str, Any], new: dict[str, Any]) -> None:
        own = {key.text for key, _ in node.pairs}
        inherited = self._inherited(node)
        if (own.isdisjoint(new) and not node.merges) or any(
            name in inherited and name not in new for name in inherited
        ):
            raise _WholeValue("all properties are others")
        kept = [key.text in new or is_merge_key(key) for key, _ in node.order]
        spans = [(key.start, value.end) for key, value in node.order]
        if any(key.text in inherited for (key, _), is_kept in zip(node.order, kept, strict=True) if not is_kept):
            raise _WholeValue("a property has another value behind it")
        self._remove(node, spans, kept)
        for key, value in node.pairs:
            if key.text in new:
                parent = _Parent(column_of(self.text, key.start), key, node.is_flow)
                self._change(value, old[key.text], new[key.text], parent)
        added = [
            (name, value)
            for name, value in new.items()
            if name not in own and not (name in inherited and same_json(inherited[name], value))
        ]
        if not added:
            return
        if node.is_flow:
            self._insert_in_flow(node, spans, kept, [self._flow_property(node, name, value) for name, value in added])
            return
        column = column_of(self.text, node.order[0][0].start)
        lines = [line for name, value in added for line in yaml_writer.property_lines(name, value, self.layout)]
        self._insert_lines(spans[-1][1], lines, column)

    def _inherited(self, node: Node) -> dict[str, Any]:
        """Return the new values of the properties that an object has from its merge keys."""
        inherited: dict[str, Any] = {}
        for merge in reversed(node.merges):
            for part in reversed(merge.items if merge.kind == "sequence" else [merge]):
                target = part.target if part.kind == "alias" else None
                value = self.new_of_anchor.get(id(target), MISSING)
                if not isinstance(value, dict):
                    raise _WholeValue("a merge key has no anchor")
                inherited |= value
        return inherited

    def _change_sequence(self, node: Node, old: list[Any], new: list[Any]) -> None:
        pairs = _aligned(old, new)
        target = {at: to for at, to in pairs if at is not None and to is not None}
        if not target:
            raise _WholeValue("all items are others")
        kept = [index in target for index in range(len(old))]
        dashes = [item.start if node.is_flow else self._dash(item) for item in node.items]
        spans = [(dash, max(dash + 1, item.end)) for dash, item in zip(dashes, node.items, strict=True)]
        self._remove(node, spans, kept)
        for index, new_index in target.items():
            column = -1 if node.is_flow else column_of(self.text, dashes[index])
            self._change(node.items[index], old[index], new[new_index], _Parent(column, None, node.is_flow))
        after = -1
        for at, to in pairs:
            if at is not None:
                after = at
            elif to is not None:
                self._insert_item(node, spans, kept, after, new[to])

    def _insert_item(self, node: Node, spans: list[tuple[int, int]], kept: list[bool], after: int, value: Any) -> None:
        """Insert an item behind the one with the index `after`, or before all if that is -1."""
        if node.is_flow:
            if after == -1:
                self._replace(spans[0][0], spans[0][0], f"{self._new_flow_text(node, value)}, ")
            else:
                self._insert_in_flow(node, spans[: after + 1], kept[: after + 1], [self._new_flow_text(node, value)])
            return
        column = column_of(self.text, spans[0][0])
        lines = list(yaml_writer.item_lines(value, self.layout))
        if after >= 0:
            self._insert_lines(spans[after][1], lines, column)
        else:
            start = self._line_of(spans[0][0])
            self._replace(start, start, "".join(f"{' ' * column}{line}".rstrip(" ") + "\n" for line in lines))

    def _dash(self, item: Node) -> int:
        """Return the index of the dash of an item in a block."""
        before = self.text[: item.start].rstrip()
        if not before.endswith("-"):
            raise _WholeValue("a dash is far from its item")
        return len(before) - 1

    def _line_of(self, index: int) -> int:
        """Return the start of the line of `index`, which has to be the first in it that is no space."""
        start = self.text.rfind("\n", 0, index) + 1
        if self.text[start:index].strip(" "):
            raise _WholeValue("several values begin in one line")
        return start

    def _remove(self, node: Node, spans: list[tuple[int, int]], kept: list[bool]) -> None:
        """Remove the properties or items that are not kept; at least one is, or is inserted."""
        index = 0
        while index < len(spans):
            if kept[index]:
                index += 1
                continue
            end = index
            while end < len(spans) and not kept[end]:
                end += 1
            start, last = spans[index][0], spans[end - 1][1]
            if node.is_flow:
                if end < len(spans):
                    self._replace(start, spans[end][0], "")
                elif index:
                    self._replace(spans[index - 1][1], last, "")
                else:
                    raise _WholeValue("nothing is kept")
            elif self.text[self.text.rfind("\n", 0, start) + 1 : start].strip(" "):
                if end == len(spans) or node.kind == "sequence":
                    raise _WholeValue("several values begin in one line")
                self._replace(start, spans[end][0], "")
            else:
                for one_start, one_end in spans[index:end]:
                    self._replace(self._line_of(one_start), line_end(self.text, one_end), "")
            index = end

    def _insert_lines(self, after: int, lines: list[str], column: int) -> None:
        """Insert lines behind the line of the index `after`."""
        self._insert_text(line_end(self.text, after), [f"{' ' * column}{line}" if line else "" for line in lines])

    def _insert_text(self, position: int, lines: list[str]) -> None:
        if position and self.text[position - 1] != "\n":  # the last line has no line break
            self._replace(position, position, "\n" + "\n".join(lines))
        else:
            self._replace(position, position, "".join(f"{line}\n" for line in lines))

    def _insert_in_flow(self, node: Node, spans: list[tuple[int, int]], kept: list[bool], parts: list[str]) -> None:
        """Insert properties or items behind the last one that is kept, in lines if that is in its own line."""
        last = max((index for index, is_kept in enumerate(kept) if is_kept), default=-1)
        if last < 0:
            raise _WholeValue("nothing is kept")
        start, end = spans[last]
        line_start = self.text.rfind("\n", 0, start) + 1
        indent = self.text[line_start:start]
        rest = self.text[spans[-1][1] : node.end - 1]
        if rest.lstrip().startswith(","):
            raise _WholeValue("a comma is behind the last value")
        if indent.strip() or not line_start or "\n" not in rest:
            self._replace(end, end, "".join(f", {part}" for part in parts))
            return
        comment = re.match(r"[ \t]*(?:#[^\n]*)?(?=\r?\n)", self.text[end:]) if last == len(spans) - 1 else None
        at = end + comment.end() if comment and not self.is_json else end
        inserted = ",".join(f"\n{indent}{part}" for part in parts)
        if at == end:
            self._replace(end, end, f",{inserted}")
        else:
            self._replace(end, end, ",")
            self._replace(at, at, inserted)

    # --- values ------------------------------------------------------------------------------------

    def _flow_property(self, node: Node, name: str, value: Any) -> str:
        key = _json(name) if self.is_json else yaml_writer.flow(name)
        return f"{key}: {self._new_flow_text(node, value)}"

    def _new_flow_text(self, node: Node, value: Any) -> str:
        """Return a value that is inserted into `node`, in braces or brackets."""
        if not self.is_json:
            return yaml_writer.flow(value, spaced=self.is_spaced)
        if "\n" not in self.text[node.start : node.end]:
            return _json(value)
        return self._json_lines(value, self._indent_of_line(node.start) + self._json_step())

    def _flow_text(self, node: Node, value: Any) -> str:
        """Return a value that replaces `node`, which is in braces or brackets."""
        if not self.is_json:
            if isinstance(value, dict | list):
                return yaml_writer.flow(value, spaced=self.is_spaced)
            style = node.style if node.style in ("'", '"') else ""
            return yaml_writer.scalar(value, style=style, in_flow=True)
        line = self.text[self.text.rfind("\n", 0, node.start) + 1 : node.start]
        is_on_own_line = bool(re.fullmatch(r'[ \t]+(?:"(?:[^"\\]|\\.)*"[ \t]*:[ \t]*)?', line))
        if is_on_own_line or "\n" in self.text[node.start : node.end]:
            return self._json_lines(value, self._indent_of_line(node.start))
        return _json(value)

    def _json_lines(self, value: Any, indent: str) -> str:
        """Return JSON on several lines if it is an object or list; `indent` is that of its last line."""
        first, *rest = json_codec.for_display(json_codec.dumps(value, indent=1)).split("\n")
        step = self._json_step()
        texts = (f"{indent}{step * (len(line) - len(line.lstrip(' ')))}{line.lstrip(' ')}" for line in rest)
        return "\n".join([first, *texts])

    def _json_step(self) -> str:
        match = re.search(r"\n([ \t]+)", self.text)
        return match[1] if match else "  "

    def _indent_of_line(self, index: int) -> str:
        match = re.compile(r"[ \t]*").match(self.text, self.text.rfind("\n", 0, index) + 1)
        return match[0] if match else ""

    def _write(self, node: Node, value: Any, parent: _Parent) -> None:
        """Replace the text of a whole value."""
        prefix = f"&{node.anchor} " if node.anchor else ""
        if parent.is_flow:
            space = " " if node.start == node.end else ""
            self._replace(node.start, node.end, f"{space}{prefix}{self._flow_text(node, value)}")
            return
        lines = self._value_lines(node, value, parent)
        comment = self._header_comment(node)
        if parent.key is None:
            self._write_item(node, prefix, lines, parent, comment)
            return
        is_block_collection = node.kind in ("mapping", "sequence") and not node.is_flow
        first = f"{prefix}{lines[0]}".rstrip()
        start = self._after_colon(parent.key) if is_block_collection or not first else node.start
        space = " " if first and (is_block_collection or node.start == node.end) else ""
        if is_block_collection or node.style in ("|", ">") or len(lines) == 1:
            self._replace(start, node.end, "\n".join([f"{space}{first}{comment}", *lines[1:]]))
        else:  # a comment behind the value stays in its line
            self._replace(start, node.end, f"{space}{first}")
            self._insert_text(line_end(self.text, node.end), lines[1:])

    def _write_item(self, node: Node, prefix: str, lines: list[str], parent: _Parent, comment: str) -> None:
        """Replace a value that follows a dash, or the whole document."""
        space = " " if parent.column >= 0 and node.start == node.end else ""
        first, *rest = lines if lines[0] else [lines[1].strip(" "), *lines[2:]]
        self._replace(node.start, node.end, "\n".join([f"{space}{prefix}{first}{comment}", *rest]))

    def _value_lines(self, node: Node, value: Any, parent: _Parent) -> list[str]:
        """Return the lines of a value in a block: what follows the colon or dash, and lines with their indentation."""
        if isinstance(value, dict | list) and value:
            text = yaml_writer.flow(value, spaced=self.is_spaced)
            if node.is_flow and len(text) < _FLOW_WIDTH:
                return [text]
            step = self.layout.object_indent if isinstance(value, dict) else self.layout.list_indent
            column = parent.column + (step if parent.key is not None else 2 if parent.column >= 0 else 1)
            lines = yaml_writer.block_lines(value, self.layout)
            return ["", *(f"{' ' * column}{line}" if line else "" for line in lines)]
        if isinstance(value, str) and yaml_writer.is_block_text(value):
            column = parent.column + max(2 if parent.key is None else self.layout.object_indent, 1)
            lines = iter(yaml_writer.block_text_lines(value))
            return [
                yaml_writer.block_header(value),
                *(f"{' ' * column}{line}" if line else "" for line in lines),
            ]
        return [yaml_writer.scalar(value, style=node.style if node.style in ("'", '"') else "")]

    def _after_colon(self, key: Node) -> int:
        colon = self.text.find(":", key.end)
        if self.text[key.end : colon].strip():
            raise _WholeValue("a colon is far from its name")
        return colon + 1

    def _header_comment(self, node: Node) -> str:
        """Return the comment in the first line of a block scalar, with the spaces before it."""
        if node.style not in ("|", ">"):
            return ""
        match = re.match(r"[|>][-+0-9]*([ \t]+#[^\r\n]*)?", self.text[node.start :])
        return (match[1] or "") if match else ""


def _json(value: Any) -> str:
    text = json_codec.dumps(value, indent=None)
    if isinstance(value, dict | list) and value:
        text = re.sub(r'("(?:[^"\\]|\\.)*")|([:,])', lambda match: match[1] or f"{match[2]} ", text)
    return json_codec.for_display(text)


def _aligned(old: list[Any], new: list[Any]) -> list[tuple[int | None, int | None]]:
    """Return which items of two lists are the same ones: equal, or changed in place; None: there is no such item."""
    before, after = [[_comparable(item) for item in items] for items in (old, new)]
    pairs: list[tuple[int | None, int | None]] = []
    for _, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        common = min(end - start, new_end - new_start)
        pairs += [(start + offset, new_start + offset) for offset in range(common)]
        pairs += [(index, None) for index in range(start + common, end)]
        pairs += [(None, index) for index in range(new_start + common, new_end)]
    return pairs


def _comparable(value: Any) -> str:
    return json_codec.dumps(value)
