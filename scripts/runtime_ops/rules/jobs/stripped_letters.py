"""A word given to ``lstrip`` or ``rstrip`` as if it were a prefix or suffix: what is taken off are its letters, in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="low",
    summary="A word is given to lstrip() or rstrip(), which take off every leading or trailing letter of it, not the word.",
)
MENDS = {"lstrip": "removeprefix", "rstrip": "removesuffix"}
WORD = re.compile(r"[A-Za-z]*[a-z][A-Za-z]*\Z")
LETTERS = re.compile(r"[A-Za-z]")
SEAM = "-_./"
"""What stands at the seam of a prefix or suffix to a name (``job-``, ``db_``, ``.git``): letters of any kind are behind it."""
SHORTEST = 5  # letters of a bare word: a shorter one may be a set of letters (units, vowels, flags)


VERSION = re.compile(r"(?i)(?:^|_)(?:semver|version|ver)(?:_?(?:text|str|string|number|no|tag))?\Z")
"""What holds a version: digits stand at the seam of its prefix or suffix (``v1.2-unstable``)."""
DIGITS = re.compile(r"\d")
WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        if func.is_module and not project.imported_by(func.module):
            continue
        for site in func.sites:
            word = _word(site)
            if word is None or _nothing_else_goes(project, site, word) or not (project.phases(site) or project.imported_by(func.module)):
                continue
            taken = "begins" if site.method == "lstrip" else "ends"
            yield RULE.at(
                project,
                site,
                f"{site.method}({word!r}) takes off every letter of {word!r} that the text {taken} with, in any order, not the word: a "
                "name that goes on with one of them loses more, and is another one wherever it is used",
                f"{MENDS[site.method]}({word!r}) (Python 3.9)",
                # behind a bare word often stands a blank, a slash or a number, and nothing more is lost
                confidence="certain" if word[-1 if site.method == "lstrip" else 0] in SEAM else "possible",
            )


def _nothing_else_goes(project: Project, site: Site, word: str) -> bool:
    """Whether what is left ends, or begins, with no letter of the word: a constant is tried, and a version has a digit there."""
    func = site.call.func
    receiver = func.value if isinstance(func, m.Attr) else None
    if isinstance(func, m.Name):
        receiver = m.Name(func.id.rpartition(".")[0], func.line)
    if isinstance(receiver, m.Name) and not DIGITS.search(word) and VERSION.search(_last_name(receiver.id)):
        return True
    text = project.links.names.constant(receiver, site.function) if receiver is not None else None
    if not isinstance(text, str):
        return False
    return text.lstrip(word) == text.removeprefix(word) if site.method == "lstrip" else text.rstrip(word) == text.removesuffix(word)


def _last_name(dotted: str) -> str:
    """``remote_version`` of ``self.remoteVersion``."""
    return WORDS.sub("_", dotted.rpartition(".")[2]).lower()


def _word(site: Site) -> str | None:
    """The word that a ``strip`` is given, None where it may be meant as a set of letters."""
    if site.method not in MENDS or site.targets or len(site.call.args) != 1 or site.call.keywords:
        return None
    given = site.call.args[0]
    text = given.value if isinstance(given, m.Const) else None
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if not isinstance(text, str) or re.search(r"\s", text) or len(LETTERS.findall(text)) < 2:
        return None
    if _alphabet(text):
        return None
    at_seam = (text[-1] if site.method == "lstrip" else text[0]) in SEAM
    return text if (at_seam and re.search(r"[A-Za-z]{2}", text)) or (len(text) >= SHORTEST and WORD.match(text)) else None


def _alphabet(text: str) -> bool:
    """Letters in their order (``abcdef``), or each one in both cases: a set."""
    letters = [c.lower() for c in text if c.isalpha()]
    return letters == sorted(letters) or len(set(letters)) * 2 == len(letters) == len(set(c for c in text if c.isalpha()))
