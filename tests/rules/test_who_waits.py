"""Calls that hold nobody where they stand, and log lines, decorators and arms that say less than they seem to."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = "from flask import Flask\napp = Flask(__name__)\n{0}\n@app.get('/a')\ndef a():\n{1}"
KUBERNETES = "from kubernetes import client\napi = client.CoreV1Api()"
FUTURES = "from requests_futures.sessions import FuturesSession\nsession = FuturesSession()"
SEND = (
    "import requests\nold = requests.Session.send\ndef send(self, request, **given):\n    given.setdefault({0}, 30)\n"
    "    return old(self, request, **given)\n{1}"
)
GET = "    return requests.get('https://peer').text\n"


@pytest.mark.parametrize(
    ("head", "body", "told"),
    [
        (KUBERNETES, "    thread = api.list_node(async_req=True)\n    return str(thread.get(30))\n", False),
        (KUBERNETES, "    thread = api.list_node(async_req=True)\n    return str(thread.get())\n", True),
        (KUBERNETES, "    return str(api.list_node())\n", True),
        (FUTURES, "    session.post('https://peer')\n    return ''\n", False),
        (FUTURES, "    return session.post('https://peer').result().text\n", True),
        (SEND.format("'timeout'", "requests.Session.send = send"), GET, False),
        (SEND.format("'timeout'", "setattr(requests.Session, 'send', send)"), GET, False),
        (SEND.format("'verify'", "requests.Session.send = send"), GET, True),
    ],
)
def test_a_call_that_holds_nobody_is_not_told(tmp_path: Path, head: str, body: str, told: bool) -> None:
    files = {"app.py": APP.format(head, body), "requirements.txt": "flask\nkubernetes\nrequests\nrequests-futures\n"}
    assert bool(said(tmp_path, "call-without-timeout", files)) is told


@pytest.mark.parametrize(("limit", "told"), [("    sock.settimeout(5)\n", False), ("", True)])
def test_tls_takes_the_limit_of_the_socket_below(tmp_path: Path, limit: str, told: bool) -> None:
    body = (
        f"    sock = socket.socket()\n{limit}    context = ssl.create_default_context()\n"
        "    tls = context.wrap_socket(sock)\n    return tls.recv(1)\n"
    )
    found = said(tmp_path, "call-without-timeout", {"app.py": APP.format("import socket, ssl", body)})
    assert any("wrap_socket" in f.message for f in found) is told


@pytest.mark.parametrize(("ask", "confidence"), [("input('user: ')", "possible"), ("'user'", "likely")])
def test_who_answers_prompts_can_press_a_key(tmp_path: Path, ask: str, confidence: str) -> None:
    main = (
        "import time, requests\ndef login():\n"
        f"    name = {ask}\n    return requests.post('https://peer', data=name)\n"
        "def main():\n    while True:\n        login()\n        time.sleep(60)\nif __name__ == '__main__':\n    main()\n"
    )
    found = said(tmp_path, "call-without-timeout", {"main.py": main, "Dockerfile": 'FROM python\nCMD ["python", "main.py"]\n'})
    assert {("possible" if f.confidence == "possible" else "likely") for f in found} == {confidence}


@pytest.mark.parametrize(
    ("configure", "told"),
    [
        ("", True),
        ("structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))\n", True),
        ("structlog.configure(wrapper_class=structlog.stdlib.BoundLogger)\n", False),
        (
            "structlog.configure(wrapper_class=structlog.stdlib.BoundLogger, "
            "processors=[structlog.stdlib.PositionalArgumentsFormatter()])\n",
            True,
        ),
    ],
)
def test_structlog_formats_by_its_wrapper_or_a_processor(tmp_path: Path, configure: str, told: bool) -> None:
    head = f"import structlog\n{configure}log = structlog.get_logger()\n"
    found = said(tmp_path, "broken-log-format", {"app.py": APP.format(head, "    log.info('done', 5)\n    return ''\n")})
    assert bool(found) is told


@pytest.mark.parametrize(("end", "told"), [("return 'failed', 500", True), ("raise RuntimeError('failed')", False)])
def test_an_error_handler_that_raises_leaves_the_record_to_the_server(tmp_path: Path, end: str, told: bool) -> None:
    head = f"@app.errorhandler(Exception)\ndef failed(error):\n    app.logger.error('failed: %s', error)\n    {end}\n"
    assert bool(said(tmp_path, "lost-traceback", {"app.py": APP.format(head, "    return ''\n")})) is told


@pytest.mark.parametrize(
    ("line", "told"),
    [("print(error)", True), ("traceback.print_exc(); print(error)", False), ("print(9, end='\\r')", False)],
)
def test_a_print_that_adds_nothing_is_not_told(tmp_path: Path, line: str, told: bool) -> None:
    body = f"    try:\n        return str(work())\n    except Exception as error:\n        {line}\n        return ''\n"
    assert bool(shown(tmp_path, "print-in-service", {"app.py": APP.format("import traceback\nfrom other import work", body)})) is told


def test_collected_packages_of_several_owners_are_vendored(tmp_path: Path) -> None:
    call = "import smtplib, time\ndef main():\n    while True:\n        smtplib.SMTP('mail').noop()\n        time.sleep(1)\nmain()\n"
    owners = {"one": "Ada One", "two": "Bob Two", "three": "Eve Three"}
    files = {f"lib/{name}/__init__.py": f"# Copyright (c) 2012 {owner}\n{call}" for name, owner in owners.items()}
    assert not said(tmp_path / "several", "call-without-timeout", files)
    same = {path: text.replace("Bob Two", "Ada One").replace("Eve Three", "Ada One") for path, text in files.items()}
    assert said(tmp_path / "same", "call-without-timeout", same)


PIPED = """
import multiprocessing
import time


