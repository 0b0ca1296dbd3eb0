"""Which reader reads a file, and that no input makes one raise or hang."""

from __future__ import annotations

import pickle
import time

import pytest

from runtime_ops.facts.artifact_kinds import artifact_kind, read_artifact
from runtime_ops.facts.artifact_platforms import PlatformFile
from runtime_ops.facts.artifacts import (
    Artifact,
    ComposeFile,
    HelmValues,
    KubernetesFile,
    LoggingFile,
    NginxConfig,
    ShellScript,
    SupervisordConfig,
    UwsgiConfig,
    duration_seconds,
)

KINDS = (
    "compose", "config", "crontab", "dockerfile", "dotenv", "fly", "helm-values", "nomad", "pipfile", "pipfile-lock", "platform",
    "procfile", "pyproject", "requirements", "scheduler", "script", "setup-cfg", "setup-py", "shell", "systemd",
    "toml-lock", "yaml",
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Dockerfile", "dockerfile"),
        ("docker/web.Dockerfile", "dockerfile"),
        ("docker/Dockerfile-prod", "dockerfile"),
        ("Containerfile", "dockerfile"),
        ("Dockerfile.j2", "dockerfile"),
        ("Dockerfile.dockerignore", None),
        ("compose.yaml", "compose"),
        ("docker-compose.override.yml", "compose"),
        ("deploy/prod.compose.yml", "compose"),
        ("k8s/web.yaml", "yaml"),
        ("charts/shop/values.yaml", "helm-values"),
        ("charts/shop/values-prod.yaml", "helm-values"),
        (".github/workflows/test.yml", None),
        ("entrypoint.sh", "shell"),
        ("bin/docker-entrypoint", "script"),
        ("LICENSE", None),
        ("Makefile", None),
        ("Procfile", "procfile"),
        ("Procfile.dev", "procfile"),
        ("deploy/shop.service", "systemd"),
        ("deploy/shop.service.j2", "systemd"),
        ("etc/shop.service.d/stop.conf", "systemd"),
        ("supervisord.conf", "config"),
        ("uwsgi.ini", "config"),
        ("nginx/default.conf.template", "config"),
        ("setup.cfg", "setup-cfg"),
        ("setup.py", "setup-py"),
        ("pyproject.toml", "pyproject"),
        ("uv.lock", "toml-lock"),
        ("Pipfile.lock", "pipfile-lock"),
        ("requirements/prod.txt", "requirements"),
        ("requirements-dev.in", "requirements"),
        ("notes.txt", None),
        (".env.example", "dotenv"),
        ("web/.flaskenv", "dotenv"),
        ("docker/web.env", "dotenv"),
        ("etc/cron.d/shop", "crontab"),
        ("fly.toml", "fly"),
        ("render.yaml", "platform"),
        ("DCOS/marathon-web.json", "scheduler"),
        ("DCOS/manifest/web.json", "scheduler"),
        ("web/manifest.json", None),
        ("jobs/web.nomad.hcl", "nomad"),
        ("package.json", None),
        ("app/main.py", None),
        ("windows\\Dockerfile", "dockerfile"),
    ],
)
def test_kind_by_name(path: str, kind: str | None) -> None:
    assert artifact_kind(path) == kind


