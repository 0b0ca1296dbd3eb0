"""Programs that a library finds: Twisted's service plugins, and launchers that are kept in a name of the module."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

MAKER = """from twisted.application import internet
from shop.lines import Lines


class ShopMaker:
    tapname = "shop"

    def makeService(self, options):
        return internet.TCPServer(7000, Lines())
"""
TAP = "def makeService(config):\n    return config\n"
NAMED = 'from twisted.application.service import ServiceMaker\n\nshop = ServiceMaker("Shop", "shop.tap", "It sells.", "shop")\n'
LINES = "from twisted.internet import protocol\n\n\nclass Lines(protocol.ServerFactory):\n    pass\n"
IMAGE = 'FROM python:3.12\nCOPY . .\nCMD ["twistd", "-n", "shop"]\n'


def programs(root: Path, files: dict[str, str]) -> list[tuple[str, str, str, int]]:
    """Kind, path, framework and number of starts of each entrypoint."""
    return [(e.kind, e.path, e.framework, len(e.launches)) for e in written(root, files).entrypoints]


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"twisted/plugins/shop_plugin.py": MAKER}, "twisted/plugins/shop_plugin.py"),
        ({"twisted/plugins/shop_plugin.py": NAMED, "shop/tap.py": TAP}, "shop/tap.py"),
    ],
    ids=["a class of its own", "a module that is named"],
)
def test_what_twistd_finds_by_a_plugin(tmp_path: Path, files: dict[str, str], path: str) -> None:
    more = {"shop/__init__.py": "", "shop/lines.py": LINES, "Dockerfile": IMAGE}
    assert programs(tmp_path, files | more) == [("service", path, "twisted", 1)]


def test_a_maker_that_is_no_plugin(tmp_path: Path) -> None:
    assert programs(tmp_path, {"shop/maker.py": MAKER, "shop/lines.py": LINES}) == []


LAUNCHER = """import sys

from oslo_service import service

MANAGER = None


def start(conf, server):
    global MANAGER
    if MANAGER is None:
        MANAGER = {made}
    MANAGER.launch_service(server)


def main():
    start(None, None)
    sys.exit(MANAGER.wait())
"""
SCRIPT = '[project]\nname = "shop"\nversion = "1"\n[project.scripts]\nshop = "shop.launch:main"\n'


@pytest.mark.parametrize(("made", "kind"), [("service.ProcessLauncher(conf)", "worker"), ("None", "cli")])
def test_a_launcher_that_a_function_puts_into_a_name_of_the_module(tmp_path: Path, made: str, kind: str) -> None:
    files = {"pyproject.toml": SCRIPT, "shop/__init__.py": "", "shop/launch.py": LAUNCHER.replace("{made}", made)}
    assert [(each[0], each[3]) for each in programs(tmp_path, files)] == [(kind, 1)]
