"""The table of apps: filtered, sorted by any column; invalid apps are shown with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textual import events
from textual.content import Content
from textual.message import Message

from drio_tui.ui.apps.drift_marks import DriftMark
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import TONES
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.model.tree_model import tone_of

if TYPE_CHECKING:
    from drio_tui.wizard.draft import Draft

COLUMNS: tuple[tuple[str, Column], ...] = (
    ("name", Column("Name", min_width=24)),
    ("slug", Column("Slug", min_width=14, rank=2)),
    ("status", Column("Status", 16, min_width=8)),
    ("version", Column("Version", 16, rank=1)),
    ("isEnabled", Column("Enabled", 8, rank=3)),
    ("templateId", Column("Template", 40, min_width=10, rank=4)),
)
"""The properties shown, in order, each with its column."""


@dataclass(frozen=True, slots=True)
class Order:
    """The property to sort by, and the direction; with an empty name the server's order is kept."""

    name: str = ""
    descending: bool = False


class AppTable(RowList):
    """One row per app, with its id as the key."""

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(*(column for _, column in COLUMNS), id=id)

    def show_apps(
        self,
        apps: Sequence[Resource],
        query: str,
        order: Order,
        drafts: Sequence[Draft] = (),
        marks: Mapping[str, DriftMark] | None = None,
    ) -> int:
        """Show the drafts that match, below them the apps that match, sorted; return the number of rows.

        `marks` are those of apps that were compared with their documents, by id.
        """
        shown_drafts = [draft for draft in drafts if rank(query, draft.name, f"draft {draft.template_id}") is not None]
        shown_apps = [app for app in apps if rank(query, app.name, _searchable_text(app)) is not None]
        if order.name:
            shown_apps.sort(key=lambda app: sort_key(app.get(order.name)), reverse=order.descending)
        arrow = "▼" if order.descending else "▲"
        self._columns = tuple(
            replace(column, title=f"{column.title} {arrow}") if name == order.name else column
            for name, column in COLUMNS
        )
        self.show([*(Row(draft_key(draft), _draft_cells(draft)) for draft in shown_drafts),
                   *(Row(app.id, _cells(app, (marks or {}).get(app.id))) for app in shown_apps)])  # fmt: skip
        return len(shown_drafts) + len(shown_apps)

    def on_click(self, event: events.Click) -> None:
        if event.y:
            super().on_click(event)
            return
        event.prevent_default()
        left = 1
        for (name, _), width in zip(COLUMNS, self._widths(self.scrollable_content_region.width), strict=True):
            if width and left <= event.x < left + width + 2:
                self.post_message(self.HeaderClicked(name))
                return
            left += width + 2 if width else 0


def draft_key(draft: Draft) -> str:
    """Return the key of a draft's row. It contains a space, so that it differs from every app id."""
    return f"draft {draft.id}"


def _draft_cells(draft: Draft) -> tuple[Content, ...]:
    muted = "$foreground-muted"
    name = Content.assemble(("✎ ", "$text-accent"), sanitize_line(draft.name, 200, "italic"))
    progress = "half made" if draft.app else "not made"
    return (
        name,
        sanitize_line(draft.basics.get("slug", ""), 60, muted),
        Content.styled("draft", "$text-warning"),
        Content(),
        Content.styled(progress, muted),
        sanitize_line(draft.template_id, 60, muted),
    )


def sort_key(value: Any) -> tuple[int, list[tuple[int, int, str]]]:
    """Return a sort key for any JSON value: text without regard to case, numbers in it by value, empty values last."""
    if value is None or value == "":
        return 1, []
    text = value if isinstance(value, str) else str(value)[:200]
    parts: list[tuple[int, int, str]] = []
    for digits, word in re.findall(r"([0-9]+)|([^0-9]+)", text[:500].casefold()):
        parts.append((0, int(digits), "") if digits else (1, 0, word))
    return 0, parts


def _cells(app: Resource, mark: DriftMark | None) -> tuple[Content, ...]:
    name = sanitize_line(app.name, 200)
    if mark is not None:
        name = Content.assemble(mark.sign, name)
    if app.reason:
        name = Content.assemble(("▲ ", "$text-warning"), name, "  ", sanitize_line(app.reason, 200, "$text-warning"))
    status = app.text("status")
    enabled = app.get("isEnabled")
    switch = Content()
    if isinstance(enabled, bool):
        switch = Content.styled("✓ on", "$text-success") if enabled else Content.styled("✗ off", "$foreground-muted")
    return (
        name,
        sanitize_line(app.text("slug"), 60, "$foreground-muted"),
        sanitize_line(status, 24, TONES[tone_of(status)]),
        sanitize_line(app.text("version"), 24, "$foreground-muted"),
        switch,
        sanitize_line(app.text("templateId"), 60, "$foreground-muted"),
    )


def _searchable_text(app: Resource) -> str:
    names = ("slug", "status", "version", "templateId", "id", "description", "companyUrl")
    return " ".join(app.text(name)[:300] for name in names)
