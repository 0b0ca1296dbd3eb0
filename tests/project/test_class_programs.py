"""Console scripts that name a method of a class: ``shop.worker:Mailer.main``."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

from runtime_ops.project.build import Project

BASE = """class Service:
    @classmethod
    def made(cls, name):
        return cls(name)

    def __init__(self, name):
        self.name = name

    def loop(self):
        raise NotImplementedError

    @classmethod
    def main(cls):
        service = cls.made("x")
        service.loop()
"""
LOOP = """    def loop(self):
        while not self.stopped:
            self.queue.get()
"""
OWN = """    @classmethod
    def main(cls):
        service = cls.made("mail")
        if not service.ready():
            return
        service.loop()

    def ready(self):
        return True
"""


def linked(root: Path, *methods: str) -> Project:
    files = {
        "pyproject.toml": '[project]\nname = "shop"\n[project.scripts]\nshop-mail = "shop:Mailer.main"\n',
        "shop/__init__.py": "from shop.mail import Mailer\n",
        "shop/base.py": BASE,
        "shop/mail.py": "from shop.base import Service\n\n\nclass Mailer(Service):\n    stopped = False\n\n" + "\n".join(methods),
    }
    return written(root, files)


@pytest.mark.parametrize(
    ("methods", "found"),
    [
        ((LOOP, OWN), ("worker", "shop/mail.py", "Mailer.main")),
        ((LOOP,), ("worker", "shop/base.py", "Service.main")),
        ((OWN,), ("cli", "shop/mail.py", "Mailer.main")),
    ],
)
def test_what_the_method_runs_says_what_the_program_is(tmp_path: Path, methods: tuple[str, ...], found: tuple[str, str, str]) -> None:
    [entry] = linked(tmp_path, *methods).entrypoints
    assert (entry.kind, entry.path, entry.main.qualname) == found
    assert "shop/mail.py" in {module.path for module in entry.modules}


def test_an_inherited_maker_gives_the_class_that_it_is_called_on(tmp_path: Path) -> None:
    project = linked(tmp_path, LOOP, OWN)
    main = project.index.modules["shop/mail.py"].functions["Mailer.main"]
    [called] = [site for site in main.sites if site.method == "loop"]
    assert [target.path for target in called.targets] == ["shop/mail.py"]
