"""Programs that code of a service starts: jobs, as those that an artifact starts are."""

from __future__ import annotations

from pathlib import Path

import pytest
from project.made_repository import written

from runtime_ops.project.entrypoints import Entrypoint

JOB = """import sys


def main(number):
    print(number)


if __name__ == "__main__":
    main(sys.argv[1])
"""
APP = """import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

from flask import Flask

app = Flask(__name__)
HERE = os.path.dirname(__file__)
PYTHON_BIN = "/venv/bin/python"


@app.route("/start")
def start(number=1, client=None, logger=None):
    {body}
    return "started"
"""
PROCFILE = "web: gunicorn shop.web:app\n"


def entrypoints(root: Path, files: dict[str, str]) -> dict[str, Entrypoint]:
    """The entrypoints of a repository of these files, by path."""
    return {e.path: e for e in written(root, files).entrypoints}


def of_web(root: Path, body: str, **more: str) -> Entrypoint:
    """The job's entrypoint beside a web application that does something in a request."""
    files = {"shop/__init__.py": "", "shop/job.py": JOB, "shop/web.py": APP.replace("{body}", body), "Procfile": PROCFILE}
    return entrypoints(root, {**files, **more})["shop/job.py"]


@pytest.mark.parametrize(
    "body",
    [
        'client.create_task({"command": f"python shop/job.py {number}"})',
        'client.create_task("app", f"python shop/job.py {number}")',
        'client.tasks.post(command="python -m shop.job 1")',
        'subprocess.Popen([sys.executable, os.path.join(HERE, "job.py"), str(number)])',
        'subprocess.run(["python3", "-u", "-m", "shop.job", str(number)], check=True)',
        'subprocess.Popen([sys.executable, str(Path(__file__).parent / "job.py")])',
        'subprocess.run(f"{sys.executable} {HERE}/job.py {number}", shell=True)',
        'subprocess.run(shlex.split(f"python3 shop/job.py {number}"))',
        'os.system("cd /srv && PYTHONPATH=. nohup python shop/job.py 1 &")',
        'command = [PYTHON_BIN, "/srv/shop/job.py"] + ["1"]\n    subprocess.check_call(command)',
        'command = f"python shop/job.py {number}"\n    client.run_command(command)',
        'client.containers.run("image", args=["python", "shop/job.py"])',
        'asyncio.run(asyncio.create_subprocess_exec(sys.executable, "-m", "shop.job"))',
    ],
)
def test_what_a_service_starts_is_a_job(tmp_path: Path, body: str) -> None:
    job = of_web(tmp_path, body)
    assert job.kind == "job"
    [launch] = job.production
    assert (launch.platform, launch.role, launch.target.path) == ("code", "job", "shop/job.py")
    assert launch.path == "shop/web.py"
    assert "job" in launch.chain[0].text


@pytest.mark.parametrize(
    "body",
    [
        'print("run python shop/job.py 1 by hand")',
        'print("python shop/job.py 1")',
        'logger.info(f"python shop/job.py {number}")',
        'print([sys.executable, "shop/job.py"])',
        'raise ValueError("python shop/job.py 1")',
        'return {"hint": "python shop/job.py 1"}',
        'subprocess.run([sys.executable, "-c", "import shop.job"])',
        'subprocess.run(["cat", "shop/job.py"])',
        'subprocess.run(["python", "other/job.py"])',
        "subprocess.run([sys.executable, __file__])",
        'if app.debug:\n        subprocess.run(["python", "shop/job.py"])',
    ],
)
def test_what_is_only_told_starts_nothing(tmp_path: Path, body: str) -> None:
    job = of_web(tmp_path, body)
    assert (job.kind, job.launches) == ("cli", ())


def test_a_script_at_the_desk_starts_no_job(tmp_path: Path) -> None:
    tool = 'import subprocess\n\nif __name__ == "__main__":\n    subprocess.run(["python", "shop/job.py"])\n'
    assert of_web(tmp_path, "pass", **{"rebuild.py": tool}).kind == "cli"


def test_a_tests_own_start_is_none(tmp_path: Path) -> None:
    test = 'import subprocess\n\n\ndef test_job():\n    subprocess.run(["python", "shop/job.py"])\n'
    assert of_web(tmp_path, "pass", **{"tests/test_job.py": test}).kind == "cli"


def test_the_block_of_an_imported_file_starts_nothing(tmp_path: Path) -> None:
    part = 'import subprocess\n\nif __name__ == "__main__":\n    subprocess.run(["python", "shop/job.py"])\n'
    assert of_web(tmp_path, "import shop.part", **{"shop/part.py": part}).kind == "cli"


def test_what_only_the_program_itself_imports_does_not_start_it(tmp_path: Path) -> None:
    again = 'import subprocess\n\n\ndef again():\n    subprocess.run(["python", "shop/job.py"])\n'
    job = JOB.replace("import sys\n", "import sys\n\nfrom shop.again import again\n", 1)
    assert of_web(tmp_path, "import shop.job", **{"shop/again.py": again, "shop/job.py": job}).kind == "cli"


def test_jobs_start_jobs(tmp_path: Path) -> None:
    job = JOB.replace("    print(number)", '    subprocess.run(["python", "-m", "shop.second"])')
    job = job.replace("import sys\n", "import subprocess\nimport sys\n", 1)
    files = {
        "shop/__init__.py": "", "shop/job.py": job, "shop/second.py": JOB, "Procfile": PROCFILE,
        "shop/web.py": APP.replace("{body}", 'subprocess.Popen([sys.executable, "shop/job.py"])'),
    }  # fmt: skip
    found = entrypoints(tmp_path, files)
    assert (found["shop/job.py"].kind, found["shop/second.py"].kind) == ("job", "job")


def test_a_server_that_a_service_starts_stays_one(tmp_path: Path) -> None:
    server = 'from http.server import HTTPServer\n\nif __name__ == "__main__":\n    HTTPServer(("", 80), None).serve_forever()\n'
    assert of_web(tmp_path, 'subprocess.Popen(["python", "shop/job.py"])', **{"shop/job.py": server}).kind == "service"
