"""Slips that pass every review: a word given as letters, a second yield, an option that does nothing, a text that nothing fills."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

APP = "import contextlib\nimport logging\n\nfrom flask import Flask\n\napp = Flask(__name__)\nlog = logging.getLogger(__name__)\n\n\n"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("name.lstrip('job-')", ["certain"]),
        ("name.rstrip('.tar.gz')", ["certain"]),
        ("name.lstrip('http://')", ["certain"]),
        ("name.rstrip('decline')", ["possible"]),
        ("name.lstrip('Bearer')", ["possible"]),
        ("name.strip('job-')", []),  # both ends: mostly a set
        ("name.rstrip('abcdef')", []),
        ("name.rstrip('kMGT')", []),
        ("name.lstrip('vV')", []),
        ("name.rstrip(' AND ')", []),
        ("name.rstrip('\\r\\n')", []),
        ("name.removeprefix('job-')", []),
        ("name.lstrip(name)", []),
        ("version.rstrip('-unstable')", []),  # a digit stands before it
        ("self.remoteVersion.lstrip('release-')", []),
        ("settings.TAG_VERSION.rstrip('-rc1')", ["certain"]),  # ``v1.11-rc1``
        ("conversion.rstrip('-draft')", ["certain"]),
        ("KIND.lstrip('ta_')", []),  # a constant that loses the word alone
        ("OTHER.lstrip('ta_')", ["certain"]),
    ],
)
def test_words_given_as_letters(tmp_path: Path, call: str, found: list[str]) -> None:
    text = f"{APP}KIND, OTHER = 'ta_video', 'ta_tag'\n@app.get('/<name>')\ndef show(name):\n    return {{'name': {call}}}\n"
    assert [f.confidence for f in said(tmp_path, "stripped-letters", {"app.py": text})] == found


MANAGER = (
    "@contextlib.contextmanager\ndef place():\n{body}\n\n\n"
    "@app.get('/')\ndef show():\n    with place() as p:\n        return {{'p': p}}\n"
)


@pytest.mark.parametrize(
    ("body", "severities"),
    [
        ("    yield 1\n    yield 2", ["high"]),
        ("    try:\n        yield 1\n        yield 2\n    finally:\n        log.info('x')", ["high"]),
        ("    if app.debug:\n        yield 1\n    yield 2", ["high"]),
        ("    if app.debug:\n        yield 1\n    else:\n        yield 2", []),
        ("    if app.debug:\n        yield 1\n        return\n    yield 2", []),
        ("    try:\n        yield 1\n    except Exception:\n        yield 2", ["medium"]),
        ("    try:\n        yield 1\n    except ValueError:\n        yield 2", []),
        ("    try:\n        yield 1\n    except Exception:\n        log.error('x')\n        raise", []),
        ("    try:\n        n = int('1')\n    except Exception:\n        yield 0\n        return\n    yield n", []),
        ("    for n in (1, 2):\n        yield n\n        break", []),
    ],
)
def test_yields_of_a_context_manager(tmp_path: Path, body: str, severities: list[str]) -> None:
    found = said(tmp_path, "second-yield", {"app.py": APP + MANAGER.format(body=body)})
    assert [f.severity for f in found] == severities


def test_plain_generators_yield_as_often_as_they_like(tmp_path: Path) -> None:
    text = APP + "def items():\n    yield 1\n    yield 2\n\n\n@app.get('/')\ndef show():\n    return {'n': list(items())}\n"
    assert not said(tmp_path, "second-yield", {"app.py": text})


@pytest.mark.parametrize(
    ("arguments", "severities"),
    [
        ("'--x', action='store_const'", ["medium"]),
        ("'--x', action='store_const', const=1", []),
        ("'--x', action='store_true', default=True", ["low"]),
        ("'--x', action='store_true', default=False", []),
        ("'--x', action='store_false', default=False", ["low"]),
        ("'--x', type=bool", ["medium"]),
        ("'--x', type=int", []),
        ("'x', type=bool", []),
        ("'--x', **options", []),
        ("'--x', action='store_true', default=True)\n    parser.add_argument('--no-x', dest='x', action='store_false'", []),
        ("'--x', action='store_true', default=True)\n    parser.add_argument('--no-x', action='store_false'", ["low"]),
    ],
)
def test_options(tmp_path: Path, arguments: str, severities: list[str]) -> None:
    text = (
        "import argparse\n\noptions = {}\n\n\ndef main():\n    parser = argparse.ArgumentParser()\n"
        f"    parser.add_argument({arguments})\n    print(parser.parse_args().x)\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert [f.severity for f in said(tmp_path, "inert-option", {"tool.py": text})] == severities


@pytest.mark.parametrize(
    ("given", "use", "told"),
    [
        ("default=30", "waited > args.limit", True),
        ("default=LIMIT", "args.limit - waited", True),
        ("default=30", "time.sleep(args.limit)", True),
        ("default=30, type=int", "waited > args.limit", False),
        ("default='30'", "waited > args.limit", False),
        ("default=30", "waited > int(args.limit)", False),
        ("default=30", "print(args.limit)", False),
        ("default=30", "'a' < args.limit", False),
        ("default=30", "waited > other.limit", False),
        ("default=30, nargs=2", "waited > args.limit", False),
    ],
)
def test_an_option_that_is_a_number_until_it_is_given(tmp_path: Path, given: str, use: str, told: bool) -> None:
    text = (
        "import argparse\nimport time\n\nLIMIT = 30\n\n\ndef main():\n    parser = argparse.ArgumentParser()\n"
        f"    parser.add_argument('--limit', {given})\n    args = parser.parse_args()\n    waited = time.time()\n    other = args\n"
        f"    print(args.limit)\n    {use}\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert [f.line for f in said(tmp_path, "inert-option", {"tool.py": text})] == ([9] if told else [])


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("log.error('no {name}')", 1),
        ("raise ValueError('no {name!r}')", 1),
        ("log.error(f'no {name}')", 0),
        ("log.error('no {name}'.format(name=name))", 0),
        ("log.error('no {other}')", 0),
        ("log.error('see /users/{name}')", 0),
        ("log.error('as {{name}}')", 0),
        ("log.error('no ${name}')", 0),
        ("log.error('no {name}: %s', name)", 0),
    ],
)
def test_texts(tmp_path: Path, statement: str, count: int) -> None:
    text = f"{APP}@app.get('/<name>')\ndef show(name):\n    {statement}\n    return {{}}\n"
    assert len(said(tmp_path, "unfilled-text", {"app.py": text})) == count


FILLING = """

