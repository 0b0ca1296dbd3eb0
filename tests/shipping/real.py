"""The real skill of this checkout, as a clean commit, a built release, and an unpacked bundle. Built once for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime_ops.bundle import build
from runtime_ops.bundle.source import BuildError
from runtime_ops.bundle.tree import Tree
from shipping import made_up

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def once(place: Path) -> Iterator[bool]:
    """Let one of several test processes make `place`; gives whether it is there already."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f".{place.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place.exists()


def shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """A path that all test processes of this run share."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


def checkout(factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout's files with one commit of them."""
    place = shared(factory, "real-checkout")
    with once(place) as there:
        if not there:
            making = place.with_name("real-checkout.making")
            for path in Tree(ROOT).paths:
                (making / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, making / path)
            made_up.commit(making).rename(place)
    return place


def release(factory: pytest.TempPathFactory) -> Path:
    """The folder that `bundle.py build` writes; the test is skipped where the libraries cannot be had."""
    place = shared(factory, "real-release")
    source = checkout(factory)
    with once(place) as there:
        if not there:
            making = place.with_name("real-release.making")
            try:
                build.build(source, making)
            except BuildError as error:
                if "pip could not fetch" not in str(error):
                    raise
                pytest.skip(f"SKIPPED: {str(error).splitlines()[-1].strip()}")
            making.rename(place)
    return place


def bare_python(factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the standard library only."""
    place = shared(factory, "bare-python")
    with once(place) as there:
        if not there:
            venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
    return place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python3")


def sample_repository(folder: Path) -> Path:
    """A small worker with a fault that any audit must find: as PID 1 it leaves SIGTERM to its default."""
    return made_up.write(
        folder,
        {
            "app/__init__.py": "",
            "app/worker.py": (
                "import os\nimport time\n\nimport requests\n\n\n"
                "def poll():\n    return requests.get(os.environ['QUEUE_URL']).json()\n\n\n"
                "def main():\n    while True:\n        open('state', 'w').write(poll())\n        time.sleep(1)\n\n\n"
                'if __name__ == "__main__":\n    main()\n'
            ),
            "Dockerfile": 'FROM python:3.12-slim\nCOPY app /app\nCMD ["python", "-m", "app.worker"]\n',
        },
    )
