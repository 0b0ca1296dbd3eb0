"""The READMEs: the same commands in both languages, and what they tell a newcomer to type works on an empty HOME."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shipping import real
from shipping.made_up import NAME, write
from shipping.toolbox import loopback, picture, toolbox

from runtime_ops.bundle.release import LATEST

README = real.ROOT / "README.md"
JAPANESE = real.ROOT / "README.ja.md"


def blocks(file: Path, language: str = r"\w+") -> list[str]:
    """The fenced blocks of a document, in order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"))


def command(containing: str, not_containing: str = "\0") -> str:
    """The one command line of the README that contains a text."""
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    found = [line for line in lines if containing in line and not_containing not in line]
    assert len(found) == 1, found
    return found[0]


def test_both_languages_show_the_same_commands() -> None:
    assert len(blocks(README)) >= 12
    assert blocks(README) == blocks(JAPANESE)
    inline = re.compile(r"`(curl …[^`]*|& [^`]*|-{1,2}[A-Za-z][^`]*)`")
    assert inline.findall(README.read_text(encoding="utf-8")) == inline.findall(JAPANESE.read_text(encoding="utf-8"))


def test_both_languages_have_the_same_shape() -> None:
    def shape(file: Path) -> list[str]:
        text = re.sub(r"(?ms)^```.*?^```$", "", file.read_text(encoding="utf-8"))
        return re.findall(r"(?m)^(#+|\|)", text)

    assert shape(README) == shape(JAPANESE)


class Newcomer:
    """Somebody with an empty HOME who pastes lines; the release page stands on loopback."""

    def __init__(self, folder: Path, address: str, path: Path) -> None:
        self.home = folder / "newcomer"
        self.home.mkdir()
        self.address = address
        self.path = path

    def paste(self, line: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        assert LATEST in line or "curl" not in line
        return subprocess.run(
            ["sh", "-c", line.replace(LATEST, self.address)],
            env={"PATH": str(self.path), "HOME": str(self.home), "PYRUNOPS_BASE_URL": self.address},
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


def test_readme_followed_to_the_letter(
    tmp_path: Path, all_tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository = real.sample_repository(tmp_path / "repository")
    with loopback(real.release(tmp_path_factory)) as address:
        newcomer = Newcomer(tmp_path, address, all_tools)
        write(newcomer.home, {".claude/skills/other/SKILL.md": "theirs", ".claude/settings.json": "{}"})
        before = picture(newcomer.home)
        assert newcomer.paste(command("| sh", "--uninstall")).returncode == 0
        assert newcomer.paste(command("| sh", "--uninstall") + " -s -- --check").returncode == 0
        audit = command(f"skills/{NAME}/scripts/audit.py PATH").replace("PATH", str(repository))
        done = newcomer.paste(audit)
        assert done.returncode == 1, done.stderr
        assert "unhandled-termination" in done.stdout
        for line in (command("audit.py --explain"), command("audit.py --rules")):
            done = newcomer.paste(line)
            assert done.returncode == 0, done.stderr
            assert "unhandled-termination" in done.stdout
        assert newcomer.paste(command("--uninstall")).returncode == 0
        assert picture(newcomer.home) == before, "nothing of ours is left, nothing of others' is gone"


def test_set_up_commands_from_a_clone(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`python3 scripts/audit.py PATH` with a bare interpreter makes its private folder; the installer takes it away."""
    clone = real.checkout(tmp_path_factory)
    repository = real.sample_repository(tmp_path / "repository")
    bare = real.bare_python(tmp_path_factory)
    path = toolbox(tmp_path / "bin", ["python3"], {"python3": f'#!/bin/sh\nexec "{bare}" "$@"\n'})
    newcomer = Newcomer(tmp_path, "http://127.0.0.1:9", path)
    done = newcomer.paste(command("python3 scripts/audit.py PATH").replace("PATH", str(repository)), clone)
    if "pip install" in done.stderr and done.returncode == 2:
        pytest.skip(f"SKIPPED: no package index from here: {done.stderr.splitlines()[1]}")
    assert done.returncode == 1, done.stderr
    assert "unhandled-termination" in done.stdout
    assert done.stderr.count("installing its libraries") == 1
    assert newcomer.paste(command("install.sh --from ."), clone).returncode == 0
    installed = newcomer.home / f".claude/skills/{NAME}"
    assert (installed / "SKILL.md").read_bytes() == (clone / "SKILL.md").read_bytes()
    assert not (installed / "tests").exists()
    done = newcomer.paste(command(f"skills/{NAME}/scripts/audit.py PATH").replace("PATH", str(repository)))
    assert done.returncode == 1, done.stderr
    assert "unhandled-termination" in done.stdout
    assert newcomer.paste("sh install/install.sh --uninstall", clone).returncode == 0
    assert [path for path in picture(newcomer.home) if path != ".cache"] == []


def test_tests_command_is_a_target_of_the_makefile() -> None:
    assert command("make ") == "make test"
    assert re.search(r"(?m)^test:", (real.ROOT / "Makefile").read_text())
    assert "make test" in (real.ROOT / ".ci/run").read_text()
    assert os.access(real.ROOT / ".ci/run", os.X_OK)


def test_the_waiver_that_the_readme_shows_waives(tmp_path: Path) -> None:
    repository = real.sample_repository(tmp_path / "repository")
    script = [sys.executable, str(real.ROOT / "scripts/audit.py"), str(repository), "--format", "json"]

    def rules(key: str) -> set[str]:
        done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, 1), done.stderr
        return {re.findall(r'"rule": "([\w-]+)"', json.dumps(row))[0] for row in json.loads(done.stdout)[key]}

    assert "unhandled-termination" in rules("findings")
    shown = blocks(README, "toml")
    assert len(shown) == 1
    (repository / "pyproject.toml").write_text(shown[0], encoding="utf-8")
    assert "unhandled-termination" not in rules("findings")
    assert "print-in-service" not in rules("findings")
    assert not [rule for rule in rules("findings") if rule.endswith("-waiver")]
    assert "unhandled-termination" in rules("waived")
    (repository / "pyproject.toml").unlink()
    comment = re.findall(r"# runtime-ops: .*", blocks(README, "python")[0])[0].replace("…", "because it is so")
    worker = repository / "app/worker.py"
    worker.write_text(worker.read_text().replace("while True:", f"while True:  {comment}"))
    assert "unhandled-termination" in rules("waived")
