"""The commands that the code of a started program starts in turn: servers and workers that a start script, or a command of the
project's own command line, becomes (``os.exec*``) or runs (``subprocess``, ``os.system``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.plain import cached_property
from runtime_ops.project import written_commands as wc
from runtime_ops.project.application_targets import Resolved
from runtime_ops.project.commands import Word, base_name
from runtime_ops.project.commands import Words as PlacedWords
from runtime_ops.project.development import development_name, development_path
from runtime_ops.project.entrypoints import Closure, command_name, is_command, is_management_command
from runtime_ops.project.model import Func, Module, Site

_NOT_WAITED = frozenset(("subprocess.Popen", "os.popen"))
_DEAF = frozenset(("os.system", "subprocess.call", "subprocess.run", "subprocess.check_call", "subprocess.check_output"))
"""Calls that wait for the child and give nobody its number: what signals the program does not reach the child by them."""
_HANDLES = ("signal.signal", "asyncio.AbstractEventLoop.add_signal_handler")
_WAITS = frozenset(("wait", "communicate", "poll"))
_RELOADERS = re.compile(r"autoreload|run_with_reloader|watchfiles|hupper|livereload")
_MOST_ABOVE = 200  # functions looked through above a call
_TEST_FOLDERS = frozenset(("test", "tests", "testing", "examples", "docs"))


class Started(NamedTuple):
    """A command that code starts: its words, each with the file and line of the call, and the function that the call stands in."""

    words: PlacedWords
    function: Func
    replaces: bool
    """``os.exec*``: the program becomes it."""
    background: bool
    """Nothing waits for it."""
    deaf: bool
    """The program waits for it in a call that cannot tell it of a signal."""
    development: bool


class _Above(NamedTuple):
    """From where a call is reached: functions, each with whether only a development's way leads from there."""

    functions: dict[Func, bool]
    commands: dict[Func, bool]


class CodeCommands:
    """Finds the commands in code, and which program comes to them."""

    def __init__(self, closure: Closure) -> None:
        self.closure = closure
        self.links = closure.links
        self._found_above: dict[Func, _Above] = {}

    @cached_property
    def found(self) -> tuple[Started, ...]:
        """Every command in code whose program is known, in the order of files and lines."""
        made = []
        for site in self.links.sites(*wc.STARTERS):
            if _TEST_FOLDERS.intersection(site.path.split("/")):
                continue
            for words, development in wc.written(self.links, site):
                if not words or base_name(words[0]).startswith("$"):
                    continue
                made.append(
                    Started(
                        tuple(Word(text, site.path, site.line) for text in words),
                        site.function,
                        (site.dotted or "").startswith("os.exec"),
                        _left_alone(site),
                        self._deaf(site),
                        development or wc.for_development(site.steps) or development_path(site.path),
                    )
                )
        return tuple(made)

    def _deaf(self, site: Site) -> bool:
        """Whether the program waits in the call and installs no handler: those of Python run when ``os.system`` has come back, and
        others may end the child (CPython 3.13, subprocess.run kills it on any exception)."""
        if site.dotted not in _DEAF:
            return False
        return site.dotted == "os.system" or not any(True for _ in self.links.sites(*_HANDLES))

    def of(self, program: Resolved, given: tuple[str, ...]) -> Iterator[tuple[Started, bool]]:
        """What a program of the repository starts, ``given`` its arguments, each with whether it always comes to it (its main
        part does, or the command that the arguments name)."""
        module = self.links.index.modules.get(program.target.path or "")
        if module is None or program.target.kind not in ("script", "module", "console-script") or not self.found:
            return
        main = self._main(module, program)
        for started in self.found:
            above = self._above(started.function)
            if main in above.functions:
                yield started._replace(development=started.development or above.functions[main]), True
                continue
            for command, development in above.commands.items():
                if self._offers(module, program.program, command, given):
                    name = command_name(command, self.links)
                    development = development or started.development or development_name(name)
                    yield started._replace(development=development), name in given
                    break

    def _main(self, module: Module, program: Resolved) -> Func:
        if program.target.kind != "console-script":
            return module.level
        value = self.links.names.name(program.target.attribute or "main", module.level)
        return value.target if value is not None and isinstance(value.target, Func) else module.level

    def _offers(self, module: Module, program: str, command: Func, given: tuple[str, ...]) -> bool:
        """Whether a program's command line has a command, and its arguments name it or none."""
        words = [word for word in given if not word.startswith("-")]
        named = command_name(command, self.links) in words
        if is_management_command(command.path):
            return named and program in ("manage.py", "django-admin")
        return (named or not words) and command.module in self.closure.of(module)

    def _above(self, func: Func) -> _Above:
        """The functions that come to a function, itself among them; not above what a user names on a command line."""
        if func not in self._found_above:
            sure = self._climb([func], set(), develop=False)
            maybe = self._climb(sure, set(sure), develop=True)
            flags = {**dict.fromkeys(maybe, True), **dict.fromkeys(sure, False)}
            self._found_above[func] = _Above(flags, {f: d for f, d in flags.items() if is_command(f, self.links)})
        return self._found_above[func]

    def _climb(self, starts: Iterable[Func], seen: set[Func], develop: bool) -> list[Func]:
        found = list(starts)
        seen = seen | set(found)
        pending = list(found)
        while pending and len(found) < _MOST_ABOVE:
            current = pending.pop(0)
            if is_command(current, self.links):
                continue
            for edge in self.links.callers.get(current, ()):
                if edge.how in ("guess", "override", "data") or edge.caller in seen:
                    continue
                if not develop and (_RELOADERS.search(edge.via) or wc.for_development(edge.site.steps)):
                    continue
                seen.add(edge.caller)
                found.append(edge.caller)
                pending.append(edge.caller)
        return found


def _left_alone(site: Site) -> bool:
    """Whether nothing waits for the process that a call begins: ``Popen`` whose result is dropped, or bound to a name of the
    function's own of which nothing is asked."""
    if site.dotted not in _NOT_WAITED or any(isinstance(step.stmt, m.With) for step in site.steps):
        return False
    if not site.used:
        return True
    stmt = site.stmt
    if not isinstance(stmt, m.Assign) or stmt.value is not site.call or len(stmt.targets) != 1:
        return False
    target = stmt.targets[0]
    if not isinstance(target, m.Name) or "." in target.id or site.function.is_module:
        return False
    uses = [other for other in site.function.sites if other.text.partition(".")[0] == target.id]
    given = [arg for other in site.function.sites for arg in other.call.args]
    returned = [place.stmt.value for place in site.function.by_kind.get(m.Return, ()) if isinstance(place.stmt, m.Return)]
    kept = (node for expr in (*given, *returned) if expr is not None for node in m.walk(expr))
    handed = any(isinstance(node, m.Name) and node.id == target.id for node in kept)
    return not handed and not any(other.method in _WAITS for other in uses)
