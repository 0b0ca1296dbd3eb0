"""Whom a call without a limit holds, and until when: by the server, its start, its script, and what runs the function for a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

HEAD = "import requests\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
ASKS = "@app.get('/a')\ndef a():\n    return requests.get('http://a').text\n"
IMAGE = "FROM python:3.12\nWORKDIR /app\nCOPY . .\n{last}\n"
RULE = "call-without-timeout"
REQUEST = "holds this request's thread or task"


def told(tmp_path: Path, files: dict[str, str]) -> str:
    (found,) = shown(tmp_path, RULE, files)
    return found.message


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ('ENTRYPOINT ["/app/start.sh"]\nCMD ["gunicorn", "app:app"]', "until gunicorn kills its process after 120 s"),
        ('ENTRYPOINT ["/opt/of-the-build/start-here.sh"]\nCMD ["gunicorn", "app:app"]', REQUEST),  # it may add --timeout
        ('CMD ["gunicorn", "app:app"]', "until gunicorn kills its process after 30 s"),
        ('ENV GUNICORN_TIMEOUT=45\nCMD ["gunicorn", "-c", "conf.py", "app:app"]', "until gunicorn kills its process after 45 s"),
        ('ENV UWSGI_HARAKIRI=20\nCMD ["uwsgi", "--module", "app:app"]', "after 20 s"),
        ('CMD ["uwsgi", "--module", "app:app"]', "for ever"),
    ],
    ids=["added by the script", "a script that is not there", "the default", "settings by variables", "uwsgi's variable", "uwsgi"],
)
def test_the_time_that_the_server_gives(tmp_path: Path, last: str, end: str) -> None:
    script = '#!/bin/sh\nset -e\nTIME="${GUNICORN_TIMEOUT:-120}"\nARGS="-t ${TIME} --workers 4"\nexec "$@" $ARGS\n'
    conf = "import os\nfor k, v in os.environ.items():\n    if k.startswith('GUNICORN_'):\n        locals()[k[9:].lower()] = v\n"
    files = {"app.py": HEAD + ASKS, "Dockerfile": IMAGE.format(last=last), "start.sh": script, "conf.py": conf}
    assert told(tmp_path, files).endswith(end)


@pytest.mark.parametrize(
    ("scripts", "end"),
    [
        (("docker/docker-entrypoint.sh",), "until gunicorn kills its process after 75 s"),  # the only one it can be
        (("docker/a/entrypoint.sh", "docker/b/entrypoint.sh"), REQUEST),
    ],
)
def test_an_entry_script_that_a_build_step_puts_in_its_place(tmp_path: Path, scripts: tuple[str, ...], end: str) -> None:
    last = "RUN cp docker/docker-entrypoint.sh /mnt/entrypoint.sh\nENTRYPOINT [\"/mnt/entrypoint.sh\"]\nCMD [\"gunicorn\", \"app:app\"]"
    text = '#!/bin/sh\nexec "$@" --timeout 75\n'
    files = {"app.py": HEAD + ASKS, "Dockerfile": IMAGE.format(last=last), **dict.fromkeys(scripts, text)}
    assert told(tmp_path, files).endswith(end)


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("gunicorn 'app:create_app()'", "holds its start until gunicorn kills its process after 30 s, and starts it again"),
        ("gunicorn --preload 'app:create_app()'", "for ever"),  # the arbiter itself waits
        ("waitress-serve --call app:create_app", "for ever"),
    ],
)
def test_a_start_that_hangs(tmp_path: Path, command: str, end: str) -> None:
    text = (
        "import requests\nfrom flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n"
        "    app.config['RATES'] = requests.get('http://rates').json()\n    return app\n"
    )
    message = told(tmp_path, {"app.py": text, "Dockerfile": IMAGE.format(last=f"CMD exec {command}")})
    assert message.endswith(end), message


WORKER = (
    "import gevent\nimport requests\nfrom gevent import monkey\n\nmonkey.patch_all()\n\n\ndef fetch():\n    requests.get('http://rates')\n\n\n"
    "def main():\n    while True:\n        {run}\n        gevent.sleep(5)\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("run", "count"),
    [
        ("gevent.with_timeout(60, fetch)", 0),
        ("gevent.with_timeout(None, fetch)", 1),
        ("gevent.spawn(fetch)", 1),
        ("gevent.with_timeout(60, fetch)\n        fetch()", 1),  # one of two ways has no end
    ],
)
def test_a_function_that_is_run_for_a_time(tmp_path: Path, run: str, count: int) -> None:
    image = IMAGE.format(last='CMD ["python", "worker.py"]')
    assert len(shown(tmp_path, RULE, {"worker.py": WORKER.format(run=run), "Dockerfile": image})) == count


def test_of_a_service_and_a_worker_each_end_is_said(tmp_path: Path) -> None:
    shared = "import requests\n\n\ndef rates():\n    return requests.get('http://rates').json()\n"
    app = f"{HEAD.replace('import requests', 'from shared import rates')}@app.get('/a')\ndef a():\n    return rates()\n"
    worker = "import time\n\nfrom shared import rates\n\nwhile True:\n    rates()\n    time.sleep(60)\n"
    procfile = "web: gunicorn app:app --timeout 90\nworker: python worker.py\n"
    message = told(tmp_path, {"app.py": app, "worker.py": worker, "shared.py": shared, "Procfile": procfile})
    assert message.endswith("holds this job for ever, and this request's thread or task until gunicorn kills its process after 90 s")


def test_where_some_callers_of_a_wrapper_give_the_limit_the_others_are_the_way(tmp_path: Path) -> None:
    text = HEAD + (
        "def ask(path, timeout=None):\n    return requests.get('http://a' + path, timeout=timeout).text\n\n\n"
        "@app.get('/bounded')\ndef bounded():\n    return ask('/b', timeout=3)\n\n\n"
        "@app.get('/open')\ndef unbounded():\n    return ask('/o')\n"
    )
    (found,) = shown(tmp_path, RULE, {"app.py": text, "Dockerfile": IMAGE.format(last='CMD ["gunicorn", "app:app"]')})
    assert [note.note for note in found.trace][-1] == "ask() is called without a limit"
    assert not any("bounded" in note.note and "unbounded" not in note.note for note in found.trace)


def test_what_a_timetable_is_given_at_the_start_does_not_run_there(tmp_path: Path) -> None:
    tasks = (
        "import requests\nfrom celery import Celery\n\ncelery_app = Celery('shop')\n\n\n@celery_app.task\ndef refresh():\n"
        "    requests.get('http://rates')\n"
    )
    app = (
        "from datetime import timedelta\n\nfrom flask import Flask\n\nfrom tasks import celery_app, refresh\n\n\ndef create_app():\n"
        "    celery_app.add_periodic_task(timedelta(hours=1), refresh)\n    return Flask(__name__)\n"
    )
    procfile = "web: gunicorn 'app:create_app()'\nworker: celery -A tasks worker\n"
    (found,) = shown(tmp_path, RULE, {"app.py": app, "tasks.py": tasks, "Procfile": procfile})
    assert "start" not in found.message and [e.partition("::")[0] for e in found.entrypoints] == ["tasks.py"]


TASK = (
    "import requests\nfrom celery import Celery\n\ncelery_app = Celery('shop')\n{settings}\n\n@celery_app.task({options})\ndef refresh():\n"
    "    requests.get('http://rates')\n\n\n@celery_app.task(time_limit=60)\ndef other():\n    return 1\n"
)


@pytest.mark.parametrize(
    ("settings", "command", "end", "severity"),
    [
        ("", "celery -A tasks worker", "holds this job for ever, unless its job has a time limit of its own", "medium"),
        ("celery_app.conf.task_time_limit = 60\n", "celery -A tasks worker", "until the time limit of its job", "low"),
        ("celery_app.conf.update(task_soft_time_limit=60)\n", "celery -A tasks worker", "until the time limit of its job", "low"),
        ("", "celery -A tasks worker --time-limit 60", "until the time limit of its job", "low"),
    ],
)
def test_a_limit_of_one_job_ends_no_other(tmp_path: Path, settings: str, command: str, end: str, severity: str) -> None:
    files = {"tasks.py": TASK.format(settings=settings, options=""), "Procfile": f"worker: {command}\n"}
    (found,) = shown(tmp_path, RULE, files)
    assert found.message.endswith(end) and found.severity == severity


@pytest.mark.parametrize(
    ("made", "count"), [("redis.Redis()", 0), ("redis.Redis(db=2)", 0), ("redis.Redis(HOST)", 1), ("redis.Redis(host=HOST)", 1)]
)
def test_a_client_that_is_given_no_address_asks_this_machine(tmp_path: Path, made: str, count: int) -> None:
    text = HEAD.replace("import requests", "import os\n\nimport redis")
    text += f"HOST = os.environ['STORE']\nSTORE = {made}\n\n\n@app.get('/a')\ndef a():\n    return STORE.get('a')\n"
    files = {"app.py": text, "requirements.txt": "redis==5.0.0\n", "Dockerfile": IMAGE.format(last='CMD ["waitress-serve", "app:app"]')}
    assert len(shown(tmp_path, RULE, files)) == count


FETCHING = """
import concurrent.futures

import requests
from redis import Redis
from rq import Worker


def tables():
    requests.get("http://tables")


def fetch():
    {run}


def main():
    fetch()
    Worker(["default"], connection=Redis()).work()


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("run", "end"),
    [
        ("tables()", "holds its start for ever"),
        ("with concurrent.futures.ThreadPoolExecutor() as pool:\n        pool.submit(tables)", "holds its start for ever"),
        ("concurrent.futures.ThreadPoolExecutor().submit(tables)", "holds this job until the time limit of its job"),
    ],
    ids=["called", "the executor is left when it is done", "beside the worker"],
)
def test_what_a_worker_does_before_its_first_job(tmp_path: Path, run: str, end: str) -> None:
    image = IMAGE.format(last='CMD ["python", "worker.py"]')
    assert told(tmp_path, {"worker.py": FETCHING.replace("{run}", run), "Dockerfile": image}).endswith(end)
