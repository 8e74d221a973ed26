"""What an import proposes for its tools, in one list: each part is taken or refused, texts are edited."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static, TextArea

from drio_tui.naming import NAME_MAX
from drio_tui.openapi_import.existing import ExistingResources
from drio_tui.openapi_import.names import KEY_MAX, key_of
from drio_tui.openapi_import.proposals import PARTS, Part, Proposal, Proposals, TypedTexts
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.lint.annotations import DESTRUCTIVE, HINT_LABELS, READ_ONLY
from drio_tui.workspace.lint.clients import LONGEST_FOR_OPENAI

_LABELS: dict[Part, str] = {
    "name": "Name", "description": "Description", "annotations": "Annotations", "widget": "Widget", "chain": "Chain",
}  # fmt: skip
_MARK_CELLS = 2


class ProposalRows(RowList):
    """A row per operation, a column per part. `part` is the column under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "proposal_rows",
        "Parts of the proposals of an import",
        Key("proposal_rows.left", "left,h", "part(-1)", "Left", "The part to the left", show=False, palette=False),
        Key("proposal_rows.right", "right,l", "part(1)", "Right", "The part to the right", show=False, palette=False),
    )

    part: var[int] = var(0)
    """The index of the part that Space takes or refuses."""

    class PartMoved(Message):
        """The cursor moved to another part."""

    class MarkClicked(Message):
        """The mark of a part was clicked."""

    def validate_part(self, part: int) -> int:
        return max(0, min(part, len(PARTS) - 1))

    def watch_part(self) -> None:
        self._refresh_rows(self.cursor)
        self.post_message(self.PartMoved())

    def action_part(self, step: int) -> None:
        self.part += step

    def cells_of(self, index: int) -> Sequence[Content]:
        cells = super().cells_of(index)
        if index != self.cursor:
            return cells
        return [cell.stylize("reverse") if number == self.part else cell for number, cell in enumerate(cells)]

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        column = self.column_at(event.x)
        if not event.y or column is None or column >= len(PARTS):
            return
        self.part = column
        is_mark = self.column_at(event.x - _MARK_CELLS) != column
        if is_mark and event.chain == 1 and self.key is not None:
            self.post_message(self.MarkClicked())


