"""Running a tool: one run from its arguments to what its widget shows.

| module            | what                                                                             |
|-------------------|----------------------------------------------------------------------------------|
| `bound_tool`      | a tool of a snapshot with all that its call needs                                |
| `tool_run`        | what a run was: request, response, result, mappings, timing, errors; as JSON too |
| `local_runner`    | running the draft from this machine, with credentials that are typed for it      |
| `sandbox_runner`  | running the draft inside the local sandbox, with the secrets it keeps            |
| `deployed_runner` | calling what is deployed, as an AI client does                                   |
| `chain_runner`    | going through a chain one tool at a time                                         |
| `run_history`     | runs and samples that are kept, per app                                          |
| `text_renderer`   | a widget's view as lines of text                                                 |
| `preview_page`    | a widget's HTML with a result in it, for the browser                             |
| `mapping`         | which values a widget's field mappings find in a result, and which they could    |
| `schema_examples` | example values of a schema                                                       |

Nothing here asks or shows: the playground screen and `drio-tui call` do.
"""
