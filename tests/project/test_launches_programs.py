"""What command lines run: servers, workers, runners, options from files and environment."""

from __future__ import annotations

import pytest
from project.made_repository import APP, MANAGE, launches, only, places, values

FILES = {
    "proj/__init__.py": "", "proj/celery.py": APP, "proj/web.py": APP, "proj/settings.py": "", "main.py": APP,
    "worker.py": "", "streamlit_app.py": "", "pkg/cli.py": "def main(): ...\n", "pkg/__init__.py": "", "pkg/__main__.py": "",
    "pyproject.toml": "[project]\nname = 'pkg'\n[project.scripts]\npkg-serve = 'pkg.cli:main'\n",
    "manage.py": MANAGE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "server", "kind", "path", "attribute"),
    [
        ("uvicorn proj.web:app --host 0.0.0.0", "uvicorn", "app", "proj/web.py", "app"),
        ("uvicorn --factory proj.web:make", "uvicorn", "app", "proj/web.py", "make()"),
        ("python -m uvicorn proj.web:app", "uvicorn", "app", "proj/web.py", "app"),
        ("python -m gunicorn.app.wsgiapp proj.web", "gunicorn", "app", "proj/web.py", "application"),
        ("gunicorn -k gevent 'proj.web:create_app()'", "gunicorn", "app", "proj/web.py", "create_app()"),
        ("gunicorn --chdir proj web:app", "gunicorn", "app", "proj/web.py", "app"),
        ("hypercorn -b :80 proj.web:app", "hypercorn", "app", "proj/web.py", "app"),
        ("granian --interface asgi proj.web:app", "granian", "app", "proj/web.py", "app"),
        ("waitress-serve --call proj.web:create", "waitress", "app", "proj/web.py", "create()"),
        ("daphne -p 80 proj.web:app", "daphne", "app", "proj/web.py", "app"),
        ("celery -A proj worker -B", "celery", "app", "proj/celery.py", "app"),
        ("celery --app=proj.celery:app beat", "celery", "app", "proj/celery.py", "app"),
        ("celery -A proj flower", None, "program", "proj/celery.py", "app"),
        ("dramatiq --processes 2 --queues low high -- proj.web", "dramatiq", "app", "proj/web.py", None),
        ("arq proj.settings.WorkerSettings", "arq", "app", "proj/settings.py", "WorkerSettings"),
        ("huey_consumer.py proj.web.huey -k process", "huey", "app", "proj/web.py", "huey"),
        ("taskiq worker proj.web:broker", "taskiq", "app", "proj/web.py", "broker"),
        ("flask --app proj.web run", "flask development server", "app", "proj/web.py", "app"),
        ("flask --app proj.web import-stock", None, "module", "proj/web.py", "app"),
        ("fastapi run main.py", "fastapi cli", "app", "main.py", "app"),
        ("streamlit run streamlit_app.py", "streamlit", "script", "streamlit_app.py", None),
        ("rq worker high low", "rq", "program", None, None),
        ("python worker.py", None, "script", "worker.py", None),
        ("python -m pkg", None, "module", "pkg/__main__.py", None),
        ("python -u -m pkg.cli", None, "module", "pkg/cli.py", None),
        ("pkg-serve --port 80", None, "console-script", "pkg/cli.py", "main"),
        ("python manage.py runserver", "django development server", "script", "manage.py", None),
        ("./manage.py rqworker", "rq", "script", "manage.py", None),
        ("django-admin migrate", None, "program", None, None),
        ("redis-server --save ''", None, "program", None, None),
    ],
)
def test_programs(command: str, server: str | None, kind: str, path: str | None, attribute: str | None) -> None:
    dockerfile = f"FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD exec {command}\n"
    launch = only({**FILES, "Dockerfile": dockerfile}, platform="dockerfile")
    target = launch.target
    assert (launch.server, target.kind, target.path, target.attribute) == (server, kind, path, attribute)


def test_program_names() -> None:
    def name(command: str) -> str:
        return only(
            {**FILES, "Dockerfile": f"FROM python:3.12\nCOPY . /\nCMD exec {command}\n"}, platform="dockerfile"
        ).program

    assert name("/venv/bin/python3.12 manage.py check") == "manage.py"
    assert name("/venv/bin/python3.12 worker.py") == "python"
    assert name("/usr/local/bin/gunicorn main:app") == "gunicorn"
    assert name("python -m http.server") == "http.server"


def test_path_of_an_application_is_not_guessed() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY a /a\nCOPY b /b\nCMD ["gunicorn", "web:app"]\n', "a/web.py": APP, "b/web.py": APP,
    }  # fmt: skip
    assert only(files).target.path is None