@pytest.mark.parametrize(
    ("kind", "path", "text", "made"),
    [
        ("yaml", "a.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}\n", KubernetesFile),
        ("yaml", "a.yaml", "services:\n  web:\n    image: x\n", ComposeFile),
        ("yaml", "a.yaml", "uwsgi:\n  master: true\n", UwsgiConfig),
        ("yaml", "mkdocs.yml", "site_name: x\nnav: []\n", None),
        ("yaml", "crd.yaml", "apiVersion: v1\nkind: CustomResourceDefinition\nspec:\n  containers: x\n", None),
        ("yaml", "sa.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\n", None),
        ("yaml", "skaffold.yaml", "apiVersion: skaffold/v4\nkind: Config\n", None),
        ("helm-values", "values.yaml", "a: 1\n", HelmValues),
        ("compose", "stack.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n", KubernetesFile),
        ("platform", "k8s/app.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}\n", KubernetesFile),
        ("platform", "app.yaml", "runtime: python312\nentrypoint: gunicorn app:app\n", PlatformFile),
        ("platform", ".do/app.yaml", "name: x\nservices:\n- name: web\n  run_command: gunicorn app:app\n", PlatformFile),
        ("config", "a.conf", "[program:web]\ncommand=x\n", SupervisordConfig),
        ("config", "a.ini", "[uwsgi]\nmaster=1\n", UwsgiConfig),
        ("config", "a.conf", "server { listen 80; }\n", NginxConfig),
        ("config", "alembic.ini", "[alembic]\nscript_location = x\n", None),
        ("script", "bin/run", "#!/usr/bin/env bash\nexec x\n", ShellScript),
        ("script", "bin/tool", "#!/usr/bin/env python3\nprint()\n", None),
        ("script", "entrypoint", "set -e\nexec x\n", ShellScript),
        ("script", "data", "set -e\nexec x\n", None),
        ("setup-py", "app/setup.py", "def prepare(): ...\n", None),
        ("scheduler", "ecs.json", "{}", None),
    ],
)
def test_kind_by_text(kind: str, path: str, text: str, made: type[Artifact] | None) -> None:
    artifact = read_artifact(kind, path, text.encode())
    assert artifact is None if made is None else type(artifact) is made


def test_facts_pickle() -> None:
    text = "services:\n  web:\n    image: x\n    command: sh -c 'exec run $A'\n    healthcheck: {test: curl x}\n"
    made = read_artifact("compose", "compose.yaml", text.encode())
    assert made is not None and pickle.loads(pickle.dumps(made)) == made


def test_unknown_kind_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="got the kind 'wibble'"):
        read_artifact("wibble", "x", b"")


def test_bytes_that_are_no_text() -> None:
    bad = read_artifact("dockerfile", "Dockerfile", b"FROM x\n# caf\xe9\n")
    assert bad is not None and (bad.unread[0].line, bad.unread[0].reason) == (2, "not UTF-8: byte 0xe9")
    null = read_artifact("shell", "x.sh", b"a\nb\0\n")
    assert null is not None and null.unread[0].line == 2
    assert read_artifact("script", "bin/tool", b"\x7fELF\0\xff") is None, "a program, not a script"
    large = read_artifact("yaml", "x.yaml", b"a" * 2_000_001)
    assert large is not None and "more than 2,000,000" in large.unread[0].reason


def test_byte_order_mark_and_line_ends() -> None:
    made = read_artifact("dockerfile", "Dockerfile", '\ufeffFROM x\r\nCMD ["a"]\r\n'.encode())
    assert made is not None and made.unread == ()


def test_many_faults_are_cut() -> None:
    made = read_artifact("compose", "c.yaml", b"services:\n  a:\n    image: x\n" + b"    image: y\n" * 100)
    assert made is not None and len(made.unread) == 21 and made.unread[-1].reason == "and 80 more"


