"""Claims that readers refuted: what the library, or another line, does about each."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["python", "app.py"]\n'
GUNICORN = IMAGE.replace('"python", "app.py"', '"gunicorn", "app:app"')


@pytest.mark.parametrize(
    ("test", "arm", "count"),
    [
        ("not done", "done = True\n            continue", 0),
        ("not done", "error = True\n            continue", 1),
        ("not done", "done = True\n            done = 'late' in url", 1),
        ("running is True", "running = False", 0),
        ("running and not done", "done = True", 0),
        ("running or not done", "done = True", 1),
        ("True", "done = True", 1),
    ],
)
def test_failure_arm_that_ends_the_loop_by_its_own_condition(tmp_path: Path, test: str, arm: str, count: int) -> None:
    code = (
        f"import requests\ndef pages(url):\n    done, running = False, True\n    while {test}:\n        try:\n"
        f"            answer = requests.get(url, timeout=3)\n        except requests.ConnectionError:\n            {arm}\n"
        "while True:\n    pages('http://a')\n"
    )
    hot = [f for f in said(tmp_path, "hot-retry", {"app.py": code, "Dockerfile": IMAGE}) if f.line == 7]
    assert len(hot) == count


@pytest.mark.parametrize(
    ("test", "arm", "count"),
    [
        ("self.running", "self.leave()", 0),
        ("self.running", "if self.odd:\n                    self.leave()", 1),  # in some of its arms only
        ("self.running", "self.note()", 1),
        ("not self.ended.is_set()", "self.ended.set()", 0),
        ("not self.ended.is_set()", "self.odd.set()", 1),
    ],
)
def test_failure_arm_that_calls_what_ends_the_loop(tmp_path: Path, test: str, arm: str, count: int) -> None:
    code = (
        "import threading, requests\nclass Poller:\n    running = True\n    ended, odd = threading.Event(), threading.Event()\n"
        "    def leave(self):\n        self.running = False\n    def note(self):\n        self.last = False\n"
        f"    def run(self):\n        while {test}:\n            try:\n"
        "                requests.get('http://a', timeout=3)\n                return\n            except Exception:\n"
        f"                {arm}\nwhile True:\n    Poller().run()\n"
    )
    assert len([f for f in said(tmp_path, "endless-retry", {"app.py": code, "Dockerfile": IMAGE}) if f.line != 15]) == count


SHOP = """import os, time
import flask, psycopg2, requests, client, prometheus_client
app = flask.Flask(__name__)
@app.get('/a')
def a():
    {inside}
    return ''
{outside}
"""


@pytest.mark.parametrize(
    ("read", "call", "told"),
    [
        ("os.getenv('N', 80)", "app.run(port={})", None),  # Flask.run converts
        ("os.getenv('N', '80')", "app.run('0.0.0.0', {})", None),
        ("os.getenv('N', 80)", "prometheus_client.start_http_server({})", "so it works only as long as nobody configures it"),
        ("os.getenv('N', '80')", "prometheus_client.start_http_server({})", "whether it is set or not: the call raises TypeError"),
        ("os.environ['N']", "time.sleep({})", "whatever it is: the call raises TypeError"),
        ("os.getenv('N', 3)", "psycopg2.connect(connect_timeout={})", None),  # a text for libpq
        ("os.getenv('N', 3)", "client.Client(connect_timeout={})", "so it works only as long as nobody configures it"),
        ("os.getenv('N', '3')", "client.Client(connect_timeout={})", None),  # it is given a text every day
        ("os.getenv('N', 3)", "requests.get('http://a', timeout={})", "the call raises ValueError"),
    ],
)
def test_takers_of_a_text_where_a_number_belongs(tmp_path: Path, read: str, call: str, told: str | None) -> None:
    code = SHOP.format(inside=call.format("N") if "app.run" not in call else "pass", outside="").replace("app =", f"N = {read}\napp =")
    code += call.format("N") * ("app.run" in call)
    found = shown(tmp_path, "unconverted-number", {"app.py": code, "Dockerfile": IMAGE})
    assert [(told or "") in f.message for f in found] == ([True] if told else [])


DJANGO = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    "from django.core.management import execute_from_command_line\nif __name__ == '__main__':\n    execute_from_command_line()\n",
    "shop/__init__.py": "",
    "shop/settings.py": "INSTALLED_APPS = ['shop']\nROOT_URLCONF = 'shop.urls'\n",
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    "shop/urls.py": "from django.urls import path\nfrom shop.views import look\nurlpatterns = [path('a', look)]\n",
    "shop/celery.py": "from celery import Celery\napp = Celery('shop')\napp.autodiscover_tasks()\n",
    "shop/tasks.py": "from celery import shared_task\nfrom shop.models import Item\n@shared_task()\n"
    "def fetch(name):\n    Item.objects.create_from_name(name)\n@shared_task(time_limit=9, task_time_limit=9)\ndef other():\n    pass\n",
    "shop/models.py": "import requests\nfrom django.db import models\nfrom catalogue import Item\n"
    "class Items(models.Manager):\n    def create_from_name(self, name):\n        return requests.get('http://a/' + name)\n"
    "class Item(models.Model):\n    objects = Items()\n",
    "docker-compose.yml": "services:\n  web:\n    image: shop\n    command: gunicorn shop.wsgi -k gevent\n"
    "  worker:\n    image: shop\n    command: celery -A shop worker\n",
}
VIEW = "from shop.models import Item\ndef look(request):\n    {}\n"


@pytest.mark.parametrize(
    ("view", "whom"),
    [
        ("return Item.objects.all()", "holds this job for ever"),  # the manager's own method is not one that Django calls
        ("return Item.objects.create_from_name('a')", "this request's thread or task for ever"),
    ],
)
def test_whom_a_method_of_a_manager_holds(tmp_path: Path, view: str, whom: str) -> None:
    (finding,) = said(tmp_path, "call-without-timeout", DJANGO | {"shop/views.py": VIEW.format(view)})
    assert whom in finding.message
    assert ("request's" in finding.message) is ("request's" in whom)
    assert "until the time limit of its job" not in finding.message  # a keyword of one job, which celery makes nothing of


def test_a_class_that_has_the_name_of_what_it_is_made_from(tmp_path: Path) -> None:
    tasks = "from celery import Task\nclass Task(Task):\n    abstract = True\n"
    work = "import requests\nfrom base import Task\nclass Send(Task):\n    def run(self):\n        requests.get('http://a')\n"
    app = "from celery import Celery\nimport work\napp = Celery('a')\napp.register_task(work.Send())\n"
    image = 'FROM python:3.12\nCOPY . /\nCMD ["celery", "-A", "app", "worker"]\n'
    files = {"base.py": tasks, "work.py": work, "app.py": app, "Dockerfile": image}
    assert [f.line for f in said(tmp_path, "call-without-timeout", files)] == [5]


OIDC = """import os
{before}INSTALLED_APPS = ['mozilla_django_oidc']
OIDC_RP_CLIENT_ID = os.getenv('OIDC_RP_CLIENT_ID'{default})
OIDC_OP_TOKEN_ENDPOINT = os.getenv('OIDC_OP_TOKEN_ENDPOINT'{default})
{after}"""


@pytest.mark.parametrize(
    ("default", "before", "after", "told"),
    [
        ("", "", "", "certain"),
        (", None", "", "", "certain"),
        (", ''", "", "", "possible"),  # an empty text is a value that somebody wrote down
        ("", "if os.getenv('OIDC'):\n    ", "", "possible"),  # a switch
        ("", "", "if OIDC_RP_CLIENT_ID:\n    print('by provider')\n", ""),  # one of them is the switch
        ("", "", "if os.getenv('AZURE'):\n    OIDC_OP_TOKEN_ENDPOINT = 'https://a/' + os.environ['AZURE']\n", ""),
    ],
)
def test_settings_that_a_library_needs_where_it_is_used(tmp_path: Path, default: str, before: str, after: str, told: str) -> None:
    settings = OIDC.format(default=default, before=before, after=after)
    found = said(tmp_path, "unvalidated-config", DJANGO | {"shop/settings.py": settings, "shop/views.py": VIEW.format("pass")})
    assert [f.confidence for f in found if "login" in f.message] == ([told] if told else [])
    assert all(("an empty text is" in f.message) is (default == ", ''") for f in found)


BUS = (
    "import pika\nfrom flask import Flask\napp = Flask(__name__)\nclass Bus:\n    def __init__(self, options):\n"
    "        self.options = {{'port': 5672}}\n        {filled}\n    def connect(self):\n"
    "        self.connection = pika.BlockingConnection(pika.ConnectionParameters('mq'{given}))\n"
    "        self.channel = self.connection.channel()\n    def work(self, body):\n        {work}\n"
    "bus = Bus({{}})\n@app.post('/')\ndef index():\n    bus.connect()\n    bus.work(b'')\n    return ''\n"
    "if __name__ == '__main__':\n    app.run()\n"
)
PUBLISHES = "self.channel.basic_publish('', 'q', body)"


@pytest.mark.parametrize(
    ("filled", "given", "work", "count"),
    [
        ("pass", "", PUBLISHES, 1),
        ("pass", "", "self.channel.queue_declare('q')", 0),  # the heartbeat that the broker proposes ends it
        ("pass", ", heartbeat=30", PUBLISHES, 1),  # a broker in alarm sends heartbeats all the same
        ("pass", ", blocked_connection_timeout=30", PUBLISHES, 0),
        ("pass", ", **self.options", PUBLISHES, 1),
        ("self.options['credentials'] = None", ", **self.options", PUBLISHES, 1),
        ("self.options['blocked_connection_timeout'] = 30", ", **self.options", PUBLISHES, 0),
        ("self.options.update(blocked_connection_timeout=30)", ", **self.options", PUBLISHES, 0),
        ("self.options |= {'blocked_connection_timeout': 30}", ", **self.options", PUBLISHES, 0),
        ("self.options |= {'locale': 'en'}", ", **self.options", PUBLISHES, 1),
        ("self.options.update(options)", ", **self.options", PUBLISHES, 0),  # what is among it is not seen
        ("for k in options:\n            self.options[k] = options[k]", ", **self.options", PUBLISHES, 0),
    ],
)
def test_pika_waits_without_limit_for_a_broker_that_blocks_publishers_alone(
    tmp_path: Path, filled: str, given: str, work: str, count: int
) -> None:
    files = {"app.py": BUS.format(filled=filled, given=given, work=work), "Dockerfile": IMAGE}
    found = said(tmp_path, "call-without-timeout", files)
    assert len(found) == count
    for finding in found:
        assert "sets no blocked_connection_timeout" in finding.message and "a broker that blocks publishers" in finding.message
        assert finding.remedy.startswith("set blocked_connection_timeout where")


@pytest.mark.parametrize(("heartbeat", "count"), [(30, 0), (0, 1)])
def test_a_heartbeat_that_is_switched_off(tmp_path: Path, heartbeat: int, count: int) -> None:
    code = BUS.format(filled="pass", given=f", heartbeat={heartbeat}", work="self.channel.queue_declare('q')")
    assert len(said(tmp_path, "timeout-disabled", {"app.py": code, "Dockerfile": IMAGE})) == count


PACKETS = """import json
from flask import Flask
app = Flask(__name__)
@app.post('/a')
def a(line):
    try:
        packet = {made}(line)
        send(packet)
    except {taken}:
        return 'bad'
    except Exception:
        return str(packet)
    return ''
