"""Reads Apache configurations that serve Python by mod_wsgi. Source: mod_wsgi's documentation, "WSGIScriptAlias",
"WSGICallableObject"."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import PlatformFile, Program, Value
from runtime_ops.facts.commands import exec_command

_ALIAS = re.compile(r"^[ \t]*WSGIScriptAlias(?:Match)?[ \t]+(\S+)[ \t]+[\"']?([^\s\"']+)", re.MULTILINE | re.IGNORECASE)
_CALLABLE = re.compile(r"^[ \t]*WSGICallableObject[ \t]+[\"']?([\w.]+)", re.MULTILINE | re.IGNORECASE)


def is_apache_wsgi(text: str) -> bool:
    """Whether a configuration serves a Python application by mod_wsgi."""
    return "WSGIScriptAlias" in text and _ALIAS.search(text) is not None


def read_apache(path: str, text: str) -> PlatformFile:
    """The applications of a configuration, each as the command ``mod_wsgi FILE:NAME``; ``name`` is the path that it is served at.
    One callable name is that of all applications; of several, nobody says here which is whose."""
    names = set(_CALLABLE.findall(text))
    attribute = names.pop() if len(names) == 1 else "application"
    programs: dict[str, Program] = {}
    for found in _ALIAS.finditer(text):
        line = text.count("\n", 0, found.start(1)) + 1
        words = [Value(word, line, line) for word in ("mod_wsgi", f"{found.group(2)}:{attribute}")]
        programs.setdefault(found.group(2), Program(found.group(1), "wsgi", line, line, exec_command(words, line, line)))
    return PlatformFile(path=path, platform="apache", programs=tuple(programs.values()))
