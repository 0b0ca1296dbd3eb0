"""Options, drill.toml, formats, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from runtime_ops.cli.drill import parser
from runtime_ops.drill import options, report
from runtime_ops.drill.options import Options, WrongOption
from runtime_ops.drill.scenarios import load

from .conftest import SCRIPT, run_drill

SCHEMA = Path(report.__file__).parent / "schema.json"


def _call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_the_entry_script_is_small_and_needs_the_standard_library_only(tmp_path: Path) -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 15
    isolated = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), "--list"], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in isolated.stdout.splitlines()]
    assert names == [scenario.name for scenario in load()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no command"),
        (["--scenario", "nonsense", "--", "true"], "'nonsense' is no scenario"),
        (["--kind", "animal", "--", "true"], "--kind 'animal'"),
        (["--grace", "-1", "--", "true"], "--grace -1.0"),
        (["--ready-log", "(", "--", "true"], "no regular expression"),
        (["--dependency", "db", "--", "true"], "expected NAME=host:port:ENVVAR"),
        (["--dependency", "db=10.0.0.1:5432:DB", "--", "true"], "not on loopback"),
        (["--readiness", "http://example.org/x", "--", "true"], "not on loopback"),
        (
            ["--dependency", "db=127.0.0.1:5432:DB", "--env", "DB=elsewhere", "--", "true"],
            "does not hold 127.0.0.1:5432",
        ),
        (["--env", "NOT_SET_HERE", "--", "true"], "is not set here"),
        (["--env-file", "none", "--", "true"], "--env-file none"),
        (["--cwd", "/no/such", "--", "true"], "no such folder"),
        (["--config", "none.toml", "--", "true"], "cannot be read"),
        (["--scenario", "start", "--", "no-such-program"], "no-such-program"),
        (["--init"], "--from-audit"),
    ],
)
def test_wrong_usage_is_said_in_one_line_and_ends_with_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = _call(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grase = 3", "unknown key 'grase'"),
        ("grace = 'long'", "grace = 'long': expected float"),
        ("pid1 = 1", "pid1 = 1: expected bool"),
        ("= 3", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "drill.toml").write_text(text)
    done = _call("--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_the_file_gives_what_the_line_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "drill.toml"
    path.write_text('command = "python app.py"\ngrace = 3\nrequired = ["A"]\nenv = ["X=1"]\ncwd = "sub"\n')
    line = {
        spec.name: getattr(parser().parse_args(["--grace", "5", "--required", "B"]), spec.name)
        for spec in fields(Options)
    }
    merged = options.merged(options.read_file(path), line)
    assert merged.command == ["python", "app.py"]
    assert merged.grace == 5
    assert merged.required == ["A", "B"]
    assert merged.env == ["X=1"]
    assert merged.cwd == str(tmp_path / "sub")
    table = tmp_path / "table.toml"
    table.write_text('[env]\nA = "1"\nB = 2\n')
    assert options.read_file(table)["env"] == ["A=1", "B=2"]


def test_every_option_is_in_the_help(tmp_path: Path) -> None:
    text = _call("--help", cwd=tmp_path).stdout
    for spec in fields(Options):
        if spec.name != "command":
            assert f"{options.flag(spec)} " in text or f"{options.flag(spec)}\n" in text, spec.name


def _formats(tmp_path: Path, name: str) -> str:
    program = [sys.executable, "-c", "print('\\x1b[1mready|'); import time; time.sleep(30)"]
    return _call("--format", name, "--scenario", "terminate-idle", "--scenario", "failing-job", "--scenario", "start", "--", *program,
                 cwd=tmp_path).stdout  # fmt: skip


def test_json_follows_its_schema(tmp_path: Path) -> None:
    document = json.loads(_formats(tmp_path, "json"))
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert [s["verdict"] for s in document["scenarios"]] == ["kept", "broken", "not assessed"]
    without: dict[str, Any] = document | {"scenarios": [document["scenarios"][1] | {"evidence": []}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(without, schema)


def test_junit_has_a_case_for_each_scenario(tmp_path: Path) -> None:
    suite = ElementTree.fromstring(_formats(tmp_path, "junit"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [case.get("name") for case in suite.iter("testcase")] == ["start", "terminate-idle", "failing-job"]


def test_text_and_markdown_tell_verdicts_reasons_and_time_lines(tmp_path: Path) -> None:
    text = _formats(tmp_path, "text")
    assert re.search(r"^terminate-idle +broken", text, re.M)
    assert "SIGTERM is not handled" in text
    assert re.search(r"\|a[-a-z]+\| SIGTERM when idle", text)
    assert "1 kept, 1 broken, 1 not assessed" in text
    markdown = _formats(tmp_path, "markdown")
    assert "| terminate-idle | shutdown | broken |" in markdown
    assert "```text\n|a" in markdown


def test_the_report_can_be_written_to_a_file(tmp_path: Path) -> None:
    done = _call("--write", "out.json", "--format", "json", "--scenario", "start", "--", "true", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["scenarios"][0]["verdict"] == "kept"
    assert "start" in done.stderr


def test_nothing_assessed_is_not_a_success() -> None:
    outcome = run_drill("--scenario", "failing-job", "--", "true")
    assert outcome.code == 3


def test_the_total_limit_ends_the_drill() -> None:
    outcome = run_drill("--total-limit", "2", "--scenario", "terminate-idle", "--scenario", "terminate-twice", "--scenario", "interrupt",
                        "--", "sleep", "60")  # fmt: skip
    assert not outcome["complete"]
    assert outcome.scenario("interrupt")["reason"] == "the total limit was reached"


def test_options_are_checked_before_anything_is_started() -> None:
    with pytest.raises(WrongOption):
        options.check(Options())
