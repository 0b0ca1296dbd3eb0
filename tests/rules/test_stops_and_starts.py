"""Handlers for Ctrl-C alone, transactions and threads at a stop, checks that cannot refuse, and Flask's own commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

from runtime_ops.findings import Finding

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "work.py"]\n'
LOOP = "import signal\nimport sys\nimport time\n\n\ndef leave(number, frame):\n    {}\n\n\nsignal.signal(signal.{}, leave)\nwhile True:\n"
TURN = "    time.sleep(1)\n"


def certain(root: Path, rule: str, files: dict[str, str]) -> list[Finding]:
    """What the report shows of a rule whose other findings are leads."""
    return [finding for finding in said(root, rule, files) if finding.confidence == "certain"]


@pytest.mark.parametrize(
    ("act", "signal", "more", "fires"),
    [
        ("sys.exit(0)", "SIGINT", {}, True),
        ("sys.exit(0)", "SIGTERM", {}, False),
        ("print('again')", "SIGINT", {}, False),  # no end
        ("sys.exit(0)", "SIGINT", {"Dockerfile": IMAGE + "STOPSIGNAL SIGINT\n"}, False),
        ("sys.exit(0)", "SIGINT", {"Dockerfile": "FROM python:3.12\n"}, False),  # at a desk
    ],
)
def test_a_handler_for_interrupts_alone(tmp_path: Path, act: str, signal: str, more: dict[str, str], fires: bool) -> None:
    files = {"work.py": LOOP.format(act, signal) + TURN, "Dockerfile": IMAGE} | more
    found = certain(tmp_path, "unhandled-termination", files)
    assert [f.line for f in found] == ([10] if fires else [])


def test_a_shell_that_stays_does_not_hide_it(tmp_path: Path) -> None:
    files = {"Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nENTRYPOINT ["sh", "/app/run.sh"]\n', "run.sh": "python work.py\n"}
    kept = "    with open('orders', 'a') as f:\n        f.write('x')\n" + TURN
    held = LOOP.format("sys.exit(0)", "SIGINT").replace("while", "pool = ThreadPoolExecutor()\nwhile")
    held = "from concurrent.futures import ThreadPoolExecutor\n" + held + "    pool.submit(print)\n" + kept
    assert certain(tmp_path / "a", "unhandled-termination", {**files, "work.py": held})
    other = held.replace("signal.signal(signal.SIGINT, leave)\n", "")
    assert not said(tmp_path / "c", "unhandled-termination", {**files, "work.py": other})  # the shell's own finding
    assert not said(tmp_path / "b", "unhandled-termination", {**files, "work.py": "import time\n\nwhile True:\n    time.sleep(1)\n"})


DATABASE = "import time\n\nfrom sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n\n"
DATABASE += "Session = sessionmaker(create_engine('postgresql://db/shop'))\n\n\ndef main(jobs):\n    while True:\n"


@pytest.mark.parametrize(("turn", "sure"), [("with Session.begin() as s:\n            jobs(s)", True), ("jobs()", False)])
def test_a_transaction_that_a_stop_cuts(tmp_path: Path, turn: str, sure: bool) -> None:
    text = f"{DATABASE}        {turn}\n        time.sleep(60)\n\n\nif __name__ == '__main__':\n    main(print)\n"
    assert bool(certain(tmp_path, "unhandled-termination", {"work.py": text, "Dockerfile": IMAGE})) is sure


THREAD = "import signal\nimport sys\nimport os\nimport threading\nimport time\n\n\n"
THREAD += "def refresh():\n    while True:\n        time.sleep(9)\n\n\n"
THREAD += "def leave(number, frame):\n    {}\n\n\ndef main():\n    signal.signal(signal.SIGTERM, leave)\n"
THREAD += "    threading.Thread(target=refresh{}).start()\n    while True:\n        time.sleep(1)\n\n\n"
THREAD += "if __name__ == '__main__':\n    main()\n"


@pytest.mark.parametrize(
    ("act", "daemon", "sure"),
    [
        ("sys.exit(0)", "", True),
        ("os._exit(0)", "", False),
        ("os.kill(os.getpid(), 9)\n    sys.exit(0)", "", False),
        ("sys.exit(0)", ", daemon=True", False),
    ],
)
def test_a_thread_that_outlives_the_handlers_exit(tmp_path: Path, act: str, daemon: str, sure: bool) -> None:
    assert bool(certain(tmp_path, "blocked-exit", {"work.py": THREAD.format(act, daemon), "Dockerfile": IMAGE})) is sure


APP = "import os\nimport sys\n\nfrom flask import Flask\n\n"
APP += "USER = os.getenv('SHOP_USER')\nWORD = os.getenv('SHOP_WORD')\n{}\n\napp = Flask(__name__)\n"
WEB = {"Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'}


@pytest.mark.parametrize(
    ("check", "fires"),
    [
        ("if not (USER, WORD):\n    raise SystemExit('missing')", True),
        ("if not [USER]:\n    sys.exit('missing')", True),
        ("assert (USER, 'missing')", True),
        ("if not (USER and WORD):\n    raise SystemExit('missing')", False),
        ("if not all((USER, WORD)):\n    raise SystemExit('missing')", False),
        ("if not (*sys.argv, ):\n    raise SystemExit('missing')", False),  # may be empty
        ("if not ():\n    raise SystemExit('off')", False),
        ("if not (USER, WORD):\n    print('missing')", False),  # refuses nothing by its own will
        ("assert (USER), 'missing'", False),
    ],
)
def test_a_check_of_a_tuple_refuses_nothing(tmp_path: Path, check: str, fires: bool) -> None:
    assert bool(certain(tmp_path, "inert-startup-check", {**WEB, "app.py": APP.format(check)})) is fires


SHOP = "import click\nfrom flask import Flask\nfrom flask.cli import FlaskGroup\n\n\ndef create_app():\n    return Flask(__name__)\n\n\n"
GROUP = "@click.group(cls=FlaskGroup, create_app=create_app)\ndef cli():\n    pass\n"
SCRIPT = "[project]\nname = 'shop'\nversion = '1'\n[project.scripts]\nshopd = 'shop.commands:cli'\n"


@pytest.mark.parametrize(
    ("code", "words", "fires"),
    [
        (GROUP, '"shopd", "run", "--host", "0.0.0.0"', True),
        ("cli = FlaskGroup(create_app=create_app)\n", '"shopd", "run"', True),
        (GROUP, '"shopd", "import"', False),
        (GROUP.replace("create_app=create_app", "add_default_commands=False"), '"shopd", "run"', False),
        (GROUP + "\n\n@cli.command()\ndef run():\n    pass\n", '"shopd", "run"', False),  # its own
        ("@click.group()\ndef cli():\n    pass\n", '"shopd", "run"', False),
    ],
)
def test_run_of_flasks_own_commands(tmp_path: Path, code: str, words: str, fires: bool) -> None:
    image = f"FROM python:3.12\nWORKDIR /app\nCOPY . /app\nRUN pip install .\nCMD [{words}]\n"
    files = {"pyproject.toml": SCRIPT, "Dockerfile": image, "shop/__init__.py": "", "shop/commands.py": SHOP + code}
    assert bool(certain(tmp_path, "dev-server", files)) is fires


def test_a_configuration_to_copy_from_is_no_real_server(tmp_path: Path) -> None:
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nRUN pip install .\nCMD ["shopd", "run"]\n'
    files = {"pyproject.toml": SCRIPT, "Dockerfile": image, "shop/__init__.py": "", "shop/commands.py": SHOP + GROUP}
    files["shop/wsgi.py"] = "from shop.commands import create_app\n\napp = create_app()\n"
    unit = "[Service]\nExecStart=/usr/bin/gunicorn --chdir /app shop.wsgi:app\n"
    assert certain(tmp_path / "a", "dev-server", {**files, "contrib/shop.service": unit})
    assert not certain(tmp_path / "b", "dev-server", {**files, "shop.service": unit})


@pytest.mark.parametrize(
    ("wait", "silent"),
    [
        ("signal.sigwait({signal.SIGTERM, signal.SIGINT})", True),
        ("while True:\n    got = signal.sigwait([signal.SIGTERM, signal.SIGHUP])\n    if got == signal.SIGTERM:\n        break", True),
        ("while True:\n    signal.sigwait([signal.SIGHUP])", False),
        ("while True:\n    time.sleep(9)", False),
    ],
)
def test_a_signal_that_the_program_waits_for(tmp_path: Path, wait: str, silent: bool) -> None:
    code = f"import signal\nimport time\n\nsignal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})\n{wait}\n"
    assert said(tmp_path, "unhandled-termination", {"work.py": code, "Dockerfile": IMAGE}) is not silent
