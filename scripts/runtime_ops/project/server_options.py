"""The options of a started program, from its command line, its configuration file and its environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.libraries.programs import ProgramOptions, options_of
from runtime_ops.project.commands import Word, Words
from runtime_ops.project.launch import Option
from runtime_ops.project.locations import Locator, Surroundings
from runtime_ops.project.source_text import source_of
from runtime_ops.project.variables import Variables, fill

_NO_OPTIONS = ProgramOptions("", "")
_ENVIRONMENT_READS = ("os.environ.get", "os.getenv", "environ.get", "getenv")
_ENVIRONMENT_OBJECT = re.compile(r"^(?:env|environment)(?:\.(?:int|float|str|bool|get_value))?$", re.I)
OWN_NAMES = ("locals", "globals", "vars", "setattr")
_CONVERSIONS = ("int", "float", "str", "bool", "str.lower")
UWSGI_FILES = ("ini", "yaml", "yml", "json", "xml")


def parse_options(program: str, words: Words) -> tuple[dict[str, Option], Words]:
    """The options among a program's words, by the names of its configuration, and the other words in their order.

    ``--no-x`` gives ``x`` the value ``false``. Of an option that stands several times the last counts.
    """
    table = options_of(program) or _NO_OPTIONS
    found: dict[str, Option] = {}
    rest: list[Word] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        text = word.text
        if text == "--":
            rest.extend(words[index:])
            break
        if not text.startswith("-") or text == "-" or text[1:2].isdigit():
            rest.append(word)
            continue
        flag, equals, value = text.partition("=")
        name = _setting(table, flag)
        if not equals and not text.startswith("--") and name is None:
            letter = text[1:2]  # ``-w4``
            if letter in table.short and f"-{letter}" not in table.switches and len(text) > 2:
                found[table.short[letter]] = Option(text[2:], word.path, word.line)
                continue
            for letter in text[1:]:
                if letter in table.short:
                    found[table.short[letter]] = Option(None, word.path, word.line)
            continue
        name = name or flag.lstrip("-").replace("-", "_")
        if flag.startswith("--no-"):
            positive = flag[5:].replace("-", "_")
            found[positive] = Option("false", word.path, word.line)
        elif equals:
            found[name] = Option(value, word.path, word.line)
        elif flag in table.many:
            values = []
            while index < len(words) and not _is_option(words[index].text):
                values.append(words[index].text)
                index += 1
            found[name] = Option(" ".join(values), word.path, word.line)
        elif flag in table.switches or index >= len(words) or _is_option(words[index].text):
            found[name] = Option(None, word.path, word.line)
        else:
            found[name] = Option(words[index].text, word.path, word.line)
            index += 1
    return found, tuple(rest)


def _is_option(text: str) -> bool:
    return text.startswith("-") and len(text) > 1 and not text[1].isdigit()


def _setting(table: ProgramOptions, flag: str) -> str | None:
    """The setting's name of a flag, None for a short flag that the table does not know."""
    bare = flag.lstrip("-")
    if flag.startswith("--"):
        return table.long.get(bare, bare.replace("-", "_"))
    return table.short.get(bare)


def resolved(options: Mapping[str, Option], variables: Variables) -> dict[str, Option]:
    """Options with their variables filled in where constants are known."""
    made = {}
    for name, option in options.items():
        text = option.value
        if text is not None and "$" in text:
            text = fill(text, variables.lookup)[0]
        made[name] = option if text == option.value else Option(text, option.path, option.line)
    return made


def environment_options(program: str, variables: Variables) -> dict[str, Option]:
    """The options that the program takes from its environment, weakest first."""
    table = options_of(program)
    if table is None:
        return {}
    found: dict[str, Option] = {}
    for name, (variable, path) in variables.known.items():
        setting = table.environment.get(name)
        if setting is None and table.prefix and name.startswith(table.prefix):
            setting = name[len(table.prefix) :].lower()
        if setting is not None and variable.value is not None:
            text = fill(variable.value.text, variables.lookup)[0]
            found[setting] = Option(text, path, variable.line)
    return found


def argument_variable(program: str, variables: Variables) -> dict[str, Option]:
    """The options in a variable that holds more arguments (``GUNICORN_CMD_ARGS``)."""
    table = options_of(program)
    if table is None or not table.arguments or table.arguments not in variables.known:
        return {}
    variable, path = variables.known[table.arguments]
    if variable.value is None:
        return {}
    try:
        parts = shlex.split(fill(variable.value.text, variables.lookup)[0])
    except ValueError:
        return {}
    return parse_options(program, tuple(Word(part, path, variable.line) for part in parts))[0]


# ---------------------------------------------------------------- configuration files


def python_settings(facts: m.ModuleFacts, variables: Variables) -> dict[str, Option]:
    """The settings of a configuration file in Python (``gunicorn.conf.py``): constants, environment reads with their
    default as ``${NAME:-default}``, hooks as ``name()``, anything else as its text."""
    found = module_constants(facts, variables)
    for statement in _statements(facts.functions[0].body):
        if isinstance(statement, m.For):
            found.update(_of_each_variable(statement, facts.path, variables))
        if isinstance(statement, m.Def):
            found[statement.qualname] = Option(f"{statement.qualname}()", facts.path, statement.line)
    return found


