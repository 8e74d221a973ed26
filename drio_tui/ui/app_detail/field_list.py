"""The content of the Fields tab for a node of the tree, as blocks of a document.

Properties are in the order of the API: plain ones first, then ids, then each object as a separate group. Unknown
properties are shown like the others. Nothing is left out but what the JSON tab shows better.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from textual.content import Content

from drio_tui import contrast
from drio_tui.kinds import KINDS
from drio_tui.ui.app_detail.config_tree import SYMBOLS
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import TONES, badge, label_of, scalar, schema_lines, severity_mark, swatch
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.model.status_tone import tone_of
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

_HEADING = "bold $text-primary"
_LABEL = "$foreground-muted"
_ID_PROPERTIES = frozenset({"id", "appId", "publicMcpId", "key", "schemaHash", "schemaHashAtBindTime"})
_ENUM_PROPERTIES = frozenset(
    {"kind", "primitive", "displayMode", "visibility", "type", "trigger", "callMode", "borderRadius", "density"}
)
_LIST_MAX = 40
_CHILDREN_MAX = 500


def blocks_of(node: TreeNode, outline: TreeModel) -> list[Block]:
    """Return the blocks for a node: title, problems, properties or children."""
    return [*_title(node, outline), *_problems(node, outline), *_body(node, outline)]


def _title(node: TreeNode, outline: TreeModel) -> Iterator[Block]:
    resource = outline.snapshot.at(node.about) if node.about else None
    kind = _kind_name(node)
    name = resource.name if resource is not None and node.kind in (*KINDS, "provider", "link") else node.title
    symbol = SYMBOLS.get(node.kind, "")
    state = badge(node.badge, node.tone) if node.badge else Content()
    line = Content.assemble((f"{symbol} " if symbol else "", "$text-primary"), sanitize_line(name, 300, "bold"))
    yield Heading(line, Content.assemble((kind, _LABEL), "  " if state else "", state))
    description = resource.text("description") if resource is not None and node.kind in KINDS else ""
    if description.strip():
        yield Paragraph(sanitize(description[:4000], multiline=True))


def _kind_name(node: TreeNode) -> str:
    if node.kind == "link":
        return "next in the chain"
    if node.kind in KINDS:
        return KINDS[node.kind].title.lower()
    return {"group": "", "branding": "of the app", "member": "of the config", "failed": "not read"}.get(
        node.kind, node.kind
    )


def _problems(node: TreeNode, outline: TreeModel) -> Iterator[Block]:
    diagnostics = outline.problems_of(node)
    if diagnostics:
        yield Gap()
    for diagnostic in diagnostics:
        style = "$text-error" if diagnostic.severity == "error" else "$text-warning"
        yield Paragraph(sanitize_line(diagnostic.message, 2000, style), severity_mark(diagnostic.severity))


def _body(node: TreeNode, outline: TreeModel) -> Iterator[Block]:
    resource = outline.snapshot.at(node.about) if node.about else None
    match node.kind:
        case "group":
            yield from _children(node, "Nothing here yet.")
        case "failed":
            yield Gap()
            yield Paragraph(sanitize(node.title, multiline=True))
            yield Paragraph(Content.styled("Press r to read it again.", _LABEL))
        case "pending":
            yield Gap()
            yield Paragraph(Content.styled("Loading…", _LABEL))
        case "branding":
            yield from _branding(node.value)
        case "binding":
            if node.value is None or resource is None:
                yield from _not_bound()
            else:
                yield from _property_blocks({"binding": node.value}, _references(resource, outline))
        case "chain":
            yield from _children(node, "")
        case "action" | "member":
            value = node.value if isinstance(node.value, Mapping) else {node.title: node.value}
            yield Gap()
            references = _references(resource, outline) if resource is not None else {}
            prefix = f"actions[{node.key[-1]}]."
            yield from _property_blocks(
                value, {path.removeprefix(prefix): content for path, content in references.items()}
            )
        case "deleted":
            yield Gap()
            text = "It was deleted in drio by someone else. This is what it was:"
            yield Paragraph(Content.styled(text, "$text-error"))
            yield Gap()
            yield from _property_blocks(node.value if isinstance(node.value, Mapping) else {}, {})
        case _ if resource is None:
            yield Gap()
            text = "It is referred to, but it is not there." if node.target else "Loading…"
            if node.errors:
                text = "Press r to read it again."
            yield Paragraph(Content.styled(text, _LABEL))
        case _:
            yield from _resource(resource, outline)


def _not_bound() -> Iterator[Block]:
    yield Gap()
    yield Paragraph(Content.styled("The tool is bound to no operation: calling it does nothing.", _LABEL))


def _resource(resource: Resource, outline: TreeModel) -> Iterator[Block]:
    if not isinstance(resource.raw, Mapping):
        yield Gap()
        yield Paragraph(scalar(resource.raw))
        return
    yield Gap()
    yield from _property_blocks(resource.raw, _references(resource, outline), top=True)


def _references(resource: Resource, outline: TreeModel) -> dict[str, Content]:
    """Return what is shown for each property that refers to a resource: its name, or a mark that it does not exist."""
    contents: dict[str, Content] = {}
    for link in outline.links.uses(resource.key):
        target = outline.snapshot.resource(*link.target)
        symbol = SYMBOLS.get(link.target[0], "→")
        if target is None:
            tail = "  not there" if link.broken else ""
            contents[link.path] = Content.assemble(
                sanitize_line(link.target[1], 200, "$text-error" if link.broken else ""), (tail, "$text-error")
            )
        else:
            contents[link.path] = Content.assemble(
                (f"{symbol} ", "$text-accent"),
                sanitize_line(target.name, 200),
                "  ",
                sanitize_line(target.id, 60, _LABEL),
            )
    return contents


def _property_blocks(
    raw: Mapping[str, Any], references: Mapping[str, Content] | None = None, *, top: bool = False
) -> Iterator[Block]:
    """Yield the properties of an object: plain ones, ids after them, then objects and lists of objects as groups."""
    references = references or {}
    plain: list[tuple[str, Any]] = []
    ids: list[tuple[str, Any]] = []
    groups: list[tuple[str, Any]] = []
    for name, value in raw.items():
        if top and name in ("name", "description"):
            continue
        if _is_group(value):
            groups.append((name, value))
        else:
            (ids if top and name in _ID_PROPERTIES else plain).append((name, value))
    if not top or raw.get("name") is None or not isinstance(raw.get("name"), str):
        plain = [(name, raw[name]) for name in ("name",) if top and name in raw] + plain
    for name, value in (*plain, *ids):
        label = label_of(name)
        if name in references:  # then the name is shown, not the id
            label = label.removesuffix(" ID")
        yield Field(sanitize_line(label, 40, _LABEL), _value(name, value, name, references))
    for name, value in groups:
        yield from _group_blocks(name, value, references)


def _is_group(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _value(name: str, value: Any, path: str, references: Mapping[str, Content]) -> Content:
    if path in references:
        return references[path]
    if isinstance(value, list):
        return _list(value, path, references)
    if isinstance(value, Mapping):
        return Content.styled("{}", _LABEL) if not value else sanitize_line(_compact(value), 400)
    if isinstance(value, str) and value and (name == "status" or name in _ENUM_PROPERTIES):
        return badge(value, tone_of(value)) if name == "status" else sanitize_line(value, 200, "$text-accent")
    return scalar(value, name)


def _list(values: list[Any], path: str, references: Mapping[str, Content]) -> Content:
    if not values:
        return Content.styled("none", f"{_LABEL} italic")
    contents = [
        references.get(f"{path}[{number}]")
        or (scalar(item) if not isinstance(item, list) else sanitize_line(_compact(item)))
        for number, item in enumerate(values[:_LIST_MAX])
    ]
    if len(values) > _LIST_MAX:
        contents.append(Content.styled(f"… and {len(values) - _LIST_MAX} more", _LABEL))
    return Content("\n").join(contents)


def _group_blocks(path: str, value: Any, references: Mapping[str, Content], depth: int = 0) -> Iterator[Block]:
    """Yield an object or a list of objects under a heading. Below the second level objects are shown as JSON."""
    name = path.rpartition(".")[2]
    yield Heading(sanitize_line(label_of(name), 60, _HEADING))
    if isinstance(value, list):
        for number, item in enumerate(value[:_LIST_MAX]):
            mark = Content.styled(f"{number + 1}", _LABEL)
            yield Entry(mark, _summary(item, f"{path}[{number}]", references))
        if len(value) > _LIST_MAX:
            yield Paragraph(Content.styled(f"… and {len(value) - _LIST_MAX} more: see JSON", _LABEL))
        return
    if name.lower().endswith("schema") and ("properties" in value or "type" in value):
        if isinstance(value.get("description"), str):
            yield Paragraph(sanitize_line(value["description"], 1000, _LABEL))
        for line in schema_lines(value):
            yield Paragraph(line)
        return
    if name == "branding":
        yield from _branding_fields(value)
        return
    inner: list[tuple[str, Any]] = []
    for key, item in value.items():
        if _is_group(item) and depth < 2:
            inner.append((key, item))
            continue
        label = label_of(key) if name not in ("fieldMappings", "headers") else key
        yield Field(sanitize_line(label, 40, _LABEL), _value(key, item, f"{path}.{key}", references))
    for key, item in inner:
        yield from _group_blocks(f"{path}.{key}", item, references, depth + 1)


def _summary(item: Any, path: str, references: Mapping[str, Content]) -> Content:
    """Return the properties of an object in a list, one per line: `trigger row.select`, `type callTool`, …"""
    if not isinstance(item, Mapping):
        return scalar(item)
    parts: list[Content] = []
    for name, value in item.items():
        if value is None or value == "":
            continue
        content = references.get(f"{path}.{name}")
        if content is None:
            content = sanitize_line(value, 120) if isinstance(value, str) else sanitize_line(_compact(value), 120)
        parts.append(Content.assemble(sanitize_line(label_of(name).lower(), 40, _LABEL), " ", content))
    return Content("\n").join(parts) if parts else Content.styled("{}", _LABEL)


def _children(node: TreeNode, empty: str) -> Iterator[Block]:
    yield Gap()
    for child in node.children[:_CHILDREN_MAX]:
        if child.kind == "pending":
            yield Paragraph(Content.styled("Loading…", _LABEL))
            continue
        sign = "✗ " if child.errors or child.errors_below else "▲ " if child.warnings or child.warnings_below else ""
        yield _child_entry(child.kind, child.title, sign, child.note, child.badge, child.tone)
    if len(node.children) > _CHILDREN_MAX:
        yield Paragraph(Content.styled(f"… and {len(node.children) - _CHILDREN_MAX:,} more: see the tree", _LABEL))
    if not node.children and empty:
        yield Paragraph(Content.styled(empty, _LABEL))


@lru_cache(_CHILDREN_MAX * 4)
def _child_entry(kind: str, title: str, sign: str, note: str, badge_text: str, tone: str) -> Entry:
    return Entry(
        Content.styled(SYMBOLS.get(kind) or "·", _LABEL),
        sanitize_line(title, 200),
        Content.assemble(
            (sign, "$text-error" if sign == "✗ " else "$text-warning"),
            sanitize_line(note, 120, _LABEL),
            "  " if note and badge_text else "",
            sanitize_line(badge_text, 40, TONES[tone]),
        ),
    )


def _branding(value: Any) -> Iterator[Block]:
    yield Gap()
    if not isinstance(value, Mapping):
        yield Paragraph(Content.styled("The app has no branding: clients use their own.", _LABEL))
        return
    yield from _branding_fields(value)
    background = value.get("backgroundColor")
    for name in ("primaryColor", "accentColor"):
        colour = value.get(name)
        if contrast.is_colour(colour) and contrast.is_colour(background):
            text = f"{label_of(name)} on the background"
            yield Field(sanitize_line(text, 40, _LABEL), sanitize_line(contrast.contrast_text(colour, background)))


def _branding_fields(value: Mapping[str, Any]) -> Iterator[Block]:
    for name, item in value.items():
        content = scalar(item, name)
        if name.endswith("Color") and isinstance(item, str) and not contrast.is_colour(item):
            content = Content.assemble(swatch(item), " ", sanitize_line(item, 200), ("  not a colour", "$text-warning"))
        yield Field(sanitize_line(label_of(name), 40, _LABEL), content)


def _compact(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:2000]
