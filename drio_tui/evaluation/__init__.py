"""Tests of tools: saved calls with what is expected of their results, and what became of them.

| module         | what                                                                            |
|----------------|---------------------------------------------------------------------------------|
| `tool_test`    | a test: its properties, their JSON Schema, and what is wrong with one           |
| `expectations` | what of a run differs from what a test expects                                  |
| `from_run`     | a test from a run that the user has made                                        |
| `runner`       | running tests: those that only read concurrently, the others one after another  |
| `junit`        | results as the XML that CI systems read                                         |
| `local_tests`  | tests of apps without a document, in the state folder                           |

A document has tests in its section `tests`, by the keys of tools; drio never gets them.
"""
