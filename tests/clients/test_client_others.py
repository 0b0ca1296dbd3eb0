"""The skills CLI, the specification's validator, Codex, Gemini CLI and opencode: each lists the skill, and once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from npm_clients import Client
from shipping import real
from shipping.made_up import NAME, git
from shipping.one_line import one_line_install


def test_skills_cli_adds_lists_and_removes(
    skills_cli: Client, home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From a checkout in a folder of another name, as `npx skills add OWNER/REPO` clones it."""
    source = tmp_path / "renamed-checkout"
    shutil.copytree(real.checkout(tmp_path_factory), source)
    skills_cli.run("add", str(source), "-g", "-a", "claude-code", "-y")
    skill = home / ".claude/skills" / NAME
    for path in ("SKILL.md", "scripts/audit.py"):
        assert (skill / path).is_file()
    assert len(list((skill / "references").glob("*.md"))) == len(list((real.ROOT / "references").glob("*.md"))) > 0
    found = json.loads(skills_cli.run("list", "-g", "--json").stdout)
    assert [entry["name"] for entry in found] == [NAME]
    done = subprocess.run([sys.executable, str(skill / "scripts/audit.py"), "--version"], capture_output=True, check=False)
    assert done.returncode == 0, "the scripts work from where the client copied them"
    skills_cli.run("remove", NAME, "-g", "-y")
    assert not skill.exists()


def test_skills_cli_adds_from_a_git_repository(
    skills_cli: Client, home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = tmp_path / "repository.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(real.checkout(tmp_path_factory)), str(bare))
    skills_cli.run("add", bare.as_uri(), "-g", "-a", "claude-code", "-y")
    skill = home / ".claude/skills" / NAME
    assert (skill / "scripts/audit.py").is_file()
    assert not (skill / ".git").exists()


def test_specification_validator_accepts_the_bundle(release: Path, home: Path) -> None:
    one_line_install(release, home)
    validator = Path(sys.executable).with_name("agentskills")
    assert validator.exists(), "skills-ref is one of the development dependencies"
    skill = home / ".claude/skills" / NAME
    done = subprocess.run([str(validator), "validate", str(skill)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    renamed = skill.rename(skill.with_name("renamed"))
    assert subprocess.run([str(validator), "validate", str(renamed)], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("agent", ["agents", "gemini"])
def test_gemini_lists_it_once(gemini: Client, release: Path, home: Path, agent: str) -> None:
    one_line_install(release, home, "--agent", agent)
    done = gemini.run("skills", "list", code=None)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(NAME)]
    assert len(lines) == 1, done.stdout + done.stderr


def test_codex_lists_it_once(codex: Client, release: Path, home: Path) -> None:
    one_line_install(release, home, "--agent", "agents")
    done = codex.run("debug", "prompt-input", "x")
    assert done.stdout.count(f"{NAME}/SKILL.md") == 1, done.stdout[-3000:]
    assert f"{NAME}: " in done.stdout
    assert f"{NAME}:{NAME}" not in done.stdout


@pytest.mark.parametrize("agent", ["claude", "agents", "opencode"])
def test_opencode_lists_it_once(opencode: Client, release: Path, home: Path, agent: str) -> None:
    one_line_install(release, home, "--agent", agent)
    found = json.loads(opencode.run("debug", "skill").stdout)
    assert [entry["name"] for entry in found if NAME in entry["name"]] == [NAME]


def test_opencode_lists_it_once_in_a_project(opencode: Client, release: Path, home: Path) -> None:
    project = home / "project"
    (project / ".git").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    environment = opencode.environment()
    done = subprocess.run(
        ["sh", str(release / "install.sh"), "--scope", "project", "--agent", "opencode"],
        cwd=project,
        env=environment | {"PYRUNOPS_BASE_URL": release.as_uri()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(opencode.run("debug", "skill", cwd=project).stdout)
    assert [entry["name"] for entry in found if NAME in entry["name"]] == [NAME]
