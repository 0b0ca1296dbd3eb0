"""What tells of a deployed program's state: metrics, probes, the policy by which it is started again."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = """\
from flask import Flask

app = Flask(__name__)


@app.get("/orders")
def orders():
    return "[]"


@app.post("/orders")
def order():
    return "", 202


@app.get("/prices")
def prices():
    return "[]"


@app.get("/stock")
def stock():
    return "[]"
"""
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "-k", "gevent", "app:app"]\n'
SERVED = {"app.py": APP, "Dockerfile": IMAGE}
PLACED = {"Procfile": "web: gunicorn -k gevent app:app\n"}
WORKER = """\
import redis

queue = redis.Redis(host="queue", socket_timeout=30)

if __name__ == "__main__":
    while True:
        queue.blpop("jobs", timeout=20)
"""
WORKS = {"work/worker.py": WORKER, "work/Dockerfile": 'FROM python:3.12\nCOPY worker.py .\nCMD ["python", "worker.py"]\n'}


def test_a_repository_that_measures_nothing_is_told_once(tmp_path: Path) -> None:
    (finding,) = shown(tmp_path, "missing-signals", {**SERVED, **WORKS, **PLACED})
    assert (finding.path, finding.line, finding.severity, finding.count) == ("work/worker.py", 6, "medium", 2)
    assert finding.confidence == "certain"
    (tmp_path / "Procfile").unlink()
    assert not shown(tmp_path, "missing-signals", {**SERVED, **WORKS})  # an image may be for anybody's home


def test_a_grown_service_is_told_wherever_it_runs(tmp_path: Path) -> None:
    parts = {f"part{n}.py": "" for n in range(10)}
    app = "".join(f"import part{n}\n" for n in range(10)) + APP
    (finding,) = shown(tmp_path / "a", "missing-signals", {**SERVED, **parts, "app.py": app})
    assert (finding.severity, finding.confidence) == ("low", "certain")
    desk = IMAGE.replace('"gunicorn", "-k", "gevent", "app:app"', '"flask", "--app", "app", "run", "--host", "0.0.0.0"')
    assert not shown(tmp_path / "b", "missing-signals", {**parts, "app.py": app, "Dockerfile": desk})  # an image to develop with


def test_a_service_is_told_at_its_application(tmp_path: Path) -> None:
    made = "from flask import Flask\n\n\ndef create():\n    app = Flask(__name__)\n    return app\n"
    files = {**SERVED, **PLACED, "app.py": "from made import create\n\napp = create()\n", "made.py": made}
    (finding,) = shown(tmp_path, "missing-signals", files)
    assert (finding.path, finding.line, finding.severity) == ("made.py", 5, "low")


@pytest.mark.parametrize(
    "more",
    [
        {"requirements.txt": "flask\nstatsd==4\n"},
        {"other.py": "import company.telemetry\n"},
        {".env.example": "DD_AGENT_HOST=localhost\n"},
        {"uwsgi.ini": "[uwsgi]\nstats = 127.0.0.1:9191\n"},
        {"docker-compose.yml": "services:\n  web:\n    build: .\n  prometheus:\n    image: prom/prometheus\n"},
    ],
    ids=["requirement", "import", "variable", "server", "image"],
)
def test_whatever_names_something_that_measures_leaves_it_open(tmp_path: Path, more: dict[str, str]) -> None:
    assert not shown(tmp_path, "missing-signals", {**SERVED, **PLACED, **more})


def test_a_program_that_nothing_deploys_is_a_lead(tmp_path: Path) -> None:
    assert not shown(tmp_path, "missing-signals", {"app.py": APP + "\nif __name__ == '__main__':\n    app.run()\n"})


METRICS = "from prometheus_client import Counter\n\nDONE = Counter('done', 'done')\nLOST = Counter('lost', 'lost')\n"
COUNTS = "{how}\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    {use}\n    return 'x'\n\n\napp.run()\n"


@pytest.mark.parametrize(
    ("how", "use", "unused"),
    [
        ("from metrics import DONE, LOST", "DONE.inc()", ["LOST"]),
        ("import metrics", "metrics.DONE.inc()", ["LOST"]),
        ("import metrics", "metrics.DONE.inc(), metrics.LOST.inc()", []),
        ("from metrics import DONE, LOST as gone", "DONE.inc(), gone.inc()", []),
        ("import metrics", "metrics.DONE.inc(), getattr(metrics, 'LO' + 'ST').inc()", []),
        ("from metrics import DONE, LOST", "DONE.inc(), print([LOST])", []),
    ],
)
def test_a_metric_that_nothing_sets(tmp_path: Path, how: str, use: str, unused: list[str]) -> None:
    app = "from flask import Flask\n" + COUNTS.format(how=how, use=use)
    files = {"app.py": app, "metrics.py": METRICS}
    assert [f.message.split()[3] for f in shown(tmp_path, "unused-metric", files)] == unused


COMPOSE = "services:\n  web:\n    build: .\n{web}  redis:\n    image: redis:7\n{redis}"
KEPT, ONCE = "    restart: unless-stopped\n", "    restart: 'no'\n"


@pytest.mark.parametrize(
    ("name", "web", "redis", "lines"),
    [
        ("docker-compose.yml", KEPT, "", [5]),
        ("docker-compose.yml", KEPT, KEPT, []),
        ("docker-compose.yml", KEPT, ONCE, []),
        ("docker-compose.yml", KEPT, "    profiles: [cache]\n", []),
        ("docker-compose.yml", "", KEPT, []),  # copied from the documentation of the image
        ("docker-compose.yml", "", "", []),  # nothing says that it is for production
        ("docker-compose.prod.yml", "", "", [2]),
        ("docker-compose.dev.yml", KEPT, "", []),
    ],
)
def test_services_that_nothing_starts_again(tmp_path: Path, name: str, web: str, redis: str, lines: list[int]) -> None:
    files = {**SERVED, name: COMPOSE.format(web=web, redis=redis)}
    assert [f.line for f in shown(tmp_path, "no-restart-policy", files)] == lines


@pytest.mark.parametrize(("waits_for", "told"), [("redis", True), ("database", False)])
def test_a_file_that_waits_for_what_it_does_not_have_is_only_a_part(tmp_path: Path, waits_for: str, told: bool) -> None:
    web = f"    depends_on: [{waits_for}]\n"
    files = {**SERVED, "docker-compose.prod.yml": COMPOSE.format(web=web, redis=KEPT)}
    assert bool(shown(tmp_path, "no-restart-policy", files)) is told


def test_a_policy_in_the_file_that_is_merged_over_it(tmp_path: Path) -> None:
    merged = "services:\n  redis:\n    image: redis:7\n    restart: always\n"
    files = {**SERVED, "docker-compose.yml": COMPOSE.format(web=KEPT, redis=""), "docker-compose.live.yml": merged}
    assert not shown(tmp_path, "no-restart-policy", files)


def test_staging_beside_production_is_one_habit(tmp_path: Path) -> None:
    text = COMPOSE.format(web="", redis="")
    files = {**SERVED, "docker-compose.production.yml": text, "docker-compose.staging.yml": text}
    (finding,) = shown(tmp_path, "no-restart-policy", files)
    assert (finding.path, finding.count) == ("docker-compose.production.yml", 3)


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
          command: [sh, -c, "{first}exec gunicorn -k gevent app:app"]
{probes}
"""
LIVE = "          livenessProbe:\n            httpGet: {{path: /orders, port: 8000}}\n            failureThreshold: {}"
START = "\n          startupProbe:\n            httpGet: {path: /orders, port: 8000}"


