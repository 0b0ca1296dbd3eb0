"""The Python distribution and the pre-commit hook: built from a clean commit, used from where pip puts them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from shipping import real
from shipping.made_up import GIT_ENVIRONMENT, git

from runtime_ops import __version__

NO_INDEX = ("No matching distribution", "Could not find a version", "connection broken", "Max retries")


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may need a package index; skip the test when there is none."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode != 0 and any(word in done.stdout + done.stderr for word in NO_INDEX):
        pytest.skip(f"SKIPPED: no package index from here: {done.stderr.strip().splitlines()[-1][:200]}")
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the real checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = real.checkout(tmp_path_factory)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)]
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_the_guides_and_the_lock(wheel: Path) -> None:
    assert wheel.name == f"python_runtime_operations-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    guides = sorted(path.name for path in (real.ROOT / "references").glob("*.md"))
    assert guides
    assert sorted(name.rpartition("/")[2] for name in names if name.startswith("runtime_ops/references/")) == guides
    assert "runtime_ops/bootstrap/requirements.lock" in names
    assert all(name.startswith(("runtime_ops/", "python_runtime_operations-")) for name in names)


def test_installed_commands_run_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    venv.EnvBuilder(with_pip=True, symlinks=True).create(tmp_path / "venv")
    scripts = tmp_path / "venv/bin"
    done = run([str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel)], tmp_path)
    assert done.returncode == 0, done.stderr
    declared = tomllib.loads((real.ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for command in declared:
        done = run([str(scripts / command), "--help"], tmp_path)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    audit = str(scripts / "runtime-audit")
    assert __version__ in run([audit, "--version"], tmp_path).stdout
    explained = run([audit, "--explain", "unhandled-termination"], tmp_path)
    assert explained.returncode == 0, explained.stderr
    assert "unhandled-termination" in explained.stdout, "the guide came along in the wheel"
    found = run([audit, str(real.sample_repository(tmp_path / "repository"))], tmp_path)
    assert found.returncode == 1, found.stderr
    assert "unhandled-termination" in found.stdout


def test_pre_commit_runs_the_hook(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    checkout = real.checkout(tmp_path_factory)
    revision = run(["git", "rev-parse", "HEAD"], checkout).stdout.strip()
    repository = real.sample_repository(tmp_path / "repository")
    config = f"repos:\n- repo: {checkout}\n  rev: {revision}\n  hooks:\n  - id: runtime-audit\n"
    (repository / ".pre-commit-config.yaml").write_text(config)
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    environment = {**GIT_ENVIRONMENT, "PRE_COMMIT_HOME": str(tmp_path / "cache"), "PRE_COMMIT_COLOR": "never"}
    done = run([pre_commit, "run", "--all-files"], repository, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- hook id: runtime-audit\n- exit code: 1" in done.stdout
    assert "unhandled-termination" in done.stdout
    (repository / "notes.txt").write_text("nothing that runs\n")
    git(repository, "add", "notes.txt")
    done = run([pre_commit, "run", "--files", "notes.txt"], repository, **environment)
    assert done.returncode == 0, done.stdout
    assert "Skipped" in done.stdout
