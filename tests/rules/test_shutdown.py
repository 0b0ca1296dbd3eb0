"""Look-alikes of the shutdown rules that the guide's snippets do not hold."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project

SERVICE = "from fastapi import FastAPI\n\napp = FastAPI()\n"
DOCKERFILE = 'FROM python:3.12-slim\nCMD ["uvicorn", "app:app"]\n'


def found(root: Path, rule: str, files: dict[str, str]) -> list[str]:
    """The shown findings of one rule on a small repository, as path:line."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    gathered = gather(root, discover(root), workers=1)
    assert not gathered.unparsed
    module = importlib.import_module(f"runtime_ops.rules.shutdown.{rule.replace('-', '_')}")
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [module.RULE])
    assert not judged.failed
    return [f"{f.path}:{f.line}" for f in judged.findings if f.confidence != "possible"]


def test_debugging_arm_is_no_service(tmp_path: Path) -> None:
    text = (
        "import sys\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\n\ndef main(debug=False):\n    if debug:\n"
        "        HTTPServer(('', 80), BaseHTTPRequestHandler).serve_forever()\n\n\nif __name__ == '__main__':\n    main('-d' in sys.argv)\n"
    )
    assert found(tmp_path, "unhandled-termination", {"web.py": text}) == []
    assert found(
        tmp_path,
        "unhandled-termination",
        {"web.py": text.replace("if debug:", "if not debug:").replace("debug", "quiet")},
    )


def test_development_server_that_nothing_starts(tmp_path: Path) -> None:
    text = "from flask import Flask\n\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run()\n"
    assert found(tmp_path, "unhandled-termination", {"web.py": text}) == []
    files = {"web.py": text, "Dockerfile": 'FROM python:3.12\nCMD ["python", "web.py"]\n'}
    assert found(tmp_path, "unhandled-termination", files)


@pytest.mark.parametrize(("version", "ends"), [("0.28.1", False), ("0.30.0", True)])
def test_old_uvicorn_comes_back_from_run(tmp_path: Path, version: str, ends: bool) -> None:
    app = (
        "import uvicorn\nfrom fastapi import FastAPI\n\napp = FastAPI()\nstore = open\n"
        "def close_store():\n    store(1)\n\n\nif __name__ == '__main__':\n    uvicorn.run(app)\n    close_store()\n"
    )
    files = {"app.py": app, "requirements.txt": f"uvicorn=={version}\nfastapi==0.110.0\n"}
    assert bool(found(tmp_path, "cleanup-never-runs", files)) == ends


def test_finally_may_end_its_own_loop(tmp_path: Path) -> None:
    head = "async def work():\n    try:\n        return 1\n    finally:\n"
    route = "\n\n@app.get('/')\nasync def index():\n    return await work()\n"
    loop = "        for n in range(3):\n            if n:\n                break\n"
    assert found(tmp_path, "swallowed-cancellation", {"app.py": SERVICE + head + loop + route}) == []
    assert found(tmp_path, "swallowed-cancellation", {"app.py": SERVICE + head + "        return 2\n" + route})


def test_killed_after_a_bounded_wait(tmp_path: Path) -> None:
    text = (
        "import multiprocessing\n\n\nclass Detector:\n    def __init__(self):\n        self.proc = multiprocessing.Process(target=print)\n"
        "        self.proc.start()\n\n    def stop(self):\n        {wait}\n        self.proc.kill()\n        self.proc.join(1)\n\n\n"
        "detector = Detector()\n\n\n@app.on_event('shutdown')\ndef stop():\n    detector.stop()\n"
    )
    files = {"Dockerfile": DOCKERFILE, "app.py": SERVICE + text.replace("{wait}", "self.proc.join(timeout=30)")}
    assert found(tmp_path, "kill-without-grace", files) == []
    files["app.py"] = SERVICE + text.replace("{wait}", "print('stopping')")
    assert found(tmp_path, "kill-without-grace", files)


def test_listener_that_is_handed_on_is_not_ours_to_stop(tmp_path: Path) -> None:
    text = (
        "import logging.handlers\nimport queue\n\nqueued = queue.SimpleQueue()\nhandler = logging.handlers.QueueHandler(queued)\n\n\n"
        "def start():\n    listener = logging.handlers.QueueListener(queued)\n    {keep}\n    listener.start()\n\n\nstart()\n"
    )
    files = {"Dockerfile": DOCKERFILE, "app.py": SERVICE + text.replace("{keep}", "handler.listener = listener")}
    assert found(tmp_path, "unclosed-resource", files) == []
    files["app.py"] = SERVICE + text.replace("{keep}", "print(1)")
    assert found(tmp_path, "unclosed-resource", files)


def test_arq_that_waits_for_its_jobs(tmp_path: Path) -> None:
    jobs = "async def resize(ctx):\n    return 1\n\n\nclass WorkerSettings:\n    functions = [resize]\n"
    files = {"Dockerfile": 'FROM python:3.12\nCMD ["arq", "jobs.WorkerSettings"]\n', "jobs.py": jobs}
    assert found(tmp_path, "stop-drops-jobs", files) == ["Dockerfile:2"]
    files["jobs.py"] = jobs + "    job_completion_wait = 20\n"
    assert found(tmp_path, "stop-drops-jobs", files) == []


