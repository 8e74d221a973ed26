"""The editor of the tools that a tool hands its result to, with the chains of the whole app."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from drio_tui.api.errors import FieldError
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key, movement
from drio_tui.ui.dialogs.select_dialog import new_name
from drio_tui.ui.editing.editors.base import Editor, Notes, notify_at_end, status_text
from drio_tui.ui.editing.editors.search_list import NEW, SearchList, SearchRow, new_resource_row
from drio_tui.ui.widgets.rich_text import Block, Document, Gap, Heading, LazyLine, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.lint.tool_chain import Chains, Line, ids
from drio_tui.workspace.model.search import rank

THIS = "(this tool)"
"""The id of a tool that does not exist yet."""
NEW_TOOL = "new tool…"
_WIDEST_BRANCH = 24
"""Cells before the name of a tool in the drawing of the chains; a deep one begins with …, so that its name fits."""


class NextToolsList(OptionList):
    """The next tools, in order."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "next_list",
        "Next tools of a chain",
        *movement("next_list"),
        Key("next_list.remove", "delete,backspace,x", "remove", "Remove", "Do not hand the result to this tool"),
        Key("next_list.earlier", "alt+up,K", "shift(-1)", "Earlier", "Move it up"),
        Key("next_list.later", "alt+down,J", "shift(1)", "Later", "Move it down"),
    )

    def action_remove(self) -> None:
        if self.highlighted is not None:
            _editor_of(self).remove_next_tool(self.highlighted)

    def action_shift(self, step: int) -> None:
        if self.highlighted is not None:
            _editor_of(self).move_next_tool(self.highlighted, step)


