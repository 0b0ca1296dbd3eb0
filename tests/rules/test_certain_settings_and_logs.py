"""Of settings, set-ups of logging and what ends in a log: the shapes that the code alone proves, and the near ones that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

APP = "import os\n\nimport requests\nfrom flask import Flask, request\n\napp = Flask(__name__)\n\n"
IMAGE = {"Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'}
TRY = "    try:\n        r = requests.get('http://x', timeout=3)\n"
SOURCE = (
    "\n\nclass Source:\n    def __init__(self, options):\n        self.password = options.get('password')\n\n    def run(self):\n"
    "        app.logger.debug('run as %s', self.password)\n        return requests.connect({given})\n"
    "\n\n@app.post('/')\ndef index():\n    return Source({{}}).run()\n"
)
SERVED = "\n\n@app.post('/')\ndef index():\n    {call}\n    return ''\n"


def certain(root: Path, rule: str, files: dict[str, str]) -> bool:
    """Whether the rule is sure of something; each case makes it say something at least as a lead."""
    found = said(root, rule, files)
    assert found
    return any(finding.confidence == "certain" for finding in found)


@pytest.mark.parametrize(
    ("body", "sure"),
    [
        (f"{TRY}    except Exception:\n        print(r.status_code)\n    return ''\n", True),
        # it raises anyhow: the failure is told beside the second one
        (f"{TRY}    except Exception as e:\n        print(r)\n        raise e\n", False),
        (f"{TRY}        s = r.text\n    finally:\n        print(s)\n    return ''\n", False),
        ("    if request.args:\n        x = 1\n    else:\n        print(x)\n    return ''\n", True),
    ],
)
def test_an_arm_that_was_to_take_the_failure_fails_itself(tmp_path: Path, body: str, sure: bool) -> None:
    files = {**IMAGE, "app.py": f"{APP}\n@app.get('/')\ndef index():\n{body}"}
    assert certain(tmp_path, "logging/masked-failure", files) is sure


@pytest.mark.parametrize(
    ("mapping", "given", "sure"), [("os.environ", "=off", True), ("os.environ", "=on", False), ("self.environ", "=off", False)]
)
def test_a_flag_is_one_of_the_environment(tmp_path: Path, mapping: str, given: str, sure: bool) -> None:
    """A mapping by the name of ``environ`` may be that of a request, which the program fills itself; and nobody is hurt before
    somebody writes a word for off."""
    text = (
        f"{APP}class Server:\n    def __init__(self, environ):\n        self.environ = environ\n"
        f"        self.strict = {mapping}.get('SHOP_SKIP_CHECKS', False)\n\n    def run(self):\n        if self.strict:\n"
        "            print(1)\n\n\nServer({}).run()\n" + SERVED.format(call="pass")
    )
    image = IMAGE["Dockerfile"].replace("CMD", f"ENV SHOP_SKIP_CHECKS{given}\nCMD")
    found = said(tmp_path, "startup/misparsed-flag", {**IMAGE, "Dockerfile": image, "app.py": text})
    assert any(f.confidence == "certain" for f in found) is sure


def test_the_flags_of_a_file_are_one_finding(tmp_path: Path) -> None:
    reads = "".join(f"if os.environ.get('{name}', False):\n    app.config['X'] = 1\n" for name in ("SHOP_SKIP_CHECKS", "USE_CACHE"))
    image = {"Dockerfile": IMAGE["Dockerfile"].replace("CMD", "ENV USE_CACHE=false\nCMD")}
    found = said(tmp_path, "startup/misparsed-flag", {**image, "app.py": f"{APP}{reads}{SERVED.format(call='pass')}"})
    # the image turns the one on by "false"; that nobody sets the other is a lead of its own
    told = [(f.anchor, f.severity, f.confidence) for f in found]
    assert told == [("USE_CACHE", "medium", "certain"), ("SHOP_SKIP_CHECKS", "low", "likely")]


@pytest.mark.parametrize(
    ("code", "sure"),
    [
        (SERVED.format(call="app.logger.info(request.headers)"), True),
        (SERVED.format(call="if not request.args:\n        app.logger.info(request.headers)"), False),  # of a broken request
        (
            SERVED.format(call="r = requests.get('http://x', auth=('u', 'p'), timeout=3)\n    app.logger.info(r.request.headers)"),
            True,
        ),
        (SERVED.format(call="r = requests.get('http://x', timeout=3)\n    app.logger.info(r.request.headers)"), False),
        ("\n\ndef enter(password):\n    app.logger.warning(password)\n" + SERVED.format(call="enter(request.form['p'])"), True),
        (
            "\n\ndef enter(password):\n    app.logger.warning(password)\n"
            + SERVED.format(call="for guess in ('a', 'b'):\n        enter(guess)"),
            False,
        ),
        (SOURCE.format(given="password=self.password"), True),
        (SOURCE.format(given="password=''"), False),  # what it is for is not seen
        (SERVED.format(call="prompt = 'Design: ' + request.json['text']\n    print(prompt)"), True),
    ],
)
def test_what_is_a_secret_by_itself(tmp_path: Path, code: str, sure: bool) -> None:
    assert certain(tmp_path, "logging/secret-in-log", {**IMAGE, "app.py": APP + code}) is sure


@pytest.mark.parametrize(("kind", "sure"), [("EncryptedText", True), ("Text", False)])
def test_what_is_kept_encrypted_is_a_secret(tmp_path: Path, kind: str, sure: bool) -> None:
    text = (
        f"import click\nfrom db import Base, Column, {kind}\n\n\nclass Source(Base):\n    options = Column({kind}())\n\n\n"
        "@click.command()\ndef listing():\n    for source in Source.all():\n        click.echo(source.options.to_json())\n\n\n"
        "if __name__ == '__main__':\n    listing()\n"
    )
    found = said(tmp_path, "logging/secret-in-log", {"manage.py": text})
    assert [f.confidence for f in found] == (["certain"] if sure else [])


MAIN = "\n\nif __name__ == '__main__':\n    import logging\n    logging.basicConfig(level=logging.INFO)\n    app.run()\n"


@pytest.mark.parametrize(("extra", "sure"), [("", True), ("\n\ndef quiet():\n    import logging\n    logging.basicConfig()\n", False)])
def test_a_set_up_under_main_is_the_only_one(tmp_path: Path, extra: str, sure: bool) -> None:
    files = {**IMAGE, "app.py": f"import logging\n{APP}{extra}{SERVED.format(call='pass')}{MAIN}"}
    assert certain(tmp_path, "logging/lost-log-config", files) is sure


@pytest.mark.parametrize(("first", "sure"), [("INFO", True), ("DEBUG", False)])
def test_a_second_set_up_loses_records_where_it_asks_for_a_lower_level(tmp_path: Path, first: str, sure: bool) -> None:
    files = {
        **IMAGE,
        "shop.py": f"import logging\n\nlogging.basicConfig(level=logging.{first})\n",
        "app.py": f"import logging\nimport shop\n{APP}logging.basicConfig(level=logging.DEBUG, format='%(message)s')\n"
        + SERVED.format(call="pass"),
    }
    assert certain(tmp_path, "logging/lost-log-config", files) is sure


DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  template:\n    spec:\n      containers:\n"
    "      - name: app\n        image: shop\n        command: [gunicorn, app:app]\n"
)


def test_a_handler_that_nothing_gets_is_certain(tmp_path: Path) -> None:
    text = f"import logging\n{APP}handler = logging.StreamHandler()\nhandler.setLevel(10)\n{SERVED.format(call='pass')}"
    assert certain(tmp_path, "logging/lost-log-config", {**IMAGE, "app.py": text})


EXPORT = (
    "from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter\n"
    f"{APP}exporter = OTLPSpanExporter(endpoint=os.getenv('COLLECTOR_ADDR', 'localhost:4317'))\n{SERVED.format(call='pass')}"
)
GIVEN = "        env:\n        - name: COLLECTOR_ADDR\n          value: otel:4317\n"


@pytest.mark.parametrize(("other", "sure"), [({"other.yaml": DEPLOYMENT + GIVEN}, True), ({}, False)])
def test_spans_are_lost_where_one_artifact_leaves_the_collector_out(tmp_path: Path, other: dict[str, str], sure: bool) -> None:
    assert certain(tmp_path, "startup/local-default", {"deploy.yaml": DEPLOYMENT, **other, "app.py": EXPORT}) is sure


@pytest.mark.parametrize(("artifact", "sure"), [({"deploy.yaml": DEPLOYMENT}, True), (IMAGE, False)])
def test_two_builds_answer_where_a_cluster_rolls_out(tmp_path: Path, artifact: dict[str, str], sure: bool) -> None:
    call = "app.logger.info('a')\n    app.logger.info('b')"
    assert certain(tmp_path, "startup/no-start-record", {**artifact, "app.py": APP + SERVED.format(call=call)}) is sure


@pytest.mark.parametrize(("use", "sure"), [("", True), ("    print(settings.SHOP_CONFIG_DIR)\n", False)])
def test_a_variable_by_whose_name_the_code_has_a_setting_may_be_read(tmp_path: Path, use: str, sure: bool) -> None:
    text = f"{APP}import settings\n\npath = os.environ['SHOP_CONFIG']\n{SERVED.format(call='pass')}\n\ndef tell():\n    pass\n{use}"
    image = {"Dockerfile": IMAGE["Dockerfile"].replace("CMD", "ENV SHOP_CONFIG_DIR=/etc\nCMD")}
    assert certain(tmp_path, "startup/variable-never-read", {**image, "app.py": text}) is sure


@pytest.mark.parametrize(("env", "sure"), [("ENV SHOP_LEVEL=x\n", True), ("", False)])
def test_an_unused_setting_counts_where_somebody_sets_it(tmp_path: Path, env: str, sure: bool) -> None:
    plain = "import os\nfrom bottle import Bottle\n\nimport config\n\napp = Bottle()\nprint(config.OTHER)\n"
    files = {
        "Dockerfile": IMAGE["Dockerfile"].replace("CMD", f"{env}CMD"),
        "config.py": "import os\n\nSHOP_LEVEL = os.getenv('SHOP_LEVEL', 'x')\nOTHER = os.getenv('OTHER', 'y')\n",
        "app.py": plain,
    }
    assert certain(tmp_path, "startup/unused-setting", files) is sure


@pytest.mark.parametrize(
    ("call", "sure"), [("datetime.timedelta(days=DAYS)", True), ("client.Client(timeout=DAYS)", False)]
)
def test_what_the_standard_library_does_with_a_text_is_known(tmp_path: Path, call: str, sure: bool) -> None:
    text = f"import datetime\nimport client\n{APP}DAYS = os.environ.get('DAYS', 3)\n{SERVED.format(call=call)}"
    assert certain(tmp_path, "startup/unconverted-number", {**IMAGE, "app.py": text}) is sure


@pytest.mark.parametrize(("copied", "sure"), [("COPY . /app", True), ("COPY requirements.txt /app/", False)])
def test_an_image_without_the_code_is_one_for_the_desk(tmp_path: Path, copied: str, sure: bool) -> None:
    image = f'FROM python:3.12\nWORKDIR /app\n{copied}\nCMD ["python", "app.py"]\n'
    files = {"Dockerfile": image, "app.py": f"{APP}{SERVED.format(call='pass')}\n\napp.run()\n"}
    assert certain(tmp_path, "startup/dev-server", files) is sure


@pytest.mark.parametrize(("given", "sure"), [('"-c", "g.py", ', True), ("", False)])
def test_an_unknown_name_counts_in_a_file_that_the_server_is_given(tmp_path: Path, given: str, sure: bool) -> None:
    launch = {"Dockerfile": f'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", {given}"app:app"]\n'}
    name = "g.py" if sure else "shop-gunicorn.py"
    config = "bind = ':80'\nworkers = 2\nspawn_worker_sleep_time = 1\n"
    assert certain(tmp_path, "startup/ignored-setting", {**launch, name: config, "app.py": APP + SERVED.format(call="pass")}) is sure


@pytest.mark.parametrize(("last", "reported"), [("main()", True), ("raise SystemExit(main())", False)])
def test_a_status_that_is_dropped_is_certain(tmp_path: Path, last: str, reported: bool) -> None:
    text = (
        "import sys\n\n\ndef main():\n    if len(sys.argv) < 2:\n        return 1\n    return 0\n\n\n"
        f"if __name__ == '__main__':\n    {last}\n"
    )
    found = said(tmp_path, "cli/dropped-exit-code", {"tool.py": text})
    assert [f.confidence for f in found] == (["certain"] if reported else [])

DIALS = (
    "import os\nfrom concurrent import futures\nimport grpc\n\ndef main():\n"
    "    address = os.environ.get('CATALOG_ADDR', 'localhost:8081')\n    channel = grpc.insecure_channel({handed})\n"
    "    server = grpc.server(futures.ThreadPoolExecutor(2))\n    server.start()\n    server.wait_for_termination()\n\n\nmain()\n"
)


@pytest.mark.parametrize(("handed", "sure"), [("address", True), ("'unix:' + address", False)])
def test_address_that_a_channel_is_made_of(tmp_path: Path, handed: str, sure: bool) -> None:
    files = {"deploy.yaml": DEPLOYMENT.replace("[gunicorn, app:app]", "[python, app.py]"), "app.py": DIALS.format(handed=handed)}
    assert certain(tmp_path, "startup/local-default", files) is sure


@pytest.mark.parametrize(
    ("read", "use", "told"),
    [
        ("os.getenv('AUTO_COMMIT', True)", "if AUTO_COMMIT:\n        index()", "certain"),  # "false" leaves it on
        ("os.getenv('AUTO_COMMIT', False)", "if not AUTO_COMMIT:\n        index()", "likely"),
        ("os.getenv('AUTO_COMMIT', False)", "if AUTO_COMMIT:\n        index({'auto.commit': AUTO_COMMIT})", "likely"),
        ("os.getenv('AUTO_COMMIT', False)", "index({'auto.commit': AUTO_COMMIT})", ""),  # who takes it may read words
        ("os.getenv('AUTO_COMMIT')", "if AUTO_COMMIT:\n        index()", ""),  # by its name no flag
        ("os.getenv('AUTO_COMMIT', '').lower() == 'true'", "if AUTO_COMMIT:\n        index()", ""),
    ],
)
def test_a_default_that_is_a_bool_makes_a_flag(tmp_path: Path, read: str, use: str, told: str) -> None:
    text = f"{APP}AUTO_COMMIT = {read}\n\n\n@app.get('/go')\ndef go():\n    {use}\n    return ''\n{SERVED.format(call='pass')}"
    found = said(tmp_path, "startup/misparsed-flag", {**IMAGE, "app.py": text})
    assert [f.confidence for f in found] == ([told] if told else [])


@pytest.mark.parametrize(
    ("call", "fires"),
    [
        ("prometheus_client.start_http_server(PORT)", True),
        ("prometheus_client.start_http_server(port=PORT)", True),
        ("prometheus_client.start_http_server(int(PORT))", False),
        ("prometheus_client.start_http_server(9000, PORT)", False),  # the address
    ],
)
def test_a_port_that_is_bound_as_it_is_given(tmp_path: Path, call: str, fires: bool) -> None:
    text = f"import prometheus_client\n{APP}PORT = os.getenv('METRICS_PORT', 9000)\n{call}\n{SERVED.format(call='pass')}"
    found = said(tmp_path, "startup/unconverted-number", {**IMAGE, "app.py": text})
    assert [f.confidence for f in found] == ["certain"] * fires
