"""Hooks of a flask application in programs that only use its context."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

WEB = """import requests
from flask import Flask, request

app = Flask(__name__)


@app.before_request
def allowed():
    requests.get("https://access.example.com/check", params={"user": request.remote_user})


@app.get("/")
def home():
    return "home"
"""
CONSUMER = """import time

from web import app


def main():
    while True:
        with app.app_context():
            print("one more")
        time.sleep(1)


if __name__ == "__main__":
    main()
"""
PROCFILE = "web: gunicorn web:app\nconsumer: python consumer.py\n"


@pytest.mark.parametrize("uses_context_only", [True, False])
def test_a_hook_runs_where_requests_come(tmp_path: Path, uses_context_only: bool) -> None:
    consumer = CONSUMER if uses_context_only else CONSUMER.replace("    while True", "    app.run()\n    while True")
    [told] = said(tmp_path, "call-without-timeout", {"web.py": WEB, "consumer.py": consumer, "Procfile": PROCFILE})
    assert ("consumer.py" not in told.entrypoints) is uses_context_only
    assert ("until gunicorn kills its process after 30 s" in told.message) is uses_context_only
