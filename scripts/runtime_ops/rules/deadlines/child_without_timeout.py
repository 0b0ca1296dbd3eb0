"""A child process that serving waits for without limit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.links import argument_of
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._findings import finding_of, grouped
from runtime_ops.rules.deadlines._outer import outer_end
from runtime_ops.rules.deadlines._severity import matters, weight
from runtime_ops.rules.deadlines._ways import handed_over, likely_way
from runtime_ops.rules.deadlines._worker_limits import job_limit_holds

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request or job waits for a child process without a limit: a child that hangs holds it for ever.",
    lead=True,
)
LOCAL = frozenset(
    """rm mv cp ln find mkdir rmdir chmod chown touch ls cat du df stat true echo uname hostname which id kill pkill killall
    shred sync pmap ps uptime free lscpu grep awk sed head tail wc sort date whoami open xdg-open sw_vers sysctl""".split()
)
"""Programs that send a signal, read the state of the machine or work on local files, and ask nobody."""
LOCAL_PARTS = {
    "git": frozenset("status rev-parse rev-list log describe branch config diff show init add commit ls-files symbolic-ref".split()),
    "openssl": frozenset("version x509 req rsa genrsa pkcs12 dgst rand enc".split()),
}
"""Parts of programs that ask other hosts in other parts."""
SLOW = frozenset(
    """git hg svn ssh scp sftp rsync curl wget ffmpeg ffprobe docker podman kubectl helm pip uv poetry npm yarn node pg_dump pg_restore
    psql mysql mysqldump mongodump redis-cli terraform ansible-playbook chromium google-chrome chrome firefox wkhtmltopdf libreoffice
    soffice unoconv pandoc convert magick gs tesseract yt-dlp youtube-dl aws gcloud az sh bash make gradle mvn java openvpn
    mount umount smbclient nmap celery gunicorn pg_basebackup borg restic rclone clamscan clamdscan ocrmypdf latex pdflatex xelatex
    exiftool openssl
    antiword catdoc pdftotext pdftohtml pdftoppm qpdf unrtf blender vips rubberband sox apt apt-get dpkg systemctl supervisorctl""".split()
)
"""Programs that ask another host, a daemon or a device, or work for as long as their input makes them."""
REMOTE = frozenset(
    """git hg svn ssh scp sftp rsync curl wget docker podman kubectl helm aws gcloud az terraform ansible ansible-playbook ansible-galaxy
    psql mysql mysqldump mongodump redis-cli pg_dump pg_restore pg_basebackup smbclient restic borg rclone yt-dlp youtube-dl
    mount umount sendmail""".split()
)
"""Programs whose work is to talk to another host or a daemon: a peer that is silent holds them, and nobody here can tell when."""
GIT_REMOTE = frozenset("clone fetch pull push ls-remote submodule lfs".split())
SOMEBODYS = re.compile(r"(?i)(?:^|_)(?:commands?|cmd|scripts?|hooks?|handler|executable)$")
"""Settings and fields in which the user of the program keeps a command of his own."""
SHELLS = frozenset({"sh", "bash", "/bin/sh", "/bin/bash"})
OF_TEXTS = frozenset("split rsplit strip format replace expandvars".split())
SETTINGS = re.compile(r"(?i)(?:^|[._])(?:settings?|config|conf|cfg|environ|getenv|options|preferences)(?:$|\.)")
FOLLOWED = 6  # names and calls between a setting and the call that starts its program
TELLS = frozenset("version --version --help --list-langs --list -V".split())
"""Options by which a program only tells about itself, and ends."""
OPERATORS = re.compile(r"(?i)is_?superuser|is_?staff|is_?admin|admin_required|superuser_required|staff_member_required")
LIMIT = re.compile(r"^--?(?:[a-z]+-)*(?:time-?out|max-time)(?:=|\b)|ConnectTimeout=|^timeout ")
"""Options by which a program ends its own work after a time."""
ENDS = frozenset("terminate kill send_signal killpg".split())
KILLS = frozenset("terminate kill".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_found(project))


def _found(project: Project) -> Iterator[Finding]:
    for group in grouped(w for w in project.waits if w.kind == "child" and w.deadline.state == "unbounded"):
        serving = [w for w in group if _in_serving(project, w)]
        if not serving:
            continue
        severity, phase, entrypoints = weight(project, serving)
        if severity not in ("high", "medium") or job_limit_holds(project, entrypoints):
            continue
        first = serving[0]
        end = outer_end(project, entrypoints)
        if end.by == "job":
            continue
        yield finding_of(
            RULE,
            project,
            serving,
            f"{first.place.text}() waits for the child without limit: a child that hangs (a prompt, a lock, a dead mount) "
            f"holds this request or job {end.text}".rstrip(),
            "pass timeout=, and end the child's whole group when it expires (start_new_session=True and os.killpg)",
            severity="medium",
            phase=phase,
            entrypoints=entrypoints,
            confidence="certain" if any(_is_seen(project, w, entrypoints) for w in serving) else "possible",
        )


def _is_seen(project: Project, wait: WaitSite, entrypoints: tuple[Entrypoint, ...]) -> bool:
    """Whether the way to the wait is plain and so is what can hang: not a function that only a library's base class might
    call, and a program that talks to another host, or one that the user of this one chose."""
    func = wait.site.function
    jobs = {e for e in entrypoints if e.kind == "worker" and job_limit_holds(project, (e,))}  # whose system ends them
    reached = [project.lives[e] for e in entrypoints if e not in jobs]
    lives = [life for life in reached if likely_way(life, func) and not (jobs and handed_over(life, func, "serving"))]
    if not project.links.callers.get(func):
        lives = [life for life in lives if life.sure(func)]
    if not lives or _for_operators(func) or _limits_itself(project, wait) or _has_ended(wait):
        return False
    return not _only_lists(wait) and (_talks(project, wait) or _chosen_by_user(wait) or _kept_script(project, wait))


def _only_lists(wait: WaitSite) -> bool:
    """``mount``, ``ps``: a command without arguments that says what the kernel knows, and waits for nobody."""
    first = _command(wait)
    head = first.items[0] if isinstance(first, m.Sequence) and first.items else first
    return isinstance(head, m.Const) and head.value in ("mount", "ps", "hostname", "uname", "id", "whoami", "date", "uptime", "env")


def _has_ended(wait: WaitSite) -> bool:
    """``child.stdout.read(); child.wait()``: it has closed its output by then, so it is the read that waits."""
    owner, _, method = wait.site.text.rpartition(".")
    return method == "wait" and any(
        s.text in (f"{owner}.stdout.read", f"{owner}.stderr.read") and s.line < wait.line for s in wait.site.function.sites
    )


def _for_operators(func: Func) -> bool:
    """Whether the function serves those alone who run the program: they see that it hangs, and what."""
    tests = (p.stmt.test for p in func.places if isinstance(p.stmt, m.If))
    asked = [source_of(t) for t in tests] + [source_of(d) for d in func.facts.decorators]
    return any(OPERATORS.search(text) for text in asked)


def _limits_itself(project: Project, wait: WaitSite) -> bool:
    """Whether the command, or a caller's, has a limit among its own words: ``helm --timeout 7m``, ``curl --max-time 10``."""
    func = wait.site.function
    callers = [edge.caller for edge in project.links.callers.get(func, ()) if edge.how == "call"]
    return any(LIMIT.search(text) for each in (func, *callers) for text in m.texts(each.facts.body))


