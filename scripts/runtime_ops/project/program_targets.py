"""What a command line runs: the program's name, the repository's code behind it, the server it is, and its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.libraries.jobs import JobSystem, all_job_systems, worker_program
from runtime_ops.libraries.servers import Server, all_servers, server_program
from runtime_ops.project import server_options as so
from runtime_ops.project.commands import Words, base_name, texts
from runtime_ops.project.launch import Option, Target
from runtime_ops.project.layout import Layout, absolute
from runtime_ops.project.locations import Locator, Surroundings
from runtime_ops.project.run_calls import run_call
from runtime_ops.project.variables import Variables

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?\Z")
_PYTHON_VALUES = ("-W", "-X", "--check-hash-based-pycs")
_APPLICATION = re.compile(r"[A-Za-z_][\w.]*(?::.+)?\Z")
_FASTAPI_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")

# Programs whose first argument is ``module:attribute``, and the attribute that they take when none is written.
_SERVERS_OF_APPLICATIONS: Mapping[str, str] = {
    "gunicorn": "application", "uvicorn": "app", "hypercorn": "app", "granian": "app", "daphne": "application",
    "waitress-serve": "application", "sanic": "app", "arq": "", "dramatiq": "", "dramatiq-gevent": "", "saq": "",
    "huey_consumer": "", "huey_consumer.py": "",
}  # fmt: skip
# Programs that take the application by an option.
_OPTION_OF_APPLICATION: Mapping[str, tuple[str, ...]] = {
    "celery": ("app",), "flask": ("app",), "quart": ("app",), "litestar": ("app",), "procrastinate": ("app", "a"),
    "faust": ("app", "A"),
}  # fmt: skip
# Programs that run a file: the option that names it (empty: the first word behind the subcommand), the default.
_RUNNERS_OF_FILES: Mapping[str, tuple[str, str]] = {
    "streamlit": ("", ""), "chainlit": ("", ""), "locust": ("locustfile", "locustfile.py"), "panel": ("", ""),
    "bokeh": ("", ""), "gradio": ("", ""), "solara": ("", ""), "marimo": ("", ""), "shiny": ("", ""),
    "mod_wsgi-express": ("", ""), "scrapyrt": ("", ""), "twistd": ("python", ""),
}  # fmt: skip
_MORE_RUNNERS = frozenset(
    ("uwsgi", "pyuwsgi", "taskiq", "fastapi", "functions-framework", "django-admin", "awslambdaric")
)
_CELERY_WORKERS = frozenset(("worker", "beat", "multi"))
_NO_LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a command line runs."""

    program: str
    target: Target
    server: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    """Paths of the configuration files that were read for it."""
    development: bool = False


