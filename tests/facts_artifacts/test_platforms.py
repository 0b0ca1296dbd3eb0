"""Procfiles, crontabs, units, supervisors, platforms, servers in front."""

from __future__ import annotations

from runtime_ops.facts.artifact_kinds import read_artifact
from runtime_ops.facts.artifacts import EnvironmentVariable, PlatformFile, Program
from runtime_ops.facts.dotenv import read_dotenv
from runtime_ops.facts.fly import read_fly
from runtime_ops.facts.nginx import is_nginx, read_nginx
from runtime_ops.facts.nomad import read_nomad
from runtime_ops.facts.platforms import read_platform
from runtime_ops.facts.procfile import read_crontab, read_procfile
from runtime_ops.facts.schedulers import read_scheduler
from runtime_ops.facts.supervisord import is_supervisord, read_supervisord
from runtime_ops.facts.systemd import read_systemd
from runtime_ops.facts.uwsgi import read_uwsgi, read_uwsgi_yaml
from runtime_ops.facts.yacron import read_yacron


def pairs(env: tuple[EnvironmentVariable, ...]) -> dict[str, str | None]:
    return {v.name: v.value.text if v.value else None for v in env}


def argv(program: Program) -> tuple[str, ...] | None:
    assert program.command is not None
    return program.command.argv


def programs(file: PlatformFile | None, platform: str) -> tuple[Program, ...]:
    assert file is not None and file.platform == platform and file.unread == ()
    return file.programs


def test_procfile() -> None:
    file = read_procfile(
        "Procfile", "# all\nweb: gunicorn -b :$PORT shop\nrelease: ./manage.py migrate && echo done\nwhat\n"
    )
    web, release = file.programs
    assert (web.name, web.kind, web.line) == ("web", "web", 2)
    assert (
        web.command is not None and web.command.shell and [v.name for v in web.command.parts[0].variables] == ["PORT"]
    )
    assert argv(release) is None
    assert file.unread[0].line == 4


def test_crontab() -> None:
    file = read_crontab(
        "etc/cron.d/shop", "MAILTO=ops\n*/5 * * * * www python /app/tick.py\n@daily root run > /dev/null\nno\n"
    )
    tick, daily = file.programs
    assert tick.schedule is not None and tick.schedule.text == "*/5 * * * *"
    assert argv(tick) == ("python", "/app/tick.py") and pairs(tick.env) == {"MAILTO": "ops"}
    assert daily.schedule is not None and daily.schedule.text == "@daily" and argv(daily) == ("run",)
    assert read_crontab("crontab", "0 3 * * 1-5 run it\n").programs[0].name == "run"
    assert file.unread[0].line == 4


UNIT = """\
[Unit]
Description=Shop

[Service]
Type=notify
Environment="LEVEL=info" MODE=a
EnvironmentFile=-/etc/shop.env
ExecStartPre=/bin/migrate
ExecStart=
ExecStart=-/usr/bin/gunicorn \\
    # a comment between
    --workers $N \\
    shop
TimeoutStopSec=1min 30s
KillSignal=SIGQUIT
KillMode=mixed
"""


def test_systemd() -> None:
    unit = read_systemd("deploy/shop.service", UNIT)
    assert unit.unread == () and unit.unit == "shop.service"
    program = unit.program
    assert program is not None and argv(program) == ("/usr/bin/gunicorn", "--workers", "$N", "shop")
    assert program.command is not None and (program.command.line, program.command.end_line) == (10, 13)
    assert [v.name for v in program.command.parts[0].variables] == ["N"]
    assert program.grace is not None and program.grace.seconds == 90
    assert program.stop_signal is not None and program.stop_signal.text == "SIGQUIT"
    assert pairs(program.env) == {"LEVEL": "info", "MODE": "a"}
    assert [(s.name, s.optional) for s in program.env_from] == [("/etc/shop.env", True)]
    assert [c.argv for c in program.pre_commands] == [("/bin/migrate",)]
    mode = unit.get("Service", "KillMode")
    assert mode is not None and (mode.text, mode.line) == ("mixed", 16)


