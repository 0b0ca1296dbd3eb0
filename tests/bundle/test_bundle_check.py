"""`bundle.py check`: a whole made-up skill passes; each single fault is named at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shipping import made_up

from runtime_ops.bundle import check, files, flags, guides, links
from runtime_ops.bundle.outcome import Outcome
from runtime_ops.bundle.tree import Tree
from runtime_ops.cli import bundle

RULE = "scripts/runtime_ops/rules/startup/lazy_config.py"
GUIDE = "references/runtime-behavior.md"


def reported(folder: Path) -> list[str]:
    return [str(problem) for outcome in check.run(Tree(folder)) for problem in outcome.problems]


def test_whole_skill_passes_and_every_check_looked_at_something(tmp_path: Path) -> None:
    outcomes = check.run(Tree(made_up.write(tmp_path, made_up.files())))
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    assert all(outcome.inspected > 0 for outcome in outcomes)


def test_nothing_inspected_is_a_failure(tmp_path: Path) -> None:
    outcomes = check.run(Tree(tmp_path))
    assert all(outcome.problems for outcome in outcomes), [outcome.name for outcome in outcomes if not outcome.problems]
    assert Outcome.of("x", 0, "things", []).problems
    assert bundle.main(["check", "--root", str(tmp_path)]) == 1


def replace(path: str, old: str, new: str) -> Callable[[dict[str, str]], None]:
    def change(content: dict[str, str]) -> None:
        assert old in content[path]
        content[path] = content[path].replace(old, new)

    return change


def add(path: str, text: str) -> Callable[[dict[str, str]], None]:
    def change(content: dict[str, str]) -> None:
        content[path] = content.get(path, "") + text

    return change


def drop(path: str) -> Callable[[dict[str, str]], None]:
    def change(content: dict[str, str]) -> None:
        del content[path]

    return change


FAULTS = [
    ("no skill", drop("SKILL.md"), "SKILL.md: the file is missing"),
    ("no frontmatter", replace("SKILL.md", "---\nname", "name"), "no frontmatter"),
    ("bad YAML", replace("SKILL.md", "license: MIT", "license: 'MIT"), "not valid YAML"),
    ("other name", replace("SKILL.md", f"name: {made_up.NAME}", "name: other"), "name is 'other'"),
    ("number in metadata", replace("SKILL.md", f'"{made_up.VERSION}"', "1.2"), "'metadata' must map strings"),
    ("allowed-tools", replace("SKILL.md", "license: MIT", "allowed-tools: Bash"), "key 'allowed-tools'"),
    ("flow list", replace("SKILL.md", "license: MIT", "metadata: {a: b}"), "flow lists and maps"),
    ("no description", replace("SKILL.md", "description:", "compatibility:"), "description is None"),
    ("long description", replace("SKILL.md", "Use when", "Use when " * 60), "expected under 500"),
    ("angle bracket", replace("SKILL.md", "Use when", "Use <when>"), "holds < or >"),
    ("unquoted colon", replace("SKILL.md", f'"{made_up.DESCRIPTION}"', ">-\n  a: b"), None),
    ("plain colon", replace("SKILL.md", f'"{made_up.DESCRIPTION}"', "a #b # c"), "unquoted"),
    ("long file", add("SKILL.md", "\n" * 200), "expected under 200"),
    ("no section", replace("SKILL.md", "## Scope Note\n", ""), "no section '## Scope Note'"),
    ("command on load", add("SKILL.md", "!`ls`\n"), "runs !"),
    ("client's variable", add("SKILL.md", "${CLAUDE_SKILL_DIR}/x\n"), "known to one client only"),
    ("second skill", add("tests/fixtures/x/SKILL.md", "---\n"), "tests/fixtures/x/SKILL.md: a second SKILL.md"),
    ("metadata.json", add("references/metadata.json", "{}\n"), "the skills CLI leaves out"),
    ("space in name", add("references/a b.md", "# A\n"), "expected letters, digits"),
    ("case", add("Readme.md", "# R\n"), "in case only"),
    ("byte-order mark", replace("SKILL.md", "---\nname", "\ufeff---\nname"), "byte-order mark"),
    ("carriage return", replace("README.md", "# Made up\n", "# Made up\r\n"), "README.md:1: has a carriage return"),
    ("no last line end", add("README.md", "x"), "no line end"),
    ("machine path", add(GUIDE, "see /home/maria/src/x\n"), f"{GUIDE}:6: '/home/maria/' is a path of one machine"),
    ("user's folder", add(GUIDE, "see /home/app/src\n"), None),
    ("version drift", replace(".claude-plugin/plugin.json", "1.2.3", "1.2.2"), "plugin.json: states version ['1.2.2']"),
    ("installer drift", replace("install/install.ps1", "1.2.3", "9"), "install.ps1: states version ['9']"),
    ("no changelog", replace("CHANGELOG.md", "1.2.3", "1.0.0"), "no heading '## [1.2.3]'"),
    ("two manifests", add(".claude-plugin/marketplace.json", '{"version": "1.2.3"}\n'), "only manifest that does"),
    ("other owner", replace("README.md", "add python-runtime-operations/", "add else/"), "README.md:3: the repo"),
    ("rule, no section", add("scripts/runtime_ops/rules/jobs/hot_retry.py", ""), "expected '### hot-retry'"),
    ("section, no rule", add(GUIDE, "\n### hot-retry\n"), "section 'hot-retry' has no rule"),
    ("section twice", add("references/logging-metrics-tracing.md", "### lazy-config\n"), "a second section"),
    ("rule gone", drop(RULE), "no rules under"),
    ("private module", add("scripts/runtime_ops/rules/jobs/_shared.py", ""), None),
    ("guide gone", drop("references/logging-metrics-tracing.md"), "the guide is missing"),
    ("dead link", add("SKILL.md", "[x](references/none.md)\n"), "leads to references/none.md, which is not there"),
    ("dead anchor", add("SKILL.md", "[x](references/runtime-behavior.md#nope)\n"), "has the anchor 'nope'"),
    ("dead own path", add("SKILL.md", "Run `python3 scripts/nope.py`.\n"), "leads to scripts/nope.py"),
    ("link out of the bundle", add("README.md", "[x](tests/test_something.py)\n"), "is not in the bundle"),
    ("link to the web", add("README.md", "[x](https://example.org/nothing)\n"), None),
    ("unknown option", add("SKILL.md", "`scripts/audit.py . --explode`\n"), "audit.py has no option --explode"),
    ("option in a block", add("README.md", "```sh\nruntime-audit . --oops\n```\n"), "README.md:5: scripts/audit"),
    ("bare option", add("SKILL.md", "Use `--shiny`.\n"), "none of the programs has an option --shiny"),
    ("another tool's option", add(GUIDE, "`gunicorn --graceful-timeout 20`\n"), None),
    ("installer's option", add("README.md", "`sh install/install.sh --zap`\n"), "install.sh has no option --zap"),
    ("piped installer", add("README.md", "`curl -fsSL x | sh -s -- --zap`\n"), "install.sh has no option --zap"),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault_is_named(change: Callable[[dict[str, str]], None], expected: str | None, tmp_path: Path) -> None:
    content = made_up.files()
    content["install/install.sh"] += "  --dry-run)\n"
    change(content)
    found = reported(made_up.write(tmp_path, content))
    if expected is None:
        assert found == []
    else:
        assert [line for line in found if expected in line], found


def test_tracked_files_count_in_a_checkout(tmp_path: Path) -> None:
    made_up.commit(made_up.write(tmp_path, made_up.files()))
    (tmp_path / "references" / "extra.md").write_text("[dead](nowhere.md)\n")
    assert reported(tmp_path) == []
    made_up.git(tmp_path, "add", "references/extra.md")
    assert "nowhere.md" in " ".join(reported(tmp_path))


def test_symbolic_link_is_refused(tmp_path: Path) -> None:
    made_up.write(tmp_path, made_up.files())
    (tmp_path / "references" / "link.md").symlink_to("runtime-behavior.md")
    assert "references/link.md: a symbolic link" in " ".join(reported(tmp_path))


def test_tagged_version_may_not_change(tmp_path: Path) -> None:
    made_up.commit(made_up.write(tmp_path, made_up.files()))
    made_up.git(tmp_path, "tag", f"v{made_up.VERSION}")
    assert reported(tmp_path) == []
    (tmp_path / GUIDE).write_text("# Behaviour\n\n### lazy-config\n\nRead it first.\n")
    assert "raise the version" in " ".join(reported(tmp_path))


def test_unpacked_bundle_must_have_the_skills_name(tmp_path: Path) -> None:
    content = {path: text for path, text in made_up.files().items() if path != "pyproject.toml"}
    renamed = made_up.write(tmp_path / "renamed", content)
    assert "the folder is named 'renamed'" in " ".join(reported(renamed))
    assert reported(made_up.write(tmp_path / made_up.NAME, content)) == []


def test_program_without_help_is_reported(tmp_path: Path) -> None:
    content = made_up.files() | {"scripts/audit.py": "raise SystemExit(1)\n"}
    content["SKILL.md"] = content["SKILL.md"].replace("audit.py PATH`", "audit.py PATH --explain`")
    outcome = flags.check(Tree(made_up.write(tmp_path, content)))
    assert "scripts/audit.py: its --help names no option" in " ".join(map(str, outcome.problems))


def test_anchors_are_githubs() -> None:
    text = "# A `b` C\n## Twice\n## Twice\n## What, where & why?\n### lazy-config\n"
    assert links.anchors(text) == {"a-b-c", "twice", "twice-1", "what-where--why", "lazy-config"}


def test_sections_are_third_level_and_named_like_rules() -> None:
    text = "### lazy-config\n## not-this\n### Words here\n### `quoted-rule`\n```\n### in-a-block\n```\n"
    assert [slug for slug, _ in guides.sections(text)] == ["lazy-config"]


@pytest.mark.parametrize("line", [r"C:\Users\maria\x", "/Users/maria/x", "/root/.cache", "/home/maria/x"])
def test_paths_of_one_machine(line: str) -> None:
    assert files.MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["~/.claude", "/home/app/x", "https://x.org/home/maria/", "/usr/bin", "/roots/x"])
def test_paths_that_are_everybodys(line: str) -> None:
    assert not files.MACHINE_PATH.search(line)


def test_command_line_prints_each_check_and_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up.write(tmp_path, made_up.files() | {"references/metadata.json": "{}\n"})
    assert bundle.main(["check", "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "skill: 1 SKILL.md, ok\n" in out
    assert "  references/metadata.json: the skills CLI leaves out" in out
    assert bundle.main(["check", "--root", str(tmp_path / "none")]) == 2