def test_python_path_and_flask_app_come_from_the_environment() -> None:
    dockerfile = """
        FROM python:3.12
        COPY backend /srv/backend
        ENV PYTHONPATH=/srv/backend/src FLASK_APP=shop.web
        CMD ["flask", "run", "--port", "80"]
    """
    files = {"Dockerfile": dockerfile, "backend/src/shop/web.py": APP, "shop/web.py": APP}
    launch = only(files)
    assert (launch.target.path, launch.target.attribute) == ("backend/src/shop/web.py", "app")
    assert values(launch) == {"app": "shop.web", "port": "80"}


def test_gunicorn_options_from_four_places() -> None:
    config = """
        import multiprocessing
        import os

        workers = int(os.environ.get("WORKERS", 2))
        threads = os.getenv("THREADS") or 4
        worker_connections = multiprocessing.cpu_count() * 2
        timeout = 30
        bind = "0.0.0.0:8000"


        def worker_exit(server, worker):
            pass
    """
    dockerfile = """
        FROM python:3.12
        WORKDIR /app
        COPY . .
        ENV WEB_CONCURRENCY=9 GUNICORN_CMD_ARGS="--keep-alive 7" WORKERS=5
        CMD ["gunicorn", "--timeout", "90", "main:app"]
    """
    launch = only({"Dockerfile": dockerfile, "gunicorn.conf.py": config, "main.py": APP})
    assert values(launch) == {
        "workers": "5", "threads": "4", "worker_connections": "multiprocessing.cpu_count() * 2", "timeout": "90",
        "bind": "0.0.0.0:8000", "keepalive": "7", "worker_exit": "worker_exit()",
    }  # fmt: skip
    assert (launch.options["timeout"].path, launch.options["timeout"].line) == ("Dockerfile", 5)
    assert (launch.options["workers"].path, launch.options["workers"].line) == ("gunicorn.conf.py", 4)
    assert launch.options["keepalive"].path == "Dockerfile"


def test_uwsgi_configuration() -> None:
    config = "[uwsgi]\nwsgi-file = web.py\ncallable = app\nprocesses = 4\nmaster\ndie-on-term = true\n"
    files = {
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["uwsgi", "--ini", "uwsgi.ini", "--harakiri", "30"]\n',
        "uwsgi.ini": config,
        "web.py": APP,
    }
    launch = only(files)
    assert (launch.server, launch.target.path, launch.target.attribute) == ("uwsgi", "web.py", "app")
    assert values(launch) == {
        "wsgi_file": "web.py", "callable": "app", "processes": "4", "master": "true", "die_on_term": "true", "ini": "uwsgi.ini",
        "harakiri": "30",
    }  # fmt: skip
    assert [artifact.path for artifact in launch.artifacts] == ["Dockerfile", "uwsgi.ini"]


