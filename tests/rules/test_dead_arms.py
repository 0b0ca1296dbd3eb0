"""Arms and conditions for failures that no failure reaches: look-alikes, and what is only a lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

APP = (
    "import json\nimport socket\n\nimport requests\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
    "class Gone(Exception):\n    pass\n\n\nclass Moved(Gone):\n    pass\n\n\ndef work():\n    raise Moved\n\n\n"
    "@app.post('/send')\ndef send():\n{body}\n    return {{}}\n"
)


def confidences(root: Path, rule: str, body: str) -> list[str]:
    return [finding.confidence for finding in said(root, rule, {"app.py": APP.format(body=body)})]


@pytest.mark.parametrize(
    ("arms", "found"),
    [
        (("Gone", "Moved"), ["likely"]),
        (("Moved", "Gone"), []),
        (("(Gone, KeyError)", "Gone"), ["likely"]),
        (("Exception", "json.JSONDecodeError"), ["likely"]),
        (("ValueError", "json.decoder.JSONDecodeError"), ["likely"]),
        (("ValueError", "(json.JSONDecodeError, KeyError)"), []),  # a part of the arm is reached
        (("requests.exceptions.ConnectionError", "requests.ConnectTimeout"), ["likely"]),
        (("requests.ConnectionError", "requests.ReadTimeout"), []),
        (("ConnectionError", "requests.ConnectionError"), []),
        (("TimeoutError", "socket.timeout"), []),  # two classes until Python 3.9
        (("OSError", "IOError"), ["likely"]),
        (("Exception", "KeyboardInterrupt"), []),
        (("Unknown", "AlsoUnknown"), []),
    ],
)
def test_arms(tmp_path: Path, arms: tuple[str, str], found: list[str]) -> None:
    first, second = arms
    body = f"    try:\n        work()\n    except {first}:\n        return 'a'\n    except {second}:\n        return 'b'"
    assert confidences(tmp_path, "unreachable-handler", body) == found


MODELS = """\
from django.db import models


class Customer(models.Model):
    name = models.TextField()


class Order(models.Model):
    total = models.IntegerField()
"""
TASK = """\
from celery import Celery

from models import Customer, Order

app = Celery("shop")


@app.task
def ship(number):
    try:
        return Customer.objects.get(pk=number), Order.objects.get(pk=number)
    except Customer.DoesNotExist:
        return None
    except {second}.DoesNotExist:
        raise
"""


@pytest.mark.parametrize(("second", "found"), [("Order", []), ("Customer", ["likely"])])
def test_what_is_missing_of_one_model_is_not_what_is_missing_of_another(tmp_path: Path, second: str, found: list[str]) -> None:
    files = {"models.py": MODELS, "tasks.py": TASK.format(second=second)}
    assert [f.confidence for f in said(tmp_path, "unreachable-handler", files)] == found


def test_arms_that_do_the_same_lose_nothing(tmp_path: Path) -> None:
    body = "    try:\n        work()\n    except Gone:\n        return 'a'\n    except Moved:\n        return 'a'"
    assert confidences(tmp_path, "unreachable-handler", body) == ["likely"]


CAUGHT = "    try:\n        requests.get('http://h', timeout=3).raise_for_status()\n    except {kind} as e:\n{body}"
ASKED = "    r = requests.get('http://h', timeout=3)\n{body}"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (CAUGHT.format(kind="requests.HTTPError", body="        if not e.response:\n            raise"), ["certain"]),
        (CAUGHT.format(kind="requests.RequestException", body="        print(e.response.text if e.response else '')"), ["certain"]),
        (CAUGHT.format(kind="requests.HTTPError", body="        if e.response is None:\n            raise"), []),
        (CAUGHT.format(kind="requests.Timeout", body="        if e.response:\n            raise"), []),
        (CAUGHT.format(kind="Gone", body="        if e.response:\n            raise"), []),
        (ASKED.format(body="    if r and r.status_code in (404, 410):\n        print('gone')"), ["certain"]),
        (ASKED.format(body="    if r and r.status_code in (200, 404):\n        print('gone')"), []),
        (ASKED.format(body="    if r is not None and r.status_code == 404:\n        print('gone')"), []),
        (ASKED.format(body="    print(r.text if r else '')"), ["possible"]),
        (ASKED.format(body="    print('yes' if r else 'no')"), []),
        ("    r = requests.get('http://h', timeout=3).json()\n    if r and r.status_code == 404:\n        print('gone')", []),
    ],
)
def test_answers(tmp_path: Path, body: str, found: list[str]) -> None:
    assert confidences(tmp_path, "falsy-response", body) == found
