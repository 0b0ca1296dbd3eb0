"""Rules and guide sections are one set, and each section's snippets are the first test of its rule.

``pytest tests/rules/test_guides.py -k print-in-service`` runs the tests of one rule. Rules and guides are loaded one by
one, so that a broken one fails its own tests and no others.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import pytest

from runtime_ops import guides
from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules import api

RULES_FOLDER = Path(api.__file__).parent
RULE_FILES = {
    file.stem.replace("_", "-"): file for file in sorted(RULES_FOLDER.glob("*/*.py")) if not file.stem.startswith("_")
}


@functools.cache
def guide(name: str) -> dict[str, guides.Section] | str:
    """The sections of one guide, or what is wrong with it."""
    try:
        return {section.slug: section for section in guides.read_guide(guides.folder() / name)}
    except guides.GuideError as error:
        return str(error)


SECTIONS = {
    slug: section
    for file in sorted(guides.folder().glob("*.md"))
    if not isinstance(found := guide(file.name), str)
    for slug, section in found.items()
}
EXAMPLES = [
    pytest.param(slug, number, id=f"{slug}-{example.label.lower()}-{example.line}")
    for slug, section in SECTIONS.items()
    for number, example in enumerate(section.examples)
]


def load(slug: str) -> api.Rule:
    file = RULE_FILES[slug]
    rule = importlib.import_module(f"runtime_ops.rules.{file.parent.name}.{file.stem}").RULE
    assert isinstance(rule, api.Rule)
    return rule


@pytest.mark.parametrize("name", sorted(file.name for file in guides.folder().glob("*.md")))
def test_guide_keeps_to_the_convention(name: str) -> None:
    found = guide(name)
    assert not isinstance(found, str), found


def test_no_section_is_written_twice() -> None:
    assert guides.sections().keys() == SECTIONS.keys()


@pytest.mark.parametrize("slug", sorted(RULE_FILES))
def test_rule_has_a_whole_section(slug: str) -> None:
    assert slug in SECTIONS, f"no guide has the section '### {slug}'"
    section = SECTIONS[slug]
    lacking = [
        part
        for part, there in (
            ("**Wrong** with a fence", section.wrong),
            ("**Right** with a fence", section.right),
            ("a paragraph **Deviate when**", section.deviate),
        )
        if not there
    ]
    assert not lacking, f"{section.file}:{section.line}: the section {slug} lacks {', '.join(lacking)}"
    assert guides.links()[slug] == section.link


@pytest.mark.parametrize("slug", sorted(SECTIONS))
def test_section_has_a_rule(slug: str) -> None:
    section = SECTIONS[slug]
    assert slug in RULE_FILES, f"{section.file}:{section.line}: no rule file scripts/runtime_ops/rules/*/{slug.replace('-', '_')}.py"


@pytest.mark.parametrize(("slug", "number"), EXAMPLES)
def test_snippet(slug: str, number: int, tmp_path: Path) -> None:
    if slug not in RULE_FILES:
        pytest.fail(f"no rule {slug}")
    section = SECTIONS[slug]
    example = section.examples[number]
    example.write(tmp_path)
    gathered = gather(tmp_path, discover(tmp_path), workers=1)
    place = f"{section.file}:{example.line} ({example.label})"
    assert not gathered.unparsed, f"{place}: {gathered.unparsed}"
    assert gathered.modules or gathered.artifacts, f"{place}: nothing in it is read; is a file named like a test?"
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [load(slug)])
    assert not judged.failed, f"{place}: {judged.failed}"
    shown = [f"{f.path}:{f.line} {f.message}" for f in judged.findings if f.confidence != "possible"]
    if example.label == "Wrong":
        assert shown, f"{place}: the rule finds nothing here"
        assert {f.rule for f in judged.findings} == {slug}
    else:
        assert not shown, f"{place}: the rule must be silent here, and reports {shown}"
