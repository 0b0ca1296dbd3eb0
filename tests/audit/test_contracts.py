"""What the contract says where a kind of program could not be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_ops.contracts import Ground, contract, ground
from runtime_ops.discover import discover
from runtime_ops.findings import PROMISES, Evidence, Finding
from runtime_ops.gather import gather
from runtime_ops.project.build import Project

MAIN = """import asyncio

import unheard_of


async def main():
    async with unheard_of.Client() as client:
        await client.begin()


if __name__ == "__main__":
    asyncio.run(main())
"""
IMAGE = """FROM python:3.12-slim
COPY app.py .
CMD ["python", "app.py"]
"""


@pytest.mark.parametrize(("image", "verdict"), [(True, "unknown"), (False, "n/a")])
def test_program_of_an_image_whose_end_was_not_seen_is_unknown(tmp_path: Path, image: bool, verdict: str) -> None:
    (tmp_path / "app.py").write_text(MAIN)
    if image:
        (tmp_path / "Dockerfile").write_text(IMAGE)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    grounds = {promise: ground(project, entrypoint, promise) for promise in PROMISES}
    verdicts = {v.promise: v for v in contract(entrypoint, grounds, [])}
    for promise in ("shutdown", "logging", "health", "metrics"):
        assert verdicts[promise].verdict == verdict
        assert ("Dockerfile:3 starts it" in verdicts[promise].reason) is image


@pytest.mark.parametrize(("confidence", "verdict"), [("likely", "broken"), ("possible", "unknown")])
def test_an_open_lead_leaves_a_promise_unknown(tmp_path: Path, confidence: str, verdict: str) -> None:
    (tmp_path / "app.py").write_text(MAIN)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    grounds = {promise: Ground("", (Evidence("app.py", 6, "kept here"),)) for promise in PROMISES}
    against = Finding("lying-readiness", "health", "high", confidence, "app.py", 3, "it lies", "mend it", 3, "serving", (entrypoint.id,))
    verdicts = {v.promise: v for v in contract(entrypoint, grounds, [against])}
    assert verdicts["health"].verdict == verdict and verdicts["jobs"].verdict == "met"
    if verdict == "unknown":
        assert "lying-readiness at app.py:3" in verdicts["health"].reason


SET_UP = """import logging.config
import time


def set_up(path):
    logging.config.fileConfig(path)


def main():
    CALL
    while True:
        time.sleep(5)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ('set_up("/etc/app/logging.ini")', "logging is set up by logging.config.fileConfig() at app.py:6, and nothing seen of it writes"),
        ("print()", "no logging set-up was found that it reaches"),
    ],
)
def test_a_set_up_of_which_the_form_is_not_seen(tmp_path: Path, call: str, reason: str) -> None:
    (tmp_path / "app.py").write_text(SET_UP.replace("CALL", call))
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    grounds = {promise: ground(project, entrypoint, promise) for promise in PROMISES}
    verdicts = {v.promise: v for v in contract(entrypoint, grounds, [])}
    assert verdicts["logging"].reason.startswith(reason)


def test_django_s_own_setting_is_a_set_up(tmp_path: Path) -> None:
    (tmp_path / "site1").mkdir()
    files = {
        "__init__.py": "",
        "settings.py": "ROOT_URLCONF = 'site1.urls'\nLOGGING = {'version': 1, 'handlers': {'out': {'class': 'acme.Handler'}}}\n",
        "urls.py": "urlpatterns = []\n",
        "wsgi.py": "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\napplication = get_wsgi_application()\n",
    }
    for name, text in files.items():
        (tmp_path / "site1" / name).write_text(text)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    reason = ground(project, entrypoint, "logging").why
    assert reason == "logging is set up by LOGGING in site1/settings.py, and nothing seen of it writes structured records"
