"""Launches through shell scripts, supervisors and wrappers."""

from __future__ import annotations

import time

import pytest
from project.made_repository import APP, MANAGE, launches, only, places, values

IMAGE = """
    FROM python:3.12-slim
    WORKDIR /app
    COPY . .
    ENTRYPOINT ["/app/bin/entrypoint.sh"]
    CMD ["web"]
"""
ENTRYPOINT = """
    #!/bin/bash
    set -e
    serve() {
      TIMEOUT=${WEB_TIMEOUT:-45}
      exec gunicorn --timeout $TIMEOUT -w "${WORKERS:-3}" shop.wsgi:app "$@"
    }
    python manage.py migrate
    case "$1" in
      web)
        shift
        serve "$@"
        ;;
      worker|consumer)
        celery -A shop.tasks worker
        ;;
      debug)
        exec python -m shop.console
        ;;
      *)
        exec "$@"
        ;;
    esac
"""
SHOP = {
    "Dockerfile": IMAGE, "bin/entrypoint.sh": ENTRYPOINT, "manage.py": MANAGE, "shop/__init__.py": "", "shop/wsgi.py": APP,
    "shop/tasks.py": APP, "shop/console.py": "", "shop/job.py": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("behind", "role"), [("echo ended\nexit 0", "main"), ("echo ended\npython report.py", "init"), ("rm -f state", "init")]
)
def test_what_only_talk_stands_behind_is_what_the_script_is_for(behind: str, role: str) -> None:
    files = {
        "Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["/run.sh"]\n',
        "run.sh": f"#!/bin/bash\npython work.py\n{behind}\n",
        "work.py": "",
        "report.py": "",
    }
    assert role in [x.role for x in launches(files) if x.target.path == "work.py"]


def test_arms_of_an_entry_script() -> None:
    found = {(x.role, x.target.path): x for x in launches(SHOP)}
    assert set(found) == {
        ("main", "shop/wsgi.py"), ("init", "manage.py"), ("management", "shop/tasks.py"),
        ("management", "shop/console.py"),
    }  # fmt: skip
    web = found["main", "shop/wsgi.py"]
    assert places(web) == ["Dockerfile:4", "bin/entrypoint.sh:5"]
    assert (values(web)["timeout"], values(web)["workers"]) == ("45", "3")
    assert (web.shell, web.pid1, web.shell_link) == ("exec", True, None)
    worker = found["management", "shop/tasks.py"]
    assert (worker.shell, worker.pid1) == ("parent", False)
    assert worker.shell_link is not None and worker.shell_link.line == 14
    assert found["management", "shop/console.py"].development
    assert not worker.development


def test_what_a_variable_before_an_option_may_hold_is_a_word_of_its_own() -> None:
    script = """
        #!/bin/bash
        stats=""
        if [[ "$STATS_HOST" ]]; then
          stats="--statsd-host ${STATS_HOST}:${STATS_PORT} "
        fi
        gunicorn shop.wsgi:app ${stats}--timeout "${WEB_TIMEOUT:-600}"
    """
    (web,) = launches({"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["/run.sh"]\n', "run.sh": script, "shop/wsgi.py": APP})
    assert values(web)["timeout"] == "600"


def test_arm_that_a_manifest_names_is_no_management() -> None:
    compose = """
        services:
          consumer:
            build: .
            command: consumer
          other:
            build: .
            command: ["python", "-m", "shop.job"]
    """
    found = [
        (x.platform, x.role, x.target.path)
        for x in launches({**SHOP, "compose.yaml": compose})
        if x.target.path != "manage.py"
    ]
    assert found == [
        ("dockerfile", "main", "shop/wsgi.py"),
        ("dockerfile", "management", "shop/console.py"),
        ("compose", "main", "shop/tasks.py"),
        ("compose", "main", "shop/job.py"),
    ]


def test_arguments_that_a_script_passes_on_keep_their_place() -> None:
    files = {**SHOP, "compose.yaml": "services:\n  job:\n    build: .\n    command: [python, -m, shop.job]\n"}
    job = only(files, platform="compose", role="main")
    assert places(job) == ["compose.yaml:2", "Dockerfile:4", "bin/entrypoint.sh:20", "compose.yaml:4"]
    assert job.pid1


def test_environment_of_the_manifest_chooses_and_fills() -> None:
    script = """
        #!/bin/sh
        case "$ROLE" in
          web) exec uvicorn --port "$PORT" --workers ${WORKERS:-1} shop.wsgi:app ;;
          worker) exec celery -A shop.tasks worker ;;
        esac
    """
    compose = """
        services:
          web:
            build: .
            environment: [ROLE=web, PORT=8080]
            env_file: more.env
    """
    files = {**SHOP, "bin/entrypoint.sh": script, "compose.yaml": compose}
    web = only(files, platform="compose")
    assert values(web) == {"port": "8080", "workers": "${WORKERS:-1}"}  # more.env may set it
    assert only(files, platform="dockerfile").target.path == "shop/tasks.py"  # as the compose file starts the other one


@pytest.mark.parametrize(
    ("script", "shell", "background"),
    [
        ("python serve.py", "parent", False),
        ("exec python serve.py", "exec", False),
        ("python serve.py & wait", "parent", True),
        ("trap 'kill $pid' TERM\npython serve.py &\npid=$!\nwait $pid", "trap", True),
        ("stop() { kill -TERM $pid; }\ntrap stop TERM INT\npython serve.py &\npid=$!\nwait $pid", "trap", True),
        ("trap 'kill 1' TERM\npython serve.py", "parent", False),
        ("trap 'rm -f x' EXIT\npython serve.py & wait", "parent", True),
        ('set -- python serve.py\nexec "$@"', "exec", False),
        ('cmd=(python\n  -u\n  # a comment\n)\ncmd+=(serve.py)\nexec "${cmd[@]}"', "exec", False),
        ("[ -f x ] || { echo no; exit 1; }\nexec python serve.py", "exec", False),
        ('if [ -n "$NEVER" ]; then exec true; else exec python serve.py; fi', "exec", False),
        ("while true; do python serve.py; sleep 5; done", "parent", False),
        (". ./more.sh\nrun_it", "exec", False),
    ],
)
def test_shell_between_container_and_program(script: str, shell: str, background: bool) -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["./run.sh"]\n',
        "run.sh": f"#!/bin/bash\n{script}\n",
        "more.sh": "exec python serve.py\n",
        "serve.py": "",
    }
    launch = only(files, role="main", platform="dockerfile")
    assert (launch.target.path, launch.shell, launch.background) == ("serve.py", shell, background)
    assert launch.pid1 == (shell == "exec")


def test_what_a_script_does_after_exec_does_not_run() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["/run.sh"]\n',
        "run.sh": "#!/bin/sh\nexec python serve.py\npython never.py\n",
        "serve.py": "",
        "never.py": "",
    }
    assert [x.target.path for x in launches(files)] == ["serve.py"]


