"""Routes of every framework that is read, prefixes joined, and the questions about paths."""

import pytest
from made_sources import link

from runtime_ops.project.route_model import Route, join, template_of_regex
from runtime_ops.project.routes import Routes


def routes(source: str = "", **files: str) -> Routes:
    return Routes(link(source, **files))


def table(found: Routes) -> list[tuple[str, str, str]]:
    return sorted((r.path, ",".join(r.methods), r.func.name if r.func else r.name) for r in found)


def one(found: Routes) -> Route:
    (route,) = found
    return route


# ---------------------------------------------------------------- flask


def test_flask_blueprints_join_prefixes() -> None:
    found = routes(
        """
        from flask import Flask
        from views import users, plain
        app = Flask(__name__)
        app.register_blueprint(users)
        app.register_blueprint(plain, url_prefix="/moved")

        @app.route("/healthz")
        def healthz(): ...
        """,
        views="""
        from flask import Blueprint
        users = Blueprint("users", __name__, url_prefix="/users")
        plain = Blueprint("plain", __name__, url_prefix="/plain")

        @users.get("/<int:id>")
        def show(id): ...

        @plain.route("/x", methods=["POST", "put"])
        def x(): ...
        """,
    )
    assert table(found) == [
        ("/healthz", "GET", "healthz"),
        ("/moved/x", "POST,PUT", "x"),
        ("/users/<int:id>", "GET", "show"),
    ]
    assert all(r.mounted and r.framework == "flask" for r in found)
    assert [r.name for r in found.matching("/users/7")] == ["show"]
    assert found.matching("/users/ada") == []
    assert [r.name for r in found.matching("/healthz/?verbose=1")] == ["healthz"]
    assert found.matching("/moved/x", "GET") == []
    assert [r.name for r in found.health_like()] == ["healthz"]


def test_flask_factory_view_classes_and_decorators() -> None:
    found = routes(
        """
        from flask import Flask
        from flask.views import MethodView
        from flask_login import login_required

        class Item(MethodView):
            def get(self, id): ...
            def delete(self, id): ...

        def create_app():
            app = Flask(__name__)
            app.add_url_rule("/items/<id>", view_func=Item.as_view("item"))

            @app.route("/health")
            @login_required
            def health(): ...
            return app
        """
    )
    assert table(found) == [
        ("/health", "GET", "health"),
        ("/items/<id>", "DELETE", "delete"),
        ("/items/<id>", "GET", "get"),
    ]
    (health,) = found.health_like()
    assert health.decorators == ("flask_login.login_required",)
    assert [r.methods for r in found.of(next(r.klass for r in found if r.klass))] == [("DELETE",), ("GET",)]


def test_wrapper_that_registers_and_function_before_the_path() -> None:
    found = routes(
        """
        from flask import Blueprint
        from flask_restful import Api, Resource

        def scoped(rule):
            if MULTI:
                return "/<org>" + rule
            return rule

        class Jobs(Resource):
            def get(self): ...

        class Wide(Api):
            def add_scoped(self, resource, *urls, **kwargs):
                urls = [scoped(url) for url in urls]
                return self.add_resource(resource, *urls, **kwargs)

        api = Wide()
        api.add_scoped(Jobs, "/api/jobs", endpoint="jobs")
        plain = Blueprint("plain", __name__)

        @plain.route(scoped("/login"))
        def login(): ...
        """
    )
    assert table(found) == [("{?}/api/jobs", "GET", "get"), ("{?}/login", "GET", "login")]
    assert [r.dynamic for r in found] == [True, True]
    assert [r.name for r in found.matching("/acme/api/jobs")] == ["Jobs"]


# ---------------------------------------------------------------- fastapi, starlette


