"""One installer run in a HOME of its own, under one of the POSIX shells that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NAME = "python-runtime-operations"


def shell_command(name: str) -> list[str] | None:
    """How to start a shell of that name, or None. PYRUNOPS_TEST_BUSYBOX names a busybox outside PATH."""
    if name == "busybox":
        busybox = os.environ.get("PYRUNOPS_TEST_BUSYBOX") or shutil.which("busybox")
        return [busybox, "sh"] if busybox else None
    found = shutil.which(name)
    return [found] if found else None


@dataclass
class Machine:
    """A user's machine: a HOME, a PATH, a shell, and a release to install."""

    home: Path
    shell: list[str]
    path: Path
    release: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def skill(self) -> Path:
        return self.home / ".claude/skills" / NAME

    def variables(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": str(self.path),
            "PYRUNOPS_BASE_URL": self.release.as_uri(),
            "TMPDIR": str(self.home.parent / "tmp"),
            **self.environment,
        }

    def start(self, *options: str, release: Path | None = None) -> subprocess.Popen[str]:
        script = (release or self.release) / "install.sh"
        return subprocess.Popen(
            [*self.shell, str(script), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.variables() | ({"PYRUNOPS_BASE_URL": release.as_uri()} if release else {}),
            cwd=self.home,
            start_new_session=True,
        )

    def run(self, *options: str, release: Path | None = None, code: int = 0) -> str:
        """Run the installer, expect the exit code, and return stdout and stderr together."""
        process = self.start(*options, release=release)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        return out + err


def make_machine(tmp_path: Path, shell: str, path: Path, release: Path) -> Machine:
    command = shell_command(shell)
    if command is None:
        pytest.skip(f"SKIPPED: no {shell} on this machine")
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    return Machine(tmp_path / "home", command, path, release)
