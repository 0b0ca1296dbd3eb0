"""Commands, settings and ports as YAML and JSON artifacts write them, from `yaml_nodes`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runtime_ops.facts.artifacts import Command, Setting, Value
from runtime_ops.facts.commands import exec_command, shell_command, split_command
from runtime_ops.facts.yaml_nodes import Node, Scalar, Sequence, pairs_of


def words_of(items: Iterable[Node]) -> list[Value]:
    """The scalars of a list as words; a block scalar's line is that of its first text line."""
    return [
        Value(item.text, item.text_line, item.end_line, item.templated) for item in items if isinstance(item, Scalar)
    ]


def list_command(node: Node | None) -> Command | None:
    """A command that must be a list of words; one that a template writes has no argv."""
    if isinstance(node, Sequence):
        words = words_of(node.items)
        if not words:
            return None
        command = exec_command(words, node.items[0].line, node.end_line)
        if node.templated and not command.templated:
            return replace(command, templated=True)
        return command
    if isinstance(node, Scalar) and not node.null:
        return Command(None, node.text, "exec", node.text_line, node.end_line, templated=True)
    return None


def text_command(node: Node | None, shell: bool) -> Command | None:
    """A command that is a text (run by a shell, or split by the platform) or a list of words."""
    if isinstance(node, Scalar):
        if node.null or not node.text.strip():
            return None
        make = shell_command if shell else split_command
        return make(node.text, node.text_line, node.end_line, node.templated)
    return list_command(node)


def settings_of(node: Node | None, *keys: str) -> tuple[Setting, ...]:
    """The scalar pairs of a mapping."""
    return tuple(
        Setting(key.text, value.value, key.line, value.end_line)
        for key, value in pairs_of(node, *keys)
        if isinstance(value, Scalar)
    )
