"""Clients and engines that each request or job makes anew: told where nothing closes them, and the last name does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

RULE = "unclosed-resource"
HEAD = (
    "import aiohttp\nimport httpx\nimport requests\nfrom fastapi import Depends, FastAPI\nfrom sqlalchemy import create_engine\n"
    "from sqlalchemy.orm import sessionmaker\nfrom sqlalchemy.pool import NullPool\n\napp = FastAPI()\n\n\n"
)
START = {"Dockerfile": 'FROM python:3.13-slim\nCOPY app.py .\nCMD ["uvicorn", "app:app", "--host", "0.0.0.0"]\n'}
ROUTE = "@app.get('/stop')\nasync def stop(url: str):\n"
DATABASE = (
    "def database():\n    engine = create_engine({given})\n    db = sessionmaker(bind=engine)()\n    try:\n        yield db\n"
    "    finally:\n        {end}\n\n\n@app.get('/books')\ndef books(db=Depends(database)):\n    return db.execute('select 1').all()\n"
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    await aiohttp.ClientSession().get(url)\n", True),
        ("    async with aiohttp.ClientSession().get(url) as answer:\n        return await answer.text()\n", True),
        ("    client = httpx.AsyncClient()\n    return (await client.get(url)).status_code\n", True),
        ("    async with aiohttp.ClientSession() as session:\n        await session.get(url)\n", False),
        ("    client = httpx.AsyncClient()\n    try:\n        await client.get(url)\n    finally:\n        await client.aclose()\n", False),
        ("    client = httpx.AsyncClient()\n    app.clients.append(client)\n    await client.get(url)\n", False),
        ("    requests.Session().get(url, timeout=3)\n", False),  # the last reference closes its sockets
    ],
)
def test_a_client_of_each_request(tmp_path: Path, body: str, told: bool) -> None:
    found = shown(tmp_path, RULE, {"app.py": f"{HEAD}{ROUTE}{body}", **START})
    assert [f.severity for f in found] == (["medium"] if told else [])


@pytest.mark.parametrize(
    ("given", "end", "told"),
    [
        ("url()", "db.close()", True),
        ("url()", "engine.dispose()", False),
        ("url(), poolclass=NullPool", "db.close()", False),
        ("'sqlite:///books.db'", "db.close()", False),
    ],
)
def test_an_engine_of_each_request(tmp_path: Path, given: str, end: str, told: bool) -> None:
    text = DATABASE.format(given=given, end=end)
    assert bool(shown(tmp_path, RULE, {"app.py": f"{HEAD}from settings import url\n\n\n{text}", **START})) is told


@pytest.mark.parametrize(
    ("maker", "call", "told"),
    [
        ("def client():\n", "    await client().get(url)\n", True),
        ("def client():\n", "    async with client() as made:\n        await made.get(url)\n", False),
        ("@functools.cache\ndef client():\n", "    await client().get(url)\n", False),
    ],
)
def test_a_client_that_another_function_makes(tmp_path: Path, maker: str, call: str, told: bool) -> None:
    text = f"import functools\n{HEAD}{maker}    return httpx.AsyncClient(timeout=3)\n\n\n{ROUTE}{call}"
    assert bool(shown(tmp_path, RULE, {"app.py": text, **START})) is told


@pytest.mark.parametrize(("start", "told"), [("    connect()\n", True), ("    pass\n\n\nconnect()\n", False)])
def test_what_a_job_makes_and_the_start_does_not(tmp_path: Path, start: str, told: bool) -> None:
    """The same engine made once at import is the process's own; an image for development does not say how production starts it."""
    jobs = (
        "from celery import Celery\nfrom sqlalchemy import create_engine\nfrom sqlalchemy.orm import scoped_session, sessionmaker\n\n"
        "app = Celery('jobs')\nSession = scoped_session(sessionmaker())\n\n\ndef connect():\n"
        "    engine = create_engine('postgresql://db/books')\n    Session.configure(bind=engine)\n    return engine\n\n\n"
        f"@app.task\ndef compose():\n{start}"
    )
    compose = {"docker-compose.dev.yml": "services:\n  worker:\n    build: .\n    command: celery -A jobs worker\n"}
    found = shown(tmp_path, RULE, {"jobs.py": jobs, **compose})
    assert [f.severity for f in found] == (["low"] if told else [])
