"""Failures that are caught and still seen: look-alikes of `silent-except`, `success-after-failure` and `unwatched-thread`."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

APP = "import logging, os, psutil, requests, socket\nfrom flask import Flask\napp = Flask(__name__)\nlog = logging.getLogger(__name__)\n"
RUN = "if __name__ == '__main__':\n    app.run()\n"
ASK = "requests.get('http://h', timeout=3)"


@pytest.mark.parametrize(
    ("name", "body", "fires"),
    [
        (
            "state",
            f"x = None\n    try:\n        x = {ASK}\n    except Exception:\n        pass\n    return str(x)",
            True,
        ),
        ("state", f"try:\n        return {ASK}.text\n    except Exception:\n        return ''", True),
        ("state", f"try:\n        return {ASK}.text\n    except Exception:\n        return 'not reached'", False),
        ("state", f"try:\n        {ASK}\n        return True\n    except Exception:\n        return False", False),
        ("state", f"try:\n        x = {ASK}.text\n    except Exception:\n        x = 'unknown'\n    return x", False),
        (
            "state",
            f"x = []\n    try:\n        x = {ASK}.json()\n    except Exception:\n        return x\n    return x",
            True,
        ),
        (
            "state",
            f"try:\n        x = {ASK}.text\n    except Exception:\n        x = None\n    log.info('got %s', x)\n    return x",
            False,
        ),
        (
            "state",
            f"try:\n        if {ASK}.ok:\n            return ''\n    except Exception:\n        pass\n    return '', 503",
            False,
        ),
        (
            "is_reached",
            f"x = None\n    try:\n        x = {ASK}.text\n    except Exception:\n        pass\n    return x",
            False,
        ),
    ],
)
def test_a_dropped_failure_that_shows(tmp_path: Path, name: str, body: str, fires: bool) -> None:
    text = f"{APP}@app.get('/')\ndef {name}():\n    {body}\n{RUN}"
    assert bool(said(tmp_path, "logging/silent-except", {"app.py": text})) is fires


@pytest.mark.parametrize(
    ("over", "fires"),
    [("load()", True), ("psutil.process_iter()", False), ("os.listdir('/d')", False)],
)
def test_a_listing_whose_entries_may_be_gone(tmp_path: Path, over: str, fires: bool) -> None:
    loop = "    for x in {}:\n        try:\n            seen.append(measure(x))\n        except Exception:\n            continue\n"
    ways = "".join(
        f"@app.get('/{n}')\ndef f{n}():\n    seen = []\n{loop.format(over)}    return seen\n" for n in range(3)
    )
    text = f"{APP}def load():\n    return [1]\ndef measure(x):\n    return open(f'/p/{{x}}').read()\n{ways}{RUN}"
    assert bool(said(tmp_path, "logging/silent-except", {"app.py": text})) is fires


COMMAND = (
    "from django.core.management.base import BaseCommand\nfrom shop.work import work\nclass Command(BaseCommand):\n    help = '{help}'\n\n"
    "    def handle(self, *args, **options):\n        try:\n            work()\n        except Exception as e:\n"
    "            self.stdout.write(self.style.{style}(f'failed: {{e}}'))\n"
)


@pytest.mark.parametrize(
    ("file", "help_", "style", "started", "fires"),
    [
        ("rebuild", "Rebuilds the index", "ERROR", False, True),
        ("rebuild", "Rebuilds the index", "WARNING", False, False),
        ("backfill_prices", "Fills prices in", "ERROR", False, False),
        ("rebuild", "One-off change of old rows", "ERROR", False, False),
        ("rebuild", "One-off change of old rows", "ERROR", True, True),  # something starts it: its status is looked at
    ],
)
def test_a_command_for_one_time_at_a_desk(
    tmp_path: Path, file: str, help_: str, style: str, started: bool, fires: bool
) -> None:
    files = {
        "manage.py": "import sys\nfrom django.core.management import execute_from_command_line\n"
        "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n",
        "shop/__init__.py": "",
        "shop/work.py": "def work():\n    open('/d').read()\n",
        "shop/management/__init__.py": "",
        "shop/management/commands/__init__.py": "",
        f"shop/management/commands/{file}.py": COMMAND.format(help=help_, style=style),
    }
    if started:
        files["Dockerfile"] = f'FROM python:3.12\nCOPY . .\nCMD ["python", "manage.py", "{file}"]\n'
    assert bool(said(tmp_path, "cli/success-after-failure", files)) is fires


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ("ask()", True),
        ("guarded()", False),  # nothing comes out of it
        ("count()", False),  # nothing that it does is known to fail
        ("count()\n        deeper()", True),
        ("sent()", False),  # its own step catches the failure
        (
            "if ask:\n            ask()\n            log.info('x')\n            break",
            False,
        ),  # it does one thing and ends
        ("logging.getLogger('x').info('y')", False),
    ],
)
def test_a_loop_that_a_failure_can_end(tmp_path: Path, body: str, fires: bool) -> None:
    text = (
        f"import threading, time\n{APP}def ask():\n    {ASK}.raise_for_status()\n"
        "def count():\n    NUMBERS['x'] = NUMBERS.get('x', 0) + 1\n    COUNTER.labels('x').inc()\n"
        "def deeper():\n    print('goes')\n    ask()\ndef sent():\n    if not ask:\n        return False\n    return guarded()\n"
        "def guarded():\n    url = 'http://h'\n    try:\n        requests.get(url, timeout=3)\n    except OSError:\n        pass\n"
        f"def watch():\n    while True:\n        {body}\n        time.sleep(9)\n"
        "@app.get('/')\ndef index():\n    return ''\ndef main():\n    threading.Thread(target=watch, daemon=True).start()\n"
        "    app.run()\nif __name__ == '__main__':\n    main()\n"
    )
    told = said(tmp_path, "logging/unwatched-thread", {"app.py": text})
    assert any(f.confidence != "possible" for f in told) is fires


@pytest.mark.parametrize(
    ("test", "after", "confidence"),
    [
        ("not STOP.is_set()", "pass", "certain"),
        ("not STOP.wait(5)", "pass", "certain"),
        ("not STOP.is_set()", "STOP.set()", "possible"),  # the thread itself may lower it, and end the process
        ("RUNNING", "pass", "possible"),
    ],
)
def test_a_loop_until_it_is_told(tmp_path: Path, test: str, after: str, confidence: str) -> None:
    text = (
        f"import threading, time\n{APP}STOP = threading.Event()\nRUNNING = True\n"
        f"def watch():\n    while {test}:\n        {ASK}.raise_for_status()\n        time.sleep(9)\n    {after}\n"
        "@app.get('/')\ndef index():\n    return ''\ndef main():\n    threading.Thread(target=watch, daemon=True).start()\n"
        "    app.run()\nif __name__ == '__main__':\n    main()\n"
    )
    told = said(tmp_path, "logging/unwatched-thread", {"app.py": text})
    assert [(f.confidence, text.splitlines()[f.line - 1].strip()) for f in told] == [(confidence, f"{ASK}.raise_for_status()")]


@pytest.mark.parametrize(
    ("start", "work", "fires"),
    [
        ("    {}\n", ASK, True),
        ("    try:\n        pass\n    finally:\n        {}\n", ASK, False),  # nobody waits for what is cleaned up
        ("    {}\n", "len(LATER)", False),  # nothing in it is known to fail
    ],
)
def test_work_that_a_request_leaves_to_a_thread(tmp_path: Path, start: str, work: str, fires: bool) -> None:
    text = (
        f"import threading\n{APP}LATER = []\ndef export():\n    first = 1\n    second = first + 1\n    {work}\n    LATER.append(second)\n"
        "    COUNTER.inc()\n"
        "@app.post('/x')\ndef ask():\n" + start.format("threading.Thread(target=export, daemon=True).start()") + "    return ''\n" + RUN
    )
    told = said(tmp_path, "logging/unwatched-thread", {"app.py": text})
    assert any(f.confidence != "possible" for f in told) is fires


LOOP = "    while True:\n        time.sleep(9)\nif __name__ == '__main__':\n    main()\n"


@pytest.mark.parametrize(("address", "fires"), [("http://stats/put", True), ("http://localhost:8125/put", False)])
def test_an_answer_of_a_helper_beside_the_program(tmp_path: Path, address: str, fires: bool) -> None:
    text = f"{APP}@app.get('/')\ndef index():\n    requests.post('{address}', timeout=3)\n    return ''\n{RUN}"
    assert bool(said(tmp_path, "jobs/ignored-outcome", {"app.py": text})) is fires


@pytest.mark.parametrize(("test", "fires"), [("e.fatal", True), ("e.requeue", False)])
def test_an_item_that_its_raiser_wants_back(tmp_path: Path, test: str, fires: bool) -> None:
    text = (
        "import queue, threading, time\nq = queue.Queue()\nclass Aborted(Exception):\n    requeue = fatal = True\n"
        "def work(x):\n    raise Aborted\ndef loop():\n    while True:\n        x = q.get()\n        try:\n            work(x)\n"
        f"        except Aborted as e:\n            if {test}:\n                q.put(x)\n"
        f"def main():\n    threading.Thread(target=loop).start()\n{LOOP}"
    )
    assert bool(said(tmp_path, "jobs/poison-requeue", {"app.py": text})) is fires


@pytest.mark.parametrize(("name", "fires"), [("mail_all", True), ("send_telemetry", False), ("refresh_cache", False)])
def test_a_dropped_task_whose_loss_costs_nothing(tmp_path: Path, name: str, fires: bool) -> None:
    text = (
        f"import asyncio\nasync def {name}():\n    await asyncio.sleep(1)\n    raise ValueError\n"
        f"async def main():\n    while True:\n        asyncio.create_task({name}())\n        await asyncio.sleep(9)\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    )
    assert bool(said(tmp_path, "shutdown/lost-background-task", {"app.py": text})) is fires


@pytest.mark.parametrize(("tries", "fires"), [(3, True), (0, False)])
def test_no_retries_do_not_multiply(tmp_path: Path, tries: int, fires: bool) -> None:
    task = f"@shared_task(autoretry_for=(OSError,), max_retries={tries})\n"
    text = (
        "from celery import shared_task\nimport requests\nfrom tenacity import retry, stop_after_attempt\n"
        "@retry(stop=stop_after_attempt(3))\ndef inner():\n    requests.get('http://h', timeout=3)\n"
        f"{task}def outer():\n    inner()\n"
        "def ask():\n    outer.delay()\n"
    )
    assert bool(said(tmp_path, "jobs/nested-retry", {"app.py": text})) is fires


@pytest.mark.parametrize(("words", "fires"), [("not finished", True), ("shutdown requested", False)])
def test_an_interrupt_that_is_the_stop_of_a_service(tmp_path: Path, words: str, fires: bool) -> None:
    text = (
        "import requests\ndef work():\n    requests.get('http://h', timeout=3)\n"
        f"def main():\n    try:\n        work()\n    except KeyboardInterrupt:\n        print('{words}')\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert bool(said(tmp_path, "cli/swallowed-interrupt", {"app.py": text})) is fires


@pytest.mark.parametrize(("doc", "fires"), [("Read the names.", True), ("Read the names, [] on error.", False)])
def test_a_return_in_finally_that_is_promised(tmp_path: Path, doc: str, fires: bool) -> None:
    text = (
        f"{APP}def names():\n    '''{doc}'''\n    x = []\n    try:\n        x = {ASK}.json()\n    finally:\n        return x\n"
        f"@app.get('/')\ndef index():\n    return names()\n{RUN}"
    )
    assert bool(said(tmp_path, "shutdown/swallowed-cancellation", {"app.py": text})) is fires


@pytest.mark.parametrize(("joined", "fires"), [("", True), ("        outbox.join()\n", False)])
def test_a_queue_that_is_waited_for_under_its_other_name(tmp_path: Path, joined: str, fires: bool) -> None:
    text = (
        "import queue, threading, time, requests\noutbox = queue.Queue()\n"
        "def send_all(q):\n    while True:\n        requests.post('http://h', json=q.get(), timeout=3)\n        q.task_done()\n"
        "def main():\n    threading.Thread(target=send_all, args=(outbox,), daemon=True).start()\n"
        f"    while True:\n        outbox.put(1)\n{joined}        time.sleep(9)\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(said(tmp_path, "shutdown/daemon-loses-work", {"app.py": text})) is fires


@pytest.mark.parametrize(
    ("docker", "script", "fires"),
    [
        (True, "exec python app.py", True),
        (True, "python manage.py migrate\nexec python app.py", False),  # up for supervisord before app.py can fail
        (False, "exec python app.py", False),  # nothing says that it is a container's main process
    ],
)
def test_what_supervisord_gives_up(tmp_path: Path, docker: bool, script: str, fires: bool) -> None:
    files = {
        "app.py": f"{APP}@app.get('/')\ndef index():\n    return ''\n{RUN}",
        "manage.py": "print('migrated')\n",
        "run.sh": f"#!/bin/sh\n{script}\n",
        "supervisord.conf": "[supervisord]\nnodaemon=true\n[program:web]\ncommand=/srv/run.sh\nautorestart=true\n",
    }
    if docker:
        files["Dockerfile"] = 'FROM python:3.12\nWORKDIR /srv\nCOPY . .\nCMD ["supervisord", "-c", "/srv/supervisord.conf"]\n'
    assert bool(said(tmp_path, "health/abandoned-program", files)) is fires


@pytest.mark.parametrize(("loop", "fires"), [("while True:\n        ask()\n        time.sleep(9)", True), ("ask()", False)])
def test_one_run_of_a_command_is_no_crowd(tmp_path: Path, loop: str, fires: bool) -> None:
    text = (
        "import time, requests\nfrom tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed\n"
        "@retry(stop=stop_after_attempt(5), wait=wait_fixed(3), retry=retry_if_exception_type(OSError))\n"
        f"def ask():\n    {ASK}\ndef main():\n    {loop}\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(said(tmp_path, "jobs/flat-retry", {"app.py": text})) is fires
