"""Look-alikes of the logging and metrics rules that are too small for the guides."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from judging import said, shown

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules.logging._secret_names import holds_secret, is_address


@pytest.mark.parametrize("name", ["password", "db_password", "raw_token", "encoded_jwt", "otp_secret", "AUTH_API_KEY", "authorization"])
def test_names_that_hold_a_secret(name: str) -> None:
    assert holds_secret(name)


@pytest.mark.parametrize(
    "name", ["token_teams", "token_aud", "password_route_warning", "token_count", "log_token", "is_secret", "query_string", "next_token",
             "collection_by_token", "permit_create_token"]
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
        ('    log.info("got %s", request.json)', False),  # nothing private is seen in it
        ('    login(request.json["password"])\n    log.info("got %s", request.json)', True),
        ('    request = requests.post(URL, {"password": 1})\n    log.info("got %s", request.json())', False),
        ('    login(order_request.get("password"))\n    text = order_request.json(exclude={"a"})\n    log.info("got %s", text)', False),
        ('    service_key = name_of(request)\n    log.info("of %s", service_key)', False),
        ('    service_key = make()\n    client.connect(api_key=service_key)\n    log.info("with %s", service_key)', True),
        ('    api_key = find()\n    log.info("with %s", api_key)', True),
        ('    team_token = str(uuid.uuid4())\n    log.info("made %s", team_token)', True),
        ('    resumption_token = request.args["next"]\n    log.info("from %s", resumption_token)', False),
        ('    log.info("two-factor code %s", request.form["token"])', False),
        ('    log.info("code %s", request.form["token"])', True),
        ('    api_secret = request.form["s"]\n    try:\n        read()\n    except ValueError:\n        log.info(api_secret)', False),
        ('    database_url = f"https://{name}.example.org"\n    log.info("at %s", database_url)', False),
        ('    database_url = config["db"]\n    log.info("at %s", database_url)', True),
        ('    database_url = without_password(name)\n    log.info("at %s", database_url)', False),
        ('    webhook_url = config["hook"]\n    log.info("at %s", webhook_url)\n    return os.getenv(webhook_url)', False),
        ('    for key, value in app.config.items():\n        log.info("%s is %s", key, value)', True),
        ('    for key, value in app.config.items():\n        if "," in value:\n            log.info("%s is %s", key, value)', False),
        ('    answer = requests.get(URL)\n    log.info("sent %s", answer.request.headers)', True),
        ('    try:\n        check(request.json)\n    except ValueError:\n        log.error("bad: %s", request.json)', False),
        ('    password = request.form["p"]\n    box = rarfile.RarFile("a")\n    log.info("tries %s", password)', False),
        (
            '    import hmac\n\n    token = request.form["token"]\n    if sign != hmac.new(KEY, token, "sha256"):\n'
            '        log.info("no: %s", token)',
            False,
        ),
        ('    secret = request.args["name"]\n    log.info("asked for %s", secret)\n    return store.secrets.get(secret)', False),
        ('    if not config.ALLOW_TEST_USERS:\n        return ""\n    token = request.form["token"]\n    log.info("%s", token)', False),
        ('    if not config.ALLOW_USERS:\n        return ""\n    token = request.form["token"]\n    log.info("%s", token)', True),
    ],
)
def test_secret_in_log(tmp_path: Path, body: str, fires: bool) -> None:
    assert bool(found(tmp_path, "logging/secret-in-log", HANDLER.format(body=body))) is fires


@pytest.mark.parametrize(("made", "fires"), [("secrets.token_hex(16)", False), ("os.environ['ADMIN_PASSWORD']", True)])
def test_a_password_that_the_start_makes_for_its_owner(tmp_path: Path, made: str, fires: bool) -> None:
    source = HANDLER.format(body="    pass").replace(
        "    app.run()", f"    password = {made}\n    log.info('the password of admin is %s', password)\n    app.run()"
    )
    assert bool(found(tmp_path, "logging/secret-in-log", "import os\nimport secrets\n" + source)) is fires


@pytest.mark.parametrize(("text", "fires"), [("message.record['message']", False), ("message", True)])
def test_a_sink_that_takes_the_record_alone(tmp_path: Path, text: str, fires: bool) -> None:
    sink = f"from loguru import logger\n\n\ndef sink(message):\n    print({text})\n\n\nlogger.add(sink)\n"
    assert bool(found(tmp_path, "logging/secret-in-log", sink + HANDLER.format(body="    pass"))) is fires


@pytest.mark.parametrize(("base", "fires"), [("lookup_field = 'api_key'", False), ("name = 'api_key'", True)])
def test_a_key_by_which_routes_look_up_is_an_id(tmp_path: Path, base: str, fires: bool) -> None:
    source = HANDLER.format(body="    log.info('environment %s', environment.api_key)") + f"\n\nclass View:\n    {base}\n"
    assert bool(found(tmp_path, "logging/secret-in-log", source)) is fires


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
        ("found = 0", "found = requests.get('http://h', timeout=3).status_code", "str(found)", "low"),
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


OWN = "    logging.basicConfig(level='WARNING')\n\n\n"


@pytest.mark.parametrize(
    ("call", "before", "own", "fires"),
    [
        ("basicConfig(level='DEBUG')", "", "", True),
        ("basicConfig()", "", "", False),  # the only set-up, and one that nobody wanted otherwise
        ("config.dictConfig({'handlers': {}})", "", "", False),
        ("basicConfig()", "", OWN, True),
        ("basicConfig(level='WARNING')", "", OWN, False),
        ("basicConfig()", "", OWN.replace("')", "', force=True)"), False),
        ("basicConfig()", "", "    logging.getLogger().addHandler(logging.StreamHandler())\n", False),
        ("basicConfig()", "import other\n", "", True),
        ("basicConfig(level='INFO')", "import other\n", "", False),
    ],
)
def test_who_decides_when_a_module_sets_logging_up(tmp_path: Path, call: str, before: str, own: str, fires: bool) -> None:
    (tmp_path / "shop.py").write_text(f"import logging\nimport logging.config\n\nlogging.{call}\n")
    (tmp_path / "other.py").write_text("import logging\n\nlogging.basicConfig(level=logging.INFO)\n")
    set_up = f"def set_up():\n{own or '    pass'}\n\n"
    source = HANDLER.format(body="    pass").replace("@app", f"{set_up}\n@app", 1).replace("    app.run", "    set_up()\n    app.run")
    assert bool(found(tmp_path, "logging/logging-setup-at-import", f"import shop\n{before}" + source)) is fires


@pytest.mark.parametrize(("handler", "fires"), [("logging.getLogger().addHandler(logging.StreamHandler())\n", False), ("", True)])
def test_a_set_up_by_import_after_another_decides_nothing(tmp_path: Path, handler: str, fires: bool) -> None:
    (tmp_path / "first.py").write_text(f"import logging\n\n{handler}")
    (tmp_path / "shop.py").write_text("import logging\n\nimport first\n\nlogging.basicConfig(level=logging.DEBUG)\n")
    source = "import shop\n" + HANDLER.format(body="    pass")
    assert bool(found(tmp_path, "logging/logging-setup-at-import", source)) is fires


@pytest.mark.parametrize(("keeps", "fires"), [("", False), ("app.conf.update(worker_hijack_root_logger=False)\n", True)])
def test_a_celery_worker_replaces_what_imports_set_up(tmp_path: Path, keeps: str, fires: bool) -> None:
    (tmp_path / "shop.py").write_text("import logging\n\nlogging.basicConfig(level=logging.DEBUG)\n")
    (tmp_path / "Procfile").write_text("worker: celery -A app worker\n")
    source = f"from celery import Celery\n\nimport shop\n\napp = Celery('shop')\n{keeps}\n\n@app.task\ndef work():\n    shop.go()\n"
    assert bool(found(tmp_path, "logging/logging-setup-at-import", source)) is fires


@pytest.mark.parametrize(
    ("imports", "level", "fires"),
    [
        ("import shop", "DEBUG", True),
        ("import shop", "INFO", False),  # the same as it has already
        ("if not by_hand:\n    import shop", "DEBUG", False),  # the other branch has no set-up of its own
        ("def load():\n    import shop", "DEBUG", False),
    ],
)
def test_a_second_set_up_of_the_program(tmp_path: Path, imports: str, level: str, fires: bool) -> None:
    (tmp_path / "shop.py").write_text("import logging\n\nlogging.basicConfig(level=logging.INFO)\n")
    own = HANDLER.format(body="    pass").replace("app = Flask", f"logging.basicConfig(level='{level}')\napp = Flask")
    source = f"by_hand = True\n{imports}\n{own}"
    assert bool(found(tmp_path, "logging/lost-log-config", source)) is fires


def project_at(tmp_path: Path, rule: str) -> list[tuple[str, str, int, str]]:
    """Severity, path, line and message of what a rule finds in the files of a folder."""
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    concern, slug = rule.split("/")
    module = importlib.import_module(f"runtime_ops.rules.{concern}.{slug.replace('-', '_')}")
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [module.RULE])
    assert not judged.failed
    return [(f.severity, f.path, f.line, f.message) for f in judged.findings]


ARM = "    try:\n        work()\n    except Exception as e:\n"


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        (ARM + "        print('no work', e)", True),
        (ARM + "        print('no work', e)\n        if again():\n            return ''\n        raise", False),
        (ARM + "        print('bad request', e)\n        return '', 400", False),
        (ARM + "        print('bad request', e)\n        return '', 500", True),
        (ARM + "        print('cannot start')\n        print('see the manual')\n        print(e)\n        raise SystemExit(1)", False),
        (ARM.replace("work()", "log.error('it failed')") + "        print('no log', e)", False),
        (ARM.replace("work()", "work(input())") + "        print('no work', e)", False),
    ],
)
def test_print_that_is_the_only_record(tmp_path: Path, body: str, fires: bool) -> None:
    body = "    log.info('begins')\n" + body  # a program that logs nothing at all has the habit told
    (tmp_path / "app.py").write_text(HANDLER.format(body=body))
    assert [severity for severity, *_ in project_at(tmp_path, "logging/print-in-service")] == (["low"] if fires else [])


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ("    log.info('for %s', password)", True),
        ("    try:\n        decode(auth_token)\n    except Exception:\n        log.error('no: %s', auth_token)", False),
        ("    try:\n        save(auth_token)\n    except Exception:\n        log.error('no: %s', auth_token)", True),
        ("    if not auth_token:\n        log.error('malformed: %s', auth_token)", False),
        ("    if not hmac.compare_digest(auth_token, 'x'):\n        log.error('no: %s', auth_token)", False),
        ("    if not hmac.compare_digest(auth_token, 'x'):\n        log.error('no: %s', password)", True),
        ("    session_auth_key = '{}_{}'.format(profile, region)\n    log.info('for %s', session_auth_key)", False),
        ("    session_auth_key = '{}_{}'.format(profile, auth_token)\n    log.info('for %s', session_auth_key)", True),
        ("    log.debug('for %s', auth_token)", False),
        ("    token_text = '***' if auth_token else 'none'\n    log.info('got %s', token_text)", False),
        ("    username = 'admin'\n    password = username\n    log.info('for %s', password)", False),
        ("    log.info(request.headers)", True),
        ("    if os.environ.get('LOG_ALL', 'false') == 'true':\n        log.info(request.headers)", False),
        ("    request = get('http://h')\n    log.info(request.headers)", False),  # of an answer
    ],
)
def test_a_secret_that_opens_something(tmp_path: Path, body: str, fires: bool) -> None:
    start = "    auth_token, password = request.headers['X-Token'], request.form['password']\n"
    source = HANDLER.format(body=(start if "username" not in body else "") + body)
    source = "import hmac\nimport os\n\nfrom web import get, profile, region\n" + source
    assert bool(found(tmp_path, "logging/secret-in-log", source)) is fires


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ("rows", True),  # a value that somebody wanted to see
        ("'begins with the rows'", False),  # a word to whoever watches: a lead
        ("message", False),
    ],
)
def test_prints_that_tell_of_no_failure(tmp_path: Path, told: str, fires: bool) -> None:
    body = "    log.info('begins')\n    rows, message = work()\n" + f"    print({told})\n" * 5
    assert bool(shown(tmp_path, "logging/print-in-service", {"app.py": HANDLER.format(body=body)})) is fires
    assert said(tmp_path, "logging/print-in-service", {"app.py": HANDLER.format(body=body)})


@pytest.mark.parametrize(("caught", "fires"), [("ServerDown", False), ("KeyError", True)])
def test_print_in_an_arm_for_what_the_callee_turns_into_another_error(tmp_path: Path, caught: str, fires: bool) -> None:
    ask = "from ldap import ServerDown, search\n\n\ndef ask():\n    try:\n        return search()\n"
    ask += "    except ServerDown:\n        raise ValueError\n\n\n"
    body = f"    log.info('begins')\n    try:\n        return ask()\n    except {caught} as e:\n        print(e)\n"
    assert bool(found(tmp_path, "logging/print-in-service", ask + HANDLER.format(body=body))) is fires


@pytest.mark.parametrize(("decorator", "fires"), [("", True), ("@lru_cache(maxsize=None)\n", False)])
def test_print_of_what_runs_once(tmp_path: Path, decorator: str, fires: bool) -> None:
    helper = f"from functools import lru_cache\n\n\n{decorator}def words():\n{ARM}        print(e)\n\n\n"
    source = helper + HANDLER.format(body="    words()")
    assert bool(found(tmp_path, "logging/print-in-service", source)) is fires


@pytest.mark.parametrize("command", [True, False])
def test_print_of_a_helper_of_a_command(tmp_path: Path, command: bool) -> None:
    decorator = "@click.command()\n" if command else ""
    caller = f"{decorator}def rebuild_all():\n    rebuild()\n\n\n"
    helper = f"import click\n\n\ndef rebuild():\n{ARM}        print(e)\n\n\n{caller}"
    source = helper + HANDLER.format(body="    rebuild()")
    assert bool(found(tmp_path, "logging/print-in-service", source)) is not command


PLAIN_TEXT = 'logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")\n'
POD = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      containers:
        - name: app
          image: shop
          command: ["python", "app.py"]
"""
COMPOSE = "services:\n  app:\n    image: shop\n    command: python app.py\n"


