"""What a program imports: also what a library imports for it, by name."""

from __future__ import annotations

from pathlib import Path

from project.made_repository import written

FILES = {
    "shop/celery.py": "from celery import Celery\n\napp = Celery('shop')\napp.autodiscover_tasks()\n",
    "mails/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef send(address):\n    print(address)\n",
    "tools/tasks.py": "import pkg.metrics\nfrom pkg import lazy\n",
    "pkg/__init__.py": "",
    "pkg/metrics.py": "COUNT = 1\n",
    "pkg/lazy.py": "def later():\n    import pkg.heavy\n\n    return pkg.heavy\n",
    "pkg/heavy.py": "",
}


def test_celery_imports_the_tasks_modules_that_it_discovers(tmp_path: Path) -> None:
    project = written(tmp_path, FILES)
    found = project.closure.of(project.index.modules["shop/celery.py"])
    assert "mails/tasks.py" in {module.path for module in found}


def test_at_import_leaves_out_what_functions_import(tmp_path: Path) -> None:
    project = written(tmp_path, FILES)
    module = project.index.modules["tools/tasks.py"]
    assert "pkg/heavy.py" in {x.path for x in project.closure.of(module)}
    found = {x.path for x in project.closure.at_import(module)}
    assert found >= {"pkg/metrics.py", "pkg/lazy.py"} and "pkg/heavy.py" not in found