class ChainEditor(Editor):
    """Edits `nextToolIds`. A tool that would make the chain run in a circle cannot be added."""

    properties = ("nextToolIds",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "chain", "Chains", Key("chain.save", "ctrl+s", "save", "Save", "Save", palette=False)
    )

    def reset(self) -> None:
        self.next_tools: list[Any] = (
            list(self.base["nextToolIds"]) if isinstance(self.base.get("nextToolIds"), list) else []
        )

    @property
    def tool(self) -> str:
        """The id of the tool whose next tools these are."""
        id = self.resource.get("id")
        return id if isinstance(id, str) and id else THIS

    def chains(self) -> Chains:
        """Return the chains of the app, with the current next tools of this tool."""
        name = self.resource.get("name")
        return Chains.of(self.snapshot).with_next(
            self.tool, ids(self.next_tools), name if isinstance(name, str) and name else "this tool"
        )

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if not self.next_tools and not isinstance(self.base.get("nextToolIds"), list):
            return dict(self.base)
        return {"nextToolIds": list(self.next_tools)}

    def validate(self) -> list[FieldError]:
        errors = super().validate()
        if not self.dirty:
            return errors
        chains = self.chains()
        cycle = chains.cycle(self.tool)
        if cycle:
            path = " → ".join(chains.name(tool) for tool in cycle)
            errors.append(FieldError("nextToolIds", f"runs in a circle: {path}"))
        for number, tool in enumerate(self.next_tools):
            if self.snapshot.parts["tool"].state == "ready" and tool not in chains.names:
                errors.append(FieldError(f"nextToolIds.{number}", "names a tool that is not there"))
        return errors

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="title")
            yield NextToolsList(markup=False, compact=True, id="next")
            yield Notes(id="why")
            yield SearchList(self._rows, "type a tool's name to add it", id="tools")
        notes = Document(id="notes")
        notes.add_class("-aside")
        yield notes

    def focus_first(self) -> None:
        self.query_one(SearchList).focus_input()

    def show(self) -> None:
        chains = self.chains()
        title = Content.assemble(sanitize_line(chains.name(self.tool), 40, "bold"), " hands its result to")
        empty = [Content.styled("no tool yet", "$foreground-muted")] if not self.next_tools else []
        errors = [status_text("bad", f"{error.path} {error.message}") for error in self.server_errors]
        self.query_one("#title", Notes).show_lines([*errors, title, *empty])
        options = self.query_one(NextToolsList)
        at = options.highlighted
        options.clear_options()
        options.add_options([Option(line) for line in self._next_tool_lines(chains)])
        options.display = bool(self.next_tools)
        if self.next_tools:
            options.highlighted = min(at or 0, len(self.next_tools) - 1)
        self.query_one(SearchList).refresh_rows()
        self.query_one("#notes", Document).show(list(self._chain_blocks(chains)), keep_place=True)

    def _next_tool_lines(self, chains: Chains) -> Iterator[Content]:
        for number, tool in enumerate(self.next_tools):
            known = isinstance(tool, str) and tool in chains.names
            tail = ("", "") if known else ("  not there", "$text-error")
            name = chains.name(tool) if isinstance(tool, str) else repr(tool)[:40]
            yield Content.assemble((f"{number + 1:3} ", "$foreground-muted"), sanitize_line(name, 60), tail)

    def _rows(self, search_text: str) -> list[SearchRow]:
        chains = self.chains()
        ranked: list[tuple[int, int, SearchRow]] = []
        for number, (tool, name) in enumerate(chains.names.items()):
            resource = self.snapshot.resource("tool", tool)
            score = rank(search_text, name, resource.text("key") if resource else "")
            disabled_reason = chains.why_not_linkable(self.tool, tool)
            if score is None or tool in self.next_tools:
                continue
            line = partial(_tool_row, name, disabled_reason)
            penalty = 100 if disabled_reason and not search_text else 0
            ranked.append((score + penalty, number, SearchRow(line, tool, disabled_reason)))
        rows = [row for _, _, row in sorted(ranked, key=lambda entry: entry[:2])]
        if not rows:
            rows.append(SearchRow(lambda: Content.styled("No other tool matches.", "$foreground-muted")))
        return [*rows, new_resource_row(NEW_TOOL, new_name(search_text, NEW_TOOL))]

    def _chain_blocks(self, chains: Chains) -> Iterator[Block]:
        yield Heading(Content.styled("All chains", "bold $text-primary"))
        lines = chains.drawing()
        for line in lines:
            if line.start and line is not lines[0]:
                yield Gap()
            yield LazyLine(partial(self._chain_line, line, chains))
        if not lines:
            yield Paragraph(Content.styled("No tool hands its result on.", "$foreground-muted"))
        unchained = chains.isolated_tools()
        if unchained:
            yield Heading(Content.styled("On their own", "bold $text-primary"))
            for tool in unchained:
                yield LazyLine(partial(self._chain_line, Line("", tool), chains))

    def _chain_line(self, line: Line, chains: Chains) -> Content:
        style = "$text-accent bold" if line.tool == self.tool else "bold" if line.start else ""
        tail: tuple[str, str] | str = ""
        if line.mark == "circle":
            style, tail = "$text-error", ("  ⟲ runs in a circle", "$text-error")
        elif line.mark == "missing":
            style, tail = "$text-error", ("  not there", "$text-error")
        elif line.mark == "again":
            tail = ("  ↑ goes on as above", "$foreground-muted")
        branch = line.branch if len(line.branch) <= _WIDEST_BRANCH else "… " + line.branch[2 - _WIDEST_BRANCH :]
        marker = ("▶ ", "$text-success") if line.start else ""
        return Content.assemble(
            marker, (branch, "$foreground-muted"), sanitize_line(chains.name(line.tool), 40, style), tail
        )

    # -- what is done -----------------------------------------------------------------------------

    @on(SearchList.Highlighted)
    def _show_reason(self, event: SearchList.Highlighted) -> None:
        event.stop()
        reason = event.row.disabled_reason if event.row is not None else ""
        self.query_one("#why", Notes).show_lines([status_text("bad", reason) if reason else Content()])

    @on(SearchList.Chosen)
    def _tool_chosen(self, event: SearchList.Chosen) -> None:
        event.stop()
        row = event.row
        if row.value == NEW:
            self.post_message(self.NewWanted(self, "tool", "nextToolIds", new_name(event.search.search_text, NEW_TOOL)))
        elif row.value and not row.disabled_reason:
            self.next_tools.append(row.value)
            event.search.clear_search()
            self.mark_changed()

    @on(OptionList.OptionSelected, "#next")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()

    @on(OptionList.OptionHighlighted, "#next")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def remove_next_tool(self, number: int) -> None:
        """Remove a next tool."""
        del self.next_tools[number]
        self.mark_changed()

    def move_next_tool(self, number: int, step: int) -> None:
        """Move a next tool up or down."""
        other = number + step
        if 0 <= other < len(self.next_tools):
            self.next_tools[number], self.next_tools[other] = self.next_tools[other], self.next_tools[number]
            self.mark_changed()
            self.query_one(NextToolsList).highlighted = other
        else:
            notify_at_end(self, step)

    def set_reference(self, path: str, id: str) -> None:
        self.query_one(SearchList).clear_search()
        if id not in self.next_tools:
            self.next_tools.append(id)
            self.mark_changed()


def _tool_row(name: str, disabled_reason: str) -> Content:
    mark = ("✗ ", "$text-error") if disabled_reason else ("+ ", "$text-accent")
    return Content.assemble(mark, sanitize_line(name, 40, "$foreground-muted" if disabled_reason else ""))


def _editor_of(widget: OptionList) -> ChainEditor:
    return next(node for node in widget.ancestors if isinstance(node, ChainEditor))