@pytest.mark.parametrize(
    ("set_up", "file", "content", "fires"),
    [
        (PLAIN_TEXT, "deployment.yaml", POD, True),
        (PLAIN_TEXT, "compose.yaml", COMPOSE, False),  # anybody's home
        ("import sentry_sdk\n" + PLAIN_TEXT, "deployment.yaml", POD, True),
        ("from logging import config\nconfig.dictConfig(settings.LOG_CONFIG)\n", "deployment.yaml", POD, False),  # the operator's
        (PLAIN_TEXT.replace("%(name)s", "%(asctime)s"), "deployment.yaml", POD, False),  # a level and a time: what many choose
        ("", "deployment.yaml", POD, False),
        ('import os\nFORM = os.environ.get("LOG_FORMAT")\n' + PLAIN_TEXT, "deployment.yaml", POD, False),
        ("LINES = logging.Formatter()\nTEXT = LINES.formatException(None)\n", "deployment.yaml", POD, False),
    ],
)
def test_plain_text_matters_where_it_is_queried(tmp_path: Path, set_up: str, file: str, content: str, fires: bool) -> None:
    (tmp_path / file).write_text(content)
    source = HANDLER.format(body='    log.info("here")').replace("import logging\n", "import logging\n" + set_up, 1)
    assert bool(found(tmp_path, "logging/unstructured-logs", source)) is fires


