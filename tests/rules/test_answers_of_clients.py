"""Answers by which a client tells that something failed, without an error: told where nobody looks at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

HEAD = (
    "import apprise\nimport elasticsearch\nimport gearman\nimport koji\nfrom firebase_admin import messaging\nfrom flask import Flask\n"
    "from google.cloud import bigquery\n\napp = Flask(__name__)\nstore = elasticsearch.Elasticsearch('http://store:9200')\n"
    "jobs = gearman.GearmanClient(['jobs:4730'])\nnews = apprise.Apprise()\n\n\n@app.post('/items')\ndef items(hub, table, rows):\n"
)
FILES = {"Dockerfile": 'FROM python:3.13-slim\nCOPY app.py .\nCMD ["gunicorn", "app:app"]\n'}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("hub.multiCall()", ["medium"]),
        ("hub.multiCall(strict=True)", []),
        ("return hub.multiCall()", []),
        ("table.insert_rows_json('rows', rows)", ["medium"]),
        ("errors = table.insert_rows_json('rows', rows)", ["medium"]),
        ("if table.insert_rows_json('rows', rows):\n        raise ValueError(rows)", []),
        ("store.bulk(operations=rows)", ["medium"]),
        ("answer = store.bulk(operations=rows)\n    if answer['errors']:\n        raise ValueError(answer)", []),
        ("messaging.send_each(rows)", ["medium"]),
        ("jobs.submit_job('resize', rows, poll_timeout=5)", ["medium"]),
        ("jobs.submit_job('resize', rows, poll_timeout=5, background=True)", []),
        ("news.notify(body='full')", ["low"]),
        ("with apprise.LogCapture() as said:\n        news.notify(body='full')\n    print(said.getvalue())", []),
    ],
)
def test_what_an_answer_says(tmp_path: Path, call: str, told: list[str]) -> None:
    found = shown(tmp_path, "ignored-outcome", {"app.py": f"{HEAD}    {call}\n", **FILES})
    assert [f.severity for f in found] == told


@pytest.mark.parametrize("call", ["hub.multiCall()", "table.insert_rows_json('rows', rows)"])
def test_a_method_of_that_name_without_the_library(tmp_path: Path, call: str) -> None:
    head = HEAD.replace("import koji\n", "").replace("from google.cloud import bigquery\n", "")
    assert not shown(tmp_path, "ignored-outcome", {"app.py": f"{head}    {call}\n", **FILES})
