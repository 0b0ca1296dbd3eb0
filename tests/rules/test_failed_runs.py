"""Runs that fail or are ended: whose status is read, what a death leaves behind, what is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

IMAGE = 'FROM python:3.12\nCOPY . /app\nENTRYPOINT ["./start.sh"]\n'
COMMAND = (
    "from django.core.management.base import BaseCommand\nfrom mail import send\n\nclass Command(BaseCommand):\n"
    "    def handle(self, *args, **options):\n        try:\n            send()\n        except OSError as error:\n"
    '            self.stderr.write(f"send failed: {error}")\n'
)
MANAGE = (
    "import sys\nfrom django.core.management import execute_from_command_line\n"
    "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n"
)
SEND = "import smtplib\n\ndef send():\n    smtplib.SMTP('mail').sendmail('a', 'b', 'c')\n"


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("python manage.py tell\nexec gunicorn site.wsgi", True),
        ("python manage.py tell &\nexec gunicorn site.wsgi", False),
    ],
    ids=["the script goes on after it", "the script goes on beside it"],
)
def test_a_status_that_nobody_asks_for(tmp_path: Path, line: str, fires: bool) -> None:
    files = {
        "app/management/commands/tell.py": COMMAND, "mail.py": SEND, "manage.py": MANAGE, "Dockerfile": IMAGE,
        "start.sh": f"#!/bin/sh\nset -e\n{line}\n",
    }  # fmt: skip
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires
    assert said(tmp_path, "success-after-failure", files)


SET_UP = (
    "import logging\nfrom mail import send\n{more}\ndef main():\n    try:\n        send()\n        send()\n    except Exception:\n"
    "        logging.exception('cannot set up')\n{after}\nif __name__ == '__main__':\n    main()\n"
)
SERVES = "exec gunicorn site.wsgi"


@pytest.mark.parametrize(
    ("script", "after", "confidence"),
    [
        (f"set -e\npython set_up.py\n{SERVES}", "", ["certain"]),
        (f"python set_up.py && {SERVES}", "", ["certain"]),
        (f"python set_up.py\n{SERVES}", "", ["likely"]),
        (f"set -e\npython set_up.py || true\n{SERVES}", "", ["likely"]),
        (f"set -e\npython set_up.py\n{SERVES}", "    raise SystemExit(1)\n", []),
    ],
    ids=["set -e", "and", "nothing looks", "dropped", "exits behind"],
)
def test_a_step_of_a_start_script_that_tells_of_its_failure_alone(
    tmp_path: Path, script: str, after: str, confidence: list[str]
) -> None:
    files = {
        "set_up.py": SET_UP.format(more="", after=after), "mail.py": SEND, "Dockerfile": IMAGE, "start.sh": f"#!/bin/sh\n{script}\n",
    }  # fmt: skip
    assert [f.confidence for f in said(tmp_path, "success-after-failure", files)] == confidence


def test_a_finally_that_gives_the_status(tmp_path: Path) -> None:
    code = SET_UP.format(more="import sys\ncode = 1\n", after="    finally:\n        sys.exit(code)\n")
    files = {"set_up.py": code, "mail.py": SEND, "Dockerfile": IMAGE, "start.sh": f"#!/bin/sh\nset -e\npython set_up.py\n{SERVES}\n"}
    assert not said(tmp_path, "success-after-failure", files)


def test_a_step_that_what_follows_can_do_without(tmp_path: Path) -> None:
    files = {
        "clear_cache.py": SET_UP.format(more="", after=""), "mail.py": SEND, "Dockerfile": IMAGE,
        "start.sh": f"#!/bin/sh\nset -e\npython clear_cache.py\n{SERVES}\n",
    }  # fmt: skip
    assert [f.confidence for f in said(tmp_path, "success-after-failure", files)] == ["likely"]


@pytest.mark.parametrize(("called", "fires"), [("send_notices", False), ("send", True)])
def test_a_run_that_could_not_tell_of_itself(tmp_path: Path, called: str, fires: bool) -> None:
    code = f"import logging\nfrom mail import {called}\ndef main():\n    print('work')\n    try:\n        {called}()\n        {called}()\n"
    code += "    except Exception as error:\n        logging.error('not sent: %s', error)\nif __name__ == '__main__':\n    main()\n"
    files = {
        "collect.py": code, "mail.py": SEND.replace("def send(", f"def {called}("), "Dockerfile": IMAGE,
        "start.sh": f"#!/bin/sh\nset -e\npython collect.py\n{SERVES}\n",
    }  # fmt: skip
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires


@pytest.mark.parametrize(("program", "certain"), [("set_up.py", True), ("other.py", False)], ids=["the unit runs it", "nothing runs it"])
def test_a_unit_that_runs_a_command(tmp_path: Path, program: str, certain: bool) -> None:
    files = {
        "set_up.py": SET_UP.format(more="", after=""), "mail.py": SEND,
        "mail.service": f"[Service]\nType=oneshot\nExecStart=/usr/bin/python /app/{program}\n",
    }  # fmt: skip
    assert any(f.confidence == "certain" for f in said(tmp_path, "success-after-failure", files)) is certain


@pytest.mark.parametrize(
    ("old", "new", "fires"),
    [
        ("", "", True),
        ("except OSError", "except Exception", False),
        ("            send()", "            send()\n            send()", True),
    ],
    ids=["a failure that was foreseen", "one call and its text", "several steps"],
)
def test_a_management_command_that_somebody_types(tmp_path: Path, old: str, new: str, fires: bool) -> None:
    files = {"app/management/commands/tell.py": COMMAND.replace(old, new) if old else COMMAND, "mail.py": SEND, "manage.py": MANAGE}
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires


CRON_JOB = """apiVersion: batch/v1
kind: CronJob
metadata: {name: tell}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a, command: [python, manage.py, tell]}]}}}}
"""


@pytest.mark.parametrize(("manifest", "fires"), [("", False), (CRON_JOB, True)], ids=["somebody types it", "a timetable"])
def test_a_management_command_beside_what_is_started(tmp_path: Path, manifest: str, fires: bool) -> None:
    """A repository that starts its programs: who types a command that is none of them reads how it ends."""
    image = 'FROM python:3.12\nCOPY . /\nCMD ["python", "manage.py", "runserver"]\n'
    files = {"app/management/commands/tell.py": COMMAND, "mail.py": SEND, "manage.py": MANAGE, "Dockerfile": image}
    assert bool(shown(tmp_path, "success-after-failure", files | ({"tell.yaml": manifest} if manifest else {}))) is fires


@pytest.mark.parametrize(("comment", "fires"), [("", True), ("# the next run takes this one\n            ", False)])
def test_an_item_that_is_left_for_later(tmp_path: Path, comment: str, fires: bool) -> None:
    code = (
        "import logging\nfrom mail import send\nlog = logging.getLogger(__name__)\n\ndef main(names):\n    for name in names:\n"
        f"        try:\n            send()\n        except OSError as error:\n            {comment}print('failed', error)\n\n"
        'if __name__ == "__main__":\n    main(["a"])\n'
    )
    assert bool(shown(tmp_path, "success-after-failure", {"tool.py": code, "mail.py": SEND})) is fires


def test_the_arms_of_one_try_are_one_finding(tmp_path: Path) -> None:
    code = (
        "import click\nfrom mail import send\n\n@click.command()\ndef tell():\n    try:\n        send()\n"
        '    except ConnectionError:\n        click.echo("error: no connection")\n'
        '    except LookupError:\n        click.echo("error: no such address")\n\nif __name__ == "__main__":\n    tell()\n'
    )
    found = shown(tmp_path, "success-after-failure", {"tool.py": code, "mail.py": SEND})
    assert [(f.line, len(f.also)) for f in found] == [(8, 1)]
    assert "ConnectionError / LookupError" in found[0].message


@pytest.mark.parametrize(
    ("tells", "fires"),
    [('print(f"{name} failed: {error}")', True), ('log.exception("%s failed", name)', False)],
    ids=["printed", "recorded with its traceback"],
)
def test_items_of_a_batch_that_nothing_starts(tmp_path: Path, tells: str, fires: bool) -> None:
    code = (
        "import logging\nfrom mail import send\nlog = logging.getLogger(__name__)\n\ndef main(names):\n    for name in names:\n"
        f"        try:\n            send()\n        except OSError as error:\n            {tells}\n\n"
        'if __name__ == "__main__":\n    main(["a"])\n'
    )
    assert bool(shown(tmp_path, "success-after-failure", {"tool.py": code, "mail.py": SEND})) is fires


BARE = (
    'import logging, os, sys, time\nlog = logging.getLogger(__name__)\n\ndef main():\n    if "URL" not in os.environ:\n'
    '        log.error("URL is required")\n        sys.exit()\n    while True:\n        time.sleep(5)\n\n'
    'if __name__ == "__main__":\n    main()\n'
)
POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  selector: {matchLabels: {app: app}}\n  template:\n"
    "    metadata: {labels: {app: app}}\n    spec:\n      containers:\n      - name: app\n        image: shop/app\n"
    "        command: [python, main.py]\n"
)


@pytest.mark.parametrize(
    ("restart", "more", "fires"),
    [
        ('    restart: "on-failure"\n', {}, True),
        ('    restart: "always"\n', {}, False),
        ("", {}, True),
        ("", {"k8s/app.yaml": POD}, False),  # what is deployed is started again after any end
        ('    restart: "on-failure"\n', {"k8s/app.yaml": POD}, True),
    ],
)
def test_a_bare_exit_of_what_is_started_again_anyway(tmp_path: Path, restart: str, more: dict[str, str], fires: bool) -> None:
    files = {
        "main.py": BARE,
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD python main.py\n",
        "docker-compose.yml": f"services:\n  app:\n    build: .\n    image: shop/app\n    command: python main.py\n{restart}",
        **more,
    }
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires


@pytest.mark.parametrize(("status", "fires"), [("", True), ("0", True), ("1", False), ("'URL'", False), ("status", False)])
def test_the_status_that_an_exit_behind_an_error_gives(tmp_path: Path, status: str, fires: bool) -> None:
    code = BARE.replace("sys.exit()", f"sys.exit({status})")
    assert bool(said(tmp_path, "success-after-failure", {"main.py": code})) is fires


@pytest.mark.parametrize(
    ("arm", "after", "fires"),
    [
        ("sys.exit(0)", "", True),
        ('print("interrupted")', "", False),
        ('out.error("interrupted")', "    out.leave()\n", False),
    ],
    ids=["a status of success", "the end of whatever was begun", "what follows works the status out"],
)
def test_an_interrupt_and_the_status_behind_it(tmp_path: Path, arm: str, after: str, fires: bool) -> None:
    files = {
        "tool.py": (
            "import out\nimport sys\nfrom mail import send\n\ndef main():\n    try:\n        send()\n    except KeyboardInterrupt:\n"
            f'        {arm}\n{after}\nif __name__ == "__main__":\n    main()\n'
        ),
        "out.py": (
            "import sys\nfailed = False\n\ndef error(text):\n    global failed\n    failed = True\n    print(text)\n\n"
            "def leave():\n    sys.exit(1 if failed else 0)\n"
        ),
        "mail.py": SEND,
    }
    assert bool(shown(tmp_path, "swallowed-interrupt", files)) is fires


def test_what_never_ends_is_ended_by_an_interrupt(tmp_path: Path) -> None:
    code = (
        "import asyncio\n\nasync def main():\n    await asyncio.Event().wait()\n\nif __name__ == \"__main__\":\n    try:\n"
        '        asyncio.run(main())\n    except KeyboardInterrupt:\n        print("Exiting.")\n'
    )
    assert not said(tmp_path, "swallowed-interrupt", {"tool.py": code})


WORKER = (
    "import time\nfrom store import rows, pay\n\ndef main():\n    while True:\n        for row in rows():\n            pay(row)\n"
    "        time.sleep(60)\n{after}\nif __name__ == \"__main__\":\n    main()\n"
)
STORE = (
    "import json\nfrom celery import Celery\nimport redis\napp = Celery('x')\ndb = redis.Redis()\n\ndef rows():\n"
    "    return db.lrange('r', 0, 9)\n\ndef pay(row):\n    db.set(row, 'paid')\n\n@app.task\ndef export(path):\n"
    "    with open(path, 'w') as file:\n        json.dump([], file)\n"
)


def test_a_file_that_another_program_writes_is_not_cut_off(tmp_path: Path) -> None:
    files = {
        "worker.py": WORKER.format(after=""), "store.py": STORE,
        "Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "worker.py"]\n',
    }  # fmt: skip
    found = shown(tmp_path, "unhandled-termination", files)
    assert [f.severity for f in found] == ["medium"]
    assert "open()" not in found[0].message


@pytest.mark.parametrize(("way_down", "severity"), [("server.stop(0)", "low"), ("flush_traces()", "high")])
def test_a_way_down_that_is_written_and_skipped_weighs_by_what_it_does(tmp_path: Path, way_down: str, severity: str) -> None:
    code = (
        "import time\nfrom concurrent import futures\nimport grpc\n\ndef main():\n"
        "    server = grpc.server(futures.ThreadPoolExecutor(4))\n    server.start()\n    try:\n        while True:\n"
        f"            time.sleep(3600)\n    except KeyboardInterrupt:\n        {way_down}\n\n"
        "def flush_traces():\n    open('/tmp/traces', 'w').close()\n\n"
        'if __name__ == "__main__":\n    main()\n'
    )
    files = {"server.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "server.py"]\n'}
    assert [f.severity for f in shown(tmp_path, "unhandled-termination", files)] == [severity]


CELERY = "import requests\nfrom celery import Celery\napp = Celery('x')\n"


@pytest.mark.parametrize(
    ("options", "fires"),
    [
        ("max_retries=3, interval_start=5", True),
        ("max_retries=3", False),
        ("default_retry_delay=15, retry_kwargs={'max_retries': 3}", False),
    ],
    ids=["options of publishing", "the default", "a pause is no count"],
)
def test_an_even_pace_that_was_meant_to_grow(tmp_path: Path, options: str, fires: bool) -> None:
    code = CELERY + (
        f"@app.task(autoretry_for=(OSError,), {options})\ndef order(item):\n    requests.put(item, timeout=3)\n\n"
        "def ask(item):\n    order.delay(item)\n"
    )
    assert bool(shown(tmp_path, "flat-retry", {"tasks.py": code})) is fires
    assert all("15 tries" not in f.message for f in said(tmp_path, "flat-retry", {"tasks.py": code}))


def test_a_job_that_is_called_like_a_function_is_run_once(tmp_path: Path) -> None:
    task = "@app.task(autoretry_for=(OSError,), max_retries=3)\n"
    code = CELERY + (
        f"{task}def page(item):\n    requests.get(item, timeout=3)\n\n{task}def order(item):\n    page(item)\n\n"
        "def ask(item):\n    order.delay(item)\n"
    )
    assert not said(tmp_path, "nested-retry", {"tasks.py": code})


SERVICE = "import requests\nfrom flask import Flask\n{imports}\napp = Flask(__name__)\n\n{retry}\ndef stock(item):\n"
SERVICE += "    return requests.get(item, timeout=3).json()\n\n@app.get('/<item>')\ndef show(item):\n    return stock(item)\n"


@pytest.mark.parametrize(
    ("imports", "retry", "fires"),
    [
        ("from retry import retry", "@retry(Exception, tries=3, delay=0.1, backoff=2)", False),
        ("from tenacity import *", "@retry(stop=stop_after_attempt(3), wait=wait_fixed(2))", False),
        ("from retrying import retry", "@retry(stop_max_attempt_number=5, wait_fixed=5000)", True),
    ],
    ids=["parts of a second", "seconds", "a third of a minute"],
)
def test_how_late_a_lasting_fault_is_heard_of(tmp_path: Path, imports: str, retry: str, fires: bool) -> None:
    imports = imports.replace("*", "retry, stop_after_attempt, wait_fixed")
    files = {"app.py": SERVICE.format(imports=imports, retry=retry)}
    assert bool(shown(tmp_path, "retry-everything", files)) is fires


LOOP = (
    "import itertools, requests\nfrom celery import Celery\napp = Celery('x')\n\n@app.task\ndef send(items):\n    rest = iter(items)\n"
    "    while True:\n{take}        try:\n            requests.post('http://h', timeout=3).raise_for_status()\n"
    "        except Exception as error:\n            print(error)\n\ndef ask():\n    send.delay([1])\n"
)


@pytest.mark.parametrize(
    ("take", "fires"),
    [("", True), ("        chunk = list(itertools.islice(rest, 10))\n        if not chunk:\n            break\n", False)],
    ids=["the same again", "the next ones"],
)
def test_a_turn_that_is_not_done_again_is_no_retry(tmp_path: Path, take: str, fires: bool) -> None:
    assert bool(shown(tmp_path, "hot-retry", {"tasks.py": LOOP.format(take=take)})) is fires


def test_a_missing_column_is_no_lost_connection(tmp_path: Path) -> None:
    code = (
        "from sqlalchemy.exc import OperationalError\n\ndef migrate(session):\n    try:\n        session.query('a').scalar()\n"
        "    except OperationalError:\n        with session.bind.connect() as connection:\n"
        "            connection.execute('ALTER TABLE t ADD a')\n        session.query('b').first()\n\n"
        "if __name__ == '__main__':\n    migrate(None)\n"
    )
    assert not said(tmp_path, "narrow-reconnect", {"tool.py": code})


@pytest.mark.parametrize(
    ("given", "arm", "fires"),
    [("compute(site)", "raise", True), ("compute(site)", "site.state = 'broken'\n        raise", False)],
    ids=["it stands", "it is taken back"],
)
def test_a_mark_that_is_taken_back(tmp_path: Path, given: str, arm: str, fires: bool) -> None:
    code = CELERY + (
        f"def compute(site):\n    return 'ok'\n\n@app.task\ndef build(site):\n    try:\n        site.state = {given}\n"
        "        site.save()\n        notify(site)\n    except Exception:\n"
        f"        {arm}\n\ndef notify(site):\n    requests.post(site.url, timeout=3)\n\ndef ask(site):\n    build.delay(site)\n"
    )
    assert bool(shown(tmp_path, "ack-before-work", {"tasks.py": code})) is fires


def test_one_function_and_one_shell_are_one_finding(tmp_path: Path) -> None:
    code = (
        "import subprocess\nfrom flask import Flask\napp = Flask(__name__)\n\n@app.get('/<command>')\ndef run(command):\n    try:\n"
        "        return subprocess.run(command, shell=True, timeout=5).stdout\n    except subprocess.TimeoutExpired:\n"
        "        return subprocess.check_output(command, shell=True, timeout=5)\n"
    )
    assert [len(f.also) for f in shown(tmp_path, "partial-tree-kill", {"app.py": code})] == [1]


BY_HAND = (
    "import smtplib\n\ndef main():\n    try:\n        smtplib.SMTP('mail', timeout=3).sendmail('a', 'b', 'c')\n"
    "    except OSError as error:\n        print('failed', error)\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("files", "fires"),
    [
        ({}, True),
        ({"Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "web.py"]\n', "web.py": "print('up')\n"}, False),
        ({"Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "send.py"]\n'}, True),
    ],
    ids=["a repository that starts nothing", "one that starts something else", "one that starts it"],
)
def test_a_script_that_somebody_runs_by_hand(tmp_path: Path, files: dict[str, str], fires: bool) -> None:
    assert bool(shown(tmp_path, "success-after-failure", {"send.py": BY_HAND, **files})) is fires


NIGHTLY = (
    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: '0 3 * * *'\n  jobTemplate:\n    spec:\n"
    "      template:\n        spec:\n          restartPolicy: Never\n          containers:\n          - name: nightly\n"
    "            image: shop/jobs\n            command: [python, delete_orders.py]\n"
)


@pytest.mark.parametrize(
    ("tried", "sure"),
    [("store.delete_orders(30)", True), ("store.delete_orders(30)\n    try:\n        cache.delete('orders')", False)],
    ids=["what the job is for", "a cache, once that is done"],
)
def test_a_job_is_seen_failing_whatever_it_is_for(tmp_path: Path, tried: str, sure: bool) -> None:
    begun = "    try:\n        " if sure else "    "
    code = (
        f"import logging\nimport store\nfrom store import cache\nlog = logging.getLogger(__name__)\n\ndef run():\n{begun}{tried}\n"
        '    except Exception:\n        log.exception("failed")\n\nif __name__ == "__main__":\n    run()\n'
    )
    store = "import redis\ncache = redis.Redis()\n\ndef delete_orders(days):\n    cache.delete(f'orders-{days}')\n"
    files = {"delete_orders.py": code, "store.py": store, "k8s/nightly.yaml": NIGHTLY}
    assert [f.confidence == "certain" for f in said(tmp_path, "success-after-failure", files)] == [sure]


ARMS = (
    '#!/bin/bash\nif [ "$1" == "web" ]; then\n    exec gunicorn site.wsgi\nelif [ "$1" == "load_groups" ]; then\n'
    "    ./manage.py load_groups{behind}\nfi\n"
)
LOADS = (
    "from django.core.management.base import BaseCommand\nfrom groups import Loader\n\nclass Command(BaseCommand):\n"
    "    def handle(self, *args, **options):\n        loader = Loader()\n        loader.run()\n"
)
LOADER = (
    "import logging\nimport sys\nimport requests\nlog = logging.getLogger(__name__)\n\nclass Loader:\n    def run(self):\n"
    "        answer = requests.get('https://groups.example', timeout=5)\n        if not answer.ok:\n            log.error(\n"
    "                'no groups from %s: status %s, %s',\n                answer.url,\n                answer.status_code,\n"
    "                answer.text,\n            )\n            sys.exit({status})\n        print(answer.json())\n"
)


@pytest.mark.parametrize(
    ("status", "behind", "said_of"),
    [("", "", [True]), ("0", "", [False]), ("1", "", []), ("", " &", [False])],
    ids=["none", "a success that somebody wrote", "a failure", "beside the script"],
)
def test_a_bare_exit_of_a_command_that_an_arm_of_an_image_starts(
    tmp_path: Path, status: str, behind: str, said_of: list[bool]
) -> None:
    files = {
        "Dockerfile": f'{IMAGE}CMD ["web"]\n', "start.sh": ARMS.format(behind=behind), "manage.py": MANAGE,
        "docker-compose.yml": "services:\n  web:\n    build: .\n    command: ./manage.py runserver 0.0.0.0:8000\n",
        "app/management/commands/load_groups.py": LOADS, "groups.py": LOADER.format(status=status),
    }  # fmt: skip
    assert [f.confidence == "certain" for f in said(tmp_path, "success-after-failure", files)] == said_of


ENDS_ITSELF = """\
import logging
import os
import signal
import sys


def leave(number, frame):
    sys.exit(0)


def work():
    raise OSError("no disk")


def main():
    signal.signal(signal.SIGTERM, leave)
    try:
        work()
    except Exception:
        logging.exception("work failed")
        os.kill(os.getpid(), signal.{name})


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(("name", "told"), [("SIGTERM", True), ("SIGKILL", False)])
def test_a_run_that_ends_itself_by_a_signal(tmp_path: Path, name: str, told: bool) -> None:
    found = said(tmp_path, "success-after-failure", {"main.py": ENDS_ITSELF.format(name=name)})
    assert any("a signal to its own process" in f.message for f in found) is told
