"""Run a JSONPath compliance suite (RFC 9535) against the JSONPath of widget mappings.

    python scripts/jsonpath_compliance.py cts.json

`cts.json` is that of https://github.com/jsonpath-standard/jsonpath-compliance-test-suite. Prints every case that
fails and ends with 1 if there is one. `match` and `search` are parsed but not evaluated (a regular expression has no
time limit): cases in which they would be are counted apart.
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
    """What is wrong with the result of one case, empty when nothing is; None where it is not evaluated."""
    try:
        found = [value for _, value in parse(case["selector"]).find(case.get("document"))]
    except NotEvaluated:
        return "accepted, but it is no JSONPath" if case.get("invalid_selector") else None
    except PathError as error:
        return "" if case.get("invalid_selector") else f"refused: {error}"
    if case.get("invalid_selector"):
        return "accepted, but it is no JSONPath"
    wanted = case.get("results", [case.get("result")])
    return "" if any(json.dumps(found) == json.dumps(one) for one in wanted) else f"{found!r}, not {wanted[0]!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    cases = json.loads(parser.parse_args().suite.read_text())["tests"]
    results = [(case, failure(case)) for case in cases]
    failed = [(case, wrong) for case, wrong in results if wrong]
    for case, wrong in failed:
        print(f"{case['name']}: {case['selector']}: {wrong}")
    skipped = sum(wrong is None for _, wrong in results)
    tried = len(cases) - skipped
    print(f"{tried - len(failed)} of {tried} cases pass; {skipped} more use match or search.")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
