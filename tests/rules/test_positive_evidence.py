"""What must be seen before a command, a flag, a label, a worker or a compose service is told about, and what weighs less."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return ''\n"
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'


TOOL = (
    "import json\nimport os\nimport sys\n\nimport click\n\nfrom work import fill, serve\n\n\ndef announce():\n    try:\n        {work}\n"
    "    except Exception as error:\n        print(f'failed: {{error}}')\n\n\ndef main():\n    {before}\n    announce()\n    {after}\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)
WORK = "def fill():\n    return open('d').read()\n\n\ndef serve():\n    return open('e').read()\n"


@pytest.mark.parametrize(
    ("before", "work", "after", "fires"),
    [
        ("pass", "fill()", "print('done')", True),
        ("pass", "fill()", "serve()", False),  # the helper is a help, and the command goes on
        ("pass", "print(json.load(open(os.path.join(os.path.dirname(__file__), 'list.json'))))", "pass", False),
        ("print(click.getchar())", "fill()", "pass", False),  # a person sits at it
    ],
)
def test_commands_whose_failure_is_their_end(tmp_path: Path, before: str, work: str, after: str, fires: bool) -> None:
    files = {"tool.py": TOOL.format(before=before, work=work, after=after), "work.py": WORK}
    assert bool(shown(tmp_path, "cli/success-after-failure", files)) is fires


@pytest.mark.parametrize(("command", "severity"), [("grant", "medium"), ("list-all", "low")])
def test_a_command_that_an_artifact_names_weighs_more(tmp_path: Path, command: str, severity: str) -> None:
    text = (
        "import click\n\nfrom work import fill\n\n\n@click.group()\ndef cli():\n    pass\n\n\n@cli.command()\ndef grant():\n    try:\n"
        "        fill()\n    except Exception as error:\n        print(f'failed: {error}')\n\n\n@cli.command()\ndef list_all():\n"
        "    print('all')\n\n\nif __name__ == '__main__':\n    cli()\n"
    )
    files = {"tool.py": text, "work.py": WORK, "Dockerfile": f'FROM python:3.12\nCOPY . .\nCMD ["python", "tool.py", "{command}"]\n'}
    assert [f.severity for f in shown(tmp_path, "cli/success-after-failure", files)] == [severity]


@pytest.mark.parametrize(("started", "fires"), [(False, False), (True, True)])
def test_a_bare_exit_of_a_command_that_nothing_starts(tmp_path: Path, started: bool, fires: bool) -> None:
    files = {
        "manage.py": "import sys\nfrom django.core.management import execute_from_command_line\n"
        "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n",
        "shop/__init__.py": "",
        "shop/management/__init__.py": "",
        "shop/management/commands/__init__.py": "",
        "shop/management/commands/drop.py": "import logging\nimport sys\n\nfrom django.core.management.base import BaseCommand\n\n\n"
        "class Command(BaseCommand):\n    def handle(self, *args, **options):\n        if not args:\n"
        "            logging.error('nothing is named')\n            sys.exit()\n",
    }
    if started:
        files["crontab"] = "0 1 * * * root python manage.py drop x\n"
        files["Dockerfile"] = 'FROM python:3.12\nCOPY . .\nCMD ["python", "manage.py", "drop"]\n'
    assert bool(shown(tmp_path, "cli/success-after-failure", files)) is fires


@pytest.mark.parametrize(
    ("flag", "image", "fires"),
    [
        ("if os.environ.get('USE_CACHE', False):\n    print('on')", IMAGE, True),
        ("if os.environ.get('USE_CACHE'):\n    print('on')", IMAGE, False),
        ("if os.environ.get('USE_CACHE'):\n    print('on')", IMAGE.replace("COPY", "ENV USE_CACHE=false\nCOPY"), True),
        ("ON = os.environ.get('IS_OPEN', '') == 'true'\nif os.environ.get('USE_CACHE'):\n    print(ON)", IMAGE, True),
        ("if os.environ.get('APP_TESTING', False):\n    print('on')", IMAGE, False),
    ],
)
def test_flags_that_somebody_will_set_to_false(tmp_path: Path, flag: str, image: str, fires: bool) -> None:
    files = {"app.py": f"import os\n\n{flag}\n\n{APP}", "Dockerfile": image}
    assert bool(shown(tmp_path, "startup/misparsed-flag", files)) is fires


def test_one_variable_is_one_finding(tmp_path: Path) -> None:
    look = "import os\n\nif os.environ.get('USE_CACHE', False):\n    print('on')\n\n"
    files = {"app.py": f"import other\n{look}{APP}", "other.py": look, "Dockerfile": IMAGE}
    (finding,) = shown(tmp_path, "startup/misparsed-flag", files)
    assert (finding.count, len(finding.also)) == (2, 1)


LABELS = (
    "import time\n\nfrom flask import Flask, request\nfrom prometheus_client import Counter, Gauge\n\napp = Flask(__name__)\n"
    "SEEN_TOTAL = Counter('seen', 'seen', ['who'])\n\n\n{}\n\n\nif __name__ == '__main__':\n    {}\n"
)
COLLECTS = "def collect():\n    while True:\n        for device_id in open('devices'):\n            SEEN_TOTAL.labels(device_id).inc()\n"
VIEW = "@app.get('/<user_id>')\ndef view(user_id):\n    count(user_id)\n    return ''\n\n\ndef count(user_id):\n"
VIEW += "    SEEN_TOTAL.labels(user_id).inc()\n"


@pytest.mark.parametrize(
    ("code", "main", "fires"),
    [
        (VIEW, "app.run()", True),
        (VIEW.replace("user_id", "tenant_id"), "app.run()", False),
        (COLLECTS, "collect()", False),
        (f"{VIEW}\n\ndef forget(user_id):\n    SEEN_TOTAL.remove(user_id)", "app.run()", False),
    ],
)
def test_labels_that_grow_with_the_traffic(tmp_path: Path, code: str, main: str, fires: bool) -> None:
    assert bool(shown(tmp_path, "metrics/unbounded-label", {"app.py": LABELS.format(code, main)})) is fires


@pytest.mark.parametrize(("run", "fires"), [("celery -A jobs worker", True), ("python jobs.py", False)])
def test_queue_depth_is_asked_of_workers_of_a_job_system(tmp_path: Path, run: str, fires: bool) -> None:
    text = (
        "import time\n\nfrom celery import Celery\nfrom prometheus_client import Histogram\n\napp = Celery('a', broker='redis://r')\n"
        "TIME = Histogram('work_seconds', 'time', ['status'])\n\n\n@app.task\ndef work():\n    with TIME.labels('ok').time():\n"
        "        open('d').read()\n\n\nif __name__ == '__main__':\n    while True:\n        work()\n        time.sleep(1)\n"
    )
    if not fires:
        text = text.replace("from celery import Celery\n", "").replace("app = Celery('a', broker='redis://r')\n", "")
        text = text.replace("@app.task\n", "")
    files = {"jobs.py": text, "Dockerfile": f"FROM python:3.12\nCOPY . .\nCMD {run}\n"}
    assert bool(shown(tmp_path, "metrics/missing-signals", files)) is fires


@pytest.mark.parametrize(
    ("image", "fires"), [("quay.io/them/other:1", False), ("quay.io/us/shop:1", True)], ids=["neighbour", "ours"]
)
def test_a_neighbour_of_compose_is_not_ours(tmp_path: Path, image: str, fires: bool) -> None:
    compose = (
        "services:\n  worker:\n    image: quay.io/us/shop:1\n    command: python other.py\n    volumes:\n      - ./:/code\n"
        f"  side:\n    image: {image}\n    command: python app.py\n    restart: always\n"
    )
    text = APP + "\n\nif __name__ == '__main__':\n    app.run()\n"
    files = {"app.py": text, "other.py": "print(1)\n", "docker-compose.yml": compose}
    assert [f.severity for f in shown(tmp_path, "health/missing-probe", files)] == (["low"] if fires else [])
