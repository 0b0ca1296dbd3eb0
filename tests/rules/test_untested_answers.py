"""HTTP answers whose content is taken with no look at the status."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules.judging import said, shown

HEAD = """
import json
import requests
import httpx
import aiohttp
from flask import Flask
from django.core.cache import cache
from shop.models import Token

app = Flask(__name__)
"""


def served(body: str) -> dict[str, str]:
    """A service with one route, whose function is the body."""
    return {"app.py": HEAD + body + "\n\nif __name__ == '__main__':\n    app.run()\n"}


BY_A_SESSION = """
@app.post("/covers")
async def cover():
    async with aiohttp.ClientSession() as session:
        async with session.get("http://covers/1") as answer:
            data = await answer.read()
    with open("/data/cover", "wb") as out:
        out.write(data)
    return ""
"""
TAKEN = {
    "written in parts": """
@app.post("/covers")
def cover():
    answer = requests.get("http://covers/1", stream=True, timeout=3)
    with open("/data/cover", "wb") as out:
        for part in answer.iter_content(4096):
            out.write(part)
    return ""
""",
    "written by a session of a with block": BY_A_SESSION,
    "a part that may be missing is stored": """
@app.post("/token")
def token():
    answer = requests.post("http://login/token", data={"code": "1"}, timeout=3)
    found = answer.json()
    token = found.get("access_token")
    Token.objects.create(token=token)
    return ""
""",
    "what was parsed is cached": """
@app.get("/rates")
def rates():
    found = httpx.get("http://bank/rates").json()
    cache.set("rates", found)
    return found
""",
    "returned by what gets files": """
def get_attachment(number):
    return requests.get(f"http://files/{number}", timeout=3).content


@app.get("/files")
def files():
    return get_attachment(1)
""",
}
LOOKED_AT = {
    "raised": """
@app.post("/covers")
def cover():
    answer = requests.get("http://covers/1", timeout=3)
    answer.raise_for_status()
    with open("/data/cover", "wb") as out:
        out.write(answer.content)
    return ""
""",
    "handed to who looks": """
@app.post("/covers")
def cover():
    answer = requests.get("http://covers/1", timeout=3)
    checked(answer)
    with open("/data/cover", "wb") as out:
        out.write(answer.content)
    return ""
""",
    "the session raises": BY_A_SESSION.replace("ClientSession()", "ClientSession(raise_for_status=True)"),
    "a checksum": """
import hashlib

@app.post("/covers")
def cover():
    answer = requests.get("http://covers/1", timeout=3)
    if hashlib.sha256(answer.content).hexdigest() != "00":
        raise ValueError("another cover")
    with open("/data/cover", "wb") as out:
        out.write(answer.content)
    return ""
""",
    "a part that must be there": """
@app.post("/token")
def token():
    found = requests.post("http://login/token", data={"code": "1"}, timeout=3).json()
    Token.objects.create(token=found["access_token"], scope=found.get("scope"))
    return ""
""",
    "the body tells": """
@app.post("/token")
def token():
    found = requests.post("http://login/token", data={"code": "1"}, timeout=3).json()
    if found.get("error"):
        raise ValueError(found)
    Token.objects.create(token=found.get("access_token"))
    return ""
""",
    "an adapter of one's own": """
class Strict(requests.adapters.HTTPAdapter):
    def send(self, *args, **kwargs):
        answer = super().send(*args, **kwargs)
        answer.raise_for_status()
        return answer


@app.post("/covers")
def cover():
    session = requests.Session()
    session.mount("http://", Strict())
    answer = session.get("http://covers/1", timeout=3)
    with open("/data/cover", "wb") as out:
        out.write(answer.content)
    return ""
""",
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_content_is_taken_with_no_look_at_the_status(tmp_path: Path, body: str) -> None:
    [finding] = shown(tmp_path, "ignored-outcome", served(body))
    assert "error page is taken for the content" in finding.message


@pytest.mark.parametrize("body", LOOKED_AT.values(), ids=LOOKED_AT.keys())
def test_somebody_looks(tmp_path: Path, body: str) -> None:
    assert not said(tmp_path, "ignored-outcome", served(body))


def test_a_page_that_is_read_is_a_lead(tmp_path: Path) -> None:
    files = served("""
def front_page():
    return requests.get("http://news/", timeout=3).text


@app.get("/news")
def news():
    return front_page()
""")
    assert [f.confidence for f in said(tmp_path, "ignored-outcome", files)] == ["possible"]


PAGES = """
def ask(url):
    answer = requests.get(url, timeout=3)
{looks}    return answer.json()


@app.get("/items")
def items():
    found = ask("http://shelf/items")
{takes}
"""
EMPTY = "    return str(len(found.get('items', [])))"


@pytest.mark.parametrize(
    ("looks", "takes", "told"),
    [
        ("", EMPTY, True),
        ("", EMPTY.replace("[]", "None"), False),  # None fails, or is looked for
        ("", EMPTY.replace("found.get('items', [])", "found['items']"), False),
        ("", "    if 'error' in found:\n        return ''\n" + EMPTY, False),
        ("", "    print(found.get('status'))\n" + EMPTY, False),
        ("    answer.raise_for_status()\n", EMPTY, False),
    ],
)
def test_an_empty_list_in_place_of_an_error(tmp_path: Path, looks: str, takes: str, told: bool) -> None:
    found = shown(tmp_path, "ignored-outcome", served(PAGES.format(looks=looks, takes=takes)))
    assert [f.severity for f in found] == (["medium"] if told else [])


def test_an_empty_list_in_the_function_that_asks(tmp_path: Path) -> None:
    body = """
@app.get("/items")
def items():
    found = requests.get("http://shelf/items", timeout=3).json().get("answer", {}).get("items", [])
    return str(len(found))
"""
    assert shown(tmp_path / "a", "ignored-outcome", served(body))
    assert not said(tmp_path / "b", "ignored-outcome", served(body.replace("[])", "None) or None")))