HOSTILE = {
    "empty": "",
    "one line": "x" * 1_900_000,
    "brackets": "[" * 10_000,
    "braces": "{" * 10_000,
    "parentheses": "(" * 10_000,
    "substitutions": "$(" * 10_000 + ")" * 10_000,
    "nested quotes": '"$(' * 5_000,
    "nested defaults": "${A:-" * 10_000 + "}" * 10_000,
    "quoted defaults": '"${A:-' * 3_000 + '}"' * 3_000,
    "open quote": "a '" * 99_999,
    "backslashes": "\\" * 200_000,
    "continuations": "RUN a \\\n" * 12_000,
    "here-documents": "cat <<A\n" * 20_000,
    "dockerfile here-documents": "FROM x\n" + "RUN <<A\n" * 20_000,
    "if": "if a; then\n" * 10_000,
    "case": "case a in a) " * 10_000,
    "pipes": "a|" * 12_000,
    "semicolons": "a;" * 12_000,
    "templates": "{{ " * 12_000,
    "closed templates": "a: {{ x }}\n" * 8_000,
    "with": "{{ with .Values.a }}\n" * 10_000,
    "inject": "{{ toYaml .Values.a | nindent 4 }}\n" * 5_000,
    "quotes in a template": "a: {{ " + '"' * 100_000 + "\n",
    "sections": "[a]\n" * 12_000,
    "options": "[program:a]\n" + "command=x\n" * 12_000,
    "indented": "[a]\nb=c\n" + " d\n" * 20_000,
    "documents": "---\n" * 12_000,
    "keys": "a: 1\n" * 12_000,
    "list": "- a\n" * 25_000,
    "deep list": "- " * 10_000,
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"k{n}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)),
    "merges": "a: &a {x: 1}\n"
    + "".join(f"k{n}: &{chr(98 + n)} {{<<: [{','.join(['*' + chr(97 + n)] * 9)}]}}\n" for n in range(20)),
    "circle": "a: &a [*a]\n",
    "variables": "A=" + "${A}" * 100_000,
    "dotenv quotes": 'A="\n' * 20_000,
    "tabs": "\t" * 100_000,
    "json": '{"containerDefinitions":' * 3_000,
    "toml": "a = " + "[" * 20_000,
    "toml tables": "[[package]]\n" * 12_000,
    "requirement": "a" + "[" * 12_000,
    "python": "setup(" * 5_000,
    "hcl": 'a "' * 20_000,
    "hcl blocks": "a {\n" * 5_000,
    "cron": "* " * 12_000,
    "control characters": "a: \x01\x02\x7f\n\x85\u2028",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_input_makes_a_reader_raise_or_hang(name: str) -> None:
    """The reader's own safety net turns an exception into a reason; it must not be what holds here."""
    data = HOSTILE[name].encode()
    prefixes = {"yaml": b"apiVersion: v1\nkind: Pod\n", "scheduler": b""}
    for kind in KINDS:
        started = time.monotonic()
        made = read_artifact(kind, f"charts/a/templates/{kind}", prefixes.get(kind, b"") + data)
        assert time.monotonic() - started < 5, f"{kind} takes too long on {name}"
        if made is not None:
            assert not [u for u in made.unread if "reader failed" in u.reason]
            assert all(u.line >= 1 for u in made.unread)
            pickle.dumps(made)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("1.5s", 1.5), ("1m30s", 90), ("500ms", 0.5), ("1min 30s", 90), ("2h", 7200), ("x", None), ("", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


YAML_LOGGING = """version: 1
handlers:
  console: {class: logging.StreamHandler, level: ERROR}
loggers:
  orders:
    level: INFO
    propagate: no
    handlers: [console]
root: {level: WARNING}
"""
INI_LOGGING = """[loggers]
keys = root, orders

[handlers]
keys = console

[handler_console]
class = StreamHandler
level = ERROR
args = (sys.stderr,)

[logger_root]
level = WARNING
handlers =

[logger_orders]
level = INFO
qualname = orders
propagate = 0
handlers = console
"""


@pytest.mark.parametrize(
    ("kind", "path", "text", "line"),
    [
        ("yaml", "logging.yaml", YAML_LOGGING, 5),
        ("config", "logging.conf", YAML_LOGGING, 5),
        ("config", "logging.ini", INI_LOGGING, 16),
    ],
)
def test_a_configuration_of_logging_is_read(kind: str, path: str, text: str, line: int) -> None:
    made = read_artifact(kind, path, text.encode())
    assert isinstance(made, LoggingFile)
    logger = next(x for x in made.loggers if x.name == "orders")
    assert (logger.level, logger.handlers, logger.propagate, logger.line) == ("INFO", ("console",), False, line)
    assert [(x.name, x.kind, x.selective) for x in made.handlers] == [("console", "logging.StreamHandler", True)]
    assert next(x for x in made.loggers if x.name == "root").propagate is None
