"""A failure whose place another one takes: what handles it reads a name that nothing bound, raises what is no exception, or makes an
exception and does not raise it."""

from __future__ import annotations

import builtins
import difflib
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.errors import connection_errors
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, resolve_all, takes_anything
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._words import delivers, saves
from runtime_ops.rules.logging._unraised import in_arm, said, unraised
from runtime_ops.rules.logging.unwatched_thread import can_fail, tame

RULE = Rule(
    __name__,
    severity="medium",
    summary="What handles a failure reads a name that is not bound by then: the failure becomes a NameError, and the rest is skipped.",
    lead=True,
)
OF_VALUES = frozenset(("assign", "with", "unpack", "for", "augment", "annotation"))
COMPOUND = frozenset((m.If, m.For, m.While, m.Try, m.With, m.Def, m.ClassDef))
OF_THIS_HOST = ("socket.gethost", "socket.getfqdn", "threading.", "logging.", "time.", "datetime.", "os.path.", "os.environ", "os.get")
"""Calls that fail on no machine in practice."""


OWN_FAILURES = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception
)
"""Python's own exceptions, of which none has an attribute ``message``."""
TRACEBACK = frozenset(
    """clear_frames extract_stack extract_tb format_exc format_exception format_exception_only format_list format_stack format_tb print_exc
    print_exception print_last print_list print_stack print_tb walk_stack walk_tb""".split()
)
"""The functions of the module ``traceback`` (CPython 3.8 to 3.14, Lib/traceback.py)."""
OF_TEXTS = {"json.loads": ("JSONDecodeError", "ValueError"), "json.load": ("JSONDecodeError", "ValueError"), "int": ("ValueError",)}
"""What calls raise of a text that is none of theirs: an arm that takes it leaves nothing of them to the arms behind it."""
ASKS = frozenset(("hasattr", "getattr", "isinstance", "issubclass"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    unknown: list[Finding] = []
    for arm in project.failures:
        finding, misspelled = _of_its_text(project, arm), _of_no_function(project, arm)
        if (finding or misspelled) and not (project.phases_by_entrypoint(arm.func) or project.imported_by(arm.func.module)):
            continue
        if finding is not None:
            yield finding
        unknown += [misspelled] if misspelled is not None else []
    yield from together(unknown)
    yield from together(_unraised(project))
    for func in project.functions:
        kinds = func.by_kind
        yield from _of_texts(project, func)
        if func.is_module or not (m.Try in kinds or m.If in kinds) or m.Match in kinds:
            continue
        candidates = [name for name, bound in func.bindings.items() if all(b.kind in OF_VALUES for b in bound) and _local(func, name)]
        for finding in (*_of_attempts(project, func, candidates), *_of_arms(project, func, candidates)):
            if finding is not None and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
                yield finding


def _local(func: Func, name: str) -> bool:
    """Whether a name belongs to the function alone, so that only what is written in it can bind it."""
    return (
        name.isidentifier()
        and name not in func.params
        and name not in func.declared_global
        and not any(f.parent is func and name in f.declared_global for f in func.module.functions.values())
    )


# ---------------------------------------------------------------- made and dropped


def _unraised(project: Project) -> Iterator[Finding]:
    """``ApiError(str(e), 500)`` as a statement: the word ``raise`` was forgotten."""
    for func in project.functions:
        for site in unraised(project, func):
            if not (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
                continue
            lost = ", so what was caught is dropped without a trace" if in_arm(site) else ""
            yield RULE.at(
                project,
                site,
                f"{said(site)} is made here and not raised{lost}: what refuses or fails goes on as if all were well",
                f"raise {said(site)}(…)" + (" from the error that was caught" if in_arm(site) else ""),
                confidence="certain",
            )


# ---------------------------------------------------------------- raised texts


def _of_texts(project: Project, func: Func) -> Iterator[Finding]:
    """``raise "no such file"``: what is raised is a TypeError that says nothing of it."""
    for place in func.by_kind.get(m.Raise, ()):
        stmt = place.stmt
        if isinstance(stmt, m.Raise) and _is_text(stmt.exc) and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
            handling = any(isinstance(s.stmt, m.Try) and s.arm.startswith("handler") for s in place.steps)
            yield RULE.in_function(
                project,
                func,
                stmt.line,
                'this raises a text: Python raises "TypeError: exceptions must derive from BaseException" in its place, so the text is '
                "never shown, and no arm for the failure that is meant takes it",
                "raise an exception that carries the text: RuntimeError(…)",
                severity="medium" if handling else "low",
                confidence="certain",
            )


def _is_text(expr: m.Expr | None) -> bool:
    """Whether an expression can only be a text: a literal, one with values filled in, or one that is added to."""
    if isinstance(expr, m.BinOp) and expr.op in ("+", "%"):
        return _is_text(expr.left)
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attr) and expr.func.name == "format":
        return _is_text(expr.func.value)
    return isinstance(expr, m.Format) or (isinstance(expr, m.Const) and isinstance(expr.value, str))


# ---------------------------------------------------------------- what is told of the failure


def _of_its_text(project: Project, arm: HandlerEffects) -> Finding | None:
    """``except Exception as e: log.error("no: " + e)``: a text and an exception cannot be added; ``e.message`` is Python 2's."""
    caught = _caught(arm)
    for node in _own_nodes(arm.handler.body):
        if isinstance(node, m.BinOp) and node.op == "+":
            other = node.right if _is_text(node.left) else node.left if _is_text(node.right) else None
            if isinstance(other, m.Name) and other.id in caught:
                return _told_wrongly(
                    project, arm, other.line,
                    f"this adds a text and the exception {other.id}: Python raises \"TypeError: can only concatenate str\" in its place",
                    f"give it to the log call as an argument, or write str({other.id})",
                )  # fmt: skip
        if isinstance(node, m.Name) and arm.handler.bound and node.id.startswith(f"{arm.handler.bound}.message") and _all_own(arm):
            return _told_wrongly(
                project, arm, node.line,
                f"{node.id} is of Python 2: none of {' / '.join(arm.handler.types)} has it, so this raises AttributeError in its place",
                f"write str({arm.handler.bound})",
            )  # fmt: skip
    return None


def _of_no_function(project: Project, arm: HandlerEffects) -> Finding | None:
    """``log.debug(traceback.format_exec())``: the module has no such function, which nobody sees before the first failure."""
    for site in arm.calls:
        module, _, name = (site.dotted or "").partition(".")
        if module != "traceback" or not name.islower() or not name.isidentifier() or name in TRACEBACK:
            continue
        if any(node is site.call for node in _own_nodes(arm.handler.body)):
            near = difflib.get_close_matches(name, TRACEBACK, n=1)
            return RULE.in_function(
                project, arm.func, site.line,
                f"traceback has no function {name}: this raises AttributeError in place of what was caught, and what this arm does "
                "behind it (a rollback, an answer) is not done",
                f"write traceback.{near[0] if near else 'format_exc'}, or log with exc_info=True",
                severity="low" if arm.raises == "always" else None, confidence="certain",
            )  # fmt: skip
    return None


def _told_wrongly(project: Project, arm: HandlerEffects, line: int, what: str, remedy: str) -> Finding:
    return RULE.in_function(
        project, arm.func, line, f"{what}, and what was caught is neither told nor dealt with", remedy,
        severity="low" if arm.raises == "always" else None, confidence="certain",
    )  # fmt: skip


def _caught(arm: HandlerEffects) -> frozenset[str]:
    """The names that can only mean the exception in the arm: the bound one, and what takes a part of ``sys.exc_info()``."""
    names = {arm.handler.bound} if arm.handler.bound else set()
    for node in m.walk(arm.handler.body):
        if not isinstance(node, m.Assign) or not isinstance(node.targets[0], m.Name):
            continue
        value = node.value.value if isinstance(node.value, m.Subscript) else None
        of_info = isinstance(value, m.Call) and isinstance(value.func, m.Name) and value.func.id.rpartition(".")[2] == "exc_info"
        (names.add if of_info else names.discard)(node.targets[0].id)
    return frozenset(name for name in names if name)


def _own_nodes(block: m.Block) -> Iterator[object]:
    """What stands in an arm, and neither behind a question about the exception nor where the failure of this is taken itself."""
    apart = {
        id(inner)
        for node in m.walk(block)
        if isinstance(node, m.Try) or (isinstance(node, m.If | m.IfExp) and _asks_kind(node.test))
        for inner in m.walk(node)
    }
    return (node for node in m.walk(block) if id(node) not in apart)


def _asks_kind(test: m.Expr) -> bool:
    return any(isinstance(call.func, m.Name) and call.func.id in ASKS for call in m.calls(test)) or any(
        isinstance(n, m.Name) and n.id.startswith(("sys.version", "six.PY", "PY2", "PY3")) for n in m.walk(test)
    )


def _all_own(arm: HandlerEffects) -> bool:
    """Whether an arm takes exceptions of Python alone: those of a project or a library may have what these have not."""
    return bool(arm.catches) and all(name.removeprefix("builtins.") in OWN_FAILURES for name in arm.catches)


# ---------------------------------------------------------------- attempts


class Arm(NamedTuple):
    """An ``except`` or ``finally`` of a try. ``library``: of which it takes the failures; empty where it takes all. ``taken``: what
    the arms before it take."""

    block: m.Block
    what: str
    library: str = ""
    taken: frozenset[str] = frozenset()


def _of_attempts(project: Project, func: Func, names: list[str]) -> Iterator[Finding | None]:
    """``try: work(); x = …`` with ``finally: use(x)``: the failure of work() leaves x unbound."""
    for place in func.by_kind.get(m.Try, ()):
        attempt = place.stmt
        if not isinstance(attempt, m.Try):
            continue
        arms = [Arm(attempt.final, "finally")] if attempt.final else []
        earlier: set[str] = set()
        for h in attempt.handlers:
            library = "" if takes_anything(h) else _losses_of(project, func, h)
            if library or takes_anything(h):
                arms.append(Arm(h.body, f"except {' / '.join(h.types) or ''}".rstrip(), library, frozenset(earlier)))
            earlier.update(caught.rpartition(".")[2] for caught in h.types)
        first, last = attempt.body[0].line, attempt.body[-1].end_line
        inside = [n for n in names if any(first <= b.line <= last for b in func.bindings[n])] if arms else []
        for arm in arms:
            for name in inside:
                found = _unbound(project, func, place, attempt, arm, name)
                if found is not None:
                    yield found
                    return  # one a function: the others have the same mend


def _losses_of(project: Project, func: Func, handler: m.Handler) -> str:
    """The library of which an arm takes every lost connection (``except requests.RequestException``); empty for any other arm."""
    for caught in resolve_all(func, project.links, handler.types):
        row = connection_errors(caught)
        if row is not None and caught.rpartition(".")[2] in {base.rpartition(".")[2] for base in row.bases}:
            return row.library
    return ""


def _unbound(project: Project, func: Func, place: Place, attempt: m.Try, arm: Arm, name: str) -> Finding | None:
    block, what, library, taken = arm
    read = _read(block, name)
    if read is None:
        return None
    first, last = attempt.body[0].line, attempt.body[-1].end_line
    elsewhere = [p.stmt.line for p in func.places if name in _bound_by(p.stmt) and _apart(place, p)]
    lines = [b.line for b in func.bindings[name]] + [p.stmt.line for p in func.places if name in _bound_by(p.stmt)]
    lines = [line for line in lines if line not in elsewhere]
    if any(not first <= line <= last and line < read for line in lines):
        return None  # bound before, or by an arm
    inside = sorted(line for line in lines if first <= line <= last)
    if not inside or _asks_for_it(block, name):
        return None
    before = [s for s in func.sites if first <= s.line <= inside[0] and not tame(s) and _out_of(s, attempt)]
    failing = [s for s in before if not (s.dotted or s.text).startswith(OF_THIS_HOST) and not _only_made(s)]
    failing = [s for s in failing if not taken.intersection(OF_TEXTS.get(s.dotted or "", ()))]
    if library:
        failing = [s for s in failing if s.dotted and can_fail(s) and (row := connection_errors(s.dotted)) and row.library == library]
    sure = next((s for s in failing if can_fail(s) or s.awaited or saves(s) or delivers(s)), None)
    site = sure or next(iter(failing), None)
    if site is None:
        return None
    # of its own making alone: the failure is told beside the second one, and nothing else was begun
    again = any(isinstance(step.stmt, m.For | m.While) and step.arm == "body" for step in place.steps)
    later = "in the first turn of the loop, and later this reads what the turn before has left"
    when = later if again else "and what follows here is not done"
    alone = what == "finally" and attempt.body[0].line == inside[0] and all(s.line <= attempt.body[0].end_line for s in failing)
    return RULE.finding(
        func.path,
        read,
        f"{what} reads {name}, which is bound in line {inside[0]} inside the try: when {site.text}() (line {site.line}) fails, this raises "
        f"UnboundLocalError in its place, {when}",
        f"bind {name} before the try ({name} = None) and ask for it here, or begin the try after it",
        entrypoints=tuple(project.phases_by_entrypoint(func)),
        trace=(Evidence(site.path, site.line, "can fail before it is bound"),),
        # what a finally leaves undone is told beside the failure, which stays in the context of the second error
        severity="low" if alone or again or what == "finally" else None,
        confidence="possible" if alone or _at_a_desk(project, func) else _confidence(block, name, read, what, sure),
        anchor=f"{func.qualname}:{name}",
    )


def _at_a_desk(project: Project, func: Func) -> bool:
    """Whether only scripts lead here that nothing starts, beside programs that are started: who runs one reads both errors."""
    running = project.phases_by_entrypoint(func)
    return bool(running and project.launches) and not any(e.long_running or e.launches for e in running)


def _confidence(block: m.Block, name: str, line: int, what: str, failing: Site | None) -> str:
    """Certain where an arm was to take a failure that does happen, and fails itself instead; an arm that raises anyhow, and a
    ``finally``, lose a line or a clean-up, and the failure stays in the context of the second error."""
    if failing is None or _behind_flag(block, name, line):
        return "possible"
    handled = what != "finally" and "raise" not in ends(block) and not (failing.dotted or "").startswith("tempfile.")
    return "certain" if handled else "likely"


def _behind_flag(block: m.Block, name: str, line: int) -> bool:
    """Whether the name is read below a test of something else, which may say that the name is bound: ``if opened: restore(old)``."""
    tests = [n for n in m.walk(block) if isinstance(n, m.If) and n.line < line <= n.end_line]
    return bool(tests) and not any(isinstance(n, m.Name) and n.id.partition(".")[0] == name for t in tests for n in m.walk(t.test))


def _only_made(site: Site) -> bool:
    """Whether the call makes a coroutine or a task, which runs elsewhere."""
    if site.method in ("create_task", "ensure_future"):
        return True
    return bool(site.targets) and not site.awaited and all(t.facts.is_async or t.facts.is_generator for t in site.targets)


def _out_of(site: Site, attempt: m.Try) -> bool:
    """Whether the failure of a call of the try's body comes to the try's own arms."""
    at = next((i for i, step in enumerate(site.steps) if step.stmt is attempt), None)
    if at is None or site.steps[at].arm != "body":
        return False
    return not any(isinstance(s.stmt, m.Try) and s.arm == "body" and any(_stays(h) for h in s.stmt.handlers) for s in site.steps[at + 1 :])


def _stays(handler: m.Handler) -> bool:
    return takes_anything(handler) and "raise" not in ends(handler.body)


def _read(block: m.Block, name: str) -> int | None:
    """The line of the first place of a block that reads the name, unless the block binds it itself."""
    line = None
    kept = {id(n) for t in m.walk(block) if isinstance(t, m.Try) and any(_stays(h) for h in t.handlers) for n in m.walk(t.body)}
    for node in m.walk(block):
        if id(node) in kept:
            continue  # its own failure goes no further
        if isinstance(node, m.Comprehension | m.Lambda) and _binds(node, name):
            return None
        if isinstance(node, m.Assign | m.For | m.With) and any(
            isinstance(n, m.Name) and n.id == name for target in _targets(node) for n in m.walk(target)
        ):
            return line
        if isinstance(node, m.Name) and node.id.partition(".")[0] == name and line is None:
            line = node.line
    return line


def _targets(node: m.Assign | m.For | m.With) -> tuple[m.Expr, ...]:
    if isinstance(node, m.Assign):
        return node.targets
    if isinstance(node, m.For):
        return (node.target,)
    return tuple(target for _, target in node.items if target is not None)


def _binds(node: m.Comprehension | m.Lambda, name: str) -> bool:
    if isinstance(node, m.Lambda):
        return name in node.params
    return any(isinstance(n, m.Name) and n.id == name for target, _, _ in node.generators for n in m.walk(target))


def _asks_for_it(block: m.Block, name: str) -> bool:
    """``if "x" in locals()``, or an arm for the NameError."""
    return any(
        (isinstance(node, m.Const) and node.value == name)
        or (isinstance(node, m.Handler) and any(t.endswith(("NameError", "UnboundLocalError")) for t in node.types))
        for node in m.walk(block)
    )


# ---------------------------------------------------------------- arms


def _of_arms(project: Project, func: Func, names: list[str]) -> Iterator[Finding | None]:
    """``if a: x = …`` and ``elif b: log(x)``: no way leads from the one to the other."""
    plain = _plain_lines(func)
    conditional = [n for n in names if not any(b.line in plain for b in func.bindings[n])]
    if not conditional:
        return
    bound: dict[str, list[Place]] = {name: [] for name in conditional}
    reading: dict[str, list[Place]] = {name: [] for name in conditional}
    for place in func.places:
        for name in _bound_by(place.stmt):
            if name in bound:
                bound[name].append(place)
        if type(place.stmt) not in COMPOUND and any(isinstance(step.stmt, m.If) for step in place.steps):
            for root in {n.id.partition(".")[0] for n in m.walk(place.stmt) if isinstance(n, m.Name)}:
                if root in reading:
                    reading[root].append(place)
    for name in conditional:
        at = bound[name]
        if not at or {b.line for b in func.bindings[name]} - {p.stmt.line for p in at}:
            continue
        for place in reading[name]:
            if not all(_apart(place, other) for other in at) or _binds_in(place.stmt, name):
                continue
            line = _read((place.stmt,), name)
            if line is not None:
                yield RULE.in_function(
                    project,
                    func,
                    line,
                    f"{name} is bound in line {at[0].stmt.line} only, in another arm of the same condition: this line always raises "
                    "UnboundLocalError in place of what it says",
                    f"use a name that this arm binds, or bind {name} before the condition",
                    confidence="certain",
                )
                break


def _plain_lines(func: Func) -> set[int]:
    """The lines of the statements that stand in no condition of the function."""
    return {s.line for s in func.facts.body if not isinstance(s, m.If)}


def _bound_by(stmt: m.Stmt) -> set[str]:
    """The names that a statement itself binds."""
    if isinstance(stmt, m.AugAssign):
        return {stmt.target.id} if isinstance(stmt.target, m.Name) else set()
    if not isinstance(stmt, m.Assign | m.For | m.With):
        return set()
    return {n.id for target in _targets(stmt) for n in m.walk(target) if isinstance(n, m.Name)}


def _binds_in(stmt: m.Stmt, name: str) -> bool:
    return any(isinstance(n, m.Comprehension | m.Lambda) and _binds(n, name) for n in m.walk(stmt)) or any(
        isinstance(n, m.Walrus) and n.target == name for n in m.walk(stmt)
    )


def _apart(one: Place, other: Place) -> bool:
    """Whether two places stand in different arms of one condition that no loop repeats."""
    for number, step in enumerate(one.steps):
        if isinstance(step.stmt, m.While | m.For):
            return False
        match = other.steps[number] if number < len(other.steps) else None
        if match is None or match.stmt is not step.stmt:
            return False
        if match.arm != step.arm:
            return isinstance(step.stmt, m.If)
    return False
