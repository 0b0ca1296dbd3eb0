"""What is read of a folder, and the reason that is given for everything else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime_ops.discover import SIZE_LIMIT, Discovery, discover
from runtime_ops.not_runtime import is_generated
from runtime_ops.reading import read_bounded

Tree = Callable[[dict[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files below a root and answers the root."""

    def write(files: dict[str, str]) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return root

    return write


def read(found: Discovery) -> dict[str, str]:
    return {file.path: file.kind for file in found.files}


def skipped(found: Discovery) -> dict[str, str]:
    return {row.path: row.reason for row in found.skipped}


def test_reads_python_and_artifacts_and_remembers_all_paths(tree: Tree) -> None:
    root = tree({"app/web.py": "x = 1", "Dockerfile": "FROM python", "app/logo.svg": "<svg/>", ".env.example": "A=1"})
    found = discover(root)
    assert read(found) == {".env.example": "dotenv", "Dockerfile": "dockerfile", "app/web.py": "python"}
    assert found.paths == (".env.example", "Dockerfile", "app/logo.svg", "app/web.py")
    assert found.skipped == () and found.unreadable == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tests/helpers.py", "tests"),
        ("pkg/testing/fakes.py", "tests"),
        ("web/__tests__/run.py", "tests"),
        ("examples/demo.py", "examples"),
        ("docs/conf.py", "docs"),
        ("docs/app/main.py", "docs"),
        ("node_modules/gyp/gyp.py", "vendored code"),
        ("lib/_vendor/six.py", "vendored code"),
        ("third_party/x.py", "vendored code"),
        (".github/scripts/release.py", "scripts of CI"),
        ("benchmarks/bench.py", "benchmarks"),
        ("notebooks/report.py", "notebooks"),
        ("{{cookiecutter.name}}/app.py", "template of a project generator"),
        ("thing.egg-info/x.py", "generated"),
        ("build/lib/app.py", "generated"),
    ],
)
def test_folder_that_is_no_runtime_surface_is_one_row(tree: Tree, name: str, reason: str) -> None:
    found = discover(tree({"app.py": "", name: "", f"{name}.more.py": ""}))
    assert read(found) == {"app.py": "python"}
    (row,) = found.skipped
    assert name.startswith(row.path) and row.reason == reason


PACKAGES = ("requests", "urllib3", "certifi", "idna", "six", "bs4", "pytz", "mako")


@pytest.mark.parametrize(("folder", "packages"), [("lib", PACKAGES[:4]), ("lib3", PACKAGES[:4]), ("bundled", PACKAGES)])
def test_folder_of_well_known_packages_is_vendored(tree: Tree, folder: str, packages: tuple[str, ...]) -> None:
    theirs = {f"{folder}/{name}/__init__.py": "" for name in packages}
    found = discover(tree({"app.py": "", "src/lib/own.py": "", **theirs}))
    assert read(found) == {"app.py": "python", "src/lib/own.py": "python"}
    assert [(row.path, row.reason) for row in found.skipped] == [(folder, "vendored code")]


def test_folder_of_another_name_needs_more_of_them(tree: Tree) -> None:
    found = discover(tree({"app.py": "", **{f"plugins/{name}/__init__.py": "" for name in PACKAGES[:4]}}))
    assert not found.skipped


def test_features_of_behave_are_tests(tree: Tree) -> None:
    found = discover(tree({"app.py": "", "features/environment.py": "", "features/steps/login.py": "", "web/features/api.py": ""}))
    assert read(found) == {"app.py": "python", "web/features/api.py": "python"}
    assert [(row.path, row.reason) for row in found.skipped] == [("features", "tests")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_app.py", "tests"),
        ("load_test.py", "tests"),
        ("conftest.py", "tests"),
        ("shop/tests.py", "tests"),
        ("demo_pb2.py", "generated"),
        ("demo_pb2_grpc.py", "generated"),
        ("report.ipynb", "notebooks"),
    ],
)
def test_file_that_is_no_runtime_surface(tree: Tree, name: str, reason: str) -> None:
    assert skipped(discover(tree({"app.py": "", name: ""}))) == {name: reason}


@pytest.mark.parametrize(
    "name",
    ["latest.py", "contest.py", "hypothesis_tests.py", "testament.py", "app/vendor/models.py", "env/settings.py", "dist/app.service",
     "docker/tests.Dockerfile", "docker-compose.test.yml", "Dockerfile.dev", "database/migrations/runner.py"],
)  # fmt: skip
def test_look_alikes_are_read(tree: Tree, name: str) -> None:
    root = tree({"app.py": "", name: ""})
    if "vendor" in name:  # an application of that name, not somebody else's code
        tree({"app/vendor/urls.py": ""})
    assert name in read(discover(root))


