"""Client of a deployed app's MCP endpoint: list its tools, call one, read a widget.

`connect(url)` opens a connection. The official MCP SDK (extra `mcp`) implements the protocol; it is imported in a
thread when first needed. Time, the size of responses and redirects are limited here.
"""

from drio_tui.endpoint.live import LIMITS, EndpointClient, connect
from drio_tui.endpoint.models import CallResult, Contents, SeenTool, Server

__all__ = ["LIMITS", "CallResult", "Contents", "EndpointClient", "SeenTool", "Server", "connect"]
