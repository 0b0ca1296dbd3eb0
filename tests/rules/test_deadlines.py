"""Look-alikes of the deadline rules that no guide section shows: what must be silent, and where a finding stands."""

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
from runtime_ops.rules.deadlines._doubts import _caches_here

pytestmark = pytest.mark.usefixtures("any_call")

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


@pytest.mark.parametrize(("more", "told"), [(0, [(6, 1), (8, 1)]), (3, [(6, 5)])], ids=["few", "a habit"])
def test_the_calls_of_one_library_in_one_file(tmp_path: Path, more: int, told: list[tuple[int, int]]) -> None:
    code = (
        HEAD + "@app.post('/pay')\ndef pay():\n    requests.get('http://user')\n    x = 1\n"
        "    requests.post('http://gate', json=x)\n" + "    requests.get('http://more')\n" * more + "    return ''\n"
    )
    found = findings(tmp_path, "call-without-timeout", app__py=code)
    assert sorted((f.line, f.count) for f in found) == told
    assert all(len(f.also) == f.count - 1 for f in found)


def test_one_client_is_one_finding_where_it_is_made(tmp_path: Path) -> None:
    code = "import redis\n" + HEAD + "store = redis.Redis('store')\n"
    code += "@app.get('/a')\ndef a():\n    store.get('a')\n    return store.get('b')\n"
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
        ("    while True:\n        if job.refresh():\n            break\n        yield job.status()\n        time.sleep(1)\n", False),
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
        ("['ssh', '-V']", []),
        ("['ssh', pid, '-V']", [8]),
        ("['tesseract', pid]", []),
        ("['git', 'clone', pid]", [8]),
        ("['git', 'remote', '-v']", []),
        ("['helm', 'upgrade', pid, '--wait', '--timeout', '7m0s']", []),  # it ends by itself
        ("['helm', 'upgrade', pid, '--wait']", [8]),
        ("[app.config['HOOK_SCRIPT'], pid]", [8]),
        ("[app.config['FOLDER'], pid]", []),
    ],
)
def test_children_that_end_at_once_are_silent(tmp_path: Path, command: str, lines: list[int]) -> None:
    code = (
        f"import subprocess\n\n{HEAD}@app.post('/a/<pid>')\n"
        f"def a(pid):\n    subprocess.run({command})\n    return ''\n"
    )
    assert [f.line for f in findings(tmp_path, "child-without-timeout", app__py=code)] == lines


@pytest.mark.parametrize(("program", "lines"), [("shred", []), ("convert", []), ("rsync", [8])])
def test_the_command_of_a_child_may_have_a_name(tmp_path: Path, program: str, lines: list[int]) -> None:
    code = (
        f"import subprocess\n{HEAD}@app.post('/a')\ndef a():\n    command = ['{program}', '-z']\n"
        "    subprocess.check_call(command)\n"
    )
    assert [f.line for f in findings(tmp_path, "child-without-timeout", app__py=code)] == lines


def test_child_that_an_administrator_starts_and_a_method_that_makes_the_command(tmp_path: Path) -> None:
    code = f"import subprocess\nfrom web import user\n{HEAD}@app.post('/a')\ndef a():\n    {{}}\n    subprocess.run(['git', 'pull'])\n"
    asked = "if not user.is_superuser:\n        return '', 403"
    assert findings(tmp_path, "child-without-timeout", app__py=code.format("pass"))
    assert not findings(tmp_path, "child-without-timeout", app__py=code.format(asked))
    run = "import subprocess\n" + HEAD + "class Run:\n{}\n    def go(self):\n        subprocess.run({})\n"
    run += "@app.get('/')\ndef go():\n    Run().go()\n"
    made = "    def build_command(self):\n        return [self.name]"
    assert not findings(tmp_path, "child-without-timeout", app__py=run.format(made, "self.build_command()"))


@pytest.mark.parametrize(
    ("given", "more", "confidence"),
    [
        ("os.getenv('SCRIPT')", "", "certain"),
        ("config.get('hooks', 'command')", "", "certain"),
        ("settings.EXTRA_SCRIPTS[0].split()", "", "certain"),
        ("os.getenv('FOLDER')", "", "possible"),
        ("['/opt/app/report.sh']", "", "possible"),
        ("os.getenv('SCRIPT')", "    threading.Timer(60, end, (child,)).start()\n", "possible"),
    ],
    ids=["environment", "configuration", "settings", "another variable", "a program of its own", "a timer has the child"],
)
def test_scripts_that_come_out_of_settings(tmp_path: Path, given: str, more: str, confidence: str) -> None:
    code = (
        "import os, subprocess, threading\nfrom conf import config, settings\n" + HEAD + "def end(child):\n    pass\n"
        f"def execute(path):\n    child = subprocess.Popen(path)\n{more}    child.communicate()\n"
        f"def told():\n    script = {given}\n    execute(script)\n@app.get('/')\ndef show():\n    told()\n    return ''\n"
    )
    assert [f.confidence for f in said(tmp_path, "child-without-timeout", {"app.py": code})] == [confidence]


