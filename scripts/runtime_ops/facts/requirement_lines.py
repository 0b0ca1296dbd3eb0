"""One requirement of a distribution: PEP 508 texts, poetry's constraints, lines of requirement files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import canonicalize_name

from runtime_ops.facts.artifacts import Requirement, Unread, Value

_EXACT = re.compile(r"={2,3}\s*([A-Za-z0-9][\w.!+]*)\Z")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
_POETRY = re.compile(r"(\^|~(?!=)|)\s*v?(\d+(?:\.\d+)*(?:[\w.+!-]*))\Z")
_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=)?(\S+)\s*\Z")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_COMMENT = re.compile(r"(?:^|\s)#.*\Z")
_OPTION_TAIL = re.compile(r"(?<=\S)\s++--(?:hash|config-settings|global-option).*\Z", re.DOTALL)
_MAX_UNREAD = 20
_MAX_TEXT = 2_000


def make_requirement(text: str, line: int, group: str = "", end_line: int | None = None) -> Requirement | None:
    """The requirement of a PEP 508 text, None when it is none."""
    if len(text) > _MAX_TEXT:
        return None
    try:
        parsed = ParsedRequirement(text)
    except (InvalidRequirement, ValueError, RecursionError):
        return None
    specifier = str(parsed.specifier)
    exact = _EXACT.match(specifier)
    return Requirement(
        name=canonicalize_name(parsed.name),
        specifier=specifier,
        version=exact.group(1) if exact else None,
        line=line,
        end_line=end_line or line,
        extras=tuple(sorted(parsed.extras)),
        marker=str(parsed.marker) if parsed.marker else "",
        group=group,
    )


def pinned(name: str, version: str | None, line: int, group: str = "") -> Requirement | None:
    """A distribution of a lock file."""
    if not _NAME.match(name):
        return None
    specifier = f"=={version}" if version else ""
    return Requirement(canonicalize_name(name), specifier, version, line, line, group=group)


def loose_requirement(name: str, constraint: object, line: int, group: str = "") -> Requirement | None:
    """A requirement of poetry or pipenv: a constraint text or a table with ``version``, ``extras``, ``markers``."""
    if not _NAME.match(name):
        return None
    extras: tuple[str, ...] = ()
    marker = ""
    if isinstance(constraint, Mapping):
        found = constraint.get("extras")
        extras = tuple(str(extra) for extra in found) if isinstance(found, list) else ()
        marker = str(constraint.get("markers") or "")
        constraint = constraint.get("version")
    text = constraint if isinstance(constraint, str) else ""
    specifier = pep440_specifier(text[:_MAX_TEXT])
    exact = _EXACT.match(specifier)
    version = exact.group(1) if exact else None
    return Requirement(canonicalize_name(name), specifier, version, line, line, extras, marker, group)


def pep440_specifier(text: str) -> str:
    """Poetry's ``^1.2``, ``~1.2``, ``1.2``, ``*`` as a PEP 440 specifier; any other text as it is.

    Source: poetry's "Dependency specification" (caret: up to the next change of the left-most non-zero number).
    """
    parts = []
    for part in text.split(","):
        part = part.strip()
        if part in ("", "*"):
            continue
        found = _POETRY.match(part) if len(part) < 100 else None
        if not found:
            parts.append(part.replace(" ", ""))
            continue
        sign, version = found.groups()
        if not sign:
            parts.append(f"=={version}")
            continue
        numbers = [int(number) for number in re.findall(r"\d+", version.split("-")[0])[:3]]
        at = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
        if sign == "~":
            at = min(1, len(numbers) - 1)
        upper = [*numbers[:at], numbers[at] + 1]
        parts.append(f">={version},<{'.'.join(str(number) for number in upper)}")
    return ",".join(parts)


def read_requirement_lines(text: str) -> tuple[list[Requirement], list[Value], list[Unread]]:
    """The requirements, the included files and what is neither, of a pip requirements file."""
    requirements: list[Requirement] = []
    includes: list[Value] = []
    unread: list[Unread] = []
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        number = index + 1
        pieces = [_COMMENT.sub("", lines[index].rstrip())]
        index += 1
        while pieces[-1].endswith("\\") and index < len(lines):
            pieces[-1] = pieces[-1][:-1]
            pieces.append(_COMMENT.sub("", lines[index].rstrip()))
            index += 1
        line = " ".join(pieces).strip()
        if not line:
            continue
        include = _INCLUDE.match(line)
        if include:
            includes.append(Value(include.group(1), number, number))
            continue
        egg = _EGG.search(line)
        if egg:
            requirements.append(Requirement(canonicalize_name(egg.group(1)), "", None, number, number))
            continue
        if line.startswith(("-", ".", "/", "git+", "http:", "https:", "file:")):
            continue  # options of pip, paths and addresses: no name to say
        made = make_requirement(_OPTION_TAIL.sub("", line), number, end_line=index)
        if made is not None:
            requirements.append(made)
        elif len(unread) < _MAX_UNREAD:
            unread.append(Unread(number, f"no requirement: {line[:60]}"))
    return requirements, includes, unread
