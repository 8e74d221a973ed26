"""Running a tool: one run from its arguments to what its widget shows.

| module            | what                                                                             |
|-------------------|----------------------------------------------------------------------------------|
| `bound_tool`      | a tool of a snapshot with everything that a call needs                           |
| `tool_run`        | a run: request, response, result, mappings, timing, errors; as JSON too          |
| `local_runner`    | running the draft from this machine, with credentials that are typed for it      |
| `sandbox_runner`  | running the draft inside the local sandbox, with the secrets it stores           |
| `deployed_runner` | calling the deployed app, as an AI client does                                   |
| `chain_runner`    | running a chain one tool at a time                                               |
| `run_history`     | stored runs and samples, per app                                                 |
| `text_renderer`   | a widget as lines of text                                                        |
| `preview_page`    | a widget's HTML with a result in it, for the browser                             |
| `mapping`         | which values a widget's field mappings find in a result, and which they could    |
| `schema_examples` | example values of a schema                                                       |
| `value_shape`     | what a schema or a sample says of a value: names, types, formats                 |
| `mapping_suggestions` | field mappings of a widget, suggested from a schema or a real result         |

Nothing here prompts or displays: the playground screen and `drio-tui call` do.
"""