def test_fastapi_routers_in_routers_and_in_parameters() -> None:
    found = routes(
        """
        from fastapi import FastAPI
        from api import build, settings
        from items import router as items
        app = FastAPI()
        v1 = build(items=items)
        app.include_router(v1, prefix=settings.prefix)
        """,
        api="""
        from fastapi import APIRouter
        from pydantic_settings import BaseSettings

        class Settings(BaseSettings):
            prefix: str = "/api"

        settings = Settings()

        def build(items: APIRouter) -> APIRouter:
            target = APIRouter(prefix="/v1")
            target.include_router(items)
            return target
        """,
        items="""
        from fastapi import APIRouter
        router = APIRouter(prefix="/items")

        @router.get("/{item_id}")
        async def read(item_id: int): ...

        @router.websocket("/feed")
        async def feed(ws): ...
        """,
    )
    assert [(r.path, r.kind, r.mounted) for r in found] == [
        ("/api/v1/items/{item_id}", "http", True),
        ("/api/v1/items/feed", "websocket", True),
    ]
    assert [r.name for r in found.matching("/api/v1/items/3")] == ["read"]


def test_router_without_application_is_not_mounted() -> None:
    route = one(
        routes(
            """
            from fastapi import APIRouter
            router = APIRouter(prefix="/lost")

            @router.get("/x")
            def x(): ...
            """
        )
    )
    assert route.path == "/lost/x" and not route.mounted


def test_starlette_route_lists_and_mounts() -> None:
    found = routes(
        """
        from starlette.applications import Starlette
        from starlette.endpoints import HTTPEndpoint
        from starlette.routing import Mount, Route
        from starlette.staticfiles import StaticFiles

        async def live(request): ...

        class Thing(HTTPEndpoint):
            async def get(self, request): ...

        inner = [Route("/thing", Thing)]
        app = Starlette(routes=[
            Route("/livez", live),
            Mount("/api", routes=inner),
            Mount("/static", app=StaticFiles(directory="static")),
        ])
        """
    )
    assert table(found) == [
        ("/api/thing", "GET", "get"),
        ("/livez", "GET", "live"),
        ("/static", "", "starlette.staticfiles.StaticFiles"),
    ]
    assert [r.kind for r in found.matching("/static/logo.png")] == ["mount"]
    assert found.matching("/staticx") == []


# ---------------------------------------------------------------- aiohttp, tornado, others


def test_aiohttp_tables_router_calls_and_subapps() -> None:
    found = routes(
        """
        from aiohttp import web
        table = web.RouteTableDef()

        @table.get("/ready")
        async def ready(request): ...

        async def admin(request): ...
        async def info(request): ...

        def register(app: web.Application):
            app.add_routes([web.get("/info", info)])

        def main():
            app = web.Application()
            sub = web.Application()
            sub.router.add_post("/x", admin)
            app.add_subapp("/admin", sub)
            app.add_routes(table)
            register(app)
            web.run_app(app)
        """
    )
    assert table(found) == [("/admin/x", "POST", "admin"), ("/info", "GET", "info"), ("/ready", "GET", "ready")]


def test_aiohttp_router_of_an_application_that_a_container_gives() -> None:
    found = routes(
        """
        class Api:
            def __init__(self, services):
                self.web = services.get("web")

            def enable(self):
                self.web.application.router.add_route("POST", "/enter", self.enter)
                self.web.application.router.add_put("/item", self.change)
                self.web.application.router.add_route("/path", self.other, "name")

            async def enter(self, request): ...
            async def change(self, request): ...
            async def other(self, request): ...

        Api(dict(web=make()))
        """
    )
    assert [(path, name) for path, _, name in table(found)] == [("/enter", "enter"), ("/item", "change")]


def test_tornado_pairs_and_url_specs() -> None:
    found = routes(
        """
        import tornado.web
        from tornado.web import url

        class Main(tornado.web.RequestHandler):
            def get(self, name): ...

        class Health(tornado.web.RequestHandler):
            def get(self): ...

        def make_app():
            return tornado.web.Application([
                (r"/hello/([a-z]+)", Main),
                url(r"/healthcheck", Health, name="health"),
            ])
        """
    )
    assert table(found) == [("/healthcheck", "GET", "get"), ("/hello/<_>", "GET", "get")]
    assert found.matching("/hello/ada")[0].klass is not None


