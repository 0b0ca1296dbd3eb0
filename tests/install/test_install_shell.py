"""What the shell installer promises, row by row: each situation has a stated result, and nothing is ever half done."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest
from shipping import releases
from shipping.machine import NAME, Machine
from shipping.toolbox import picture, toolbox

RECEIPT = "INSTALLED.txt"


def installed(folder: Path, version: str) -> bool:
    """Whether `folder` is exactly the made-up skill of that version, with our receipt and nothing else."""
    expected = releases.content(version)
    there = {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }
    there.pop("FILES.sha256", None)
    return RECEIPT in there and {path: text for path, text in there.items() if path != RECEIPT} == expected


def test_one_line_from_a_server_and_back(machine: Machine, server: str) -> None:
    shell = " ".join(machine.shell)
    line = f"curl -fsSL {server}/install.sh | {shell}"
    environment = machine.variables() | {"PYRUNOPS_BASE_URL": server}
    command = ["/bin/sh", "-c", line]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=machine.home)
    assert done.returncode == 0, done.stderr
    assert installed(machine.skill, "1.1.0")
    assert [path.name for path in machine.home.iterdir()] == [".claude"]
    assert [path.name for path in (machine.home / ".claude").iterdir()] == ["skills"]
    assert f"installed {NAME} 1.1.0 in {machine.skill}" in done.stdout
    assert "ask Claude Code:" in done.stdout
    assert "| sh -s -- --uninstall\n" in done.stdout
    command = ["/bin/sh", "-c", f"{line} -s -- --uninstall"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=machine.home)
    assert done.returncode == 0, done.stderr
    assert picture(machine.home) == {}, "nothing is left, not even empty folders"
    assert not list(Path(environment["TMPDIR"]).iterdir())


def test_receipt_lists_version_source_and_every_file(machine: Machine) -> None:
    machine.run()
    receipt = (machine.skill / RECEIPT).read_text()
    assert f"{NAME} receipt 1\nversion: 1.1.0\nsource: {machine.release.as_uri()}/{NAME}.zip\n" in receipt
    for path in machine.skill.rglob("*"):
        if path.is_file() and path.name != RECEIPT:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert f"{digest}  {path.relative_to(machine.skill).as_posix()}\n" in receipt


def test_twice_changes_nothing(machine: Machine) -> None:
    machine.run()
    before = picture(machine.home)
    assert "already installed" in machine.run()
    assert "already installed" in machine.run("--from", str(machine.release / f"{NAME}.skill"))
    assert picture(machine.home) == before


def test_update_over_an_older_version(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    assert installed(machine.skill, "1.0.0")
    assert f"updated {NAME} from 1.0.0 to 1.1.0" in machine.run()
    assert installed(machine.skill, "1.1.0")
    machine.run("--uninstall")
    assert picture(machine.home) == {}


def test_others_skills_and_folders_stay(machine: Machine) -> None:
    other = machine.home / ".claude/skills/other/SKILL.md"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    before = picture(machine.home)
    machine.run()
    machine.run("--uninstall")
    assert picture(machine.home) == before


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "file"])
@pytest.mark.parametrize("action", [[], ["--uninstall"]], ids=["install", "uninstall"])
def test_what_is_not_ours_is_refused_and_by_force_kept(machine: Machine, kind: str, action: list[str]) -> None:
    theirs = machine.home / "theirs"
    theirs.mkdir()
    (theirs / "SKILL.md").write_text("hand-made")
    machine.skill.parent.mkdir(parents=True)
    if kind == "folder":
        machine.skill.mkdir()
        (machine.skill / "SKILL.md").write_text("hand-made")
    elif kind == "file":
        machine.skill.write_text("hand-made")
    else:
        machine.skill.symlink_to(theirs if kind == "link" else machine.home / "nowhere")
    before = picture(machine.home)
    message = machine.run(*action, code=1)
    assert "not made by this installer" in message
    assert "--force" in message
    assert picture(machine.home) == before
    machine.run("--force", *action)
    kept = list((machine.home / ".claude").glob(f"{NAME}-kept-*"))
    assert len(kept) == 1
    if kind == "folder":
        assert (kept[0] / "SKILL.md").read_text() == "hand-made"
    elif kind == "file":
        assert kept[0].read_text() == "hand-made"
    else:
        assert kept[0].is_symlink()
    assert (theirs / "SKILL.md").read_text() == "hand-made", "the link was replaced, not what it leads to"
    assert installed(machine.skill, "1.1.0") if not action else not machine.skill.exists()


def test_changed_files_are_refused_and_by_force_kept(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    skill = machine.skill / "SKILL.md"
    skill.write_text(skill.read_text() + "my notes\n")
    (machine.skill / "LICENSE").unlink()
    before = picture(machine.home)
    for options in ([], ["--uninstall"], ["--check"]):
        message = machine.run(*options, code=1)
        assert "changed since they were installed: LICENSE SKILL.md" in message
        assert picture(machine.home) == before
    machine.run("--force")
    assert installed(machine.skill, "1.1.0")
    kept = next((machine.home / ".claude").glob(f"{NAME}-kept-*"))
    assert (kept / "SKILL.md").read_text().endswith("my notes\n")


def test_added_files_outlive_update_and_removal(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    mine = machine.skill / "references" / "my notes\n(two lines).md"
    mine.write_text("mine")
    (machine.skill / "scripts/__pycache__").mkdir()
    (machine.skill / "scripts/__pycache__/x.pyc").write_text("a cache")
    machine.run()
    assert mine.read_text() == "mine"
    assert not (machine.skill / "scripts/__pycache__").exists()
    assert not (machine.skill / "references/only-in-1.0.0.md").exists()
    assert "unchanged" in machine.run("--check")
    message = machine.run("--uninstall")
    assert "left the files that you added" in message
    assert [path for path in machine.skill.rglob("*") if path.is_file()] == [mine]
    assert "nothing to remove" in machine.run("--uninstall")
    assert mine.read_text() == "mine"


def test_added_file_that_the_new_version_brings_too(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    (machine.skill / "references/only-in-1.1.0.md").write_text("mine")
    before = picture(machine.home)
    assert "references/only-in-1.1.0.md" in machine.run(code=1)
    assert picture(machine.home) == before
    machine.run("--force")
    assert installed(machine.skill, "1.1.0")
    kept = next((machine.home / ".claude").glob(f"{NAME}-kept-*"))
    assert (kept / "references/only-in-1.1.0.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "environment", "place"),
    [
        (["--agent", "claude"], {}, "home/.claude/skills"),
        (["--agent", "agents"], {}, "home/.agents/skills"),
        (["--agent", "gemini"], {}, "home/.gemini/skills"),
        (["--agent", "opencode"], {}, "home/.config/opencode/skills"),
        (["--agent", "opencode"], {"XDG_CONFIG_HOME": "{}/xdg"}, "xdg/opencode/skills"),
        ([], {"CLAUDE_CONFIG_DIR": "{}/my claude"}, "my claude/skills"),
        (["--scope", "project"], {}, "home/.claude/skills"),
        (["--scope", "project", "--agent", "agents"], {}, "home/.agents/skills"),
        (["--scope", "project", "--agent", "opencode"], {}, "home/.opencode/skills"),
        (["--dest", f"{{}}/any where/{NAME}"], {}, "any where"),
        (["--dest", f"relative/{NAME}/"], {}, "home/relative"),
    ],
)
def test_places(
    sh: Machine, tmp_path: Path, options: list[str], environment: dict[str, str], place: str
) -> None:
    sh.environment = {name: value.format(tmp_path) for name, value in environment.items()}
    options = [option.format(tmp_path) for option in options]
    before = picture(tmp_path)
    sh.run(*options)
    assert installed(tmp_path / place / NAME, "1.1.0")
    assert "unchanged" in sh.run(*options, "--check")
    sh.run(*options, "--uninstall")
    assert picture(tmp_path) == before


def test_skills_folder_that_is_a_link_is_followed(sh: Machine) -> None:
    dotfiles = sh.home / "dotfiles/skills"
    dotfiles.mkdir(parents=True)
    (sh.home / ".claude").mkdir()
    (sh.home / ".claude/skills").symlink_to(dotfiles)
    sh.run()
    assert installed(dotfiles / NAME, "1.1.0")
    sh.run("--uninstall")
    assert not list(dotfiles.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--agent", "emacs"], "--agent is emacs, expected claude, agents, gemini or opencode"),
        (["--scope", "world"], "--scope is world"),
        (["--agent"], "--agent needs a value"),
        (["--dest", ""], "--dest needs a value"),
        (["--dest", "/tmp/other-name"], f"expected a folder named {NAME}"),
        (["--dest", f"/tmp/{NAME}", "--agent", "claude"], "leave out --agent"),
        (["--ref", "v1;rm"], "expected a tag"),
        (["--ref", "v1", "--from", "."], "give one of them"),
        (["--yes"], "unknown option --yes"),
        (["."], "unknown option ."),
    ],
)
def test_wrong_usage_is_exit_2_and_writes_nothing(machine: Machine, options: list[str], message: str) -> None:
    assert message in machine.run(*options, code=2)
    assert picture(machine.home) == {}


def test_help_and_version(machine: Machine) -> None:
    for option in ("--agent", "--scope", "--dest", "--ref", "--from", "--dry-run", "--check", "--uninstall", "--force"):
        assert option in machine.run("--help")
    assert machine.run("--version").count(".") == 2
    assert picture(machine.home) == {}


def test_dry_run_writes_nothing(machine: Machine, old_release: Path) -> None:
    assert f"would write {machine.skill}" in machine.run("--dry-run")
    assert "nothing to remove" in machine.run("--dry-run", "--uninstall")
    assert picture(machine.home) == {}
    machine.run(release=old_release)
    before = picture(machine.home)
    assert "would replace" in machine.run("--dry-run")
    assert "would remove" in machine.run("--dry-run", "--uninstall")
    assert picture(machine.home) == before


def test_check_and_uninstall_where_there_is_nothing(machine: Machine) -> None:
    assert f"there is no {NAME}" in machine.run("--check", code=1)
    assert "nothing to remove" in machine.run("--uninstall")
    assert picture(machine.home) == {}


def test_uninstall_takes_the_cache_with_the_last_copy(sh: Machine) -> None:
    cache = sh.home / f".cache/{NAME}/libraries"
    cache.mkdir(parents=True)
    sh.run()
    sh.run("--agent", "gemini")
    sh.run("--uninstall")
    assert cache.exists()
    sh.run("--uninstall", "--agent", "gemini")
    assert picture(sh.home) == {".cache": "folder"}
    for value, there in ((str(sh.home / "mine"), False), ("relative", True)):
        cache = sh.home / value / NAME
        cache.mkdir(parents=True)
        sh.environment = {"XDG_CACHE_HOME": value}
        sh.run("--uninstall")
        assert cache.exists() is there, "only an absolute XDG_CACHE_HOME counts, as for the scripts"


def test_plugin_and_second_copy_are_warned_of(sh: Machine) -> None:
    plugins = sh.home / ".claude/plugins"
    plugins.mkdir(parents=True)
    (plugins / "installed_plugins.json").write_text(f'{{"plugins": {{"{NAME}@{NAME}": []}}}}')
    assert "as a plugin and will list it twice" in sh.run()
    assert f"another copy at {sh.skill}" in sh.run("--agent", "agents")


# Downloads and archives


def test_from_a_file_or_a_folder_without_network(sh: Machine, tmp_path: Path) -> None:
    sh.environment = {"PYRUNOPS_BASE_URL": "http://127.0.0.1:9"}
    sh.run("--from", str(sh.release / f"{NAME}.zip"))
    assert installed(sh.skill, "1.1.0")
    sh.run("--uninstall")
    with zipfile.ZipFile(sh.release / f"{NAME}.zip") as packed:
        packed.extractall(tmp_path / "unpacked")
    (tmp_path / "unpacked" / NAME / "scripts/__pycache__").mkdir()
    sh.run("--from", str(tmp_path / "unpacked" / NAME))
    assert installed(sh.skill, "1.1.0")


def test_other_release_by_ref_is_checked_against_its_sums(sh: Machine, old_release: Path, tmp_path: Path) -> None:
    sh.environment = {"PYRUNOPS_BASE_URL": old_release.as_uri()}
    sh.run("--ref", "v1.0.0")
    assert installed(sh.skill, "1.0.0")
    forged = tmp_path / "forged"
    releases.publish(forged, "6.6.6")
    (forged / "SHA256SUMS").write_bytes((old_release / "SHA256SUMS").read_bytes())
    sh.environment = {"PYRUNOPS_BASE_URL": forged.as_uri()}
    assert "nothing was installed" in sh.run("--ref", "v6.6.6", code=1)
    assert installed(sh.skill, "1.0.0")


def test_copy_from_the_source_tree_says_what_to_do(sh: Machine) -> None:
    assert "give --from" in sh.run(release=releases.ROOT / "install", code=1)
    assert picture(sh.home) == {}


def damaged(folder: Path, release: Path, how: str) -> Path:
    """A release whose archive is not what the installer expects, or not what it says."""
    folder.mkdir()
    archive = folder / f"{NAME}.zip"
    good = (release / f"{NAME}.zip").read_bytes()
    if how == "cut short":
        archive.write_bytes(good[: len(good) // 2])
    elif how == "changed":
        archive.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif how == "empty":
        archive.write_bytes(b"")
    elif how == "a page":
        archive.write_bytes(b"<html>not found</html>")
    return archive


@pytest.mark.parametrize("how", ["cut short", "changed", "empty", "a page", "missing"])
@pytest.mark.parametrize("before", ["nothing", "old"])
def test_damaged_download_changes_nothing(
    machine: Machine, old_release: Path, tmp_path: Path, how: str, before: str
) -> None:
    if before == "old":
        machine.run(release=old_release)
    was = picture(machine.home)
    damaged(tmp_path / "damaged", machine.release, how)
    machine.environment = {"PYRUNOPS_BASE_URL": (tmp_path / "damaged").as_uri()}
    message = machine.run(code=1)
    assert "error: " in message
    assert picture(machine.home) == was


CONTENTS: dict[str, tuple[dict[str, str | None], str]] = {
    "no SKILL.md": ({"SKILL.md": None}, "holds no python-runtime-operations/SKILL.md"),
    "another skill": ({"SKILL.md": "---\nname: other\n---\n"}, "holds another skill"),
    "no scripts": ({"scripts/audit.py": None}, "holds no scripts/audit.py"),
    "no version": ({"scripts/runtime_ops/__init__.py": None}, "does not say its version"),
}


@pytest.mark.parametrize("changes", CONTENTS, ids=list(CONTENTS))
def test_wrong_content_is_refused(sh: Machine, tmp_path: Path, changes: str) -> None:
    replaced, expected = CONTENTS[changes]
    content: dict[str, str | None] = {**releases.content("1.1.0"), **replaced}
    release = releases.publish(tmp_path / "wrong", "1.1.0", {path: text for path, text in content.items() if text})
    assert expected in sh.run(release=release, code=1)
    assert picture(sh.home) == {}


def test_archive_that_differs_from_its_own_list_is_refused(sh: Machine, tmp_path: Path) -> None:
    with zipfile.ZipFile(sh.release / f"{NAME}.zip") as packed:
        packed.extractall(tmp_path)
    (tmp_path / NAME / "SKILL.md").write_text((tmp_path / NAME / "SKILL.md").read_text() + "more\n")
    assert "differ from its list" in sh.run("--from", str(tmp_path / NAME), code=1)
    assert picture(sh.home) == {}


def test_path_out_of_the_archive_reaches_nothing(sh: Machine, tmp_path: Path) -> None:
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(sh.release / f"{NAME}.zip") as old, zipfile.ZipFile(evil, "w") as new:
        for info in old.infolist():
            new.writestr(info, old.read(info))
        new.writestr("../../../../evil", "x")
    sh.start("--from", str(evil)).communicate(timeout=60)
    assert not list(tmp_path.rglob("evil"))


# Tools that are missing


@pytest.mark.parametrize(
    "without", [["unzip"], ["curl"], ["sha256sum"], ["sha256sum", "shasum"], ["python3"], ["ps"]], ids=" ".join
)
def test_installs_without(machine: Machine, tmp_path: Path, without: list[str]) -> None:
    machine.path = toolbox(tmp_path / "few", without)
    if "curl" in without:
        wget = f'#!/bin/sh\ncp "{machine.release}/${{4##*/}}" "$3"\n'  # wget reads no file:// addresses
        machine.path = toolbox(tmp_path / "fewer", without, {"wget": wget})
    machine.run()
    assert installed(machine.skill, "1.1.0")
    machine.run("--uninstall")
    assert picture(machine.home) == {}


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (["curl", "wget"], "need curl or wget"),
        (["unzip", "python3"], "need unzip or python3"),
        (["sha256sum", "shasum", "python3"], "need sha256sum, shasum or python3"),
    ],
)
def test_says_what_is_needed(machine: Machine, tmp_path: Path, without: list[str], expected: str) -> None:
    machine.path = toolbox(tmp_path / "few", without)
    message = machine.run(code=1)
    assert expected in message
    assert picture(machine.home) == {}


def test_python_too_old_is_warned_of(sh: Machine, tmp_path: Path) -> None:
    sh.path = toolbox(tmp_path / "few", ["python3"])
    assert "need Python 3.11 or newer" in sh.run()


def test_home_that_is_not_set(sh: Machine) -> None:
    sh.environment = {"HOME": ""}
    assert "HOME is not set" in sh.run(code=1)


@pytest.mark.parametrize("tool", ["unzip", "mv", "cp", "mkdir", "sort"])
def test_tool_that_fails_changes_nothing(machine: Machine, old_release: Path, tmp_path: Path, tool: str) -> None:
    """As on a full disk: the command prints its reason and fails."""
    machine.run(release=old_release)
    before = picture(machine.home)
    script = f"#!/bin/sh\necho '{tool}: No space left on device' >&2\nexit 1\n"
    machine.path = toolbox(tmp_path / "broken", ["python3"], {tool: script})
    machine.run(code=1)
    assert picture(machine.home) == before
