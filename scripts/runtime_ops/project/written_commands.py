"""The words of the commands that code hands to ``os.exec*``, ``subprocess`` and ``os.system``, as far as they are written down.

A list may be put together over several statements (``args += [...]``, ``args.append(…)``), in one way or another
(``if … else``): each way is a command of its own. What only the run knows stands as ``$value``, as the shell's variables do.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.code_starts import interpreter, path_text
from runtime_ops.project.development import debug_only
from runtime_ops.project.links import Links, argument_of
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.project.texts import UNKNOWN, bound_expression, text_of

OPEN = "$value"
EXECS = frozenset(("os.execv", "os.execve", "os.execvp", "os.execvpe"))
SPREAD_EXECS = frozenset(("os.execl", "os.execle", "os.execlp", "os.execlpe"))
"""Calls that take the words one by one (os, Python 3.13)."""
_TEXTS = frozenset(
    ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
     "asyncio.subprocess.create_subprocess_shell"),
)  # fmt: skip
_SPREAD = frozenset(("asyncio.create_subprocess_exec", "asyncio.subprocess.create_subprocess_exec"))
_LISTS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))
STARTERS = EXECS | SPREAD_EXECS | _TEXTS | _SPREAD | _LISTS
"""Every call whose command is read here."""
_DEPTH = 4  # names followed back to the list that they stand for
_MOST = 4  # ways in which one list is put together
_SWITCH = re.compile(
    r"(?i)(?:^|[_.])(?:dev|devel|develop|development|devmode|debug|debugger|reload|autoreload|watch|test|testing)(?:_mode)?$"
)


class Words(NamedTuple):
    """One way in which a command is put together, and whether only a switch for development leads to it."""

    words: tuple[str, ...]
    development: bool = False


class _At(NamedTuple):
    """The place at which a list is asked for."""

    function: Func
    line: int
    steps: tuple[Step, ...]


def written(links: Links, site: Site) -> list[Words]:
    """The commands that a call starts: their words, a shell's text as ``/bin/sh -c TEXT``. Empty where nothing is known."""
    call, at = site.call, _At(site.function, site.line, site.steps)
    reader = _Reader(links)
    if site.dotted in EXECS:
        named = reader.word(call.args[0], at.function) if call.args else OPEN
        found = reader.lists(call.args[1], at) if len(call.args) > 1 else []
        found = [x for x in found if x.words != (OPEN,)]  # such as its own arguments once more
        return [x._replace(words=(named, *x.words[1:])) if x.words and not named.endswith(OPEN) else x for x in found]
    if site.dotted in SPREAD_EXECS:
        return reader.lists(m.Sequence("list", call.args[1:]), at)
    if site.dotted in _SPREAD:
        return reader.lists(m.Sequence("list", call.args), at)
    given = call.argument("command" if site.dotted == "os.system" else "args", 0)
    if given is None:
        return []
    shell = call.keyword("shell")
    if site.dotted in _TEXTS or (isinstance(shell, m.Const) and shell.value is True):
        joined = _joined(given)
        if joined is not None:
            ways = reader.lists(joined, at)
            return [x._replace(words=("/bin/sh", "-c", " ".join(x.words))) for x in ways if x.words and not x.words[0].startswith(OPEN)]
        text = text_of(links, given, at.function).replace(UNKNOWN, OPEN)
        return [Words(("/bin/sh", "-c", text))] if not text.startswith(OPEN) else []
    return reader.lists(given, at)


def _joined(expr: m.Expr) -> m.Expr | None:
    """The list in ``" ".join(words)``."""
    if not isinstance(expr, m.Call) or len(expr.args) != 1 or not isinstance(expr.func, m.Attr) or expr.func.name != "join":
        return None
    between = expr.func.value
    return expr.args[0] if isinstance(between, m.Const) and between.value == " " else None


def for_development(steps: tuple[Step, ...]) -> bool:
    """Whether a place stands in an arm that only a switch for development leads to: ``if dev_mode:``, ``if args.reload:``."""
    return debug_only(steps) or any(isinstance(s.stmt, m.If) and _switch(s.stmt.test) == s.arm for s in steps)


def _switch(test: m.Expr) -> str:
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return {"body": "orelse", "orelse": "body"}.get(_switch(test.operand), "")
    if isinstance(test, m.BoolOp) and test.op == "and":
        return "body" if any(_switch(value) == "body" for value in test.values) else ""
    return "body" if isinstance(test, m.Name) and _SWITCH.search(test.id) else ""


