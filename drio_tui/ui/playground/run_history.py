"""What is done with a run beyond looking at it: kept as a sample, opened in the browser, copied, run again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.ui.playground import playground_dialogs as dialogs
from drio_tui.ui.playground import tool_runner as running
from drio_tui.ui.playground.run_blocks import here_of, kept_of
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.run import preview_page as pages
from drio_tui.workspace.run.run_history import NotKept
from drio_tui.workspace.run.tool_run import Run, inner_value

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.playground.playground_screen import PlaygroundScreen


class Said(Message):
    """Something to say that came of work in the background."""

    def __init__(self, text: str, *, warning: bool = False) -> None:
        super().__init__()
        self.text = text
        self.warning = warning


class RunsRead(Message):
    """The runs that are kept of the tool."""

    def __init__(self, runs: list[Run]) -> None:
        super().__init__()
        self.runs = runs


class Keeping:
    """Mixed into the playground."""

    @property
    def _screen(self) -> PlaygroundScreen:
        return cast("PlaygroundScreen", self)

    def action_history(self) -> None:
        screen = self._screen
        kept, tool = kept_of(screen.backend, screen.app_id), screen.tool_id

        async def read(_client: DrioClient) -> RunsRead:
            return RunsRead(await asyncio.to_thread(kept.runs, tool))

        screen.run_request(read, lambda found: found, group="history")

    def on_runs_read(self, message: RunsRead) -> None:
        screen = self._screen
        title = screen.bound.title if screen.bound is not None else ""
        screen.app.push_screen(dialogs.RunsScreen(title, message.runs), screen._took_run)

    async def _took_run(self, choice: dialogs.Choice | None) -> None:
        screen = self._screen
        if choice is None or screen.bound is None or screen.snapshot is None:
            return
        what, run = choice
        screen.chain, screen._trail = None, []
        await screen._use(screen.bound, arguments=run.arguments)
        if what == "show":
            screen._run_bound = screen.bound
            if run.structured is not None:
                run.value = inner_value(screen.bound, run.structured)
            screen.run_shown = run
            screen.show_page("widget")
        elif run.lost:
            screen.show_arguments()
            screen._say(
                Content.styled("▲ ", "$text-warning") + safe_line(f"Not kept: {', '.join(run.lost)}. Type it.", 200)
            )
        else:
            screen.target = run.target if run.target != "sandbox" or screen._is_sandbox else "here"
            screen.action_run_tool()

    def action_sample(self) -> None:
        screen = self._screen
        run, bound = screen.run_shown, screen._run_bound
        if run is None or bound is None:
            return
        kept = kept_of(screen.backend, screen.app_id)

        async def keep() -> None:
            try:
                await asyncio.to_thread(kept.save_sample, bound.id, run.value)
            except NotKept as error:
                screen.post_message(Said(str(error), warning=True))
            else:
                screen.post_message(Said("Kept: the widget's editor tries its mappings on this result."))

        screen.run_worker(keep(), group="sample", exclusive=True)

    def action_curl(self) -> None:
        """Copy what was sent as a command, its secrets left to the environment."""
        screen = self._screen
        from drio_tui.ui.requests.curl import command

        if screen.run_shown is not None and screen.run_shown.request is not None:
            one = screen.run_shown.request
            screen.drio.copy(command(one.method, one.url, one.headers, one.body or None), "the curl command")

    def action_forget(self) -> None:
        screen = self._screen
        if screen.bound is not None and screen.backend.client is not None:
            here_of(screen.backend.client).forget(screen.bound)
            screen.notify("It will be asked for again.", markup=False)

    def action_browser(self) -> None:
        screen = self._screen
        run, bound = screen.run_shown, screen._run_bound
        if run is None or bound is None:
            return

        async def show(client: DrioClient) -> Said:
            document = await running.page(screen.drio, client, bound, run, screen._app)
            path = await asyncio.to_thread(pages.write_page, document)
            screen._pages_written.append(path)
            from drio_tui.auth.browser import BrowserRefused, DesktopEnvironment, open_file

            around = await asyncio.to_thread(DesktopEnvironment.here)
            why = around.obstacle()
            try:
                if why is None:
                    await open_file(path, around)
            except BrowserRefused as error:
                why = str(error)
            if why is not None:
                return Said(f"{why}. The page is at {path} while this screen is open.", warning=True)
            return Said("Opened in the browser.")

        def failed(error: DrioError) -> Message:
            return Said(str(error), warning=True)

        screen._say(Content.styled("◌ opening the page… Esc stops it", "$text-warning"))
        screen.run_request(show, lambda said: said, group="browser", failed=failed, once=True)

    def on_said(self, message: Said) -> None:
        screen = self._screen
        if screen.snapshot is None and message.warning:
            screen._say(Content.assemble(("✗ ", "$text-error"), safe(message.text, "$text-error")))
            return
        if not screen.busy:
            screen._say(screen._standing())
        screen.notify(
            safe(message.text, multiline=True).plain,
            severity="warning" if message.warning else "information",
            markup=False,
        )
