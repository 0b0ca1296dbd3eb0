"""Stops and starts told at their weight: steps of a start, other ways of a script, habits, terminals, what a pause holds off."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return ''\n"
RUNS_ITSELF = APP + "\n\nif __name__ == '__main__':\n    from waitress import serve\n\n    serve(app)\n"
IMAGE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . /app\nENTRYPOINT ["/app/entry.sh"]\n'
GUNICORN = "gunicorn app:app"


def test_a_command_before_the_last_is_a_step_of_the_start(tmp_path: Path) -> None:
    script = f"#!/bin/bash\nset -e\npython app.py --check\n{GUNICORN}\n"
    (finding,) = said(tmp_path, "signal-blocked-by-shell", {"app.py": RUNS_ITSELF, "entry.sh": script, "Dockerfile": IMAGE})
    assert (finding.line, finding.count, finding.confidence) == (4, 1, "certain")


def test_another_way_of_the_script_replaces_the_shell(tmp_path: Path) -> None:
    script = f'#!/bin/bash\nif ! [ -w "$DATA" ]; then\n  {GUNICORN}\nelse\n  exec {GUNICORN}\nfi\n'
    files = {"app.py": APP, "entry.sh": script, "Dockerfile": IMAGE}
    assert [f.confidence for f in said(tmp_path, "signal-blocked-by-shell", files)] == ["possible"]


def test_a_launcher_that_nothing_starts(tmp_path: Path) -> None:
    found = said(tmp_path, "signal-blocked-by-shell", {"app.py": APP, "run.sh": f"#!/bin/sh\n{GUNICORN}\n"})
    assert [(f.confidence, f.severity) for f in found] == [("possible", "medium")]


@pytest.mark.parametrize(("compose", "confidence"), [("docker-compose.dev.yml", "possible"), ("compose.yml", "certain")])
def test_an_image_that_only_the_desk_builds(tmp_path: Path, compose: str, confidence: str) -> None:
    image = "FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD gunicorn app:app && true\n"
    files = {
        "app.py": APP,
        "Dockerfile": 'FROM python:3.12-slim\nCMD ["true"]\n',
        "Dockerfile.web": image,
        compose: "services:\n  web:\n    build:\n      context: .\n      dockerfile: Dockerfile.web\n",
    }
    assert [f.confidence for f in said(tmp_path, "signal-blocked-by-shell", files)] == [confidence]


@pytest.mark.parametrize(("body", "confidence"), [("print(number)", "possible"), ("raise SystemExit(0)", "certain")])
def test_a_handler_that_only_tells_hears_nothing(tmp_path: Path, body: str, confidence: str) -> None:
    code = (
        f"import signal\nimport time\n\n\ndef stop(number, frame):\n    {body}\n\n\nsignal.signal(signal.SIGTERM, stop)\n"
        "while True:\n    time.sleep(1)\n"
    )
    files = {"run.py": code, "Dockerfile": "FROM python:3.12-slim\nCMD python run.py\n"}
    assert [f.confidence for f in said(tmp_path, "signal-blocked-by-shell", files)] == [confidence]


def test_scripts_that_are_written_alike_are_one_habit(tmp_path: Path) -> None:
    files = {f"{n}/app.py": APP for n in ("one", "two")} | {f"{n}/Dockerfile": IMAGE for n in ("one", "two")}
    files |= {f"{n}/entry.sh": f"#!/bin/bash\n{GUNICORN}\n" for n in ("one", "two")}
    (finding,) = said(tmp_path, "signal-blocked-by-shell", files)
    assert (finding.count, [e.path for e in finding.also]) == (2, ["two/entry.sh"])


GRPC = """\
import time
from concurrent import futures

import grpc


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    server.add_insecure_port("0.0.0.0:6789")
    server.start()
    try:
        while True:
            time.sleep(86400)
    except KeyboardInterrupt:
        {way_down}


if __name__ == "__main__":
    serve()
