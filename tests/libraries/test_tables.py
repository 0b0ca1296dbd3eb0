"""Every table: parses into its dataclass, types fit the annotations, a source for each row, unique names, sorted, one row a line."""

import dataclasses
import json
import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runtime_ops.libraries import (
    blocking,
    credentials,
    errors,
    frameworks,
    jobs,
    names,
    observability,
    option_limits,
    programs,
    resources,
    retries,
    servers,
    setting_limits,
    surface,
    table,
    timeouts,
)

TABLES: dict[str, tuple[Callable[[], tuple[typing.Any, ...]], str]] = {
    "aliases": (names.all_aliases, "name"),
    "types": (names.all_types, "name"),
    "returns": (names.all_returns, "call"),
    "timeouts": (timeouts.all_waits, "name"),
    "blocking": (blocking.all_blocking, "call"),
    "servers": (servers.all_servers, "name"),
    "jobs": (jobs.all_job_systems, "name"),
    "frameworks": (frameworks.all_frameworks, "name"),
    "logging": (observability.all_log_parts, "call"),
    "metrics": (observability.all_instruments, "call"),
    "secrets": (credentials.all_secret_names, "kind name"),
    "retries": (retries.all_retry_policies, "name"),
    "connection_errors": (errors.all_connection_errors, "library"),
    "interrupts": (errors.all_interrupts, "exception"),
    "exceptions": (errors.all_exceptions, "name"),
    "constructors": (resources.all_constructors, "call"),
    "children": (resources.all_children, "call"),
    "surface": (surface.all_surfaces, "role name"),
    "wrappers": (programs.all_wrappers, "name"),
    "program_options": (programs.all_program_options, "name"),
    "option_limits": (option_limits.all_option_limits, "name"),
    "setting_limits": (setting_limits.all_setting_limits, "name"),
}
FEWEST = {"timeouts": 400, "returns": 250, "types": 250, "aliases": 250, "servers": 25, "jobs": 15, "blocking": 100, "program_options": 15,
          "setting_limits": 4, "option_limits": 5}  # fmt: skip

CHECKABLE = re.compile(r"\d|\.json|^unverified: ..|^own rule|^environment of|^the signature in|documentation")

tables = pytest.mark.parametrize("name", sorted(TABLES))


def key_of(name: str, row: object) -> tuple[str, ...]:
    return tuple(str(getattr(row, part)) for part in TABLES[name][1].split())


def test_every_file_is_a_table() -> None:
    assert {path.stem for path in table.DATA.glob("*.json")} == set(TABLES)


@tables
def test_rows_have_sources_and_unique_names(name: str) -> None:
    rows = TABLES[name][0]()
    assert len(rows) >= FEWEST.get(name, 20)
    for row in rows:
        assert name == "surface" or CHECKABLE.search(row.source), (
            f"a source names a facts number, a version or another table: {row}"
        )
        assert row.source.startswith("unverified") <= (not getattr(row, "sure", True)), f"unverified but sure: {row}"
    keys = [key_of(name, row) for row in rows]
    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]
    if name != "surface":
        assert [tuple(part.lower() for part in key) for key in keys] == sorted(
            tuple(part.lower() for part in key) for key in keys
        )


@tables
def test_one_row_a_line(name: str) -> None:
    lines = (table.DATA / f"{name}.json").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "[" and lines[-1] == "]"
    assert len(lines) - 2 == len(TABLES[name][0]())
    for line in lines[1:-1]:
        json.loads(line.removesuffix(","))


def fits(value: object, hint: object) -> bool:
    """Whether a value is what an annotation asks for; int counts as float, as in the type system."""
    if hint is typing.Any or hint is object:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, argument) for argument in arguments)
    if hint is None or hint is type(None):
        return value is None
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, arguments[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(
            fits(k, arguments[0]) and fits(v, arguments[1]) for k, v in value.items()
        )
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)


def misfits(row: object) -> list[str]:
    assert dataclasses.is_dataclass(row)
    hints = typing.get_type_hints(type(row))
    found = [
        f"{field.name}={getattr(row, field.name)!r}"
        for field in dataclasses.fields(row)
        if not fits(getattr(row, field.name), hints[field.name])
    ]
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(inner):
                found += misfits(inner)
    return found


@tables
def test_values_fit_their_annotations(name: str) -> None:
    wrong = {key_of(name, row): found for row in TABLES[name][0]() if (found := misfits(row))}
    assert not wrong