def test_systemd_drop_in_names_its_unit() -> None:
    assert read_systemd("etc/shop.service.d/limits.conf", "[Service]\nTimeoutStopSec=5\n").unit == "shop.service"
    assert read_systemd("shop.service.j2", "[Unit]\n").program is None


SUPERVISOR = """\
[supervisord]
nodaemon=true
environment=HOME="/tmp",A=1

[program:worker]
command=celery -A shop worker -Q %(ENV_QUEUES)s ; the workers
environment=LEVEL="a,b",
  MODE=c
autostart=false
startretries=3
stopwaitsecs=30
numprocs=2

[include]
files = conf.d/*.conf more.conf
"""


def test_supervisord() -> None:
    assert is_supervisord(SUPERVISOR) and not is_supervisord("[loggers]\nkeys=root\n")
    file = read_supervisord("supervisord.conf", SUPERVISOR)
    (worker,) = file.programs
    assert argv(worker) == ("celery", "-A", "shop", "worker", "-Q", "%(ENV_QUEUES)s")
    assert worker.command is not None
    assert [(v.name, v.operator) for v in worker.command.parts[0].variables] == [("QUEUES", ":?")]
    assert pairs(worker.env) == {"LEVEL": "a,b", "MODE": "c"} and worker.env[1].line == 8
    assert not worker.autostart and worker.grace is not None and worker.grace.seconds == 30
    section = file.section(worker)
    assert (
        section is not None and section.get("startretries") is not None and (section.line, section.end_line) == (5, 12)
    )
    assert pairs(file.env) == {"HOME": "/tmp", "A": "1"}
    assert [v.text for v in file.includes] == ["conf.d/*.conf", "more.conf"]


def test_uwsgi() -> None:
    file = read_uwsgi("uwsgi.ini", "; options\n[uwsgi]\nneed-app\nharakiri = 30\nenv = A=1\nenv = B=2\n")
    need, limit = file.get("need-app"), file.get("harakiri")
    assert need is not None and need.truth is True and limit is not None and (limit.number, limit.line) == (30, 4)
    assert [v.text for v in file.sections[0].all("env")] == ["A=1", "B=2"]
    assert file.get("die-on-term") is None
    yaml = read_uwsgi_yaml("uwsgi.yml", "uwsgi:\n  die-on-term: true\n  env: [A=1]\n").get("die-on-term")
    assert yaml is not None and yaml.truth is True


NGINX = """\
proxy_read_timeout 120s;
upstream app { server web:8000 max_fails=3; server unix:/run/app.sock; }
server {
    # location /old { proxy_pass http://old; }
    location /api/ {
        proxy_pass http://app;
        proxy_send_timeout 10;
    }
    location ~ "^/x{2}" { uwsgi_pass ${HOST}:3031; }
}
"""


def test_nginx() -> None:
    assert is_nginx(NGINX) and not is_nginx("[global]\nserver = x\n")
    file = read_nginx("nginx.conf", NGINX)
    assert file.unread == ()
    api, other = file.proxies
    assert api.read_timeout is not None and api.send_timeout is not None and api.connect_timeout is None
    assert (api.location, api.target.text, api.line) == ("/api/", "http://app", 6)
    assert (api.read_timeout.seconds, api.read_timeout.line, api.send_timeout.seconds) == (120, 1, 10)
    assert other.read_timeout is None and other.target.templated and other.directive == "uwsgi_pass"
    (upstream,) = file.upstreams
    assert [v.text for v in upstream.servers] == ["web:8000", "unix:/run/app.sock"]
    assert read_nginx("x", "server {\n").unread[0].reason.startswith("the block")


FLY = """\
kill_signal = "SIGTERM"
kill_timeout = "40s"
[env]
  LEVEL = "info"
[processes]
  web = "gunicorn shop"
  worker = "celery -A shop worker"
[deploy]
  release_command = "./manage.py migrate"
[http_service]
  internal_port = 8000
  [[http_service.checks]]
    path = "/health"
    timeout = "5s"
"""


