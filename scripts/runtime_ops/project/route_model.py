"""What a route is, and how a path is compared with the paths that routes are written with."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.texts import UNKNOWN


class Route(NamedTuple):
    """One path that a program answers.

    ``path`` is the whole URL path as far as it is known, with the prefixes of routers and mounts; variable parts as the
    framework writes them (``<int:id>``, ``{id}``), regular expressions turned into such parts, and ``{?}`` where a part
    could not be read (``dynamic`` is then true). ``kind``: ``http``, ``websocket``, ``grpc`` (path ``/Service/Method``),
    ``event`` (a message by name, as of socket.io), ``mount`` (something of a library answers below the path).
    ``methods`` is empty where any is answered. ``func`` is the function that answers; ``klass`` its class, or the class
    that answers where no method of it is the project's. ``file``, ``line`` tell where the route is registered.
    ``mounted`` is false when nothing was seen that puts the route's router under an application.
    """

    path: str
    methods: tuple[str, ...]
    func: Func | None
    klass: Klass | None
    name: str  # the handler's name: the project's, or dotted for a library's
    file: str
    line: int
    framework: str
    kind: str = "http"
    app: str = ""  # the application or router as it is written
    decorators: tuple[str, ...] = ()  # other decorators of the handler (and its class), dotted or as written
    mounted: bool = True
    port: int | None = None  # a listener of its own (``start_http_server(9000)``)
    site: m.Call | None = None  # the registering call, to look at its arguments

    @property
    def dynamic(self) -> bool:
        """Whether a part of the path could not be read."""
        return UNKNOWN in self.path

    @property
    def key(self) -> str:
        return f"{','.join(self.methods) or '*'} {self.path}"

    def answers(self, method: str) -> bool:
        """Whether a method is answered (HEAD where GET is)."""
        return not self.methods or method in self.methods or (method == "HEAD" and "GET" in self.methods)


def join(prefix: str, path: str) -> str:
    """A prefix and a path put together with one slash between them; an empty path leaves the prefix as it is."""
    if not path:
        return prefix
    if not prefix:
        return path if path.startswith(("/", UNKNOWN)) else f"/{path}"
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}"


VARIABLE = re.compile(
    r"<(?:(?P<angle>[^<>:]+(?:\([^)]*\))?):)?[^<>]*>|\{(?!\?)[^{}:]*(?::(?P<brace>(?:[^{}]|\{[^{}]*\})*))?\}"
)


@cache
def pattern(path: str) -> re.Pattern[str]:
    """A regular expression for the paths that a route's path stands for; a slash at the end may be there or not."""
    text = path.rstrip("/") or "/"
    parts: list[str] = []
    end = 0
    for found in VARIABLE.finditer(text):
        parts.append(_literal(text[end : found.start()]))
        converter = found.group("angle") or found.group("brace") or ""
        if converter in ("path", "fullpath") or ".*" in converter or ".+" in converter:
            parts.append(".*")
        elif converter in ("int", "number"):
            parts.append(r"[+-]?\d+")
        else:
            parts.append("[^/]+")
        end = found.end()
    parts.append(_literal(text[end:]))
    return re.compile("".join(parts) + ("" if text == "/" else "/?"))


def _literal(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split(UNKNOWN))


def matches(route: Route, path: str) -> bool:
    """Whether a route may answer a path: exactly, by its variable parts, below a mount, or by its known end."""
    if route.kind in ("grpc", "event"):
        return route.path == path or route.path.rstrip("/") == path.rstrip("/")
    if route.path.replace(UNKNOWN, "").strip("/") == "" and route.dynamic:
        return False  # nothing of it is known
    if route.kind == "mount":
        prefix = route.path.rstrip("/")
        return bool(pattern(route.path).fullmatch(path)) or (not route.dynamic and path.startswith(f"{prefix}/"))
    return pattern(route.path).fullmatch(path) is not None


def closeness(route: Route) -> tuple[int, int]:
    """Sort key: a route that is written as the path before one with variable parts, catch-alls, and mounts."""
    weight = 3 if route.kind == "mount" else 2 if route.dynamic else 1 if VARIABLE.search(route.path) else 0
    return weight, -len(VARIABLE.sub("", route.path))


