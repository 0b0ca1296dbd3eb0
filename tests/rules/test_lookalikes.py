"""What looks like a defect of some rule and is none, each beside the twin that is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules.api import load

pytestmark = pytest.mark.usefixtures("any_call")

WEB = "from flask import Flask\napp = Flask(__name__)\n"
RETRY = WEB + (
    "from retrying import retry\n"
    "def conflict(error):\n    return isinstance(error, LookupError)\n"
    "@retry({})\ndef store():\n    app.db.save()\n"
    "@app.post('/a')\ndef a():\n    store()\n    return ''\n"
)
FLAG = "import os\nfrom django.conf import settings\nfrom django.core.wsgi import get_wsgi_application\n"
FLAG += "application = get_wsgi_application()\nif {}os.environ.get('ENABLE_TOOLBAR', False):\n    import toolbar\n"
MAIL = "from celery import shared_task\nfrom django.core.mail import send_mail\n"
MAIL += "@shared_task\ndef tell():\n    send_mail('a', 'b', 'c', ['d'])\n"
CHOSEN = "import os\nEMAIL_BACKEND = os.environ.get('EMAIL_BACKEND', '{}')\n"
ADAPTER = WEB + (
    "import requests\nclass Limited(requests.adapters.HTTPAdapter):\n    def send(self, *args, **kwargs):\n"
    "        kwargs['timeout'] = {}\n        return super().send(*args, **kwargs)\n"
    "def session(app):\n    made = requests.Session()\n    for name in app.prefixes:\n        made.mount(name, Limited())\n"
    "    return made\n@app.get('/a')\ndef a():\n    asked = session(app)\n    return asked.get('http://a').text\n"
)
LATE = "import os, argparse\nfrom django.core.management.base import BaseCommand\nclass Command(BaseCommand):\n"
LATE += "    def handle(self, **options):\n        check()\ndef check():\n    return os.environ['BATCH_KEY']\n"
LOOP = "import time\nfrom django.core.management.base import BaseCommand\nclass Command(BaseCommand):\n"
LOOP += "    def handle(self, **options):\n        while True:\n            try:\n                open('a', 'w')\n            finally:\n"
LOOP += "                self.close()\n            time.sleep(5)\n"
TEMP = WEB + (
    "import tempfile\ndef write(data, paths):\n    f = tempfile.NamedTemporaryFile(delete=False)\n    f.write(data)\n    {}\n"
    "@app.post('/a')\ndef a():\n    write(b'x', [])\n    return ''\n"
)
STOPS = "import atexit, requests, signal, sys\nfrom apscheduler.schedulers.{0} import {1}\nscheduler = {1}()\ndef stop(*_):\n"
STOPS += "    scheduler.shutdown()\n    sys.exit(0)\ndef ask():\n    requests.get('http://a')\n"
STOPS += "def main():\n    signal.signal(signal.SIGTERM, stop)\n"
STOPS += "    scheduler.add_job(ask, 'interval')\n    scheduler.start()\n"
STOPS += "    while True:\n        signal.pause()\nif __name__ == '__main__':\n    main()\n"
HEALTH = WEB + "@app.get('/readiness')\n@{}\ndef readiness():\n    return 'ok'\n"
COMMANDS = {"shop/__init__.py": "", "shop/management/commands/poll.py": LOOP,
            "shop/management/__init__.py": "", "shop/management/commands/__init__.py": "", "manage.py":
            "import sys\nfrom django.core.management import execute_from_command_line\n"
            "if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n"}  # fmt: skip
HOT = "import os\nif os.getenv('HOT') == 'true':\n    reload = True\n"
IMAGE = "FROM python:3.12\nCOPY . .\nCMD [\"gunicorn\", \"-c\", \"conf.py\", \"app:app\"]\n"


@pytest.mark.parametrize(
    ("slug", "files", "count"),
    [
        ("endless-retry", {"app.py": RETRY.format("wait_fixed=100")}, 1),
        ("endless-retry", {"app.py": RETRY.format("wait_fixed=100, stop_max_delay=60000")}, 0),
        ("endless-retry", {"app.py": RETRY.format("wait_fixed=100, retry_on_exception=conflict")}, 0),
        ("misparsed-flag", {"app.py": FLAG.format("")}, 1),
        ("misparsed-flag", {"app.py": FLAG.format("settings.DEBUG and ")}, 0),
        ("call-without-timeout", {"tasks.py": MAIL, "settings.py": "EMAIL_HOST = 'mail'\n"}, 1),
        ("call-without-timeout", {"tasks.py": MAIL, "settings.py": "EMAIL_BACKEND = 'shop.mail.QueueBackend'\n"}, 0),
        ("call-without-timeout", {"tasks.py": MAIL, "settings.py": CHOSEN.format("anymail.backends.mailgun.EmailBackend")}, 0),
        ("call-without-timeout", {"tasks.py": MAIL, "settings.py": CHOSEN.format("django.core.mail.backends.smtp.EmailBackend")}, 1),
        ("call-without-timeout", {"app.py": ADAPTER.format("self.limit")}, 0),
        ("call-without-timeout", {"app.py": ADAPTER.format("5").replace("timeout", "pause")}, 1),
        ("temp-leak", {"app.py": TEMP.format("print(f.name)")}, 1),
        ("temp-leak", {"app.py": TEMP.format("paths.append(f.name)")}, 0),
        ("unbounded-shutdown-wait", {"app.py": STOPS.format("background", "BackgroundScheduler")}, 1),
        ("unbounded-shutdown-wait", {"app.py": STOPS.format("asyncio", "AsyncIOScheduler")}, 0),
        ("failure-answered-200", {"app.py": HEALTH.format("login_required")}, 1),
        ("failure-answered-200", {"app.py": HEALTH.format("require_safe")}, 0),
        ("unhandled-termination", {**COMMANDS, "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["python", "manage.py", "poll"]\n'}, 1),
        ("unhandled-termination", {**COMMANDS, "Procfile": "web: gunicorn shop\n"}, 0),
        ("dev-server", {"app.py": WEB, "conf.py": "reload = True\n", "Dockerfile": IMAGE}, 1),
        ("dev-server", {"app.py": WEB, "conf.py": HOT, "Dockerfile": IMAGE}, 0),
        ("lazy-config", {**COMMANDS, "shop/management/commands/batch.py": LATE}, 0),
    ],
)  # fmt: skip
def test_lookalike(tmp_path: Path, slug: str, files: dict[str, str], count: int) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    assert not gathered.unparsed
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [load()[slug]])
    assert not judged.failed, judged.failed
    assert len([f for f in judged.findings if f.confidence != "possible"]) == count
