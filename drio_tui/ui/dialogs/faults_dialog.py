"""The dialog of the sandbox's fault lab: switches presets on and off, and shows what is on and what it has done."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from drio_tui.fault_lab import FaultState, fetch, switch, switch_off
from drio_tui.text import one_line
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.screen import Requests
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_READ_ONLY = "--read-only switches no faults."


class FaultsDialog(Dialog[None], Requests[None]):
    """Lists the presets of the sandbox, and the rules that are on."""

    CSS_PATH = stylesheet("dialogs")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "faults",
        "Faults of the sandbox",
        Key("faults.switch", "space", "switch", "Switch", "Switch the selected faults on or off"),
        Key("faults.off", "o", "off", "All off", "Switch all faults off"),
        Key("faults.copy", "c", "copy", "Copy", "Copy the command that switches the same faults on again"),
        Key("faults.close", "escape,q,B", "close", "Close", "Leave the faults as they are"),
    )

    class Loaded(Message):
        """The state of the lab was read, or changed."""

        def __init__(self, state: FaultState) -> None:
            super().__init__()
            self.state = state

    def __init__(self) -> None:
        super().__init__()
        self.state: FaultState | None = None
        self._closes_when_switched = False

    @property
    def holds_input(self) -> bool:
        """Whether faults are being switched: the next key is about the result."""
        return self.has_request("switch")

    def compose(self) -> ComposeResult:
        with Vertical(id="faults") as box:
            box.border_title = "Faults of the sandbox"
            yield RowList(Column("", 3, min_width=3), Column("Faults", 20), Column("What happens", min_width=20))
            yield Static("reading…", id="done")
            yield ButtonRow(
                Button("Close (Esc)", id="close"), Button("All off (o)", id="all-off", disabled=True), confirms=False
            )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(RowList))
        self._ask(fetch, "read")

    def _ask(self, call: Callable[[DrioClient], Awaitable[FaultState]], group: str = "switch") -> None:
        self.run_request(call, self.Loaded, group=group, once=True)

    def on_request_failed(self, message: RequestFailed) -> None:
        text = "The faults could not be read." if self.state is None else _summary(self.state, self._command)
        self.query_one("#done", Static).update(text)
        self._closes_when_switched = False
        super().on_request_failed(message)

    def on_faults_dialog_loaded(self, message: Loaded) -> None:
        self.state = state = message.state
        descriptions = {preset.name: preset.description for preset in state.presets}
        rules = {name: "a rule from the command line" for name in state.on if name not in descriptions}
        rows = [
            Row(
                name,
                (
                    Content.styled("[x]", "bold $text-error") if name in state.on else Content("[ ]"),
                    sanitize_line(name, 60),
                    sanitize_line(description, 80, "$foreground-muted"),
                ),
            )
            for name, description in {**descriptions, **rules}.items()
        ]
        show_rows(self.query_one(RowList), rows, most=14)
        self.query_one("#done", Static).update(_summary(state, self._command))
        self.query_one("#all-off", Button).disabled = not state.on
        self.connection.faults_changed()
        if self._closes_when_switched:
            self.dismiss(None)

    @on(RowList.Opened)
    async def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        await self.run_action("switch")

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        await self.run_action("close" if event.button.id == "close" else "off")

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action in ("switch", "off") and self.drio.options.read_only:
            return _READ_ONLY
        return None

    def action_switch(self) -> None:
        name = self.query_one(RowList).key
        if self.state is not None and name is not None:
            is_on = name in self.state.on
            self._ask(lambda client: switch(client, off=[name]) if is_on else switch(client, on=[name]))

    def action_off(self) -> None:
        self._ask(switch_off)

    def action_copy(self) -> None:
        if self._command:
            self.drio.copy(self._command, "the command")

    @property
    def _command(self) -> str:
        """The command that switches the same on again in this sandbox; empty if nothing is on."""
        command = self.state.command if self.state is not None else ""
        data = self.connection.options.data_dir
        return f"{command} --data {shlex.quote(one_line(str(data)))}" if command and data else command

    def action_close(self) -> None:
        """Close the dialog, at the first time only after the response to what was switched: closing would cancel it."""
        if self.has_request("switch") and not self._closes_when_switched:
            self._closes_when_switched = True
            self.query_one("#done", Static).update("switching…")
        else:
            self.dismiss(None)


def _summary(state: FaultState, command: str) -> Content:
    """Return what was injected since the sandbox started, and the `command` that switches the same on again."""
    counts = ", ".join(f"{name} {count}" for name, count in state.injected.items())
    done = f"Injected since the sandbox started: {counts}." if counts else "Nothing was injected yet."
    command = command or "They end with the sandbox. Rules: drio-tui sandbox faults on --help"
    return Content("\n").join([sanitize_line(done, 400), sanitize_line(command, 400, "$foreground-muted")])
