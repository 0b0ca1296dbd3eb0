"""Plain text and missing set-ups of logging: what is certain of a deployed program, and what is a lead or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "worker.py"]\n'
WORKER = (
    "import logging\nimport time\n{imports}\nlog = logging.getLogger({name})\n\n\ndef set_up():\n    {set_up}\n\n\n"
    "if __name__ == '__main__':\n    set_up()\n    while True:\n"
    "        log.info('one')\n        log.info('two')\n        log.info('three')\n        time.sleep(5)\n"
)
STRUCT = (
    "import time\nimport structlog\nlog = structlog.get_logger()\n\n\nif __name__ == '__main__':\n    while True:\n"
    "        log.info('one', order=1)\n        time.sleep(5)\n"
)
BASIC = "logging.basicConfig(level='INFO'{})"
FULL = BASIC.format(", format='%(levelname)s %(name)s %(message)s'")
TIMED = BASIC.format(", format='%(asctime)s %(levelname)s %(message)s'")
TEXT = "%(asctime)s %(message)s"
JSON_TEXT = ', format=\'{"time": "%(asctime)s", "message": "%(message)s"}\''
CONSOLE = "structlog.configure(processors=[structlog.dev.ConsoleRenderer()])"
PARTED = "%(process)s | %(levelname)-8s | %(name)s | %(message)s"
SYSLOG = "\n    sent = logging.handlers.SysLogHandler(address=('logs', 5140))\n    sent.setFormatter({})\n    log.addHandler(sent)"
ADDED = "\n    log.addHandler({})"
SENTRY = "import sentry_sdk\nfrom sentry_sdk.integrations.logging import LoggingIntegration\n"
TRACKED = "\n    sentry_sdk.init(integrations=[LoggingIntegration(event_level={})])"
HANDLER = "\n\nclass Sender(logging.Handler):\n    def emit(self, record):\n        self.queue.put(record.__dict__)\n\n"


def worker(set_up: str, imports: str = "", name: str = "__name__") -> dict[str, str]:
    text = WORKER.format(set_up=set_up, imports=imports, name=name)
    return {"Dockerfile": IMAGE, "Procfile": "worker: python worker.py\n", "worker.py": text}


@pytest.mark.parametrize(
    ("set_up", "imports", "told"),
    [
        (FULL, "", ("certain", "low")),
        (TIMED, "", ("possible", "low")),  # a level and a time in fixed places: what many choose
        (BASIC.format(""), "", ("certain", "low")),  # a level and no time
        (BASIC.format(f", format='{TEXT}'"), "", ("certain", "medium")),
        (BASIC.format(JSON_TEXT), "", ("possible", "low")),
        (FULL, HANDLER, ("possible", "low")),
        (FULL, "from logging.handlers import RotatingFileHandler\nKEPT = RotatingFileHandler('x.log')\n", ("possible", "low")),
        (FULL, "import graypy\n", ("possible", "low")),
        (CONSOLE, "import structlog\n", ("certain", "low")),
        (CONSOLE.replace("()", "(colors=sys.stderr.isatty())"), "import structlog\nimport sys\n", ("possible", "low")),
        (CONSOLE.replace("Console", "JSON").replace("dev", "processors"), "import structlog\n", None),
        (FULL, "from acme.config import LOG_FORMAT\n", ("certain", "low")),  # a constant sets nothing up
        (FULL, "from acme.logging import start\n", None),
        (BASIC.format(", format=LOG_FORMAT"), "from acme.config import LOG_FORMAT\n", ("possible", "low")),  # its text is not seen
        (BASIC.format(", format=LINE"), "LINE = '%(message)s by ' + __name__\n", ("possible", "low")),
        (BASIC.format(", format=LINE"), f"LINE: str = '{TEXT}'\n", ("certain", "medium")),
        (BASIC.format(f", format='{PARTED}'"), "", ("possible", "low")),
        (BASIC.format(f", format='{PARTED.replace('|', '-')}'"), "", ("certain", "low")),
        (BASIC.format(f", format='{PARTED.replace('|', ':', 1)}'"), "", ("certain", "low")),
        (FULL + SYSLOG.format("own.Form()"), "import own\n", ("possible", "low")),
        (FULL + SYSLOG.format("RFC5424Formatter(msgid='shop')"), "from syslog_rfc5424_formatter import RFC5424Formatter\n", None),
        (FULL + ADDED.format("rich.logging.RichHandler()"), "import rich.logging\n", ("certain", "low")),
        (FULL + ADDED.format("acme.StoreHandler()"), "import acme\n", ("possible", "low")),
        (FULL + TRACKED.format("logging.WARNING"), SENTRY, ("possible", "low")),  # warnings are events there
        (FULL + TRACKED.format("logging.ERROR"), SENTRY, ("certain", "low")),
        (f"if time:\n        {BASIC.format('')}\n    else:\n        {BASIC.format(', handlers=[rich()]')}", "", ("possible", "low")),
        (f"if time:\n        {BASIC.format('')}\n    print()", "", ("certain", "low")),
        ("import logging.config\n    logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True})", "", None),
    ],
)
def test_plain_text_is_certain_where_nothing_makes_fields(
    tmp_path: Path, set_up: str, imports: str, told: tuple[str, str] | None
) -> None:
    found = said(tmp_path, "logging/unstructured-logs", worker(set_up, imports))
    assert [(f.confidence, f.severity) for f in found] == ([told] if told else [])


def test_what_is_said_of_each_form(tmp_path: Path) -> None:
    (plain,) = said(tmp_path, "logging/unstructured-logs", worker(FULL))
    assert "what a message tells (ids, amounts) is no field" in plain.message and plain.message.endswith("many records")
    (tracked,) = said(tmp_path, "logging/unstructured-logs", worker(FULL + TRACKED.format("logging.ERROR"), SENTRY))
    assert tracked.message.endswith("many records where no error tracker shows it")
    (console,) = said(tmp_path, "logging/unstructured-logs", worker(CONSOLE, "import structlog\n"))
    assert "renders records for a terminal" in console.message and "colour codes stand within key=value" in console.message
    (bare,) = said(tmp_path, "logging/unstructured-logs", worker("pass") | {"worker.py": STRUCT})
    assert "no record names its logger" in bare.message


def test_a_requirement_for_json_leaves_a_lead(tmp_path: Path) -> None:
    files = {**worker(FULL), "requirements.txt": "python-json-logger==4.0.0\n"}
    assert [f.confidence for f in said(tmp_path, "logging/unstructured-logs", files)] == ["possible"]


def test_a_renderer_for_the_eye_in_what_is_only_installed(tmp_path: Path) -> None:
    files = {"worker.py": worker(CONSOLE, "import structlog\n")["worker.py"].replace("if __name__ == '__main__':", "def main():")}
    files["pyproject.toml"] = "[project]\nname = 'w'\nversion = '1'\n[project.scripts]\nw = 'worker:main'\n"
    assert [f.confidence for f in said(tmp_path, "logging/unstructured-logs", files)] == ["possible"]


def test_several_programs_are_one_finding_at_the_worst_format(tmp_path: Path) -> None:
    other = worker(BASIC.format(f", format='{TEXT}'"))
    files = {**worker(FULL), "b/Procfile": other["Procfile"], "b/worker.py": other["worker.py"]}
    (finding,) = said(tmp_path, "logging/unstructured-logs", files)
    assert (finding.path, finding.count) == ("b/worker.py", 2)


SETTINGS = (
    "INSTALLED_APPS = []\nROOT_URLCONF = 'shop.urls'\nLOGGING = {{\n    'version': 1,\n"
    "    'formatters': {{'short': {{'format': '{text}'}}}},\n"
    "    'handlers': {{'console': {{'class': 'logging.StreamHandler'{extra}}}}},\n    'root': {{'handlers': ['console']}},\n}}\n"
)
DJANGO = {
    "Procfile": "web: gunicorn shop.wsgi\n",
    "Dockerfile": IMAGE.replace('"python", "worker.py"', '"gunicorn", "shop.wsgi"'),
    "shop/__init__.py": "",
    "shop/wsgi.py": (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n"
    ),
    "shop/urls.py": "from django.urls import path\nfrom shop.views import index\nurlpatterns = [path('', index)]\n",
    "shop/views.py": "import logging\nlog = logging.getLogger(__name__)\n\n\ndef index(request):\n"
    "    log.info('one')\n    log.info('two')\n    log.info('three')\n",
}


@pytest.mark.parametrize(
    ("text", "extra", "severity"),
    [
        ("%(levelname)s %(message)s", ", 'formatter': 'short'", "low"),
        ("%(asctime)s %(message)s", ", 'formatter': 'short'", "medium"),
        ("%(levelname)s %(message)s", "", "medium"),  # no formatter: the bare message
        ("%(levelname)s %(message)s", ", 'filters': ['require_debug_true']", None),
        ("%(levelname)s %(message)s", "}, 'own': {'class': 'acme.Sender'", None),
    ],
)
def test_what_a_written_configuration_leaves_out(tmp_path: Path, text: str, extra: str, severity: str | None) -> None:
    files = {**DJANGO, "shop/settings.py": SETTINGS.format(text=text, extra=extra)}
    found = said(tmp_path, "logging/unstructured-logs", files)
    assert [(f.path, f.line, f.severity) for f in found] == ([("shop/settings.py", 3, severity)] if severity else [])


@pytest.mark.parametrize(
    ("set_up", "imports", "name", "fires"),
    [
        ("pass", "", "__name__", True),
        (BASIC.format(""), "", "__name__", False),
        ("pass", "", "'gunicorn.error'", False),
        ("pass", "", "unknown", False),
        ("pass", "import absl\n", "__name__", False),
        ("pass", "from acme.monitoring import start\n", "__name__", False),
        ("start('worker')", "from acme import init_app as start\n", "__name__", False),
        ("log.addHandler(make())", "", "__name__", False),
    ],
)
def test_a_program_that_sets_no_logging_up(tmp_path: Path, set_up: str, imports: str, name: str, fires: bool) -> None:
    found = said(tmp_path, "logging/no-log-setup", worker(set_up, imports, name))
    assert [(f.path, f.confidence) for f in found] == ([("worker.py", "certain")] if fires else [])


@pytest.mark.parametrize(("settings", "fires"), [("INSTALLED_APPS = []\n", True), ("INSTALLED_APPS = []\nLOGGING = {}\n", False)])
def test_django_without_a_logging_setting(tmp_path: Path, settings: str, fires: bool) -> None:
    found = said(tmp_path, "logging/no-log-setup", {**DJANGO, "shop/settings.py": settings})
    assert [f.path for f in found] == (["shop/settings.py"] if fires else [])


def test_a_configuration_that_the_command_leaves_out(tmp_path: Path) -> None:
    written = "version: 1\nhandlers:\n  console:\n    class: logging.StreamHandler\nroot:\n  handlers: [console]\n"
    app = "import logging\nfrom flask import Flask\nlog = logging.getLogger(__name__)\napp = Flask(__name__)\n\n\n"
    app += "@app.get('/')\ndef index():\n    log.info('one')\n    log.info('two')\n    log.info('three')\n    return ''\n"
    start = IMAGE.replace('"python", "worker.py"', '"gunicorn", "app:app"')
    (finding,) = said(tmp_path, "logging/no-log-setup", {"Dockerfile": start, "app.py": app, "logging.yaml": written})
    assert (finding.path, finding.line) == ("Dockerfile", 4)


@pytest.mark.parametrize(
    ("arm", "fires"),
    [
        ("log.error('failed')\n            traceback.print_exc()", True),
        ("log.exception('failed')\n            traceback.print_exc()", False),
        ("log.error('failed')\n            traceback.print_exc(file=out)", False),
        ("traceback.print_exc()", False),
    ],
)
def test_a_traceback_printed_beside_its_record(tmp_path: Path, arm: str, fires: bool) -> None:
    text = (
        "import logging\nimport time\nimport traceback\n\nlog = logging.getLogger(__name__)\n\n\n"
        f"def main():\n    while True:\n        try:\n            work()\n        except Exception:\n            {arm}\n"
        "        time.sleep(5)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    found = [f for f in said(tmp_path, "logging/print-in-service", {"Dockerfile": IMAGE, "worker.py": text}) if "beside" in f.message]
    assert [(f.line, f.severity) for f in found] == ([(13, "low")] if fires else [])


@pytest.mark.parametrize(("modules", "confidence"), [(3, "possible"), (11, "certain")], ids=["somebody's tool", "a grown service"])
def test_an_image_alone(tmp_path: Path, modules: int, confidence: str) -> None:
    names = [f"part{n}" for n in range(modules)]
    app = "".join(f"import {name}\n" for name in names) + (
        "import logging\nfrom flask import Flask\n\nlogging.basicConfig(level=logging.INFO)\nlog = logging.getLogger(__name__)\n"
        "app = Flask(__name__)\n\n\n@app.get('/orders')\ndef orders():\n    log.info('listed')\n    return '[]'\n"
    )
    files = {"app.py": app, "Dockerfile": IMAGE.replace('"python", "worker.py"', '"gunicorn", "app:app"')}
    found = said(tmp_path, "logging/unstructured-logs", {**files, **{f"{name}.py": "" for name in names}})
    assert [f.confidence for f in found] == [confidence]


@pytest.mark.parametrize(
    ("more", "fires"),
    [
        ("", False),
        ("app.conf.worker_hijack_root_logger = False\n", True),
        ("from celery.signals import setup_logging\n@setup_logging.connect\ndef keep(**_):\n    pass\n", True),
    ],
)
def test_a_worker_whose_framework_replaces_the_handlers(tmp_path: Path, more: str, fires: bool) -> None:
    """celery's worker gives the root logger a format of its own, with a level and a time, unless it is told not to."""
    jobs = f"import logging\nfrom celery import Celery\nlogging.basicConfig(format='%(message)s')\napp = Celery('jobs')\n{more}"
    jobs += "log = logging.getLogger(__name__)\n@app.task\ndef send():\n    log.info('one')\n    log.info('two')\n    log.info('three')\n"
    image = IMAGE.replace('"python", "worker.py"', '"celery", "-A", "jobs", "worker"')
    files = {"jobs.py": jobs, "Procfile": "worker: celery -A jobs worker\n", "Dockerfile": image}
    assert bool(said(tmp_path, "logging/unstructured-logs", files)) is fires
