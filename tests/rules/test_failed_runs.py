"""Runs that fail or are ended: whose status is read, what a death leaves behind, what is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

IMAGE = 'FROM python:3.12\nCOPY . /app\nENTRYPOINT ["./start.sh"]\n'
COMMAND = (
    "from django.core.management.base import BaseCommand\nfrom mail import send\n\nclass Command(BaseCommand):\n"
    "    def handle(self, *args, **options):\n        try:\n            send()\n        except OSError as error:\n"
    '            self.stderr.write(f"send failed: {error}")\n'
)
MANAGE = (
    "import sys\nfrom django.core.management import execute_from_command_line\n"
    "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n"
)
SEND = "import smtplib\n\ndef send():\n    smtplib.SMTP('mail').sendmail('a', 'b', 'c')\n"


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("python manage.py tell\nexec gunicorn site.wsgi", True),
        ("python manage.py tell &\nexec gunicorn site.wsgi", False),
    ],
    ids=["the script goes on after it", "the script goes on beside it"],
)
def test_a_status_that_nobody_asks_for(tmp_path: Path, line: str, fires: bool) -> None:
    files = {
        "app/management/commands/tell.py": COMMAND, "mail.py": SEND, "manage.py": MANAGE, "Dockerfile": IMAGE,
        "start.sh": f"#!/bin/sh\nset -e\n{line}\n",
    }  # fmt: skip
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires
    assert said(tmp_path, "success-after-failure", files)


def test_the_arms_of_one_try_are_one_finding(tmp_path: Path) -> None:
    code = (
        "import click\nfrom mail import send\n\n@click.command()\ndef tell():\n    try:\n        send()\n"
        '    except ConnectionError:\n        click.echo("error: no connection")\n'
        '    except LookupError:\n        click.echo("error: no such address")\n\nif __name__ == "__main__":\n    tell()\n'
    )
    found = shown(tmp_path, "success-after-failure", {"tool.py": code, "mail.py": SEND})
    assert [(f.line, len(f.also)) for f in found] == [(8, 1)]
    assert "ConnectionError / LookupError" in found[0].message


@pytest.mark.parametrize(
    ("tells", "fires"),
    [('print(f"{name} failed: {error}")', True), ('log.exception("%s failed", name)', False)],
    ids=["printed", "recorded with its traceback"],
)
def test_items_of_a_batch_that_nothing_starts(tmp_path: Path, tells: str, fires: bool) -> None:
    code = (
        "import logging\nfrom mail import send\nlog = logging.getLogger(__name__)\n\ndef main(names):\n    for name in names:\n"
        f"        try:\n            send()\n        except OSError as error:\n            {tells}\n\n"
        'if __name__ == "__main__":\n    main(["a"])\n'
    )
    assert bool(shown(tmp_path, "success-after-failure", {"tool.py": code, "mail.py": SEND})) is fires


@pytest.mark.parametrize(("restart", "fires"), [("on-failure", True), ("always", False)])
def test_a_bare_exit_of_what_is_started_again_anyway(tmp_path: Path, restart: str, fires: bool) -> None:
    files = {
        "main.py": (
            'import logging, os, sys, time\nlog = logging.getLogger(__name__)\n\ndef main():\n    if "URL" not in os.environ:\n'
            '        log.error("URL is required")\n        sys.exit()\n    while True:\n        time.sleep(5)\n\n'
            'if __name__ == "__main__":\n    main()\n'
        ),
        "docker-compose.yml": f'services:\n  app:\n    build: .\n    command: python main.py\n    restart: "{restart}"\n',
    }
    assert bool(shown(tmp_path, "success-after-failure", files)) is fires


@pytest.mark.parametrize(
    ("arm", "after", "fires"),
    [
        ('print("interrupted")', "", True),
        ('out.error("interrupted")', "    out.leave()\n", False),
    ],
    ids=["the end", "what follows works the status out"],
)
def test_an_interrupt_and_the_status_behind_it(tmp_path: Path, arm: str, after: str, fires: bool) -> None:
    files = {
        "tool.py": (
            "import out\nfrom mail import send\n\ndef main():\n    try:\n        send()\n    except KeyboardInterrupt:\n"
            f'        {arm}\n{after}\nif __name__ == "__main__":\n    main()\n'
        ),
        "out.py": (
            "import sys\nfailed = False\n\ndef error(text):\n    global failed\n    failed = True\n    print(text)\n\n"
            "def leave():\n    sys.exit(1 if failed else 0)\n"
        ),
        "mail.py": SEND,
    }
    assert bool(shown(tmp_path, "swallowed-interrupt", files)) is fires


def test_what_never_ends_is_ended_by_an_interrupt(tmp_path: Path) -> None:
    code = (
        "import asyncio\n\nasync def main():\n    await asyncio.Event().wait()\n\nif __name__ == \"__main__\":\n    try:\n"
        '        asyncio.run(main())\n    except KeyboardInterrupt:\n        print("Exiting.")\n'
    )
    assert not said(tmp_path, "swallowed-interrupt", {"tool.py": code})


WORKER = (
    "import time\nfrom store import rows, pay\n\ndef main():\n    while True:\n        for row in rows():\n            pay(row)\n"
    "        time.sleep(60)\n{after}\nif __name__ == \"__main__\":\n    main()\n"
)
STORE = (
    "import json\nfrom celery import Celery\nimport redis\napp = Celery('x')\ndb = redis.Redis()\n\ndef rows():\n"
    "    return db.lrange('r', 0, 9)\n\ndef pay(row):\n    db.set(row, 'paid')\n\n@app.task\ndef export(path):\n"
    "    with open(path, 'w') as file:\n        json.dump([], file)\n"
)


def test_a_file_that_another_program_writes_is_not_cut_off(tmp_path: Path) -> None:
    files = {
        "worker.py": WORKER.format(after=""), "store.py": STORE,
        "Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "worker.py"]\n',
    }  # fmt: skip
    found = shown(tmp_path, "unhandled-termination", files)
    assert [f.severity for f in found] == ["medium"]
    assert "open()" not in found[0].message


def test_a_way_down_that_is_written_and_skipped_weighs_more(tmp_path: Path) -> None:
    code = (
        "import time\nfrom concurrent import futures\nimport grpc\n\ndef main():\n"
        "    server = grpc.server(futures.ThreadPoolExecutor(4))\n    server.start()\n    try:\n        while True:\n"
        "            time.sleep(3600)\n    except KeyboardInterrupt:\n        server.stop(0)\n\n"
        'if __name__ == "__main__":\n    main()\n'
    )
    files = {"server.py": code, "Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "server.py"]\n'}
    assert [f.severity for f in shown(tmp_path, "unhandled-termination", files)] == ["high"]
