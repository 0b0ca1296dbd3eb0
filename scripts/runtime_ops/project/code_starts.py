"""The Python files that code of the repository starts as programs of their own: a command handed to ``subprocess``, to the
task API of a platform, or to a runner of the project's own.

``f"python pkg/job.py {id}"``, ``[sys.executable, os.path.join(here, "job.py")]``, ``{"command": "python -m pkg.job"}``. A text
starts a program only where it is a command by its place: what is printed, logged, raised or told as help starts nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.commands import base_name
from runtime_ops.project.development import debug_only, development_path
from runtime_ops.project.launch import Launch, Link, Target
from runtime_ops.project.links import Links
from runtime_ops.project.main_blocks import main_block, under_main
from runtime_ops.project.model import Func, Module, Site, Step
from runtime_ops.project.texts import UNKNOWN, bound_expression, text_of

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?\Z")
_INTERPRETER = re.compile(r"(?i)(?:^|[._])(?:executable|(?:python|interpreter)(?:_?(?:bin|path|exe|executable|cmd|command))?)$")
"""Names in which the path of an interpreter is kept: ``sys.executable``, ``PYTHON_BIN``, ``self.python_path``."""
_STARTERS = re.compile(
    r"(?:subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|os\.(?:system|popen|spawn\w+|posix_spawnp?)"
    r"|asyncio\.(?:subprocess\.)?create_subprocess_(?:exec|shell)|asyncio\.AbstractEventLoop\.subprocess_(?:exec|shell)"
    r"|(?:anyio|trio)\.(?:run_process|open_process)|pexpect\.(?:spawn|run))\Z"
)
_RUNNERS = re.compile(r"(?i)(?:^|_)(?:run|exec|execute|spawn|popen|launch|start|submit|task|job|process|command|cmd|shell)(?:_|$)")
"""Parts of the names of functions that are given a command to run it: ``self.run_command``, ``create_task``, ``start_job``."""
_KEYS = frozenset(("command", "cmd", "commands", "args", "argv", "entrypoint", "startup_command"))
"""Keywords, and keys of what is sent to a platform, behind which a command stands."""
_TELLERS = frozenset(
    """print echo secho write log debug info warning warn error exception critical format join dedent add_argument ArgumentParser
    add_parser exit fail append_message""".split()
)
"""Functions that tell a text to somebody."""
_ASKED = ("environ.get", "getenv")
"""Calls that give a variable's value, or else their second argument."""
_VALUED = ("-W", "-X")
_BEFORE = frozenset("exec nohup nice env sudo uv poetry pipenv run".split())
_MAX_TEXT = 160


class Start(NamedTuple):
    """A place in code that starts a Python file: the function and line of the text, its words, and the module it names."""

    function: Func
    line: int
    steps: tuple[Step, ...]
    words: tuple[str, ...]
    module: Module

    @property
    def only_run_directly(self) -> bool:
        """Whether it stands in the ``__main__`` block of its file: nothing that imports the file comes there."""
        return self.function.is_module and under_main(self.steps, self.function.module)

    def launch(self) -> Launch:
        """The start as a launch: of a job, since nobody sits before it."""
        kind, name = ("module", self.words[self.words.index("-m") + 1]) if "-m" in self.words else ("script", self.module.path)
        return Launch(
            platform="code",
            chain=(Link(self.function.path, self.line, " ".join(self.words).replace(UNKNOWN, "…")[:_MAX_TEXT]),),
            argv=self.words,
            program="python",
            target=Target(kind, name, self.module.path),
            env_open=True,
            role="job",
        )


def starts_in_code(links: Links) -> Iterator[Start]:
    """Every place in code that starts a Python file of the repository with a ``__main__`` block, in the order of the files."""
    for module in links.index:
        if development_path(module.path):
            continue
        for func in module.functions.values():
            if any(".py" in text or text == "-m" or "python" in text for text in func.inventory.texts):
                yield from _in_function(links, func)


