"""Launches behind shells, scripts and templates that hand the program on in roundabout ways."""

from __future__ import annotations

import pytest
from project.made_repository import APP, launches, only

SHOP = {"shop/__init__.py": "", "shop/app.py": APP, "shop/tasks.py": APP}


def started(files: dict[str, str]) -> list[tuple[str, str | None]]:
    """Program and file of everything that runs in production."""
    return [(x.program, x.target.path) for x in launches({**SHOP, **files}) if x.role == "main" and not x.development]


def image(start: str, script: str = "", name: str = "start.sh") -> dict[str, str]:
    """A Dockerfile with its start, and the script that it copies."""
    files = {"Dockerfile": f"FROM python:3.12\nCOPY . /\n{start}\n"}
    return {**files, name: f"#!/bin/bash\n{script}\n"} if script else files


def test_entrypoint_in_shell_form_that_asks_for_its_arguments_gets_the_command() -> None:
    command = 'CMD ["gunicorn", "shop.app:app"]'
    assert started(image(f"ENTRYPOINT /start.sh $0 $@\n{command}", 'exec "$@"')) == [("gunicorn", "shop/app.py")]
    assert started(image(f"ENTRYPOINT python -m shop.tasks\n{command}")) == [("python", "shop/tasks.py")]


@pytest.mark.parametrize("program", ["celery-3", "/bin/celery-3", "celery-3.12", "celery3"])
def test_program_of_one_python(program: str) -> None:
    assert started(image(f'CMD ["{program}", "-A", "shop.tasks", "worker"]')) == [("celery", "shop/tasks.py")]


@pytest.mark.parametrize(
    "script",
    [
        "$LIMIT uvicorn shop.app:app",
        'LIMIT=${LIMIT:-""}\nexec ${LIMIT} uvicorn shop.app:app',
        'LIMIT=""\nif [ -n "$SECONDS_UP" ]; then LIMIT="timeout -k 5 $SECONDS_UP"; fi\n${LIMIT} uvicorn shop.app:app',
        'exec $(command -v uvicorn) shop.app:app',
        'SERVER="$(which uvicorn)"\nexec "$SERVER" shop.app:app',
        'run="uvicorn shop.app:app"\neval "$run"',
    ],
)
def test_program_behind_a_variable(script: str) -> None:
    assert ("uvicorn", "shop/app.py") in started(image('CMD ["/start.sh"]', script))


def test_arguments_quoted_for_a_second_shell() -> None:
    script = """exec gosu app /bin/bash -c "exec $(printf ' %q' "$@")\""""
    files = image('ENTRYPOINT ["/start.sh"]\nCMD ["uvicorn", "shop.app:app"]', script)
    assert started(files) == [("uvicorn", "shop/app.py")]


def test_loop_over_leading_words_takes_none_where_there_are_none() -> None:
    script = """
while [[ $# -gt 0 && "$1" == *'='* ]]; do export "$1"; shift; done
if [ -x /venv/bin/python ] && [[ "$1" == *'.py' ]]; then exec /venv/bin/python "$@"; fi
exec "$@"
"""
    plain = image('ENTRYPOINT ["/start.sh"]\nCMD ["uvicorn", "shop.app:app"]', script)
    assert started(plain) == [("uvicorn", "shop/app.py")]
    led = image('ENTRYPOINT ["/start.sh"]\nCMD ["STAGE=live", "uvicorn", "shop.app:app"]', script)
    assert started(led) == [("uvicorn", "shop/app.py")]


def test_joined_tests_choose_a_branch() -> None:
    script = """
if [[ "$1" == /* || "$1" == "web" ]]; then exec uvicorn shop.app:app; else exec celery -A shop.tasks worker; fi
"""
    assert started(image('ENTRYPOINT ["/start.sh"]\nCMD ["web"]', script)) == [("uvicorn", "shop/app.py")]
    assert started(image('ENTRYPOINT ["/start.sh"]\nCMD ["beat"]', script)) == [("celery", "shop/tasks.py")]


def test_script_in_a_folder_for_programs() -> None:
    files = {"Dockerfile": 'FROM fedora\nRUN ansible-playbook install.yml\nCMD ["/usr/bin/run_worker.sh"]\n'}
    script = {"files/run_worker.sh": "#!/bin/bash\nexec celery -A shop.tasks worker\n"}
    assert started({**files, **script}) == [("celery", "shop/tasks.py")]


def test_command_line_of_one_word_for_an_entrypoint_that_splits_it() -> None:
    compose = 'services:\n  web:\n    image: example/shop\n    command: ["gunicorn --workers 2 shop.app:app"]\n'
    assert started({"compose.yaml": compose}) == [("gunicorn", "shop/app.py")]
    unit = '[program:web]\ncommand=/apps/shop/start_shop.sh "gunicorn shop.app:app"\n'
    assert started({"supervisord.conf": unit}) == [("gunicorn", "shop/app.py")]


def test_application_whose_folder_is_not_known_is_the_only_one_that_has_it() -> None:
    compose = "services:\n  web:\n    image: example/shop\n    command: gunicorn application:api\n"
    files = {"deploy/compose.yaml": compose, "server/application.py": "api = object()\n"}
    assert started(files) == [("gunicorn", "server/application.py")]
    assert started({**files, "client/application.py": "api = object()\n"}) == [("gunicorn", None)]


