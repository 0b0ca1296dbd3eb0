"""Which settings a Django program loads, where no statement and no text of its own file names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

WSGI = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"
MANAGE = 'import os\n\nif __name__ == "__main__":\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")\n'
SETTINGS = 'ROOT_URLCONF = "site1.urls"\n'
STARTED = 'FROM python:3.12\n{env}CMD ["gunicorn", "site1.wsgi:application"]\n'


def loaded(root: Path, files: dict[str, str], *, env: str = "", settings: str = "site1.settings") -> set[str]:
    made = {
        "Dockerfile": STARTED.format(env=env),
        "manage.py": MANAGE.format(settings=settings),
        "site1/__init__.py": "",
        "site1/wsgi.py": WSGI,
        "site1/urls.py": "urlpatterns = []\n",
    }
    project = written(root, {**made, **files})
    service = next(e for e in project.entrypoints if e.path == "site1/wsgi.py")
    return {module.path for module in service.modules}


def test_the_environment_of_a_launch_names_the_settings(tmp_path: Path) -> None:
    files = {"site1/real.py": SETTINGS, "site1/settings.py": SETTINGS}
    found = loaded(tmp_path, files, env="ENV DJANGO_SETTINGS_MODULE=site1.real\n")
    assert {"site1/real.py", "site1/urls.py"} <= found and "site1/settings.py" not in found


def test_without_an_artifact_that_says_them_those_of_manage_are_taken(tmp_path: Path) -> None:
    assert {"site1/settings.py", "site1/urls.py"} <= loaded(tmp_path, {"site1/settings.py": SETTINGS})


def test_for_settings_of_development_the_others_beside_them_are_taken(tmp_path: Path) -> None:
    files = {"site1/conf/__init__.py": "", "site1/conf/local.py": SETTINGS, "site1/conf/production.py": SETTINGS}
    found = loaded(tmp_path, files, settings="site1.conf.local")
    assert "site1/conf/production.py" in found and "site1/conf/local.py" not in found


def test_a_file_that_assigns_the_variable_has_no_other_settings(tmp_path: Path) -> None:
    named = 'import os\n\nos.environ["DJANGO_SETTINGS_MODULE"] = "site1.real"\n' + WSGI
    files = {"site1/wsgi.py": named, "site1/real.py": SETTINGS, "site1/settings.py": SETTINGS}
    found = loaded(tmp_path, files)
    assert "site1/real.py" in found and "site1/settings.py" not in found


@pytest.mark.parametrize(
    ("included", "taken"),
    [
        ('"parts/mail.py"', {"mail.py"}),
        ('"parts/*.py"', {"mail.py", "urls.py"}),
        ('optional("parts/mail.py"), "parts/none.py"', {"mail.py"}),
        ("name", set()),
    ],
)
def test_split_settings_include_files_by_their_paths(tmp_path: Path, included: str, taken: set[str]) -> None:
    text = f"from split_settings.tools import include, optional\n\nname = 1\ninclude({included})\n"
    files = {"site1/settings.py": text, "site1/parts/mail.py": SETTINGS, "site1/parts/urls.py": SETTINGS, "site1/parts/dev.py": ""}
    found = loaded(tmp_path, files)
    assert {path.rpartition("/")[2] for path in found if "/parts/" in path} == taken


def test_what_a_factory_of_celery_includes_is_loaded(tmp_path: Path) -> None:
    factory = (
        "from celery import Celery\n\n\ndef make(**options):\n    options['include'] = ['work.tasks', 'work.none']\n"
        "    return Celery('work', **options)\n\n\napp = make()\n"
    )
    files = {"work/__init__.py": "", "work/app.py": factory, "work/tasks.py": "", "work/other.py": ""}
    project = written(tmp_path, files)
    found = {module.path for module in project.closure.of(project.index.modules["work/app.py"])}
    assert found == {"work/__init__.py", "work/app.py", "work/tasks.py"}


@pytest.mark.parametrize(
    ("put", "taken"),
    [
        ("RUN cp docker/config.py site1/deployed.py\n", True),
        ("RUN set -eux; \\\n    cp ./docker/config.py site1/deployed.py; \\\n    python -V\n", True),
        ("COPY docker/config.py /app/site1/deployed.py\n", True),
        ("COPY docker/config.py /app/site1/other.py\n", False),  # another module
        ("RUN cp docker/none.py site1/deployed.py\n", False),  # no file of the repository
        ("", False),
    ],
)
def test_settings_that_the_image_gets_under_another_name(tmp_path: Path, put: str, taken: bool) -> None:
    files = {"docker/config.py": SETTINGS, "site1/settings.py": SETTINGS}
    found = loaded(tmp_path, files, env=f"WORKDIR /app\nCOPY . .\n{put}ENV DJANGO_SETTINGS_MODULE=site1.deployed\n")
    assert ("docker/config.py" in found) is taken


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        ({"site1/conf/base.py": SETTINGS}, True),
        ({"site1/conf/base.py": SETTINGS, "site1/conf/second.py": SETTINGS}, False),  # which of them is not known
        ({"site1/other/base.py": SETTINGS}, False),
    ],
)
def test_settings_that_are_written_at_install_build_on_the_ones_beside(tmp_path: Path, others: dict[str, str], taken: bool) -> None:
    files = {"site1/conf/live.py.example": "from site1.conf.base import *\n", **others}
    found = loaded(tmp_path, files, settings="site1.conf.live")
    assert ("site1/conf/base.py" in found) is taken


def test_settings_that_a_library_loads_are_those_beside(tmp_path: Path) -> None:
    """dynaconf reads the files of the folder: no import names the one that says which URLs there are."""
    files = {
        "site1/conf/__init__.py": "",
        "site1/conf/default.py": "import dynaconf\n\ndynaconf.DjangoDynaconf(__name__, settings_files=['core.py'])\n",
        "site1/conf/core.py": SETTINGS,
        "site1/conf/development.py": 'ROOT_URLCONF = "site1.desk_urls"\n',
        "site1/desk_urls.py": "urlpatterns = []\n",
    }
    found = loaded(tmp_path, files, settings="site1.conf.default")
    assert {"site1/conf/core.py", "site1/urls.py"} <= found and "site1/desk_urls.py" not in found