def _in_function(links: Links, func: Func) -> Iterator[Start]:
    seen: set[Module] = set()
    for expr, line, steps in _commands(links, func):
        for words in _words(links, expr, func):
            named = _named(links, words, func)
            if named is None or main_block(named) is None or named is func.module or debug_only(steps):
                continue
            if named not in seen:
                seen.add(named)
                yield Start(func, line, steps, words, named)


def _commands(links: Links, func: Func) -> Iterator[tuple[m.Expr, int, tuple[Step, ...]]]:
    """The expressions of a function that are commands by their place."""
    told: set[int] = set()
    for site in func.sites:
        if site.method in _TELLERS:
            told.update(id(node) for arg in _given(site) for node in m.walk(arg))
            continue
        if id(site.call) in told:
            continue
        for value in _handed(site):
            yield value, site.line, site.steps
    for display in func.inventory.displays:
        expr = display.expr
        if id(expr) in told or isinstance(display.place.stmt, m.Raise | m.Assert):
            continue
        if isinstance(expr, m.Mapping):
            for key, value in expr.items:
                if isinstance(key, m.Const) and isinstance(key.value, str) and key.value.lower() in _KEYS:
                    yield value, expr.line, display.place.steps
        elif expr.items and interpreter(expr.items[0]):
            yield expr, display.place.stmt.line, display.place.steps


def _handed(site: Site) -> Iterator[m.Expr]:
    """The arguments of a call that are commands: those of what starts processes, and those by whose name or callee's name they
    are to be run."""
    if site.dotted is not None and _STARTERS.match(site.dotted):
        if len(site.call.args) > 1 and interpreter(site.call.args[0]):
            yield m.Sequence("list", site.call.args)
        yield from site.call.args[:2]
        yield from (value for key, value in site.call.keywords if key in ("args", "cmd", "command"))
        return
    yield from (value for key, value in site.call.keywords if key in _KEYS)
    if _RUNNERS.search(site.method):
        yield from site.call.args


def _given(site: Site) -> tuple[m.Expr, ...]:
    return (*site.call.args, *(value for _, value in site.call.keywords))


def interpreter(expr: m.Expr) -> bool:
    """Whether the first word of a command is an interpreter of Python."""
    if isinstance(expr, m.Const):
        return isinstance(expr.value, str) and _PYTHON.match(base_name(expr.value)) is not None
    if isinstance(expr, m.Call) and expr.args:  # str(sys.executable), shlex.quote(sys.executable)
        return len(expr.args) == 1 and interpreter(expr.args[0])
    return isinstance(expr, m.Name) and _INTERPRETER.search(expr.id) is not None


def _words(links: Links, expr: m.Expr, func: Func, depth: int = 0) -> Iterator[tuple[str, ...]]:
    """The words of a command that is run by Python: the interpreter's first."""
    if isinstance(expr, m.Sequence):
        if expr.items and interpreter(expr.items[0]):
            yield ("python", *(path_text(links, item, func) for item in expr.items[1:]))
        elif len(expr.items) == 1 and depth == 0:  # commands=["python job.py"]
            yield from _words(links, expr.items[0], func, 1)
        return
    if isinstance(expr, m.BinOp) and expr.op == "+" and isinstance(expr.left, m.Sequence):
        yield from _words(links, expr.left, func, depth)
        return
    if isinstance(expr, m.Call) and len(expr.args) == 1 and isinstance(expr.func, m.Name) and expr.func.id == "shlex.split":
        expr = expr.args[0]
    if isinstance(expr, m.Name) and depth < 2:
        bound = [b.expr for b in func.bindings.get(expr.id, ()) if b.kind == "assign" and b.expr is not None]
        for value in bound or [v for found in (bound_expression(links, expr, func),) if found is not None for v in found[:1]]:
            yield from _words(links, value, func, depth + 1)
        return
    if isinstance(expr, m.Const | m.Format | m.BinOp):
        yield from _of_text(text_of(links, expr, func), _begins_with_interpreter(expr))