@pytest.mark.parametrize(("part", "lines"), [("ls-remote", [9]), ("status", [])])
def test_the_words_of_a_command_that_is_spread(tmp_path: Path, part: str, lines: list[int]) -> None:
    code = (
        "import asyncio\n" + HEAD + "@app.get('/')\nasync def show():\n    command = ['git', '" + part + "', 'origin']\n"
        "    child = await asyncio.create_subprocess_exec(*command)\n    await child.communicate()\n    return ''\n"
    )
    assert [f.line for f in findings(tmp_path, "child-without-timeout", app__py=code)] == lines


def test_child_that_is_killed_through_an_attribute_is_supervised(tmp_path: Path) -> None:
    code = (
        "import subprocess\n" + HEAD + "class Jobs:\n    child = None\n    def cancel(self):\n        self.child.{}()\n"
        "jobs = Jobs()\n@app.get('/')\ndef show():\n    p = subprocess.Popen(['rsync', 'a'])\n    jobs.child = p\n"
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


@pytest.mark.parametrize(("settings", "fires"), [("EMAIL_TIMEOUT = 10\n", False), ("SOME_TIMEOUT = 10\n", True)])
def test_mail_whose_limit_is_a_setting(tmp_path: Path, settings: str, fires: bool) -> None:
    code = (
        "from django.core import mail\n" + HEAD + "@app.get('/a')\ndef a():\n"
        "    connection = mail.get_connection()\n    connection.open()\n    return ''\n"
    )
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code, settings__py=settings)) is fires


@pytest.mark.parametrize(
    ("inside", "phase"),
    # a job, of which nothing here says who runs it: no request waits for it
    [("queue.enqueue(function, retry=3)", None), ("function()", "serving"), ("queue.enqueue(print)", "serving")],
)
def test_function_that_is_handed_to_what_enqueues_it(tmp_path: Path, inside: str, phase: str | None) -> None:
    code = (
        HEAD + "from rq import Queue\nqueue = Queue()\ndef later(function, name=''):\n"
        f"    {inside}\n@app.get('/a')\ndef a():\n    later(function=ask)\n    return ''\n"
        "def ask():\n    requests.get('http://a')\n"
    )
    assert [f.phase for f in findings(tmp_path, "call-without-timeout", app__py=code)] == [phase]


PLUGINS = "import importlib\nfrom flask import Flask\napp = Flask('x')\ndef load(name):\n    importlib.import_module(name)\n"


@pytest.mark.parametrize(("head", "folder", "lines"), [(HEAD, "web", []), (PLUGINS, "web", [4]), (PLUGINS, "tools", [])])
def test_method_by_name_in_what_is_never_imported(tmp_path: Path, head: str, folder: str, lines: list[int]) -> None:
    # a program that loads modules by made-up names may load its neighbour; others run only what they import
    code = head + "@app.get('/a')\ndef a():\n    return app.store().classify_rate(1)\n"
    model = "import requests\nclass Model:\n    def classify_rate(self, x):\n        return requests.get('http://a')\n"
    for path, text in (("web/app.py", code), (f"{folder}/model.py", model)):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert [f.line for f in findings(tmp_path, "call-without-timeout")] == lines


def test_the_base_method_that_super_names_is_no_override(tmp_path: Path) -> None:
    code = HEAD + (
        "import requests\nclass Base:\n    def __init__(self):\n        pass\n"
        "class Plain(Base):\n    def __init__(self):\n        super().__init__()\n"
        "class Asks(Base):\n    def __init__(self):\n        super().__init__()\n        requests.get('http://a')\n"
        "@app.get('/a')\ndef a():\n    Plain()\n    return ''\n"
    )
    assert not [f for f in findings(tmp_path, "call-without-timeout", app__py=code) if f.phase == "serving"]
    (found,) = findings(tmp_path, "call-without-timeout", app__py=code.replace("    Plain()\n", "    Asks()\n"))
    assert found.phase == "serving"


WRAPPED = "app.wsgi_app = RequestTimeoutMiddleware(app.wsgi_app, 30)\n"
NAMED = "MIDDLEWARE = ['shop.middleware.RequestTimeoutMiddleware']\n"
ASKS = "import requests\n@app.get('/a')\ndef a():\n    return requests.get('http://a').text\n"


