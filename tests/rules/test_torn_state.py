"""State that is written over the file from which it is read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

PROGRAM = """import json, os, pickle, shutil
from pathlib import Path
from flask import Flask
app = Flask(__name__)
STATE = Path('/data') / 'queue.json'
class Store:
    def __init__(self):
        self.path = os.environ['STATE']
    {}
def save_data(data, name, folder):
    path = os.path.join(folder, name)
    {}
def load_data(key, folder):
    path = os.path.join(folder, key)
    with open(path, 'rb') as file:
        return pickle.load(file)
@app.post('/a')
def a():
    {}
    return ''
"""


@pytest.mark.parametrize(
    ("methods", "body", "call", "confidences"),
    [
        ("pass", "with open(path, 'wb') as file: pickle.dump(data, file)", "save_data(1, 'a', '/b'); load_data('a', '/b')", ["likely"]),
        ("pass", "with open(path, 'wb') as file: file.write(data)", "save_data(1, 'a', '/b')", []),
        ("pass", "shutil.copy(path, path + '.old'); pickle.dump(data, open(path, 'wb'))", "save_data(1, 'a', '/b')", []),
        ("pass", "with open(path + '.tmp', 'wb') as file: pickle.dump(data, file)", "save_data(1, 'a', '/b')", []),
        (
            "def load(self): return json.loads(STATE.read_text())\n    def keep(self, state): STATE.write_text(json.dumps(state))",
            "pass", "Store().keep({}); Store().load()", ["likely"],
        ),
        (
            "def load(self): return json.load(open(self.path))\n    def keep(self, x): json.dump(x, open(self.path, 'w'))",
            "pass", "Store().keep({}); Store().load()", ["possible"],
        ),
        ("def keep(self, x): json.dump(x, open(self.path, 'w'))", "pass", "Store().keep({})", []),
    ],
)  # fmt: skip
def test_what_is_dumped_and_loaded_again(tmp_path: Path, methods: str, body: str, call: str, confidences: list[str]) -> None:
    image = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'
    found = said(tmp_path, "torn-state", {"app.py": PROGRAM.format(methods, body, call), "Dockerfile": image})
    assert [f.confidence for f in found] == confidences
