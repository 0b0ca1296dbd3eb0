"""Look-alikes of the shutdown rules that the guide's snippets do not hold."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from judging import said

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
    started = {"Dockerfile": 'FROM python:3.12\nCMD ["python", "web.py"]\n'}  # without it: a server that loses nothing
    assert found(tmp_path, "unhandled-termination", {"web.py": text, **started}) == []
    lasting = text.replace("if debug:", "if not debug:").replace("debug", "quiet")
    assert found(tmp_path, "unhandled-termination", {"web.py": lasting, **started})


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


def test_child_that_is_killed_before_it_is_waited_for(tmp_path: Path) -> None:
    app = (
        "import subprocess\nfrom contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n\n\n@asynccontextmanager\n"
        "async def lifespan(app):\n    child = subprocess.Popen(['x'])\n    yield\n    child.kill()\n    child.communicate()\n\n\n"
        "app = FastAPI(lifespan=lifespan)\n"
    )
    files = {"app.py": app, "Dockerfile": DOCKERFILE}
    assert found(tmp_path, "unbounded-shutdown-wait", files) == []
    assert found(tmp_path, "unbounded-shutdown-wait", {**files, "app.py": app.replace("child.kill()", "child.terminate()")})


def test_a_wait_in_a_threads_own_loop_holds_up_nobody(tmp_path: Path) -> None:
    app = (
        "import signal\nimport subprocess\nimport threading\n\nstop = threading.Event()\n\n\n"
        "def work():\n    while not stop.wait(1):\n        pass\n    child = subprocess.Popen(['x'])\n    child.wait()\n\n\n"
        "def main():\n    signal.signal(signal.SIGTERM, lambda *_: stop.set())\n    thread = threading.Thread(target=work)\n"
        "    thread.start()\n    while not stop.wait(1):\n        pass\n    thread.join({limit})\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": app.replace("{limit}", "timeout=3")}) == []
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": app.replace("{limit}", "")}) == ["app.py:21"]


def test_thread_of_a_server_that_was_told_to_end(tmp_path: Path) -> None:
    app = (
        "import signal\nimport threading\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\nstop = threading.Event()\n\n\n"
        "def main():\n    signal.signal(signal.SIGTERM, lambda *_: stop.set())\n    server = HTTPServer(('', 80), BaseHTTPRequestHandler)\n"
        "    thread = threading.Thread(target=server.serve_forever)\n    thread.start()\n    while not stop.wait(1):\n        pass\n"
        "    server.shutdown()\n    thread.join()\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": app}) == []
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": app.replace("server.shutdown()", "server.server_close()")})


@pytest.mark.parametrize(("command", "lines"), [("work", 1), ("load_settings", 0)])
def test_a_step_that_ends_needs_no_signal(tmp_path: Path, command: str, lines: int) -> None:
    text = (
        "import signal\nimport sys\nimport time\n\n\ndef stop(*args):\n    raise SystemExit(0)\n\n\nif sys.argv[1] == 'work':\n"
        "    signal.signal(signal.SIGTERM, stop)\n    while True:\n        time.sleep(1)\n"
    )
    files = {"run.py": text, "Dockerfile": f"FROM python:3.12\nCMD python run.py {command}\n"}
    assert len(found(tmp_path, "signal-blocked-by-shell", files)) == lines


STATELESS = (
    "from http.server import BaseHTTPRequestHandler, HTTPServer\n\n\ndef main():\n"
    "    HTTPServer(('', 80), BaseHTTPRequestHandler).serve_forever()\n\n\nif __name__ == '__main__':\n    main()\n"
)


def test_a_server_that_loses_nothing_may_die(tmp_path: Path) -> None:
    pool = STATELESS.replace("    HTTP", "    pool = ThreadPoolExecutor()\n    pool.submit(print)\n    HTTP")
    pool = "from concurrent.futures import ThreadPoolExecutor\n" + pool
    assert found(tmp_path, "unhandled-termination", {"web.py": STATELESS}) == []
    assert found(tmp_path, "unhandled-termination", {"web.py": pool}) == []  # what the pool does may be done again
    assert found(tmp_path, "unhandled-termination", {"web.py": pool.replace("serve_forever()", "serve_forever()\n    pool.shutdown()")})
    dockerfile = 'FROM python:3.12\nCMD ["python", "web.py"]\n'
    assert found(tmp_path, "unhandled-termination", {"web.py": STATELESS, "Dockerfile": dockerfile})  # PID 1 ignores it


def test_shell_that_keeps_the_signal_is_told_once(tmp_path: Path) -> None:
    files = {"web.py": STATELESS, "Dockerfile": 'FROM python:3.12\nCMD ["python", "web.py"]\n'}
    assert found(tmp_path, "unhandled-termination", files)
    assert found(tmp_path, "unhandled-termination", {**files, "Dockerfile": "FROM python:3.12\nCMD python web.py\n"}) == []


@pytest.mark.parametrize(
    "body",
    [
        "    done = False\n    while not done:\n        done = step()\n        time.sleep(1)\n",
        "    try:\n        while True:\n            print(step())\n            time.sleep(1)\n"
        "    except KeyboardInterrupt:\n        pass\n",
    ],
)
def test_loops_that_are_no_service(tmp_path: Path, body: str) -> None:
    head = "import time\n\n\ndef step():\n    return 1\n\n\ndef main():\n"
    tail = "\n\nif __name__ == '__main__':\n    main()\n"
    assert found(tmp_path, "unhandled-termination", {"work.py": head + body + tail}) == []
    lasting = "    try:\n        while True:\n            step()\n            time.sleep(1)\n    finally:\n        os.remove('lease')\n"
    assert found(tmp_path, "unhandled-termination", {"work.py": "import os\n" + head + lasting + tail}) == ["work.py:11"]


DOCKERFILE_OF_WORK = {"Dockerfile": 'FROM python:3.12\nCMD ["python", "work.py"]\n'}


@pytest.mark.parametrize(
    ("turn", "lines"),
    [
        ("requests.get('http://api/refresh', timeout=5)", 0),  # the next run does it again
        ("store.get('k')", 0),
        ("store.set('lease', 1, nx=True)", 1),
        ("store.blpop('orders')", 1),
        ("open('state.json', 'w').write('1')", 1),
        ("open('state.json').read()", 0),
        ("open('new', 'w').write('1')\n        os.replace('new', 'state.json')", 0),
    ],
)
def test_a_death_must_lose_something_that_is_seen(tmp_path: Path, turn: str, lines: int) -> None:
    text = (
        "import os\nimport time\n\nimport redis\nimport requests\n\nstore = redis.Redis()\n\n\ndef main():\n    while True:\n"
        f"        {turn}\n        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert len(found(tmp_path, "unhandled-termination", {"work.py": text})) == lines
    assert len(found(tmp_path, "unhandled-termination", {"work.py": text, **DOCKERFILE_OF_WORK})) == lines


def test_closing_what_the_kernel_closes_is_no_cleanup(tmp_path: Path) -> None:
    way = STATELESS.replace("    HTTPServer(('', 80), BaseHTTPRequestHandler).serve_forever()\n", (
        "    server = HTTPServer(('', 80), BaseHTTPRequestHandler)\n    try:\n        server.serve_forever()\n"
        "    except KeyboardInterrupt:\n        server.server_close()\n"
    ))
    assert found(tmp_path, "unhandled-termination", {"web.py": way}) == []
    saved = "import os\n" + way.replace("server.server_close()", "os.remove('web.lease')")
    assert found(tmp_path, "unhandled-termination", {"web.py": saved})


def test_a_main_block_that_tries_the_module_out(tmp_path: Path) -> None:
    text = (
        "import os\nimport time\n\n\ndef {0}():\n    try:\n        while True:\n            time.sleep(1)\n    finally:\n"
        "        os.remove('x')\n\n\nif __name__ == '__main__':\n    {0}()\n"
    )
    assert found(tmp_path, "unhandled-termination", {"work.py": text.format("test_tracker")}) == []
    assert found(tmp_path, "unhandled-termination", {"work.py": text.format("track")})


def test_interrupted_by_the_pre_stop_hook(tmp_path: Path) -> None:
    pod = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    spec:\n      containers:\n"
        "        - name: web\n          image: web\n          lifecycle:\n            preStop:\n              exec:\n"
        "                command: {}\n"
    )
    files = {"web.py": STATELESS, "Dockerfile": 'FROM python:3.12\nCMD ["python", "web.py"]\n'}
    interrupt = pod.format('["sh", "-c", "kill -SIGINT 1"]')
    assert found(tmp_path, "unhandled-termination", {**files, "k8s/web.yaml": interrupt}) == []
    assert found(tmp_path, "unhandled-termination", {**files, "k8s/web.yaml": pod.format('["sleep", "5"]')})
    stopped = {**files, "Dockerfile": 'FROM python:3.12\nSTOPSIGNAL SIGINT\nCMD ["python", "web.py"]\n', "k8s/web.yaml": ""}
    assert found(tmp_path, "unhandled-termination", stopped) == []


def test_queue_that_holds_up_a_put_keeps_no_program_up(tmp_path: Path) -> None:
    text = (
        "import queue\nimport threading\n\n\nclass Gated(queue.Queue):\n    def __init__(self):\n        super().__init__()\n"
        "        self._open = threading.Event()\n\n    def close(self):\n        self._open.clear()\n\n"
        "    def add(self, item):\n        self._open.wait()\n        self.put(item)\n\n\n"
        "if __name__ == '__main__':\n    Gated().add(1)\n"
    )
    text += "    open('lease', 'w').close()\n    os.remove('lease')\n"
    text = "import os\n" + text
    assert found(tmp_path, "unhandled-termination", {"gate.py": text}) == []
    assert found(tmp_path, "unhandled-termination", {"gate.py": text.replace("self._open.clear()", "self._open.set()")})


def test_exit_that_says_why_where_nothing_can_go_on(tmp_path: Path) -> None:
    head = "import logging\nimport os\nimport signal\nimport time\n\n\ndef step():\n    return 1\n\n\n"
    loop = (
        "def main():\n    while True:\n        try:\n            step()\n        except {what}:\n            {said}\n"
        "            os._exit(1)\n        time.sleep(1)\n"
    )
    tail = "\n\nif __name__ == '__main__':\n    main()\n"
    said = loop.replace("{said}", "logging.exception('gone')")
    assert found(tmp_path, "exit-without-cleanup", {"work.py": head + said.replace("{what}", "Exception") + tail}) == []
    assert found(tmp_path, "exit-without-cleanup", {"work.py": head + said.replace("{what}", "ValueError") + tail})
    silent = loop.replace("{said}", "step()").replace("{what}", "Exception")
    assert found(tmp_path, "exit-without-cleanup", {"work.py": head + silent + tail})
    asked = silent.replace("Exception", "KeyboardInterrupt")
    assert found(tmp_path, "exit-without-cleanup", {"work.py": head + asked + tail}) == []
    assert found(tmp_path, "exit-without-cleanup", {"demo/work.py": head + silent + tail}) == []


@pytest.mark.parametrize(("number", "lines"), [("SIGINT", 0), ("SIGTERM", 1)])
def test_exit_at_ctrl_c(tmp_path: Path, number: str, lines: int) -> None:
    text = (
        "import os\nimport signal\nimport time\n\n\ndef end(*_):\n    os._exit(0)\n\n\ndef main():\n"
        f"    signal.signal(signal.{number}, end)\n    while True:\n        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert len(found(tmp_path, "exit-without-cleanup", {"work.py": text})) == lines


def test_handler_after_a_daemon_or_without_a_slow_step(tmp_path: Path) -> None:
    text = (
        "import signal\nimport threading\nimport urllib.request\n\nstop = threading.Event()\n\n\ndef consume():\n    stop.wait()\n\n\n"
        "def main():\n    threading.Thread(target=consume{daemon}).start()\n    {slow}\n"
        "    signal.signal(signal.SIGTERM, lambda *_: stop.set())\n    while not stop.wait(1):\n        pass\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    slow, quick = "urllib.request.urlopen('http://x/', timeout=9).read()", "print('up')"
    assert found(tmp_path, "late-signal-handler", {"a.py": text.format(daemon="", slow=slow)})
    assert found(tmp_path, "late-signal-handler", {"a.py": text.format(daemon="", slow=quick)}) == []
    assert found(tmp_path, "late-signal-handler", {"a.py": text.format(daemon=", daemon=True", slow=slow)}) == []


def test_daemons_that_are_ended_by_their_pid(tmp_path: Path) -> None:
    app = (
        "import subprocess\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.post('/start')\ndef start():\n"
        "    subprocess.Popen(['helper'])\n\n\n@app.post('/stop/{pid}')\ndef stop(pid: str):\n    subprocess.run(['kill', pid])\n"
    )
    assert said(tmp_path, "orphaned-child", {"app.py": app, "Dockerfile": DOCKERFILE}) == []
    assert said(tmp_path, "orphaned-child", {"app.py": app.replace("'kill', pid", "'ls'"), "Dockerfile": DOCKERFILE})


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
        assert len(said(tmp_path, "orphaned-child", files)) == lines, command


def test_exit_after_the_callers_have_stopped_the_program(tmp_path: Path) -> None:
    text = (
        SERVICE + "import os\nfrom threading import Thread\n\n\ndef halt():\n    pass\n\n\ndef power_off():\n    os._exit(0)\n\n\n"
        "def end():\n    {}\n    power_off()\n\n\n@app.get('/')\ndef off():\n    end()\n"
    )
    for before, lines in (("halt()", 0), ("Thread(target=halt).start()", 0), ("print('now')", 1)):
        files = {"app.py": text.format(before), "Dockerfile": DOCKERFILE}
        assert len(found(tmp_path, "exit-without-cleanup", files)) == lines, before


def test_exit_before_the_program_has_anything_in_hand(tmp_path: Path) -> None:
    text = (
        "import os\nimport time\nfrom rules import ready\n\n\ndef main():\n    setup = ready()\n{}    while True:\n        time.sleep(1)\n"
        "        setup.work()\n{}\n\nif __name__ == '__main__':\n    main()\n"
    )
    leave = "    if not setup.ok():\n        os._exit(1)\n"
    turn = "        if not setup.ok():\n            os._exit(1)\n"
    assert not found(tmp_path, "exit-without-cleanup", {"work.py": text.format(leave, "")})
    assert found(tmp_path, "exit-without-cleanup", {"work.py": text.format("", turn)})


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
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": pool, "Dockerfile": DOCKERFILE}) == []  # who knows what it runs
    pool = pool.replace("    yield", "    other.submit(fetch)\n    yield")
    pool = "import requests\n" + pool + "\n\ndef fetch():\n    requests.get('http://api'{})\n"
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": pool.format(""), "Dockerfile": DOCKERFILE})
    assert found(tmp_path, "unbounded-shutdown-wait", {"app.py": pool.format(", timeout=3"), "Dockerfile": DOCKERFILE}) == []


@pytest.mark.parametrize(
    ("arm", "lines"),
    [
        ("except ValueError:\n        sys.exit(1)", 1),
        ("except KeyboardInterrupt:\n        sys.exit(1)", 0),  # never raised in a thread
        ("finally:\n        sys.exit()", 0),
    ],
)
def test_exit_in_a_thread_that_costs_the_work(tmp_path: Path, arm: str, lines: int) -> None:
    text = (
        "import sys\nimport threading\nimport time\n\n\ndef work():\n    return 1\n\n\ndef consume():\n    try:\n        work()\n"
        f"    {arm}\n\n\ndef main():\n    thread = threading.Thread(target=consume)\n    thread.start()\n    while True:\n"
        "        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert len(found(tmp_path, "exit-in-thread", {"work.py": text})) == lines
    joined = text.replace("    while True:\n        time.sleep(1)\n", "    thread.join()\n")
    assert found(tmp_path, "exit-in-thread", {"work.py": joined}) == []


@pytest.mark.parametrize(
    ("arm", "lines"), [("print('cancelled')", 1), ("self.stopping = True", 0), ("self._shutdown()", 0), ("raise", 0)]
)
def test_cancellation_that_is_taken_for_a_stop(tmp_path: Path, arm: str, lines: int) -> None:
    text = (
        "import asyncio\n\n\nclass Worker:\n    stopping = False\n\n    def _shutdown(self):\n        self.stopping = True\n\n"
        "    async def main(self):\n        while not self.stopping:\n            try:\n                await asyncio.sleep(1)\n"
        f"            except asyncio.CancelledError:\n                {arm}\n\n\n"
        "if __name__ == '__main__':\n    asyncio.run(Worker().main())\n"
    )
    assert len(found(tmp_path, "swallowed-cancellation", {"work.py": text})) == lines


@pytest.mark.parametrize(
    ("name", "body", "lines"),
    [
        ("send_mail", "await asyncio.sleep(1)", 1),
        ("note_progress", "await asyncio.sleep(1)", 0),  # nobody is seen to wait for it
        ("send_mail", "try:\n        await asyncio.sleep(1)\n    except Exception:\n        print('failed')", 0),
    ],
)
def test_a_dropped_task_that_somebody_waits_for(tmp_path: Path, name: str, body: str, lines: int) -> None:
    app = (
        f"import asyncio\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\nasync def {name}():\n    {body}\n\n\n"
        f"@app.post('/a')\nasync def create():\n    asyncio.create_task({name}())\n    return 1\n"
    )
    assert len(found(tmp_path, "lost-background-task", {"app.py": app, "Dockerfile": DOCKERFILE})) == lines


def test_kill_after_the_child_was_asked_by_other_means(tmp_path: Path) -> None:
    text = (
        "import multiprocessing\nimport os\nimport signal\nimport threading\n\nstop = threading.Event()\n\n\nclass Pool:\n"
        "    def __init__(self):\n        self.child = multiprocessing.Process(target=print)\n        self.child.start()\n\n"
        "    def close(self):\n        self.child.join(timeout=3)\n        os.kill(self.child.pid, signal.SIGKILL)\n\n\ndef main():\n"
        "    signal.signal(signal.SIGTERM, lambda *_: stop.set())\n    pool = Pool()\n    stop.wait()\n    pool.close()\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert found(tmp_path, "kill-without-grace", {"work.py": text}) == []
    assert found(tmp_path, "kill-without-grace", {"work.py": text.replace("        self.child.join(timeout=3)\n", "")})


def test_temporary_file_that_somebody_may_take(tmp_path: Path) -> None:
    app = (
        "import tempfile\nfrom things import Event\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n@app.route('/a')\n"
        "def a():\n    handle, path = tempfile.mkstemp()\n    open(path, 'w').write('x')\n    Event(path)\n    return 'ok'\n"
    )
    files = {"Dockerfile": DOCKERFILE.replace("uvicorn", "gunicorn")}
    assert found(tmp_path, "temp-leak", {"app.py": app, **files}) == []
    assert found(tmp_path, "temp-leak", {"app.py": app.replace("    Event(path)\n", ""), **files})


def test_flag_of_a_library_is_looked_at_there(tmp_path: Path) -> None:
    text = (
        "import signal\nfrom kombu.mixins import ConsumerMixin\n\n\nclass Listener(ConsumerMixin):\n    pass\n\n\ndef main():\n"
        "    listener = Listener()\n\n    def stop(*_):\n        {}\n\n    signal.signal(signal.SIGTERM, stop)\n"
        "    while True:\n        listener.run()\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert found(tmp_path, "inert-signal-handler", {"work.py": text.format("listener.should_stop = True")}) == []
    assert found(tmp_path, "inert-signal-handler", {"work.py": text.format("print('stop')")})


@pytest.mark.parametrize(
    ("handler", "confidence"), [("signal.signal(signal.SIGTERM, stop)", "certain"), ("stop = None", "possible")]
)
def test_a_shell_in_the_way_of_a_program_that_would_not_hear(tmp_path: Path, handler: str, confidence: str) -> None:
    text = f"import signal\nimport time\n\n\ndef stop(*args):\n    raise SystemExit(0)\n\n\n{handler}\nwhile True:\n    time.sleep(1)\n"
    (tmp_path / "run.py").write_text(text)
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCMD python run.py\n")
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    rule = importlib.import_module("runtime_ops.rules.shutdown.signal_blocked_by_shell").RULE
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [rule])
    assert [f.confidence for f in judged.findings] == [confidence]


def test_children_that_a_service_starts_are_one_habit(tmp_path: Path) -> None:
    view = "\n\n@app.get('/{0}')\ndef show_{0}():\n    {1}subprocess.Popen(['convert', '/data'])\n"
    let_go = SERVICE + "import subprocess\n" + "".join(view.format(n, "") for n in range(3))
    (finding,) = said(tmp_path, "orphaned-child", {"app.py": let_go, "Dockerfile": DOCKERFILE})
    assert (finding.count, finding.confidence) == (3, "possible")  # the next Popen reaps it
    kept = SERVICE + "import subprocess\n" + "".join(view.format(n, "app.state.child = ") for n in range(3))
    assert [f.count for f in said(tmp_path, "orphaned-child", {"app.py": kept, "Dockerfile": DOCKERFILE})] == [3]


@pytest.mark.parametrize(("step", "fires"), [("conf.set('a', 'b')", False), ("connect()", True)])
def test_what_fails_between_a_start_and_its_hand_over(tmp_path: Path, step: str, fires: bool) -> None:
    app = (
        "from playwright.sync_api import sync_playwright\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        f"def browser():\n    driver = sync_playwright().start()\n    driver.{step}\n    return driver\n\n\n"
        "@app.get('/')\ndef show():\n    return browser()\n"
    )
    assert bool(said(tmp_path, "orphaned-child", {"app.py": app, "Dockerfile": DOCKERFILE})) is fires


WATCHED = """
import asyncio

import httpx
from fastapi import FastAPI

app = FastAPI()


@app.on_event("startup")
async def start():
    {start}


async def watch():
    while True:
        {turn}
        await asyncio.sleep(5)


async def look():
    async with httpx.AsyncClient(timeout=5) as client:
        (await client.get("http://prices")).raise_for_status()
"""


@pytest.mark.parametrize(
    ("start", "turn", "sure"),
    [
        ("asyncio.create_task(watch())", "await look()", True),
        ("asyncio.create_task(watch())", "print('.')", False),  # nothing is known to fail
        ("asyncio.create_task(watch())", "try:\n            await look()\n        except Exception:\n            print('x')", False),
        ("app.state.task = asyncio.create_task(watch())", "await look()", False),  # somebody may look at it
    ],
)
def test_a_loop_that_one_failure_ends_in_a_task_that_nobody_holds(tmp_path: Path, start: str, turn: str, sure: bool) -> None:
    app = WATCHED.format(start=start, turn=turn)
    given = said(tmp_path, "lost-background-task", {"app.py": app, "Dockerfile": DOCKERFILE})
    assert [f.confidence == "certain" for f in given if "endless loop" in f.message] == [True] * sure
