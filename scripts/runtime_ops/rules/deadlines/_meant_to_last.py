"""Waits that are meant to last: serving itself, a reader that lives as long as its connection, content that is already there.

A wait without a limit that is not meant to last can be looked for below a function (`unbounded_below`).
"""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.libraries.names import spellings
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import calls_of, scope_of_parameter
from runtime_ops.project.links import argument_of
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func
from runtime_ops.project.waits import WaitSite

READS = frozenset(
    """recv recv_into recvfrom recvmsg recv_bytes read readline readuntil readexactly receive receive_text receive_json
    receive_bytes listen accept get_message consume next fetch drain iter_lines stdin_readline""".split()
)
"""Methods that wait for the other side to say something."""
PIPES = ("stdin", "stdout", "stderr")
"""Ends of the names of a child's pipes."""
READERS = frozenset({"parse", "read_csv", "read_json", "read_excel", "read_parquet", "read_html"})
"""Functions that take an address or the content itself."""
ADDRESS = ("url", "uri", "link", "href", "address", "endpoint", "feed")
"""Words in the names of addresses."""
HANDED = ("connection_pool", "pool", "transport", "session", "http_client", "creator", "async_creator", "channel", "connection")
"""Parameters that take another client, which has the limit."""
DEPTH = 4  # project functions followed from a started function to a wait without limit


def lasts(project: Project, wait: WaitSite) -> bool:
    """Whether waiting is what the call is for: serving itself, a reader's loop that lives as long as its connection, the
    pipe of a child, content that is already there."""
    site, dotted = wait.site, wait.dotted
    names = set(spellings(dotted))
    serves = (
        surface("serve", dotted) is not None
        or surface("serve-wait", dotted) is not None
        or server_run_by(dotted) is not None
        or any(names.intersection(row.runs) for row in all_job_systems())
    )
    if serves or wait.kind == "server":
        return True
    if site.method in READS and _reader(wait):
        return True
    if dotted.startswith("select.") and not _about_sockets(wait.site.function):
        return True  # pipes of children, terminals: what is said there is said when there is something to say
    receiver = site.text.rpartition(".")[0]
    if receiver.rpartition(".")[2].strip("_").endswith(PIPES) or dotted.startswith("asyncio.StreamWriter."):
        return True
    if site.method in READERS and (not reads_address(wait.call) or _gets_content(project, wait)):
        return True
    if (dotted.endswith("SSLContext.wrap_socket") and _no_handshake(wait.call)) or _follows(wait.call):
        return True
    return _sibling_sets_it(wait) or _made_around_another(wait)


def _about_sockets(func: Func) -> bool:
    """Whether a function speaks of sockets or connections at all."""
    return any(word in name.lower() for name in func.inventory.names for word in ("sock", "conn", "peer", "client"))


def _made_around_another(wait: WaitSite) -> bool:
    """``Redis(connection_pool=pool)``: the client takes the limit of what is handed to it, which is judged where it is made."""
    made = wait.construction.origin if wait.construction is not None else wait.site.origin
    call = made.call if made is not None else wait.call if wait.constructs else None
    return call is not None and any(call.keyword(name) is not None for name in HANDED)


def reads_address(call: m.Call) -> bool:
    """Whether what a reader gets may be an address: a literal, or something named like one."""
    text = _words(call.args[0]) if call.args else ""
    content = any(word in text for word in ("content", "text", "body", "data", "bytes", "string", "xml", "html", "raw"))
    return not text or (any(word in text for word in ADDRESS) and not content)


def _gets_content(project: Project, wait: WaitSite) -> bool:
    """Whether a reader is given a parameter that is no address: annotated as bytes, or an answer's body in every caller."""
    given = wait.call.args[0] if wait.call.args else None
    if not isinstance(given, m.Name):
        return False
    scope, param = scope_of_parameter(given.id, wait.site.function)
    if scope is None or param is None:
        return False
    if param.annotation in ("bytes", "bytearray"):
        return True
    handed = [argument_of(site, scope, param) for site in calls_of(scope, project.links)]
    return bool(handed) and all(isinstance(e, m.Attr) and e.name in ("content", "text") for e in handed)


def _follows(call: m.Call) -> bool:
    """``read_namespaced_pod_log(…, follow=True)``: it lasts for as long as there is something to read."""
    asked = call.keyword("follow")
    return isinstance(asked, m.Const) and asked.value is True


def _no_handshake(call: m.Call) -> bool:
    """Whether wrapping a socket waits for nobody: the handshake is left to later, or the socket is one that listens
    (Python 3.13, ssl.rst: ``do_handshake_on_connect``)."""
    later = call.keyword("do_handshake_on_connect")
    return isinstance(later, m.Const) and later.value is False


def _reader(wait: WaitSite) -> bool:
    """The read stands in an endless loop, or is what a loop goes through."""
    for step in wait.site.steps:
        if isinstance(step.stmt, m.While) and is_endless(step.stmt):
            return True
        if isinstance(step.stmt, m.For) and step.stmt.is_async:
            return True
    stmt = wait.site.stmt
    if isinstance(stmt, m.While):
        return True
    return isinstance(stmt, m.For) and any(call is wait.call for call in m.calls(stmt.iterable))


def _words(expr: m.Expr) -> str:
    """The names in an expression, in small letters; empty for literals."""
    return " ".join(n.id if isinstance(n, m.Name) else n.name for n in m.walk(expr) if isinstance(n, m.Name | m.Attr)).lower()


def _sibling_sets_it(wait: WaitSite) -> bool:
    """``f(x, timeout=t) if t is not None else f(x)``: the other arm of the same expression gives the limit."""
    if not wait.row.parameters:
        return False
    return any(
        other.call.keyword(parameter) is not None
        for other in wait.site.function.sites
        if other.stmt is wait.site.stmt and other.call is not wait.call and other.text == wait.site.text
        for parameter in wait.row.parameters
    )


def unbounded_below(project: Project, func: Func) -> WaitSite | None:
    """A wait without limit in a project function or what it calls; None when nothing like that is seen."""
    table = _unbounded(project)
    seen = {func}
    pending = [(func, 0)]
    while pending:
        current, depth = pending.pop(0)
        if current in table:
            return table[current]
        if depth >= DEPTH:
            continue
        for edge in project.links.callees.get(current, ()):
            if edge.how in ("call", "reference") and edge.callee not in seen and not edge.site.weak:
                seen.add(edge.callee)
                pending.append((edge.callee, depth + 1))
    return None


def _unbounded(project: Project) -> dict[Func, WaitSite]:
    known: dict[Func, WaitSite] | None = project.__dict__.get("_unbounded_waits")
    if known is None:
        known = {}
        for wait in project.waits:
            if wait.deadline.bounded is False and not (wait.constructs or wait.kind == "lock" or lasts(project, wait)):
                known.setdefault(wait.site.function, wait)
        project.__dict__["_unbounded_waits"] = known
    return known