@pytest.mark.parametrize(
    ("more", "command", "words"),
    [
        ("", "gunicorn app:app", "until gunicorn kills its process after 30 s"),
        ("", "gunicorn app:app --timeout ${TIMEOUT:-60}", "until gunicorn kills its process after 60 s"),
        ("", "gunicorn app:app --timeout ${TIMEOUT}", "holds this request's thread or task"),
        ("", "gunicorn -c conf.py app:app", "until gunicorn kills its process after 90 s"),
        ("", "gunicorn -c elsewhere.py app:app", "holds this request's thread or task"),  # it may set another time
        ("", "gunicorn -c elsewhere.py -t 20 app:app", "until gunicorn kills its process after 20 s"),
        ("", "gunicorn app:app --threads ${THREADS}", "holds this request's thread or task"),
        ("", "gunicorn app:app --threads 4", "for ever"),
        ("", "waitress-serve app:app", "for ever"),
        (WRAPPED, "gunicorn app:app --threads 4", "until a middleware's time-out ends the request"),
        (NAMED, "gunicorn app:app --threads 4", "until a middleware's time-out ends the request"),
        ("", "", "holds this request's thread or task"),
    ],
)  # fmt: skip
def test_how_long_the_caller_is_held(tmp_path: Path, more: str, command: str, words: str) -> None:
    (tmp_path / "conf.py").write_text("import environ\nENV = environ.Env()\ntimeout = ENV.int('TIMEOUT', default=90)\n")
    if command:
        (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . .\nCMD exec {command}\n")
    (found,) = findings(tmp_path, "call-without-timeout", app__py=HEAD + more + ASKS)
    assert found.message.endswith(words)


SOCKET = HEAD + (
    "import socket\n@app.get('/a')\ndef a():\n{made}    return ask(s)\n"
    "def ask(s):\n    return read(s)\ndef read(s):\n    return s.recv(10)\n"
)


@pytest.mark.parametrize(
    ("made", "count"),
    [
        ("    s = socket.create_connection(('b', 1))\n    s.settimeout(3)\n", 0),
        ("    s, t = socket.socketpair()\n", 0),
        ("    s = socket.socket(socket.AF_UNIX)\n    s.connect('/run/b')\n", 0),
    ],
)
def test_the_limit_of_a_socket_that_is_handed_on(tmp_path: Path, made: str, count: int) -> None:
    assert len(findings(tmp_path, "call-without-timeout", app__py=SOCKET.replace("{made}", made))) == count


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("'http://rates/a'", 1), ("'http://127.0.0.1:80/a'", 0), ("f'http://localhost:{PORT}/a'", 0), ("HERE + '/a'", 0),
        ("os.environ.get('RATES', 'http://localhost')", 1),
    ],
)  # fmt: skip
def test_a_peer_of_this_machine_is_no_silent_host(tmp_path: Path, url: str, count: int) -> None:
    code = HEAD + f"import os\nPORT = 1\nHERE = 'http://[::1]'\n@app.get('/a')\ndef a():\n    return requests.get({url}).text\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("driver", "count"), [("psycopg2", 1), ("psycopg", 0)])
def test_a_driver_that_limits_connecting_leaves_the_statement_open(tmp_path: Path, driver: str, count: int) -> None:
    code = HEAD + f"import {driver}\n@app.get('/a')\ndef a():\n    with {driver}.connect('host=b') as c:\n"
    code += "        c.cursor().execute('select 1')\n    return ''\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("given", "count"), [("", 1), (", strategy='mock'", 0), (", async_creator=print", 0)])
def test_an_engine_that_does_not_connect_by_itself(tmp_path: Path, given: str, count: int) -> None:
    code = HEAD + f"from sqlalchemy import create_engine\nengine = create_engine('mysql://b'{given})\n"
    code += "@app.get('/a')\ndef a():\n    return engine.connect().execute('select 1')\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("dialect", "count"), [("DefaultDialect", 0), ("Inspector", 1)])
def test_an_engine_of_a_dialect_of_ones_own(tmp_path: Path, dialect: str, count: int) -> None:
    code = HEAD + f"from sqlalchemy import create_engine\nfrom sqlalchemy.engine.default import {dialect}\nclass Rates({dialect}):\n"
    code += "    name = 'rates'\n@app.get('/a')\ndef a(url):\n    return create_engine(url).connect().execute('select 1')\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("given", "count"), [("", 1), (", timeout=5", 0)])
