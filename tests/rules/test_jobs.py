"""Look-alikes of the job rules that are too small for a guide's snippet."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project

CELERY = "import logging\nfrom celery import shared_task\nimport requests\nlog = logging.getLogger(__name__)\n"
TASK = CELERY + "def send(x):\n    requests.post('http://h', json=x, timeout=3).raise_for_status()\n"


def found(tmp_path: Path, slug: str, text: str) -> list[Finding]:
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    rule = importlib.import_module(f"runtime_ops.rules.jobs.{slug.replace('-', '_')}").RULE
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [rule])
    assert not judged.failed
    return [f for f in judged.findings if f.confidence != "possible"]


def test_a_swallowed_send_is_found_in_a_function_that_the_job_calls(tmp_path: Path) -> None:
    text = TASK + (
        "def notify(x):\n    try:\n        send(x)\n    except Exception:\n        log.exception('no')\n"
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
        ("log.exception('no')\n        metrics.send('job')", True),  # a metric is no message to anybody
    ],
)
def test_an_arm_that_tells_people_or_sets_the_work_back(tmp_path: Path, arm: str, fires: bool) -> None:
    text = TASK + (
        "import mails, metrics\ndef reset_connection(x):\n    x.tries.clear()\n"
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
        "def notify(x):\n    try:\n        send_mail(x)\n    except Exception:\n        log.exception('no')\n"
        "@shared_task\ndef job(x):\n    notify(x)\n"
    )
    lines = [f.line for f in found(tmp_path, "swallowed-job-failure", text) if f.line > text.split("def notify")[0].count("\n")]
    assert bool(lines) is fires


@pytest.mark.parametrize(("name", "fires"), [("empty_bin", True), ("compute_limits", False), ("evaluate_rules", False)])
def test_what_the_next_run_works_out_again(tmp_path: Path, name: str, fires: bool) -> None:
    text = CELERY + f"@shared_task\ndef {name}():\n    try:\n        open('/d').read()\n"
    text += f"    except Exception:\n        log.exception('no')\ndef ask():\n    {name}.delay()\n"
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
        "import time, requests\nfrom tenacity import retry, stop_after_attempt\ndef tell(state):\n    print(state)\n"
        f"@retry(stop=stop_after_attempt(3){hook})\ndef ask():\n    requests.get('http://h', timeout=3)\n"
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