"""
ALONE = 'FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["python", "main.py"]\n'


def test_images_of_one_habit_that_lose_nothing(tmp_path: Path) -> None:
    code = GRPC.format(way_down="server.stop(0)")
    files = {f"{n}/main.py": code for n in ("a", "b", "c")} | {f"{n}/Dockerfile": ALONE for n in ("a", "b", "c")}
    (finding,) = said(tmp_path, "unhandled-termination", files)
    assert (finding.count, finding.severity, len(finding.also)) == (3, "low", 2)
    assert "in flight" not in finding.message


@pytest.mark.parametrize(
    ("body", "severity"), [("registry.deregister('a')", "high"), ("registry.close()", "medium"), ("registry.flush()", "high")]
)
def test_what_is_left_out_weighs_by_what_it_does(tmp_path: Path, body: str, severity: str) -> None:
    code = GRPC.format(way_down="stop_all()") + "    "
    code = code.replace("def serve", f"import registry\n\n\ndef stop_all():\n    {body}\n\n\ndef serve").rstrip() + "\n"
    (finding,) = said(tmp_path, "unhandled-termination", {"main.py": code, "Dockerfile": ALONE})
    assert finding.severity == severity


ASIDE = """\
import threading
import time

import {library}


def asynch(func):
    def wrapper(*args, **kwargs):
        thread = threading.Thread(target=func, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        {after}

    return wrapper


@asynch
def poll():
    while True:
        time.sleep(5)


def main():
    poll()
    {loop}


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("library", "loop", "after", "fires"),
    [
        ("urwid", "urwid.MainLoop(urwid.Text('')).run()", "pass", False),
        ("urwid", "print('started')", "pass", False),
        ("urwid", "print('ended')", "thread.join()", True),  # it waits for the loop: that is what the program does
    ],
)
def test_a_terminal_is_no_worker(tmp_path: Path, library: str, loop: str, after: str, fires: bool) -> None:
    code = ASIDE.format(library=library, loop=loop, after=after)
    assert bool(said(tmp_path, "unhandled-termination", {"main.py": code, "Dockerfile": ALONE})) is fires


def test_a_loop_that_waits_for_keys_is_no_worker(tmp_path: Path) -> None:
    code = "import time\n\nimport blessed\n\nterm = blessed.Terminal()\nwhile True:\n    {}\n    time.sleep(0.1)\n"
    assert not said(tmp_path, "unhandled-termination", {"main.py": code.format("term.inkey(1)"), "Dockerfile": ALONE})
    assert said(tmp_path, "unhandled-termination", {"main.py": code.format("pass"), "Dockerfile": ALONE})


CHART = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  template:
    spec:
      containers:
        - name: shop
          image: shop
          ports: [{{containerPort: 8000}}]
          {hook}
