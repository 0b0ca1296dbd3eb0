"""Questions that rules ask, with the answers of the facts."""

import pytest

from runtime_ops.libraries.blocking import blocks_loop
from runtime_ops.libraries.credentials import carries_secret, placeholder, secret_like, url_like, variable_reader
from runtime_ops.libraries.errors import connection_errors, interrupt, interrupts_of
from runtime_ops.libraries.frameworks import framework_of, route_registration, stage_of_hook
from runtime_ops.libraries.jobs import job_system_of, job_system_of_class, worker_program
from runtime_ops.libraries.names import canonical, returned, returns, supertypes, type_of
from runtime_ops.libraries.observability import instrument, log_part
from runtime_ops.libraries.resources import child_started_by, connects
from runtime_ops.libraries.retries import retry_policies
from runtime_ops.libraries.servers import server_program, server_run_by, worker_class
from runtime_ops.libraries.timeouts import Change, Wait, constructor, job_limits, waits, wrapped_by
from runtime_ops.libraries.versions import bounded_at, bounds_at


@pytest.mark.parametrize(
    ("call", "bounded"),
    [
        ("requests.get", "no"),
        ("requests.api.get", "no"),
        ("requests.sessions.Session.post", "no"),
        ("httpx.Client.get", "yes"),
        ("urllib.request.urlopen", "no"),
        ("psycopg2.connect", "no"),
        ("smtplib.SMTP_SSL.sendmail", "no"),
        ("boto3.client.s3.get_object", "yes"),
        ("kubernetes.client.BatchV1Api.list_namespaced_job", "no"),
        ("docker.DockerClient.images.build", "no"),
        ("openai.AzureOpenAI.chat.completions.create", "yes"),
        ("subprocess.run", "no"),
        ("threading.Lock.acquire", "no"),
        ("multiprocessing.Queue.get", "no"),
        ("concurrent.futures.Future.result", "no"),
        ("asyncio.subprocess.Process.wait", "no"),
    ],
)
def test_waits_by_any_spelling(call: str, bounded: str) -> None:
    assert {row.bounded for row in waits(call)} == {bounded}


@pytest.mark.parametrize(
    "call", ["redis.Redis.pipeline", "boto3.client.s3.get_paginator", "json.dumps", "requests.Session.mount", ""]
)
def test_what_does_not_wait(call: str) -> None:
    assert waits(call) == []


def test_a_narrower_row_hides_the_class_unless_asked_for() -> None:
    narrow = waits("redis.Redis.blpop")
    assert [row.parameters for row in narrow] == [("timeout",)]
    wide = waits("redis.client.StrictRedis.blpop", inherited=True)
    assert wide[0] == narrow[0]
    assert any("socket_timeout" in row.parameters for row in wide)


def test_where_the_finding_stands() -> None:
    row = next(row for row in waits("redis.Redis.get") if "redis.from_url" in row.constructors)
    assert row.where == ("constructor",)
    assert row in constructor("redis.utils.from_url")
    assert row.position("redis.StrictRedis", "socket_timeout") == 4
    request = waits("requests.Session.request")[0]
    assert request.position("requests.sessions.Session.request", "timeout") == 8
    assert request.position("requests.Session.get", "timeout") is None
    assert [found.distribution for found in wrapped_by("stripe.StripeClient")] == ["stripe"]


@pytest.mark.parametrize(
    ("version", "bounded"),
    [
        ("8.1.0", True),
        ("7.1.0", False),
        ("5.0", False),
        (">=8", True),
        ("<8", False),
        ("==7.*", False),
        ("~=7.4", False),
        (">=5", None),
        (None, None),
        ("^7.0", None),
    ],
)
def test_redis_changed_in_8(version: str | None, bounded: bool | None) -> None:
    row = next(row for row in waits("redis.Redis.get") if "redis.from_url" in row.constructors)
    assert bounded_at(row, version) is bounded


def test_between_last_seen_and_first_seen_nobody_looked() -> None:
    row = Wait("x", "x", "3", "yes", "made up for this test", changed=(Change("2.0", last_seen="1.5", bounded="no"),))
    assert bounded_at(row, "2.0") is True
    assert bounded_at(row, "1.5") is False
    assert bounds_at(row, "1.8") == {"yes", "no"}
    assert bounded_at(row, "1.8") is None


def test_a_change_that_went_back_and_forth() -> None:
    row = next(row for row in waits("huggingface_hub.HfApi.whoami") if row.changed)
    assert [bounded_at(row, version) for version in ("2.4.0", "1.3.0", "0.30.0")] == [False, True, False]


def test_the_cache_of_django_depends_on_redis() -> None:
    rows = [row for row in waits("django.core.cache.cache.get") if row.versioned_by == "redis"]
    assert rows and rows[0].distribution == "Django"


def test_unchanged_rows_need_no_version() -> None:
    assert bounded_at(waits("requests.get")[0], None) is False
    assert bounds_at(waits("docker.DockerClient.ping")[0], None) == {"partly"}


