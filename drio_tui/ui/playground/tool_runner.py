"""Running a tool from a screen: what has to be asked is asked first. Everything here runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.schema.jsontext import pretty
from drio_tui.tool_calls.egress import origin_text
from drio_tui.ui.dialogs.allow_host import ask_to_allow
from drio_tui.ui.playground.playground_dialogs import CredentialsScreen
from drio_tui.ui.playground.run_blocks import here_of, request_text
from drio_tui.workspace.run import local_runner as local
from drio_tui.workspace.run import preview_page as pages
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.text_renderer import draw
from drio_tui.workspace.run.tool_run import Run, Target, shown_arguments

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it: the run, or what to say where it was not begun after all."""

    run: Run | None
    said: str = ""


async def attempt(
    drio: DrioContext,
    client: DrioClient,
    bound: BoundTool,
    target: Target,
    arguments: dict[str, Any],
    app: dict[str, Any],
    sending: Callable[[], None],
) -> Attempt:
    """Ask what has to be asked, then run the tool; `sending` is called when that begins. Raises `DrioError`."""
    if target == "deployed":
        return await _deployed(drio, client, bound, arguments, app, sending)
    here = here_of(client)
    try:
        request = local.preview(bound, arguments, "drio-sandbox" if target == "sandbox" else "drio-tui")
    except local.BadArguments as error:
        return Attempt(None, error.message)
    new_host = target == "here" and here.is_new(bound)
    wanted = here.wanted(bound) if target == "here" else None
    why = [] if bound.only_reads else ["", "The tool is not marked as only reading."]
    if new_host:
        place = origin_text(local.origin(bound))
        if local.has_private_host(bound):
            place += ", an address that only this machine or its network can reach"
        why += ["", f"It goes from this machine to {place}. That is asked once in this session."]
    # Where a secret has to be typed, that dialog shows the request too and is the consent: one question for one run.
    if not bound.only_reads or (new_host and wanted is None):
        title = "Send this?" if bound.only_reads else f"Run {bound.title}?"
        if not await drio.confirm(title, request_text(request, why), agree="Run it", danger=not bound.only_reads):
            return Attempt(None, "Not run.")
    if target == "sandbox":
        from drio_tui.workspace.run.sandbox_runner import run_in_sandbox

        sending()
        run = await run_in_sandbox(client, bound, arguments)
        if run.private is not None and await ask_to_allow(
            drio, client, run.private, run.error.partition(" To allow")[0]
        ):
            run = await run_in_sandbox(client, bound, arguments)
        return Attempt(run)
    if wanted is not None:
        typed = await drio.push_screen_wait(CredentialsScreen(wanted, request_text(request, why)))
        if typed is None:
            return Attempt(None, "Not run: it has to sign in to the upstream.")
        here.give(wanted, typed)
    here.agree(bound)
    sending()
    run = await here.run(bound, arguments)
    if run.private is not None and await drio.confirm(
        "Send it to a private address?",
        f"{run.error}\nOnly this machine or its network can reach it. Is that what is meant?",
        agree="Send it",
    ):
        here.private.add(run.private)
        run = await here.run(bound, arguments)
    return Attempt(run)


async def _deployed(
    drio: DrioContext,
    client: DrioClient,
    bound: BoundTool,
    arguments: dict[str, Any],
    app: dict[str, Any],
    sending: Callable[[], None],
) -> Attempt:
    from drio_tui.workspace.run.deployed_runner import run_deployed

    endpoint = await _endpoint(client, app)
    if not bound.only_reads:
        given = pretty(shown_arguments(bound, arguments))[:2_000]
        said = f"tools/call {bound.name}\n{endpoint}\n{given}\n\nThe tool is not marked as only reading."
        if not await drio.confirm(f"Run {bound.title}?", said, agree="Run it"):
            return Attempt(None, "Not run.")
    sending()
    return Attempt(await run_deployed(endpoint, bound, arguments, drio.backend.note_exchange))


async def _endpoint(client: DrioClient, app: dict[str, Any]) -> str:
    """Where the app is live. Raises `NotDeployed`."""
    from drio_tui.workspace.run.deployed_runner import live_at

    return await live_at(client, app)


async def page(drio: DrioContext, client: DrioClient, bound: BoundTool, run: Run, app: dict[str, Any]) -> str:
    """The widget's document with the result in it, from wherever it can be had. Raises `DrioError`."""
    if run.target == "deployed":
        from drio_tui.workspace.run.deployed_runner import widget_page

        html = await widget_page(await _endpoint(client, app), bound, drio.backend.note_exchange)
    elif client.transport.is_sandbox:
        from drio_tui.workspace.run.sandbox_runner import page_of

        html = await page_of(client, bound)
    else:
        return pages.plain_page(draw(bound, run, 100).plain(), bound)
    return pages.page_with(html, bound, run)
