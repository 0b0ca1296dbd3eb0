"""Servers and workers that the code of a started program becomes or runs."""

from __future__ import annotations

import pytest
from project.made_repository import APP, launches, only, places

DOCKERFILE = 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nCMD ["python", "start.py"]\n'
START = "import asyncio, os, shlex, subprocess, sys\nWORKERS = '2'\n\n\n{}\n\n\nif __name__ == '__main__':\n    main()\n"
SETUP = "from setuptools import setup\nsetup(name='shop', packages=['shop'], entry_points={'console_scripts': ['shop=shop.cli:cli']})\n"
CLI = """
import os
import click
from shop.commands import worker


@click.group()
def cli():
    pass


cli.add_command(worker)
"""
WORKER = """
import os
import click


@click.command("worker")
@click.option("--dev", "dev_mode", is_flag=True)
@click.argument("more", nargs=-1)
def worker(dev_mode, more):
    if dev_mode:
        args = ["flask", "--app", "shop.web", "run"]
        os.execvp(args[0], args)
    args = ["celery", "-A", "shop.jobs:app"]
    args.append("worker")
    args += list(more)
    os.execvp(args[0], args)
"""


def body(code: str) -> dict[str, str]:
    lines = code.split("\n")
    text = "\n".join(["def main():", *(f"    {line}" for line in lines)])
    return {"Dockerfile": DOCKERFILE, "start.py": START.format(text), "web.py": APP, "other.py": APP}


@pytest.mark.parametrize(
    "code",
    [
        "os.execv('/usr/bin/uvicorn', ['/usr/bin/uvicorn', 'web:app'])",
        "args = ['uvicorn']\nif os.getpid():\n    args += ['--workers', WORKERS]\nargs.append('web:app')\nos.execvp(args[0], args)",
        "os.execlp(os.path.join(sys.exec_prefix, 'bin', 'uvicorn'), 'uvicorn', f'--port={os.getpid()}', 'web:app')",
        "os.execvp(sys.executable, [sys.executable, '-m', 'uvicorn', 'web:app'])",
    ],
)
def test_a_program_becomes_a_server(code: str) -> None:
    made = only(body(code), role="main")
    assert (made.server, made.target.path, made.shell, made.pid1, made.background) == ("uvicorn", "web.py", "none", True, False)
    assert places(made)[1].startswith("start.py:")


@pytest.mark.parametrize(
    ("code", "background"),
    [
        ("subprocess.run(['uvicorn', 'web:app'], check=True)", False),
        ("subprocess.check_call(shlex.split(f'uvicorn web:app --port {os.getpid()}'))", False),
        ("subprocess.run('uvicorn web:app', shell=True)", False),
        ("os.system('uvicorn web:app --port 80')", False),
        ("child = subprocess.Popen([sys.executable, '-m', 'uvicorn', 'web:app'])\nchild.wait()", False),
        ("subprocess.Popen(['uvicorn', 'web:app'])", True),
        ("child = subprocess.Popen(['uvicorn', 'web:app'])\nprint(1)", True),
        ("async def go():\n    await asyncio.create_subprocess_exec('uvicorn', 'web:app')\nasyncio.run(go())", False),
    ],
)
def test_a_program_runs_a_server_beside_itself(code: str, background: bool) -> None:
    made = only(body(code), server="uvicorn")
    assert (made.role, made.target.path, made.pid1, made.background) == ("main", "web.py", False, background)
    assert made.shell in ("unknown", "exec", "parent")
    assert only(body(code), program="python").role == "main"


def test_a_list_of_one_way_or_the_other() -> None:
    code = "if os.getpid():\n    cmd = ['uvicorn', 'web:app']\nelse:\n    cmd = ['gunicorn', 'other:app']\nsubprocess.run(cmd)"
    found = {x.server: x.target.path for x in launches(body(code)) if x.server}
    assert found == {"uvicorn": "web.py", "gunicorn": "other.py"}


def test_a_part_of_one_way_or_the_other_is_not_known() -> None:
    code = "more = ['--workers', '2']\nif os.getpid():\n    more = ['--workers', '3']\nsubprocess.run(['uvicorn', 'web:app', *more])"
    assert only(body(code), server="uvicorn").argv == ("uvicorn", "web:app", "$value")


