"""A shell text as a flat list of simple commands, each with the context it stands in (`split_shell`, `read_text`)."""

from __future__ import annotations

from dataclasses import field, replace

from runtime_ops.facts.artifacts import (
    Assignment,
    Branch,
    Case,
    CaseArm,
    Loop,
    Redirect,
    ShellFunction,
    SimpleCommand,
    Unread,
    VariableUse,
)
from runtime_ops.facts.shell_parser import ASSIGNMENT, Parser
from runtime_ops.facts.shell_tree import (
    CaseNode,
    ChainNode,
    FunctionNode,
    GroupNode,
    IfNode,
    ListNode,
    LoopNode,
    Node,
    SimpleNode,
)
from runtime_ops.facts.shell_words import Lines, ShellSyntaxError, Use, Word
from runtime_ops.plain import dataclass

_DECLARATIONS = frozenset(("export", "local", "readonly", "declare", "typeset"))
_MAX_RAW = 4_000
_MAX_SUBSTITUTION_DEPTH = 8
ELSEWHERE = -2
"""`VariableUse.word` of a use in a redirection, a ``case`` subject, a ``for`` list or a here-document."""


@dataclass(slots=True)
class ShellText:
    """Facts of a whole text; ``uses`` are the variables outside simple commands; ``unread`` what ended the reading."""

    commands: list[SimpleCommand] = field(default_factory=list)
    functions: list[ShellFunction] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    uses: list[VariableUse] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Context:
    function: str | None = None
    arms: tuple[CaseArm, ...] = ()
    branches: tuple[Branch, ...] = ()
    loops: tuple[Loop, ...] = ()
    subshell: int = 0
    groups: tuple[int, ...] = ()
    substitution: int = 0
    background: bool = False
    tested: bool = False
    negated: bool = False
    tail: bool = True
    before: str = ""
    after: str = ""


def split_shell(text: str, line: int = 1) -> list[SimpleCommand]:
    """The simple commands of a shell text in their order, those of a substitution after the command that holds it.

    ``line`` is the number of the text's first line. Text that is not understood ends the list; use `read_text` to
    learn whether and why.
    """
    return read_text(text, line).commands


def read_text(text: str, line: int = 1) -> ShellText:
    """All facts of a shell text. Never raises on bad text."""
    result = ShellText()
    flattener = _Flattener(text, Lines(text, line), result)
    flattener.read(0, len(text), _Context())
    return result


