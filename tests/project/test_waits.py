import time

import pytest
from made_sources import link

from runtime_ops.facts.artifacts import PackagingFile, Requirement
from runtime_ops.project.versions import Versions
from runtime_ops.project.waits import WaitSite, by_place, find_waits


def waits(source: str, **versions: str) -> tuple[WaitSite, ...]:
    rows = tuple(Requirement(n, f"=={v}", v, 1, 1) for n, v in versions.items())
    return find_waits(
        link(source), Versions([PackagingFile(path="requirements.txt", flavour="requirements", requirements=rows)])
    )


def one(source: str, **versions: str) -> WaitSite:
    (found,) = waits(source, **versions)
    return found


@pytest.mark.parametrize(
    ("call", "state", "seconds"),
    [
        ("requests.get(u)", "unbounded", None),
        ("requests.get(u, timeout=5)", "seconds", 5),
        ("requests.get(u, timeout=None)", "disabled", None),
        ("requests.get(u, timeout=(3, 27))", "seconds", 27),
        ("requests.get(u, timeout=(3, None))", "disabled", None),
        ("requests.get(u, timeout=2 * 60)", "seconds", 120),
        ("requests.get(u, timeout=settings.TIMEOUT)", "expression", None),
        ("requests.get(u, timeout=LIMIT)", "seconds", 7),
        ("requests.get(u, timeout=NOTHING)", "disabled", None),
        ("requests.get(u, timeout=x.y)", "unknown", None),
        ("requests.get(u, timeout=int(os.environ.get('T', '5')))", "expression", None),
        ("requests.get(u, **{'timeout': 4})", "seconds", 4),
        ("requests.get(u, **OPTIONS)", "seconds", 9),
        ("requests.get(u, **PLAIN)", "unbounded", None),
        ("httpx.get(u)", "seconds", 5),
        ("httpx.get(u, timeout=None)", "disabled", None),
        ("httpx.get(u, timeout=httpx.Timeout(10, connect=3))", "seconds", 10),
        ("subprocess.run(['x'])", "unbounded", None),
        ("subprocess.run(['x'], timeout=0)", "seconds", 0),
        ("queue.Queue().get()", "unbounded", None),
        ("queue.Queue().get(False)", "seconds", 0),
        ("queue.Queue().get(True, 3)", "seconds", 3),
        ("queue.Queue().get(block=False)", "seconds", 0),
        ("urllib.request.urlopen(u, None, 5)", "seconds", 5),
        ("threading.Thread().join(2.5)", "seconds", 2.5),
        ("fcntl.flock(u, fcntl.LOCK_EX | fcntl.LOCK_NB)", "seconds", 0),
        ("requests.get(u, timeout=timedelta(minutes=1).total_seconds())", "expression", None),
    ],
)
def test_deadline_at_the_call(call: str, state: str, seconds: float | None) -> None:
    found = one(f"""
        import fcntl, httpx, os, queue, requests, subprocess, threading, urllib.request
        from datetime import timedelta
        import settings
        LIMIT = 7
        NOTHING = None
        OPTIONS = {{"timeout": 9, "verify": True}}
        PLAIN = {{"verify": True}}
        def f(u, x):
            {call}
    """)
    assert (found.deadline.state, found.deadline.seconds) == (state, seconds), found.deadline
    assert found.place.line == 10 and found.site.function.name == "f"


def test_kinds() -> None:
    found = waits("""
        import requests, subprocess, queue, threading, redis, asyncio, concurrent.futures
        def f(u, future: concurrent.futures.Future):
            requests.get(u)
            subprocess.run(u)
            queue.Queue().get()
            threading.Thread().join()
            threading.Event().wait()
            threading.Lock().acquire()
            future.result()
    """)
    assert [w.kind for w in found] == ["http", "child", "queue", "thread", "event", "lock", "future"]
    assert [w.leaves_the_process for w in found] == [True] + [False] * 6


