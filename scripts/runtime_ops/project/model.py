"""The linked program: modules, functions, classes, call sites, and what a name stands for.

These are the objects that rules see. They are made by `runtime_ops.project.build` from the facts of all files and are
not changed afterwards. `Value` says what an expression stands for; `Site` is a call with its surroundings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.plain import cached_property

NO_NAMES: frozenset[str] = frozenset()
make = tuple.__new__  # a record without the ``__new__`` of its class, which is Python: for the kinds that are everywhere


class Step(NamedTuple):
    """One enclosing statement: ``arm`` tells in which part of it the place stands.

    Arms: ``body``, ``orelse``, ``handler``, ``final``, ``case``. For a handler, ``stmt`` is the `Try` and ``handler`` the arm.
    """

    stmt: m.Stmt
    arm: str
    handler: m.Handler | None = None


class Place(NamedTuple):
    """A statement and what encloses it within its function, outermost first."""

    stmt: m.Stmt
    steps: tuple[Step, ...]


class Origin(NamedTuple):
    """The call that made a value, and the function in which it is written."""

    function: Func
    call: m.Call


class Value(NamedTuple):
    """What an expression stands for.

    ``kind`` is ``module``, ``function``, ``class`` or ``instance`` (of the project), ``external`` (anything of a
    library by its dotted name: ``requests.get``, ``redis.Redis.get``), ``made`` (an instance of a library's class, or
    what a library's function returned: ``redis.Redis``, ``boto3.client()``), or ``const``.
    ``name`` is the dotted name of an external or made value; ``origin`` the call that made the value or its receiver.
    """

    kind: str
    name: str
    target: Module | Func | Klass | None = None
    origin: Origin | None = None
    const: object = None


class Site:
    """One call: where it stands, what it calls."""

    __slots__ = (
        "awaited", "call", "dotted", "function", "guessed", "made", "method", "origin", "steps", "stmt", "targets", "text",
        "used", "weak",
    )  # fmt: skip

    def __init__(self, function: Func, call: m.Call, place: Place, awaited: bool, used: bool) -> None:
        self.function = function
        self.call = call
        self.stmt = place.stmt
        self.steps = place.steps
        self.awaited = awaited  # stands directly under ``await``
        self.used = used  # False when the result is dropped (an expression statement)
        self.dotted: str | None = None  # canonical name of a library's callable, ``Class.method`` for made receivers
        self.made: str | None = None  # the library's class that an instantiated project class extends
        self.targets: tuple[Func, ...] = ()  # functions of the project that it can call
        self.weak = False  # targets were found by the method's name alone
        self.guessed = False  # and nothing else speaks for them
        self.origin: Origin | None = None  # the call that made the receiver
        func = call.func
        self.text = func.id if isinstance(func, m.Name) else f"….{func.name}" if isinstance(func, m.Attr) else "…"
        """The callee as it is written (``self.pool.submit``, ``….cursor`` for a chain)."""
        self.method = self.text.rpartition(".")[2]
        """The last part of the callee's name."""

    @property
    def line(self) -> int:
        return self.call.line

    @property
    def path(self) -> str:
        return self.function.path

    def within(self, kind: type, arm: str | None = None) -> Step | None:
        """The innermost enclosing statement of a kind (and arm), within the function."""
        return next(
            (s for s in reversed(self.steps) if isinstance(s.stmt, kind) and (arm is None or s.arm == arm)), None
        )

    def __repr__(self) -> str:
        return f"<Site {self.path}:{self.line} {self.dotted or self.text}>"


class Func:
    """A function, method, or a module's own level (``qualname`` ``<module>``)."""

    __slots__ = ("__dict__", "cls", "facts", "is_module", "known", "module", "name", "parent", "path", "qualname")

    def __init__(self, module: Module, facts: m.Function) -> None:
        self.module = module
        self.facts = facts
        self.path = module.path
        self.name = facts.name
        self.qualname = facts.qualname
        self.is_module = facts.qualname == "<module>"
        self.cls: Klass | None = None
        self.parent: Func | None = None
        self.known: dict[str, Value | None] = {}
        """What the dotted names that are written in it stand for, so far as somebody asked (see `Names.name`)."""

    @property
    def line(self) -> int:
        return self.facts.line

    @property
    def key(self) -> str:
        return f"{self.path}::{self.qualname}"

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every statement of the function with its surroundings, in source order (nested functions apart)."""
        return tuple(places_of(self.facts.body, ()))

    @cached_property
    def by_kind(self) -> dict[type, list[Place]]:
        """The statements of the function by their class, each in source order."""
        found: dict[type, list[Place]] = {}
        for place in self.places:
            kind = type(place.stmt)
            if kind in found:
                found[kind].append(place)
            else:
                found[kind] = [place]
        return found

    @cached_property
    def inventory(self) -> Inventory:
        """What stands in the expressions of the function, from one walk over them."""
        return Inventory(self)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every call of the function, outer before inner, in source order."""
        return self.inventory.sites

    @cached_property
    def wording(self) -> str:
        """All names in its expressions, one after the other: whether a word can be among them is asked of this first."""
        return " ".join(self.inventory.names)

    @cached_property
    def declared_global(self) -> frozenset[str]:
        """Names that the function declares global or nonlocal."""
        stated = self.by_kind.get(m.Global, ())
        return frozenset([n for p in stated if isinstance(p.stmt, m.Global) for n in p.stmt.names]) if stated else NO_NAMES

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What the function's own names are bound to, in source order."""
        return bindings_of(self)

    @cached_property
    def attribute_bindings(self) -> dict[str, list[Binding]]:
        """``self.x = …`` and other dotted targets, by dotted text."""
        return {name: found for name, found in self.bindings.items() if "." in name}

    def param(self, name: str) -> m.Param | None:
        return self.params.get(name)

    @cached_property
    def params(self) -> dict[str, m.Param]:
        """The parameters by name."""
        return {param.name: param for param in reversed(self.facts.params)}

    def __repr__(self) -> str:
        return f"<Func {self.key}>"


class Display(NamedTuple):
    """A list, tuple, set or mapping display; ``root`` is the expression of the statement that it stands in."""

    expr: m.Mapping | m.Sequence
    place: Place
    root: m.Expr


class Inventory:
    """What stands in the expressions of one function. ``sites``, ``displays``, ``formats`` (f-strings) and ``texts`` (the
    literals) are in source order, outer before inner; ``names`` are the dotted names as they are written, ``keywords``
    those of calls. ``sites``, ``names`` and ``keywords`` include decorators and defaults, as do ``attributes`` (those of
    what is no plain name: ``now().year``); the others do not: their literals are in ``header_texts``."""

    __slots__ = ("attributes", "displays", "formats", "header_texts", "keywords", "names", "sites", "texts")

    def __init__(self, function: Func) -> None:
        sites: list[Site] = []
        self.displays: list[Display] = []
        self.formats: list[m.Format] = []
        self.keywords: set[str | None] = set()
        self.texts: list[str] = []
        self.header_texts: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        for place in function.places:
            dropped = type(place.stmt) is m.ExprStmt
            for expr in own_expressions(place.stmt):
                self._take(function, expr, place, dropped, sites, self.displays, self.texts, self.formats)
        if not function.is_module:
            place = Place(m.Pass(function.line, function.line), ())
            defaults = (p.default for p in function.facts.params if p.default is not None)
            for expr in (*defaults, *function.facts.decorators):
                self._take(function, expr, place, False, sites, [], self.header_texts, [])
        self.sites = tuple(sites)

    def _take(
        self, function: Func, root: m.Expr, place: Place, dropped: bool, sites: list[Site], displays: list[Display],
        texts: list[str], formats: list[m.Format],
    ) -> None:  # fmt: skip
        bottom: Any = root
        while dropped and type(bottom) is m.Await:
            bottom = bottom.value
        awaited: object = None  # what stands under the last ``await``: it is looked at next
        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            kind = type(node)
            if kind is m.Name:
                self.names.add(node.id)
                continue
            if kind is m.Const:
                if type(node.value) is str:
                    texts.append(node.value)
                continue
            if kind is m.Call:
                sites.append(Site(function, node, place, node is awaited, not (dropped and node is bottom)))
                if node.keywords:
                    stack.extend([value for _, value in node.keywords[::-1]])
                    self.keywords.update([key for key, _ in node.keywords])
                if node.args:
                    stack.extend(node.args[::-1])
                stack.append(node.func)
                continue
            if kind is m.Attr:
                self.attributes.add(node.name)
                stack.append(node.value)
                continue
            if kind is m.Await:
                awaited = node.value
            elif kind is m.Mapping or kind is m.Sequence:
                displays.append(make(Display, (node, place, root)))
            elif kind is m.Format:
                formats.append(node)
            stack.extend([part for part in node[::-1] if isinstance(part, tuple)])


class Klass:
    """A class of the project."""

    __slots__ = ("__dict__", "bases", "facts", "methods", "module", "subclasses")

    def __init__(self, module: Module, facts: m.Class) -> None:
        self.module = module
        self.facts = facts
        self.methods: dict[str, Func] = {}
        self.bases: tuple[Klass | str, ...] = ()  # a project class, or the dotted name of a library's
        self.subclasses: list[Klass] = []

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def path(self) -> str:
        return self.module.path

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every statement of the body with its surroundings, methods apart."""
        return tuple(places_of(self.facts.body, ()))

    def forget_ancestry(self) -> None:
        """After its bases, or theirs, have become known."""
        self.__dict__.pop("ancestry", None)
        self.__dict__.pop("external_bases", None)

    @cached_property
    def ancestry(self) -> tuple[Klass | str, ...]:
        """The class, then its bases depth first; library bases by dotted name."""
        found: list[Klass | str] = []
        pending: list[Klass | str] = [self]
        while pending:
            current = pending.pop(0)
            if current in found:
                continue
            found.append(current)
            if isinstance(current, Klass):
                pending.extend(current.bases)
        return tuple(found)

    @cached_property
    def external_bases(self) -> tuple[str, ...]:
        return tuple(b for b in self.ancestry if isinstance(b, str))

    def method(self, name: str) -> Func | None:
        """The method that an instance has, inherited ones included."""
        for base in self.ancestry:
            if isinstance(base, Klass) and name in base.methods:
                return base.methods[name]
        return None

    def descendants(self) -> Iterator[Klass]:
        """Every class of the project below this one."""
        seen: set[int] = set()
        pending = list(self.subclasses)
        while pending:
            current = pending.pop()
            if id(current) not in seen:
                seen.add(id(current))
                yield current
                pending.extend(current.subclasses)

    @cached_property
    def attributes(self) -> dict[str, list[tuple[Func, Binding]]]:
        """What ``self.x`` and class-level names are bound to, own class only, ``__init__`` first."""
        found: dict[str, list[tuple[Func, Binding]]] = {}
        level = self.module.level
        for stmt in self.facts.body:
            for name, binding in bindings_in(stmt):
                found.setdefault(name, []).append((level, binding))
        for method in sorted(self.methods.values(), key=lambda f: f.name != "__init__"):
            first = method.facts.params[0].name + "." if method.facts.params else "self."
            for name, bindings in method.attribute_bindings.items():
                if name.startswith(first) and name.count(".") == 1:
                    found.setdefault(name[len(first) :], []).extend((method, b) for b in bindings)
        return found

    def __repr__(self) -> str:
        return f"<Klass {self.path}::{self.facts.qualname}>"


class Module:
    """One Python file. ``name`` is its dotted name below its import root."""

    def __init__(self, facts: m.ModuleFacts, name: str) -> None:
        self.facts = facts
        self.path = facts.path
        self.name = name
        self.functions: dict[str, Func] = {f.qualname: Func(self, f) for f in facts.functions}
        self.classes: dict[str, Klass] = {c.qualname: Klass(self, c) for c in facts.classes}
        for func in self.functions.values():
            if func.facts.parent is not None:
                func.parent = self.functions.get(func.facts.parent)
            if func.facts.cls is not None:
                func.cls = self.classes[func.facts.cls]
                func.cls.methods[func.name] = func

    @property
    def level(self) -> Func:
        """The module's own level, as a function."""
        return self.functions["<module>"]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @cached_property
    def declared_global(self) -> frozenset[str]:
        """Names that any of its functions declares global or nonlocal."""
        return frozenset(name for func in self.functions.values() for name in func.declared_global)

    def __repr__(self) -> str:
        return f"<Module {self.path}>"


class Binding(NamedTuple):
    """One way in which a name got its value.

    ``kind``: ``assign``, ``augment``, ``with``, ``for``, ``unpack``, ``except``, ``import``, ``def``, ``class``,
    ``walrus``, ``annotation``. ``expr`` is the value where there is one, ``text`` an import's target, a definition's
    qualname or an annotation.
    """

    kind: str
    expr: m.Expr | None
    text: str
    line: int


def own_expressions(stmt: m.Stmt) -> tuple[Any, ...]:
    """The expressions that belong to a statement itself, not to the blocks in it."""
    kind = type(stmt)
    if kind is m.ExprStmt:
        return (stmt.value,)  # type: ignore[union-attr]
    if isinstance(stmt, m.Assign):
        return stmt.targets if stmt.value is None else (*stmt.targets, stmt.value)
    if kind in _BARE:
        return ()
    if isinstance(stmt, (m.If, m.While)):
        return (stmt.test,)
    if isinstance(stmt, m.For):
        return (stmt.target, stmt.iterable)
    if isinstance(stmt, m.With):
        return tuple(expr for item in stmt.items for expr in item if expr is not None)
    if isinstance(stmt, m.Match):
        found: list[Any] = [stmt.subject]
        for values, guard, _ in stmt.cases:
            found.extend(values)
            if guard is not None:
                found.append(guard)
        return tuple(found)
    return tuple(_expressions_in(stmt))


# statements without an expression of their own
_BARE = frozenset((m.Try, m.Import, m.Pass, m.Def, m.ClassDef, m.Global, m.Break, m.Continue))


def _expressions_in(stmt: m.Stmt) -> Iterator[Any]:
    for part in stmt:
        if type(part) is tuple:
            for inner in part:
                if isinstance(inner, tuple):
                    yield inner
        elif isinstance(part, tuple):
            yield part


def blocks_of(stmt: m.Stmt) -> Iterator[tuple[m.Block, Step]]:
    """The blocks in a statement, each with the step that leads into it."""
    if isinstance(stmt, m.If | m.While | m.For):
        yield stmt.body, Step(stmt, "body")
        yield stmt.orelse, Step(stmt, "orelse")
    elif isinstance(stmt, m.With):
        yield stmt.body, Step(stmt, "body")
    elif isinstance(stmt, m.Try):
        yield stmt.body, Step(stmt, "body")
        for handler in stmt.handlers:
            yield handler.body, Step(stmt, "handler", handler)
        yield stmt.orelse, Step(stmt, "orelse")
        yield stmt.final, Step(stmt, "final")
    elif isinstance(stmt, m.Match):
        for _, _, body in stmt.cases:
            yield body, Step(stmt, "case")


def places_of(block: m.Block, steps: tuple[Step, ...]) -> list[Place]:
    """Every statement of a block, at any depth, with its surroundings."""
    found: list[Place] = []
    _place(block, steps, found)
    return found


def _place(block: m.Block, steps: tuple[Step, ...], found: list[Place]) -> None:
    for stmt in block:
        found.append(make(Place, (stmt, steps)))
        if type(stmt) in _COMPOUND:
            for inner, step in blocks_of(stmt):
                if inner:
                    _place(inner, (*steps, step), found)


_COMPOUND = frozenset((m.If, m.While, m.For, m.With, m.Try, m.Match))
_BINDING = frozenset((m.Assign, m.AugAssign, m.With, m.For, m.Import, m.Def, m.ClassDef, m.Try))


def bindings_in(stmt: m.Stmt) -> Iterator[tuple[str, Binding]]:
    """The names that one statement binds, blocks in it apart."""
    if isinstance(stmt, m.Assign):
        for target in stmt.targets:
            if isinstance(target, m.Name):
                if stmt.annotation is not None:
                    yield target.id, Binding("annotation", stmt.value, stmt.annotation, stmt.line)
                if stmt.value is not None:
                    yield target.id, make(Binding, ("assign", stmt.value, "", stmt.line))
            elif stmt.value is not None:
                yield from _unpacked(target, stmt.value, stmt.line)
    elif isinstance(stmt, m.AugAssign):
        if isinstance(stmt.target, m.Name):
            yield stmt.target.id, Binding("augment", stmt.value, stmt.op, stmt.line)
    elif isinstance(stmt, m.With):
        for item, bound in stmt.items:
            if isinstance(bound, m.Name):
                yield bound.id, Binding("with", item, "", stmt.line)
            elif bound is not None:
                yield from _unpacked(bound, item, stmt.line)
    elif isinstance(stmt, m.For):
        if isinstance(stmt.target, m.Name):
            yield stmt.target.id, Binding("for", stmt.iterable, "", stmt.line)
        else:
            yield from _unpacked(stmt.target, stmt.iterable, stmt.line)
    elif isinstance(stmt, m.Import):
        yield stmt.bound, make(Binding, ("import", None, stmt.target, stmt.line))
    elif isinstance(stmt, m.Def):
        yield stmt.qualname.rpartition(".")[2].partition("#")[0], Binding("def", None, stmt.qualname, stmt.line)
    elif isinstance(stmt, m.ClassDef):
        yield stmt.qualname.rpartition(".")[2].partition("#")[0], Binding("class", None, stmt.qualname, stmt.line)
    elif isinstance(stmt, m.Try):
        for handler in stmt.handlers:
            if handler.bound:
                yield handler.bound, Binding("except", None, "|".join(handler.types), handler.line)


def walrus_bindings(stmt: m.Stmt) -> Iterator[tuple[str, Binding]]:
    """The names that a statement binds by ``:=``."""
    for expr in own_expressions(stmt):
        for node in m.walk(expr):
            if isinstance(node, m.Walrus):
                yield node.target, Binding("walrus", node.value, "", node.line)


def _unpacked(target: m.Expr, value: m.Expr, line: int) -> Iterator[tuple[str, Binding]]:
    if not isinstance(target, m.Sequence):
        return
    same = isinstance(value, m.Sequence) and len(value.items) == len(target.items)
    for number, item in enumerate(target.items):
        if isinstance(item, m.Name):
            if same and isinstance(value, m.Sequence):
                yield item.id, Binding("assign", value.items[number], "", line)
            else:
                yield item.id, Binding("unpack", value, str(number), line)


def bindings_of(function: Func) -> dict[str, list[Binding]]:
    found: dict[str, list[Binding]] = {}
    walrus = function.qualname in function.module.facts.walrus
    for place in function.places:
        if type(place.stmt) in _BINDING:
            for name, binding in bindings_in(place.stmt):
                known = found.setdefault(name, [])
                if known and not place.steps and binding.kind in ("class", "def") and known[0].kind == "import":
                    known.insert(0, binding)  # whoever asks later gets what the module makes itself, not what it imported before
                else:
                    known.append(binding)
        if walrus:
            for name, binding in walrus_bindings(place.stmt):
                found.setdefault(name, []).append(binding)
    return found
