"""Look-alikes that the rules of the concerns startup and health must tell apart from defects."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules.api import load

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: web
          command: ["gunicorn", "app:app"]
"""
APP = """\
from flask import Flask

app = Flask(__name__)


@app.get("/health")
def health():
    return "ok"
"""
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'


def found(tmp_path: Path, rule: str, files: dict[str, str]) -> tuple[Finding, ...]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [load()[rule]])
    assert not judged.failed
    return judged.findings


def test_copies_of_a_manifest_are_one_finding_at_the_source(tmp_path: Path) -> None:
    files = {
        "app.py": APP,
        "k8s/web.yaml": DEPLOYMENT,
        "release/all.yaml": DEPLOYMENT,
        "deploy/base/web.yaml": DEPLOYMENT,
    }
    (finding,) = found(tmp_path, "missing-probe", files)
    assert (finding.path, finding.line, finding.count) == ("k8s/web.yaml", 9, 3)
    assert [e.path for e in finding.also] == ["deploy/base/web.yaml", "release/all.yaml"]


def test_marathon_without_health_checks_is_reported_where_the_empty_list_stands(tmp_path: Path) -> None:
    text = '{"id": "/web", "instances": 1,\n "cmd": "gunicorn app:app",\n "healthChecks": []}'
    (finding,) = found(tmp_path, "missing-probe", {"app.py": APP, "marathon.json": text})
    assert (finding.path, finding.line) == ("marathon.json", 3)


