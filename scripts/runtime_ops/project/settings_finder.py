"""Finds the reads of settings: one pass over all expressions, then the call sites of wrappers and settings classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.config_files import config_file, secret_file
from runtime_ops.project.env_reads import DYNACONF, Raw, raw_read, unknown
from runtime_ops.project.expressions import Region, Spot, regions, spot_of, spots
from runtime_ops.project.flows import ends
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Place
from runtime_ops.project.settings_candidates import classes_of_settings, may_read
from runtime_ops.project.settings_classes import class_call, conversion_of, fields_of, is_settings
from runtime_ops.project.settings_flow import NAMED, Around, bound_of, check_nearby
from runtime_ops.project.settings_model import Bound, SettingRead, is_secret
from runtime_ops.project.texts import UNKNOWN, bound_expression, is_empty, spelled, text_of

WRAPPER_DEPTH = 3  # readers of readers
ANNOTATED_OPTION = re.compile(r"(?:Option|Argument)\(.*envvar=\[?['\"](\w+)['\"]")
READING = frozenset((m.Subscript, m.Compare, m.Call))


class Reader(NamedTuple):
    """A project function that reads the variable that its caller names."""

    func: Func
    parameter: str
    template: str  # with ``{name}`` where the parameter goes
    default_parameter: str | None
    read: SettingRead  # the read in it, for how, required, check, conversion
    switch: str | None = None  # the parameter that decides whether a missing value raises
    case: str = ""  # ``upper`` or ``lower``, which the function writes the parameter in

    def name_for(self, given: str) -> str:
        """The variable that is read for what a caller gives."""
        written = getattr(given, self.case)() if self.case else given
        return self.template.replace("{name}", written).replace(UNKNOWN * 2, UNKNOWN)


class Finder:
    """One pass over all expressions, then the call sites of wrappers."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.reads: list[SettingRead] = []
        self.readers: dict[Func, Reader] = {}
        self.delayed: list[tuple[Raw, Spot, Region]] = []  # reads in default factories of classes
        self.made: dict[int, list[Spot]] = defaultdict(list)  # instantiations, by id of the class
        self._class_calls: list[tuple[Spot, Region]] = []  # calls in class bodies: they are no sites of a function

    def find(self) -> tuple[SettingRead, ...]:
        dynaconf = any(name.startswith("dynaconf.") for name in self.links.by_dotted)
        matter = classes_of_settings(self.links)
        for module in self.links.index:
            for func in module.functions.values():
                self._annotated_options(func)
            for region in regions(module):
                if not dynaconf and region.klass is None and not may_read(self.links, region.function, matter):
                    continue
                for spot in spots(region, READING | NAMED if dynaconf else READING):
                    if type(spot.expr) in READING:
                        self._spot(spot, region)
                        if region.klass is not None and isinstance(spot.expr, m.Call):
                            self._class_calls.append((spot, region))
                    if dynaconf and isinstance(spot.expr, m.Name | m.Subscript):
                        self._dynaconf(spot, region)
        self._wrapped()
        self._uncalled()
        self._classes()
        unique: dict[tuple[Any, ...], SettingRead] = {}
        for read in self.reads:
            unique.setdefault((read.path, read.line, read.name, read.how, read.function.key, read.defined), read)
        return tuple(sorted(unique.values(), key=lambda r: (r.path, r.line, r.name, r.defined or ("", 0))))

    # ------------------------------------------------------------ plain reads

    def _spot(self, spot: Spot, region: Region) -> None:
        raw = raw_read(self.links, spot)
        if raw is not None:
            factory = spot.klass is not None and any(isinstance(node, m.Lambda) for node in spot.around)
            if factory:
                self.delayed.append((raw, spot, region))
            else:
                self._raw(raw, spot, region)
            return
        if not isinstance(spot.expr, m.Call):
            return
        klass = class_call(self.links, spot)
        if klass is not None:
            self.made[id(klass)].append(spot)
        secret = secret_file(self.links, spot)
        if secret is not None:
            self._file(spot, region, secret, "secret-file", True)
            return
        config = config_file(self.links, spot)
        if config is not None:
            self._file(spot, region, config[0], "config-file", False)

    def _file(self, spot: Spot, region: Region, name: str, how: str, secret: bool) -> None:
        around = Around(self.links, spot)
        call = spot.expr
        self.reads.append(
            SettingRead(
                name, spot.function.path, call.line, call.end_line, spot.function, call, how, "file", how == "secret-file",
                secret=secret, bound=bound_of(around), flows=tuple(around.flows), steps=spot.place.steps,
            )
        )  # fmt: skip

    def _raw(self, raw: Raw, spot: Spot, region: Region) -> None:
        function = spot.function
        for expr in raw.names:
            for text in self._names(expr, function):
                parameter = self._parameter(expr, function) if UNKNOWN in text else None
                read = self._read(f"{raw.prefix}{text}", raw, spot, region)
                if parameter is not None and not function.is_module:
                    default = raw.default
                    default_name = default.id if isinstance(default, m.Name) and function.param(default.id) else None
                    if default is None:
                        default_name = _handed_back(function, parameter)
                    template = f"{raw.prefix}{text}".replace(UNKNOWN, "{name}", 1)
                    switch = _switch(function, {parameter, default_name})
                    made = Reader(function, parameter, template, default_name, read, switch, _case(expr, parameter))
                    self.readers.setdefault(function, made)
                elif not unknown(text):
                    self.reads.append(read)

    def _names(self, expr: m.Expr, function: Func) -> list[str]:
        """The names that an expression may come to; several for the variable of a loop over literals."""
        text = text_of(self.links, expr, function)
        if text == UNKNOWN and isinstance(expr, m.Name):
            for binding in function.bindings.get(expr.id, ()):
                if binding.kind == "for" and isinstance(binding.expr, m.Sequence):
                    found = [text_of(self.links, item, function) for item in binding.expr.items]
                    return [t for t in found if t != UNKNOWN] or [text]
        return [text]

    def _parameter(self, expr: m.Expr, function: Func) -> str | None:
        """The function's own parameter that makes up the unknown part of a name."""
        for node in m.walk(expr):
            if isinstance(node, m.Name):
                head = node.id.partition(".")[0]
                if function.param(head) is not None and not (function.cls is not None and head in ("self", "cls")):
                    return head
        return None

    def _read(self, name: str, raw: Raw, spot: Spot, region: Region, reader: Func | None = None) -> SettingRead:
        around = Around(self.links, spot)
        default = raw.default if raw.default is not None else around.default
        required = raw.required
        check, conversion = around.check, raw.conversion or around.conversion
        if raw.how == "contains":
            check, conversion = "test", ""
        bound = bound_of(around)
        if bound is not None and bound.kind in ("constant", "local", "attribute") and not bound.name.startswith("{"):
            written = bound.name if bound.kind != "attribute" or spot.klass is not None else f"self.{bound.name}"
            near, later = check_nearby(self.links, region, written, spot.place.stmt.line)
            if not check or (check == "test" and near):
                check = near or check
            conversion = later if later and conversion in ("", "truth") else conversion
        stmt = spot.place.stmt
        if spot.klass is not None and is_settings(spot.klass) and isinstance(stmt, m.Assign) and stmt.annotation is not None:
            # pydantic-settings converts and checks defaults too (validate_default, pydantic-settings 2.11)
            conversion = conversion or conversion_of(stmt.annotation)
            check = check or ("type" if conversion else "")
        if required and (self._caught(spot) or self._guarded(spot, raw)):
            required, check = False, check or "test"
        if required and not check:
            check = "missing"
        if check == "raise" and conversion in ("bool", "flag", "truth"):
            check = "test"  # a switch that decides something, not a value that is found wrong
        expr = spot.expr
        return SettingRead(
            name=name,
            path=spot.function.path,
            line=expr.line,
            end_line=getattr(expr, "end_line", expr.line),
            function=spot.owner if spot.owner is not None and raw.how in ("click", "typer") else spot.function,
            expr=expr,
            how=raw.how,
            required=required,
            default=default,
            default_text=self._literal(default, spot.function),
            default_setting=self._default_setting(default, spot.function),
            conversion=conversion,
            check=check,
            secret=is_secret(name, conversion),
            bound=bound,
            flows=tuple(around.flows),
            steps=spot.place.steps,
            reader=reader,
        )

    def _caught(self, spot: Spot) -> bool:
        """Whether a missing variable is caught around the read and the program goes on."""
        for step in spot.place.steps:
            if isinstance(step.stmt, m.Try) and step.arm == "body":
                for handler in step.stmt.handlers:
                    names = {t.rpartition(".")[2] for t in handler.types}
                    if not names or names & {
                        "KeyError",
                        "Exception",
                        "LookupError",
                        "BaseException",
                        "UndefinedValueError",
                    }:
                        ways = ends(handler.body, spot.function)
                        if ways & {"fall", "return", "continue", "break"}:
                            return True
        return False

    def _guarded(self, spot: Spot, raw: Raw) -> bool:
        """Whether the read stands under a condition that the same variable is there."""
        for name in raw.names:
            for step in spot.place.steps:
                if isinstance(step.stmt, m.If) and step.arm == "body" and _asks_for(step.stmt.test, name):
                    return True
                if isinstance(step.stmt, m.If) and step.arm == "orelse" and _lacks(step.stmt.test, name):
                    return True
            if _left_without(spot, name):
                return True
            if any(isinstance(node, m.IfExp) and _asks_for(node.test, name) for node in spot.around):
                return True
            if any(isinstance(node, m.BoolOp) and _asked_before(node, spot.expr, name) for node in spot.around):
                return True
        return False

    def _default_setting(self, default: m.Expr | None, function: Func, depth: int = 0) -> str:
        """The name of the setting that a default is read from: directly, or through a name bound to a read."""
        if default is None or depth > 3:
            return ""
        for node in m.walk(default):
            if isinstance(node, m.Call | m.Subscript):
                raw = raw_read(self.links, Spot(node, (), Place(m.Pass(0, 0), ()), function))
                if raw is not None and raw.how != "contains" and raw.names:
                    return text_of(self.links, raw.names[0], function)
        if isinstance(default, m.Name | m.Attr):
            bound = bound_expression(self.links, default, function)
            if bound is not None and not isinstance(bound[0], m.Const):
                return self._default_setting(bound[0], bound[1], depth + 1)
        return ""

    def _literal(self, default: m.Expr | None, function: Func) -> str | None:
        if default is None:
            return None
        if isinstance(default, m.Const):
            return None if default.value is None else str(default.value)
        text = text_of(self.links, default, function)
        if text != UNKNOWN:
            return text
        if isinstance(default, m.Call):  # os.environ.get("A", os.environ.get("B", "text"))
            raw = raw_read(self.links, Spot(default, (), Place(m.Pass(0, 0), ()), function))
            if raw is not None:
                return self._literal(raw.default, function)
        return None

    def _annotated_options(self, func: Func) -> None:
        """typer: ``port: Annotated[int, typer.Option(envvar="PORT")] = 80``; annotations are kept as text."""
        for param in func.facts.params:
            found = ANNOTATED_OPTION.search(param.annotation or "")
            if found is None:
                continue
            kind = (param.annotation or "").partition("[")[2].partition(",")[0].strip()
            conversion = conversion_of(kind)
            default = None if is_empty(param.default) else param.default
            required = param.default is None and "None" not in kind
            self.reads.append(
                SettingRead(
                    name=found.group(1),
                    path=func.path,
                    line=func.line,
                    end_line=func.line,
                    function=func,
                    expr=m.Name(param.name, func.line),
                    how="typer",
                    required=required,
                    default=default,
                    default_text=self._literal(default, func),
                    conversion=conversion,
                    check="missing" if required else "type" if conversion else "",
                    secret=is_secret(found.group(1), conversion),
                    bound=Bound("local", param.name, func),
                )
            )

    # ------------------------------------------------------------ dynaconf

    def _dynaconf(self, spot: Spot, region: Region) -> None:
        """``settings.PORT`` and ``settings["PORT"]`` of a Dynaconf object."""
        expr = spot.expr
        if isinstance(expr, m.Subscript):
            owner, key = spelled(expr.value), text_of(self.links, expr.key, spot.function)
        else:
            owner, _, key = expr.id.rpartition(".")
        if not owner or key == UNKNOWN or not key[:1].isalpha() or (isinstance(expr, m.Name) and not key.isupper()):
            return
        value = self.links.names.name(owner, spot.function)
        if value is None or value.kind != "made" or value.name not in DYNACONF:
            return
        prefix = value.origin.call.keyword("envvar_prefix") if value.origin is not None else None
        if isinstance(prefix, m.Const) and prefix.value is False:
            stem = ""
        else:
            text = text_of(self.links, prefix, spot.function) if prefix is not None else "DYNACONF"
            stem = f"{text}_"
        raw = Raw((), "dynaconf", True, None)
        read = self._read(f"{stem}{key.upper()}", raw, spot, region)
        # attributes validate at first access (facts 6.10): nothing is checked at the read itself
        self.reads.append(read._replace(check="" if read.check == "missing" else read.check))

    # ------------------------------------------------------------ wrappers

    def _wrapped(self) -> None:
        """The call sites of functions that read what they are told to."""
        pending = dict(self.readers)
        for _ in range(WRAPPER_DEPTH):
            found: dict[Func, Reader] = {}
            for func, reader in pending.items():
                self._callers(func, reader, found)
            pending = {f: r for f, r in found.items() if f not in self.readers}
            self.readers.update(pending)
            if not pending:
                return

    def _uncalled(self) -> None:
        """Readers whose callers are not seen: the part of the name that is written down."""
        called = {read.reader for read in self.reads} | {r.read.reader for r in self.readers.values()}
        for func, reader in self.readers.items():
            if func not in called and not unknown(reader.read.name):
                self.reads.append(reader.read)

    def _callers(self, func: Func, reader: Reader, found: dict[Func, Reader]) -> None:
        positions = [p.name for p in func.facts.params if p.kind == "positional"]
        if func.cls is not None and positions and positions[0] in ("self", "cls"):
            positions = positions[1:]
        for spot, region in self._calls_of(func):
            call = spot.expr
            expr = call.argument(
                reader.parameter, positions.index(reader.parameter) if reader.parameter in positions else None
            )
            if expr is None:
                param = func.param(reader.parameter)
                expr = param.default if param is not None else None
            if expr is None:
                continue
            default = self._handed_default(func, reader, call, positions)
            for text in self._names(expr, spot.function):
                name = reader.name_for(text)
                raw = Raw((), reader.read.how, reader.read.required, default)
                read = self._read(name, raw, spot, region, func)
                read = self._through(read, reader, call)
                parameter = self._parameter(expr, spot.function) if UNKNOWN in text else None
                if parameter is not None and not spot.function.is_module:
                    inner = read.default
                    default_name = inner.id if isinstance(inner, m.Name) and spot.function.param(inner.id) else None
                    template = name.replace(UNKNOWN, "{name}", 1)
                    further = Reader(spot.function, parameter, template, default_name, read, case=reader.case or _case(expr, parameter))
                    found.setdefault(spot.function, further)
                elif not unknown(name):
                    self.reads.append(read)

    def _calls_of(self, func: Func) -> Iterator[tuple[Spot, Region]]:
        """Calls of a function of the project: those that were linked, and those in class bodies."""
        for edge in self.links.callers.get(func, ()):
            if edge.how == "call" and not edge.site.weak:
                spot = spot_of(edge.site)
                if spot is not None:
                    yield spot, Region(spot.function, spot.function.places)
        for spot, region in self._class_calls:
            if spelled(spot.expr.func).rpartition(".")[2] == func.name:
                value = self.links.names.value(spot.expr.func, spot.function)
                if value is not None and value.target is func:
                    yield spot, region

    def _handed_default(self, func: Func, reader: Reader, call: m.Call, positions: list[str]) -> m.Expr | None:
        name = reader.default_parameter
        if name is None:
            return reader.read.default
        given = call.argument(name, positions.index(name) if name in positions else None)
        if given is None:
            param = func.param(name)
            given = param.default if param is not None else None
        return None if isinstance(given, m.Const) and given.value is None else given

    def _through(self, read: SettingRead, reader: Reader, call: m.Call) -> SettingRead:
        """A read at a wrapper's call site, with what the wrapper does to the value."""
        inner = reader.read
        conversion = inner.conversion if inner.conversion not in ("", "truth") else ""
        if not conversion and reader.func.facts.returns in ("int", "float", "bool"):
            conversion = reader.func.facts.returns or ""
        raises = inner.check in ("raise", "exit", "missing") and not _returns_without(reader.func)
        if reader.switch is not None and raises:
            switch = call.keyword(reader.switch)
            raises = isinstance(switch, m.Const) and switch.value is True
        check = (
            inner.check if inner.check not in ("", "test") and (raises or inner.check == "validator") else read.check
        )
        required = (inner.required or raises) and read.default is None
        conversion = conversion or read.conversion
        return read._replace(
            conversion=conversion,
            check=check or inner.check if raises else read.check,
            required=required,
            secret=is_secret(read.name, conversion),
        )

    # ------------------------------------------------------------ classes

    def _classes(self) -> None:
        for raw, spot, region in self.delayed:
            places = self.made.get(id(spot.klass), [])
            if not places:
                self._raw(raw, spot, region)
            first = len(self.reads)
            for place in places:
                self._raw(raw, spot._replace(function=place.function, place=place.place), region)
                for number in range(first, len(self.reads)):
                    read = self.reads[number]
                    self.reads[number] = read._replace(
                        line=place.expr.line, end_line=place.expr.end_line, defined=(region.function.path, spot.expr.line),
                        bound=self._field_bound(spot),
                    )  # fmt: skip
                first = len(self.reads)
        for module in self.links.index:
            for klass in module.classes.values():
                if is_settings(klass):
                    self._settings_class(klass)

    def _settings_class(self, klass: Klass) -> None:
        places = self.made.get(id(klass), [])
        if not places and any(self.made.get(id(k)) for k in klass.descendants()):
            return  # a base class: its fields are read with the subclass
        fields = list(fields_of(self.links, klass))
        for field in fields:
            for variable in field.variables:
                for spot in places or [self._definition(klass)]:
                    self.reads.append(self._field(klass, field, variable, spot, bool(places)))

    def _field_bound(self, spot: Spot) -> Bound | None:
        stmt = spot.place.stmt
        if isinstance(stmt, m.Assign) and isinstance(stmt.targets[0], m.Name):
            return Bound("attribute", stmt.targets[0].id, spot.function, spot.klass)
        return None

    def _definition(self, klass: Klass) -> Spot:
        level = klass.module.level
        return Spot(
            m.Name(klass.name, klass.facts.line), (), Place(m.Pass(klass.facts.line, klass.facts.line), ()), level
        )

    def _field(self, klass: Klass, field: Any, variable: str, spot: Spot, sure: bool) -> SettingRead:
        call = spot.expr
        level = field.owner.module.level
        conversion = conversion_of(field.annotation)
        given = isinstance(call, m.Call) and call.keyword(field.name) is not None
        check = (
            field.check
            or ("missing" if field.required and not given else "")
            or ("type" if conversion not in ("", "secret") else "")
        )
        none_default = not field.required and field.default is None
        return SettingRead(
            name=variable,
            path=spot.function.path,
            line=call.line,
            end_line=getattr(call, "end_line", call.line),
            function=spot.function,
            expr=call,
            how="pydantic",
            required=field.required and not given,
            default=None if none_default else field.default,
            default_text=self._literal(field.default, level),
            conversion=conversion,
            check=check,
            secret=is_secret(field.name, conversion) or is_secret(variable, conversion) or "Secret" in field.annotation,
            bound=Bound("attribute", field.name, level, klass),
            steps=spot.place.steps,
            defined=(field.owner.path, field.line),
            sure=sure,
        )


