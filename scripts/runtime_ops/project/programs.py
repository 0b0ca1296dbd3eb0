"""From the words of a command to the program behind them: wrappers taken off, server or worker known, target found."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import UwsgiConfig
from runtime_ops.libraries.jobs import worker_program
from runtime_ops.libraries.servers import server_program
from runtime_ops.project.launch import Link, Option, Target
from runtime_ops.project.model import Module

INITS = frozenset(("tini", "tini-static", "dumb-init", "catatonit", "s6-svscan", "init"))
RUNNERS = frozenset(("poetry", "pipenv", "uv", "pdm", "hatch", "rye", "pixi", "conda", "micromamba"))
SKIP_ONE = frozenset(("gosu", "su-exec", "runuser", "setuidgid", "chpst", "timeout"))
PLAIN = frozenset(
    "env nice ionice stdbuf nohup exec time command sudo setpriv unbuffer prlimit numactl catchsegv xvfb-run "
    "opentelemetry-instrument ddtrace-run python-debugger wait-for-it dockerize doppler chamber infisical".split()
)
RELOADERS = frozenset(("watchmedo", "watchfiles", "nodemon", "hupper", "entr"))
VALUED = frozenset(
    (
        "-u",
        "-c",
        "-n",
        "-W",
        "-X",
        "--user",
        "--signal",
        "-s",
        "-k",
        "--directory",
        "--env-file",
        "--with",
        "-p",
        "--name",
    )
)
PYTHON = re.compile(r"^(?:python|pypy)[\d.]*$")
SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh"))
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
MODULE = re.compile(r"^[A-Za-z_][\w.]*(?::[\w.]+(?:\(.*\))?)?$")
SHORT: Mapping[str, Mapping[str, str]] = {
    "gunicorn": {
        "-w": "workers", "-k": "worker_class", "-b": "bind", "-t": "timeout", "-c": "config", "-n": "name", "-u": "user",
        "-g": "group", "-p": "pid", "-D": "daemon", "-e": "env", "-m": "umask",
    },
    "celery": {
        "-A": "app", "-c": "concurrency", "-Q": "queues", "-P": "pool", "-l": "loglevel", "-n": "hostname", "-B": "beat",
        "-O": "optimization", "-E": "task_events", "-b": "broker", "-s": "schedule",
    },
    "flask": {"-A": "app", "-h": "host", "-p": "port"},
    "dramatiq": {"-p": "processes", "-t": "threads", "-Q": "queues", "-P": "path"},
    "huey_consumer": {"-w": "workers", "-k": "worker_type", "-n": "no_periodic", "-g": "graceful_signal"},
    "rq": {"-u": "url", "-c": "config", "-n": "name", "-q": "quiet", "-b": "burst"},
    "locust": {"-f": "locustfile", "-H": "host", "-u": "users", "-r": "spawn_rate"},
    "uwsgi": {"-p": "processes", "-w": "module", "-M": "master", "-s": "socket", "-H": "home", "-x": "xml", "-y": "yaml"},
    "hypercorn": {"-w": "workers", "-k": "worker_class", "-b": "bind", "-c": "config", "-g": "group"},
    "waitress-serve": {},
    "uvicorn": {},
    "daphne": {"-b": "bind", "-p": "port"},
}  # fmt: skip
SWITCHES = frozenset(
    "reload preload preload_app daemon beat burst debug call no_access_log master lazy_apps die_on_term need_app enable_threads "
    "factory proxy_headers insecure no_periodic quiet verbose events task_events use_colors headless help version".split()
)

Find = Callable[[str], str | None]
"""Gives the repository's path of a file that a command names, or None."""


@dataclass(slots=True)
class Program:
    """What a command starts."""

    name: str
    argv: tuple[str, ...]
    target: Target
    server: str | None = None
    options: dict[str, Option] = field(default_factory=dict)
    init: bool = False
    reloads: bool = False


def strip_wrappers(words: Sequence[str]) -> tuple[tuple[str, ...], bool, bool]:
    """The words without wrappers; whether an init is among them, and whether a reloader is."""
    init = reloads = False
    rest = list(words)
    for _ in range(12):
        while rest and ASSIGNMENT.match(rest[0]):
            rest.pop(0)
        if not rest:
            break
        name = rest[0].rpartition("/")[2]
        if name in INITS:
            init = True
            rest = _after_options(rest[1:])
        elif name in RUNNERS and "run" in rest[1:4]:
            rest = _after_options(rest[rest.index("run") + 1 :])
        elif name in SKIP_ONE:
            rest = _after_options(rest[1:])[1:]
        elif name == "newrelic-admin":
            rest = rest[2:]
        elif name in RELOADERS:
            reloads = True
            rest = _after_separator(rest[1:])
        elif name in ("coverage", "kernprof") and len(rest) > 1:
            rest = ["python", *rest[2:]]
        elif name in PLAIN:
            rest = _after_options(rest[1:])
        else:
            break
    return tuple(rest), init, reloads


