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
