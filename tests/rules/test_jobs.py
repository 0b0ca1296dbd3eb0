"""Look-alikes of the job rules that are too small for a guide's snippet."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.rules.judging import said

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project

CELERY = "import logging\nfrom celery import shared_task\nimport requests\nlog = logging.getLogger(__name__)\n"
TASK = CELERY + "def send(x):\n    requests.post('http://h', json=x, timeout=3).raise_for_status()\n"


def found(tmp_path: Path, slug: str, text: str) -> list[Finding]:
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    return judged(tmp_path, slug)


def judged(tmp_path: Path, slug: str) -> list[Finding]:
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    rule = importlib.import_module(f"runtime_ops.rules.jobs.{slug.replace('-', '_')}").RULE
    result = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [rule])
    assert not result.failed
    return [f for f in result.findings if f.confidence != "possible"]


def test_a_swallowed_send_is_found_in_a_function_that_the_job_calls(tmp_path: Path) -> None:
    text = TASK + (
        "def notify(x):\n    try:\n        send(x)\n    except Exception:\n        log.error('no')\n"
        "@shared_task\ndef job(x):\n    notify(x)\n"
    )
    assert [f.line for f in found(tmp_path, "swallowed-job-failure", text)] == [10]


@pytest.mark.parametrize(
    "arm",
    [
        "log.exception('no')\n        raise",
        "failed.append(x)",
        "x.status = 'failed'",
        "job.retry()",
        "dead_letter(x)",
        "log.debug('no')",
    ],
)
def test_a_failure_that_survives_is_none(tmp_path: Path, arm: str) -> None:
    text = TASK + (
        "failed = []\ndef dead_letter(x):\n    failed.append(x)\n"
        f"@shared_task\ndef job(x):\n    try:\n        send(x)\n    except Exception:\n        {arm}\n"
    )
    assert not found(tmp_path, "swallowed-job-failure", text)


def test_the_state_written_behind_the_try_counts(tmp_path: Path) -> None:
    text = TASK + (
        "@shared_task\ndef job(x):\n    try:\n        send(x)\n        return\n"
        "    except Exception:\n        log.exception('no')\n    x.status = 'failed'\n    x.save()\n"
    )
    assert not found(tmp_path, "swallowed-job-failure", text)


def test_an_exception_returned_to_who_waits_for_it_is_a_contract(tmp_path: Path) -> None:
    job = "@shared_task\ndef job(x):\n    try:\n        send(x)\n    except OSError as e:\n        return e\n"
    waits = "def ask(x):\n    result = job.delay(x).get(timeout=5)\n    return not isinstance(result, Exception)\n"
    throws = "def ask(x):\n    job.delay(x)\n"
    assert not found(tmp_path, "swallowed-job-failure", TASK + job + waits)
    assert [f.severity for f in found(tmp_path, "swallowed-job-failure", TASK + job + throws)] == ["low"]


def test_a_response_that_a_loop_looks_at_next_turn_is_used(tmp_path: Path) -> None:
    text = CELERY + (
        "@shared_task\ndef job(x):\n    r = None\n    while r is None or r.status_code == 503:\n"
        "        r = requests.post('http://h', json=x, timeout=3)\n        log.info('%s', r.status_code)\n"
    )
    assert not found(tmp_path, "ignored-outcome", text)


@pytest.mark.parametrize(
    ("work", "fires"),
    [("requests.post('http://h', json=x)", True), ("requests.post('http://h', json=x, timeout=3)", False)],
)
def test_only_jobs_that_can_hang_need_a_limit(tmp_path: Path, work: str, fires: bool) -> None:
    text = f"import requests\nfrom celery import Celery\napp = Celery('shop')\n@app.task\ndef ship(x):\n    {work}.json()\n"
    assert bool(found(tmp_path, "no-job-time-limit", text)) is fires


def test_catching_a_limit_is_not_setting_one(tmp_path: Path) -> None:
    text = "import requests\nfrom celery import Celery\nfrom celery.exceptions import SoftTimeLimitExceeded\napp = Celery('shop')\n"
    text += "@app.task\ndef ship(x):\n    requests.get(x).json()\n"
    assert found(tmp_path, "no-job-time-limit", text)
    assert not found(tmp_path, "no-job-time-limit", f"{text}app.conf.task_time_limit = 60\n")


LOGGED = "r = requests.post('http://h', json=x, timeout=3)\n    log.info('%s', r)"


@pytest.mark.parametrize(
    ("file", "start", "answer", "fires"),
    [
        ("app.py", "@shared_task", "requests.post('http://h', json=x, timeout=3)", True),
        ("dev/tree.py", "@shared_task", "requests.post('http://h', json=x, timeout=3)", False),  # a tool for the desk
        ("app.py", "@shared_task", LOGGED, True),
        ("app.py", "import click\n@click.command()", "requests.post('http://h', json=x, timeout=3)", True),
        ("app.py", "import click\n@click.command()", LOGGED, False),  # who typed the command reads the answer
    ],
)
def test_an_answer_that_nobody_looks_at(tmp_path: Path, file: str, start: str, answer: str, fires: bool) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    text = CELERY + f"{start}\ndef job(x):\n    {answer}\nif __name__ == '__main__':\n    job()\n"
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert bool(judged(tmp_path, "ignored-outcome")) is fires


@pytest.mark.parametrize(("arm", "fires"), [("return False", True), ("log.error('no')\n        return False", False)])
def test_a_false_that_has_been_logged_is_known(tmp_path: Path, arm: str, fires: bool) -> None:
    text = TASK + (
        f"def send_order(x):\n    try:\n        send(x)\n        return True\n    except Exception:\n        {arm}\n"
        "@shared_task\ndef job(x):\n    send_order(x)\n"
    )
    assert bool(found(tmp_path, "ignored-outcome", text)) is fires


def test_a_short_write_of_a_few_values(tmp_path: Path) -> None:
    text = CELERY + (
        "import json, os\n@shared_task\ndef job(x):\n    fd = os.open('/data/.new', os.O_WRONLY)\n    text = json.dumps({{'token': x}})\n"
        "    os.write(fd, {})\n    os.replace('/data/.new', '/data/all.json')\n"
    )
    assert not found(tmp_path, "ignored-outcome", text.format("text.encode()"))
    assert found(tmp_path, "ignored-outcome", text.format("json.dumps(x).encode()"))


@pytest.mark.parametrize(("end", "fires"), [("os.replace('/data/.new', '/data/all.json')", True), ("os.close(fd)", False)])
def test_a_short_write_matters_in_a_file_that_takes_the_place_of_another(tmp_path: Path, end: str, fires: bool) -> None:
    text = CELERY + (
        "import os\n@shared_task\ndef job(x):\n    fd = os.open('/data/.new', os.O_WRONLY)\n"
        f"    os.write(fd, x)\n    {end}\n"
    )
    assert bool(found(tmp_path, "ignored-outcome", text)) is fires


def test_a_reader_of_one_stream_may_end(tmp_path: Path) -> None:
    text = (
        "import threading, subprocess, time\n"
        "def parse(line):\n    return int(line.split()[0])\n"
        "def reader(p):\n    while True:\n        line = p.stdout.readline()\n"
        "        if not line:\n            break\n        parse(line)\n"
        "def main():\n    p = subprocess.Popen(['x'], stdout=-1)\n"
        "    threading.Thread(target=reader, args=(p,)).start()\n    while True:\n        time.sleep(9)\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert not found(tmp_path, "item-stops-batch", text)


def test_a_wait_of_an_http_call_is_no_pause(tmp_path: Path) -> None:
    body = "    while True:\n        try:\n            work()\n        except Exception:\n            log.exception('no'){pause}\n"
    head = CELERY + "import time\ndef work():\n    requests.get('http://h', timeout=9).raise_for_status()\n"
    tail = "if __name__ == '__main__':\n    main()\n"
    hot = head + "def main():\n" + body.format(pause="") + tail
    calm = head + "def main():\n" + body.format(pause="\n            time.sleep(5)") + tail
    assert found(tmp_path, "hot-retry", hot)
    assert not found(tmp_path, "hot-retry", calm)


@pytest.mark.parametrize(
    ("arm", "fires"),
    [
        ("log.exception('no')", True),
        ("log.exception('no')\n        mails.send(x.owner)", False),  # who asked for it hears of it
        ("log.error('no')\n        reset_connection(x)", False),  # it puts the work back
        ("log.exception('no')\n        metrics.send('job')", False),  # who watches the metric learns of it
        ("log.exception('no')\n        sentry.log_exception()", False),  # a tracker tells of it
        ("log.exception('no')\n    metrics.send('job', status='failed')", False),  # a metric behind the try counts it
    ],
)
def test_an_arm_that_tells_people_or_sets_the_work_back(tmp_path: Path, arm: str, fires: bool) -> None:
    text = TASK + (
        "import mails, metrics, sentry\ndef reset_connection(x):\n    x.tries.clear()\n"
        f"@shared_task\ndef job(x):\n    try:\n        send(x)\n    except Exception:\n        {arm}\n"
    )
    assert bool(found(tmp_path, "swallowed-job-failure", text)) is fires


@pytest.mark.parametrize(
    ("called", "fires"),
    [
        ("requests.post('http://h', json=x, timeout=3).raise_for_status()", True),
        ("x.state = 'sending'\n    x.save()\n    deliver_mail(x)", False),  # the row can be found and sent again
        ("try:\n        deliver_mail(x)\n    except Exception:\n        log.exception('no')", False),  # nothing comes out
    ],
)
def test_what_the_sender_keeps_itself_is_not_lost(tmp_path: Path, called: str, fires: bool) -> None:
    text = CELERY + (
        "from mails import deliver_mail\n"
        f"def send_mail(x):\n    {called}\n"
        "def notify(x):\n    try:\n        send_mail(x)\n    except Exception:\n        log.error('no')\n"
        "@shared_task\ndef job(x):\n    notify(x)\n"
    )
    lines = [f.line for f in found(tmp_path, "swallowed-job-failure", text) if f.line > text.split("def notify")[0].count("\n")]
    assert bool(lines) is fires


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ("    try:\n        send(x)\n    except Exception:\n        log.error('no')\n", True),
        # the items of a batch are kept apart on purpose
        ("    for i in x:\n        try:\n            send(i)\n        except Exception:\n            log.error('no')\n", False),
        ("    'Best-effort.'\n    try:\n        send(x)\n    except Exception:\n        log.error('no')\n", False),
        # the job system would not tell more of a failure than the log does
        ("    try:\n        y = open(x)\n        y.read()\n    except Exception:\n        log.exception('no')\n", False),
    ],
)  # fmt: skip
def test_a_loss_that_is_meant_or_told_is_no_finding(tmp_path: Path, body: str, fires: bool) -> None:
    text = TASK + f"@shared_task\ndef job(x):\n{body}def ask(x):\n    job.delay(x)\n"
    assert bool(found(tmp_path, "swallowed-job-failure", text)) is fires


@pytest.mark.parametrize(("name", "fires"), [("empty_bin", True), ("compute_limits", False), ("evaluate_rules", False)])
def test_what_the_next_run_works_out_again(tmp_path: Path, name: str, fires: bool) -> None:
    text = CELERY + f"@shared_task\ndef {name}():\n    try:\n        open('/d').read()\n"
    text += f"    except Exception:\n        log.error('no')\ndef ask():\n    {name}.delay()\n"
    assert bool(found(tmp_path, "swallowed-job-failure", text)) is fires


@pytest.mark.parametrize(
    ("loop", "fires"),
    [
        ("for host in ('a', 'b'):\n            ask(host)", True),
        ("ask('a')", False),  # no items: what ends the thread is told once, by unwatched-thread
        ("for host in ('a', 'b'):\n            guarded(host)", False),  # it deals with its own failures
        ("for host in ('a', 'b'):\n            leave(host)", False),  # it ends the process
    ],
)
def test_a_batch_has_items_that_can_fail(tmp_path: Path, loop: str, fires: bool) -> None:
    text = (
        "import os, threading, time, requests\n"
        "def ask(h):\n    requests.get(f'http://{h}', timeout=3).raise_for_status()\n"
        "def guarded(h):\n    url = f'http://{h}'\n    try:\n        requests.get(url, timeout=3)\n    except OSError:\n        pass\n"
        "def leave(h):\n    threading.Timer(9, os._exit, args=(1,)).start()\n    requests.get(h, timeout=3)\n"
        f"def watch():\n    while True:\n        {loop}\n        time.sleep(9)\n"
        "def main():\n    threading.Thread(target=watch).start()\n    while True:\n        time.sleep(9)\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert [f.severity for f in found(tmp_path, "item-stops-batch", text)] == (["medium"] if fires else [])


@pytest.mark.parametrize(("name", "fires"), [("connect", True), ("wait_for_db", False)])
def test_a_loop_that_is_there_to_wait(tmp_path: Path, name: str, fires: bool) -> None:
    text = (
        "import time, requests\n"
        f"def {name}():\n    while True:\n        try:\n            return requests.get('http://db', timeout=3)\n"
        "        except requests.RequestException:\n            time.sleep(3)\n"
        f"def main():\n    {name}()\n    while True:\n        time.sleep(9)\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert bool(found(tmp_path, "endless-retry", text)) is fires


@pytest.mark.parametrize(("hook", "fires"), [("", True), (", before_sleep=tell", False)])
def test_tries_that_are_told_are_heard_of(tmp_path: Path, hook: str, fires: bool) -> None:
    text = (
        "import time, requests\nfrom tenacity import retry, stop_after_attempt, wait_fixed\ndef tell(state):\n    print(state)\n"
        f"@retry(stop=stop_after_attempt(3), wait=wait_fixed(9){hook})\ndef ask():\n    requests.get('http://h', timeout=3)\n"
        "def main():\n    while True:\n        ask()\n        time.sleep(9)\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(found(tmp_path, "retry-everything", text)) is fires


@pytest.mark.parametrize(("name", "fires"), [("order", True), ("revoke_order", False)])
def test_what_may_be_done_twice_may_be_repeated(tmp_path: Path, name: str, fires: bool) -> None:
    text = (
        "import time, requests\nfrom tenacity import retry, stop_after_attempt\n"
        f"@retry(stop=stop_after_attempt(3))\ndef {name}():\n    requests.post('http://h/orders', timeout=3)\n"
        f"def main():\n    while True:\n        {name}()\n        time.sleep(9)\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(found(tmp_path, "unsafe-retry", text)) is fires


def test_dropped_answers_of_one_file_are_one_finding(tmp_path: Path) -> None:
    code = (
        "import requests\nfrom flask import Flask\napp = Flask(__name__)\n\n\n@app.post('/a')\ndef a():\n"
        "    requests.put('http://h/a', json={}, timeout=3)\n    requests.put('http://h/b', json={}, timeout=3)\n    return ''\n"
    )
    (habit,) = found(tmp_path, "ignored-outcome", code)
    assert habit.line == 8 and habit.count == 2


DJANGO_Q = (
    "import logging\nfrom django.db import models\nfrom django_q.tasks import AsyncTask\nlog = logging.getLogger(__name__)\n"
    "class Run(models.Model):\n    finished = models.BooleanField()\n"
    "def start(request):\n    AsyncTask(build, request.user).run()\n"
    "def build(user):\n    run = Run.objects.create(user=user)\n    try:\n        render(user)\n"
    "    except Exception:\n        log.exception('no')\n{arm}{behind}"
)
DJANGO_URLS = "from django.urls import path\nfrom shop import views\nurlpatterns = [path('a', views.start)]\n"
DJANGO = {
    "manage.py": "import os\nfrom django.core.management import execute_from_command_line\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nexecute_from_command_line()\n",
    "shop/__init__.py": "",
    "shop/settings.py": "ROOT_URLCONF = 'shop.urls'\nINSTALLED_APPS = ['shop', 'django_q']\n",
    "shop/urls.py": DJANGO_URLS,
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
}


@pytest.mark.parametrize(
    ("arm", "behind", "text"),
    [
        ("        run.failed = True\n", "", "never saved"),
        ("        run.failed = True\n        run.save()\n", "", None),
        ("        run.failed = True\n", "    run.save()\n", None),
        ("        run.failed = True\n", "    record(run)\n", None),
        ("        run.failed = True\n", "    return run\n", None),
        ("", "    run.finished = True\n    run.save()\n", "run.finished = True"),
        ("", "    run.status = 'done'\n    run.save(update_fields=['status'])\n", "run.status = 'done'"),
        ("        return\n", "    run.finished = True\n    run.save()\n", ""),
        ("        raise\n", "    run.finished = True\n    run.save()\n", None),
        ("", "    run.checked = True\n    run.save()\n", ""),
    ],
)
def test_what_the_record_of_a_job_says_after_a_failure(tmp_path: Path, arm: str, behind: str, text: str | None) -> None:
    files = {**DJANGO, "shop/views.py": DJANGO_Q.format(arm=arm, behind=behind)}
    told = [f.message for f in said(tmp_path, "swallowed-job-failure", files) if f.confidence == "certain"]
    assert [True for message in told if text and text in message] == ([True] if text else [])
    assert len(told) == (1 if text else 0)


WATCH = """
import logging
import time

import redis
import requests

log = logging.getLogger(__name__)
store = redis.Redis(socket_timeout=5)


def ask():
    try:
        return requests.get("http://prices.example.com", timeout=5).text
    except requests.RequestException:
        return ""


def main():
    while True:
        try:
            {work}
            time.sleep(60)
        except {caught}:
            log.exception("no prices")


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("work", "caught", "told"),
    [
        ("requests.get('http://prices.example.com', timeout=5)", "Exception", ["certain"]),
        ("requests.get('http://prices.example.com', timeout=5)", "requests.ConnectionError", ["certain"]),
        ("store.set('prices', ask())", "Exception", ["certain"]),
        ("ask()", "Exception", ["likely"]),  # it catches what an outage throws
        ("time.sleep(1); requests.get('http://prices.example.com', timeout=5)", "Exception", []),
        ("log.info('next')", "Exception", []),
    ],
)
def test_a_pause_behind_the_call_that_fails_is_none(tmp_path: Path, work: str, caught: str, told: list[str]) -> None:
    files = {"watch.py": WATCH.format(work=work, caught=caught), "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["python", "/watch.py"]\n'}
    assert [f.confidence for f in said(tmp_path, "hot-retry", files)] == told