class _Reader:
    """Reads lists of words."""

    def __init__(self, links: Links) -> None:
        self.links = links

    def word(self, expr: m.Expr, function: Func) -> str:
        """The text of one word."""
        if interpreter(expr):
            return "python"
        return path_text(self.links, expr, function).replace(UNKNOWN, OPEN)

    def lists(self, expr: m.Expr, at: _At, depth: int = 0) -> list[Words]:
        """The ways in which a list of words is put together; one unknown word where nothing is known of it."""
        if isinstance(expr, m.Sequence):
            return [Words(self._spread(expr.items, at, depth))]
        if isinstance(expr, m.BinOp) and expr.op == "+":
            more = self._one(expr.right, at, depth)
            return [x._replace(words=(*x.words, *more)) for x in self.lists(expr.left, at, depth)]
        if isinstance(expr, m.IfExp):
            return [*self.lists(expr.body, at, depth), *self.lists(expr.orelse, at, depth)] if depth == 0 else [Words(())]
        if isinstance(expr, m.Call):
            return [Words(self._split(expr, at.function))]
        if isinstance(expr, m.Name) and depth < _DEPTH:
            return self._named(expr, at, depth)
        return [Words((OPEN,))]

    def _one(self, expr: m.Expr, at: _At, depth: int) -> tuple[str, ...]:
        """The words of a part of a list: of one that is this or that, none (options for one case or the other)."""
        if isinstance(expr, m.IfExp):
            return ()
        found = self.lists(expr, at, depth + 1)
        return found[0].words if len(found) == 1 else (OPEN,)

    def _spread(self, items: tuple[m.Expr, ...], at: _At, depth: int) -> tuple[str, ...]:
        found: list[str] = []
        for item in items:
            found.extend(self._one(item.value, at, depth) if isinstance(item, m.Star) else (self.word(item, at.function),))
        return tuple(found)

    def _split(self, call: m.Call, function: Func) -> tuple[str, ...]:
        """``shlex.split(text)``, ``text.split()``."""
        text: m.Expr | None = None
        if isinstance(call.func, m.Name) and call.func.id == "shlex.split" and call.args:
            text = call.args[0]
        elif isinstance(call.func, m.Attr) and call.func.name == "split" and not call.args:
            text = call.func.value
        elif isinstance(call.func, m.Name) and call.func.id.endswith(".split") and not call.args:
            text = m.Name(call.func.id.removesuffix(".split"), call.line)
        if text is None:
            return (OPEN,)
        known = text_of(self.links, text, function).replace(UNKNOWN, OPEN)
        try:
            return tuple(shlex.split(known))
        except ValueError:
            return tuple(known.split())

    def _named(self, name: m.Name, at: _At, depth: int) -> list[Words]:
        """What a name stands for: put together before, in this function, given to it, or written elsewhere."""
        found = self._local(name.id, at, depth)
        if found:
            return found
        param = at.function.param(name.id)
        if param is None:
            bound = bound_expression(self.links, name, at.function)
            if bound is None or bound[0] == name:
                return [Words((OPEN,))]
            return self.lists(bound[0], _At(bound[1], 1_000_000, ()), depth + 1)
        given: list[Words] = []
        for edge in self.links.callers.get(at.function, ())[: 2 * _MOST]:
            value = argument_of(edge.site, at.function, param) if edge.how == "call" else None
            if value is not None:
                inner = self.lists(value, _At(edge.caller, edge.site.line, edge.site.steps), depth + 1)
                given.extend(x._replace(development=x.development or for_development(edge.site.steps)) for x in inner)
        return given[:_MOST] or [Words((OPEN,))]

    def _local(self, name: str, at: _At, depth: int) -> list[Words]:
        """The lists that a function gives to a name before a place, with what it adds to them on the way."""
        begun: list[tuple[tuple[Step, ...], list[Words]]] = []
        for place in at.function.places:
            stmt, steps = place.stmt, place.steps
            if stmt.line >= at.line or not _together(steps, at.steps):
                continue
            here = _At(at.function, stmt.line, steps)
            if isinstance(stmt, m.Assign) and stmt.value is not None and _is_target(stmt.targets, name):
                made = [x._replace(development=x.development or for_development(steps)) for x in self.lists(stmt.value, here, depth + 1)]
                # what was there before is gone, where nothing leads past this statement
                begun = [(kept, x) for kept, x in begun if not _always(steps, kept, at.steps)]
                begun.append((steps, made))
                continue
            more = self._added(stmt, name, here, depth)
            if more and not for_development(steps):
                for n, (kept, made) in enumerate(begun):
                    if _together(steps, kept):
                        begun[n] = (kept, [x._replace(words=(*x.words, *more)) for x in made])
        return [x for _, made in begun for x in made][:_MOST]

    def _added(self, stmt: m.Stmt, name: str, at: _At, depth: int) -> tuple[str, ...]:
        """The words that a statement adds to the end of a list."""
        if isinstance(stmt, m.AugAssign) and stmt.op.startswith("+") and _is_target((stmt.target,), name):
            return self._one(stmt.value, at, depth)
        call = stmt.value if isinstance(stmt, m.ExprStmt) else None
        if not isinstance(call, m.Call) or not isinstance(call.func, m.Name) or len(call.args) != 1:
            return ()
        if call.func.id == f"{name}.append":
            return (self.word(call.args[0], at.function),)
        return self._one(call.args[0], at, depth) if call.func.id == f"{name}.extend" else ()


def _is_target(targets: tuple[m.Expr, ...], name: str) -> bool:
    return any(isinstance(target, m.Name) and target.id == name for target in targets)


def _together(one: tuple[Step, ...], other: tuple[Step, ...]) -> bool:
    """Whether one run can come to both places: they do not stand in two arms of one condition."""
    return not any(a.stmt is b.stmt and a.arm != b.arm for a in one for b in other if isinstance(a.stmt, m.If | m.Match))


def _always(steps: tuple[Step, ...], *later: tuple[Step, ...]) -> bool:
    """Whether every run that comes to one of the later places has come by this one."""
    inner = [s for s in steps if isinstance(s.stmt, m.If | m.Match | m.For | m.While)]
    return any(all(any(s.stmt is t.stmt and s.arm == t.arm for t in place) for s in inner) for place in later)
