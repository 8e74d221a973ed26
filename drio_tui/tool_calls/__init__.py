"""Calling a tool's operation: arguments are turned into one HTTP request, and the upstream's response into a result.

| module        | what                                                                         |
|---------------|------------------------------------------------------------------------------|
| `tools`       | a tool as models see it: its name, its input schema, whether it only reads   |
| `requests`    | builds the request from the arguments, in a way that prevents injection      |
| `credentials` | what an auth connection adds to a request                                    |
| `egress`      | where requests may go: hosts that are named, addresses that are checked      |
| `fetch`       | sends a request, with limits on time, size and redirects                     |
| `response`    | the body of the response as a value                                            |
| `chain`       | which arguments the next tool of a chain takes from earlier results          |

The sandbox's runtime and the playground both use it, so that a run in the playground does what a deployed tool does.
"""
