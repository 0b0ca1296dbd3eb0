"""Commands that count what failed, tell of it as an error, and end with status 0."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

RULE = "success-after-failure"
LOOP = (
    "    failed = []\n    for name in names():\n        if not upload(name):\n            failed.append(name)\n"
    "    print('done')\n"
)
HEAD = "import logging\nimport sys\n\nfrom work import names, upload\n\nlog = logging.getLogger(__name__)\n\n\n"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("    if failed:\n        log.error('%d failed', len(failed))\n", True),
        ("    if len(failed) > 0:\n        print('failed:', failed, file=sys.stderr)\n    else:\n        print('all well')\n", True),
        ("    if failed:\n        log.error('%d failed', len(failed))\n        sys.exit(1)\n", False),
        ("    if failed:\n        log.error('%d failed', len(failed))\n    sys.exit(bool(failed))\n", False),
        ("    if failed:\n        log.error('%d failed', len(failed))\n    return len(failed)\n", False),
        ("    if failed:\n        log.info('%d left out', len(failed))\n", False),
        ("    if not failed:\n        log.error('nothing to do')\n", False),
        ("    if failed:\n        log.error('%d failed', len(failed))\n    retry(failed)\n", False),  # they are dealt with
    ],
)
def test_what_failed_is_told_and_forgotten(tmp_path: Path, end: str, told: bool) -> None:
    text = f"{HEAD}def main():\n{LOOP}{end}\n\nif __name__ == '__main__':\n    main()\n"
    assert bool(shown(tmp_path, RULE, {"send.py": text, "setup.py": "setup(scripts=['send.py'])\n"})) is told


@pytest.mark.parametrize(("name", "told"), [("rebuild_index", ["low"]), ("check_index", [])])
def test_a_management_command(tmp_path: Path, name: str, told: list[str]) -> None:
    """What a command finds that checks something is its answer."""
    command = (
        "from django.core.management.base import BaseCommand\nfrom work import names, upload\n\n\nclass Command(BaseCommand):\n"
        "    def handle(self, *args, **options):\n        fails = 0\n        for name in names():\n            try:\n"
        "                upload(name)\n            except OSError:\n                fails += 1\n        if fails > 0:\n"
        "            self.stderr.write('%d failed' % fails)\n"
    )
    manage = "from django.core.management import execute_from_command_line\n\nif __name__ == '__main__':\n    execute_from_command_line()\n"
    files = {"manage.py": manage, f"shop/management/commands/{name}.py": command, "shop/__init__.py": ""}
    assert [f.severity for f in shown(tmp_path, RULE, files)] == told
