"""Tokens of a shell text: words, operators, newlines; here-documents are skipped where they stand.

Source of the rules: POSIX.1-2017 Shell Command Language 2.3, 2.7.4; bash's ``[[``, ``((``, ``<<<``, ``&>``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runtime_ops.facts.shell_words import ShellSyntaxError, Use, Word, arithmetic_uses, matching_paren, read_word

_BLANK = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)+")
_COMMENT = re.compile(r"[^\n]*")
_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|\|&|&>>|&>|<<<|<<-|<<|<&|<>|>>|>&|>\||[&|;<>()]")
_IO_NUMBER = re.compile(r"\d+(?=[<>])")
_HEREDOC_VARIABLE = re.compile(r"(?<!\\)\$(?:\{([A-Za-z_]\w*)(:?[-=?+])?([^}]{0,1000})\}|([A-Za-z_]\w*))")


class Token(NamedTuple):
    """``kind``: ``word``, ``op``, ``newline``, ``end``; ``number`` is the descriptor before a redirection."""

    kind: str
    value: str
    start: int
    end: int
    word: Word | None = None
    number: int | None = None


class Heredoc(NamedTuple):
    """A here-document that the next newline begins."""

    delimiter: str
    strips_tabs: bool
    expands: bool


def heredoc_delimiter(word: Word, strips_tabs: bool) -> Heredoc:
    """The here-document that ``<<WORD`` (``<<-WORD``) announces; a quoted word keeps its body from being expanded."""
    return Heredoc(word.text, strips_tabs, not word.quoted)


class Lexer:
    """Tokens of ``text`` between two offsets, made when asked for (what a token is depends on the parser's place)."""

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self.text = text
        self.position = start
        self.end = len(text) if end is None else end
        self.pending: list[Heredoc] = []
        self.heredoc_uses: list[Use] = []
        self.last_end = start
        self._peeked: Token | None = None

    def peek(self) -> Token:
        """The next token, not consumed."""
        if self._peeked is None:
            self._peeked = self._scan()
        return self._peeked

    def take(self) -> Token:
        """The next token, consumed."""
        token = self.peek()
        self._peeked = None
        if token.kind != "newline":
            self.last_end = token.end
        return token

    def conditional_words(self) -> list[Word]:
        """The words after ``[[`` up to and with ``]]``; ``&&``, ``<``, ``(`` are words there."""
        words: list[Word] = []
        while True:
            self._skip_blank()
            while self.position < self.end and self.text[self.position] == "\n":
                self.position += 1
                self._skip_blank()
            if self.position >= self.end:
                raise ShellSyntaxError(self.position, "[[ without ]]")
            start = self.position
            operator = _OPERATOR.match(self.text, start, self.end)
            if operator and not self.text.startswith(("<(", ">("), start):
                self.position = operator.end()
                words.append(Word(operator.group(), start, operator.end(), False, (), ()))
                continue
            word = self._word()
            words.append(word)
            if word.text == "]]" and not word.quoted:
                return words

    def arithmetic(self, start: int) -> Word | None:
        """``((…))`` that begins at ``start`` as one word, None when it is two subshells."""
        self._peeked = None
        end = matching_paren(self.text, start, self.end)
        if end < 0 or self.text[end - 2 : end] != "))":
            self.position = start
            return None
        self.position = self.last_end = end
        uses = arithmetic_uses(self.text, start + 2, end - 2)
        return Word(self.text[start:end], start, end, False, uses, ())

    def _skip_blank(self) -> None:
        blank = _BLANK.match(self.text, self.position, self.end)
        if blank:
            self.position = blank.end()

    def _scan(self) -> Token:
        self._skip_blank()
        text, start = self.text, self.position
        if start >= self.end:
            return Token("end", "", self.end, self.end)
        char = text[start]
        if char == "#":
            comment = _COMMENT.match(text, start, self.end)
            self.position = start = comment.end() if comment else self.end
            if start >= self.end:
                return Token("end", "", self.end, self.end)
            char = text[start]
        if char == "\n":
            self.position += 1
            if self.pending:
                self._skip_heredocs()
            return Token("newline", "\n", start, start + 1)
        if char.isdigit():
            number = _IO_NUMBER.match(text, start, self.end)
            if number:
                operator = _OPERATOR.match(text, number.end(), self.end)
                if operator:
                    self.position = operator.end()
                    return Token("op", operator.group(), start, operator.end(), number=int(number.group()[:6]))
        if char in "&|;<>()" and not (char in "<>" and text.startswith("(", start + 1)):
            operator = _OPERATOR.match(text, start, self.end)
            if operator:
                self.position = operator.end()
                return Token("op", operator.group(), start, operator.end())
        word = self._word()
        return Token("word", word.text, word.start, word.end, word)

    def _skip_heredocs(self) -> None:
        for heredoc in self.pending:
            while self.position < self.end:
                line_end = self.text.find("\n", self.position, self.end)
                line_end = self.end if line_end < 0 else line_end
                line = self.text[self.position : line_end].rstrip("\r")
                start, self.position = self.position, min(line_end + 1, self.end)
                if (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.delimiter:
                    break
                if heredoc.expands:
                    for found in _HEREDOC_VARIABLE.finditer(line):
                        name, operand = found.group(1) or found.group(4), found.group(3) or ""
                        self.heredoc_uses.append(Use(name, found.group(2), operand, True, start + found.start()))
        self.pending.clear()

    def _word(self) -> Word:
        word = read_word(self.text, self.position, self.end)
        self.position = word.end
        return word
