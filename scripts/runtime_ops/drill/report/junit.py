"""JUnit XML: one test case a scenario; broken is a failure, not assessed is skipped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from runtime_ops.drill.drill import Report
from runtime_ops.drill.report.text import note


def render(report: Report) -> str:
    def count(verdict: str) -> str:
        return str(sum(result.verdict == verdict for result in report.results))

    suite = ElementTree.Element(
        "testsuite",
        name="runtime-drill",
        tests=str(len(report.results)),
        failures=count("broken"),
        errors="0" if report.complete else "1",
        skipped=count("not assessed"),
        time=f"{report.seconds:.2f}",
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"drill.{result.promise}", name=result.name, time=f"{result.seconds:.2f}"
        )
        if result.verdict == "broken":
            ElementTree.SubElement(case, "failure", message=_clean(result.reason)).text = _clean(result.reason)
        elif result.verdict == "not assessed":
            ElementTree.SubElement(case, "skipped", message=_clean(result.reason))
        ElementTree.SubElement(case, "system-out").text = _clean("\n".join(map(note, result.evidence)))
    if not report.complete:
        ElementTree.SubElement(suite, "system-err").text = "the drill was cut short"
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold, which programs print to colour their output."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)
