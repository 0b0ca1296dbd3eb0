"""What is known of an object that comes out of a container, a registry or a module that is loaded by its name."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from project.made_repository import written

SINKS = """
    class Sink:
        def deliver(self, text):
            raise NotImplementedError


    class FileSink(Sink):
        def deliver(self, text):
            open(text)


    class Other:
        def deliver(self, text):
            print(text)


    class Store:
        sinks: dict[str, Sink]

        def __init__(self, kept: "list[Sink] | None"):
            self.kept = kept
            self.made: tuple[Sink, ...] = ()
"""
BOTH = {"Sink.deliver", "FileSink.deliver"}


def called(folder: Path, text: str, method: str) -> tuple[set[str], bool]:
    """The functions that a call of the method means, and whether that is known by the receiver's type."""
    project = written(folder, {"app.py": dedent(SINKS) + "\n\n" + dedent(text)})
    site = next(s for f in project.functions for s in f.sites if s.method == method and f.name == "work")
    return {target.qualname for target in site.targets}, not site.weak


@pytest.mark.parametrize(
    "text",
    [
        "def work(xs: list[Sink]):\n    xs[0].deliver('')\n",
        "def work(xs: 'list[Sink]'):\n    x = xs[0]\n    x.deliver('')\n",
        "def work(xs: Optional[typing.List[Sink]]):\n    for x in xs:\n        x.deliver('')\n",
        "def work(xs: Iterable[Sink] | None = None):\n    for x in xs:\n        x.deliver('')\n",
        "def work(xs: dict[str, Sink]):\n    xs['a'].deliver('')\n",
        "def work(xs: Dict[str, Sink]):\n    for x in xs.values():\n        x.deliver('')\n",
        "def find() -> list[Sink]:\n    return []\n\n\ndef work():\n    found = find()\n    found[0].deliver('')\n",
        "def find() -> tuple[Sink, ...]:\n    return ()\n\n\ndef work():\n    for x in find():\n        x.deliver('')\n",
        "def work(store: Store):\n    store.sinks['a'].deliver('')\n",
        "def work(store: Store):\n    for x in store.kept:\n        x.deliver('')\n",
        "def work(store: Store):\n    for x in store.made:\n        x.deliver('')\n",
        "async def find() -> list[Sink]:\n    return []\n\n\nasync def work():\n    (await find())[0].deliver('')\n",
    ],
)
def test_what_an_annotated_container_holds(tmp_path: Path, text: str) -> None:
    assert called(tmp_path, text, "deliver") == (BOTH, True)


@pytest.mark.parametrize(
    "text",
    [
        "def work(xs: dict[Sink, str]):\n    xs['a'].deliver('')\n",
        "def work(xs: dict[str, Sink]):\n    for x in xs:\n        x.deliver('')\n",  # a key
        "def work(xs: tuple[str, Sink]):\n    xs[0].deliver('')\n",
        "def work(xs: list[Sink | Other]):\n    xs[0].deliver('')\n",
        "def work(xs: list[Sink]):\n    xs[1:].deliver('')\n",
        "def work(xs: Sink):\n    xs[0].deliver('')\n",
        "def work(xs):\n    xs[0].deliver('')\n",
        "def find() -> Iterator[Sink]:\n    yield None\n\n\ndef work():\n    find().deliver('')\n",
    ],
)
def test_what_no_annotation_tells(tmp_path: Path, text: str) -> None:
    targets, known = called(tmp_path, text, "deliver")
    assert not (known and targets)


REGISTRY = """
    class Executor:
        def execute(self, item):
            raise NotImplementedError


    class MailExecutor(Executor):
        def execute(self, item):
            open(item)


    class FileSteps(Executor):
        def execute(self, item):
            print(item)


    FOUND = {}


    def work(name):
        executor = FOUND.get(name)
        executor.execute(name)
"""


def test_what_extends_the_class_of_the_file_that_the_receiver_is_named_like(tmp_path: Path) -> None:
    text = dedent(REGISTRY).replace("class MailExecutor", "class Mails")
    assert called(tmp_path, text, "execute") == ({"Executor.execute", "Mails.execute", "FileSteps.execute"}, False)
    assert called(tmp_path / "other", text.replace("executor.", "cursor."), "execute") == (set(), True)


def test_a_module_that_is_loaded_by_its_written_name(tmp_path: Path) -> None:
    load = "import importlib\n\n\ndef load(name):\n    return getattr(importlib.import_module({}), name)\n"
    files = {"shop/__init__.py": "", "shop/mail.py": "X = 1\n"}
    for given, found in (("'shop.mail'", True), ("'shop.nothing'", False), ("'json'", False), ("1", False)):
        project = written(tmp_path, {**files, "shop/main.py": load.format(given)})
        paths = {module.path for module in project.closure.of(project.index.modules["shop/main.py"])}
        assert ("shop/mail.py" in paths) is found
