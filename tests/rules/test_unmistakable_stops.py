"""Limits that do nothing and ways down that do not stop: the shapes whose code is complete evidence, beside their near misses."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

FLASK = "import flask\nimport requests\n\napp = flask.Flask(__name__)\n\n\n"
ROUTE = "@app.get('/')\ndef index():\n"
FAST = (
    "import asyncio\nimport time\n\nimport requests\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
    "@app.get('/')\nasync def index(url: str):\n"
)


def certain(root: Path, rule: str, files: dict[str, str]) -> bool:
    """Whether the rule tells of exactly one thing here of which it is certain; else all that it says is a lead."""
    found = [f.confidence == "certain" for f in said(root, rule, files)]
    assert found in ([True], [False], [])
    return found == [True]


@pytest.mark.parametrize(
    ("test", "sure"),
    [
        ("(now() - order.paid_at).seconds < 60", True),
        ("(now() - order.paid_at).seconds > 0", False),  # no limit
        ("(now() - self._paid_at).seconds < 60", False),  # renewed all the time
        ("(now() - order.refunded_at).seconds < 60", False),  # nothing ever sets it
        ("(order.sent_at - order.paid_at).seconds < 60", False),
        ("(now() - paid).seconds < 60", False),
    ],
)
def test_seconds_of_a_difference_count_where_a_record_is_old(tmp_path: Path, test: str, sure: bool) -> None:
    code = (
        FLASK.replace("import flask\n", "import flask\nfrom django.utils.timezone import now\n")
        + f"class Fresh:\n    def fresh(self, order, paid):\n        order.refunded_at = None\n        return {test}\n\n\n"
        + ROUTE + "    return str(Fresh().fresh(flask.g.order, None))\n"
    )  # fmt: skip
    assert certain(tmp_path, "inert-timeout", {"app.py": code}) is sure


@pytest.mark.parametrize(("call", "sure"), [("session.get('http://a')", True), ("session.get('http://a', timeout=5)", False)])
def test_a_session_without_a_limit_counts_where_a_call_has_none(tmp_path: Path, call: str, sure: bool) -> None:
    code = FLASK + f"session = requests.Session()\nsession.timeout = 5\n\n\n{ROUTE}    return {call}.text\n"
    assert certain(tmp_path, "inert-timeout", {"app.py": code}) is sure


@pytest.mark.parametrize(
    ("before", "read", "sure"),
    [
        ("", "text = child.stdout.read()", True),
        ("threading.Timer(5, child.kill).start()", "text = child.stdout.read()", False),
        ("text = ''", "for line in child.stdout:\n        text += line", False),  # it may look at the time in each turn
    ],
)
def test_a_wait_after_the_whole_output_counts_unless_something_else_ends_it(
    tmp_path: Path, before: str, read: str, sure: bool
) -> None:
    body = ["child = subprocess.Popen(['convert', 'x'], stdout=subprocess.PIPE, text=True)", before, read, "child.wait(timeout=5)"]
    code = "import subprocess\nimport threading\n" + FLASK + ROUTE + "".join(f"    {line}\n" for line in body if line) + "    return text\n"
    assert certain(tmp_path, "inert-timeout", {"app.py": code}) is sure


@pytest.mark.parametrize(
    ("value", "sure"), [('int(os.environ.get("LIMIT", -1))', True), ('int(os.environ.get("LIMIT", 900))', False), ("-1", False)]
)
def test_a_job_limit_that_a_setting_switches_off_counts(tmp_path: Path, value: str, sure: bool) -> None:
    files = {
        "settings.py": f"import os\n\nLIMIT = {value}\n",
        "jobs.py": "from redis import Redis\nfrom rq import Queue\n\nimport settings\n\n"
        "queue = Queue('a', connection=Redis(socket_timeout=5))\n\n\ndef build(day):\n    return day\n\n\n"
        "def ask(day):\n    return queue.enqueue(build, day, job_timeout=settings.LIMIT)\n",
    }
    assert certain(tmp_path, "timeout-disabled", files) is sure


@pytest.mark.parametrize(
    ("call", "sure"),
    [
        ("await page.goto(url, timeout=0)", True),
        ("await page.goto(url, timeout=5000)", False),
        ("await store.set(url, timeout=0)", False),
    ],
)
def test_no_limit_for_a_page_counts(tmp_path: Path, call: str, sure: bool) -> None:
    made = "import kazoo.client\nimport playwright.async_api"
    code = FAST.replace("import requests", made).replace("(url: str)", "(url: str, page, store)") + f"    {call}\n"
    assert certain(tmp_path, "timeout-disabled", {"app.py": code}) is sure


@pytest.mark.parametrize(
    ("call", "sure"),
    [
        ("requests.get(url, timeout=5)", True),
        ("await asyncio.get_running_loop().run_in_executor(None, lambda: requests.get(url, timeout=5))", None),
        ("time.sleep(1)", True),
        ("time.sleep(0.2)", False),
        ("stripe.Webhook.construct_event(url, '', '')", None),  # it checks a signature
        ("stripe.StripeClient(url).construct_event(url, '', '')", None),
        ("stripe.Customer.retrieve(url).name.title()", True),
        ("stripe.StripeClient(url).customers.list()", True),
        ("Client(url, url).messages.create(to=url)", True),
        ("Client(url, url).verify.v2.services(url)", None),  # it only names what a request is about
        ("Client(url, url).verify.v2.services(url).verifications.create(to=url)", True),
        ("redis.sentinel.Sentinel([(url, 26379)]).master_for('main')", None),
        ("huggingface_hub.snapshot_download(url)", True),
    ],
)
def test_a_request_and_a_long_sleep_in_a_coroutine_count(tmp_path: Path, call: str, sure: bool | None) -> None:
    made = "import requests\nimport redis.sentinel\nimport stripe\nimport huggingface_hub\nfrom twilio.rest import Client"
    code = FAST.replace("import requests", made) + f"    {call}\n"
    if sure is None:
        assert not said(tmp_path, "blocking-in-async", {"app.py": code})
    else:
        assert certain(tmp_path, "blocking-in-async", {"app.py": code}) is sure


@pytest.mark.parametrize(
    ("body", "call", "told"),
    [
        ("store.exists()", "upload(url)", True),
        ("store.upload_from_string(name) if name else None", "upload(url)", True),
        ("if name.startswith('local:'):\n        return\n    store.exists()", "upload(url)", True),
        ("if not name.startswith('local:'):\n        store.exists()", "await asyncio.sleep(0)\n    upload(url)", False),  # perhaps not here
        ("store.exists()", "await asyncio.to_thread(upload, url)", False),
    ],
)
def test_a_plain_function_that_programs_without_a_loop_call_as_well(tmp_path: Path, body: str, call: str, told: bool) -> None:
    storage = (
        "from google.cloud import storage\n\nstore = storage.Client().bucket('icons').blob('a')\n\n\n"
        f"def upload(name: str):\n    {body}\n"
    )
    app = FAST.replace("import requests", "import asyncio\nfrom stored import upload") + f"    {call}\n"
    job = "from stored import upload\n\n\ndef main():\n    upload('a')\n\n\nif __name__ == '__main__':\n    main()\n"
    found = said(tmp_path, "blocking-in-async", {"app.py": app, "stored.py": storage, "job.py": job})
    assert [(f.path, f.confidence) for f in found] == ([("app.py", "certain")] if told else [])


WORKER = (
    "import asyncio\nimport signal\nimport threading\n\n\nclass Worker:\n    def __init__(self):\n"
    "        self.loop = asyncio.new_event_loop()\n        self.thread = threading.Thread(target=self.run, daemon=True)\n\n"
    "    async def work(self):\n{work}\n"
    "    def run(self):\n        self.loop.run_until_complete(self.work())\n\n    def stop(self):\n"
    "        self.loop.call_soon_threadsafe(self.loop.stop)\n\n\ndef main():\n    stopping = threading.Event()\n"
    "    signal.signal(signal.SIGTERM, lambda *_: stopping.set())\n    worker = Worker()\n    worker.thread.start()\n"
    "    while not stopping.wait(1):\n        pass\n    worker.stop()\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("work", "sure"),
    [
        ("        try:\n            await asyncio.sleep(60)\n        finally:\n            print('released')\n", True),
        ("        await asyncio.sleep(60)\n", False),  # nothing is left undone
    ],
)
def test_a_loop_that_is_stopped_from_outside_counts_where_its_coroutine_cleans_up(tmp_path: Path, work: str, sure: bool) -> None:
    assert certain(tmp_path, "cleanup-never-runs", {"worker.py": WORKER.replace("{work}", work)}) is sure


@pytest.mark.parametrize(
    ("between", "sure"),
    [("requests.get('http://keys', timeout=5)", True), ("print('made')", False)],
)
def test_a_file_that_stays_counts_where_what_is_between_fails_now_and_then(tmp_path: Path, between: str, sure: bool) -> None:
    code = (
        "import os\nimport tempfile\n" + FLASK + "def write():\n    with tempfile.NamedTemporaryFile('w', delete=False) as file:\n"
        "        return file.name\n\n\n" + ROUTE + f"    path = write()\n    {between}\n    try:\n        return open(path).read()\n"
        "    finally:\n        os.remove(path)\n"
    )
    assert certain(tmp_path, "temp-leak", {"app.py": code}) is sure


@pytest.mark.parametrize(("says", "sure"), [("all events flushed", True), ("flushing the events", False)])
def test_an_empty_promise_counts_where_the_log_says_that_it_was_kept(tmp_path: Path, says: str, sure: bool) -> None:
    code = (
        "import logging\nimport signal\nimport threading\n\nstop = threading.Event()\n\n\n"
        f"def flush_events():\n    logging.info('{says}')\n\n\ndef main():\n    signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
        "    while not stop.wait(1):\n        pass\n    flush_events()\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert certain(tmp_path, "empty-promise", {"worker.py": code}) is sure


@pytest.mark.parametrize(
    ("second", "sure"), [("driver.chromium.connect_over_cdp(url)", True), ("driver.selectors.register('a', 'b')", False)]
)
def test_a_driver_that_stays_counts_where_the_connection_may_fail(tmp_path: Path, second: str, sure: bool) -> None:
    code = (
        "from fastapi import FastAPI\nfrom playwright.async_api import async_playwright\n\napp = FastAPI()\n\n\n"
        f"async def connect(url):\n    driver = await async_playwright().start()\n    browser = await {second}\n"
        "    return driver, browser\n\n\n@app.get('/')\nasync def index(url: str):\n"
        "    driver, browser = await connect(url)\n    await driver.stop()\n"
    )
    assert certain(tmp_path, "orphaned-child", {"app.py": code}) is sure


GIVEN_UP = (
    "import os\nimport subprocess\n\n" + FLASK + "@app.get('/')\ndef index(path):\n    return str(scan(path))\n\n\n"
    "def scan(path):\n"
)


@pytest.mark.parametrize(
    ("body", "sure"),
    [
        ("    return subprocess.Popen(['scan', path]).communicate(timeout=9)\n", True),
        ("    child = subprocess.Popen(['scan', path])\n    code = child.wait(timeout=9)\n    return code\n", True),
        ("    return subprocess.Popen(['timeout', '9', 'scan', path]).communicate(timeout=10)\n", False),  # it ends itself
        ("    return subprocess.Popen(['scan', path], start_new_session=True).communicate(timeout=9)\n", False),
        ("    child = subprocess.Popen(['scan', path])\n    children(child)\n    return child.wait(timeout=9)\n", False),
        ("    try:\n        child = subprocess.Popen(['scan', path])\n        return child.wait(timeout=9)\n    finally:\n"
         "        child.kill()\n", False),
        ("    return subprocess.run(['scan', path], timeout=9).returncode\n", False),  # it kills what it gives up
    ],
)
def test_a_child_that_only_its_wait_gives_up_is_left_for_certain(tmp_path: Path, body: str, sure: bool) -> None:
    assert certain(tmp_path, "orphaned-child", {"app.py": GIVEN_UP + body}) is sure


POOL = (
    "import signal\nimport sys\nimport time\nfrom concurrent.futures import ThreadPoolExecutor\n\nimport requests\n\n"
    "pool = ThreadPoolExecutor()\n\n\ndef fetch(url):\n    return requests.get(url, timeout={limit})\n\n\n"
    "def on_term(signum, frame):\n    pool.shutdown(wait=False)\n"
    "    sys.exit(0)\n\n\ndef main():\n    signal.signal(signal.SIGTERM, on_term)\n    while True:\n        pool.submit(fetch, 'http://a')\n"
    "        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
)
COMPOSE = "services:\n  worker:\n    build: .\n    command: python worker.py\n"


@pytest.mark.parametrize(
    ("limit", "more", "sure"), [(60, "", True), (60, "    stop_grace_period: 90s\n", False), (60, None, False), (5, "", False)]
)
def test_a_pool_that_holds_the_exit_counts_where_the_platform_kills_before(
    tmp_path: Path, limit: int, more: str | None, sure: bool
) -> None:
    files = {"worker.py": POOL.replace("{limit}", str(limit))}
    if more is not None:
        files |= {"compose.yml": COMPOSE + more, "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n"}
    assert certain(tmp_path, "blocked-exit", files) is sure


@pytest.mark.parametrize(
    ("body", "sure"),
    [
        ("subprocess.run(['git', 'fetch', 'origin'])", True),
        ("child = subprocess.Popen(['git', 'fetch'], stdout=subprocess.PIPE)\n    child.stdout.read()\n    child.wait()", False),
        ("subprocess.run(flask.request.form['command'], shell=True)", False),  # who asks for it waits for it
    ],
)
def test_a_child_counts_where_the_wait_itself_may_last(tmp_path: Path, body: str, sure: bool) -> None:
    code = "import subprocess\n" + FLASK + ROUTE + f"    {body}\n    return ''\n"
    assert certain(tmp_path, "child-without-timeout", {"app.py": code}) is sure


@pytest.mark.parametrize(
    ("more", "sure"), [("", True), ("    if sys.argv[1:]:\n        cherrypy.quickstart(None)\n        return\n", False)]
)
def test_a_loop_beside_a_server_that_ends_by_itself_may_not_be_what_is_started(tmp_path: Path, more: str, sure: bool) -> None:
    code = (
        "import multiprocessing\nimport sys\nimport time\n\nimport cherrypy\n\n\ndef work():\n    time.sleep(60)\n\n\ndef main():\n" + more
        + "    child = multiprocessing.Process(target=work)\n    child.start()\n    while True:\n        time.sleep(1)\n"
        "\n\nif __name__ == '__main__':\n    main()\n"
    )  # fmt: skip
    docker = 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["python", "main.py"]\n'
    assert certain(tmp_path, "unhandled-termination", {"main.py": code, "Dockerfile": docker}) is sure


ALARMS = (
    "import signal\nimport time\n\n\ndef expire(number, frame):\n    raise TimeoutError\n\n\n"
    "def scan(item):\n    {inner}\n    time.sleep(item)\n    {back}\n\n\n"
    "def work(item):\n    signal.signal(signal.SIGALRM, expire)\n    signal.alarm(60)\n    {called}\n    signal.alarm(0)\n    {after}\n\n\n"
    "def main():\n    while True:\n        time.sleep(1)\n        work(2)\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("inner", "back", "called", "after", "sure"),
    [
        ("signal.alarm(5)", "signal.alarm(0)", "scan(item)", "pass", True),
        ("left = signal.alarm(5)", "signal.alarm(left)", "scan(item)", "pass", False),  # it sets again what was left
        ("pass", "pass", "scan(item)", "pass", False),
        ("signal.alarm(5)", "signal.alarm(0)", "pass", "scan(item)", False),  # one after the other
    ],
)
def test_an_alarm_that_a_call_replaces(tmp_path: Path, inner: str, back: str, called: str, after: str, sure: bool) -> None:
    code = ALARMS.format(inner=inner, back=back, called=called, after=after)
    assert certain(tmp_path, "inert-timeout", {"worker.py": code}) is sure


EXPIRING = (
    "import signal\nimport subprocess\nimport time\n\n\nclass Expired({base}):\n    pass\n\n\n"
    "def expire(number, frame):\n    raise Expired\n\n\n"
    "def first():\n    try:\n        run('a')\n    except Expired:\n        raise\n    except Exception:\n        print('a')\n\n\n"
    "def second():\n    try:\n        run('b')\n    except Expired:\n        raise\n    except Exception:\n        print('b')\n\n\n"
    "def third():\n    try:\n        run('c')\n    except Expired:\n        raise\n    except Exception:\n        print('c')\n\n\n"
    "def run(name):\n    subprocess.run([name])\n\n\n"
    "def last(rows):\n    try:\n        {body}\n    except {arm}:\n        print('d')\n\n\n"
    "def work(rows):\n    signal.signal(signal.SIGALRM, expire)\n    signal.alarm(60)\n    first()\n    second()\n    third()\n"
    "    last(rows)\n    signal.alarm(0)\n\n\n"
    "def main():\n    while True:\n        time.sleep(1)\n        work([])\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("base", "body", "arm", "sure"),
    [
        ("Exception", "run('d')", "Exception", True),
        ("Exception", "for row in rows:\n            print(row)", "Exception", True),
        ("Exception", "print(rows)", "Exception", False),  # it lasts no time
        ("Exception", "run('d')", "OSError", False),
        ("Exception", "run('d')", "Expired:\n        raise\n    except Exception", False),
        ("BaseException", "run('d')", "Exception", False),  # no Exception: it passes
    ],
)
def test_a_limit_by_an_alarm_that_an_arm_below_takes_for_a_failure(tmp_path: Path, base: str, body: str, arm: str, sure: bool) -> None:
    code = EXPIRING.format(base=base, body=body, arm=arm)
    assert certain(tmp_path, "swallowed-cancellation", {"worker.py": code}) is sure


RUNNER = (
    "import asyncio\n\nfrom aiohttp import web\n\n\nasync def leave(app):\n    print('bye')\n\n\napp = web.Application()\n{hook}\n\n\n"
    "async def start():\n    runner = web.AppRunner(app)\n    await runner.setup()\n"
    "    await web.TCPSite(runner, '0.0.0.0', 80).start()\n    {more}\n\n\n"
    "def main():\n    loop = asyncio.new_event_loop()\n    loop.run_until_complete(start())\n    loop.run_forever()\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("hook", "more", "told"),
    [
        ("app.on_cleanup.append(leave)", "pass", ["certain"]),
        ("", "pass", ["possible"]),
        ("app.on_cleanup.append(leave)", "return runner", []),
        ("app.on_cleanup.append(leave)", "remember(runner)", []),
        ("app.on_cleanup.append(leave)", "await asyncio.sleep(60)\n    await runner.cleanup()", []),
    ],
)
def test_a_runner_that_nobody_can_clean_up(tmp_path: Path, hook: str, more: str, told: list[str]) -> None:
    code = RUNNER.format(hook=hook, more=more)
    assert [f.confidence for f in said(tmp_path, "unclosed-resource", {"server.py": code})] == told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("socket.gethostbyname(url)", True),
        ("await asyncio.get_running_loop().getaddrinfo(url, 80)", False),
        ("socket.gethostbyname(socket.gethostname())", False),  # this host's own name
        ("socket.getfqdn()", False),
    ],
)
def test_a_name_that_is_looked_up_on_the_loop(tmp_path: Path, call: str, told: bool) -> None:
    code = FAST.replace("import time\n", "import socket\nimport time\n") + f"    return {call}\n"
    assert bool(said(tmp_path, "blocking-in-async", {"app.py": code})) is told


WAY_DOWN = (
    "import contextlib\nimport logging\n\nfrom fastapi import FastAPI\n\nchannels = []\n\n\n"
    "@contextlib.asynccontextmanager\nasync def lifespan(app):\n    yield\n    await leave()\n\n\napp = FastAPI(lifespan=lifespan)\n\n\n"
    "async def leave():\n{body}"
)
AROUND = "    try:\n        for channel in channels:\n            await {call}\n    except Exception:\n        logging.exception('x')\n"
WITHIN = (
    "    for channel in channels:\n        try:\n            await {call}\n        except Exception:\n"
    "            logging.exception('x')\n"
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (AROUND.format(call="channel.stop()"), True),
        (AROUND.format(call="stop_channel(channel)"), True),
        (AROUND.format(call="channel.tell()"), False),
        (WITHIN.format(call="channel.stop()"), False),
        (AROUND.format(call="channel.stop()").replace("logging.exception('x')", "raise"), False),
    ],
)
def test_one_that_fails_to_stop_and_those_behind_it(tmp_path: Path, body: str, told: bool) -> None:
    assert bool(said(tmp_path, "item-stops-batch", {"app.py": WAY_DOWN.format(body=body)})) is told


GRACE = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  selector: {matchLabels: {app: shop}}\n  template:\n"
    "    metadata: {labels: {app: shop}}\n    spec:\n      terminationGracePeriodSeconds: SECONDS\n      containers:\n      - name: shop\n"
    "        image: shop\n        command: [python, worker.py]\n"
)


@pytest.mark.parametrize(("seconds", "sure"), [(0, True), (30, False)])
def test_no_time_at_all_to_stop(tmp_path: Path, seconds: int, sure: bool) -> None:
    files = {"worker.py": "import time\n\nwhile True:\n    time.sleep(5)\n", "deploy.yaml": GRACE.replace("SECONDS", str(seconds))}
    assert certain(tmp_path, "grace-too-short", files) is sure


COMPOSED = "services:\n  jobs:\n    build: .\n    command: {command}\n    restart: always\n{grace}"
CELERY = "from celery import Celery\n\napp = Celery('shop')\n\n\n@app.task\ndef pack(row):\n    return row\n"


@pytest.mark.parametrize(
    ("command", "grace", "found"),
    [
        ("celery -A jobs worker", "", ["medium"]),
        ("celery -A jobs worker", "    stop_grace_period: 5m\n", []),
        ("celery -A jobs beat", "", []),  # a clock has no job in hand
        ("supervisord -n", "", []),  # what it keeps has its own grace
    ],
)
def test_a_worker_in_compose_has_ten_seconds_for_its_job(tmp_path: Path, command: str, grace: str, found: list[str]) -> None:
    files = {
        "Dockerfile": "FROM python:3.12\nCOPY . .\n",
        "docker-compose.yml": COMPOSED.format(command=command, grace=grace),
        "jobs.py": CELERY,
    }
    assert [f.severity for f in said(tmp_path, "grace-too-short", files)] == found


LOCKED = """
import signal
import threading
import time