class Programs:
    """Resolves command lines against the repository."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...]) -> None:
        self.locator = locator
        self.uwsgi = {x.path: x for x in artifacts if isinstance(x, a.UwsgiConfig)}
        self.console: dict[str, tuple[a.ScriptEntry, str]] = {}
        for artifact in artifacts:
            if isinstance(artifact, a.PackagingFile):
                for entry in artifact.scripts:
                    if entry.group in ("console_scripts", "gui_scripts", "scripts"):
                        name = base_name(entry.name).removesuffix(".py") if "/" in entry.name else entry.name
                        self.console.setdefault(name, (entry, artifact.path))
        rows: list[Server | JobSystem] = [*all_servers(), *all_job_systems()]
        self._known = {p.split()[0] for row in rows for p in row.programs} - {"manage.py"}
        self._modules = {p.split()[0] for row in rows for p in row.modules}
        self._heads = {p.split()[0] for row in rows for p in row.programs}
        self._module_tops = {p.split(".")[0].split()[0] for row in rows for p in row.modules}

    def known(self, name: str) -> bool:
        """Whether a program of that name may run code of the repository."""
        return (
            name in self._heads or name in self.console or name in _RUNNERS_OF_FILES or name in _OPTION_OF_APPLICATION
            or name in _SERVERS_OF_APPLICATIONS or name in _MORE_RUNNERS or _PYTHON.match(name) is not None
        )  # fmt: skip

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
        options = {**so.environment_options(run[0], variables), **found.options, **run[1]}
        return replace(found, server=run[0], options=options)

    def _resolve(self, words: Words, where: Surroundings, variables: Variables) -> Resolved:
        path_text = words[0].text
        name = base_name(path_text)
        if _PYTHON.match(name):
            return self._python(words, where, variables)
        if path_text.endswith(".py") or "/" in path_text:
            found = self.locator.file(path_text, where)
            if found in self.locator.index.modules and name not in self._known:
                return self._script(words, found, variables)
        if name in self.console:
            entry, _ = self.console[name]
            if name not in self._known or self._target_of(entry) is not None:
                return self._console(name, words, variables)
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
        if found is None and base_name(text) in self.console:
            return self._console(base_name(text), script, variables)
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
        return Resolved(
            program,
            Target("script", script[0].text, path),
            server,
            so.resolved(options, variables),
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

    def _target_of(self, entry: a.ScriptEntry) -> tuple[str, str] | None:
        name, _, function = entry.target.partition(":")
        folder = self.console_folder(entry)
        where = Surroundings(_NO_LAYOUT, None, (folder,))
        found = self.locator.module(name.strip(), where) or self.locator.file(name.strip(), where)
        return (found, function.split("[")[0].strip()) if found is not None else None

    def console_folder(self, entry: a.ScriptEntry) -> str:
        """The folder of the packaging file that declares a script."""
        path = next((p for e, p in self.console.values() if e is entry), "")
        return path.rpartition("/")[0]

    def _console(self, name: str, words: Words, variables: Variables) -> Resolved:
        entry, _ = self.console[name]
        found = self._target_of(entry)
        options, _ = so.parse_options("", words[1:])
        options = so.resolved(options, variables)
        if found is None:
            return Resolved(name, Target("program", entry.target), None, options)
        if not found[1]:
            return Resolved(name, Target("script", entry.target, found[0]), None, options)
        return Resolved(name, Target("console-script", entry.target, *found), None, options)

    def console_script(self, entry: a.ScriptEntry) -> Resolved | None:
        """What a declared console script runs, None when its module is not of the repository."""
        found = self._target_of(entry)
        if found is None:
            return None
        kind, attribute = ("console-script", found[1]) if found[1] else ("script", None)
        made = Resolved(entry.name, Target(kind, entry.target, found[0], attribute))
        return self.with_run_call(made, Variables(open=True))

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
        where = self._moved(options, where)
        sources: tuple[str, ...] = ()
        if spelled == "gunicorn":
            options, sources = self._gunicorn(options, where, variables)
        elif spelled in ("uwsgi", "pyuwsgi"):
            return self._uwsgi(spelled, words, options, rest, where, variables)
        target = self._target(spelled, options, rest, where)
        return Resolved(name, target, server, options, sources)

    def _moved(self, options: Mapping[str, Option], where: Surroundings) -> Surroundings:
        """The surroundings after ``--chdir``, ``--app-dir``, ``--pythonpath`` and their like."""
        workdir, paths = where.workdir, list(where.import_paths)
        for name in ("chdir", "workdir"):
            option = options.get(name)
            if option is not None and option.value:
                workdir = absolute(option.value, where.workdir or "/")
                paths.insert(0, option.value)
        for name in ("app_dir", "pythonpath", "python_path"):
            option = options.get(name)
            if option is not None and option.value:
                paths.extend(option.value.replace(":", ",").split(","))
        return replace(where, workdir=workdir, import_paths=tuple(paths))

    def _gunicorn(
        self, options: dict[str, Option], where: Surroundings, variables: Variables
    ) -> tuple[dict[str, Option], tuple[str, ...]]:
        path = so.gunicorn_file(options, self.locator, where)
        module = self.locator.index.modules.get(path or "")
        if module is None:
            return options, ()
        environment = so.environment_options("gunicorn", variables)
        own = so.python_settings(module.facts, variables)
        given = {k: v for k, v in options.items() if environment.get(k) != v}
        return {**environment, **own, **given}, (module.path,)

    def _target(self, program: str, options: Mapping[str, Option], rest: Words, where: Surroundings) -> Target:
        if program in _SERVERS_OF_APPLICATIONS:
            text = next((w.text for w in rest if _APPLICATION.match(w.text) or w.text.endswith(".py")), "")
            option = options.get("wsgi_app") if program == "gunicorn" else None
            text = text or (option.value if option is not None and option.value else "")
            return self._application(text, _SERVERS_OF_APPLICATIONS[program], options, where)
        if program in ("taskiq", "fastapi", "functions-framework") or program in _OPTION_OF_APPLICATION:
            return self._by_subcommand(program, options, rest, where)
        if program == "awslambdaric" and rest:
            module, _, function = rest[0].text.rpartition(".")
            path = self.locator.module(module.replace("/", "."), where)
            return Target("app" if path else "program", rest[0].text, path, function)
        if program in _RUNNERS_OF_FILES:
            name, default = _RUNNERS_OF_FILES[program]
            option = options.get(name) if name else None
            words = [w.text for w in rest if w.text.endswith(".py")]
            text = option.value if option is not None and option.value else (words[0] if words else default)
            path = self.locator.file(text.split(",")[0], where) if text else None
            return Target("script" if path else "program", text or program, path)
        if program == "django-admin":
            return Target("program", "django-admin")
        return Target("program", program)

    def _application(self, text: str, default: str, options: Mapping[str, Option], where: Surroundings) -> Target:
        if not text:
            return Target("program", "")
        if text.startswith("${") or "$" in text:
            return Target("app", text)
        path, attribute = self.locator.application(text, where)
        attribute = attribute or default or None
        if attribute and ("factory" in options or "call" in options) and not attribute.endswith(")"):
            attribute = f"{attribute}()"
        return Target("app", text, path, attribute)

    def _by_subcommand(self, program: str, options: Mapping[str, Option], rest: Words, where: Surroundings) -> Target:
        words = [w.text for w in rest]
        if program == "taskiq":
            text = next((w for w in words[1:] if ":" in w), "")
            return self._application(text, "broker", options, where)
        if program == "functions-framework":
            source = options.get("source")
            path = self.locator.file(source.value if source and source.value else "main.py", where)
            function = options.get("target")
            return Target("app" if path else "program", program, path, function.value if function else None)
        if program == "fastapi":
            named = [w for w in words[1:] if w.endswith(".py") or "/" in w]
            paths = (self.locator.file(w, where) for w in (named[:1] or _FASTAPI_FILES))
            path = next((p for p in paths if p in self.locator.index.modules), None)
            app = options.get("app")
            return Target("app", named[0] if named else "", path, app.value if app and app.value else "app")
        option = next((options[n] for n in _OPTION_OF_APPLICATION[program] if n in options), None)
        text = option.value if option is not None and option.value else ""
        if program == "celery":
            target = self._celery(text, where)
            return target if _CELERY_WORKERS & set(words) else replace(target, kind="program")
        if not text and program in ("flask", "quart"):
            text = next((f for f in ("wsgi.py", "app.py") if self._here(f, where)), "")
        target = self._application(text, "app", options, where)
        runs = words[:1] == ["run"] or program not in ("flask", "quart", "litestar")
        return target if runs else replace(target, kind="module")

    def _here(self, name: str, where: Surroundings) -> bool:
        """Whether a file stands in the working directory."""
        found = where.layout.find(f"{(where.workdir or '/').rstrip('/')}/{name}", self.locator.tree)
        if where.layout.placed:
            return found is not None
        return any(f"{folder}/{name}".lstrip("/") in self.locator.index.modules for folder in where.folders[:1])

    def _celery(self, text: str, where: Surroundings) -> Target:
        if not text:
            return Target("program", "celery")
        path, attribute = self.locator.application(text, where)
        if path is not None and path.endswith("__init__.py") and attribute is None:
            inner = f"{path.rpartition('/')[0]}/celery.py"
            if inner in self.locator.index.modules:
                path = inner
        return Target("app", text, path, attribute or "app")

    # ------------------------------------------------------------ uWSGI

    def _uwsgi(
        self,
        program: str,
        words: Words,
        options: dict[str, Option],
        rest: Words,
        where: Surroundings,
        variables: Variables,
    ) -> Resolved:
        files = [o.value for name, o in options.items() if name in so.UWSGI_FILES and o.value]
        files += [w.text for w in rest if w.text.split(":")[0].endswith(tuple(f".{x}" for x in so.UWSGI_FILES))]
        sources = []
        for text in files:
            path = self.locator.file(text.split(":")[0], where)
            config = self.uwsgi.get(path or "")
            if config is not None:
                sources.append(config.path)
                sections = tuple(s for s in config.sections if s.name == "uwsgi")
                options = {**so.resolved(so.section_options("uwsgi", sections, config.path), variables), **options}
        where = self._moved(options, where)
        named = next((options[n] for n in ("module", "wsgi_file", "mount") if n in options), None)
        text = named.value if named is not None and named.value else ""
        text = text.rpartition("=")[2] or next((w.text for w in rest if w.text.endswith((".py", ".wsgi"))), "")
        callable_option = options.get("callable")
        path, attribute = self.locator.application(text, where) if text else (None, None)
        if callable_option is not None and callable_option.value:
            attribute = callable_option.value
        kind = "app" if text else "program"
        target = Target(kind, text or program, path, (attribute or "application") if text else None)
        return Resolved(program, target, self._server((program, *texts(words[1:]))), options, tuple(sources))
