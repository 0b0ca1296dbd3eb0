"""Who runs a function, and when: what only names it, keeps it, starts it elsewhere or asks for debugging does not run it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from project.made_repository import written

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint

APP = """
from flask import Flask

app = Flask(__name__)
"""


def built(folder: Path, **files: str) -> Project:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    gathered = gather(folder, discover(folder), workers=1)
    return Project(gathered.modules, gathered.artifacts, gathered.paths)


def phases(project: Project, name: str, path: str = "app.py") -> dict[str, frozenset[str]]:
    """The phases of a function by the kind of entrypoint."""
    func = project.index.modules[path].functions[name]
    return {entrypoint.kind: found for entrypoint, found in project.phases_by_entrypoint(func).items()}


def the(project: Project, kind: str) -> Entrypoint:
    return next(e for e in project.entrypoints if e.kind == kind)


KEPT = """
    import rq
    from flask import Flask
    from redis import Redis

    app = Flask(__name__)
    q = rq.Queue(connection=Redis())


    class JobInfo:
        def __init__(self, func, *args):
            object.__setattr__(self, "func", func)
            self.args = args


    class Hook:
        def __init__(self, callback=None):
            self.callback = callback

        def fire(self):
            self.callback()


    def classify():
        return 1


    def notify():
        return 2


    def forget():
        return 3


    def schedule(job: JobInfo):
        q.enqueue(job.func, *job.args)


    @app.route("/")
    def index():
        schedule(JobInfo(classify))
        return "ok"


    @app.route("/hook")
    def hook():
        Hook(callback=notify).fire()
        return "ok"
"""
WORKER = """
    from redis import Redis
    from rq import Worker


    def main():
        Worker(["default"], connection=Redis()).work()


    if __name__ == "__main__":
        main()
"""


def test_function_in_a_field_is_run_by_who_takes_it_from_there(tmp_path: Path) -> None:
    project = built(tmp_path, app=KEPT, worker=WORKER)
    assert phases(project, "classify") == {"worker": frozenset({"serving"})}
    assert phases(project, "notify") == {"service": frozenset({"serving"})}


def test_function_in_a_field_that_nobody_uses_is_run_by_nobody(tmp_path: Path) -> None:
    source = KEPT.replace("q.enqueue(job.func, *job.args)", "print(job)")
    assert phases(built(tmp_path, app=source), "classify") == {}


FIELDS = f"""{APP}
from dataclasses import dataclass
from collections.abc import Callable


def work():
    return 1


@dataclass
class Step:
    name: str
    run: Callable[[], int]


class Base:
    def __init__(self, target):
        self.target = target or print


class Below(Base):
    def __init__(self, target):
        super().__init__(target)


@app.route("/")
def index():
    CALL
    return "ok"


def other(step: Step, below: Below):
    step.run()
    below.target()
"""


@pytest.mark.parametrize(
    ("call", "runs"),
    [("Step('a', work)", False), ("Step(name='a', run=work)", False), ("Below(work)", False), ("work()", True), ("index(work)", True)],
)
def test_fields_of_data_classes_and_of_bases(tmp_path: Path, call: str, runs: bool) -> None:
    assert bool(phases(built(tmp_path, app=FIELDS.replace("CALL", call)), "work")) is runs


THREADS = f"""{APP}
import threading


def load():
    return fetch()


def fetch():
    return 1


@app.route("/")
def index():
    threading.Thread(target=load).start()
    return "ok"
"""


def test_a_thread_of_its_own_is_told(tmp_path: Path) -> None:
    project = built(tmp_path, app=THREADS)
    life = project.lives[the(project, "service")]
    functions = project.index.modules["app.py"].functions
    assert life.own_thread(functions["fetch"]) and not life.own_thread(functions["index"])
    assert "index starts load in a thread of its own" in [step.note for step in life.trace(functions["fetch"], "serving")]


DEBUG = """
    from django.conf import settings
    from django.urls import path
    from rest_framework.decorators import api_view


    @api_view(["GET"])
    def shown(request):
        return helped()


    @api_view(["GET"])
    def tried(request):
        if settings.DEBUG:
            explain()
        return None


    def helped():
        return 1


    def explain():
        return 2


    urlpatterns = [path("tried/", tried)]
    if TEST:
        urlpatterns += [path("shown/", shown)]
