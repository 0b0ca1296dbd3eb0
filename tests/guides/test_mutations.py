"""The tests of guides and rules can fail: a handful of faults, each put into a copy of the skill, must be seen.

A fault is a text of one guide that is taken away or replaced. The tests named beside it pass on the copy as it is, and
fail with the fault.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .test_tables import GUIDE_FILES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
RULES, PATTERNS, TABLES = "tests/rules/test_guides.py", "tests/guides/test_patterns.py", "tests/guides/test_tables.py"


@dataclass(frozen=True)
class Fault:
    """What is found in a guide (a pattern, once at least), what it becomes, and the tests that must notice."""

    name: str
    old: str
    new: str
    tests: str
    only: str
    """``-k`` expression of the tests."""


def section_of(slug: str) -> str:
    return rf"(?ms)^### {slug}$.*?(?=^### |^## |\Z)"


FAULTS = [
    Fault("a section is missing", section_of("print-in-service"), "", RULES, "whole_section and print-in-service"),
    Fault(
        "a right snippet has no handler",
        r"(?ms)(^### unhandled-termination$.*?\*\*Right\*\*.*?)    signal\.signal\(signal\.SIGTERM, [^\n]*\n",
        r"\1",
        RULES,
        "snippet and unhandled-termination-right",
    ),
    Fault(
        "a pattern has no handler",
        r"        loop\.add_signal_handler\(number, stop, number\)\n",
        "        log.debug('signal %s', number)\n",
        PATTERNS,
        "nothing_to_say and asyncio",
    ),
    Fault(
        "an offset is committed before the work",
        r"            if self\.handle\(message\):\n                self\.consumer\.commit\(message=message, asynchronous=False\)\n",
        "            self.consumer.commit(message=message, asynchronous=False)\n            self.handle(message)\n",
        PATTERNS,
        "kafka_offsets",
    ),
    Fault(
        "liveness knows nothing of the loop",
        r"return time\.monotonic\(\) - self\.last < self\.stale",
        "return True",
        PATTERNS,
        "stuck_worker",
    ),
    Fault("a command hides a part that failed", r"sys\.exit\(3\)", "sys.exit(0)", PATTERNS, "how_it_went"),
    Fault("a timeout has another default", r"connect 5, read 5, write 5", "connect 5, read 6, write 5", TABLES, "timeouts"),
    Fault("a budget does not add up", r"\| preStop \| 5 \|", "| preStop | 15 |", TABLES, "budgets"),
]  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the tests of guides and rules need, whose own tests pass."""
    folder = tmp_path_factory.mktemp("skill")
    for name in ("scripts", "references", "tests/rules", "tests/guides"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def outcome(folder: Path, tests: str, only: str) -> subprocess.CompletedProcess[str]:
    # Without this run's own plug-in options: xdist would start workers of workers.
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-k", only, tests],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("tests", sorted({fault.tests for fault in FAULTS}))
def test_faults_are_seen(tests: str, copy: Path) -> None:
    """One round without a fault, then one for each: a test that fails anyway would prove nothing."""
    faults = [fault for fault in FAULTS if fault.tests == tests]
    before = outcome(copy, tests, " or ".join(f"({fault.only})" for fault in faults))
    if " skipped" in before.stdout:
        pytest.skip("what the tests need is not installed")
    assert before.returncode == 0, before.stdout[-2000:]
    guides = {guide: guide.read_text(encoding="utf-8") for guide in sorted((copy / "references").glob("*.md"))}
    for fault in faults:
        hit = [guide for guide, text in guides.items() if re.search(fault.old, text)]
        assert len(hit) == 1, f"{fault.name}: its text is in {[guide.name for guide in hit]}"
        hit[0].write_text(re.sub(fault.old, fault.new, guides[hit[0]], count=1), encoding="utf-8")
        after = outcome(copy, tests, fault.only)
        hit[0].write_text(guides[hit[0]], encoding="utf-8")
        assert after.returncode == 1 and " failed" in after.stdout, f"{fault.name}: {after.stdout[-2000:]}"


def test_the_guides_are_there(copy: Path) -> None:
    assert {guide.name for guide in (copy / "references").glob("*.md")} >= set(GUIDE_FILES)
