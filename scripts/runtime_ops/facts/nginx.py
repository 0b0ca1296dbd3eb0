"""Reads nginx configurations and templates of them: what is proxied where, with which time limits.

Source: nginx's module references (``proxy_read_timeout`` and its relatives: 60 s each when not set).
"""

from __future__ import annotations

import re
from dataclasses import field

from runtime_ops.facts.artifacts import (
    NginxConfig,
    NginxDirective,
    NginxProxy,
    NginxUpstream,
    Unread,
    Value,
)
from runtime_ops.facts.shell_words import Lines
from runtime_ops.plain import dataclass

_TOKEN = re.compile(
    r"#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|(?:\$\{[^}\n]{0,200}\}|\{\{[^\n]{0,200}?\}\}|\{%[^\n]{0,200}?%\}|\\.|[^\s;{}#\"'\\])+|[;{}]"
)
_NGINX = re.compile(
    r"^[ \t]*(?:server|upstream[ \t]+\S+|location[ \t]+[^;\n]+|http|stream)[ \t]*\{|^[ \t]*(?:proxy|uwsgi|grpc)_pass\s",
    re.MULTILINE,
)
_PASSES = {
    "proxy_pass": "proxy",
    "uwsgi_pass": "uwsgi",
    "fastcgi_pass": "fastcgi",
    "scgi_pass": "scgi",
    "grpc_pass": "grpc",
}
_MAX_DEPTH = 30
_MAX_DIRECTIVES = 10_000


@dataclass(slots=True)
class _Block:
    name: str
    parent: _Block | None
    line: int
    settings: dict[str, Value] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """A setting in force here: of this block or the nearest around it."""
        block: _Block | None = self
        while block is not None:
            if name in block.settings:
                return block.settings[name]
            block = block.parent
        return None

    def path(self) -> tuple[str, ...]:
        names: list[str] = []
        block: _Block | None = self
        while block is not None and block.parent is not None:
            names.append(block.name)
            block = block.parent
        return tuple(reversed(names))


def is_nginx(text: str) -> bool:
    """Whether a text looks like an nginx configuration."""
    return _NGINX.search(text) is not None


def read_nginx(path: str, text: str) -> NginxConfig:
    """The directives of a configuration, its upstreams and what it proxies. Never raises on bad text."""
    lines = Lines(text)
    block = _Block("", None, 1)
    words: list[tuple[str, int]] = []
    directives: list[NginxDirective] = []
    passes: list[tuple[_Block, NginxDirective]] = []
    upstreams: list[NginxUpstream] = []
    servers: list[Value] = []
    unread: list[Unread] = []
    depth = 0
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token[0] == "#" or token.startswith("{%"):
            continue
        line = lines.at(found.start())
        if token == "{":
            depth += 1
            if depth > _MAX_DEPTH or len(directives) > _MAX_DIRECTIVES:
                unread.append(Unread(line, f"blocks nested deeper than {_MAX_DEPTH}, or too many directives"))
                break
            block = _Block(" ".join(word for word, _ in words), block, words[0][1] if words else line)
            words = []
        elif token == "}":
            if block.parent is None:
                unread.append(Unread(line, "a closing brace without its block"))
                continue
            if block.name.startswith("upstream "):
                upstreams.append(NginxUpstream(block.name.split()[1], tuple(servers), block.line, line))
                servers = []
            depth -= 1
            block, words = block.parent, []
        elif token == ";":
            if words:
                directive = NginxDirective(words[0][0], tuple(w for w, _ in words[1:]), block.path(), words[0][1], line)
                directives.append(directive)
                _note(directive, block, passes, servers)
            words = []
        else:
            words.append((token[1:-1] if token[0] in "\"'" else token, line))
    if depth and not unread:
        unread.append(Unread(block.line, f"the block {block.name[:60]!r} is not closed"))
    return NginxConfig(
        path=path,
        unread=tuple(unread),
        directives=tuple(directives),
        upstreams=tuple(upstreams),
        proxies=tuple(_proxy(where, directive) for where, directive in passes),
    )


def _note(
    directive: NginxDirective, block: _Block, passes: list[tuple[_Block, NginxDirective]], servers: list[Value]
) -> None:
    first = directive.arguments[0] if directive.arguments else ""
    if directive.name.endswith("_timeout"):
        block.settings[directive.name] = Value(first, directive.line, directive.end_line, "$" in first)
    elif directive.name in _PASSES and first:
        passes.append((block, directive))
    elif directive.name == "server" and block.name.startswith("upstream ") and first:
        servers.append(Value(first, directive.line, directive.end_line, "$" in first))


def _proxy(block: _Block, directive: NginxDirective) -> NginxProxy:
    prefix = _PASSES[directive.name]
    target = directive.arguments[0]
    location = next((name for name in reversed(block.path()) if name.startswith("location")), "")
    return NginxProxy(
        location=location.removeprefix("location").strip(),
        directive=directive.name,
        target=Value(target, directive.line, directive.end_line, "$" in target or "{{" in target),
        read_timeout=block.find(f"{prefix}_read_timeout"),
        send_timeout=block.find(f"{prefix}_send_timeout"),
        connect_timeout=block.find(f"{prefix}_connect_timeout"),
        line=directive.line,
        end_line=directive.end_line,
    )
