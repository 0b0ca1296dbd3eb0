"""Children that are waited for, and whose exit status nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of

WAITS = ("subprocess.Popen.wait", "subprocess.Popen.communicate")
STATUS = frozenset("returncode poll".split())
TAKES_UP = frozenset(
    "open builtins.open os.path.exists os.path.isfile os.path.getsize os.rename os.replace shutil.move shutil.copy shutil.copyfile".split()
)
"""What goes on with a file."""
WRITTEN = re.compile(r"(?i)out|dest|target|result|file_?path|filename|dump|archive|path")
"""Names of paths. An input among them is opened before, or not at all."""
LOGS = re.compile(r"(?i)log|devnull|/dev/|stderr|std_?out")
ENDS = frozenset("terminate kill send_signal killpg".split())


CHECKED = "test the return code (subprocess.run(…, check=True), or returncode after wait()), and write under another name until it is 0"


class UnreadChild(NamedTuple):
    """``waited``: the call that waits for the child and drops its status (for ``subprocess.run`` the same as ``made``);
    ``made``: the call that starts it; ``kept``: the file, as it is written, that the child makes and the program goes on with;
    ``severity``: low where the program looks at least whether it is there."""

    waited: Site
    made: Site
    kept: str
    severity: str

    @property
    def text(self) -> str:
        """What is wrong with it."""
        child = "the child" if self.made is self.waited else f"the child of line {self.made.line}"
        return (
            f"{self.waited.text}() waits for {child}, and nobody looks how it ended: one that fails half-way leaves {self.kept} short or "
            "empty, which the program goes on with as if it were whole"
        )


def unread_children(project: Project) -> Iterator[UnreadChild]:
    """The children that write a file for the program, which never looks how they ended."""
    for waited in project.sites(*WAITS):
        func, origin = waited.function, waited.origin
        chained = waited.call.func.value if isinstance(waited.call.func, m.Attr) else None
        if chained is not None and isinstance(waited.stmt, m.ExprStmt):  # ``Popen(…).wait()``
            made = next((s for s in func.sites if s.call is chained), None)
            kept = _kept_output(made, waited, func) if made is not None else None
            if made is not None and kept:
                yield UnreadChild(waited, made, *kept)
            continue
        if origin is None or origin.function is not func or not isinstance(waited.call.func, m.Name):
            continue
        name = waited.call.func.id.rpartition(".")[0]
        made = next((s for s in func.sites if s.call is origin.call), None)
        if made is None or not name.isidentifier() or any(step.arm in ("handler", "final") for step in waited.steps):
            continue
        if _is_read(waited, name, func) or _leaves(name, func) or _ended_before(waited, name, func):
            continue
        kept = _kept_output(made, waited, func)
        if kept:
            yield UnreadChild(waited, made, *kept)
    for site in project.sites("subprocess.run", "subprocess.call"):
        check = site.call.keyword("check")
        if isinstance(site.stmt, m.ExprStmt) and site.stmt.value is site.call and not site.call.expands and check is None:
            kept = _kept_output(site, site, site.function)
            if kept:
                yield UnreadChild(site, site, *kept)


def _kept_output(made: Site, waited: Site, func: Func) -> tuple[str, str] | None:
    """The file that a child writes: what its ``stdout`` is, or a path among its arguments that the program uses when the child
    has ended."""
    out = made.call.keyword("stdout")
    if isinstance(out, m.Name) and _opened(out.id, func):
        return _path_of(out.id, func), "medium"  # it is there in any case, empty or short
    command = made.call.args[0] if made.call.args else made.call.keyword("args")
    parts: list[object] = [command]
    if isinstance(command, m.Name):
        parts += [b.expr for b in func.bindings.get(command.id, ())]
    last = [n.id for part in parts for n in m.walk(part) if isinstance(n, m.Name) and n.id.isidentifier() and WRITTEN.search(n.id)]
    for name in last:
        used = [s for s in func.sites if s.line > waited.line and s.dotted in TAKES_UP and _given_first(s, name)]
        if used and not any(s.line < made.line and s.dotted in ("open", "builtins.open") and _given_first(s, name) for s in func.sites):
            return name, "low"
    return None


def _given_first(site: Site, name: str) -> bool:
    given = site.call.args[0] if site.call.args else None
    return isinstance(given, m.Name) and given.id == name


def _opened(name: str, func: Func) -> bool:
    """Whether a name is a file that the function opened for writing."""
    return any(_open_call(expr) is not None for expr in _values(name, func))


def _open_call(expr: m.Expr | None) -> m.Call | None:
    if not isinstance(expr, m.Call):
        return None
    called = expr.func.id if isinstance(expr.func, m.Name) else expr.func.name if isinstance(expr.func, m.Attr) else ""
    mode = expr.argument("mode", 1) or (expr.args[0] if called.endswith(".open") and len(expr.args) == 1 else None)
    writes = isinstance(mode, m.Const) and isinstance(mode.value, str) and mode.value[:1] in ("w", "x")
    path = " ".join(m.texts(expr.args)) + " ".join(n.id for n in m.walk(expr.args) if isinstance(n, m.Name))
    return expr if called.rpartition(".")[2] == "open" and writes and not LOGS.search(path) else None


def _path_of(name: str, func: Func) -> str:
    call = next((c for expr in _values(name, func) if (c := _open_call(expr)) is not None), None)
    return source_of(call.args[0], 60) if call is not None and call.args else name


def _values(name: str, func: Func) -> Iterator[m.Expr | None]:
    for place in func.by_kind.get(m.With, ()):
        if isinstance(place.stmt, m.With):
            yield from (item for item, bound in place.stmt.items if isinstance(bound, m.Name) and bound.id == name)
    yield from (b.expr for b in func.bindings.get(name, ()) if b.kind == "assign")


def _is_read(waited: Site, name: str, func: Func) -> bool:
    """Whether the status is looked at: what ``wait()`` answers, or an attribute of the child, anywhere in the function."""
    if waited.method == "wait" and not isinstance(waited.stmt, m.ExprStmt):
        return True
    for node in m.walk(func.facts.body):
        if isinstance(node, m.Name) and node.id.partition(".")[0] == name and node.id.rpartition(".")[2] in STATUS:
            return True
    return False


def _leaves(name: str, func: Func) -> bool:
    """Whether the child is handed to somebody who may look: given, returned, kept."""
    for site in func.sites:
        if any(isinstance(n, m.Name) and n.id == name for a in (*site.call.args, *(v for _, v in site.call.keywords)) for n in m.walk(a)):
            return True
    for place in func.places:
        stmt = place.stmt
        value = stmt.value if isinstance(stmt, m.Return | m.Assign) else None
        if value is not None and any(isinstance(n, m.Name) and n.id == name for n in m.walk(value)):
            return True
        if isinstance(stmt, m.ExprStmt) and any(isinstance(n, m.Yield) for n in m.walk(stmt)):
            return True
    return False


def _ended_before(waited: Site, name: str, func: Func) -> bool:
    """Whether the program itself ends the child before it waits: the status says no more than that."""
    return any(s.method in ENDS and s.line <= waited.line and s.text.partition(".")[0] in (name, "os") for s in func.sites)