def test_http_server_compares_paths() -> None:
    found = routes(
        """
        from http.server import BaseHTTPRequestHandler, HTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/healthz" or self.path in ("/ready", "/live"):
                    self.send_response(200)
                elif self.path.startswith("/files/"):
                    self.send_response(200)

            def do_POST(self):
                self.send_response(204)
        """
    )
    assert [(r.path, r.methods) for r in found] == [
        ("/healthz", ("GET",)),
        ("/live", ("GET",)),
        ("/ready", ("GET",)),
        ("/files/<path:_>", ("GET",)),
        ("/<path:_>", ("POST",)),
    ]
    assert [r.path for r in found.matching("/files/a/b")] == ["/files/<path:_>"]
    assert len(found.health_like()) == 3


def test_grpc_servicers_and_health() -> None:
    found = routes(
        """
        import grpc
        import demo_pb2_grpc
        from grpc_health.v1 import health, health_pb2_grpc

        class Base:
            def Check(self, request, context): ...
            def Watch(self, request, context): ...

        class Mailer(Base):
            def Send(self, request, context): ...

        def serve():
            server = grpc.server(None)
            mailer = Mailer()
            demo_pb2_grpc.add_MailerServicer_to_server(mailer, server)
            health_pb2_grpc.add_HealthServicer_to_server(mailer, server)
        """
    )
    assert [r.path for r in found] == ["/Mailer/Send", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"]
    assert [r.path for r in found.health_like()] == [r.path for r in found][1:]
    assert found.matching("/Mailer/Send", "POST")[0].func is not None


def test_metrics_server_has_a_port() -> None:
    route = one(routes("from prometheus_client import start_http_server\nPORT = 9000\nstart_http_server(PORT)\n"))
    assert (route.path, route.port, route.framework) == ("/metrics", 9000, "prometheus")


def test_litestar_controllers() -> None:
    found = routes(
        """
        from litestar import Controller, Litestar, get

        @get("/ping")
        async def ping() -> str: ...

        class Users(Controller):
            path = "/users"

            @get("/{user_id:int}")
            async def read(self, user_id: int) -> str: ...

        app = Litestar(route_handlers=[ping, Users])
        """
    )
    assert table(found) == [("/ping", "GET", "ping"), ("/users/{user_id:int}", "GET", "read")]


def test_socket_events_and_falcon() -> None:
    found = routes(
        """
        import falcon
        import socketio
        sio = socketio.AsyncServer()

        @sio.on("message")
        async def receive(sid, data): ...

        class Ping:
            def on_get(self, req, resp): ...

        app = falcon.App()
        app.add_route("/ping", Ping())
        """
    )
    assert [(r.kind, r.path, r.methods) for r in found] == [("event", "message", ()), ("http", "/ping", ("GET",))]


def test_falcon_takes_modules_and_suffixes() -> None:
    found = routes(
        app="""
        import falcon
        from views import init

        def start():
            app = falcon.App()
            init(app)
            return app
        """,
        views="""
        def init(app):
            from views_v1 import register
            register(app)
        """,
        views_v1="""
        import bonus

        class Items:
            def on_get(self, req, resp): ...
            def on_get_all(self, req, resp): ...

        def register(app):
            app.add_route("/bonus", bonus)
            app.add_route("/items", Items(), suffix="all")
        """,
        bonus="""
        def on_get(req, resp): ...
        def on_post(req, resp): ...
        def helper(): ...
        """,
    )
    assert [(r.path, r.methods, r.func.name if r.func else "") for r in found] == [
        ("/bonus", ("GET",), "on_get"), ("/bonus", ("POST",), "on_post"), ("/items", ("GET",), "on_get_all"),
    ]  # fmt: skip


def test_pyramid_views_by_route_name() -> None:
    found = routes(
        """
        from pyramid.view import view_config

        def includeme(config):
            config.add_route("health", "/_health/")

        @view_config(route_name="health", request_method="GET")
        def health(request): ...
        """
    )
    assert table(found) == [("/_health/", "GET", "health")] and len(found.health_like()) == 1


# ---------------------------------------------------------------- django

DJANGO = {
    "core__settings": 'ROOT_URLCONF = "core.urls"\n',
    "core__urls": """
        from django.contrib import admin
        from django.urls import include, path, re_path
        from rest_framework.routers import DefaultRouter
        from shop.views import Orders, status
        router = DefaultRouter()
        router.register("orders", Orders, basename="order")
        urlpatterns = [
            path("admin/", admin.site.urls),
            path("shop/", include("shop.urls")),
            path("api/", include(router.urls)),
            path("ht/", include("health_check.urls")),
            re_path(r"^status/(?P<code>\\d+)/$", status),
        ]
        """,
    "shop__urls": """
        from django.urls import path
        from . import views
        urlpatterns = [path("", views.index), path("<slug:name>/", views.Detail.as_view())]
        urlpatterns += [path("extra/", views.index)]
        """,
    "shop__views": """
        from django.views import View
        from rest_framework.decorators import action
        from rest_framework.viewsets import ReadOnlyModelViewSet

        def index(request): ...
        def status(request, code): ...

        class Detail(View):
            def get(self, request, name): ...

        class Orders(ReadOnlyModelViewSet):
            @action(detail=True, methods=["post"])
            def cancel(self, request, pk=None): ...
        """,
    "core____init__": "",
    "shop____init__": "",
}


def test_django_urlconf_from_the_root_down() -> None:
    found = routes(**DJANGO)
    assert table(found) == [
        ("/admin/", "", "django.contrib.admin.site.urls"),
        ("/api/orders/", "GET", "Orders"),
        ("/api/orders/<pk>/", "GET", "Orders"),
        ("/api/orders/<pk>/cancel/", "POST", "cancel"),
        ("/ht/", "", "health_check.urls"),
        ("/shop/", "", "index"),
        ("/shop/<slug:name>/", "GET", "get"),
        ("/shop/extra/", "", "index"),
        ("/status/<code>/", "", "status"),
    ]
    assert [r.framework for r in found.health_like()] == ["django-health-check"]
    assert [r.name for r in found.matching("/status/200")] == ["status"]
    assert [r.name for r in found.matching("/shop/extra/")] == ["index", "Detail"]  # as written before a converter


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("prefix", "path", "whole"),
    [
        ("", "x", "/x"),
        ("/a", "", "/a"),
        ("/a/", "/b", "/a/b"),
        ("/a", "b", "/a/b"),
        ("", "", ""),
        ("{?}", "/b", "{?}/b"),
    ],
)
def test_join(prefix: str, path: str, whole: str) -> None:
    assert join(prefix, path) == whole


