"""`unbounded-wait`: an event that only success sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

APP = """import threading
import requests
from flask import Flask
app = Flask(__name__)
class Model:
    def __init__(self, fetch):
        self.fetch = fetch
        self.ready = threading.Event()
    def begin(self):
        threading.Thread(target=self.load, daemon=True).start()
    def load(self):
        {load}
    def ask(self):
        self.ready.wait({limit})
        return 'a'
def fetched():
    return requests.get('http://a', timeout=5).raise_for_status()
MODEL = Model(fetched)
@app.get('/begin')
def begin():
    MODEL.begin()
    return ''
@app.get('/')
def index():
    return MODEL.ask()
"""
SAFE = "try:\n            self.fetch()\n        finally:\n            self.ready.set()"
IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'


@pytest.mark.parametrize(
    ("load", "limit", "told"),
    [
        ("self.fetch(); self.ready.set()", "", True),
        ("requests.get('http://a', timeout=5).raise_for_status(); self.ready.set()", "", True),
        ("self.fetch(); self.ready.set()", "5", False),
        ("print('on the way'); self.ready.set()", "", False),
        (SAFE, "", False),
    ],
)
def test_event_that_only_success_sets(tmp_path: Path, load: str, limit: str, told: bool) -> None:
    files = {"app.py": APP.format(load=load.replace("; ", "\n        "), limit=limit), "Dockerfile": IMAGE}
    found = said(tmp_path, "unbounded-wait", files)
    assert [f.confidence for f in found if "alone sets it" in f.message] == (["certain"] if told else [])
