"""The table of apps: filtered, sorted by any column; invalid apps are shown with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message

from drio_tui.ui.apps.drift_marks import DriftMark
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import TONES
from drio_tui.workspace.model.search import rank, sort_key
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.model.status_tone import tone_of

if TYPE_CHECKING:
    from drio_tui.wizard.draft import Draft

COLUMNS: tuple[tuple[str, Column], ...] = (
    ("name", Column("Name", min_width=24, rank=-2)),
    ("slug", Column("Slug", min_width=14, rank=2)),
    ("status", Column("Status", 16, min_width=8)),
    ("version", Column("Version", 16, rank=1)),
    ("isEnabled", Column("Enabled", 8, rank=3)),
    ("templateId", Column("Template", 40, min_width=10, rank=4)),
)
"""The properties shown, in order, each with its column. The one that is sorted by is shown before all but the name."""


@dataclass(frozen=True, slots=True)
class Order:
    """The property to sort by, and the direction.

    With an empty name those come first that were opened or changed last, then the others in the server's order.
    """

    name: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class _KeptRow:
    """The row of an app, what it was made of, and the text in which a filter searches."""

    app: Resource
    mark: DriftMark | None
    is_changed: bool
    text: str
    row: Row


class AppTable(RowList):
    """One row per app, with its id as the key."""

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(*(column for _, column in COLUMNS), id=id)
        self._kept: dict[str, _KeptRow] = {}

    def show_apps(
        self,
        apps: Sequence[Resource],
        query: str,
        order: Order,
        drafts: Sequence[Draft] = (),
        marks: Mapping[str, DriftMark] | None = None,
        recent: Mapping[str, float] | None = None,
        changed: Collection[str] = (),
    ) -> int:
        """Show the drafts that match, below them the apps that match, sorted; return the number of rows.

        `marks` are those of apps that were compared with their documents, by id. `recent` says when apps were opened or
        changed last, `changed` which ones others have changed since the user looked at them.
        """
        shown_drafts = [draft for draft in drafts if rank(query, draft.name, f"draft {draft.template_id}") is not None]
        marks = marks or {}
        kept = [self._row_of(app, marks.get(app.id), app.id in changed) for app in apps]
        self._kept = {one.app.id: one for one in kept}
        shown_apps = [one for one in kept if rank(query, one.app.name, one.text) is not None]
        if order.name:
            shown_apps.sort(key=lambda one: sort_key(one.app.get(order.name)), reverse=order.descending)
        elif recent:
            shown_apps.sort(key=lambda one: recent.get(one.app.id, 0.0), reverse=True)
        arrow = "▼" if order.descending else "▲"
        self._columns = tuple(
            replace(column, title=f"{column.title} {arrow}", rank=min(-1, column.rank)) if name == order.name
            else column
            for name, column in COLUMNS
        )  # fmt: skip
        rows = [Row(draft_key(draft), _draft_cells(draft)) for draft in shown_drafts]
        self.show([*rows, *(one.row for one in shown_apps)])
        return len(shown_drafts) + len(shown_apps)

    def _row_of(self, app: Resource, mark: DriftMark | None, is_changed: bool) -> _KeptRow:
        """Return the row of an app, the same as before unless something of it has changed."""
        kept = self._kept.get(app.id)
        if kept is None or kept.app is not app or kept.mark != mark or kept.is_changed != is_changed:
            text = kept.text if kept is not None and kept.app is app else _searchable_text(app)
            kept = _KeptRow(app, mark, is_changed, text, Row(app.id, _cells(app, mark, is_changed)))
        return kept

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


def _cells(app: Resource, mark: DriftMark | None, is_changed: bool) -> tuple[Content, ...]:
    name = sanitize_line(app.name, 200)
    if is_changed:
        name = Content.assemble(("~ ", "bold $text-accent"), name)
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
