"""Running the draft inside the local sandbox: with the secrets it keeps, by its own rules of where requests may go."""

from __future__ import annotations

import base64
import binascii
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import NotDrio
from drio_tui.api.resource_type import path_of
from drio_tui.tool_calls.egress import parse_origin
from drio_tui.tool_calls.fetch import Answer
from drio_tui.workspace.run.bound_tool import BoundTool, Document
from drio_tui.workspace.run.local_runner import prepare
from drio_tui.workspace.run.tool_run import Run, secret_texts, shown_request, take_answer

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


async def run_in_sandbox(client: DrioClient, bound: BoundTool, arguments: Document) -> Run:
    """Run the tool. Raises `BadArguments`, and any `DrioError` of asking the sandbox."""
    started = time.perf_counter()
    outgoing = prepare(bound, arguments, "drio-sandbox")
    run = Run(bound.id, bound.title, "sandbox", arguments, secret_names=bound.secret_names)
    known = secret_texts(bound, arguments)
    run.request = shown_request(outgoing, bound.auth, known)
    path = path_of("/sandbox/apps/{app}/tools/{tool}/try", app=bound.app_id, tool=bound.id)
    checked = time.perf_counter()
    reply = await client.transport.request("POST", path, json={"arguments": arguments}, below_origin=True)
    said = _told(reply.data)
    whole = time.perf_counter() - checked
    upstream = float(said["seconds"]) if isinstance(said.get("seconds"), int | float) else 0.0
    run.timing += [("arguments", checked - started), ("upstream", upstream), ("sandbox", max(0.0, whole - upstream))]
    if said.get("error"):
        run.error, run.unknown = str(said["error"]), said.get("unknown") is True
        if isinstance(said.get("private"), str):
            with contextlib.suppress(ValueError):
                run.private = parse_origin(said["private"])
    elif isinstance(said.get("answer"), dict):
        take_answer(run, bound, _answer(said["answer"], upstream), known)
    else:
        raise NotDrio("the sandbox answered without an answer of the upstream")
    return run


async def page_of(client: DrioClient, bound: BoundTool) -> str:
    """The HTML of the draft's widget, as a deploy would publish it."""
    path = path_of("/sandbox/apps/{app}/tools/{tool}/page", app=bound.app_id, tool=bound.id)
    reply = await client.transport.request("GET", path, below_origin=True)
    return str(_told(reply.data).get("html") or "")


def _told(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise NotDrio("the sandbox answered without an object")
    return data


def _answer(told: Mapping[str, Any], seconds: float) -> Answer:
    try:
        body = base64.b64decode(str(told["body"]), validate=True)
        return Answer(int(told["status"]), str(told["contentType"]), str(told["charset"]), body, seconds)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise NotDrio("the sandbox told the upstream's answer in a way that cannot be read") from None
