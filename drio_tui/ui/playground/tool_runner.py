"""Running a tool from a screen, after the user has confirmed what needs confirmation. Everything runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.schema.jsontext import pretty
from drio_tui.text import count_of
from drio_tui.tool_calls.egress import origin_text
from drio_tui.ui.dialogs.allow_host import ask_to_allow
from drio_tui.ui.playground.playground_dialogs import CredentialsDialog
from drio_tui.ui.playground.run_blocks import local_runner_of, request_text
from drio_tui.workspace.run import local_runner as local
from drio_tui.workspace.run import preview_page as pages
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.text_renderer import render_widget
from drio_tui.workspace.run.tool_run import Run, Target, redacted_arguments

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.evaluation.runner import RunTool
    from drio_tui.ui.base.context import DrioContext


@dataclass(frozen=True, slots=True)
class RunResult:
    """The run, or None with a message why the tool was not run."""

    run: Run | None
    message: str = ""


async def run_tool(
    drio: DrioContext,
    client: DrioClient,
    bound: BoundTool,
    target: Target,
    arguments: dict[str, Any],
    app: dict[str, Any],
    on_sending: Callable[[], None],
) -> RunResult:
    """Confirm the request and ask for credentials where needed, then run the tool.

    `on_sending` is called right before the request is sent. Raises `DrioError`.
    """
    if target == "deployed":
        return await _deployed(drio, client, bound, arguments, app, on_sending)
    if target == "here":
        local.refuse_in_replay()
    runner = local_runner_of(client)
    try:
        request = local.preview(bound, arguments, "drio-sandbox" if target == "sandbox" else "drio-tui")
    except local.BadArguments as error:
        return RunResult(None, error.message)
    new_host = target == "here" and runner.is_new(bound)
    credentials = runner.credential_request(bound) if target == "here" else None
    notes = [] if bound.only_reads else ["", "The tool is not marked as only reading."]
    if new_host:
        place = origin_text(local.origin(bound))
        if local.has_private_host(bound):
            place += ", an address that only this machine or its network can reach"
        notes += ["", f"It goes from this machine to {place}. That is asked once in this session."]
    # The dialog for credentials shows the request too and counts as consent, so that a run asks only once.
    if not bound.only_reads or (new_host and credentials is None):
        title = "Send this?" if bound.only_reads else f"Run {bound.title}?"
        if not await drio.navigator.confirm(
            title, request_text(request, notes), agree="Run it", danger=not bound.only_reads
        ):
            return RunResult(None, "Not run.")
    if target == "sandbox":
        from drio_tui.workspace.run.sandbox_runner import run_in_sandbox

        on_sending()
        run = await run_in_sandbox(client, bound, arguments)
        if run.private is not None and await ask_to_allow(
            drio, client, run.private, run.error.partition(" To allow")[0]
        ):
            run = await run_in_sandbox(client, bound, arguments)
        return RunResult(run)
    if credentials is not None:
        values = await drio.push_screen_wait(CredentialsDialog(credentials, request_text(request, notes)))
        if values is None:
            return RunResult(None, "Not run: it has to sign in to the upstream.")
        runner.provide_credentials(credentials, values)
    runner.agree(bound)
    on_sending()
    run = await runner.run(bound, arguments)
    if run.private is not None and await drio.navigator.confirm(
        "Send it to a private address?",
        f"{run.error}\nOnly this machine or its network can reach it. Is that intended?",
        agree="Send it",
    ):
        runner.private.add(run.private)
        run = await runner.run(bound, arguments)
    return RunResult(run)


async def _deployed(
    drio: DrioContext,
    client: DrioClient,
    bound: BoundTool,
    arguments: dict[str, Any],
    app: dict[str, Any],
    on_sending: Callable[[], None],
) -> RunResult:
    from drio_tui.workspace.run.deployed_runner import run_deployed

    endpoint = await _endpoint(client, app)
    if not bound.only_reads:
        arguments_text = pretty(redacted_arguments(bound, arguments))[:2_000]
        message = f"tools/call {bound.name}\n{endpoint}\n{arguments_text}\n\nThe tool is not marked as only reading."
        if not await drio.navigator.confirm(f"Run {bound.title}?", message, agree="Run it"):
            return RunResult(None, "Not run.")
    on_sending()
    return RunResult(await run_deployed(endpoint, bound, arguments, drio.connection.log_exchange))


async def _endpoint(client: DrioClient, app: dict[str, Any]) -> str:
    """Return the URL of the deployed app. Raises `NotDeployed`."""
    from drio_tui.workspace.deploy.deploy_record import endpoint_of_app

    return await endpoint_of_app(client, app)


async def preview_html(drio: DrioContext, client: DrioClient, bound: BoundTool, run: Run, app: dict[str, Any]) -> str:
    """Return the widget's HTML document with the result of a run in it. Raises `DrioError`.

    The document is the deployed widget's, else the sandbox's, else a plain page with the text rendering.
    """
    if run.target == "deployed":
        from drio_tui.workspace.run.deployed_runner import widget_page

        html = await widget_page(await _endpoint(client, app), bound, drio.connection.log_exchange)
    elif client.transport.is_sandbox:
        from drio_tui.workspace.run.sandbox_runner import page_of

        html = await page_of(client, bound)
    else:
        return pages.plain_page(render_widget(bound, run, 100).plain(), bound)
    return pages.page_with(html, bound, run)


async def runner_for(
    drio: DrioContext, client: DrioClient, bound: BoundTool, target: Target, app: dict[str, Any], count: int
) -> RunTool | None:
    """Return what runs a tool for `count` tests, after one question where it is needed; None if the user said no.

    Raises `DrioError`, for example if the app is not deployed.
    """
    if target == "here":
        local.refuse_in_replay()
    runner = local_runner_of(client)
    endpoint = await _endpoint(client, app) if target == "deployed" else ""
    place = endpoint or origin_text(local.origin(bound))
    new_host = target == "here" and runner.is_new(bound)
    credentials = runner.credential_request(bound) if target == "here" else None
    text = f"{bound.method} {bound.operation['path']}, {count_of(count, 'call')} to {place}."
    if not bound.only_reads:
        text += "\n\nThe tool is not marked as only reading."
    if not bound.only_reads or (new_host and credentials is None):
        title = f"Run {count_of(count, 'test')}?"
        if not await drio.navigator.confirm(title, text, agree="Run them", danger=not bound.only_reads):
            return None
    if credentials is not None:
        values = await drio.push_screen_wait(CredentialsDialog(credentials, text))
        if values is None:
            return None
        runner.provide_credentials(credentials, values)
    if target == "here":
        runner.agree(bound)
        return runner.run
    if target == "sandbox":
        from drio_tui.workspace.run.sandbox_runner import run_in_sandbox

        return lambda tool, arguments: run_in_sandbox(client, tool, arguments)
    from drio_tui.workspace.run.deployed_runner import run_deployed

    return lambda tool, arguments: run_deployed(endpoint, tool, arguments, drio.connection.log_exchange)
