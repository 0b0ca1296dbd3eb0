"""The user's configuration: ``[tool.runtime-operations]`` in pyproject.toml, or ``.runtime-operations.toml``.

A wrong key or value raises `ConfigurationError` with the nearest right one. An incomplete waiver is no error: it is
reported among the findings, where its author looks for what it should have silenced.
"""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from runtime_ops.findings import SEVERITIES
from runtime_ops.plain import dataclass
from runtime_ops.reading import read_bounded

NAME = "runtime-operations"
OWN_FILE = f".{NAME}.toml"
KINDS = ("service", "worker", "job", "cli", "none")
LEVELS = (*SEVERITIES, "off")
FAIL_LEVELS = (*SEVERITIES, "never")
CONTROLS = ("test", "observability", "migration", "rollback")
SIZE_LIMIT = 2_000_000
NEAR_TABLE = re.compile(r"^\[+tool\.[\"']?(runtime[-_ ]?op\w*|runtime[-_ ]?audit)\b", re.MULTILINE | re.IGNORECASE)
"""Names of a table that most likely was meant for the audit."""

KEYS = ("exclude", "fail-on", "rules", "entrypoints", "waivers")
ENTRYPOINT_KEYS = ("id", "kind", "started-by")
WAIVER_KEYS = ("rule", "path", "reason", "tradeoff", "controls", "until", "owner")


class ConfigurationError(Exception):
    """A configuration that cannot be used: the place, what was got, what was expected."""


@dataclass(frozen=True, slots=True)
class EntrypointOverride:
    """What the configuration says of one entrypoint. ``kind`` empty: not overridden; ``none``: it is no entrypoint."""

    id: str
    kind: str
    started_by: tuple[str, ...]
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class WaiverEntry:
    """One waiver as written, complete or not. ``controls`` maps a control to what is said of it."""

    rules: tuple[str, ...]
    scope: str
    reason: str
    tradeoff: str
    controls: Mapping[str, str]
    until: datetime.date | None
    owner: str
    path: str
    line: int
    end_line: int
    problems: tuple[str, ...] = ()
    """What its author got wrong; only comments in code have these, a configuration file's are errors."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything a user may set beside the command line. ``source`` is the file's path relative to the root, or as
    given; empty when there is none."""

    source: str = ""
    exclude: tuple[str, ...] = ()
    fail_on: str | None = None
    levels: Mapping[str, str] | None = None
    entrypoints: tuple[EntrypointOverride, ...] = ()
    waivers: tuple[WaiverEntry, ...] = ()


def read_configuration(root: Path, chosen: Path | None, rules: Collection[str]) -> Configuration:
    """The configuration of a root, or of the file that the user names. ``rules`` are the ids of all rules.

    Raises ConfigurationError for a file that is missing (when named), unreadable, no TOML, or holds a wrong key or
    value, and when both files of the root configure the audit.
    """
    if chosen is not None:
        return _parse(_table(chosen, _read(chosen), required=True) or {}, str(chosen), _read(chosen), rules)
    found = [(name, text, table) for name in (OWN_FILE, "pyproject.toml") for text, table in _in_root(root, name)]
    if len(found) > 1:
        raise ConfigurationError(
            f"{OWN_FILE} and [tool.{NAME}] in pyproject.toml both configure the audit; keep one of them"
        )
    return _parse(found[0][2], found[0][0], found[0][1], rules) if found else Configuration()


