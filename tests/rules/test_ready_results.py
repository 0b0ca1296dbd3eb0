"""`ignored-outcome`: results of celery's jobs that are taken as soon as the job is ready."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

APP = """from celery import Celery
from celery.result import AsyncResult
from flask import Flask, send_file
app = Flask(__name__)
jobs = Celery('jobs')
@app.get('/export/<name>')
def export(name):
    job = {made}
    {body}
    return ''
"""


@pytest.mark.parametrize(
    ("made", "body", "told"),
    [
        ("AsyncResult(name)", "if job.ready(): return send_file(job.result)", True),
        ("jobs.AsyncResult(name)", "if job.ready(): return send_file(job.result)", True),
        ("AsyncResult(name)", "if job.ready() and job.successful(): return send_file(job.result)", False),
        ("AsyncResult(name)", "if job.ready(): return send_file(job.get())", False),
        ("AsyncResult(name)", "if job.ready(): return {'state': job.state, 'result': job.result}", False),
        ("AsyncResult(name)", "return {'ready': job.ready()}", False),
        ("AsyncResult(name)", "if job.ready() and not isinstance(job.result, Exception): return send_file(job.result)", False),
    ],
)
def test_result_of_a_job_that_is_ready(tmp_path: Path, made: str, body: str, told: bool) -> None:
    files = {"app.py": APP.format(made=made, body=body), "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'}
    assert bool(said(tmp_path, "ignored-outcome", files)) is told
