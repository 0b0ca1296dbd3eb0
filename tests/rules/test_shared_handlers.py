"""`lost-log-config`: a logger and the one above it write by the same handler."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

APP = """import logging.config
from flask import Flask
logging.config.dictConfig({
    'version': 1,
    'handlers': {
        'console': {'class': 'logging.StreamHandler', 'level': 'INFO'},
        'errors': {'class': 'logging.StreamHandler', 'level': 'ERROR'},
    },
    'root': {'handlers': ['console'], 'level': 'INFO'},
    'loggers': {'orders': {'handlers': [HANDLER], 'level': 'INFO', 'propagate': PROPAGATE}},
})
app = Flask(__name__)
@app.get('/')
def index():
    return ''
"""
IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'


@pytest.mark.parametrize(
    ("handler", "propagate", "confidences"),
    [("'console'", "True", ["certain"]), ("'console'", "False", []), ("'errors'", "True", [])],
)
def test_a_handler_that_two_loggers_share(tmp_path: Path, handler: str, propagate: str, confidences: list[str]) -> None:
    app = APP.replace("HANDLER", handler).replace("PROPAGATE", propagate)
    found = said(tmp_path, "lost-log-config", {"app.py": app, "Dockerfile": IMAGE})
    assert [f.confidence for f in found if "twice" in f.message] == confidences
