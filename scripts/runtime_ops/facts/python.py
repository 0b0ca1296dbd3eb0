"""Read one Python file into `ModuleFacts`: parsed once by ``ast``, the tree dropped at once, nothing executed."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.facts.newer_syntax import rewritten

TEXT_LIMIT = 2000  # longer literals never decide a rule, and would be pickled for nothing
COMMENT = re.compile(r"#\s*runtime-ops:\s*(.+?)\s*$")
CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class Unparsed(NamedTuple):
    """A file that could not be read as Python: where and why."""

    path: str
    line: int
    reason: str


def read_python(path: str, data: bytes) -> m.ModuleFacts | Unparsed:
    """Facts of the file's bytes, or why there are none. Never raises on bad input.

    ``path`` is only carried along. Bytes are decoded as Python would (BOM, coding line, UTF-8).
    """
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        return Unparsed(path, line, "contains a NUL byte, so it is no Python source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(data)
            except SyntaxError as first:
                tree = parse_newer(data, first)
        return Extractor(path).module(tree, data)
    except SyntaxError as error:
        return Unparsed(path, error.lineno or 1, syntax_reason(error))
    except (RecursionError, MemoryError):
        return Unparsed(path, 1, "nested too deeply to be parsed")
    except (ValueError, UnicodeError) as error:
        return Unparsed(path, 1, f"cannot be decoded: {error}")


def parse_newer(data: bytes, first: SyntaxError) -> ast.Module:
    """The tree of a file in newer syntax than the interpreter's, rewritten; raises ``first`` when that is not the cause."""
    try:
        text = data.decode("utf-8-sig")
        newer = rewritten(text)
        if newer != text:  # else it is no newer syntax: a text, unlike bytes, also parses with a wrong coding line
            return ast.parse(newer)
    except (SyntaxError, UnicodeError):
        pass
    raise first from None