def _asks_for(test: m.Expr, name: m.Expr) -> bool:
    """Whether a condition looks for the same variable, without a ``not``."""
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return False
    plain = _without_lines(name)
    return any(not isinstance(node, m.UnaryOp) and _without_lines(node) == plain for node in m.walk(test)) and not any(
        isinstance(node, m.Compare) and "not in" in node.ops for node in m.walk(test)
    )


def _asked_before(node: m.BoolOp, read: m.Expr, name: m.Expr) -> bool:
    """``"X" in os.environ and os.environ["X"]``, ``"X" not in os.environ or not os.environ["X"]``: what stands before the read
    decides whether it is done."""
    before = takewhile(lambda value: all(inner is not read for inner in m.walk(value)), node.values)
    if node.op == "and":
        return any(_asks_for(value, name) for value in before)
    return any(_lacks(value, name) for value in before)


def _lacks(test: m.Expr, name: m.Expr) -> bool:
    """Whether a condition holds wherever the variable is not there: ``"X" not in os.environ``, alone or beside others by ``or``."""
    if isinstance(test, m.BoolOp):
        return test.op == "or" and any(_lacks(value, name) for value in test.values)
    if isinstance(test, m.UnaryOp):
        return test.op == "not" and _asks_for(test.operand, name)
    return isinstance(test, m.Compare) and test.ops == ("not in",) and _without_lines(test.left) == _without_lines(name)