"""
WSGI = """
    import urls
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
"""


@pytest.mark.parametrize(
    ("test", "runs"),
    [("settings.DEBUG", False), ("settings.DEBUG and True", False), ("settings.SHOWN", True), ("not settings.DEBUG", True)],
)
def test_routes_for_debugging_answer_nobody_in_production(tmp_path: Path, test: str, runs: bool) -> None:
    project = built(tmp_path, urls=DEBUG.replace("TEST", test), wsgi=WSGI)
    assert bool(phases(project, "helped", "urls.py")) is runs
    assert phases(project, "tried", "urls.py") and not phases(project, "explain", "urls.py")


MAIN = """
    import os

    if __name__ == "__main__":
        os.environ["MODE"] = "direct"


    def work():
        return 1


    if TEST:
        work()
"""


@pytest.mark.parametrize(
    ("test", "guards"),
    [
        ('__name__ == "__main__"', True),
        ('"__main__" in __name__', True),
        ('__name__ in ("__main__", "tool")', True),
        ('__name__ == "__main__" and os.name', True),
        ('__name__ != "__main__"', False),
    ],
)
def test_main_guard_however_it_is_spelled(tmp_path: Path, test: str, guards: bool) -> None:
    project = built(tmp_path, tool=MAIN.replace("TEST", test), app=f"import tool\n{dedent(APP)}")
    found = phases(project, "work", "tool.py")
    assert found == ({"cli": frozenset({"serving"})} if guards else {"service": frozenset({"import"}), "cli": frozenset({"import"})})


DECORATED = f"""{APP}
import eth_retry
import requests
import confluent_kafka
import pluggy

hookimpl = pluggy.HookimplMarker("app")


@eth_retry.auto_retry
def batch():
    return 1


@hookimpl
def configure():
    return 2


class Consumer(confluent_kafka.Consumer):
    def partitions(self):
        return 3
"""


def test_what_only_wraps_registers_nothing_and_clients_are_called(tmp_path: Path) -> None:
    project = built(tmp_path, app=DECORATED)
    assert phases(project, "configure")
    assert not phases(project, "batch") and not phases(project, "Consumer.partitions")


NAMED = f"""{APP}
HANDLERS = {{}}


def register(name, handler):
    HANDLERS[name] = handler


def listed():
    return 1


def registered():
    return 2


class Bridge:
    def __call__(self, scope):
        return 3


class Store:
    def bulk_create(self, rows):
        return rows


@app.route("/")
def index(model):
    return model.objects.bulk_create([])


__all__ = (listed, index)
register("a", registered)
bridge = Bridge()
"""


def test_names_and_registries_at_import_do_not_call(tmp_path: Path) -> None:
    project = built(tmp_path, app=NAMED)
    assert phases(project, "listed") == {}
    assert phases(project, "registered") == {"service": frozenset({"serving"})}


def test_a_managers_query_is_no_method_of_the_project(tmp_path: Path) -> None:
    assert phases(built(tmp_path, app=NAMED), "Store.bulk_create") == {}


def test_jobs_that_no_started_worker_loads(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("worker: celery -A work worker\n")
    work = "from celery import Celery\n\napp = Celery('work')\n\n\n@app.task\ndef push():\n    return 1\n"
    lost = "from work import app\n\n\n@app.task\ndef send():\n    return 1\n"
    project = built(tmp_path, work=work, lost=lost)
    assert phases(project, "push", "work.py") and not phases(project, "send", "lost.py")


ALIKE = f"""{APP}
import re

from plugins import load


class BaseProvider:
    def search(self, text):
        return text


class Mail(BaseProvider):
    def search(self, text):
        return text + "m"


class Crawler:
    def fetch_page(self, url, depth):
        return url


class WorkerThread:
    def stop(self):
        return 1


@app.route("/a")
def by_kind(title_pat, text):
    return title_pat.search(text)


@app.route("/b")
def by_receiver(text):
    return load().provider.search(text)


@app.route("/c")
def wrong_arguments(thing):
    return thing.fetch_page(1, 2, 3)


@app.route("/d")
def stops(workers):
    worker = workers.pop()
    return worker.stop()
