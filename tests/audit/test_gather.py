"""Extraction of all files: the same in one process and in many, and nothing in a file ends it."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import time
from pathlib import Path

import pytest

from runtime_ops import gather as gathering
from runtime_ops import pickled
from runtime_ops.discover import discover
from runtime_ops.facts import model
from runtime_ops.facts.python import read_python
from runtime_ops.gather import Gathered, gather


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def of(root: Path, workers: int | None = 1) -> Gathered:
    return gather(root, discover(root), workers=workers)


def service(number: int) -> str:
    return f"import os\n\n\ndef handler_{number}(request):\n    return os.environ['K{number}'] + request.text\n" * 40


def test_facts_artifacts_comments_and_counts(tmp_path: Path) -> None:
    found = of(
        write(
            tmp_path,
            {
                "app.py": "import os\nx = os.environ['A']  # runtime-ops: waive[lazy-config] reason=r\n",
                "Dockerfile": "FROM python:3.12\n# runtime-ops: waive[missing-probe] reason=r\nCMD python app.py\n",
                "setup.py": "from setuptools import setup\nsetup(name='x')\n",
                "values.yaml": "a: 1\n",
                "config.yaml": "colour: red\n",
                "gen.py": "# @generated\nx = 1\n",
            },
        )
    )
    assert [m.path for m in found.modules] == ["app.py", "setup.py"]
    assert {a.path for a in found.artifacts} == {"Dockerfile", "setup.py", "values.yaml"}
    assert [(c.path, c.comments[0].line) for c in found.comments] == [("Dockerfile", 2), ("app.py", 2)]
    assert (found.python_files, found.artifact_files) == (2, 3)
    assert [(row.path, row.reason) for row in found.skipped] == [("gen.py", "generated")]
    assert "gen.py" not in found.paths and "config.yaml" in found.paths
    assert not found.unparsed and not found.partial


def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"pkg/m{number}.py": service(number) for number in range(60)}
    write(tmp_path, {**files, "broken.py": "def f(:\n", "compose.yaml": "services:\n  web:\n    image: x\n"})
    alone = of(tmp_path)
    assert of(tmp_path, workers=3) == alone
    assert len(alone.modules) == 60 and [row.path for row in alone.unparsed] == ["broken.py"]


def test_one_process_below_the_break_even_and_never_more_than_the_cores(tmp_path: Path) -> None:
    found = discover(write(tmp_path, {"app.py": "x = 1\n"}))
    assert gathering.choose_workers(found.files) == 1
    many = [gathering.File(f"m{n}.py", gathering.BREAK_EVEN, "python") for n in range(100)]
    assert gathering.choose_workers(many) == min(gathering.cores(), gathering.MOST_WORKERS)


def test_expression_too_deep_to_pickle_comes_back_all_the_same(tmp_path: Path) -> None:
    deep = "x = " + " + ".join(["a"] * 900) + "\n"
    files: dict[str, str | bytes] = {f"m{number}.py": deep + service(number) for number in range(30)}
    assert len(of(write(tmp_path, files), workers=2).modules) == 30


def test_helper_that_is_killed_costs_time_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    whole = gathering.extract

    def dies(root: Path, file: gathering.File) -> list[gathering.Extract]:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)  # so that the helper gets a chunk
        return whole(root, file)

    monkeypatch.setattr(gathering, "extract", dies)
    files: dict[str, str | bytes] = {f"m{number}.py": service(number) for number in range(20)}
    assert len(of(write(tmp_path, files), workers=2).modules) == 20


def test_collector_is_as_before(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": "x = 1\n"})
    assert gc.isenabled()
    of(tmp_path)
    assert gc.isenabled()


def test_pickles_are_equal_and_smaller_in_time_not_in_content() -> None:
    facts = read_python("app.py", service(1).encode())
    assert isinstance(facts, model.ModuleFacts)
    again = pickle.loads(pickled.packed([facts], gathering.NODES))
    assert again == [facts] and type(again[0].functions[0]) is model.Function


NUL = b"x = 1\n\0"
HOSTILE: dict[str, tuple[str | bytes, bool]] = {
    "nul.py": (NUL, False),
    "bom.py": (b"\xef\xbb\xbfx = 1\n", True),
    "latin.py": (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", True),
    "undeclared.py": (b"x = '\xe9'\n", False),
    "lying.py": (b"# coding: no-such-codec\nx = 1\n", False),
    "parens.py": ("(" * 10_000 + ")" * 10_000, False),
    "minus.py": ("-" * 10_000 + "1", False),
    "attributes.py": ("x" + ".a" * 10_000, False),
    "calls.py": ("x" + "()" * 10_000, False),
    "elif.py": ("if x:\n pass\n" + "elif x:\n pass\n" * 10_000, False),
    "long_line.py": ("x = '" + "a" * 1_900_000 + "'\n", True),
    "tabs.py": ("if x:\n\ty = 1\n        z = 2\n", False),
    "empty.py": ("", True),
    "crlf.py": (b"x = 1\r\ny = 2\r\n", True),
    "null.yaml": (b"apiVersion: v1\0", True),
    "bomb/compose.yaml": (
        "services:\n  a: &a {image: x}\nx0: &x0 [a]\n"
        + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 9)),
        True,
    ),
    "keys/compose.yaml": ("services:\n  web:\n    image: a\n    image: b\n", True),
    "deep/compose.yaml": ("services: " + "[" * 10_000 + "]" * 10_000, True),
    "Dockerfile": ("FROM x\nRUN " + "\\\n" * 10_000 + "true\n", True),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_neither_ends_nor_delays_the_audit(tmp_path: Path, name: str) -> None:
    text, readable = HOSTILE[name]
    write(tmp_path, {"app.py": "x = 1\n", name: text})
    begun = time.monotonic()
    found = of(tmp_path)
    assert time.monotonic() - begun < 5
    assert "app.py" in {m.path for m in found.modules}
    rows = [row for row in found.unparsed if row.path == name]
    if not readable:
        assert len(rows) == 1 and rows[0].reason and rows[0].line >= 1
    elif name.endswith(".py"):
        assert not rows and name in {m.path for m in found.modules}


def test_newer_syntax_says_so_and_names_the_version(tmp_path: Path) -> None:
    (row,) = of(write(tmp_path, {"app.py": "x = 1\n", "new.py": "def f[T, (x): pass\n"})).unparsed
    assert "newer syntax" in row.reason and "Python 3." in row.reason


def test_file_that_vanishes_between_looking_and_reading(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": "x = 1\n", "gone.py": "x = 1\n"})
    found = discover(tmp_path)
    (tmp_path / "gone.py").unlink()
    gathered = gather(tmp_path, found, workers=1)
    assert [row.path for row in gathered.unparsed] == ["gone.py"]


def test_parent_does_something_else_once_while_helpers_read_and_not_without_them(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"m{number}.py": service(number) for number in range(20)}
    write(tmp_path, files)
    for workers, times in ((2, 1), (1, 0)):
        done: list[int] = []
        found = gathering.gather(tmp_path, discover(tmp_path), workers=workers, meanwhile=lambda done=done: done.append(1))
        assert len(found.modules) == 20 and len(done) == times