def _after_options(words: list[str]) -> list[str]:
    number = 0
    while number < len(words) and (words[number].startswith("-") or ASSIGNMENT.match(words[number])):
        if words[number] == "--":
            return words[number + 1 :]
        number += 2 if words[number] in VALUED else 1
    return words[number:]


def _after_separator(words: list[str]) -> list[str]:
    if "--" in words:
        return words[words.index("--") + 1 :]
    for number, word in enumerate(words):
        base = word.rpartition("/")[2]
        if " " in word:
            return word.split()
        if (
            PYTHON.match(base)
            or server_program((base, *words[number + 1 :]))
            or worker_program((base, *words[number + 1 :]))
        ):
            return words[number:]
    return []


def options_of(program: str, words: Sequence[str], link: Link) -> tuple[dict[str, Option], list[str]]:
    """Long option names to values, and the words that are none."""
    short = SHORT.get(program, {})
    found: dict[str, Option] = {}
    plain: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        if not word.startswith("-") or word in ("-", "--"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        key = short.get(name) or name.lstrip("-").replace("-", "_")
        if not name.startswith("--") and not equals and name not in short and name[:2] in short:
            key, value, equals = short[name[:2]], name[2:], "="
        follows = number < len(words) and not words[number].startswith("-")
        if equals:
            found[key] = Option(value, link.path, link.line)
        elif follows and key not in SWITCHES and not key.startswith("no_"):
            found[key] = Option(words[number], link.path, link.line)
            number += 1
        else:
            found[key] = Option(None, link.path, link.line)
    return found, plain


def program_of(words: Sequence[str], link: Link, find: Find, modules: Mapping[str, Module], uwsgi: Mapping[str, UwsgiConfig],
               scripts: Mapping[str, tuple[str, str]], variables: Mapping[str, str]) -> Program | None:  # fmt: skip
    """The program behind a command; None for shell built-ins and programs that have nothing to do with Python.

    ``find`` looks files up, ``scripts`` are the repository's console scripts (name to file and function), ``variables``
    those the artifacts set, for ``$X`` among the words and for FLASK_APP and the like.
    """
    argv, init, reloads = strip_wrappers([_expanded(w, variables) for w in words])
    if not argv:
        return None
    name = argv[0].rpartition("/")[2]
    rest = argv[1:]
    if PYTHON.match(name):
        return _python(argv, link, find, modules, uwsgi, scripts, variables, init, reloads)
    if name == "manage.py" or (name.endswith(".py") and (path := find(argv[0]))):
        path = find(argv[0])
        command = ("manage.py", *rest)
        row = server_program(command) or worker_program(command) if name == "manage.py" else None
        options, _ = options_of(name, rest, link)
        return Program(name, argv, Target("script", argv[0], path), row.name if row else None, options, init, reloads)
    row = server_program((name, *rest)) or worker_program((name, *_positional(rest)))
    options, plain = options_of(name, rest, link)
    made = Program(name, argv, Target("program", name), row.name if row else None, options, init, reloads)
    if name in scripts:
        path, function = scripts[name]
        made.target = Target("console-script", name, path, function)
        return made
    if row is None and name not in ("celery", "rq", "locust", "flask", "fastapi", "django-admin", "supervisord"):
        return None if name in SHELLS else made
    made.server = made.server or (name if name in ("celery", "rq", "locust") else None)
    _configured(made, link, find, modules, uwsgi)
    made.target = _app(made, plain, find, variables) or made.target
    return made


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """``$X`` and ``${X:-y}`` where a constant is known; otherwise as written."""

    def value(found: re.Match[str]) -> str:
        name, default = found.group(1) or found.group(3), found.group(2)
        if variables.get(name):
            return variables[name]
        return default if default is not None else found.group(0)

    return re.sub(r"\$\{(\w+)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)", value, word) if "$" in word else word


def _positional(words: Sequence[str]) -> tuple[str, ...]:
    """``-A app worker -l info`` → ``worker …``: a job system's subcommand may stand behind options."""
    for number, word in enumerate(words):
        if word in ("worker", "beat", "multi", "scheduler", "worker-pool", "run"):
            return tuple(words[number:])
    return tuple(words)


def _python(argv: tuple[str, ...], link: Link, find: Find, modules: Mapping[str, Module], uwsgi: Mapping[str, UwsgiConfig],
            scripts: Mapping[str, tuple[str, str]], variables: Mapping[str, str], init: bool, reloads: bool) -> Program | None:  # fmt: skip
    number = 1
    while number < len(argv) and argv[number].startswith("-"):
        option = argv[number]
        if option == "-c":
            return Program("python", argv, Target("program", "python -c"), None, {}, init, reloads)
        if option == "-m" and number + 1 < len(argv):
            module, rest = argv[number + 1], argv[number + 2 :]
            path = find_module(module, find)
            row = (
                server_program(("-m", module, *rest))
                or server_program((module, *rest))
                or worker_program((module, *_positional(rest)))
            )
            if path is None and (row is not None or module in ("celery", "rq", "flask", "gunicorn", "uvicorn")):
                return program_of((module, *rest), link, find, modules, uwsgi, scripts, variables)
            options, _ = options_of(module, rest, link)
            return Program(
                "python", argv, Target("module", module, path), row.name if row else None, options, init, reloads
            )
        number += 2 if option in ("-W", "-X") else 1
    if number >= len(argv):
        return Program("python", argv, Target("program", "python"), None, {}, init, reloads)
    script, rest = argv[number], argv[number + 1 :]
    name = script.rpartition("/")[2]
    path = find(script)
    if path is None and name == "manage.py":
        return Program("manage.py", argv, Target("script", script, None), None, {}, init, reloads)
    row = None
    if name == "manage.py":
        row = server_program(("manage.py", *rest)) or worker_program(("manage.py", *rest))
    elif path is None and not script.endswith(".py"):
        inner = program_of((script, *rest), link, find, modules, uwsgi, scripts, variables)
        if inner is not None and inner.target.kind != "program":
            return inner
    options, _ = options_of(name, rest, link)
    program = "manage.py" if name == "manage.py" else "python"
    return Program(program, argv, Target("script", script, path), row.name if row else None, options, init, reloads)


def find_module(dotted: str, find: Find) -> str | None:
    """The file of a dotted module name."""
    stem = dotted.replace(".", "/")
    return find(f"{stem}.py") or find(f"{stem}/__main__.py") or find(f"{stem}/__init__.py")


def _configured(
    made: Program, link: Link, find: Find, modules: Mapping[str, Module], uwsgi: Mapping[str, UwsgiConfig]
) -> None:
    """Options from the configuration file; those of the command line win."""
    if made.name == "gunicorn":
        given = made.options.get("config")
        path = find((given.value or "").removeprefix("file:")) if given is not None else find("gunicorn.conf.py")
        if given is not None and given.value and given.value.startswith("python:"):
            path = find_module(given.value.removeprefix("python:"), find)
        module = modules.get(path or "")
        if module is not None:
            for stmt in module.level.facts.body:
                if isinstance(stmt, m.Assign) and isinstance(stmt.targets[0], m.Name):
                    value = str(stmt.value.value) if isinstance(stmt.value, m.Const) else None
                    made.options.setdefault(stmt.targets[0].id, Option(value, module.path, stmt.line))
    if made.name in ("uwsgi", "pyuwsgi"):
        named = [o.value for key, o in made.options.items() if key in ("ini", "yaml", "json", "xml") and o.value]
        named += [word for word in made.argv[1:] if word.endswith((".ini", ".yaml", ".yml", ".json", ".xml"))]
        for name in named:
            config = uwsgi.get(find(name) or "")
            if config is not None:
                for section in config.sections:
                    for option in section.options if section.name == "uwsgi" else ():
                        key = option.name.replace("-", "_")
                        made.options.setdefault(key, Option(option.value.text, config.path, option.line))


def _app(made: Program, plain: Sequence[str], find: Find, variables: Mapping[str, str]) -> Target | None:
    """The application that a server or worker is given."""
    spec: str | None = None
    options = made.options
    if made.name in ("uwsgi", "pyuwsgi"):
        file = options.get("wsgi_file") or options.get("file")
        module = options.get("module") or options.get("wsgi")
        named = options.get("callable")
        attribute = (named.value if named is not None else None) or "application"
        if file is not None and file.value:
            return Target("app", file.value, find(file.value), attribute)
        spec = module.value if module is not None else None
        if spec and ":" not in spec:
            spec = f"{spec}:{attribute}"
    elif made.name == "celery":
        app = options.get("app")
        spec = app.value if app is not None else None
        if spec:
            module, _, attribute = spec.partition(":")
            path = find_module(module, find) or find_module(f"{module}.celery", find)
            package = find_module(f"{module}.celery", find) if not attribute else None
            if path is None:
                head, _, last = module.rpartition(".")
                return Target("app", spec, find_module(head, find) if head else None, last or "app")
            return Target("app", spec, package or path, attribute or "app")
    elif made.name in ("flask", "fastapi"):
        app = options.get("app")
        spec = (app.value if app is not None else None) or variables.get("FLASK_APP")
        words = [w for w in plain if w not in ("run", "dev")]
        spec = spec or (words[0] if words else None)
        if spec and (spec.endswith(".py") or "/" in spec):
            return Target("app", spec, find(spec), "app")
    elif made.name == "locust":
        file = options.get("locustfile")
        name = (file.value if file is not None else None) or "locustfile.py"
        return Target("script", name, find(name))
    elif made.name == "streamlit":
        words = [w for w in plain if w.endswith(".py")]
        return Target("script", words[0], find(words[0])) if words else None
    else:
        words = [w for w in plain if MODULE.match(w) and w not in ("worker", "run", "scheduler")]
        spec = words[0] if words else None
    if not spec:
        return None
    module, _, attribute = spec.partition(":")
    path = find_module(module, find)
    if path is None and not attribute and "." in module:  # module.attribute, as arq and huey take it
        head, _, attribute = module.rpartition(".")
        path = find_module(head, find)
    return Target("app", spec, path, attribute or "app")
