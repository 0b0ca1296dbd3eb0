"""Errors behind which nobody stands any more, and records that go nowhere: what the log rules say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

FLASK = (
    "import logging\n\nfrom flask import Flask, abort, request, session\n\nfrom own import price\n\napp = Flask(__name__)\n"
    "log = logging.getLogger(__name__)\n\n\n"
)
OWN = "def price(n):\n    rows = open('a').read()\n    more = open('b').read()\n    return open(n).read() + rows + more\n"
RUN = "\n\nif __name__ == '__main__':\n    app.run()\n"


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ("log.error('it failed: %s', e)", True),
        ("log.exception('it failed')", False),
        ("log.error('it failed: %s', e)\n            raise", False),
        ("log.warning('it failed: %s', e)", False),
        ("log.error('it failed: %s', e, exc_info=False)", False),  # so it is meant
        ("log.error(traceback_text())", False),
    ],
)
def test_a_decorator_that_takes_whatever_fails(tmp_path: Path, told: str, fires: bool) -> None:
    text = (
        f"{FLASK}def safely(view):\n    def wrapper(*args, **kwargs):\n        try:\n            return view(*args, **kwargs)\n"
        f"        except Exception as e:\n            {told}\n        return 'sorry', 500\n    return wrapper\n\n\n"
        f"@app.get('/')\n@safely\ndef index():\n    return price('1')\n{RUN}"
    )
    assert bool(shown(tmp_path, "logging/lost-traceback", {"app.py": text, "own.py": OWN})) is fires


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ("log.error('failed: %s', e)\n        sys.exit(1)", True),
        ("log.exception('failed')\n        sys.exit(1)", False),
        ("log.warning('failed: %s', e)\n        sys.exit(1)", False),
        ("log.error('failed: %s', e, exc_info=False)\n        sys.exit(1)", False),
    ],
)
def test_the_top_of_a_worker(tmp_path: Path, told: str, fires: bool) -> None:
    text = (
        "import logging\nimport sys\nimport time\n\nlog = logging.getLogger(__name__)\n\n\ndef work():\n    while True:\n"
        "        open('orders').read()\n        time.sleep(5)\n\n\ndef main():\n    try:\n        work()\n"
        f"    except Exception as e:\n        {told}\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    files = {"worker.py": text, "Procfile": "worker: python worker.py\n"}
    assert bool(shown(tmp_path, "logging/lost-traceback", files)) is fires


def test_a_step_of_the_start_is_not_the_program(tmp_path: Path) -> None:
    text = (
        "import logging\nimport os\nimport time\n\nlog = logging.getLogger(__name__)\n\n\ndef warm():\n    open('cache').read()\n\n\n"
        "def work():\n    while True:\n        open('orders').read()\n        time.sleep(5)\n\n\nif __name__ == '__main__':\n"
        "    if os.getenv('WARM'):\n        try:\n            warm()\n        except Exception as e:\n"
        "            log.error('not warm: %s', e)\n    work()\n"
    )
    assert not shown(tmp_path, "logging/lost-traceback", {"worker.py": text, "Procfile": "worker: python worker.py\n"})


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ("log.info('no price: %s', e)\n        return 'bad query', 400", True),
        ("log.info('no price: %s', e)\n        return 'none', 200", False),
        ("log.info('no price', exc_info=True)\n        return 'bad query', 400", False),
        ("text = 'Error: ' + str(e)\n        log.error(text)\n        return text, 500", True),
        ("text = 'No price for two: ' + str(e)\n        log.error(text)\n        return text, 500", False),
    ],
)
def test_a_request_that_is_told_to_nobody_who_could_mend_it(tmp_path: Path, told: str, fires: bool) -> None:
    text = f"{FLASK}@app.get('/')\ndef index():\n    try:\n        return price('1')\n    except Exception as e:\n        {told}\n{RUN}"
    assert bool(shown(tmp_path, "logging/lost-traceback", {"app.py": text, "own.py": OWN})) is fires


API = (
    "import logging\n\nfrom fastapi import FastAPI, HTTPException\n\nfrom own import price\n\napp = FastAPI()\n"
    "log = logging.getLogger(__name__)\n\n\n"
)
RAISES = (
    "@app.get('/')\ndef index():\n    try:\n        return price('1')\n    except Exception as e:\n"
    "        raise HTTPException(status_code=500, detail=str(e)) from e\n\n\n"
)


@pytest.mark.parametrize(
    ("handler", "fires"),
    [
        ("", True),
        ("async def told(request, exc):\n    log.error('failed')\n\n\napp.add_exception_handler(HTTPException, told)\n", False),
        (
            "async def told(request, exc):\n    write = log.warning if exc.status_code < 500 else log.error\n    write('failed')\n\n\n"
            "app.add_exception_handler(HTTPException, told)\n",
            False,
        ),
        ("@app.exception_handler(HTTPException)\nasync def told(request, exc):\n    log.error('failed: %s', exc.detail)\n", False),
        ("@app.exception_handler(HTTPException)\nasync def told(request, exc):\n    return str(exc.detail)\n", True),
        ("@app.exception_handler(Exception)\nasync def told(request, exc):\n    log.error('failed')\n", True),  # not asked
    ],
)
def test_a_registered_handler_that_logs_what_is_raised(tmp_path: Path, handler: str, fires: bool) -> None:
    assert bool(shown(tmp_path, "logging/unlogged-failure", {"app.py": API + RAISES + handler, "own.py": OWN})) is fires


@pytest.mark.parametrize(("error", "fires"), [("Exception", False), ("500", False), ("404", True)])
def test_a_handler_of_flask_gets_what_is_aborted(tmp_path: Path, error: str, fires: bool) -> None:
    text = (
        f"{FLASK}@app.errorhandler({error})\ndef told(error):\n    log.error('failed: %s', error)\n    return 'sorry', 500\n\n\n"
        f"@app.get('/')\ndef index():\n    try:\n        return price('1')\n    except Exception:\n"
        f"        abort({500 if error == '500' else 401})\n{RUN}"
    )
    assert bool(shown(tmp_path, "logging/unlogged-failure", {"app.py": text, "own.py": OWN})) is fires


def test_a_body_that_keeps_its_failures_to_itself(tmp_path: Path) -> None:
    own = (
        "import logging\n\n\nclass Prices:\n    def __init__(self):\n        self.rows = []\n\n    def all(self):\n        try:\n"
        "            return open('a').read()\n        except Exception:\n            logging.exception('none')\n            return ''\n"
    )
    text = (
        f"{FLASK.replace('import price', 'import Prices')}@app.get('/')\ndef index():\n    try:\n        return Prices().all()\n"
        f"    except Exception as e:\n        return str(e), 500\n{RUN}"
    )
    assert not said(tmp_path, "logging/unlogged-failure", {"app.py": text, "own.py": own})


SETTINGS = "INSTALLED_APPS = ['shop']\nDEBUG = False\nROOT_URLCONF = 'shop.urls'\nWSGI_APPLICATION = 'shop.wsgi.application'\n"
WSGI = (
    "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n"
)
DOCKER = 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "shop.wsgi:application"]\n'
MAIL = '"mail_admins": {"class": "django.utils.log.AdminEmailHandler", "level": "ERROR"}'


def django(logging: str = "", **more: str) -> dict[str, str]:
    files = {"shop/__init__.py": "", "shop/settings.py": SETTINGS + logging, "shop/wsgi.py": WSGI, "Dockerfile": DOCKER}
    files["shop/urls.py"] = "urlpatterns = []\n"
    return {**files, **more}


def logging_of(handlers: str, loggers: str, root: str = "") -> str:
    return f'LOGGING = {{"version": 1, "disable_existing_loggers": False, {root}"handlers": {{{handlers}}}, "loggers": {{{loggers}}}}}\n'


DEBUG_CONSOLE = '"console": {"class": "logging.StreamHandler", "filters": ["require_debug_true"]}'
CONSOLE = '"console": {"class": "logging.StreamHandler"}'
FILE = '"file": {"class": "logging.FileHandler"}'
FAR = '"far": {"class": "acme.Handler"}'
ROOT = '"root": {"handlers": ["console"]}, '


@pytest.mark.parametrize(
    ("logging", "lines"),
    [
        (logging_of(DEBUG_CONSOLE, '"django": {"handlers": ["console"]}'), ["only with DEBUG"]),
        (logging_of(CONSOLE, '"django": {"handlers": ["console"]}'), []),
        (logging_of(f"{DEBUG_CONSOLE}, {FILE}", '"shop": {"handlers": ["console", "file"]}'), ["only with DEBUG"]),
        (logging_of(f"{DEBUG_CONSOLE}, {FAR}", '"shop": {"handlers": ["console", "far"]}'), []),
        (logging_of(MAIL, '"django.request": {"handlers": ["mail_admins"]}'), ["ADMINS"]),
        (logging_of(MAIL, '"django.request": {"handlers": ["mail_admins"]}') + "ADMINS = [('a', 'a@b.c')]\n", []),
        (logging_of(f"{MAIL}, {CONSOLE}", '"django.request": {"handlers": ["mail_admins"]}', ROOT), []),
        (
            logging_of(f"{MAIL}, {CONSOLE}", '"django.request": {"handlers": ["mail_admins"], "propagate": False}', ROOT),
            ["ADMINS"],
        ),
        (logging_of(DEBUG_CONSOLE, '"django": {"handlers": ["console"]}') + 'LOGGING["handlers"]["console"]["filters"] = []\n', []),
    ],
)
def test_records_of_django_that_go_nowhere(tmp_path: Path, logging: str, lines: list[str]) -> None:
    findings = [f for f in shown(tmp_path, "logging/lost-log-config", django(logging)) if "DEBUG" in f.message]
    assert [word for f in findings for word in lines if word in f.message] == lines
    assert len(findings) == len(lines)


@pytest.mark.parametrize(
    ("files", "fires"),
    [
        (django(), True),
        (django("ADMINS = [('a', 'a@b.c')]\n"), False),
        (django(**{"requirements.txt": "django\nsentry-sdk\n"}), False),
        (django().copy() | {"shop/settings.py": SETTINGS.replace("False", "True")}, False),
        (django(logging_of(CONSOLE, '"django": {"handlers": ["console"]}')), False),
    ],
)
def test_errors_of_django_that_only_its_defaults_would_tell(tmp_path: Path, files: dict[str, str], fires: bool) -> None:
    assert bool(shown(tmp_path, "logging/no-log-setup", files)) is fires


TASKS = (
    "import logging\n\nimport dramatiq\n\nlogging.basicConfig(format='%(asctime)s %(message)s', level=logging.INFO)\n"
    "log = logging.getLogger(__name__)\n\n\n@dramatiq.actor\ndef send(n):\n    log.info('sent')\n"
)


def test_dramatiq_has_set_the_root_up_before_the_tasks(tmp_path: Path) -> None:
    files = {f"shop/{name}.py": "" for name in ("__init__", "a", "b", "c")}
    files["shop/tasks.py"] = "from shop import a, b, c\n" + TASKS
    files["Procfile"] = "worker: dramatiq shop.tasks\n"
    assert not said(tmp_path, "logging/unstructured-logs", files)
    files["Procfile"] = "worker: dramatiq shop.tasks --skip-logging\n"
    assert shown(tmp_path, "logging/unstructured-logs", files)


@pytest.mark.parametrize(("modules", "confidence"), [(1, "possible"), (4, "certain")])
def test_a_helper_beside_the_program_is_a_lead(tmp_path: Path, modules: int, confidence: str) -> None:
    names = [f"part{n}" for n in range(1, modules)]
    text = "".join(f"import {name}\n" for name in names) + (
        "import logging\nimport time\n\nlogging.basicConfig(level=logging.INFO)\nlog = logging.getLogger(__name__)\n\n"
        "while True:\n    log.info('pulled')\n    time.sleep(5)\n"
    )
    image = 'FROM python:3.12\nCOPY . .\nCMD ["python", "pull.py"]\n'
    files = {"pull.py": text, "Dockerfile": image, "Procfile": "pull: python pull.py\n"}
    others = {f"shop/page{n}.py": "" for n in range(10)}
    found = said(tmp_path, "logging/unstructured-logs", {**files, **others, **{f"{name}.py": "" for name in names}})
    assert [f.confidence for f in found] == [confidence]


STORE = (
    "import boto3\n\n\ndef client():\n    return boto3.client('s3')\n\n\n"
    "def address(key):\n    return client().generate_presigned_url('get_object', Params={'Key': key})\n"
)


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("url = store.address(key)\n    log.info('at %s', url)", True),
        ("url = store.client().generate_presigned_url('get_object', Params={'Key': key})\n    log.info(f'at {url}')", True),
        ("url = store.address(key)\n    log.debug('at %s', url)", False),
        ("url = store.address(key)\n    log.info('at %s', url[:40])", False),
        ("url = store.address(key)\n    log.info('at %s', key)", False),
    ],
)
def test_a_signed_address_opens_the_object(tmp_path: Path, line: str, fires: bool) -> None:
    text = FLASK.replace("from own import price", "import store") + f"@app.get('/<key>')\ndef show(key):\n    {line}\n    return url\n{RUN}"
    findings = shown(tmp_path, "logging/secret-in-log", {"app.py": text, "store.py": STORE})
    assert [f.severity for f in findings if f.confidence == "certain"] == (["low"] if fires else [])


@pytest.mark.parametrize(("kept", "fires"), [("session['auth_token'] = token", True), ("session['page'] = token", False)])
def test_a_token_of_the_path_that_opens_the_session(tmp_path: Path, kept: str, fires: bool) -> None:
    text = f"{FLASK}@app.get('/screen/<token>')\ndef redeem(token):\n    log.info('token %s', token)\n    {kept}\n    return 'yes'\n{RUN}"
    findings = shown(tmp_path, "logging/secret-in-log", {"app.py": text, "own.py": OWN})
    assert any(f.confidence == "certain" for f in findings) is fires


ANSWERED = (
    "@app.get('/')\ndef index():\n    try:\n        return price('1')\n    except {caught} as error:\n"
    "        {tells}\n        return {answer}\n"
)


@pytest.mark.parametrize(
    ("caught", "tells", "answer", "fires"),
    [
        ("Exception", "log.info(error)", "str(error)", True),
        ("Exception", "pass", "f'no price: {error}'", True),
        ("Exception", "log.error('no price: %s', error)", "str(error)", False),  # its traceback is another rule's
        ("Exception", "log.info(error)", "str(error), 500", False),  # the status tells
        ("Exception", "log.info(error)", "{'error': str(error)}", False),  # may be what both sides agreed on
        ("KeyError", "log.info(error)", "str(error)", False),
    ],
)
def test_a_failure_whose_text_is_the_answer(tmp_path: Path, caught: str, tells: str, answer: str, fires: bool) -> None:
    text = FLASK + ANSWERED.format(caught=caught, tells=tells, answer=answer) + RUN
    found = shown(tmp_path, "logging/unlogged-failure", {"app.py": text, "own.py": OWN})
    assert bool(found) is fires
    noted = tells.startswith("log.info")  # who looks for it finds the text
    assert all(("neither the error rate nor an alert sees it" in f.message) is noted for f in found)


CATCH_ALL = "{decorator}\ndef failed(error):\n    {body}\n\n\n@app.get('/')\ndef index():\n    return price('1')\n"


@pytest.mark.parametrize(
    ("decorator", "body", "success"),
    [
        ("@app.errorhandler(Exception)", "return jsonify(message=str(error))", True),
        ("@app.errorhandler(Exception)", "return jsonify(message=str(error)), 500", False),
        ("@app.errorhandler(Exception)", "answer = jsonify(message=str(error))\n    answer.status_code = 500\n    return answer", False),
    ],
)
def test_a_handler_of_every_exception_that_tells_nobody(tmp_path: Path, decorator: str, body: str, success: bool) -> None:
    text = FLASK.replace("abort", "jsonify") + CATCH_ALL.format(decorator=decorator, body=body) + RUN
    (finding,) = shown(tmp_path, "logging/unlogged-failure", {"app.py": text, "own.py": OWN})
    assert ("with the status of success" in finding.message) is success
    assert finding.severity == "medium"


@pytest.mark.parametrize(
    ("decorator", "body"),
    [
        ("@app.errorhandler(Exception)", "log.exception('failed')\n    return 'sorry', 500"),
        ("@app.errorhandler(Exception)", "raise error"),
        ("@app.errorhandler(Exception)", "tell(error)\n    return 'sorry', 500"),  # its callee logs
        ("@app.errorhandler(Exception)", "tracker.report_error(error)\n    return 'sorry', 500"),  # not read, named so
        ("@app.errorhandler(500)", "return 'sorry', 500"),  # Flask has logged what leads to it
        ("@app.errorhandler(ValueError)", "return 'sorry', 400"),
    ],
)
def test_a_handler_of_every_exception_that_tells_somebody(tmp_path: Path, decorator: str, body: str) -> None:
    callee = "\n\ndef tell(error):\n    log.error('failed: %s', error)\n"
    text = FLASK.replace("abort", "jsonify") + CATCH_ALL.format(decorator=decorator, body=body) + callee + RUN
    assert not said(tmp_path, "logging/unlogged-failure", {"app.py": text, "own.py": OWN})