"""


@pytest.mark.parametrize(
    ("handler", "method", "linked"),
    [
        ("by_kind", "BaseProvider.search", False),
        ("by_receiver", "Mail.search", True),
        ("wrong_arguments", "Crawler.fetch_page", False),
        ("stops", "WorkerThread.stop", True),
    ],
)
def test_a_methods_name_alone_is_no_call(tmp_path: Path, handler: str, method: str, linked: bool) -> None:
    project = built(tmp_path, app=ALIKE)
    functions = project.index.modules["app.py"].functions
    assert (functions[method] in {edge.callee for edge in project.links.callees[functions[handler]]}) is linked


GUESSED = f"""{APP}
class Alerts:
    def evaluate(self, rule):
        return rule


class Report:
    def save_rows(self, rows):
        return rows


@app.route("/a")
def index(thing):
    return thing.evaluate(1), thing.save_rows([])


def alone():
    return 1
"""


def test_what_a_name_of_one_word_leads_to_is_a_guess(tmp_path: Path) -> None:
    project = built(tmp_path, app=GUESSED)
    functions = project.index.modules["app.py"].functions
    assert phases(project, "Alerts.evaluate") and project.doubtful(functions["Alerts.evaluate"])
    assert not project.doubtful(functions["Report.save_rows"]) and not project.doubtful(functions["index"])
    assert project.doubtful(functions["alone"])


JOBS = """
    from functools import partial

    from rq import Queue, Worker
    from rq.decorators import job as rq_job
    from redis import Redis


    class Counted(rq_job):
        queue_class = Queue


    job = partial(Counted, connection=Redis())


    @job("default")
    def record(event):
        return event


    if __name__ == "__main__":
        Worker(["default"], connection=Redis()).work()
    """


def test_a_job_decorator_behind_partial_and_a_class(tmp_path: Path) -> None:
    project = built(tmp_path, work=JOBS)
    assert phases(project, "record", "work.py") == {"worker": frozenset({"serving"})}


DEBUG_ROUTES = f"""{APP}
if app.debug or app.testing:

    @app.route("/tests/write")
    def write():
        return 1


@app.route("/write")
def real():
    return 2
"""


def test_routes_that_only_exist_for_debugging(tmp_path: Path) -> None:
    project = built(tmp_path, app=DEBUG_ROUTES)
    assert not phases(project, "write") and phases(project, "real")


MODEL = f"""{APP}
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Owner(Base):
    @property
    def root(self):
        return ask()


def ask():
    return 1
"""


def test_a_base_class_calls_no_property(tmp_path: Path) -> None:
    assert phases(built(tmp_path, app=MODEL), "ask") == {}


def test_who_only_imports_the_routes_serves_none(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("worker: celery -A work worker\nweb: gunicorn urls:app\n")
    urls = (
        "from flask import Flask\n\nfrom views import show\n\napp = Flask(__name__)\napp.add_url_rule('/', view_func=show)\n"
    )
    work = "from celery import Celery\nimport urls\n\napp = Celery('work')\n\n\n@app.task\ndef push():\n    return 1\n"
    project = built(tmp_path, work=work, urls=urls, views="def show():\n    return 1\n")
    assert phases(project, "show", "views.py") == {"service": frozenset({"serving"})}


WRAPPED = """
import functools

from flask import Flask

app = Flask(__name__)
TABLE = {{}}


def own(func):
    {first}

    @functools.wraps(func)
    def inner(*args):
        try:
            return func(*args)
        except OSError:
            return None
    {last}
    return inner


@own
def handle(x):
    return open(x).read()


@app.route("/")
def index():
    return "ok"