@pytest.mark.parametrize(
    ("regex", "template"),
    [
        (r"^task/(?P<id>\d+)/$", "task/<id>/"),
        (r"^(?P<a>[^/]+)/x(\.json)?/?$", "<a>/x"),
        (r"^robots\.txt$", "robots.txt"),
        (r"/worker/(.+)", "/worker/<path:_>"),
        (r"^a/[0-9]{3}$", "a/<_>"),
        (r"^fetch/(?P<kind>doc|thumb)/$", "fetch/<kind>/"),
        (r"^.*$", "<path:_>"),
        (r"^(?:plain)/", "plain/"),
    ],
)
def test_template_of_regex(regex: str, template: str) -> None:
    assert template_of_regex(regex) == template


@pytest.mark.parametrize(
    ("path", "is_health"),
    [
        ("/healthz", True),
        ("/health/live", True),
        ("/api/v1/status", True),
        ("/status.json", True),
        ("/_health", True),
        ("/-/ready", True),
        ("/orders/<id>/status", False),
        ("/import/status", False),
        ("/healthy-recipes", False),
        ("/", False),
    ],
)
def test_health_names(path: str, is_health: bool) -> None:
    found = routes(f"from flask import Flask\napp = Flask(__name__)\n\n@app.get({path!r})\ndef f(): ...\n")
    assert bool(found.health_like()) is is_health


def test_nothing_is_found_where_nothing_is_served() -> None:
    found = routes("import requests\n\ndef f():\n    requests.get('/x')\n    {}.get('/y')\n")
    assert len(found) == 0 and found.matching("/x") == [] and found.health_like() == []