def test_fly() -> None:
    web, worker, release = programs(read_fly("fly.toml", FLY), "fly")
    assert argv(web) == ("gunicorn", "shop") and web.line == 6 and web.grace is not None and web.grace.seconds == 40
    (probe,) = web.probes
    assert probe.path is not None and (probe.path.text, probe.path.line, probe.line) == ("/health", 13, 12)
    assert worker.probes == () and pairs(worker.env) == {"LEVEL": "info"}
    assert argv(release) == ("./manage.py", "migrate") and release.kind == "release"
    assert read_fly("fly.toml", "a = [").unread[0].line == 1


def test_render() -> None:
    text = """\
services:
  - type: web
    name: shop
    startCommand: gunicorn shop
    preDeployCommand: ./manage.py migrate
    healthCheckPath: /health
    envVars:
      - {key: LEVEL, value: info}
      - {key: TOKEN, sync: false}
      - {fromGroup: common}
envVarGroups:
  - name: common
    envVars: [{key: SHARED, value: "1"}]
"""
    (web,) = programs(read_platform("render.yaml", text), "render")
    assert argv(web) == ("gunicorn", "shop") and web.pre_commands[0].argv == ("./manage.py", "migrate")
    assert web.probes[0].path is not None and (web.probes[0].path.text, web.probes[0].line) == ("/health", 6)
    assert pairs(web.env) == {"LEVEL": "info", "TOKEN": None, "SHARED": "1"} and web.env[1].source == "prompt"


def test_app_engine_and_digital_ocean_and_heroku() -> None:
    engine = "runtime: python312\nentrypoint: gunicorn -b :$PORT main:app\nenv_variables: {A: '1'}\nreadiness_check: {path: /r}\n"
    (app,) = programs(read_platform("app.yaml", engine), "appengine")
    assert argv(app) == ("gunicorn", "-b", ":$PORT", "main:app") and app.probes[0].role == "readiness"
    ocean = "services:\n  - name: web\n    run_command: python app.py\n    http_port: 80\nworkers:\n  - {name: w, run_command: celery}\n"
    web, worker = programs(read_platform(".do/app.yaml", ocean), "digitalocean")
    assert argv(web) == ("python", "app.py") and web.ports[0].number.text == "80" and worker.kind == "worker"
    heroku = "build:\n  docker: {web: Dockerfile, w: w/Dockerfile}\nrun:\n  web: gunicorn a\nrelease:\n  command: [./m migrate]\n"
    first, second, release = programs(read_platform("heroku.yml", heroku), "heroku")
    assert argv(first) == ("gunicorn", "a") and first.dockerfile is not None and second.command is None
    assert argv(release) == ("./m", "migrate")
    assert read_platform("app.yaml", "title: x\n") is None


def test_ecs() -> None:
    text = """{"family": "shop", "containerDefinitions": [
\t{"name": "web", "image": "shop", "entryPoint": ["sh", "-c"], "command": ["exec gunicorn shop"],
     "environment": [{"name": "A", "value": "1"}], "secrets": [{"name": "B", "valueFrom": "arn:x"}],
     "stopTimeout": 60,
     "healthCheck": {"command": ["CMD-SHELL", "curl -f localhost || exit 1"], "timeout": 4}}]}
"""
    (web,) = programs(read_scheduler("ecs/task.json", text), "ecs")
    assert web.command is not None and web.command.shell and web.command.parts[0].exec and web.command.line == 2
    assert pairs(web.env) == {"A": "1", "B": None} and web.grace is not None and web.grace.seconds == 60
    assert (
        web.probes[0].command is not None
        and web.probes[0].command.parts[0].program == "curl"
        and web.probes[0].line == 5
    )


def test_marathon() -> None:
    text = """{"id": "/", "groups": [{"id": "g", "apps": [{"id": "/g/web", "cmd": "python app.py", "instances": 2,
  "env": {"A": "1", "B": {"secret": "s"}}, "container": {"docker": {"image": "shop"}},
  "healthChecks": [{"protocol": "HTTP", "path": "/h", "timeoutSeconds": 9}]}]}]}"""
    (web,) = programs(read_scheduler("marathon.json", text), "marathon")
    assert (web.name, argv(web)) == ("web", ("python", "app.py")) and pairs(web.env) == {"A": "1", "B": None}
    (probe,) = web.probes
    assert probe.method == "http" and probe.timeout is not None and probe.timeout.seconds == 9
    assert read_scheduler("ecs.json", '{"a": 1}') is None


