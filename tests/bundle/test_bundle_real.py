"""The bundle of this very checkout: small, whole, and at home on a machine that has nothing but Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from shipping import real
from shipping.toolbox import picture

from runtime_ops import __version__
from runtime_ops.bundle import archive

NAME = "python-runtime-operations"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked bundle, read-only as a system-wide install would be."""
    release = real.release(tmp_path_factory)
    folder = tmp_path_factory.mktemp("skills")
    with zipfile.ZipFile(release / f"{NAME}.zip") as packed:
        packed.extractall(folder)
    subprocess.run(["chmod", "-R", "a-w", str(folder / NAME)], check=True)
    return folder / NAME


def offline() -> list[str]:
    """A prefix that takes the network away, where the system allows it."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command
    return []


def test_archive_is_whole_and_small(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = real.release(tmp_path_factory) / f"{NAME}.zip"
    outcome = archive.verify(file)
    assert outcome.problems == ()
    assert outcome.inspected > 100
    assert file.stat().st_size <= 2_000_000


def test_two_builds_of_the_commit_are_the_same(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    release = real.release(tmp_path_factory)
    environment = os.environ | {"TZ": "Asia/Tokyo"}
    script = [str(real.ROOT / ".venv/bin/python"), str(real.ROOT / "scripts/bundle.py"), "build"]
    if not Path(script[0]).exists():
        script[0] = "python3"
    checkout = real.checkout(tmp_path_factory)
    subprocess.run([*script, "--root", str(checkout), "--output", str(tmp_path)], env=environment, check=True)
    for path in release.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


@pytest.mark.parametrize("options", [["--version"], ["--rules"], ["."]], ids=" ".join)
def test_runs_offline_on_a_bare_python(
    bundle: Path, options: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository = real.sample_repository(tmp_path / "repository")
    before = picture(bundle)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYRUNOPS_NO_BOOTSTRAP": "1"}
    command = [*offline(), str(real.bare_python(tmp_path_factory)), str(bundle / "scripts/audit.py"), *options]
    done = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == (1 if options == ["."] else 0), done.stderr
    if options == ["--version"]:
        assert __version__ in done.stdout
    else:
        assert "unhandled-termination" in done.stdout
    assert picture(bundle) == before, "no bytecode, no cache in the skill's folder"


def test_vendored_libraries_are_pure_python_with_licences(bundle: Path) -> None:
    vendored = bundle / "scripts/_vendor"
    assert {"markdown_it", "mdurl", "packaging", "pathspec", "yaml"} <= {path.name for path in vendored.iterdir()}
    assert not [path for path in vendored.rglob("*") if path.suffix in (".so", ".pyd", ".dylib")]
    pinned = (vendored / "PINNED.txt").read_text()
    licences = {path.parent.name for path in (vendored / "LICENSES").rglob("*") if path.is_file()}
    assert len(licences) == pinned.count(".whl") == 5


def test_unpacked_bundle_passes_the_check(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    command = [str(real.bare_python(tmp_path_factory)), str(bundle / "scripts/bundle.py"), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["audit.py", "drill.py", "bundle.py"])
def test_every_script_tells_its_options_on_a_bare_python(
    bundle: Path, script: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command = [str(real.bare_python(tmp_path_factory)), str(bundle / "scripts" / script), "--help"]
    environment = {"PATH": "/usr/bin:/bin", "PYRUNOPS_NO_BOOTSTRAP": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--version" in done.stdout
