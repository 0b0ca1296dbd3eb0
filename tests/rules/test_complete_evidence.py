"""What the code must show in full before it is told as a finding, and what stays a lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

from runtime_ops.findings import Finding

APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return ''\n"


def told(root: Path, rule: str, files: dict[str, str]) -> list[Finding]:
    """What a rule of leads gives as a finding: that of which it is certain."""
    return [finding for finding in said(root, rule, files) if finding.confidence == "certain"]


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["uwsgi", "--ini", "uwsgi.ini"]\n'}, 1),
        ({"shop.service": "[Service]\nWorkingDirectory=/app\nExecStart=uwsgi --ini uwsgi.ini\n"}, 0),
        (
            {
                "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["uwsgi", "--ini", "uwsgi.ini"]\n',
                "old/uwsgi.ini": "[uwsgi]\nmodule = app:app\n",
            },
            0,  # which of the two it reads is not known
        ),
    ],
)
def test_a_uwsgi_file_counts_where_a_container_reads_it(tmp_path: Path, files: dict[str, str], count: int) -> None:
    files = {"app.py": APP, "uwsgi.ini": "[uwsgi]\nmodule = app:app\n", **files}
    assert len(told(tmp_path, "startup/inert-startup-check", files)) == count


SENDER = (
    "import pika\nimport pika.exceptions\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\nclass Broker:\n    def connect(self):\n"
    "        self.channel = pika.BlockingConnection().channel()\n\n    def {name}(self, body):\n        "
    "return self.channel.basic_publish('', 'q', body)\n\n"
    "    def run(self, body):\n{run}\n\n\nbroker = Broker()\n\n\n@app.get('/')\ndef index():\n    broker.run(b'')\n    return ''\n"
)
ONCE = (
    "        try:\n            self.{name}(body)\n        except pika.exceptions.StreamLostError:\n            self.connect()\n"
    "            self.{name}(body)"
)
ROUND = (
    "        while True:\n            try:\n                self.{name}(body)\n                return\n"
    "            except pika.exceptions.StreamLostError:\n                self.connect()\n                self.{name}(body)"
)


@pytest.mark.parametrize(
    ("name", "run", "count"),
    [("publish", ONCE, 1), ("look", ONCE, 0), ("publish", ROUND, 0)],  # what is only looked at is not lost; a loop comes back to it
)
def test_only_what_is_sent_by_one_arm_is_lost(tmp_path: Path, name: str, run: str, count: int) -> None:
    text = SENDER.format(name=name, run=run.format(name=name))
    assert len(told(tmp_path, "jobs/narrow-reconnect", {"app.py": text})) == count


WORKER = (
    "import queue\n\njobs = queue.Queue()\n\n\nclass Again(Exception):\n    pass\n\n\ndef work(item):\n    print(item)\n\n\ndef main():\n"
    "    while True:\n        item = jobs.get()\n{body}\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("        try:\n            work(item)\n        except Exception:\n            jobs.put(item)", 1),
        ("        try:\n            work(item)\n        except Again:\n            jobs.put(item)", 0),  # its thrower may count
        ("        if not item:\n            jobs.put(item)\n            continue\n        work(item)", 1),
        ("        if item:\n            work(item)\n        else:\n            jobs.put(item)\n            break", 0),  # it is only early
    ],
)
def test_an_item_goes_round_where_its_failure_puts_it_back(tmp_path: Path, body: str, count: int) -> None:
    assert len(told(tmp_path, "jobs/poison-requeue", {"main.py": WORKER.format(body=body)})) == count


THREAD = (
    "import os\nimport threading\nimport zipfile\n\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\ndef build(where):\n    "
    "total = 0\n    names = []\n    {work}\n    total += 1\n    names.append(total)\n\n\n@app.get('/')\ndef index():\n"
    "    threading.Thread(target=build, args=('x',), daemon=True).start()\n    return ''\n"
)


@pytest.mark.parametrize(("work", "count"), [("zipfile.ZipFile(where, 'w').write('data')", 1), ("os.listdir(where)", 0)])
def test_a_thread_for_one_request_counts_for_the_archive_it_leaves(tmp_path: Path, work: str, count: int) -> None:
    files = {"app.py": THREAD.format(work=work), "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "app:app"]\n'}
    assert len(told(tmp_path, "logging/unwatched-thread", files)) == count
    assert len(said(tmp_path, "logging/unwatched-thread", files)) == 1


PROBED = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  template:\n    spec:\n      containers:\n"
    "        - name: shop\n          image: shop\n          command: [gunicorn, 'app:app']\n"
)


@pytest.mark.parametrize(("files", "count"), [({}, 0), ({"deployment.yaml": PROBED}, 1)])
def test_a_scheduler_asks_by_a_route_and_a_container_by_any_program(tmp_path: Path, files: dict[str, str], count: int) -> None:
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'
    assert len(told(tmp_path, "health/no-health-endpoint", {"app.py": APP, "Dockerfile": image, **files})) == count


COMPOSE = "services:\n  {name}:\n    build: .\n    command: gunicorn app:app\n{more}"


@pytest.mark.parametrize(
    ("more", "certain", "count"),
    [
        ("    restart: always\n", True, 1),
        ("", False, 1),  # nothing starts it again
        ("  shop:\n    extends:\n      service: base\n    restart: always\n    environment:\n      SHOP_KEY: x\n", False, 0),
    ],
)
def test_a_service_to_be_extended_is_started_by_nobody(tmp_path: Path, more: str, certain: bool, count: int) -> None:
    files = {
        "app.py": f"import os\n\nKEY = os.environ['SHOP_KEY']\n{APP}",
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . /app\n",
        "docker-compose.yml": COMPOSE.format(name="base", more=more),
    }
    assert len(said(tmp_path, "startup/variable-not-provided", files)) == count
    assert bool(told(tmp_path, "startup/variable-not-provided", files)) is certain


def test_a_reloader_beside_a_real_start_is_for_the_desk(tmp_path: Path) -> None:
    def image(option: str) -> str:
        return f'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["uvicorn", "app:app"{option}]\n'

    assert len(shown(tmp_path / "a", "startup/dev-server", {"app.py": APP, "Dockerfile": image(', "--reload"')})) == 1
    both = {"app.py": APP, "Dockerfile": image(""), "local/Dockerfile": image(', "--reload"')}
    assert not shown(tmp_path / "b", "startup/dev-server", both)


def test_a_variable_that_another_program_reads_is_no_leftover(tmp_path: Path) -> None:
    files = {
        "shop/app.py": "import os\n\nPATH = os.environ.get('SHOP_CONFIG')\n" + APP,
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nENV SHOP_CONFIG_DIR=/etc\nCMD ["gunicorn", "shop.app:app"]\n',
        "other/job.py": "import os\nimport time\n\nif __name__ == '__main__':\n    while True:\n        time.sleep(9)\n",
    }
    assert len(shown(tmp_path / "a", "startup/variable-never-read", files)) == 1
    files["other/job.py"] = files["other/job.py"].replace("time.sleep(9)", "print(os.environ['SHOP_CONFIG_DIR'])\n        time.sleep(9)")
    assert not shown(tmp_path / "b", "startup/variable-never-read", files)
