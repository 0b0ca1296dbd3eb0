"""Commands that count what failed, tell of it as an error at their end, and still end with status 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.failure_signs import is_print
from runtime_ops.project.flows import ends, statements_after
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.management_commands import command_of
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.source_text import literal_words
from runtime_ops.rules.cli._commands import FAILURE, interactive, to_stderr
from runtime_ops.rules.cli._refused_changes import TELLING

BAD = re.compile(r"(?i)(?:^|_)(?:fail(?:ed|ures?|s|ing)?|errors?|problems?|broken|unsuccessful|not_[a-z]+ed|missed|invalid)(?:_|$)")
"""Names of what a command keeps or counts of the items that it could not deal with."""
ADDS = frozenset({"append", "add", "update", "extend"})


class Counted(NamedTuple):
    """``said``: the text that tells of the failures kept in ``name``, behind which the command comes to its end."""

    func: Func
    said: Site
    name: str


def counted_failures(commanded: Iterable[Func]) -> Iterator[Counted]:
    """The commands that know that something failed, by a count or list of their own, say so, and forget it."""
    for func in commanded:
        name = command_of(func.path) if func.name == "handle" else func.name
        if func.is_module or func.facts.is_generator or TELLING.search(name.replace("_", "-")) or not _kept(func) or interactive(func):
            continue  # what a check finds is its answer
        for place in func.by_kind.get(m.If, ()):
            told = _told(place, func)
            if told is not None:
                yield told
                break


def _kept(func: Func) -> frozenset[str]:
    """The local names under which failures are collected in a loop: ``failed += 1``, ``failed.append(item)``."""
    names = set()
    for place in func.places:
        if not any(isinstance(step.stmt, m.For | m.While) for step in place.steps):
            continue
        stmt = place.stmt
        if isinstance(stmt, m.AugAssign) and isinstance(stmt.target, m.Name):
            names.add(stmt.target.id)
        elif isinstance(stmt, m.ExprStmt) and isinstance(stmt.value, m.Call) and isinstance(stmt.value.func, m.Name):
            owner, _, method = stmt.value.func.id.rpartition(".")
            if method in ADDS:
                names.add(owner)
    return frozenset(name for name in names if "." not in name and BAD.search(name))


def _told(place: Place, func: Func) -> Counted | None:
    test = place.stmt
    assert isinstance(test, m.If)
    if any(isinstance(step.stmt, m.For | m.While | m.Try) for step in place.steps):
        return None
    name = next((n.id for n in m.walk(test.test) if isinstance(n, m.Name) and n.id in _kept(func)), "")
    if not name or any(isinstance(n, m.UnaryOp) for n in m.walk(test.test)):
        return None
    said = next((s for s in func.sites if s.stmt in test.body and _loud(s)), None)
    if said is None or ends(test.body, func) - {"fall", "return"} or any(_does(stmt, func) for stmt in test.body):
        return None
    if any(_does(stmt, func) for stmt in statements_after(place, func)):
        return None
    return Counted(func, said, name)


def _loud(site: Site) -> bool:
    call = log_call(site)
    if call is not None:
        return call.level in ("error", "critical")
    if not is_print(site) and site.method != "error" and "stderr" not in site.text:
        return False
    return to_stderr(site) or site.method == "error" or bool(FAILURE.search(literal_words(site.call)))


def _does(stmt: m.Stmt, func: Func) -> bool:
    """Whether a statement does more than tell: it leaves with a status, raises, returns a value, or works on."""
    if isinstance(stmt, m.Return):
        return not (stmt.value is None or (isinstance(stmt.value, m.Const) and stmt.value.value is None))
    if isinstance(stmt, m.If):
        return any(_does(inner, func) for inner in (*stmt.body, *stmt.orelse))
    if isinstance(stmt, m.ExprStmt) and isinstance(stmt.value, m.Call):
        site = next((s for s in func.sites if s.call is stmt.value), None)
        return site is None or not (
            log_call(site) is not None
            or is_print(site)
            or site.method in ("print", "echo", "secho", "write", "error", "info", "warning", "success", "debug", "log", "close", "flush")
        )
    if isinstance(stmt, m.For):
        return any(_does(inner, func) for inner in stmt.body)
    return not isinstance(stmt, m.ExprStmt | m.Pass | m.Assign)