class _Flattener:
    def __init__(self, text: str, lines: Lines, result: ShellText) -> None:
        self.text = text
        self.lines = lines
        self.result = result
        self.group_count = 0

    def read(self, start: int, end: int, context: _Context) -> None:
        parser = Parser(self.text, start, end)
        try:
            parser.parse()
        except ShellSyntaxError as error:
            self.result.unread.append(Unread(self.lines.at(error.offset), f"shell: {error.reason}"))
            context = replace(context, tail=False)
        except RecursionError:
            self.result.unread.append(Unread(self.lines.at(parser.lexer.position), "shell: nested too deep"))
            context = replace(context, tail=False)
        self.walk(parser.tree, context)
        self.note(parser.lexer.heredoc_uses)

    def note(self, uses: list[Use] | tuple[Use, ...]) -> None:
        self.result.uses.extend(self.variables(uses, ELSEWHERE))

    def variables(self, uses: list[Use] | tuple[Use, ...], index: int) -> list[VariableUse]:
        made = []
        for use in uses:
            line = self.lines.at(use.offset)
            end_line = line + use.operand.count("\n")
            made.append(VariableUse(use.name, use.operator, use.operand[:200], use.quoted, index, line, end_line))
        return made

    # -- the tree

    def walk(self, node: Node, context: _Context) -> None:
        match node:
            case SimpleNode():
                self.simple(node, context)
            case ListNode():
                self.sequence(node, context)
            case ChainNode():
                self.chain(node, context)
            case GroupNode():
                subshell = context.subshell + node.subshell
                self.group_count += 1
                groups = (*context.groups, self.group_count)
                self.walk(node.body, replace(context, subshell=subshell, groups=groups))
            case IfNode():
                self.branches(node, context)
            case LoopNode():
                self.loop(node, context)
            case CaseNode():
                self.case(node, context)
            case FunctionNode():
                inside = _Context(function=node.name, substitution=context.substitution)
                line, end_line = self.lines.at(node.start), self.lines.at(max(node.end - 1, node.start))
                self.result.functions.append(ShellFunction(node.name, line, end_line))
                self.walk(node.body, inside)

    def sequence(self, node: ListNode, context: _Context) -> None:
        before, last = context.before, len(node.items) - 1
        for index, (item, end) in enumerate(zip(node.items, node.ends, strict=True)):
            self.walk(
                item,
                replace(
                    context,
                    before=before,
                    after=end or (context.after if index == last else ""),
                    tail=context.tail and index == last,
                    tested=context.tested and index == last,
                    background=context.background or end == "&",
                ),
            )
            before = end

    def chain(self, node: ChainNode, context: _Context) -> None:
        last = len(node.items) - 1
        pipeline = not node.operators or node.operators[0] in ("|", "|&")
        for index, item in enumerate(node.items):
            self.walk(
                item,
                replace(
                    context,
                    before=node.operators[index - 1] if index else context.before,
                    after=node.operators[index] if index < last else context.after,
                    tail=context.tail and index == last,
                    negated=context.negated ^ node.negated if index == last else False,
                    tested=(index < last and not pipeline) or (index == last and (context.tested or node.negated)),
                ),
            )

    def branches(self, node: IfNode, context: _Context) -> None:
        for kind, test, body, start, end in node.branches:
            branch = Branch(kind, _cut(self.text[start:end].strip().rstrip(";").strip()), self.lines.at(start))
            if test is not None:
                self.walk(test, replace(context, tail=False, tested=True, before="", after="", negated=False))
            inside = replace(context, branches=(*context.branches, branch), before="", after="", negated=False)
            self.walk(body, inside)

    def loop(self, node: LoopNode, context: _Context) -> None:
        test_text = _cut(self.text[node.test_start : node.test_end].strip().rstrip(";").strip())
        loop = Loop(node.kind, test_text, self.lines.at(node.start))
        inside = replace(
            context, loops=(*context.loops, loop), tail=False, tested=False, before="", after="", negated=False
        )
        if node.test is not None:
            self.walk(node.test, replace(inside, tested=True))
        for word in node.words:
            self.note(word.uses)
            self.substitutions(word, inside)
        self.walk(node.body, inside)

    def case(self, node: CaseNode, context: _Context) -> None:
        self.note(node.subject.uses)
        self.substitutions(node.subject, context)
        arms = []
        for patterns, body, start, end in node.arms:
            texts = tuple(pattern.text for pattern in patterns)
            end_line = self.lines.at(max(end - 1, start))
            arm = CaseArm(node.subject.text, texts, self.lines.at(start), end_line)
            arms.append(arm)
            self.walk(body, replace(context, arms=(*context.arms, arm), before="", after="", negated=False))
        line, end_line = self.lines.at(node.start), self.lines.at(max(node.end - 1, node.start))
        self.result.cases.append(Case(node.subject.text, tuple(arms), context.function, line, end_line))

    # -- a simple command

    def simple(self, node: SimpleNode, context: _Context) -> None:
        words = list(node.words)
        runs_exec = bool(words) and words[0].text == "exec" and not words[0].quoted
        if runs_exec:
            words = _after_exec(words)
        variables = [use for word in node.assignments for use in self.variables(word.uses, -1)]
        for index, word in enumerate(words):
            variables.extend(self.variables(word.uses, index))
        redirects = []
        for redirect in node.redirects:
            line = self.lines.at(redirect.start)
            redirects.append(Redirect(redirect.operator, redirect.target.text, redirect.number, line, line))
            variables.extend(self.variables(redirect.target.uses, ELSEWHERE))
        self.result.commands.append(
            SimpleCommand(
                argv=tuple(word.text for word in words),
                raw=_cut(self.text[node.start : node.end]),
                line=self.lines.at(node.start),
                end_line=self.lines.at(max(node.end - 1, node.start)),
                exec=runs_exec,
                assignments=tuple(self.assignments(node, words)),
                redirects=tuple(redirects),
                variables=tuple(variables),
                before=context.before,
                after=context.after,
                background=context.background,
                negated=context.negated,
                tested=context.tested or context.negated,
                tail=context.tail,
                substitution=context.substitution > 0,
                subshell=context.subshell,
                function=context.function,
                arms=context.arms,
                branches=context.branches,
                loops=context.loops,
                groups=context.groups,
            )
        )
        for word in (*node.assignments, *node.words, *(redirect.target for redirect in node.redirects)):
            self.substitutions(word, context)

    def assignments(self, node: SimpleNode, words: list[Word]) -> list[Assignment]:
        made = []
        declaration = words[0].text if words and words[0].text in _DECLARATIONS else ""
        flags = {word.text for word in words[1:]} if declaration else set()
        exported = declaration == "export" or bool({"-x", "-gx", "-xg"} & flags)
        for word in (*node.assignments, *(words[1:] if declaration else ())):
            found = ASSIGNMENT.match(word.text)
            if found:
                line, end_line = self.lines.at(word.start), self.lines.at(max(word.end - 1, word.start))
                value = _cut(word.text[found.end() :])
                made.append(Assignment(found.group(1), value, exported, line, end_line))
        return made

    def substitutions(self, word: Word, context: _Context) -> None:
        if not word.substitutions or context.substitution >= _MAX_SUBSTITUTION_DEPTH:
            return
        inside = replace(
            context, substitution=context.substitution + 1, tail=False, background=False, tested=False, negated=False,
            before="", after="",
        )  # fmt: skip
        for start, end in word.substitutions:
            self.read(start, end, inside)


def _after_exec(words: list[Word]) -> list[Word]:
    """The words after ``exec`` and its options (``-a NAME``, ``-c``, ``-l``, ``--``)."""
    index = 1
    while index < len(words) and words[index].text in ("-a", "-c", "-l", "-cl", "-lc", "--"):
        index += 2 if words[index].text == "-a" else 1
    return words[index:]


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_RAW else text[:_MAX_RAW]
