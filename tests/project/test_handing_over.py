"""Python programs that replace themselves by the command in their arguments, and where ``cd`` in a branch leads."""

from __future__ import annotations

import pytest
from project.made_repository import APP, launches, only

WAITS = "import os, sys\n\n\ndef main():\n    {}\n\n\nif __name__ == '__main__':\n    main()\n"
DOCKERFILE = 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["python", "wait.py"]\nCMD ["uvicorn", "web:app"]\n'


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("os.execvp(sys.argv[1], sys.argv[1:])", "web.py"),
        ("args = sys.argv[1:]\n    os.execvp(args[0], args)", "web.py"),
        ("os.execvpe(sys.argv[1], sys.argv[1:], os.environ)", "web.py"),
        ("os.execvp(sys.executable, sys.argv)", "wait.py"),
        ("args = sys.argv[1:]\n    args = ['shop', *args]\n    os.execvp(args[0], args)", "wait.py"),
    ],
)
def test_what_a_program_hands_over_to(code: str, target: str) -> None:
    files = {"Dockerfile": DOCKERFILE, "wait.py": WAITS.format(code), "web.py": APP}
    made = launches(files)
    assert [x.target.path for x in made if x.role == "main"] == [target]
    assert [x.target.path for x in made if x.role == "init"] == (["wait.py"] if target == "web.py" else [])


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("os.execvp('gunicorn', ['gunicorn', '-w2', 'web:app'])", "web.py"),
        ("args = ['gunicorn'] + ['-b', f':{os.getpid()}']\n    os.execlp('/venv/bin/gunicorn', *args, 'web:app')", "web.py"),
        ("more = ['--reload'] if len(sys.argv) > 9 else []\n    os.execvp('gunicorn', ['gunicorn'] + more + ['web:app'])", "web.py"),
        ("os.execvp('true', ['true'])", "wait.py"),
        ("name = input()\n    os.execvp(name, [name, 'web:app'])", "wait.py"),
    ],
)
def test_server_that_a_program_writes_out_and_becomes(code: str, target: str) -> None:
    files = {"Dockerfile": DOCKERFILE.rsplit("CMD", 1)[0], "wait.py": WAITS.format(code), "web.py": APP}
    made = launches(files)
    assert [x.target.path for x in made if x.role == "main"] == [target]


def test_a_program_without_a_command_is_itself_started() -> None:
    files = {"Dockerfile": DOCKERFILE.rsplit("CMD", 1)[0], "wait.py": WAITS.format("os.execvp(sys.argv[1], sys.argv[1:])")}
    assert only(files).target.path == "wait.py"


@pytest.mark.parametrize(
    ("script", "path"),
    [
        ('if [[ ! -z $1 ]]; then\n  if [ "$1" = web ]; then\n    cd pkg/shop\n    exec uvicorn main:app\n  fi\nfi\n', "pkg/shop/main.py"),
        ('if grep -q x /etc/x; then\n  cd pkg/shop\n  exec uvicorn main:app\nfi\n', "pkg/shop/main.py"),
        ("cd pkg\ncd shop\nexec uvicorn main:app\n", "pkg/shop/main.py"),
        ("if grep -q x /etc/x; then\n  cd pkg/shop\nfi\nexec uvicorn main:app\n", "main.py"),
        ("(cd pkg/shop && ls)\nexec uvicorn main:app\n", "main.py"),
    ],
)
def test_where_cd_leads(script: str, path: str) -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["/app/run.sh"]\nCMD ["web"]\n',
        "run.sh": f"#!/bin/bash\n{script}", "pkg/shop/main.py": APP, "main.py": APP,
    }  # fmt: skip
    assert [x.target.path for x in launches(files) if x.server == "uvicorn" and x.role == "main"] == [path]
