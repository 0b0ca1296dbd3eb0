"""The application behind the command line of a server or worker: its file, attribute, and configuration files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass
from runtime_ops.project import server_options as so
from runtime_ops.project.commands import Word, Words, split_word
from runtime_ops.project.launch import Option, Target
from runtime_ops.project.layout import absolute
from runtime_ops.project.locations import Locator, Surroundings
from runtime_ops.project.uwsgi_logic import held
from runtime_ops.project.variables import Variables, fill

_APPLICATION = re.compile(r"[A-Za-z_][\w.]*(?::.+)?\Z")
_FASTAPI_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_DAEMONS = frozenset(("attach-daemon", "attach-control-daemon", "smart-attach-daemon", "smart-attach-daemon2", "attach-daemon2"))
_CELERY_WORKERS = frozenset(("worker", "beat", "multi"))

# Programs whose first argument is ``module:attribute``, and the attribute that they take when none is written.
SERVERS_OF_APPLICATIONS: Mapping[str, str] = {
    "gunicorn": "application", "uvicorn": "app", "hypercorn": "app", "granian": "app", "daphne": "application",
    "waitress-serve": "application", "sanic": "app", "arq": "", "dramatiq": "", "dramatiq-gevent": "", "saq": "",
    "huey_consumer": "", "huey_consumer.py": "",
}  # fmt: skip
# Programs that take the application by an option.
OPTION_OF_APPLICATION: Mapping[str, tuple[str, ...]] = {
    "celery": ("app",), "flask": ("app",), "quart": ("app",), "litestar": ("app",), "procrastinate": ("app", "a"),
    "faust": ("app", "A"),
}  # fmt: skip
# Programs that run a file: the option that names it (empty: the first word behind the subcommand), the default.
RUNNERS_OF_FILES: Mapping[str, tuple[str, str]] = {
    "streamlit": ("", ""), "chainlit": ("", ""), "locust": ("locustfile", "locustfile.py"), "panel": ("", ""),
    "bokeh": ("", ""), "gradio": ("", ""), "solara": ("", ""), "marimo": ("", ""), "shiny": ("", ""),
    "mod_wsgi-express": ("", ""), "scrapyrt": ("", ""), "twistd": ("python", ""),
}  # fmt: skip


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
    daemons: tuple[tuple[str, a.Setting], ...] = ()
    """The options of uWSGI that start programs beside it, each with the path of its file."""


class Applications:
    """Resolves what servers and workers are given."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...]) -> None:
        self.locator = locator
        self._uwsgi_files = {x.path: x for x in artifacts if isinstance(x, a.UwsgiConfig)}
        self._flask_files = {x.path: x for x in artifacts if isinstance(x, a.DotenvFile) and x.path.endswith((".flaskenv", ".env"))}

    def moved(self, options: Mapping[str, Option], where: Surroundings) -> Surroundings:
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

    def gunicorn(
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

    def target(self, program: str, options: Mapping[str, Option], rest: Words, where: Surroundings) -> Target:
        if program in SERVERS_OF_APPLICATIONS:
            text = next((w.text for w in rest if _APPLICATION.match(w.text) or w.text.endswith(".py")), "")
            option = options.get("wsgi_app") if program == "gunicorn" else None
            text = text or (option.value if option is not None and option.value else "")
            return self._application(text, SERVERS_OF_APPLICATIONS[program], options, where)
        if program in ("taskiq", "fastapi", "functions-framework") or program in OPTION_OF_APPLICATION:
            return self._by_subcommand(program, options, rest, where)
        if program == "mod_wsgi" and rest:
            path, attribute = self.locator.application(rest[0].text, where)
            return Target("app" if path else "program", rest[0].text, path, attribute)
        if program == "awslambdaric" and rest:
            module, _, function = rest[0].text.rpartition(".")
            path = self.locator.module(module.replace("/", "."), where)
            return Target("app" if path else "program", rest[0].text, path, function)
        if program in RUNNERS_OF_FILES:
            name, default = RUNNERS_OF_FILES[program]
            option = options.get(name) if name else None
            words = [w.text for w in rest if w.text.endswith((".py", ".wsgi"))]
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
        option = next((options[n] for n in OPTION_OF_APPLICATION[program] if n in options), None)
        text = option.value if option is not None and option.value else ""
        if program == "celery":
            target = self._celery(text, where)
            return target if _CELERY_WORKERS & set(words) else replace(target, kind="program")
        if not text and program in ("flask", "quart"):
            text = self._of_flask_files(where) or next((f for f in ("wsgi.py", "app.py") if self._here(f, where)), "")
        target = self._application(text, "app", options, where)
        runs = words[:1] == ["run"] or program not in ("flask", "quart", "litestar")
        return target if runs else replace(target, kind="module")

    def _of_flask_files(self, where: Surroundings) -> str:
        """FLASK_APP of the ``.env`` or ``.flaskenv`` in the working directory, which the command reads (flask 3.1, load_dotenv)."""
        for name in (".env", ".flaskenv"):
            file = self._flask_files.get(self.locator.file(name, where) or "")
            for variable in file.variables if file is not None else ():
                if variable.name in ("FLASK_APP", "QUART_APP") and variable.value is not None:
                    return variable.value.text
        return ""

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

    def uwsgi(
        self,
        program: str,
        options: dict[str, Option],
        rest: Words,
        where: Surroundings,
        variables: Variables,
    ) -> Resolved:
        files = [o.value for name, o in options.items() if name in so.UWSGI_FILES and o.value]
        daemons: list[tuple[str, a.Setting]] = []
        files += [w.text for w in rest if w.text.split(":")[0].endswith(tuple(f".{x}" for x in so.UWSGI_FILES))]
        sources = []
        for text in files:
            name, _, wanted = text.partition(":")  # ``uwsgi.yaml:prod``: that section of the file
            path = self.locator.file(name, where)
            config = self._uwsgi_files.get(path or "")
            if config is not None:
                sources.append(config.path)
                sections = tuple(held(s, variables) for s in config.sections if s.name == (wanted or "uwsgi"))
                daemons.extend((config.path, option) for s in sections for option in s.options if option.name in _DAEMONS)
                options = {**so.resolved(so.section_options("uwsgi", sections, config.path), variables), **options}
        where = self.moved(options, where)
        named = next((options[n] for n in ("module", "wsgi_file", "mount") if n in options), None)
        text = named.value if named is not None and named.value else ""
        text = text.rpartition("=")[2] or next((w.text for w in rest if w.text.endswith((".py", ".wsgi"))), "")
        callable_option = options.get("callable")
        path, attribute = self.locator.application(text, where) if text else (None, None)
        if callable_option is not None and callable_option.value:
            attribute = callable_option.value
        kind = "app" if text else "program"
        target = Target(kind, text or program, path, (attribute or "application") if text else None)
        return Resolved(program, target, "uwsgi", options, tuple(sources), daemons=tuple(daemons))

    def daemons(self, found: Resolved, variables: Variables) -> Iterator[Words]:
        """The command lines of the programs that uWSGI's master starts: ``attach-daemon = CMD``, ``smart-attach-daemon = PIDFILE
        CMD``, ``attach-daemon2 = cmd=CMD,pidfile=…`` (uWSGI's "Managing external daemons/services")."""
        for path, option in found.daemons:
            text = option.value.text
            if option.name.endswith("daemon2"):
                parts = (part.partition("=") for part in text.split(","))
                text = next((value for name, _, value in parts if name.strip() in ("cmd", "command", "exec")), "")
            elif option.name.startswith("smart"):
                text = text.partition(" ")[2]
            words = split_word(Word(fill(text, variables.lookup)[0], path, option.line))
            if words:
                yield words
