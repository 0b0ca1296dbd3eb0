"""The drill's options: one field each, from which the command line, `drill.toml` and `--help` are made."""

# `option` makes a field, as `dataclasses.field` does, which the rule does not know.
# ruff: noqa: RUF009

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

KINDS = ("auto", "service", "worker", "job", "cli")


class WrongOption(Exception):
    """An option that cannot be used; the text says what was got, what was expected, and where."""


def option(default: Any, help: str, metavar: str = "") -> Any:
    """A dataclass field that carries its help. A list default makes an option that may be repeated."""
    metadata = {"help": help, "metavar": metavar}
    if isinstance(default, list):
        return field(default_factory=list, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Dependency:
    """Something the program connects to: its true address, and the variable that tells the program where it is."""

    name: str
    host: str
    port: int
    variable: str


@dataclass(frozen=True)
class Options:
    """What the user asked for. Times are seconds. `{port}` and `{scratch}` may stand in every text: see `fill`."""

    command: list[str] = option([], "the program and its arguments (after --)")
    entrypoint: str = option("", "id of the audit's entrypoint that this command starts; kept in the report", "ID")
    kind: str = option("auto", "what the program is; auto: a cli when it ends by itself, otherwise seen", "KIND")
    cwd: str = option("", "folder the program is run in (default: here; in drill.toml: beside that file)", "DIR")
    scenario: list[str] = option([], "run only this scenario (may be repeated)", "SCENARIO")
    skip: list[str] = option([], "leave this scenario out (may be repeated)", "SCENARIO")

    env: list[str] = option([], "NAME=VALUE for the program; NAME alone passes on your own value", "NAME[=VALUE]")
    env_file: list[str] = option([], "file with NAME=VALUE lines for the program", "FILE")
    inherit_env: bool = option(False, "pass your whole environment on, without what looks like a secret")
    required: list[str] = option([], "variable without which the program must refuse to start", "NAME")
    number: list[str] = option([], "variable that must be a number (found by itself from its value)", "NAME")
    url: list[str] = option([], "variable that must be a URL (found by itself from its value)", "NAME")

    ready_port: int = option(0, "ready when it listens on this TCP port (default: found; {port} is a free one)", "N")
    ready_probe: str = option("", "ready when this URL or path answers 2xx", "URL")
    ready_log: str = option("", "ready when a line of output matches", "REGEX")
    ready_after: float = option(0.0, "ready when alive this long", "SECONDS")
    readiness: str = option("", "URL or path of the readiness probe", "URL")
    liveness: str = option("", "URL or path of the liveness probe", "URL")
    metrics: str = option("", "URL or path of the metrics (Prometheus text)", "URL")

    startup_limit: float = option(30.0, "seconds until it must be ready", "SECONDS")
    config_limit: float = option(10.0, "seconds within which wrong configuration must end it", "SECONDS")
    grace: float = option(10.0, "seconds from SIGTERM to exit (Docker's default; Kubernetes has 30)", "SECONDS")
    probe_limit: float = option(10.0, "seconds until a probe must tell the truth about a dependency", "SECONDS")
    probe_timeout: float = option(1.0, "timeout of one probe (Kubernetes' default)", "SECONDS")
    deadline: float = option(10.0, "seconds within which a request with a hung dependency must end", "SECONDS")
    job_limit: float = option(30.0, "seconds within which a failing job must reach its terminal state", "SECONDS")
    total_limit: float = option(300.0, "seconds for all scenarios; what is left then is not assessed", "SECONDS")
    accept_code: list[int] = option([], "exit code that is right after SIGTERM (default: 0, 143, -15)", "N")
    accept_left: list[str] = option([], "temporary file that may stay after exit (pattern)", "GLOB")
    allow_unhandled: bool = option(False, "accept a program that leaves SIGTERM to the kernel")

    load_path: str = option("", "URL or path of the requests in flight (best one that takes 1 to 3 s)", "URL")
    load_clients: int = option(8, "how many requests are in flight", "N")
    load_command: str = option("", "command that makes load, for example puts jobs in", "COMMAND")
    load_check: str = option("", "command that ends 0 when the work in flight was done or given back", "COMMAND")
    error_path: str = option("", "URL or path of a request that fails with 5xx", "URL")
    correlation_header: str = option("", "header whose value must be in every log line of a request", "NAME")
    output: str = option("", "file the program writes; must never be seen half-written", "FILE")
    dependency: list[str] = option([], "what the program connects to: NAME=host:port:ENVVAR", "SPEC")
    job_command: str = option("", "command that puts in a job that always fails ({token} names the job)", "COMMAND")
    terminal_check: str = option("", "command that ends 0 when the failing job is in its terminal state", "COMMAND")
    attempt_log: str = option("", "pattern of the log line of one attempt (default: lines with {token})", "REGEX")

    pid1: bool = option(False, "run as process 1 of a PID namespace of its own, as in a container")
    shell_form: bool = option(False, "run through `/bin/sh -c`, as the shell form of a Dockerfile's CMD does")
    allow_remote: bool = option(False, "allow probes, load and dependencies beyond loopback")
    seed: int = option(1, "seed of the random moments", "N")

    def accepted(self) -> list[int]:
        """Exit codes that are right after SIGTERM: done, 128+15 as shells say it, and ended by SIGTERM itself."""
        return self.accept_code or [0, 143, -15]

    def dependencies(self) -> list[Dependency]:
        """The parsed `--dependency` options. Raises WrongOption."""
        return [_dependency(text) for text in self.dependency]


def flag(spec: Field[Any]) -> str:
    """The command-line flag of an option, and its key in `drill.toml` without the dashes."""
    return "--" + spec.name.replace("_", "-")


def _dependency(text: str) -> Dependency:
    match = re.fullmatch(r"([\w.-]+)=(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d+):(\w+)", text)
    if not match:
        raise WrongOption(f"--dependency {text!r}: expected NAME=host:port:ENVVAR, like db=127.0.0.1:5432:DATABASE_URL")
    return Dependency(match[1], match[2].strip("[]"), int(match[3]), match[4])


def _typed(spec: Field[Any], value: Any, where: str) -> Any:
    """One value of a TOML file in the type of its option."""
    example = spec.default_factory() if callable(spec.default_factory) else spec.default
    key = flag(spec)[2:]
    if spec.name in ("env",) and isinstance(value, dict):
        return [f"{name}={item}" for name, item in value.items()]
    if spec.name == "command" and isinstance(value, str):
        return shlex.split(value)
    if isinstance(example, list):
        if isinstance(value, list):
            return value if spec.name == "accept_code" else [str(item) for item in value]
        return [value]
    if isinstance(example, bool) or isinstance(value, bool):
        if not (isinstance(example, bool) and isinstance(value, bool)):
            raise WrongOption(f"{where}: {key} = {value!r}: expected {type(example).__name__}")
        return value
    if isinstance(example, float) and isinstance(value, int):
        return float(value)
    if type(value) is not type(example):
        raise WrongOption(f"{where}: {key} = {value!r}: expected {type(example).__name__}")
    return value


def read_file(path: Path) -> dict[str, Any]:
    """The options of a `drill.toml`, by field name. Raises WrongOption for what is unknown or of a wrong type."""
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongOption(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongOption(f"{path}: is not valid TOML: {error}") from None
    known = {flag(spec)[2:]: spec for spec in fields(Options)}
    found = {}
    for key, value in text.items():
        if key not in known:
            raise WrongOption(f"{path}: unknown key {key!r}; known are: {', '.join(known)}")
        found[known[key].name] = _typed(known[key], value, str(path))
    base = path.resolve().parent
    found["cwd"] = str(base / found.get("cwd", "."))
    found["env_file"] = [str(base / name) for name in found.get("env_file", [])]
    return found


def merged(from_file: Mapping[str, Any], from_line: Mapping[str, Any]) -> Options:
    """Options of both sources: the command line wins; lists of the file and the line are joined, but the command."""
    values = dict(from_file)
    for name, value in from_line.items():
        if value in (None, [], False):
            continue
        joined = isinstance(value, list) and name not in ("command", "scenario", "skip", "accept_code")
        values[name] = [*values.get(name, []), *value] if joined else value
    options = Options(**values)
    return replace(options, cwd=os.path.abspath(options.cwd or "."))


def check(options: Options) -> None:
    """Refuse what cannot be run. Raises WrongOption."""
    if not options.command:
        raise WrongOption("no command: expected `drill.py [options] -- COMMAND…`, or `command = […]` in drill.toml")
    if options.kind not in KINDS:
        raise WrongOption(f"--kind {options.kind!r}: expected one of {', '.join(KINDS)}")
    if not os.path.isdir(options.cwd):
        raise WrongOption(f"--cwd {options.cwd}: there is no such folder")
    for spec in fields(options):
        value = getattr(options, spec.name)
        if isinstance(value, float) and value < 0:
            raise WrongOption(f"{flag(spec)} {value}: expected a number of seconds from 0 up")
    for name in ("ready_log", "attempt_log"):
        try:
            re.compile(getattr(options, name))
        except re.error as error:
            raise WrongOption(f"--{name.replace('_', '-')}: is no regular expression: {error}") from None
    remote = [d.host for d in options.dependencies() if not loopback(d.host)]
    for url in (
        options.ready_probe,
        options.readiness,
        options.liveness,
        options.metrics,
        options.load_path,
        options.error_path,
    ):
        host = re.match(r"https?://(\[[^]]+\]|[^/:]+)", url)
        if host and not loopback(host[1]):
            remote.append(host[1])
    if remote and not options.allow_remote:
        raise WrongOption(f"{', '.join(remote)}: is not on loopback; --allow-remote lets the drill connect to it")


def loopback(host: str) -> bool:
    """Whether a host name or address is this machine's loopback."""
    host = host.strip("[]")
    return host in ("localhost", "::1") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", host))


def fill(text: str, port: int, scratch: str, token: str = "") -> str:
    """Put the free port, the run's own folder and the job's token where `{port}`, `{scratch}`, `{token}` stand."""
    return text.replace("{port}", str(port)).replace("{scratch}", scratch).replace("{token}", token)