def test_array_with_comments_between_its_words() -> None:
    script = """
        #!/bin/bash
        ARGS=(
          "--quiet"  # no banner
          # which application
          "-A" "shop.tasks"
          "worker"
        )
        celery "${ARGS[@]}"
    """
    image = IMAGE.replace('["web"]', "[]")
    launch = only({"Dockerfile": image, "bin/entrypoint.sh": script, "shop/tasks.py": APP}, server="celery")
    assert launch.argv == ("celery", "--quiet", "-A", "shop.tasks", "worker")


def test_flags_put_before_the_arguments() -> None:
    script = '#!/bin/sh\nif [ "${1#-}" != "$1" ]; then\n  set -- python serve.py "$@"\nfi\nexec "$@"\n'
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nENTRYPOINT ["/run.sh"]\nCMD ["--port", "80"]\n',
        "run.sh": script,
        "serve.py": "",
    }
    assert only(files).argv == ("python", "serve.py", "--port", "80")


@pytest.mark.parametrize(
    ("command", "init", "pid1"),
    [
        ("env A=1 python serve.py", None, True),
        ("tini -g -- gosu app python serve.py", True, False),
        ("dumb-init python serve.py", True, False),
        ("tini -s -- sudo -EHu app python serve.py", True, False),
        ("su-exec app:app python serve.py", None, True),
        ("nice -n 5 stdbuf -oL python serve.py", None, True),
        ("timeout -k 5 60 python serve.py", None, False),
        ("poetry run python serve.py", None, True),
        ("uv run --frozen --extra web python serve.py", None, False),
        ("opentelemetry-instrument --traces_exporter console python serve.py", None, True),
        ("ddtrace-run python serve.py", None, True),
        ("newrelic-admin run-program python serve.py", None, True),
        ("coverage run --source shop serve.py", None, True),
        ("wait-for-it.sh db:5432 -t 30 -- python serve.py", None, True),
        ("python -X dev -u serve.py", None, True),
        ("xvfb-run -a python serve.py", None, False),
    ],
)
def test_wrappers_are_taken_off(command: str, init: bool | None, pid1: bool) -> None:
    words = ", ".join(f'"{word}"' for word in command.split())
    launch = only({"Dockerfile": f"FROM python:3.12\nCOPY . /\nCMD [{words}]\n", "serve.py": ""})
    assert (launch.target.path, launch.init, launch.pid1) == ("serve.py", init, pid1)
    assert ("A" in launch.env) == command.startswith("env")
    assert launch.shell == ("parent" if "xvfb" in command else "none")