class Refused(Exception):
    def __init__(self, text, values=None):
        super().__init__(text.format(**(values or {})))


class Kept(Exception):
    def __init__(self, text, code=0):
        super().__init__(text)
"""


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("raise Refused('no {name}', {'name': name})", 0),
        ("raise Refused('no {name}')", 0),
        ("raise NotImplementedError('no {name}', {'name': name})", 0),
        ("raise NotImplementedError('no {name}', name)", 0),
        ("raise Kept('no {name}', code=3)", 1),
        ("raise Kept('no {name}')", 1),
    ],
)
def test_what_the_exception_fills_itself(tmp_path: Path, statement: str, count: int) -> None:
    text = f"{APP}{FILLING}\n\n@app.get('/<name>')\ndef show(name):\n    {statement}\n"
    assert len(said(tmp_path, "unfilled-text", {"app.py": text})) == count


@pytest.mark.parametrize(
    ("form", "count"),
    [("%H:%M:%S.%f", 1), ("%H:%M:%S.%03dZ", 1), ("%H:%M:%S", 0), ("%d.%m.", 0), ("%H.%%03d", 0)],
)
def test_date_formats(tmp_path: Path, form: str, count: int) -> None:
    files = {"app.py": f"{APP}logging.basicConfig(format='%(asctime)s', datefmt='{form}')\n"}
    assert len(said(tmp_path, "broken-log-format", files)) == count


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("sqs.send_message_batch(QueueUrl='u', Entries=[])", 1),
        ("answer = sqs.send_message_batch(QueueUrl='u', Entries=[])", 1),
        ("answer = sqs.send_message_batch(QueueUrl='u', Entries=[])\n    log.info('%s', answer['Failed'])", 0),
        ("sqs.send_message_batch(['a'])", 0),  # another client's
    ],
)
def test_batches(tmp_path: Path, call: str, count: int) -> None:
    text = f"import boto3\n{APP}sqs = boto3.client('sqs')\n\n\n@app.post('/')\ndef send():\n    {call}\n    return {{}}\n"
    assert len(shown(tmp_path, "ignored-outcome", {"app.py": text})) == count


COROUTINES = (
    "import asyncio\nimport functools\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
    "async def save(row):\n    await asyncio.sleep(0)\n\n\n@functools.cache\nasync def kept(row):\n    await asyncio.sleep(0)\n\n\n"
    "async def rows():\n    yield 1\n\n\nclass Store:\n    async def save(self):\n        await asyncio.sleep(0)\n\n\nstore = Store()\n\n\n"
    "@app.get('/')\nasync def show():\n    {call}\n    return {{}}\n"
)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("save(1)", 1),
        ("store.save()", 1),
        ("asyncio.sleep(1)", 1),
        ("asyncio.wait_for(save(1), 3)", 1),
        ("await save(1)", 0),
        ("task = save(1)\n    await task", 0),
        ("asyncio.create_task(save(1))", 0),
        ("await asyncio.gather(save(1), save(2))", 0),
        ("kept(1)", 0),  # a decorator may do anything with it
        ("rows()", 0),  # nothing of a generator is expected to run
    ],
)
def test_a_coroutine_that_is_dropped_never_runs(tmp_path: Path, call: str, found: int) -> None:
    assert len(said(tmp_path, "unawaited-coroutine", {"app.py": COROUTINES.format(call=call)})) == found
