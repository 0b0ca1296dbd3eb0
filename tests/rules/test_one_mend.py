"""What of a call without a limit is one cause, and what waits for no peer at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.test_deadlines import HEAD, findings

pytestmark = pytest.mark.usefixtures("any_call")

READ = "import feedparser\ndef read(feed):\n    return feedparser.parse(feed)\n"
ROUTE = "@app.get('/a')\ndef a():\n"


def test_calls_on_one_session_in_several_files_are_one_finding(tmp_path: Path) -> None:
    made = "import requests\ndef client():\n    return requests.Session()\n"
    one = "from made import client\ndef one():\n    session = client()\n    session.get('http://a')\n    session.put('http://a')\n"
    two = "from made import client\ndef two():\n    session = client()\n    session.get('http://b')\n"
    app = HEAD + "from one import one\nfrom two import two\n" + ROUTE + "    one()\n    two()\n    return ''\n"
    found = findings(tmp_path, "call-without-timeout", app__py=app, made__py=made, one__py=one, two__py=two)
    assert [(f.path, f.count) for f in found] == [("one.py", 3)]
    assert ("two.py", 4) in [(e.path, e.line) for e in found[0].also]


def test_sessions_of_their_own_are_findings_of_their_own(tmp_path: Path) -> None:
    text = "import requests\ndef {0}():\n    session = requests.Session()\n    session.get('http://a')\n"
    app = HEAD + "from one import one\nfrom two import two\n" + ROUTE + "    one()\n    two()\n    return ''\n"
    found = findings(tmp_path, "call-without-timeout", app__py=app, one__py=text.format("one"), two__py=text.format("two"))
    assert [f.path for f in found] == ["one.py", "two.py"]


@pytest.mark.parametrize(
    ("head", "body", "fires"),
    [
        (READ.replace("feed)", "feed: bytes)", 1), "read(b'')", False),
        (READ, "read(requests.get('http://a', timeout=1).content)", False),
        (READ, "read('http://a/feed.xml')", True),
    ],
)
def test_reader_that_is_handed_what_was_read(tmp_path: Path, head: str, body: str, fires: bool) -> None:
    code = HEAD + head + ROUTE + f"    {body}\n    return ''\n"
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code)) is fires


@pytest.mark.parametrize(("given", "fires"), [("timeout=10", False), ("timeout=None", True), ("port=21", True)])
def test_limit_that_connecting_later_sets(tmp_path: Path, given: str, fires: bool) -> None:
    code = HEAD + "import ftplib\n" + ROUTE + f"    ftp = ftplib.FTP()\n    ftp.connect('a', {given})\n    ftp.login('u')\n    return ''\n"
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code)) is fires


@pytest.mark.parametrize(("given", "fires"), [("", True), (", do_handshake_on_connect=False", False)])
def test_socket_that_is_wrapped_without_a_handshake(tmp_path: Path, given: str, fires: bool) -> None:
    code = (
        HEAD + "import socket, ssl\ncontext = ssl.create_default_context()\n" + ROUTE
        + f"    s = socket.socket()\n    t = context.wrap_socket(s{given})\n    return ''\n"
    )
    assert bool(findings(tmp_path, "call-without-timeout", app__py=code)) is fires


def test_watching_files_waits_for_no_peer(tmp_path: Path) -> None:
    code = HEAD + "from watchfiles import watch\n" + ROUTE + "    for changes in watch('/etc'):\n        print(changes)\n    return ''\n"
    assert not findings(tmp_path, "call-without-timeout", app__py=code)