def test_supervisord_from_an_image() -> None:
    config = """
        [supervisord]
        nodaemon=true
        environment=MODE="all"
        [program:worker]
        command=./manage.py rqworker %(ENV_QUEUES)s
        directory=/app
        numprocs=%(ENV_COUNT)s
        stopwaitsecs=70
        stopsignal=INT
        [eventlistener:watch]
        command=python -m shop.job
    """
    files = {
        **SHOP,
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nENV QUEUES=low COUNT=4\nCMD ["supervisord", "-c", "etc/workers.conf"]\n',
        "etc/workers.conf": config,
    }
    worker = only(files, program="manage.py")
    assert (worker.platform, worker.supervisor, worker.pid1, worker.replicas) == ("dockerfile", "supervisord", False, 4)
    assert (worker.argv, worker.server) == (("./manage.py", "rqworker", "low"), "rq")
    assert worker.grace is not None and worker.grace.seconds == 70
    assert worker.stop_signal is not None and worker.stop_signal.text == "INT"
    assert places(worker) == ["Dockerfile:5", "etc/workers.conf:4", "etc/workers.conf:5"]
    assert "MODE" in worker.env
    assert only(files, program="python").grace is None  # supervisord's own ten seconds, not the container's


@pytest.mark.parametrize(
    ("branch", "development", "optional"),
    [
        ('if [ "$LOCAL_DEV_ENV" == "true" ]; then', True, False),
        ('if [ "$HOT_RELOAD" = true ]; then', True, False),
        ('if [ "$APP_CONFIG" = "config.DevelopmentConfig" ]; then', True, False),
        ('if [ "$DEBUG" != 1 ]; then true; else', True, False),
        ('if [ -z "$DEBUG" ]; then', False, False),
        ('if [ "$APP_ENV" = "production" ]; then', False, False),
        ('if [[ $DEBUG == "True" ]] && [[ $RELOADS == "True" ]]; then', True, False),
        ('if [[ $DEBUG == "True" ]] || [[ $RELOADS == "True" ]]; then', False, False),
        ('if [ "$SUPERVISED" = "True" ]; then', False, True),
        ('if [ ! -z "$SOCKET" ]; then', False, True),
        ('SOCKET=$(mktemp)\nif [ -n "$SOCKET" ]; then', False, False),
        ('if [ "$DEPLOYMENT" = "api" ]; then', False, False),
    ],
)
def test_branch_for_developers_or_on_demand(branch: str, development: bool, optional: bool) -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["/run.sh"]\n',
        "run.sh": f"#!/bin/bash\nserve() {{\n  python serve.py\n}}\n{branch}\n  serve\nfi\n",
        "serve.py": "",
    }
    launch = next(x for x in launches(files) if x.target.path == "serve.py" and x.role == "main")
    assert (launch.development, launch.optional) == (development, optional)


def test_branch_that_the_image_itself_chooses_is_no_desk() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nENV LOCAL_DEV=true\nCMD ["/run.sh"]\n',
        "run.sh": '#!/bin/sh\nif [ "$LOCAL_DEV" = true ]; then\n  python serve.py\nfi\n',
        "serve.py": "",
    }
    assert not only(files, role="main").development


def test_supervisord_that_leaves_for_the_background() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["/run.sh"]\n',
        "run.sh": "#!/bin/sh\nsupervisord -c jobs.conf\nexec python serve.py\n",
        "jobs.conf": "[supervisord]\nloglevel=info\n[program:jobs]\ncommand=python jobs.py\n",
        "serve.py": "",
        "jobs.py": "",
    }
    launch = next(x for x in launches(files) if x.target.path == "jobs.py")
    assert (launch.background, launch.shell) == (True, "unknown")


@pytest.mark.parametrize(
    ("head", "variables", "development"),
    [
        ("# This image is for local development only!", "web.env", True),
        ("# syntax=docker/dockerfile:1", "web.env", False),
        ("", "config/development/web.env", True),
    ],
)
def test_artifacts_that_say_they_are_for_development(head: str, variables: str, development: bool) -> None:
    files = {
        "web.Dockerfile": f'{head}\nFROM python:3.12\nCOPY . /\nCMD ["python", "serve.py"]\n',
        "docker-compose.yml": "services:\n  web:\n    build: {context: ., dockerfile: web.Dockerfile}\n"
        f"    env_file: {variables}\n",
        "serve.py": "",
    }
    assert only(files, platform="compose").development is development


def test_services_of_s6_overlay() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY rootfs /\nCOPY shop /app/shop\nWORKDIR /app\nENTRYPOINT ["/init"]\n',
        "rootfs/etc/s6-overlay/s6-rc.d/web/run": "#!/command/with-contenv bash\nexec s6-setuidgid app uvicorn shop.wsgi:app\n",
        "rootfs/etc/s6-overlay/s6-rc.d/setup/run": "#!/command/with-contenv bash\npython -m shop.job\n",
        "shop/wsgi.py": APP,
        "shop/job.py": "",
    }
    found = {x.target.path: x for x in launches(files, "rootfs/etc/s6-overlay/s6-rc.d/setup/up")}
    assert (found["shop/wsgi.py"].role, found["shop/wsgi.py"].supervisor, found["shop/wsgi.py"].pid1) == (
        "main",
        "s6",
        False,
    )
    assert found["shop/job.py"].role == "init"


