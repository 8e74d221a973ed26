"""Tools whose results are large or that fail often, by what MCP clients asked of the deployed app in a sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from drio_tui.api.errors import NotDrio, NotFound
from drio_tui.workspace.model.snapshot import Snapshot, ToolCalls
from drio_tui.workspace.model.tools import published_name

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

LARGE_RESULT_TOKENS = 10_000
"""From this size of a result on a tool is marked: Claude Code warns, and others cut it off."""
MIN_FAILED = 3
"""A tool is marked when at least this many of its calls have failed…"""
FAILED_SHARE = 0.25
"""…and at least this share of them."""
_PATH = "/sandbox/calls/tools"


async def fetch_tool_calls(client: DrioClient, app_id: str) -> Sequence[ToolCalls]:
    """Return what a sandbox has kept of the calls of an app, in one request; nothing of a drio. Raises `DrioError`."""
    if not client.transport.is_sandbox:
        return ()
    try:
        data = (await client.transport.request("GET", f"{_PATH}?app={app_id}", at_origin=True)).data
        return tuple(
            ToolCalls(str(item["tool"]), int(item["calls"]), int(item["failed"]), int(item["maxTokens"]))
            for item in data["tools"]
        )
    except NotFound:  # a sandbox of an earlier version
        return ()
    except (KeyError, TypeError, ValueError):
        raise NotDrio("the sandbox answered without its counts of calls") from None


def call_problems(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Yield the code, the message and the id of a tool for what the calls of the app show."""
    by_name = {total.tool: total for total in snapshot.calls}
    for tool in snapshot.resources("tool"):
        total = by_name.get(published_name(tool))
        if total is None:
            continue
        if total.max_tokens >= LARGE_RESULT_TOKENS:
            text = f"Its largest result had about {total.max_tokens:,} tokens, more than {LARGE_RESULT_TOKENS:,}"
            yield "large_result", text, tool.id
        if total.failed >= MIN_FAILED and total.failed >= FAILED_SHARE * total.calls:
            yield "often_failed", f"{total.failed:,} of its {total.calls:,} calls failed", tool.id
