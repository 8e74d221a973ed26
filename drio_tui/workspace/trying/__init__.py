"""Trying a tool: one run from its arguments to what its widget shows.

| module      | what                                                                             |
|-------------|----------------------------------------------------------------------------------|
| `bound`     | a tool of a snapshot with all that its call needs                                |
| `run`       | what a run was: request, response, result, mappings, timing, errors; as JSON too |
| `here`      | running the draft from this machine, with credentials that are typed for it      |
| `sandboxed` | running the draft inside the local sandbox, with the secrets it keeps            |
| `deployed`  | calling what is deployed, as an AI client does                                   |
| `stepping`  | going through a chain one tool at a time                                         |
| `history`   | runs and samples that are kept, per app                                          |
| `picture`   | a widget's view as lines of text                                                 |
| `page`      | a widget's HTML with a result in it, for the browser                             |

Nothing here asks or shows: the playground screen and `drio-tui call` do.
"""
