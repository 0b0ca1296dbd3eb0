"""Errors that are logged and lost: which places make a habit, which of them heads it, and what is told twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

from runtime_ops.findings import Finding

TOP = (
    "import logging\nimport os\n\nimport requests\nfrom flask import Flask\n\nfrom own import count_stock, price\n\napp = Flask(__name__)\n"
    "log = logging.getLogger(__name__)\n\n\n"
)
OWN = "def price(n):\n    return open(n).read()\n\n\ndef count_stock():\n    return open('stock').read()\n"
RUN = "\n\nif __name__ == '__main__':\n    app.run()\n"
ASK = "requests.get('http://h', timeout=3)"


def found(root: Path, rule: str, files: dict[str, str], *, leads: bool = False) -> list[Finding]:
    return said(root, rule, files) if leads else shown(root, rule, files)


def views(*bodies: str) -> str:
    return TOP + "\n\n".join(f"@app.get('/{i}')\ndef view_{i}():\n    {body}\n" for i, body in enumerate(bodies)) + RUN


def arm(work: str, told: str, before: str = "") -> str:
    return f"{before}try:\n        x = {work}\n    except Exception as e:\n        {told}\n    return ''"


LOUD = "log.error('no price: %s', e)"
STEPS = "price(1)\n        x += price(2)\n        x += count_stock()\n        x = x.strip()"


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        (arm(STEPS, LOUD), True),
        (arm("price(1)", LOUD), False),  # one step, under words of its own
        (arm("price(1)", "log.error(e)"), True),
        (arm("price(1)", "log.error('no price')"), True),
        (arm("price(1)", "app.helper.connector_logger.error('no price')"), False),  # pycti writes the traceback by itself
        (arm("price(1)", "log.error('unexpected: %s', e)"), True),
        (arm(STEPS, "log.info('no price: %s', e)"), False),
        (arm(STEPS, "log.warning('no price: %s', e)"), False),
        (arm(STEPS, "log.error('invalid price: %s', e)"), False),
        (arm(STEPS + "\n        if not x:\n            raise ValueError('say a price')", LOUD), False),
        (arm(STEPS, LOUD).replace("Exception as", "(KeyError, Exception) as"), False),
        (arm(STEPS, LOUD + "\n        return 'what?', 400"), False),
        (arm(STEPS, LOUD + "\n        log.error_or_exception(e)"), False),
        (arm(STEPS, "log.error('no price: %s', e.__class__)"), False),
        (arm(ASK, LOUD), False),  # a traceback of one request says no more than its text
        (arm(ASK, "log.error('no price')"), True),
        ("def price_available():\n        " + arm(STEPS, LOUD).replace("\n", "\n    ") + "\n    return ''", False),
    ],
)
def test_what_counts_for_the_habit_of_lost_tracebacks(tmp_path: Path, body: str, fires: bool) -> None:
    assert bool(found(tmp_path, "logging/lost-traceback", {"app.py": views(*[body] * 3), "own.py": OWN})) is fires


def test_one_phrase_is_no_habit(tmp_path: Path) -> None:
    mild = arm("os.listdir('d')", "log.warning('no: %s', e)")
    for told, confidence in (("log.error('no price')", "possible"), (LOUD, "likely")):
        files = {"app.py": views(mild, arm(STEPS, told), mild), "own.py": OWN}
        assert [f.confidence for f in found(tmp_path, "logging/lost-traceback", files, leads=True)] == [confidence]


def test_an_arm_around_what_has_been_dealt_with(tmp_path: Path) -> None:
    body = "log.info('turn %s', x)\n        try:\n            {}\n        except {}:\n            log.exception('no price')"
    for caught, fires in (("Exception", False), ("KeyError", True)):
        text = arm(body.format("price(1)", caught), "log.error('unexpected: %s', e)", "x = 1\n    ").replace("x = log", "log")
        assert bool(found(tmp_path, "logging/lost-traceback", {"app.py": views(*[text] * 3), "own.py": OWN})) is fires
    safe = "def safe():\n    try:\n        return price(1)\n    except Exception:\n        log.exception('no price')\n\n\n@app.get('/0')"
    text = views(*[arm("safe()", "log.error('unexpected')")] * 3).replace("@app.get('/0')", safe)
    assert not found(tmp_path, "logging/lost-traceback", {"app.py": text, "own.py": OWN})


def test_the_worst_place_heads_the_habit_and_a_helper_is_told_where_it_is_called(tmp_path: Path) -> None:
    mild = arm("os.listdir('d')", "log.warning('no: %s', e)")
    files = {"app.py": views(mild, arm(STEPS, LOUD), arm("price(1)", "log.error('no price')"), mild), "own.py": OWN}
    (finding,) = found(tmp_path, "logging/lost-traceback", files)
    line = files["app.py"].splitlines().index("        log.error('no price')") + 1
    assert (finding.line, finding.count, finding.severity) == (line, 2, "low")  # the mild ones are not counted
    files["app.py"] = views(mild, mild, mild)
    assert [f.confidence for f in found(tmp_path, "logging/lost-traceback", files, leads=True)] == ["possible"]
    helped = views(*[arm(STEPS, "log_it('no price', e)")] * 3).replace(
        "@app.get('/0')", "def log_it(text, e):\n    log.error('%s: %s', text, e)\n\n\n@app.get('/0')"
    )
    (finding,) = found(tmp_path, "logging/lost-traceback", {"app.py": helped, "own.py": OWN})
    assert len({finding.line, *(also.line for also in finding.also)}) == 3


LOOP = (
    "import logging\nimport time\n\nfrom own import price\n\nlog = logging.getLogger(__name__)\n\n\ndef main():\n    while True:\n"
    "        try:\n            {work}\n        except Exception as e:\n            {told}\n        time.sleep(1)\n\n\n"
    "if __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("work", "told", "fires"),
    [
        ("price(1)", "log.error('no: %s', e)", True),
        ("open('alive').close()", "log.error('no: %s', e)", False),  # one step of Python's own: the text says which
        ("open('alive').close()", "log.error(e)", True),
        ("price(1)", "log.error('no: %s', e)\n            break", False),  # the last page, no turn of a service
    ],
)
def test_what_ends_a_turn_of_a_loop(tmp_path: Path, work: str, told: str, fires: bool) -> None:
    files = {"app.py": LOOP.format(work=work, told=told), "own.py": OWN, "Procfile": "worker: python app.py\n"}
    assert bool(found(tmp_path, "logging/lost-traceback", files)) is fires


WEB = "import logging\n\nfrom {lib} import {app}\n\nlog = logging.getLogger(__name__)\napp = {app}({args})\n\n\n{hook}\n" \
    "def oops(*given):\n    log.error('oops')\n    return 'oops', 500\n"


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        (WEB.format(lib="flask", app="Flask", args="__name__", hook="@app.errorhandler(Exception)"), True),
        (WEB.format(lib="fastapi", app="FastAPI", args="", hook="@app.exception_handler(Exception)"), False),  # raised on
    ],
)
def test_a_handler_for_all_of_flask_and_of_starlette(tmp_path: Path, text: str, fires: bool) -> None:
    server = "gunicorn app:app" if fires else "uvicorn app:app"
    assert bool(found(tmp_path, "logging/lost-traceback", {"app.py": text, "Procfile": f"web: {server}\n"})) is fires


TASK = (
    "import logging\n\nfrom celery import Celery\n\nfrom own import price\n\nlog = logging.getLogger(__name__)\napp = Celery('a', broker='redis://r')\n\n\n"
    "@app.task(bind=True, max_retries=3)\ndef send(self, n):\n    try:\n        price(n)\n    except Exception as e:\n"
    "        log.warning('failed: %s', e)\n        {then}\n"
)


@pytest.mark.parametrize(("then", "fires"), [("pass", True), ("self.retry()", False)])
def test_a_retry_raises_and_keeps_the_error(tmp_path: Path, then: str, fires: bool) -> None:
    files = {"jobs.py": TASK.format(then=then), "own.py": OWN, "Procfile": "worker: celery -A jobs worker\n"}
    assert bool(found(tmp_path, "logging/lost-traceback", files)) is fires


TWICE = (
    "import logging\n\nfrom flask import Flask\n\nlog = logging.getLogger(__name__)\napp = Flask(__name__)\n\n\ndef save(db):\n    try:\n"
    "        {work}\n    except Exception as e:\n{told}        raise\n\n\n@app.get('/')\ndef view():\n    try:\n        save(app.db)\n"
    "    except Exception:\n        log.exception('no view')\n    return ''\n\n\nif __name__ == '__main__':\n    app.run()\n"
)
INNER = "        try:\n            db.rollback()\n        except Exception:\n            log.exception('no rollback')\n"


@pytest.mark.parametrize(
    ("work", "told", "fires"),
    [
        ("db.commit()", "        log.exception('not saved')\n", True),
        ("db.commit()", INNER, False),  # the line is about another failure
        ("db.commit()", "        log.critical('a bug', exc_info=True)\n", False),  # two levels, two readers
        ("db.dirty = db.new", "        log.exception('a riddle')\n", False),
    ],
)
def test_a_failure_that_is_told_twice(tmp_path: Path, work: str, told: str, fires: bool) -> None:
    assert bool(found(tmp_path, "logging/double-report", {"app.py": TWICE.format(work=work, told=told)})) is fires


def dropped(work: str, then: str) -> str:
    return f"try:\n        return {work}\n    except Exception:\n        {then}\n    return ''"


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        (dropped("price(1)", "return None"), True),
        (dropped("os.chmod('d', 0o777)", "pass"), False),
        (dropped("decode_price(1)", "return None"), False),
    ],
)
def test_what_counts_for_the_habit_of_silent_arms(tmp_path: Path, body: str, fires: bool) -> None:
    own = f"{OWN}\n\ndef decode_price(n):\n    return int(n)\n"
    text = views(*[body] * 3).replace("count_stock, price", "count_stock, decode_price, price")
    assert bool(found(tmp_path, "logging/silent-except", {"app.py": text, "own.py": own}, leads=True)) is fires


@pytest.mark.parametrize(
    ("looks", "fires"), [("return str(x)", True), ("if x is None:\n        log.error('no price')\n    return ''", False)]
)
def test_an_empty_answer_that_each_caller_tells_of(tmp_path: Path, looks: str, fires: bool) -> None:
    own = "".join(
        f"def ask_{i}():\n    try:\n        return price(1)\n    except Exception:\n        return None\n\n\n" for i in range(3)
    )
    text = views(*(f"x = ask_{i}()\n    {looks}" for i in range(3))).replace("@app.get('/0')", f"{own}@app.get('/0')")
    assert bool(found(tmp_path, "logging/silent-except", {"app.py": text, "own.py": OWN}, leads=True)) is fires


def test_a_logged_phrase_is_not_told_as_silence(tmp_path: Path) -> None:
    phrase = f"try:\n        {ASK}\n    except requests.ConnectionError:\n        log.error('no prices')\n    return ''"
    silent = dropped("price(1)", "return None")
    text = views(phrase, silent, silent, phrase, phrase)
    findings = found(tmp_path, "logging/silent-except", {"app.py": text, "own.py": OWN})
    assert [(f.count, "logged a phrase" in f.message) for f in findings] == [(3, True)]


OUTER = "import logging\n\nfrom flask import Flask\n\napp = Flask(__name__)\nlog = logging.getLogger(__name__)\n\n\n"


@pytest.mark.parametrize(
    ("ends", "fires"), [("return ''", True), ("raise", False)], ids=["goes on", "ends the start"]
)
def test_a_failed_start_that_is_told_twice(tmp_path: Path, ends: str, fires: bool) -> None:
    text = (
        f"{OUTER}def load():\n    try:\n        open('a').read()\n    except Exception:\n        log.exception('first')\n        raise\n"
        "    try:\n        open('b').read()\n    except Exception:\n        log.exception('second')\n        raise\n\n\n"
        f"def setup():\n    try:\n        load()\n    except Exception:\n        log.exception('again')\n        {ends}\n\n\n"
        "if __name__ == '__main__':\n    setup()\n    app.run()\n"
    )
    findings = found(tmp_path, "logging/double-report", {"app.py": text})
    assert len(findings) == (1 if fires else 0)  # one finding for two arms of one pair of functions


ANSWER = "return {'message': str(e)}, 500"


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        (ANSWER, True),
        ("return 'sorry', 503", True),
        ("raise HTTPException(status_code=500, detail=str(e))", True),
        ("return {'message': str(e)}, 400", False),  # the caller is to blame, and is told
        ("log.exception('no price')\n        " + ANSWER, False),
        ("print(e)\n        " + ANSWER, False),
        ("sentry_sdk.capture_exception(e)\n        " + ANSWER, False),
        ("return told(e)", False),
        ("raise", False),
        ("if x:\n            raise\n        " + ANSWER, False),
    ],
)
def test_who_learns_of_a_request_that_fails(tmp_path: Path, told: str, fires: bool) -> None:
    own = OWN + "\n\ndef told(error):\n    import logging\n    logging.error('failed', exc_info=error)\n    return 'sorry', 500\n"
    top = "import sentry_sdk\nfrom werkzeug.exceptions import HTTPException\nfrom own import told\n"
    app = top + views(arm("price(1)", told, "x = ''\n    "))
    assert bool(found(tmp_path, "logging/unlogged-failure", {"app.py": app, "own.py": own})) is fires


WORK = "\n\ndef order(n):\n    rows = open('a').read()\n    sent = open('b').read()\n    return open(n).read() + rows + sent\n"


@pytest.mark.parametrize(
    ("body", "caught", "told", "fires"),
    [
        ("order(1)", "Exception", "return 'bad', 400", True),
        ("order(1)", "Exception", "abort(404)", True),
        ("order(1)", "Exception", "raise NotFound()", True),
        ("order(1)", "Exception", "log.exception('no order')\n        abort(404)", False),
        ("order(1)", "ValueError", "return 'bad', 400", False),  # what the input may be
        ("parse_order(1)", "Exception", "return 'bad', 400", False),
        ("int('1')", "Exception", "return 'bad', 400", False),
        ("requests.get('http://x', timeout=3)", "requests.RequestException", "abort(404)", True),
        ("requests.get('http://x', timeout=3)", "requests.HTTPError", "abort(404)", False),  # it answered, with 404 perhaps
        ("order(1)", "Exception", "return page('An error occurred during the export.')", True),
        ("order(1)", "Exception", "return page('orders')", False),
        ("parse_order(1)", "Exception", "return page('An error occurred.')", False),
    ],
)
def test_who_is_blamed_for_a_request_that_fails(tmp_path: Path, body: str, caught: str, told: str, fires: bool) -> None:
    own = WORK + WORK.replace("def order", "def parse_order") + "\n\ndef page(text):\n    return '<p>' + text\n"
    top = "import requests\nfrom flask import abort\nfrom werkzeug.exceptions import NotFound\nfrom own import order, page, parse_order\n"
    app = f"{top}{OUTER}@app.get('/')\ndef index():\n    try:\n        x = {body}\n"
    app += f"    except {caught}:\n        {told}\n    return str(x)\n"
    assert bool(found(tmp_path, "logging/unlogged-failure", {"app.py": app, "own.py": own})) is fires


@pytest.mark.parametrize(
    ("name", "own", "fires"),
    [
        ("view_0", OWN, True),
        ("health", OWN, False),  # a probe's answer is its report
        (
            "view_0",
            "import logging\n\n\ndef price(n):\n    try:\n        return open(n).read()\n    except OSError:\n"
            "        logging.exception('no price')\n        raise\n\n\ndef count_stock():\n    return ''\n",
            False,
        ),
        (
            "view_0",
            "import logging\n\n\ndef price(n):\n    return asked(n)\n\n\ndef asked(n):\n    try:\n        return open(n).read()\n"
            "    except OSError:\n        logging.exception('no price')\n        raise\n\n\ndef count_stock():\n    return ''\n",
            False,
        ),
    ],
)
def test_a_failure_that_was_told_before_it_is_answered(tmp_path: Path, name: str, own: str, fires: bool) -> None:
    app = views(arm("price(1)", ANSWER)).replace("view_0", name)
    assert bool(found(tmp_path, "logging/unlogged-failure", {"app.py": app, "own.py": own})) is fires


def test_unlogged_failures_of_one_file_are_one_finding(tmp_path: Path) -> None:
    app = views(*[arm("price(1)", ANSWER)] * 3)
    (finding,) = found(tmp_path, "logging/unlogged-failure", {"app.py": app, "own.py": OWN})
    assert (finding.count, finding.severity, len(finding.also)) == (3, "medium", 2)