def test_working_directory_of_a_unit_ends_with_the_folder() -> None:
    unit = "[Service]\nWorkingDirectory=/opt/Shop/utils\nExecStart=/opt/Shop/venv/bin/python router.py\n"
    files = {"systemd/router.service": unit, "utils/router.py": "", "lib/core/router.py": ""}
    assert started(files) == [("python", "utils/router.py")]


def test_supervisord_configuration_made_from_a_template() -> None:
    config = """
[program:web]
command={% if hotreload -%}
  flask --app shop.app run
{% else -%}
  gunicorn shop.app:app
{% endif -%}
autostart = {{ config['web']['autostart'] }}
"""
    files = image('CMD ["/start.sh"]', 'exec supervisord -c "${CONF}/supervisord.conf"')
    web = only({**SHOP, **files, "conf/supervisord.conf.j2": config}, role="main")
    assert (web.platform, web.program, web.target.path) == ("dockerfile", "gunicorn", "shop/app.py")


def test_parallel_starts_what_stands_behind_its_sign() -> None:
    script = 'parallel --jobs 2 --halt now,done=1 ::: \\\n  "celery -A shop.tasks worker" \\\n  "PORT=8001 python -m shop.app"'
    assert started(image('CMD ["/start.sh"]', script)) == [("celery", "shop/tasks.py"), ("python", "shop/app.py")]
    assert started(image('CMD ["/start.sh"]', "parallel python -m shop.app ::: 1 2")) != [("python", "shop/app.py")]


def test_shell_script_of_a_procfile() -> None:
    files = {"Procfile": "web: bash Procfile.sh\n", "Procfile.sh": "#!/bin/bash\ngunicorn shop.app:app\n"}
    assert started(files) == [("gunicorn", "shop/app.py")]


def test_image_of_the_project_is_not_built_beside_it() -> None:
    compose = "services:\n  web:\n    image: example/shop:1\n    command: web\n"
    files = {"contrib/tool/Dockerfile": 'FROM python\nCOPY tool.py .\nENTRYPOINT ["python", "tool.py"]\n', "contrib/tool/tool.py": ""}
    assert ("python", "contrib/tool/tool.py") not in [
        (x.program, x.target.path) for x in launches({**SHOP, **files, "compose.yaml": compose}) if x.platform == "compose"
    ]


APACHE = """
WSGIDaemonProcess shop threads=5 home=/tmp
# WSGIScriptAlias /old /src/old.py
WSGIScriptAlias / /src/shop/app.py
WSGICallableObject app
"""


def test_apache_serves_what_its_configuration_names() -> None:
    files = {
        "Dockerfile": 'FROM fedora\nCOPY . /src\nCOPY docker/shop.conf /etc/httpd/conf/\nCMD ["/usr/sbin/httpd", "-DFOREGROUND"]\n',
        "docker/shop.conf": APACHE,
    }
    web = only({**SHOP, **files})
    assert (web.platform, web.server, web.target.path, web.target.attribute) == ("dockerfile", "mod_wsgi", "shop/app.py", "app")
    assert (web.supervisor, web.pid1) == ("apache", False)


def test_apache_without_a_container() -> None:
    web = only({**SHOP, "apache/shop.conf": APACHE})
    assert (web.platform, web.target.path) == ("apache", "shop/app.py")


@pytest.mark.parametrize("subject", ["SERVICE=$1\nshift", 'SERVICE="${1}"', "SERVICE=${SERVICE:=$1}"])
def test_arms_of_a_script_that_needs_an_argument(subject: str) -> None:
    script = f"""
if [ -z "$*" ]; then echo "usage: start.sh SERVICE"; exit 1; fi
{subject}
case ${{SERVICE}} in
  web) exec gunicorn shop.app:app ;;
  worker) exec celery -A shop.tasks worker ;;
esac
"""
    found = launches({**SHOP, **image('ENTRYPOINT ["/start.sh"]', script)})
    assert [(x.role, x.target.path) for x in found] == [("management", "shop/app.py"), ("management", "shop/tasks.py")]


def test_arm_that_only_a_developer_names_stays_one_of_the_image() -> None:
    files = image('ENTRYPOINT ["/start.sh"]', 'case "$1" in\n  web) exec gunicorn shop.app:app ;;\nesac')
    compose = "services:\n  web:\n    build: .\n    command: web\n    volumes: [.:/]\n"
    found = launches({**SHOP, **files, "compose.yaml": compose})
    assert sorted((x.platform, x.role, x.development) for x in found) == [
        ("compose", "main", True), ("dockerfile", "management", False),
    ]  # fmt: skip


def test_variable_that_a_branch_may_leave_empty_ends_nothing() -> None:
    script = """
if command -v python3; then PYTHON="$(command -v python3)"; else PYTHON=""; fi
if [[ -z "${PYTHON}" ]] || [[ ! -x "${PYTHON}" ]]; then exit 1; fi
exec gunicorn shop.app:app
"""
    assert started(image('CMD ["/start.sh"]', script)) == [("gunicorn", "shop/app.py")]


def test_image_pulled_by_its_name_is_no_stage_for_developers() -> None:
    files = {
        "Dockerfile": 'FROM python:3.12 AS runtime\nCOPY . /\nCMD ["gunicorn", "shop.app:app"]\nFROM runtime AS runtime-dev\n',
        "docker/dev-compose.yml": "services:\n  web:\n    image: shop/web\n    build: {context: .., target: runtime-dev}\n",
        "compose.yaml": "services:\n  web:\n    image: shop/web\n",
    }
    found = [x for x in launches({**SHOP, **files}) if x.path == "compose.yaml"]
    assert [(x.target.path, x.development) for x in found] == [("shop/app.py", False)]
