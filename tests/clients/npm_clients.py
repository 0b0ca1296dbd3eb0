"""Real clients from npm, each set installed once into a shared cache; a set that cannot be had is SKIPPED with why."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SETS = {
    "claude": ("@anthropic-ai/claude-code@2.1.197", "skills@1.5.18"),
    "others": ("@openai/codex@0.169.0", "@google/gemini-cli@0.61.0", "opencode-ai@1.18.33"),
}
INSTALL_SECONDS = 240
RUN_SECONDS = 120
ATTEMPT_SECONDS = 900


def cache() -> Path:
    """Where the clients stay between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "python-runtime-operations-test-clients"


def installed(name: str) -> Path:
    """The `node_modules` folder of one set; skips the test when npm is missing, forbidden or fails."""
    if os.environ.get("PYRUNOPS_SKIP_CLIENTS", "") not in ("", "0"):
        skip("PYRUNOPS_SKIP_CLIENTS is set")
    if not shutil.which("npm"):
        skip("there is no npm")
    key = "-".join(package.strip("@").replace("/", "-") for package in SETS[name])
    place = cache() / key
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failed = place.parent / f"{name}.failed-{os.getppid()}"  # one attempt a test run, not one a test
        if failed.exists() and time.time() - failed.stat().st_mtime < ATTEMPT_SECONDS:
            skip(failed.read_text())
        if not place.exists():
            try:
                install(SETS[name], place)
            except (subprocess.SubprocessError, OSError) as error:
                reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1][:200]
                failed.write_text(f"npm could not install {' '.join(SETS[name])}: {reason}")
                skip(failed.read_text())
    return place / "node_modules"


def install(packages: tuple[str, ...], place: Path) -> None:
    """Install beside and rename, without running the packages' install scripts."""
    making = place.with_name(f"{place.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    (making / "package.json").write_text(json.dumps({"private": True}))
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", *packages]
    subprocess.run(command, cwd=making, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    making.rename(place)


def skip(reason: str) -> None:
    pytest.skip(f"SKIPPED: {reason}")


@dataclass
class Client:
    """One client's program, run in a HOME of its own, told to stay off the network."""

    program: list[str]
    home: Path

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DO_NOT_TRACK": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "NO_COLOR": "1",
        }

    def run(
        self, *arguments: str, cwd: Path | None = None, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the client; `code` None accepts any exit code."""
        done = subprocess.run(
            [*self.program, *arguments],
            cwd=cwd or self.home,
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert code is None or done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done
