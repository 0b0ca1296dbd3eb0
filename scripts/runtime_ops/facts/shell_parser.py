"""The grammar of a shell text: tokens to a tree of lists, pipelines and compound commands.

POSIX.1-2017 Shell Command Language 2.9 and 2.10, with bash's ``[[``, ``((``, ``function``, ``select``, ``coproc``. The
first thing that is not understood ends the reading: guesses about the rest would give commands a wrong context.
"""

from __future__ import annotations

import re

from runtime_ops.facts.shell_lexer import Lexer, Token, heredoc_delimiter
from runtime_ops.facts.shell_tree import (
    CaseNode,
    ChainNode,
    FunctionNode,
    GroupNode,
    IfNode,
    ListNode,
    LoopNode,
    Node,
    RedirectNode,
    SimpleNode,
)
from runtime_ops.facts.shell_words import ShellSyntaxError, Word

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=", re.DOTALL)
_FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.:-]*\Z")
_REDIRECTIONS = frozenset((">", ">>", "<", ">&", "<&", "<>", ">|", "&>", "&>>", "<<", "<<-", "<<<"))
_CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_ARM_ENDS = frozenset((";;", ";&", ";;&"))
_DECLARATIONS = frozenset(("export", "local", "readonly", "declare", "typeset"))
_MAX_DEPTH = 60