def _left_without(spot: Spot, name: m.Expr) -> bool:
    """Whether the function, or the turn of a loop, is over before the read when the variable is not there, and nothing fails."""
    own = spot.place.steps
    return any(
        isinstance(place.stmt, m.If)
        and place.stmt.line < spot.place.stmt.line
        and len(place.steps) <= len(own)
        and all(a.stmt is b.stmt and a.arm == b.arm for a, b in zip(place.steps, own, strict=False))
        and _lacks(place.stmt.test, name)
        and ends(place.stmt.body, spot.function) <= {"return", "continue", "break"}
        for place in spot.function.places
    )


def _without_lines(expr: m.Expr) -> object:
    return expr.id if isinstance(expr, m.Name) else expr


def _case(expr: m.Expr, parameter: str) -> str:
    """``upper`` or ``lower`` where the part of a name that a parameter gives is written so: ``"WORKERS_" + kind.upper()``."""
    for call in m.calls(expr):
        owner, _, method = spelled(call.func).rpartition(".")
        if owner == parameter and method in ("upper", "lower"):
            return method
    return ""


def _handed_back(function: Func, name: str) -> str | None:
    """The parameter that a wrapper gives back for a value that is missing: ``if value is None: return default``."""
    for place in function.places:
        value = place.stmt.value if isinstance(place.stmt, m.Return) else None
        if not isinstance(value, m.Name) or value.id == name or "default" not in value.id or function.param(value.id) is None:
            continue
        if any(isinstance(step.stmt, m.If) for step in place.steps):
            return value.id
    return None


def _returns_without(function: Func) -> bool:
    """Whether a wrapper comes back when nothing is given (``if text is None: return None``): what it raises for is then a
    value that does not fit."""
    for place in function.places:
        test = place.stmt.test if isinstance(place.stmt, m.If) else None
        nothing = (
            isinstance(test, m.Compare) and test.ops[:1] == ("is",) and isinstance(test.rights[0], m.Const)
            and test.rights[0].value is None
        ) or (isinstance(test, m.UnaryOp) and test.op == "not" and isinstance(test.operand, m.Name))  # fmt: skip
        if nothing and isinstance(place.stmt, m.If) and any(isinstance(s, m.Return) for s in place.stmt.body):
            return True
    return False


def _switch(function: Func, known: set[str | None]) -> str | None:
    """A parameter, off by default, that is part of the condition under which a wrapper raises."""
    for place in function.places:
        if isinstance(place.stmt, m.If) and any(isinstance(s, m.Raise) for s in place.stmt.body):
            for node in m.walk(place.stmt.test):
                if isinstance(node, m.Name) and node.id not in known:
                    param = function.param(node.id)
                    if param is not None and isinstance(param.default, m.Const) and param.default.value is False:
                        return node.id
    return None
