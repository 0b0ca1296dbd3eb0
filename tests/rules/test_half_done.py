"""Work that is taken for done: messages acknowledged first, children whose end nobody reads, files left by what failed, and
programs that give up before they serve."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said, shown

CONSUMER = (
    "import json\n\nimport requests\nfrom kombu import Connection, Consumer, Queue\nfrom kombu.mixins import ConsumerMixin\n\n\n"
    "def store(body):\n    requests.post('http://store', json=json.loads(body), timeout=5).raise_for_status()\n\n\n"
    "class Worker(ConsumerMixin):\n    def __init__(self, connection):\n        self.connection = connection\n\n"
    "    def get_consumers(self, consumer, channel):\n        return [consumer([Queue('jobs')], callbacks=[self.on_message])]\n\n"
    "    def on_message(self, body, message):\n{body}\n\n"
    "if __name__ == '__main__':\n    Worker(Connection('amqp://broker')).run()\n"
)


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("        message.ack()\n        store(body)\n", True),
        ("        try:\n            message.ack()\n            store(body)\n        except OSError:\n            print('lost')\n", True),
        ("        store(body)\n        message.ack()\n", False),
        ("        if not body:\n            message.ack()\n            return\n        store(body)\n", False),
        ("        message.ack()\n        print(body)\n", False),
        ("        message.ack()\n        try:\n            store(body)\n        except OSError:\n            message.requeue()\n", False),
    ],
    ids=["first", "within the try", "behind", "one that is dropped", "nothing to lose", "put back"],
)
def test_a_callback_that_acknowledges_before_it_works(tmp_path: Path, body: str, reported: bool) -> None:
    found = shown(tmp_path, "ack-before-work", {"worker.py": CONSUMER.format(body=body)})
    assert [f.confidence for f in found] == ["certain"] * reported


KAFKA = (
    "import json\n\nimport requests\nfrom confluent_kafka import Consumer\n\n\n"
    "def process_report(report):\n    requests.post('http://store/reports', json=report, timeout=5)\n\n\n"
    "def main():\n    consumer = Consumer({{'group.id': 'reports', 'enable.auto.commit': False}})\n    consumer.subscribe(['reports'])\n"
    "    while True:\n        msg = consumer.poll(1.0)\n        if msg is None:\n            continue\n"
    "        report = json.loads(msg.value())\n{body}\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("        consumer.commit()\n        process_report(report)\n", True),
        ("        if report['kind'] == 'host':\n            consumer.commit()\n            process_report(report)\n", True),
        ("        process_report(report)\n        consumer.commit()\n", False),
        (
            "        if report['kind'] == 'deleted':\n            consumer.commit()\n            continue\n"
            "        process_report(report)\n        consumer.commit()\n",
            False,
        ),
        ("        try:\n            process_report(report)\n        finally:\n            consumer.commit()\n", False),
    ],
    ids=["first", "first in its branch", "behind", "one that is dropped", "however it ended"],
)
def test_an_offset_that_is_committed_before_the_work(tmp_path: Path, body: str, reported: bool) -> None:
    found = shown(tmp_path, "ack-before-work", {"worker.py": KAFKA.format(body=body)})
    assert [f.confidence for f in found] == ["certain"] * reported


VIEW = (
    "import os\nimport subprocess\nimport tempfile\n\nimport requests\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
    "def in_folder(text):\n    folder = tempfile.mkdtemp()\n    return folder\n\n\n"
    "@app.post('/dump/<name>')\ndef dump(name):\n{body}    return name\n\n\nif __name__ == '__main__':\n    app.run()\n"
)
TO_FILE = "    with open('/data/dump.gz', 'wb') as out:\n"
CHILD = "        child = subprocess.Popen(['gzip', name], stdout=out)\n"


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        (TO_FILE + CHILD + "        child.wait()\n", True),
        (TO_FILE + "        with subprocess.Popen(['gzip', name], stdout=out) as child:\n            child.communicate()\n", True),
        (TO_FILE + "        subprocess.Popen(['gzip', name], stdout=out).wait()\n", True),
        (TO_FILE + "        subprocess.run(['gzip', name], stdout=out)\n", True),
        ("    path = '/data/' + name\n    child = subprocess.Popen(['shot', path])\n    child.wait(timeout=9)\n"
         "    if not os.path.exists(path):\n        raise OSError\n", True),
        (TO_FILE + "        subprocess.run(['gzip', name], stdout=out, check=True)\n", False),
        (TO_FILE + "        if subprocess.call(['gzip', name], stdout=out):\n            raise OSError\n", False),
        (TO_FILE + CHILD + "        code = child.wait()\n        print(code)\n", False),
        (TO_FILE + CHILD + "        child.wait()\n        print(child.returncode)\n", False),
        ("    with open('/var/log/child.log', 'wb') as out:\n        subprocess.Popen(['serve', name], stdout=out).wait()\n", False),
        ("    child = subprocess.Popen(['gzip', name])\n    child.wait()\n", False),
    ],
)  # fmt: skip
def test_a_child_whose_file_is_taken_for_whole(tmp_path: Path, body: str, reported: bool) -> None:
    found = shown(tmp_path, "ignored-outcome", {"app.py": VIEW.format(body=body)})
    assert [f.confidence for f in found] == ["certain"] * reported


ASK = "    data = requests.get('http://store/' + name, timeout=5).text\n"


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("    folder = tempfile.mkdtemp()\n" + ASK + "    print(data)\n    os.rmdir(folder)\n", True),
        ("    folder = in_folder(name)\n" + ASK + "    print(data)\n    os.rmdir(folder)\n", True),
        ("    temp_path = '/data/' + name\n    with open(temp_path, 'w') as out:\n        out.write(name)\n"
         "    if not name:\n        raise ValueError(name)\n    os.remove(temp_path)\n", True),
        ("    folder = tempfile.mkdtemp()\n    try:\n    " + ASK + "        print(data)\n    finally:\n        os.rmdir(folder)\n", False),
        ("    folder = tempfile.mkdtemp()\n    print(folder)\n    os.rmdir(folder)\n", False),
        (ASK + "    temp_path = data\n    os.remove(temp_path)\n", False),
    ],
    ids=["a request", "made by a function", "a raise", "finally", "nothing that fails", "made behind the request"],
)  # fmt: skip
def test_a_temporary_file_that_only_success_removes(tmp_path: Path, body: str, reported: bool) -> None:
    found = shown(tmp_path, "temp-leak", {"app.py": VIEW.format(body=body)})
    assert [f.confidence for f in found if "alone, behind the work" in f.message] == ["certain"] * reported


SERVICE = (
    "import logging\nimport time\n\nimport redis\n\nlog = logging.getLogger(__name__)\n"
    "queue = redis.Redis(host='queue', socket_timeout=5)\n\n\n"
    "def ready():\n    if not queue.exists('bucket'):\n"
    "        log.error('the bucket is missing')\n        return False\n    return True\n\n\n"
    "def main():\n{guard}    while True:\n        queue.lpop('jobs')\n        time.sleep(1)\n\n\n"
    "if __name__ == '__main__':\n    {call}\n"
)
COMPOSE = "services:\n  worker:\n    build: .\n    restart: {restart}\n"
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "worker.py"]\n'


@pytest.mark.parametrize(
    ("guard", "restart", "call", "told"),
    [
        ("    if not ready():\n        return\n", "on-failure", "main()", ["certain"]),
        ("    if not queue.exists(1):\n        log.error('no queue')\n        return\n", "on-failure", "main()", ["certain"]),
        (
            "    try:\n        queue.ping()\n    except OSError:\n        log.exception('no queue')\n        return\n",
            "on-failure", "main()", ["certain"],
        ),
        ("    if not ready():\n        return\n", "always", "main()", ["possible"]),
        ("    if not ready():\n        raise SystemExit(1)\n", "on-failure", "main()", []),
        ("    if not ready():\n        return 1\n", "on-failure", "raise SystemExit(main())", []),
        ("    if queue.exists('stop'):\n        log.info('told to stop')\n        return\n", "on-failure", "main()", []),
        ("    if queue.exists('lock'):\n        log.error('already running')\n        return\n", "on-failure", "main()", []),
        ("    if not ready():\n        return\n", "on-failure", "main()\n    raise SystemExit(1)", []),
    ],
)  # fmt: skip
def test_a_service_that_gives_up_before_it_serves(tmp_path: Path, guard: str, restart: str, call: str, told: list[str]) -> None:
    code = SERVICE.format(guard=guard, call=call)
    files = {"worker.py": code, "Dockerfile": IMAGE, "docker-compose.yml": COMPOSE.format(restart=restart)}
    assert [f.confidence for f in said(tmp_path, "success-after-failure", files)] == told


def test_the_end_of_a_thread_that_main_starts_is_not_that_of_the_program(tmp_path: Path) -> None:
    code = (
        "import logging\nimport threading\nimport time\n\nimport redis\n\nlog = logging.getLogger(__name__)\n"
        "queue = redis.Redis(host='queue', socket_timeout=5)\n\n\ndef run():\n    try:\n        while True:\n"
        "            queue.lpop('jobs')\n            time.sleep(1)\n    except Exception:\n        log.exception('failed')\n\n\n"
        "def main():\n    thread = threading.Thread(target=run)\n    thread.start()\n    thread.join()\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    found = said(tmp_path, "success-after-failure", {"worker.py": code, "Dockerfile": IMAGE})
    assert not [f for f in found if "around the worker's whole life" in f.message]


DUMP = """
import argparse

import requests


def dump(url, path, options):
    with open(GIVEN) as out:
        for page in range(3):
            out.write(requests.get(f"{url}?page={page}", timeout=10).text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    dump("http://pages/", parser.parse_args().path, {})
"""


@pytest.mark.parametrize(
    ("given", "count"),
    [('path, "w"', 1), ('mode="w", file=path', 1), ('mode="w", **options', 0), ('file=path', 0)],
)
def test_a_path_given_by_its_name(tmp_path: Path, given: str, count: int) -> None:
    assert len(said(tmp_path, "partial-output", {"dump.py": DUMP.replace("GIVEN", given)})) == count
