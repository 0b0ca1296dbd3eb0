"""Every option that a document tells users to type exists in the program it belongs to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.tree import Tree

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# Program → how documents call it. The installers' own options are read from their text.
PROGRAMS = {
    "scripts/audit.py": re.compile(r"(?:scripts/|/)audit\.py|runtime-audit"),
    "scripts/drill.py": re.compile(r"(?:scripts/|/)drill\.py|runtime-drill"),
    "scripts/bundle.py": re.compile(r"(?:scripts/|/)bundle\.py"),
    "install/install.sh": re.compile(r"install\.sh"),
}
SUBCOMMANDS = {"scripts/bundle.py": ("check", "build", "verify")}
CODE = re.compile(r"`([^`\n]+)`")
# In these documents an option that stands alone in `code` is one of ours; in the guides it may be anybody's.
OWN_DOCUMENTS = frozenset({"SKILL.md"})
HELP_SECONDS = 60


@dataclass(frozen=True)
class Mention:
    """An option in a document; `program` is empty when no program is named beside it."""

    path: str
    line: int
    program: str
    flag: str


def check(tree: Tree) -> Outcome:
    """Look up every mentioned option in the program's own `--help`."""
    mentions = [mention for path in tree.documents for mention in read(path, tree.text(path))]
    return Outcome.of("flags", len(mentions), "options in documents", problems(tree, mentions))


def read(path: str, text: str) -> Iterator[Mention]:
    """The options of one document: in code lines and inline code that call one of our programs."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        pieces = [line.partition("  #")[0]] if fenced else CODE.findall(line)
        for piece in pieces:
            yield from in_code(path, number, piece, fenced)


def in_code(path: str, number: int, piece: str, fenced: bool) -> Iterator[Mention]:
    """The options in one piece of code: those after one of our programs, up to a pipe or the command's end."""
    for command in re.split(r"[|;&]+", piece):
        program = next((name for name, pattern in PROGRAMS.items() if pattern.search(command)), "")
        if not program and re.search(r"\bsh -s --", piece):
            program, command = "install/install.sh", command.partition(" -- ")[2]
        start = PROGRAMS[program].search(command) if program else None
        own = command[start.end() :] if start else command
        if program or (path in OWN_DOCUMENTS and not fenced and piece.startswith("--")):
            yield from (Mention(path, number, program, flag) for flag in FLAG.findall(own))


def problems(tree: Tree, mentions: list[Mention]) -> Iterator[Problem]:
    """The options that no program has, and programs that cannot tell theirs."""
    known: dict[str, set[str]] = {}
    mentioned = {mention.program for mention in mentions}
    for program in (program for program in PROGRAMS if program in tree.paths and mentioned & {program, ""}):
        options = known_options(tree, program)
        if options:
            known[program] = options
        elif program in mentioned:
            yield Problem(program, 0, "its --help names no option; expected a list of them and exit code 0")
    everything: set[str] = set().union(*known.values()) if known else set()
    for mention in mentions:
        if mention.program and mention.program not in tree.paths:
            if tree.is_checkout:
                yield Problem(mention.path, mention.line, f"{mention.program} is mentioned, but is not there")
        elif mention.program in known and mention.flag not in known[mention.program]:
            yield Problem(mention.path, mention.line, f"{mention.program} has no option {mention.flag}")
        elif not mention.program and mention.flag not in everything:
            yield Problem(mention.path, mention.line, f"none of the programs has an option {mention.flag}")


def known_options(tree: Tree, program: str) -> set[str]:
    """The options that the program's own help names: `--help` for Python, the text of the file for the installer."""
    if program.endswith(".sh"):
        return set(re.findall(r"(?m)^\s*(--[a-z-]+)[\s|)]", tree.text(program)))
    options: set[str] = set()
    for subcommand in ("", *SUBCOMMANDS.get(program, ())):
        command = [sys.executable, "-I", str(tree.root / program), *([subcommand] if subcommand else []), "--help"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=HELP_SECONDS
        )
        options |= set(FLAG.findall(done.stdout)) if done.returncode == 0 else set()
    return options
