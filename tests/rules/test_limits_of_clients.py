"""Limits that a client has by itself or by an option: longer than the server's, in the wrong unit, or not given."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

pytestmark = pytest.mark.usefixtures("any_call")

HEAD = "from flask import Flask\napp = Flask(__name__)\n"
VIEW = "@app.get('/a')\ndef a():\n"
IMAGE = "FROM python:3.12-slim\nCOPY . /app\nCMD [\"gunicorn\", {0}\"app:app\"]\n"
S3 = "import boto3\nfrom botocore.config import Config\n" + HEAD + VIEW + "    return boto3.client('s3'{0}).list_buckets()\n"
OPENAI = "from openai import OpenAI\n" + HEAD + VIEW + "    return OpenAI({0}).chat.completions.create(model='a', messages=[])\n"
PINS = "boto3==1.44.5\nopenai==2.43.0\nflask-dance==7.1.0\nflask-oidc==2.4.0\nkubernetes==35.0.0\nredis==5.0.0\nstomp.py==9.0.0\n"


@pytest.mark.parametrize(
    ("code", "options", "fires"),
    [
        (S3.format(""), "", True),
        (S3.format(", config=Config(read_timeout=5)"), "", False),
        (S3.format(", **app.options"), "", False),
        (S3.format(""), '"-k", "gthread", ', False),
        (S3.format(""), '"--timeout", "120", ', False),
        (S3.format(""), '"--timeout", "0", ', False),
        (OPENAI.format(""), '"--timeout", "120", ', True),
        (OPENAI.format("timeout=20"), '"--timeout", "120", ', False),
    ],
)
def test_a_default_longer_than_the_server(tmp_path: Path, code: str, options: str, fires: bool) -> None:
    files = {"app.py": code, "Dockerfile": IMAGE.format(options), "requirements.txt": PINS}
    assert bool(shown(tmp_path, "deadline-inversion", files)) is fires


def test_one_finding_for_a_library(tmp_path: Path) -> None:
    more = "@app.get('/b')\ndef b():\n    return boto3.client('sqs').list_queues()\n"
    files = {"app.py": S3.format("") + more, "Dockerfile": IMAGE.format(""), "requirements.txt": PINS}
    (finding,) = shown(tmp_path, "deadline-inversion", files)
    assert (finding.severity, finding.count) == ("low", 2)


@pytest.mark.parametrize(
    ("call", "fires"),
    [
        ("requests.get('http://a', timeout=5000)", True),
        ("requests.get('http://a', timeout=(1000, 1000))", True),
        ("requests.get('http://a', timeout=3600)", False),
        ("requests.get('http://a', timeout=900)", False),
        ("requests.get('http://a', timeout=1500)", False),
        ("requests.get('http://a', timeout=5)", False),
        ("InstanceMetadataFetcher(timeout=1000, num_attempts=2).retrieve_iam_role_credentials()", True),
        ("InstanceMetadataFetcher(timeout=2)", False),
    ],
)
def test_thousands_of_seconds(tmp_path: Path, call: str, fires: bool) -> None:
    code = "import requests\nfrom botocore.utils import InstanceMetadataFetcher\n" + HEAD + VIEW + f"    return {call}\n"
    assert bool(shown(tmp_path, "limit-in-wrong-unit", {"app.py": code, "requirements.txt": PINS})) is fires


DANCE = "from flask_dance.contrib.github import make_github_blueprint\n" + HEAD + "made = make_github_blueprint({0})\n"
OWN_DANCE = "from flask_dance.consumer import OAuth2ConsumerBlueprint\n" + HEAD + "class Mine(OAuth2ConsumerBlueprint):\n    pass\n"
OIDC = "from flask_oidc import OpenIDConnect\n" + HEAD + "oidc = OpenIDConnect(app)\n{0}"
STORAGE = "import os\nfrom limits.storage import RedisStorage\n" + HEAD + "kept = RedisStorage(os.environ['CACHE']{0})\n"
FROM_TEXT = "from limits.storage import storage_from_string\n" + HEAD + "kept = storage_from_string('{0}')\n"
LIMITER = "import os\nfrom flask_limiter import Limiter\n" + HEAD + "limiter = Limiter(app.key, app=app{0})\n"


@pytest.mark.parametrize(
    ("code", "count"),
    [
        (DANCE.format(""), 1),
        (DANCE.format("token_url_params={'timeout': 5}"), 0),
        (OWN_DANCE, 1),
        (OIDC.format(""), 0),  # made for its secrets alone: it asks nobody
        (OIDC.format("@app.get('/own')\n@oidc.require_login\ndef own():\n    return ''\n"), 1),
        (OIDC.format("oidc.oauth.oidc.client_kwargs['default_timeout'] = 5\n"), 0),
        (STORAGE.format(""), 1),
        (STORAGE.format(", socket_timeout=2"), 0),
        (FROM_TEXT.format("redis://cache:6379"), 1),
        (FROM_TEXT.format("async+redis://cache:6379"), 0),
        (FROM_TEXT.format("memory://"), 0),
        (LIMITER.format(""), 0),
        (LIMITER.format(", storage_uri='redis://cache'"), 1),
        (LIMITER.format(", storage_uri=os.environ['REDIS_URL']"), 1),
        (LIMITER.format(", storage_uri='redis://cache', storage_options={'socket_timeout': 2}"), 0),
        (LIMITER.format(", storage_uri='memory://'"), 0),
    ],
)
def test_an_option_that_is_not_given(tmp_path: Path, code: str, count: int) -> None:
    assert len(shown(tmp_path, "call-without-timeout", {"app.py": code, "requirements.txt": PINS})) == count


def test_a_redis_client_that_has_a_limit_of_its_own(tmp_path: Path) -> None:
    files = {"app.py": STORAGE.format(""), "requirements.txt": PINS.replace("redis==5.0.0", "redis==8.0.0")}
    assert not shown(tmp_path, "call-without-timeout", files)


def test_a_client_of_kubernetes_that_another_package_makes(tmp_path: Path) -> None:
    code = "from shared.cluster import core\n" + HEAD + VIEW + "    return core.list_namespaced_pod('a'{0})\n"
    files = {"app.py": code.format(""), "requirements.txt": PINS}
    assert shown(tmp_path / "a", "call-without-timeout", files)
    assert not shown(tmp_path / "b", "call-without-timeout", {**files, "app.py": code.format(", _request_timeout=5")})


@pytest.mark.parametrize(
    ("call", "fires"),
    [
        ("core.read_namespaced_pod_log('a', 'b')", True),
        ("core.read_namespaced_pod_log('a', 'b', follow=True)", False),
        ("core.read_namespaced_pod_log('a', 'b', follow=True, _request_timeout=(3, None))", False),
        ("core.list_namespaced_pod('a', _request_timeout=5, _preload_content=False).read()", False),
    ],
)
def test_what_is_asked_of_kubernetes(tmp_path: Path, call: str, fires: bool) -> None:
    files = {"app.py": "from shared.cluster import core\n" + HEAD + VIEW + f"    return {call}\n", "requirements.txt": PINS}
    assert bool(shown(tmp_path / "a", "call-without-timeout", files) + shown(tmp_path / "b", "timeout-disabled", files)) is fires


def test_the_place_that_serves_stands_for_a_client(tmp_path: Path) -> None:
    code = (
        "from kubernetes import client\nfrom flask import Flask\napi = client.CoreV1Api()\n\n\ndef make():\n    app = Flask(__name__)\n"
        "    api.list_namespaced_secret('a')\n\n    @app.get('/a')\n    def a():\n        return api.list_namespaced_pod('a')\n\n"
        "    return app\n\n\nif __name__ == '__main__':\n    make().run()\n"
    )
    (finding,) = shown(tmp_path, "call-without-timeout", {"app.py": code, "requirements.txt": PINS})
    assert (finding.line, finding.phase) == (12, "serving")


@pytest.mark.parametrize(("asked", "fires"), [("wait=True", True), ("wait=False", False), ("", False)])
def test_a_broker_that_is_waited_for(tmp_path: Path, asked: str, fires: bool) -> None:
    given = f"'a', 'b', {asked}" if asked else "'a', 'b'"
    code = "import stomp\n" + HEAD + VIEW + f"    conn = stomp.Connection([('mq', 61613)])\n    conn.connect({given})\n"
    assert bool(shown(tmp_path, "call-without-timeout", {"app.py": code, "requirements.txt": PINS})) is fires


def test_a_bind_to_a_directory(tmp_path: Path) -> None:
    made = "    conn = ldap.initialize('ldaps://directory')\n    conn.sasl_gssapi_bind_s()\n    return find(conn)\n"
    code = "import ldap\n" + HEAD + VIEW + made
    assert shown(tmp_path, "call-without-timeout", {"app.py": code})


@pytest.mark.parametrize(("value", "fires"), [("os.environ.get('LIMIT', 60)", True), ("int(os.environ.get('LIMIT', 60))", False)])
def test_a_text_where_the_client_of_kubernetes_takes_a_number(tmp_path: Path, value: str, fires: bool) -> None:
    code = (
        "import os\nfrom kubernetes import client, watch\n" + HEAD + f"LIMIT = {value}\n" + VIEW
        + "    given = {'_request_timeout': LIMIT}\n    return list(watch.Watch().stream(client.CoreV1Api().list_namespace, **given))\n"
    )
    assert bool([f for f in said(tmp_path, "inert-timeout", {"app.py": code}) if f.confidence == "certain"]) is fires


ROUTES = """\
from fastapi import FastAPI
from openai import OpenAI