@pytest.mark.parametrize(
    ("first", "probes", "fires"),
    [
        ("flask db upgrade && ", LIVE.format(3), True),
        ("alembic upgrade head && ", LIVE.format(3), True),
        ("", LIVE.format(3), False),
        ("flask db upgrade && ", LIVE.format(90), False),
        ("flask db upgrade && ", LIVE.format(3) + START, False),
    ],
)
def test_a_migration_under_a_liveness_probe(tmp_path: Path, first: str, probes: str, fires: bool) -> None:
    files = {"app.py": APP, "k8s/web.yaml": DEPLOYMENT.format(first=first, probes=probes)}
    assert bool(shown(tmp_path, "killed-while-starting", files)) is fires


@pytest.mark.parametrize(("worker", "told"), [("-k gevent ", ["low"]), ("--timeout 30 ", [])])
def test_readiness_without_liveness(tmp_path: Path, worker: str, told: list[str]) -> None:
    text = DEPLOYMENT.format(first="", probes="          readinessProbe:\n            httpGet: {path: /orders, port: 8000}")
    files = {"app.py": APP, "k8s/web.yaml": text.replace("-k gevent ", worker)}
    assert [f.severity for f in shown(tmp_path, "missing-probe", files)] == told


def test_a_file_named_for_production_needs_no_policy_to_count(tmp_path: Path) -> None:
    (finding,) = shown(tmp_path, "missing-probe", {**SERVED, "docker-compose.prod.yml": "services:\n  web:\n    build: .\n"})
    assert (finding.path, finding.line) == ("docker-compose.prod.yml", 2)