def test_set_up_under_main_of_an_imported_module(tmp_path: Path) -> None:
    (tmp_path / "deployment.yaml").write_text(POD)
    helper = f"import logging\n\n\ndef set_up():\n    {PLAIN_TEXT}\n\n"
    source = "import helper\n" + HANDLER.format(body='    log.info("here")')
    for call, fires in (("if __name__ == '__main__':\n    set_up()\n", False), ("set_up()\n", True)):
        (tmp_path / "helper.py").write_text(helper + call)
        assert bool(found(tmp_path, "logging/unstructured-logs", source)) is fires, call


@pytest.mark.parametrize(("file", "fires"), [("compose.yaml", True), ("other.yaml", False)])
def test_a_program_without_metrics_beside_one_that_has_them(tmp_path: Path, file: str, fires: bool) -> None:
    (tmp_path / "web.py").write_text(
        "from prometheus_client import Histogram\n"
        + HANDLER.format(body="    with SECONDS.time():\n        log.info('here')").replace(
            "app = Flask", "SECONDS = Histogram('request_seconds', 'time', ['status'])\napp = Flask"
        )
    )
    second = "  app:\n    image: shop\n    command: python app.py\n"
    first = "  web:\n    image: shop\n    command: python web.py\n"
    (tmp_path / "compose.yaml").write_text("services:\n" + first + (second if fires else ""))
    if not fires:
        (tmp_path / "app").mkdir()
        (tmp_path / "app/compose.yaml").write_text("services:\n" + second.replace("app.py", "../app.py"))
    shown = found(tmp_path, "metrics/missing-signals", HANDLER.format(body='    log.info("here")'))
    assert bool(shown) is fires