"""


@pytest.mark.parametrize(
    ("hook", "severity"),
    [("lifecycle: {preStop: {exec: {command: [/bin/sleep, '10']}}}", "low"), ("workingDir: /app", "medium")],
)
def test_a_pause_before_the_stop_holds_requests_off(tmp_path: Path, hook: str, severity: str) -> None:
    files = {
        "shop/app.py": APP,
        "shop/Dockerfile": 'FROM python:3.12-slim\nCMD ["uwsgi", "--master", "--die-on-term", "--module", "app:app"]\nCOPY . /\n',
        "deploy/shop.yaml": CHART.format(hook=hook),
    }
    (finding,) = said(tmp_path, "wrong-stop-signal", files)
    assert (finding.severity, "preStop pause of 10 s" in finding.message) == (severity, severity == "low")


UWSGI = "[uwsgi]\nmaster = true\nhttp = :8000\n{}\n"


@pytest.mark.parametrize(
    ("lines", "env", "found"),
    [
        ("if-not-env = MOUNTED\nmodule = app:app\nendif =\nif-env = MOUNTED\nmount = %(_)\nendif =", "/=/app/app.py", []),
        ("if-not-env = MOUNTED\nmodule = app:app\nendif =\nif-env = MOUNTED\nmount = %(_)\nendif =", "", ["possible"]),
        ("if-file = /etc/shop\nmodule = app:app\nendif =", "", ["possible"]),
        ("module = app:app", "", ["certain"]),
        ("if-env = MOUNTED\nneed-app = true\nendif =\nmodule = app:app", "1", []),
    ],
)
def test_uwsgi_options_under_a_condition(tmp_path: Path, lines: str, env: str, found: list[str]) -> None:
    variable = f"ENV MOUNTED='{env}'\n" if env else ""
    files = {
        "app.py": APP,
        "uwsgi.ini": UWSGI.format(lines),
        "Dockerfile": f'FROM python:3.12-slim\n{variable}COPY . /app\nWORKDIR /app\nCMD ["uwsgi", "/app/uwsgi.ini"]\n',
    }
    assert [f.confidence for f in said(tmp_path, "inert-startup-check", files)] == found


MANAGE = "import sys\n\nfrom django.core.management import execute_from_command_line\n\nexecute_from_command_line(sys.argv)\n"
WSGI = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"


@pytest.mark.parametrize(("override", "fires"), [("gunicorn shop.wsgi", False), ("python manage.py runserver", True)])
def test_what_a_merged_compose_file_starts(tmp_path: Path, override: str, fires: bool) -> None:
    files = {
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/wsgi.py": WSGI,
        "Dockerfile": 'FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD ["python", "manage.py", "runserver"]\n',
        "docker-compose.yml": "services:\n  web:\n    build: .\n",
        "docker-compose.override.yml": f"services:\n  web:\n    command: {override}\n",
    }
    assert bool(shown(tmp_path, "dev-server", files)) is fires


@pytest.mark.parametrize(("mount", "fires"), [(".:/app", False), ("./data:/data", True)])
def test_a_health_check_of_the_desk(tmp_path: Path, mount: str, fires: bool) -> None:
    compose = (
        f"services:\n  web:\n    build: .\n    volumes: ['{mount}']\n    healthcheck:\n      test: curl -q http://localhost:8000/\n"
    )
    image = 'FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD ["gunicorn", "app:app"]\n'
    found = said(tmp_path, "healthcheck-cannot-fail", {"app.py": APP, "Dockerfile": image, "docker-compose.yml": compose})
    assert bool(found) is fires


@pytest.mark.parametrize(
    ("again", "fires"),
    [
        ("if delay is not None:\n        time.sleep(delay)\n        refresh()", False),
        ("if delay is not None:\n        time.sleep(delay)\n        refresh(delay)", True),
        ("if not ready():\n        time.sleep(1)\n        refresh()", True),
    ],
)
def test_a_function_that_calls_itself_once_more(tmp_path: Path, again: str, fires: bool) -> None:
    code = APP.replace("return ''", "refresh(3)\n    return ''") + (
        f"\n\ndef ready():\n    return False\n\n\ndef refresh(delay=None):\n    {again}\n"
    )
    code = f"import time\n\n{code}"
    image = 'FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD ["gunicorn", "app:app"]\n'
    assert bool(said(tmp_path, "unbounded-poll", {"app.py": code, "Dockerfile": image})) is fires


def test_a_block_that_no_program_runs(tmp_path: Path) -> None:
    tool = "def main():\n    if not check():\n        return 1\n    return 0\n\n\ndef check():\n    return True\n\n\n"
    guard = "if __name__ == '__main__':\n    main()\n"
    files = {"tool.py": tool + guard, "run.py": "import tool\n\nif __name__ == '__main__':\n    print(tool.check())\n"}
    image = 'FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD ["python", "{}"]\n'
    for name, confidence in (("run.py", "possible"), ("tool.py", "certain")):
        (finding,) = said(tmp_path, "dropped-exit-code", {**files, "Dockerfile": image.format(name)})
        assert (finding.confidence, finding.entrypoints) == (confidence, ("tool.py",))