app = FastAPI()


def ask(text):
    return complete(OpenAI(), text)


def complete(client: OpenAI, text):
    return client.chat.completions.create(model="m", messages=[{{"content": text}}])


{route}def answer(text: str):
    {call}
"""


@pytest.mark.parametrize(
    ("route", "call", "told"),
    [
        ("@app.get('/')\nasync ", "return ask(text)", ["certain"]),
        ("@app.get('/')\n", "return ask(text)", []),  # the framework runs it in a thread
        ("@app.get('/')\nasync ", "import asyncio\n    return await asyncio.to_thread(ask, text)", []),
    ],
)
def test_plain_functions_that_only_coroutines_call_hold_the_loop(tmp_path: Path, route: str, call: str, told: list[str]) -> None:
    files = {"app.py": ROUTES.format(route=route, call=call), "Procfile": "web: uvicorn app:app\n"}
    assert [f.confidence for f in said(tmp_path, "blocking-in-async", files)] == told


@pytest.mark.parametrize(
    ("module", "made", "fires"),
    [
        ("playhouse.pool", "PooledPostgresqlExtDatabase('shop', max_connections=8)", True),
        ("playhouse.pool", "PooledPostgresqlExtDatabase('shop', connect_timeout=5, options='-c statement_timeout=5000')", False),
        ("playhouse.postgres_ext", "PostgresqlExtDatabase('shop', host='db')", True),
        ("playhouse.postgres_ext", "PooledPostgresqlExtDatabase('shop', host='db')", True),
        # it waits five seconds for a lock by default
        ("peewee", "SqliteDatabase('shop.db')", False),
    ],
)
def test_the_databases_of_peewee(tmp_path: Path, module: str, made: str, fires: bool) -> None:
    code = f"from {module} import {made.partition('(')[0]}\n{HEAD}db = {made}\n{VIEW}    db.connect(reuse_if_open=True)\n    return ''\n"
    files = {"app.py": code, "Dockerfile": IMAGE.format(""), "requirements.txt": "peewee==3.17.9\n"}
    assert bool(shown(tmp_path, "call-without-timeout", files)) is fires


THROUGH = (
    "import time\n\nimport kubernetes\n\n\nclass Proxy(BASE):\n"
    "    def __init__(self):\n        self._api = kubernetes.client.CoreV1Api()\n\n"
    "    def __getattr__(self, name):\n        return lambda *a, **k: getattr(self._api, name)(*a, _request_timeout=5, **k)\n\n\n"
    "def main():\n    api = Proxy()\n    while True:\n        api.patch_namespaced_pod('a', 'b', {})\n        time.sleep(5)\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(("base", "fires"), [("object", False), ("kubernetes.client.CoreV1Api", True)])
def test_a_class_that_hands_each_call_on(tmp_path: Path, base: str, fires: bool) -> None:
    """What ``object`` lacks is no method of a client that has one of that name."""
    files = {"app.py": THROUGH.replace("BASE", base), "requirements.txt": PINS}
    assert bool(said(tmp_path, "call-without-timeout", files)) is fires


@pytest.mark.parametrize(("version", "told"), [("1.2.3", "1.2.4 or later"), ("4.0.0", "OIDC_TIMEOUT = 10")])
def test_a_setting_that_an_old_version_does_not_read(tmp_path: Path, version: str, told: str) -> None:
    names = "OP_AUTHORIZATION_ENDPOINT OP_TOKEN_ENDPOINT OP_USER_ENDPOINT RP_CLIENT_ID RP_CLIENT_SECRET".split()
    settings = "INSTALLED_APPS = ['mozilla_django_oidc']\n" + "".join(f"OIDC_{name} = 'https://id.example'\n" for name in names)
    wsgi = (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n"
    )
    files = {
        "shop/__init__.py": "", "shop/settings.py": settings, "shop/wsgi.py": wsgi, "Procfile": "web: gunicorn shop.wsgi\n",
        "requirements.txt": f"mozilla-django-oidc=={version}\nDjango==4.2\n",
    }  # fmt: skip
    (finding,) = [f for f in said(tmp_path, "call-without-timeout", files) if "OIDC_TIMEOUT" in f.message]
    assert told in finding.remedy


@pytest.mark.parametrize(
    ("line", "told"),
    [("curl -s https://a.example", "stays silent"), ("curl --connect-timeout 1 https://a.example", "before it has answered")],
)
def test_a_download_that_has_a_limit_for_connecting(tmp_path: Path, line: str, told: str) -> None:
    files = {
        "app.py": HEAD, "start.sh": f"#!/bin/sh\n{line}\nexec gunicorn app:app\n",
        "Dockerfile": "FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT [\"./start.sh\"]\n",
    }  # fmt: skip
    (finding,) = [f for f in said(tmp_path, "call-without-timeout", files) if "curl" in f.message]
    assert told in finding.message


@pytest.mark.parametrize(("run", "told"), [("WSGIApplication().run()", False), ("app.run()", True)])
def test_a_program_that_runs_gunicorn_by_itself(tmp_path: Path, run: str, told: bool) -> None:
    """Its options are not followed, and by default it ends a request: nobody is held for ever."""
    code = f"import requests\nfrom gunicorn.app.wsgiapp import WSGIApplication\n{HEAD}{VIEW}    return requests.get('http://b').text\n"
    files = {"app.py": f"{code}\n\nif __name__ == '__main__':\n    {run}\n", "Procfile": "web: python app.py\n"}
    assert any("for ever" in f.message for f in said(tmp_path, "call-without-timeout", files)) is told


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("await asyncio.wait_for(page.evaluate('1'), timeout=LIMIT)", 0),
        ("await asyncio.wait_for(page.evaluate('1'), timeout=None)", 1),
        ("await page.evaluate('1')", 1),
    ],
)
def test_a_limit_around_a_call_that_is_handed_over(tmp_path: Path, lines: str, count: int) -> None:
    code = (
        "import asyncio\nfrom fastapi import FastAPI\nfrom playwright.async_api import Page\n\nLIMIT = 3.0\napp = FastAPI()\n\n\n"
        f"async def title(page: Page):\n    {lines}\n\n\n@app.get('/')\nasync def show():\n    await title(app.state.page)\n"
    )
    assert len(said(tmp_path, "call-without-timeout", {"app.py": code, "Procfile": "web: uvicorn app:app\n"})) == count


RESEND = "import resend\n" + HEAD + VIEW + "    resend.Emails.send({'to': 'a'})\n"
KINTO = "import kinto_http\n" + HEAD + VIEW + "    return kinto_http.Client(server_url='https://a'{0}).get_records()\n"


@pytest.mark.parametrize(
    ("code", "pin", "fires"),
    [
        (RESEND, "resend==1.2.0", True),
        (RESEND, "resend==2.15.0", False),  # it waits 30 s
        (KINTO.format(""), "kinto-http==11.1.0", True),
        (KINTO.format(", timeout=5"), "kinto-http==11.1.0", False),
    ],
)
def test_clients_without_a_limit_of_their_own(tmp_path: Path, code: str, pin: str, fires: bool) -> None:
    files = {"app.py": code, "Dockerfile": IMAGE.format('"-k", "gthread", "--timeout", "0", '), "requirements.txt": f"{pin}\n"}
    assert bool(said(tmp_path, "call-without-timeout", files)) is fires


LOCATIONS = """server {{
    location ~ ^/events {{ proxy_pass http://web:8000; proxy_read_timeout 1h; }}
    location {place} {{ proxy_pass http://web:8000{target}; proxy_read_timeout 20s; }}
    location / {{ proxy_pass http://web:8000; }}
}}
"""
SLOW = (
    "import requests\n" + HEAD + "@app.post('/orders/<int:number>')\ndef order(number):\n"
    "    stock = requests.get('https://stock', timeout=35).json()\n    return requests.post('https://pay', json=stock, timeout=35).text\n"
)


@pytest.mark.parametrize(
    ("place", "target", "says"),
    [
        ("/orders/", "", "after 20 s"),
        ("= /orders/1", "", "after 60 s"),
        ("^~ /orders", "", "after 20 s"),
        (r"~ ^/orders/\w+$", "", "after 20 s"),
        ("/api/", "/", "after 60 s"),  # both lead to it, and nothing says which one its callers take
        ("/api/", "/other/", "after 60 s"),
    ],
)
def test_the_location_that_leads_to_a_route(tmp_path: Path, place: str, target: str, says: str) -> None:
    """The most patient one, that of the events, has nothing to do with it."""
    compose = "services:\n  web:\n    build: .\n    command: gunicorn --timeout 0 app:app\n  proxy:\n    image: nginx\n"
    files = {"app.py": SLOW, "docker-compose.yml": compose, "nginx.conf": LOCATIONS.format(place=place, target=target)}
    assert [says in f.message for f in said(tmp_path, "deadline-inversion", files)] == [True]
