"""What a command line runs: the program's name, the repository's code behind it, the server it is, and its options."""

from __future__ import annotations

import re
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.libraries.jobs import JobSystem, all_job_systems, worker_program
from runtime_ops.libraries.servers import Server, all_servers, server_program
from runtime_ops.project import server_options as so
from runtime_ops.project.application_targets import (
    OPTION_OF_APPLICATION,
    RUNNERS_OF_FILES,
    SERVERS_OF_APPLICATIONS,
    Applications,
    Resolved,
)
from runtime_ops.project.commands import Words, base_name, texts
from runtime_ops.project.launch import Target
from runtime_ops.project.layout import Layout
from runtime_ops.project.locations import Locator, Surroundings
from runtime_ops.project.run_calls import flask_commands, run_call
from runtime_ops.project.variables import Variables

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?\Z")
_OF_A_PYTHON = re.compile(r"-?[23](?:\.\d+)?\Z")
_PYTHON_VALUES = ("-W", "-X", "--check-hash-based-pycs")

_MORE_RUNNERS = frozenset(
    ("uwsgi", "pyuwsgi", "taskiq", "fastapi", "functions-framework", "django-admin", "awslambdaric")
)
_NO_LAYOUT = Layout()
_FLASK = "flask development server"


class Programs:
    """Resolves command lines against the repository."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...]) -> None:
        self.locator = locator
        self.applications = Applications(locator, artifacts)
        self.console: dict[str, list[tuple[a.ScriptEntry, str]]] = {}
        """Scripts by name, each with the folder of the packaging file that declares it."""
        for artifact in artifacts:
            if isinstance(artifact, a.PackagingFile):
                for entry in artifact.scripts:
                    if entry.group in ("console_scripts", "gui_scripts", "scripts"):
                        name = base_name(entry.name).removesuffix(".py") if "/" in entry.name else entry.name
                        self.console.setdefault(name, []).append((entry, artifact.path.rpartition("/")[0]))
        rows: list[Server | JobSystem] = [*all_servers(), *all_job_systems()]
        self._known = {p.split()[0] for row in rows for p in row.programs} - {"manage.py"}
        self._modules = {p.split()[0] for row in rows for p in row.modules}
        self._heads = {p.split()[0] for row in rows for p in row.programs}
        self._module_tops = {p.split(".")[0].split()[0] for row in rows for p in row.modules}

    def known(self, name: str) -> bool:
        """Whether a program of that name may run code of the repository."""
        name = self._unversioned(name)
        return (
            name in self._heads or name in self.console or name in RUNNERS_OF_FILES or name in OPTION_OF_APPLICATION
            or name in SERVERS_OF_APPLICATIONS or name in _MORE_RUNNERS or _PYTHON.match(name) is not None
        )  # fmt: skip

    def _unversioned(self, name: str) -> str:
        """``celery`` for ``celery-3`` and ``celery-3.12``, as distributions name the programs of one of their Pythons."""
        cut = _OF_A_PYTHON.sub("", name)
        return cut if cut != name and name not in self.console and (cut in self._heads or cut in OPTION_OF_APPLICATION) else name

    def resolve(self, words: Words, where: Surroundings, variables: Variables) -> Resolved:
        """What ``words`` (wrappers taken off) run."""
        return self.with_run_call(self._resolve(words, where, variables), variables)

    def with_run_call(self, found: Resolved, variables: Variables) -> Resolved:
        """With the server that the program's own file runs, and the options that it gives it."""
        module = self.locator.index.modules.get(found.target.path or "")
        if (
            module is None
            or found.server is not None
            or found.target.kind not in ("script", "module", "console-script")
        ):
            return found
        function = found.target.attribute if found.target.kind == "console-script" else None
        run = run_call(module.facts, function, variables)
        if run is None:
            return found
        options = {**so.environment_options(run[0], variables), **run[1], **found.options}  # own arguments are for it
        return replace(found, server=run[0], options=options)

    def _resolve(self, words: Words, where: Surroundings, variables: Variables) -> Resolved:
        path_text = words[0].text
        name = self._unversioned(base_name(path_text))
        if _PYTHON.match(name):
            return self._python(words, where, variables)
        if path_text.endswith(".py") or "/" in path_text:
            found = self.locator.file(path_text, where)
            if found in self.locator.index.modules and name not in self._known:
                return self._script(words, found, variables)
        copied = self.locator.on_path(name, where) if "/" not in path_text and not self.known(name) else None
        if copied is not None:
            return self._script(words, copied, variables)
        if name in self.console:
            made = self._console(name, words, where, variables)
            if made is not None:
                return made
        return self.named(name, words, where, variables)

    # ------------------------------------------------------------ Python

    def _python(self, words: Words, where: Surroundings, variables: Variables) -> Resolved:
        index = 1
        while index < len(words):
            text = words[index].text
            if text == "-m" and index + 1 < len(words):
                return self._module(words, words[index + 1 :], where, variables)
            if text in ("-c", "-"):
                return Resolved("python", Target("program", "python -c"))
            if text in _PYTHON_VALUES:
                index += 2
            elif text.startswith("-"):
                if text.endswith("m") and not text.startswith("--") and len(text) <= 4 and index + 1 < len(words):
                    return self._module(words, words[index + 1 :], where, variables)
                index += 1
            else:
                break
        if index >= len(words):
            return Resolved("python", Target("program", "python"))
        script = words[index:]
        text = script[0].text
        found = self.locator.file(text, where)
        made = self._console(base_name(text), script, where, variables) if found is None else None
        if made is not None:
            return made
        if found is None and "." not in base_name(text):
            found = self.locator.file(f"{text.rstrip('/')}/__main__.py", where)
        if base_name(text) in self._known:
            return self.named(base_name(text), script, where, variables)
        if found is None:
            return Resolved(self._program_name(text), Target("script", text))
        return self._script(script, found, variables)

    def _program_name(self, text: str) -> str:
        return "manage.py" if base_name(text) == "manage.py" else "python"

    def _script(self, script: Words, path: str, variables: Variables) -> Resolved:
        name = base_name(path)
        program = "manage.py" if name == "manage.py" else "python"
        options, _ = so.parse_options("", script[1:])
        server = self._server((name, *texts(script[1:])))
        if server is not None and name == "manage.py" and not self._imports(path, "django", "configurations"):
            # other frameworks' command files have that name as well
            flask = "runserver" in texts(script[1:2]) and self._imports(path, "flask", "flask_script")
            server = _FLASK if flask else None
        found = Resolved(program, Target("script", script[0].text, path), server, so.resolved(options, variables))
        return self._of_flask(found, script[1:], "", variables)

    def _imports(self, path: str, *packages: str) -> bool:
        """Whether a file imports one of the packages anywhere; yes when it is not known."""
        module = self.locator.index.modules.get(path)
        if module is None:
            return True
        return any(
            node.target.split(".")[0] in packages
            for function in module.facts.functions
            for node in m.walk(function.body)
            if isinstance(node, m.Import)
        )

    def _module(self, words: Words, rest: Words, where: Surroundings, variables: Variables) -> Resolved:
        name = rest[0].text
        found = self.locator.module(name, where, main=True)
        top = name.split(".")[0]
        if found is None and (name in self._known or name in self._modules or top in self._known or top == "django"):
            inner = self.named(
                name if name in self._known or name in self._modules else "django-admin" if top == "django" else top,
                rest,
                where,
                variables,
            )
            return replace(inner, server=self._server(("-m", *texts(rest))) or inner.server)
        if name in ("debugpy", "pdb", "cProfile", "trace", "runpy") and len(rest) > 1:
            index = 1
            while index < len(rest) and rest[index].text.startswith("-") and rest[index].text != "-m":
                index += 2 if rest[index].text in ("--listen", "--connect", "-o", "-s", "--log-to") else 1
            inner = self._python((words[0], *rest[index:]), where, variables)
            return replace(inner, development=inner.development or name in ("debugpy", "pdb"))
        options, _ = so.parse_options("", rest[1:])
        program = name if found is None else "python"
        return Resolved(program, Target("module", name, found), None, so.resolved(options, variables))

    # ------------------------------------------------------------ console scripts

    def _console(self, name: str, words: Words, where: Surroundings, variables: Variables) -> Resolved | None:
        """What a script of that name runs: of several the one whose package is nearest; None when that is not known."""
        entries = self.console.get(name, [])
        if len(entries) > 1:
            entries = next(
                (
                    [e for e in entries if e[1] == folder]
                    for folder in where.folders
                    if folder in {f for _, f in entries}
                ),
                [],
            )
        made = self.console_script(*entries[0]) if len(entries) == 1 else None
        if made is None:
            return None
        options, _ = so.parse_options("", words[1:])
        made = replace(made, options=so.resolved(options, variables))
        return self._of_flask(made, words[1:], made.target.attribute or "", variables)

    def _of_flask(self, found: Resolved, rest: Words, group: str, variables: Variables) -> Resolved:
        """With Flask's server where the file's own commands are Flask's, and ``run`` is what is asked of them: a console script
        ``shop = shop.commands:cli``, ``python manage.py run``."""
        given, words = so.parse_options("flask", rest)
        module = self.locator.index.modules.get(found.target.path or "")
        if found.server is not None or texts(words[:1]) != ("run",) or module is None or not flask_commands(module.facts, group):
            return found
        return replace(found, server=_FLASK, options=so.resolved(given, variables))

    def console_script(self, entry: a.ScriptEntry, folder: str) -> Resolved | None:
        """What a script declared in a folder runs, None when its module is not of the repository."""
        where = Surroundings(_NO_LAYOUT, None, (folder,))
        name, _, function = entry.target.partition(":")
        path = self.locator.module(name.strip(), where) or self.locator.file(name.strip(), where)
        if path is None:
            return None
        attribute = function.split("[")[0].strip()
        program = base_name(entry.name)
        return Resolved(
            program, Target("console-script" if attribute else "script", entry.target, path, attribute or None)
        )

    # ------------------------------------------------------------ servers, workers, runners

    def _server(self, words: tuple[str, ...]) -> str | None:
        if words[0] not in self._heads and not (words[0] == "-m" and words[1].split(".")[0] in self._module_tops):
            return None
        row = server_program(words) or worker_program(words)
        return row.name if row is not None else None

    def named(self, name: str, words: Words, where: Surroundings, variables: Variables) -> Resolved:
        """What a program of that name (installed, not of the repository) runs with its arguments."""
        server = "aws lambda handler" if name == "awslambdaric" else self._server((name, *texts(words[1:])))
        spelled = name.removesuffix(".py") if name == "huey_consumer.py" else name
        given, rest = so.parse_options(spelled, words[1:])
        options = {
            **so.environment_options(spelled, variables),
            **so.argument_variable(spelled, variables),
            **so.resolved(given, variables),
        }
        where = self.applications.moved(options, where)
        sources: tuple[str, ...] = ()
        if spelled == "gunicorn":
            options, sources = self.applications.gunicorn(options, where, variables)
        elif spelled in ("uwsgi", "pyuwsgi"):
            return self.applications.uwsgi(spelled, options, rest, where, variables)
        target = self.applications.target(spelled, options, rest, where)
        return Resolved(name, target, server, options, sources)
