"""Results of tests as JUnit XML, which CI systems show; its form is that of pytest and Maven."""

from __future__ import annotations

import time
from collections.abc import Sequence
from xml.etree import ElementTree

from drio_tui.evaluation.runner import TestResult, count_outcomes
from drio_tui.text import visible


def junit_xml(app: str, results: Sequence[TestResult]) -> bytes:
    """Return the results as a JUnit document, with a test suite named after the app and a case for each test."""
    counts = count_outcomes(results)
    totals = {
        "tests": str(len(results)),
        "failures": str(counts["failed"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "drio-tui test", **totals})
    at = min((result.at - result.seconds for result in results), default=time.time())
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    suite = ElementTree.SubElement(root, "testsuite", {"name": visible(app), **totals, "timestamp": timestamp})
    for result in results:
        attributes = {
            "classname": visible(f"{app}.{result.test.tool}"),
            "name": visible(result.test.name),
            "time": f"{result.seconds:.3f}",
        }
        case = ElementTree.SubElement(suite, "testcase", attributes)
        lines = [visible(str(mismatch)) for mismatch in result.mismatches]
        if result.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", {"message": lines[0], "type": "Mismatch"})
            failure.text = "\n".join(lines)
        elif result.outcome == "error":
            ElementTree.SubElement(case, "error", {"message": visible(result.message), "type": "Error"})
        elif result.outcome == "skipped":
            ElementTree.SubElement(case, "skipped", {"message": visible(result.message)})
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"