def _begins_with_interpreter(expr: m.Expr) -> bool:
    """``f"{sys.executable} job.py"``."""
    first = expr.parts[0] if isinstance(expr, m.Format) and expr.parts else expr.left if isinstance(expr, m.BinOp) else None
    return first is not None and interpreter(first)


def _of_text(text: str, known: bool) -> Iterator[tuple[str, ...]]:
    """The commands of a shell text that Python runs; ``known``: its first word, which is not known, is the interpreter."""
    for part in re.split(r"&&|\|\||;|\n", text):
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        at = next((n for n, word in enumerate(words[:4]) if _PYTHON.match(base_name(word))), None)
        if at is None and known and words and words[0].startswith(UNKNOWN):
            at = 0
        # before it only what assigns variables, or starts another program: ``PYTHONPATH=. nohup python job.py``
        if at is not None and all("=" in word or word in _BEFORE for word in words[:at]):
            yield ("python", *words[at + 1 :])


def path_text(links: Links, expr: m.Expr, func: Func, depth: int = 0) -> str:
    """The text of a path, also of one that is put together: ``os.path.join(here, "job.py")``, ``str(HERE / "job.py")``."""
    if depth < 4:
        if isinstance(expr, m.Call):
            if isinstance(expr.func, m.Name) and expr.func.id.endswith(_ASKED):
                return path_text(links, expr.args[1], func, depth + 1) if len(expr.args) > 1 else UNKNOWN
            parts = expr.args if isinstance(expr.func, m.Name) and expr.func.id.endswith("path.join") else expr.args[:1]
            inner = expr.func.value if isinstance(expr.func, m.Attr) else None
            if isinstance(expr.func, m.Name) and expr.func.id.rpartition(".")[2] in ("as_posix", "resolve", "absolute"):
                inner = m.Name(expr.func.id.rpartition(".")[0], expr.line)
            found = [path_text(links, part, func, depth + 1) for part in parts] if parts else []
            if not found and inner is not None:
                return path_text(links, inner, func, depth + 1)
            return "/".join(found) or UNKNOWN
        if isinstance(expr, m.BinOp) and expr.op == "/":
            return f"{path_text(links, expr.left, func, depth + 1)}/{path_text(links, expr.right, func, depth + 1)}"
        if isinstance(expr, m.Name):
            found_at = bound_expression(links, expr, func)
            if found_at is not None and not isinstance(found_at[0], m.Name):
                return path_text(links, found_at[0], found_at[1], depth + 1)
    return text_of(links, expr, func)


def _named(links: Links, words: tuple[str, ...], func: Func) -> Module | None:
    """The file of the repository that the interpreter is told to run; None where it is told none, or which is not clear."""
    index = 1
    while index < len(words) and words[index].startswith("-"):
        if words[index] == "-m":
            return _by_module(links, words[index + 1], func) if index + 1 < len(words) else None
        if words[index] in ("-c", "-"):
            return None
        index += 2 if words[index] in _VALUED else 1
    text = words[index] if index < len(words) else ""
    return _by_path(links, text, func) if text.endswith(".py") else None


def _by_module(links: Links, name: str, func: Func) -> Module | None:
    found, rest = links.index.find(func.module, name)
    if found is None or rest:
        return None
    return links.index.modules.get(f"{found.folder}/__main__.py") if found.path.endswith("/__init__.py") else found


def _by_path(links: Links, text: str, func: Func) -> Module | None:
    """The file that a path names: beside the one that says so, below the root, or the only one whose path ends so."""
    known = text.rpartition(UNKNOWN)[2].lstrip("./")
    if not known or (UNKNOWN in text and not text.rpartition(UNKNOWN)[2].startswith("/")):
        return None
    modules = links.index.modules
    folder = func.module.folder
    for path in (f"{folder}/{known}" if folder else known, known):
        if path in modules:
            return modules[path]
    parts = known.split("/")
    for start in range(len(parts) if text.startswith("/") else 1):
        ending = "/" + "/".join(parts[start:])
        ends = [module for path, module in modules.items() if f"/{path}".endswith(ending) and not development_path(path)]
        if ends:
            return ends[0] if len(ends) == 1 else None
    return None
