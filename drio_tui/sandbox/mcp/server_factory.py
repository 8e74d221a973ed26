"""From a snapshot to something that answers; the one module through which the SDK comes in."""

from __future__ import annotations

import logging
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.mcp import snapshot as snapshots
from drio_tui.sandbox.mcp.messages import CheckedManager
from drio_tui.sandbox.mcp.runtime import Runtime
from drio_tui.sandbox.mcp.server import serve
from drio_tui.tool_calls.egress import Origin, Policy

# They tell every request's whole URL at INFO, and a key can stand in its query.
for _chatty in ("httpx", "httpcore", "mcp"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


def load(
    number: int,
    snapshot: dict[str, Any],
    secrets: dict[str, dict[str, Any]] | None,
    own: Origin,
    own_prefix: str,
    *,
    allow_private: bool,
    allowed: AllowedHosts,
    max_body: int,
) -> tuple[CheckedManager, Runtime]:
    """The deployment's HTTP side and its runtime; whoever runs the first closes the second."""
    deployment = snapshots.read(number, snapshot)
    runtime = Runtime(deployment, Policy(own, own_prefix, allow_private, allowed), secrets, how_to_allow=allowed.advice)
    server = serve(runtime)
    # Host and Origin are the sandbox's guard's to judge, before anything is routed.
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=max_body, security_settings=None
    )
    return CheckedManager(manager), runtime
