"""Programs without a handler for SIGTERM whose server or platform ends them all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

RULE = "unhandled-termination"
WEB = "from flask import Flask\n\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run({options})\n"
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\n{more}CMD ["python", "web.py"]\n'
COMPOSE = "services:\n  web:\n    build: .\n    restart: always\n{more}"


def confidences(tmp_path: Path, options: str = "", more: str = "", **files: str) -> list[str]:
    named = {name.replace("_", "."): text for name, text in files.items()}
    written = {"web.py": WEB.format(options=options), "Dockerfile": IMAGE.format(more=more), **named}
    return [f.confidence for f in said(tmp_path, RULE, written)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", True),
        ("debug=True", False),
        ("use_reloader=True", False),
        ("debug=True, use_reloader=False", True),
        ("debug=False", True),
    ],
)
def test_the_reloader_handles_the_signal(tmp_path: Path, options: str, told: bool) -> None:
    assert bool(confidences(tmp_path, options)) is told


def test_an_artifact_turns_the_reloader_on(tmp_path: Path) -> None:
    assert not confidences(tmp_path, more="ENV FLASK_DEBUG=1\n")


@pytest.mark.parametrize(("debug", "told"), [("True", False), ("False", True)])
def test_the_named_settings_turn_the_reloader_on(tmp_path: Path, debug: str, told: bool) -> None:
    web = (
        "import os\n\nfrom flask import Flask\nimport config\n\napp = Flask(__name__)\n"
        "app.config.from_object(os.getenv('SHOP_CONFIG') or 'config.Local')\n\nif __name__ == '__main__':\n    app.run()\n"
    )
    config = f"class Base:\n    DEBUG = {debug}\n\n\nclass Local(Base):\n    NAME = 'shop'\n"
    assert bool(confidences(tmp_path, web_py=web, config_py=config)) is told


def test_a_service_that_is_interrupted_speaks_for_its_image(tmp_path: Path) -> None:
    assert confidences(tmp_path, compose_yaml=COMPOSE.format(more="")) == ["certain"]
    assert confidences(tmp_path, compose_yaml=COMPOSE.format(more="    stop_signal: SIGINT\n")) == ["possible"]


def test_an_image_that_is_interrupted(tmp_path: Path) -> None:
    assert confidences(tmp_path, more="STOPSIGNAL SIGINT\n") == ["possible"]


UNIT = "[Service]\nType=simple\nExecStart=/opt/shop/bin/python /opt/shop/poll.py\nRestart=on-failure\n"
REGISTERED = """
import time

import requests


def register(name):
    requests.post("http://registry/join", json={"name": name}, timeout=5)


def deregister(name):
    requests.post("http://registry/leave", json={"name": name}, timeout=5)


def main():
    register("poll")
    try:
        while True:
            time.sleep(5)
    except (KeyboardInterrupt, SystemExit):
        ARM


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("arm", "files", "told"),
    [
        ('deregister("poll")', {"deploy/poll.service": UNIT}, ["certain"]),
        ('print("stopped")', {"deploy/poll.service": UNIT}, []),
        ('deregister("poll")', {}, ["likely"]),  # who typed it ends it by Ctrl-C
    ],
)
def test_a_way_down_that_is_written_for_exceptions_which_no_signal_raises(
    tmp_path: Path, arm: str, files: dict[str, str], told: list[str]
) -> None:
    written = {"poll.py": REGISTERED.replace("ARM", arm), **files}
    assert [f.confidence for f in said(tmp_path, RULE, written)] == told
