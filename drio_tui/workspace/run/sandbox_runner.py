"""Running the draft inside the local sandbox: with the secrets it stores, under its own egress rules."""

from __future__ import annotations

import base64
import binascii
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import NotDrio
from drio_tui.api.json_codec import Document
from drio_tui.api.resource_type import path_of
from drio_tui.tool_calls.egress import parse_origin
from drio_tui.tool_calls.fetch import UpstreamResponse
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.local_runner import prepare
from drio_tui.workspace.run.tool_run import Run, apply_response, redacted_request, secret_texts

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


async def run_in_sandbox(client: DrioClient, bound: BoundTool, arguments: Document) -> Run:
    """Run the tool. Raises `BadArguments`, and any `DrioError` of the request to the sandbox."""
    started = time.perf_counter()
    request = prepare(bound, arguments, "drio-sandbox")
    run = Run(bound.id, bound.title, "sandbox", arguments, secret_names=bound.secret_names)
    hidden_texts = secret_texts(bound, arguments)
    run.request = redacted_request(request, bound.auth, hidden_texts)
    path = path_of("/sandbox/apps/{app}/tools/{tool}/try", app=bound.app_id, tool=bound.id)
    sent = time.perf_counter()
    reply = await client.transport.request("POST", path, json={"arguments": arguments}, at_origin=True)
    result = _object(reply.data)
    total = time.perf_counter() - sent
    upstream = float(result["seconds"]) if isinstance(result.get("seconds"), int | float) else 0.0
    run.timing += [("arguments", sent - started), ("upstream", upstream), ("sandbox", max(0.0, total - upstream))]
    if result.get("error"):
        run.error, run.unknown = str(result["error"]), result.get("unknown") is True
        if isinstance(result.get("private"), str):
            with contextlib.suppress(ValueError):
                run.private = parse_origin(result["private"])
    elif isinstance(result.get("answer"), dict):
        apply_response(run, bound, _answer(result["answer"], upstream), hidden_texts)
    else:
        raise NotDrio("the sandbox answered without a response of the upstream")
    return run


async def page_of(client: DrioClient, bound: BoundTool) -> str:
    """Return the HTML of the draft's widget, as a deploy would publish it."""
    path = path_of("/sandbox/apps/{app}/tools/{tool}/page", app=bound.app_id, tool=bound.id)
    reply = await client.transport.request("GET", path, at_origin=True)
    return str(_object(reply.data).get("html") or "")


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise NotDrio("the sandbox answered without an object")
    return data


def _answer(answer: Mapping[str, Any], seconds: float) -> UpstreamResponse:
    try:
        body = base64.b64decode(str(answer["body"]), validate=True)
        return UpstreamResponse(
            int(answer["status"]), str(answer["contentType"]), str(answer["charset"]), body, seconds
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise NotDrio("the sandbox gave the upstream's response in a form that cannot be read") from None