@pytest.mark.parametrize(
    ("call", "argument", "type_name"),
    [
        ("requests.Session", None, "requests.Session"),
        ("requests.session", None, "requests.Session"),
        ("redis.from_url", "redis://x", "redis.Redis"),
        ("redis.StrictRedis", None, "redis.Redis"),
        ("redis.Redis.pipeline", None, "redis.client.Pipeline"),
        ("psycopg2.connect", None, "psycopg2.extensions.connection"),
        ("psycopg2.extensions.connection.cursor", None, "psycopg2.extensions.cursor"),
        ("boto3.client", "sqs", "boto3.client.sqs"),
        ("boto3.client", None, "boto3.client.?"),
        ("boto3.session.Session.client", "s3", "boto3.client.s3"),
        ("pika.BlockingConnection.channel", None, "pika.adapters.blocking_connection.BlockingChannel"),
        ("grpc.insecure_channel", None, "grpc.Channel"),
        ("sqlalchemy.create_engine", None, "sqlalchemy.engine.Engine"),
        ("sqlalchemy.engine.Engine.connect", None, "sqlalchemy.engine.Connection"),
        ("concurrent.futures.ThreadPoolExecutor.submit", None, "concurrent.futures.Future"),
        ("multiprocessing.get_context", "spawn", "multiprocessing.context.BaseContext"),
        ("multiprocessing.context.SpawnContext.Queue", None, "multiprocessing.queues.Queue"),
        ("asyncio.create_task", None, "asyncio.Task"),
        ("celery.app.task.Task.delay", None, "celery.result.AsyncResult"),
        ("docker.from_env", None, "docker.DockerClient"),
        ("os.getcwd", None, None),
    ],
)
def test_returns(call: str, argument: str | None, type_name: str | None) -> None:
    assert returns(call, argument) == type_name


def test_a_service_client_of_any_name_is_known() -> None:
    assert canonical("boto3.client.?.put_item") == "botocore.client.BaseClient.put_item"
    assert waits("boto3.client.?.put_item")


def test_generated_stubs_have_no_fixed_names() -> None:
    assert returns("genproto.demo_pb2_grpc.CartServiceStub") == "genproto.demo_pb2_grpc.CartServiceStub"
    assert [row.distribution for row in waits("demo_pb2_grpc.CartServiceStub.GetCart")] == ["grpcio"]
    assert waits("demo_pb2_grpc.add_CartServiceServicer_to_server") == []


def test_extensions_resolve_to_what_they_wrap() -> None:
    assert returns("flask_sqlalchemy.SQLAlchemy.session") == "sqlalchemy.orm.scoped_session"
    assert canonical("sqlmodel.create_engine") == "sqlalchemy.create_engine"
    assert waits("requests_oauthlib.OAuth2Session.get")[0].distribution == "requests"
    assert waits("aioboto3.client.s3.get_object")[0].awaited("aioboto3.client.s3.get_object")


def test_how_a_value_is_reached() -> None:
    row = returned("asyncio.create_subprocess_exec")
    assert row is not None and (row.how, row.type) == ("await", "asyncio.subprocess.Process")


def test_classes_know_their_bases_and_ends() -> None:
    assert supertypes("threading.Timer") == ("threading.Timer", "threading.Thread")
    pool = type_of("concurrent.futures.thread.ThreadPoolExecutor")
    assert pool is not None and pool.closes == ("shutdown",) and pool.kind == "executor"


@pytest.mark.parametrize(
    "call",
    [
        "time.sleep",
        "requests.get",
        "redis.Redis.get",
        "boto3.client.sqs.send_message",
        "subprocess.run",
        "threading.Event.wait",
        "psycopg2.connect",
    ],
)
def test_blocks_the_loop(call: str) -> None:
    assert blocks_loop(call) is not None


@pytest.mark.parametrize(
    "call",
    [
        "asyncio.sleep",
        "redis.asyncio.Redis.get",
        "httpx.AsyncClient.get",
        "subprocess.Popen",
        "threading.Event.set",
        "redis.Redis.pipeline",
        "asyncio.Queue.get",
    ],
)
def test_does_not_block_the_loop(call: str) -> None:
    assert blocks_loop(call) is None


def test_servers() -> None:
    uvicorn = server_run_by("uvicorn.main.run")
    assert uvicorn is not None
    assert (uvicorn.drain, uvicorn.sigterm, uvicorn.code_after_run, uvicorn.atexit) == (
        "unlimited",
        "graceful",
        False,
        False,
    )
    assert "--timeout-graceful-shutdown" in uvicorn.drain_option.flags
    flask = server_program(("flask", "--app", "x", "run"))
    assert flask is not None and flask.development
    assert server_program(("-m", "flask", "run")) == flask
    django = server_program(("manage.py", "runserver", "0.0.0.0:8000"))
    assert django is not None and django.development
    assert server_program(("flask", "shell")) is None
    gunicorn = server_program(("gunicorn", "app:app"))
    assert gunicorn is not None and gunicorn.drain_seconds == 30 and gunicorn.signals["SIGQUIT"] == "quick"
    worker = worker_class("uvicorn.workers.UvicornWorker")
    assert worker is not None and worker.host == "gunicorn" and worker.atexit is False