@pytest.mark.parametrize(
    "names",
    [
        ("shop/migrations/__init__.py", "shop/migrations/0001_initial.py"),
        ("shop/migrations/__init__.py",),
        ("migrations/env.py", "migrations/versions/4f1a2b3c4d5e_add_user.py"),
        ("alembic/env.py", "alembic/script.py.mako", "alembic/versions/x.py"),
        ("db/env.py", "db/script.py.mako"),
    ],
)
def test_migrations(tree: Tree, names: tuple[str, ...]) -> None:
    found = discover(tree({"app.py": "", **dict.fromkeys(names, "")}))
    runners = [name for name in names if name.endswith("/env.py")]  # what runs the revisions is code of each start
    assert read(found) == dict.fromkeys(["app.py", *runners], "python")
    assert [row.reason for row in found.skipped] == ["migrations"]


def test_virtual_environment_of_any_name(tree: Tree) -> None:
    found = discover(tree({"app.py": "", "my-env/pyvenv.cfg": "", "my-env/lib/x.py": "", ".venv/x.py": ""}))
    assert skipped(found) == {"my-env": "virtual environment", ".venv": "virtual environment"}


def test_names_above_the_root_do_not_count(tmp_path: Path) -> None:
    root = tmp_path / "tests" / "examples" / "docs"
    root.mkdir(parents=True)
    (root / "app.py").write_text("")
    assert read(discover(root)) == {"app.py": "python"}


def test_every_gitignore_counts(tree: Tree) -> None:
    found = discover(
        tree({
            ".git/HEAD": "",
            ".gitignore": "# local\n*.local.py\n/build/\nlogs/\n!keep.local.py\n",
            "a.local.py": "", "keep.local.py": "", "build/x.py": "", "sub/build/y.py": "", "sub/logs/z.py": "",
            "sub/.gitignore": "secret.py\n!b.local.py\n", "sub/secret.py": "", "sub/b.local.py": "", "secret.py": "",
        })
    )  # fmt: skip
    assert set(read(found)) == {"keep.local.py", "sub/build/y.py", "sub/b.local.py", "secret.py"}
    assert skipped(found) == {
        "a.local.py": "ignored by .gitignore:2",
        "build": "ignored by .gitignore:3",
        "sub/logs": "ignored by .gitignore:4",
        "sub/secret.py": "ignored by sub/.gitignore:1",
    }


def test_gitignore_above_the_root_counts_up_to_the_repository(tree: Tree) -> None:
    root = tree({"repo/.git/HEAD": "", "repo/.gitignore": "*.gen.py\n/services/api/x.py", ".gitignore": "*.py",
                 "repo/services/api/a.gen.py": "", "repo/services/api/x.py": "", "repo/services/api/app.py": ""})  # fmt: skip
    found = discover(root / "repo/services/api")
    assert set(read(found)) == {"app.py"}
    assert skipped(found) == {"a.gen.py": "ignored by ../../.gitignore:1", "x.py": "ignored by ../../.gitignore:2"}


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("below", ["", "services"])
def test_what_git_keeps_is_read_whatever_is_ignored(tree: Tree, version: str, below: str) -> None:
    names = ("", "services/")
    files = {f"{n}build/{name}.py": "" for n in names for name in ("kept", "keptalso", "made")}
    root = tree({".gitignore": "build/\n*.log.py\n", "a.log.py": "", **files})
    kept = [path for path in files if "made" not in path]
    for words in (["init", "-q"], ["add", "-f", *kept], ["update-index", "--index-version", version]):
        subprocess.run(["git", "-C", root, *words], check=True, capture_output=True)
    found = discover(root / below)
    prefix = f"{below}/" if below else ""
    wanted = {path[len(prefix) :] for path in kept if path.startswith(prefix)}
    assert set(read(found)) == wanted
    ignored = {"a.log.py", "build/made.py", "services/build/made.py"}
    assert set(skipped(found)) == {path[len(prefix) :] for path in ignored if path.startswith(prefix)}


def test_an_export_without_git_holds_what_git_keeps(tree: Tree) -> None:
    assert set(read(discover(tree({".gitignore": "build/\n", "build/app.py": ""})))) == {"build/app.py"}


@pytest.mark.parametrize("data", [b"", b"DIRC", b"DIRC\0\0\0\2\0\0\xff\xff", b"DIRC\0\0\0\4\0\0\0\1" + b"x" * 80, b"other" * 40])
def test_an_index_that_makes_no_sense_keeps_nothing(tree: Tree, data: bytes) -> None:
    root = tree({".git/HEAD": "", ".gitignore": "build/\n", "build/app.py": ""})
    (root / ".git/index").write_bytes(data)
    assert skipped(discover(root)) == {"build": "ignored by .gitignore:1"}


def test_root_that_is_itself_ignored_is_read(tree: Tree) -> None:
    root = tree({"repo/.git/HEAD": "", "repo/.gitignore": "scratch/", "repo/scratch/deep/app.py": ""})
    assert set(read(discover(root / "repo/scratch/deep"))) == {"app.py"}