def test_a_client_whose_calls_take_the_limit(tmp_path: Path, given: str, count: int) -> None:
    code = HEAD + "from authlib.integrations.requests_client import OAuth2Session\ndef session():\n    return OAuth2Session('id')\n"
    code += f"@app.get('/a')\ndef a():\n    return session().fetch_token('http://b'{given})\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(
    ("options", "count"),
    [("{}", 1), ("{'SOCKET_CONNECT_TIMEOUT': 5}", 0), ("{'SOCKET_TIMEOUT': 5}", 0), ("{'SOCKET_KEEPALIVE': 5}", 1)],
)
def test_a_cache_of_django_by_its_options(tmp_path: Path, options: str, count: int) -> None:
    settings = "CACHES = {'default': {'BACKEND': 'django_redis.cache.RedisCache', 'LOCATION': 'redis://b', 'OPTIONS': %s}}\n"
    code = HEAD + "from django.core.cache import cache\n@app.get('/a')\ndef a():\n    return str(cache.add('a', 1))\n"
    (tmp_path / "settings.py").write_text(settings % options)
    (tmp_path / "requirements.txt").write_text("django==5.2\nredis==5.0.0\ndjango-redis==5.4.0\n")
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(
    ("runs", "words"),
    [("ask()", "until gunicorn kills its process after 30 s"), ("later(ask)", "holds its caller")],
)
def test_who_waits_for_what_is_only_handed_over_is_not_said(tmp_path: Path, runs: str, words: str) -> None:
    code = HEAD + "KEPT = []\ndef later(f):\n    KEPT.append(f)\n"
    code += f"@app.get('/a')\ndef a():\n    {runs}\n    return ''\ndef ask():\n    requests.get('http://b')\n"
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCOPY . .\nCMD gunicorn app:app\n")
    (found,) = findings(tmp_path, "call-without-timeout", app__py=code)
    assert found.message.endswith(words)


@pytest.mark.parametrize(("name", "count"), [("detect", 0), ("save_rate", 1)])
def test_a_way_by_a_method_of_one_word_is_a_lead(tmp_path: Path, name: str, count: int) -> None:
    code = HEAD + f"class Rates:\n    def {name}(self):\n        requests.get('http://b')\nKINDS = [Rates]\n"
    code += f"@app.get('/<k>')\ndef a(k):\n    app.store(k).{name}()\n    return ''\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("more", "count"), [("", 0), ("CMD python tool.py\n", 0), ("RUN crontab tab\n", 1)])
def test_a_command_that_nothing_starts_has_its_user(tmp_path: Path, more: str, count: int) -> None:
    code = "import requests\ndef main():\n    requests.get('http://b')\nif __name__ == '__main__':\n    main()\n"
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . .\n{more}")
    (tmp_path / "crontab").write_text("0 3 * * * root python tool.py\n" if "crontab" in more else "")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = '1'\n[project.scripts]\nx = 'tool:main'\n")
    assert len(findings(tmp_path, "call-without-timeout", tool__py=code)) == count


@pytest.mark.parametrize(
    ("requirements", "url", "count"),
    [("sqlalchemy==2.0", "sqlite:///a.db", 0), ("sqlalchemy==2.0\npsycopg2==2.9", "sqlite:///a.db", 0), ("sqlalchemy==2.0", "", 1)],
)
def test_an_engine_without_any_driver_opens_a_file(tmp_path: Path, requirements: str, url: str, count: int) -> None:
    code = HEAD + (
        f"import os\nfrom sqlalchemy import create_engine\nURL = os.environ.get('URL', '{url}')\n"
        "@app.get('/a')\ndef a():\n    return create_engine(URL).connect().execute('select 1')\n"
    )
    (tmp_path / "requirements.txt").write_text(f"{requirements}\n")
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


def test_a_job_that_its_system_ends_is_a_small_matter(tmp_path: Path) -> None:
    code = "import requests\nfrom rq.decorators import job\n@job('low')\ndef ask():\n    return requests.get('http://a').text\n"
    worker = "from rq import Worker\nimport jobs\nif __name__ == '__main__':\n    Worker(['low']).work()\n"
    (found,) = findings(tmp_path, "call-without-timeout", jobs__py=code, worker__py=worker)
    assert found.severity == "low" and found.message.endswith("until the time limit of its job")


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("['git', 'fetch']", 1), ("['git', 'rev-parse', 'HEAD']", 0), ("['openssl', 'version']", 0),
        ("f'rm {name}', shell=True", 0),
        ("['ssh', name]", 1),
    ],
)  # fmt: skip
def test_programs_that_ask_nobody_do_not_hang(tmp_path: Path, command: str, count: int) -> None:
    code = HEAD + "import subprocess\n@app.get('/<name>')\ndef a(name):\n"
    code += f"    p = subprocess.Popen({command})\n    p.wait()\n    return ''\n"
    assert len(findings(tmp_path, "child-without-timeout", app__py=code)) == count