def test_a_constructor_takes_the_limit_once() -> None:
    source = """
        import redis
        client = redis.Redis(host="x")
        def f():
            client.get("a")
            client.set("a", 1)
    """
    found = waits(source, redis="7.0.0")
    assert {w.deadline.state for w in found} == {"unbounded"}
    assert list(by_place(found)) == [("app.py", 3, "redis.Redis")]
    assert {w.deadline.state for w in waits(source, redis="8.1.0")} == {"seconds"}
    assert {w.deadline.state for w in waits(source)} == {"unknown"}
    bounded = waits(source.replace('host="x"', 'host="x", socket_timeout=4'), redis="7.0.0")
    assert {w.deadline.seconds for w in bounded} == {4}
    connect_only = waits(source.replace('host="x"', 'host="x", socket_connect_timeout=4'), redis="7.0.0")
    assert {w.deadline.state for w in connect_only} == {"partly"}
    from_url = waits(
        source.replace('redis.Redis(host="x")', 'redis.from_url("redis://x/0?socket_timeout=3")'), redis="7.0.0"
    )
    assert {w.deadline.seconds for w in from_url} == {3}


def test_a_blocking_pop_is_also_limited_by_its_client() -> None:
    source = "import redis\nclient = redis.Redis(socket_timeout=5)\ndef f():\n    client.blpop('q', 0)\n"
    assert {w.deadline.seconds for w in waits(source, redis="7.0.0")} == {5}


def test_clients_handed_on_and_chains() -> None:
    found = waits(
        """
        import psycopg2
        def f():
            with psycopg2.connect("host=x", connect_timeout=3) as connection:
                with connection.cursor() as cursor:
                    cursor.execute("select 1")
        """
    )
    execute = next(w for w in found if w.dotted.endswith("execute"))
    assert execute.deadline.state == "unbounded" and execute.place.line == 4
    assert next(w for w in found if w.dotted == "psycopg2.connect").deadline.seconds == 3


def test_subclass_whose_parameter_has_the_limit_by_default() -> None:
    found = waits("""
        import requests
        class Base:
            def request(self, method, url, timeout=12, **kwargs):
                return super().request(method=method, url=url, timeout=timeout, **kwargs)
        class Client(Base, requests.Session):
            pass
        class Patient(Base, requests.Session):
            def request(self, method, url, timeout=None, **kwargs):
                return super().request(method, url, timeout, **kwargs)
        def f():
            Client().get("x")
    """)
    assert {(w.deadline.state, w.deadline.seconds) for w in found if w.dotted.endswith(".get")} == {("seconds", 12)}


def test_subclass_adapter_and_patched_session() -> None:
    subclass = waits("""
        import requests
        class Client(requests.Session):
            def request(self, method, url, **kwargs):
                kwargs.setdefault("timeout", 8)
                return super().request(method, url, **kwargs)
        def f():
            Client().get("x")
    """)
    assert {(w.deadline.state, w.deadline.seconds) for w in subclass} == {("seconds", 8)}
    adapter = one(
        """
        import requests
        from requests.adapters import HTTPAdapter
        class Limited(HTTPAdapter):
            def send(self, request, **kwargs):
                kwargs["timeout"] = 6
                return super().send(request, **kwargs)
        def f():
            session = requests.Session()
            session.mount("https://", Limited())
            session.get("x")
    """.replace("return super().send(request, **kwargs)", "return None")
    )
    assert (adapter.deadline.seconds, adapter.deadline.how) == (6, "adapter")
    patched = waits("""
        import functools, requests
        def f():
            session = requests.Session()
            session.request = functools.partial(session.request, timeout=4)
            session.get("x")
    """)
    assert next(w for w in patched if w.dotted == "requests.Session.get").deadline.seconds == 4


def test_calls_through_runners() -> None:
    found = waits("""
        import asyncio, functools, requests
        async def f(u):
            await asyncio.to_thread(requests.get, u)
            await asyncio.to_thread(requests.get, u, timeout=3)
            return functools.partial(requests.post, u, timeout=2)
    """)
    assert [(w.via, w.deadline.state, w.deadline.seconds) for w in found] == [
        ("asyncio.to_thread", "unbounded", None),
        ("asyncio.to_thread", "seconds", 3),
        ("functools.partial", "seconds", 2),
    ]


