"""A setting that is first read when work has begun."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.credentials import variable_reader
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_command, is_management_command
from runtime_ops.project.life import Life
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.startup._reads import (
    CONVERSIONS,
    ENVIRONMENT,
    LIBRARIES,
    caught,
    phases_of,
    read_for_development,
)

RULE = Rule(
    __name__,
    severity="medium",
    summary="A setting that can be missing or malformed is first read while requests or jobs are served.",
    lead=True,
)
READS = (ENVIRONMENT | LIBRARIES | {"secret-file"}) - {"dynaconf"}


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    early = _read_early(project)
    own = _set_by_itself(project)
    # what these artifacts give is not read: a manifest of Cloud Foundry, Terraform
    unread = any(path.rpartition("/")[2] in ("manifest.yml", "manifest.yaml") or path.endswith(".tf") for path in project.files)
    groups: dict[Func, list[tuple[SettingRead, tuple[Entrypoint, ...]]]] = defaultdict(list)
    for read in project.settings:
        if is_command(read.function, project.links) or is_management_command(read.path):
            continue  # the start of a program of its own
        if read.name in own or read.name.startswith("PYTEST_") or not _can_fail(read) or read_for_development(read):
            continue
        late = tuple(
            e
            for e, phases in phases_of(project, read).items()
            if "serving" in phases
            and not phases & {"import", "startup"}
            and read.name not in early[e]
            and not (read.conversion not in CONVERSIONS and (unread or _given(e, read.name)))
            and _arrives(project, e, read)
        )
        if late:
            groups[read.function].append((read, late))
    alike: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for func, reads in groups.items():
        alike[tuple(sorted({read.name for read, _ in reads}))].append(_finding(project, func, reads))
    for findings in alike.values():
        yield from as_one(findings)  # one variable that many functions read is one mend


def _set_by_itself(project: Project) -> frozenset[str]:
    """Variables that the code gives itself: ``os.environ["X"] = "1"``."""
    return frozenset(
        target.key.value
        for func in project.functions
        if "environ" in func.wording
        for place in func.by_kind.get(m.Assign, ())
        if isinstance(place.stmt, m.Assign)
        for target in place.stmt.targets
        if isinstance(target, m.Subscript) and isinstance(target.key, m.Const) and isinstance(target.key.value, str)
        and isinstance(target.value, m.Name) and target.value.id.endswith("environ")
    )  # fmt: skip


def _can_fail(read: SettingRead) -> bool:
    """Whether the read, or its conversion, can raise; a text with a default is as good late as early."""
    if _asked_before(read):
        return False
    if variable_reader(read.name) is not None or read.how not in READS or not read.sure or caught(read.steps):
        return False
    if read.how == "secret-file":
        return read.required and not read.name.startswith("/var/run/secrets/kubernetes.io/")  # every pod has it
    return read.required or read.conversion in CONVERSIONS or _refused(read)


def _asked_before(read: SettingRead) -> bool:
    """``"X" in os.environ and os.environ["X"]``, or the read below such a test."""
    tests = [s.stmt.test for s in read.steps if isinstance(s.stmt, m.If)]
    for place in read.function.places:
        if place.stmt.line <= read.line <= place.stmt.end_line:
            tests += [n for n in m.walk(place.stmt) if isinstance(n, m.BoolOp | m.IfExp)]
    for test in tests:
        for node in m.walk(test):
            named = isinstance(node, m.Compare) and "in" in node.ops and isinstance(node.left, m.Const)
            if named and node.left.value == read.name:
                return True
    return False


def _arrives(project: Project, entrypoint: Entrypoint, read: SettingRead) -> bool:
    """Whether the way from the entrypoint to the read is certain, or leads there by calls and the text is converted."""
    life = project.lives[entrypoint]
    if _elsewhere(life, entrypoint, read.function):
        return False
    if read.function in life.spine or life.sure(read.function):
        return True
    reach = life.reach.get(read.function, {}).get("serving")
    return read.conversion in CONVERSIONS and reach is not None and reach.edge is not None


def _elsewhere(life: Life, entrypoint: Entrypoint, func: Func) -> bool:
    """Whether the way leads through an object of the project that only keeps the function, for another process as it may be,
    or into a thread of a worker, where a failure ends the thread and not each job.
    """
    return any(
        (edge.how == "reference" and "." not in edge.via and edge.via[:1].isupper())
        or (entrypoint.kind == "worker" and edge.via == "threading.Thread")
        for edge in life.back(func, "serving", strict=True)
    )


def _given(entrypoint: Entrypoint, name: str) -> bool:
    """Whether an artifact of the deployment gives the variable: a roll-out without it does not come to serve."""
    return any(name in launch.env for launch in entrypoint.production)


def _refused(read: SettingRead) -> bool:
    """Whether the code itself raises or exits when the variable is not set; where the KeyError of ``os.environ[…]`` is caught,
    something else stands in for it."""
    return read.check in ("raise", "exit") and not read.has_default and read.how != "environ"


def _read_early(project: Project) -> dict[Entrypoint, set[str]]:
    """The names that each entrypoint reads, in any way, before it serves."""
    found: dict[Entrypoint, set[str]] = {e: set() for e in project.entrypoints}
    for read in project.settings:
        for entrypoint, phases in phases_of(project, read).items():
            if phases & {"import", "startup"}:
                found[entrypoint].add(read.name)
    return found


def _hurts(project: Project, entrypoint: Entrypoint, read: SettingRead) -> bool:
    """Whether the late failure does more than fail the one request or job that comes by, with an error that names the
    variable: it ends the loop that all work goes through, or what was asked of others before is left half done.

    A variable that one handler needs may belong to a part that is switched off; to end the start for it would be worse.
    """
    func = read.function
    if any(isinstance(p.stmt, m.While) and is_endless(p.stmt) and p.stmt.line > read.line for p in func.places):
        return True
    reach = project.lives[entrypoint].reach.get(func, {}).get("serving")
    before = [(func, read.line)]
    if reach is not None and reach.edge is not None and reach.edge.how == "call":
        before.append((reach.edge.caller, reach.edge.site.line))
    return any(
        wait.kind in ("http", "broker") and any(wait.site.function is f and wait.site.line < line for f, line in before)
        for wait in project.waits
    )


def _confidence(project: Project, reads: list[tuple[SettingRead, tuple[Entrypoint, ...]]], missing: bool) -> str:
    """Certain of a text that is converted where its failure does harm; that a variable is needed at all may hang on a part of
    the program that is switched off, or on a default that is kept elsewhere."""
    if not any(_hurts(project, late[0], read) for read, late in reads):
        return "possible"
    return "likely" if missing else "certain"


def _finding(project: Project, func: Func, reads: list[tuple[SettingRead, tuple[Entrypoint, ...]]]) -> Finding:
    reads.sort(key=lambda pair: pair[0].line)
    first, late = reads[0]
    names = list(dict.fromkeys(r.name for r, _ in reads))
    what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    missing = any(r.required or _refused(r) for r, _ in reads)
    fails = "missing" if missing else "malformed"
    one = len(names) == 1
    return RULE.finding(
        first.path,
        first.line,
        f"{func.name}() reads {what} while {late[0].kind} {late[0].path} serves: with {'the variable' if one else 'one'} {fails} "
        f"the process starts, counts as healthy, and fails each {'request' if late[0].kind == 'service' else 'job'} that "
        "comes here",
        f"read and convert {'it' if one else 'them'} once at start-up (module level or a settings object) and end the "
        "process with a message when that fails",
        confidence=_confidence(project, reads, missing),
        phase="serving",
        entrypoints=late,
        trace=project.trace(late[0], func, "serving"),
        anchor=f"{func.qualname}:{','.join(names)}",
        count=len(reads),
        also=tuple(Evidence(r.path, r.line, r.name) for r, _ in reads[1:9]),
    )