@pytest.mark.parametrize(
    ("bound", "work", "fires"),
    [
        ("request_id='r1'", "log.info('works')", True),
        ("endpoint='/x'", "log.info('works')", False),
        ("request_id='r1'", "pass", False),
        ("request_id='r1'", "try:\n        fetch()\n    except OSError:\n        log.warning('cache is away')", False),
    ],
)
def test_context_that_names_the_request(tmp_path: Path, bound: str, work: str, fires: bool) -> None:
    body = f"    structlog.contextvars.bind_contextvars({bound})\n    threading.Thread(target=charge).start()"
    source = f"import threading\n\nimport structlog\n{HANDLER.format(body=body)}\n\ndef charge():\n    {work}\n"
    assert bool(found(tmp_path, "logging/context-lost", source)) is fires


@pytest.mark.parametrize(
    ("agent", "line", "fires"),
    [
        ("", 'log.info("works")\n    log.info("done")', True),
        ("", 'log.info("works on %s", request.args["order"])\n    log.info("done with %s", request.args["order"])', False),
        ("import elasticapm\n", 'log.info("works")\n    log.info("done")', False),
    ],
)
def test_lines_that_nothing_ties_together(tmp_path: Path, agent: str, line: str, fires: bool) -> None:
    set_up = "from pythonjsonlogger import jsonlogger\n\nlogging.basicConfig()\nFORM = jsonlogger.JsonFormatter()\n"
    source = agent + HANDLER.format(body="    " + line).replace("log = ", f"{set_up}log = ", 1)
    assert bool(found(tmp_path, "logging/no-correlation-id", source)) is fires


