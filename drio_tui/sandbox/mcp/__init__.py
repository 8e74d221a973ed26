"""The MCP endpoint of deployed apps: what a deploy publishes at `/mcp/{publicMcpId}`.

| module             | what                                                                       |
|--------------------|----------------------------------------------------------------------------|
| `endpoint`         | the route: finds the newest deployment and hands the request to its server |
| `server`           | a deployment as a server of the official SDK                               |
| `runtime`          | calling a tool: arguments, request, answer, chain                          |
| `snapshot`         | a deployment's config, read into tools                                     |
| `deployment_store` | history, restoring, and the secrets that were deployed                     |
| `draft_calls`      | running a draft's tool without deploying it                                |
| `arguments`        | JSON Schemas, checked with limits                                          |
| `widgets`          | widgets as self-contained HTML                                             |

The way to the upstream is `drio_tui.tool_calls`. The SDK is imported when the first MCP request comes: a sandbox that
nobody connects to starts without it.
"""
