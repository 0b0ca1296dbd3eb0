"""Facts of one Python file: a small tree that keeps what has a runtime effect and drops the rest of the syntax.

Every node is a ``NamedTuple``: immutable, compared by value, cheap to make and to pickle (files are read in other
processes). A tree is made of these nodes, of plain tuples of them, and of ``str``/``int``/``float``/``bool``/``None``,
so `walk` needs no table of children. Lines are 1-based, columns 0-based. Names are the dotted text of the source
(``self.pool.submit``); what a name stands for is the business of the *link* stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

# ---------------------------------------------------------------- expressions


class Const(NamedTuple):
    """A literal: ``str``, ``int``, ``float``, ``bool``, ``None``, ``bytes`` (long texts are cut to 2,000 characters)."""

    value: Any


class Name(NamedTuple):
    """A name or a chain of attributes that begins at a name: ``x``, ``os.environ``, ``self.pool.submit``."""

    id: str
    line: int


class Attr(NamedTuple):
    """An attribute of something that is no plain name: ``connect().cursor``, ``rows[0].id``."""

    value: Expr
    name: str
    line: int


class Call(NamedTuple):
    """A call. ``args`` may hold `Star`; ``keywords`` are pairs, ``None`` as name for ``**mapping``."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    line: int
    col: int
    end_line: int

    def keyword(self, name: str) -> Expr | None:
        """The value given for a keyword, or None when it is not written."""
        for key, value in self.keywords:
            if key == name:
                return value
        return None

    def argument(self, name: str, position: int | None = None) -> Expr | None:
        """The value given by keyword, else by 0-based position; None when neither is written or a ``*args`` hides it."""
        value = self.keyword(name)
        if value is not None or position is None:
            return value
        if position < len(self.args) and not any(isinstance(a, Star) for a in self.args[: position + 1]):
            return self.args[position]
        return None

    @property
    def expands(self) -> bool:
        """Whether ``*args`` or ``**kwargs`` may bring arguments that are not written here."""
        return any(key is None for key, _ in self.keywords) or any(isinstance(a, Star) for a in self.args)


class Subscript(NamedTuple):
    """``value[key]``; a slice is an `Other` of its parts."""

    value: Expr
    key: Expr
    line: int


class Format(NamedTuple):
    """An f-string: literal parts are `Const`, the rest are the formatted expressions."""

    parts: tuple[Expr, ...]
    line: int


class BinOp(NamedTuple):
    """``left op right``; ``op`` is the sign of the source, as ``%`` or ``|``."""

    op: str
    left: Expr
    right: Expr
    line: int


class BoolOp(NamedTuple):
    """``a and b``, ``a or b``: ``op`` is ``and`` or ``or``."""

    op: str
    values: tuple[Expr, ...]


class UnaryOp(NamedTuple):
    """``not x``, ``-x``, ``~x``, ``+x``."""

    op: str
    operand: Expr


class Compare(NamedTuple):
    """``left op right op right``; ``ops`` are the signs or words of the source (``==``, ``not in``)."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]
    line: int


class IfExp(NamedTuple):
    """``body if test else orelse``."""

    test: Expr
    body: Expr
    orelse: Expr


class Await(NamedTuple):
    """``await value``."""

    value: Expr
    line: int


class Yield(NamedTuple):
    """``yield value`` (``delegates`` for ``yield from``)."""

    value: Expr | None
    delegates: bool
    line: int


class Sequence(NamedTuple):
    """A list, tuple or set display: ``kind`` is ``list``, ``tuple`` or ``set``."""

    kind: str
    items: tuple[Expr, ...]


class Mapping(NamedTuple):
    """A dict display: pairs, ``None`` as key for ``**other``."""

    items: tuple[tuple[Expr | None, Expr], ...]
    line: int


class Comprehension(NamedTuple):
    """A comprehension or generator expression: ``kind`` is list, set, dict or generator."""

    kind: str
    elements: tuple[Expr, ...]
    generators: tuple[tuple[Expr, Expr, tuple[Expr, ...]], ...]  # target, iterable, conditions
    line: int


class Lambda(NamedTuple):
    """``lambda params: body``."""

    params: tuple[str, ...]
    body: Expr
    line: int


class Star(NamedTuple):
    """``*value`` among arguments or items."""

    value: Expr


class Walrus(NamedTuple):
    """``(target := value)``."""

    target: str
    value: Expr
    line: int


class Other(NamedTuple):
    """Whatever else, kept for the expressions in it (slices)."""

    parts: tuple[Expr, ...]


Expr: TypeAlias = (
    Const
    | Name
    | Attr
    | Call
    | Subscript
    | Format
    | BinOp
    | BoolOp
    | UnaryOp
    | Compare
    | IfExp
    | Await
    | Yield
    | Sequence
    | Mapping
    | Comprehension
    | Lambda
    | Star
    | Walrus
    | Other
)

# ---------------------------------------------------------------- statements


class ExprStmt(NamedTuple):
    """An expression whose value is dropped."""

    value: Expr
    line: int
    end_line: int


class Assign(NamedTuple):
    """``targets = value``, also annotated (``annotation`` is its text; ``value`` None for a bare annotation)."""

    targets: tuple[Expr, ...]
    value: Expr | None
    annotation: str | None
    line: int
    end_line: int


class AugAssign(NamedTuple):
    """``target op= value``."""

    target: Expr
    op: str
    value: Expr
    line: int
    end_line: int


class Return(NamedTuple):
    """``return value``; ``value`` None for a bare one."""

    value: Expr | None
    line: int
    end_line: int


class Raise(NamedTuple):
    """``raise exc from cause``; ``exc`` None for a re-raise."""

    exc: Expr | None
    cause: Expr | None
    line: int
    end_line: int


class Break(NamedTuple):
    """``break``."""

    line: int
    end_line: int


class Continue(NamedTuple):
    """``continue``."""

    line: int
    end_line: int


class Pass(NamedTuple):
    """``pass``, ``...`` or a docstring."""

    line: int
    end_line: int


class Assert(NamedTuple):
    """``assert test``."""

    test: Expr
    line: int
    end_line: int


class Delete(NamedTuple):
    """``del targets``."""

    targets: tuple[Expr, ...]
    line: int
    end_line: int


class Global(NamedTuple):
    """``global names`` or ``nonlocal names``."""

    names: tuple[str, ...]
    line: int
    end_line: int


class Import(NamedTuple):
    """One bound name of an import: ``bound`` stands for ``target`` (dotted, absolute or with leading dots)."""

    bound: str
    target: str
    line: int
    end_line: int


class Def(NamedTuple):
    """The place where a function is defined; its facts are in `Module.functions` under ``qualname``."""

    qualname: str
    line: int
    end_line: int


class ClassDef(NamedTuple):
    """The place where a class is defined; its facts are in `Module.classes` under ``qualname``."""

    qualname: str
    line: int
    end_line: int


class If(NamedTuple):
    """``if test: body else: orelse`` (``elif`` is an If alone in ``orelse``)."""

    test: Expr
    body: Block
    orelse: Block
    line: int
    end_line: int


class While(NamedTuple):
    """``while test``."""

    test: Expr
    body: Block
    orelse: Block
    line: int
    end_line: int


class For(NamedTuple):
    """``for target in iterable``, ``is_async`` for ``async for``."""

    target: Expr
    iterable: Expr
    body: Block
    orelse: Block
    is_async: bool
    line: int
    end_line: int


class Handler(NamedTuple):
    """One ``except`` arm. ``types`` are the caught names (empty for a bare ``except:``), ``bound`` the ``as`` name;
    ``commented``: a comment stands on one of its lines, or between it and the end of its body."""

    types: tuple[str, ...]
    bound: str | None
    body: Block
    line: int
    end_line: int
    commented: bool = False


class Try(NamedTuple):
    """``try``/``except``/``else``/``finally`` (also ``except*``)."""

    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block
    final: Block
    line: int
    end_line: int


class With(NamedTuple):
    """``with item as target``: pairs of expression and target."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: Block
    is_async: bool
    line: int
    end_line: int


