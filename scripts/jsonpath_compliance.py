"""Runs the JSONPath compliance test suite (RFC 9535) with the JSONPath implementation of widget mappings.

    python scripts/jsonpath_compliance.py cts.json

`cts.json` is that of https://github.com/jsonpath-standard/jsonpath-compliance-test-suite. Prints every case that
fails, and exits with 1 if there is one. `match` and `search` are parsed but not evaluated (a regular expression has no
time limit): cases that need them are counted separately.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drio_tui.widget_data.jsonpath import NotEvaluated, PathError, parse  # noqa: E402


def failure(case: dict[str, Any]) -> str | None:
    """Return why a case fails; empty if it passes, None if it cannot be evaluated."""
    try:
        result = [value for _, value in parse(case["selector"]).find(case.get("document"))]
    except NotEvaluated:
        return "accepted, but it is not a JSONPath" if case.get("invalid_selector") else None
    except PathError as error:
        return "" if case.get("invalid_selector") else f"refused: {error}"
    if case.get("invalid_selector"):
        return "accepted, but it is not a JSONPath"
    allowed = case.get("results", [case.get("result")])
    passes = any(json.dumps(result) == json.dumps(value) for value in allowed)
    return "" if passes else f"{result!r}, not {allowed[0]!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    cases = json.loads(parser.parse_args().suite.read_text())["tests"]
    results = [(case, failure(case)) for case in cases]
    failed = [(case, reason) for case, reason in results if reason]
    for case, reason in failed:
        print(f"{case['name']}: {case['selector']}: {reason}")
    skipped = sum(reason is None for _, reason in results)
    evaluated = len(cases) - skipped
    print(f"{evaluated - len(failed)} of {evaluated} cases pass; {skipped} more use match or search.")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