def test_a_list_that_is_given_to_the_function() -> None:
    files = body("run(['uvicorn', 'web:app'])")
    files["start.py"] = files["start.py"].replace("def main", "def run(cmd):\n    subprocess.run(cmd)\n\n\ndef main")
    assert only(files, server="uvicorn").target.path == "web.py"


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(['git', 'status'])",
        "subprocess.run(['celery', '-A', 'web', 'control', 'shutdown'])",
        "name = input()\nsubprocess.run([name, 'web:app'])",
        "print(['uvicorn', 'web:app'])",
        "pass\n\n\ndef unused():\n    subprocess.run(['uvicorn', 'web:app'])",
        "os.execv(sys.executable, [sys.executable, *sys.argv])",
    ],
)
def test_what_starts_no_server(code: str) -> None:
    assert [(x.role, x.target.path) for x in launches(body(code)) if x.server or x.role != "main"] == []


@pytest.mark.parametrize(
    "code",
    [
        "dev = len(sys.argv) > 1\nif dev:\n    subprocess.run(['uvicorn', 'web:app'])",
        "from django.utils import autoreload\nautoreload.run_with_reloader(serve)",
    ],
)
def test_what_only_a_switch_for_development_starts(code: str) -> None:
    files = body(code)
    files["start.py"] = files["start.py"].replace("def main", "def serve():\n    subprocess.run(['uvicorn', 'web:app'])\n\n\ndef main")
    assert only(files, server="uvicorn").development


def test_a_command_of_a_console_script_becomes_a_worker() -> None:
    files = {
        "setup.py": SETUP, "shop/__init__.py": "", "shop/cli.py": CLI, "shop/commands.py": WORKER,
        "shop/jobs.py": "from celery import Celery\napp = Celery('shop')\n", "shop/web.py": APP,
    }  # fmt: skip
    worker = only(files, server="celery")
    assert (worker.platform, worker.target.path, worker.development) == ("packaging", "shop/jobs.py", False)
    assert only(files, server="flask development server").development
    named = {**files, "Dockerfile": 'FROM python:3.12\nCOPY . /app\nRUN pip install /app\nCMD ["shop", "worker"]\n'}
    assert only(named, server="celery", platform="dockerfile").pid1
    assert only(named, platform="dockerfile", program="shop").role == "init"
    other = {**named, "Dockerfile": named["Dockerfile"].replace('"worker"', '"sweep"')}
    assert not [x for x in launches(other) if x.platform == "dockerfile" and x.server]


def test_a_management_command_runs_a_worker() -> None:
    command = "import subprocess\nfrom django.core.management.base import BaseCommand\n\n\nclass Command(BaseCommand):\n"
    command += "    def handle(self, *args, **options):\n        subprocess.run(['celery', '-A', 'shop.jobs', 'worker'])\n"
    files = {
        "Procfile": "worker: python manage.py work\nweb: python manage.py sweep\n",
        "manage.py": "from django.core.management import execute_from_command_line\nexecute_from_command_line()\n",
        "shop/__init__.py": "", "shop/jobs.py": "from celery import Celery\napp = Celery('shop')\n",
        "shop/management/commands/work.py": command,
    }  # fmt: skip
    made = only(files, server="celery")
    assert (made.target.path, places(made)[0]) == ("shop/jobs.py", "Procfile:1")


UWSGI = """
prod:
    master: true
    chdir: /app
    module: web:make()
    attach-daemon2:
      - cmd=/usr/bin/python worker.py,pidfile=/run/w.pid
      - cmd=/usr/sbin/nginx -c /etc/nginx.conf
test:
    master: true
    module: other:app
"""


def test_section_of_a_uwsgi_file_in_yaml_and_its_daemons() -> None:
    files = {
        **body("os.execv('/usr/bin/uwsgi', ['/usr/bin/uwsgi', '--yaml', '/app/conf/uwsgi.yaml:prod'])"),
        "conf/uwsgi.yaml": UWSGI, "worker.py": "import time\nwhile True:\n    time.sleep(1)\n",
    }  # fmt: skip
    server = only(files, server="uwsgi")
    assert (server.target.path, server.target.attribute, server.pid1) == ("web.py", "make()", True)
    worker = only(files, supervisor="uwsgi", program="python")
    assert (worker.target.path, worker.pid1, places(worker)[-1]) == ("worker.py", False, "conf/uwsgi.yaml:6")
    assert only(files, supervisor="uwsgi", program="nginx").target.path is None


def test_daemons_of_a_uwsgi_file_in_ini() -> None:
    ini = "[uwsgi]\nmodule = web:app\nattach-daemon = python worker.py\nsmart-attach-daemon = /run/b.pid python beat.py\n"
    files = {"Procfile": "web: uwsgi uwsgi.ini\n", "uwsgi.ini": ini, "web.py": APP, "worker.py": "", "beat.py": ""}
    assert {x.target.path for x in launches(files) if x.supervisor == "uwsgi"} == {"worker.py", "beat.py"}