@pytest.mark.parametrize(
    ("use", "fires"), [("app.run(port=port)", False), ("made.run(port=port)", False), ("put(port)\n    app.run()", True)]
)
def test_a_port_of_the_server_at_a_desk(tmp_path: Path, use: str, fires: bool) -> None:
    (tmp_path / "Procfile").write_text("web: gunicorn app:app\n")
    source = HANDLER.format(body="    pass").replace("    app.run()", f"    port = int(os.environ['PORT'])\n    {use}")
    assert bool(found(tmp_path, "startup/setup-under-main", "import os\n\nmade = make()\n" + source)) is fires


@pytest.mark.parametrize(("started", "fires"), [("web.py", True), ("other.py", False)])
def test_a_dotenv_file_of_a_script_that_nothing_starts(tmp_path: Path, started: str, fires: bool) -> None:
    (tmp_path / "shop.py").write_text("import os\n\nURL = os.environ['URL']\n")
    (tmp_path / "Procfile").write_text(f"web: python {started}\n")
    late = "import shop\nfrom dotenv import load_dotenv\n\nload_dotenv()\n"
    (tmp_path / "web.py").write_text(late + HANDLER.format(body="    shop.go()"))
    (tmp_path / "other.py").write_text(HANDLER.format(body="    pass"))
    assert bool(found(tmp_path, "startup/late-dotenv", "")) is fires


@pytest.mark.parametrize(("given", "fires"), [("--log-config conf/log.yaml ", True), ("", False)])
def test_a_file_of_logging_that_nothing_loads(tmp_path: Path, given: str, fires: bool) -> None:
    conf = (
        "version: 1\nhandlers:\n  o: {class: logging.StreamHandler}\nroot: {level: INFO, handlers: [o]}\n"
        "loggers:\n  gunicorn.access:\n    level: WARN\n    propagate: false\n"
    )
    web = "from flask import Flask\n\napp = Flask(__name__)\n"
    files = {"app.py": web, "conf/log.yaml": conf, "Procfile": f"web: gunicorn {given}--access-logfile - app:app\n"}
    assert any("access log" in f.message for f in said(tmp_path, "logging/lost-log-config", files)) is fires


@pytest.mark.parametrize(("start", "fires"), [("", True), ("configure_uvicorn_logging()\n", False)])
def test_an_access_log_that_a_helper_sets_up(tmp_path: Path, start: str, fires: bool) -> None:
    text = (
        "import structlog\nfrom fastapi import FastAPI\nfrom own_company.logs import configure_uvicorn_logging\n\n"
        f"structlog.configure(processors=[structlog.processors.JSONRenderer()])\n{start}app = FastAPI()\n"
    )
    files = {"app.py": text, "Procfile": "web: uvicorn app:app\n"}
    assert bool(shown(tmp_path, "logging/plain-access-log", files)) is fires


