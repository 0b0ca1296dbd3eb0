"""Start scripts that no file of the repository holds, because the Dockerfile writes them into the image."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import launches
from rules.judging import shown

FILES = {
    "setup.py": "from setuptools import setup\nsetup(name='poller', entry_points={'console_scripts': ['poller=poller:main']})\n",
    "poller.py": """
import signal
import threading

STOP = threading.Event()


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: STOP.set())
    while not STOP.wait(5):
        print("turn")
    print("ended")


if __name__ == "__main__":
    main()
""",
}
ECHOED = """\
FROM python:3.12-slim
WORKDIR /opt/poller
COPY . .
RUN pip install . && \\
    echo "#!/bin/sh" >> /opt/poller/run.sh && \\
    echo "set -e" >> /opt/poller/run.sh && \\
    echo "{start} --config /opt/poller/config.yaml \\"\\$@\\"" \\
        >> /opt/poller/run.sh && \\
    chmod +x /opt/poller/run.sh
ENTRYPOINT ["/opt/poller/run.sh"]
"""
IN_ONE_LINE = """\
FROM python:3.12-slim
RUN pip install poller
RUN printf '#!/bin/sh\\nset -e\\n{start}\\n' > /run.sh && chmod +x /run.sh
CMD ["/run.sh"]
"""
COPIED = """\
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN pip install poller
COPY --chmod=755 <<'EOF' /usr/local/bin/begin
#!/bin/sh
set -e
{start}
EOF
CMD ["begin"]
"""
BY_CAT = """\
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN cat <<'EOF' > /entrypoint
#!/bin/bash
{start}
EOF
ENTRYPOINT ["/entrypoint"]
"""


@pytest.mark.parametrize(("image", "line"), [(ECHOED, 7), (IN_ONE_LINE, 3), (COPIED, 7), (BY_CAT, 5)])
def test_a_script_that_the_dockerfile_writes_is_what_it_starts(tmp_path: Path, image: str, line: int) -> None:
    found = shown(tmp_path / "a", "signal-blocked-by-shell", {**FILES, "Dockerfile": image.replace("{start}", "poller")})
    assert [(f.path, f.line) for f in found] == [("Dockerfile", line)]
    assert not shown(tmp_path / "b", "signal-blocked-by-shell", {**FILES, "Dockerfile": image.replace("{start}", "exec poller")})


@pytest.mark.parametrize(
    "start",
    [
        "RUN echo 'exec poller' > /etc/motd\nCMD [\"/run.sh\"]",  # another file
        "RUN echo '#!/usr/bin/env python3' > /run.sh\nCMD [\"/run.sh\"]",  # no shell
        "RUN printf '%s=%s\\n' a b > /run.sh\nCMD [\"/run.sh\"]",  # not known as text
    ],
)
def test_other_files_that_a_build_writes_start_nothing(start: str) -> None:
    found = launches({**FILES, "Dockerfile": f"FROM python:3\nCOPY . .\n{start}\n"})
    assert not [x for x in found if x.platform == "dockerfile" and x.target.path]


def test_a_script_is_begun_anew_by_a_plain_redirection() -> None:
    image = "FROM python:3\nCOPY . .\nRUN echo 'nginx' > /run.sh\nRUN echo 'exec poller' > /run.sh\nCMD [\"sh\", \"/run.sh\"]\n"
    found = [x for x in launches({**FILES, "Dockerfile": image}) if x.platform == "dockerfile"]
    assert [(x.target.path, x.chain[-1].line) for x in found] == [("poller.py", 4)]
