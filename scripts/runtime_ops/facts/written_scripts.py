"""Shell scripts that a Dockerfile writes line by line into the image: ``RUN echo "exec app" >> /run.sh``, ``COPY <<EOF /run.sh``.

They stand in no file of the repository, and yet they are what the container starts. Their commands keep the lines of the
Dockerfile, so what is found in them points at the place where the mend is written.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from runtime_ops.facts.artifact_commands import Command, ShellScript, SimpleCommand
from runtime_ops.facts.shell import interpreter_of, read_shell

_ESCAPE = re.compile(r"\\(n|t|\\|\"|')")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w*)")
_SAID_AS_SCRIPT = re.compile(r"\.(?:sh|bash)\Z|entrypoint")
_MAX_LINES = 400
_LINES = ("line", "end_line")

_Record = TypeVar("_Record")


class Piece(NamedTuple):
    """What one instruction or command writes: ``added`` for ``>>``; each line with the Dockerfile's line that it stands on."""

    target: str
    added: bool
    lines: tuple[tuple[int, str], ...]


class WrittenScript(NamedTuple):
    """A script, and the path in the image that it is written to, as written."""

    target: str
    script: ShellScript


def pieces_of_run(command: Command, bodies: tuple[tuple[int, str], ...]) -> list[Piece]:
    """What the commands of a RUN write into files; ``bodies`` are the here-documents of the instruction."""
    made = []
    left = list(bodies)
    for part in command.parts:
        text = _text(part)
        for redirect in part.redirects:
            if redirect.operator in (">", ">>") and redirect.descriptor in (None, 1) and "$" not in redirect.target:
                if text is not None:
                    lines = tuple((part.line, line) for line in text.removesuffix("\n").split("\n"))
                elif part.argv == ("cat",) and left and any(r.operator.startswith("<<") for r in part.redirects):
                    lines = _of_body(left.pop(0))
                else:
                    continue
                made.append(Piece(redirect.target, redirect.operator == ">>", lines))
    return made


def pieces_of_copy(sources: Iterable[str], target: str, bodies: tuple[tuple[int, str], ...]) -> list[Piece]:
    """``COPY <<EOF /run.sh``: the one here-document that becomes the file; in a folder it has the delimiter's name."""
    documents = [found.group(1) for source in sources if (found := _HEREDOC.match(source)) is not None]
    if len(documents) != 1 or len(bodies) != 1:
        return []
    place = f"{target}{documents[0]}" if target.endswith("/") else target
    return [Piece(place, False, _of_body(bodies[0]))]


def _of_body(body: tuple[int, str]) -> tuple[tuple[int, str], ...]:
    first, text = body
    return tuple((first + index, line) for index, line in enumerate(text.split("\n")))


def _text(part: SimpleCommand) -> str | None:
    """What ``echo`` or ``printf`` says; None for another command, and for a format with more than plain text."""
    words = list(part.argv[1:])
    if part.program == "echo":
        while words and re.fullmatch(r"-[neE]+", words[0]):
            words.pop(0)
        return _unescaped(" ".join(words))
    if part.program == "printf" and words:
        if len(words) > 1 and words[0] in ("%s\\n", "%b\\n"):
            return "\n".join(_unescaped(word) if "%b" in words[0] else word for word in words[1:])
        return _unescaped(words[0].replace("%%", "%")) if len(words) == 1 else None
    return None


def _unescaped(text: str) -> str:
    """With ``\\n`` as a line's end: so it is meant, whether the building shell's own ``echo`` reads it so or not."""
    return _ESCAPE.sub(lambda found: _ESCAPES[found.group(1)], text) if "\\" in text else text


def written_scripts(path: str, pieces: Iterable[Piece]) -> tuple[WrittenScript, ...]:
    """The shell scripts among the files that the pieces, in their order, make; their lines are those of the file at ``path``."""
    files: dict[str, list[tuple[int, str]]] = {}
    for piece in pieces:
        if not piece.added:
            files[piece.target] = []
        files.setdefault(piece.target, []).extend(piece.lines)
    made = []
    for target, lines in files.items():
        first = lines[0][1] if lines else ""
        shell = interpreter_of(first) is not None or (_SAID_AS_SCRIPT.search(target) and not first.startswith("#!"))
        if shell and len(lines) <= _MAX_LINES:
            numbers = [line for line, _ in lines]
            script = read_shell(path, "\n".join(text for _, text in lines))
            made.append(WrittenScript(target, _moved(script, lambda n, at=numbers: at[min(n, len(at)) - 1], {})))  # type: ignore[misc]
    return tuple(made)


def _moved(record: _Record, line_of: Callable[[int], int], known: dict[int, object]) -> _Record:
    """A record of facts with other line numbers, and so all records in it; one that stands in several places stays one."""
    if isinstance(record, tuple):
        return tuple(_moved(item, line_of, known) for item in record)  # type: ignore[return-value]
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        return record
    if id(record) not in known:
        values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        changed = {
            name: line_of(value) if name in _LINES and isinstance(value, int) else _moved(value, line_of, known)
            for name, value in values.items()
        }
        known[id(record)] = dataclasses.replace(record, **changed)
    return known[id(record)]  # type: ignore[return-value]