def syntax_reason(error: SyntaxError) -> str:
    """What the parser said, with the version that said it: newer syntax is the likeliest cause that is no mistake."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{error.msg} (parsed with Python {version}; newer syntax needs a newer interpreter)"


OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.MatMult: "@",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
}


DISPLAYS: dict[type, str] = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}
make = tuple.__new__  # a node without the ``__new__`` of its class, which is Python: for the kinds that are everywhere


class Scope:
    """The function or class whose body is being read."""

    __slots__ = ("function", "is_generator", "prefix")

    def __init__(self, function: str, prefix: str) -> None:
        self.function = function  # qualname of the enclosing function, or <module>
        self.prefix = prefix  # what qualnames below begin with
        self.is_generator = False


class Extractor:
    """Turns one tree into facts; one instance a file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.functions: list[m.Function] = []
        self.classes: list[m.Class] = []
        self.scope = Scope("<module>", "")
        self.lines: list[bytes] = []
        self.names: set[str] = set()  # qualnames given so far, so that redefinitions stay apart
        self.walruses: set[str] = set()  # functions with a name bound by :=

    def module(self, tree: ast.Module, data: bytes) -> m.ModuleFacts:
        self.lines = data.split(b"\n")
        body = self.block(tree.body)
        own = m.Function(
            "<module>",
            "<module>",
            None,
            None,
            False,
            False,
            (),
            (),
            None,
            body,
            ast.get_docstring(tree, False),
            1,
            max(1, data.count(b"\n")),
        )
        comments: tuple[m.Comment, ...] = ()
        if b"runtime-ops:" in data:
            text = data.decode("utf-8", "replace")
            comments = tuple(
                m.Comment(found.group(1), number)
                for number, line in enumerate(text.splitlines(), 1)
                if (found := COMMENT.search(line))
            )
        return m.ModuleFacts(
            self.path, (own, *self.functions), tuple(self.classes), comments, own.end_line, tuple(sorted(self.walruses))
        )

    # -------------------------------------------------------- definitions

    def qualname(self, name: str) -> str:
        wanted = self.scope.prefix + name
        given, number = wanted, 2
        while given in self.names:
            given, number = f"{wanted}#{number}", number + 1
        self.names.add(given)
        return given

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, cls: str | None) -> m.Def:
        qualname = self.qualname(node.name)
        outer = self.scope
        decorators = tuple(self.expr(d) for d in node.decorator_list)
        params = self.params(node.args)
        place = len(self.functions)
        self.scope = Scope(qualname, f"{qualname}.<locals>.")
        body = self.block(node.body)
        generator = self.scope.is_generator
        self.scope = outer
        end = node.end_lineno or node.lineno
        self.functions.insert(
            place,
            m.Function(
                qualname,
                node.name,
                cls,
                outer.function,
                isinstance(node, ast.AsyncFunctionDef),
                generator,
                decorators,
                params,
                ast.unparse(node.returns) if node.returns else None,
                body,
                doc_of(node.body),
                node.lineno,
                end,
            ),
        )
        return m.Def(qualname, node.lineno, end)

    def params(self, args: ast.arguments) -> tuple[m.Param, ...]:
        positional = [*args.posonlyargs, *args.args]
        missing = len(positional) - len(args.defaults)
        found = []
        for number, arg in enumerate(positional):
            default = args.defaults[number - missing] if number >= missing else None
            found.append(self.param(arg, "positional", default))
        if args.vararg:
            found.append(self.param(args.vararg, "args", None))
        found.extend(self.param(a, "keyword", d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True))
        if args.kwarg:
            found.append(self.param(args.kwarg, "kwargs", None))
        return tuple(found)

    def param(self, arg: ast.arg, kind: str, default: ast.expr | None) -> m.Param:
        annotation = ast.unparse(arg.annotation) if arg.annotation else None
        return m.Param(arg.arg, kind, annotation, self.expr(default) if default is not None else None)

    def class_(self, node: ast.ClassDef) -> m.ClassDef:
        qualname = self.qualname(node.name)
        outer = self.scope
        bases = tuple(self.expr(b) for b in node.bases)
        keywords = tuple((k.arg, self.expr(k.value)) for k in node.keywords)
        decorators = tuple(self.expr(d) for d in node.decorator_list)
        place = len(self.classes)
        self.scope = Scope(outer.function, f"{qualname}.")
        body: list[m.Stmt] = []
        methods = []
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                method = self.function(child, qualname)
                methods.append(method.qualname)
                body.append(method)
            else:
                body.append(self.stmt(child))
        self.scope = outer
        end = node.end_lineno or node.lineno
        self.classes.insert(
            place,
            m.Class(
                qualname,
                node.name,
                outer.function,
                bases,
                keywords,
                decorators,
                tuple(body),
                tuple(methods),
                doc_of(node.body),
                node.lineno,
                end,
            ),
        )
        return m.ClassDef(qualname, node.lineno, end)

    # -------------------------------------------------------- statements

    def block(self, body: list[ast.stmt]) -> m.Block:
        found: list[m.Stmt] = []
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found.extend(self.imports(node))
            else:
                found.append(self.stmt(node))
        return tuple(found)

    def imports(self, node: ast.Import | ast.ImportFrom) -> list[m.Stmt]:
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.Import):
            return [
                m.Import(
                    a.asname or a.name.split(".")[0], a.name if a.asname else a.name.split(".")[0], node.lineno, end
                )
                if a.asname or "." not in a.name
                else m.Import(a.name, a.name, node.lineno, end)
                for a in node.names
            ]
        base = "." * node.level + (node.module or "")
        joint = "" if base.endswith(".") or not base else "."
        return [m.Import(a.asname or a.name, f"{base}{joint}{a.name}", node.lineno, end) for a in node.names]

    def stmt(self, node: ast.stmt) -> m.Stmt:
        reader = STATEMENTS.get(type(node))
        if reader is None:
            return m.Pass(node.lineno, node.end_lineno or node.lineno)
        return reader(self, node, node.lineno, node.end_lineno or node.lineno)

    def expr_stmt(self, node: ast.Expr, line: int, end: int) -> m.Stmt:
        if isinstance(node.value, ast.Constant):
            return m.Pass(line, end)
        return make(m.ExprStmt, (self.expr(node.value), line, end))

    def assign(self, node: ast.Assign, line: int, end: int) -> m.Stmt:
        return make(m.Assign, (tuple([self.expr(t) for t in node.targets]), self.expr(node.value), None, line, end))

    def ann_assign(self, node: ast.AnnAssign, line: int, end: int) -> m.Stmt:
        value = self.expr(node.value) if node.value is not None else None
        return m.Assign((self.expr(node.target),), value, ast.unparse(node.annotation), line, end)

    def aug_assign(self, node: ast.AugAssign, line: int, end: int) -> m.Stmt:
        return m.AugAssign(self.expr(node.target), OPERATORS[type(node.op)], self.expr(node.value), line, end)

    def return_(self, node: ast.Return, line: int, end: int) -> m.Stmt:
        return make(m.Return, (self.expr(node.value) if node.value is not None else None, line, end))

    def raise_(self, node: ast.Raise, line: int, end: int) -> m.Stmt:
        exc = self.expr(node.exc) if node.exc is not None else None
        return m.Raise(exc, self.expr(node.cause) if node.cause is not None else None, line, end)

    def if_(self, node: ast.If, line: int, end: int) -> m.Stmt:
        return m.If(self.expr(node.test), self.block(node.body), self.block(node.orelse), line, end)

    def while_(self, node: ast.While, line: int, end: int) -> m.Stmt:
        return m.While(self.expr(node.test), self.block(node.body), self.block(node.orelse), line, end)

    def for_(self, node: ast.For | ast.AsyncFor, line: int, end: int) -> m.Stmt:
        return m.For(
            self.expr(node.target),
            self.expr(node.iter),
            self.block(node.body),
            self.block(node.orelse),
            isinstance(node, ast.AsyncFor),
            line,
            end,
        )

    def try_(self, node: ast.Try | Any, line: int, end: int) -> m.Stmt:
        return m.Try(
            self.block(node.body),
            tuple(self.handler(h) for h in node.handlers),
            self.block(node.orelse),
            self.block(node.finalbody),
            line,
            end,
        )

    def handler(self, node: ast.ExceptHandler) -> m.Handler:
        types: list[str] = []
        if isinstance(node.type, ast.Tuple):
            types = [dotted(t) or ast.unparse(t) for t in node.type.elts]
        elif node.type is not None:
            types = [dotted(node.type) or ast.unparse(node.type)]
        end = node.end_lineno or node.lineno
        # a "#" within a text looks like one too; arms that are more than a few lines long are not asked
        commented = end - node.lineno < 8 and any(b"#" in line for line in self.lines[node.lineno - 1 : end])
        return m.Handler(tuple(types), node.name, self.block(node.body), node.lineno, end, commented)

    def with_(self, node: ast.With | ast.AsyncWith, line: int, end: int) -> m.Stmt:
        items = tuple(
            (self.expr(i.context_expr), self.expr(i.optional_vars) if i.optional_vars is not None else None)
            for i in node.items
        )
        return m.With(items, self.block(node.body), isinstance(node, ast.AsyncWith), line, end)

    def assert_(self, node: ast.Assert, line: int, end: int) -> m.Stmt:
        return m.Assert(self.expr(node.test), line, end)

    def delete(self, node: ast.Delete, line: int, end: int) -> m.Stmt:
        return m.Delete(tuple(self.expr(t) for t in node.targets), line, end)

    def global_(self, node: ast.Global | ast.Nonlocal, line: int, end: int) -> m.Stmt:
        return m.Global(tuple(node.names), line, end)

    def match(self, node: ast.Match, line: int, end: int) -> m.Stmt:
        cases = []
        for case in node.cases:
            values = tuple(
                self.expr(found.value) if isinstance(found, ast.MatchValue) else m.Const(found.value)
                for found in ast.walk(case.pattern)
                if isinstance(found, ast.MatchValue | ast.MatchSingleton)
            )
            guard = self.expr(case.guard) if case.guard is not None else None
            cases.append((values, guard, self.block(case.body)))
        return m.Match(self.expr(node.subject), tuple(cases), line, end)

    # -------------------------------------------------------- expressions

    def expr(self, node: ast.expr) -> m.Expr:
        reader = EXPRESSIONS.get(type(node))
        if reader is None:
            return self.other(node)
        found: m.Expr = reader(self, node)
        return found

    def other(self, node: ast.AST) -> m.Expr:
        return m.Other(tuple(self.expr(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))

    def constant(self, node: ast.Constant) -> m.Expr:
        value = node.value
        if isinstance(value, (str, bytes)) and len(value) > TEXT_LIMIT:
            value = value[:TEXT_LIMIT]
        elif value is ... or isinstance(value, complex):
            value = repr(value)
        return make(m.Const, (value,))

    def name(self, node: ast.Name) -> m.Expr:
        return make(m.Name, (node.id, node.lineno))

    def attribute(self, node: ast.Attribute) -> m.Expr:
        text = dotted(node)
        if text is not None:
            return make(m.Name, (sys.intern(text), node.lineno))  # one text for all places: less room, shorter pickles
        return make(m.Attr, (self.expr(node.value), node.attr, node.end_lineno or node.lineno))

    def call(self, node: ast.Call) -> m.Expr:
        func = node.func
        expr = self.expr
        # a chained call is reported where its own name stands, not where the chain begins
        line = func.end_lineno or node.lineno if type(func) is ast.Attribute else node.lineno
        return make(
            m.Call,
            (
                expr(func),
                tuple([expr(a) for a in node.args]) if node.args else (),
                tuple([(k.arg, expr(k.value)) for k in node.keywords]) if node.keywords else (),
                line,
                func.end_col_offset or 0,
                node.end_lineno or node.lineno,
            ),
        )

    def subscript(self, node: ast.Subscript) -> m.Expr:
        return make(m.Subscript, (self.expr(node.value), self.expr(node.slice), node.lineno))

    def joined(self, node: ast.JoinedStr) -> m.Expr:
        parts = (self.expr(p.value) if isinstance(p, ast.FormattedValue) else self.expr(p) for p in node.values)
        return m.Format(tuple(parts), node.lineno)

    def bin_op(self, node: ast.BinOp) -> m.Expr:
        # "a" + "b" + … of generated files is thousands deep on its left side
        spine = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        found = self.expr(spine[-1].left)
        for link in reversed(spine):
            found = m.BinOp(OPERATORS[type(link.op)], found, self.expr(link.right), link.lineno)
        return found

    def bool_op(self, node: ast.BoolOp) -> m.Expr:
        return m.BoolOp(OPERATORS[type(node.op)], tuple(self.expr(v) for v in node.values))

    def unary_op(self, node: ast.UnaryOp) -> m.Expr:
        operand = self.expr(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(operand, m.Const) and isinstance(operand.value, int | float):
            return m.Const(-operand.value)
        return m.UnaryOp(OPERATORS[type(node.op)], operand)

    def compare(self, node: ast.Compare) -> m.Expr:
        return m.Compare(
            self.expr(node.left),
            tuple(OPERATORS[type(o)] for o in node.ops),
            tuple(self.expr(c) for c in node.comparators),
            node.lineno,
        )

    def if_exp(self, node: ast.IfExp) -> m.Expr:
        return m.IfExp(self.expr(node.test), self.expr(node.body), self.expr(node.orelse))

    def await_(self, node: ast.Await) -> m.Expr:
        return m.Await(self.expr(node.value), node.lineno)

    def yield_(self, node: ast.Yield | ast.YieldFrom) -> m.Expr:
        self.scope.is_generator = True
        value = self.expr(node.value) if node.value is not None else None
        return m.Yield(value, isinstance(node, ast.YieldFrom), node.lineno)

    def sequence(self, node: ast.List | ast.Tuple | ast.Set) -> m.Expr:
        return make(m.Sequence, (DISPLAYS[type(node)], tuple([self.expr(e) for e in node.elts])))

    def mapping(self, node: ast.Dict) -> m.Expr:
        expr = self.expr
        pairs = tuple([(expr(k) if k is not None else None, expr(v)) for k, v in zip(node.keys, node.values, strict=True)])
        return m.Mapping(pairs, node.lineno)

    def comprehension(self, node: Any) -> m.Expr:
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}.get(type(node), "generator")
        elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        generators = tuple(
            (self.expr(g.target), self.expr(g.iter), tuple(self.expr(i) for i in g.ifs)) for g in node.generators
        )
        return m.Comprehension(kind, tuple(self.expr(e) for e in elements), generators, node.lineno)

    def lambda_(self, node: ast.Lambda) -> m.Expr:
        return m.Lambda(tuple(p.name for p in self.params(node.args)), self.expr(node.body), node.lineno)

    def starred(self, node: ast.Starred) -> m.Expr:
        return m.Star(self.expr(node.value))

    def walrus(self, node: ast.NamedExpr) -> m.Expr:
        self.walruses.add(self.scope.function)
        return m.Walrus(node.target.id, self.expr(node.value), node.lineno)


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` of an attribute chain that begins at a name, else None."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    names.append(node.id)
    return ".".join(reversed(names))


def doc_of(body: list[ast.stmt]) -> str | None:
    """The docstring, as it stands."""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        value = body[0].value.value
        return value[:TEXT_LIMIT] if isinstance(value, str) else None
    return None


STATEMENTS: dict[type, Callable[[Extractor, Any, int, int], m.Stmt]] = {
    ast.Expr: Extractor.expr_stmt,
    ast.Assign: Extractor.assign,
    ast.AnnAssign: Extractor.ann_assign,
    ast.AugAssign: Extractor.aug_assign,
    ast.Return: Extractor.return_,
    ast.Raise: Extractor.raise_,
    ast.Break: lambda _, __, line, end: m.Break(line, end),
    ast.Continue: lambda _, __, line, end: m.Continue(line, end),
    ast.If: Extractor.if_,
    ast.While: Extractor.while_,
    ast.For: Extractor.for_,
    ast.AsyncFor: Extractor.for_,
    ast.Try: Extractor.try_,
    ast.TryStar: Extractor.try_,
    ast.With: Extractor.with_,
    ast.AsyncWith: Extractor.with_,
    ast.Assert: Extractor.assert_,
    ast.Delete: Extractor.delete,
    ast.Global: Extractor.global_,
    ast.Nonlocal: Extractor.global_,
    ast.Match: Extractor.match,
    ast.FunctionDef: lambda reader, node, _, __: reader.function(node, None),
    ast.AsyncFunctionDef: lambda reader, node, _, __: reader.function(node, None),
    ast.ClassDef: lambda reader, node, _, __: reader.class_(node),
}
EXPRESSIONS: dict[type, Callable[[Extractor, Any], m.Expr]] = {
    ast.Constant: Extractor.constant,
    ast.Name: Extractor.name,
    ast.Attribute: Extractor.attribute,
    ast.Call: Extractor.call,
    ast.Subscript: Extractor.subscript,
    ast.JoinedStr: Extractor.joined,
    ast.BinOp: Extractor.bin_op,
    ast.BoolOp: Extractor.bool_op,
    ast.UnaryOp: Extractor.unary_op,
    ast.Compare: Extractor.compare,
    ast.IfExp: Extractor.if_exp,
    ast.Await: Extractor.await_,
    ast.Yield: Extractor.yield_,
    ast.YieldFrom: Extractor.yield_,
    ast.List: Extractor.sequence,
    ast.Tuple: Extractor.sequence,
    ast.Set: Extractor.sequence,
    ast.Dict: Extractor.mapping,
    ast.ListComp: Extractor.comprehension,
    ast.SetComp: Extractor.comprehension,
    ast.DictComp: Extractor.comprehension,
    ast.GeneratorExp: Extractor.comprehension,
    ast.Lambda: Extractor.lambda_,
    ast.Starred: Extractor.starred,
    ast.NamedExpr: Extractor.walrus,
}