def _talks(project: Project, wait: WaitSite) -> bool:
    """Whether the command, or one that a caller hands over, is a program that talks to another host."""
    first, func = _command(wait), wait.site.function
    given = [(first, func)]
    param = func.param(first.id) if isinstance(first, m.Name) and first.id not in func.bindings else None
    if param is not None:
        calls = [edge for edge in project.links.callers.get(func, ()) if edge.how == "call" and not edge.site.weak]
        given = [(argument_of(edge.site, func, param), edge.caller) for edge in calls]
    return any(_asks_a_host(expr, place) for expr, place in given)


def _asks_a_host(expr: m.Expr | None, func: Func) -> bool:
    program = _program(expr, func)
    return program in REMOTE and (program != "git" or bool(GIT_REMOTE.intersection(_words(expr, func))))


def _words(expr: m.Expr | None, func: Func) -> list[str]:
    written = _written(expr, func)
    found = (n.value for n in m.walk(written) if isinstance(n, m.Const)) if written is not None else ()
    return [word for text in found if isinstance(text, str) for word in text.split()]


def _chosen_by_user(wait: WaitSite) -> bool:
    """``self.rule["command"]``, ``self.script``: the program stands in a setting or a record, not in the code."""
    func = wait.site.function
    first = _written(_command(wait), func)
    head = first.items[0] if isinstance(first, m.Sequence) and first.items else first
    if head is None or isinstance(head, m.Const | m.Format):
        return False
    written = _written(head, func)
    called = {id(call.func) for call in m.calls(written)} if written is not None else set()
    return any(_kept_command(node, func) for node in m.walk(written) if id(node) not in called)


