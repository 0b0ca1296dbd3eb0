"""Containers whose start script runs a command again and again: the shell is what a stop has to end."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

IMAGE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["/app/bin/clock.sh"]\n'
CLOCK = """\
#!/bin/bash
set -euo pipefail
{head}
{loop}
do
    timeout 3600 python report.py || true
    sleep 300
done
"""
REPORT = 'import sys\n\nif __name__ == "__main__":\n    print("done")\n    sys.exit(0)\n'
BLOCKED = "signal-blocked-by-shell"


def _files(loop: str, head: str = "", image: str = IMAGE) -> dict[str, str]:
    return {"Dockerfile": image, "bin/clock.sh": CLOCK.format(loop=loop, head=head), "report.py": REPORT}


@pytest.mark.parametrize("loop", ["while true", "while :", "until false", "while [ 1 ]"])
def test_an_endless_loop_of_process_one_hears_no_stop(tmp_path: Path, loop: str) -> None:
    (finding,) = shown(tmp_path, BLOCKED, _files(loop))
    assert (finding.path, finding.line) == ("bin/clock.sh", 6)
    assert "endless loop of the shell" in finding.message


@pytest.mark.parametrize(
    ("loop", "head", "image"),
    [
        ("for day in mon tue", "", IMAGE),  # it ends
        ("while ! test -e ready", "", IMAGE),
        ("while true", "trap 'exit 0' TERM", IMAGE),
        ("while true", "", IMAGE.replace('["/app', '["tini", "--", "/app')),  # tini passes the signal on, and it ends the shell
        ("while true", "", IMAGE.replace('ENTRYPOINT ["/app/bin/clock.sh"]', 'CMD ["python", "report.py"]')),  # run by hand
    ],
)
def test_a_loop_that_ends_or_hears(tmp_path: Path, loop: str, head: str, image: str) -> None:
    assert not shown(tmp_path, BLOCKED, _files(loop, head, image))
