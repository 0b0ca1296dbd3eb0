"""Blocking calls in coroutines that last: another loop's work, programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

APP = """import asyncio, subprocess, threading
from fastapi import FastAPI
app = FastAPI()
LOOP = asyncio.new_event_loop()
async def ask():
    await asyncio.sleep(1)
def probe(path):
    return subprocess.run(['ffprobe', path], capture_output=True, timeout=20)
class Stats(threading.Thread):
    def run(self):
        while True:
            asyncio.run(self.collect())
    async def collect(self):
        await asyncio.gather(self.first(), ask())
    async def first(self):
        {aside}
@app.on_event('startup')
def begin():
    Stats(daemon=True).start()
@app.get('/a')
async def a(path: str):
    {call}
    return 'ok'
"""
IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["uvicorn", "app:app"]\n'
FUTURE = "future = asyncio.run_coroutine_threadsafe(ask(), LOOP)\n    "


@pytest.mark.parametrize(
    ("call", "aside", "confidences"),
    [
        (f"{FUTURE}future.result()", "pass", ["certain"]),
        (f"{FUTURE}future.result(timeout=30)", "pass", ["certain"]),
        (f"{FUTURE}future.result(timeout=0.1)", "pass", ["likely"]),
        (f"{FUTURE}await asyncio.wrap_future(future)", "pass", []),
        ("probe(path)", "pass", ["certain"]),
        ("await asyncio.to_thread(probe, path)", "pass", []),
        ("pass", "probe('/a')", ["likely"]),  # the loop of a thread that does nothing else
    ],
)
def test_what_holds_the_loop(tmp_path: Path, call: str, aside: str, confidences: list[str]) -> None:
    files = {"app.py": APP.format(call=call, aside=aside), "Dockerfile": IMAGE}
    found = said(tmp_path, "blocking-in-async", files)
    assert [f.confidence for f in found] == confidences