def _of_each_variable(loop: m.For, path: str, variables: Variables) -> dict[str, Option]:
    """What ``for k, v in os.environ.items(): if k.startswith("GUNICORN_"): locals()[k[9:].lower()] = v`` sets."""
    over = source_of(loop.iterable)
    named = {source_of(call.func).rpartition(".")[2] for call in m.calls(loop.body)}
    if not over.endswith((".environ.items()", ".environ")) or not named.intersection(OWN_NAMES):
        return {}
    prefix = next((text for text in m.texts(loop.body) if text.isupper() and text.endswith("_")), None)
    if prefix is None:
        return {}
    return {
        name.removeprefix(prefix).lower(): Option(fill(variable.value.text, variables.lookup)[0], path, loop.line)
        for name, (variable, _) in variables.known.items()
        if name.startswith(prefix) and variable.value is not None
    }


def module_constants(facts: m.ModuleFacts, variables: Variables) -> dict[str, Option]:
    """What a module's own level assigns to plain names, as texts."""
    found: dict[str, Option] = {}
    for statement in _statements(facts.functions[0].body):
        if isinstance(statement, m.Assign) and statement.value is not None:
            for target in statement.targets:
                if isinstance(target, m.Name) and "." not in target.id:
                    text = setting_text(statement.value, found)
                    found[target.id] = Option(fill(text, variables.lookup)[0], facts.path, statement.line)
    return found


def _statements(block: m.Block) -> list[m.Stmt]:
    """The statements of a module, those of ``if``/``try``/``with`` included."""
    made: list[m.Stmt] = []
    for statement in block:
        made.append(statement)
        if isinstance(statement, m.If | m.Try):
            made.extend(_statements(statement.body))
            made.extend(_statements(statement.orelse))
        elif isinstance(statement, m.With):
            made.extend(_statements(statement.body))
    return made


def setting_text(expr: m.Expr, found: Mapping[str, Option]) -> str:
    """The text of a setting's value, names that ``found`` holds filled in."""
    if isinstance(expr, m.Const):
        return "" if expr.value is None else str(expr.value)
    if isinstance(expr, m.Name) and expr.id in found and found[expr.id].value is not None:
        return found[expr.id].value or ""
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Name):
        if expr.func.id in _CONVERSIONS and expr.args:
            return setting_text(expr.args[0], found)
        if expr.func.id.endswith(_ENVIRONMENT_READS) and expr.args and isinstance(expr.args[0], m.Const):
            default = expr.argument("default", 1)
            if default is None:
                return f"${{{expr.args[0].value}}}"
            return f"${{{expr.args[0].value}:-{setting_text(default, found)}}}"
        if _ENVIRONMENT_OBJECT.search(expr.func.id) and expr.args and isinstance(expr.args[0], m.Const):
            default = expr.keyword("default")  # django-environ, environs: env.int("TIMEOUT", default=30)
            return f"${{{expr.args[0].value}}}" if default is None else f"${{{expr.args[0].value}:-{setting_text(default, found)}}}"
    if isinstance(expr, m.Subscript) and isinstance(expr.value, m.Name) and expr.value.id.endswith("environ"):
        return f"${{{expr.key.value}}}" if isinstance(expr.key, m.Const) else source_of(expr)
    if isinstance(expr, m.Format):
        return "".join(setting_text(part, found) for part in expr.parts)
    if isinstance(expr, m.BoolOp) and expr.op == "or" and len(expr.values) == 2:
        first = setting_text(expr.values[0], found)
        if first.startswith("${") and first.endswith("}") and ":-" not in first:
            return f"{first[:-1]}:-{setting_text(expr.values[1], found)}}}"
    return source_of(expr)


def section_options(program: str, sections: tuple[a.OptionSection, ...], path: str) -> dict[str, Option]:
    """The options of an ini-like configuration, by the names that the command line gives them as well."""
    table = options_of(program) or _NO_OPTIONS
    found: dict[str, Option] = {}
    for section in sections:
        for option in section.options:
            name = table.long.get(option.name, option.name).replace("-", "_")
            found[name] = Option(option.value.text, path, option.line)
    return found


def gunicorn_file(options: Mapping[str, Option], locator: Locator, where: Surroundings) -> str | None:
    """The configuration file that gunicorn reads: ``-c``, else ``gunicorn.conf.py`` of its working directory."""
    given = options.get("config")
    text = given.value if given is not None else "./gunicorn.conf.py"
    if not text:
        return None
    text = text.removeprefix("file:")
    if text.startswith("python:"):
        return locator.module(text.removeprefix("python:"), where)
    if given is not None:
        return locator.file(text, where)
    found = where.layout.find(f"{(where.workdir or '/').rstrip('/')}/gunicorn.conf.py", locator.tree)
    if found is None and not where.layout.placed and where.folders:
        found = f"{where.folders[0]}/gunicorn.conf.py".lstrip("/")
    return found if found in locator.index.modules else None
