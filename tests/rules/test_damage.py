"""What must be seen of the harm before a start script, a manifest, a shell or a dropped answer is told about."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return ''\n"
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["/app/start.sh"]\n'
MANAGE = (
    "import sys\nfrom django.core.management import execute_from_command_line\n\nif __name__ == '__main__':\n"
    "    execute_from_command_line(sys.argv)\n"
)


def told(root: Path, rule: str, files: dict[str, str]) -> bool:
    return bool(shown(root, rule, files))


@pytest.mark.parametrize(
    ("install", "fires"),
    [
        ("pip install -r requirements.txt", True),
        ("if [ -n \"$EXTRA\" ]; then pip install $EXTRA; fi", False),
        ("[ -d modules ] || pip install -r requirements.txt", False),
        ("prepare() {\npip install -r requirements.txt\n}", False),
    ],
)
def test_an_install_that_each_start_comes_to(tmp_path: Path, install: str, fires: bool) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "start.sh": f"#!/bin/sh\n{install}\nexec gunicorn app:app\n"}
    assert told(tmp_path, "startup/fragile-start-script", files) is fires


@pytest.mark.parametrize(
    ("more", "fires"),
    [("", True), ("        imagePullPolicy: Never\n", False), ("        env:\n        - {name: KEY, value: <access-key>}\n", False)],
)
def test_a_manifest_for_the_cluster_of_a_desk(tmp_path: Path, more: str, fires: bool) -> None:
    manifest = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n"
        "      - name: web\n        image: web:1\n        command: [gunicorn, 'app:app']\n"
    )
    assert told(tmp_path, "health/missing-probe", {"app.py": APP, "deploy/web.yaml": manifest + more}) is fires


@pytest.mark.parametrize(("command", "fires"), [("qcluster", True), ("packages -o import_graphs", False)])
def test_a_subcommand_below_a_shell(tmp_path: Path, command: str, fires: bool) -> None:
    script = f"#!/bin/sh\npython manage.py {command}\necho done\n"
    files = {"manage.py": f"{MANAGE}    while True:\n        sys.stdin.readline()\n", "Dockerfile": IMAGE, "start.sh": script}
    assert told(tmp_path, "shutdown/signal-blocked-by-shell", files) is fires


@pytest.mark.parametrize(
    ("since", "fires"), [("record.started", True), ("self.queue[0].started", False), ("started", False)]
)
def test_a_difference_that_can_grow_a_day_old(tmp_path: Path, since: str, fires: bool) -> None:
    text = APP + (
        "\n\nfrom datetime import datetime\n\n\n@app.get('/<record>')\ndef old(record, started=None, self=None):\n"
        f"    return str((datetime.now() - {since}).seconds > 5)\n"
    )
    assert told(tmp_path, "deadlines/inert-timeout", {"app.py": text}) is fires


@pytest.mark.parametrize(
    ("before", "fires"), [("echo up", True), ("python manage.py check", False), ("python manage.py check || true", True)]
)
def test_an_import_that_fails_before_the_server(tmp_path: Path, before: str, fires: bool) -> None:
    script = f"#!/bin/sh\nset -e\n{before}\nexec uwsgi --http :80 --module app:app\n"
    files = {"app.py": APP, "manage.py": MANAGE, "Dockerfile": IMAGE, "start.sh": script}
    assert told(tmp_path, "startup/inert-startup-check", files) is fires


@pytest.mark.parametrize(
    ("call", "fires"),
    [
        ("requests.post('http://h/x', timeout=3)", True),
        ("requests.delete('http://h/x', timeout=3)", False),
        ("[requests.post('http://h/x', timeout=3) for _ in '1']", False),
    ],
)
def test_an_answer_that_somebody_misses(tmp_path: Path, call: str, fires: bool) -> None:
    text = "import requests\n" + APP + f"\n\n@app.post('/x')\ndef send():\n    {call}\n    return ''\n"
    assert told(tmp_path, "jobs/ignored-outcome", {"app.py": text}) is fires


@pytest.mark.parametrize(("sets", "fires"), [("stopping = True", False), ("stopping = asked", True)])
def test_who_asks_a_second_time(tmp_path: Path, sets: str, fires: bool) -> None:
    text = (
        "import os\nimport signal\nimport time\n\nstopping = False\n\n\ndef stop(signum, frame):\n    global stopping\n"
        f"    if stopping:\n        os._exit(1)\n    {sets.replace('asked', 'bool(signum)')}\n\n\ndef main():\n"
        "    signal.signal(signal.SIGTERM, stop)\n    while not stopping:\n        time.sleep(1)\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert told(tmp_path, "shutdown/exit-without-cleanup", {"run.py": text}) is fires


@pytest.mark.parametrize(("folder", "fires"), [("service", True), ("demo", False), ("hack", False)])
def test_programs_that_show_the_project(tmp_path: Path, folder: str, fires: bool) -> None:
    text = (
        "import os\nimport time\n\n\ndef main():\n    while True:\n        if time.time() < 0:\n            os._exit(1)\n"
        "        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert told(tmp_path, "shutdown/exit-without-cleanup", {f"{folder}/run.py": text}) is fires


@pytest.mark.parametrize(
    ("told_by", "fires"), [("item['response_queue'].put(error)", False), ("print('lost')", True)]
)
def test_an_item_that_carries_the_way_back(tmp_path: Path, told_by: str, fires: bool) -> None:
    text = (
        "import logging\nimport queue\n\nlog = logging.getLogger(__name__)\nitems = queue.Queue()\n\n\ndef send_order(item):\n"
        "    open(item).read()\n\n\ndef main():\n    while True:\n        item = items.get()\n        try:\n            send_order(item)\n"
        f"        except Exception as error:\n            log.error('no: %s', error)\n            {told_by}\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert told(tmp_path, "jobs/swallowed-job-failure", {"work.py": text}) is fires


@pytest.mark.parametrize(("read", "fires"), [("os.environ.items()", False), ("(os.environ or {}).items()", False), ("{}.items()", True)])
def test_a_variable_that_is_read_by_its_prefix(tmp_path: Path, read: str, fires: bool) -> None:
    text = "import os\n" + APP + (
        f"\n\nNAME = os.environ['MLAPP_NAME']\nfor key, value in {read}:\n    if key.startswith('MLAPP_'):\n"
        "        app.config[key[6:]] = value\n"
    )
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nENV MLAPP_HTTPDB__PATH=/db\nCMD ["gunicorn", "mlapp:app"]\n'
    assert told(tmp_path, "startup/variable-never-read", {"mlapp.py": text, "Dockerfile": image}) is fires


ALL_OF_THEM = "for key in list(os.environ.keys()):\n    if key.startswith(PREFIX):\n        app.config[key[6:]] = os.environ[key]"
PUT_TOGETHER = (
    "def take(key):\n    return os.environ.pop('MLAPP_' + key.upper(), '')\n\n\n"
    "app.config['path'] = [take('httpdb__' + key) for key in KEYS]"
)


@pytest.mark.parametrize(
    ("prefix", "read", "fires"),
    [("MLAPP_", ALL_OF_THEM, False), ("OTHER_", ALL_OF_THEM, True), ("MLAPP_", PUT_TOGETHER, False), ("MLAPP_", "KEYS = ()", True)],
)
def test_a_variable_whose_name_is_put_together(tmp_path: Path, prefix: str, read: str, fires: bool) -> None:
    """By a prefix that is a constant of another module, or in small letters that are written large."""
    text = f"import os\n\nfrom names import PREFIX\n{APP}\n\nNAME = os.environ['MLAPP_NAME']\n{read}\n"
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nENV MLAPP_HTTPDB__PATH=/db\nCMD ["gunicorn", "mlapp:app"]\n'
    files = {"mlapp.py": text, "names.py": f"PREFIX = '{prefix}'\n", "Dockerfile": image}
    assert told(tmp_path, "startup/variable-never-read", files) is fires


@pytest.mark.parametrize(("answer", "fires"), [("web.StreamResponse()", False), ("web.Response()", True)])
def test_a_proxy_leaves_the_limit_to_who_asked(tmp_path: Path, answer: str, fires: bool) -> None:
    text = (
        "import aiohttp\nfrom aiohttp import web\n\n\nasync def ask(request):\n    async with aiohttp.ClientSession() as session:\n"
        "        await session.get('http://h/x', timeout=aiohttp.ClientTimeout(total=None))\n"
        f"    return {answer}\n\n\napp = web.Application()\napp.router.add_get('/', ask)\n\n"
        "if __name__ == '__main__':\n    web.run_app(app)\n"
    )
    assert told(tmp_path, "deadlines/timeout-disabled", {"app.py": text}) is fires


SUPERVISED = {
    "web.py": APP,
    "worker.py": "import time\n\n\ndef main():\n    while True:\n        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n",
}


@pytest.mark.parametrize(
    ("check", "fires"),
    [("curl -f http://localhost:8000/health", True), ("supervisorctl status jobs", False)],
)
def test_a_worker_beside_the_server_that_the_health_check_asks(tmp_path: Path, check: str, fires: bool) -> None:
    programs = "[supervisord]\nnodaemon=true\n[program:web]\ncommand=gunicorn web:app\n[program:jobs]\ncommand=python worker.py\n"
    image = f'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nHEALTHCHECK CMD {check}\nCMD ["supervisord", "-c", "supervisord.conf"]\n'
    files = {**SUPERVISED, "supervisord.conf": programs, "Dockerfile": image}
    assert told(tmp_path, "health/abandoned-program", files) is fires


@pytest.mark.parametrize(
    ("kept", "fires"),
    [
        ("stdout_logfile=/dev/fd/1\n", False),
        ("stdout_logfile=/dev/stdout\n", False),
        ("", True),
        ("stdout_logfile=jobs.log\n", True),
        ("stdout_logfile=jobs.log\n[program:out]\ncommand=/usr/bin/tail -n 0 -F jobs.log\nstdout_logfile=/dev/fd/1\n", False),
        ("stdout_events_enabled=true\n[eventlistener:out]\ncommand=supervisor_stdout\nevents=PROCESS_LOG\n", False),
        ("[eventlistener:out]\ncommand=python check.py\nevents=TICK_60\n", True),
    ],
)
def test_the_output_of_a_supervised_program(tmp_path: Path, kept: str, fires: bool) -> None:
    programs = f"[supervisord]\nnodaemon=true\n[program:jobs]\ncommand=python worker.py\n{kept}"
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["supervisord", "-c", "supervisord.conf"]\n'
    files = {**SUPERVISED, "supervisord.conf": programs, "Dockerfile": image}
    assert told(tmp_path, "logging/lost-log-config", files) is fires


@pytest.mark.parametrize(
    ("before", "fires"),
    [("", True), ("set -e\n", False), ("trap 'exit 1' ERR\n", False), ("set -x\n", True)],
)
def test_a_migration_whose_failure_the_script_passes_over(tmp_path: Path, before: str, fires: bool) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "start.sh": f"#!/bin/bash\n{before}flask db upgrade\nexec gunicorn app:app\n"}
    assert told(tmp_path, "startup/fragile-start-script", files) is fires


@pytest.mark.parametrize(
    ("path", "text", "fires"),
    [
        ("bin/post_compile", "flask db upgrade\necho done", True),
        ("bin/pre_compile", "flask db upgrade\necho done", True),
        ("bin/post_compile", "set -e\nflask db upgrade\necho done", False),
        ("bin/post_compile", "set -eo pipefail\nflask db upgrade\necho done", False),
        ("bin/post_compile", "echo begins\nflask db upgrade", False),  # the hook ends with its status
        ("bin/post_compile", "flask db upgrade || exit 1\necho done", False),
        ("bin/post_compile", "flask assets build\necho done", False),
        ("bin/by_hand", "flask db upgrade\necho done", False),
    ],
)
def test_a_migration_whose_failure_a_build_hook_passes_over(tmp_path: Path, path: str, text: str, fires: bool) -> None:
    files = {"app.py": APP, "Procfile": "web: gunicorn app:app\n", path: f"#!/usr/bin/env bash\n{text}\n"}
    assert told(tmp_path, "startup/fragile-start-script", files) is fires


def test_a_build_hook_of_no_platform_is_run_by_nobody(tmp_path: Path) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "bin/post_compile": "#!/bin/bash\nflask db upgrade\necho done\n"}
    assert not told(tmp_path, "startup/fragile-start-script", files)


@pytest.mark.parametrize(
    ("work", "call", "fires"),
    [
        ("requests.get('http://h', timeout=3)", "pool.apply_async(work, (1,))", True),
        ("requests.get('http://h', timeout=3)", "pool.apply_async(work, (1,), {}, print, print)", False),
        ("print(1)", "pool.apply_async(work, (1,))", False),  # nothing of it fails for all that is seen
        ("requests.get('http://h', timeout=3)", "pool.apply_async(choose(), (1,))", False),
    ],
    ids=["over the network", "with a function for the failure", "in memory", "one that nobody can name"],
)
def test_submitted_work_that_fails_unseen(tmp_path: Path, work: str, call: str, fires: bool) -> None:
    head = "import requests\nfrom multiprocessing import Pool\nfrom plans import choose\n\npool = Pool(2)\n\n\n"
    body = f"{head}def work(n):\n    {work}\n\n\n" + APP.replace("    return ''", f"    {call}\n    return ''")
    assert told(tmp_path, "jobs/unread-future", {"app.py": body + "\n\nif __name__ == '__main__':\n    app.run()\n"}) is fires
