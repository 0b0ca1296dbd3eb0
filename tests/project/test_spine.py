"""Which loops and waits are where a program serves, and which only end by themselves."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from project.made_repository import written

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.project.build import Project

HEAD = "import queue\nimport socket\nimport threading\nimport time\n\nheld = queue.Queue()\npeer = socket.socket()\nstopped = False\n\n\n"
TAIL = "\n\nif __name__ == '__main__':\n    main()\n"


DRAINED = """
    while True:
        try:
            print(held.get(block=False))
        except queue.Empty:
            break
"""
BATCH = """
    while not stopped:
        rows = peer.get()
        if not rows:
            break
        print(rows)
"""
ONCE = """
    stopped = False
    while not stopped:
        try:
            print(peer.recv(1))
            {set} = True
        except OSError:
            time.sleep(5)
"""
BEGINNING = """
    ready = threading.Event()
    threading.Thread(target=print).start()
    ready.wait()
    print("up")
"""
BELOW = """
    read_forever()


def read_forever():
    while True:
        step()


def step():
    print(peer.recv(1))
"""


RENEWED = """
    done, end = 0, time.time() + limits.get("age", 900)
    while True:
        if limits.get("most") != 0:
            if done >= limits.get("most", 5000):
                break
        if limits.get("age") != 0:
            if time.time() >= end:
                break
        print(held.get())
        done += 1
"""
RENEWED_FLAT = """
    done = 0
    while True:
        print(peer.recv(1))
        done += 1
        if args.most and done >= args.most:
            return
"""
BOUNDED = """
    end = time.time() + 60
    while True:
        if time.time() >= end:
            break
        print(peer.recv(1))
"""


SWITCHED = """
    work_on()


def work_on(forever={default}):
    while True:
        print(peer.recv(1))
        if not forever:
            break
"""
DRAWN = """
    rows = messages()
    while True:
        print(next(rows))
"""
SOURCE = """

def messages():
    while True:
        for row in peer.new_rows():
            yield row
"""
COUNTED = """

def messages():
    number = 0
    while True:
        yield number
        number += 1
"""
FINITE = """

def messages():
    while True:
        got = peer.recv(1)
        if not got:
            return
        yield got
"""
PAGED = """

def messages():
    done = False
    while not done:
        rows, done = peer.recv(1)
        yield rows
"""
WAITING = """

def messages():
    while True:
        yield peer.recv(1)
"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("    while True:\n        time.sleep(1)\n", "worker"),
        ("    while True:\n        print(held.get())\n", "worker"),
        ("    stop = threading.Event()\n    stop.wait()\n", "worker"),
        (BELOW, "worker"),
        ("    while True:\n        print(peer.recv(1))\n        if not KEEP:\n            return\n        time.sleep(5)\n", "worker"),
        ("    while True:\n        print(peer.recv(1))\n        if flags.run_once:\n            break\n        time.sleep(5)\n", "worker"),
        ("    while True:\n        got = peer.recv(1)\n        if not got:\n            return\n        time.sleep(5)\n", "cli"),
        (ONCE.format(set="done"), "worker"),
        (ONCE.format(set="stopped"), "cli"),
        (RENEWED, "worker"),
        (RENEWED_FLAT, "worker"),
        (BOUNDED, "cli"),  # it always ends after its time
        (DRAINED, "cli"),  # it ends with what is there
        (BATCH, "cli"),  # it ends when nothing is left
        (BEGINNING, "cli"),  # it waits for a beginning
        (SWITCHED.format(default=True), "worker"),
        (SWITCHED.format(default=False), "cli"),
        (DRAWN + SOURCE, "worker"),
        (DRAWN + COUNTED, "cli"),  # it computes
        (DRAWN + FINITE, "cli"),  # StopIteration ends it
        ("    for row in messages():\n        print(row)\n" + WAITING, "worker"),
        ("    for row in messages():\n        print(row)\n" + FINITE, "cli"),
        ("    for row in messages():\n        print(row)\n" + PAGED, "cli"),
        ("    for row in messages():\n        if row:\n            break\n" + WAITING, "cli"),  # it looks for one
    ],
)
def test_kind_of_a_program(tmp_path: Path, body: str, kind: str) -> None:
    (tmp_path / "app.py").write_text(f"{HEAD}def main():\n{body}{TAIL}")
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    (entrypoint,) = Project(gathered.modules, gathered.artifacts, gathered.paths).entrypoints
    assert entrypoint.kind == kind


