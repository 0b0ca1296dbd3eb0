"""A download that breaks off: whatever part of the installer a shell got to read, it does nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from shipping.machine import Machine, shell_command
from shipping.toolbox import picture

# One long-lived shell reads each prefix in a subshell of its own: a fork each, and no exec, so that all can be tried.
READER = """
while read -r _; do
    ( . "$0" ) >/dev/null 2>&1 </dev/null
    echo read
done
"""


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("part", range(4))
def test_every_prefix_changes_nothing(sh: Machine, tmp_path: Path, shell: str, part: int) -> None:
    command = shell_command(shell)
    assert command is not None
    script = (sh.release / "install.sh").read_bytes()
    assert script.endswith(b'\n{ main "$@"; exit $?; }\n')
    quarter = len(script) // 4 + 1
    # A cut right before the last line end leaves the whole program; it may install.
    cuts = [length for length in range(part * quarter, (part + 1) * quarter) if length < len(script) - 1]
    assert len(cuts) > 5000
    prefix = tmp_path / "prefix"
    reader = subprocess.Popen(
        [*command, "-c", READER, str(prefix)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=sh.variables()
    )
    assert reader.stdin and reader.stdout
    for length in cuts:
        prefix.write_bytes(script[:length])
        reader.stdin.write(b"\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == b"read\n"
        assert not os.listdir(sh.home), f"cut after {length} bytes: {picture(sh.home)}"
    if part == 3:
        prefix.write_bytes(script)
        reader.stdin.write(b"\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == b"read\n"
        assert sh.skill.is_dir(), "the whole script does install, so the cuts above prove something"
    reader.communicate(timeout=30)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_cuts_of_the_end_from_a_pipe(sh: Machine, shell: str) -> None:
    """As `curl | sh` reads it: from a pipe, statement by statement."""
    command = shell_command(shell)
    if command is None:
        pytest.skip(f"SKIPPED: no {shell} on this machine")
    script = (sh.release / "install.sh").read_bytes()
    for length in range(len(script) - 400, len(script) - 1):
        subprocess.run(command, input=script[:length], env=sh.variables(), capture_output=True, check=False, timeout=30)
        assert not os.listdir(sh.home), f"cut after {length} bytes"
    subprocess.run(command, input=script, env=sh.variables(), capture_output=True, check=True, timeout=30)
    assert sh.skill.is_dir(), "the whole script does install, so the cuts above prove something"
