"""The jobs of a worker that nothing which is read tells it to import."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["celery", "-A", "shop.worker", "worker"]\n'
WORKER = "import celery\n\napp = celery.Celery('shop')\napp.config_from_object('platform_settings:Worker')\n"
TASK = "from shop.worker import app\n\n\n@app.task\ndef ship():\n    return None\n"
CLASS = (
    "import celery\n\nfrom shop.worker import app\n\n\nclass Ship(celery.Task):\n    def run(self):\n        return None\n\n\n"
    "SHIP = app.register_task(Ship())\n"
)


def loaded(root: Path, worker: str, files: dict[str, str]) -> set[str]:
    project = written(root, {"Dockerfile": IMAGE, "shop/__init__.py": "", "shop/worker.py": worker, **files})
    found = next(e for e in project.entrypoints if e.kind == "worker" and e.launches)
    return {module.path for module in found.modules}


@pytest.mark.parametrize("text", [TASK, CLASS])
def test_a_worker_that_is_seen_to_load_no_job_has_those_of_its_application(tmp_path: Path, text: str) -> None:
    assert "shop/shipping.py" in loaded(tmp_path, WORKER, {"shop/shipping.py": text})


def test_a_worker_that_says_what_it_loads_is_believed(tmp_path: Path) -> None:
    worker = WORKER.replace("Celery('shop')", "Celery('shop', include=['shop.orders'])")
    found = loaded(tmp_path, worker, {"shop/orders.py": TASK, "shop/shipping.py": TASK})
    assert "shop/orders.py" in found and "shop/shipping.py" not in found


def test_what_takes_the_application_and_registers_nothing_is_no_job(tmp_path: Path) -> None:
    assert "shop/client.py" not in loaded(tmp_path, WORKER, {"shop/client.py": "from shop.worker import app\n\napp.send_task('x')\n"})
