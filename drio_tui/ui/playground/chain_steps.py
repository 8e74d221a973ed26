"""The chain in the playground: the tools that were run one after another, and going on to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from textual.content import Content

from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.playground.chain_step_dialog import LOOKING, ChainStepDialog
from drio_tui.ui.playground.run_blocks import chain_blocks, keep_in_store
from drio_tui.ui.playground.step_finder import StepFinder, StepFound
from drio_tui.ui.widgets.rich_text import Block, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.run.chain_runner import Chain, Step

if TYPE_CHECKING:
    from drio_tui.workspace.model.snapshot import Snapshot
    from drio_tui.workspace.run.bound_tool import BoundTool
    from drio_tui.workspace.run.chain_choices import ChainChoices
    from drio_tui.workspace.run.tool_run import Run


class ChainView(ScreenContext, Protocol):
    """What the chain needs of the playground, which documents the methods."""

    async def set_tool(self, bound: BoundTool, *, arguments: dict[str, Any] | None = ...) -> None: ...

    def show_chain(self) -> None: ...

    def show_chain_blocks(self, blocks: Sequence[Block]) -> None: ...

    def show_form(self) -> None: ...

    def show_status(self, text: Content) -> None: ...

    def action_run_tool(self) -> None: ...


class ChainSteps:
    """Records the results of a chain, and takes the playground to its next tool.

    Attributes:
        trail: The titles of the tools before the one that is shown.
    """

    def __init__(self, screen: ChainView) -> None:
        self._screen = screen
        self._chain: Chain | None = None
        self._choices: ChainChoices | None = None
        self._finder = StepFinder()
        self._found = 0  # the number of the step that the chain page shows or waits for
        self.trail: list[str] = []

    @property
    def waiting(self) -> bool:
        """Whether tools of the chain are left to run."""
        return self._chain is not None and bool(self._chain.waiting)

    def clear(self) -> None:
        """Forget the chain."""
        self._finder.cancel()
        self._chain, self.trail = None, []

    def use_snapshot(self, snapshot: Snapshot, choices: ChainChoices | None) -> None:
        """Take the next tools from a newer snapshot of the app, and their arguments as it was chosen earlier."""
        self._choices = choices
        if self._chain is not None:
            self._chain.snapshot, self._chain.choices = snapshot, choices

    def add_result(self, snapshot: Snapshot, bound: BoundTool, run: Run) -> None:
        """Start a chain with this result, add it to the chain, or replace the chain's last result by it."""
        if run.structured is None:
            return
        chain = self._chain
        next_tool = chain.next_tool()[0] if chain is not None else None
        if chain is not None and next_tool is not None and next_tool.id == bound.id:
            self.trail.append(chain.newest.title)
            chain.done(bound, run.structured)
        elif chain is not None and len(chain.results) > 1 and chain.newest.bound.id == bound.id:
            chain.edit(run.structured)
        else:
            self.trail = []
            self._chain = (
                Chain.begin(snapshot, bound, run.arguments, run.structured, self._choices) if bound.next_ids else None
            )

    def show(self, run: Run | None) -> None:
        """Show the chain after `run`: its next step, once it is found."""
        chain = self._chain
        if chain is None:
            self._finder.cancel()
            self._screen.show_chain_blocks(chain_blocks(None, run, None))
            return
        self._screen.show_chain_blocks([Paragraph(Content.styled(LOOKING, "$text-warning"))])
        draw = partial(_draw, run)
        self._found = self._finder.find(
            self._screen.drio, chain, self._screen, draw
        )  # not a request: Esc would stop it

    def step_found(self, message: StepFound) -> None:
        """Show the chain that was drawn with its next step."""
        if message.number == self._found:
            self._screen.show_chain_blocks(message.blocks)

    def show_next(self) -> None:
        """Show the next step in a dialog, and go to its tool if the user agrees."""
        if self._chain is not None:
            self._screen.drio.push_screen(ChainStepDialog(self._chain, self._finder), self._dialog_closed)

    async def _dialog_closed(self, step: Step | None) -> None:
        screen, chain = self._screen, self._chain
        if chain is not None:
            screen.show_chain()
        if chain is None or step is None:
            return
        keep_in_store(screen.drio, partial(chain.keep, step), group="keep-choice", not_kept="The choice is not kept.")
        await screen.set_tool(step.bound, arguments=step.arguments)
        if step.absent:
            screen.show_form()
            missing = ", ".join(step.absent)
            screen.show_status(
                Content.styled("▲ ", "$text-warning") + sanitize_line(f"No result has {missing}: type it.", 200)
            )
        else:
            screen.action_run_tool()


def _draw(run: Run | None, chain: Chain, step: Step | None) -> list[Block]:
    return chain_blocks(chain, run, step)