class ProposalsScreen(DrioScreen[bool]):
    """Shows proposals and changes them in place. Returns whether the import goes on.

    `present` is what the app has; the operations with the ids in `existing` are among that and get a tool only.
    `changed` is called after each decision, and while texts are typed. If texts were being edited, they still are.
    """

    WAITS = True
    AREA = "apps"
    CSS_PATH = stylesheet("openapi_import")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "proposals",
        "Proposals of an import",
        Key("proposals.toggle", "space", "take_part", "Take", "Take the part under the cursor, or refuse it"),
        Key("proposals.all", "a", "take_everywhere", "Of all", "Take this part of all operations, or refuse it"),
        Key("proposals.edit", "e", "edit", "Edit", "Edit the name, the key and the description, as Enter does"),
        Key(
            "proposals.go_on",
            "ctrl+s",
            "go_on",
            "Create",
            "Go on: see the plan and create the resources",
            dangerous=True,
        ),
    )

    def __init__(
        self,
        proposals: Proposals,
        present: ExistingResources,
        existing: Container[str],
        *,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._notify_changed = changed
        self.proposals = proposals
        self._present = present
        self._existing = existing

    def compose_body(self) -> ComposeResult:
        yield ProposalRows(
            Column("Name", min_width=16),
            Column("Description", min_width=13),
            Column("Annotations", 14, min_width=9),
            Column("Widget", 12, min_width=8),
            Column("Chain", 28, min_width=10),
            Column("Tokens", 7, align="right"),
        )
        yield Static(id="proposal", markup=False)
        yield Static(id="proposals-totals", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._cache: dict[str, Row] = {}
        self._cells: dict[tuple[str, bool], Content] = {}
        """Texts that were drawn, and whether they are taken: what all operations take or refuse is drawn often."""
        self._fill()
        self.rows.focus()
        if self.proposals.typed is not None:
            self.rows.choose(self.proposals.typed.id)
            self.call_after_refresh(self.action_edit)

    @property
    def rows(self) -> ProposalRows:
        """The list."""
        return self.query_one(ProposalRows)

    @property
    def part(self) -> Part:
        """The part under the cursor."""
        return PARTS[self.rows.part]

    @property
    def current(self) -> Proposal | None:
        """The proposal under the cursor."""
        return self.proposals.get(self.rows.key) if self.rows.key is not None else None

    # -- display ----------------------------------------------------------------------------------

    def _fill(self) -> None:
        rows: list[Row] = []
        for proposal in self.proposals.all:
            row = self._cache.get(proposal.id)
            if row is None:
                row = self._cache[proposal.id] = self._row(proposal)
            rows.append(row)
        self.rows.show(rows)
        self._show_totals()
        self._show_proposal()

    def _row(self, proposal: Proposal, parts: Container[Part] = PARTS) -> Row:
        """Return the row of a proposal of which only `parts` have changed."""
        before = self._cache.get(proposal.id)
        cells = [
            self._cell(proposal, part) if before is None or part in parts else before.cells[number]
            for number, part in enumerate(PARTS)
        ]
        return Row(proposal.id, (*cells, Content(f"{self.proposals.size_of(proposal.id)[0]:,}")))

    def _cell(self, proposal: Proposal, part: Part) -> Content:
        """Return what a part is: with ✓ as proposed, otherwise as it is without."""
        if not proposal.offers(part):
            return Content.styled("  -", "$foreground-muted")
        taken = proposal.takes(part)
        text = self._short(proposal, part)
        cell = self._cells.get((text, taken))
        if cell is None:
            cell = self._cells[text, taken] = self._marked(text, taken)
        return cell

    def _marked(self, text: str, taken: bool) -> Content:
        mark = Content.styled("✓ ", "$text-success") if taken else Content.styled("✗ ", "$text-error")
        shown = sanitize_line(text, 120, "" if taken else "$foreground-muted")
        return Content.assemble(mark, shown, strip_control_codes=False)

    def _short(self, proposal: Proposal, part: Part) -> str:
        match part:
            case "name" | "description":
                return str(proposal.tool_value(part))
            case "annotations":
                hints = proposal.tool_value(part)
                return "reads" if hints.get(READ_ONLY) else "can destroy" if hints.get(DESTRUCTIVE) else "adds"
            case "widget":
                return proposal.widget.primitive if proposal.widget is not None else ""
        target = self.proposals.get(proposal.chain.target) if proposal.chain is not None else None
        return f"→ {target.tool_value('name')}" if target is not None else ""

    def _show_proposal(self) -> None:
        proposal = self.current
        if proposal is None:
            return
        tool = proposal.tool
        lines = [sanitize_line(proposal.id, 200, "bold")]
        hints = ", ".join(HINT_LABELS[name] for name, value in tool["annotations"].items() if value is True)
        texts: dict[Part, str] = {
            "name": f"{tool['name']} ({proposal.tool_key})",
            "description": str(tool["description"]),
            "annotations": hints or "none of them is true",
        }
        if proposal.widget is not None:
            mappings = ", ".join(f"{slot} {path}" for slot, path in proposal.widget.mappings.items())
            texts["widget"] = f"{proposal.widget.name} ({proposal.widget.primitive}): {mappings}"
        if proposal.chain is not None:
            places = ", ".join(f"{name} from {path}" for name, path in proposal.chain.arguments.items())
            texts["chain"] = f"{self._short(proposal, 'chain')}: {places}"
        for part in PARTS:
            text = texts.get(part) or f"none ({_reason(proposal, part)})"
            mark = "▸" if part == self.part else " "
            sign = " " if part not in texts else "✓" if proposal.takes(part) else "✗"
            longest = 600 if part == "description" else 240
            style = "$text-success" if sign == "✓" else "$text-error"
            lines.append(
                Content.assemble(
                    (f"{mark} ", "$text-accent"), (f"{sign} ", style), (f"{_LABELS[part]}: ", "$foreground-muted"),
                    sanitize_line(text, longest),
                )
            )  # fmt: skip
        self.query_one("#proposal", Static).update(Content("\n").join(lines), layout=False)

    def _show_totals(self) -> None:
        proposals = self.proposals
        documented = sum(proposal.detail.tokens for proposal in proposals.all)
        counts = ", ".join(count_of(proposals.count(part), part) for part in ("widget", "chain"))
        parts = [Content(count_of(len(proposals), "tool")), Content.styled(f"✓ {counts}", "$text-success")]
        if refused := proposals.refused:
            parts.append(Content.styled(f"✗ {refused:,} refused", "$text-error"))
        parts.append(Content(f"{proposals.tokens:,} tokens ({documented:,} documented)"))
        self.query_one("#proposals-totals", Static).update(Content("  ").join(parts), layout=False)

    @on(RowList.Moved)
    @on(ProposalRows.PartMoved)
    def _cursor_moved(self, event: Message) -> None:
        event.stop()
        self._show_proposal()

    # -- deciding ---------------------------------------------------------------------------------

    def action_take_part(self) -> None:
        proposal = self.current
        if proposal is None:
            return
        if not self.proposals.toggle(proposal.id, self.part):
            text = f"No {_LABELS[self.part].lower()} is proposed: {_reason(proposal, self.part)}."
            self.notify(text, severity="warning", markup=False)
            return
        self._changed(proposal.id)

    @on(ProposalRows.MarkClicked)
    def _mark_clicked(self, event: ProposalRows.MarkClicked) -> None:
        event.stop()
        self.action_take_part()

    def action_take_everywhere(self) -> None:
        self.proposals.toggle_all(self.part)
        parts: tuple[Part, ...] = (self.part, "chain")  # which has the name of another tool
        self._cache = {proposal.id: self._row(proposal, parts) for proposal in self.proposals.all}
        self._fill()
        self._notify_changed()

    def _changed(self, id: str) -> None:
        """Draw a row again, and those whose chains have its name."""
        for proposal in self.proposals.all:
            if id in (proposal.id, proposal.chain.target if proposal.chain is not None else ""):
                self._cache.pop(proposal.id, None)
        self._fill()
        self._notify_changed()

    @on(RowList.Opened)
    def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.action_edit()

    def action_edit(self) -> None:
        proposal = self.current
        if proposal is None:
            return

        def handle_texts(texts: ToolTexts | None) -> None:
            self.proposals.typed = None
            if texts is not None:
                name, key, description = texts
                self.proposals.edit(proposal.id, name=name, key=key, description=description)
                self._changed(proposal.id)
            else:
                self._notify_changed()

        def handle_typed(texts: ToolTexts) -> None:
            self.proposals.typed = TypedTexts(proposal.id, *texts)
            self._notify_changed()

        kinds = ("tool",) if proposal.id in self._existing else ("operation", "tool")
        others = {one.tool_key: f"tool {one.tool['name']}" for one in self.proposals.all if one.id != proposal.id}
        typed = self.proposals.typed
        texts = (typed.name, typed.key, typed.description) if typed is not None and typed.id == proposal.id else None
        dialog = ToolTextsDialog(proposal, self._present.owners(*kinds) | others, handle_typed, texts)
        self.app.push_screen(dialog, handle_texts)

    def action_go_on(self) -> None:
        self.dismiss(True)

    def action_back(self) -> None:
        self.dismiss(False)


ToolTexts = tuple[str, str, str]
"""A name, a key and a description."""


class ToolTextsDialog(Dialog[ToolTexts | None]):
    """Edits the texts of a proposal; the result is None if they stay.

    `owners` are the keys that cannot be taken, with what has them: `tool List customers`. `on_typed` is called with the
    texts while they are edited; `typed` are those that were typed earlier.
    """

    CSS_PATH = stylesheet("openapi_import")
    TYPED = "the texts of the tool"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tool_texts",
        "Texts of a proposed tool",
        Key("tool_texts.take", "ctrl+s", "take", "Take", "Take the texts", priority=True),
        Key("tool_texts.close", "escape", "leave", "Leave", "Leave the texts as they are"),
    )

    def __init__(
        self,
        proposal: Proposal,
        owners: Mapping[str, str],
        on_typed: Callable[[ToolTexts], None],
        typed: ToolTexts | None = None,
    ) -> None:
        super().__init__()
        self._proposal, self._owners, self._on_typed = proposal, owners, on_typed
        tool = proposal.tool
        self._unedited: ToolTexts = (str(tool["name"])[:NAME_MAX], proposal.tool_key, str(tool["description"]))
        self._typed = typed or self._unedited

    def compose(self) -> ComposeResult:
        name_text, key_text, description = self._typed
        with Vertical(id="tool-texts") as box:
            box.border_title = sanitize_line(self._proposal.id, 80)
            yield Static("Name", classes="-label")
            name = LineEditor(name_text)
            name.id, name.max_length = "tool-name", NAME_MAX
            yield name
            yield Static("Key, by which models call it", classes="-label")
            key = LineEditor(key_text)
            key.id, key.max_length = "tool-key", KEY_MAX
            yield key
            yield Static("Description", classes="-label")
            yield TextEditor(description)
            yield Static(id="tool-texts-note")

    def on_mount(self) -> None:
        self.query_one("#tool-name", Input).focus()
        if self._typed == self._unedited:  # the field for the description makes all line ends alike
            self._typed = self._unedited = self._current()
        self._show_length()

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _edited(self) -> None:
        if self._current() != self._typed:
            self._typed = self._current()
            self._on_typed(self._typed)

    def _current(self) -> ToolTexts:
        name, key = (self.query_one(id, Input).value for id in ("#tool-name", "#tool-key"))
        return name, key, self.query_one(TextEditor).text

    def unsaved_input(self) -> str:
        return self.TYPED if self._typed != self._unedited else ""

    @on(TextArea.Changed)
    def _show_length(self) -> None:
        length = len(self.query_one(TextEditor).text.strip())
        style = "$text-warning" if length > LONGEST_FOR_OPENAI else "$foreground-muted"
        text = f"{length:,} characters of {LONGEST_FOR_OPENAI:,}. Ctrl+S takes the texts, Esc leaves them."
        self.query_one("#tool-texts-note", Static).update(Content.styled(text, style))

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_take(self) -> None:
        name, key, description = (text.strip() for text in self._current())
        text = ""
        if not name:
            text = "It needs a name."
        elif key_of(key, "") != key or not key:
            text = "A key has lower-case letters, digits and single hyphens."
        elif key in self._owners:
            text = f"The {self._owners[key]} has this key."
        if text:
            self.query_one("#tool-texts-note", Static).update(sanitize(f"✗ {text}", "$text-error"))
            return
        self.dismiss((name, key, description))


def _reason(proposal: Proposal, part: Part) -> str:
    """Return why a widget or a chain is not proposed, as the end of a sentence."""
    return proposal.no_widget if part == "widget" else "no other operation gets one item of this result"
