"""The command line of the audit."""

from __future__ import annotations

import argparse
import gc
import json
import os
import shlex
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from runtime_ops import __version__
from runtime_ops.configuration import FAIL_LEVELS, Configuration, ConfigurationError, nearest, read_configuration
from runtime_ops.findings import CONCERNS, SEVERITIES, Report

if TYPE_CHECKING:
    from runtime_ops.rules.api import Rule

OK, FINDINGS, WRONG_USAGE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
DEFAULT_FAIL_ON = "medium"
FORMATS = ("text", "json", "agent")
DRILL_LIMIT = 20_000_000
PIECE = 1_000_000

EPILOG = """\
exit codes: 0 no finding at or above the --fail-on level, 1 findings, or a promise that broke in the run of --with-drill,
            2 wrong usage or configuration,
            3 the audit is incomplete: a file could not be read, or a rule failed (see --allow-incomplete)

configuration: [tool.runtime-operations] in PATH/pyproject.toml, or PATH/.runtime-operations.toml
waivers: # runtime-ops: waive[RULE] reason=...; tradeoff=...; controls=test: tests/test_x.py

The audited code is parsed, never run or imported.
"""


class UsageError(Exception):
    """A wrong argument: what was got, what was expected, what to do."""


def parser() -> argparse.ArgumentParser:
    """The argument parser of ``audit.py``."""
    made = argparse.ArgumentParser(
        prog=program_name(),
        description="Read a repository and say, entrypoint by entrypoint, which promises it keeps at run time: start-up, "
        "shutdown, jobs, logging, health, metrics.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("path", metavar="PATH", nargs="?", help="the folder to audit")
    made.add_argument("--format", choices=FORMATS, default="text", help="text for people, json, or agent: ranked, in pages")
    made.add_argument("--map", action="store_true", help="show everything with a run-time effect, by entrypoint and phase")
    made.add_argument("--explain", metavar="RULE", help="show the guide's section on a rule, and end")
    made.add_argument("--rules", action="store_true", help="list all rules, and end")
    made.add_argument("--only", metavar="RULE,...", action="append", default=[], help="judge by these rules or concerns alone")
    made.add_argument("--skip", metavar="RULE,...", action="append", default=[], help="leave these rules or concerns out")
    made.add_argument("--all", action="store_true", help="report also what is only possible")
    made.add_argument(
        "--fail-on", choices=FAIL_LEVELS, help=f"lowest severity that makes the exit code 1 (default: {DEFAULT_FAIL_ON})"
    )
    made.add_argument("--allow-incomplete", action="store_true", help="do not exit 3 when something could not be read")
    made.add_argument("--budget", metavar="N", type=int, default=4000, help="tokens of a page of --format agent (default: 4000)")
    made.add_argument("--page", metavar="N", type=int, default=1, help="page of --format agent (default: 1)")
    made.add_argument("--config", metavar="FILE", help="configuration to use instead of the one in PATH")
    made.add_argument("--with-drill", metavar="FILE", help="JSON of drill.py: what the run proved settles what reading could not")
    made.add_argument("--no-color", action="store_true", help="no colour, also on a terminal (as NO_COLOR=1)")
    made.add_argument("--version", action="version", version=f"runtime-audit {__version__}")
    return made


def run() -> NoReturn:
    """Run the command line as the whole life of this process.

    The linked project is one big graph that lives until the end: the collector would walk it again and again, and the
    interpreter would take it apart object by object before it ends (a second, of five, for a large repository).
    """
    gc.disable()
    code = main()
    sys.stderr.flush()  # `write` has flushed what was printed
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the audit's command line; answers the exit code (see the epilog of ``--help``)."""
    arguments = parser().parse_args(argv)
    try:
        text, code = answer(arguments)
    except (UsageError, ConfigurationError) as error:
        sys.stderr.write(f"{program_name()}: error: {error}\n")
        return WRONG_USAGE
    except KeyboardInterrupt:
        sys.stderr.write(f"{program_name()}: interrupted\n")
        return INTERRUPTED
    except Exception:
        # the interpreter's own exit code for this is 1, which would say "findings"
        sys.stderr.write(f"{traceback.format_exc()}{program_name()}: the audit itself failed; please report the lines above\n")
        return INCOMPLETE
    return write(text, code)


def answer(arguments: argparse.Namespace) -> tuple[str, int]:
    """What to print and the exit code. Raises UsageError and ConfigurationError."""
    from runtime_ops.report.style import wants_colour

    colour = wants_colour(sys.stdout, arguments.no_color)
    if arguments.explain is not None:
        return explanation(arguments.explain), OK
    if arguments.rules:
        return rules_text(arguments.format, colour), OK
    return audited(arguments, colour)


def audited(arguments: argparse.Namespace, colour: bool) -> tuple[str, int]:
    """The report on the audited folder, in the chosen format."""
    check_numbers(arguments)
    root = checked_root(arguments.path)
    from runtime_ops import files
    from runtime_ops.rules.names import concerns

    known = concerns()
    chosen = Path(arguments.config) if arguments.config else None
    configuration = read_configuration(root, chosen, known)
    drill = read_drill(arguments.with_drill)
    judging = selected(known, arguments, configuration)
    progress = Progress(sys.stderr)
    try:
        # the rules and what they ask are a good part of the package: imported while other processes read already
        gathered = files.read(root, arguments.path, configuration, progress, meanwhile=lambda: judges()[0].begin)
        pipeline, rules = judges()
        judged_by = [rules[name] for name in judging]
        request = pipeline.Request(root, arguments.path, judged_by, tuple(rules.values()), configuration, arguments.all)
        report = pipeline.audit(request, progress, gathered)
    except files.NothingToAudit as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{arguments.path}: cannot be read: {error.strerror or error}") from None
    finally:
        progress.end()
    merged = None
    if drill is not None:
        from runtime_ops.report.drilled import with_drill

        try:
            report, merged = with_drill(report, drill)
        except ValueError as error:
            raise UsageError(f"--with-drill {arguments.with_drill}: {error}") from None
    fail_on = arguments.fail_on or configuration.fail_on or DEFAULT_FAIL_ON
    return rendered(report, arguments, colour, merged), exit_code(report, fail_on, arguments.allow_incomplete, merged)


def judges() -> tuple[Any, dict[str, Rule]]:
    """The second half of an audit, and the rules."""
    from runtime_ops import pipeline
    from runtime_ops.rules.api import load

    return pipeline, load()


def rendered(report: Report, arguments: argparse.Namespace, colour: bool, drill: dict[str, Any] | None) -> str:
    """The report in the chosen format."""
    if arguments.format == "json":
        from runtime_ops.guides import links
        from runtime_ops.report import json_format

        return json_format.render(report, links(), drill)
    if arguments.map:
        from runtime_ops.report import map as runtime_map

        return runtime_map.render(report, colour)
    if arguments.format == "agent":
        from runtime_ops.report import agent

        try:
            return agent.render(report, again(arguments), called(), arguments.budget, arguments.page)
        except agent.PageError as error:
            raise UsageError(str(error)) from None
    from runtime_ops.report import text

    return text.render(report, called(), colour)


def exit_code(report: Report, fail_on: str, allow_incomplete: bool, drill: dict[str, Any] | None = None) -> int:
    """3 for an incomplete audit, else 1 when a finding is at or above the level or the run of ``drill`` broke a promise, else 0."""
    if not report.complete and not allow_incomplete:
        return INCOMPLETE
    if fail_on == "never":
        return OK
    if drill is not None and drill["broken"]:
        return FINDINGS  # what broke in a run is broken, whatever level was asked for
    level = SEVERITIES.index(fail_on)
    return FINDINGS if any(SEVERITIES.index(finding.severity) <= level for finding in report.findings) else OK


# ---------------------------------------------------------------- arguments


def check_numbers(arguments: argparse.Namespace) -> None:
    """Refuse a budget or page that cannot be."""
    if arguments.page < 1:
        raise UsageError(f"--page {arguments.page}: pages begin with 1")
    if arguments.budget < 300:
        raise UsageError(f"--budget {arguments.budget}: a page needs at least 300 tokens")


def checked_root(path: str | None) -> Path:
    """The folder to audit. Raises UsageError when it is missing or no folder."""
    if path is None:
        raise UsageError("no PATH given; expected the folder of a repository, as in: audit.py .")
    root = Path(path)
    try:
        if root.is_dir():
            return root
        there = root.exists() or root.is_symlink()
    except OSError as error:
        raise UsageError(f"{path}: cannot be looked at: {error.strerror or error}") from None
    except ValueError:
        raise UsageError(f"{path!r}: is no path; expected the folder of a repository") from None
    if not there:
        raise UsageError(f"{path}: no such folder; expected the folder of a repository")
    if root.is_file():
        raise UsageError(f"{path}: is a file; expected the folder of a repository, as {root.parent}")
    raise UsageError(f"{path}: is no folder; expected the folder of a repository")


def selected(known: Mapping[str, str], arguments: argparse.Namespace, configuration: Configuration) -> list[str]:
    """The rules to judge by. ``known``: the concern of each rule. Raises UsageError for an unknown name, or when none is
    left."""
    off = {rule for rule, level in (configuration.levels or {}).items() if level == "off"}
    only = named(known, arguments.only, "--only")
    skip = named(known, arguments.skip, "--skip")
    # who names a rule on the command line wants it, whatever the configuration says
    chosen = [rule for rule in known if (rule in only if only else rule not in off) and rule not in skip]
    if not chosen:
        raise UsageError("no rule is left to judge by; look at --only, --skip and the configuration's rules")
    return chosen


def named(known: Mapping[str, str], given: Sequence[str], option: str) -> set[str]:
    """The rules that an option names: ids or concerns, separated by commas, the option given once or more."""
    found: set[str] = set()
    for word in (part.strip() for value in given for part in value.split(",")):
        if word in CONCERNS:
            found |= {rule for rule, concern in known.items() if concern == word}
        elif word in known:
            found.add(word)
        elif word:
            raise UsageError(f"{option}: no rule {word!r}; {nearest(word, [*known, *CONCERNS])} (--rules lists them)")
    return found


def read_drill(path: str | None) -> dict[str, Any] | None:
    """The drill's JSON report. Raises UsageError when it is none."""
    if path is None:
        return None
    from runtime_ops.reading import read_bounded

    data = read_bounded(os.path.realpath(path), DRILL_LIMIT)
    if isinstance(data, str):
        raise UsageError(f"--with-drill {path}: {data}; expected the output of drill.py --format json")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--with-drill {path}: is no JSON ({error}); expected the output of drill.py --format json") from None
    if not isinstance(document, dict):
        raise UsageError(f"--with-drill {path}: expected an object, the output of drill.py --format json")
    return document


# ---------------------------------------------------------------- rules and guides


def explanation(rule: str) -> str:
    """The guide's section on a rule, with where it stands. Raises UsageError for an unknown rule."""
    from runtime_ops import guides, waivers

    if rule in waivers.EXPLANATIONS:
        return f"### {rule}\n\n{waivers.EXPLANATIONS[rule]}\n"
    section = guides.section(rule)
    if section is None:
        from runtime_ops.rules.api import load

        known = [*load(), *waivers.EXPLANATIONS]
        if rule in known:
            raise UsageError(f"--explain: the guides in {guides.folder()} have no section on {rule}; is the bundle whole?")
        raise UsageError(f"--explain: no rule {rule!r}; {nearest(rule, known)} (--rules lists them)")
    return f"{section.text}\n({guides.folder() / Path(section.file).name}:{section.line})\n"


def rules_text(form: str, colour: bool) -> str:
    """The list of rules."""
    from runtime_ops.guides import links
    from runtime_ops.report import rules_list
    from runtime_ops.rules.api import load

    if form == "json":
        return rules_list.render_json(load().values(), links())
    return rules_list.render(load().values(), called(), colour)


# ---------------------------------------------------------------- outside


def program_name() -> str:
    """How this program was called, without its folder."""
    name = os.path.basename(sys.argv[0])
    return name if name in ("audit.py", "runtime-audit") else "audit.py"


def called() -> str:
    """The command that calls this program again."""
    if program_name() != "audit.py":
        return program_name()
    return f"python3 {shlex.quote(sys.argv[0] if sys.argv[0].endswith('audit.py') else 'scripts/audit.py')}"


def again(arguments: argparse.Namespace) -> str:
    """The command for the same audit, without format and page."""
    words = [shlex.quote(arguments.path)]
    for option in ("only", "skip"):
        words += [f"--{option} {shlex.quote(value)}" for value in getattr(arguments, option)]
    if arguments.all:
        words.append("--all")
    if arguments.config:
        words.append(f"--config {shlex.quote(arguments.config)}")
    if arguments.with_drill:
        words.append(f"--with-drill {shlex.quote(arguments.with_drill)}")
    return " ".join([called(), *words])


def write(text: str, code: int) -> int:
    """Print to stdout in its encoding; a reader that has gone away (``| head``) does not change the exit code."""
    from runtime_ops.report.wording import encodable

    try:
        shown = encodable(text, sys.stdout.encoding)
        for begin in range(0, len(shown), PIECE):  # the bytes of a large report need not all be there at once
            sys.stdout.write(shown[begin : begin + PIECE])
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter would flush again at exit and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


class Progress:
    """One line on a terminal's stderr that is rewritten, from the second second on."""

    def __init__(self, stream: TextIO, after: float = 1.0) -> None:
        self.stream = stream
        self.live = stream.isatty()
        self.begun = time.monotonic()
        self.after = after
        self.last = 0.0
        self.shown = False

    def __call__(self, stage: str) -> None:
        if not self.live:
            return
        now = time.monotonic()
        if now - self.begun < self.after or (now - self.last < 0.1 and self.shown):
            return
        self.last, self.shown = now, True
        self.stream.write(f"\r\x1b[K{stage} …"[:120])
        self.stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
