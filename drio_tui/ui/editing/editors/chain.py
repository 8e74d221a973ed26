"""The tools that a tool hands its result to, and the whole graph they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from drio_tui.api.errors import FieldError
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key, movement
from drio_tui.ui.dialogs.select_dialog import name_typed
from drio_tui.ui.editing.editors.base import Editor, Notes, say_end, verdict
from drio_tui.ui.editing.editors.search_list import NEW, Row, SearchList, new_row
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.lint.tool_chain import Chains, Line, ids
from drio_tui.workspace.model.search import rank

THIS = "(this tool)"
"""Stands for a tool that does not exist yet."""
NEW_TOOL = "new tool…"


class NextList(OptionList):
    """The successors, in order."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "next_list",
        "The list of successors",
        *movement("next_list"),
        Key("next_list.remove", "delete,backspace,x", "remove", "Remove", "Do not hand the result to this tool"),
        Key("next_list.earlier", "alt+up,K", "shift(-1)", "Earlier", "Move it up"),
        Key("next_list.later", "alt+down,J", "shift(1)", "Later", "Move it down"),
    )

    def action_remove(self) -> None:
        if self.highlighted is not None:
            _chain_of(self).remove_next(self.highlighted)

    def action_shift(self, step: int) -> None:
        if self.highlighted is not None:
            _chain_of(self).shift_next(self.highlighted, step)


