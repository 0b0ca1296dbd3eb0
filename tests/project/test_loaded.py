"""Modules whose names a program puts together at run time, and what is believed of their functions."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from project.made_repository import written

PLUGIN = "import requests\n\n\nclass Parser:\n    def parse(self, url):\n        return requests.get(url)\n"
TOOLS = {"shop/__init__.py": "", "shop/tools/__init__.py": "", "shop/tools/acme/__init__.py": "", "shop/tools/acme/parser.py": PLUGIN,
         "shop/tools/acme/other.py": "", "shop/tools/plain.py": "", "shop/tools/_hidden.py": ""}  # fmt: skip


def loaded(folder: Path, text: str, path: str = "shop/main.py") -> set[str]:
    """What a module loads of the tools."""
    project = written(folder, {**TOOLS, path: dedent(text)})
    return {m.path for m in project.closure.of(project.index.modules[path])} - {path, "shop/__init__.py", "shop/tools/__init__.py"}


@pytest.mark.parametrize(
    "text",
    [
        'from importlib import import_module\n\ndef load(name):\n    return import_module(f"shop.tools.{name}.parser")\n',
        'import importlib\n\ndef load(name):\n    return importlib.import_module("shop.tools.%s.parser" % name)\n',
        'from importlib import import_module\n\ndef load(name):\n    p = "shop.tools." + name + ".parser"\n    import_module(p)\n',
        'from importlib import import_module\n\ndef load(name):\n    return import_module("shop.tools.{}.parser".format(name))\n',
    ],
)
def test_a_name_that_is_partly_written_may_be_any_module_that_fits(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == {"shop/tools/acme/parser.py", "shop/tools/acme/__init__.py"}


@pytest.mark.parametrize(
    "text",
    [
        'from importlib import import_module\n\ndef load(name):\n    return import_module(f"{__name__}.{name}")\n',
        'from importlib import import_module\n\ndef load(name):\n    return import_module(f".{name}", __package__)\n',
        "import importlib, pkgutil\n\nfor _, n, _ in pkgutil.iter_modules(__path__):\n    importlib.import_module(f'{__name__}.{n}')\n",
    ],
)
def test_a_package_loads_its_own_modules(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text, "shop/tools/__init__.py") == {"shop/tools/plain.py", "shop/tools/acme/__init__.py"}


def test_packages_that_are_looked_through_by_what_callers_give(tmp_path: Path) -> None:
    text = """
        import importlib, pkgutil

        def load(package):
            if isinstance(package, str):
                package = importlib.import_module(package)
            for _, name, _ in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                importlib.import_module(name)

        load("shop.tools")
    """
    found = loaded(tmp_path, text)
    assert found == {"shop/tools/plain.py", "shop/tools/acme/__init__.py", "shop/tools/acme/parser.py", "shop/tools/acme/other.py"}


@pytest.mark.parametrize("name", ['settings["module"]', '"requests"', 'f"{vendor}.tools"'])
def test_a_name_of_which_nothing_is_written_loads_nothing(tmp_path: Path, name: str) -> None:
    assert not loaded(tmp_path, f"from importlib import import_module\n\ndef load(settings, vendor):\n    return import_module({name})\n")


def test_what_a_plug_in_offers_is_run_with_doubt(tmp_path: Path) -> None:
    main = """
        from importlib import import_module
        from flask import Flask

        app = Flask(__name__)

        @app.post("/<name>")
        def read(name):
            parser = getattr(import_module(f"shop.tools.{name}.parser"), name)()
            return parser.run_it(name)
    """
    project = written(tmp_path, {**TOOLS, "shop/main.py": dedent(main)})
    func = project.index.modules["shop/tools/acme/parser.py"].functions["Parser.parse"]
    assert set().union(*project.phases_by_entrypoint(func).values()) == {"serving"} and project.doubtful(func)


CHANNEL = """
import asyncio
import requests


class Channel:
    def __init__(self, services):
        self.services = services

    async def start(self):
        asyncio.get_event_loop().create_task(self.watch())

    async def watch(self):
        while True:
            await asyncio.sleep(5)

    async def stop(self):
        requests.get("http://bye")

    async def describe(self):
        return "a channel"
"""
STARTER = """
import asyncio
from glob import iglob
from importlib import import_module


async def load():
    loaded = []
    for path in iglob("shop/channels/*.py"):
        name = path.replace("/", ".").replace(".py", "")
        loaded.append(import_module(name).Channel({}))
    for channel in loaded:
        await channel.start()
    return loaded


def main():
    loop = asyncio.new_event_loop()
    loaded = loop.run_until_complete(load())
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(leave(loaded))


async def leave(loaded):
    for channel in loaded:
        await channel.stop()


if __name__ == "__main__":
    main()
"""


def test_files_of_a_glob_are_loaded_and_what_the_program_asks_of_them_is_run(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "", "shop/channels/__init__.py": "", "shop/channels/post.py": CHANNEL, "shop/other/post.py": CHANNEL}
    project = written(tmp_path, {**files, "shop/main.py": STARTER})
    assert project.index.modules["shop/channels/post.py"] in project.closure.of(project.index.modules["shop/main.py"])
    assert project.index.modules["shop/other/post.py"] not in project.closure.of(project.index.modules["shop/main.py"])
    channel = project.index.modules["shop/channels/post.py"].functions
    phases = {name: set().union(*project.phases_by_entrypoint(channel[f"Channel.{name}"]).values()) for name in ("start", "watch", "stop")}
    assert phases == {"start": {"serving"}, "watch": {"serving"}, "stop": {"shutdown"}}
    assert not any(project.doubtful(channel[f"Channel.{name}"]) for name in phases)
    assert project.doubtful(channel["Channel.describe"])  # nothing asks for it


def test_the_folder_of_a_glob_may_be_what_callers_give(tmp_path: Path) -> None:
    text = """
        import glob
        from importlib import import_module

        def find(folder):
            found = []
            for path in glob.iglob("%s/*.py" % folder):
                module = import_module(path.replace("/", ".").replace(".py", ""))
                found.append(module.Parser())
            return found

        find("shop/tools/acme")
    """
    assert loaded(tmp_path, text) == {"shop/tools/acme/parser.py", "shop/tools/acme/other.py", "shop/tools/acme/__init__.py"}


def test_files_of_a_glob_that_are_read_are_not_loaded(tmp_path: Path) -> None:
    text = """
        import glob
        from importlib import import_module

        def load(names):
            for path in glob.glob("shop/tools/*.py"):
                print(open(path).read())
            for name in names:
                import_module(name.replace("/", "."))
    """
    assert not loaded(tmp_path, text)


@pytest.mark.parametrize(("name", "found"), [("shop.tools", True), ("shop.none", False), ("tools", False)])
def test_packages_whose_names_are_written_beside_others(tmp_path: Path, name: str, found: bool) -> None:
    """The names of the packages come out of a table that an operator adds to; those of the project stand in the module."""
    text = f"""
        import importlib, pkgutil

        def load(settings):
            packages = dict(settings)
            packages["{name}"] = None
            for package in packages:
                look(package)

        def look(package):
            found = importlib.reload(importlib.import_module(package))
            for name in [n for _, n, _ in pkgutil.walk_packages(path=found.__path__)]:
                importlib.import_module(package + "." + name)
    """
    assert ("shop/tools/plain.py" in loaded(tmp_path, text)) is found
