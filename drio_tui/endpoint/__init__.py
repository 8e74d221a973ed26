"""A deployed app as an AI client finds it: connect to its endpoint, list its tools, call one, read a widget.

`connect(url)` opens it. What speaks the protocol is the official MCP SDK (extra `mcp`), which is imported in a
thread when first needed; everything around it is bounded here: time, the size of answers, redirects.
"""

from drio_tui.endpoint.live import LIMITS, Live, connect
from drio_tui.endpoint.models import CallResult, Contents, SeenTool, Server

__all__ = ["LIMITS", "CallResult", "Contents", "Live", "SeenTool", "Server", "connect"]
