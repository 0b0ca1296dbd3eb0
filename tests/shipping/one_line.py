"""The one line that users paste, against a loopback server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from shipping.toolbox import loopback


def one_line_install(release: Path, home: Path, *options: str) -> str:
    """`curl … | sh` from a loopback server that serves the release."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with loopback(release) as address:
        line = f"curl -fsSL {address}/install.sh | PYRUNOPS_BASE_URL={address} sh -s -- {' '.join(options)}"
        done = subprocess.run(
            ["sh", "-c", line], env=environment, capture_output=True, text=True, check=False, timeout=120, cwd=home
        )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
