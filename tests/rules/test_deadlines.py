"""Look-alikes of the deadline rules that no guide section shows: what must be silent, and where a finding stands."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project

HEAD = "import requests\nfrom flask import Flask\napp = Flask(__name__)\n"
ASYNC_HEAD = "import asyncio, time\nimport requests\nfrom fastapi import FastAPI\napp = FastAPI()\n"


def findings(root: Path, slug: str, **files: str) -> list[Finding]:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    gathered = gather(root, discover(root), workers=1)
    assert not gathered.unparsed
    rule = importlib.import_module(f"runtime_ops.rules.deadlines.{slug.replace('-', '_')}").RULE
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [rule])
    assert not judged.failed, judged.failed
    return [f for f in judged.findings if f.confidence != "possible"]


def test_each_request_call_is_a_finding_of_its_own(tmp_path: Path) -> None:
    code = (
        HEAD + "@app.post('/pay')\ndef pay():\n    requests.get('http://user')\n    x = 1\n"
        "    requests.post('http://gate', json=x)\n    return ''\n"
    )
    assert [f.line for f in findings(tmp_path, "call-without-timeout", app__py=code)] == [6, 8]


def test_one_client_is_one_finding_where_it_is_made(tmp_path: Path) -> None:
    code = "import redis\n" + HEAD + "store = redis.Redis()\n@app.get('/a')\ndef a():\n    store.get('a')\n    return store.get('b')\n"
    found = findings(tmp_path, "call-without-timeout", app__py=code, requirements__txt="redis==5.0.0\n")
    assert [(f.line, f.count) for f in found] == [(5, 2)]


def test_a_client_made_around_a_limited_pool_is_silent(tmp_path: Path) -> None:
    code = (
        "import redis\n" + HEAD + "pool = redis.ConnectionPool.from_url('redis://s', socket_timeout=2)\n"
        "store = redis.Redis(connection_pool=pool)\n@app.get('/a')\ndef a():\n    return store.get('a')\n"
    )
    assert not findings(tmp_path, "call-without-timeout", app__py=code, requirements__txt="redis==5.0.0\n")


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("    time.sleep(0.05)\n", []),
        ("    await asyncio.to_thread(requests.get, 'http://a')\n", []),
        ("    await asyncio.sleep(3)\n", []),
        ("    time.sleep(3)\n", [7]),
    ],
)
def test_what_blocks_a_coroutine(tmp_path: Path, body: str, lines: list[int]) -> None:
    code = ASYNC_HEAD + "@app.get('/a')\nasync def a():\n" + body + "    return ''\n"
    assert [f.line for f in findings(tmp_path, "blocking-in-async", app__py=code)] == lines


@pytest.mark.parametrize(
    ("loop", "fires"),
    [
        ("    tries = 0\n    while not job.ready and tries < 9:\n        tries += 1\n        time.sleep(1)\n", False),
        ("    for _ in range(9):\n        time.sleep(1)\n", False),
        ("    while True:\n        if job.refresh():\n            break\n        time.sleep(1)\n", True),
        ("    while not stop.is_set():\n        time.sleep(1)\n", False),
    ],
)
def test_which_loops_poll_without_end(tmp_path: Path, loop: str, fires: bool) -> None:
    code = "import time\nimport threading\nstop = threading.Event()\n" + HEAD
    code += "@app.get('/a')\ndef a():\n    job = app.extensions['job']\n"
    assert bool(findings(tmp_path, "unbounded-poll", app__py=code + loop + "    return ''\n")) is fires


def test_futures_of_bounded_work_are_silent(tmp_path: Path) -> None:
    head = "from concurrent.futures import ThreadPoolExecutor\n" + HEAD + "pool = ThreadPoolExecutor()\n"
    tail = "@app.get('/a')\ndef a():\n    return pool.submit(work).result()\n"
    bounded = head + "def work():\n    return requests.get('http://a', timeout=3).text\n" + tail
    endless = head + "def work():\n    return requests.get('http://a').text\n" + tail
    assert not findings(tmp_path, "unbounded-wait", app__py=bounded)
    assert findings(tmp_path, "unbounded-wait", app__py=endless)


def test_total_seconds_and_days_are_right(tmp_path: Path) -> None:
    code = "import datetime\n" + HEAD + "@app.get('/a')\ndef a():\n"
    code += "    age = datetime.datetime.now() - app.started\n    return str({} < 60)\n"
    assert not findings(tmp_path, "inert-timeout", app__py=code.format("age.total_seconds()"))
    assert findings(tmp_path, "inert-timeout", app__py=code.format("age.seconds"))
    assert not findings(tmp_path, "inert-timeout", app__py=code.format("age.days * 86400 + age.seconds"))


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("['kill', '-9', pid]", []),
        ("[which('tesseract'), '--list-langs']", []),
        ("['tesseract', pid, '--list-langs']", [8]),
    ],
)
def test_children_that_end_at_once_are_silent(tmp_path: Path, command: str, lines: list[int]) -> None:
    code = (
        f"import subprocess\nfrom shutil import which\n{HEAD}@app.post('/a/<pid>')\n"
        f"def a(pid):\n    subprocess.run({command})\n    return ''\n"
    )
    assert [f.line for f in findings(tmp_path, "child-without-timeout", app__py=code)] == lines


@pytest.mark.parametrize(("program", "lines"), [("shred", []), ("convert", [8])])
def test_the_command_of_a_child_may_have_a_name(tmp_path: Path, program: str, lines: list[int]) -> None:
    code = (
        f"import subprocess\n{HEAD}@app.post('/a')\ndef a():\n    command = ['{program}', '-z']\n"
        "    subprocess.check_call(command)\n"
    )
    assert [f.line for f in findings(tmp_path, "child-without-timeout", app__py=code)] == lines


def test_child_that_is_killed_through_an_attribute_is_supervised(tmp_path: Path) -> None:
    code = (
        "import subprocess\n" + HEAD + "class Jobs:\n    child = None\n    def cancel(self):\n        self.child.{}()\n"
        "jobs = Jobs()\n@app.get('/')\ndef show():\n    p = subprocess.Popen(['convert', 'a'])\n    jobs.child = p\n"
        "    p.wait()\n    return ''\n@app.get('/cancel')\ndef cancel():\n    jobs.cancel()\n    return ''\n"
    )
    assert not findings(tmp_path, "child-without-timeout", app__py=code.format("kill"))
    assert findings(tmp_path, "child-without-timeout", app__py=code.format("poll"))


def test_command_that_callers_hand_over(tmp_path: Path) -> None:
    code = (
        "import subprocess\n" + HEAD + "def ask(command):\n    return subprocess.check_output(command)\n@app.get('/')\n"
        "def show():\n    return ask(['/usr/bin/pmap', '1']) + ask({})\n"
    )
    assert not findings(tmp_path, "child-without-timeout", app__py=code.format("['df', '-T']"))
    assert findings(tmp_path, "child-without-timeout", app__py=code.format("['git', 'pull']"))


BOUNDED = """
class Config:
    SQLALCHEMY_ENGINE_OPTIONS: dict = {"pool_size": 5, "connect_args": {"options": "-c statement_timeout=30000"}}