def test_a_management_command_has_its_user(tmp_path: Path) -> None:
    command = "import requests\nfrom django.core.management.base import BaseCommand\n"
    command += "class Command(BaseCommand):\n    def handle(self, **o):\n        requests.get('http://a')\n"
    manage = "import sys\nfrom django.core.management import execute_from_command_line\n"
    manage += "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n"
    packages = dict.fromkeys(f"{p}/__init__.py" for p in ("shop", "shop/management", "shop/management/commands"))
    files = {"manage.py": manage, "shop/management/commands/pull_rates.py": command, **{p: "" for p in packages}}
    files["crontab"] = "0 3 * * * root python manage.py other\n"
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert not findings(tmp_path, "call-without-timeout")
    (tmp_path / "Procfile").write_text("release: python manage.py pull_rates\n")
    assert not findings(tmp_path, "call-without-timeout")  # somebody deploys, and sees it


@pytest.mark.parametrize(("arm", "count"), [("pull_rates", 1), ("other", 0)])
def test_a_management_command_with_an_arm_of_its_own_has_none(tmp_path: Path, arm: str, count: int) -> None:
    manage = "import sys\nfrom django.core.management import execute_from_command_line\n"
    manage += "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n"
    command = "from django.core.management.base import BaseCommand\nfrom shop.rates import pull\n"
    command += "class Command(BaseCommand):\n    def handle(self, **o):\n        pull()\n"
    arms = '#!/bin/sh\nif [ "$1" = web ]; then\n  exec gunicorn shop.wsgi\nelif [ "$1" = {0} ]; then\n  exec python manage.py {0}\nfi\n'
    files = {
        "manage.py": manage, "shop/management/commands/pull_rates.py": command, "shop/__init__.py": "",
        "shop/management/__init__.py": "", "shop/management/commands/__init__.py": "", "start.sh": arms.format(arm),
        "shop/rates.py": "import requests\ndef pull():\n    return requests.get('http://a').json()\n",
        "Dockerfile": 'FROM python:3.12\nCOPY . .\nENTRYPOINT ["./start.sh"]\nCMD ["web"]\n',
        "docker-compose.yml": "services:\n  web:\n    build: .\n    entrypoint: python manage.py runserver\n",
    }  # fmt: skip
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert len(findings(tmp_path, "call-without-timeout")) == count  # a container of its own, before which nobody sits


@pytest.mark.parametrize(
    ("last", "count"), [("    finally:\n        ready.set()\n", 0), ("    finally:\n        pass\n    ready.set()\n", 1)]
)
def test_what_is_told_in_a_finally_is_told(tmp_path: Path, last: str, count: int) -> None:
    code = HEAD + (
        "import threading, requests\nready = threading.Event()\ndef work():\n    try:\n        requests.get('http://a')\n" + last +
        "@app.get('/a')\ndef a():\n    threading.Thread(target=work).start()\n    ready.wait()\n    return ''\n"
    )  # fmt: skip
    assert len(findings(tmp_path, "unbounded-wait", app__py=code)) == count


def test_child_is_held_until_the_server_ends_the_worker(tmp_path: Path) -> None:
    code = HEAD + "import subprocess\n@app.get('/a')\ndef a():\n    subprocess.run(['curl', 'x'])\n    return ''\n"
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCOPY . .\nCMD exec gunicorn app:app --timeout 90\n")
    (found,) = findings(tmp_path, "child-without-timeout", app__py=code)
    assert found.message.endswith("until gunicorn kills its process after 90 s")


CLUSTER = "from kubernetes import client\napi = client.CoreV1Api()\n"


def test_a_client_that_is_made_once_is_one_finding(tmp_path: Path) -> None:
    code = HEAD + "import cluster\nfrom cluster import api\n@app.get('/a')\ndef a():\n    return str(api.list_namespaced_pod('a'))\n"
    code += "@app.get('/b')\ndef b():\n    api.read_namespaced_pod('b', 'a')\n    return str(cluster.nodes()) + str(cluster.more())\n"
    more = CLUSTER + "def nodes():\n    return api.list_node()\ndef more():\n    a = api.list_node()\n"
    more += "    return api.list_namespaced_service('a'), a\n"
    (found,) = findings(tmp_path, "call-without-timeout", app__py=code, cluster__py=more)
    assert (found.path, found.count) == ("cluster.py", 5) and "app.py" in {e.path for e in found.also}


@pytest.mark.parametrize(
    ("limit", "severity"), [("", "low"), ("600", "low"), ("-1", "medium"), ("int(os.environ.get('SECONDS', -1))", "medium")]
)
def test_the_limit_of_a_job_whose_worker_is_not_seen(tmp_path: Path, limit: str, severity: str) -> None:
    code = "import os\nimport requests\nfrom django_rq import job\n@job('low')\ndef ask():\n    return requests.get('http://a').text\n"
    code += f"QUEUES = {{'low': {{'DEFAULT_TIMEOUT': {limit}}}}}\n" if limit else ""
    assert [f.severity for f in findings(tmp_path, "call-without-timeout", jobs__py=code)] == [severity]


