"""Scripts that measure and report; nothing here asserts a time. `python -m benchmarks.report` runs them all."""
