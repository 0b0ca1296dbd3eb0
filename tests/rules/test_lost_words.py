"""Words that were written for a failure and reach nobody: exceptions that are not raised, formats that leave the essential out."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = (
    "import logging\n\nfrom flask import Flask\n\napp = Flask(__name__)\nlog = logging.getLogger(__name__)\n\n\n"
    "{top}\n\n\n@app.get('/')\ndef view(order=1):\n{body}\n    return ''\n\n\nif __name__ == '__main__':\n    app.run()\n"
)
REFUSED = "class Refused(Exception):\n    pass"
LOUD = "class Refused(Exception):\n    def __init__(self, text):\n        log.error(text)"


def app(body: str, top: str = "") -> dict[str, str]:
    return {"app.py": APP.format(body="\n".join(f"    {line}" for line in body.splitlines()), top=top)}


@pytest.mark.parametrize(
    ("top", "body", "reported"),
    [
        (REFUSED, "if order < 1:\n    Refused('no order')", True),
        (REFUSED, "try:\n    open('x')\nexcept OSError as e:\n    Refused(str(e))", True),
        ("", "if order < 1:\n    ValueError('no order')", True),
        (REFUSED, "if order < 1:\n    raise Refused('no order')", False),
        (REFUSED, "error = Refused('no order')", False),
        (REFUSED, "log.error(Refused('no order'))", False),
        (LOUD, "if order < 1:\n    Refused('no order')", False),  # making it tells of it
        ("class CountError:\n    pass", "CountError()", False),  # no exception by its bases
        ("", "NotImplementedError()", False),
        ("from errors import report_Error", "report_Error(order)", False),
    ],
)
def test_an_exception_that_is_made_and_not_raised(tmp_path: Path, top: str, body: str, reported: bool) -> None:
    found = shown(tmp_path, "logging/masked-failure", app(body, top))
    assert [f.confidence for f in found] == (["certain"] if reported else [])
    assert all(("what was caught" in f.message) is ("except" in body) for f in found)


JSON = "import json\n\n\nclass Lines(logging.Formatter):\n{body}\n\n\nhandler = logging.StreamHandler()\nhandler.setFormatter({made})"
PLAIN = "    def format(self, record):\n        return json.dumps({'text': record.getMessage()})"


@pytest.mark.parametrize(
    ("body", "made", "reported"),
    [
        (PLAIN, "Lines()", True),
        ("    FIELDS = ['name', 'pathname']\n\n    def format(self, record):\n        found = {f: getattr(record, f) for f in self.FIELDS}"
         "\n        found['text'] = record.getMessage()\n        return json.dumps(found)", "Lines()", True),
        ("    def parts(self, record):\n        return {'text': record.getMessage()}\n\n    def format(self, record):\n"
         "        return json.dumps(self.parts(record))", "Lines()", True),
        (PLAIN, "logging.Formatter()", False),  # nobody uses it
        (PLAIN + "\n\n    def formatTime(self, record):\n        return record.exc_text", "Lines()", False),
        ("    FIELDS = ['name', 'exc_info']\n\n    def format(self, record):\n"
         "        return json.dumps({f: str(getattr(record, f)) for f in self.FIELDS})", "Lines()", False),
        ("    def format(self, record):\n        return '> ' + super().format(record)", "Lines()", False),
        ("    def format(self, record):\n        return json.dumps(record.__dict__)", "Lines()", False),
        ("    def format(self, record):\n        return to_line(record)", "Lines()", False),
        ("    def format(self, record):\n        return self.formatException(record.exc_info)", "Lines()", False),
    ],
)  # fmt: skip
def test_a_formatter_without_the_exception(tmp_path: Path, body: str, made: str, reported: bool) -> None:
    found = shown(tmp_path, "logging/lost-log-config", app("pass", JSON.format(body=body, made=made)))
    assert [f.severity for f in found if "exc_info" in f.message] == (["medium"] if reported else [])


def test_a_formatter_of_requests_needs_no_exception(tmp_path: Path) -> None:
    files = app("pass", JSON.format(body=PLAIN, made="Lines()").replace("Lines", "AccessLines"))
    assert not [f for f in said(tmp_path, "logging/lost-log-config", files) if "exc_info" in f.message]


@pytest.mark.parametrize(
    ("top", "reported"),
    [
        ("logging.basicConfig(format='%(asctime)s %(msg)s')", True),
        ("handler = logging.Formatter('%(levelname)s: %(msg)s')", True),
        ("LOGGING = {'formatters': {'plain': {'format': '%(asctime)s %(msg)s'}}}", True),
        ("logging.basicConfig(format='%(asctime)s %(message)s')", False),
        ("LOGGING = {'formatters': {'own': {'()': 'own.Filled', 'format': '%(asctime)s %(msg)s'}}}", False),
        ("TEXT = '%(msg)s'", False),
        ("def fill(record):\n    record.msg = record.getMessage()\n\n\nlogging.basicConfig(format='%(msg)s')", False),
    ],
)
def test_a_format_of_texts_without_their_values(tmp_path: Path, top: str, reported: bool) -> None:
    found = shown(tmp_path, "logging/broken-log-format", app("pass", top))
    assert [f.severity for f in found] == (["medium"] if reported else [])


ARM = "text = 'cannot read: {}'\ntry:\n    open('x')\nexcept OSError as e:\n    log.error(text, e)"
OWN = "class Filling(logging.LoggerAdapter):\n    pass"


@pytest.mark.parametrize(
    ("top", "body", "reported"),
    [
        ("", ARM, True),
        ("", ARM.replace("text, e", "'cannot read: {}', e"), True),
        ("make = lambda name: logging.getLogger(name)\nlog = make('orders')", ARM, True),
        ("make = lambda log: log.child()\norder_log = make('orders')", ARM.replace("log.", "order_log."), False),
        (OWN, ARM, False),
        ("logging.setLogRecordFactory(object)", ARM, False),
        ("", ARM.replace("text, e", "text, order"), False),  # which may be a mapping
        ("", ARM.replace("text = ", "text = '' if order else "), False),
        ("", "text = 'cannot read: %s'\nlog.error(text, order)", False),
        ("", "text = 'cannot read'\nlog.error(text, str(order))", True),
        ("", "text = 'cannot read'\nif order:\n    text = 'no %s'\nlog.error(text, str(order))", False),
    ],
)
def test_a_text_in_braces_or_by_its_name(tmp_path: Path, top: str, body: str, reported: bool) -> None:
    assert bool(shown(tmp_path, "logging/broken-log-format", app(body, top))) is reported


JOB = (
    "from celery import Celery\n\ncelery = Celery()\n\n\n@celery.task\ndef purge(names):\n{body}\n\n\n"
    "@app.get('/purge')\ndef ask():\n    purge.delay([])\n"
)
KEEP = "errors = []\nfor name in names:\n    try:\n        open(name)\n    except {caught} as e:\n        {told}"
PUT = KEEP.format(caught="Exception", told="errors.append(str(e))")


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        (PUT, "high"),
        (PUT + "\n        continue", "high"),
        (KEEP.format(caught="OSError", told="errors.append(e)"), "medium"),
        (PUT + "\nreturn errors", ""),
        (PUT + "\nlog.info('done, %s failed', len(errors))", ""),
        (PUT + "\nif errors:\n    raise RuntimeError('some failed')", ""),
        (PUT + "\ndef tell():\n    return errors", ""),
        (PUT + "\nlog.info('done', extra={'errors': errors})", ""),
        (KEEP.format(caught="Exception", told="log.error('no'); errors.append(e)"), ""),
        (PUT.replace("errors = []", "errors = app.errors"), ""),  # somebody else has it
        (PUT.replace("errors = []", "global errors\nerrors = []"), ""),
    ],
)
def test_failures_in_a_list_that_nobody_reads(tmp_path: Path, body: str, severity: str) -> None:
    inner = "\n".join(f"    {line}" for line in body.splitlines())
    found = shown(tmp_path / "job", "jobs/swallowed-job-failure", app("pass", JOB.format(body=inner)))
    assert [f.severity for f in found if "is put into errors" in f.message] == ([severity] if severity else [])
    served = app("names = [order]\n" + body)
    found = shown(tmp_path / "view", "logging/silent-except", served)
    assert [f.confidence for f in found if "put it into errors" in f.message] == (["certain"] if severity else [])
