"""The dialog that shows suggested mappings, old and new per slot, before they are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.editing.editors.widget_picture import WidgetPicture
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.mapping import one_line_preview
from drio_tui.workspace.run.mapping_suggestions import SlotChange, taken_mappings


class FillSlotsDialog(Dialog[list[SlotChange] | None]):
    """Lists changes of slots, of which the user takes some; the picture shows the widget with those.

    The result are the changes that were chosen, None if the dialog was left. `widget` is the widget as it is edited,
    `value` the result that it is drawn with, `about` says where the suggestions come from.
    """

    DEFAULT_CSS = """
    FillSlotsDialog {
        align: center middle;
        background: $background 60%;
        & > #fill-slots {
            width: 150;
            max-width: 96%;
            height: 90%;
            padding: 1 1 0 1;
            background: $surface;
            border: round $border;
            border-title-color: $text-primary;
            border-title-style: bold;
            border-subtitle-color: $foreground-muted;
            #sides { height: 1fr; }
            RowList { width: 1fr; height: 9; max-height: 50%; background: $surface; }
            WidgetPicture { width: 1fr; height: 1fr; background: $surface; border-top: solid $border-blurred; }
            #message { height: auto; }
        }
        &.-wide > #fill-slots {
            #sides { layout: horizontal; }
            RowList { height: 1fr; max-height: 100%; }
            WidgetPicture { width: 55%; border-top: none; border-left: solid $border-blurred; }
        }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "fill_slots",
        "Filling slots",
        Key("fill_slots.take", "ctrl+s", "take", "Take", "Take the marked mappings into the form"),
        Key("fill_slots.mark", "space", "mark", "Mark", "Take this mapping, or leave the slot as it is"),
        Key("fill_slots.all", "asterisk", "mark_all", "All", "Mark all, or none"),
        Key("fill_slots.leave", "escape", "leave", "Leave", "Leave every slot as it is"),
    )

    def __init__(
        self,
        changes: Sequence[SlotChange],
        mappings: Mapping[str, Any],
        snapshot: Snapshot,
        widget: Mapping[str, Any],
        value: Any,
        about: str,
    ) -> None:
        super().__init__()
        self._changes, self._mappings, self._about = changes, mappings, about
        self._snapshot, self._widget, self._value = snapshot, widget, value
        self._marked = {change.slot for change in changes if change.is_new}

    def compose(self) -> ComposeResult:
        with Vertical(id="fill-slots") as box:
            box.border_title = sanitize_line(f"Mappings from {self._about}", 80)
            box.border_subtitle = "Enter takes what is marked · Space marks · * all · Esc leaves"
            with Vertical(id="sides"):
                yield RowList(
                    Column("", 1, min_width=1),
                    Column("Slot", 28, min_width=8),
                    Column("Now → new", min_width=12, cut="middle"),
                    Column("What it is", 30, rank=1),
                )
                yield WidgetPicture()
            yield Static(id="message", markup=False)

    def on_mount(self) -> None:
        self.query_one(RowList).focus()
        self._show()

    def _show(self) -> None:
        rows = []
        for change in self._changes:
            mark = Content.styled("✓", "$text-success") if change.slot in self._marked else Content(" ")
            old = change.before if isinstance(change.before, str) else one_line_preview(change.before)
            path = Content.assemble(
                sanitize_line("" if change.is_new else f"{old} → ", 80, "$text-error"),
                sanitize_line(change.path, 120, "$text-success"),
            )
            cells = [mark, sanitize_line(change.slot, 60), path, sanitize_line(change.reason, 80, "$foreground-muted")]
            rows.append(Row(change.slot, cells))
        self.query_one(RowList).show(rows)
        kept = [change.slot for change in self._changes if not change.is_new and change.slot not in self._marked]
        text = f"{len(self._marked)} of {len(self._changes)} marked."
        text += " What you mapped already is kept unless you mark it." if kept else ""
        self.query_one("#message", Static).update(sanitize_line(text, 200, "$foreground-muted"))
        config = self._widget.get("config")
        mappings = taken_mappings(self._mappings, self._chosen())
        widget = {**self._widget, "config": {**(config if isinstance(config, dict) else {}), "fieldMappings": mappings}}
        picture = self.query_one(WidgetPicture)
        self.call_after_refresh(picture.draw, self._snapshot, widget, self._value)

    def _chosen(self) -> list[SlotChange]:
        return [change for change in self._changes if change.slot in self._marked]

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.action_take()

    def action_mark(self) -> None:
        slot = self.query_one(RowList).key
        if slot is not None:
            self._marked ^= {slot}
            self._show()

    def action_mark_all(self) -> None:
        every = {change.slot for change in self._changes}
        self._marked = set() if self._marked == every else every
        self._show()

    def action_take(self) -> None:
        self.dismiss(self._chosen())
