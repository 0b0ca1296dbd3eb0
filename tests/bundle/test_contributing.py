"""CONTRIBUTING.md's way to add a rule works: its own example, followed by the letter in a copy of the checkout."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shipping import real

SLUG = "breakpoint-in-serving"
TEXT = (real.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout with the example's section and rule in their places."""
    folder = tmp_path / "copy"
    shutil.copytree(real.checkout(tmp_path_factory), folder)
    section = re.search(r"(?ms)^````markdown\n(.*?)^````$", TEXT)
    rule = re.search(r'(?ms)^```python\n(""".*?)^```$', TEXT)
    place = re.search(r"`breakpoint_in_serving\.py` in `(scripts/runtime_ops/rules/\w+/)`", TEXT)
    assert section and rule and place
    guide = sorted((folder / "references").glob("*.md"))[0]
    guide.write_text(guide.read_text(encoding="utf-8").rstrip() + "\n\n" + section.group(1), encoding="utf-8")
    (folder / place.group(1) / "breakpoint_in_serving.py").write_text(rule.group(1), encoding="utf-8")
    return folder


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "tests/rules/test_guides.py", "-k", SLUG, "-p", "no:xdist"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_the_example_passes_its_tests(copy: Path) -> None:
    done = run_tests(copy)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\b5 passed", done.stdout), done.stdout[-300:]


@pytest.mark.parametrize("mistake", ["no section", "no rule", "rule fires on everything", "rule never fires"])
def test_each_mistake_fails_a_test(copy: Path, mistake: str) -> None:
    guide = next(file for file in (copy / "references").glob("*.md") if f"### {SLUG}" in file.read_text("utf-8"))
    rule = next(copy.glob("scripts/runtime_ops/rules/*/breakpoint_in_serving.py"))
    if mistake == "no section":
        guide.write_text(guide.read_text(encoding="utf-8").split(f"### {SLUG}")[0], encoding="utf-8")
    elif mistake == "no rule":
        rule.unlink()
    elif mistake == "rule fires on everything":
        rule.write_text(re.sub(r"if project\.runs_in\(.*\):", "if True:", rule.read_text(encoding="utf-8")))
    else:
        rule.write_text(rule.read_text(encoding="utf-8").replace('"breakpoint", "pdb', '"nothing", "pdb'))
    assert run_tests(copy).returncode == 1


def test_every_path_and_concern_on_the_page_exists() -> None:
    for path in re.findall(r"`((?:scripts|tests)/[\w/.-]+)`", TEXT):
        if "breakpoint" not in path:
            assert (real.ROOT / path.rstrip("/")).exists(), path
    concerns = {path.name for path in (real.ROOT / "scripts/runtime_ops/rules").iterdir() if path.is_dir()}
    concerns.discard("__pycache__")
    named = re.search(r"the concern: (.*?)\n\n", TEXT, re.DOTALL)
    assert named
    assert set(re.findall(r"`(\w+)`", named.group(1))) == concerns
