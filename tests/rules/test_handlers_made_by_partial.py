"""Handlers of signals that are made by ``functools.partial``, and what the arguments that it binds settle."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

LIB = """
import logging

log = logging.getLogger(__name__)


class Crew:
    def begin(self):
        log.info("begun")


def on_term(number, frame, owner=None):
    if owner:
        log.info("told to stop")
        {told}
    else:
        raise KeyboardInterrupt
"""
APP = """
import importlib
import signal
from functools import partial

from lib import on_term

CREW = "lib.Crew"


class App:
    def set_up(self):
        {handler}
        signal.signal(signal.SIGTERM, handler)
        module, name = CREW.rsplit(".", 1)
        self.crew = getattr(importlib.import_module(module), name)()

    def main(self):
        self.set_up()
        self.crew.begin()


if __name__ == "__main__":
    App().main()
"""
PLACED = {"Procfile": "worker: python app.py\n"}
INERT = "inert-signal-handler"


def _files(handler: str, told: str = "pass") -> dict[str, str]:
    return {"app.py": APP.replace("{handler}", handler), "lib.py": LIB.replace("{told}", told)}


def test_the_arm_that_the_bound_argument_closes_is_not_run(tmp_path: Path) -> None:
    (finding,) = shown(tmp_path, INERT, {**_files("handler = partial(on_term, owner=self)"), **PLACED})
    assert finding.path == "app.py"
    assert "on_term only logs or passes" in finding.message


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("handler = partial(on_term, owner=None)", "pass"),  # the other arm raises
        ("handler = partial(on_term, owner=make())", "pass"),  # not known
        ("handler = on_term", "pass"),
        ("handler = partial(on_term, owner=self)", "owner.crew.quit = True"),
        ("handler = partial(on_term, owner=self)", "owner.crew.leave()"),
    ],
)
def test_a_handler_that_may_act_is_none_of_these(tmp_path: Path, handler: str, told: str) -> None:
    assert not shown(tmp_path, INERT, {**_files(handler, told), **PLACED})


def test_a_command_that_somebody_types_may_go_on(tmp_path: Path) -> None:
    assert not shown(tmp_path, INERT, _files("handler = partial(on_term, owner=self)"))