"""


@pytest.mark.parametrize(("settings", "lines"), [("", [5]), (BOUNDED, []), (BOUNDED.replace("statement", "lock"), [5])])
def test_options_of_the_engine_stand_in_the_configuration(tmp_path: Path, settings: str, lines: list[int]) -> None:
    code = (
        "from flask_sqlalchemy import SQLAlchemy\n" + HEAD + "db = SQLAlchemy(app)\n"
        "@app.get('/a')\ndef a():\n    return str(db.session.execute('select 1'))\n"
    )
    found = findings(
        tmp_path, "call-without-timeout", app__py=code, config__py=settings, requirements__txt="Flask-SQLAlchemy==3.1.1\n"
    )
    assert [f.line for f in found] == lines


@pytest.mark.parametrize(
    ("backend", "fires"),
    [("", True), ("'django.core.mail.backends.smtp.EmailBackend'", True), ("settings.MAIL_BACKEND", False)],
)
def test_mail_through_a_back_end_that_is_named(tmp_path: Path, backend: str, fires: bool) -> None:
    code = (
        "from django.conf import settings\nfrom django.core import mail\n" + HEAD + "@app.get('/a')\ndef a():\n"
        f"    connection = mail.get_connection({backend})\n    connection.open()\n"
        "    mail.send_mail('a', 'b', 'c', ['d'], connection=connection)\n    return ''\n"
    )
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code)) is fires


@pytest.mark.parametrize(
    ("inside", "fires"), [("queue.enqueue(function, retry=3)", False), ("function()", True), ("queue.enqueue(print)", True)]
)
def test_function_that_is_handed_to_what_enqueues_it(tmp_path: Path, inside: str, fires: bool) -> None:
    code = (
        HEAD + "from rq import Queue\nqueue = Queue()\ndef later(function, name=''):\n"
        f"    {inside}\n@app.get('/a')\ndef a():\n    later(function=ask)\n    return ''\n"
        "def ask():\n    requests.get('http://a')\n"
    )
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code)) is fires


def test_method_by_name_alone_in_another_part_of_the_repository(tmp_path: Path) -> None:
    code = HEAD + "@app.get('/a')\ndef a():\n    return app.store().classify(1)\n"
    model = "import requests\nclass Model:\n    def classify(self, x):\n        return requests.get('http://a')\n"
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "app.py").write_text(code)
    for folder, lines in (("tools", []), ("web", [4])):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "model.py").write_text(model)
        assert [f.line for f in findings(tmp_path, "call-without-timeout")] == lines, folder
        (tmp_path / folder / "model.py").unlink()


def test_child_is_held_until_the_server_ends_the_worker(tmp_path: Path) -> None:
    code = HEAD + "import subprocess\n@app.get('/a')\ndef a():\n    subprocess.run(['ffmpeg', '-i', 'x'])\n    return ''\n"
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCOPY . .\nCMD exec gunicorn app:app --timeout 90\n")
    (found,) = findings(tmp_path, "child-without-timeout", app__py=code)
    assert found.message.endswith("until gunicorn kills its process after 90 s")
