"""The actions on a finished run: keep it as a sample, open it in the browser, copy it as curl, run it again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from textual.content import Content
from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.playground import playground_dialogs as dialogs
from drio_tui.ui.playground import tool_runner as running
from drio_tui.ui.playground.run_blocks import keep_sample, local_runner_of, run_store_of
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.run import preview_page as pages
from drio_tui.workspace.run.tool_run import Run, inner_value

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.model.snapshot import Snapshot
    from drio_tui.workspace.run.bound_tool import BoundTool
    from drio_tui.workspace.run.tool_run import Target


class PlaygroundNotice(Message):
    """A message for the user from a background task."""

    def __init__(self, text: str, *, warning: bool = False) -> None:
        super().__init__()
        self.text = text
        self.warning = warning


class RunsLoaded(Message):
    """The run history of the tool was read."""

    def __init__(self, runs: list[Run]) -> None:
        super().__init__()
        self.runs = runs


class PlaygroundView(ScreenContext, Protocol):
    """What the actions need of the playground, which documents the attributes and methods."""

    app_id: str
    tool_id: str
    snapshot: Snapshot | None
    bound: BoundTool | None
    run_shown: Run | None
    run_bound: BoundTool | None
    target: Target

    @property
    def app_raw(self) -> dict[str, Any]: ...

    @property
    def is_sandbox(self) -> bool: ...

    async def restart_chain(self, bound: BoundTool, arguments: dict[str, Any]) -> None: ...

    def show_run(self, bound: BoundTool, run: Run) -> None: ...

    def show_page(self, name: str) -> None: ...

    def show_form(self) -> None: ...

    def show_status(self, text: Content) -> None: ...

    def action_run_tool(self) -> None: ...


class RunActions:
    """Carries out the actions of the playground on the run that is shown, and on earlier runs of the tool."""

    def __init__(self, screen: PlaygroundView) -> None:
        self._screen = screen
        self._pages_written: list[Path] = []

    def show_history(self) -> None:
        """Read the earlier runs of the tool, of which the user then chooses one."""
        screen = self._screen
        run_store, tool = run_store_of(screen.connection, screen.app_id), screen.tool_id

        async def read(_client: DrioClient) -> RunsLoaded:
            return RunsLoaded(await asyncio.to_thread(run_store.runs, tool))

        screen.run_request(read, lambda message: message, group="history")

    def runs_loaded(self, message: RunsLoaded) -> None:
        screen = self._screen
        title = screen.bound.title if screen.bound is not None else ""
        screen.drio.push_screen(dialogs.RunHistoryDialog(title, message.runs), self._run_chosen)

    async def _run_chosen(self, choice: dialogs.RunChoice | None) -> None:
        screen = self._screen
        if choice is None or screen.bound is None or screen.snapshot is None:
            return
        action, run = choice
        await screen.restart_chain(screen.bound, run.arguments)
        if action == "show":
            if run.structured is not None:
                run.value = inner_value(screen.bound, run.structured)
            screen.show_run(screen.bound, run)
            screen.show_page("widget")
        elif run.omitted_arguments:
            screen.show_form()
            screen.show_status(
                Content.styled("▲ ", "$text-warning")
                + sanitize_line(f"Not kept: {', '.join(run.omitted_arguments)}. Type it.", 200)
            )
        else:
            screen.target = run.target if run.target != "sandbox" or screen.is_sandbox else "here"
            screen.action_run_tool()

    def save_sample(self) -> None:
        """Keep the result as the sample of the widget."""
        screen = self._screen
        run, bound = screen.run_shown, screen.run_bound
        if run is not None and bound is not None:
            keep_sample(screen.drio, screen.app_id, bound.id, run.value)

    def save_as_test(self) -> None:
        """Open the tests of the run's tool, with a new one that expects what the run has returned."""
        run, bound = self._screen.run_shown, self._screen.run_bound
        if run is not None and bound is not None:
            from drio_tui.evaluation.from_run import suggested_test

            self._screen.drio.navigator.open_tests(self._screen.app_id, bound.id, suggested_test(bound, run))

    def copy_as_curl(self) -> None:
        """Copy the request as a curl command that takes its secrets from the environment."""
        screen = self._screen
        from drio_tui.api.curl import command

        if screen.run_shown is not None and screen.run_shown.request is not None:
            request = screen.run_shown.request
            text = command(request.method, request.url, request.headers, request.body or None)
            screen.drio.copy(text, "the curl command")

    def forget_credentials(self) -> None:
        """Forget what was typed to sign in to the upstream of the tool."""
        screen = self._screen
        if screen.bound is not None and screen.connection.client is not None:
            local_runner_of(screen.connection.client).forget(screen.bound)
            screen.drio.notify("It will be asked for again.", markup=False)

    def open_in_browser(self) -> None:
        """Open the widget's HTML with the result in the browser."""
        screen = self._screen
        run, bound = screen.run_shown, screen.run_bound
        if run is None or bound is None:
            return

        async def show(client: DrioClient) -> PlaygroundNotice:
            document = await running.preview_html(screen.drio, client, bound, run, screen.app_raw)
            path = await asyncio.to_thread(pages.write_page, document)
            self._pages_written.append(path)
            from drio_tui.auth.browser import BrowserUnavailable, DesktopEnvironment, open_file

            desktop = await asyncio.to_thread(DesktopEnvironment.detect)
            problem = desktop.why_no_browser()
            try:
                if problem is None:
                    await open_file(path, desktop)
            except BrowserUnavailable as error:
                problem = str(error)
            if problem is not None:
                return PlaygroundNotice(f"{problem}. The page is at {path} while this screen is open.", warning=True)
            return PlaygroundNotice("Opened in the browser.")

        def failed(error: DrioError) -> Message:
            return PlaygroundNotice(str(error), warning=True)

        screen.show_status(Content.styled("◌ opening the page… Esc stops it", "$text-warning"))
        screen.run_request(show, lambda notice: notice, group="browser", failed=failed, once=True)

    def remove_pages(self) -> None:
        """Remove the files that were written for the browser."""
        for path in self._pages_written:
            pages.remove_page(path)
