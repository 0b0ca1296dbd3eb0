"""Addresses in logs that the program itself takes a password out of."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = """
import logging
from urllib.parse import urlparse

from flask import Flask

app = Flask(__name__)
log = logging.getLogger("events")


def connect(url):
    parts = urlparse(url)
    {taken}
    return parts, account


class Events:
    def __init__(self, url):
        self.url = url

    def emit(self, message):
        try:
            connect(self.url)
        except ConnectionRefusedError:
            {logged}
            log.error(text, exc_info=True)


@app.post("/orders")
def order():
    Events(app.config["EVENTS"]).emit("new")
    return "", 202
"""
SPLIT = 'account, host = parts.netloc.split("@")'
WHOLE = 'text = "no connection to {}".format(self.url)'
PLACED = {"Dockerfile": 'FROM python:3\nCOPY . /app\nCMD ["gunicorn", "app:app"]\n'}


def _found(root: Path, taken: str, logged: str) -> list[str]:
    app = APP.replace("{taken}", taken).replace("{logged}", logged)
    return [f.confidence for f in shown(root, "secret-in-log", {"app.py": app, **PLACED})]


@pytest.mark.parametrize("taken", [SPLIT, "account = (parts.username, parts.password)"])
@pytest.mark.parametrize("logged", [WHOLE, 'text = f"no connection to {self.url}"'])
def test_an_address_with_a_password_in_it_is_logged(tmp_path: Path, taken: str, logged: str) -> None:
    assert _found(tmp_path, taken, logged) == ["certain"]


@pytest.mark.parametrize(
    ("taken", "logged"),
    [
        ("account = parts.hostname", WHOLE),  # nothing says that there is a password in it
        ('account = parts.path.split("/")', WHOLE),
        (SPLIT, 'text = "no connection to {}".format(masked(self.url))'),
        (SPLIT, 'text = "no connection to the broker"'),
    ],
)
def test_other_addresses_and_other_texts(tmp_path: Path, taken: str, logged: str) -> None:
    assert not _found(tmp_path, taken, logged)


@pytest.mark.parametrize(("line", "told"), [("log.error(self.url)", "certain"), ("pass\n        log.info(self.url)", "possible")])
def test_an_address_that_may_have_been_found_without_one(tmp_path: Path, line: str, told: str) -> None:
    app = APP.replace("{taken}", SPLIT).replace("{logged}", line).replace("            log.error(text, exc_info=True)\n", "")
    found = said(tmp_path, "secret-in-log", {"app.py": app, **PLACED})
    assert [f.confidence for f in found] == [told]


SENDER = """
import logging
import requests
from flask import Flask
app = Flask(__name__)
log = logging.getLogger("sender")
{first}
class Sender:
    def __init__(self, webhook_url, proxy_url):
        self.webhook_url = webhook_url
        self.proxy_url = proxy_url
    def send(self, text):
        {logged}
        {sent}
@app.post("/a")
def a():
    Sender(app.config["HOOK"], app.config["PROXY"]).send("new")
    return ""
"""
POSTS = "requests.post(self.webhook_url, json=text, timeout=5)"


@pytest.mark.parametrize(
    ("first", "logged", "sent", "told"),
    [
        ("", "log.info('sending to %s', self.webhook_url)", POSTS, ["certain"]),
        ("", "log.info('registered %s', self.webhook_url)", "pass", ["possible"]),  # it may be a route of the program's own
        ("", "log.debug('sending to %s', self.webhook_url)", POSTS, []),
        ("logging.basicConfig(level=logging.DEBUG)", "log.debug('sending to %s', self.webhook_url)", POSTS, ["certain"]),
        ("if __name__ == 'nobody':\n    logging.basicConfig(level=logging.DEBUG)", "log.debug('to %s', self.webhook_url)", POSTS, []),
    ],
)
def test_an_address_that_is_a_credential(tmp_path: Path, first: str, logged: str, sent: str, told: list[str]) -> None:
    app = SENDER.format(first=first, logged=logged, sent=sent)
    assert [f.confidence for f in said(tmp_path, "secret-in-log", {"app.py": app, **PLACED})] == told
