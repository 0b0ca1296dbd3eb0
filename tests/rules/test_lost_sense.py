"""Look-alikes of the rules about records, names and settings that do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said, shown

APP = (
    "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.post('/send')\ndef send():\n{body}\n    return {{}}\n\n\n"
    "if __name__ == '__main__':\n    app.run()\n"
)
POST = "requests.post('http://h', timeout=3)"
CLOSE = "        try:\n            r.close()\n        except Exception:\n            pass"


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        (f"    try:\n        r = {POST}\n    except Exception:\n        print(r.text)", True),
        (f"    try:\n        r = {POST}\n    except Exception:\n{CLOSE}", False),
        (f"    r = None\n    try:\n        r = {POST}\n    except Exception:\n        print(r)", False),
        (f"    for a, (b, r) in [(1, (2, 3))]:\n        print(a, b)\n    try:\n        r = {POST}\n    finally:\n        print(r)", False),
        (f"    try:\n        r = {POST}\n    finally:\n        r.close()", False),
        (f"    try:\n        a = {POST}\n        r = {POST}\n    finally:\n        r.close()", True),
        (f"    a = None\n    try:\n        a = {POST}\n        r = {POST}\n    finally:\n        if a:\n            r.close()", False),
        (f"    try:\n        a = {POST}\n        r = {POST}\n    finally:\n        if r:\n            r.close()", True),
        (f"    try:\n        r = {POST}\n    except ValueError:\n        print(r.text)", False),
        (f"    try:\n        r = {POST}\n    except Exception:\n        if 'r' in locals():\n            print(r.text)", False),
        (f"    try:\n        r = {POST}\n    except requests.RequestException:\n        print(r.text)", True),
        (f"    try:\n        r = {POST}\n    except requests.HTTPError:\n        print(r.text)", False),
        ("    try:\n        r = open('x')\n    except requests.RequestException:\n        print(r)", False),
        (f"    import sys\n    if sys.argv:\n        r = {POST}\n    else:\n        try:\n            r = {POST}\n"
         "        except requests.RequestException:\n            print(r)", True),
        ("    raise 'no such order'", True),
        ("    raise f'no such order {app}'", True),
        ("    raise 'no such order %s' % app", True),
        ("    raise 'no such order {}'.format(app)", True),
        ("    raise ValueError('no such order')", False),
        ("    raise app.error", False),
    ],
)
def test_what_handles_a_failure_fails_itself(tmp_path: Path, body: str, reported: bool) -> None:
    assert bool(shown(tmp_path, "masked-failure", {"app.py": "import requests\n" + APP.format(body=body)})) is reported


@pytest.mark.parametrize(
    ("call", "reported"),
    [
        ("log.error('no %s of %s', 1)", True),
        ("log.error('no: ', 1)", True),
        ("log.error('no %%s', 1)", True),
        ("log.debug('no: ', 1)", False),
        ("log.log(20, 'no %s', 1)", False),
        ("log.error('no %s', *args)", False),
        ("log.error('no {}', 1)", False),
        ("log.error('no: ', payload)", False),
        ("log.error('no 100%')", False),
        ("log.error('%-*s', 3, 'x')", False),
        ("log.error('took %2.f s', 3.0)", False),
    ],
)
def test_places_and_arguments(tmp_path: Path, call: str, reported: bool) -> None:
    source = "import logging\n\nlog = logging.getLogger(__name__)\nargs = (1,)\n" + APP.format(body=f"    {call}")
    assert bool(shown(tmp_path, "broken-log-format", {"app.py": source})) is reported


def test_what_is_certain_of_a_name_that_a_failure_leaves_unbound(tmp_path: Path) -> None:
    """Of an arm that raises anyhow the failure stays in the context of the second error."""
    body = f"    try:\n        r = {POST}\n    except requests.RequestException:\n        print(r.text)"
    for number, (more, confidence) in enumerate([("", "certain"), ("\n        raise", "likely")]):
        found = shown(tmp_path / str(number), "masked-failure", {"app.py": "import requests\n" + APP.format(body=body + more)})
        assert [f.confidence for f in found] == [confidence]


CONSUMER = (
    "from {module} import {name}\n\n\ndef main():\n    consumer = {made}\n    while True:\n        consumer.poll(1.0)\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("module", "made", "reported"),
    [
        ("confluent_kafka", "Consumer({'group.id': 'a'})", True),
        ("confluent_kafka", "Consumer({'group.id': 'a', **more})", False),
        ("confluent_kafka", "Consumer({'group.id': 'a', 'auto.offset.reset': 'latest'})", False),
        ("kafka", "KafkaConsumer('orders', group_id='a')", True),
        ("kafka", "KafkaConsumer('orders', group_id=None)", False),
        ("kafka", "KafkaConsumer('orders')", False),
    ],
)
def test_where_a_consumer_group_begins(tmp_path: Path, module: str, made: str, reported: bool) -> None:
    source = CONSUMER.format(module=module, name=made.partition("(")[0], made=made)
    assert bool(shown(tmp_path, "skipped-backlog", {"worker.py": source})) is reported


FLUSH = (
    "from confluent_kafka import Consumer, Producer\n\n\ndef traced(producer):\n    if not producer:\n        return producer\n"
    "    return producer\n\n\ndef main():\n    consumer = Consumer({{'group.id': 'a', 'auto.offset.reset': 'earliest'}})\n"
    "    producer = traced(Producer({{}}))\n    while True:\n        message = consumer.poll(1.0)\n"
    "        producer.produce('out', message.value(), on_delivery=print)\n        {flush}\n        consumer.commit()\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("flush", "reported"),
    [("producer.flush()", True), ("left = producer.flush(5)", False), ("if producer.flush(5):\n            continue", False)],
)
def test_an_offset_that_is_committed_whatever_was_delivered(tmp_path: Path, flush: str, reported: bool) -> None:
    assert bool(shown(tmp_path, "unconfirmed-publish", {"worker.py": FLUSH.format(flush=flush)})) is reported


@pytest.mark.parametrize(("value", "reported"), [("os.environ.get('LIMIT', '10')", True), ("int(os.environ.get('LIMIT', '10'))", False)])
def test_a_number_that_each_request_converts(tmp_path: Path, value: str, reported: bool) -> None:
    source = f"import os\n\nLIMIT = {value}\n" + APP.format(body="    print(int(LIMIT))")
    assert bool(shown(tmp_path, "unvalidated-config", {"app.py": source})) is reported


@pytest.mark.parametrize(
    ("head", "call", "reported"),
    [
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log.exception()", True),
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log.exception(exc_info=True)", True),
        ("import logging\n", "logging.error()", True),
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log.exception('cannot read')", False),
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log.exception(msg='cannot read')", False),
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log.exception(**{'msg': 'cannot read'})", False),
        # structlog's event may be left out
        ("import structlog\n\nlog = structlog.get_logger()\n", "log.exception()", False),
        ("log = object()\n", "log.exception()", False),
    ],
)
def test_a_log_call_without_a_text(tmp_path: Path, head: str, call: str, reported: bool) -> None:
    body = f"    try:\n        return str(int('1'))\n    except ValueError:\n        {call}\n        return ''\n"
    source = f"{head}from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n{body}"
    assert bool(shown(tmp_path, "broken-log-format", {"app.py": source})) is reported


FIELDS = '{"time": "%(asctime)s", "message": "%(message)s"}'


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (f"logging.basicConfig(format='{FIELDS}')", True),
        (f"FORMAT = '{FIELDS}'\nlogging.basicConfig(format=FORMAT)", True),
        (f"logging.Formatter('{FIELDS}')", True),
        (f"LOGGING = {{'formatters': {{'line': {{'format': '{FIELDS}'}}}}}}", True),
        # its class escapes
        (f"LOGGING = {{'formatters': {{'line': {{'()': 'lines.Formatter', 'format': '{FIELDS}'}}}}}}", False),
        (f"from lines import Formatter\n\nFormatter('{FIELDS}')", False),
        (f"logging.basicConfig(format='{FIELDS}')\n\n\ndef escaped(record):\n    return json.dumps(record.msg)", False),
        ("logging.basicConfig(format='%(asctime)s %(message)s')", False),
        # the message is an object by itself
        ("logging.basicConfig(format='{\"time\": \"%(asctime)s\", \"message\": %(message)s}')", False),
    ],
)
def test_json_that_is_written_by_hand(tmp_path: Path, line: str, reported: bool) -> None:
    source = f"import json\nimport logging\n{line}\n" + APP.format(body="    pass")
    assert bool(shown(tmp_path, "broken-log-format", {"app.py": source})) is reported


INI = "[loggers]\nkeys=root\n[handlers]\nkeys=o\n[formatters]\nkeys=line\n[logger_root]\nhandlers=o\n[handler_o]\nclass=StreamHandler\n"


@pytest.mark.parametrize(
    ("name", "text", "started", "reported"),
    [
        ("logging.conf", f"{INI}[formatter_line]\nformat={FIELDS}\n", "--log-config logging.conf", True),
        ("logging.conf", f"{INI}[formatter_line]\nformat={FIELDS}\nclass=lines.Formatter\n", "--log-config logging.conf", False),
        ("logging.conf", f"{INI}[formatter_line]\nformat={FIELDS}\n", "", False),
        (
            "log.yaml", f"version: 1\nhandlers: {{}}\nroot: {{}}\nformatters:\n  line:\n    format: '{FIELDS}'\n",
            "--log-config log.yaml", True,
        ),
    ],
)  # fmt: skip
def test_json_by_hand_in_a_file(tmp_path: Path, name: str, text: str, started: str, reported: bool) -> None:
    image = f"FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD gunicorn {started} app:app\n"
    files = {"app.py": APP.format(body="    pass"), name: text, "Dockerfile": image}
    assert bool(shown(tmp_path, "broken-log-format", files)) is reported


BY_TIME = "TimedRotatingFileHandler('shop.log', when='midnight')"


@pytest.mark.parametrize(
    ("line", "workers", "reported"),
    [
        (f"logging.basicConfig(handlers=[{BY_TIME}])", "4", True),
        (f"logging.basicConfig(handlers=[{BY_TIME}])", "1", False),
        ("logging.basicConfig(handlers=[RotatingFileHandler('shop.log', maxBytes=1000)])", "4", True),
        # without a size it is never turned over
        ("logging.basicConfig(handlers=[RotatingFileHandler('shop.log')])", "4", False),
        ("LOGGING = {'handlers': {'file': {'class': 'logging.handlers.TimedRotatingFileHandler', 'filename': 'a'}}}", "4", True),
        ("LOGGING = {'handlers': {'file': {'class': 'logging.handlers.WatchedFileHandler', 'filename': 'a'}}}", "4", False),
        # a file for each process
        ("logging.basicConfig(handlers=[TimedRotatingFileHandler(f'shop.{os.getpid()}.log')])", "4", False),
        (f"if os.environ.get('LOG_FILE'):\n    logging.basicConfig(handlers=[{BY_TIME}])", "4", False),
    ],
)
def test_a_file_that_several_processes_turn_over(tmp_path: Path, line: str, workers: str, reported: bool) -> None:
    head = "import logging\nimport os\nfrom logging.handlers import RotatingFileHandler, TimedRotatingFileHandler\n"
    image = f'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "--workers", "{workers}", "app:app"]\n'
    files = {"app.py": f"{head}{line}\n" + APP.format(body="    pass"), "Dockerfile": image}
    found = [f for f in shown(tmp_path, "lost-log-config", files) if "processes" in f.message]
    assert bool(found) is reported


CAUGHT = """\
import logging
import sys
import traceback

