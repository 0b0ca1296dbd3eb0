"""Syntax newer than the interpreter's is read all the same, and lines stay where they are."""

import pytest

from runtime_ops.facts import model as m
from runtime_ops.facts.newer_syntax import rewritten
from runtime_ops.facts.python import Unparsed, read_python

NEWER = """\
type Pair[T] = tuple[T, T]


class Box[T: (int, str)](dict):
    def first[U](self, other: U) -> U:
        try:
            return f"{self["a"]} and {', '.join(x for x in "ab")}"
        except KeyError, ValueError:
            raise
"""


def test_newer_syntax_is_read_with_its_lines() -> None:
    facts = read_python("box.py", NEWER.encode())
    assert not isinstance(facts, Unparsed), facts
    assert {(f.qualname, f.line) for f in facts.functions} == {("<module>", 1), ("Box.first", 5)}
    assert facts.classes[0].line == 4


def test_older_syntax_is_left_alone() -> None:
    source = "x = f\"{a['b']} {{c}}\"\ntype = 1\ny = {'[': 1}\n"
    assert rewritten(source) == source


@pytest.mark.parametrize("source", ["def (:\n", "class A[T\n", 'f"{', "except A, B:\n", 'f"""{x'])
def test_a_true_error_is_reported_as_it_was(source: str) -> None:
    found = read_python("bad.py", f"x = 1\n{source}".encode())
    assert isinstance(found, Unparsed)
    assert found.line >= 1 and "parsed with Python" in found.reason


@pytest.mark.parametrize(
    ("string", "calls"),
    [
        ("f'{a(b\"\\n=\")}-'", ["a"]),
        ('f"in {",".join(f\'"{a(x).b(\'"\', r"\\34")}"\' for x in c())}"', ["join", "a", "b", "c"]),
        ('f"{a(\n    "x",  # the "first"\n    1)}"', ["a"]),
        ('f"{a("x")!r:>{b("y")}}"', ["a"]),  # a width is no work
        ('rf"{a("\\d")}\\d"', ["a"]),
        ('f\'say "{a("#")}"\'', ["a"]),
        ('f"""{a("""x\ny""")}"""', ["a"]),
    ],
)
def test_calls_in_newer_f_strings(string: str, calls: list[str]) -> None:
    facts = read_python("text.py", f"# it's f\"open\nx = {string}\nlast()\n".encode())
    assert not isinstance(facts, Unparsed), facts
    made = [node for stmt in facts.functions[0].body for node in m.walk(stmt) if isinstance(node, m.Call)]
    called = [node.func for node in made]
    names = [func.id.rpartition(".")[2] if isinstance(func, m.Name) else func.name for func in called if isinstance(func, m.Name | m.Attr)]
    assert sorted(names) == sorted([*calls, "last"])
    assert max(node.line for node in made) == 3 + string.count("\n")
