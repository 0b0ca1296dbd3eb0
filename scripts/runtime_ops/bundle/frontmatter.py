"""SKILL.md as every client accepts it: the intersection of what their loaders were seen to demand.

Sources: the skills-ref validator (six keys, lengths, name = folder), the quick validator of the skill creator (no angle
brackets), Claude Code's loader (a byte-order mark breaks it; `allowed-tools` makes it ask before each launch), Codex
(description cut at 1,024), the skills CLI (strict YAML, both keys strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.tree import NAME, Tree

SKILL = "SKILL.md"
KEYS = frozenset({"name", "description", "license", "compatibility", "metadata"})
DESCRIPTION_LIMIT = 500
COMPATIBILITY_LIMIT = 500
LINE_LIMIT = 200
SECTIONS = (
    "Overview",
    "When to Use",
    "When NOT to Use",
    "Workflow",
    "Quick Reference",
    "Common Mistakes",
    "Scope Note",
    "Invocation Notice",
    "References",
)
FENCE = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)


def check(tree: Tree) -> Outcome:
    """Check SKILL.md: its frontmatter, its length, its sections."""
    if SKILL not in tree.paths:
        missing = Problem(SKILL, 0, "the file is missing (or not tracked by git); without it no client loads the skill")
        return Outcome.of("skill", 1, "SKILL.md", [missing])
    return Outcome.of("skill", 1, "SKILL.md", problems(tree.text(SKILL), tree))


def problems(text: str, tree: Tree) -> Iterator[Problem]:
    """Everything that is wrong with the text of SKILL.md."""
    if not tree.is_checkout and tree.root.resolve().name != NAME:
        yield Problem(SKILL, 1, f"the folder is named '{tree.root.resolve().name}', clients expect '{NAME}'")
    found = FENCE.match(text)
    if not found:
        yield Problem(SKILL, 1, "no frontmatter: the file must start with a line '---' and a later line '---' end it")
        return
    yield from header(found.group(1))
    body = text[found.end() :]
    if text.count("\n") >= LINE_LIMIT:
        yield Problem(SKILL, LINE_LIMIT, f"{text.count(chr(10))} lines, expected under {LINE_LIMIT}")
    headings = [line[3:].strip() for line in body.splitlines() if line.startswith("## ")]
    for section in SECTIONS:
        if not any(heading.startswith(section) for heading in headings):
            yield Problem(SKILL, 0, f"no section '## {section}'")
    if re.search(r"(?m)^```!|!`", body):
        yield Problem(SKILL, 0, "Claude Code runs !`…` when it loads the skill; write the command in another way")
    if "${CLAUDE_" in body:
        yield Problem(SKILL, 0, "${CLAUDE_…} is known to one client only; write paths relative to the skill's folder")


def header(text: str) -> Iterator[Problem]:
    """What is wrong with the YAML between the fences (line 1 of it is line 2 of the file)."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield Problem(SKILL, mark.line + 2 if mark else 2, f"the frontmatter is not valid YAML: {error}".split("\n")[0])
        return
    if not isinstance(values, dict):
        yield Problem(SKILL, 2, f"the frontmatter is a {type(values).__name__}, expected keys with values")
        return
    for key in sorted(str(key) for key in values if key not in KEYS):
        why = "some clients then ask at each launch" if key in ("allowed-tools", "hooks") else "some refuse the file"
        yield Problem(SKILL, 2, f"key '{key}': expected only {', '.join(sorted(KEYS))} ({why})")
    yield from strings(values, text)
    metadata = values.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(item, str) for pair in metadata.items() for item in pair):
        yield Problem(SKILL, 2, "'metadata' must map strings to strings (quote numbers)")
    if re.search(r"(?m)^\s*[\w-]+:\s*[\[{]", text):
        yield Problem(SKILL, 2, "flow lists and maps ([a, b], {a: b}) are refused by the strict parser; write a block")


def strings(values: dict[object, object], text: str) -> Iterator[Problem]:
    """What is wrong with name, description and compatibility."""
    name, description = values.get("name"), values.get("description")
    if name != NAME:
        yield Problem(SKILL, 2, f"name is {name!r}, expected {NAME!r}: the folder's name")
    if not isinstance(description, str) or not description.strip():
        yield Problem(SKILL, 2, f"description is {description!r}, expected a text that says when to use the skill")
        return
    if len(description) >= DESCRIPTION_LIMIT:
        yield Problem(SKILL, 2, f"description has {len(description)} characters, expected under {DESCRIPTION_LIMIT}")
    if re.search(r"[<>]", description):
        yield Problem(SKILL, 2, "description holds < or >, which one validator refuses")
    raw = re.search(r"(?m)^description:[ ]*(.*)$", text)
    plain = raw and raw.group(1)[:1] not in ('"', "'", ">", "|")
    if plain and re.search(r": | #", raw.group(1) if raw else ""):
        yield Problem(SKILL, 2, "description holds ': ' or ' #' unquoted; put it in double quotes")
    compatibility = values.get("compatibility", "")
    if not isinstance(compatibility, str) or len(compatibility) > COMPATIBILITY_LIMIT:
        yield Problem(SKILL, 2, f"compatibility must be a text of at most {COMPATIBILITY_LIMIT} characters")
