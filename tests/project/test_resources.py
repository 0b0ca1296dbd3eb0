from made_sources import link

from runtime_ops.project.resources import Resource, find_resources


def resources(source: str) -> tuple[Resource, ...]:
    return find_resources(link(source))


def one(source: str) -> Resource:
    (found,) = resources(source)
    return found


def test_thread_with_its_loop_daemon_and_join() -> None:
    found = one("""
        import threading, time
        class Worker:
            def __init__(self):
                self.stop = threading.Event()
                self.thread = threading.Thread(target=self.run, daemon=True)
            def start(self):
                self.thread.start()
            def run(self):
                while not self.stop.is_set():
                    time.sleep(1)
            def close(self):
                self.stop.set()
                self.thread.join(timeout=5)
    """)
    assert found.kind == "thread" and found.bound_to == "self.thread of Worker" and found.daemon is True
    assert found.started_at is not None and found.started_at.line == 8
    assert found.target is not None and found.target.name == "run"
    assert found.loop is not None and found.loop_ends == {"test"}
    assert [(s.line, s.how, s.where, s.bounded) for s in found.stops] == [(14, "join", "__exit__", True)]


def test_threads_in_a_collection_chained_and_unbounded() -> None:
    found = resources("""
        import threading
        def f(work):
            threads = [threading.Thread(target=work) for _ in range(3)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        def g(work):
            threading.Thread(target=work).start()
        def h(work):
            t = threading.Thread(target=work)
            t.daemon = True
            t.start()
    """)
    assert [(r.kept.scope, r.daemon, [(s.how, s.bounded) for s in r.stops]) for r in found] == [
        ("collection", False, [("join", False)]),
        ("chained", False, []),
        ("local", True, []),
    ]
    assert all(r.started_at is not None for r in found)


def test_project_thread_class() -> None:
    found = one("""
        import threading
        class Poller(threading.Thread):
            def __init__(self):
                super().__init__(daemon=True)
            def run(self):
                while True:
                    pass
        def f():
            p = Poller()
            p.start()
    """)
    assert found.klass is not None and found.target is not None and found.target.name == "run"
    assert found.daemon is True and found.loop_ends == frozenset() and not found.stopped


def test_tasks_kept_awaited_grouped_and_dropped() -> None:
    found = resources("""
        import asyncio
        async def job():
            while True:
                await asyncio.sleep(1)
        async def f():
            asyncio.create_task(job())
            kept = asyncio.create_task(job())
            await kept
            many = [asyncio.create_task(job()) for _ in range(2)]
            await asyncio.gather(*many)
            async with asyncio.TaskGroup() as tg:
                tg.create_task(job())
            ended = asyncio.create_task(job())
            ended.cancel()
    """)
    assert [(r.kept.scope, [(s.how, s.where) for s in r.stops]) for r in found] == [
        ("dropped", []),
        ("local", [("await", "plain")]),
        ("collection", [("await", "plain")]),
        ("dropped", [("group", "group")]),
        ("local", [("cancel", "plain")]),
    ]
    assert all(r.target is not None and r.target.name == "job" for r in found)


def test_processes_pools_and_their_stops() -> None:
    found = resources("""
        import subprocess, atexit, asyncio
        from concurrent.futures import ThreadPoolExecutor
        POOL = ThreadPoolExecutor()
        atexit.register(POOL.shutdown)
        def f():
            with ThreadPoolExecutor(4) as pool:
                pool.submit(print)
        def g():
            p = subprocess.Popen(["x"])
            try:
                p.wait(timeout=5)
            finally:
                p.kill()
        async def h():
            p = subprocess.Popen(["x"])
            await asyncio.to_thread(p.wait, 3)
        def drop():
            subprocess.run(["x"])
    """)
    assert [(r.kind, [(s.how, s.where, s.bounded) for s in r.stops]) for r in found] == [
        ("executor", [("shutdown", "atexit", False)]),
        ("executor", [("with", "with", False)]),
        ("process", [("wait", "plain", True), ("kill", "finally", None)]),
        ("process", [("wait", "plain", True)]),
    ]
    assert [r.stopped_on_failure for r in found] == [True, True, True, False]


def test_clients_closed_elsewhere() -> None:
    found = resources("""
        import httpx, redis, contextlib
        client = httpx.Client()
        def shutdown():
            client.close()
        class Repo:
            def __init__(self):
                self.redis = redis.Redis()
            async def __aexit__(self, *exc):
                self.redis.close()
        def leak():
            redis.Redis().get("x")
        def stacked():
            with contextlib.ExitStack() as stack:
                c = stack.enter_context(httpx.Client())
        def closed():
            with contextlib.closing(redis.Redis()) as r:
                r.get("x")
        def made():
            return httpx.Client()
    """)
    assert [(r.kept.scope, [(s.how, s.where) for s in r.stops]) for r in found] == [
        ("module", [("close", "plain")]),
        ("attribute", [("close", "__exit__")]),
        ("chained", []),
        ("with", [("with", "with")]),
        ("with", [("with", "with")]),
        ("returned", []),
    ]


def test_temporary_files_and_log_listeners() -> None:
    found = resources("""
        import tempfile, queue, logging.handlers
        def f():
            d = tempfile.TemporaryDirectory()
            try:
                print(d.name)
            finally:
                d.cleanup()
        def g():
            listener = logging.handlers.QueueListener(queue.Queue())
            listener.start()
            return listener
    """)
    assert [(r.kind, [(s.how, s.where) for s in r.stops]) for r in found] == [
        ("temporary", [("cleanup", "finally")]),
        ("listener", []),
    ]
