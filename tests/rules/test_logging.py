"""Look-alikes of the logging and metrics rules that are too small for the guides."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules.logging._secrets import holds_secret, is_address


@pytest.mark.parametrize("name", ["password", "db_password", "raw_token", "encoded_jwt", "otp_secret", "AUTH_API_KEY", "authorization"])
def test_names_that_hold_a_secret(name: str) -> None:
    assert holds_secret(name)


@pytest.mark.parametrize(
    "name", ["token_teams", "token_aud", "password_route_warning", "token_count", "log_token", "is_secret", "query_string", "next_token"]
)
def test_names_that_only_contain_the_word(name: str) -> None:
    assert not holds_secret(name)


def test_addresses_are_known_one_by_one_and_in_lists() -> None:
    assert is_address("proxy_url") and is_address("notification_urls") and is_address("SENTRY_DSN")
    assert not is_address("page_url") and not is_address("masked_dsn")


def found(tmp_path: Path, rule: str, source: str) -> list[str]:
    (tmp_path / "app.py").write_text(source)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    concern, slug = rule.split("/")
    module = importlib.import_module(f"runtime_ops.rules.{concern}.{slug.replace('-', '_')}")
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [module.RULE])
    assert not judged.failed
    return [f"{f.line} {f.message}" for f in judged.findings if f.confidence != "possible"]


HANDLER = '''import logging

from flask import Flask, request

log = logging.getLogger(__name__)
app = Flask(__name__)


@app.post("/x")
def handler():
{body}
    return ""


if __name__ == "__main__":
    app.run()
'''


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ('    token = request.headers["X-Token"]\n    log.info("with %s", token)', True),
        ('    for token in ["%y", "%m"]:\n        log.info("uses %s", token)', False),
        ('    token = load()\n    log.info("%s until %s", token, token.expires_at)', False),
        ('    password = request.form["p"]\n    log.debug("with %s", password)', True),
        ('    token = request.headers["X-Token"]\n    log.debug("with %s", token)', False),
        ('    password = request.form["p"]\n    log.info("with %s", mask(password))', False),
        ('    log.info("got %s", request.json)', True),
    ],
)
def test_secret_in_log(tmp_path: Path, body: str, fires: bool) -> None:
    assert bool(found(tmp_path, "logging/secret-in-log", HANDLER.format(body=body))) is fires


@pytest.mark.parametrize(("amount", "fires"), [("1", False), ("-1", True)])
def test_a_counter_goes_up_only(tmp_path: Path, amount: str, fires: bool) -> None:
    body = f"    DONE.inc({amount})"
    source = HANDLER.format(body=body).replace("app = Flask", "DONE = Counter('done', 'jobs')\napp = Flask")
    assert bool(found(tmp_path, "metrics/counter-as-gauge", "from prometheus_client import Counter\n" + source)) is fires


def test_teardown_of_a_queue_and_a_written_default_are_small(tmp_path: Path) -> None:
    text = (
        "import multiprocessing\nimport subprocess\n\nimport requests\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
        "@app.get('/')\ndef show():\n    q = multiprocessing.Queue()\n    {0}\n    try:\n        {1}\n    except Exception:\n        pass\n"
        "    return {2}\n\n\nif __name__ == '__main__':\n    app.run()\n"
    )
    run = "found = subprocess.run(['lshw'], timeout=9).returncode"
    for before, work, after, severity in (
        ("pass", "q.join_thread()", "''", None),
        ("found = 0", run, "str(found)", None),  # one small place is no finding; three are a habit
        ("pass", run, "str(found)", None),
        ("found = 0", "found = requests.get('http://h', timeout=3).status_code", "str(found)", "medium"),
    ):
        (tmp_path / "app.py").write_text(text.format(before, work, after))
        gathered = gather(tmp_path, discover(tmp_path), workers=1)
        module = importlib.import_module("runtime_ops.rules.logging.silent_except")
        judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [module.RULE])
        assert [f.severity for f in judged.findings] == ([severity] if severity else []), work


@pytest.mark.parametrize(("under_main", "fires"), [(True, False), (False, True)])
def test_a_secret_that_a_module_prints_when_it_is_run_by_hand(tmp_path: Path, under_main: bool, fires: bool) -> None:
    line = "print('it is', password)\n"
    secrets = "import os\n\npassword = os.environ['DB_PASSWORD']\n" + (
        f"if __name__ == '__main__':\n    {line}" if under_main else line
    )
    (tmp_path / "secrets_of.py").write_text(secrets)
    assert bool(found(tmp_path, "logging/secret-in-log", "import secrets_of\n" + HANDLER.format(body="    pass"))) is fires


@pytest.mark.parametrize(("call", "fires"), [("basicConfig()", True), ("config.dictConfig({'handlers': {}})", False)])
def test_the_only_whole_set_up_stands_in_a_module(tmp_path: Path, call: str, fires: bool) -> None:
    (tmp_path / "celery_app.py").write_text(f"import logging\nimport logging.config\n\nlogging.{call}\n")
    source = "import celery_app\n" + HANDLER.format(body="    pass")
    assert bool(found(tmp_path, "logging/logging-setup-at-import", source)) is fires
