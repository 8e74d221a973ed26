"""The one engine of change: steps with dependencies, carried out concurrently, each of them once.

`Step` (`steps.py`) says what is sent, `Executor` (`executor.py`) carries the steps out, `PlanState` (`state.py`) is how
far they got, and a plan record (`record.py`) keeps both in a file, so that a plan goes on after the program was killed.

Importing this package imports none of its modules.
"""
