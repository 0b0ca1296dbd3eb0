"""Retries around what they cannot see fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules.judging import said, shown

WORDS = """async def words():
    async with httpx.AsyncClient() as c, c.stream("GET", "http://w") as r:
        async for w in r.aiter_text():
            yield w
"""
SERVE = """

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()


@app.get("/lines")
async def lines():
    return StreamingResponse(words())
"""


@pytest.mark.parametrize(
    "head",
    [
        "import tenacity\nimport httpx\n\n\n@tenacity.retry(stop=tenacity.stop_after_attempt(3))\n",
        "import backoff\nimport httpx\n\n\n@backoff.on_exception(backoff.expo, httpx.HTTPError, max_tries=3)\n",
    ],
)
def test_a_retry_around_an_async_generator(tmp_path: Path, head: str) -> None:
    [finding] = shown(tmp_path, "jobs/inert-retry", {"app.py": head + WORDS + SERVE})
    assert "an async generator" in finding.message and finding.confidence == "certain"


def test_a_plain_generator_and_a_retry_kept_under_a_name(tmp_path: Path) -> None:
    code = """
import requests
from flask import Flask
from tenacity import retry, stop_after_attempt

again = retry(stop=stop_after_attempt(3))
app = Flask(__name__)


@again
def rows():
    yield from requests.get("http://rows", timeout=3).json()


@app.get("/")
def show():
    return list(rows())
"""
    [finding] = shown(tmp_path, "jobs/inert-retry", {"app.py": code})
    assert "a generator" in finding.message


def test_a_retry_that_goes_through_the_generator(tmp_path: Path) -> None:
    head = "import stamina\nimport httpx\n\n\n@stamina.retry(on=httpx.HTTPError, attempts=3)\n"
    assert said(tmp_path, "jobs/inert-retry", {"app.py": head + WORDS + SERVE}) == []


@pytest.mark.parametrize(
    ("below", "body"),
    [
        ("", "    return [w for w in requests.get('http://w', timeout=3).json()]"),  # no generator function
        ("", "    def lines():\n        yield 1\n    return lines()"),  # a generator inside is not the function itself
        ("@gen.coroutine\n", "    yield requests.get('http://w', timeout=3)"),  # runs the generator within the call
        ("@collected\n", "    yield requests.get('http://w', timeout=3)"),
    ],
)
def test_what_the_call_runs(tmp_path: Path, below: str, body: str) -> None:
    code = f"""
import requests
from flask import Flask
from tenacity import retry, stop_after_attempt
from tornado import gen

app = Flask(__name__)


def collected(function):
    return lambda: list(function())


@retry(stop=stop_after_attempt(3))
{below}def words():
{body}


@app.get("/")
def show():
    return words()
"""
    assert said(tmp_path, "jobs/inert-retry", {"app.py": code}) == []
