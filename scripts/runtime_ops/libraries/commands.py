"""Match a command line against the programs of a table row."""

from collections.abc import Iterable


def matched(
    words: tuple[str, ...], programs: Iterable[str], modules: Iterable[str], value_options: tuple[str, ...]
) -> int:
    """How many words of the longest matching program or ``-m`` module were found at the start of ``words``; 0 = none.

    Options between a program and its subcommand are passed over, with the word after one of ``value_options``:
    ``celery -A proj worker`` matches ``celery worker``, ``celery -A worker inspect`` does not.
    """
    best = 0
    for command in [tuple(program.split()) for program in programs] + [("-m", *module.split()) for module in modules]:
        head = 2 if command[0] == "-m" else 1
        rest = command[head:]
        if words[:head] == command[:head] and _positional(words[head:], value_options, len(rest)) == rest:
            best = max(best, len(command))
    return best


def _positional(words: tuple[str, ...], value_options: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The first ``count`` words that are neither options nor their values."""
    found: list[str] = []
    is_value = False
    for word in words:
        if len(found) == count:
            break
        if is_value:
            is_value = False
        elif word.startswith("-"):
            is_value = word in value_options
        else:
            found.append(word)
    return tuple(found)
