"""The command line of the drill."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from runtime_ops import __version__
from runtime_ops.drill import drill, init, options
from runtime_ops.drill.launcher import CannotStart
from runtime_ops.drill.options import Options, WrongOption
from runtime_ops.drill.report import FORMATS
from runtime_ops.drill.scenarios import Scenario, load
from runtime_ops.drill.verdict import Result

WRONG_USAGE, INCOMPLETE = 2, 3
CONFIG = "drill.toml"

EPILOG = """\
{port} in the command, in --env values and in other texts becomes a free TCP port, {scratch} a folder that is removed
after the run. Options may stand in drill.toml (found in the current folder, or --config), as keys without the dashes.
Secrets of your own environment are not passed on to the program unless named by --env.

exit codes: 0 nothing is broken, 1 a promise is broken, 2 wrong usage or configuration,
            3 cut short, or nothing could be assessed

example: drill.py --env DATABASE_URL --required DATABASE_URL --readiness /readyz -- uvicorn app:app --port {port}
"""


def parser() -> argparse.ArgumentParser:
    """The argument parser; its options come from the fields of `Options`."""
    made = argparse.ArgumentParser(
        prog="drill.py",
        usage="drill.py [options] -- COMMAND…",
        description="Run one program, as the platform would, through the scenarios of its life, and say which "
        "promises it keeps: kept, broken or not assessed, with the evidence. It runs what you name and nothing else.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    made.add_argument("--format", choices=list(FORMATS), default="text", help="format of the report on stdout")
    made.add_argument("--write", metavar="FILE", help="write the report to this file instead of stdout")
    made.add_argument("--quiet", action="store_true", help="show no progress on stderr")
    made.add_argument("--list", action="store_true", help="list the scenarios and end")
    made.add_argument("--config", metavar="FILE", help="the drill.toml to read")
    made.add_argument("--init", action="store_true", help="write a first drill.toml and end")
    made.add_argument("--from-audit", metavar="FILE", help="with --init: the audit's JSON to take it from")
    for spec in fields(Options):
        if spec.name == "command":
            made.add_argument("command", nargs="*", help=argparse.SUPPRESS)
            continue
        example = spec.default_factory() if callable(spec.default_factory) else spec.default
        extra: dict[str, Any] = {"help": spec.metadata["help"], "dest": spec.name, "default": None}
        if isinstance(example, bool):
            extra["action"] = "store_true"
        else:
            extra["metavar"] = spec.metadata["metavar"]
            if isinstance(example, list):
                extra["action"] = "append"
                extra["type"] = int if spec.name == "accept_code" else str
            else:
                extra["type"] = type(example)
                if example and not isinstance(example, str):
                    extra["help"] += f"; {example:g}"
        made.add_argument(options.flag(spec), **extra)
    return made


def settled(arguments: argparse.Namespace) -> Options:
    """The options of `drill.toml` and the command line together. Raises WrongOption."""
    line = {spec.name: getattr(arguments, spec.name) for spec in fields(Options)}
    path = Path(arguments.config or CONFIG)
    from_file = options.read_file(path) if arguments.config or path.is_file() else {}
    found = options.merged(from_file, line)
    options.check(found)
    return found


class _Progress:
    """One line a scenario on stderr, as it goes."""

    def __call__(self, number: int, total: int, scenario: Scenario, result: Result | None) -> None:
        if result is None:
            if sys.stderr.isatty():
                print(f"[{number:2}/{total}] {scenario.name} …", end="\r", file=sys.stderr, flush=True)
            return
        print(f"[{number:2}/{total}] {scenario.name:24} {result.verdict:13} {result.seconds:5.1f} s", file=sys.stderr)


def _end(*_: object) -> NoReturn:
    """Before and after the drill itself, which has its own handlers, SIGTERM and SIGHUP end it as Ctrl-C does."""
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run the drill's command line; answers the exit code (see the epilog of `--help`)."""
    arguments = parser().parse_args(argv)
    if arguments.list:
        for scenario in load():
            print(f"{scenario.name:24} {scenario.promise:10} {scenario.summary}")
        return 0
    try:
        if arguments.init:
            return _init(arguments)
        if arguments.from_audit:
            raise WrongOption("--from-audit: is used with --init only")
        if os.name != "posix":
            raise WrongOption("the drill needs a POSIX system (signals, process groups); on Windows use WSL")
        wanted = settled(arguments)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _end)
        report = drill.run(wanted, (lambda *_: None) if arguments.quiet else _Progress())
        text = FORMATS[arguments.format].render(report)
        if arguments.write:
            Path(arguments.write).write_text(text, encoding="utf-8")
        else:
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.write(text)
                sys.stdout.flush()
        return report.exit_code
    except (WrongOption, CannotStart, OSError) as error:
        print(f"drill.py: {error}", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("drill.py: interrupted", file=sys.stderr)
        return INCOMPLETE


def _init(arguments: argparse.Namespace) -> int:
    if not arguments.from_audit:
        raise WrongOption("--init needs --from-audit AUDIT.json (made by audit.py --format json)")
    target = Path(arguments.config or CONFIG)
    if target.exists():
        raise WrongOption(f"{target}: exists already; move it away, or name another file by --config")
    text = init.from_audit(Path(arguments.from_audit), arguments.entrypoint or "")
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target}; look through it, then run: drill.py" + (f" --config {target}" if arguments.config else ""))
    return 0