class Parser:
    """Reads one text, or the inside of a substitution between two offsets of it."""

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self.lexer = Lexer(text, start, end)
        self.tree = ListNode()
        self._depth = 0

    def parse(self) -> ListNode:
        """The tree. On `ShellSyntaxError` (or RecursionError) `tree` holds what was complete before."""
        self._list(self.tree, frozenset())
        if self.lexer.peek().kind != "end":
            raise self._unexpected()
        return self.tree

    # -- helpers

    def _unexpected(self) -> ShellSyntaxError:
        token = self.lexer.peek()
        what = "the end of the text" if token.kind == "end" else repr(token.value[:40])
        return ShellSyntaxError(token.start, f"unexpected {what}")

    def _reserved(self) -> str:
        """The next token's text when it is an unquoted word, else empty."""
        token = self.lexer.peek()
        return token.value if token.word is not None and not token.word.quoted else ""

    def _expect(self, word: str) -> Token:
        if self._reserved() != word:
            token = self.lexer.peek()
            what = "the end of the text" if token.kind == "end" else repr(token.value[:40])
            raise ShellSyntaxError(token.start, f"expected {word!r}, got {what}")
        return self.lexer.take()

    def _is_operator(self, *values: str) -> bool:
        token = self.lexer.peek()
        return token.kind == "op" and token.value in values

    def _newlines(self) -> None:
        while self.lexer.peek().kind == "newline":
            self.lexer.take()

    def _word(self) -> Word:
        token = self.lexer.peek()
        if token.word is None:
            raise self._unexpected()
        self.lexer.take()
        return token.word

    # -- lists and pipelines

    def _list(self, into: ListNode, closers: frozenset[str]) -> ListNode:
        """Commands up to a closing word, ``)`` or ``;;``, which is left."""
        while True:
            self._newlines()
            token = self.lexer.peek()
            if token.kind == "end" or (token.kind == "op" and (token.value == ")" or token.value in _ARM_ENDS)):
                return into
            if self._reserved() in _CLOSERS:
                if self._reserved() in closers:
                    return into
                raise self._unexpected()
            into.items.append(self._and_or())
            into.ends.append("")
            token = self.lexer.peek()
            if token.kind == "newline" or (token.kind == "op" and token.value in (";", "&")):
                into.ends[-1] = "&" if token.value == "&" else ";"
                self.lexer.take()
            elif token.kind != "end" and not self._is_operator(")", *_ARM_ENDS) and self._reserved() not in closers:
                raise self._unexpected()

    def _and_or(self) -> Node:
        items, operators = [self._pipeline()], []
        while self._is_operator("&&", "||"):
            operators.append(self.lexer.take().value)
            self._newlines()
            items.append(self._pipeline())
        return items[0] if not operators else ChainNode(items, operators)

    def _pipeline(self) -> Node:
        negated = False
        while self._reserved() in ("!", "time"):
            negated ^= self.lexer.take().value == "!"
        items, operators = [self._command()], []
        while self._is_operator("|", "|&"):
            operators.append(self.lexer.take().value)
            self._newlines()
            items.append(self._command())
        return items[0] if not operators and not negated else ChainNode(items, operators, negated)

    # -- commands

    def _command(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ShellSyntaxError(self.lexer.peek().start, f"nested deeper than {_MAX_DEPTH}")
        try:
            return self._compound() or self._simple()
        finally:
            self._depth -= 1

    def _compound(self) -> Node | None:
        token = self.lexer.peek()
        node: Node
        if token.kind == "op" and token.value == "(":
            if self.lexer.text.startswith("((", token.start):
                word = self.lexer.arithmetic(token.start)
                if word is not None:
                    return self._redirected(SimpleNode(word.start, word.end, words=[word]))
            self.lexer.take()
            node = GroupNode(self._list(ListNode(), frozenset()), True)
            self._close_paren()
        else:
            match self._reserved():
                case "{":
                    self.lexer.take()
                    node = GroupNode(self._list(ListNode(), frozenset(("}",))), False)
                    self._expect("}")
                case "if":
                    node = self._if()
                case "while" | "until":
                    node = self._while()
                case "for" | "select":
                    node = self._for()
                case "case":
                    node = self._case()
                case "function":
                    return self._function_keyword()
                case "coproc":
                    self.lexer.take()
                    return self._command()
                case _:
                    return None
        return self._redirected(node)

    def _close_paren(self) -> Token:
        if not self._is_operator(")"):
            raise self._unexpected()
        return self.lexer.take()

    def _redirected(self, node: Node) -> Node:
        """Consume the redirections after a compound command; they say nothing about one of its commands."""
        while self.lexer.peek().kind == "op" and self.lexer.peek().value in _REDIRECTIONS:
            redirect = self._redirect()
            if isinstance(node, SimpleNode):
                node.redirects.append(redirect)
        return node

    def _redirect(self) -> RedirectNode:
        token = self.lexer.take()
        target = self._word()
        if token.value in ("<<", "<<-"):
            self.lexer.pending.append(heredoc_delimiter(target, token.value == "<<-"))
        return RedirectNode(token.value, target, token.number, token.start)

    def _simple(self) -> Node:
        node = SimpleNode(self.lexer.peek().start)
        while True:
            token = self.lexer.peek()
            if token.kind == "op" and token.value in _REDIRECTIONS:
                node.redirects.append(self._redirect())
                node.end = node.redirects[-1].target.end
                continue
            if self._is_operator("(") and len(node.words) == 1 and not node.assignments and not node.redirects:
                return self._function(node)
            if token.word is None:
                break
            word = self._word()
            node.end = word.end
            if not node.words and word.text == "[[" and not word.quoted:
                node.words = [word, *self.lexer.conditional_words()]
                node.end = node.words[-1].end
            elif ASSIGNMENT.match(word.text) and (not node.words or node.words[0].text in _DECLARATIONS):
                word = self._array(word)
                node.end = word.end
                (node.words if node.words else node.assignments).append(word)
            else:
                node.words.append(word)
        if not node.words and not node.assignments and not node.redirects:
            raise self._unexpected()
        return node

    def _array(self, word: Word) -> Word:
        """``NAME=( … )`` as one word; any other assignment as it is."""
        token = self.lexer.peek()
        if not (word.text.endswith("=") and token.kind == "op" and token.value == "(" and token.start == word.end):
            return word
        self.lexer.take()
        uses, inner = list(word.uses), list(word.substitutions)
        while not self._is_operator(")"):
            if self.lexer.peek().kind == "newline":
                self.lexer.take()
                continue
            item = self._word()
            uses.extend(item.uses)
            inner.extend(item.substitutions)
        end = self.lexer.take().end
        text = word.text + self.lexer.text[word.end : end]
        return Word(text, word.start, end, word.quoted, tuple(uses), tuple(inner))

    def _function(self, node: SimpleNode) -> Node:
        name = node.words[0]
        if not _FUNCTION_NAME.match(name.text):
            raise self._unexpected()
        self.lexer.take()
        self._close_paren()
        return self._function_body(name.text, node.start)

    def _function_keyword(self) -> Node:
        start = self.lexer.take().start
        name = self._word()
        if self._is_operator("("):
            self.lexer.take()
            self._close_paren()
        return self._function_body(name.text, start)

    def _function_body(self, name: str, start: int) -> Node:
        self._newlines()
        body = self._command()
        return FunctionNode(name, body, start, self.lexer.last_end)

    # -- compound commands

    def _if(self) -> Node:
        branches: list[tuple[str, ListNode | None, ListNode, int, int]] = []
        kind = self.lexer.take().value
        closers = frozenset(("elif", "else", "fi"))
        while True:
            start = self.lexer.peek().start
            test = self._list(ListNode(), frozenset(("then",)))
            end = self._expect("then").start
            branches.append((kind, test, self._list(ListNode(), closers), start, end))
            kind = self._reserved()
            if kind == "elif":
                self.lexer.take()
                continue
            if kind == "else":
                self.lexer.take()
                branches.append(("else", None, self._list(ListNode(), frozenset(("fi",))), start, end))
            self._expect("fi")
            return IfNode(branches)

    def _while(self) -> Node:
        token = self.lexer.take()
        start = self.lexer.peek().start
        test = self._list(ListNode(), frozenset(("do",)))
        end = self._expect("do").start
        body = self._list(ListNode(), frozenset(("done",)))
        self._expect("done")
        return LoopNode(token.value, test, [], body, token.start, start, end)

    def _for(self) -> Node:
        token = self.lexer.take()
        start = self.lexer.peek().start
        words: list[Word] = []
        if self._is_operator("("):
            word = self.lexer.arithmetic(start)
            if word is None:
                raise self._unexpected()
            words.append(word)
        else:
            self._word()
            self._newlines()
            if self._reserved() == "in":
                self.lexer.take()
                while self.lexer.peek().word is not None:
                    words.append(self._word())
        end = self.lexer.peek().start
        if self._is_operator(";"):
            self.lexer.take()
        self._newlines()
        opening, closing = ("{", "}") if self._reserved() == "{" else ("do", "done")
        self._expect(opening)
        body = self._list(ListNode(), frozenset((closing,)))
        self._expect(closing)
        return LoopNode(token.value, None, words, body, token.start, start, end)

    def _case(self) -> Node:
        start = self.lexer.take().start
        subject = self._word()
        self._newlines()
        self._expect("in")
        arms: list[tuple[list[Word], ListNode, int, int]] = []
        while True:
            self._newlines()
            if self._reserved() == "esac":
                return CaseNode(subject, arms, start, self.lexer.take().end)
            arm_start = self.lexer.peek().start
            if self._is_operator("("):
                self.lexer.take()
            patterns = [self._word()]
            while self._is_operator("|"):
                self.lexer.take()
                patterns.append(self._word())
            self._close_paren()
            body = self._list(ListNode(), frozenset(("esac",)))
            end = self.lexer.last_end
            if self._is_operator(*_ARM_ENDS):
                end = self.lexer.take().end
            elif self._reserved() != "esac":
                raise self._unexpected()
            arms.append((patterns, body, arm_start, end))
