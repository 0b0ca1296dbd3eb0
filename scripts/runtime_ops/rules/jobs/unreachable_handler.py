"""An ``except`` arm that an earlier arm of the same ``try`` leaves nothing for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.errors import above, one_name
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Klass
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="An except arm stands behind one that catches the same failure already: what it does never happens.",
    lead=True,
)
OLD_NAMES = frozenset({"IOError", "EnvironmentError", "socket.error", "select.error", "WindowsError"})
"""Names that Python 2 had classes for, and that are OSError now."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for place in func.by_kind.get(m.Try, ()):
            attempt = place.stmt
            if isinstance(attempt, m.Try) and len(attempt.handlers) > 1:
                yield from _behind(project, func, attempt)


def _behind(project: Project, func: Func, attempt: m.Try) -> Iterator[Finding]:
    caught: dict[str | int, tuple[str, m.Handler]] = {}
    for handler in attempt.handlers:
        kinds = list(_kinds(project, func, handler))
        before = [next((caught[k] for k in over if k in caught), None) for _, _, over in kinds]
        first = before[0] if before else None
        if first is not None and all(before) and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
            yield _finding(project, func, handler, first)
            return  # one a try: the others are mended with it
        for own, written, _ in kinds:
            caught.setdefault(own, (written, handler))


def _finding(project: Project, func: Func, handler: m.Handler, first: tuple[str, m.Handler]) -> Finding:
    names, earlier = ", ".join(handler.types), first[1]
    same = names == first[0]
    found = RULE.in_function(
        project,
        func,
        handler.line,
        f"except {names} is never reached: except {', '.join(earlier.types)} in line {earlier.line} "
        + ("catches the same" if same else f"catches it already, for {handler.types[0]} is below {first[0]}"),
        "write the narrower arm first" if not same else "make one arm of the two, or catch what was meant here",
        # the same class once more is a remnant, as IOError behind OSError is: somebody decided what the first arm does
        severity="low" if same or _alike(handler, earlier) or _old(handler, earlier) else None,
    )
    where = Evidence(func.path, earlier.line, "catches it first")
    return replace(found, trace=(*found.trace, where), anchor=f"{func.qualname}:{names}:{first[0]}")


def _kinds(project: Project, func: Func, handler: m.Handler) -> Iterator[tuple[str | int, str, Iterable[str | int]]]:
    """What an arm catches: each class, its name as it is written, and all classes that it is one of. Classes of the project
    are told by their identity, others by their name."""
    for written in handler.types:
        value = project.names.name(written, func)
        klass = value.target if value is not None else None
        if isinstance(klass, Klass):
            over = [id(base) if isinstance(base, Klass) else base for base in klass.ancestry]
            outside = {name for base in klass.external_bases for name in above(base)}
            yield id(klass), written, (*over, *outside)
        elif _of_a_class(project, func, written):
            yield f"?{written}", written, (f"?{written}",)
        elif value is not None and value.kind == "external":
            yield one_name(value.name), written, above(value.name)
        else:
            yield f"?{written}", written, ()


def _of_a_class(project: Project, func: Func, written: str) -> bool:
    """Whether a class of the project stands before the last dot: ``Order.DoesNotExist`` is made for each model (Django, peewee), and
    that of one model is not that of another."""
    holder = project.names.name(written.rpartition(".")[0], func) if "." in written else None
    return holder is not None and isinstance(holder.target, Klass)


def _old(handler: m.Handler, earlier: m.Handler) -> bool:
    return bool(OLD_NAMES & {*handler.types, *earlier.types})


def _alike(one: m.Handler, other: m.Handler) -> bool:
    """Whether two arms do the same, so that nothing is lost."""
    return _shape(one.body) == _shape(other.body)


def _shape(node: object) -> object:
    """A part of the code without its lines."""
    if isinstance(node, tuple):
        fields = getattr(node, "_fields", None)
        if fields is not None:
            return (type(node), *(_shape(part) for name, part in zip(fields, node, strict=True) if name not in ("line", "end_line", "col")))
        return tuple(_shape(part) for part in node)
    return node
