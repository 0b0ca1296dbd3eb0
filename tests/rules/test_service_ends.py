"""How services and workers end, and who answers their probes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said, shown

from runtime_ops.facts.kubernetes import read_kubernetes

WORKER = (
    "import logging\nimport time\n\nimport redis\n\nlog = logging.getLogger(__name__)\n"
    "queue = redis.Redis(host='queue', socket_timeout=5)\n\n\n"
    "def main():\n    try:\n        while True:\n            queue.lpop('jobs')\n            time.sleep(1)\n{arm}"
    "{after}\n\nif __name__ == '__main__':\n    main()\n"
)
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "worker.py"]\n'


@pytest.mark.parametrize(
    ("arm", "after", "reported"),
    [
        ("    except Exception:\n        log.exception('failed')\n", "", True),
        ("    except KeyboardInterrupt:\n        log.info('bye')\n", "", False),
        ("    except Exception:\n        log.exception('failed')\n        raise\n", "", False),
        ("    except Exception:\n        log.exception('failed')\n        raise SystemExit(1)\n", "", False),
        ("    except Exception:\n        log.exception('failed')\n", "    raise SystemExit(1)\n", False),
        ("    except Exception:\n        log.exception('failed')\n        failed = True\n", "    exit(failed)\n", False),
    ],
)
def test_a_main_that_catches_everything(tmp_path: Path, arm: str, after: str, reported: bool) -> None:
    files = {"worker.py": WORKER.format(arm=arm, after=after), "Dockerfile": IMAGE}
    assert [f.severity for f in shown(tmp_path, "success-after-failure", files)] == ["medium"] * reported


COMPOSE = "services:\n  worker:\n    build: .\n    restart: {restart}\n"


@pytest.mark.parametrize(
    ("arm", "restart", "told"),
    [
        ("log.exception('failed')", "on-failure", [("certain", "medium")]),
        ("log.exception('failed')", "always", [("certain", "low")]),
        ("log.exception('failed')\n        time.sleep(30)", "on-failure", [("likely", "medium")]),
        ("log.info('end')", "on-failure", [("likely", "medium")]),
    ],
    ids=["a crash", "started again after any end", "it slows the restart down", "no word of a failure"],
)
def test_a_crash_that_looks_like_a_wanted_stop(tmp_path: Path, arm: str, restart: str, told: list[tuple[str, str]]) -> None:
    code = WORKER.format(arm=f"    except Exception:\n        {arm}\n", after="")
    files = {"worker.py": code, "Dockerfile": IMAGE, "docker-compose.yml": COMPOSE.format(restart=restart)}
    assert [(f.confidence, f.severity) for f in said(tmp_path, "success-after-failure", files)] == told


THREAD = (
    "import threading\nimport time\n\nimport requests\n\n{hook}\n"
    "def run():\n    while True:\n        requests.get('http://h', timeout=5).raise_for_status()\n        time.sleep(1)\n\n\n"
    "def main():\n    thread = threading.Thread(target=run)\n    thread.start()\n    thread.join()\n{after}\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("hook", "after", "reported"),
    [
        ("", "", True),
        ("", "    raise SystemExit(1)\n", False),
        ("threading.excepthook = print\n", "", False),
    ],
)
def test_a_main_that_joins_the_thread_that_serves(tmp_path: Path, hook: str, after: str, reported: bool) -> None:
    files = {"worker.py": THREAD.format(hook=hook, after=after), "Dockerfile": IMAGE}
    assert bool(shown(tmp_path, "success-after-failure", files)) is reported


ENDING = (
    "    try:\n        while True:\n            try:\n                requests.get('http://h', timeout=5).raise_for_status()\n"
    "            except BlockingIOError:\n                pass\n            time.sleep(1)\n    except Exception:\n"
    "        print('the end')\n"
)


@pytest.mark.parametrize(
    ("call", "confidence"),
    [
        ("requests.get('http://h', timeout=5).raise_for_status()", "certain"),
        ("try:\n            requests.get('http://h', timeout=5)\n        except OSError:\n            continue", "likely"),
        ("ASK", "certain"),
    ],
    ids=["nothing takes it", "some of its failures are taken", "an arm says that the thread ends"],
)
def test_what_ends_a_thread_that_main_joins(tmp_path: Path, call: str, confidence: str) -> None:
    code = THREAD.format(hook="", after="").replace("requests.get('http://h', timeout=5).raise_for_status()", call)
    code = code.replace("    while True:\n        ASK\n        time.sleep(1)\n", ENDING)
    found = said(tmp_path, "success-after-failure", {"worker.py": code, "Dockerfile": IMAGE})
    assert [f.confidence for f in found] == [confidence]


METRICS = (
    "import time\n\nimport redis\nfrom prometheus_client import start_http_server\n\n"
    "queue = redis.Redis(host='queue', socket_timeout=5)\n\n\ndef main():\n    start_http_server({port})\n    while True:\n"
    "        queue.lpop('jobs')\n        time.sleep(1)\n\n\nif __name__ == '__main__':\n    main()\n"
)
TEMPLATE = """apiVersion: v1
kind: Template
objects:
- apiVersion: cloud.redhat.com/v1alpha1
  kind: ClowdApp
  metadata:
    name: shop
  spec:
    deployments:
    - name: worker
      minReplicas: ${{REPLICAS}}
      podSpec:
        image: ${IMAGE}:${TAG}
        command: ["python", "worker.py"]
        livenessProbe:
          httpGet:
            path: /metrics
            port: ${{PORT}}
        env:
        - name: LOG_LEVEL
          value: ${LOG_LEVEL}
    jobs:
    - name: nightly
      schedule: "@daily"
      podSpec:
        image: ${IMAGE}:${TAG}
parameters:
- name: IMAGE
  value: quay.io/shop/worker
- name: REPLICAS
  value: "2"
- name: PORT
  value: "9000"
- name: TAG
  required: true
- name: LOG_LEVEL
  value: INFO
"""


@pytest.mark.parametrize(("port", "reported"), [("9000", True), ("9100", False)])
def test_a_probe_of_the_metrics_server(tmp_path: Path, port: str, reported: bool) -> None:
    files = {"worker.py": METRICS.format(port=port), "Dockerfile": IMAGE, "deploy/template.yaml": TEMPLATE}
    found = shown(tmp_path, "blind-liveness", files)
    assert [(f.path, f.line) for f in found] == [("deploy/template.yaml", 15)] * reported


def test_a_clowder_application_in_an_openshift_template() -> None:
    made = read_kubernetes("deploy/template.yaml", TEMPLATE)
    assert made is not None
    assert [(w.kind, w.name.text if w.name else "") for w in made.workloads] == [("ClowdApp", "worker"), ("CronJob", "nightly")]
    worker = made.workloads[0]
    assert worker.replicas is not None
    assert worker.replicas.text == "2"
    (container,) = worker.containers
    assert container.image is not None
    assert container.image.text == "quay.io/shop/worker:${TAG}"
    assert container.image.templated
    assert [(v.name, v.value.text) for v in container.env if v.value] == [
        ("ACG_CONFIG", "/cdapp/cdappconfig.json"), ("LOG_LEVEL", "INFO"),
    ]  # fmt: skip
