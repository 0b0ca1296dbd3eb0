"""Passwords in addresses, settings whose failure is passed over, flags that one spelling turns off."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

IMAGE = {"Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "app.py"]\n'}
SERVE = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "ok"


if __name__ == "__main__":
    app.run()
"""


@pytest.mark.parametrize(
    ("lines", "reported"),
    [
        ('URL = "amqp://{}:{}@broker".format(os.environ["U"], os.environ["RABBIT_PASSWORD"])', True),
        ('URL = "amqp://%s:%s@broker" % (os.environ["U"], os.environ["RABBIT_PASSWORD"])', True),
        ('URL = "amqp://%(u)s:%(p)s@broker" % {"u": "shop", "p": os.environ["RABBIT_PASSWORD"]}', True),
        ('URL = "redis://:" + os.environ["REDIS_PASSWORD"] + "@cache:6379/0"', True),
        ('PW = os.getenv("REDIS_PASSWORD")\nURL = f"redis://:{PW}@cache:6379/0"', True),
        ('REDIS_PASSWORD = os.getenv("REDIS_PASSWORD", "").strip()\nURL = f"redis://:{REDIS_PASSWORD}@cache"', True),
        ('NETLOC = "{}:{}@{}".format(os.environ["U"], os.environ["DB_PASSWORD"], os.environ["H"])', True),
        ('from urllib.parse import quote_plus\nURL = f"redis://:{quote_plus(os.environ[\'REDIS_PASSWORD\'])}@cache"', False),
        ('from urllib.parse import quote\nPASSWORD = quote(os.environ["REDIS_PASSWORD"])\nURL = f"redis://:{PASSWORD}@cache"', False),
        ('DB_PASSWORD = "fixed"\nURL = f"redis://:{DB_PASSWORD}@cache"', False),
        ('PASSWORD = os.environ["GIT_PASSWORD"]\nURL = f"https://bot:{PASSWORD}@github.com/shop/shop.git"', False),
        ('HOST = os.environ["DB_HOST"]\nURL = f"redis://{HOST}:{os.environ[\'PORT\']}"', False),
        ("def url(password):\n    return f'redis://:{password}@cache'\n\n\nURL = url(os.environ['REDIS_PASSWORD'])", True),
        ("def url(password):\n    return f'redis://:{password}@cache'\n\n\nURL = url('fixed')", False),
        ("from settings import settings\nURL = f'postgresql://shop:{settings.DB_PASSWORD}@db/shop'", True),
    ],
)  # fmt: skip
def test_a_password_in_an_address(tmp_path: Path, lines: str, reported: bool) -> None:
    assert bool(said(tmp_path, "unescaped-password", {**IMAGE, "app.py": f"import os\n\n{lines}\n{SERVE}"})) is reported


def test_the_key_of_a_queue_weighs_more(tmp_path: Path) -> None:
    text = 'import os\n\nKEY = os.environ["AWS_ACCESS_KEY_ID"]\nAWS_SECRET_ACCESS_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]\n'
    text += 'BROKER = "sqs://%s:%s@" % (KEY, AWS_SECRET_ACCESS_KEY)\n'
    (finding,) = said(tmp_path, "unescaped-password", {**IMAGE, "app.py": text + SERVE})
    assert finding.severity == "medium"


ENVIRONMENT = """\
from alembic import context
from shop import settings

config = context.config
config.set_main_option("sqlalchemy.url", {url})
"""
REVISIONS = {"shop/migrations/script.py.mako": "", "shop/migrations/versions/1a2b_first.py": "", "shop/__init__.py": ""}


@pytest.mark.parametrize(
    ("url", "settings", "reported"),
    [
        ("settings.URL", 'import os\n\nURL = os.environ["DATABASE_URL"]\n', True),
        ('settings.URL.replace("%", "%%")', 'import os\n\nURL = os.environ["DATABASE_URL"]\n', False),
        ("settings.url()", 'import os\n\n\ndef url():\n    return os.environ["DATABASE_URL"].replace("%", "%%")\n', False),
        ("settings.url()", 'import os\n\n\ndef url():\n    return os.environ["DATABASE_URL"]\n', True),
        ('"sqlite:///shop.db"', "", False),
    ],
)
def test_the_address_that_alembic_is_given(tmp_path: Path, url: str, settings: str, reported: bool) -> None:
    files = {**REVISIONS, "shop/migrations/env.py": ENVIRONMENT.format(url=url), "shop/settings.py": settings}
    found = said(tmp_path, "unescaped-password", files)
    assert [(f.path, f.line) for f in found] == ([("shop/migrations/env.py", 5)] if reported else [])


