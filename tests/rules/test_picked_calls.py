"""Calls of functions that a table or a verb picks, clients within clients, and what is told at a constructor."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said, shown

IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["python", "main.py"]\n'
LOOP = "import time\n{}\nif __name__ == '__main__':\n    while True:\n        work('get')\n        time.sleep(5)\n"
TABLE = "{'get': requests.get, 'put': requests.put}"


@pytest.mark.parametrize(
    "picked",
    [
        f"{TABLE}[verb]",
        f"{TABLE}.get(verb, requests.get)",
        "VERBS[verb]",
        "VERBS.get(verb)",
        "getattr(requests, verb)",
        "getattr(requests, verb.lower())",
    ],
)
@pytest.mark.parametrize(("given", "count"), [("'http://a'", 1), ("'http://a', timeout=5", 0)])
def test_function_of_a_client_that_is_picked(tmp_path: Path, picked: str, given: str, count: int) -> None:
    code = f"import requests\nVERBS = {TABLE}\ndef work(verb):\n    send = {picked}\n    send({given})"
    found = shown(tmp_path, "call-without-timeout", {"main.py": LOOP.format(code), "Dockerfile": IMAGE})
    assert [f.line for f in found] == [6] * count


@pytest.mark.parametrize(
    "picked",
    [
        "{'get': requests.get, 'put': put}[verb]",  # one of the project's own
        "{'get': requests.get, 'put': httpx.put}[verb]",
        "{**others, 'get': requests.get}[verb]",
        "getattr(settings, verb)",
        "getattr(requests, 'codes')",
        "getattr(requests, f'_{verb}')",
        "others[verb]",
    ],
)
def test_what_may_be_picked_is_something_else(tmp_path: Path, picked: str) -> None:
    code = "import httpx, requests, settings\nothers = settings.VERBS\ndef put(url):\n    return url\n"
    code += f"def work(verb):\n    send = {picked}\n"
    found = said(tmp_path, "call-without-timeout", {"main.py": LOOP.format(code + "    send('http://a')"), "Dockerfile": IMAGE})
    assert found == []


TEXTER = """from twilio.rest import Client
from twilio.http.http_client import TwilioHttpClient
def work(text):
    Client({}).messages.create(to='a', from_='b', body=text)
"""


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("'a', 'b'", "hand it twilio.http.http_client.TwilioHttpClient(timeout=…), below the limit of whoever waits for this"),
        ("'a', 'b', http_client=TwilioHttpClient(timeout=5)", ""),
        ("'a', 'b', http_client=made()", ""),
        ("*secrets()", ""),
        ("'a', 'b', None, None, made()", ""),
    ],
)
def test_client_that_is_given_no_client_makes_one_without_a_limit(tmp_path: Path, given: str, remedy: str) -> None:
    files = {"main.py": LOOP.format(TEXTER.format(given)), "Dockerfile": IMAGE, "requirements.txt": "twilio==9.0.0\n"}
    assert [f.remedy for f in shown(tmp_path, "call-without-timeout", files)] == [remedy] * bool(remedy)


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("repo.remotes.origin.fetch()", 1),
        ("repo.remote().pull()", 1),
        ("repo.remotes['backup'].push()", 1),
        ("repo.git.pull('--rebase')", 1),
        ("repo.remotes.origin.fetch(kill_after_timeout=60)", 0),
        ("repo.git.pull(kill_after_timeout=60)", 0),
        ("repo.git.reset('--hard')", 0),
        ("repo.remotes.origin.exists()", 0),
    ],
)
def test_git_asks_a_remote(tmp_path: Path, call: str, count: int) -> None:
    code = f"import git\ndef work(verb):\n    repo = git.Repo('/data')\n    {call}"
    files = {"main.py": LOOP.format(code), "Dockerfile": IMAGE, "requirements.txt": "GitPython==3.1.44\n"}
    assert len(shown(tmp_path, "call-without-timeout", files)) == count


CLASSES = """from jira import JIRA
class Base:
    def alert(self, text): ...
class Tickets(Base):
    def __init__(self, rule):
        self.client = JIRA(rule['url'])
    def alert(self, text):
        self.client.create_issue(summary=text)
        self.client.add_comment('1', text)
        self.client.assign_issue('1', text)
class Nothing(Base):
    def alert(self, text): {}
class Print(Base):
    def alert(self, text):
        print(text)
class More(Base):
    def alert(self, text):
        print(text, text)
KINDS = dict(tickets=Tickets, nothing=Nothing, print=Print, more=More)
def made(name, rule):
    kind = KINDS[name]
    return kind(rule)
def work(name):
    for alerter in [made(name, {{}})]:
        {}
"""


@pytest.mark.parametrize(("call", "confidence"), [("alerter.alert(name)", "likely"), ("print(alerter)", "possible")])
def test_constructor_of_an_object_whose_methods_are_seen_to_run(tmp_path: Path, call: str, confidence: str) -> None:
    """What makes the object is a table that is not followed; that its methods run says that it is made."""
    files = {"main.py": LOOP.format(CLASSES.format("pass", call)), "Dockerfile": IMAGE, "requirements.txt": "jira==3.8.0\n"}
    assert {f.confidence for f in said(tmp_path, "call-without-timeout", files)} == {confidence}
