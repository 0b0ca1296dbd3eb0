"""The two bridges to the audit: a drill.toml from its report, and the drill's verdicts merged into it."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from runtime_ops.drill import init, options
from runtime_ops.drill.merge import merge
from runtime_ops.drill.options import WrongOption

from .conftest import PROGRAMS, SCRIPT, run_drill
from .test_command_line import _call


def _entry(**more: Any) -> dict[str, Any]:
    return {
        "id": "web",
        "kind": "service",
        "path": "app/main.py",
        "line": 1,
        "framework": "fastapi",
        "started_by": [{"path": "Dockerfile", "line": 9, "text": 'CMD ["uvicorn", "app.main:app", "--port", "8000"]'}],
        "contract": [
            {"promise": "startup", "verdict": "met", "evidence": [{"path": "app/main.py", "line": 3, "note": "checked"}]},
            {"promise": "shutdown", "verdict": "unknown", "evidence": [], "reason": "what the library does is not known"},
            {"promise": "health", "verdict": "broken", "evidence": [{"path": "app/main.py", "line": 9, "note": "constant"}]},
            {"promise": "logging", "verdict": "unknown", "evidence": [], "reason": "no set-up found"},
        ],
        "map": [
            {"what": "setting", "name": "DATABASE_URL", "path": "app/main.py", "line": 4, "phase": "import",
             "bound": "required: no default", "source": [], "verdict": "ok"},
            {"what": "setting", "name": "LIMIT", "path": "app/main.py", "line": 5, "phase": "import", "bound": "default 5",
             "source": [], "verdict": "ok"},
            {"what": "probe", "name": "readiness /readyz", "path": "k8s.yaml", "line": 7, "phase": None, "bound": None,
             "source": [], "verdict": "ok"},
            {"what": "probe", "name": "liveness /livez", "path": "k8s.yaml", "line": 9, "phase": None, "bound": None,
             "source": [], "verdict": "ok"},
            {"what": "loop", "name": "x", "path": "a.py", "line": 1, "phase": None, "verdict": "ok"},
        ],
    } | more  # fmt: skip


def _audit(*entrypoints: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": 1,
        "tool": {"name": "a", "version": "1"},
        "complete": True,
        "entrypoints": list(entrypoints),
        "findings": [],
    }


def _init(report: object, tmp_path: Path, entrypoint: str = "") -> dict[str, Any]:
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(report))
    text = init.from_audit(path, entrypoint)
    (tmp_path / "drill.toml").write_text(text)
    options.read_file(tmp_path / "drill.toml")  # what is written can be read again
    return tomllib.loads(text)


def test_a_first_file_holds_command_probes_and_variables(tmp_path: Path) -> None:
    found = _init(_audit(_entry()), tmp_path)
    assert found["command"] == ["uvicorn", "app.main:app", "--port", "8000"]
    assert (found["entrypoint"], found["kind"]) == ("web", "service")
    assert (found["readiness"], found["liveness"]) == ("/readyz", "/livez")
    assert found["required"] == ["DATABASE_URL"]
    assert "# LIMIT" in (tmp_path / "drill.toml").read_text()


@pytest.mark.parametrize(
    ("text", "command", "shell"),
    [
        ("CMD uvicorn app:app --port 80", ["uvicorn", "app:app", "--port", "80"], False),
        ("web: gunicorn app:app", ["gunicorn", "app:app"], False),
        ("ExecStart=/usr/bin/python -m app", ["/usr/bin/python", "-m", "app"], False),
        ("gunicorn app:app --bind 0.0.0.0:$PORT", ["gunicorn app:app --bind 0.0.0.0:$PORT"], True),
        ('ENTRYPOINT ["python", "-m", "app"]', ["python", "-m", "app"], False),
        ('["python", "worker.py"]', ["python", "worker.py"], False),
    ],
)
def test_the_command_is_taken_from_what_starts_it(text: str, command: list[str], shell: bool, tmp_path: Path) -> None:
    found = _init(_audit(_entry(started_by=[{"path": "x", "line": 1, "text": text}])), tmp_path)
    assert found["command"] == command
    assert found.get("shell-form", False) is shell


@pytest.mark.parametrize(("line", "shell"), [("CMD python app.py", True), ('CMD ["python", "app.py"]', False)])
def test_the_shell_form_is_told_from_the_dockerfile(line: str, shell: bool, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\n{line}\n")
    start = {"path": "Dockerfile", "line": 2, "text": "CMD python app.py"}
    found = _init(_audit(_entry(started_by=[start])) | {"root": str(tmp_path)}, tmp_path)
    assert found["command"] == ["python", "app.py"]
    assert found.get("shell-form", False) is shell


def test_what_the_contract_says_is_required_is_required(tmp_path: Path) -> None:
    evidence = [{"path": "a.py", "line": 1, "note": "API_TOKEN is required at start"}]
    contract = [{"promise": "startup", "verdict": "met", "evidence": evidence}]
    assert _init(_audit(_entry(contract=contract, map=[])), tmp_path)["required"] == ["API_TOKEN"]


def test_a_sparse_report_gives_a_sparse_file(tmp_path: Path) -> None:
    found = _init({"schema": 1, "entrypoints": [{"id": "x"}, {"id": "y", "kind": "worker"}]}, tmp_path)
    assert found == {"entrypoint": "y", "kind": "worker"}
    assert _init({"entrypoints": [{"id": "x", "path": "run.py"}]}, tmp_path)["command"] == ["python", "run.py"]


@pytest.mark.parametrize("report", [[], {}, {"entrypoints": []}, {"entrypoints": "x"}])
def test_what_is_no_audit_is_refused(report: object, tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match="has no entrypoints"):
        _init(report, tmp_path)
    with pytest.raises(WrongOption, match="has no entrypoint 'z'; it has web"):
        _init(_audit(_entry()), tmp_path, "z")


def test_the_written_file_runs(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text((PROGRAMS / "tool.py").read_text())
    entry = {
        "id": "tool",
        "kind": "cli",
        "started_by": [{"path": "x", "line": 1, "text": "python3 run.py {scratch}/o"}],
    }
    (tmp_path / "audit.json").write_text(json.dumps(_audit(entry)))
    assert _call("--init", "--from-audit", "audit.json", cwd=tmp_path).returncode == 0
    outcome = run_drill("--scenario", "start", cwd=tmp_path)
    assert (outcome["entrypoint"], outcome.verdict("start")) == ("tool", "kept"), outcome.told("start")
    again = _call("--init", "--from-audit", "audit.json", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def _drill(*verdicts: tuple[str, str, str], entrypoint: str | None = None, command: str = "x") -> dict[str, Any]:
    return {
        "schema": 1,
        "command": command.split(),
        "entrypoint": entrypoint,
        "complete": True,
        "scenarios": [
            {"name": name, "promise": promise, "verdict": verdict, "reason": "" if verdict == "kept" else f"{name} went wrong",
             "evidence": [{"at": 1.0, "note": f"{name} was seen"}], "timeline": []}
            for name, promise, verdict in verdicts
        ],
    }  # fmt: skip


def _clause(report: dict[str, Any], promise: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in report["entrypoints"][0]["contract"] if c["promise"] == promise)
    return found


def test_what_was_unknown_gets_the_runs_verdict() -> None:
    audit = _audit(_entry())
    before = copy.deepcopy(audit)
    drill = _drill(
        ("terminate-idle", "shutdown", "kept"), ("interrupt", "shutdown", "not assessed"), ("logs", "logging", "broken")
    )
    merged = merge(audit, drill)
    assert audit == before
    assert _clause(merged, "shutdown")["verdict"] == "met"
    assert _clause(merged, "shutdown")["evidence"] == [
        {"path": "drill:terminate-idle", "line": 1, "note": "terminate-idle was seen"}
    ]
    assert "reason" not in _clause(merged, "shutdown")
    assert _clause(merged, "logging")["verdict"] == "broken"
    assert _clause(merged, "logging")["evidence"][0]["note"] == "logs went wrong"
    assert merged["drill"]["settled"] == ["shutdown", "logging"]


def test_one_broken_scenario_breaks_the_promise() -> None:
    drill = _drill(("terminate-idle", "shutdown", "kept"), ("terminate-twice", "shutdown", "broken"))
    assert _clause(merge(_audit(_entry()), drill), "shutdown")["verdict"] == "broken"


def test_disagreements_are_said_and_the_worse_verdict_holds() -> None:
    merged = merge(_audit(_entry()), _drill(("start", "startup", "broken"), ("probe-truth", "health", "kept")))
    assert _clause(merged, "startup")["verdict"] == "broken"
    assert _clause(merged, "health")["verdict"] == "broken"
    assert merged["drill"]["disagreements"] == [
        {"promise": "startup", "read": "met", "run": "broken"},
        {"promise": "health", "read": "broken", "run": "met"},
    ]
    notes = [entry["note"] for entry in _clause(merged, "health")["evidence"]]
    assert notes == ["constant", "reading says broken, the run says met", "probe-truth was seen"]


def test_the_drilled_entrypoint_must_be_known() -> None:
    two = _audit(_entry(), _entry(id="other", started_by=[{"path": "x", "line": 1, "text": "python other.py"}]))
    kept = ("terminate-idle", "shutdown", "kept")
    assert merge(two, _drill(kept, entrypoint="other"))["drill"]["entrypoint"] == "other"
    assert merge(two, _drill(kept, command="python other.py"))["drill"]["entrypoint"] == "other"
    with pytest.raises(ValueError, match="--entrypoint ID; there are web, other"):
        merge(two, _drill(kept))
    with pytest.raises(ValueError, match="no entrypoint 'z'"):
        merge(two, _drill(kept, entrypoint="z"))
    with pytest.raises(ValueError, match="schema None; expected 1"):
        merge({}, _drill(kept))


def test_a_real_report_can_be_merged(tmp_path: Path) -> None:
    assert SCRIPT.is_file()
    outcome = run_drill("--scenario", "terminate-idle", "--entrypoint", "web", "--", "sleep", "60")
    merged = merge(_audit(_entry()), dict(outcome))
    assert _clause(merged, "shutdown")["verdict"] == "broken"