@pytest.mark.parametrize(
    ("lines", "reported"),
    [
        ('try:\n    LIMIT = int(os.environ.get("LIMIT", ""))\nexcept ValueError:\n    LIMIT = 20', True),
        ('try:\n    LIMIT = int(os.environ["LIMIT"])\nexcept (KeyError, ValueError):\n    LIMIT = 20', True),
        ('try:\n    LIMIT = int(os.environ["LIMIT"])\nexcept KeyError:\n    LIMIT = 20', False),
        ('try:\n    LIMIT = int(os.environ["LIMIT"])\nexcept ValueError:\n    print("bad LIMIT")\n    LIMIT = 20', False),
        ('try:\n    LIMIT = int(os.environ["LIMIT"])\nexcept ValueError as e:\n    raise SystemExit("bad LIMIT") from e', False),
        ('environ = dict(LIMIT="x")\ntry:\n    LIMIT = int(environ.get("LIMIT"))\nexcept ValueError:\n    LIMIT = 20', False),
        ('try:\n    with open("secret.txt") as f:\n        SECRET_KEY = f.read()\nexcept:\n    SECRET_KEY = os.urandom(20)', True),
        ('try:\n    with open("secret.txt") as f:\n        SECRET_KEY = f.read()\nexcept FileNotFoundError:\n    SECRET_KEY = ""', False),
        (
            'try:\n    with open("secret.txt") as f:\n        SECRET_KEY = f.read()\n'
            'except OSError:\n    SECRET_KEY = "x"\n    with open("secret.txt", "w") as f:\n        f.write(SECRET_KEY)',
            False,
        ),
        ('PATH = os.environ["RULES"]\ntry:\n    with open(PATH) as f:\n        RULES = f.read()\nexcept OSError:\n    RULES = ""', True),
        ('PATH = os.environ["CACHE"]\ntry:\n    with open(PATH) as f:\n        SEEN = f.read()\nexcept OSError:\n    SEEN = ""', False),
        ('try:\n    with open("rules.txt") as f:\n        RULES = f.read()\nexcept OSError:\n    RULES = ""', False),
    ],
)
def test_what_is_passed_over_at_start(tmp_path: Path, lines: str, reported: bool) -> None:
    assert bool(said(tmp_path, "passed-over-config", {**IMAGE, "app.py": f"import os\n\n{lines}\n{SERVE}"})) is reported


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ('DEBUG = os.environ.get("SHOP_DEBUG", "False") != "False"', "medium"),
        ('MAILS = os.environ.get("SHOP_MAILS", "True") != "False"', "low"),
        ('MAILS = os.environ.get("SHOP_MAILS", "true").lower() != "false"', ""),
        ('MAILS = os.environ.get("SHOP_MAILS", "true") == "true"', ""),
        ('MODE = os.environ.get("SHOP_MODE", "full") != "full"', ""),
    ],
)
def test_a_flag_that_one_spelling_turns_off(tmp_path: Path, line: str, severity: str) -> None:
    found = shown(tmp_path, "misparsed-flag", {**IMAGE, "app.py": f"import os\n\n{line}\n{SERVE}"})
    assert [f.severity for f in found] == ([severity] if severity else [])


SERVED_BY_GUNICORN = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "--config", "/app/serving.py", "app:app"]\n'


@pytest.mark.parametrize(
    ("image", "line", "reported"),
    [
        (SERVED_BY_GUNICORN, 'preload_app = bool(os.environ.get("SHOP_PRELOAD_APP", True))', True),
        (SERVED_BY_GUNICORN, 'preload_app = os.environ.get("SHOP_PRELOAD_APP", "1") in ("1", "true")', False),
        # nothing reads this constant
        (SERVED_BY_GUNICORN, 'SPARE = bool(os.environ.get("SHOP_SPARE", True))', False),
        # nor this file
        (IMAGE["Dockerfile"], 'preload_app = bool(os.environ.get("SHOP_PRELOAD_APP", True))', False),
    ],
)
def test_a_flag_in_the_configuration_of_a_server(tmp_path: Path, image: str, line: str, reported: bool) -> None:
    files = {"Dockerfile": image, "app.py": SERVE, "serving.py": f'import os\n\nbind = ":8000"\n{line}\n'}
    assert bool(shown(tmp_path, "misparsed-flag", files)) is reported