class Poller:
    def __init__(self):
        self._lock = threading.LOCK()
        self._asked = False
        signal.signal(signal.SIGTERM, self.on_term)

    def on_term(self, *_):
        self.ask()

    def ask(self):
        with self._lock:
            self._asked = True

    @property
    def asked(self):
        with self._lock:
            return self._asked

    def run(self):
        while not self.READ:
            time.sleep(5)


if __name__ == "__main__":
    Poller().run()
"""


@pytest.mark.parametrize(
    ("lock", "read", "sure"),
    [
        ("Lock", "asked", True),
        ("RLock", "asked", False),  # the same thread takes it again
        ("Lock", "_asked", False),  # the main thread never holds it
    ],
)
def test_a_lock_that_a_handler_and_the_thread_below_it_take(tmp_path: Path, lock: str, read: str, sure: bool) -> None:
    text = LOCKED.replace("LOCK", lock).replace("READ", read)
    assert certain(tmp_path, "unsafe-signal-handler", {"poll.py": text}) is sure


PODS = """
import threading

from fastapi import FastAPI
from kubernetes import client, watch


class Pods:
    def __init__(self):
        self.running = True
        self.watcher = watch.Watch()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        api = client.CoreV1Api()
        while self.running:
            for event in self.watcher.stream(api.list_namespaced_pod, namespace="shop"{limit}):
                print(event)

    def close(self):
        self.running = False
        self.watcher.stop()
        self.thread.join({wait})


async def lifespan(app):
    pods = Pods()
    yield
    pods.close()


app = FastAPI(lifespan=lifespan)
"""


@pytest.mark.parametrize(
    ("limit", "wait", "sure"), [("", "", True), (", timeout_seconds=10, _request_timeout=15", "", False), ("", "5", False)]
)
def test_a_join_of_a_thread_that_waits_for_the_next_event_of_a_cluster(tmp_path: Path, limit: str, wait: str, sure: bool) -> None:
    files = {"app.py": PODS.replace("{limit}", limit).replace("{wait}", wait), "Procfile": "web: uvicorn app:app\n"}
    assert certain(tmp_path, "unbounded-shutdown-wait", files) is sure
