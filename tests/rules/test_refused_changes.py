"""Commands that tell of a change which they could not make, and end with status 0."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

RULE = "success-after-failure"
PACKAGED = '[project]\nname = "desk"\nversion = "1"\n[project.scripts]\ndesk = "desk.cli:cli"\n'
GROUP = "import sys\n\nimport click\n\nfrom desk.store import Missing, find\n\n\n@click.group()\ndef cli():\n    pass\n\n\n"
STORE = "class Missing(Exception):\n    pass\n\n\ndef find(name):\n    return None\n"


def program(command: str, packaged: str = PACKAGED) -> dict[str, str]:
    return {"pyproject.toml": packaged, "desk/__init__.py": "", "desk/store.py": STORE, "desk/cli.py": GROUP + command}


def command(name: str, body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f'@cli.command(name="{name}")\n@click.argument("name")\ndef act(name):\n{lines}'


NOT_FOUND = 'user = find(name)\nif not user:\n    click.echo(f"User {name} not found")\n    return\nuser.drop()'
CAUGHT = "try:\n    find(name).change()\nexcept Missing as error:\n    click.echo(str(error))"
ELSE = 'if find(name):\n    click.echo("done")\nelse:\n    click.echo("Error: it could not be done")'
LOGGED = 'import logging\nif not find(name):\n    logging.error("unknown user %s", name)\n    return\nfind(name).drop()'


@pytest.mark.parametrize("body", [NOT_FOUND, CAUGHT, ELSE, LOGGED])
def test_a_refused_change_that_ends_with_0_is_told_at_low(tmp_path: Path, body: str) -> None:
    [finding] = shown(tmp_path, RULE, program(command("delete", body)))
    assert (finding.path, finding.severity, finding.confidence) == ("desk/cli.py", "low", "certain")


@pytest.mark.parametrize("name", ["show", "list", "check-update", "status", "walk"])
def test_a_command_that_only_tells_is_silent(tmp_path: Path, name: str) -> None:
    assert not shown(tmp_path, RULE, program(command(name, NOT_FOUND)))


@pytest.mark.parametrize(
    "body",
    [
        NOT_FOUND.replace("return\n", "sys.exit(1)\n"),
        NOT_FOUND.replace("return\n", "raise click.Abort()\n"),
        NOT_FOUND.replace("return\n", "return 1\n"),
        CAUGHT + "\n    raise SystemExit(1)",
        CAUGHT + "\nfind(name).change()",
        NOT_FOUND.replace("not found", "already exists, nothing to do"),
        ELSE.replace('"Error: it could not be done"', 'click.style("no error left", fg="green")'),
        'for item in name.split():\n    if not find(item):\n        click.echo("not found")\n        return\n    find(item).drop()'.replace(
            "        return\n", "        continue\n"
        ),
        'sure = click.confirm("Really?")\n' + NOT_FOUND,
        'click.echo(f"Users not found: {find(name)}")',  # a heading, said each time
    ],
)
def test_a_command_that_says_so_by_its_status_or_goes_on_is_silent(tmp_path: Path, body: str) -> None:
    assert not shown(tmp_path, RULE, program(command("delete", body)))


def asked(option: str, parameter: str = "name") -> str:
    text = command("delete", NOT_FOUND).replace('@click.argument("name")\n', option)
    return "import typer\nfrom typing import Annotated\n" + text.replace("def act(name)", f"def act({parameter})")


@pytest.mark.parametrize(
    ("option", "parameter", "count"),
    [
        ('@click.option("--name", prompt=True)\n', "name", 0),
        ('@click.option("--name", prompt="Whom?")\n', "name", 0),
        ('@click.option("--name", prompt=False)\n', "name", 1),
        ('@click.option("--name")\n', "name", 1),
        ("@click.password_option()\n", "name", 0),
        ("", 'name: str = typer.Option(prompt=True)', 0),
        ("", "name: Annotated[str, typer.Option(prompt=True)]", 0),
        ("", "name: Annotated[str, typer.Option(help='x')]", 1),
    ],
)
def test_a_command_that_asks_a_person_is_silent(tmp_path: Path, option: str, parameter: str, count: int) -> None:
    assert len(shown(tmp_path, RULE, program(asked(option, parameter)))) == count


def test_a_command_that_asks_and_that_an_artifact_calls(tmp_path: Path) -> None:
    files = program(asked('@click.option("--name", prompt=True)\n'))
    files["Dockerfile"] = "FROM python:3.12\nCOPY . .\nRUN pip install .\nCMD desk delete --name old\n"
    assert len(shown(tmp_path, RULE, files)) == 1


def test_more_than_three_commands_are_one_habit(tmp_path: Path) -> None:
    several = "".join(command(f"delete-{n}", NOT_FOUND).replace("def act", f"def act_{n}") + "\n\n" for n in range(4))
    [finding] = shown(tmp_path, RULE, program(several))
    assert finding.count == 4


def test_a_caught_failure_of_a_command_that_changes_something_is_more_than_a_lead(tmp_path: Path) -> None:
    body = 'try:\n    find(name).change()\nexcept Exception as error:\n    click.echo(f"It failed: {error}", err=True)'
    [finding] = shown(tmp_path, RULE, program(command("reset", body)))
    assert (finding.severity, finding.confidence) == ("low", "certain")
    [lead] = said(tmp_path, RULE, program(command("walk", body)))
    assert lead.confidence != "certain"


def test_a_management_command_that_nothing_calls_is_silent(tmp_path: Path) -> None:
    files = {
        "manage.py": 'from django.core.management import execute_from_command_line\nif __name__ == "__main__":\n'
        "    execute_from_command_line()\n",
        "Dockerfile": "FROM python:3.12\nCOPY . .\nCMD gunicorn desk.wsgi\n",
        "desk/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
        "desk/__init__.py": "",
        "desk/store.py": STORE,
        "desk/management/commands/delete_user.py": "from django.core.management.base import BaseCommand\nfrom desk.store import find\n"
        "class Command(BaseCommand):\n    def handle(self, *args, **options):\n        if not find(options['name']):\n"
        '            self.stdout.write("user not found")\n            return\n        find(options["name"]).drop()\n',
    }
    assert not shown(tmp_path, RULE, files)


def test_a_command_that_drops_what_failed(tmp_path: Path) -> None:
    collects = "\n\ndef archive(names):\n    failed = {}\n    for name in names:\n        try:\n            find(name)\n" + (
        "        except Missing as error:\n            failed[name] = error\n    return failed\n"
    )
    for name, confidence in (("archive", "certain"), ("walk", "likely")):
        files = program(command(name, "archive([name])"))
        files["desk/store.py"] = STORE + collects
        files["desk/cli.py"] = files["desk/cli.py"].replace("Missing, find", "Missing, archive, find")
        [finding] = said(tmp_path, RULE, files)
        assert finding.confidence == confidence