def test_wrappers_are_decided_by_their_callers() -> None:
    found = waits("""
        import requests
        def fetch(url, timeout=None):
            return requests.get(url, timeout=timeout)
        def a():
            fetch("x", timeout=3)
        def b():
            fetch("y")
    """)
    assert [(w.deadline.state, w.place.line) for w in found] == [("seconds", 4), ("unbounded", 8)]
    keywords = waits("""
        import requests
        def fetch(url, **kwargs):
            return requests.get(url, **kwargs)
        def a():
            fetch("x")
            fetch("z")
        def b():
            fetch("y", timeout=5)
    """)
    assert sorted((w.deadline.state, w.place.line) for w in keywords) == [("seconds", 4), ("unbounded", 4)]
    always = one("""
        import requests
        def fetch(url, timeout):
            return requests.get(url, timeout=timeout)
        def a():
            fetch("x", 3)
            fetch("y", timeout=9)
    """)
    assert (always.deadline.state, always.deadline.seconds) == ("seconds", 9)
    unseen = one("import requests\ndef fetch(url, **kw):\n    return requests.get(url, **kw)\n")
    assert unseen.deadline.state == "unknown"


def test_outer_limits() -> None:
    source = """
        import asyncio, asyncpg, requests
        async def inner(q: asyncio.Queue):
            await q.get()
        async def outer(q):
            async with asyncio.timeout(5):
                await inner(q)
        async def other(q):
            await asyncio.wait_for(inner(q), 7)
    """
    assert [(w.deadline.seconds, w.deadline.how) for w in waits(source)] == [(7, "outer")]
    without = source.rstrip() + "\n        async def third(q):\n            await inner(q)\n"
    assert [w.deadline.state for w in waits(without)] == ["unbounded"]
    blocking = waits("""
        import asyncio, requests
        async def f():
            async with asyncio.timeout(5):
                requests.get("x")
    """)
    assert [w.deadline.state for w in blocking] == ["unbounded"]


def test_default_socket_timeout_acts_on_urllib_not_on_requests() -> None:
    found = waits("""
        import socket, requests, urllib.request
        socket.setdefaulttimeout(5)
        def f():
            urllib.request.urlopen("x")
            requests.get("x")
    """)
    assert [(w.deadline.state, w.deadline.how) for w in found] == [
        ("seconds", "default socket timeout"),
        ("unbounded", "library default"),
    ]


def test_socket_settimeout_and_config_objects() -> None:
    found = waits("""
        import socket, boto3
        from botocore.config import Config
        def f():
            s = socket.socket()
            s.settimeout(3)
            s.recv(10)
            boto3.client("sqs", config=Config(connect_timeout=2, read_timeout=9))
    """)
    assert next(w for w in found if w.dotted.endswith("recv")).deadline.seconds == 3
    assert next(w for w in found if w.dotted.startswith("boto3")).deadline.seconds == 9


def test_engine_arguments() -> None:
    def engine(arguments: str) -> str:
        found = waits(f"from sqlalchemy import create_engine\nengine = create_engine({arguments})\n")
        (wait,) = found
        assert wait.constructs
        return wait.deadline.state

    assert engine("'postgresql://x'") == "unbounded"
    assert engine("'postgresql://x', connect_args={'connect_timeout': 3}") == "partly"
    assert engine("'postgresql://x', connect_args={'command_timeout': 3}") in ("seconds", "expression")
    assert engine("'postgresql://x', connect_args={'options': '-c statement_timeout=3000'}") == "expression"


def test_a_self_attribute_set_from_the_constructor() -> None:
    found = one("""
        import requests
        class Client:
            def __init__(self, timeout=11):
                self.timeout = timeout
            def get(self, url):
                return requests.get(url, timeout=self.timeout)
        Client()
    """)
    assert found.deadline.seconds == 11


def test_a_default_for_a_missing_limit() -> None:
    found = waits("""
        import requests
        def a(url, timeout=None):
            requests.get(url, timeout=timeout if timeout is not None else 6)
        def b(url, timeout=None):
            if timeout is None:
                timeout = 7
            requests.get(url, timeout=timeout)
        def c(url, timeout=None):
            requests.get(url, timeout=timeout or 8)
        def d(url, slow):
            requests.get(url, timeout=None if slow else 9)
    """)
    assert [(w.deadline.state, w.deadline.seconds) for w in found] == [
        ("seconds", 6),
        ("seconds", 7),
        ("seconds", 8),
        ("partly", None),
    ]