def work(end):
    end.send(1)


def ask():
    here, there = multiprocessing.Pipe(False)
    child = multiprocessing.Process(target=work, args=(there,))
    child.start()
    CLOSE
    return here.recv()


if __name__ == "__main__":
    while True:
        ask()
        time.sleep(5)
"""


@pytest.mark.parametrize(("close", "sure"), [("print()", True), ("there.close()", False)])
def test_a_pipe_of_which_the_reader_keeps_the_writing_end(tmp_path: Path, close: str, sure: bool) -> None:
    found = said(tmp_path, "unbounded-wait", {"ask.py": PIPED.replace("CLOSE", close)})
    assert [f.confidence == "certain" for f in found] == [sure]


PINGED = """
import multiprocessing
from fastapi import FastAPI

app = FastAPI()


class Child:
    def __init__(self):
        self.here, self.there = multiprocessing.Pipe()

    def ping(self, limit=5):
        self.here.send(b"ping")
        LINES
        return self.here.recv()


child = Child()


@app.get("/ping")
async def ping():
    return child.ping()
"""


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("self.here.poll(limit)", ["self.here.poll"]),  # then something is there, and few bytes always find room in the pipe
        ("print()", ["self.here.recv"]),
        ("self.here.poll()", []),
    ],
)
def test_a_pipe_is_waited_for_on_the_loop(tmp_path: Path, lines: str, told: list[str]) -> None:
    found = said(tmp_path, "blocking-in-async", {"app.py": PINGED.replace("LINES", lines), "Procfile": "web: uvicorn app:app\n"})
    assert [f.message.partition("(")[0] for f in found] == told


LISTENER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from django.core.management.base import BaseCommand
from shop import urls


class Command(BaseCommand):
    def handle(self, *args, **options):
        HTTPServer(("", 9000), BaseHTTPRequestHandler).serve_forever()
"""


def test_a_command_that_stays_up_answers_no_views(tmp_path: Path) -> None:
    views = "import requests\n\n\ndef price(request):\n    return requests.get('http://prices/')\n"
    urls = "from django.urls import path\nfrom shop import views\n\nurlpatterns = [path('price', views.price)]\n"
    wsgi = "from django.core.wsgi import get_wsgi_application\nfrom shop import urls\n\napplication = get_wsgi_application()\n"
    files = {
        "shop/__init__.py": "", "shop/views.py": views, "shop/urls.py": urls, "shop/wsgi.py": wsgi, "manage.py": "",
        "shop/management/commands/listen.py": LISTENER,
        "Procfile": "web: gunicorn shop.wsgi\nlisten: python manage.py listen\n",
    }  # fmt: skip
    (finding,) = said(tmp_path, "call-without-timeout", files)
    assert finding.entrypoints == ("shop/wsgi.py::application",)
    assert "until gunicorn kills its process after 30 s" in finding.message