def _in_root(root: Path, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
    file = root / name
    if not file.is_file():
        return
    data = read_bounded(file, SIZE_LIMIT)
    if isinstance(data, str) and name == "pyproject.toml":
        return  # reported as unread by the audit itself
    text = _read(file)
    if name == "pyproject.toml" and NAME not in text:
        near = NEAR_TABLE.search(text)
        if near is not None:
            line = text.count("\n", 0, near.start()) + 1
            raise ConfigurationError(f"{file}:{line}: unknown table [tool.{near[1]}]; did you mean [tool.{NAME}]?")
        return
    table = _table(file, text, required=False)
    if table is not None:
        yield text, table


def _read(file: Path) -> str:
    data = read_bounded(file, SIZE_LIMIT)
    if isinstance(data, str):
        raise ConfigurationError(f"{file}: {data}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: is not UTF-8 (byte {error.start}); TOML files are") from None


def _table(file: Path, text: str, *, required: bool) -> dict[str, Any] | None:
    """The audit's own table of a file; None when a pyproject.toml has none."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file}: is no TOML: {error}") from None
    if file.name != "pyproject.toml":
        return document
    tool = document.get("tool")
    table = tool.get(NAME) if isinstance(tool, dict) else None
    if table is None and required:
        raise ConfigurationError(f"{file}: has no table [tool.{NAME}]")
    if table is not None and not isinstance(table, dict):
        raise ConfigurationError(f"{file}: tool.{NAME} is {_shown(table)}; expected a table [tool.{NAME}]")
    return table


def _parse(table: Mapping[str, Any], source: str, text: str, rules: Collection[str]) -> Configuration:
    reader = _Reader(source, text, rules)
    reader.keys(table, KEYS, "")
    fail_on = table.get("fail-on")
    if fail_on is not None:
        reader.one_of(fail_on, FAIL_LEVELS, "fail-on")
    return Configuration(
        source=source,
        exclude=reader.patterns(table.get("exclude", []), "exclude"),
        fail_on=fail_on,
        levels=reader.levels(table.get("rules", {})),
        entrypoints=tuple(reader.entrypoints(table.get("entrypoints", []))),
        waivers=tuple(reader.waivers(table.get("waivers", []))),
    )


class _Reader:
    """Checks one configuration; its errors begin with the file and, where it can be found, the line."""

    def __init__(self, source: str, text: str, rules: Collection[str]) -> None:
        self.source = source
        self.lines = text.splitlines()
        self.rules = rules

    def fail(self, message: str, word: str = "") -> ConfigurationError:
        line = next((n for n, text in enumerate(self.lines, 1) if word and word in text), 0)
        return ConfigurationError(f"{self.source}{f':{line}' if line else ''}: {message}")

    def keys(self, table: Mapping[str, Any], known: Collection[str], where: str) -> None:
        for key in table:
            if key not in known:
                place = f" in {where}" if where else ""
                raise self.fail(f"unknown key {key!r}{place}; {nearest(key, known)}", key)

    def one_of(self, value: object, known: Collection[str], where: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise self.fail(f"{where} is {_shown(value)}; {nearest(str(value), known)}", str(value))
        return value

    def text(self, value: object, where: str) -> str:
        if not isinstance(value, str):
            raise self.fail(f"{where} is {_shown(value)}; expected a text in quotes", where.rpartition(".")[2])
        return value.strip()

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(f'{where} is {_shown(value)}; expected a list of texts, as ["legacy/"]', where)
        return tuple(value)

    def patterns(self, value: object, where: str) -> tuple[str, ...]:
        found = self.texts(value, where)
        for pattern in found:
            try:
                GitIgnoreSpec.from_lines([pattern])
            except ValueError:
                raise self.fail(f"{where}: {pattern!r} is no pattern; expected one as in .gitignore", pattern) from None
        return found

    def tables(self, value: object, where: str) -> Iterable[tuple[Mapping[str, Any], int]]:
        """The tables of ``[[where]]`` with their lines."""
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fail(f"{where} is {_shown(value)}; expected tables, each under [[{self.header(where)}]]", where)
        heading = re.compile(rf"\s*\[\[\s*(?:tool\s*\.\s*\"?{NAME}\"?\s*\.\s*)?{where}\s*\]\]")
        places = [number for number, line in enumerate(self.lines, 1) if heading.match(line)]
        inline = next((n for n, line in enumerate(self.lines, 1) if re.match(rf"\s*{where}\s*=", line)), 1)
        for number, item in enumerate(value):
            yield item, places[number] if number < len(places) else inline

    def header(self, where: str) -> str:
        own = self.source.endswith("pyproject.toml")
        return f"tool.{NAME}.{where}" if own else where

    def levels(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.fail(f"rules is {_shown(value)}; expected a table [{self.header('rules')}] of rule = level", "rules")
        for rule, level in value.items():
            self.one_of(rule, self.rules, "the rule")
            self.one_of(level, LEVELS, f"rules.{rule}")
        return dict(value)

    def entrypoints(self, value: object) -> Iterable[EntrypointOverride]:
        for table, line in self.tables(value, "entrypoints"):
            self.keys(table, ENTRYPOINT_KEYS, "entrypoints")
            name = self.text(table.get("id", ""), "entrypoints.id")
            if not name:
                raise ConfigurationError(
                    f'{self.source}:{line}: an entrypoint without id; expected id = "PATH" or "PATH::name", as in the report'
                )
            kind = self.one_of(table["kind"], KINDS, "entrypoints.kind") if "kind" in table else ""
            started = table.get("started-by", [])
            started = [started] if isinstance(started, str) else started
            if not kind and not started:
                raise ConfigurationError(
                    f"{self.source}:{line}: entrypoint {name!r} has neither kind nor started-by; expected one of them"
                )
            yield EntrypointOverride(name, kind, self.texts(started, "started-by"), self.source, line)

    def waivers(self, value: object) -> Iterable[WaiverEntry]:
        for table, line in self.tables(value, "waivers"):
            self.keys(table, WAIVER_KEYS, "waivers")
            texts = {key: self.text(table.get(key, ""), f"waivers.{key}") for key in ("rule", "path", "reason", "tradeoff", "owner")}
            if not texts["rule"]:
                raise ConfigurationError(f'{self.source}:{line}: a waiver without rule; expected rule = "call-without-timeout"')
            self.one_of(texts["rule"], self.rules, "waivers.rule")
            if not texts["path"]:
                raise ConfigurationError(
                    f'{self.source}:{line}: the waiver of {texts["rule"]} has no path; expected path = "src/legacy/" or a pattern'
                )
            self.patterns([texts["path"]], "waivers.path")
            yield WaiverEntry(
                (texts["rule"],), texts["path"], texts["reason"], texts["tradeoff"], self.controls(table.get("controls", {})),
                self.until(table.get("until")), texts["owner"], self.source, line, line,
            )  # fmt: skip

    def controls(self, value: object) -> dict[str, str]:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            pairs = [self.text(item, "waivers.controls").partition(":") for item in value]
            value = {key.strip(): rest.strip() for key, _, rest in pairs}
        if not isinstance(value, dict):
            raise self.fail(f'controls is {_shown(value)}; expected a table as {{ test = "tests/test_x.py" }}', "controls")
        return {self.one_of(k, CONTROLS, "a control"): self.text(v, f"controls.{k}") for k, v in value.items()}

    def until(self, value: object) -> datetime.date | None:
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                return datetime.date.fromisoformat(value.strip())
            except ValueError:
                raise self.fail(f"until is {value!r}; expected a date as 2027-01-31", value) from None
        if isinstance(value, datetime.datetime):
            return value.date()
        if isinstance(value, datetime.date):
            return value
        raise self.fail(f"until is {_shown(value)}; expected a date as 2027-01-31", "until")


def nearest(word: str, known: Collection[str]) -> str:
    """What to write instead: the nearest of the known words, or all of them when they are few."""
    close = difflib.get_close_matches(word.lower().replace("_", "-"), known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(known) <= 8:
        return f"expected one of {', '.join(known)}"
    return f"expected one of {len(known)} names, as {sorted(known)[0]!r}"


def _shown(value: object) -> str:
    """A value as the user would recognise it, short."""
    if isinstance(value, dict):
        return "a table"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
