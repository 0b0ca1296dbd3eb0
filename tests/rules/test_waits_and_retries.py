"""What the rules of waits, polls, children and retries must see before they speak: each case beside its look-alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

HEAD = "import os, queue, signal, threading, time\nimport requests\nfrom flask import Flask\napp = Flask(__name__)\n"
SHOW = "@app.get('/')\ndef show():\n"


def told(root: Path, rule: str, text: str) -> list[str]:
    """The confidences of what a rule (``concern.file``) says about one file."""
    found = said(root, rule.replace(".", "/").replace("_", "-"), {"app.py": text})
    return ["possible" if f.confidence == "possible" else "told" for f in found]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("5", "told"), ("0.1", "possible"), ("24 * 60 * 60", "possible"), ("LIMIT", "told"), ("app.config['LIMIT']", "possible")],
)
def test_a_step_of_the_clock_is_felt_in_a_wait_of_seconds(tmp_path: Path, limit: str, expected: str) -> None:
    loop = f"    end = time.time() + {limit}\n    while time.time() < end:\n        time.sleep(0.02)\n    return ''\n"
    assert told(tmp_path, "deadlines.wall_clock_deadline", HEAD + "LIMIT = 15\n" + SHOW + loop) == [expected]


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("job = build.delay()\n    while not job.ready:\n        time.sleep(1)\n", ["told"]),
        ("while requests.get('http://a', timeout=3).status_code != 200:\n        time.sleep(1)\n", ["told"]),
        ("while True:\n        reply = app.dns.get_change()\n        if reply['done']: break\n        time.sleep(1)\n", ["told"]),
        ("while len(app.tracker.pending) > 0:\n        time.sleep(1)\n", ["possible"]),
        ("while len(app.tracker.pending) > 0:\n        requests.post('http://a', timeout=3)\n        time.sleep(1)\n", ["possible"]),
        ("while app.is_paused() and not app.should_abort():\n        time.sleep(1)\n", []),
        ("while True:\n        item = app.sync.get_item()\n        if not item: break\n        time.sleep(1)\n", ["possible"]),
        ("app.helper.start()\n    while not app.helper.started:\n        time.sleep(1)\n", []),
    ],
)
def test_a_poll_asks_somebody_else(tmp_path: Path, loop: str, expected: list[str]) -> None:
    text = HEAD + "from jobs import build\n" + SHOW + f"    {loop}    return ''\n"
    assert told(tmp_path, "deadlines.unbounded_poll", text) == expected


def test_a_queue_that_a_failed_thread_never_empties(tmp_path: Path) -> None:
    text = (
        HEAD + "def split(q):\n    while not q.empty():\n        {}\n" + SHOW + "    q = queue.Queue()\n    q.put(1)\n"
        "    threading.Thread(target=split, args=(q,)).start()\n    q.join()\n    return ''\n"
    )
    plain = "requests.post('http://a', json=q.get(), timeout=3)\n        q.task_done()"
    safe = "try:\n            requests.post('http://a', json=q.get(), timeout=3)\n        finally:\n            q.task_done()"
    assert told(tmp_path, "deadlines.unbounded_wait", text.format(plain)) == ["told"]
    assert "told" not in told(tmp_path, "deadlines.unbounded_wait", text.format(safe))


@pytest.mark.parametrize(
    "body",
    [
        "    while not results.empty():\n        results.get()\n",
        "    os.kill(child.pid, signal.SIGKILL)\n    child.join()\n",
        "    stop_thread()\n",
    ],
)
def test_waits_that_end_by_what_was_done_before(tmp_path: Path, body: str) -> None:
    text = (
        "import multiprocessing\n" + HEAD + "results = queue.Queue()\nthread = threading.Thread(target=print)\n"
        "def stop_thread():\n    thread.join()\n" + SHOW + "    child = multiprocessing.Process(target=print)\n" + body + "    return ''\n"
    )
    assert told(tmp_path, "deadlines.unbounded_wait", text) == []


def test_a_join_that_hands_on_its_limit_is_judged_at_its_callers(tmp_path: Path) -> None:
    text = (
        HEAD + "class Helper(threading.Thread):\n    def run(self):\n        requests.get('http://a')\n"
        "    def join(self, timeout=None):\n        super().join(timeout)\n"
        + SHOW
        + "    helper = Helper()\n    helper.start()\n    helper.join(5)\n    return ''\n"
    )
    assert told(tmp_path, "deadlines.unbounded_wait", text) == []


@pytest.mark.parametrize(
    ("uses", "count"), [("client().pubsub().subscribe('a')", 0), ("client().pubsub(), client().publish('a', 'b')", 1)]
)
def test_a_client_that_only_listens_needs_no_limit(tmp_path: Path, uses: str, count: int) -> None:
    text = (
        "import redis\n" + HEAD + "def client():\n    return redis.Redis.from_url('redis://s', socket_timeout=None)\n"
        + SHOW + f"    {uses}\n    return ''\n"
    )  # fmt: skip
    assert len(told(tmp_path, "deadlines.timeout_disabled", text)) == count


@pytest.mark.parametrize(
    ("more", "at_import", "count"),
    [
        ("", "", 0),
        ("", "async_to_sync(work)()\n", 0),
        ("", "asyncio.run(work())\n", 1),  # there it may be the loop that the program lives on
        ("    await asyncio.gather(other(), other())\n", "", 1),
    ],
)
def test_a_coroutine_that_is_alone_on_its_loop_blocks_nobody(tmp_path: Path, more: str, at_import: str, count: int) -> None:
    text = (
        "import asyncio\nimport requests\nfrom celery import Celery\nfrom asgiref.sync import async_to_sync\napp = Celery()\n"
        "async def other():\n    await asyncio.sleep(1)\n"
        "async def work():\n    requests.get('http://a', timeout=3)\n" + more
        + "@app.task\ndef job():\n    async_to_sync(work)()\n" + at_import
    )
    assert len(told(tmp_path, "deadlines.blocking_in_async", text)) == count


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("subprocess.run([sys.executable, '-m', 'shop.render', name])", ["possible"]),
        ("subprocess.run([sys.executable, '-m', 'pip', 'install'] + [name])", ["possible"]),
        ("subprocess.run(['git', 'clone', name])", ["told"]),
        ("gpg(['--export-ownertrust']).wait()", ["possible"]),
        ("gpg(['--decrypt', name]).wait()", ["possible"]),
        ("subprocess.run([app.config['SIGNING_SCRIPT'], name])", ["told"]),
    ],
)
def test_a_child_that_can_hang_is_seen(tmp_path: Path, made: str, expected: list[str]) -> None:
    text = (
        "import subprocess, sys\n" + HEAD + "def gpg(args):\n    return subprocess.Popen([os.environ['GPG'], *args])\n"
        f"@app.get('/<name>')\ndef show(name):\n    {made.replace('.wait()', '')}\n"
    )
    if made.endswith(".wait()"):
        text = text.replace("    gpg([", "    child = gpg([") + "    child.wait()\n"
    assert told(tmp_path, "deadlines.child_without_timeout", text + "    return ''\n") == expected


@pytest.mark.parametrize(
    ("before", "arm", "rest", "count"),
    [
        ("x = 1", "print('no')", "", 1),
        ("stop_wait(5)", "print('no')", "", 0),
        ("x = 1", "done = True", "        if done:\n            break\n", 0),
    ],
)
def test_a_failure_branch_that_pauses_or_leaves_is_not_hot(tmp_path: Path, before: str, arm: str, rest: str, count: int) -> None:
    loop = (
        f"async def run():\n    while True:\n        {'await ' * before.startswith('stop')}{before}\n        try:\n"
        f"            done = requests.post('http://a', timeout=3)\n        except Exception:\n            {arm}\n{rest}"
    )
    text = (
        "import asyncio, requests\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "async def stop_wait(seconds):\n    try:\n        await asyncio.wait_for(asyncio.Event().wait(), seconds)\n"
        "    except asyncio.TimeoutError:\n        pass\n"
        + loop
        + "@app.on_event('startup')\nasync def begin():\n    asyncio.create_task(run())\n"
    )
    assert len(told(tmp_path, "jobs.hot_retry", text)) == count


@pytest.mark.parametrize(("work", "expected"), [("requests.post('http://a', timeout=3)", "told"), ("step()", "possible")])
def test_a_failure_that_lasts_is_that_of_another_host(tmp_path: Path, work: str, expected: str) -> None:
    text = (
        HEAD + "def step():\n    return app.steps[0].run()\ndef run():\n    while True:\n        try:\n"
        f"            {work}\n        except Exception:\n            print('no')\n"
        "threading.Thread(target=run).start()\n" + SHOW + "    return ''\n"
    )
    assert told(tmp_path, "jobs.hot_retry", text) == [expected]


@pytest.mark.parametrize(
    ("arm", "expected"), [("log.exception('no producer')\n            time.sleep(1)", "possible"), ("pass", "told")]
)
def test_a_start_that_says_what_it_waits_for(tmp_path: Path, arm: str, expected: str) -> None:
    text = (
        HEAD + "import logging\nlog = logging.getLogger(__name__)\ndef connected():\n    while True:\n        try:\n"
        f"            return requests.get('http://a', timeout=3)\n        except Exception:\n            {arm}\n"
        "first = connected()\n" + SHOW + "    return ''\n"
    )
    assert told(tmp_path, "jobs.endless_retry", text) in ([expected], [])


def test_who_is_asked_at_a_terminal_can_leave(tmp_path: Path) -> None:
    text = (
        HEAD + "def ask():\n    return {}('choice: ')\n" + SHOW + "    while True:\n        choice = ask()\n        try:\n"
        "            return requests.post('http://a', json=choice, timeout=3).text\n        except Exception:\n            print('no')\n"
    )
    assert told(tmp_path, "jobs.endless_retry", text.format("str")) == ["told"]
    assert told(tmp_path, "jobs.endless_retry", text.format("input")) == []


@pytest.mark.parametrize(("call", "count"), [("retries.execute(once)", 0), ("once()", 1)])
def test_a_reconnect_inside_of_a_retry(tmp_path: Path, call: str, count: int) -> None:
    text = (
        "import pika\n" + HEAD + "from tools import retries\nclass Sender:\n    def connect(self):\n"
        "        self.channel = pika.BlockingConnection().channel()\n    def publish(self, body):\n        def once():\n"
        "            try:\n                self.channel.basic_publish('a', 'b', body)\n"
        "            except pika.exceptions.ConnectionClosed:\n                self.connect()\n"
        f"                self.channel.basic_publish('a', 'b', body)\n        {call}\n"
        "sender = Sender()\n" + SHOW + "    sender.publish(b'')\n    return ''\n"
    )
    assert len(told(tmp_path, "jobs.narrow_reconnect", text)) == count


@pytest.mark.parametrize(
    ("call", "expected"), [("session().post('http://a', timeout=3)", "told"), ("requests.post('http://a')", "possible")]
)
def test_a_session_that_nobody_asks_for_sends_nothing_twice(tmp_path: Path, call: str, expected: str) -> None:
    text = (
        "from urllib3.util.retry import Retry\nfrom requests.adapters import HTTPAdapter\n" + HEAD + "def session():\n"
        "    made = requests.Session()\n    made.mount('https://', HTTPAdapter(max_retries=Retry(total=3, allowed_methods=['POST'])))\n"
        "    return made\n" + SHOW + f"    {call}\n    return ''\n"
    )
    assert told(tmp_path, "jobs.unsafe_retry", text) == [expected]


@pytest.mark.parametrize(("call", "count"), [("pull()", 1), ("later(pull)", 0)])
def test_what_is_handed_over_does_not_run_in_the_request(tmp_path: Path, call: str, count: int) -> None:
    (tmp_path / "Dockerfile").write_text('FROM python:3.12\nCOPY app.py /\nCMD ["gunicorn", "--timeout", "20", "app:app"]\n')
    text = HEAD + "from jobs import later\ndef pull():\n    requests.get('http://a', timeout=60)\n" + SHOW + f"    {call}\n    return ''\n"
    assert len(told(tmp_path, "deadlines.deadline_inversion", text)) == count


@pytest.mark.parametrize(
    ("loop", "count"),
    [
        ("async for _ in watchfiles.awatch('rules'):", 0),
        ("for _ in watchfiles.watch('rules'):", 1),
    ],
)
def test_what_an_async_for_turns_over_is_awaited(tmp_path: Path, loop: str, count: int) -> None:
    text = (
        "import watchfiles\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        f"@app.get('/')\nasync def show():\n    {loop}\n        return ''\n"
    )
    assert len(told(tmp_path, "deadlines.blocking_in_async", text)) == count
