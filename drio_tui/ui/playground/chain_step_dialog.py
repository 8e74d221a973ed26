"""The dialog before the next step of a chain: a row of the result, and where each argument comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static, TextArea

from drio_tui.api import json_codec
from drio_tui.api.redact import HIDDEN
from drio_tui.schema.jsontext import pretty
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.type_ahead import LoadsContent
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.playground.step_finder import StepFinder, StepFound
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.run.argument_suggestions import ArgumentPath, is_path, value_at
from drio_tui.workspace.run.chain_runner import Chain, Step
from drio_tui.workspace.run.mapping import one_line_preview
from drio_tui.workspace.run.mapping_suggestions import columns_of
from drio_tui.workspace.run.value_shape import Shape

MAX_LENGTH = 200_000
"""Maximum length of an intermediate result that can be edited, in characters: Textual lays out all of a text area."""
MOST_ROWS = 500
_MOST_COLUMNS = 6
LOOKING = "◌ looking where its arguments come from…"
_SHOW_PROGRESS_AFTER = 0.2
"""Seconds after which the dialog says that it looks."""
_END = "No tool is left to run. Esc leaves, and takes tools that were left out in again."
_CHOSEN = "Your choice is kept on this machine: drio has no place for it."
_LOCAL = "A deployed chain passes values of the same name only; here the arguments come from more places."


class ChainStepDialog(Dialog[Step], LoadsContent):
    """Shows the next step of a chain: a row of the newest result is chosen, and a path for each argument.

    The result can be edited as JSON. The result of the dialog is the step to go on with; if it is None, `chain` is as
    it was before. `finder` computes the step in a thread; what the user does before it is found is done with it.
    """

    CSS_PATH = stylesheet("playground")
    TYPED = "your edit of the result"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "chain_step",
        "Chain step",
        Key("chain_step.go", "ctrl+r,f9", "go", "Run it", "Go to this tool with these arguments"),
        Key("chain_step.json", "f5", "json", "Rows or JSON", "Show the result as JSON, and edit it; or as rows"),
        Key("chain_step.path", "f6", "path", "Path", "Choose where the argument under the cursor comes from"),
        Key(
            "chain_step.skip",
            "f7",
            "skip",
            "Leave it out",
            "Leave this tool out, and show the next; Esc takes it in again",
        ),
        Key("chain_step.leave", "escape", "leave", "Leave", "Stay where you are, with the chain as it was"),
    )

    class Formatted(Message):
        """The newest result was formatted; `text` is None if it is too long to be edited."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self, chain: Chain, finder: StepFinder) -> None:
        super().__init__()
        self._chain = chain
        self._finder = finder
        self._before = chain.position()
        self._step: Step | None = None
        self._number = 0  # that of the step that is looked for
        self._is_finding = True
        self._is_edit = False  # whether it is looked for since the result was edited
        self._then: Callable[[], None] | None = None  # what the user wants to do with it
        self._is_formatting = False
        self._formatted = ""  # the result as it was formatted
        self._text = ""  # the result as it was edited
        self._progress: Timer | None = None
        self._is_valid = True
        self._rows_shown: object = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="playground-box -large") as box:
            box.border_subtitle = "Enter runs it · F5 JSON · F6 path · F7 leaves it out · Esc stays"
            yield Static(id="result-of")
            with ContentSwitcher(initial="rows", id="newest"):
                yield RowList(id="rows")
                yield Vertical(id="json")
            yield Static("Arguments", classes="-label", markup=False)
            yield RowList(
                Column("Argument", 28, min_width=8),
                Column("Value", min_width=8),
                Column("From", min_width=10, rank=1, cut="middle"),
                Column("Why", 28, rank=2),
                id="arguments",
            )
            yield Static(id="message")

    def on_mount(self) -> None:
        self.query_one("#rows", RowList).focus()
        self._find_step()

    # -- the step ---------------------------------------------------------------------------------

    @property
    def holds_input(self) -> bool:
        return self._then is not None or self._is_formatting or (self._is_finding and not self._is_edit)

    def _find_step(self, *, is_edit: bool = False) -> None:
        """Look for the next step of the chain as it is now; one that is still being computed is not shown."""
        self._is_finding, self._is_edit = True, is_edit
        self._number = self._finder.find(self.app, self._chain, self)
        self._show_title()
        if self._progress is None:
            self._progress = self.set_timer(_SHOW_PROGRESS_AFTER, self._show_progress)

    def _show_title(self) -> None:
        bound, _ = self._chain.next_tool()
        box = self.query_one(".playground-box")
        if bound is None:
            box.border_title = "The chain ends here"
        else:
            effect = "only reads" if bound.only_reads else "changes something"
            box.border_title = sanitize_line(f"Next: {bound.title} · {effect}", 80)

    def _show_progress(self) -> None:
        if self._is_finding and self._is_valid:
            self._show_message(Content.styled(f"{LOOKING} Esc leaves", "$text-warning"))

    def on_step_found(self, message: StepFound) -> None:
        message.stop()
        if message.number != self._number:
            return
        self._is_finding = False
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        self._step = message.step
        self._show_rows(message.step)
        self._show_arguments(message.step)
        then, self._then = self._then, None
        if then is not None:
            then()

    def _when_found(self, action: Callable[[], None]) -> bool:
        """Return whether the step is found; if not, do `action` once it is."""
        if self._is_finding:
            self._then = action
        return not self._is_finding

    # -- what is shown ----------------------------------------------------------------------------

    def _show_rows(self, step: Step | None) -> None:
        """Show the rows of the newest result, or the result itself as the only row."""
        newest = self._chain.newest
        rows = step.rows if step is not None else None
        shown = (newest.value, rows.path if rows is not None else "")
        if self._rows_shown is not None and self._rows_shown == shown:
            return
        self._rows_shown = shown
        values = value_at(newest.value, rows.path) if rows is not None else [newest.value]
        values = values if isinstance(values, list) else []
        text = f"Result of {newest.title}"
        if rows is not None:
            text += f" · {count_of(len(values), 'row')} at {rows.path}"
            text += f", the first {MOST_ROWS} are shown" if len(values) > MOST_ROWS else ""
        self.query_one("#result-of", Static).update(sanitize_line(text, 200, "$foreground-muted"))
        table = self.query_one("#rows", RowList)
        item = rows.items if rows is not None else None
        columns = self._columns(step, item)
        table.set_columns(*(Column(sanitize_line(name, 40).plain, 40) for name, _ in columns))
        table.show(
            [
                Row(str(number), [sanitize_line(_cell(value, path), 60) for _, path in columns])
                for number, value in enumerate(values[:MOST_ROWS])
            ]
        )
        table.choose(str(newest.row))

    def _columns(self, step: Step | None, item: Shape | None) -> list[tuple[str, str]]:
        """Return the title and the path in a row of each column: the values that are taken first."""
        if item is None:
            return [("result", "$")]
        if not item.properties:
            return [(item.name or "value", "$")]
        prefix = item.path
        taken = [place.path for place in step.places.values() if place is not None] if step is not None else []
        in_row = [path.removeprefix(prefix) for path in taken if path.startswith((f"{prefix}.", f"{prefix}["))]
        paths = {path.lstrip("."): f"${path}" for path in in_row}
        for name, shape in columns_of(item):
            path = f"${shape.path.removeprefix(prefix)}"
            if path not in paths.values():
                paths[name] = path
        return [*paths.items()][:_MOST_COLUMNS]

    def _show_arguments(self, step: Step | None) -> None:
        taken = {argument.name: argument for argument in step.taken} if step is not None else {}
        required = step.required if step is not None else []
        secret = step.bound.secret_names if step is not None else ()
        names = step.places if step is not None else ()
        rows = []
        for name in sorted(names, key=lambda name: (name not in taken, name not in required))[:MOST_ROWS]:
            title = Content.assemble(sanitize_line(name, 40), ("*" if name in required else "", "$text-accent"))
            argument = taken.get(name)
            if argument is not None:
                cells = [
                    sanitize_line(HIDDEN if name in secret else one_line_preview(argument.value), 60, "$text-success"),
                    sanitize_line(argument.path, 120),
                    sanitize_line(_why(argument.reason, argument.source, self._chain), 80, "$foreground-muted"),
                ]
            elif name in required:
                cells = [Content.styled("✗ no result has it", "$text-error"), Content(), Content("type it then")]
            else:
                cells = [Content.styled("–", "$foreground-muted"), Content(), Content()]
            rows.append(Row(name, [title, *cells]))
        show_rows(self.query_one("#arguments", RowList), rows, 7)
        if self._is_valid:
            if step is None:
                text = _END
            elif not rows:
                text = "There is nothing to take."
            else:
                text = _CHOSEN if self._chain.picked else _LOCAL if step.is_local else ""
            self._show_message(Content.styled(text, "$foreground-muted"))

    def _show_message(self, content: Content) -> None:
        """Show a line below the arguments; the dialog is laid out again only if it may need more lines, or fewer."""
        message = self.query_one("#message", Static)
        before = message.content
        if not isinstance(before, Content):
            message.update(content)
        elif (before.plain, before.spans) != (content.plain, content.spans):
            stays_one_line = all(0 < one.cell_length <= message.size.width for one in (before, content))
            message.update(content, layout=not stays_one_line)

    # -- choosing ---------------------------------------------------------------------------------

    @on(RowList.Moved, "#rows")
    def _row_moved(self, event: RowList.Moved) -> None:
        event.stop()
        if event.key is not None and int(event.key) != self._chain.newest.row:
            self._chain.choose_row(int(event.key))
            self._find_step()

    @on(RowList.Opened, "#rows")
    def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.action_go()

    @on(RowList.Opened, "#arguments")
    def _argument_opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.action_path()

    def action_path(self) -> None:
        if not self._when_found(self.action_path):
            return
        step, name = self._step, self.query_one("#arguments", RowList).key
        if step is None or name is None:
            return
        offers = step.suggestions.get(name, [])
        choices: list[Choice[Any]] = [
            Choice(offer.place, offer.place.path, " · ".join(part for part in (offer.reason, offer.title) if part))
            for offer in offers
        ]
        choices.append(Choice(None, "take nothing", quiet=True))
        place = step.places.get(name)
        current = next((number for number, choice in enumerate(choices) if choice.value == place), None)

        def select(choice: Choice[Any] | None) -> None:
            if choice is None:
                return
            place = choice.value
            if isinstance(place, str):
                if not is_path(place):
                    self.notify("That is not a JSONPath, such as $.results[*].id.", severity="warning", markup=False)
                    return
                place = ArgumentPath(self._chain.newest.bound.id, place)
            self._chain.pick(name, place)
            self._find_step()

        near = self.query_one("#arguments", RowList).region
        self.app.push_screen(SelectDialog(name, choices, current=current, near=near, free=True), select)

    # -- the result as JSON -----------------------------------------------------------------------

    def action_json(self) -> None:
        switcher = self.query_one("#newest", ContentSwitcher)
        if switcher.current == "json":
            switcher.current = "rows"
            self.call_after_refresh(self.query_one("#rows").focus)
        elif self.query_one("#json").children:
            self._show_json()
        elif not self._is_formatting:
            self._is_formatting = True
            start_worker(self, self._format, self._chain.newest.value, group="format")

    async def _format(self, value: Any) -> None:
        def formatted() -> str | None:
            text = pretty(value)
            return text if len(text) <= MAX_LENGTH else None

        self.post_message(self.Formatted(await asyncio.to_thread(formatted)))

    async def on_chain_step_dialog_formatted(self, message: Formatted) -> None:
        message.stop()
        holder = self.query_one("#json", Vertical)
        if message.text is not None:
            self._text = self._formatted = message.text
            await holder.mount(TextEditor(message.text))
        else:
            await holder.mount(JsonView(self._chain.newest.value))
            self.notify(f"It is longer than {MAX_LENGTH:,} characters: it is shown, not edited.", markup=False)
        self._is_formatting = False
        self._show_json()

    def _show_json(self) -> None:
        self.query_one("#newest", ContentSwitcher).current = "json"
        shown = self.query_one("#json").query("TextEditor, JsonLines").first()
        self.call_after_refresh(shown.focus)

    @on(TextArea.Changed)
    def _edited(self, event: TextArea.Changed) -> None:
        event.stop()
        text = event.text_area.text
        try:
            if len(text) > MAX_LENGTH:
                raise json_codec.MalformedJson(f"it is longer than {MAX_LENGTH:,} characters")
            value: Any = json_codec.loads(text)
            if not isinstance(value, dict):
                raise json_codec.MalformedJson("the result has to be an object in { }")
        except json_codec.MalformedJson as error:
            self._is_valid = False
            self._show_message(sanitize_line(f"✗ not taken over: {error}", 200, "$text-error"))
            return
        self._is_valid = True
        if text != self._text:
            self._text = text
            self._chain.edit(value)
            self._find_step(is_edit=True)
        elif not self._is_finding:
            self._show_arguments(self._step)

    def action_go(self) -> None:
        if not self._is_valid:
            self.notify("The result does not parse, so nothing can be taken from it.", severity="warning", markup=False)
        elif self._when_found(self.action_go):
            if self._step is None:
                self.notify(_END, markup=False)
            else:
                self.dismiss(self._step)

    def action_skip(self) -> None:
        self._chain.skip()
        self._find_step()

    def unsaved_input(self) -> str:
        return self.TYPED if any(area.text != self._formatted for area in self.query(TextArea)) else ""

    def dismiss(self, result: Step | None = None) -> AwaitComplete:
        if result is None:
            self._finder.cancel()
            self._chain.restore(self._before)
        return super().dismiss(result)


def _cell(value: Any, path: str) -> str:
    found = value_at(value, path)
    return "" if found is None else one_line_preview(found)


def _why(reason: str, source: str, chain: Chain) -> str:
    """Return the reason, with the source where it is not the newest result."""
    return reason if source == chain.newest.title else f"{reason}, {source}"