def test_marathon_health_checks_written_as_an_empty_list_are_switched_off() -> None:
    text = """{"id": "/web", "instances": 1, "cmd": "python app.py",
  "healthChecks": []}"""
    (web,) = programs(read_scheduler("marathon.json", text), "marathon")
    assert [(p.method, p.line) for p in web.probes] == [("none", 2)]


NOMAD = """\
job "shop" {
  type = "service" # long-lived
  group "web" {
    count = 2
    network { port "http" { to = 8000 } }
    service {
      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "2s"
      }
    }
    task "app" {
      driver       = "docker"
      kill_timeout = "45s"
      kill_signal  = "SIGINT"
      config {
        image   = "shop:${var.tag}"
        command = "gunicorn"
        args    = ["-b", "0.0.0.0:8000", "shop"]
      }
      env {
        LEVEL = "info"
        TOKEN = var.token
      }
      template {
        data = <<EOF
SECRET={{ key "x" }}
}
EOF
        env  = true
      }
    }
  }
}
"""


def test_nomad() -> None:
    (app,) = programs(read_nomad("shop.nomad", NOMAD), "nomad")
    words = ("gunicorn", "-b", "0.0.0.0:8000", "shop")
    assert (app.name, app.kind, app.line, argv(app)) == ("app", "service", 14, words)
    assert app.image is not None and app.image.templated and app.command is not None and app.command.line == 20
    assert app.grace is not None and app.grace.seconds == 45
    assert app.stop_signal is not None and app.stop_signal.text == "SIGINT"
    assert app.replicas is not None and app.replicas.number == 2 and app.ports[0].number.text == "8000"
    assert pairs(app.env) == {"LEVEL": "info", "TOKEN": "var.token"} and app.env[1].templated
    assert [source.kind for source in app.env_from] == ["template"]
    (probe,) = app.probes
    assert probe.path is not None and probe.timeout is not None
    assert (probe.method, probe.path.text, probe.timeout.seconds, probe.line) == ("http", "/health", 2, 7)
    assert read_nomad("x.nomad", 'job "a" {\n').unread[0].line == 2


def test_dotenv() -> None:
    text = "# all\nexport A=1 # one\nB='$X # y'\nC=\"two\nlines ${D:-e}\"\nBARE\nnot a variable\nE=\n"
    file = read_dotenv("deploy/.env.example", text)
    assert file.example and pairs(file.variables) == {
        "A": "1",
        "B": "$X # y",
        "C": "two\nlines ${D:-e}",
        "BARE": None,
        "E": "",
    }
    assert [(v.name, v.line, v.end_line) for v in file.variables if v.name in ("C", "BARE")] == [
        ("C", 4, 5),
        ("BARE", 6, 6),
    ]
    assert [u.name for u in file.variables[2].variables] == ["D"] and file.variables[1].variables == ()
    assert file.unread[0].line == 7
    assert not read_dotenv(".env", "A=1").example


def test_jobs_of_yacron_are_cron_lines() -> None:
    text = (
        "jobs:\n  - name: sweep\n    command: python /app/sweep.py -j all\n    schedule: '0 3 * * *'\n    concurrencyPolicy: Forbid\n"
        "  - name: report\n    command: [python, -m, shop.report]\n    schedule: '@reboot'\n  - name: idle\n    schedule: '@daily'\n"
    )
    sweep, report = programs(read_yacron("crontab.yml", text), "crontab")
    assert (sweep.name, sweep.line, report.name, argv(report)) == ("sweep", 2, "report", ("python", "-m", "shop.report"))
    assert sweep.command is not None and sweep.command.parts[0].argv == ("python", "/app/sweep.py", "-j", "all")
    assert read_artifact("yaml", "crontab.yml", text.encode()) == read_yacron("crontab.yml", text)
    assert read_artifact("yaml", "ci.yml", b"jobs:\n  test:\n    command: pytest\n") is None
