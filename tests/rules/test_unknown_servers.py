"""Programs kept up by a library that no table knows, and servers that are given to a framework."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.project.build import Project

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "app.py"]\n'
BOTTLE = "from bottle import Bottle, ServerAdapter\napp = Bottle()\n@app.get('/')\ndef index():\n    return ''\n"
ADAPTER = "class Waitress(ServerAdapter):\n    pass\n"


@pytest.mark.parametrize(
    ("server", "count"), [("", 1), (", server='wsgiref'", 1), (", server=Waitress", 0), (", server='gunicorn'", 0)]
)
def test_bottle_serves_by_the_server_that_it_is_given(tmp_path: Path, server: str, count: int) -> None:
    code = f"{BOTTLE}{ADAPTER}if __name__ == '__main__':\n    app.run(host='0.0.0.0'{server})\n"
    assert len(said(tmp_path, "dev-server", {"app.py": code, "Dockerfile": IMAGE})) == count


SERVED = {
    "quart": "from quart import Quart\napp = Quart(__name__)\n@app.get('/')\nasync def index():\n    return ''\n",
    "flask": "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef index():\n    return ''\n",
    "sanic": "from sanic import Sanic\napp = Sanic('app')\n@app.get('/')\nasync def index(request):\n    return ''\n",
    "uvicorn": "import uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\nasync def index():\n    return ''\n",
    "werkzeug": "from werkzeug.serving import run_simple\ndef app(environ, start):\n    start('200', [])\n    return []\n",
}


@pytest.mark.parametrize(
    ("library", "call", "told"),
    [
        ("quart", "app.run(host='0.0.0.0')", ("low", "its reloader looks at the file of every module", "start it under hypercorn")),
        ("quart", "app.run(use_reloader=True)", ("low", "3 s to drain", "start it under hypercorn")),
        ("quart", "app.run(use_reloader=False)", None),  # hypercorn, which drains
        ("quart", "app.run(use_reloader=index.slow)", None),
        ("quart", "app.run(**{})", None),
        ("quart", "app.run(use_reloader=False, debug=True)", ("medium", "shows the traceback", "leave debug=True to the desk")),
        ("flask", "app.run(host='0.0.0.0')", ("medium", "no drain on SIGTERM, no limit on requests", "start it under gunicorn")),
        ("werkzeug", "run_simple('0.0.0.0', 80, app)", ("medium", "one request at a time", "start it under gunicorn or waitress")),
        ("uvicorn", "uvicorn.run('app:app', reload=True)", ("medium", "stays up and serves nothing", "leave reload=True to the desk")),
        ("uvicorn", "uvicorn.run(app)", None),
        ("sanic", "app.run(auto_reload=True)", ("low", "starts the application again when one changes", "leave auto_reload=True")),
        ("sanic", "app.run(debug=True)", ("medium", "shows the traceback", "leave debug=True to the desk")),
        ("sanic", "app.run()", None),
    ],
)
def test_what_each_server_costs(tmp_path: Path, library: str, call: str, told: tuple[str, str, str] | None) -> None:
    code = f"{SERVED[library]}if __name__ == '__main__':\n    {call}\n"
    found = said(tmp_path, "dev-server", {"app.py": code, "Dockerfile": IMAGE})
    assert len(found) == (told is not None)
    for finding, (severity, costs, remedy) in zip(found, [told] if told else [], strict=True):
        assert (finding.severity, costs in finding.message, finding.remedy.startswith(remedy)) == (severity, True, True)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("'quart', '--app', 'app', 'run'", None),
        ("'quart', '--app', 'app', 'run', '--reload'", "its reloader looks at the file of every module"),
        ("'fastapi', 'dev', 'app.py'", "stays up and serves nothing"),
        ("'fastapi', 'dev', '--no-reload', 'app.py'", None),
        ("'fastapi', 'run', 'app.py'", None),
        ("'uvicorn', '--reload', 'app:app'", "stays up and serves nothing"),
        ("'gunicorn', '--reload', 'app:app'", "starts the application again when one changes"),
    ],
)
def test_what_a_command_leaves_on(tmp_path: Path, command: str, told: str | None) -> None:
    code = SERVED["quart" if "quart" in command else "uvicorn"]
    command = command.replace("'", '"')
    image = IMAGE.replace('"python", "app.py"', command)
    found = said(tmp_path, "dev-server", {"app.py": code, "Dockerfile": image})
    assert [told in f.message for f in found if told is not None] == ([True] if told else [])
    assert len(found) == (told is not None)


@pytest.mark.parametrize(("mode", "count"), [("", 1), (", async_mode='threading'", 1), (", async_mode='gevent'", 0)])
def test_sockets_served_by_the_mode_that_they_are_made_for(tmp_path: Path, mode: str, count: int) -> None:
    code = f"{SERVED['flask']}from flask_socketio import SocketIO\nio = SocketIO(app{mode})\nio.run(app, allow_unsafe_werkzeug=True)\n"
    assert len(said(tmp_path, "dev-server", {"app.py": code, "Dockerfile": IMAGE})) == count


def kinds(folder: Path, files: dict[str, str]) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    gathered = gather(folder, discover(folder), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    return {entrypoint.id: entrypoint.kind for entrypoint in project.entrypoints}


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("Consumer(take).start()", "worker"),
        ("Consumer(take).start()\n    print('over')", "cli"),  # it may as well have returned at once
        ("Consumer(take).describe()", "cli"),
        ("Thing(take).start()", "cli"),
    ],
)
def test_main_that_ends_by_starting_a_consumer(tmp_path: Path, end: str, kind: str) -> None:
    code = (
        "from queues_of_somebody import Consumer, Thing\ndef take(body):\n    return body\n"
        f"def main():\n    {end}\nif __name__ == '__main__':\n    main()\n"
    )
    assert kinds(tmp_path, {"app.py": code}) == {"app.py": kind}


def test_script_without_a_main_block_that_hands_over_to_twistd(tmp_path: Path) -> None:
    library = "from twisted.scripts.twistd import runApp\ndef run(config):\n    runApp(config)\n"
    files = {"lib/shop/__init__.py": "", "lib/shop/start.py": library, "bin/shop.py": "from shop.start import run\nrun(__file__)\n"}
    assert kinds(tmp_path, files) == {"bin/shop.py": "service"}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("lambda_handler(event, context)", {"app.py::lambda_handler": "job"}),
        ("lambda_handler(event)", {}),
        ("handler(event, context)", {}),  # any program may have a function of that name
    ],
)
def test_handler_that_lambda_runs(tmp_path: Path, head: str, expected: dict[str, str]) -> None:
    assert kinds(tmp_path, {"app.py": f"import requests\ndef {head}:\n    return requests.get('http://a')\n"}) == expected


def test_what_lambda_runs_is_held_until_lambda_ends_it(tmp_path: Path) -> None:
    code = "import requests\ndef lambda_handler(event, context):\n    return requests.get('http://a').json()\n"
    (finding,) = said(tmp_path, "call-without-timeout", {"app.py": code})
    assert finding.message.endswith("holds this program until Lambda ends it at its time limit") and finding.severity == "low"
