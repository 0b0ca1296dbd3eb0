"""``scripts/audit.py`` as its users call it: output, exit codes, and what it says to wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runtime_ops import pipeline
from runtime_ops.cli import audit as command_line
from runtime_ops.report import json_format
from runtime_ops.rules import api, names

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit.py"
SERVICE = """\
import requests
from flask import Flask, request

app = Flask(__name__)


@app.post("/orders")
def order():
    print("order received", request.path)
    return "", 202


@app.get("/stock")
def stock():
    return requests.get("http://stock/count").text


if __name__ == "__main__":
    app.run()
"""
WAIVE = "  # runtime-ops: waive[print-in-service] reason=local tool; tradeoff=no levels; controls=test: tests/test_app.py"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "app.py").write_text(SERVICE)
    return root


def run(*words: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def report(*words: str | Path) -> dict[str, Any]:
    done = run(*words, "--format", "json")
    assert done.returncode in (0, 1, 3), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(json_format.SCHEMA.read_text())).validate(found)
    return found


def prints(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in found["findings"] if row["rule"] == "print-in-service"]


# ---------------------------------------------------------------- what it says


def test_finding_in_all_formats(shop: Path) -> None:
    found = report(shop)
    (row,) = prints(found)
    assert (row["path"], row["line"], row["phase"]) == ("app.py", 9, "serving")
    assert row["guide"].endswith("#print-in-service") and row["entrypoints"]
    assert found["root"] == str(shop) and found["complete"] is True and found["files"]["python"] == 1
    shown = run(shop)
    assert "app.py:9 print-in-service" in shown.stdout and "\x1b" not in shown.stdout and shown.stderr == ""
    assert "app.py:9 print-in-service" in run(shop, "--format", "agent").stdout
    assert "Runtime map of" in run(shop, "--map").stdout


def test_same_bytes_every_time(shop: Path) -> None:
    for name in ("b.py", "c/d.py"):
        (shop / name).parent.mkdir(exist_ok=True)
        (shop / name).write_text(SERVICE)
    for form in ("json", "text"):
        assert len({run(shop, "--format", form, PYTHONHASHSEED=seed).stdout for seed in ("1", "2", "3")}) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [((), 1), (("--fail-on", "medium"), 1), (("--fail-on", "high"), 0), (("--fail-on", "low"), 1), (("--fail-on", "never"), 0),
     (("--skip", "print-in-service"), 0), (("--skip", "logging"), 0)],
)  # fmt: skip
def test_exit_code_by_level(shop: Path, options: tuple[str, ...], code: int) -> None:
    (shop / ".runtime-operations.toml").write_text('[rules]\nprint-in-service = "medium"\n')
    assert run(shop, "--only", "print-in-service,lost-traceback,exit-without-cleanup", *options).returncode == code


def test_only_and_skip(shop: Path) -> None:
    assert {row["rule"] for row in report(shop, "--only", "print-in-service")["findings"]} == {"print-in-service"}
    assert not prints(report(shop, "--skip", "print-in-service"))
    assert {row["concern"] for row in report(shop, "--only", "logging")["findings"]} == {"logging"}


def test_explain_rules_version(shop: Path) -> None:
    explained = run("--explain", "print-in-service")
    assert explained.returncode == 0 and explained.stdout.startswith("### print-in-service") and "**Right**" in explained.stdout
    assert "needs a reason" in run("--explain", "incomplete-waiver").stdout
    listed = run("--rules")
    assert listed.returncode == 0 and "print-in-service" in listed.stdout
    assert "print-in-service" in {row["rule"] for row in json.loads(run("--rules", "--format", "json").stdout)}
    assert run("--version").stdout.startswith("runtime-audit ")


def test_every_rule_can_be_explained() -> None:
    for rule in api.load():
        assert command_line.explanation(rule).startswith(f"### {rule}\n")


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda root: root / "nowhere", "no such folder"),
        (lambda root: root / "app.py", "is a file; expected the folder"),
        (lambda root: (root / "empty").mkdir() or root / "empty", "got an empty folder"),
        (lambda root: (root / "text").mkdir() or ((root / "text" / "README").write_text("x") and root / "text"), "no Python file"),
        (lambda root: (root / "t" / "tests").mkdir(parents=True) or ((root / "t/tests/a.py").write_text("x") and root / "t"), "tests (1)"),
    ],
)
def test_folder_that_cannot_be_audited(shop: Path, make: Any, part: str) -> None:
    done = run(make(shop))
    assert done.returncode == 2 and done.stdout == ""
    assert part in done.stderr and "expected" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ((), "no PATH given"),
        ((".", "--only", "print-in-servce"), "did you mean 'print-in-service'"),
        ((".", "--skip", "zzz"), "no rule 'zzz'"),
        (("--explain", "lazy-confg"), "did you mean" if "lazy-config" in api.load() else "no rule"),
        ((".", "--page", "0"), "pages begin with 1"),
        ((".", "--budget", "10"), "at least 300"),
        ((".", "--format", "agent", "--page", "99"), "--page 99: there"),
        ((".", "--format", "xml"), "invalid choice"),
        ((".", "--form", "json"), "unrecognized arguments"),
        ((".", "--config", "missing.toml"), "missing.toml: cannot be opened"),
        ((".", "--with-drill", "missing.json"), "missing.json: cannot be opened"),
        ((".", "--with-drill", "app.py"), "is no JSON"),
        ((".", "--only", "print-in-service", "--skip", "print-in-service"), "no rule is left"),
    ],
)
def test_wrong_usage(shop: Path, options: tuple[str, ...], part: str) -> None:
    done = run(*options, cwd=shop)
    assert done.returncode == 2 and done.stdout == "" and part in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_file_that_does_not_parse(shop: Path) -> None:
    (shop / "broken.py").write_text("def f(:\n")
    assert run(shop).returncode == 3
    assert run(shop, "--allow-incomplete").returncode == 1
    assert run(shop, "--allow-incomplete", "--fail-on", "never").returncode == 0
    found = report(shop)
    assert found["complete"] is False and found["files"]["unparsed"][0]["path"] == "broken.py" and prints(found)
    assert "INCOMPLETE: 1 file could not be read" in run(shop).stdout


def test_only_unparsable_files_is_no_clean_bill(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(:\n")
    done = run(tmp_path)
    assert done.returncode == 3 and "No findings in what could be read" in done.stdout


# ---------------------------------------------------------------- configuration and waivers


def test_configuration_and_its_errors(shop: Path) -> None:
    file = shop / ".runtime-operations.toml"
    file.write_text('[rules]\nprint-in-service = "high"\n')
    assert prints(report(shop))[0]["severity"] == "high"
    file.write_text('[rules]\nprint-in-service = "off"\n')
    assert not prints(report(shop))
    assert prints(report(shop, "--only", "print-in-service"))
    file.write_text('fail-on = "high"\n[rules]\nprint-in-service = "medium"\n')
    assert run(shop, "--only", "print-in-service").returncode == 0
    assert run(shop, "--only", "print-in-service", "--fail-on", "medium").returncode == 1
    file.write_text("[rules]\nprint-in-servise = 'off'\n")
    done = run(shop)
    assert done.returncode == 2 and "did you mean 'print-in-service'" in done.stderr and ".toml:2" in done.stderr


def test_excluded_paths(shop: Path) -> None:
    (shop / "legacy").mkdir()
    (shop / "legacy" / "old.py").write_text("def f(:\n")
    (shop / ".runtime-operations.toml").write_text('exclude = ["legacy/"]\n')
    found = report(shop)
    assert found["complete"] and {"path": "legacy", "reason": "excluded by the configuration"} in found["files"]["skipped"]


def test_overridden_entrypoint(shop: Path) -> None:
    (name,) = [row["id"] for row in report(shop)["entrypoints"]]
    file = shop / ".runtime-operations.toml"
    file.write_text(f'[[entrypoints]]\nid = "{name}"\nkind = "cli"\nstarted-by = "python app.py"\n')
    found = report(shop)
    assert found["entrypoints"][0]["kind"] == "cli" and not prints(found)
    assert found["entrypoints"][0]["started_by"][-1] == {"path": ".runtime-operations.toml", "line": 1, "text": "python app.py"}
    file.write_text(f'[[entrypoints]]\nid = "{name}"\nkind = "none"\n')
    assert report(shop)["entrypoints"] == []
    file.write_text('[[entrypoints]]\nid = "ap.py"\nkind = "job"\n')
    done = run(shop)
    assert done.returncode == 2 and "no entrypoint 'ap.py'" in done.stderr and "app.py" in done.stderr


def test_waiver_in_code_and_in_configuration(shop: Path) -> None:
    only = ("--only", "print-in-service")
    (shop / "app.py").write_text(SERVICE.replace("request.path)", f"request.path){WAIVE}"))
    found = report(shop, *only)
    assert not found["findings"] and found["waived"][0]["waiver"]["reason"] == "local tool"
    assert run(shop, *only).returncode == 0 and "Waived (1)" in run(shop, *only).stdout
    (shop / "app.py").write_text(SERVICE)
    entry = "[[waivers]]\nrule = 'print-in-service'\npath = '*.py'\nreason = 'a'\ntradeoff = 'b'\n"
    file = shop / ".runtime-operations.toml"
    file.write_text(f"{entry}controls = {{ rollback = 'FLAG' }}\n")
    assert report(shop, *only)["waived"][0]["waiver"]["scope"] == "*.py"
    file.write_text(entry)
    rows = [(row["rule"], row["path"], row["line"]) for row in report(shop, *only)["findings"]]
    assert ("incomplete-waiver", ".runtime-operations.toml", 1) in rows and len(rows) == 2


# ---------------------------------------------------------------- nothing of the audited code runs


def test_audited_code_is_never_run(shop: Path, tmp_path: Path) -> None:
    tripwire = tmp_path / "tripped"
    trap = f"open({str(tripwire)!r}, 'a').write(__name__ + ' ')\n"
    names = ("json", "sitecustomize", "usercustomize", "conftest", "setup", "ast", "yaml", "pathspec", "runtime_ops", "signal", "__init__")
    for name in names:
        (shop / f"{name}.py").write_text(trap)
    (shop / ".git").mkdir()
    (shop / ".git" / "config").write_text(f"[core]\n\tfsmonitor = touch {tripwire}\n\tsshCommand = touch {tripwire}\n")
    (shop / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'json'\nbackend-path = ['.']\n")
    for environment in ({}, {"PYTHONPATH": "."}, {"PYTHONPATH": str(shop), "PYTHONSTARTUP": str(shop / "json.py")}):
        if environment.get("PYTHONPATH"):
            # the interpreter itself imports sitecustomize from PYTHONPATH, before any code of ours
            (shop / "sitecustomize.py").unlink(missing_ok=True)
            (shop / "usercustomize.py").unlink(missing_ok=True)
        done = run(".", "--format", "json", cwd=shop, **environment)
        assert done.returncode in (0, 1), done.stderr
        assert json.loads(done.stdout)["files"]["python"] >= len(names) - 3
        assert not tripwire.exists(), tripwire.read_text()
    assert not list(shop.rglob("__pycache__"))


# ---------------------------------------------------------------- failures of our own


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rules = dict(api.load())
    broken = api.Rule("runtime_ops.rules.startup.made_up_rule", severity="high", summary="It crashes.")

    @broken.check
    def check(project: object) -> Iterator[Any]:
        raise KeyError("no such thing")
        yield

    monkeypatch.setattr(api, "load", lambda: {**rules, broken.id: broken})
    monkeypatch.setattr(names, "concerns", lambda: {rule.id: rule.concern for rule in api.load().values()})
    yield


@pytest.mark.usefixtures("crashing")
def test_rule_that_crashes_is_named_and_the_others_go_on(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([str(shop), "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["complete"] is False and prints(found)
    assert found["failed_rules"][0]["rule"] == "made-up-rule" and "KeyError" in found["failed_rules"][0]["error"]
    assert command_line.main([str(shop), "--allow-incomplete"]) == 1
    assert "1 rule failed" in capsys.readouterr().out


def test_interrupt(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "audit", interrupted)
    assert command_line.main([str(shop)]) == 130
    assert capsys.readouterr().err == "audit.py: interrupted\n"


def test_failure_of_the_audit_itself_is_not_taken_for_findings(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "override", lambda *_: 1 // 0)
    assert command_line.main([str(shop)]) == 3
    shown = capsys.readouterr()
    assert "ZeroDivisionError" in shown.err and "please report" in shown.err and shown.out == ""


def test_reader_that_goes_away(shop: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(shop), "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_output_that_knows_only_ascii(shop: Path) -> None:
    done = run(shop, PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and done.stdout.isascii() and "-> " in done.stdout


class Terminal:
    def __init__(self, terminal: bool) -> None:
        self.text = ""
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


def test_progress_only_on_a_terminal_and_only_when_it_takes_long() -> None:
    for terminal, after, expected in ((True, 0.0, True), (True, 60.0, False), (False, 0.0, False)):
        stream = Terminal(terminal)
        progress = command_line.Progress(stream, after)  # type: ignore[arg-type]
        progress("reading")
        progress.end()
        assert ("reading" in stream.text) is expected
        assert stream.text.endswith("\r\x1b[K") is expected
