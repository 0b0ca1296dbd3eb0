"""The JSON report keeps its contract."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import made_reports as made
import pytest

from runtime_ops.cli.audit import exit_code
from runtime_ops.findings import (
    CONCERNS,
    CONFIDENCES,
    MAP_KINDS,
    MAP_VERDICTS,
    PHASES,
    PROMISES,
    SEVERITIES,
    VERDICTS,
    Report,
)
from runtime_ops.report import json_format
from runtime_ops.report.drilled import with_drill

LINKS = {"call-without-timeout": "references/runtime-behavior.md#call-without-timeout"}


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json_format.SCHEMA.read_text(encoding="utf-8"))
    return found


def document(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json_format.render(report, LINKS))
    return found


@pytest.mark.parametrize("report", [made.shop(), made.crowded(), made.report()], ids=["shop", "crowded", "nothing"])
def test_report_keeps_to_the_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(document(report))


def test_schema_knows_every_word_of_the_types() -> None:
    defs = schema()["$defs"]
    finding, row, verdict = (defs[name]["properties"] for name in ("finding", "row", "verdict"))
    assert tuple(finding["severity"]["enum"]) == SEVERITIES and tuple(finding["confidence"]["enum"]) == CONFIDENCES
    assert tuple(finding["concern"]["enum"]) == CONCERNS and tuple(defs["phase"]["enum"]) == (*PHASES, None)
    assert tuple(row["what"]["enum"]) == MAP_KINDS and tuple(row["verdict"]["enum"]) == MAP_VERDICTS
    assert tuple(defs["promise"]["enum"]) == PROMISES and tuple(verdict["verdict"]["enum"]) == VERDICTS


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("findings", 0, "severity"), "critical"),
        (("findings", 0, "line"), 0),
        (("findings", 0, "message"), ""),
        (("findings", 0, "path"), "a\\b.py"),
        (("findings", 0, "surprise"), 1),
        (("findings", 0, "guide"), "https://elsewhere"),
        (("entrypoints", 0, "contract", 0, "evidence"), []),
        (("entrypoints", 0, "contract", 4, "reason"), ""),
        (("entrypoints", 0, "kind"), "thing"),
        (("waived", 0, "waiver", "controls"), {}),
        (("files", "python"), -1),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    found = document(made.shop())
    place: Any = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(found)


def test_content() -> None:
    found = document(made.shop())
    first = found["findings"][0]
    assert first["guide"] == LINKS["call-without-timeout"] and found["findings"][3]["guide"] is None
    assert first["trace"][0] == {"path": "Dockerfile", "line": 9, "note": "starts app.web:app"}
    assert found["entrypoints"][0]["started_by"][0]["text"] == 'CMD ["gunicorn", "app.web:app"]'
    assert found["entrypoints"][0]["map"][2]["question"] == made.QUESTION.question
    assert found["waived"][0]["waiver"]["controls"] == {"test": "tests/test_export.py"}
    assert found["files"]["unparsed"] == [
        {"path": "charts/web.yaml", "line": 7, "reason": "written by a template elsewhere", "partial": True}
    ]


def test_fingerprints_are_unique_and_outlive_moved_lines() -> None:
    before = [row["fingerprint"] for row in document(made.report(findings=(made.finding(3), made.finding(9))))["findings"]]
    after = [row["fingerprint"] for row in document(made.report(findings=(made.finding(30), made.finding(90))))["findings"]]
    assert before == after and len(set(before)) == 2


def drill(**changes: Any) -> dict[str, Any]:
    evidence = [{"at": 1.0, "note": "200 in 0.1 s"}]
    scenario = {"name": "readiness", "promise": "health", "verdict": "kept", "reason": "", "evidence": evidence}
    return {"schema": 1, "entrypoint": "app/web.py", "complete": True, "command": [], "scenarios": [scenario], **changes}


def test_drill_settles_what_reading_could_not() -> None:
    report, merged = with_drill(made.shop(), drill())
    health = next(verdict for verdict in report.entrypoints[0].contract if verdict.promise == "health")
    assert health.verdict == "met" and health.evidence[0].path == "drill:readiness"
    assert merged["settled"] == ["health"]
    found = json.loads(json_format.render(report, LINKS, merged))
    jsonschema.Draft202012Validator(schema()).validate(found)


@pytest.mark.parametrize(("verdict", "level", "code"), [("broken", "high", 1), ("kept", "high", 0), ("broken", "never", 0)])
def test_a_promise_that_broke_in_a_run_fails_the_audit(verdict: str, level: str, code: int) -> None:
    scenario = {"name": "readiness", "promise": "health", "verdict": verdict, "reason": "", "evidence": []}
    report, merged = with_drill(made.report(entrypoints=made.shop().entrypoints), drill(scenarios=[scenario]))
    assert exit_code(report, level, allow_incomplete=False, drill=merged) == code


def test_drill_of_an_unknown_entrypoint_or_schema() -> None:
    with pytest.raises(ValueError, match="no entrypoint"):
        with_drill(made.shop(), drill(entrypoint="other.py"))
    with pytest.raises(ValueError, match="schema"):
        with_drill(made.shop(), drill(schema=7))
