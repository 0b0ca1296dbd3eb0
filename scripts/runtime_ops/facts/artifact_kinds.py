"""Which reader reads a file, and the one entry to all readers.

`artifact_kind` looks at the name only, so that discovering files costs nothing; `read_artifact` looks at the text
before it parses, since most YAML, ini and extensionless files of a repository say nothing about a process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from runtime_ops.facts.apache import is_apache_wsgi, read_apache
from runtime_ops.facts.artifacts import Artifact, KubernetesFile, Unread
from runtime_ops.facts.compose import read_compose
from runtime_ops.facts.dockerfile import read_dockerfile
from runtime_ops.facts.dotenv import read_dotenv
from runtime_ops.facts.kubernetes import read_helm_values, read_kubernetes
from runtime_ops.facts.logging_file import is_logging_ini, is_logging_yaml, read_logging_ini, read_logging_yaml
from runtime_ops.facts.nginx import is_nginx, read_nginx
from runtime_ops.facts.platforms import read_platform
from runtime_ops.facts.procfile import read_crontab, read_procfile
from runtime_ops.facts.schedulers import read_scheduler
from runtime_ops.facts.shell import interpreter_of, read_shell
from runtime_ops.facts.supervisord import is_supervisord, read_supervisord
from runtime_ops.facts.systemd import read_systemd
from runtime_ops.facts.uwsgi import is_uwsgi_ini, is_uwsgi_yaml, read_uwsgi, read_uwsgi_yaml
from runtime_ops.facts.yacron import is_yacron, read_yacron

MAX_BYTES = 2_000_000
MAX_LOCK_BYTES = 8_000_000
_MAX_UNREAD = 20
_TEMPLATE_SUFFIX = re.compile(r"\.(?:j2|jinja|jinja2|tpl|tmpl|template|dist|sample|example|in|erb)\Z", re.IGNORECASE)

_NAMES: dict[str, str] = {
    "procfile": "procfile",
    "pyproject.toml": "pyproject",
    "setup.cfg": "setup-cfg",
    "setup.py": "setup-py",
    "pipfile": "pipfile",
    "pipfile.lock": "pipfile-lock",
    "uv.lock": "toml-lock",
    "poetry.lock": "toml-lock",
    "pdm.lock": "toml-lock",
    "pylock.toml": "toml-lock",
    "render.yaml": "platform",
    "render.yml": "platform",
    "app.yaml": "platform",
    "app.yml": "platform",
    "heroku.yml": "platform",
    "fly.toml": "fly",
    "crontab": "crontab",
    "down-signal": "down-signal",
}
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"(?:dockerfile|containerfile)(?:[._-].*)?\Z", "dockerfile"),
        (r".+\.(?:dockerfile|containerfile)\Z", "dockerfile"),
        (r"procfile[._-](?!sh\Z).+\Z", "procfile"),
        (r"fly\.[\w.-]+\.toml\Z", "fly"),
        (r"pylock\.[\w.-]+\.toml\Z", "toml-lock"),
        (r"(?:docker-)?(?:compose|stack)(?:[._-].*)?\.ya?ml\Z", "compose"),
        (r".*[._-]compose(?:[._-].*)?\.ya?ml\Z", "compose"),
        (r"values(?:[._-].*)?\.ya?ml\Z", "helm-values"),
        (r".*\.(?:yaml|yml)\Z", "yaml"),
        (r".*(?:requirements|constraints)[\w.-]*\.(?:txt|in)\Z", "requirements"),
        (r"(?:\.(?:flask)?env(?:[._-].*)?|.*\.env|env[._-](?:example|sample|template|dist))\Z", "dotenv"),
        (r".*\.service\Z", "systemd"),
        (r".*\.(?:crontab|cron)\Z", "crontab"),
        (r".*\.(?:sh|bash|ksh)\Z", "shell"),
        (r".*\.nomad(?:\.hcl)?\Z", "nomad"),
        (r".*\.(?:conf|ini|cfg)\Z|nginx[\w.-]*\Z|supervisord?[\w.-]*\Z", "config"),
        (r".*(?:marathon|ecs|task[-_]?def|dcos).*\.json\Z", "scheduler"),
    )
)
_SCHEDULER_FOLDERS = frozenset(("dcos", "marathon", "ecs"))
_NEVER = (".py", ".md", ".rst", ".lock", ".dockerignore", ".patch", ".diff", ".orig", ".html", ".png", ".svg")
_NOT_SHELL = frozenset(
    ("license", "licence", "copying", "notice", "authors", "contributors", "readme", "changelog", "changes", "makefile",
     "gemfile", "rakefile", "vagrantfile", "jenkinsfile", "codeowners", "maintainers", "version", "install", "todo",
     "news", "history", "manifest", "brewfile", "justfile", "tiltfile", "earthfile", "caddyfile", "head", "pkg-info",
     "record", "wheel", "installer", "requested", "py.typed"),
)  # fmt: skip
_SHELL_WORDS = re.compile(r"^[ \t]*(?:set -[a-z]|exec |if \[|case \"?\$|export |\. |source )", re.MULTILINE)

_API_VERSION = re.compile(r"^[ \t-]*[\"']?apiVersion[\"']?\s*:", re.MULTILINE)
_KIND = re.compile(r"^[ \t-]*[\"']?kind[\"']?\s*:\s*[\"']?([A-Za-z]+)", re.MULTILINE)
_CONTAINERS = re.compile(r"^[ \t-]*containers\s*:", re.MULTILINE)
_KINDS = frozenset(
    ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "DeploymentConfig", "Rollout", "Job",
     "CronJob", "ScaledJob", "Pod", "Service", "Ingress", "VirtualService", "ConfigMap", "Secret", "SealedSecret",
     "ExternalSecret", "HorizontalPodAutoscaler", "ScaledObject", "Kustomization", "Component", "List", "ClowdApp"),
)  # fmt: skip
_SERVICES = re.compile(r"^services\s*:", re.MULTILINE)
_IMAGE_OR_BUILD = re.compile(r"^[ \t]+(?:image|build|extends)\s*:", re.MULTILINE)
_INCLUDES_ONLY = re.compile(r"^\{\{-?\s*(?:include|template)\s", re.MULTILINE)


def artifact_kind(relative_path: str) -> str | None:
    """The kind of reader for a file, by its path with ``/`` only; None when no reader wants it.

    Some kinds are a guess that `read_artifact` settles by the text: ``yaml`` (Kubernetes, compose, uWSGI or nothing),
    ``config`` (supervisord, uWSGI, nginx, systemd drop-in or nothing), ``script`` (extensionless: shell or nothing).
    """
    path = relative_path.replace("\\", "/")
    name = path.rsplit("/", 1)[-1]
    lowered = name.lower()
    parts = path.split("/")
    if ".github" in parts[:-1] and any(part in ("workflows", "actions", "ISSUE_TEMPLATE") for part in parts):
        return None
    if lowered in _NAMES:
        return _NAMES[lowered]
    if lowered.endswith(_NEVER):
        return None
    if ".service.d/" in path and lowered.endswith(".conf"):
        return "systemd"
    if "cron.d" in parts[:-1] and "." not in name:
        return "crontab"
    if parts[-2:-1] == ["requirements"] and lowered.endswith((".txt", ".in")):
        return "requirements"
    found = _by_pattern(lowered)
    if found is None and lowered.endswith(".json") and _SCHEDULER_FOLDERS.intersection(p.lower() for p in parts[:-1]):
        return "scheduler"
    if found is None and _TEMPLATE_SUFFIX.search(lowered):
        found = _by_pattern(_TEMPLATE_SUFFIX.sub("", lowered))
    if found is None and "." not in name and lowered not in _NOT_SHELL and not name.startswith("."):
        return "script"
    return found


def _by_pattern(name: str) -> str | None:
    return next((kind for pattern, kind in _PATTERNS if pattern.match(name)), None)


def read_artifact(kind: str, path: str, data: bytes) -> Artifact | None:
    """The facts of a file; None when its text turns out to be nothing that any reader wants.

    ``kind`` as `artifact_kind` gave it, ``path`` relative with ``/``. Never raises on bad input: what is not read is in
    ``unread`` with line and reason, an `Artifact` without facts when nothing was.
    """
    limit = MAX_LOCK_BYTES if kind.endswith("-lock") else MAX_BYTES
    if len(data) > limit:
        return Artifact(path=path, unread=(Unread(1, f"{len(data):,} bytes, more than {limit:,}"),))
    sure = kind not in ("yaml", "config", "script", "helm-values", "scheduler")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not sure:
            return None
        line = data.count(b"\n", 0, error.start) + 1
        return Artifact(path=path, unread=(Unread(line, f"not UTF-8: byte 0x{data[error.start]:02x}"),))
    if "\0" in text:
        if not sure:
            return None
        line = text.count("\n", 0, text.index("\0")) + 1
        return Artifact(path=path, unread=(Unread(line, "holds a null byte"),))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = _READERS.get(kind)
    if reader is None:
        raise ValueError(f"got the kind {kind!r}, expected one of {', '.join(sorted(_READERS))}")
    try:
        made = reader(path, text)
    except Exception as error:  # one strange file must not end the audit of all others; it is reported as unread
        return Artifact(path=path, unread=(Unread(1, f"the {kind} reader failed: {type(error).__name__}: {error}"),))
    if made is not None and len(made.unread) > _MAX_UNREAD:
        more = Unread(made.unread[_MAX_UNREAD].line, f"and {len(made.unread) - _MAX_UNREAD} more")
        made = replace(made, unread=(*made.unread[:_MAX_UNREAD], more))
    return made


# ---------------------------------------------------------------- kinds that the text settles


def _read_yaml(path: str, text: str) -> Artifact | None:
    if _holds_kubernetes(path, text):
        made = read_kubernetes(path, text)
        return made if made is not None and _says_something(made) else None
    if _SERVICES.search(text) and _IMAGE_OR_BUILD.search(text):
        return read_compose(path, text)
    if is_logging_yaml(text):
        return read_logging_yaml(path, text)
    if is_yacron(text):
        return read_yacron(path, text)
    return read_uwsgi_yaml(path, text) if is_uwsgi_yaml(text) else None


def _holds_kubernetes(path: str, text: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    if name in ("kustomization.yaml", "kustomization.yml"):
        return True
    if "/templates/" in f"/{path}" and _INCLUDES_ONLY.search(text):
        return True
    if not _API_VERSION.search(text):
        return False
    kinds = set(_KIND.findall(text))
    return bool(kinds & _KINDS) or any(kind.endswith("List") for kind in kinds) or (
        bool(kinds) and "CustomResourceDefinition" not in kinds and _CONTAINERS.search(text) is not None
    )  # fmt: skip


def _says_something(made: KubernetesFile) -> bool:
    facts = (made.workloads, made.services, made.ingresses, made.key_values, made.autoscalers, made.unread)
    return any(facts) or made.kustomization is not None


def _read_compose(path: str, text: str) -> Artifact | None:
    if _API_VERSION.search(text):
        return _read_yaml(path, text)
    return read_compose(path, text)


def _read_platform(path: str, text: str) -> Artifact | None:
    """``app.yaml`` is App Engine's name for its settings, and many a repository's for a Deployment."""
    made = None if _holds_kubernetes(path, text) else read_platform(path, text)
    return made if made is not None else _read_yaml(path, text)


def _read_helm_values(path: str, text: str) -> Artifact | None:
    return _read_yaml(path, text) if _API_VERSION.match(text) else read_helm_values(path, text)


def _read_config(path: str, text: str) -> Artifact | None:
    if text.startswith("#!"):  # a script with such a name: ``supervisord-startup``
        return _read_script(path, text)
    if is_supervisord(text):
        return read_supervisord(path, text)
    if is_uwsgi_ini(text):
        return read_uwsgi(path, text)
    if is_apache_wsgi(text):
        return read_apache(path, text)
    if is_logging_ini(text):
        return read_logging_ini(path, text)
    if is_logging_yaml(text):  # the name says nothing of the syntax
        return read_logging_yaml(path, text)
    return read_nginx(path, text) if is_nginx(text) else None


def _read_script(path: str, text: str) -> Artifact | None:
    first = text[:500].split("\n", 1)[0]
    if first.startswith("#!"):
        return read_shell(path, text) if interpreter_of(first) else None
    name = path.rsplit("/", 1)[-1].lower()
    if ("entrypoint" in name or "start" in name or name in ("run", "boot", "release")) and _SHELL_WORDS.search(text):
        return read_shell(path, text)
    if name.startswith(("nginx", "supervisor")) or "nginx" in path or "sites-" in path:
        return _read_config(path, text)
    return None


def _late(module: str, function: str) -> Callable[[str, str], Artifact | None]:
    """A reader whose module is loaded when first used: `packaging` and `tomllib` take time to import."""

    def read(path: str, text: str) -> Artifact | None:
        from importlib import import_module

        made: Artifact | None = getattr(import_module(f"runtime_ops.facts.{module}"), function)(path, text)
        return made

    return read


def _read_setup_py(path: str, text: str) -> Artifact | None:
    if "setup(" not in text.replace(" ", ""):
        return None  # a module of that name which packages nothing
    return _late("setup_py", "read_setup_py")(path, text)


_READERS: dict[str, Callable[[str, str], Artifact | None]] = {
    "compose": _read_compose,
    "config": _read_config,
    "crontab": read_crontab,
    "dockerfile": read_dockerfile,
    "down-signal": _late("service_folders", "read_down_signal"),
    "dotenv": read_dotenv,
    "fly": _late("fly", "read_fly"),
    "helm-values": _read_helm_values,
    "nomad": _late("nomad", "read_nomad"),
    "pipfile": _late("packaging_files", "read_pipfile"),
    "pipfile-lock": _late("lock_files", "read_pipfile_lock"),
    "platform": _read_platform,
    "procfile": read_procfile,
    "pyproject": _late("packaging_files", "read_pyproject"),
    "requirements": _late("packaging_files", "read_requirements"),
    "scheduler": read_scheduler,
    "script": _read_script,
    "setup-cfg": _late("packaging_files", "read_setup_cfg"),
    "setup-py": _read_setup_py,
    "shell": read_shell,
    "systemd": read_systemd,
    "toml-lock": _late("lock_files", "read_toml_lock"),
    "yaml": _read_yaml,
}