def test_strange_ignore_lines_are_passed_over(tree: Tree) -> None:
    slow = "*a" * 40 + "*b"
    found = discover(tree({".git/HEAD": "", ".gitignore": f"!\n[\n\\\n{slow}\n***\x00\ngone.py\n", "a" * 200 + ".py": "", "gone.py": ""}))
    assert skipped(found) == {"gone.py": "ignored by .gitignore:6"}


def test_excluded_by_the_user(tree: Tree) -> None:
    found = discover(tree({"app.py": "", "legacy/x.py": "", "old.py": ""}), ["legacy/", "/old.py"])
    assert set(read(found)) == {"app.py"}
    assert set(skipped(found).values()) == {"excluded by the configuration"}


def test_links_are_never_followed(tree: Tree, tmp_path: Path) -> None:
    root = tree({"app.py": "", "real/mod.py": ""})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("")
    (root / "out").symlink_to(outside)
    (root / "out.py").symlink_to(outside / "secret.py")
    (root / "loop").symlink_to(root)
    (root / "real" / "up").symlink_to("..")
    (root / "self.py").symlink_to("self.py")
    (root / "gone.py").symlink_to("nowhere.py")
    (root / "copy.py").symlink_to("real/mod.py")
    found = discover(root)
    assert set(read(found)) == {"app.py", "real/mod.py"}
    assert skipped(found) == {
        "out": "a link out of the root",
        "out.py": "a link out of the root",
        "loop": "a link to the root itself",
        "real/up": "a link to the root itself",
        "self.py": "a link that leads nowhere",
        "gone.py": "a link that leads nowhere",
        "copy.py": "a link to real/mod.py, which is looked at in its own place",
    }


def test_root_given_as_a_link(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree({"app.py": ""}))
    assert set(read(discover(tmp_path / "link"))) == {"app.py"}


def test_special_and_large_files_are_reported_and_never_opened(tree: Tree) -> None:
    root = tree({"app.py": ""})
    os.mkfifo(root / "pipe.py")
    os.mkfifo(root / "entrypoint")  # a script by its name, which is looked into
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "s.py"))
        (root / "big.py").write_bytes(b"#" * (SIZE_LIMIT + 1))
        found = discover(root)
    assert skipped(found) == {
        "pipe.py": "is a FIFO, not a file",
        "entrypoint": "is a FIFO, not a file",
        "s.py": "is a socket, not a file",
        "big.py": "too large: 2.0 MB, the limit is 2.0 MB",
    }
    assert isinstance(read_bounded(root / "pipe.py", 100), str)


def test_name_that_is_not_utf8_is_reported(tree: Tree) -> None:
    root = tree({"app.py": ""})
    (root / os.fsdecode(b"caf\xe9.py")).write_text("")
    found = discover(root)
    assert skipped(found) == {"caf\\xe9.py": "its name is not UTF-8"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folder_that_may_not_be_listed(tree: Tree) -> None:
    root = tree({"app.py": "", "closed/x.py": ""})
    (root / "closed").chmod(0)
    try:
        found = discover(root)
    finally:
        (root / "closed").chmod(0o700)
    assert [row.path for row in found.unreadable] == ["closed"]


@pytest.mark.parametrize(
    ("first", "kind"),
    [("#!/usr/bin/env python3", "python"), ("#!/usr/bin/python -u", "python"), ("#!/usr/bin/env -S python3 -u", "python"),
     ("#!/bin/sh", "script"), ("#!/bin/bash -e", "script"), ("#!/usr/bin/env node", "script")],
)  # fmt: skip
def test_script_without_suffix_is_known_by_its_first_line(tree: Tree, first: str, kind: str) -> None:
    assert read(discover(tree({"bin/run": f"{first}\npass\n"}))) == {"bin/run": kind}


@pytest.mark.parametrize(
    ("head", "generated"),
    [
        ("# Code generated by protoc-gen-x. DO NOT EDIT.\nimport a\n", True),
        ('"""\n    Pet Store\n\n    Generated by OpenAPI Generator (https://openapi-generator.tech)\n"""\n', True),
        ("# @generated\n", True),
        ("# This file was automatically generated by SWIG.\n# Do not edit it.\n", True),
        ('"""Django settings.\n\nGenerated by \'django-admin startproject\' using Django 5.\n"""\n', False),
        ('import jinja2\n\nTEXT = "# This file is generated. Do not edit."\n', False),
        ("# Do not edit the order of these imports.\nimport a\n", False),
        ("", False),
    ],
)
def test_generated_by_its_head(head: str, generated: bool) -> None:
    assert is_generated(head.encode()) is generated


def test_same_order_every_time(tree: Tree) -> None:
    names = ["b.py", "a/z.py", "a.py", "a/b/c.py", "é.py", "Z.py"]
    root = tree(dict.fromkeys(names, ""))
    assert list(read(discover(root))) == sorted(names)
    assert discover(root) == discover(root)
