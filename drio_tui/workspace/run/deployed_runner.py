"""Calling a deployed app through its endpoint, as an AI client does."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drio_tui.api import json_codec
from drio_tui.api.json_codec import Document
from drio_tui.endpoint import connect
from drio_tui.tool_calls.outputs import NOTE_META
from drio_tui.workspace.deploy.deploy_record import NotDeployed
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.tool_run import Request, Run, inner_value, redacted_arguments

if TYPE_CHECKING:
    from drio_tui.api.exchange import Exchange
    from drio_tui.endpoint import CallResult

VIEW_META = "drio/view"
CHAIN_META = "drio/chain"
OnExchange = Callable[["Exchange"], None] | None


async def run_deployed(endpoint: str, bound: BoundTool, arguments: Document, on_exchange: OnExchange = None) -> Run:
    """Call the tool by the name that models see. Raises `DrioError` where the endpoint cannot be called."""
    with contextlib.suppress(ImportError):  # `connect` reports a missing SDK; loading it is not part of the call's time
        await asyncio.to_thread(importlib.import_module, "drio_tui.endpoint.sdk")
    started = time.perf_counter()
    run = Run(bound.id, bound.title, "deployed", arguments, secret_names=bound.secret_names)
    async with connect(endpoint, on_exchange=on_exchange) as live:
        connected = time.perf_counter()
        run.timing.append(("connecting", connected - started))
        result = await live.call(bound.name, arguments, secret_names=bound.secret_names)
    run.timing.append(("call", result.seconds))
    run.request = Request(
        "tools/call", endpoint, (("name", bound.name),), json_codec.dumps(redacted_arguments(bound, arguments))
    )
    _apply_result(run, bound, result)
    return run


def _apply_result(run: Run, bound: BoundTool, result: CallResult) -> None:
    steps = result.meta.get(CHAIN_META)
    run.steps = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    if result.is_error:
        run.error = result.text or "The tool failed without saying why."
        return
    structured: Any = result.structured
    if not isinstance(structured, dict):
        structured = {"result": result.text if structured is None else structured}
    run.structured = structured
    note = result.meta.get(NOTE_META)
    run.note = note if isinstance(note, str) else ""
    run.value = inner_value(bound, structured, result.meta.get(VIEW_META))


async def widget_page(endpoint: str, bound: BoundTool, on_exchange: OnExchange = None) -> str:
    """Return the HTML of the tool's widget, from the endpoint's `ui://` resource. Raises `NotDeployed` without one."""
    async with connect(endpoint, on_exchange=on_exchange) as live:
        tool = next((offered for offered in await live.tools() if offered.name == bound.name), None)
        if tool is None:
            raise NotDeployed(f"the endpoint has no tool {bound.name}", hint="Deploy the app again.")
        if not tool.widget_uri:
            raise NotDeployed(f"{bound.name} has no widget at the endpoint")
        return (await live.read(tool.widget_uri)).text
