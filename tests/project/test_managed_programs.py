"""Programs behind ``manage.py``: a worker beside the commands of that file, and commands of other libraries."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

MANAGE = """import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
"""
TASKS = """import functools

from huey import crontab
from huey.contrib.djhuey import HUEY as huey


def task(retries=5):
    def deco(func):
        @functools.wraps(func)
        def inner(*args, **kwargs):
            return func(*args, **kwargs)

        return huey.task(retries=retries)(inner)

    return deco


@task()
def send(order):
    print(order)


@huey.periodic_task(crontab(minute="*"))
def sweep():
    print("sweep")


def helper():
    print("called by nobody")
"""
FILES = {
    "manage.py": MANAGE,
    "shop/__init__.py": "",
    "shop/settings.py": 'INSTALLED_APPS = ["shop.apps.Shop", "huey.contrib.djhuey"]\n',
    "shop/apps.py": 'from django.apps import AppConfig\n\n\nclass Shop(AppConfig):\n    name = "shop"\n',
    "shop/tasks.py": TASKS,
    "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["/app/start.sh"]\n',
    "start.sh": "#!/bin/sh\nset -e\npython manage.py migrate\nexec python manage.py run_huey\n",
    "desk.sh": "#!/bin/sh\npython manage.py runserver\n",
}


def test_a_worker_of_manage_py_is_a_program_of_its_own(tmp_path: Path) -> None:
    project = written(tmp_path, FILES)
    assert {e.id: e.kind for e in project.entrypoints} == {"manage.py run_huey": "worker", "manage.py": "job"}
    worker = project.entrypoints[0]
    assert "shop/tasks.py" in {module.path for module in worker.modules}


@pytest.mark.parametrize(("name", "runs"), [("send", True), ("sweep", True), ("helper", False)])
def test_the_worker_runs_the_jobs_of_the_applications(tmp_path: Path, name: str, runs: bool) -> None:
    project = written(tmp_path, FILES)
    func = project.index.modules["shop/tasks.py"].functions[name]
    assert bool(project.function_runs_in(func, "serving", kinds=("worker",))) is runs


def test_a_command_of_flask_script_is_a_command(tmp_path: Path) -> None:
    tool = "from flask_script import Command\n\n\nclass Load(Command):\n    def run(self):\n        print('loaded')\n"
    main = (
        "from flask_script import Manager\n\nfrom tool import Load\n\n\ndef main():\n    manager = Manager(None)\n"
        "    manager.add_command('load', Load)\n    manager.run()\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    project = written(tmp_path, {"main.py": main, "tool.py": tool})
    func = project.index.modules["tool.py"].functions["Load.run"]
    assert project.function_runs_in(func, "serving", kinds=("cli",))


WSGI = (
    'import os\n\nfrom django.core.wsgi import get_wsgi_application\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")\n'
    "application = get_wsgi_application()\n"
)
PACKAGED = {
    "shop/__init__.py": "",
    "shop/wsgi.py": WSGI,
    "settings/__init__.py": "",
    "settings/common.py": (
        'import os\nimport sys\n\nAPPS = os.path.join(os.path.dirname(__file__), "..", "apps")\nsys.path.append(APPS)\n'
        'ROOT_URLCONF = "shop.urls"\n'
    ),
    "settings/prod.py": "from .common import *\n\nDEBUG = False\n",
    "settings/dev.py": "from .common import *\n\nDEBUG = True\n",
    "shop/urls.py": 'from django.urls import include, path\n\nurlpatterns = [path("", include("orders.urls"))]\n',
    "apps/__init__.py": "",
    "apps/orders/__init__.py": "",
    "apps/orders/urls.py": 'from django.urls import path\n\nfrom orders import views\n\nurlpatterns = [path("x", views.x)]\n',
    "apps/orders/views.py": "def x(request):\n    return None\n",
    "Procfile": "web: gunicorn shop.wsgi:application\n",
}


def test_of_a_package_that_only_holds_settings_those_of_production_are_loaded(tmp_path: Path) -> None:
    project = written(tmp_path, PACKAGED)
    (service,) = project.entrypoints
    loaded = {module.path for module in service.modules}
    assert {"settings/prod.py", "settings/common.py", "shop/urls.py", "apps/orders/views.py"} <= loaded
    assert "settings/dev.py" not in loaded


@pytest.mark.parametrize(("name", "loads"), [("Dockerfile", True), ("Dockerfile.dev", False)])
def test_the_environment_of_a_launch_names_the_settings(tmp_path: Path, name: str, loads: bool) -> None:
    image = "FROM python:3.12\nENV DJANGO_SETTINGS_MODULE=shop.production\nWORKDIR /app\nCOPY . /app\n"
    files = {
        "shop/__init__.py": "",
        "shop/wsgi.py": WSGI.replace('"settings"', '"shop.local"'),
        "shop/local.py": 'ROOT_URLCONF = "shop.urls"\n',
        "shop/production.py": "import shop.extra\n",
        "shop/extra.py": "",
        name: image + 'CMD ["gunicorn", "shop.wsgi:application"]\n',
    }
    (service,) = written(tmp_path, files).entrypoints
    loaded = {module.path for module in service.modules}
    assert "shop/local.py" in loaded
    assert ("shop/extra.py" in loaded) is loads


def test_a_server_behind_manage_py_loads_the_settings_that_main_names(tmp_path: Path) -> None:
    files = {k: v for k, v in FILES.items() if k != "start.sh"} | {
        "start.sh": "#!/bin/sh\nset -e\nexec python manage.py runserver 0.0.0.0:8000\n",
    }
    service = next(e for e in written(tmp_path, files).entrypoints if e.kind == "service")
    assert "shop/settings.py" in {module.path for module in service.modules}


@pytest.mark.parametrize("release", ["", "release: flask tasks sweep\n"])
@pytest.mark.parametrize("made", ["from flask import Blueprint\n\nbp = Blueprint('tasks', __name__)", "from blue import bp"])
def test_the_commands_of_a_flask_application_are_a_program_beside_it(tmp_path: Path, made: str, release: str) -> None:
    files = {
        "blue.py": "from apiflask import APIBlueprint\n\nbp = APIBlueprint('tasks', __name__, cli_group='tasks')\n",
        "tasks.py": f"{made}\n\n\n@bp.cli.command('sweep')\ndef sweep():\n    print('sweep')\n\n\n@bp.get('/')\ndef home():\n    pass\n",
        "app.py": "from flask import Flask\n\nfrom tasks import bp\n\napp = Flask(__name__)\napp.register_blueprint(bp)\n",
        "Procfile": f"web: gunicorn app:app\n{release}",
    }
    project = written(tmp_path, files)
    kind = "job" if release else "cli"
    assert {e.kind for e in project.entrypoints} == {"service", kind}
    phases = {f.name: {e.kind for e in project.phases_by_entrypoint(f)} for f in project.functions if f.name in ("sweep", "home")}
    assert phases == {"sweep": {kind}, "home": {"service"}}
