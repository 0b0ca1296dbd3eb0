"""Coroutines that await nothing and ask others all the same, and what a mail server calls by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["uvicorn", "app:app"]\n'
APP = """\
import asyncio

import requests
import sentry_sdk
from fastapi import FastAPI

app = FastAPI()


{mark}
def charge(order):
    if order:
        requests.post("https://pay.example/charges", json=order, timeout=5)


def settle(order):
    charge(order)


@app.post("/orders")
async def pay(order: dict):
    {call}
    return order
"""


@pytest.mark.parametrize(
    ("mark", "call", "told"),
    [
        ("@sentry_sdk.trace", "settle(order)", [22]),
        ("", "settle(order)", [13]),  # whatever runs it is a coroutine
        ("@sentry_sdk.trace", "await asyncio.to_thread(settle, order)", []),
        ("@sentry_sdk.trace", "await asyncio.sleep(0)\n    settle(order)", []),  # a branch below one that gives way elsewhere
        ("@in_a_thread", "settle(order)", []),  # who knows where
    ],
)
def test_a_coroutine_that_awaits_nothing(tmp_path: Path, mark: str, call: str, told: list[int]) -> None:
    files = {"app.py": APP.format(mark=mark, call=call), "Dockerfile": IMAGE}
    assert [f.line for f in shown(tmp_path, "blocking-in-async", files)] == told


MAIL = """\
import smtplib
import time

from aiosmtpd.controller import Controller


class Relay:
    async def {name}(self, server, session, envelope):
        self.forward(envelope)
        return "250 OK"

    def forward(self, envelope):
        if envelope.rcpt_tos:
            smtplib.SMTP("out.example", 25, timeout=9).sendmail("a@example.org", envelope.rcpt_tos, envelope.content)


def main():
    controller = Controller({given}, hostname="0.0.0.0", port=2525)
    controller.start()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [("handle_DATA", "Relay()", True), ("other", "Relay()", False), ("handle_DATA", "None", False)],
)
def test_handlers_of_a_mail_server(tmp_path: Path, name: str, given: str, told: bool) -> None:
    files = {"mail.py": MAIL.format(name=name, given=given), "Dockerfile": IMAGE.replace('"uvicorn", "app:app"', '"python", "mail.py"')}
    assert [f.line for f in shown(tmp_path, "blocking-in-async", files)] == ([14] if told else [])


READ = """\
import select
import socket

from flask import Flask

app = Flask(__name__)


@app.get("/score")
def score():
    client = socket.create_connection(("scorer", 783), timeout=5)
    found = b""
    while True:
        select.select([client], [], [], 5)
        data = client.recv(4096)
        if {test}:
            break
        found += data
    return found
"""


@pytest.mark.parametrize("test", ["not data", 'data == b""'])
def test_reading_to_the_end_is_no_poll(tmp_path: Path, test: str) -> None:
    files = {"app.py": READ.format(test=test), "Dockerfile": IMAGE.replace("uvicorn", "gunicorn")}
    assert not said(tmp_path, "unbounded-poll", files)
