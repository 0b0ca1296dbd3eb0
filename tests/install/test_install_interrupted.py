"""Interrupted, contended, without room or rights: one skill stays whole, and the next run mends the rest."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shipping import releases
from shipping.machine import NAME, Machine, shell_command
from shipping.toolbox import picture, toolbox

MOMENTS = 50
RECEIPT = "INSTALLED.txt"


def version_there(folder: Path) -> str | None:
    """The version of the made-up skill that `folder` holds; None when it is not there; fails when it is not whole."""
    if not folder.exists():
        return None
    there = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    for version in ("1.0.0", "1.1.0"):
        content = releases.content(version)
        if set(there) == {*content, RECEIPT, "FILES.sha256"} and all(there[path] == content[path] for path in content):
            return version
    raise AssertionError(f"half a skill: {sorted(there)}")


def skills_listed(home: Path) -> list[Path]:
    """What an agent would find, at any depth of a folder named `skills`."""
    return [path for path in home.rglob("SKILL.md") if "skills" in path.relative_to(home).parts[:-2]]


def kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def can_exchange(folder: Path) -> bool:
    """Whether kernel and file system have the exchanging form of rename (RENAME_EXCHANGE)."""
    for name in ("one", "other"):
        (folder / name).mkdir()
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(-100, bytes(folder / "one"), -100, bytes(folder / "other"), 2) == 0


@pytest.mark.parametrize("python", ["one step", "two steps"])
def test_killed_at_fifty_moments(sh: Machine, old_release: Path, tmp_path: Path, python: str) -> None:
    """Where Python can exchange two folders in one step, no moment is without a skill; else the next run restores it."""
    if python == "two steps":
        sh.path = toolbox(tmp_path / "few", ["python3"])
    elif not can_exchange(tmp_path):
        pytest.skip("SKIPPED: this file system cannot exchange two folders in one step")
    sh.run(release=old_release)
    shutil.copytree(sh.skill, tmp_path / "old")
    started = time.monotonic()
    sh.run()
    whole = time.monotonic() - started
    alive = 0
    chance = random.Random(20261124)
    seen: set[str | None] = set()
    for moment in range(MOMENTS):
        shutil.rmtree(sh.skill)
        shutil.copytree(tmp_path / "old", sh.skill)
        process = sh.start()
        time.sleep(whole * 1.2 * (moment + chance.random()) / MOMENTS)
        alive += process.poll() is None
        kill(process)
        found = version_there(sh.skill)
        seen.add(found)
        if python == "one step":
            assert found is not None, "a moment without the skill"
        assert skills_listed(sh.home) in ([], [sh.skill / "SKILL.md"])
        sh.run()
        assert version_there(sh.skill) == "1.1.0"
        assert [path.name for path in (sh.home / ".claude").iterdir()] == ["skills"], "the next run left nothing behind"
    assert "1.0.0" in seen
    assert alive > MOMENTS / 3, "most moments lay within the run"


@pytest.mark.parametrize("action", ["update", "uninstall"])
@pytest.mark.parametrize("nth", range(1, 8))
def test_killed_right_after_each_move(sh: Machine, old_release: Path, tmp_path: Path, action: str, nth: int) -> None:
    """The moments that matter are those between two moves; here each of them is hit for certain."""
    sh.run(release=old_release)
    mine = sh.skill / "mine.md"
    mine.write_text("mine")
    counter = tmp_path / "moves"
    script = (
        f'#!/bin/sh\n{shutil.which("mv")} "$@" || exit 1\necho x >> "{counter}"\n'
        f'[ "$(wc -l < "{counter}")" -ne {nth} ] || kill -9 0\n'
    )
    tools = sh.path
    sh.path = toolbox(tmp_path / "few", ["python3"], {"mv": script})
    process = sh.start(*(["--uninstall"] if action == "uninstall" else []))
    process.communicate(timeout=60)
    if process.returncode == 0:
        assert nth > 1, "no move at all"
        return
    assert process.returncode == -signal.SIGKILL
    sh.path = tools
    if action == "update":
        sh.run("--dry-run")
        sh.run()
        mine_after = mine.read_text()
        mine.unlink()
        assert version_there(sh.skill) == "1.1.0"
    else:
        sh.run("--uninstall")
        mine_after = mine.read_text()
    assert mine_after == "mine"
    assert [path.name for path in (sh.home / ".claude").iterdir()] == ["skills"]


def test_interrupted_by_ctrl_c_leaves_nothing(sh: Machine, tmp_path: Path) -> None:
    sh.path = toolbox(tmp_path / "slow", ["unzip", "python3"], {"unzip": "#!/bin/sh\nsleep 2\nexit 1\n"})
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        process = sh.start()
        time.sleep(0.5)
        os.killpg(process.pid, number)
        process.communicate(timeout=30)
        assert process.returncode in (code, -number)
        assert picture(sh.home) == {}


def test_two_at_once(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    both = [machine.start() for _ in range(2)]
    ended = [process.communicate(timeout=90) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    said = "".join(out for out, _ in ended)
    assert said.count("updated") == 1
    assert said.count("already installed") == 1
    assert version_there(machine.skill) == "1.1.0"
    assert [path.name for path in (machine.home / ".claude").iterdir()] == ["skills"]


def test_install_and_uninstall_at_once(machine: Machine, old_release: Path) -> None:
    machine.run(release=old_release)
    both = [machine.start(), machine.start("--uninstall")]
    for process in both:
        process.communicate(timeout=90)
    assert [process.returncode for process in both] == [0, 0]
    assert version_there(machine.skill) in ("1.1.0", None)


def lock_file(sh: Machine) -> Path:
    (sh.home / ".claude").mkdir(exist_ok=True)
    return sh.home / f".claude/.{NAME}.skills.lock"


def test_lock_of_a_living_process_is_respected(sh: Machine) -> None:
    lock_file(sh).write_text(f"{os.getpid()} {os.uname().nodename}\n")
    sh.environment = {"PYRUNOPS_LOCK_SECONDS": "1"}
    assert "another installer is at work" in sh.run(code=1)
    assert lock_file(sh).exists()
    assert not sh.skill.exists()


def test_lock_of_another_machine_is_respected(sh: Machine) -> None:
    lock_file(sh).write_text("1 some-other-host\n")
    sh.environment = {"PYRUNOPS_LOCK_SECONDS": "1"}
    assert f"remove {lock_file(sh)} if it is gone" in sh.run(code=1)


@pytest.mark.parametrize("content", ["dead", ""])
def test_lock_of_a_killed_process_is_taken_over(machine: Machine, content: str) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock_file(machine).write_text(f"{ended.pid} {os.uname().nodename}\n" if content else "")
    machine.run()
    assert version_there(machine.skill) == "1.1.0"
    assert not lock_file(machine).exists()


@pytest.fixture
def unprivileged(old_release: Path, new_release: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """A folder below /tmp, and how to start a process that is not root (to whom nothing is read-only)."""
    folder = Path(tempfile.mkdtemp(prefix="pyrunops-test-"))
    folder.chmod(0o755)
    for name, release in (("old", old_release), ("new", new_release)):
        shutil.copytree(release, folder / name)
        (folder / name).chmod(0o755)
    (folder / "home").mkdir()
    (folder / "home").chmod(0o777)
    yield folder, ({"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {})
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("locked", [".claude/skills", ".claude", "."])
def test_read_only_folder(unprivileged: tuple[Path, dict[str, object]], shell: str, locked: str) -> None:
    folder, identity = unprivileged
    home = folder / "home"
    command = shell_command(shell)
    if command is None:
        pytest.skip(f"SKIPPED: no {shell} on this machine")

    def run(release: str, *options: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYRUNOPS_BASE_URL": (folder / release).as_uri()}
        script = str(folder / release / "install.sh")
        done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
            [*command, script, *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **identity,
        )
        return done

    if locked == ".":
        home.chmod(0o555)
    else:
        assert run("old").returncode == 0
        (home / locked).chmod(0o555)
    before = picture(home)
    done = run("new")
    if locked == ".claude":  # nothing has to be written there: temporary files go into the skills folder then
        assert done.returncode == 0, done.stderr
        assert version_there(home / ".claude/skills" / NAME) == "1.1.0"
        return
    assert done.returncode == 1
    assert "cannot write to" in done.stderr or "cannot create" in done.stderr
    assert picture(home) == before
    if locked == ".claude/skills":
        assert run("new", "--uninstall").returncode == 1
        assert picture(home) == before


@pytest.mark.parametrize("kilobytes", [110, 140, 180])
@pytest.mark.parametrize("before", ["nothing", "old"])
def test_full_disk(sh: Machine, old_release: Path, tmp_path: Path, kilobytes: int, before: str) -> None:
    """On a file system of its own that has no room for a second copy."""
    content = releases.content("1.1.0") | {"references/big.md": "".join(f"{n:x}\n" for n in range(30_000))}
    big = releases.publish(tmp_path / "big", "1.1.0", content)
    old = f'PYRUNOPS_BASE_URL="{old_release.as_uri()}" sh "{old_release}/install.sh" >/dev/null || exit 99\n'
    script = (
        f'mount -t tmpfs -o size={kilobytes}k none "{sh.home}" 2>/dev/null || exit 98\n'
        + (old if before == "old" else "")
        + f'find "{sh.home}" -type f -exec sha256sum {{}} + | sort >"{tmp_path}/before"\n'
        f'sh "{big}/install.sh"; code=$?\n'
        f'find "{sh.home}" -type f -exec sha256sum {{}} + | sort >"{tmp_path}/after"\n'
        f'find "{sh.home}" >"{tmp_path}/paths"\n'
        "exit $code\n"
    )
    (tmp_path / "script").write_text(script)
    environment = sh.variables() | {"PYRUNOPS_BASE_URL": big.as_uri(), "PATH": f"{sh.path}:/usr/bin:/bin:/sbin"}
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", str(tmp_path / "script")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )
    if done.returncode == 98 or "unshare" in done.stderr:
        pytest.skip(f"SKIPPED: cannot mount a small file system here ({done.stderr.strip()[:80]})")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error: " in done.stderr
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    if before == "nothing":
        assert (tmp_path / "paths").read_text().splitlines() == [str(sh.home)], "not even an empty folder"