"""


@pytest.mark.parametrize(
    ("made", "taken", "fires"),
    [("json.loads", "json.JSONDecodeError", False), ("json.loads", "KeyError", True), ("open", "json.JSONDecodeError", True)],
)
def test_an_earlier_arm_takes_what_the_call_raises(tmp_path: Path, made: str, taken: str, fires: bool) -> None:
    files = {"app.py": PACKETS.format(made=made, taken=taken), "Dockerfile": GUNICORN}
    assert bool(said(tmp_path, "masked-failure", files)) is fires


@pytest.mark.parametrize(("started", "fires"), [("asyncio.create_task(load(1))", False), ("await load(1)", True)])
def test_a_loop_that_leaves_its_work_to_tasks_of_their_own(tmp_path: Path, started: str, fires: bool) -> None:
    code = "import asyncio\nfrom fastapi import FastAPI\napp = FastAPI()\nasync def load(key):\n    raise OSError(key)\n"
    code += f"async def watch():\n    while True:\n        {started}\n        await asyncio.sleep(1)\n"
    code += "@app.on_event('startup')\nasync def start():\n    asyncio.create_task(watch())\n"
    files = {"app.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["uvicorn", "app:app"]\n'}
    assert any("ends its endless loop" in f.message for f in said(tmp_path, "lost-background-task", files)) is fires


@pytest.mark.parametrize(("halt", "fires"), [("--halt now,done=1 ", False), ("--halt never ", True), ("", True)])
def test_programs_that_parallel_ends_together(tmp_path: Path, halt: str, fires: bool) -> None:
    files = {
        "worker.py": "import time\nwhile True:\n    time.sleep(1)\n    print(open('x').read())\n",
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["/start.sh"]\n',
        "start.sh": f'#!/bin/sh\nparallel --jobs 2 {halt}::: "python worker.py" "nginx -p /home"\n',
    }
    assert bool(said(tmp_path, "abandoned-program", files)) is fires


@pytest.mark.parametrize(("path", "fires"), [("/test_connection", False), ("/worker_get_status", False), ("/orders/<id>/status", True)])
def test_routes_that_say_that_the_program_answers(tmp_path: Path, path: str, fires: bool) -> None:
    routes = "".join(f"@app.get('/r{n}')\ndef r{n}():\n    return str(load({n}))\n" for n in range(5))
    code = f"from flask import Flask\napp = Flask(__name__)\n{routes}@app.get('{path}')\ndef asked(id=None):\n    return str(load(id))\n"
    assert bool(said(tmp_path, "no-health-endpoint", {"app.py": code, "Dockerfile": GUNICORN})) is fires


@pytest.mark.parametrize(("inside", "fires"), [("httpd.serve_forever()", False), ("set_up()\n        httpd.serve_forever()", True)])
def test_a_server_that_takes_what_its_handlers_raise(tmp_path: Path, inside: str, fires: bool) -> None:
    code = "import socketserver\nfrom http.server import SimpleHTTPRequestHandler\ndef set_up():\n    open('/a').read()\n"
    code += "with socketserver.TCPServer(('', 80), SimpleHTTPRequestHandler) as httpd:\n    try:\n"
    code += f"        {inside}\n    except Exception:\n        print('stopping')\n"
    files = {"serve.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["python", "serve.py"]\n'}
    assert bool(said(tmp_path, "success-after-failure", files)) is fires


@pytest.mark.parametrize(("spec", "fires"), [("{'activeDeadlineSeconds': 3600}", False), ("{'ttlSecondsAfterFinished': 60}", True)])
def test_what_is_polled_is_given_a_deadline_where_it_runs(tmp_path: Path, spec: str, fires: bool) -> None:
    code = "import time\nimport requests\nfrom flask import Flask\napp = Flask(__name__)\n@app.post('/a')\ndef a():\n"
    code += f"    requests.post('http://jobs', json={spec}, timeout=5)\n"
    code += "    while requests.get('http://jobs/1', timeout=5).text != 'done':\n        time.sleep(1)\n    return ''\n"
    assert bool(said(tmp_path, "unbounded-poll", {"app.py": code, "Dockerfile": GUNICORN})) is fires


@pytest.mark.parametrize(("task", "fires"), [("@shared_task\n", False), ("", True)])
def test_what_a_task_of_celery_prints(tmp_path: Path, task: str, fires: bool) -> None:
    """Its worker makes what is printed a record (worker_redirect_stdouts), whichever program is held to run the task."""
    code = "import time\nfrom celery import shared_task\ndef clean(row):\n    try:\n        return row['a']\n    except KeyError:\n"
    code += f"        print('no a in', row)\n{task}def work(rows):\n    for row in rows:\n        clean(row)\n"
    main = "import time\nfrom work import work\nif __name__ == '__main__':\n    while True:\n        work" + ("" if task else "([])") + "\n"
    image = IMAGE.replace("app.py", "main.py")
    files = {"work.py": code, "main.py": main + "        time.sleep(5)\n", "Dockerfile": image}
    assert bool(shown(tmp_path, "print-in-service", files)) is fires


@pytest.mark.parametrize(
    ("body", "sure"),
    [("try:\n        post(a)\n    except Exception:\n        pass", False), ("requests.post('http://a', timeout=5)", True)],
)
def test_a_message_that_never_fails_stands_for_no_mark(tmp_path: Path, body: str, sure: bool) -> None:
    code = "import requests\nfrom celery import Celery\napp = Celery('a')\n"
    code += "def compute(site):\n    return 'ok'\n@app.task\ndef build(site):\n    site.state = compute(site)\n    site.save()\n"
    code += f"    notify(site)\ndef notify(site):\n    {body}\ndef ask(site):\n    build.delay(site)\n"
    found = said(tmp_path, "ack-before-work", {"jobs.py": code})
    assert [f.confidence != "possible" for f in found] == [sure]


@pytest.mark.parametrize(("name", "fires"), [("AnalyticsManager", False), ("OrderManager", True)])
def test_a_task_of_numbers_about_the_program(tmp_path: Path, name: str, fires: bool) -> None:
    code = f"import asyncio\nfrom fastapi import FastAPI\napp = FastAPI()\nclass {name}:\n    async def send_finished(self, key):\n"
    code += f"        await self.session.post('http://a', json=key)\nmanager = {name}()\n@app.post('/a')\nasync def a(key):\n"
    code += "    asyncio.create_task(manager.send_finished(key))\n"
    files = {"app.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["uvicorn", "app:app"]\n'}
    assert bool(said(tmp_path, "lost-background-task", files)) is fires


@pytest.mark.parametrize(("asked", "fires"), [("client.ping()", False), ("client.exists('ready')", True)])
def test_a_no_that_never_comes(tmp_path: Path, asked: str, fires: bool) -> None:
    """redis answers a ping with True or an exception."""
    code = "import logging\nimport time\nimport redis\ndef main():\n    client = redis.Redis(host='a')\n"
    code += f"    if {asked}:\n        logging.info('there')\n    else:\n        logging.error('could not connect')\n        return\n"
    code += "    while True:\n        client.blpop('a', 5)\nif __name__ == '__main__':\n    main()\n"
    assert bool(shown(tmp_path, "success-after-failure", {"app.py": code, "Dockerfile": IMAGE})) is fires


@pytest.mark.parametrize(("help_", "fires"), [("Deprecated; now always enabled.", False), ("Write more.", True)])
def test_an_option_that_is_kept_for_its_callers(tmp_path: Path, help_: str, fires: bool) -> None:
    code = "import argparse\nparser = argparse.ArgumentParser()\n"
    code += f"parser.add_argument('--more', action='store_true', default=True, help={help_!r})\nprint(parser.parse_args().more)\n"
    assert bool(said(tmp_path, "inert-option", {"app.py": code, "Dockerfile": IMAGE})) is fires


@pytest.mark.parametrize(("name", "fires"), [("SessionTimeoutMiddleware", False), ("TimeoutMiddleware", True)])
def test_a_middleware_that_ends_logins(tmp_path: Path, name: str, fires: bool) -> None:
    code = f"import requests\nfrom flask import Flask\nfrom own.limits import {name}\napp = Flask(__name__)\n"
    code += f"app.wsgi_app = {name}(app.wsgi_app)\n"
    code += "@app.get('/a')\ndef a():\n    requests.get('http://a')\n    return ''\n"
    (finding,) = said(tmp_path, "call-without-timeout", {"app.py": code, "Dockerfile": GUNICORN})
    assert ("middleware" in finding.message) is fires


@pytest.mark.parametrize(("library", "fires"), [("aiohttp", False), ("requests", True)])
def test_a_wrapper_that_is_given_no_limit_has_that_of_the_library(tmp_path: Path, library: str, fires: bool) -> None:
    """aiohttp gives up after 300 s (3.14, client.py: DEFAULT_TIMEOUT), requests never does."""
    wrapper = {
        "aiohttp": "async def ask(url, **more):\n    async with aiohttp.ClientSession() as session:\n"
        "        return await session.get(url, **more)\n",
        "requests": "async def ask(url, **more):\n    return requests.get(url, **more)\n",
    }[library]
    code = f"import {library}\nfrom fastapi import FastAPI\napp = FastAPI()\n{wrapper}@app.get('/a')\nasync def a():\n"
    code += "    await ask('http://a')\n@app.get('/b')\nasync def b():\n    await ask('http://b', timeout=5)\n"
    files = {"app.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["uvicorn", "app:app"]\n'}
    assert bool(said(tmp_path, "call-without-timeout", files)) is fires


@pytest.mark.parametrize(("base", "whom"), [("acme.Scheduler", "its caller"), ("MethodView", "this request's thread or task")])
def test_whom_a_method_holds_that_a_library_calls(tmp_path: Path, base: str, whom: str) -> None:
    code = "import acme\nimport requests\nfrom flask import Flask\nfrom flask.views import MethodView\napp = Flask(__name__)\n"
    code += f"class Lost({base}):\n    def get(self):\n        requests.get('http://a')\n        return ''\n"
    code += "app.lost = Lost()\n" if base.startswith("acme") else "app.add_url_rule('/a', view_func=Lost.as_view('a'))\n"
    found = said(tmp_path, "call-without-timeout", {"app.py": code, "Dockerfile": GUNICORN})
    assert [f"silent holds {whom}" in f.message for f in found] == [True]