ANSWERING = """
import select
from wsgiref.simple_server import WSGIServer


class Server(WSGIServer):
    pass


def main():
    servers = {s.socket: s for s in (Server(("", 80), None), Server(("", 81), None))}
    while True:
        ready, _, _ = select.select(servers, [], [])
        for socket in ready:
            servers[socket].handle_request()
"""


def test_a_loop_that_answers_requests_is_a_service(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ANSWERING + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    (entrypoint,) = Project(gathered.modules, gathered.artifacts, gathered.paths).entrypoints
    assert entrypoint.kind == "service"


STARTED = """
import time
from concurrent import futures

import grpc


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_insecure_port("[::]:50051")
    server.start()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop(0)
"""


def test_starting_call_is_not_where_a_program_serves(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(STARTED + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (main,) = (func for func in project.functions if func.name == "main")
    line = STARTED[: STARTED.index("while True")].count("\n") + 1
    assert [(place.how, place.line) for place in project.spine.places(main)] == [("loop", line)]


SWITCHED_OFF = """
import sys
import time

import requests


def main(stopped, interrupt):
    if stopped:
        while not interrupt():
            time.sleep(1)
        sys.exit(0)
    work(interrupt)


def work(interrupt):
    requests.get("http://a")
    while not interrupt():
        time.sleep(1)


if __name__ == "__main__":
    main(False, bool)
"""


def test_what_follows_a_branch_that_exits_is_not_after_serving(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SWITCHED_OFF)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    main, work = (next(func for func in project.functions if func.name == name) for name in ("main", "work"))
    assert [place.how for place in project.spine.places(main)] == ["loop", "through"]
    (call,) = (site for site in work.sites if site.method == "get")
    assert set().union(*project.phases(call).values()) == {"startup"}


ON_LOOP = """
import asyncio

from aiohttp import web

app = web.Application()


async def start():
    runner = web.AppRunner(app)
    await runner.setup()
    {site}


def main():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(start())
    loop.run_forever()
"""


@pytest.mark.parametrize(("site", "kind"), [('await web.TCPSite(runner, "0.0.0.0", 80).start()', "service"), ("print(runner)", "worker")])
def test_a_loop_that_is_turned_for_a_server_is_a_service(tmp_path: Path, site: str, kind: str) -> None:
    code = ON_LOOP.format(site=site) if kind == "service" else ON_LOOP.format(site=site).replace("await runner.setup()", "pass")
    (tmp_path / "app.py").write_text(code + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    assert [e.kind for e in project.entrypoints if not e.app] == [kind]


TOLD = """
import signal
import sys


class Daemon:
    def __init__(self, settings):
        self.settings = settings
        self._asked = False
        signal.signal(signal.SIGTERM, self.on_term)

    def on_term(self, *_):
        self._asked = True

    @property
    def asked(self):
        return self._asked

    def turn(self):
        raise NotImplementedError

    def close(self):
        pass

    def run(self):
        while not self.asked:
            self.turn()


class Keeper(Daemon):
    def turn(self):
        self.settings.refresh()

    def close(self):
        while self.settings.is_running():
            self.settings.wait(1)


def serve(HANDED, settings):
    daemon = cls(settings)
    try:
        daemon.run()
    finally:
        daemon.close()


def main():
    serve(Keeper, {})
"""


@pytest.mark.parametrize("handed", ["cls", "cls: type[Daemon]", "cls: 'Type[Daemon]'"])
def test_a_loop_until_the_handler_of_sigterm_changes_its_flag_is_where_a_daemon_serves(tmp_path: Path, handed: str) -> None:
    """The class comes in as a parameter, its turns wait somewhere below, and what waits in the ``finally`` serves nobody."""
    source = TOLD.replace("HANDED", handed)
    (tmp_path / "app.py").write_text(source + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    assert entrypoint.kind == "worker"
    turn, close = (project.index.modules["app.py"].functions[f"Keeper.{name}"] for name in ("turn", "close"))
    assert project.phases_by_entrypoint(turn) == {entrypoint: frozenset({"serving"})}
    assert project.phases_by_entrypoint(close) == {entrypoint: frozenset({"shutdown"})}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        self._asked = True", "        sys.exit(1)"),  # the flag is nobody's: each turn may be the last
        ("signal.SIGTERM", "signal.SIGUSR1"),
    ],
)
def test_a_loop_on_a_flag_that_no_stop_changes_ends_by_itself(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "app.py").write_text(TOLD.replace("HANDED", "cls").replace(old, new) + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    (entrypoint,) = Project(gathered.modules, gathered.artifacts, gathered.paths).entrypoints
    assert entrypoint.kind == "cli"


SPAWN = """
try:
    import eventlet
except ImportError:
    eventlet = None

GREEN = "eventlet"


def spawn(func, *args):
    if GREEN == "eventlet":
        return eventlet.spawn(func, *args)
    raise ValueError(GREEN)
"""
LISTENER = """
from kombu.mixins import ConsumerMixin

from post.green import spawn


class Inbox(ConsumerMixin):
    def __init__(self, connection):
        self.connection = connection

    def get_consumers(self, Consumer, channel):
        return [Consumer(queues=["mail"], callbacks=[self.take])]

    def take(self, body, message):
        message.ack()


class Post:
    def __init__(self, connection):
        self._inbox = self.made(connection)
        self._thread = None

    def made(self, connection):
        return Inbox(connection)

    def start(self):
        self._thread = spawn(self._inbox.run)

    def wait(self):
        self._thread.WAIT()

    def stop(self):
        self._thread.wait()


def main():
    post = Post(None)
    post.start()
    post.END()


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("wait", "end", "kind"),
    [
        ("wait", "wait", "worker"),
        ("wait", "stop", "cli"),  # what waits there has asked for the end
        ("poll", "wait", "cli"),
    ],
)
def test_a_greenlet_that_main_waits_for_is_what_it_serves_by(tmp_path: Path, wait: str, end: str, kind: str) -> None:
    """Started through the project's own ``spawn``, by another method; and ``post/kombu.py`` is no library."""
    (tmp_path / "post").mkdir()
    for name, text in {
        "post/__init__.py": "", "post/green.py": SPAWN, "post/kombu.py": "NAME = 'post'\n",
        "post/listener.py": LISTENER.replace("WAIT", wait).replace("END", end),
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    assert entrypoint.kind == kind
    take = project.index.modules["post/listener.py"].functions["Inbox.take"]
    assert take in project.jobs.by_func  # by the class that the library hands to get_consumers()


STRATEGIES = """
from redis import Redis
from rq import SimpleWorker, Worker


class Burst:
    def {method}(self, queues):
        SimpleWorker(queues, connection=Redis()).work(burst=True)


class Fork:
    def {method}(self, queues):
        Worker(queues, connection=Redis()).work()


class Queues:
    def __init__(self, strategy="fork"):
        self.strategy = {"burst": Burst(), "fork": Fork()}[strategy]

    def start(self):
        self.strategy.{method}(["default"])


def main():
    Queues().start()
"""


@pytest.mark.parametrize(("method", "kind"), [("process_queues", "worker"), ("go", "cli")])
def test_one_of_a_few_strategies_serves(tmp_path: Path, method: str, kind: str) -> None:
    (tmp_path / "app.py").write_text(STRATEGIES.replace("{method}", method) + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    (entrypoint,) = Project(gathered.modules, gathered.artifacts, gathered.paths).entrypoints
    assert entrypoint.kind == kind


JOINED = """
import gevent
from flask import Flask
from gevent.pywsgi import WSGIServer

app = Flask(__name__)


def warm():
    app.cached = {}


if __name__ == "__main__":
    server = WSGIServer(("0.0.0.0", 8000), app)
    serving = gevent.spawn(GIVEN)
    gevent.joinall([serving]LIMIT)
"""


@pytest.mark.parametrize(
    ("given", "limit", "kinds"),
    [
        ("server.serve_forever", "", {"service"}),
        ("server.serve_forever", ", timeout=1", {"service", "cli"}),  # the application alone
        ("warm", "", {"service", "cli"}),
    ],
)
def test_greenlets_that_are_joined_together(tmp_path: Path, given: str, limit: str, kinds: set[str]) -> None:
    (tmp_path / "main.py").write_text(JOINED.replace("GIVEN", given).replace("LIMIT", limit))
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    assert {entrypoint.kind for entrypoint in project.entrypoints} == kinds


IN_THREAD = """
import asyncio
from concurrent.futures import ThreadPoolExecutor

import pika

pool = ThreadPoolExecutor()


def consume():
    channel = pika.BlockingConnection().channel()
    channel.basic_consume("jobs", print)
    channel.start_consuming()


async def main():
    loop = asyncio.get_running_loop()
    LINE


if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("await loop.run_in_executor(pool, consume)", "worker"),
        ("await asyncio.get_event_loop().run_in_executor(None, consume)", "worker"),
        ("await asyncio.to_thread(consume)", "worker"),
        ("loop.run_in_executor(pool, consume)", "cli"),  # main goes on at once
    ],
)
def test_a_consumer_in_a_thread_that_main_waits_for(tmp_path: Path, line: str, kind: str) -> None:
    (tmp_path / "main.py").write_text(IN_THREAD.replace("LINE", line))


THREADED = """
import gevent
import queue
import threading
import time

held = queue.Queue()


def attempt(turn):
    try:
        turn()
    except OSError:
        time.sleep(1)


class Reader({base}):
    def {run}(self):
        while {test}:
            self.turn()

    def turn(self):
        print(held.get())
        time.sleep(1)


class Guarded:
    def run(self):
        while True:
            attempt(self.turn)

    def turn(self):
        {turn}


def listen():
    while True:
        print(held.get())


def once():
    print(held.get())


def main():
    {body}


if __name__ == "__main__":
    main()
"""
READER = "reader = Reader()\n    reader.start()\n    {end}"
CREW = """crew = [threading.Thread(target={work}) for _ in range(3)]
    for one in crew:
        one.start()
    for one in crew:
        {end}"""
GREENS = """crew = []
    for _ in range(3):
        crew.append(gevent.spawn({work}))
    gevent.joinall(crew{more})"""


@pytest.mark.parametrize(
    ("body", "changed", "kind"),
    [
        (READER.format(end="reader.join()"), {}, "worker"),
        (READER.format(end="reader.join()"), {"base": "gevent.Greenlet", "run": "_run"}, "worker"),
        (READER.format(end="reader.join(5)"), {"base": "gevent.Greenlet", "run": "_run"}, "cli"),  # it goes on after five seconds
        (READER.format(end="reader.join()"), {"test": "not held.empty()"}, "cli"),
        ("Guarded().run()", {}, "worker"),
        ("Guarded().run()", {"turn": "print('x')"}, "cli"),  # nothing is waited for
        (CREW.format(work="listen", end="one.join()"), {}, "worker"),
        (CREW.format(work="once", end="one.join()"), {}, "cli"),
        (CREW.format(work="listen", end="print(one)"), {}, "cli"),
        (GREENS.format(work="listen", more=""), {}, "worker"),
        (GREENS.format(work="once", more=""), {}, "cli"),
        (GREENS.format(work="listen", more=", timeout=5"), {}, "cli"),
    ],
)
def test_threads_that_main_waits_for(tmp_path: Path, body: str, changed: dict[str, str], kind: str) -> None:
    made = {"base": "threading.Thread", "run": "run", "test": "True", "turn": "print(held.get())", "body": body, **changed}
    (tmp_path / "app.py").write_text(THREADED.format(**made))


THREADS = """
def take(consumer):
    consumer.prepare()
    {last}


def read(name):
    {turn}


def main(consumers=()):
    {made}
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join({limit})
"""
LISTED = "threads = [threading.Thread(target={0}, args=(c,), daemon=True) for c in consumers]"
APPENDED = "threads = []\n    for c in consumers:\n        one = threading.Thread(target={0}, args=(c,))\n        threads.append(one)"
ENDLESS = "while True:\n        print(held.get())"


@pytest.mark.parametrize(
    ("made", "last", "turn", "limit", "kind"),
    [
        (LISTED.format("read"), "pass", ENDLESS, "", "worker"),
        (APPENDED.format("read"), "pass", ENDLESS, "", "worker"),
        (LISTED.format("take"), "consumer.run()", ENDLESS, "", "worker"),  # by its name, and waited for without a limit
        (LISTED.format("take"), "consumer.run()\n    print('done')", ENDLESS, "", "cli"),
        (LISTED.format("take"), "consumer.run()", ENDLESS, "5", "cli"),
        (LISTED.format("take"), "consumer.load()", ENDLESS, "", "cli"),
        (LISTED.format("read"), "pass", "print(name)", "", "cli"),
        ("threads = [threading.Thread(target=read)]\n    threads = consumers", "pass", "print(name)", "", "cli"),
    ],
)
def test_threads_of_a_collection_that_main_waits_for(
    tmp_path: Path, made: str, last: str, turn: str, limit: str, kind: str
) -> None:
    (tmp_path / "app.py").write_text(HEAD + THREADS.format(made=made, last=last, turn=turn, limit=limit) + TAIL)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    (entrypoint,) = Project(gathered.modules, gathered.artifacts, gathered.paths).entrypoints
    assert entrypoint.kind == kind


def kinds_of(root: Path, files: dict[str, str]) -> dict[str, str]:
    """Each entrypoint's kind, by its id."""
    project = written(root, files)
    return {e.id: e.kind for e in project.entrypoints}


LIBRARIES_THAT_SERVE = {
    "a reactor behind an interface": """
        from twisted.internet.interfaces import IReactorFDSet, IReactorTCP

        class Reactor(IReactorFDSet, IReactorTCP):
            pass

        class Shop:
            def __init__(self, reactor: Reactor):
                self.reactor = reactor

            def run(self):
                self.reactor.run()

        def main():
            Shop(made()).run()
    """,
    "a consumer of karton": """
        from karton.core import Karton

        class Mailer(Karton):
            def process(self, task):
                print(task)

        def main():
            Mailer().loop()
    """,
    "a connector with a schedule": """
        from pycti import OpenCTIConnectorHelper

        class Feed:
            def __init__(self):
                self.helper = OpenCTIConnectorHelper({})

            def turn(self):
                print("fetched")

            def run(self):
                self.helper.schedule_iso(message_callback=self.turn, duration_period="PT1H")

        def main():
            Feed().run()
    """,
    "a stream of messages": """
        from google.cloud import pubsub_v1

        def main():
            stream = pubsub_v1.SubscriberClient().subscribe("orders", callback=print)
            stream.result()
    """,
    "a subclass of gunicorn's program": """
        from gunicorn.app.base import Application

        class Server(Application):
            def load(self):
                return None

        def main():
            Server().run()
    """,
    "a function that a library runs": """
        import asyncio
        import typer

        async def watch():
            while True:
                await asyncio.sleep(5)

        def run():
            asyncio.run(watch())

        def main():
            typer.run(run)
    """,
    "a listener in a loop": """
        from goods.redis import UpdateListener

        def main():
            while True:
                listener = UpdateListener()
                listener.run()
    """,
    "one of a family of managers": """
        import time

        class Manager:
            def blocking_start(self):
                while True:
                    time.sleep(1)

        class Threaded(Manager):
            def blocking_start(self):
                while True:
                    time.sleep(2)

        def main():
            built("shop.Threaded").blocking_start()
    """,
}
NOT_SERVING = {
    "a task that the own object keeps": """
        import asyncio

        class Client:
            async def start(self):
                self.task = asyncio.create_task(self.read())

            async def read(self):
                while True:
                    await asyncio.sleep(1)

        async def ask():
            client = Client()
            await client.start()
            print("asked")

        def main():
            asyncio.run(ask())
    """,
    "two classes of one method's name": """
        import time

        class Mail:
            def blocking_start(self):
                while True:
                    time.sleep(1)

        def main():
            built("shop.Mail").start()
    """,
}


@pytest.mark.parametrize("case", LIBRARIES_THAT_SERVE)
def test_what_keeps_a_program_up(tmp_path: Path, case: str) -> None:
    kinds = kinds_of(tmp_path, {"app.py": dedent(LIBRARIES_THAT_SERVE[case]).lstrip() + TAIL})
    assert kinds["app.py"] in ("service", "worker")


@pytest.mark.parametrize("case", NOT_SERVING)
def test_what_comes_back(tmp_path: Path, case: str) -> None:
    assert kinds_of(tmp_path, {"app.py": dedent(NOT_SERVING[case]).lstrip() + TAIL}) == {"app.py": "cli"}


def test_a_command_that_serves_takes_the_launch_from_its_group(tmp_path: Path) -> None:
    code = """
        import time
        import click

        @click.group()
        def cli():
            pass

        @cli.command()
        def watch():
            while True:
                time.sleep(1)
    """
    image = 'FROM python:3\nCOPY . /\nCMD ["python", "app.py", "watch"]\n'
    project = written(tmp_path, {"app.py": dedent(code).lstrip() + "\n\nif __name__ == '__main__':\n    cli()\n", "Dockerfile": image})
    assert {e.id: (e.kind, len(e.launches)) for e in project.entrypoints} == {"app.py::watch": ("worker", 1), "app.py": ("cli", 0)}


@pytest.mark.parametrize(("listening", "kind"), [("self.reactor.listenTCP(80, site)", "service"), ("pass", "worker")])
def test_a_reactor_that_listens_is_a_service(tmp_path: Path, listening: str, kind: str) -> None:
    turned = "self.reactor.run()"
    code = LIBRARIES_THAT_SERVE["a reactor behind an interface"].replace(turned, f"{listening}\n{16 * chr(32)}{turned}")
    assert kinds_of(tmp_path, {"app.py": dedent(code).lstrip() + TAIL}) == {"app.py": kind}
