"""Settings of celery that need a namespace."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import shown

APP = "from celery import Celery\napp = Celery('shop')\napp.config_from_object({0})\n@app.task\ndef send():\n    return 1\n"


@pytest.mark.parametrize(
    ("given", "setting", "fires"),
    [
        ("'django.conf:settings'", "CELERY_TASK_TIME_LIMIT = 60", True),
        ("'django.conf:settings'", "CELERYD_TASK_TIME_LIMIT = 60", False),
        ("'django.conf:settings', namespace='CELERY'", "CELERY_TASK_TIME_LIMIT = 60", False),
        ("'django.conf:settings', False, False, 'CELERY'", "CELERY_TASK_TIME_LIMIT = 60", False),
        ("'shop.settings'", "CELERY_TASK_TIME_LIMIT = 60", True),
        ("'elsewhere.settings'", "CELERY_TASK_TIME_LIMIT = 60", False),
    ],
)
def test_names_that_only_a_namespace_makes_settings(tmp_path: Path, given: str, setting: str, fires: bool) -> None:
    files = {"shop/__init__.py": "", "shop/work.py": APP.format(given), "shop/settings.py": f"INSTALLED_APPS = []\n{setting}\n"}
    found = shown(tmp_path, "ignored-setting", files)
    assert [(f.path, f.line, f.confidence) for f in found] == [("shop/work.py", 3, "certain")] * fires


def test_a_namespace_given_to_the_application_holds(tmp_path: Path) -> None:
    work = APP.format("'shop.settings'").replace("Celery('shop')", "Celery('shop', namespace='CELERY')")
    files = {"shop/__init__.py": "", "shop/work.py": work, "shop/settings.py": "CELERY_TASK_TIME_LIMIT = 60\n"}
    assert not shown(tmp_path, "ignored-setting", files)


@pytest.mark.parametrize(("by_hand", "fires"), [("app.conf.task_time_limit = 60\n", False), ("app.conf.task_acks_late = True\n", True)])
def test_what_the_application_sets_beside_what_it_loads(tmp_path: Path, by_hand: str, fires: bool) -> None:
    work = APP.format("'shop.settings'") + by_hand
    files = {"shop/__init__.py": "", "shop/work.py": work, "shop/settings.py": "CELERY_TASK_TIME_LIMIT = 60\n"}
    assert bool(shown(tmp_path, "ignored-setting", files)) is fires


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("\"SQLALCHEMY_ENGINE_OPTIONS['pool_timeout']\"", ["medium"]),
        ("\"SQLALCHEMY_ENGINE_OPTIONS['echo']\"", ["low"]),
        ('"SQLALCHEMY_ENGINE_OPTIONS"', []),
        ("\"orders[0]\"", []),
        ("f\"SHOP_{'x'}\"", []),
    ],
)
def test_brackets_within_the_name_of_a_setting(tmp_path: Path, name: str, severity: list[str]) -> None:
    app = f"from flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n    app.config[{name}] = 5\n    return app\n"
    assert [f.severity for f in shown(tmp_path, "ignored-setting", {"app.py": app})] == severity


def test_a_mapping_that_is_no_configuration_may_have_any_key(tmp_path: Path) -> None:
    app = "from flask import Flask\n\napp = Flask(__name__)\nnames = {}\nnames[\"OPTIONS['pool_size']\"] = 5\n"
    assert not shown(tmp_path, "ignored-setting", {"app.py": app})