def _kept_script(project: Project, wait: WaitSite) -> bool:
    """Whether the program comes out of the environment or the settings under a name that says that it is somebody's own, however
    many names and calls it passes on the way: ``for script in settings.EXTRA_SCRIPTS``, ``execute(os.getenv("SCRIPT"))``."""
    func = wait.site.function
    if _handed_on(wait):
        return False
    first = _command(wait)
    return first is not None and any(_is_setting(expr, place) for expr, place in _sources(project, first, func, FOLLOWED))


def _handed_on(wait: WaitSite) -> bool:
    """Whether the child is given to something else, a timer for example, that may end it."""
    child = wait.site.text.rpartition(".")[0]
    given = (a for s in wait.site.function.sites for a in (*s.call.args, *(v for _, v in s.call.keywords)))
    return bool(child) and any(isinstance(n, m.Name) and n.id == child for n in m.walk(tuple(given)))


def _sources(project: Project, expr: m.Expr, func: Func, depth: int) -> Iterator[tuple[m.Expr, Func]]:
    """The expressions that the program of a command comes from: through names, the head of a list, what a loop runs over, and
    what the callers give."""
    head = _head(expr)
    if head is None:
        return
    yield head, func
    if depth == 0:
        return
    for name in sorted(_names_in_head(head)):
        for binding in func.bindings.get(name, ()):
            if binding.expr is not None and binding.kind in ("assign", "for"):
                yield from _sources(project, binding.expr, func, depth - 1)
        param = func.param(name) if name not in func.bindings else None
        calls = [e for e in project.links.callers.get(func, ()) if e.how == "call" and not e.site.weak] if param is not None else []
        for edge in calls:
            given = argument_of(edge.site, func, param) if param is not None else None
            if given is not None:
                yield from _sources(project, given, edge.caller, depth - 1)


def _head(expr: m.Expr) -> m.Expr | None:
    """The part of a command that names its program: of ``["sh", script]`` the script, of ``cmd + options`` the first."""
    if isinstance(expr, m.Star):
        return _head(expr.value)
    if isinstance(expr, m.BinOp):
        return _head(expr.left)
    if isinstance(expr, m.Format):
        return _head(expr.parts[0]) if expr.parts else None
    if isinstance(expr, m.Sequence):
        items = expr.items[1:] if expr.items and isinstance(expr.items[0], m.Const) and expr.items[0].value in SHELLS else expr.items
        return _head(items[0]) if items else None
    if isinstance(expr, m.Subscript) and isinstance(expr.key, m.Const) and isinstance(expr.key.value, int):
        return _head(expr.value)
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attr) and expr.func.name in OF_TEXTS:
        return _head(expr.func.value)
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Name):
        owner, _, method = expr.func.id.rpartition(".")
        return m.Name(owner, expr.line) if owner and method in OF_TEXTS else expr
    return expr


def _names_in_head(head: m.Expr) -> set[str]:
    """The names that a head is made of: of a call those of its first argument."""
    if isinstance(head, m.Call):
        return _names_in_head(head.args[0]) if head.args else set()
    return {n.id for n in m.walk(head) if isinstance(n, m.Name) and "." not in n.id}


def _is_setting(expr: m.Expr, func: Func) -> bool:
    """``settings.EXTRA_SCRIPTS``, ``os.getenv("SCRIPT")``, ``config.get("hooks", "command")``."""
    if isinstance(expr, m.Name):
        owner, _, last = expr.id.rpartition(".")
        return SETTINGS.search(owner) is not None and SOMEBODYS.search(last) is not None
    if not isinstance(expr, m.Call | m.Subscript):
        return False
    asked = expr.func if isinstance(expr, m.Call) else expr.value
    keys = expr.args if isinstance(expr, m.Call) else (expr.key,)
    return SETTINGS.search(source_of(asked)) is not None and any(_named_somebodys(key, func) for key in keys)


def _named_somebodys(key: object, func: Func) -> bool:
    if isinstance(key, m.Name):
        bound = func.module.level.bindings.get(key.id, ())
        key = bound[0].expr if len(bound) == 1 else None
    return isinstance(key, m.Const) and isinstance(key.value, str) and SOMEBODYS.search(key.value) is not None


def _kept_command(node: object, func: Func) -> bool:
    if isinstance(node, m.Subscript):
        if ".request." in f".{source_of(node.value)}":
            return False  # who asks for the command waits for it
        return isinstance(node.key, m.Const) and isinstance(node.key.value, str) and SOMEBODYS.search(node.key.value) is not None
    if isinstance(node, m.Name):
        owner, _, last = node.id.rpartition(".")
        return bool(owner) and owner not in ("cls", "sys") and SOMEBODYS.search(last) is not None
    return False


