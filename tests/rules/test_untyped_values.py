"""Settings of django-configurations that take the text of a variable as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

SETTINGS = (
    "from configurations import Configuration, values\n\n\nclass {name}(Configuration):\n    INSTALLED_APPS = []\n"
    "    USE_JSON = values.{kind}\n"
)
WSGI = (
    "import os\n\nfrom configurations.wsgi import get_wsgi_application\n\nimport shop.settings\n\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n"
)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("Production", "Value(True)", "leaves it on"),
        ("Production", "Value(False)", "turns it on"),
        ("Production", "BooleanValue(True)", None),
        ("Production", "Value('json')", None),
        ("Development", "Value(True)", None),
    ],
)
def test_a_flag_that_is_no_boolean_value(tmp_path: Path, name: str, kind: str, says: str | None) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/settings.py": SETTINGS.format(name=name, kind=kind),
        "shop/wsgi.py": WSGI,
        "Dockerfile": 'FROM python:3.13-slim\nCOPY . .\nCMD ["gunicorn", "shop.wsgi:application"]\n',
    }
    assert [says is not None and says in f.message for f in shown(tmp_path, "misparsed-flag", files)] == [True] * (says is not None)
