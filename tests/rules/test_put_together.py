"""A credential that a function puts into what it then logs whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

RULE = "secret-in-log"
START = {"Dockerfile": 'FROM python:3.13-slim\nCOPY jobs.py .\nCMD ["python", "jobs.py"]\n'}
PROGRAM = (
    "import logging\nimport time\n\nfrom settings import conf\n\nlog = logging.getLogger(__name__)\nDEFAULT = 'clickhouse://api:api@localhost/x'\n"
    "\n\ndef connect(user, password, api_key):\n{body}    return text\n\n\ndef main():\n    while True:\n"
    "        connect(conf.user, conf.password, conf.api_key)\n        time.sleep(60)\n\n\nif __name__ == '__main__':\n    main()\n"
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    text = f'host=db user={user} password={password}'\n    log.info('connecting to %r', text)\n", True),
        ("    text = 'postgresql://%s:%s@db/x' % (user, password)\n    log.info('connecting to ' + text)\n", True),
        ("    text = {'user': user, 'api_key': api_key}\n    log.info('sending %s', text)\n", True),
        ("    text = conf.get('db_uri', DEFAULT)\n    log.info(f'connecting to {text}')\n", True),
        ("    text = f'host=db user={user} password={password}'\n    log.debug('connecting to %r', text)\n", False),
        ("    text = f'host=db user={user} password={mask(password)}'\n    log.info('connecting to %r', text)\n", False),
        ("    text = {'user': user, 'api_key': '***'}\n    log.info('sending %s', text)\n", False),
        ("    text = {'user': user, 'api_key': api_key}\n    text['api_key'] = '***'\n    log.info('sending %s', text)\n", False),
        ("    text = {'user': user, 'api_key': api_key}\n    log.info('sending %s', text['user'])\n", False),
        ("    text = f'{user}:{len(password)}'\n    log.info('connecting to %r', text)\n", False),
        ("    text = conf.get('db_uri', 'clickhouse://localhost/x')\n    log.info(f'connecting to {text}')\n", False),
    ],
)
def test_what_is_logged_whole(tmp_path: Path, body: str, told: bool) -> None:
    files = {"jobs.py": PROGRAM.replace("{body}", body), **START}
    assert [f.confidence for f in shown(tmp_path, RULE, files)] == (["certain"] if told else [])
