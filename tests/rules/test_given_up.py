"""Work that is given up without a word: attempts that run out, stops that are not heard, loops that end, shells that say success."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

RETRY = (
    "import logging\nimport time\n\nimport requests\nfrom flask import Flask\n\napp = Flask(__name__)\n"
    "log = logging.getLogger(__name__)\n\n\n"
    "def {name}(x):\n{body}\n\n\n@app.post('/<x>')\ndef accept(x):\n    {name}(x)\n    return {{}}\n"
)
PUT = "requests.put('http://h/' + x, timeout=3)"
TRY = f"        try:\n            {PUT}\n"
LOOP = "    for n in range(3):\n" + TRY + "            break\n        except requests.RequestException:\n            {arm}\n"


@pytest.mark.parametrize(
    ("name", "body", "found"),
    [
        ("announce", LOOP.format(arm="time.sleep(1)"), ["certain"]),
        ("announce", LOOP.format(arm="log.exception('again')"), ["certain"]),
        ("announce", LOOP.format(arm="if n == 2:\n                log.error('gave up')"), ["possible"]),
        ("announce", LOOP.format(arm="if n == 2:\n                raise"), []),
        ("announce", LOOP.format(arm="time.sleep(1)") + "    else:\n        raise RuntimeError\n", []),
        ("announce", LOOP.format(arm="time.sleep(1)") + "    return n < 2\n", []),
        ("announce", LOOP.format(arm="time.sleep(1)") + "    log.error('gave up')\n", []),
        ("wait_for_it", LOOP.format(arm="time.sleep(1)"), []),
        ("announce", f"    for n in range(3):\n{TRY}        except OSError:\n            continue\n        break\n", ["certain"]),
        ("announce", f"    for n in range(3):\n{TRY}        except OSError:\n            pass\n        break\n", []),
        ("announce", f"    for u in (1, 2):\n{TRY}            break\n        except OSError:\n            pass\n", []),
    ],
)
def test_attempts_that_run_out(tmp_path: Path, name: str, body: str, found: list[str]) -> None:
    files = {"app.py": RETRY.format(name=name, body=body.rstrip())}
    assert [f.confidence for f in said(tmp_path, "exhausted-retry", files)] == found


KILLER = (
    "import signal\nimport time\n\nimport requests\n\n\nclass Killer:\n    told = False\n\n    def __init__(self):\n"
    "        signal.signal(signal.SIGTERM, self.tell)\n\n    def tell(self, signum, frame):\n        {handler}\n\n\n"
    "def main():\n    killer = Killer()\n    while True:\n        x = requests.get('http://q/', timeout=3).json()\n{body}\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)
TELL = "self.told = True"
BREAK = "        if killer.told:\n            break"


@pytest.mark.parametrize(
    ("handler", "body", "found"),
    [
        (TELL, f"{BREAK}\n        time.sleep(60)", ["certain"]),
        (TELL, f"{BREAK}\n        time.sleep(15)", ["likely"]),
        (TELL, f"{BREAK}\n        time.sleep(5)", []),
        ("raise SystemExit", f"{BREAK}\n        time.sleep(60)", []),
        (TELL, "        time.sleep(60)", []),
        (TELL, f"        if x:\n            continue\n{BREAK}", ["certain"]),
        (TELL, f"        if x:\n            time.sleep(40)\n            continue\n{BREAK}", ["certain"]),  # one cause
        (TELL, f"{BREAK}\n        if x:\n            continue\n        time.sleep(1)", []),
        (TELL, f"        for y in x:\n            if y:\n                continue\n{BREAK}", []),
    ],
)
def test_looks_at_the_stop_flag(tmp_path: Path, handler: str, body: str, found: list[str]) -> None:
    files = {"worker.py": KILLER.format(handler=handler, body=body)}
    assert [f.confidence for f in said(tmp_path, "slow-stop", files)] == found


WORKER = "import time\n\nimport requests\n\n\ndef main():\n{body}\n\n\nif __name__ == '__main__':\n    main()\n"
TURN = "    while True:\n        requests.get('http://q/', timeout=3).raise_for_status()\n        time.sleep(1)"
GUARDED = (
    "    while True:\n        try:\n            requests.get('http://q/', timeout=3)\n        except OSError:\n            pass\n"
    "        time.sleep(1)"
)
COMPOSE = "services:\n  worker:\n    image: worker\n    build: .\n    command: [python, worker.py]\n{more}"


@pytest.mark.parametrize(
    ("body", "name", "more", "count"),
    [
        (TURN, "docker-compose.prod.yml", "", 1),
        (TURN, "docker-compose.prod.yml", "    restart: always\n", 0),
        (GUARDED, "docker-compose.prod.yml", "", 0),
        (TURN, "docker-compose.yml", "  db:\n    image: postgres\n    restart: always\n", 1),
        (TURN, "docker-compose.yml", "", 0),
    ],
)
def test_loops_that_nothing_starts_again(tmp_path: Path, body: str, name: str, more: str, count: int) -> None:
    files = {"worker.py": WORKER.format(body=body), name: COMPOSE.format(more=more)}
    assert len(shown(tmp_path, "item-stops-batch", files)) == count


SCRIPT = "#!/bin/sh\n{script}"
IMAGE = 'FROM python:3.13-slim\nCOPY . /app\nCMD ["/app/start.sh"]\n'


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ('if [ -z "$T" ]; then\n  echo "[ERROR] T is not set"\n  exit\nfi\nexec python /app/worker.py\n', 1),
        ('if [ -z "$T" ]; then\n  echo "[ERROR] T is not set"\n  exit 1\nfi\nexec python /app/worker.py\n', 0),
        ('if [ -n "$T" ]; then\n  echo "all done"\n  exit\nfi\nexec python /app/worker.py\n', 0),
        ("python /app/worker.py\necho stopped\n", 1),
        ("set -e\npython /app/worker.py\necho stopped\n", 0),
        ("python /app/worker.py\n", 0),
    ],
)
def test_shells(tmp_path: Path, script: str, count: int) -> None:
    files = {"worker.py": WORKER.format(body=GUARDED), "Dockerfile": IMAGE, "start.sh": SCRIPT.format(script=script)}
    assert len(shown(tmp_path, "success-after-failure", files)) == count


def test_shell_text_of_a_container_that_the_program_makes(tmp_path: Path) -> None:
    text = (
        "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef spec():\n"
        "    return {'args': ['-c', 'if [ -z \"$V\" ]; then echo \"[ERROR] V is not set\"; exit; fi; run']}\n"
    )
    assert len(shown(tmp_path, "success-after-failure", {"app.py": text})) == 1


MADE = "    with transaction.atomic():\n        o = Order.objects.create()\n"
TASKS = (
    "from celery import shared_task\nfrom django.db import transaction\nfrom models import Order\n\n\n@shared_task\n"
    "def confirm(pk):\n    print(pk)\n\n\n@shared_task\ndef accept(text):\n{body}\n"
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (MADE + "        confirm.delay(o.pk)", ["certain"]),
        ("    with transaction.atomic():\n        confirm.delay(1)", ["possible"]),
        (MADE + "    confirm.delay(o.pk)", []),
        (MADE + "        transaction.on_commit(lambda: confirm.delay(o.pk))", []),
        (MADE + "        confirm.apply_async((o.pk,), countdown=10)", []),
    ],
)
def test_jobs_sent_before_the_commit(tmp_path: Path, body: str, found: list[str]) -> None:
    assert [f.confidence for f in said(tmp_path, "sent-before-commit", {"tasks.py": TASKS.format(body=body)})] == found