@pytest.mark.parametrize(("nearer", "count"), [("", 1), ("redis==5.0.1\n", 1), ("redis>=4\n", 0), ("redis\n", 0), ("redis<6\n", 1)])
def test_the_pin_of_another_folder_leaves_the_version_open(tmp_path: Path, nearer: str, count: int) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "requirements.txt").write_text("redis==5.0.1\n")
    (tmp_path / "tool" / "requirements.txt").write_text(nearer)
    code = "import redis\n" + HEAD + "store = redis.Redis(host='s')\n@app.get('/a')\ndef a():\n    return store.get('a')\n"
    (tmp_path / "tool" / "app.py").write_text(code)
    assert len(findings(tmp_path, "call-without-timeout")) == count


@pytest.mark.parametrize(("call", "count"), [("super().request(method, url, **kwargs)", 0), ("super().request(method, url)", 1)])
def test_an_override_that_hands_on_what_it_gets(tmp_path: Path, call: str, count: int) -> None:
    code = HEAD + (
        f"class Client(requests.Session):\n    def request(self, method, url, **kwargs):\n        return {call}\n"
        "client = Client()\n@app.get('/a')\ndef a():\n    return client.request('GET', 'http://a').text\n"
    )
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("made", "count"), [("create_engine(os.environ['URL'])", 1), ("engine_from_config(dict(os.environ))", 0)])
def test_an_engine_of_a_whole_configuration(tmp_path: Path, made: str, count: int) -> None:
    code = HEAD + f"import os\nfrom sqlalchemy import create_engine, engine_from_config\nengine = {made}\n"
    code += "@app.get('/a')\ndef a():\n    return engine.connect().execute('select 1')\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code, requirements__txt="sqlalchemy==2\npsycopg2==2.9\n")) == count


def test_an_event_of_ones_own_tasks_has_no_peer(tmp_path: Path) -> None:
    code = "import anyio\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\nasync def a():\n    ready = anyio.Event()\n"
    assert not findings(tmp_path, "call-without-timeout", app__py=code + "    await ready.wait()\n    return ''\n")


def test_a_clone_that_git_settings_limit(tmp_path: Path) -> None:
    code = HEAD + "from dulwich import porcelain\n@app.get('/a')\ndef a():\n    porcelain.clone(app.url, '/tmp/a')\n    return ''\n"
    assert not findings(tmp_path, "call-without-timeout", app__py=code)


@pytest.mark.parametrize(("connection", "count"), [("    message.connection = app.mail\n", 0), ("", 1)])
def test_a_message_that_is_given_its_connection(tmp_path: Path, connection: str, count: int) -> None:
    code = HEAD + "from django.core.mail import EmailMessage\n@app.get('/a')\ndef a():\n    message = EmailMessage('a')\n"
    code += connection + "    message.send()\n    return ''\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code, settings__py="EMAIL_HOST = 'mail'\n")) == count


@pytest.mark.parametrize(("calls", "severity"), [(6, "high"), (2, "medium")])
def test_what_all_requests_go_through_weighs_most(tmp_path: Path, calls: int, severity: str) -> None:
    code = HEAD + "import os\nimport psycopg2\ndb = psycopg2.connect(os.environ['DSN'])\n"
    for i in range(calls):
        code += f"@app.get('/{i}')\ndef a{i}():\n    db.cursor().execute('select {i}')\n    return ''\n"
    assert [f.severity for f in findings(tmp_path, "call-without-timeout", app__py=code)] == [severity]


@pytest.mark.parametrize(("more", "count"), [("", 0), ("CMD python main.py\n", 1)])
def test_a_start_that_hangs_is_seen_unless_a_container_starts_it(tmp_path: Path, more: str, count: int) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . .\n{more}")
    code = HEAD + "def load():\n    return requests.get('http://a').text\nif __name__ == '__main__':\n    load()\n    app.run()\n"
    assert len(findings(tmp_path, "call-without-timeout", main__py=code)) == count


def test_a_client_that_the_program_replaces_is_no_finding(tmp_path: Path) -> None:
    code = HEAD + "@app.get('/a')\ndef a():\n    return requests.Session().get('http://user').text\n"
    patch = (
        "import importlib\nclass Limited:\n    pass\ndef patch(name):\n    mod = importlib.import_module(name)\n"
        "    mod.Session = Limited\n"
    )
    assert findings(tmp_path, "call-without-timeout", app__py=code)
    assert not findings(tmp_path, "call-without-timeout", app__py=code, patch__py=patch)