import requests
from flask import Flask

app = Flask(__name__)
log = logging.getLogger(__name__)


@app.post("/send")
def send():
    try:
        requests.post("http://users/send", timeout=3).raise_for_status()
    except CAUGHT as e:
        BODY
    return "", 202
"""


@pytest.mark.parametrize(
    ("caught", "body", "reported"),
    [
        ("Exception", 'log.error("not sent: " + e)', True),
        ("Exception", 'log.error("not sent: " + e + ", given up")', True),
        ("Exception", 'error = sys.exc_info()[0]\n        log.error("not sent: " + error)', True),
        ("ValueError", "log.error(e.message)", True),
        ("Exception", 'log.error("not sent: " + str(e))', False),
        ("Exception", 'log.error("not sent: %s", e)', False),
        ("Exception", 'e = str(e)\n        log.error("not sent: " + e)', False),
        ("Exception", 'log.error("not sent: " + e.reason)', False),
        ("Exception", 'if isinstance(e, str):\n            log.error("not sent: " + e)', False),
        ("Exception", "log.error(e.message)", False),  # which one it is, is not known
        ("ValueError", 'log.error(e.message if hasattr(e, "message") else e)', False),
        ("Exception", "log.debug(traceback.format_exec())\n        undo()", True),
        ("Exception", "log.debug(traceback.format_exc())\n        undo()", False),
        ("Exception", "try:\n            traceback.format_exec()\n        except AttributeError:\n            undo()", False),
        ("Exception", "log.debug(traceback.TracebackException.from_exception(e))", False),
    ],
)
def test_an_arm_that_cannot_tell_what_it_caught(tmp_path: Path, caught: str, body: str, reported: bool) -> None:
    text = CAUGHT.replace("CAUGHT", caught).replace("BODY", body)
    assert [f.confidence for f in said(tmp_path, "masked-failure", {"app.py": text})] == (["certain"] if reported else [])


@pytest.mark.parametrize(
    ("call", "reported"),
    [
        ("log.debug(print(name))", True),
        ("log.error(traceback.print_exc())", True),
        ("log.error(traceback.format_exc())", False),
        ("log.debug(name)", False),
        ("names.append(print(name))", False),
    ],
)
def test_a_record_of_what_print_answers(tmp_path: Path, call: str, reported: bool) -> None:
    source = (
        "import logging\nimport traceback\nfrom flask import Flask\n\napp = Flask(__name__)\n"
        "log = logging.getLogger(__name__)\nnames = []\n\n\n"
        f"@app.get('/<name>')\ndef show(name):\n    {call}\n    return name\n"
    )
    assert bool(shown(tmp_path, "broken-log-format", {"app.py": source})) is reported
