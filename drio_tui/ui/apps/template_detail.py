"""The contents of a template, as blocks of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import label_of, method, scalar
from drio_tui.workspace.model.snapshot import Resource

PARTS = (("tools", "tool"), ("widgets", "widget"), ("integrations", "integration"), ("auth", "auth"))
"""The properties of a template that list resources, with their kinds."""

_SHOWN = frozenset({"id", "name", "description", "category", "tags", "branding", *(key for key, _ in PARTS)})
_MUTED = "$foreground-muted"


def is_complete(raw: Any) -> bool:
    """Return whether a template lists its resources; the list of templates may omit them."""
    return isinstance(raw, Mapping) and any(isinstance(raw.get(key), list) for key, _ in PARTS)


def resource_counts(raw: Any) -> str:
    """Return the numbers of a template's resources, like `4 tools, 3 widgets`."""
    if not isinstance(raw, Mapping):
        return ""
    texts = []
    for key, kind in PARTS[:2]:
        parts = raw.get(key)
        if isinstance(parts, list) and parts:
            texts.append(count_of(len(parts), KINDS[kind].title.lower()))
    return ", ".join(texts)


def template_blocks(resource: Resource) -> list[Block]:
    """Return the details of a template."""
    return list(_blocks(resource))


def _blocks(resource: Resource) -> Iterator[Block]:
    yield Heading(
        sanitize_line(resource.name, 200, "bold $text-primary"), sanitize_line(resource.text("category"), 60, _MUTED)
    )
    if resource.reason:
        yield Paragraph(sanitize_line(f"Not as documented: {resource.reason}", 1000, "$text-warning"), Content("▲"))
    if resource.text("description"):
        yield Paragraph(sanitize(resource.text("description")[:4000], multiline=True))
    tags = resource.get("tags")
    if isinstance(tags, list) and tags:
        labels = [sanitize_line(f"#{tag}", 40, "$text-secondary") for tag in tags[:20] if isinstance(tag, str)]
        yield Paragraph(Content("  ").join(labels))
    for key, kind in PARTS:
        parts = resource.get(key)
        if isinstance(parts, list) and parts:
            yield from _part(parts, kind)
    branding = resource.get("branding")
    if isinstance(branding, Mapping) and branding:
        yield Heading(Content.styled("Branding", "bold $text-primary"))
        for name, value in branding.items():
            yield Field(sanitize_line(label_of(name), 40, _MUTED), scalar(value, name))
    more = (
        {name: value for name, value in resource.raw.items() if name not in _SHOWN}
        if isinstance(resource.raw, dict)
        else {}
    )
    if more:
        yield Heading(Content.styled("More", "bold $text-primary"))
        for name, value in more.items():
            yield Field(sanitize_line(label_of(name), 40, _MUTED), scalar(value, name))
    yield Gap()
    yield Paragraph(Content.assemble(("id ", _MUTED), sanitize_line(resource.id, 200, _MUTED)))


def _part(parts: list[Any], kind: str) -> Iterator[Block]:
    title = KINDS[kind].plural
    yield Heading(Content.styled(title, "bold $text-primary"), Content.styled(str(len(parts)), _MUTED))
    symbol = Content.styled(KINDS[kind].symbol, "$text-accent")
    for part in parts[:100]:
        if not isinstance(part, Mapping):
            yield Entry(symbol, scalar(part))
            continue
        names = [part[key] for key in ("name", "key", "id") if isinstance(part.get(key), str) and part[key]]
        notes = [part[key] for key in ("primitive", "providerKey", "baseUrl", "kind") if isinstance(part.get(key), str)]
        description = part.get("description")
        yield Entry(
            symbol,
            sanitize_line(names[0] if names else "(no name)", 200, "bold"),
            sanitize_line(notes[0] if notes else "", 80, _MUTED),
            sanitize_line(description, 2000, _MUTED) if isinstance(description, str) else Content(),
        )
        operations = part.get("operations")
        for operation in operations[:50] if isinstance(operations, list) else ():
            if isinstance(operation, Mapping):
                yield Entry(Content("   "), _operation(operation))
    if len(parts) > 100:
        yield Paragraph(Content.styled(f"… and {len(parts) - 100} more", _MUTED))


def _operation(operation: Mapping[str, Any]) -> Content:
    verb, path, name = operation.get("method"), operation.get("path"), operation.get("name")
    cells: list[Content | str] = []
    if isinstance(verb, str):
        cells += [method(verb), " " * max(1, 7 - len(verb))]
    if isinstance(path, str):
        cells += [sanitize_line(path, 200), "  "]
    if isinstance(name, str):
        cells.append(sanitize_line(name, 200, _MUTED))
    return Content.assemble(*cells)
