"""The actions on a finished run: keep it as a sample, open it in the browser, copy it as curl, run it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.ui.playground import playground_dialogs as dialogs
from drio_tui.ui.playground import tool_runner as running
from drio_tui.ui.playground.run_blocks import local_runner_of, run_store_of
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.run import preview_page as pages
from drio_tui.workspace.run.run_history import NotKept
from drio_tui.workspace.run.tool_run import Run, inner_value

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.playground.playground_screen import PlaygroundScreen


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


class RunActions:
    """The actions, mixed into the playground."""

    @property
    def _screen(self) -> PlaygroundScreen:
        return cast("PlaygroundScreen", self)

    def action_history(self) -> None:
        screen = self._screen
        run_store, tool = run_store_of(screen.connection, screen.app_id), screen.tool_id

        async def read(_client: DrioClient) -> RunsLoaded:
            return RunsLoaded(await asyncio.to_thread(run_store.runs, tool))

        screen.run_request(read, lambda message: message, group="history")

    def on_runs_loaded(self, message: RunsLoaded) -> None:
        screen = self._screen
        title = screen.bound.title if screen.bound is not None else ""
        screen.app.push_screen(dialogs.RunsScreen(title, message.runs), screen._run_chosen)

    async def _run_chosen(self, choice: dialogs.RunChoice | None) -> None:
        screen = self._screen
        if choice is None or screen.bound is None or screen.snapshot is None:
            return
        action, run = choice
        screen.chain, screen._trail = None, []
        await screen._set_tool(screen.bound, arguments=run.arguments)
        if action == "show":
            screen._run_bound = screen.bound
            if run.structured is not None:
                run.value = inner_value(screen.bound, run.structured)
            screen.run_shown = run
            screen.show_page("widget")
        elif run.omitted_arguments:
            screen.show_arguments()
            screen._show_status(
                Content.styled("▲ ", "$text-warning")
                + sanitize_line(f"Not kept: {', '.join(run.omitted_arguments)}. Type it.", 200)
            )
        else:
            screen.target = run.target if run.target != "sandbox" or screen._is_sandbox else "here"
            screen.action_run_tool()

    def action_sample(self) -> None:
        screen = self._screen
        run, bound = screen.run_shown, screen._run_bound
        if run is None or bound is None:
            return
        run_store = run_store_of(screen.connection, screen.app_id)

        async def keep() -> None:
            try:
                await asyncio.to_thread(run_store.save_sample, bound.id, run.value)
            except NotKept as error:
                screen.post_message(PlaygroundNotice(str(error), warning=True))
            else:
                screen.post_message(PlaygroundNotice("Kept: the widget's editor tries its mappings on this result."))

        screen.run_worker(keep(), group="sample", exclusive=True)

    def action_curl(self) -> None:
        """Copy the request as a curl command that takes its secrets from the environment."""
        screen = self._screen
        from drio_tui.ui.requests.curl import command

        if screen.run_shown is not None and screen.run_shown.request is not None:
            request = screen.run_shown.request
            text = command(request.method, request.url, request.headers, request.body or None)
            screen.drio.copy(text, "the curl command")

    def action_forget(self) -> None:
        screen = self._screen
        if screen.bound is not None and screen.connection.client is not None:
            local_runner_of(screen.connection.client).forget(screen.bound)
            screen.notify("It will be asked for again.", markup=False)

    def action_browser(self) -> None:
        screen = self._screen
        run, bound = screen.run_shown, screen._run_bound
        if run is None or bound is None:
            return

        async def show(client: DrioClient) -> PlaygroundNotice:
            document = await running.preview_html(screen.drio, client, bound, run, screen._app_raw)
            path = await asyncio.to_thread(pages.write_page, document)
            screen._pages_written.append(path)
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

        screen._show_status(Content.styled("◌ opening the page… Esc stops it", "$text-warning"))
        screen.run_request(show, lambda notice: notice, group="browser", failed=failed, once=True)

    def on_playground_notice(self, message: PlaygroundNotice) -> None:
        screen = self._screen
        if screen.snapshot is None and message.warning:
            screen._show_status(Content.assemble(("✗ ", "$text-error"), sanitize(message.text, "$text-error")))
            return
        if not screen.busy:
            screen._show_status(screen._idle_status())
        screen.notify(
            sanitize(message.text, multiline=True).plain,
            severity="warning" if message.warning else "information",
            markup=False,
        )