def test_django_databases() -> None:
    def state(settings: str, *driver: Requirement) -> set[str]:
        links = link(
            settings=f"DATABASES = {{'default': {{{settings}}}}}\n",
            app="from django.db import models\nOTHER = {'select_options': x['y']}\nclass M(models.Model):\n    pass\n"
            "def f():\n    M.objects.get(id=1)\n    M().save()\n",
        )
        files = [PackagingFile(path="requirements.txt", flavour="requirements", requirements=driver)]
        found = find_waits(links, Versions(files))
        assert found and {w.place.path for w in found} == {"settings.py"}
        return {w.deadline.state for w in found}

    postgres = "'ENGINE': 'django.db.backends.postgresql'"
    assert state(postgres) == {"partly"}
    assert state(postgres + ", 'OPTIONS': {'options': '-c statement_timeout=5000'}") == {"expression"}
    assert state("'ENGINE': 'django.db.backends.sqlite3'") == {"seconds"}
    assert state("'ENGINE': ENGINE") == {"unknown"}
    assert state("'ENGINE': ENGINE", Requirement("mysqlclient", "", None, 1, 1)) == {"unbounded"}


@pytest.mark.parametrize(("host", "place"), [("EMAIL_HOST = 'mail'\n", "settings.py"), ("", "app.py")])
def test_mail_of_django_is_told_at_its_own_setting(host: str, place: str) -> None:
    links = link(
        settings=f"CACHES = {{'default': {{}}}}\n{host}",
        app="from django.core.mail import send_mail\ndef f():\n    send_mail('s', 'b', 'a', ['b'])\n",
    )
    (found,) = find_waits(links, Versions([]))
    assert (found.place.path, found.deadline.state) == (place, "unbounded")


def test_what_a_zmq_socket_is_made_for_and_set_to() -> None:
    found = waits("""
        import zmq

        class Peer:
            def __init__(self):
                self.context = zmq.Context()
                self.pub = self.context.socket(zmq.PUB)
                self.push = self.context.socket(zmq.PUSH)
                self.sub = self.context.socket(zmq.SUB)
                self.pull = self.context.socket(zmq.PULL)
                self.req = self.context.socket(zmq.REQ)

            def configure(self):
                self.req.setsockopt(zmq.RCVTIMEO, 500)

            def work(self):
                self.pub.send(b"x")
                self.push.send(b"x")
                self.sub.recv(flags=zmq.NOBLOCK)
                self.sub.recv()
                self.pull.recv()
                self.req.send(b"x")
                self.req.recv()
    """)
    assert [w.deadline.bounded for w in found] == [True, False, True, True, False, True, True]
    assert found[-1].deadline.seconds == 0.5


def test_a_wrapped_socket_keeps_the_limit_of_the_socket() -> None:
    for made, bounded in (
        ("s = socket.socket(); s.settimeout(5)", True),
        ("s = socket.create_connection(a, timeout=5)", True),
        ("s = socket.socket()", False),
    ):
        found = waits(f"""
            import socket
            import ssl

            def work(a):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                {made}
                t = context.wrap_socket(s)
                t.recv(1)
        """)
        wrapped = [w for w in found if w.dotted.startswith("ssl.")]
        assert {w.deadline.bounded for w in wrapped} == {bounded}
        assert "ssl.SSLContext" not in {w.place.text for w in wrapped}


def test_the_socket_default_holds_for_those_that_take_it() -> None:
    found = waits("""
        import socket
        import feedparser
        import requests

        socket.setdefaulttimeout(60)

        def work(u):
            feedparser.parse(u)
            requests.get(u)
    """)
    assert [w.deadline.bounded for w in found] == [True, False]


def test_a_name_that_is_bound_again_and_again_is_asked_for_once() -> None:
    """Each line asks what the name is, and its answer is one of the others': by all of them, that is forty to the twelfth."""
    lines = "\n".join(f"        rows = rows.with_{number}()" for number in range(40))
    source = f"class Table:\n    def find(self):\n        rows = self.all().distinct()\n{lines}\n        return rows.get()\n"
    began = time.process_time()
    waits(source)
    assert time.process_time() - began < 5