def test_an_image_that_does_not_ask_the_route_there_is_is_a_lead(tmp_path: Path) -> None:
    files = {**SERVED, "app.py": APP.replace("/stock", "/health")}
    assert [f.confidence for f in said(tmp_path, "missing-probe", files)] == ["possible"]


@pytest.mark.parametrize(
    ("old", "new", "sure"),
    [
        ("x", "x", True),
        ('"/stock"', '"/orders/<id>/status"', True),
        ("@app.get(\"/stock\")\ndef stock():\n    return \"[]\"\n", "", False),  # few routes
        ("from flask import Flask", "import dockerflow.flask\nfrom flask import Flask", False),
    ],
    ids=["none", "status of one thing", "few", "a library"],
)
def test_an_image_without_a_health_route(tmp_path: Path, old: str, new: str, sure: bool) -> None:
    files = {**SERVED, **PLACED, "app.py": APP.replace(old, new)}
    (finding,) = said(tmp_path, "no-health-endpoint", files)
    assert (finding.path, finding.confidence == "certain") == ("app.py", sure)


@pytest.mark.parametrize(("made", "count"), [("flask import Flask", 1), ("company.base import Flask", 0)])
def test_application_of_a_companys_package_may_measure_itself(tmp_path: Path, made: str, count: int) -> None:
    files = {**SERVED, **PLACED, "app.py": APP.replace("flask import Flask", made)}
    assert len(shown(tmp_path, "missing-signals", files)) == count


@pytest.mark.parametrize(("text", "count"), [("Also a health check.", 0), ("All orders.", 1)])
def test_route_whose_description_says_health(tmp_path: Path, text: str, count: int) -> None:
    app = APP.replace("from flask import Flask", "from fastapi import FastAPI as Flask").replace("Flask(__name__)", "Flask()")
    files = {**SERVED, **PLACED, "app.py": app.replace('@app.get("/orders")', f'@app.get("/", description="{text}")')}
    assert len(shown(tmp_path, "no-health-endpoint", files)) == count


@pytest.mark.parametrize(("services", "counts"), [(2, [1, 1]), (4, [4])])
def test_images_that_are_built_alike_are_told_once(tmp_path: Path, services: int, counts: list[int]) -> None:
    files = {f"part{n}/app.py": APP for n in range(services)}
    files |= {f"part{n}/Dockerfile": IMAGE for n in range(services)}
    service = "  part{n}:\n    build: part{n}\n    restart: always\n"
    files["docker-compose.prod.yml"] = "services:\n" + "".join(service.format(n=n) for n in range(services))
    assert [f.count for f in shown(tmp_path, "missing-probe", files)] == counts