class Match(NamedTuple):
    """``match subject``: for each case the expressions of its pattern, its guard and its body."""

    subject: Expr
    cases: tuple[tuple[tuple[Expr, ...], Expr | None, Block], ...]
    line: int
    end_line: int


Stmt: TypeAlias = (
    ExprStmt
    | Assign
    | AugAssign
    | Return
    | Raise
    | Break
    | Continue
    | Pass
    | Assert
    | Delete
    | Global
    | Import
    | Def
    | ClassDef
    | If
    | While
    | For
    | Try
    | With
    | Match
)
Block: TypeAlias = "tuple[Stmt, ...]"
Node: TypeAlias = "Expr | Stmt | Handler"

# ---------------------------------------------------------------- definitions


class Param(NamedTuple):
    """A parameter: ``kind`` is ``positional``, ``keyword`` (keyword only), ``args`` or ``kwargs``."""

    name: str
    kind: str
    annotation: str | None
    default: Expr | None


class Function(NamedTuple):
    """A function, method, or the module's own level (``qualname`` ``<module>``).

    ``qualname`` follows Python (``Class.method``, ``outer.<locals>.inner``); ``cls`` is the qualname of the class whose
    body it stands in. ``line`` is that of ``def``, not of its decorators.
    """

    qualname: str
    name: str
    cls: str | None
    parent: str | None
    is_async: bool
    is_generator: bool
    decorators: tuple[Expr, ...]
    params: tuple[Param, ...]
    returns: str | None
    body: Block
    doc: str | None
    line: int
    end_line: int


class Class(NamedTuple):
    """A class: bases and keywords as expressions, body statements without the methods' own bodies."""

    qualname: str
    name: str
    parent: str | None
    bases: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    decorators: tuple[Expr, ...]
    body: Block
    methods: tuple[str, ...]
    doc: str | None
    line: int
    end_line: int


class Comment(NamedTuple):
    """A comment that speaks to the audit (``# runtime-ops: …``), with its text after the marker."""

    text: str
    line: int


class ModuleFacts(NamedTuple):
    """All facts of one Python file. ``functions[0]`` is the module's own level."""

    path: str
    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    comments: tuple[Comment, ...]
    lines: int
    walrus: tuple[str, ...] = ()
    """The functions that bind a name by ``:=``: few do, and looking for it means walking every expression."""


_LEAVES = frozenset((Const, Name, Pass, Import, Def, ClassDef, Break, Continue))


def walk(node: Any) -> Iterator[Any]:
    """Every node below and including ``node``, parents before children, in source order; none for None, which stands for an
    expression that is not there."""
    stack = [node] if node is not None else []
    while stack:
        current = stack.pop()
        kind = type(current)
        if kind is Call:  # the most frequent of those that hold others
            yield current
            if current.keywords:
                stack.extend([value for _, value in current.keywords[::-1]])
            if current.args:
                stack.extend(current.args[::-1])
            stack.append(current.func)
            continue
        if kind is not tuple:
            yield current
            if kind in _LEAVES:
                continue
        stack.extend([part for part in current[::-1] if isinstance(part, tuple)])


def texts(node: Any) -> list[str]:
    """Every literal text below ``node``."""
    return [found.value for found in walk(node) if type(found) is Const and type(found.value) is str]


def calls(node: Any) -> Iterator[Call]:
    """Every call below ``node``, outer before inner."""
    for found in walk(node):
        if isinstance(found, Call):
            yield found
