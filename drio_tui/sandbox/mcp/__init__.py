"""The MCP endpoint of deployed apps, `/mcp/{publicMcpId}`.

| module             | content                                                                    |
|--------------------|----------------------------------------------------------------------------|
| `endpoint`         | the route: passes a request to the server of the newest deployment         |
| `messages`         | checks of a message before the SDK gets it                                 |
| `server`           | a deployment as a server of the official SDK                               |
| `runtime`          | calls of a tool: arguments, request, response, chain                       |
| `snapshot`         | a deployment's config, parsed into tools                                   |
| `deployment_store` | history, restoring, and the secrets of deployments                         |
| `deployment_cli`   | history and restoring for the command line                                 |
| `draft_calls`      | running a draft's tool without deploying it                                |
| `call_log`         | what clients asked, without secrets                                        |
| `arguments`        | validation against untrusted JSON Schemas, with limits                     |
| `widgets`          | widgets as self-contained HTML                                             |

Requests to upstreams are made by `drio_tui.tool_calls`. The SDK is imported at the first MCP request, so that the
sandbox starts faster.
"""