def test_service_folder_names_the_signal_that_stops_its_service() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY rootfs /\nCOPY shop /app/shop\nWORKDIR /app\nSTOPSIGNAL SIGQUIT\nENTRYPOINT ["/init"]\n',
        "rootfs/etc/s6-overlay/s6-rc.d/web/run": "#!/bin/sh\nexec uvicorn shop.wsgi:app\n",
        "rootfs/etc/s6-overlay/s6-rc.d/jobs/run": "#!/bin/sh\nexec python -m shop.job\n",
        "rootfs/etc/s6-overlay/s6-rc.d/jobs/down-signal": "SIGINT\n",
        "shop/wsgi.py": APP,
        "shop/job.py": "",
    }
    found = {x.target.path: x.stop_signal for x in launches(files) if x.supervisor == "s6"}
    signal = found["shop/job.py"]
    assert signal is not None and signal.text == "SIGINT"
    assert found["shop/wsgi.py"] is None, "the image's own stop signal reaches the init alone"


def test_script_that_nothing_runs_is_a_start_by_hand() -> None:
    files = {"bin/serve.sh": "#!/bin/sh\ncd /srv\nuvicorn shop:app\n", "shop.py": APP}
    launch = only(files)
    assert (launch.platform, launch.role, launch.target.path, launch.env_open) == (
        "shell",
        "management",
        "shop.py",
        True,
    )


def test_a_script_that_runs_itself_ends() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["/run.sh"]\n',
        "run.sh": '#!/bin/sh\nif [ "$(id -u)" = 0 ]; then exec gosu app "$0" "$@"; fi\n/run.sh\nexec python serve.py\n',
        "serve.py": "",
    }
    assert {x.target.path for x in launches(files)} == {"serve.py"}


def test_script_on_the_path_that_the_image_sets() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nWORKDIR /srv\nCOPY . .\nENV PATH /srv/bin:$PATH\nCMD ["init-env", "python", "serve.py"]\n',
        "bin/init-env": '#!/bin/sh\nexport MODE=all\nexec "$@"\n',
        "serve.py": "",
    }
    launch = only(files)
    assert (launch.target.path, launch.shell) == ("serve.py", "exec")
    assert launch.env["MODE"][1] == "bin/init-env"


def test_shell_in_front_of_a_supervisor_stays_visible() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["./run.sh"]\n',
        "run.sh": "#!/bin/sh\nsupervisord -c supervisord.conf\n",
        "supervisord.conf": "[supervisord]\nnodaemon=true\n[program:web]\ncommand=python serve.py\n",
        "serve.py": "",
    }
    launch = only(files)
    assert (launch.target.path, launch.supervisor, launch.shell) == ("serve.py", "supervisord", "parent")
    assert launch.shell_link is not None and (launch.shell_link.path, launch.shell_link.line) == ("run.sh", 2)


def test_hostile_scripts_end_soon() -> None:
    calls = "\n".join(f"./s{number}.sh" for number in range(12))
    files = {
        "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["./s0.sh"]\n',
        **{f"s{number}.sh": f"#!/bin/sh\nf() {{ f; f; f; }}\nf\n{calls}\n" for number in range(12)},
    }
    started = time.perf_counter()
    launches(files)
    assert time.perf_counter() - started < 20


CHAIN = """
    #!/bin/bash
    if [ "$1" == "release" ]; then
        exec ./bin/release.sh
    elif [ "$1" == "web" ]; then
        exec gunicorn shop.wsgi:app
    elif [ "$1" == "worker" ]; then
        export QUIET=1
        exec celery -A shop.tasks worker
    elif [ "$1" == "console" ]; then
        python -m shop.console
    fi
    if [ "$2" == "again" ]; then
        python manage.py migrate
    fi
"""


def test_arms_behind_the_branch_that_an_image_takes_are_arms_too() -> None:
    files = {
        "Dockerfile": IMAGE, "bin/entrypoint.sh": CHAIN, "shop/wsgi.py": APP, "shop/tasks.py": APP, "shop/console.py": MANAGE,
        "manage.py": MANAGE,
    }  # fmt: skip
    found = {(launch.role, launch.target.path) for launch in launches(files) if launch.target.path is not None}
    # what stands behind the `fi` is reached by none of these words
    assert found == {("main", "shop/wsgi.py"), ("management", "shop/tasks.py"), ("management", "shop/console.py")}