def test_huey_with_its_graceful_signal(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCMD ["huey_consumer.py", "jobs.huey"]\n',
        "jobs.py": "from huey import RedisHuey\n\nhuey = RedisHuey()\n",
    }
    assert found(tmp_path, "wrong-stop-signal", files) == ["Dockerfile:2"]
    files["Dockerfile"] = 'FROM python:3.12\nSTOPSIGNAL SIGINT\nCMD ["huey_consumer.py", "jobs.huey"]\n'
    assert found(tmp_path, "wrong-stop-signal", files) == []


@pytest.mark.parametrize(("made", "ends"), [("sse_starlette.sse", True), ("sse_starlette", True), ("starlette.responses", False)])
def test_streams_that_end_with_the_server(tmp_path: Path, made: str, ends: bool) -> None:
    app = (
        f"import asyncio\nfrom fastapi import FastAPI\nfrom {made} import EventSourceResponse\n\napp = FastAPI()\n\n\n"
        "async def events():\n    while True:\n        await asyncio.sleep(1)\n        yield {'data': 'x'}\n\n\n"
        "@app.get('/sse')\nasync def sse():\n    return EventSourceResponse(events())\n"
    )
    assert bool(found(tmp_path, "unlimited-drain", {"app.py": app, "Dockerfile": DOCKERFILE})) != ends


def test_children_that_a_thread_kills_when_their_limit_has_passed(tmp_path: Path) -> None:
    app = (
        "import subprocess, threading\nfrom fastapi import FastAPI\n\napp = FastAPI()\nstop = threading.Event()\n\n\n"
        "def work():\n    while not stop.is_set():\n        stop.wait(1)\n    child = subprocess.Popen(['x'])\n"
        "    child.kill()\n    child.communicate()\n\n\nthread = threading.Thread(target=work)\n\n\n"
        "@app.on_event('startup')\ndef start():\n    thread.start()\n\n\n"
        "@app.on_event('shutdown')\ndef end():\n    stop.set()\n    thread.join()\n"
    )
    files = {"app.py": app, "Dockerfile": DOCKERFILE}
    assert found(tmp_path, "unbounded-shutdown-wait", files) == []
    assert found(tmp_path, "unbounded-shutdown-wait", {**files, "app.py": app.replace("    child.kill()\n", "")})


def test_daemons_that_are_ended_by_their_pid(tmp_path: Path) -> None:
    app = (
        "import subprocess\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.post('/start')\ndef start():\n"
        "    subprocess.Popen(['helper'])\n\n\n@app.post('/stop/{pid}')\ndef stop(pid: str):\n    subprocess.run(['kill', pid])\n"
    )
    assert found(tmp_path, "orphaned-child", {"app.py": app, "Dockerfile": DOCKERFILE}) == []
    assert found(tmp_path, "orphaned-child", {"app.py": app.replace("'kill', pid", "'ls'"), "Dockerfile": DOCKERFILE})


def test_a_lifespan_starts_before_its_yield_and_stops_after_it(tmp_path: Path) -> None:
    app = (
        "import threading\nfrom contextlib import asynccontextmanager\nimport requests\nfrom fastapi import FastAPI\n\n\n"
        "def once():\n    requests.get('http://x')\n\n\n@asynccontextmanager\nasync def lifespan(app):\n"
        "    early = threading.Thread(target=once)\n    early.start()\n    early.join()\n    late = threading.Thread(target=once)\n"
        "    late.start()\n    yield\n    late.join()\n\n\napp = FastAPI(lifespan=lifespan)\n"
    )
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": app, "Dockerfile": DOCKERFILE}) == ["app.py:19"]


def test_desktop_opener_is_meant_to_outlive(tmp_path: Path) -> None:
    text = SERVICE + "import subprocess\n\n\n@app.get('/')\ndef show():\n    subprocess.Popen({})\n"
    for command, lines in (
        ("['/usr/bin/xdg-open', '/data']", 0),
        ("'timeout 5 & sc start web', shell=True", 0),
        ("['convert', '/data']", 1),
    ):
        files = {"app.py": text.format(command), "Dockerfile": DOCKERFILE}
        assert len(found(tmp_path, "orphaned-child", files)) == lines, command


def test_exit_after_the_callers_have_stopped_the_program(tmp_path: Path) -> None:
    text = (
        SERVICE + "import os\nfrom threading import Thread\n\n\ndef halt():\n    pass\n\n\ndef power_off():\n    os._exit(0)\n\n\n"
        "def end():\n    {}\n    power_off()\n\n\n@app.get('/')\ndef off():\n    end()\n"
    )
    for before, lines in (("halt()", 0), ("Thread(target=halt).start()", 0), ("print('now')", 1)):
        files = {"app.py": text.format(before), "Dockerfile": DOCKERFILE}
        assert len(found(tmp_path, "exit-without-cleanup", files)) == lines, before


def test_shutdown_of_a_socket_server_is_short(tmp_path: Path) -> None:
    text = (
        "from contextlib import asynccontextmanager\nfrom {0} import {1}\nfrom fastapi import FastAPI\n\n\n@asynccontextmanager\n"
        "async def lifespan(app):\n    other = {1}({2})\n    yield\n    other.shutdown()\n\n\napp = FastAPI(lifespan=lifespan)\n"
    )
    server = text.format("http.server", "HTTPServer", "('', 81), None")
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": server, "Dockerfile": DOCKERFILE}) == []
    pool = text.format("concurrent.futures", "ThreadPoolExecutor", "4")
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": pool, "Dockerfile": DOCKERFILE}) == []  # nothing is left to lose
    pool = pool.replace("other.shutdown()", "other.shutdown()\n    app.state.store.save()")
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": pool, "Dockerfile": DOCKERFILE})
