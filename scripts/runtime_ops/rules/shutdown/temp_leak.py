"""Temporary files that stay when something fails."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.kept import kept
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.shutdown._left_on_failure import LeftOnFailure, left_on_failure
from runtime_ops.rules.shutdown._running import REMOVERS, below, lasting_phases, names_in, waits_by_call
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A temporary file or folder is not removed on every path: each failure leaves one more.",
    lead=True,
)
USERS = frozenset("open io.open os.open os.fdopen os.close os.write os.chmod os.stat print str len pathlib.Path shutil.copy".split())
"""What reads or writes a file and leaves it where it is."""
MAKERS = ("tempfile.mkdtemp", "tempfile.mkstemp")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_never_removed(project))
    yield from _before_the_try(project)
    yield from together(_of_left(project, left) for left in left_on_failure(project) if not for_development(left.made.path))


def _of_left(project: Project, left: LeftOnFailure) -> Finding:
    what = (
        f"the raise in line {left.raises}" if left.failing is None or left.raises else f"{left.failing.text}() (line {left.failing.line})"
    )
    return RULE.in_function(
        project,
        left.made.function,
        left.made.line,
        f"{left.name} is removed in line {left.removed.line} alone, behind the work: when {what} ends it, the file stays, and each such "
        "failure leaves one more",
        "remove it in a finally, or make it with TemporaryDirectory() or NamedTemporaryFile() as a context manager",
        end_line=left.removed.line,
        confidence="certain",
        phase="serving",
    )


def makes(project: Project) -> Iterator[Site]:
    """The calls that leave something behind unless it is removed."""
    yield from project.sites(*MAKERS)
    for site in project.sites("tempfile.NamedTemporaryFile"):
        given = site.call.keyword("delete")
        if isinstance(given, m.Const) and given.value is False:
            yield site


def _never_removed(project: Project) -> Iterator[Finding]:
    for site in makes(project):
        _, phases = lasting_phases(project, site)
        if "serving" not in phases:
            continue
        where = kept(site)
        if where.scope in ("attribute", "module", "collection", "returned", "argument"):
            continue  # somebody else's to remove
        names = _names(site, where.name)
        if not names or _handed_on(site, names) or _removed(project, site.function):
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() leaves its file or folder behind: nothing in {site.function.name} removes it, so each request or job fills "
            "the disk a little more",
            "use TemporaryDirectory() or NamedTemporaryFile() as a context manager, or remove it in a finally",
            kinds=("service", "worker"),
            confidence="possible" if site.call.keyword("dir") is not None or _given(site, names) else "likely",
        )


def _names(site: Site, name: str) -> set[str]:
    """The local names that hold it or its path (``fd, path = mkstemp()``, ``path = f.name``)."""
    found = {name} if name else set()
    for place in site.function.places:
        stmt = place.stmt
        value = stmt.value if isinstance(stmt, m.Assign) else None
        if isinstance(stmt, m.Assign) and value is not None and (value is site.call or found & names_in(value)):
            found |= {n.id for t in stmt.targets for n in m.walk(t) if isinstance(n, m.Name)}
        if isinstance(stmt, m.With):
            for item, target in stmt.items:
                if item is site.call and isinstance(target, m.Name):
                    found.add(target.id)
    return found


def _handed_on(site: Site, names: set[str]) -> bool:
    """Returned, yielded, or stored where another function finds it."""
    for place in site.function.places:
        stmt = place.stmt
        if isinstance(stmt, m.Return) and stmt.value is not None and names & names_in(stmt.value):
            return True
        value = stmt.value if isinstance(stmt, m.Assign) else None
        takes = value is not None and (value is site.call or bool(names & names_in(value)))
        if takes and isinstance(stmt, m.Assign) and any(_elsewhere(t) for t in stmt.targets):
            return True
        if any(isinstance(node, m.Yield) for node in m.walk(stmt)) and names & names_in(stmt):
            return True
    given = {param.name for param in site.function.facts.params}
    return any(
        (other.targets or (other.method in ("append", "add") and other.text.partition(".")[0] in given))
        and any(names & names_in(a) for a in (*other.call.args, *(v for _, v in other.call.keywords)))
        for other in site.function.sites
    )


def _given(site: Site, names: set[str]) -> bool:
    """Handed to a call of which it is not known that it only uses the file: it may keep, move or remove it."""
    return any(
        names & names_in(argument)
        for other in site.function.sites
        if other.call is not site.call and other.dotted not in USERS and not log_call(other)
        and not (other.dotted or "").startswith(("os.path.", "subprocess.", "json."))
        for argument in (*other.call.args, *(value for _, value in other.call.keywords))
    )


def _elsewhere(target: m.Expr) -> bool:
    """Whether an assignment's target is an attribute or element, which lives on."""
    return any(isinstance(n, m.Subscript | m.Attr) or (isinstance(n, m.Name) and "." in n.id) for n in m.walk(target))


def _removed(project: Project, func: Func) -> bool:
    return any(
        s.dotted in REMOVERS
        or s.dotted == "os.chdir"
        or s.method in ("unlink", "rmtree", "remove", "cleanup", "move", "rename", "replace")
        for each in below(project, func, 2)
        for s in each.sites
    )


def _before_the_try(project: Project) -> Iterator[Finding]:
    """``x = make(); connect(x); try: … finally: remove(x)``: what stands between is not covered."""
    making = {site.function for site in makes(project)}
    if not making:
        return
    waits = waits_by_call(project)
    for func in project.functions:
        for place in func.places:
            if not isinstance(place.stmt, m.Try) or not place.stmt.final or not _cleans(project, func, place.stmt):
                continue
            before = [s for s in func.sites if s.line < place.stmt.line and s.steps == place.steps]
            first = next(
                (s for s in before if any(f in making for t in s.targets[:3] for f in below(project, t, 3))), None
            )
            if first is None:
                continue
            risky = [s for s in before if s.line >= first.line and (id(s.call) in waits or s is not first)]
            if not risky or not lasting_phases(project, first)[0]:
                continue
            yield RULE.at(
                project,
                first,
                f"{first.text}() makes temporary files, and what follows up to line {place.stmt.line} stands before the try whose finally "
                "removes them: when it fails or is interrupted, they stay (with whatever secrets they hold)",
                "begin the try right behind the creation",
                kinds=("service", "worker"),
                confidence="certain" if any(_waits(project, s, waits) for s in risky if s is not first) else "likely",
            )


def _waits(project: Project, site: Site, waits: dict[int, WaitSite]) -> bool:
    """Whether a call, or what it calls, waits for somebody else, so that it does fail now and then."""
    calls = [site.call, *(s.call for target in site.targets[:3] for func in below(project, target, 1) for s in func.sites)]
    found = (waits.get(id(call)) for call in calls)
    return any(wait is not None and wait.leaves_the_process and not wait.constructs for wait in found)


def _cleans(project: Project, func: Func, attempt: m.Try) -> bool:
    """Whether the finally removes files, by itself or by a function that it calls."""
    for site in func.sites:
        if not any(s.stmt is attempt and s.arm == "final" for s in site.steps):
            continue
        if site.dotted in REMOVERS:
            return True
        if any(s.dotted in REMOVERS for t in site.targets[:3] for f in below(project, t, 1) for s in f.sites):
            return True
    return False
