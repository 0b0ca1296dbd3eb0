"""Cleanup that a server's end by the signal leaves out, and whether what it leaves out outlives the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

RULE = "cleanup-never-runs"
SERVED = (
    "import uvicorn\nfrom fastapi import FastAPI\nfrom store import leases\n\napp = FastAPI()\n\n\n"
    "def stop_clock():\n    leases.row.{end}()\n\n\n"
    "def serve():\n    uvicorn.run(app)\n    print('served')\n\n\ndef main():\n    serve()\n    stop_clock()\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)
UNIT = {"web.service": "[Service]\nExecStart=/usr/bin/python /opt/web/app.py\n"}
IMAGE = {"Dockerfile": 'FROM python:3.13-slim\nCOPY app.py .\nCMD ["python", "app.py"]\n'}


def certain(root: Path, files: dict[str, str]) -> bool:
    """Whether what is said is more than a lead."""
    return any(f.confidence == "certain" for f in said(root, RULE, files))


@pytest.mark.parametrize(
    ("end", "start", "sure"),
    [
        ("delete", UNIT, True),
        ("close", UNIT, False),  # the end of the process closes it as well
        ("delete", IMAGE, False),  # process 1: the kernel drops the signal that uvicorn raises again, and run() comes back
    ],
)
def test_behind_the_call_that_serves(tmp_path: Path, end: str, start: dict[str, str], sure: bool) -> None:
    files = {"app.py": SERVED.replace("{end}", end), "requirements.txt": "uvicorn==0.34.0\n", **start}
    assert [f.line for f in said(tmp_path, RULE, files)] == [19]
    assert certain(tmp_path, files) is sure


def test_an_old_uvicorn_comes_back(tmp_path: Path) -> None:
    files = {"app.py": SERVED.replace("{end}", "delete"), "requirements.txt": "uvicorn==0.28.1\n", **UNIT}
    assert not said(tmp_path, RULE, files)


@pytest.mark.parametrize(("version", "end", "sure"), [("0.34.0", "delete", True), ("0.34.0", "close", False), ("0.28.1", "delete", None)])
def test_atexit_in_a_worker_of_gunicorn(tmp_path: Path, version: str, end: str, sure: bool | None) -> None:
    app = (
        "import atexit\n\nfrom fastapi import FastAPI\nfrom store import leases\n\napp = FastAPI()\n\n\ndef shutdown_clock():\n"
        "    leases.row.{end}()\n\n\natexit.register(shutdown_clock)\n".replace("{end}", end)
    )
    start = 'FROM python:3.13-slim\nCOPY app.py .\nCMD ["gunicorn", "-k", "uvicorn.workers.UvicornWorker", "app:app"]\n'
    files = {"app.py": app, "Dockerfile": start, "requirements.txt": f"uvicorn=={version}\ngunicorn==23.0.0\n"}
    assert bool(said(tmp_path, RULE, files)) is (sure is not None)
    assert certain(tmp_path, files) is bool(sure)
