"""Reads lock files: uv, poetry, pdm and PEP 751 (TOML), Pipfile.lock (JSON): exact versions by distribution."""

from __future__ import annotations

import json
import re

from runtime_ops.facts.artifacts import PackagingFile, Requirement, Unread
from runtime_ops.facts.requirement_lines import pinned
from runtime_ops.facts.toml_lines import MAX_TEXT

_TABLE = re.compile(r"^\[\[(?:package|packages)\]\]\s*$", re.MULTILINE)
_END = re.compile(r"^\[(?!\[package)", re.MULTILINE)
_FIELD = re.compile(r"^(name|version|source)[ \t]*=[ \t]*(\S.*)$", re.MULTILINE)
_FLAVOURS = {"uv.lock": "uv.lock", "poetry.lock": "poetry.lock", "pdm.lock": "pdm.lock"}


def read_toml_lock(path: str, text: str) -> PackagingFile:
    """The packages of a TOML lock file.

    Such a file may have megabytes of hashes: the few fields are taken by a search, which is 30 times as fast as
    parsing it all and needs only that each package is a table of its own, as all these tools write it.
    """
    name = path.rsplit("/", 1)[-1]
    requirements: list[Requirement] = []
    own: str | None = None
    if len(text) > MAX_TEXT:
        large = Unread(1, f"a lock file of {len(text):,} characters, more than {MAX_TEXT:,}")
        return PackagingFile(path=path, unread=(large,), flavour=_FLAVOURS.get(name, "pylock"), locked=True)
    starts = [found.end() for found in _TABLE.finditer(text)]
    line, counted = 1, 0
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(text)
        other = _END.search(text, start, end)
        end = other.start() if other else end
        line += text.count("\n", counted, start)
        counted = start
        fields: dict[str, tuple[str, int]] = {}
        for found in _FIELD.finditer(text, start, end):
            fields.setdefault(found.group(1), (found.group(2).strip(), found.start()))
        if "name" not in fields:
            continue
        raw, at = fields["name"]
        version = fields["version"][0].strip("\"'") if "version" in fields else None
        source = fields["source"][0] if "source" in fields else ""
        if "editable" in source or "virtual" in source:
            own = own or raw.strip("\"'")  # the project itself, or a member of its workspace
            continue
        made = pinned(raw.strip("\"'"), version, line + text.count("\n", start, at))
        if made is not None:
            requirements.append(made)
    unread = () if starts or len(text) < 200 else (Unread(1, "a lock file without packages"),)
    return PackagingFile(
        path=path,
        unread=unread,
        flavour=_FLAVOURS.get(name, "pylock"),
        locked=True,
        name=own,
        requirements=tuple(requirements),
    )


def read_pipfile_lock(path: str, text: str) -> PackagingFile:
    """The packages of a ``Pipfile.lock``."""
    flavour = "Pipfile.lock"
    try:
        root = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        return PackagingFile(
            path=path, unread=(Unread(line, f"JSON: {str(error)[:120]}"),), flavour=flavour, locked=True
        )
    lines = {
        found.group(1): text.count("\n", 0, found.start()) + 1
        for found in re.finditer(r"^\s{8}\"([\w.-]+)\": \{", text, re.MULTILINE)
    }
    requirements = []
    for section, group in (("default", ""), ("develop", "dev")):
        table = root.get(section) if isinstance(root, dict) else None
        for name, package in table.items() if isinstance(table, dict) else ():
            version = package.get("version") if isinstance(package, dict) else None
            text_version = version.lstrip("=") if isinstance(version, str) else None
            made = pinned(str(name), text_version, lines.get(str(name), 1), group)
            if made is not None:
                requirements.append(made)
    return PackagingFile(path=path, flavour=flavour, locked=True, requirements=tuple(requirements))
