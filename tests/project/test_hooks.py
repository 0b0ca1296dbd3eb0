"""Hooks of frameworks, servers and job systems."""

from made_sources import link

from runtime_ops.project.hooks import Hook, find_hooks


def hooks(source: str = "", **files: str) -> tuple[Hook, ...]:
    return find_hooks(link(source, **files))


def short(found: tuple[Hook, ...]) -> list[tuple[str, str]]:
    return [(h.kind, h.func.name if h.func else h.name) for h in found]


def test_fastapi_lifespan_has_its_yield_line() -> None:
    found = hooks(
        """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI

        @asynccontextmanager
        async def lifespan(app):
            await start()
            yield
            await stop()

        app = FastAPI(lifespan=lifespan)

        @app.exception_handler(ValueError)
        async def bad(request, exc): ...

        @app.middleware("http")
        async def measure(request, call_next): ...
        """
    )
    assert short(found) == [("lifespan", "lifespan"), ("error-handler", "bad"), ("middleware", "measure")]
    assert found[0].yield_line == 8 and found[0].line == 11
    assert found[1].detail == "ValueError"


def test_lifespan_made_by_a_function() -> None:
    found = hooks(
        """
        from contextlib import asynccontextmanager
        from starlette.applications import Starlette

        def make(settings):
            @asynccontextmanager
            async def lifespan(app):
                yield
            return lifespan

        app = Starlette(lifespan=make(1), on_shutdown=[bye])

        async def bye(): ...
        """
    )
    assert short(found) == [("shutdown", "bye"), ("lifespan", "lifespan")]


def test_events_by_name() -> None:
    found = hooks(
        """
        from fastapi import FastAPI
        app = FastAPI()

        @app.on_event("startup")
        async def up(): ...

        async def down(): ...
        app.add_event_handler("shutdown", down)
        """
    )
    assert short(found) == [("startup", "up"), ("shutdown", "down")]


def test_aiohttp_lists() -> None:
    found = hooks(
        """
        from aiohttp import web

        async def connect(app): ...
        async def close(app): ...
        async def resources(app):
            yield

        @web.middleware
        async def errors(request, handler): ...

        def main():
            app = web.Application(middlewares=[errors])
            app.on_startup.append(connect)
            app.on_cleanup.append(close)
            app.cleanup_ctx.append(resources)
        """
    )
    assert short(found) == [
        ("middleware", "errors"),
        ("middleware", "errors"),
        ("startup", "connect"),
        ("shutdown", "close"),
        ("lifespan", "resources"),
    ]
    assert found[-1].yield_line == 7


def test_flask_request_hooks_also_on_unknown_receivers() -> None:
    found = hooks(
        """
        def init(app):
            @app.before_request
            def before(): ...

            @app.errorhandler(404)
            def missing(e): ...

            @app.teardown_appcontext
            def close(e): ...
        """
    )
    assert short(found) == [("before-request", "before"), ("error-handler", "missing"), ("teardown", "close")]


def test_middleware_class_of_the_project_and_of_a_library() -> None:
    found = hooks(
        """
        from fastapi import FastAPI
        from fastapi.middleware.cors import CORSMiddleware
        from starlette.middleware.base import BaseHTTPMiddleware

        class Trace(BaseHTTPMiddleware):
            async def dispatch(self, request, call_next): ...

        app = FastAPI()
        app.add_middleware(Trace)
        app.add_middleware(CORSMiddleware, allow_origins=["*"])
        """
    )
    assert [(h.kind, h.name, h.func is not None) for h in found] == [
        ("middleware", "Trace.dispatch", True),
        ("middleware", "fastapi.middleware.cors.CORSMiddleware", False),
    ]


def test_django() -> None:
    found = hooks(
        shop__settings="""
        MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "shop.middleware.Trace"]
        """,
        shop__apps="""
        from django.apps import AppConfig

        class Shop(AppConfig):
            def ready(self): ...
        """,
        shop__middleware="""
        class Trace:
            def __call__(self, request): ...
            def process_exception(self, request, exception): ...
        """,
        shop__urls='handler500 = "shop.views.broken"\nurlpatterns = []\n',
        shop__views="def broken(request): ...\n",
        shop____init__="",
    )
    assert short(found) == [
        ("startup", "ready"),
        ("error-handler", "process_exception"),
        ("middleware", "__call__"),
        ("middleware", "django.middleware.security.SecurityMiddleware"),
        ("error-handler", "broken"),
    ]
    assert found[-1].detail == "500"


def test_job_systems_and_gunicorn() -> None:
    found = hooks(
        gunicorn_conf="""
        def post_fork(server, worker): ...
        def on_exit(server): ...
        def helper(): ...
        """,
        worker="""
        from celery.signals import worker_process_init, worker_shutdown
        import dramatiq

        @worker_process_init.connect
        def init(**kwargs): ...

        def bye(**kwargs): ...
        worker_shutdown.connect(bye)

        class Heart(dramatiq.Middleware):
            def before_worker_boot(self, broker, worker): ...
            def after_worker_shutdown(self, broker, worker): ...
        """,
        tasks="""
        async def open_pool(ctx): ...
        async def close_pool(ctx): ...

        class WorkerSettings:
            functions = []
            on_startup = open_pool
            on_shutdown = close_pool
        """,
    )
    assert short(found) == [
        ("worker-init", "post_fork"),
        ("shutdown", "on_exit"),
        ("startup", "open_pool"),
        ("shutdown", "close_pool"),
        ("worker-init", "init"),
        ("shutdown", "bye"),
        ("startup", "before_worker_boot"),
        ("shutdown", "after_worker_shutdown"),
    ]


def test_nothing_where_nothing_is_registered() -> None:
    assert hooks("import threading\nitems = []\nitems.append(threading.Thread)\n") == ()
