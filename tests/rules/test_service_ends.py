"""How services and workers end, and who answers their probes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import shown

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