def test_job_systems() -> None:
    celery = worker_program(("celery", "-A", "proj", "worker", "-l", "info"))
    assert celery is not None and celery.name == "celery"
    assert worker_program(("-m", "celery", "-A", "proj", "worker")) == celery
    assert worker_program(("celery", "-A", "proj", "inspect", "ping")) is None
    assert job_system_of("celery.app.shared_task") == celery
    assert job_system_of_class("celery.Task") == celery
    assert (celery.max_retries, celery.retry_delay, celery.time_limit, celery.ack) == (3, 180, None, "before")
    dramatiq = job_system_of("dramatiq.actor")
    assert dramatiq is not None and dramatiq.max_retries == 20
    assert {row.parameters[0] for row in job_limits("celery.shared_task")} == {
        "task_time_limit",
        "task_soft_time_limit",
    }


def test_exceptions() -> None:
    rq = {row.exception: row.caught_by_exception for row in interrupts_of("rq")}
    assert rq["rq.timeouts.JobTimeoutException"] is True
    soft = interrupt("celery.exceptions.SoftTimeLimitExceeded")
    assert soft is not None and soft.caught_by_exception
    time_limit = interrupt("dramatiq.middleware.TimeLimitExceeded")
    assert time_limit is not None and not time_limit.caught_by_exception
    pika = connection_errors("pika.adapters.blocking_connection.BlockingChannel.basic_publish")
    assert pika is not None and "pika.exceptions.StreamLostError" in pika.raised
    mysql = connection_errors("mysql.connector.connect")
    assert mysql is not None and mysql.library == "mysql.connector"
    assert connection_errors("redisearch.Client") is None


def test_an_interrupt_that_changed_its_base() -> None:
    row = interrupt("rq.exceptions.ShutDownImminentException")
    assert row is not None and (row.caught_by_exception, row.changed) == (False, "2.0.0")


def test_frameworks() -> None:
    assert (flask := framework_of("flask.app.Flask")) is not None and flask.name == "flask"
    path = route_registration("django.urls.path")
    assert path is not None and (path.form, path.path, path.handler) == ("call", 0, 1)
    get = route_registration("fastapi.routing.APIRouter.get")
    assert get is not None and get.methods == ("GET",)
    assert stage_of_hook("quart.Quart.before_serving") == "startup"
    assert stage_of_hook("aiohttp.web.Application.on_cleanup.append") == "shutdown"
    assert stage_of_hook("flask.Flask.before_request") is None


def test_observability() -> None:
    json_formatter = log_part("pythonjsonlogger.jsonlogger.JsonFormatter")
    assert json_formatter is not None and json_formatter.structured
    loguru = log_part("loguru.logger.add")
    assert loguru is not None and loguru.when == {"serialize": True} and "diagnose" in loguru.leaks
    batch = instrument("opentelemetry.sdk.trace.export.BatchSpanProcessor")
    assert batch is not None and batch.buffered and "force_flush" in batch.flush
    assert instrument("math.sqrt") is None


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "apiKey", "SECRET_KEY", "GITHUB_TOKEN", "private-key", "AWS_SECRET_ACCESS_KEY", "password"]
)
def test_secret_names(name: str) -> None:
    assert secret_like(name)


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN_URL",
        "max_tokens",
        "PASSWORD_FILE",
        "tokenizer",
        "api_key_header",
        "TOKEN_EXPIRE_MINUTES",
        "passenger",
        "keyboard",
        "SECRETARY",
    ],
)
def test_names_that_only_look_secret(name: str) -> None:
    assert not secret_like(name)


def test_credentials() -> None:
    assert url_like("DATABASE_URL") and url_like("celery_broker_url") and not url_like("PUBLIC_URL")
    assert carries_secret("redis.from_url", "url") and carries_secret("x.Client", "api_key")
    assert not carries_secret("redis.Redis", "port")
    assert placeholder("CHANGE-ME") and placeholder("<your token>") and not placeholder("s3cr3t-value-1")
    assert (row := variable_reader("WEB_CONCURRENCY")) is not None and "gunicorn" in row.distribution
    assert (row := variable_reader("PYTHONUNBUFFERED")) is not None and row.kind == "ignored variable"
    assert variable_reader("MY_FEATURE_FLAG") is None


def test_resources() -> None:
    assert (row := connects("redis.StrictRedis")) is not None and row.connects == "first use"
    assert (row := connects("psycopg2.connect")) is not None and row.connects == "now"
    assert (child := child_started_by("multiprocessing.Process.start")) is not None and child.end_of == "receiver"
    assert (child := child_started_by("subprocess.run")) is not None and child.scoped


def test_retries() -> None:
    policy = retry_policies("tenacity.retry")[0]
    assert (policy.attempts, policy.stop_parameters, policy.reraises, policy.bounded) == (None, ("stop",), False, "no")
    assert retry_policies("urllib3.util.Retry")[0].attempts == 11