"""


@pytest.mark.parametrize(
    ("first", "last", "reached"),
    [
        ("name = func.__name__", "pass", False),  # it only wraps: nobody else learns of handle()
        ("TABLE[func.__name__] = func", "pass", True),
        ("pass", "TABLE['x'] = inner", True),
        ("pass", "register(inner)", True),
        ("pass", "inner.is_handler = True", True),  # somebody looks for the mark
    ],
)
def test_a_decorator_that_only_wraps_makes_nobody_call(tmp_path: Path, first: str, last: str, reached: bool) -> None:
    project = built(tmp_path, app=WRAPPED.format(first=first, last=last))
    assert bool(phases(project, "handle")) is reached


def test_a_decorator_with_arguments_that_only_wraps(tmp_path: Path) -> None:
    text = """
    def tried(times):
        def around(func):
            def inner(*args):
                for _ in range(times):
                    return func(*args)
            return inner
        return around


    @tried(3)
    def handle(x):
        return open(x).read()


    """
    assert not phases(built(tmp_path, app=APP + dedent(text)), "handle")


SERVED = """
    import uvicorn

    from web import made, closed


    def main():
        uvicorn.run({first}made(),{rest}
            log_config=None,
        )
        closed()


    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize(("first", "rest"), [("", ""), ("\n            ", ""), ("\n            ", " port=80,")])
def test_what_a_server_is_given_is_made_before_it_serves(tmp_path: Path, first: str, rest: str) -> None:
    project = built(tmp_path, app=SERVED.format(first=first, rest=rest), web="def made():\n    pass\n\n\ndef closed():\n    pass\n")
    assert phases(project, "made", "web.py") == {"service": {"startup"}}
    assert phases(project, "closed", "web.py") == {"service": {"shutdown"}}


VIEW = """
    from flask import Flask
    from flask.views import MethodView

    app = Flask(__name__)


    class Weather(MethodView):
        def __init__(self):
            self.address = address()

        def get(self):
            return self.address


    class Page:
        def __init__(self):
            self.text = "text"


    class Shop:
        def __init__(self):
            self.page = Page()


    def address():
        return "http://weather"


    shop = Shop()
    app.add_url_rule("/weather", view_func=Weather.as_view("weather"))
"""


def test_a_view_is_made_anew_for_each_request(tmp_path: Path) -> None:
    project = built(tmp_path, app=VIEW)
    assert phases(project, "Weather.__init__") == {"service": {"serving"}}
    assert phases(project, "address") == {"service": {"serving"}}
    assert phases(project, "Shop.__init__") == {"service": {"import"}}
    assert phases(project, "Page.__init__") == {"service": {"import"}}


HANDED = """
    from flask import Flask
    from redis import Redis
    from rq import Queue
    from rq.job import Job

    app = Flask(__name__)
    connection = Redis()
    queue = Queue(connection=connection)


    def put(func, **kwargs):
        queue.enqueue_job(job=Job.create(func=func, kwargs=kwargs, connection=connection))


    def put_first(func, **kwargs):
        put(func=func, **kwargs)


    def call(func):
        return func()


    def send_mail():
        return "sent"


    def count():
        return 1


    def add():
        return 1


    @app.get("/")
    def index():
        put(send_mail)
        put_first(func=count)
        return str(call(add))
"""


def test_what_a_function_puts_into_a_queue_is_a_job(tmp_path: Path) -> None:
    project = built(tmp_path, app=HANDED)
    assert sorted(func.name for func in project.jobs.by_func) == ["count", "send_mail"]
    assert phases(project, "add") == {"service": {"serving"}}
    assert phases(project, "send_mail") == {}


TASKS = """
    import asyncio
    import contextlib
    from fastapi import FastAPI


    async def refresh():
        await asyncio.sleep(1)


    async def warm():
        await asyncio.sleep(1)


    async def fetch():
        await asyncio.sleep(1)


    async def check():
        await asyncio.sleep(1)


    async def index():
        await asyncio.sleep(1)


    @contextlib.asynccontextmanager
    async def lifespan(app):
        asyncio.create_task(refresh())
        app.task = asyncio.ensure_future(warm())
        await asyncio.create_task(fetch())
        checked = asyncio.create_task(check())
        await checked
        async with asyncio.TaskGroup() as group:
            group.create_task(index())
        yield


    app = FastAPI(lifespan=lifespan)
"""


@pytest.mark.parametrize(
    ("name", "phase"), [("refresh", "serving"), ("warm", "serving"), ("fetch", "startup"), ("check", "startup"), ("index", "startup")]
)
def test_a_task_that_start_up_does_not_wait_for_runs_beside_what_is_served(tmp_path: Path, name: str, phase: str) -> None:
    assert phases(built(tmp_path, app=TASKS), name) == {"service": frozenset({phase})}