def test_server_that_a_file_runs_by_itself() -> None:
    source = """
        import os
        import uvicorn

        PORT = 8080

        def main():
            uvicorn.run("web:app", port=PORT, workers=int(os.environ.get("WORKERS", "2")), timeout_graceful_shutdown=None)

        if __name__ == "__main__":
            main()
    """
    launch = only({"Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["python", "serve.py"]\n', "serve.py": source})
    assert (launch.server, launch.target.kind, launch.target.path) == ("uvicorn", "script", "serve.py")
    assert values(launch) == {"port": "8080", "workers": "2", "timeout_graceful_shutdown": ""}
    assert launch.options["workers"].line == 7


def test_variables_that_nobody_sets_stay_as_written() -> None:
    files = {
        "Dockerfile": "FROM python:3.12\nCOPY . /\nCMD exec uvicorn --port $PORT --host ${HOST:-::} main:app\n",
        "main.py": APP,
    }
    assert values(only(files)) == {"port": "$PORT", "host": "::"}


def test_lambda_handler() -> None:
    files = {
        "Dockerfile": 'FROM public.ecr.aws/lambda/python:3.12\nCOPY . /var/task\nWORKDIR /var/task\nCMD ["jobs.app.handler"]\n',
        "jobs/app.py": "def handler(event, context): ...\n",
    }
    launch = only(files)
    assert (launch.server, launch.target.path, launch.target.attribute) == (
        "aws lambda handler",
        "jobs/app.py",
        "handler",
    )


# ---------------------------------------------------------------- platforms


def test_procfile() -> None:
    procfile = "web: gunicorn main:app --workers $COUNT\nrelease: python manage.py migrate\nclock: python worker.py\n"
    found = launches({**FILES, "Procfile": procfile})
    rows = [(x.role, x.target.path, x.shell, x.env_open, x.pid1) for x in found if x.platform == "procfile"]
    assert rows == [
        ("main", "main.py", "unknown", True, False),
        ("init", "manage.py", "unknown", True, False),
        ("main", "worker.py", "unknown", True, False),
    ]


def test_procfile_through_honcho() -> None:
    files = {
        **FILES,
        "Procfile": "web: gunicorn main:app\nworker: python worker.py\n",
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["honcho", "start", "worker"]\n',
    }
    launch = only(files, platform="dockerfile")
    assert (launch.target.path, launch.supervisor, launch.pid1) == ("worker.py", "honcho", False)
    assert places(launch) == ["Dockerfile:4", "Procfile:2"]
    assert not [x for x in launches(files) if x.platform == "procfile"]


def test_systemd_unit() -> None:
    unit = """
        [Service]
        Type=simple
        WorkingDirectory=/srv/shop
        Environment=WORKERS=3
        ExecStartPre=/srv/venv/bin/python manage.py migrate
        ExecStart=/srv/venv/bin/gunicorn -w $WORKERS main:app
        TimeoutStopSec=20
        KillSignal=SIGQUIT
    """
    files = {**FILES, "deploy/shop.service": unit}
    launch = only(files, platform="systemd", role="main")
    assert (launch.supervisor, launch.server, launch.target.path, launch.shell) == (
        "systemd",
        "gunicorn",
        "main.py",
        "none",
    )
    assert values(launch) == {"workers": "3"}
    assert launch.grace is not None and launch.grace.seconds == 20
    assert launch.stop_signal is not None and launch.stop_signal.text == "SIGQUIT"
    assert only(files, platform="systemd", role="init").target.path == "manage.py"


def test_crontab_lines_are_jobs() -> None:
    files = {**FILES, "deploy/crontab": "0 3 * * * cd /srv && python worker.py --all\n"}
    assert only(files, platform="crontab").role == "job"


def test_console_scripts_of_a_package() -> None:
    launch = only(FILES)
    assert (launch.platform, launch.program, launch.target.kind) == ("packaging", "pkg-serve", "console-script")
    assert (launch.target.path, launch.target.attribute, places(launch)) == ("pkg/cli.py", "main", ["pyproject.toml:4"])


def test_commands_that_a_package_adds_to_flask() -> None:
    toml = "[project]\nname = 'pkg'\n[project.entry-points.'flask.commands']\nconsume = 'pkg.cli:main'\n"
    launch = only({**FILES, "pyproject.toml": toml})
    assert (launch.platform, launch.target.path, launch.target.attribute) == ("packaging", "pkg/cli.py", "main")


def test_order_does_not_depend_on_the_order_of_files() -> None:
    files = {
        **FILES,
        "Procfile": "web: gunicorn main:app\n",
        "Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["python", "worker.py"]\n',
    }
    assert launches(files) == launches(dict(reversed(files.items())))


def test_console_script_of_several_packages_is_the_nearest() -> None:
    package = "[project]\nname = 'NAME'\n[project.scripts]\nserve = 'NAME.cli:main'\n"
    files = {
        f"{name}/{path}": text
        for name in ("one", "two")
        for path, text in {
            "pyproject.toml": package.replace("NAME", name),
            "Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["serve"]\n',
            f"{name}/cli.py": "def main(): ...\n",
        }.items()
    }
    found = [x.target.path for x in launches(files) if x.platform == "dockerfile"]
    assert found == ["one/one/cli.py", "two/two/cli.py"]
    shared = {**files, "Dockerfile": 'FROM python:3.12\nCMD ["serve"]\n'}
    assert [x.target.path for x in launches(shared) if x.path == "Dockerfile"] == [None]


def test_installed_program_is_no_file_of_its_name() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCMD ["/app/bin/backup"]\n', "contrib/backup": "#!/bin/sh\npython job.py\n", "job.py": "",
    }  # fmt: skip
    assert [x.target.path for x in launches(files) if x.platform == "dockerfile"] == [None]


def test_a_program_that_only_tells_is_no_launch() -> None:
    assert launches({"Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "--version"]\n', "main.py": APP}) == ()


@pytest.mark.parametrize(
    ("source", "server"),
    [
        (MANAGE, "django development server"),
        ("from flask_script import Manager\n", "flask development server"),
        ("", None),
    ],
)
def test_manage_py_of_other_frameworks(source: str, server: str | None) -> None:
    files = {"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["./manage.py", "runserver"]\n', "manage.py": source}
    launch = only(files)
    assert (launch.program, launch.server, launch.target.path) == ("manage.py", server, "manage.py")


@pytest.mark.parametrize("name", [".flaskenv", ".env", "flask.env"])
def test_the_application_that_flask_reads_from_its_own_file(name: str) -> None:
    image = 'FROM python:3.12\nWORKDIR /srv\nCOPY . .\nCMD ["flask", "run"]\n'
    launch = only({"web/Dockerfile": image, f"web/{name}": "FLASK_APP=shop\n", "web/shop/__init__.py": APP}, role="main")
    assert launch.target.path == (None if name == "flask.env" else "web/shop/__init__.py")