GROUP = re.compile(r"\(\?P<(\w+)>")


def template_of_regex(regex: str) -> str:
    """A regular expression of a path, as a path with variable parts: ``^task/(?P<id>\\d+)/$`` gives ``task/<id>/``.

    Alternatives and repetitions outside groups become ``<_>`` as well; what is optional is dropped.
    """
    text = regex.removeprefix("^").removesuffix("$").removesuffix("\\Z").removesuffix("/?")
    out: list[str] = []
    i = 0
    while i < len(text):
        char = text[i]
        if char == "\\" and i + 1 < len(text):
            out.append("<_>" if text[i + 1] in "dwsDWS" else text[i + 1])
            i += 2
        elif char in "([":
            end = _closing(text, i)
            inner = text[i + 1 : end]
            name = GROUP.match(text[i:])
            if inner.startswith(("?=", "?!", "?<")) or text[end + 1 : end + 2] == "?":
                pass  # a look-around, or a part that may be left out
            elif char == "(" and not name and not _special(inner.removeprefix("?:")):
                out.append(inner.removeprefix("?:"))
            else:
                out.append(f"<{'path:' if '.*' in inner or '.+' in inner else ''}{name.group(1) if name else '_'}>")
            i = end + 1
        elif char in ".+*?|^$":
            follows = text[i + 1 : i + 2]
            if char == "." and follows and follows in "*+":
                out.append("<path:_>")
                i += 1
            elif char == "." and follows != "?":
                out.append(".")
            elif char == "?" and out and out[-1] == "/":
                out.pop()
            i += 1
        elif char == "{":
            i = text.find("}", i) + 1 or len(text)
        else:
            out.append(char)
            i += 1
    return "".join(out).replace("<_><_>", "<_>")


def _closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at ``start``; the last index when none does."""
    if text[start] == "[":
        return _end_of_class(text, start)
    depth, i = 0, start
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == "[":
            i = _end_of_class(text, i)
        elif text[i] == "(":
            depth += 1
        elif text[i] == ")":
            depth -= 1
            if depth == 0:
                return i
        i += 1
    return len(text) - 1


def _end_of_class(text: str, start: int) -> int:
    i = start + (3 if text[start + 1 : start + 2] == "^" else 2)  # a bracket right after the opening one is a literal
    while i < len(text) and text[i] != "]":
        i += 2 if text[i] == "\\" else 1
    return min(i, len(text) - 1)


def _special(text: str) -> bool:
    return any(c in text for c in "\\()[]{}.+*?|^$")


HEALTH_SEGMENT = re.compile(
    r"^[_.\-]*(health|healthz|health[-_]?checks?|healthy|heartbeat|lbheartbeat|__?heartbeat__?|ping|pingz|pong|ready|readyz|"
    r"readiness|live|livez|liveness|alive|is[-_]?alive|is[-_]?ready|started|startup|startupz|statusz|healthcheckz)[_]*$",
    re.IGNORECASE,
)
LAST_ONLY = frozenset(("status", "up", "ht"))  # names that say it only where nothing but a common prefix stands before
COMMON_PREFIX = re.compile(
    r"^([_.\-]|api|v\d+|internal|_?system|app|service|actuator|monitoring|admin|metrics|management|_.*)$"
)


def looks_like_health(route: Route) -> bool:
    """Whether a route is named as what platforms and monitors ask about the state of a program."""
    if route.kind == "grpc":
        return route.path.startswith("/grpc.health.v1.Health")
    if route.kind not in ("http", "mount") or not (route.answers("GET") or route.answers("HEAD")):
        return False
    segments = [s for s in route.path.replace(UNKNOWN, "").split("/") if s]
    if not segments or VARIABLE.search(route.path):
        return False
    segments = [s.removesuffix(".json").removesuffix(".txt").lower() for s in segments]
    if any(HEALTH_SEGMENT.match(s) for s in segments[-2:]):
        return True
    return segments[-1] in LAST_ONLY and all(COMMON_PREFIX.match(s) for s in segments[:-1])
