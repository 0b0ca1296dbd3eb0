"""Reads pyproject.toml, setup.cfg, Pipfile and requirement files: scripts, requirements, where packages stand.

Sources: PyPA's "pyproject.toml specification" and "Dependency Groups", setuptools' and poetry's references.
"""

from __future__ import annotations

from typing import Any

from runtime_ops.facts.artifacts import PackagingFile, Requirement, ScriptEntry, Value
from runtime_ops.facts.ini_sections import read_sections
from runtime_ops.facts.requirement_lines import (
    loose_requirement,
    make_requirement,
    pep440_specifier,
    read_requirement_lines,
)
from runtime_ops.facts.toml_lines import TomlText


def read_requirements(path: str, text: str) -> PackagingFile:
    """A pip requirements or constraints file."""
    requirements, includes, unread = read_requirement_lines(text)
    return PackagingFile(
        path=path,
        unread=tuple(unread),
        flavour="requirements",
        requirements=tuple(requirements),
        includes=tuple(includes),
    )


# ---------------------------------------------------------------- pyproject.toml


def read_pyproject(path: str, text: str) -> PackagingFile:
    """Project metadata of PEP 621 and of poetry, dependency groups, and the settings of build back ends."""
    toml = TomlText(text)
    requirements = [*_project_requirements(toml), *_poetry_requirements(toml)]
    tools = toml.get("tool")
    return PackagingFile(
        path=path,
        unread=toml.unread,
        flavour="pyproject",
        name=_text(toml.get("project", "name")) or _text(toml.get("tool", "poetry", "name")),
        version=_text(toml.get("project", "version")) or _text(toml.get("tool", "poetry", "version")),
        requires_python=_text(toml.get("project", "requires-python")) or _poetry_python(toml),
        scripts=tuple(_scripts(toml)),
        requirements=tuple(requirements),
        package_roots=tuple(_package_roots(toml)),
        tools=tuple(tools) if isinstance(tools, dict) else (),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _poetry_python(toml: TomlText) -> str | None:
    constraint = _text(toml.get("tool", "poetry", "dependencies", "python"))
    return pep440_specifier(constraint) if constraint else None


def _scripts(toml: TomlText) -> list[ScriptEntry]:
    made = []
    places = [
        (("project", "scripts"), "console_scripts"),
        (("project", "gui-scripts"), "gui_scripts"),
        (("tool", "poetry", "scripts"), "console_scripts"),
    ]
    groups = toml.get("project", "entry-points")
    places += [(("project", "entry-points", name), name) for name in (groups if isinstance(groups, dict) else ())]
    for keys, group in places:
        table = toml.get(*keys)
        for name, target in table.items() if isinstance(table, dict) else ():
            line = toml.line(*keys, name)
            if isinstance(target, dict):  # poetry: {callable = "…"} or {reference = "…", type = "console"}
                target = target.get("callable") or target.get("reference")
            if isinstance(target, str):
                made.append(ScriptEntry(name, target, group, line, line))
    return made


def _project_requirements(toml: TomlText) -> list[Requirement]:
    lists: list[tuple[tuple[str, ...], str]] = [(("project", "dependencies"), "")]
    tables: list[tuple[str, ...]] = [
        ("project", "optional-dependencies"),
        ("dependency-groups",),
        ("tool", "pdm", "dev-dependencies"),
    ]
    for keys in tables:
        table = toml.get(*keys)
        lists += [((*keys, group), group) for group in (table if isinstance(table, dict) else ())]
    lists.append((("tool", "uv", "dev-dependencies"), "dev"))
    made = []
    for keys, group in lists:
        found = toml.get(*keys)
        for text in found if isinstance(found, list) else ():
            if isinstance(text, str):
                requirement = make_requirement(text, toml.line_of_text(text, *keys), group)
                if requirement is not None:
                    made.append(requirement)
    return made


def _poetry_requirements(toml: TomlText) -> list[Requirement]:
    places: list[tuple[tuple[str, ...], str]] = [
        (("tool", "poetry", "dependencies"), ""),
        (("tool", "poetry", "dev-dependencies"), "dev"),
    ]
    groups = toml.get("tool", "poetry", "group")
    for group in groups if isinstance(groups, dict) else ():
        places.append((("tool", "poetry", "group", group, "dependencies"), group))
    made = []
    for keys, group in places:
        table = toml.get(*keys)
        for name, constraint in table.items() if isinstance(table, dict) else ():
            if isinstance(constraint, list):  # one entry for each platform or Python version
                constraint = constraint[0] if constraint else None
            requirement = loose_requirement(name, constraint, toml.line(*keys, name), group)
            if requirement is not None and requirement.name != "python":
                made.append(requirement)
    return made


def _package_roots(toml: TomlText) -> list[str]:
    """The folders that the build back end says packages stand in."""
    roots: list[str] = []
    where = toml.get("tool", "setuptools", "packages", "find", "where")
    roots += [root for root in where if isinstance(root, str)] if isinstance(where, list) else []
    folders = toml.get("tool", "setuptools", "package-dir")
    if isinstance(folders, dict) and isinstance(folders.get(""), str):
        roots.append(folders[""])
    packages = toml.get("tool", "poetry", "packages")
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and isinstance(package.get("from"), str):
            roots.append(package["from"])
    wheel = toml.get("tool", "hatch", "build", "targets", "wheel", "packages")
    for package in wheel if isinstance(wheel, list) else ():
        if isinstance(package, str) and "/" in package:
            roots.append(package.rsplit("/", 1)[0])
    sources = toml.get("tool", "hatch", "build", "sources") or toml.get(
        "tool", "hatch", "build", "targets", "wheel", "sources"
    )
    roots += [root for root in sources if isinstance(root, str)] if isinstance(sources, list) else []
    for keys in (("tool", "pdm", "build", "package-dir"), ("tool", "uv", "build-backend", "module-root")):
        root = toml.get(*keys)
        roots += [root] if isinstance(root, str) else []
    return list(dict.fromkeys(root.strip("/") for root in roots))


# ---------------------------------------------------------------- Pipfile, setup.cfg


def read_pipfile(path: str, text: str) -> PackagingFile:
    """A Pipfile."""
    toml = TomlText(text)
    made = []
    for section, group in (("packages", ""), ("dev-packages", "dev")):
        table = toml.get(section)
        for name, constraint in table.items() if isinstance(table, dict) else ():
            requirement = loose_requirement(name, constraint, toml.line(section, name), group)
            if requirement is not None:
                made.append(requirement)
    scripts = []
    table = toml.get("scripts")
    for name, target in table.items() if isinstance(table, dict) else ():
        line = toml.line("scripts", name)
        if isinstance(target, str):
            scripts.append(ScriptEntry(name, target, "scripts", line, line))
    python = _text(toml.get("requires", "python_version"))
    return PackagingFile(
        path=path,
        unread=toml.unread,
        flavour="pipfile",
        requires_python=f"=={python}.*" if python else None,
        scripts=tuple(scripts),
        requirements=tuple(made),
    )


def read_setup_cfg(path: str, text: str) -> PackagingFile:
    """setuptools' declarative configuration."""
    sections, _ = read_sections(text)
    scripts: list[ScriptEntry] = []
    requirements: list[Requirement] = []
    roots: list[str] = []
    metadata: dict[str, str] = {}
    for section in sections:
        for option in section.options:
            key = option.name.lower()
            items = _items(option.value)
            if section.name == "metadata":
                metadata[key] = option.value.text
            elif section.name == "options" and key == "install_requires":
                requirements += _parsed(items, "")
            elif section.name == "options" and key == "python_requires":
                metadata["python"] = option.value.text
            elif section.name == "options" and key == "package_dir":
                roots += [text.partition("=")[2].strip() for text, _ in items if text.startswith("=")]
            elif section.name == "options" and key == "scripts":
                scripts += [ScriptEntry(text.rsplit("/", 1)[-1], text, "scripts", line, line) for text, line in items]
            elif section.name == "options.packages.find" and key == "where":
                roots += [text for text, _ in items]
            elif section.name == "options.extras_require":
                requirements += _parsed(items, option.name)
            elif section.name == "options.entry_points":
                for entry, line in items:
                    name, equals, target = entry.partition("=")
                    if equals:
                        scripts.append(ScriptEntry(name.strip(), target.strip(), option.name, line, line))
    return PackagingFile(
        path=path,
        flavour="setup.cfg",
        name=metadata.get("name"),
        version=metadata.get("version"),
        requires_python=metadata.get("python"),
        scripts=tuple(scripts),
        requirements=tuple(requirements),
        package_roots=tuple(dict.fromkeys(root.strip("/") for root in roots if root)),
        tools=tuple(section.name for section in sections),
    )


def _items(value: Value) -> list[tuple[str, int]]:
    """The lines of a value that are not empty, with their numbers."""
    lines = value.text.split("\n")
    first = value.end_line - len(lines) + 1
    made = []
    for index, text in enumerate(lines):
        stripped = text.strip()
        if stripped and not stripped.startswith("#"):
            made.append((stripped, max(value.line, first + index)))
    return made


def _parsed(items: list[tuple[str, int]], group: str) -> list[Requirement]:
    made = (make_requirement(text, line, group) for text, line in items)
    return [requirement for requirement in made if requirement is not None]
