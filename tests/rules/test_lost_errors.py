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


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        (arm("price(1)", LOUD), True),
        (arm("price(1)", "log.info('no price: %s', e)"), False),
        (arm("price(1)", "log.warning('no price: %s', e)"), True),
        (arm("price(1)", "# any will do: the list price is shown instead\n        log.warning('no price: %s', e)"), False),
        (arm("price(1)", "log.error('no price: %s', e.__class__)"), False),
        (arm(ASK, LOUD), False),  # a traceback of one request says no more than its text
        (arm(ASK, "log.error('no price')"), True),
        ("def price_available():\n        " + arm("price(1)", LOUD).replace("\n", "\n    ") + "\n    return ''", False),
    ],
)
def test_what_counts_for_the_habit_of_lost_tracebacks(tmp_path: Path, body: str, fires: bool) -> None:
    assert bool(found(tmp_path, "logging/lost-traceback", {"app.py": views(*[body] * 3), "own.py": OWN})) is fires


def test_the_worst_place_heads_the_habit_and_a_helper_is_told_where_it_is_called(tmp_path: Path) -> None:
    mild = arm("os.listdir('d')", "log.warning('no: %s', e)")
    files = {"app.py": views(mild, arm("price(1)", "log.error('no price')"), mild), "own.py": OWN}
    (finding,) = found(tmp_path, "logging/lost-traceback", files)
    line = files["app.py"].splitlines().index("        log.error('no price')") + 1
    assert (finding.line, finding.count, finding.severity) == (line, 3, "low")
    helped = views(*[arm("price(1)", "log_it('no price', e)")] * 3).replace(
        "@app.get('/0')", "def log_it(text, e):\n    log.error('%s: %s', text, e)\n\n\n@app.get('/0')"
    )
    (finding,) = found(tmp_path, "logging/lost-traceback", {"app.py": helped, "own.py": OWN})
    assert len({finding.line, *(also.line for also in finding.also)}) == 3


TASK = (
    "import logging\n\nfrom celery import Celery\n\nlog = logging.getLogger(__name__)\napp = Celery('a', broker='redis://r')\n\n\n"
    "@app.task(bind=True, max_retries=3)\ndef send(self, n):\n    try:\n        open(n).read()\n    except Exception as e:\n"
    "        log.warning('failed: %s', e)\n        {then}\n"
)


@pytest.mark.parametrize(("then", "fires"), [("pass", True), ("self.retry()", False)])
def test_a_retry_raises_and_keeps_the_error(tmp_path: Path, then: str, fires: bool) -> None:
    files = {"jobs.py": TASK.format(then=then), "Procfile": "worker: celery -A jobs worker\n"}
    assert bool(found(tmp_path, "logging/lost-traceback", files)) is fires


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
