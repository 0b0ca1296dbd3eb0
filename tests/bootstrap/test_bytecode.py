"""Compiled modules are kept in the user's cache, and nowhere when that is no safe place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_ops.bootstrap import bytecode, private

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    copy = tmp_path / "bundle" / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run(scripts: Path, cache: Path, *words: str, **environment: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(cache.parent), "XDG_CACHE_HOME": str(cache), **environment}
    done = subprocess.run(
        [sys.executable, str(scripts / "audit.py"), *words], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def compiled(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.pyc"))


def test_is_kept_in_the_private_folder_and_not_beside_the_sources(scripts: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(scripts, cache, "--rules")
    place = cache / private.APPLICATION / bytecode.FOLDER
    assert any(file.name.startswith("audit.") for file in compiled(place))
    assert place.stat().st_mode & 0o077 == 0
    assert not compiled(scripts.parent)


@pytest.mark.parametrize("case", ["forbidden", "shared", "audited", "no folder"])
def test_is_kept_nowhere(case: str, scripts: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    words, environment = ["--rules"], {}
    if case == "forbidden":
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    elif case == "shared":
        (cache / private.APPLICATION).mkdir(parents=True)
        (cache / private.APPLICATION).chmod(0o777)
    elif case == "audited":
        words.append(str(cache.parent))
    else:
        cache.write_text("a file")
    run(scripts, cache, *words, **environment)
    assert not compiled(tmp_path)


def test_a_prefix_of_the_user_is_respected(scripts: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    run(scripts, tmp_path / "cache", "--rules", PYTHONPYCACHEPREFIX=str(chosen))
    assert not compiled(tmp_path / "cache") and not compiled(scripts.parent)


def test_cache_home_is_the_one_of_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for value in ("", "relative", str(tmp_path)):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert bytecode.cache_home() == str(private.cache_home())
