"""Compose files: services with anchors, merges and extends applied."""

from __future__ import annotations

from runtime_ops.facts.artifacts import ComposeFile, ComposeService
from runtime_ops.facts.compose import read_compose

STACK = """\
x-common: &common
  restart: unless-stopped
  environment: &env
    LEVEL: info
    TOKEN:
services:
  web:
    <<: *common
    build:
      context: ./web
      dockerfile: docker/Dockerfile
      target: prod
      args: [VERSION=1]
    command: gunicorn -b 0.0.0.0:${PORT:-8000} shop:app
    entrypoint: ["/init", "--"]
    environment:
      <<: *env
      URL: "redis://${HOST}:6379"
    env_file:
      - .env
      - path: local.env
        required: false
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U $${USER} || exit 1"]
      interval: 1m30s
      timeout: 5s
      retries: 3
      start_period: 10s
    stop_grace_period: 30s
    stop_signal: SIGINT
    init: true
    depends_on:
      db:
        condition: service_healthy
    ports:
      - "127.0.0.1:8080:80/tcp"
      - target: 9000
        published: 9001
    volumes:
      - ./src:/app
      - data:/data
    deploy:
      replicas: 3
      resources:
        limits: {cpus: "0.5", memory: 256M}
    profiles: [full]
  worker:
    extends: web
    command: ["celery", "-A", "shop", "worker"]
    environment:
      - QUEUES=high
    healthcheck:
      disable: true
  db:
    image: postgres:16
    depends_on: [cache]
"""


def read(text: str) -> ComposeFile:
    made = read_compose("compose.yaml", text)
    assert made is not None
    return made


def service(name: str) -> ComposeService:
    return next(s for s in read(STACK).services if s.name == name)


def test_build_command_and_lines() -> None:
    web = service("web")
    assert (web.line, web.end_line) == (7, 46)
    assert web.build is not None and web.build.context is not None
    assert (web.build.context.text, web.build.line, web.build.args[0].name) == ("./web", 9, "VERSION")
    assert web.build.dockerfile is not None and web.build.dockerfile.text == "docker/Dockerfile"
    assert web.command is not None and web.command.form == "exec"
    assert web.command.argv == ("gunicorn", "-b", "0.0.0.0:${PORT:-8000}", "shop:app")
    (use,) = web.command.parts[0].variables
    assert (use.name, use.operator, use.operand, use.word, use.line) == ("PORT", ":-", "8000", 2, 14)
    assert web.entrypoint is not None and web.entrypoint.argv == ("/init", "--")


def test_environment_of_merges() -> None:
    web = service("web")
    found = {v.name: (v.value.text if v.value else None, v.source, v.line) for v in web.env}
    assert found == {"URL": ("redis://${HOST}:6379", None, 18), "LEVEL": ("info", None, 4), "TOKEN": (None, "host", 5)}
    assert [v.name for v in web.env[0].variables] == ["HOST"]
    assert [(f.name, f.optional, f.line) for f in web.env_from] == [(".env", False, 20), ("local.env", True, 21)]


def test_stop_and_health() -> None:
    web = service("web")
    assert web.grace is not None and web.grace.seconds == 30
    assert web.stop_signal is not None and web.stop_signal.text == "SIGINT"
    assert web.init is not None and web.init.truth is True
    assert web.restart is not None and web.restart.text == "unless-stopped"
    check = web.healthcheck
    assert check is not None and check.period is not None and check.period.seconds == 90 and check.line == 23
    assert check.command is not None and check.command.parts[0].argv == ("pg_isready", "-U", "${USER}")


def test_network_mounts_and_resources() -> None:
    web = service("web")
    published = [(p.published.text if p.published else "", p.number.text) for p in web.ports]
    assert published == [("8080", "80"), ("9001", "9000")]
    assert [(m.source, m.target, m.bind) for m in web.mounts] == [("./src", "/app", True), ("data", "/data", False)]
    assert [(d.name, d.condition) for d in web.depends_on] == [("db", "service_healthy")]
    assert web.replicas is not None and web.replicas.number == 3
    assert [(r.kind, r.name, r.value.text) for r in web.resources] == [
        ("limit", "cpu", "0.5"),
        ("limit", "memory", "256M"),
    ]
    assert web.profiles == ("full",)


def test_extends_in_the_file() -> None:
    worker = service("worker")
    assert worker.command is not None and worker.command.argv == ("celery", "-A", "shop", "worker")
    assert worker.build is not None and worker.grace is not None
    assert worker.healthcheck is not None and worker.healthcheck.method == "none"
    assert worker.line == 47 and worker.extends_service == "web" and worker.extends_file is None


def test_list_of_dependencies() -> None:
    assert service("db").depends_on[0].condition == "service_started"


def test_first_version_of_the_format() -> None:
    (only,) = read("web:\n  image: x\n  command: run\n").services
    assert only.name == "web"


def test_other_yaml_is_none() -> None:
    assert read_compose("x.yaml", "name: test\njobs: {a: {steps: []}}\n") is None


def test_duplicate_key_and_bad_yaml_are_unread() -> None:
    made = read("services:\n  a:\n    image: x\n    image: y\n")
    assert made.services[0].image is not None and made.services[0].image.text == "y"
    assert made.unread[0].line == 4 and "twice" in made.unread[0].reason
    assert read("services:\n  a: [\n").unread[0].reason.startswith("YAML")


def test_extends_that_goes_in_a_circle_ends() -> None:
    made = read("services:\n  a:\n    extends: b\n  b:\n    extends: a\n    image: x\n")
    assert len(made.services) == 2