VOCABULARY: dict[str, dict[str, set[str]]] = {
    "timeouts": {
        "bounded": {"yes", "no", "partly"},
        "kind": {"wait", "job-limit"},
        "unit": {"seconds", "milliseconds"},
        "asynchronous": {"yes", "no", "both"},
    },
    "returns": {"how": {"call", "attribute", "await", "with", "item", "argument"}},
    "types": {"context": {"", "with", "async with", "both"}},
    "servers": {
        "kind": {"server", "worker-class", "development"},
        "sigterm": {"graceful", "quick", "none", "reloader", "reload"},
        "drain": {"bounded", "unlimited", "none", "unknown"},
        "access_log": {"on", "off", "unknown"},
    },
    "jobs": {
        "kind": {"queue", "scheduler", "consumer"},
        "sigterm": {"drain", "cancel", "interrupt", "none", "unknown"},
        "ack": {"", "before", "after", "auto", "manual"},
    },
    "frameworks": {"kind": {"web", "health", "rpc"}},
    "blocking": {
        "kind": {"sleep", "network", "database", "process", "file", "name lookup", "lock", "cpu", "server", "other"}
    },
    "logging": {
        "role": {
            "formatter",
            "handler",
            "filter",
            "configure",
            "correlate",
            "middleware",
            "capture",
            "tracker",
            "flush",
            "log",
            "silenced",
        }
    },
    "metrics": {
        "role": {
            "counter",
            "gauge",
            "histogram",
            "summary",
            "info",
            "observe",
            "instrument",
            "serve",
            "start",
            "exporter",
            "flush",
        }
    },
    "interrupts": {"carries": {"limit", "stop", "cancel", "retry"}},
    "constructors": {"connects": {"now", "first use", "background"}},
    "children": {"end_of": {"result", "receiver", "function"}},
    "retries": {"bounded": {"yes", "no", "partly"}},
    "secrets": {
        "kind": {
            "word",
            "public word",
            "url",
            "parameter",
            "ignored variable",
            "library variable",
            "masked",
            "unmasked",
            "placeholder",
        }
    },
}


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_words_are_the_documented_ones(name: str) -> None:
    for row in TABLES[name][0]():
        for field, words in VOCABULARY[name].items():
            assert getattr(row, field) in words, f"{key_of(name, row)}: {field}={getattr(row, field)!r}"


def test_where_a_limit_is_written() -> None:
    words = {"constructor", "call", "config", "decorator", "connect string", "attribute", "method"}
    for row in timeouts.all_waits():
        assert set(row.where) <= words, row.name
        assert bool(row.parameters) == bool(row.where), row.name
        for parameters in row.positions.values():
            assert set(parameters) <= set(row.parameters), row.name


def test_drain_seconds_go_with_a_bound() -> None:
    for row in servers.all_servers():
        assert (row.drain == "bounded") == (row.drain_seconds is not None), row.name


def test_covered_signals_are_known() -> None:
    for row in observability.all_instruments():
        assert set(row.covers) <= set(observability.SIGNALS), row.call
        if row.buffered and row.sure and row.role == "exporter":
            assert row.flush, row.call


def test_job_interrupts_are_rows() -> None:
    known = {row.exception for row in errors.all_interrupts()}
    for system in jobs.all_job_systems():
        for exception in system.interrupts:
            assert exception in known or exception == "asyncio.TimeoutError", (system.name, exception)


def test_aliases_end_and_point_to_nothing_renamed() -> None:
    for row in names.all_aliases():
        assert not row.target.startswith(row.name + "."), f"{row.name} would rename its own target"
        if "*" not in row.name:
            assert names.canonical(row.name) == names.canonical(row.target), row.name


def test_a_bad_row_names_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aliases.json").write_text(
        '[\n{"name": "a", "target": "b", "source": "c"},\n{"name": "a", "colour": 1}\n]\n'
    )
    monkeypatch.setattr(table, "DATA", tmp_path)
    with pytest.raises(table.TableError, match=r"aliases\.json:3: .*colour"):
        table.load("aliases", names.Alias)


def test_loading_everything_is_fast() -> None:
    """30 ms on an idle core; the test allows for a busy machine by taking the best of several runs."""
    code = (
        "import time, importlib\n"
        "from runtime_ops.libraries import table\n"
        f"calls = {[(call.__module__, call.__name__) for call, _ in TABLES.values()]!r}\n"
        "calls = [getattr(importlib.import_module(module), name) for module, name in calls]\n"
        "start = time.process_time()\n"
        "[call() for call in calls]\n"
        "print(time.process_time() - start)\n"
    )
    folder = str(Path(table.__file__).parents[2])
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=30
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(runs) < 0.06, runs
