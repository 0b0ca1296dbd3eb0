"""Slips that readers refuted: what another line does about each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'
WEB = "from flask import Flask\napp = Flask(__name__)\n@app.get('/a')\ndef a():\n    {}\n    return ''\n"


@pytest.mark.parametrize(
    ("other", "count"), [("parser.add_argument('--link', dest='link', action='store_true', default=False)", 0), ("pass", 1)]
)
def test_option_whose_value_another_option_stores(tmp_path: Path, other: str, count: int) -> None:
    code = (
        f"import argparse\ndef main():\n    parser = argparse.ArgumentParser()\n    {other}\n"
        "    parser.add_argument('--unlink', dest='link', action='store_false', default=False)\n    print(parser.parse_args().link)\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert len(said(tmp_path, "inert-option", {"app.py": code})) == count


@pytest.mark.parametrize(("again", "count"), [("look(name, stop=True)", 0), ("look(name, stop=False)", 1), ("look(name)", 1)])
def test_recursion_that_gives_what_ends_it(tmp_path: Path, again: str, count: int) -> None:
    code = (
        "import time, requests\ndef look(name, stop=False):\n    requests.get('http://a/' + name, timeout=3)\n    time.sleep(5)\n"
        f"    if stop == True:\n        print('over')\n    else:\n        {again}\n{WEB.format('look(chr(97))')}"
    )
    assert len(said(tmp_path, "unbounded-poll", {"app.py": code, "Dockerfile": IMAGE})) == count


@pytest.mark.parametrize(("end", "count"), [("raise", 0), ("return 1", 1)])
def test_failure_beside_one_that_is_on_its_way_up(tmp_path: Path, end: str, count: int) -> None:
    code = (
        "import logging, sys, requests\nlog = logging.getLogger(__name__)\ndef tell():\n    requests.post('http://a', timeout=3)\n"
        "def work():\n    requests.get('http://b', timeout=3)\ndef main():\n    try:\n        work()\n    except Exception:\n"
        f"        try:\n            tell()\n        except Exception:\n            log.exception('no')\n        {end}\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    assert len([f for f in said(tmp_path, "success-after-failure", {"app.py": code}) if f.line == 13]) == count


@pytest.mark.parametrize(
    ("scheme", "version", "told"),
    [
        ("postgresql", "SQLAlchemy==1.3.24", ""),
        ("postgresql", "SQLAlchemy==2.0.40", "another part of the text"),
        ("mongodb", "pymongo==4.10", "pymongo refuses"),
    ],
)
def test_who_reads_an_address_decides_what_a_raw_password_does(tmp_path: Path, scheme: str, version: str, told: str) -> None:
    code = (
        f"import os\nURL = f\"{scheme}://shop:{{os.environ['DB_PASSWORD']}}@db/shop\"\n" + WEB.format("print(URL)")
    )
    found = said(tmp_path, "unescaped-password", {"app.py": code, "requirements.txt": f"{version}\n", "Dockerfile": IMAGE})
    assert [told in f.message for f in found] == ([True] if told else [])


@pytest.mark.parametrize(("params", "count"), [("self, priority, message", 0), ("self, message, other", 1)])
def test_logger_of_the_program_that_prints_the_level(tmp_path: Path, params: str, count: int) -> None:
    arm = "try:\n        open('x')\n    except Exception as error:\n        logger.log('crit', str(error))"
    code = f"class Logger:\n    def log({params}):\n        print('failed', message)\nlogger = Logger()\n{WEB.format(arm)}"
    prints = code.replace("print('failed', message)", "\n        ".join(["print('failed', message)"] * 6))
    assert len(said(tmp_path, "print-in-service", {"app.py": prints, "Dockerfile": IMAGE})) == count


@pytest.mark.parametrize(("use", "count"), [("print(args.list)", 1), ("print(args.host)", 0)])
def test_option_that_is_kept_for_its_callers(tmp_path: Path, use: str, count: int) -> None:
    code = (
        "import argparse\ndef main():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--host')\n"
        "    parser.add_argument('--list', action='store_true', default=True)\n    args = parser.parse_args()\n"
        f"    {use}\nif __name__ == '__main__':\n    main()\n"
    )
    assert len(said(tmp_path, "inert-option", {"app.py": code})) == count


@pytest.mark.parametrize(("options", "count"), [("log_prints=True", 0), ("log_prints=False", 1)])
def test_prints_that_prefect_takes(tmp_path: Path, options: str, count: int) -> None:
    prints = "\n".join("        print('no', error)" for _ in range(6))
    code = (
        "from prefect import flow, task\n@task\ndef load():\n    try:\n        open('x')\n    except Exception as error:\n"
        f"{prints}\n@flow({options})\ndef main():\n    while True:\n        load()\nif __name__ == '__main__':\n    main()\n"
    )
    image = 'FROM python:3.12\nCOPY . /\nCMD ["python", "app.py"]\n'
    assert len(said(tmp_path, "print-in-service", {"app.py": code, "Dockerfile": image})) == count


@pytest.mark.parametrize(("body", "count"), [("self.out.exception(text)", 0), ("self.texts.append(text)", 1)])
def test_a_logger_of_the_project(tmp_path: Path, body: str, count: int) -> None:
    own = f"class Log:\n    def exception(self, text):\n        {body}\nlog = Log()\n"
    body = "try:\n        return work()\n    except Exception:\n        log.exception('no')\n        return 'no', 500"
    code = f"from own import log\nimport requests\ndef work():\n    return requests.get('http://a', timeout=3).text\n{WEB.format(body)}"
    assert len(said(tmp_path, "unlogged-failure", {"app.py": code, "own.py": own, "Dockerfile": IMAGE})) == count