class ChainEditor(Editor):
    """Edits `nextToolIds`. What would run in a circle is refused while it is being typed."""

    members = ("nextToolIds",)
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "chain", "Chains", Key("chain.save", "ctrl+s", "save", "Save", "Save", palette=False)
    )

    def reset(self) -> None:
        self.next: list[Any] = list(self.base["nextToolIds"]) if isinstance(self.base.get("nextToolIds"), list) else []

    @property
    def tool(self) -> str:
        """The id of the tool whose successors these are."""
        found = self.whole.get("id")
        return found if isinstance(found, str) and found else THIS

    def chains(self) -> Chains:
        """The whole graph with this tool's successors as they are now."""
        name = self.whole.get("name")
        return Chains.of(self.snapshot).with_next(
            self.tool, ids(self.next), name if isinstance(name, str) and name else "this tool"
        )

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        if not self.next and not isinstance(self.base.get("nextToolIds"), list):
            return dict(self.base)
        return {"nextToolIds": list(self.next)}

    def problems(self) -> list[FieldError]:
        found = super().problems()
        if not self.dirty:
            return found
        chains = self.chains()
        circle = chains.circle(self.tool)
        if circle:
            way = " → ".join(chains.name(tool) for tool in circle)
            found.append(FieldError("nextToolIds", f"runs in a circle: {way}"))
        for number, tool in enumerate(self.next):
            if self.snapshot.parts["tool"].state == "ready" and tool not in chains.names:
                found.append(FieldError(f"nextToolIds.{number}", "names a tool that is not there"))
        return found

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Notes(id="title")
            yield NextList(markup=False, compact=True, id="next")
            yield Notes(id="why")
            yield SearchList(self._rows, "type a tool's name to add it", id="tools")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def focus_first(self) -> None:
        self.query_one(SearchList).focus_line()

    def show(self) -> None:
        chains = self.chains()
        title = Content.assemble(safe_line(chains.name(self.tool), 40, "bold"), " hands its result to")
        empty = [Content.styled("nobody yet", "$foreground-muted")] if not self.next else []
        refused = [verdict("bad", f"{error.path} {error.message}") for error in self.refused]
        self.query_one("#title", Notes).say([*refused, title, *empty])
        options = self.query_one(NextList)
        at = options.highlighted
        options.clear_options()
        options.add_options([Option(line) for line in self._successors(chains)])
        options.display = bool(self.next)
        if self.next:
            options.highlighted = min(at or 0, len(self.next) - 1)
        self.query_one(SearchList).fill()
        self.query_one("#notes", Notes).say(self._graph(chains))

    def _successors(self, chains: Chains) -> Iterator[Content]:
        for number, tool in enumerate(self.next):
            known = isinstance(tool, str) and tool in chains.names
            tail = ("", "") if known else ("  not there", "$text-error")
            name = chains.name(tool) if isinstance(tool, str) else repr(tool)[:40]
            yield Content.assemble((f"{number + 1:3} ", "$foreground-muted"), safe_line(name, 60), tail)

    def _rows(self, typed: str) -> list[Row]:
        chains = self.chains()
        found: list[tuple[int, int, Row]] = []
        for number, (tool, name) in enumerate(chains.names.items()):
            key = self.snapshot.resource("tool", tool)
            fit = rank(typed, name, key.text("key") if key else "")
            refused = chains.refusal(self.tool, tool)
            if fit is None or tool in self.next:
                continue
            line = Content.assemble(
                ("✗ ", "$text-error") if refused else ("+ ", "$text-accent"),
                safe_line(name, 40, "$foreground-muted" if refused else ""),
            )
            found.append((fit + (100 if refused and not typed else 0), number, Row(line, tool, refused)))
        rows = [row for _, _, row in sorted(found, key=lambda one: one[:2])]
        if not rows:
            rows.append(Row(Content.styled("No other tool fits.", "$foreground-muted")))
        return [*rows, new_row(NEW_TOOL, name_typed(typed, NEW_TOOL))]

    def _graph(self, chains: Chains) -> Iterator[Content]:
        yield Content.styled("All chains", "bold $text-primary")
        lines = chains.drawing()
        for line in lines:
            if line.start and line is not lines[0]:
                yield Content()
            yield self._drawn(line, chains)
        if not lines:
            yield Content.styled("No tool hands its result on.", "$foreground-muted")
        alone = chains.alone()
        if alone:
            yield Content()
            yield Content.styled("On their own", "bold $text-primary")
            for tool in alone[:40]:
                yield self._drawn(Line("", tool), chains)

    def _drawn(self, line: Line, chains: Chains) -> Content:
        style = "$text-accent bold" if line.tool == self.tool else "bold" if line.start else ""
        tail: tuple[str, str] | str = ""
        if line.mark == "circle":
            style, tail = "$text-error", ("  ⟲ runs in a circle", "$text-error")
        elif line.mark == "missing":
            style, tail = "$text-error", ("  not there", "$text-error")
        elif line.mark == "again":
            tail = ("  ↑ goes on as above", "$foreground-muted")
        branch = line.branch if len(line.branch) <= 80 else "… " + line.branch[-78:]
        begins = ("▶ ", "$text-success") if line.start else ""
        return Content.assemble(
            begins, (branch, "$foreground-muted"), safe_line(chains.name(line.tool), 40, style), tail
        )

    # -- what is done -----------------------------------------------------------------------------

    @on(SearchList.Marked)
    def _marked(self, event: SearchList.Marked) -> None:
        event.stop()
        why = event.row.refused if event.row is not None else ""
        self.query_one("#why", Notes).say([verdict("bad", why) if why else Content()])

    @on(SearchList.Taken)
    def _taken(self, event: SearchList.Taken) -> None:
        event.stop()
        row = event.row
        if row.value == NEW:
            self.post_message(self.NewWanted(self, "tool", "nextToolIds", name_typed(event.search.typed, NEW_TOOL)))
        elif row.value and not row.refused:
            self.next.append(row.value)
            event.search.clear()
            self.changed()

    @on(OptionList.OptionSelected, "#next")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()

    @on(OptionList.OptionHighlighted, "#next")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def remove_next(self, number: int) -> None:
        """Take one successor away."""
        del self.next[number]
        self.changed()

    def shift_next(self, number: int, step: int) -> None:
        """Move one successor up or down."""
        other = number + step
        if 0 <= other < len(self.next):
            self.next[number], self.next[other] = self.next[other], self.next[number]
            self.changed()
            self.query_one(NextList).highlighted = other
        else:
            say_end(self, step)

    def refer(self, path: str, id: str) -> None:
        self.query_one(SearchList).clear()
        if id not in self.next:
            self.next.append(id)
            self.changed()

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self))


def _chain_of(widget: OptionList) -> ChainEditor:
    return next(node for node in widget.ancestors if isinstance(node, ChainEditor))