WAITING = """
import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI


def warm():
    print("warm")


@asynccontextmanager
async def lifespan(app):
    {begin}
    yield


app = FastAPI(lifespan=lifespan)
"""


@pytest.mark.parametrize(
    ("begin", "phase"),
    [
        ("await asyncio.to_thread(warm)", "startup"),
        ("with ThreadPoolExecutor() as pool:\n        pool.submit(warm)", "startup"),
        ("task = asyncio.create_task(asyncio.to_thread(warm))", "serving"),
        ("pool = ThreadPoolExecutor()\n    pool.submit(warm)", "serving"),
        ("with ThreadPoolExecutor() as pool:\n        pool.submit(warm)\n        yield", "serving"),
    ],
)
def test_what_an_executor_runs_while_the_caller_waits(tmp_path: Path, begin: str, phase: str) -> None:
    project = built(tmp_path, app=WAITING.replace("{begin}", begin))
    assert phases(project, "warm")["service"] == {phase}


END = """
    import atexit
    from signal import SIGTERM, signal

    def at_end(close, message):
        {register}
"""
ASKS_FOR_THE_END = """
    from shop.end import at_end
    from shop.producer import make

    def main():
        producer = make(False)
        at_end({given}, "closing")
        while True:
            producer.send("order")

    if __name__ == "__main__":
        main()
"""
PRODUCERS = """
    class NullProducer:
        def send(self, text):
            print("off")

        def close(self):
            pass

    class Producer:
        def send(self, text):
            print(text)

        def close(self):
            print("flushed")

    def make(off):
        if off:
            return NullProducer()
        return Producer()
"""


@pytest.mark.parametrize(
    ("register", "given", "phases"),
    [
        ("def last():\n        print(message)\n        close()\n    atexit.register(last)", "producer.close", {"shutdown"}),
        ("atexit.register(close)", "producer.close", {"shutdown"}),
        ("signal(SIGTERM, lambda number, frame: close())", "producer.close", {"shutdown"}),
        ("close()\n    atexit.register(close)", "producer.close", {"serving"}),  # called at once: the end is not all of it
        ("def last():\n        close()\n    last()", "producer.close", {"serving"}),
    ],
    ids=["in a function for the end", "itself", "in a lambda for a signal", "called as well", "in a function that is called"],
)
def test_what_a_function_of_the_project_registers_for_the_end(
    tmp_path: Path, register: str, given: str, phases: set[str]
) -> None:
    files = {
        "shop/end.py": dedent(END).replace("{register}", register),
        "shop/main.py": dedent(ASKS_FOR_THE_END).replace("{given}", given),
        "shop/producer.py": dedent(PRODUCERS), "shop/__init__.py": "",
    }  # fmt: skip
    project = written(tmp_path, files)
    found = {
        f.qualname: frozenset[str]().union(*project.phases_by_entrypoint(f).values())
        for f in project.functions
        if f.path == "shop/producer.py" and f.cls is not None
    }
    assert found["Producer.close"] == phases
    assert found["Producer.send"] == {"serving"}
    assert not found["NullProducer.close"]  # what does nothing by its name is not what runs


@pytest.mark.parametrize(
    ("made", "hook", "phase"),
    [
        ("from fastapi import FastAPI\n\napp = FastAPI()", "app.on_event('startup')", "startup"),
        ("from fastapi import FastAPI\n\napp = FastAPI()", "app.on_event('shutdown')", "shutdown"),
        ("from quart import Quart\n\napp = Quart(__name__)", "app.before_serving", "startup"),
        ("from sanic import Sanic\n\napp = Sanic('a')", "app.before_server_start", "startup"),
        ("from fastapi import FastAPI\n\napp = FastAPI()", "app.get('/')", "serving"),
    ],
)
def test_a_decorator_of_an_application_that_registers_no_handler(tmp_path: Path, made: str, hook: str, phase: str) -> None:
    """All methods of an application register handlers but those by which a function is run once, at the start or the end."""
    project = written(tmp_path, {"app.py": f"{made}\n\n@{hook}\nasync def connect(*_):\n    pass\n"})
    assert phases(project, "connect") == {"service": frozenset({phase})}