def _in_serving(project: Project, wait: WaitSite) -> bool:
    name = wait.path.rpartition("/")[2].partition(".")[0]
    if wait.dotted.startswith("multiprocessing.") or development_name(name) or name.startswith("dev"):
        return False
    if not any(matters(e) for e in project.runs_in(wait.site, "serving", kinds=("service", "worker"))):
        return False
    if _only_local(project, wait) or _asks_nobody(wait) or _only_tells(wait) or not _may_hang(project, wait):
        return False
    # a wait after the child was told to end is the shutdown rules' business; supervision ends with the child
    told = any(s.method in ENDS and s.line < wait.line for s in wait.site.function.sites)
    return not told and not _supervises(project, wait)


def _command(wait: WaitSite) -> m.Expr | None:
    """What is started: by the call itself, or by the one that made the child (``p = Popen(cmd); p.wait()``)."""
    origin = wait.site.origin
    made = origin.call if origin is not None and wait.site.method in ("wait", "communicate") else None
    call = made or wait.call
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, m.Star) else first


def _written(first: m.Expr | None, func: Func) -> m.Expr | None:
    """The command itself, where a name stands for it that is bound once: ``cmd = ["shred", …]``."""
    bound = func.bindings.get(first.id, []) if isinstance(first, m.Name) else []
    return bound[0].expr if len(bound) == 1 else first


def _asks_nobody(wait: WaitSite) -> bool:
    """``git status``, ``openssl x509``: a part of the program that works on local files, while others go to the network."""
    first = _written(_command(wait), wait.site.function)
    items = first.items if isinstance(first, m.Sequence) else ()
    words = [i.value for i in items if isinstance(i, m.Const) and isinstance(i.value, str)]
    if isinstance(first, m.Const) and isinstance(first.value, str):
        words = first.value.split()
    local = LOCAL_PARTS.get(words[0].rpartition("/")[2], frozenset()) if words else frozenset()
    return any(word in local for word in words[1:])


def _only_local(project: Project, wait: WaitSite) -> bool:
    """Whether the command, or each that the callers hand over, is one of the tools that end at once."""
    first = _command(wait)
    func = wait.site.function
    param = func.param(first.id) if isinstance(first, m.Name) and first.id not in func.bindings else None
    if param is None:
        return _program(first, func) in LOCAL
    edges = [edge for edge in project.links.callers.get(func, ()) if edge.how == "call"]
    given = [_program(argument_of(edge.site, func, param), edge.caller) for edge in edges]
    return bool(given) and all(program in LOCAL for program in given)


def _may_hang(project: Project, wait: WaitSite) -> bool:
    """Whether the program is one that talks to others or works for long, or is not written here (somebody's command)."""
    first = _command(wait)
    program = _program(first, wait.site.function)
    return not program or program in SLOW or any(word in program for word in ("python", "$", "{", "/"))


def _program(first: m.Expr | None, func: Func) -> str:
    """The program that a literal command names, without its folder; empty when it is not written."""
    first = _written(first, func)
    if isinstance(first, m.Sequence) and first.items:
        first = first.items[0]
    if isinstance(first, m.Format) and first.parts:  # f"rm {path}"
        first = first.parts[0]
    elif isinstance(first, m.BinOp):  # "open %s" % path
        first = first.left
    text = first.value if isinstance(first, m.Const) and isinstance(first.value, str) else ""
    return text.split(" ")[0].rpartition("/")[2]


def _only_tells(wait: WaitSite) -> bool:
    """``[tool, "--version"]``: nothing else is asked of it."""
    first = _command(wait)
    items = first.items[1:] if isinstance(first, m.Sequence) else ()
    return len(items) == 1 and isinstance(items[0], m.Const) and items[0].value in TELLS


def _supervises(project: Project, wait: WaitSite) -> bool:
    """A child that lives long and can be ended from outside: kept in an attribute and waited for by a method of its own, or
    put into an attribute through which some function of the project kills it."""
    receiver = wait.site.text.rpartition(".")[0]
    if wait.site.method == "wait" and "." in receiver:
        return True
    made = [b.expr for b in wait.site.function.bindings.get(receiver, ())]  # ``p = self.child = Popen(…)``
    kept = {
        name.rpartition(".")[2]
        for name, bindings in wait.site.function.attribute_bindings.items()
        for b in bindings
        if b.line <= wait.line
        and ((isinstance(b.expr, m.Name) and b.expr.id == receiver) or any(b.expr is expr for expr in made if expr))
    }
    return bool(kept) and any(
        site.method in KILLS and "." in (owner := site.text.rpartition(".")[0]) and owner.rpartition(".")[2] in kept
        for func in project.functions
        for site in func.sites
    )
