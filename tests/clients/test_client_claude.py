"""Claude Code, the real program, offline: it lists the installed skill, loads it, and its Bash tool runs our script."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from npm_clients import Client
from shipping import real
from shipping.made_up import NAME
from shipping.one_line import one_line_install
from stub_model import serve

PLUGIN = f"{NAME}@{NAME}"


def first_event(output: str) -> dict[str, Any]:
    """The init event of a stream-json run."""
    for line in output.splitlines():
        event = json.loads(line)
        if event.get("type") == "system" and event.get("subtype") == "init":
            return dict(event)
    raise AssertionError(f"no init event in {output[:500]}")


def listed(claude: Client, **options: Any) -> list[str]:
    """The skills that Claude Code offers (not its slash commands: a skill without description is among those too)."""
    done = claude.run("-p", "/skills", "--output-format", "stream-json", "--verbose", code=None, **options)
    return [skill for skill in first_event(done.stdout)["skills"] if NAME in skill]


def frontmatter(skill: Path) -> tuple[dict[str, Any], str]:
    _, header, body = skill.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(header), body


def test_lists_the_skill_after_the_one_line_install(claude: Client, release: Path, home: Path) -> None:
    assert listed(claude) == []
    one_line_install(release, home)
    assert listed(claude) == [NAME]
    context = claude.run("-p", "/context", code=None).stdout
    assert re.search(rf"\| {NAME} \| User \|", context), context[-2000:]
    one_line_install(release, home, "--uninstall")
    assert listed(claude) == []


def test_loads_the_skill_and_runs_its_script(
    claude: Client, release: Path, home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one_line_install(release, home)
    repository = real.sample_repository(tmp_path / "repository")
    skill = home / ".claude/skills" / NAME
    python = real.bare_python(tmp_path_factory)
    script: list[dict[str, Any]] = [
        {"type": "tool_use", "name": "Skill", "input": {"skill": NAME}},
        {
            "type": "tool_use",
            "name": "Bash",
            "input": {"command": f"{python} {skill}/scripts/audit.py {repository}", "description": "Audit"},
        },
        {"type": "text", "text": "done"},
    ]
    with serve(script) as stub:
        claude.run(
            *("-p", "Why does our worker lose jobs on deploy?", "--output-format", "stream-json", "--verbose"),
            *("--allowedTools", f"Bash({python}:*)"),
            cwd=repository,
            code=None,
            ANTHROPIC_BASE_URL=stub.address,
            ANTHROPIC_API_KEY="dummy-not-a-key",
            PYRUNOPS_NO_BOOTSTRAP="1",
        )
    header, body = frontmatter(skill / "SKILL.md")
    loaded = strings(stub.requests)
    assert stub.script == [], "the whole script was played"
    assert f"- {NAME}: {header['description']}" in loaded
    assert f"Base directory for this skill: {skill}" in loaded
    assert body.strip() in loaded, "the body of SKILL.md came into the conversation"
    assert NAME in body, "so it announces itself by name"
    assert "unhandled-termination" in loaded, "the audit's report came back"


def strings(value: Any) -> str:
    """All strings of a JSON value, one after the other."""
    if isinstance(value, str):
        return value + "\n"
    if isinstance(value, dict):
        return "".join(strings(item) for item in value.values())
    if isinstance(value, list):
        return "".join(strings(item) for item in value)
    return ""


def test_plugin_is_valid_installs_lists_and_goes(
    claude: Client, release: Path, home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marketplace = tmp_path / "marketplace"
    shutil.copytree(real.checkout(tmp_path_factory), marketplace)
    for manifest in ("plugin", "marketplace"):
        claude.run("plugin", "validate", "--strict", str(marketplace / f".claude-plugin/{manifest}.json"))
    claude.run("plugin", "marketplace", "add", str(marketplace))
    claude.run("plugin", "install", PLUGIN)
    plugins = json.loads(claude.run("plugin", "list", "--json").stdout)
    assert [plugin["id"] for plugin in plugins] == [PLUGIN]
    assert not plugins[0].get("errors")
    assert listed(claude) == [f"{NAME}:{NAME}"]
    assert "as a plugin and will list it twice" in one_line_install(release, home)
    one_line_install(release, home, "--uninstall")
    claude.run("plugin", "uninstall", PLUGIN)
    claude.run("plugin", "marketplace", "remove", NAME)
    assert listed(claude) == []


def test_staged_skill_passes_the_clients_own_validation(claude: Client, release: Path, home: Path, tmp_path: Path) -> None:
    """`plugin validate` does not read a SKILL.md at the root; below `skills/` it does."""
    one_line_install(release, home)
    staged = tmp_path / "stage"
    shutil.copytree(home / ".claude/skills" / NAME, staged / "skills" / NAME)
    (staged / ".claude-plugin").mkdir()
    manifest = {"name": NAME, "version": "0.0.1", "description": "x", "author": {"name": "x"}}
    (staged / ".claude-plugin/plugin.json").write_text(json.dumps(manifest))
    claude.run("plugin", "validate", "--strict", str(staged))
    broken = staged / "skills" / NAME / "SKILL.md"
    broken.write_text("no frontmatter\n")
    claude.run("plugin", "validate", "--strict", str(staged), code=1)
