"""Error texts on stdout, where the command itself prints what somebody reads on."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

RULE = "errors-on-stdout"
PACKAGED = '[project]\nname = "desk"\nversion = "1"\n[project.scripts]\ndesk = "desk:cli"\n'
HEAD = "import json\nimport sys\n\nimport click\n\n\n@click.group()\ndef cli():\n    pass\n\n\n"
BODY = (
    '@cli.command()\n@click.argument("name")\ndef show(name):\n    found = {"a": 1}.get(name)\n    if found is None:\n'
    '        click.echo("Error: not found")\n        sys.exit(1)\n    click.echo(json.dumps(found))\n'
)


def confidence(tmp_path: Path, body: str) -> str:
    found = said(tmp_path, RULE, {"pyproject.toml": PACKAGED, "desk.py": HEAD + body})
    return found[0].confidence if found else ""


@pytest.mark.parametrize("leave", ["sys.exit(1)", "raise click.Abort()", "raise SystemExit(2)", "raise click.exceptions.Exit(1)"])
def test_a_command_that_prints_data_is_certain(tmp_path: Path, leave: str) -> None:
    assert confidence(tmp_path, BODY.replace("sys.exit(1)", leave)) == "certain"


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace('not found")', 'not found", err=True)'),
        BODY.replace("sys.exit(1)", "raise SystemExit(0)"),
        BODY.replace("click.echo(json.dumps(found))", 'click.echo(f"it is {found}")'),
    ],
)
def test_texts_for_a_person_are_silent(tmp_path: Path, body: str) -> None:
    assert not confidence(tmp_path, body)


def test_progress_is_less_than_certain(tmp_path: Path) -> None:
    body = BODY.replace("    click.echo(json.dumps(found))\n", "    for each in found:\n        click.echo(each.title)\n")
    assert confidence(tmp_path, body) == "likely"


def test_an_abort_says_one_word_on_stderr(tmp_path: Path) -> None:
    files = {"pyproject.toml": PACKAGED, "desk.py": HEAD + BODY.replace("sys.exit(1)", "raise click.Abort()")}
    assert "says no more than Aborted" in said(tmp_path, RULE, files)[0].message


def test_a_table_is_for_a_person(tmp_path: Path) -> None:
    assert not confidence(tmp_path, BODY.replace("click.echo(json.dumps(found))", "click.echo(AsciiTable(found).table)"))
