"""Reads uWSGI options of ini and YAML files. Source: uWSGI's "Configuring uWSGI"."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import OptionSection, Setting, UwsgiConfig
from runtime_ops.facts.ini_sections import read_sections
from runtime_ops.facts.yaml_nodes import Node, Scalar, items_of, pairs_of, parse_yaml

_INI = re.compile(r"^[ \t]*\[uwsgi(?::[^\]]*)?\]", re.MULTILINE)
_YAML = re.compile(r"^uwsgi:\s*$", re.MULTILINE)
_APPLICATION = re.compile(r"^[ \t]+(?:module|wsgi|wsgi-file|mount)\s*:", re.MULTILINE)
_OF_A_SERVER = re.compile(
    r"^[ \t]+(?:master|chmod-socket|http-socket|uwsgi-socket|harakiri|buffer-size|die-on-term|pyargv|virtualenv)\s*:", re.MULTILINE
)
"""Options that no other configuration has beside one that names an application."""


def is_uwsgi_ini(text: str) -> bool:
    """Whether an ini text has a uWSGI section."""
    return _INI.search(text) is not None


def is_uwsgi_yaml(text: str) -> bool:
    """Whether a YAML text is a uWSGI configuration."""
    named = _YAML.search(text) is not None
    return named or (_APPLICATION.search(text) is not None and _OF_A_SERVER.search(text) is not None)


def read_uwsgi(path: str, text: str) -> UwsgiConfig:
    """The options of an ini file. Never raises on bad text."""
    sections, unread = read_sections(text, bare="true", inline_comments=True)
    named = tuple(
        OptionSection("uwsgi", section.options, section.line, section.end_line)
        if section.name.startswith("uwsgi:")
        else section
        for section in sections
    )
    return UwsgiConfig(path=path, unread=tuple(unread), sections=named)


def read_uwsgi_yaml(path: str, text: str) -> UwsgiConfig:
    """The options of a YAML file: those of ``uwsgi:``, and of each other section that holds options (``uwsgi.yaml:prod`` names
    it)."""
    nodes, unread = parse_yaml(text)
    sections = []
    for node in nodes:
        for name, section in pairs_of(node):
            options: list[Setting] = []
            for key, value in pairs_of(section):
                scalars: list[Node] = [value] if isinstance(value, Scalar) else items_of(value)
                options.extend(
                    Setting(key.text, item.value, key.line if isinstance(value, Scalar) else item.line, item.end_line)
                    for item in scalars
                    if isinstance(item, Scalar)
                )
            if options:
                sections.append(OptionSection(name.text, tuple(options), name.line, section.end_line))
    return UwsgiConfig(path=path, unread=tuple(unread), sections=tuple(sections))
