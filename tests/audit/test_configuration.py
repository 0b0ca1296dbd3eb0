"""Configuration: what is read, and that every mistake is named with the nearest right word."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from runtime_ops.configuration import Configuration, ConfigurationError, read_configuration

RULES = ("call-without-timeout", "print-in-service", "lazy-config")

WHOLE = """\
fail-on = "high"
exclude = ["legacy/", "*.gen.py"]

[rules]
print-in-service = "off"
lazy-config = "low"

[[entrypoints]]
id = "jobs/nightly.py"
kind = "job"
started-by = "cron on the host: 0 3 * * * python jobs/nightly.py"

[[entrypoints]]
id = "tools/x.py"
kind = "none"

[[waivers]]
rule = "call-without-timeout"
path = "reports/"
reason = "the export takes up to an hour"
tradeoff = "a hung database blocks the export"
controls = { test = "tests/test_export.py", observability = "alert export_age" }
until = 2027-01-31
owner = "reports team"
"""


def configure(root: Path, text: str, name: str = ".runtime-operations.toml") -> Configuration:
    (root / name).write_text(text, encoding="utf-8")
    return read_configuration(root, None, RULES)


def in_pyproject(text: str) -> str:
    """The same configuration as tables of pyproject.toml."""
    lines = ["[tool.runtime-operations]"]
    for line in text.splitlines():
        lines.append(line.replace("[[", "[[tool.runtime-operations.") if line.startswith("[[") else
                     line.replace("[", "[tool.runtime-operations.", 1) if line.startswith("[") else line)  # fmt: skip
    return "\n".join(lines)


def test_no_configuration(tmp_path: Path) -> None:
    assert read_configuration(tmp_path, None, RULES) == Configuration()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_configuration(tmp_path, None, RULES) == Configuration()


def test_whole_configuration_in_either_file(tmp_path: Path) -> None:
    own = configure(tmp_path, WHOLE)
    assert own.source == ".runtime-operations.toml"
    assert own.fail_on == "high" and own.exclude == ("legacy/", "*.gen.py")
    assert own.levels == {"print-in-service": "off", "lazy-config": "low"}
    job, tool = own.entrypoints
    assert (job.id, job.kind, job.line) == ("jobs/nightly.py", "job", 8)
    assert job.started_by == ("cron on the host: 0 3 * * * python jobs/nightly.py",)
    assert (tool.id, tool.kind, tool.started_by) == ("tools/x.py", "none", ())
    (waiver,) = own.waivers
    assert (waiver.rules, waiver.scope, waiver.line) == (("call-without-timeout",), "reports/", 17)
    assert waiver.controls == {"test": "tests/test_export.py", "observability": "alert export_age"}
    assert waiver.until == datetime.date(2027, 1, 31) and waiver.owner == "reports team"

    (tmp_path / ".runtime-operations.toml").unlink()
    other = configure(tmp_path, in_pyproject(WHOLE), "pyproject.toml")
    assert (other.levels, other.exclude, len(other.entrypoints)) == (own.levels, own.exclude, 2)
    assert (other.waivers[0].path, other.waivers[0].line) == ("pyproject.toml", 18)


def test_file_named_on_the_command_line_wins(tmp_path: Path) -> None:
    configure(tmp_path, 'fail-on = "low"\n')
    chosen = tmp_path / "ours.toml"
    chosen.write_text('fail-on = "never"\n')
    assert read_configuration(tmp_path, chosen, RULES).fail_on == "never"


def test_incomplete_waiver_is_no_error_here(tmp_path: Path) -> None:
    found = configure(tmp_path, '[[waivers]]\nrule = "lazy-config"\npath = "a.py"\n')
    assert found.waivers[0].reason == "" and found.waivers[0].controls == {}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("exlude = []\n", ["unknown key 'exlude'", "did you mean 'exclude'", ".toml:1"]),
        ("fail_on = 'high'\n", ["unknown key 'fail_on'", "did you mean 'fail-on'"]),
        ("fail-on = 'hihg'\n", ["fail-on is 'hihg'", "did you mean 'high'"]),
        ("fail-on = 3\n", ["fail-on is 3", "high, medium, low, never"]),
        ("exclude = 'legacy'\n", ["exclude is 'legacy'", "list"]),
        ("exclude = ['!']\n", ["exclude", "no pattern"]),
        ("\n[rules]\nprint-in-servise = 'off'\n", ["'print-in-servise'", "did you mean 'print-in-service'", ".toml:3"]),
        ("[rules]\nlazy-config = 'warn'\n", ["rules.lazy-config is 'warn'", "high, medium, low, off"]),
        ("rules = ['lazy-config']\n", ["rules is ['lazy-config']", "table"]),
        ("[[entrypoints]]\nid = 'a.py'\nkind = 'deamon'\n", ["'deamon'", "service, worker, job, cli, none"]),
        ("[[entrypoints]]\nkind = 'job'\n", [".toml:1", "without id"]),
        ("[[entrypoints]]\nid = 'a.py'\n", ["neither kind nor started-by"]),
        ("[[entrypoints]]\nid = 'a.py'\nstarted_by = 'x'\n", ["'started_by'", "did you mean 'started-by'"]),
        ("entrypoints = 3\n", ["entrypoints is 3", "[[entrypoints]]"]),
        ("[[waivers]]\npath = 'a.py'\n", ["waiver without rule"]),
        ("[[waivers]]\nrule = 'lazy-config'\n", ["has no path"]),
        ("[[waivers]]\nrule = 'lazy'\npath = 'a'\n", ["'lazy'"]),
        ("[[waivers]]\nrule = 'lazy-config'\npath = 'a'\nreasons = 'x'\n", ["did you mean 'reason'"]),
        ("[[waivers]]\nrule = 'lazy-config'\npath = 'a'\ncontrols = {tests = 'x'}\n", ["'tests'", "did you mean 'test'"]),
        ("[[waivers]]\nrule = 'lazy-config'\npath = 'a'\ncontrols = 3\n", ["controls is 3"]),
        ("[[waivers]]\nrule = 'lazy-config'\npath = 'a'\nuntil = 'soon'\n", ["until is 'soon'", "2027-01-31"]),
        ("[[waivers]]\nrule = 'lazy-config'\npath = 'a'\nreason = 3\n", ["reason is 3", "text"]),
        ("fail-on = \n", ["is no TOML"]),
    ],
)  # fmt: skip
def test_mistake_is_named_with_what_is_right(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigurationError) as error:
        configure(tmp_path, text)
    assert [part for part in parts if part not in str(error.value)] == [], str(error.value)


def test_both_files_at_once(tmp_path: Path) -> None:
    configure(tmp_path, "exclude = []\n")
    with pytest.raises(ConfigurationError, match="keep one of them"):
        configure(tmp_path, "[tool.runtime-operations]\nexclude = []\n", "pyproject.toml")


def test_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml: cannot be opened"):
        read_configuration(tmp_path, tmp_path / "missing.toml", RULES)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(ConfigurationError, match=r"has no table \[tool.runtime-operations\]"):
        read_configuration(tmp_path, tmp_path / "pyproject.toml", RULES)
    (tmp_path / "latin.toml").write_bytes(b"fail-on = '\xe9'\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        read_configuration(tmp_path, tmp_path / "latin.toml", RULES)


def test_broken_pyproject_that_does_not_speak_of_us_is_the_audits_business(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert read_configuration(tmp_path, None, RULES) == Configuration()


@pytest.mark.parametrize("table", ["runtime-operation", "runtime_operations", "Runtime-Ops", "runtime-audit"])
def test_a_table_of_nearly_the_right_name_is_named(tmp_path: Path, table: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.{table}]\nfail-on = 'high'\n")
    with pytest.raises(ConfigurationError, match=rf":4: unknown table \[tool\.{table}\]; did you mean \[tool\.runtime-operations\]"):
        read_configuration(tmp_path, None, RULES)


def test_the_table_of_another_tool_is_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.runtimes]\nx = 1\n")
    assert read_configuration(tmp_path, None, RULES) == Configuration()