def test_a_function_of_the_library_that_is_replaced_is_no_finding(tmp_path: Path) -> None:
    code = "import functools\n" + HEAD + "@app.get('/a')\ndef a():\n    return requests.get('http://user').text\n"
    assert findings(tmp_path, "call-without-timeout", app__py=code)
    assert not findings(tmp_path, "call-without-timeout", app__py=code + "requests.get = functools.partial(requests.get, timeout=5)\n")


def test_a_global_that_a_function_sets_is_no_limit_switched_off(tmp_path: Path) -> None:
    code = HEAD + "LIMIT = None\n@app.get('/a')\ndef a():\n    return requests.get('http://user', timeout=LIMIT).text\n"
    setup = "def setup(config):\n    global LIMIT\n    LIMIT = config['limit']\n"
    assert [f.line for f in findings(tmp_path, "timeout-disabled", app__py=code)]
    assert not findings(tmp_path, "timeout-disabled", app__py=code + setup)


LOCK = (
    "import time\nimport redis\n" + HEAD + "store = redis.Redis(socket_timeout=1)\n"
    "@app.post('/a')\ndef take(key):\n    while True:\n        if store.set(key, 'me', nx=True{expiry}):\n            return 'ok'\n"
    "        time.sleep(0.1)\n"
)


@pytest.mark.parametrize(("expiry", "fires"), [("", True), (", px=60000", False), (", ex=60", False)])
def test_a_claim_that_runs_out_ends_the_poll_for_it(tmp_path: Path, expiry: str, fires: bool) -> None:
    assert bool(findings(tmp_path, "unbounded-poll", app__py=LOCK.format(expiry=expiry))) is fires


def test_one_short_command_in_a_coroutine_is_low(tmp_path: Path) -> None:
    code = (
        "import redis\n" + ASYNC_HEAD + "store = redis.Redis()\n@app.get('/a')\nasync def a():\n    store.set('a', 1)\n    return ''\n"
        "@app.get('/b')\nasync def b(keys):\n    for key in keys:\n        store.set(key, 1)\n    return ''\n"
    )
    found = findings(tmp_path, "blocking-in-async", app__py=code)
    assert {f.line: f.severity == "low" for f in found} == {9: True, 14: False}


def test_a_thread_that_is_waited_for_with_a_limit_holds_nobody(tmp_path: Path) -> None:
    code = (
        HEAD + "from concurrent.futures import ThreadPoolExecutor\nexecutor = ThreadPoolExecutor()\n@app.get('/a')\ndef a():\n"
        "    return executor.submit(ask).result({limit})\ndef ask():\n    return requests.get('http://user').text\n"
    )
    assert not findings(tmp_path, "call-without-timeout", app__py=code.format(limit="timeout=5"))
    assert findings(tmp_path, "call-without-timeout", app__py=code.format(limit=""))
    joined = code.format(limit="").replace("    return executor", "    ', '.join(names)\n    return executor")
    assert findings(tmp_path, "call-without-timeout", app__py=joined)


@pytest.mark.parametrize(("name", "here"), [("base", True), ("test", False)])
def test_a_cache_in_memory_has_no_peer(tmp_path: Path, name: str, here: bool) -> None:
    (tmp_path / f"{name}.py").write_text("CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}}\n")
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    assert _caches_here(Project(gathered.modules, gathered.artifacts, gathered.paths)) is here


def test_what_nothing_calls_is_only_possible(tmp_path: Path) -> None:
    code = HEAD + "@app.get('/a')\ndef a():\n    return ''\ndef spare():\n    return requests.get('http://user', timeout=None)\n"
    assert not findings(tmp_path, "timeout-disabled", app__py=code)
    called = code.replace("return ''", "return spare()")
    assert findings(tmp_path, "timeout-disabled", app__py=called)


def test_two_places_of_one_function_are_one_finding(tmp_path: Path) -> None:
    code = HEAD + "@app.get('/a')\ndef a():\n    requests.put('http://u', timeout=None)\n"
    code += "    return requests.get('http://u', timeout=None)\n"
    (found,) = findings(tmp_path, "timeout-disabled", app__py=code)
    assert found.count == 2 and [e.line for e in found.also] == [7]


@pytest.mark.parametrize(
    ("command", "severity"),
    [("gunicorn app:app", "low"), ("gunicorn app:app --timeout 600", "medium"), ("gunicorn -k gevent app:app", "medium")],
)
def test_a_server_that_soon_ends_the_worker_limits_the_harm(tmp_path: Path, command: str, severity: str) -> None:
    (tmp_path / "requirements.txt").write_text("requests==2.32.3\n")
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . .\nCMD exec {command}\n")
    (tmp_path / "old.py").write_text("import app\napplication = app.app\n")
    (found,) = findings(tmp_path, "call-without-timeout", app__py=HEAD + ASKS)
    assert found.severity == severity and (found.confidence == "certain") is (severity == "medium" and "gevent" in command)


