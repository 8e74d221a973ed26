"""Creates the server of a snapshot; the only module through which the sandbox imports the SDK."""

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

# They log the whole URL of every request at INFO, and its query can hold a key.
for _logger in ("httpx", "httpcore", "mcp"):
    logging.getLogger(_logger).setLevel(logging.WARNING)


def create_server(
    number: int,
    snapshot: dict[str, Any],
    secrets: dict[str, dict[str, Any]] | None,
    own_origin: Origin,
    own_prefix: str,
    *,
    allow_private: bool,
    allowed: AllowedHosts,
    max_body: int,
) -> tuple[CheckedManager, Runtime]:
    """Return the deployment's session manager and its runtime, which the caller closes after the manager."""
    deployment = snapshots.read(number, snapshot)
    policy = Policy(own_origin, own_prefix, allow_private, allowed)
    runtime = Runtime(deployment, policy, secrets, how_to_allow=allowed.advice)
    server = serve(runtime)
    # No security settings: `GuardMiddleware` checks Host and Origin before the request is routed.
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=max_body, security_settings=None
    )
    return CheckedManager(manager), runtime
