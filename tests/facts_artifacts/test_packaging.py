"""Packaging files: scripts, requirements, locked versions, folders of packages."""

from __future__ import annotations

import pytest

from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.facts.lock_files import read_pipfile_lock, read_toml_lock
from runtime_ops.facts.packaging_files import read_pipfile, read_pyproject, read_requirements, read_setup_cfg
from runtime_ops.facts.requirement_lines import pep440_specifier
from runtime_ops.facts.setup_py import read_setup_py


def found(file: PackagingFile) -> list[tuple[str, str, str | None, str, int]]:
    return [(r.name, r.specifier, r.version, r.group, r.line) for r in file.requirements]


def scripts(file: PackagingFile) -> list[tuple[str, str, str, int]]:
    return [(s.name, s.target, s.group, s.line) for s in file.scripts]


PYPROJECT = """\
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
dependencies = [
    "Flask==3.0.1",
    "redis[hiredis]>=5 ; python_version < '4'",
]

[project.scripts]
shop = "shop.cli:main"

[project.optional-dependencies]
web = ["gunicorn"]

[dependency-groups]
dev = ["pytest", {include-group = "web"}]

[project.entry-points."shop.plugins"]
mail = "shop.mail:Plugin"

[tool.setuptools.packages.find]
where = ["src"]
"""


def test_pyproject() -> None:
    file = read_pyproject("pyproject.toml", PYPROJECT)
    assert (file.name, file.version, file.requires_python, file.package_roots) == ("shop", "1.0", ">=3.11", ("src",))
    assert found(file) == [
        ("flask", "==3.0.1", "3.0.1", "", 6),
        ("redis", ">=5", None, "", 7),
        ("gunicorn", "", None, "web", 14),
        ("pytest", "", None, "dev", 17),
    ]
    assert file.requirements[1].extras == ("hiredis",) and "python_version" in file.requirements[1].marker
    assert scripts(file) == [
        ("shop", "shop.cli:main", "console_scripts", 11),
        ("mail", "shop.mail:Plugin", "shop.plugins", 20),
    ]
    broken = read_pyproject("pyproject.toml", "[project]\nname = \n")
    assert broken.unread[0].line == 2 and broken.requirements == ()


def test_poetry() -> None:
    text = """\
[tool.poetry]
name = "shop"
packages = [{include = "shop", from = "lib"}]
[tool.poetry.dependencies]
python = "^3.11"
Django = "^4.2"
celery = {version = "~5.3.1", extras = ["redis"]}
local = {path = "../local"}
[tool.poetry.group.dev.dependencies]
pytest = "*"
[tool.poetry.scripts]
run = {callable = "shop:run"}
"""
    file = read_pyproject("pyproject.toml", text)
    assert found(file) == [
        ("django", ">=4.2,<5", None, "", 6),
        ("celery", ">=5.3.1,<5.4", None, "", 7),
        ("local", "", None, "", 8),
        ("pytest", "", None, "dev", 10),
    ]
    assert file.requires_python == ">=3.11,<4" and file.package_roots == ("lib",)
    assert scripts(file) == [("run", "shop:run", "console_scripts", 12)]


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.3", "==1.2.3"),
        (">= 1.2, <3", ">=1.2,<3"),
        ("~=2.0", "~=2.0"),
        ("*", ""),
    ],
)
def test_constraints_of_poetry(text: str, specifier: str) -> None:
    assert pep440_specifier(text) == specifier


def test_requirements_file() -> None:
    text = """\
# all
-r base.txt
--constraint=pins.txt
--index-url https://example.org/simple
Flask==3.0.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
requests >= 2 ; python_version < "3.13"  # why
git+https://example.org/tool.git#egg=Tool_X
-e .
what is this
"""
    file = read_requirements("requirements.txt", text)
    assert found(file) == [
        ("flask", "==3.0.1", "3.0.1", "", 5),
        ("requests", ">=2", None, "", 8),
        ("tool-x", "", None, "", 9),
    ]
    assert file.requirements[0].end_line == 7
    assert [(v.text, v.line) for v in file.includes] == [("base.txt", 2), ("pins.txt", 3)]
    assert [u.line for u in file.unread] == [11]


def test_setup_cfg() -> None:
    text = """\
[metadata]
name = shop
[options]
package_dir =
    = src
install_requires =
    Flask==3.0.1
    # not this
    redis
python_requires = >=3.11
[options.entry_points]
console_scripts =
    shop = shop.cli:main
[options.extras_require]
web = gunicorn
"""
    file = read_setup_cfg("setup.cfg", text)
    assert (file.name, file.requires_python, file.package_roots) == ("shop", ">=3.11", ("src",))
    assert found(file) == [
        ("flask", "==3.0.1", "3.0.1", "", 7),
        ("redis", "", None, "", 9),
        ("gunicorn", "", None, "web", 15),
    ]
    assert scripts(file) == [("shop", "shop.cli:main", "console_scripts", 13)]


def test_setup_py_is_read_and_not_run(tmp_path: pytest.TempPathFactory) -> None:
    text = f"""\
import setuptools
open({str(tmp_path / "ran")!r}, "w")
needs = ["flask==3.0.1"] + ["redis"]
setuptools.setup(
    name="shop",
    package_dir={{"": "src"}},
    packages=setuptools.find_packages("lib"),
    install_requires=needs,
    extras_require={{"web": ["gunicorn"]}},
    entry_points={{"console_scripts": ["shop = shop.cli:main"]}},
    scripts=["bin/tool"],
)
"""
    file = read_setup_py("setup.py", text)
    assert not (tmp_path / "ran").exists()
    assert file.name == "shop" and file.package_roots == ("src", "lib")
    assert found(file) == [
        ("flask", "==3.0.1", "3.0.1", "", 3),
        ("redis", "", None, "", 3),
        ("gunicorn", "", None, "web", 9),
    ]
    assert scripts(file) == [("shop", "shop.cli:main", "console_scripts", 10), ("tool", "bin/tool", "scripts", 11)]
    assert read_setup_py("setup.py", "def (\n").unread[0].line == 1


def test_toml_lock() -> None:
    text = """\
version = 1

[[package]]
name = "Flask"
version = "3.0.1"
source = { registry = "https://example.org/simple" }
dependencies = [
    { name = "click" },
]

[[package]]
name = "shop"
version = "0.1"
source = { editable = "." }

[[package]]
name = "redis"
version = "5.0.0"

[package.dependencies]
name = "not-this"

[metadata]
version = "9"
"""
    file = read_toml_lock("uv.lock", text)
    assert file.locked and file.name == "shop" and file.flavour == "uv.lock"
    assert found(file) == [("flask", "==3.0.1", "3.0.1", "", 4), ("redis", "==5.0.0", "5.0.0", "", 17)]


def test_pipfile_and_its_lock() -> None:
    file = read_pipfile(
        "Pipfile", '[packages]\nflask = "==3.0.1"\n[dev-packages]\npytest = "*"\n[scripts]\nserve = "python app.py"\n'
    )
    assert found(file) == [("flask", "==3.0.1", "3.0.1", "", 2), ("pytest", "", None, "dev", 4)]
    assert scripts(file) == [("serve", "python app.py", "scripts", 6)]
    lock = '{\n    "default": {\n        "flask": {\n            "version": "==3.0.1"\n        }\n    }\n}\n'
    assert found(read_pipfile_lock("Pipfile.lock", lock)) == [("flask", "==3.0.1", "3.0.1", "", 3)]
    assert read_pipfile_lock("Pipfile.lock", "{\n").unread[0].reason.startswith("JSON")
