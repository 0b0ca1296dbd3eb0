"""`bundle.py build` and `verify`: reproducible, from a clean commit only, with licensed libraries."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from shipping import made_up

from runtime_ops.bundle import archive, build, vendor
from runtime_ops.bundle.source import BuildError, Entry
from runtime_ops.cli import bundle

NAME = made_up.NAME


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def checkout(tmp_path: Path, wheels: Path) -> Path:
    content = made_up.files() | {build.LOCK: made_up.wheel(wheels)}
    folder = made_up.write(tmp_path / "checkout", content)
    (folder / "scripts/audit.py").chmod(0o755)
    return made_up.commit(folder)


def test_bundle_holds_what_is_shipped_and_nothing_else(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    built = build.build(checkout, tmp_path / "dist", wheels)
    assert {path.name for path in built.files} == {
        f"{NAME}.zip",
        f"{NAME}.skill",
        "SHA256SUMS",
        "install.sh",
        "install.ps1",
    }
    with zipfile.ZipFile(tmp_path / "dist" / f"{NAME}.zip") as packed:
        names = set(packed.namelist())
        modes = {info.filename: info.external_attr >> 16 for info in packed.infolist()}
    assert all(name.startswith(f"{NAME}/") for name in names)
    inner = {name.removeprefix(f"{NAME}/") for name in names}
    assert {"SKILL.md", "LICENSE", "README.md", "CHANGELOG.md", "scripts/audit.py", archive.LIST} <= inner
    assert {"scripts/_vendor/made_up_library/__init__.py", "scripts/_vendor/PINNED.txt"} <= inner
    assert "scripts/_vendor/LICENSES/made_up_library-1.0/LICENSE" in inner
    assert not [path for path in inner if path.startswith(("tests", "install", ".")) or path.endswith(".so")]
    assert modes[f"{NAME}/scripts/audit.py"] == stat.S_IFREG | 0o755
    assert modes[f"{NAME}/SKILL.md"] == stat.S_IFREG | 0o644


def test_two_builds_are_the_same_bytes(
    checkout: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    first = build.build(checkout, tmp_path / "one", wheels)
    monkeypatch.setenv("TZ", "America/Lima")
    second = build.build(checkout, tmp_path / "two", wheels)
    assert first.sha256 == second.sha256
    for path in first.files:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build.build(checkout, tmp_path / "three", wheels).sha256 != first.sha256
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(BuildError, match="SOURCE_DATE_EPOCH"):
        build.build(checkout, tmp_path / "four", wheels)


def test_installers_carry_the_archives_hash_and_the_sums_agree(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    built = build.build(checkout, tmp_path / "dist", wheels)
    assert f'SHA256="{built.sha256}"' in (tmp_path / "dist/install.sh").read_text()
    assert f'$Sha256 = "{built.sha256}"' in (tmp_path / "dist/install.ps1").read_text()
    sums = (tmp_path / "dist/SHA256SUMS").read_text()
    for path in built.files:
        if path.name != "SHA256SUMS":
            assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" in sums


@pytest.mark.parametrize("change", ["tracked", "untracked"])
def test_dirty_tree_is_refused(change: str, checkout: Path, wheels: Path, tmp_path: Path) -> None:
    target = checkout / ("LICENSE" if change == "tracked" else "scripts/forgotten.py")
    target.write_text("changed\n")
    with pytest.raises(BuildError, match="dirty") as error:
        build.build(checkout, tmp_path / "dist", wheels)
    assert target.name in str(error.value)
    assert not (tmp_path / "dist").exists()


def test_wheel_of_another_hash_is_refused(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    path = next(wheels.glob("*.whl"))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BuildError, match="pip could not fetch"):
        build.build(checkout, tmp_path / "dist", wheels)
    assert not (tmp_path / "dist").exists()


def test_library_without_licence_is_refused(tmp_path: Path) -> None:
    lock = made_up.wheel(tmp_path / "wheels", licence=False)
    with pytest.raises(BuildError, match="no licence"):
        vendor.entries(lock, tmp_path / "wheels")


def test_bundle_over_the_size_limit_is_refused(
    checkout: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SIZE_LIMIT", 1000)
    with pytest.raises(BuildError, match="at most 1,000"):
        build.build(checkout, tmp_path / "dist", wheels)


def test_link_in_the_tree_is_refused(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    (checkout / "references" / "link.md").symlink_to("runtime-behavior.md")
    made_up.git(checkout, "add", "--all")
    made_up.git(checkout, "commit", "-q", "-m", "A link")
    with pytest.raises(BuildError, match=r"references/link\.md is neither"):
        build.build(checkout, tmp_path / "dist", wheels)


def test_verify_accepts_what_build_made(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    build.build(checkout, tmp_path / "dist", wheels)
    for suffix in ("zip", "skill"):
        assert bundle.main(["verify", str(tmp_path / f"dist/{NAME}.{suffix}")]) == 0
    assert bundle.main(["verify", str(tmp_path / "none.zip")]) == 2


def rewrite(source: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """Copy an archive with some members replaced, added, or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            if info.filename not in changes:
                new.writestr(info, old.read(info))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({f"{NAME}/SKILL.md": b"other"}, "differs from its hash"),
        ({f"{NAME}/SKILL.md": None}, "is listed, but not in the archive"),
        ({f"{NAME}/extra.py": b""}, "but not listed"),
        ({f"{NAME}/../up.py": b""}, "expected python-runtime-operations/"),
        ({"/etc/passwd": b""}, "expected python-runtime-operations/"),
        ({f"{NAME}/a\\b": b""}, "expected python-runtime-operations/"),
        ({f"{NAME}/{archive.LIST}": None}, "the list of files is missing"),
    ],
)
def test_verify_names_what_was_changed(
    changes: dict[str, bytes | None], expected: str, checkout: Path, wheels: Path, tmp_path: Path
) -> None:
    build.build(checkout, tmp_path / "dist", wheels)
    changed = rewrite(tmp_path / f"dist/{NAME}.zip", tmp_path / "changed.zip", changes)
    assert [problem for problem in archive.verify(changed).problems if expected in str(problem)]


def test_verify_compares_with_the_sums_beside(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    build.build(checkout, tmp_path / "dist", wheels)
    file = tmp_path / f"dist/{NAME}.zip"
    rewrite(file, tmp_path / "same-content.zip", {})
    file.write_bytes((tmp_path / "same-content.zip").read_bytes() + b"")
    (tmp_path / "dist/SHA256SUMS").write_text(f"{'0' * 64}  {NAME}.zip\n")
    assert "SHA256SUMS says" in str(archive.verify(file).problems[0])


def test_verify_refuses_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    assert "cannot be read" in str(archive.verify(tmp_path / "x.zip").problems[0])
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert archive.verify(tmp_path / "empty.zip").problems


def test_list_is_what_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / archive.LIST).write_bytes(archive.listing({"a.txt": Entry(b"a\n")}))
    done = subprocess.run(["sha256sum", "-c", archive.LIST], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unpacked_bundle_runs_from_its_folder(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    build.build(checkout, tmp_path / "dist", wheels)
    with zipfile.ZipFile(tmp_path / f"dist/{NAME}.zip") as packed:
        packed.extractall(tmp_path / "skills")
    script = tmp_path / "skills" / NAME / "scripts/audit.py"
    done = subprocess.run([sys.executable, str(script), "."], capture_output=True, text=True, check=True)
    assert done.stdout == "audited .\n"