@pytest.mark.parametrize(
    ("work", "severity"), [("pass", "high"), ("log.info('x')", "low"), ("a()\n        b()\n        c()\n        d()", "medium")]
)
def test_a_reserved_key_weighs_by_how_often_the_call_is_made(tmp_path: Path, work: str, severity: str) -> None:
    told = "log.error('no', extra={'name': 'x'})"
    body = f"    {told}" if work == "pass" else f"    try:\n        {work}\n    except Exception:\n        {told}"
    files = {"app.py": HANDLER.format(body=body)}
    assert [f.severity for f in shown(tmp_path, "logging/reserved-extra-key", files)] == [severity]


@pytest.mark.parametrize(("options", "fires"), [("", True), ("write_options=SYNCHRONOUS", False)])
def test_metrics_that_are_written_at_once(tmp_path: Path, options: str, fires: bool) -> None:
    text = (
        "from fastapi import FastAPI\nfrom influxdb_client import InfluxDBClient\n"
        f"from influxdb_client.client.write_api import SYNCHRONOUS\n\napp = FastAPI()\nwriter = InfluxDBClient('http://h').write_api({options})\n"
    )
    files = {"app.py": text, "Procfile": "web: uvicorn app:app\n"}
    assert bool(shown(tmp_path, "metrics/unflushed-telemetry", files)) is fires


@pytest.mark.parametrize(("asks", "fires"), [("", True), ("input('sure? ')", False)])
def test_an_error_of_a_wizard(tmp_path: Path, asks: str, fires: bool) -> None:
    text = (
        f"import sys\n\n\ndef ask():\n    return {asks or '1'}\n\n\ndef main():\n    rows = sys.argv[1:]\n    ask()\n    if not rows:\n"
        "        print('Error: no rows')\n        sys.exit(2)\n    print(rows)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(shown(tmp_path, "cli/errors-on-stdout", {"app.py": text})) is fires


@pytest.mark.parametrize(("said", "fires"), [("rows", True), ("'all rows are written'", False), ("f'{rows} are there'", False)])
def test_an_error_on_stdout_beside_data(tmp_path: Path, said: str, fires: bool) -> None:
    source = (
        "import sys\n\n\ndef main():\n    rows = sys.argv[1:]\n    if not rows:\n        print('Error: no rows')\n        sys.exit(2)\n"
        f"    print({said})\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(found(tmp_path, "cli/errors-on-stdout", source)) is fires


@pytest.mark.parametrize(
    ("given", "fires"),
    [
        ("'a.log', maxBytes=1000000", True),
        ("'a.log', 'a', 1000000", True),
        ("'a.log', maxBytes=1000000, backupCount=0", True),
        ("'a.log', maxBytes=1000000, backupCount=3", False),
        ("'a.log', maxBytes=1000000, backupCount=keep", False),
        ("'a.log'", False),  # it says nothing of turning over
        ("**options", False),
    ],
)
def test_a_log_file_with_a_size_and_no_old_files_is_never_turned_over(tmp_path: Path, given: str, fires: bool) -> None:
    code = (
        "import logging\nimport time\nfrom logging.handlers import RotatingFileHandler\n"
        f"def main(keep=2, options=None):\n    logging.getLogger().addHandler(RotatingFileHandler({given}))\n"
        "    while True:\n        time.sleep(5)\nif __name__ == '__main__':\n    main()\n"
    )
    found = [f for f in said(tmp_path, "lost-log-config", {"app.py": code}) if "backupCount" in f.message]
    assert [f.line for f in found] == ([5] if fires else [])


@pytest.mark.parametrize(("keep", "fires"), [("", True), ("'backupCount': 5, ", False)])
def test_a_written_log_file_with_a_size_and_no_old_files(tmp_path: Path, keep: str, fires: bool) -> None:
    code = (
        "import logging.config\nimport time\n"
        "LOGGING = {'version': 1, 'handlers': {'file': {'class': 'logging.handlers.RotatingFileHandler', 'filename': 'a.log', "
        f"{keep}'maxBytes': 1000}}}}, 'root': {{'handlers': ['file']}}}}\n"
        "logging.config.dictConfig(LOGGING)\nwhile True:\n    time.sleep(5)\n"
    )
    found = [f for f in said(tmp_path, "lost-log-config", {"app.py": code}) if "backupCount" in f.message]
    assert bool(found) is fires