@pytest.mark.parametrize(("started", "count"), [(True, 1), (False, 0)])
def test_a_loop_that_nothing_starts_is_somebodys_tool(tmp_path: Path, started: bool, count: int) -> None:
    code = "import requests, time\ndef main():\n    while True:\n        requests.get('http://a')\n        time.sleep(5)\n"
    code += "if __name__ == '__main__':\n    main()\n"
    command = '["python", "watch.py"]' if started else '["gunicorn", "app:app"]'
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . .\nCMD {command}\n")
    assert len(findings(tmp_path, "call-without-timeout", app__py=HEAD, watch__py=code)) == count


@pytest.mark.parametrize(("use", "count"), [("User('a').known", 1), ("User('a').name", 0)])
def test_a_property_that_nobody_reads_does_not_run(tmp_path: Path, use: str, count: int) -> None:
    code = HEAD + "class User:\n    def __init__(self, name):\n        self.name = name\n    @property\n    def known(self):\n"
    code += f"        return requests.get('http://a').ok\n@app.get('/a')\ndef a():\n    return str({use})\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


@pytest.mark.parametrize(("address", "count"), [("unix:///run/redis.sock", 0), ("redis://cache:6379/0", 1)])
def test_a_client_of_a_socket_of_this_machine(tmp_path: Path, address: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text("redis==5.0.1\n")
    code = "import redis\nimport settings\n" + HEAD + "store = redis.Redis.from_url(settings.STORE_URL)\n"
    code += "@app.get('/a')\ndef a():\n    return store.get('a')\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code, settings__py=f"STORE_URL = '{address}'\n")) == count


@pytest.mark.parametrize(("method", "count"), [("send(b'a')", 0), ("recv(10)", 1)])
def test_a_send_waits_only_for_full_buffers(tmp_path: Path, method: str, count: int) -> None:
    code = HEAD + "import socket\n@app.get('/a')\ndef a():\n    s = socket.socket()\n"
    code += f"    return str(s.{method})\n"
    assert len(findings(tmp_path, "call-without-timeout", app__py=code)) == count


def test_a_way_that_rests_on_a_name_is_not_shown(tmp_path: Path) -> None:
    code = HEAD + "class Rates:\n    def get(self):\n        return requests.get('http://b')\n"
    code += "class Notes:\n    def read_all(self):\n        return Rates().get()\n"
    code += "@app.get('/a')\ndef a():\n    return str(Notes().read_all())\n"
    (found,) = findings(tmp_path, "call-without-timeout", app__py=code)
    assert [step.note for step in found.trace] == ["handler a", "a → read_all", "read_all → get"]


@pytest.mark.parametrize(("starter", "count"), [("CMD [\"/start.sh\"]", 1), ("CMD [\"supervisord\", \"-n\", \"-c\", \"/s.conf\"]", 0)])
def test_a_download_holds_the_container_only_where_it_stands_alone(tmp_path: Path, starter: str, count: int) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY . /\n{starter}\n")
    (tmp_path / "s.conf").write_text("[supervisord]\nnodaemon=true\n[program:web]\ncommand=/start.sh\n")
    script = "#!/bin/bash\ncurl -fsS http://a/ip\ncurl -fsS http://a/port\nexec gunicorn app:app\n"
    (tmp_path / "start.sh").write_text(script)
    found = findings(tmp_path, "call-without-timeout", app__py=HEAD)
    assert [f.count for f in found] == [2] * count


def test_a_worker_that_only_imports_a_view_does_not_loosen_its_limit(tmp_path: Path) -> None:
    view = "import requests\nfrom flask.views import MethodView\nclass RatesView(MethodView):\n"
    view += "    def get(self):\n        return requests.get('http://a').text\n"
    web = "from flask import Flask\nfrom rates import RatesView\napp = Flask(__name__)\n"
    web += "app.add_url_rule('/a', view_func=RatesView.as_view('a'))\n"
    jobs = "from celery import Celery\nimport rates\napp = Celery('jobs')\n@app.task\ndef note():\n    pass\n"
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCOPY . .\nCMD exec gunicorn web:app\n")
    (tmp_path / "Procfile").write_text("worker: celery -A jobs worker\n")
    (found,) = findings(tmp_path, "call-without-timeout", rates__py=view, web__py=web, jobs__py=jobs)
    assert found.severity == "low" and found.message.endswith("until gunicorn kills its process after 30 s")
