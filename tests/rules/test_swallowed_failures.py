"""Failures that are caught and still seen: look-alikes of `silent-except`, `success-after-failure` and `unwatched-thread`."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project

APP = "import logging, os, psutil, requests, socket\nfrom flask import Flask\napp = Flask(__name__)\nlog = logging.getLogger(__name__)\n"
RUN = "if __name__ == '__main__':\n    app.run()\n"
ASK = "requests.get('http://h', timeout=3)"


def found(root: Path, rule: str, files: dict[str, str]) -> list[Finding]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    gathered = gather(root, discover(root), workers=1)
    module = importlib.import_module(f"runtime_ops.rules.{rule.replace('/', '.').replace('-', '_')}")
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [module.RULE])
    assert not judged.failed
    return list(judged.findings)


@pytest.mark.parametrize(
    ("name", "body", "fires"),
    [
        (
            "state",
            f"x = None\n    try:\n        x = {ASK}\n    except Exception:\n        pass\n    return str(x)",
            True,
        ),
        ("state", f"try:\n        return {ASK}.text\n    except Exception:\n        return ''", True),
        ("state", f"try:\n        return {ASK}.text\n    except Exception:\n        return 'not reached'", False),
        ("state", f"try:\n        {ASK}\n        return True\n    except Exception:\n        return False", False),
        ("state", f"try:\n        x = {ASK}.text\n    except Exception:\n        x = 'unknown'\n    return x", False),
        (
            "state",
            f"x = []\n    try:\n        x = {ASK}.json()\n    except Exception:\n        return x\n    return x",
            True,
        ),
        (
            "state",
            f"try:\n        x = {ASK}.text\n    except Exception:\n        x = None\n    log.info('got %s', x)\n    return x",
            False,
        ),
        (
            "state",
            f"try:\n        if {ASK}.ok:\n            return ''\n    except Exception:\n        pass\n    return '', 503",
            False,
        ),
        (
            "is_reached",
            f"x = None\n    try:\n        x = {ASK}.text\n    except Exception:\n        pass\n    return x",
            False,
        ),
    ],
)
def test_a_dropped_failure_that_shows(tmp_path: Path, name: str, body: str, fires: bool) -> None:
    text = f"{APP}@app.get('/')\ndef {name}():\n    {body}\n{RUN}"
    assert bool(found(tmp_path, "logging/silent-except", {"app.py": text})) is fires


@pytest.mark.parametrize(
    ("over", "fires"),
    [("load()", True), ("psutil.process_iter()", False), ("os.listdir('/d')", False)],
)
def test_a_listing_whose_entries_may_be_gone(tmp_path: Path, over: str, fires: bool) -> None:
    loop = "    for x in {}:\n        try:\n            seen.append(measure(x))\n        except Exception:\n            continue\n"
    ways = "".join(
        f"@app.get('/{n}')\ndef f{n}():\n    seen = []\n{loop.format(over)}    return seen\n" for n in range(3)
    )
    text = f"{APP}def load():\n    return [1]\ndef measure(x):\n    return open(f'/p/{{x}}').read()\n{ways}{RUN}"
    assert bool(found(tmp_path, "logging/silent-except", {"app.py": text})) is fires


COMMAND = (
    "from django.core.management.base import BaseCommand\nfrom shop.work import work\nclass Command(BaseCommand):\n    help = '{help}'\n\n"
    "    def handle(self, *args, **options):\n        try:\n            work()\n        except Exception as e:\n"
    "            self.stdout.write(self.style.{style}(f'failed: {{e}}'))\n"
)


@pytest.mark.parametrize(
    ("file", "help_", "style", "started", "fires"),
    [
        ("rebuild", "Rebuilds the index", "ERROR", False, True),
        ("rebuild", "Rebuilds the index", "WARNING", False, False),
        ("backfill_prices", "Fills prices in", "ERROR", False, False),
        ("rebuild", "One-off change of old rows", "ERROR", False, False),
        ("rebuild", "One-off change of old rows", "ERROR", True, True),  # something starts it: its status is looked at
    ],
)
def test_a_command_for_one_time_at_a_desk(
    tmp_path: Path, file: str, help_: str, style: str, started: bool, fires: bool
) -> None:
    files = {
        "manage.py": "import sys\nfrom django.core.management import execute_from_command_line\n"
        "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n",
        "shop/__init__.py": "",
        "shop/work.py": "def work():\n    open('/d').read()\n",
        "shop/management/__init__.py": "",
        "shop/management/commands/__init__.py": "",
        f"shop/management/commands/{file}.py": COMMAND.format(help=help_, style=style),
    }
    if started:
        files["Dockerfile"] = f'FROM python:3.12\nCOPY . .\nCMD ["python", "manage.py", "{file}"]\n'
    assert bool(found(tmp_path, "cli/success-after-failure", files)) is fires


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ("ask()", True),
        ("guarded()", False),  # nothing comes out of it
        (
            "if ask:\n            ask()\n            log.info('x')\n            break",
            False,
        ),  # it does one thing and ends
        ("logging.getLogger('x').info('y')", False),
    ],
)
def test_a_loop_that_a_failure_can_end(tmp_path: Path, body: str, fires: bool) -> None:
    text = (
        f"import threading, time\n{APP}def ask():\n    {ASK}.raise_for_status()\n"
        "def guarded():\n    url = 'http://h'\n    try:\n        requests.get(url, timeout=3)\n    except OSError:\n        pass\n"
        f"def watch():\n    while True:\n        {body}\n        time.sleep(9)\n"
        "@app.get('/')\ndef index():\n    return ''\ndef main():\n    threading.Thread(target=watch, daemon=True).start()\n"
        "    app.run()\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(found(tmp_path, "logging/unwatched-thread", {"app.py": text})) is fires
