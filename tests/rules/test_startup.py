"""What the start-up rules put into the report, and what only counts as possible."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return 'ok'\n"
IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("os.environ.get('APP_SECRET_KEY', 's3cret-value')", True),
        ("os.environ.get('ADMIN_PASSWORD', 'letmein')", True),
        ("os.environ.get('EXPORT_SERVICE_TOKEN', 'testing-a-psk')", False),  # the other side refuses it
        ("os.environ.get('APP_PASSWORD_DESCRIPTION', 'six-letters-or-more')", False),
        ("os.environ.get('APP_PASSWORD_SHOWN', 'It must have six letters.')", False),
        ("os.environ.get('STRIPE_SECRET_KEY', os.environ.get('STRIPE_SECRET'))", False),  # its older name
    ],
)
def test_secrets_with_a_default(tmp_path: Path, line: str, reported: bool) -> None:
    files = {"app.py": f"import os\n\nKEY = {line}\n\n{APP}", "Dockerfile": IMAGE}
    assert bool(shown(tmp_path, "secret-default", files)) is reported


def test_a_secret_that_other_settings_require_is_hardly_forgotten(tmp_path: Path) -> None:
    base = "import os\n\nKEY = os.environ.get('APP_SECRET_KEY', 's3cret-value')\n"
    files = {"app.py": "import settings\n" + APP, "settings.py": base, "Dockerfile": IMAGE}
    assert shown(tmp_path, "secret-default", files)
    files["production.py"] = "import os\n\nKEY = os.environ['APP_SECRET_KEY']\n"
    assert not shown(tmp_path, "secret-default", files)


@pytest.mark.parametrize("name", ["APP_SECRET_KEY", "REGISTRY_PASSWORD"])
def test_what_a_compose_file_gives_is_a_lead(tmp_path: Path, name: str) -> None:
    compose = f"services:\n  web:\n    build: .\n    environment:\n      {name}: registry\n"
    files = {"app.py": f"import os\n\nKEY = os.environ[{name!r}]\n{APP}", "Dockerfile": IMAGE, "docker-compose.yml": compose}
    assert [f.confidence for f in said(tmp_path, "secret-default", files)] == ["possible"]


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("requests.get('http://rates', timeout=3)", True),
        ("with contextlib.suppress(Exception):\n    requests.get('http://rates', timeout=3)", False),
        ("try:\n    import fast\nexcept ImportError:\n    sentry_sdk.capture_exception()", False),
        ("NAME = socket.getfqdn()", False),  # it answers also when the look-up fails
        ("INFO = socket.getaddrinfo('db', 5432)", True),
    ],
)
def test_work_of_an_import_that_can_end_it(tmp_path: Path, body: str, reported: bool) -> None:
    rates = f"import contextlib\nimport socket\nimport requests\nimport sentry_sdk\n\n{body}\n"
    files = {"app.py": "import rates\n" + APP, "rates.py": rates, "Dockerfile": IMAGE}
    assert bool(shown(tmp_path, "work-at-import", files)) is reported


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("reload = True", True),
        ("reload = False", False),
        ("import os\nreload = os.environ.get('APP_RELOAD', 'false')", False),  # a text that gunicorn reads as off
    ],
)
def test_a_reloader_in_a_configuration_file(tmp_path: Path, line: str, reported: bool) -> None:
    image = IMAGE.replace('"app:app"', '"-c", "gunicorn.conf.py", "app:app"')
    files = {"app.py": APP, "gunicorn.conf.py": line + "\n", "Dockerfile": image}
    assert bool(shown(tmp_path, "dev-server", files)) is reported


def test_a_development_server_that_only_compose_starts(tmp_path: Path) -> None:
    compose = "services:\n  web:\n    image: registry.example/other:latest\n    command: flask --app app run\n"
    assert not shown(tmp_path, "dev-server", {"app.py": APP, "docker-compose.yml": compose})
    image = 'FROM python:3.12\nCOPY . /app\nCMD ["flask", "--app", "app", "run"]\n'
    assert shown(tmp_path, "dev-server", {"app.py": APP, "docker-compose.yml": compose, "Dockerfile": image})
    desk = "services:\n  web:\n    build: .\n    volumes: ['.:/app']\n    working_dir: /app\n"
    assert not shown(tmp_path, "dev-server", {"app.py": APP, "docker-compose.yml": desk, "Dockerfile": image})


READ = "os.environ.get('USERS_HOST')"


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (f"USERS = f'http://{{{READ}}}/users'", True),
        (f"USERS = os.environ.get('USERS_URL', f'http://{{{READ}}}/users')", False),  # who has the other never needs it
    ],
)
def test_an_address_of_a_variable_that_may_be_missing(tmp_path: Path, line: str, reported: bool) -> None:
    line = line.replace("'USERS_HOST'", '"USERS_HOST"')
    files = {"app.py": f"import os\n\n{line}\n\n{APP}", "Dockerfile": IMAGE}
    assert bool(said(tmp_path, "unvalidated-config", files)) is reported


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("return os.environ['SHOP']", False),  # this request fails, with the name of the variable
        ("requests.post('http://bank', timeout=3)\n    return os.environ['SHOP']", True),
        ("return str(int(os.environ.get('SHOP', '1')))", False),  # this request fails, and nobody sets it
        ("requests.post('http://bank', timeout=3)\n    return str(int(os.environ.get('SHOP', '1')))", True),
    ],
)
def test_a_late_read_that_hurts(tmp_path: Path, body: str, reported: bool) -> None:
    source = APP.replace("return 'ok'", body)
    files = {"app.py": f"import os\nimport requests\n{source}", "Dockerfile": IMAGE}
    assert bool(shown(tmp_path, "lazy-config", files)) is reported


@pytest.mark.parametrize(("use", "reported"), [("{'server.socket_host': HOST}", False), ("{'peer': HOST}", True)])
def test_an_address_that_the_program_listens_on(tmp_path: Path, use: str, reported: bool) -> None:
    source = f"import os\n\nHOST = os.environ.get('SHOP_HOST', '127.0.0.1')\nSET = {use}\n{APP}"
    files = {"app.py": source, "Dockerfile": IMAGE, "docker-compose.yml": "services:\n  web:\n    build: .\n"}
    assert bool(shown(tmp_path, "local-default", files)) is reported
