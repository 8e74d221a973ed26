"""Calling a tool's operation: arguments become one HTTP request, the request an answer, the answer a result.

| module        | what                                                                         |
|---------------|------------------------------------------------------------------------------|
| `tools`       | a tool as models see it: its name, its input schema, whether it only reads   |
| `requests`    | arguments become one request, by rules that let nothing be injected          |
| `credentials` | what an auth connection adds to a request                                    |
| `egress`      | where requests may go: named hosts, judged addresses                         |
| `fetch`       | sending one, with a limit on everything                                      |
| `response`    | what came back, as a value                                                   |
| `chain`       | which arguments a following tool takes from earlier results                  |

The sandbox's runtime and the playground use it alike, so that trying a tool shows what a deployed one does.
"""
