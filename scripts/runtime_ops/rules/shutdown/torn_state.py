"""State that is written over the file from which the next start reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.plain import dataclass
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import UNKNOWN, text_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="State is written over the file from which it is read again, so a stop in the middle leaves half of it.",
)
FORMATS = r"(?:or|u|simple|rapid)?json|pickle|cPickle|dill|joblib|yaml|msgpack|toml|tomli_w|marshal"
DUMPS = re.compile(rf"(?:^|\.)(?:{FORMATS})\.(?:safe_)?(?:dump|dumps|dump_all|packb|pack)$")
LOADS = re.compile(rf"(?:^|\.)(?:{FORMATS}|tomllib)\.(?:safe_|full_|unsafe_)?(?:load|loads|load_all|unpackb|unpack)$")
OPENS = frozenset("open io.open builtins.open gzip.open bz2.open lzma.open codecs.open aiofiles.open anyio.open_file".split())
WRITES_WHOLE = frozenset({"write_text", "write_bytes"})
READS_WHOLE = frozenset({"read_text", "read_bytes"})
BESIDE = frozenset(
    "replace rename renames move NamedTemporaryFile mkstemp mkdtemp TemporaryDirectory atomic_write AtomicFile copy copy2 copyfile".split()
)
"""What says that the file is written under another name first, or kept under one."""
PASSING = re.compile(r"(?i)te?mp|/dev/|\.new\b|partial|\.bak|backup|report|output|debug|dump|export|download")
"""Paths of what is not the state itself, or is made for somebody else to take."""
KEPT = re.compile(
    r"(?i)settings|config|state|profile|queue|history|registry|credential|token|persist|database|checkpoint|cursor|offset|serial|data\b"
)
"""Names of what nobody can make anew."""
MADE_AGAIN = re.compile(r"(?i)cache|cached|index|model|thumb|stats|pool")
PAIRS = re.compile(r"^_*(?:save|store|write|dump|persist|load|read|restore|get)_?")
"""What the names of the function that writes and the one that reads differ by."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is opened, and what tells it from others: its text, or its text in its class or module."""

    site: Site
    line: int
    path: str
    key: tuple[object, ...]


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    read: dict[tuple[object, ...], Opened] = {}
    for func in project.functions:
        for opened in _opened(project, func, "r", LOADS):
            read.setdefault(opened.key, opened)
    for func in project.functions:
        if for_development(func.path) or any(_beside(each) for each in (func, *_callers(project, func))):
            continue
        for written in _opened(project, func, "w", DUMPS):
            again = read.get(written.key)
            running = project.function_runs_in(func, "serving", "shutdown", kinds=("service", "worker", "job"))
            if again is None or again.site.function is func or not running or PASSING.search(written.path):
                continue
            about = f"{func.name} {written.path}"
            kept = KEPT.search(about) is not None and MADE_AGAIN.search(about) is None
            told = RULE.in_function(
                project,
                func,
                written.line,
                f"{func.name}() writes {written.path} over what was there, and {again.site.function.name}() reads it again: a kill, a "
                "crash or a full disk in the middle leaves half a file, and what was saved before is gone too",
                "write to a temporary file in the same folder, flush and os.fsync() it, then os.replace() it",
            )
            told = replace(told, confidence="likely" if kept else "possible")
            yield replace(told, also=(Evidence(again.site.path, again.line, "read again here"),))


def _opened(project: Project, func: Func, mode: str, verbs: re.Pattern[str]) -> Iterator[Opened]:
    """The files that a function opens so and whose whole content it dumps or loads."""
    if not any(verbs.search(site.dotted or site.text) for site in func.sites):
        return
    for site in func.sites:
        path = _path_of(site, mode)
        if path is not None:
            text = source_of(path, 60)
            yield Opened(site, site.line, text, _key(project, path, func))


def _path_of(site: Site, mode: str) -> m.Expr | None:
    """The path that a call opens in that mode."""
    if (site.dotted or site.text) in OPENS or site.text in OPENS:
        given, path = site.call.argument("mode", 1), site.call.argument("file", 0)
    elif site.method in (WRITES_WHOLE if mode == "w" else READS_WHOLE):
        return m.Name(site.text.rpartition(".")[0], site.line) if "." in site.text else None
    elif site.method == "open" and "." in site.text:
        given, path = site.call.argument("mode", 0), m.Name(site.text.rpartition(".")[0], site.line)
    else:
        return None
    text = given.value if isinstance(given, m.Const) else "r" if given is None else ""
    return path if isinstance(text, str) and text.startswith(mode) and "+" not in text else None


def _key(project: Project, path: m.Expr, func: Func) -> tuple[object, ...]:
    """What two openings of one file have in common."""
    text = text_of(project.links, path, func)
    if UNKNOWN not in text and len(text) > 3:
        return ("text", text)
    spelled = source_of(_expanded(path, func))
    if spelled.startswith(("self.", "cls.")) and func.cls is not None:
        return ("class", func.module.name, func.cls.name, spelled)
    names = {param.name for param in func.facts.params}
    if names and any(isinstance(n, m.Name) and n.id in names for n in m.walk(_expanded(path, func))):
        # ``save(data, name)`` and ``load(name)``: what is given tells the file, so the two must be a pair by their names
        for name in names:
            spelled = re.sub(rf"(?<![\w.]){re.escape(name)}\b", "…", spelled)
        return ("pair", func.module.name, func.cls.name if func.cls is not None else "", PAIRS.sub("", func.name), spelled)
    return ("module", func.module.name, spelled)


def _beside(func: Func) -> bool:
    return any(site.method in BESIDE for site in func.sites)


def _callers(project: Project, func: Func) -> Iterator[Func]:
    yield from (edge.caller for edge in project.links.callers.get(func, ()) if edge.how == "call")


def _expanded(path: m.Expr, func: Func) -> m.Expr:
    """The expression that a local name stands for."""
    if isinstance(path, m.Name) and "." not in path.id:
        bound = [b.expr for b in func.bindings.get(path.id, ()) if b.kind == "assign"]
        if len(bound) == 1 and bound[0] is not None:
            return bound[0]
    return path