@pytest.mark.parametrize(
    ("command", "fails"),
    [
        ("curl -f http://localhost/health || exit 1", True),
        ("curl -fsS http://localhost/health", True),
        ("curl http://localhost/health | grep ok", True),
        ("curl --fail-with-body http://localhost/health", True),
        ("wget -q --spider http://localhost/health", True),
        ("curl http://localhost/health", False),
        ("curl -f http://localhost/health || true", False),
        ("curl -f http://localhost/health | cat", False),
    ],
)
def test_health_check_commands(tmp_path: Path, command: str, fails: bool) -> None:
    image = f"FROM python:3.12\nCOPY . /app\nHEALTHCHECK CMD {command}\nCMD gunicorn app:app\n"
    assert (not found(tmp_path, "healthcheck-cannot-fail", {"Dockerfile": image})) is fails


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ('KEY = os.environ.get("APP_SECRET_KEY", "s3cret-value")', True),
        ('KEY = os.environ.get("APP_SECRET_KEY", os.environ.get("APP_COOKIE_SECRET"))', True),
        ('KEY = os.environ.get("APP_SECRET_KEY", "")', False),
        ('KEY = os.environ.get("JWT_TTL_ACCESS", "5 minutes")', False),
        ('KEY = os.environ.get("JWT_SECRET_ALGORITHM", "HS256")', False),
        ('KEY = os.environ.get("APP_SECRET_FILE", "/run/secrets/app")', False),
        ('KEY = os.environ.get("APP_DB_PASSWORD", os.environ.get("DB_PASSWORD"))', False),
        ('KEY = os.environ.get("EMAIL_PASSWORD", os.environ.get("SENDGRID_PASSWORD"))', False),
        ('KEY = os.environ.get("POSTGRES_PASSWORD", "postgres")', False),
        ('KEY = os.environ.get("AWS_SECRET_ACCESS_KEY", "local-store-key")', False),
        ('KEY = os.environ.get("SENTRY_DSN", "https://abc@errors.example/1")', False),
        ('KEY = os.environ.get("ADMIN_PASSWORD", "letmein")', True),
    ],
)
def test_secret_defaults(tmp_path: Path, line: str, reported: bool) -> None:
    files = {"app.py": f"import os\n\n{line}\n\n{APP}", "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "secret-default", files)) is reported


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ('ON = bool(os.environ.get("APP_DEBUG"))\nif ON:\n    print("on")', True),
        ('ON = bool(os.environ.get("APP_DEBUG"))', False),
        ('if os.environ.get("APP_DISABLE_TELEMETRY"):\n    print("off")', False),
        ('ON = bool(int(os.environ.get("APP_DEBUG", "0")))', False),
        ('ON = bool(os.environ.get("API_KEY"))', False),
        ('ON = os.environ.get("APP_DEBUG") == "1"', False),
        ('ON = bool(os.environ.get("NO_COLOR"))', False),
    ],
)
def test_flags(tmp_path: Path, line: str, reported: bool) -> None:
    files = {"app.py": f"import os\n\n{line}\n\n{APP}", "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "misparsed-flag", files)) is reported


def test_a_listener_that_only_ticks_does_not_hear_of_a_program_that_is_given_up(tmp_path: Path) -> None:
    worker = 'import time\n\nif __name__ == "__main__":\n    while True:\n        time.sleep(1)\n'
    config = (
        "[supervisord]\nnodaemon=true\n\n[program:worker]\ncommand=python worker.py\n\n"
        "[eventlistener:ticks]\ncommand=python ticks.py\nevents=TICK_60\n"
    )
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["supervisord", "-c", "supervisord.conf"]\n'
    (finding,) = found(
        tmp_path, "abandoned-program", {"worker.py": worker, "supervisord.conf": config, "Dockerfile": image}
    )
    assert (finding.path, finding.line) == ("supervisord.conf", 4)


@pytest.mark.parametrize(
    ("work", "reported"), [("time.sleep(5)", False), ("requests.get('http://x')", True), ("look()", True)]
)
def test_daemon_threads_at_import_that_ask_nobody(tmp_path: Path, work: str, reported: bool) -> None:
    text = (
        "import threading, time\nimport requests\n\n\ndef look():\n    return requests.get('http://x')\n\n\n"
        f"def turn():\n    while True:\n        {work}\n\n\nthreading.Thread(target=turn, daemon=True).start()\n"
    )
    files = {"app.py": "import beat\n" + APP, "beat.py": text, "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "work-at-import", files)) == reported


@pytest.mark.parametrize(("body", "reported"), [("warn('USE_OLD is set but has no effect')", False), ("switch()", True)])
def test_flags_that_are_only_told_about(tmp_path: Path, body: str, reported: bool) -> None:
    text = f"import os\nfrom warnings import warn\n\nif os.environ.get('USE_OLD'):\n    {body}\n"
    files = {"app.py": text + APP, "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "misparsed-flag", files)) == reported


SETTINGS = """
import os

from dotenv import load_dotenv
{base}


class Settings{of}:
    load_dotenv("app.env")
    connections: int = os.getenv("CONNECTIONS", 4)


settings = Settings()
"""
POOL = f"""{APP}
import databases

from config import settings

db = databases.Database("postgresql://db/a", min_size=settings.connections)
"""


@pytest.mark.parametrize(
    ("base", "of", "reported"), [("", "", True), ("from pydantic_settings import BaseSettings", "(BaseSettings)", False)]
)
def test_numbers_that_a_settings_class_converts(tmp_path: Path, base: str, of: str, reported: bool) -> None:
    files = {"app.py": POOL, "config.py": SETTINGS.format(base=base, of=of), "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "unconverted-number", files)) is reported


@pytest.mark.parametrize(("loads", "reported"), [('    load_dotenv("app.env")\n', False), ("", True)])
def test_a_file_that_the_reading_module_loads_itself(tmp_path: Path, loads: str, reported: bool) -> None:
    config = SETTINGS.format(base="", of="").replace('    load_dotenv("app.env")\n', loads)
    main = "import config\nfrom dotenv import load_dotenv\n\nload_dotenv('app.env')\nprint(config.settings)\n"
    assert bool(found(tmp_path, "late-dotenv", {"main.py": main, "config.py": config})) is reported


@pytest.mark.parametrize(("start", "reported"), [("gunicorn shop.wsgi", False), ("python manage.py reset && gunicorn shop.wsgi", True)])
def test_a_password_that_one_command_asks_for(tmp_path: Path, start: str, reported: bool) -> None:
    command = "from django.conf import settings\nfrom django.core.management.base import BaseCommand\nclass Command(BaseCommand):\n"
    command += "    def handle(self, *args, **options):\n        user().set_password(settings.ADMIN_PASSWORD)\n"
    files = {
        "shop/settings.py": "import os\nINSTALLED_APPS = ['shop']\nADMIN_PASSWORD = os.environ.get('ADMIN_PASSWORD', 'letmein')\n",
        "shop/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\napplication = get_wsgi_application()\n",
        "shop/management/commands/reset.py": command,
        "manage.py": "import os, sys\nfrom django.core.management import execute_from_command_line\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\nexecute_from_command_line(sys.argv)\n",
        "Dockerfile": f"FROM python:3.12\nCOPY . /\nCMD {start}\n",
    }
    assert bool(found(tmp_path, "secret-default", files)) is reported


@pytest.mark.parametrize("password", ["x", "mysterious"])
def test_a_literal_too_short_for_a_credential(tmp_path: Path, password: str) -> None:
    source = APP + f"from requests.auth import HTTPBasicAuth\nauth = HTTPBasicAuth(app.config['KEY'], {password!r})\n"
    assert bool(found(tmp_path, "secret-default", {"app.py": source, "Dockerfile": IMAGE})) is (password != "x")


@pytest.mark.parametrize(("name", "severity"), [("DJANGO_SECRET_KEY", "high"), ("EXPORT_SERVICE_TOKEN", "medium")])
def test_a_credential_that_is_shown_to_another_weighs_less(tmp_path: Path, name: str, severity: str) -> None:
    source = APP + f"import os\n\nvalue = os.environ.get({name!r}, 'mysterious')\n"
    (finding,) = found(tmp_path, "secret-default", {"app.py": source, "Dockerfile": IMAGE})
    assert finding.severity == severity


@pytest.mark.parametrize(("more", "count"), [({}, 1), ({"terraform/web.tf": 'resource "x" "web" {}\n'}, 0)])
def test_probes_may_stand_in_terraform(tmp_path: Path, more: dict[str, str], count: int) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "docker-compose.yml": "services:\n  web:\n    build: .\n    restart: always\n", **more}
    assert len(found(tmp_path, "missing-probe", files)) == count


@pytest.mark.parametrize(
    ("restart", "command", "count"),
    [
        ("    restart: unless-stopped\n", "gunicorn -k uvicorn.workers.UvicornWorker --timeout 60 app:app", 1),
        ("    restart: unless-stopped\n", "gunicorn --timeout 60 app:app", 0),  # the master ends a worker that hangs
        ("    restart: 'no'\n", "uvicorn app:app", 0),
        ("", "uvicorn app:app", 0),  # built or tried out, not kept up
    ],
)
def test_only_what_compose_keeps_up_lacks_a_check(tmp_path: Path, restart: str, command: str, count: int) -> None:
    compose = f"services:\n  web:\n    build: .\n{restart}    command: {command}\n"
    files = {"app.py": APP, "Dockerfile": IMAGE, "docker-compose.yml": compose}
    assert len([f for f in found(tmp_path, "missing-probe", files) if f.confidence != "possible"]) == count


@pytest.mark.parametrize(("turn", "count"), [("time.sleep(60)", 0), ("print(open('jobs').read())\n    time.sleep(60)", 1)])
def test_a_loop_that_only_sleeps_cannot_hang(tmp_path: Path, turn: str, count: int) -> None:
    manifest = DEPLOYMENT.replace("gunicorn", "python").replace("app:app", "idle.py")
    files = {"idle.py": f"import time\n\nwhile True:\n    {turn}\n", "k8s/web.yaml": manifest}
    assert len(found(tmp_path, "missing-probe", files)) == count


@pytest.mark.parametrize(
    ("path", "call", "count"),
    [
        ("/ready", "psycopg2.connect('dbname=shop')", 1),
        ("/ready", "requests.get('http://prices/')", 0),  # it has a readiness of its own
        ("/__lbheartbeat__", "psycopg2.connect('dbname=shop')", 0),
    ],
)
def test_readiness_need_not_ask_other_services(tmp_path: Path, path: str, call: str, count: int) -> None:
    app = (
        "import psycopg2\nimport requests\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
        f"@app.get('{path}')\ndef up():\n    return 'ok'\n\n\n@app.get('/orders')\ndef orders():\n    {call}\n    return 'x'\n"
    )
    files = {"app.py": app, "Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "app:app"]\n'}
    assert len(found(tmp_path, "lying-readiness", files)) == count


@pytest.mark.parametrize(
    ("answer", "count"),
    [("'Hello\\n'", 0), ("jsonify({'status': 'OK'}), 200", 0), ("'okra, 3 kg'", 1), ("'Hello ' + find_user()", 1), ("'[]'", 1)],
)
def test_a_greeting_is_a_liveness_route_by_another_name(tmp_path: Path, answer: str, count: int) -> None:
    head = "from flask import Flask, jsonify\n\napp = Flask(__name__)\n\n\n@app.get('/message')\n"
    app = f'{head}def show():\n    """Answer."""\n    return {answer}\n'
    files = {"app.py": app, "Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "app:app"]\n'}
    assert len(found(tmp_path, "no-health-endpoint", files)) == count


@pytest.mark.parametrize(("name", "count"), [("heartbeat", 0), ("index", 1)])
def test_a_handler_may_say_by_its_name_that_it_is_about_health(tmp_path: Path, name: str, count: int) -> None:
    app = f"from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef {name}():\n    return 'x'\n"
    files = {"app.py": app, "Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "app:app"]\n'}
    assert len(found(tmp_path, "no-health-endpoint", files)) == count


COMPOSE = "services:\n  web:\n    build: .\n    environment:\n      APP_SECRET_KEY: changeme\n"
READS_KEY = "import os\n\nKEY = os.environ['APP_SECRET_KEY']\n"


@pytest.mark.parametrize(
    ("check", "more", "places"),
    [
        ("", {}, 1),
        ("", {"docker-compose.small.yml": COMPOSE}, 1),
        ("if KEY == 'changeme':\n    raise SystemExit('give a key')\n", {}, 0),
    ],
)
def test_a_placeholder_is_told_once_and_not_where_the_start_refuses_it(
    tmp_path: Path, check: str, more: dict[str, str], places: int
) -> None:
    files = {"app.py": READS_KEY + check + APP, "Dockerfile": IMAGE, "docker-compose.yml": COMPOSE, **more}
    assert len(found(tmp_path, "secret-default", files)) == places


@pytest.mark.parametrize(
    ("before", "line", "reported"),
    [
        ("", "RATES = requests.get('http://rates', timeout=3)", True),
        ("", "if not os.path.exists('rates'):\n    requests.get('http://rates', timeout=3)", False),
        ("", "if DEV_MODE:\n    requests.get('http://rates', timeout=3)", False),
        ("", "HOST = subprocess.check_output(['hostname'], timeout=3)", False),
        ("def create_app():\n    requests.get('http://rates', timeout=3)\n    return Flask('a')\n", "create_app()", False),
    ],
)
def test_what_an_import_may_do(tmp_path: Path, before: str, line: str, reported: bool) -> None:
    head = "import os\nimport subprocess\nimport requests\nfrom flask import Flask\n\nDEV_MODE = os.environ.get('DEV_MODE')\n"
    files = {"app.py": "import rates\n" + APP, "rates.py": f"{head}{before}\n{line}\n", "Dockerfile": IMAGE}
    assert bool(found(tmp_path, "work-at-import", files)) is reported


@pytest.mark.parametrize(
    ("env", "procfile", "reported"),
    [("", "", True), ("ENV DJANGO_SETTINGS_MODULE=shop.settings.dev\n", "", False), ("", "web: gunicorn shop.wsgi:application\n", False)],
)
def test_a_development_server_beside_a_real_one(tmp_path: Path, env: str, procfile: str, reported: bool) -> None:
    manage = "from django.core.management import execute_from_command_line\n\nexecute_from_command_line()\n"
    wsgi = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"
    image = f'FROM python:3.12\nWORKDIR /app\nCOPY . /app\n{env}CMD ["python", "manage.py", "runserver", "0.0.0.0:80"]\n'
    files = {"manage.py": manage, "shop/__init__.py": "", "shop/wsgi.py": wsgi, "Dockerfile": image}
    assert bool(found(tmp_path, "dev-server", files | ({"Procfile": procfile} if procfile else {}))) is reported


@pytest.mark.parametrize(("name", "reported"), [("REDIS_URL", False), ("LOG_LEVEL", True)])
def test_an_address_that_a_compose_file_gives(tmp_path: Path, name: str, reported: bool) -> None:
    source = "import os\n\nURL = os.environ.get('REDIS_URL', 'redis://localhost:6379')\n" + APP
    compose = f"services:\n  web:\n    build: .\n    environment:\n      {name}: redis://cache:6379\n"
    files = {"app.py": source, "Dockerfile": IMAGE, "docker-compose.dev.yml": compose, "k8s/web.yaml": DEPLOYMENT}
    assert bool(found(tmp_path, "local-default", files)) is reported


@pytest.mark.parametrize(
    ("read", "more", "reported"),
    [
        ("os.environ['RATE']", {}, True),
        ("os.environ['RATE']", {"manifest.yml": "applications:\n- name: web\n"}, False),
        ("os.environ['RATE']", {"docker-compose.yml": COMPOSE.replace("APP_SECRET_KEY", "RATE")}, False),
        ("int(os.environ.get('RATE', '1'))", {"docker-compose.yml": COMPOSE.replace("APP_SECRET_KEY", "RATE")}, True),
    ],
)
def test_settings_that_are_read_late(tmp_path: Path, read: str, more: dict[str, str], reported: bool) -> None:
    source = f"import os\n{APP}\n\n@app.get('/rate')\ndef rate():\n    return str({read})\n"
    assert bool(found(tmp_path, "lazy-config", {"app.py": source, "Dockerfile": IMAGE, **more})) is reported


@pytest.mark.parametrize(("given", "reported"), [("Job(work)", False), ("work()", True)])
def test_a_function_that_an_object_keeps_for_another_process(tmp_path: Path, given: str, reported: bool) -> None:
    source = (
        f"import os\n{APP}\n\nclass Job:\n    def __init__(self, func):\n        self.func = func\n\n\n"
        "def work():\n    return int(os.environ.get('RATE', '1'))\n\n\n"
        f"@app.post('/work')\ndef start():\n    return str({given})\n"
    )
    assert bool(found(tmp_path, "lazy-config", {"app.py": source, "Dockerfile": IMAGE})) is reported


@pytest.mark.parametrize(
    ("before", "after", "reported"),
    [
        ("gunicorn app:app &", "exec celery -A jobs worker", True),
        ("gunicorn app:app &\npid=$!", 'while :; do\n  [ -e "/proc/${pid}" ] || exit 1\n  sleep 9\ndone', False),
        ("gunicorn app:app &\npid=$!", "while kill -0 $pid; do sleep 9; done", False),
        ("serve() {\n  while true; do\n    gunicorn app:app && break\n  done\n}\nserve &", "exec celery -A jobs worker", False),
        ('if [ "$HOT_RELOAD" = "true" ]; then\n  gunicorn app:app &\nfi', "exec celery -A jobs worker", False),
    ],
)
def test_a_script_that_looks_after_what_it_puts_in_the_background(tmp_path: Path, before: str, after: str, reported: bool) -> None:
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["./start.sh"]\n'
    jobs = "from celery import Celery\n\napp = Celery('jobs')\n"
    files = {"app.py": APP, "jobs.py": jobs, "start.sh": f"#!/bin/bash\n{before}\n{after}\n", "Dockerfile": image}
    assert bool(shown(tmp_path, "abandoned-program", files)) is reported


def test_programs_that_one_supervisor_gives_up_are_one_finding(tmp_path: Path) -> None:
    config = "[supervisord]\nnodaemon=true\n\n[program:a]\ncommand=python worker.py\n\n[program:b]\ncommand=python worker.py b\n"
    files = {
        "worker.py": "import time\n\nwhile True:\n    time.sleep(1)\n    print(open('x').read())\n",
        "supervisord.conf": config,
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["supervisord", "-c", "/app/supervisord.conf"]\n',
    }
    (finding,) = found(tmp_path, "abandoned-program", files)
    assert (finding.severity, finding.line, finding.count) == ("medium", 4, 2)


@pytest.mark.parametrize(("command", "certain"), [("python worker.py", True), ("gunicorn app:app", False)])
def test_a_server_that_is_given_up_shows_at_its_port(tmp_path: Path, command: str, certain: bool) -> None:
    files = {
        "worker.py": "import time\n\nwhile True:\n    time.sleep(1)\n    print(open('x').read())\n", "app.py": APP,
        "supervisord.conf": f"[supervisord]\nnodaemon=true\n\n[program:a]\ncommand={command}\n",
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["supervisord", "-c", "/app/supervisord.conf"]\n',
    }  # fmt: skip
    assert [f.confidence == "certain" for f in found(tmp_path, "abandoned-program", files)] == [certain]


@pytest.mark.parametrize(
    ("script", "pid", "reported"),
    [
        ("gunicorn app:app", "", True),
        ("gunicorn app:app", "    pid: host\n", False),
        ('if [ -n "$SOCKET" ]; then\n  gunicorn -b $SOCKET app:app\nfi', "", False),
    ],
)
def test_a_shell_that_keeps_the_signal(tmp_path: Path, script: str, pid: str, reported: bool) -> None:
    files = {
        "app.py": APP,
        "start.sh": f"#!/bin/bash\n{script}\n",
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . /app\n",
        "docker-compose.yml": f"services:\n  web:\n    build: .\n    command: ./start.sh\n{pid}",
    }
    assert bool(shown(tmp_path, "signal-blocked-by-shell", files)) is reported


@pytest.mark.parametrize(("restart", "reported"), [("    restart: always\n", False), ("", True)])
def test_a_command_that_all_manifests_replace(tmp_path: Path, restart: str, reported: bool) -> None:
    files = {
        "app.py": APP,
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD true; gunicorn app:app\n",
        "docker-compose.yml": f'services:\n  web:\n    build: .\n    command: ["gunicorn", "app:app"]\n{restart}',
    }
    assert bool(shown(tmp_path, "signal-blocked-by-shell", files)) is reported


@pytest.mark.parametrize(
    ("variable", "reads", "reported"),
    [
        ("RABBITMQ_DEFAULT_VHOST", "RABBITMQ_VHOST", True),
        ("ENABLE_PROFILER", "DISABLE_PROFILER", True),
        ("VESPA_SKIP_CHECK", "VESPA_URL", False),  # the other program, or a library, of that name may read it
    ],
)
def test_a_variable_that_shares_its_first_word_only(tmp_path: Path, variable: str, reads: str, reported: bool) -> None:
    image = IMAGE.replace("CMD", f"ENV {variable}=1\nCMD")
    files = {"app.py": f"import os\n\nVALUE = os.environ.get({reads!r})\n{APP}", "Dockerfile": image}
    assert bool(shown(tmp_path, "variable-never-read", files)) is reported


@pytest.mark.parametrize(("given", "reported"), [("", False), (", allow_unsafe_werkzeug=True", True)])
def test_a_server_of_sockets(tmp_path: Path, given: str, reported: bool) -> None:
    made = "from flask import Flask\nfrom flask_socketio import SocketIO\n\napp = Flask(__name__)\nio = SocketIO(app)\n"
    source = f"{made}io.run(app{given})\n"
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "app.py"]\n'
    assert bool(shown(tmp_path, "dev-server", {"app.py": source, "Dockerfile": image})) is reported


def test_a_loop_around_a_client_that_connects_to_nothing(tmp_path: Path) -> None:
    source = (
        "import time\nfrom sqlalchemy import create_engine\n\n\ndef connect():\n    while True:\n        try:\n"
        "            engine = create_engine('postgresql://db')\n            break\n        except OSError:\n"
        "            print('cannot connect')\n            time.sleep(2)\n    return engine\n\n\nENGINE = connect()\n"
    )
    files = {"app.py": f"import db\n{APP}", "db.py": source, "Dockerfile": IMAGE}
    assert [f.severity for f in shown(tmp_path, "inert-startup-check", files)] == ["medium"]


@pytest.mark.parametrize(("call", "reported"), [("client.blpop('k', timeout=LIMIT)", False), ("time.sleep(LIMIT)", True)])
def test_a_text_that_a_command_sends_as_text(tmp_path: Path, call: str, reported: bool) -> None:
    source = f"import os\nimport time\nimport redis\n\nLIMIT = os.getenv('LIMIT', 5)\nclient = redis.Redis()\n{call}\n{APP}"
    assert bool(shown(tmp_path, "unconverted-number", {"app.py": source, "Dockerfile": IMAGE})) is reported


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        ('platform.system() == "Windows"', False),  # somebody's desk
        ('os.name == "nt"', False),
        ('sys.platform == "linux"', True),
        ('os.name != "nt"', True),
    ],
)
def test_a_development_server_for_windows(tmp_path: Path, asked: str, reported: bool) -> None:
    source = (
        "import os\nimport platform\nimport sys\n\nimport waitress\nfrom flask import Flask\n\napp = Flask(__name__)\n"
        f'if __name__ == "__main__":\n    if {asked}:\n        app.run(host="0.0.0.0")\n    else:\n        waitress.serve(app)\n'
    )
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "app.py"]\n'
    assert bool(shown(tmp_path, "dev-server", {"app.py": source, "Dockerfile": image})) is reported


STORE = """
import sys
from flask import Flask
from sqlalchemy import MetaData, Table, create_engine
from sqlalchemy.exc import OperationalError


class Store:
    def __init__(self, address):
        self.engine = create_engine(address)
        {rest}


def create_app():
    app = Flask(__name__)
    try:
        app.store = Store({address})
    except OperationalError:
        app.logger.critical("cannot connect to the database")
        sys.exit(1)
    return app
"""


@pytest.mark.parametrize(
    ("rest", "reported"),
    [
        ("self.goods = Table('goods', MetaData())", True),
        ("self.goods = Table('goods', MetaData(), autoload_with=self.engine)", False),
        ("self.engine.connect().close()", False),
        ("self.check()\n\n    def check(self):\n        self.engine.connect().close()", False),
    ],
)
@pytest.mark.parametrize("address", ["'postgresql://db'", "os.environ.get('DATABASE')"])
def test_a_class_whose_constructor_connects_to_nothing(tmp_path: Path, rest: str, reported: bool, address: str) -> None:
    image = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:create_app()"]\n'
    files = {"app.py": f"import os\n{STORE.format(rest=rest, address=address)}", "Dockerfile": image}
    assert bool(shown(tmp_path, "inert-startup-check", files)) is reported


ASKED = (
    "from fastapi import FastAPI, Response\n\nimport stock\n\napp = FastAPI()\n\n\n@app.get('/healthz')\ndef healthz(response: Response):\n"
    "    try:\n        stock.ask()\n    except Exception:\n{arm}        return {{'ok': False}}\n    return {{'ok': True}}\n"
)


@pytest.mark.parametrize(("arm", "found"), [("", 1), ("        response.status_code = 503\n", 0), ("        stock.note = 'down'\n", 1)])
def test_the_status_may_be_set_on_the_response(tmp_path: Path, arm: str, found: int) -> None:
    files = {
        "app.py": ASKED.format(arm=arm),
        "stock.py": "import requests\n\n\ndef ask():\n    requests.get('http://stock/ping', timeout=2).raise_for_status()\n",
        "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["uvicorn", "app:app"]\n',
    }
    assert len(said(tmp_path, "failure-answered-200", files)) == found


@pytest.mark.parametrize("folder", ["", "tools/docker/"])
def test_a_check_that_production_asks_is_judged_wherever_it_stands(tmp_path: Path, folder: str) -> None:
    check = "    healthcheck:\n      test: [CMD, curl, -q, 'http://localhost:8000/healthz']\n"
    service = "  {name}:\n    image: shop\n    command: gunicorn app:app\n"
    files = {
        "app.py": "from flask import Flask\n\napp = Flask(__name__)\n",
        "Dockerfile": "FROM python:3.12\nCOPY . .\n",
        f"{folder}docker-compose.yml": "services:\n" + "".join(service.format(name=n) + check for n in ("web", "hooks")),
    }
    (finding,) = said(tmp_path, "healthcheck-cannot-fail", files)
    assert (finding.count, finding.severity, finding.path) == (2, "medium", f"{folder}docker-compose.yml")
