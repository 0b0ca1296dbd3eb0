"""Which calls without a limit are findings, and which leads: those that make their client on the spot, or are a habit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

WEB = "from flask import Flask\napp = Flask(__name__)\n{}\n@app.get('/a')\ndef a():\n    {}\n    return ''\n"
IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "-k", "gevent", "app:app"]\n'


@pytest.mark.parametrize(
    ("made", "call", "confidence"),
    [
        ("import requests", "requests.get('http://a')", "likely"),
        ("import requests", "requests.request('GET', 'http://a')", "likely"),
        ("import urllib.request", "urllib.request.urlopen('http://a')", "likely"),
        ("import requests\nsession = requests.Session()", "session.get('http://a')", "likely"),
        ("import urllib.request", "urllib.request.urlretrieve('http://a', '/tmp/a')", "likely"),
        ("def fetch(session: 'requests.Session'):\n    return session.get('http://a')\nimport requests", "fetch(made())", "possible"),
        ("import smtplib", "smtplib.SMTP('a')", "likely"),
        ("import requests", "requests.Session().get('http://a')", "likely"),
        ("import requests", "session = requests.Session(); session.get('http://a')", "likely"),
        (
            "import requests\nsession = requests.Session()",
            "[session.get('http://a'), session.put('http://b'), session.post('http://c')]",
            "likely",
        ),
    ],
)
def test_call_that_makes_its_client_on_the_spot(tmp_path: Path, made: str, call: str, confidence: str) -> None:
    found = said(tmp_path, "call-without-timeout", {"app.py": WEB.format(made, call), "Dockerfile": IMAGE})
    assert {f.confidence for f in found} == {confidence}


PLUGIN = """import requests
class Plugin:
    def send(self, text):
        return {}
    def _post(self, text):
        return requests.post('http://a', data=text)
"""
LOADED = "import plugin\nfrom flask import Flask\napp = Flask(__name__)\n@app.get('/a')\ndef a():\n    return app.extensions['b'].run()\n"


@pytest.mark.parametrize(
    ("body", "image", "confidence"),
    [
        ("self._post(text)", IMAGE, "likely"),
        ("text", IMAGE, "possible"),  # nothing names it: who knows whether it is called
        ("self._post(text)", "", "possible"),
    ],
)
def test_call_to_which_no_way_was_followed(tmp_path: Path, body: str, image: str, confidence: str) -> None:
    """It is told where another function calls the one that makes the call, in a program that is deployed."""
    files = {"plugin.py": PLUGIN.format(body), "app.py": LOADED, "Dockerfile": image or "FROM python:3.12\n"}
    found = said(tmp_path, "call-without-timeout", files)
    assert [(f.confidence, f.severity) for f in found] == [(confidence, "low")]
    assert found[0].message.endswith("holds whoever calls it")


@pytest.mark.parametrize("named", ["psycopg2", "psycopg2-binary"])
def test_what_is_told_first_is_a_wait_of_the_phase_that_is_told(tmp_path: Path, named: str) -> None:
    """The connection is made at the start, and a request waits for a statement; the library is named as the project names it."""
    store = "import psycopg2\nclass Store:\n    def __init__(self):\n        self.db = psycopg2.connect('host=a')\n"
    store += "        self.db.cursor().execute('set a')\n    def put(self):\n        self.db.cursor().execute('insert')\n"
    app = "from fastapi import FastAPI\nfrom store import Store\napp = FastAPI()\nstore = None\n@app.on_event('startup')\n"
    app += "def start():\n    global store\n    store = Store()\n@app.get('/a')\ndef a():\n    store.put()\n"
    image = f'FROM python:3.12\nRUN pip install {named}==2.9.9\nCOPY . /\nCMD ["uvicorn", "app:app"]\n'
    files = {"store.py": store, "app.py": app, "Dockerfile": image, "requirements.txt": f"{named}==2.9.9\n"}
    (finding,) = said(tmp_path, "call-without-timeout", files)
    assert finding.message.startswith("psycopg2.connect() (for execute() of store.py:7) sets no limit and " + named + " 2.9.9 has none")
    assert [e.note for e in finding.trace][-1].startswith("a → put")


@pytest.mark.parametrize(("method", "confidence"), [("close()", "possible"), ("execute('select 1')", "certain")])
def test_a_goodbye_alone_is_no_wait_to_tell(tmp_path: Path, method: str, confidence: str) -> None:
    app = "import asyncpg\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\nasync def a():\n"
    app += f"    connection = await asyncpg.connect('postgres://db')\n    await connection.{method}\n"
    files = {"app.py": app, "Dockerfile": IMAGE.replace('"gunicorn", "-k", "gevent"', '"uvicorn"'), "requirements.txt": "asyncpg==0.31.0\n"}
    found = [f for f in said(tmp_path, "call-without-timeout", files) if f.line > 5]
    assert {f.confidence for f in found} == {confidence}


GENAI = """from flask import Flask
from google import genai
from google.genai import types
app = Flask(__name__)
class Model:
    client: genai.Client
    def __init__(self, given):
        self.client = self._made(given)
    def _made(self, given):
        {}
        return genai.Client(api_key='a', http_options=types.HttpOptions(**options))
    def ask(self):
        return self.client.models.generate_content(model='a', contents=[])
@app.get('/a')
def a():
    return Model({{}}).ask()
"""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("options = {'timeout': 5000}", False),
        ("options = {'timeout': 5000}; options.update(given)", False),
        ("options = {'api_version': 'v1'}", True),
    ],
)
def test_options_that_are_unpacked_into_an_object(tmp_path: Path, options: str, told: bool) -> None:
    """The limit may be among them; that the attribute is annotated besides does not hide how the client was made."""
    found = said(tmp_path, "call-without-timeout", {"app.py": GENAI.format(options), "Dockerfile": IMAGE})
    assert bool(found) is told
