"""install.ps1 is checked by parser, not run: no PowerShell can be had here (and the README says so).

Two grammars must accept it: one of PowerShell 7, one that flags what Windows PowerShell 5.1 does not know. Beyond syntax:
only commands of an allow-list, the options and messages of install.sh, everything in functions.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "install/install.ps1"
SHELL = (ROOT / "install/install.sh").read_text(encoding="utf-8")
TEXT = SCRIPT.read_text(encoding="utf-8")
GRAMMARS = ("tree_sitter_powershell", "tree_sitter_pwsh")

# What Windows PowerShell 5.1 has; nothing that runs text, starts programs, or changes the machine's settings.
CMDLETS = frozenset(
    """Copy-Item Expand-Archive ForEach-Object Get-ChildItem Get-Command Get-Content Get-Date Get-FileHash Get-Item
    Get-Location Invoke-WebRequest Join-Path Move-Item New-Item New-Object Remove-Item Set-Content Set-StrictMode
    Sort-Object Split-Path Start-Sleep Test-Path Where-Object Write-Output Write-Warning""".split()
)
# Messages about tools that Windows brings along, or that only one of the two can need.
SHELL_ONLY = (
    "need curl or wget",
    "need unzip or python3",
    "need sha256sum, shasum or python3",
    "cannot write to",
    "could not copy",
    "could not read",
    "could not create",
    "could not write",
    "could not move {} aside",
    "could not move the new folder to {}",
    "could not put back",
    "unknown option",
    "{} needs a value",
    "could not download",
    "{}",
)


def nodes(grammar: str, text: str) -> Iterator[Node]:
    language = Language(importlib.import_module(grammar).language())
    waiting = [Parser(language).parse(text.encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def faults(grammar: str, text: str) -> list[str]:
    return [
        f"line {node.start_point[0] + 1}: {node.type}"
        for node in nodes(grammar, text)
        if node.type == "ERROR" or node.is_missing
    ]


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_parses(grammar: str) -> None:
    assert faults(grammar, TEXT) == []


@pytest.mark.parametrize("broken", [TEXT.replace("}", "", 1), TEXT.replace('"', "", 1), TEXT + "if (\n"])
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_parsers_notice_what_is_broken(grammar: str, broken: str) -> None:
    assert faults(grammar, broken)


@pytest.mark.parametrize("newer", ["$x = $a ? 1 : 2", "$x ??= 1"])
def test_syntax_of_powershell_7_only_is_noticed(newer: str) -> None:
    assert any(faults(grammar, f"{TEXT}\n{newer}\n") for grammar in GRAMMARS)


def test_only_allowed_commands_are_called() -> None:
    own = set(re.findall(r"(?m)^function ([\w-]+)", TEXT))
    called = {
        (node.text or b"").decode() for node in nodes("tree_sitter_powershell", TEXT) if node.type == "command_name"
    }
    assert len(called & CMDLETS) > 15, "the walk over the tree found the calls"
    assert called - own - CMDLETS == set()
    assert re.findall(r"(?m)^\s*& .*", TEXT) == [
        '            & $Command -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>$null'
    ], "the one program that is started is python"
    assert own - called - {"Start-Main"} - {name for name in own if re.search(rf"\({name}\)|\b{name}\b", TEXT)} == set()
    for word in ("Invoke-Expression", "iex ", "Start-Process", "Set-ExecutionPolicy", "[Environment]::Set"):
        assert word not in TEXT


def test_work_is_in_functions_and_called_on_the_last_line() -> None:
    outside = re.sub(r"(?ms)^function .*?^\}\n|^<#.*?#>\n|^param\(.*?^\)\n|^#[^\n]*\n", "", TEXT)
    assert outside.split() == ["[CmdletBinding()]", "Start-Main"]
    assert TEXT.endswith("\nStart-Main\n")
    assert '$ErrorActionPreference = "Stop"' in TEXT
    assert not re.search(r"&&|\|\|", TEXT), "Windows PowerShell 5.1 has no && and ||"
    assert TEXT.isascii(), "Windows PowerShell 5.1 reads a file without byte-order mark as ANSI"


def pascal(flag: str) -> str:
    return "-" + "".join(part.capitalize() for part in flag.removeprefix("--").split("-"))


def shell_flags() -> set[str]:
    return set(re.findall(r"(?m)^ {12}(--[a-z-]+)\)", SHELL))


def test_same_options() -> None:
    declared = re.search(r"(?s)^param\((.*?)^\)", TEXT, re.MULTILINE)
    assert declared
    parameters = {f"-{name}" for name in re.findall(r"\$(\w+)", declared.group(1))}
    assert len(parameters) == 11
    assert {pascal(flag) for flag in shell_flags()} == parameters


def test_same_help() -> None:
    shell_help = SHELL.split("<<'TEXT'\n")[1].split("\nTEXT\n")[0].replace("install.sh", "install.ps1").replace("/", "\\")
    powershell_help = TEXT.split("@'\n")[1].split("\n'@")[0].replace("/", "\\")

    def words(text: str) -> list[str]:
        return re.sub(r"--[a-z-]+", lambda found: pascal(found.group()), text).split()

    assert words(powershell_help) == words(shell_help)


def messages(text: str, helpers: str) -> set[str]:
    """The texts that are said, with {} for whatever is filled in and the options spelled alike."""
    found = re.findall(rf'(?<![\w-])(?:{helpers}) "((?:\$\([^)]*\)|\\.|`.|[^"`\\])*)"', text)
    filled = (re.sub(r"\$\((?:[^()]|\([^()]*\))*\)|\$\{\w+[^}]*\}|\$\w+", "{}", message) for message in found)
    alike = (re.sub(r"--[a-z-]+", lambda flag: pascal(flag.group()), message) for message in filled)
    return {re.sub(r'[`\\](["`])', r"\1", message) for message in alike}


def test_same_messages() -> None:
    shell = {
        message
        for message in messages(SHELL, "say|warn|fail|misused")
        if not message.startswith(SHELL_ONLY[:-1]) and message not in (*SHELL_ONLY, "-", "created: {}")
    }
    receipt = {message for message in shell if re.match(r"(version|source|archive): |\{\} receipt 1", message)}
    powershell = messages(TEXT, "Say|Warn|Fail|Misused|return")
    assert len(powershell) > 30
    assert shell - receipt - powershell == set()
    own = {message for message in powershell - shell if " " in message}
    assert own <= {"could not download {}", "could not move the new folder to {}; the old one is back"}


def test_readme_says_that_it_was_not_run() -> None:
    for readme, words in (("README.md", "checked by parser"), ("README.ja.md", "構文解析")):
        assert words in (ROOT / readme).read_text(encoding="utf-8")
