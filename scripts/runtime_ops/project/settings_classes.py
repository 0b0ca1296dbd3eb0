"""Settings classes of pydantic: each field is a variable, and it is read where the class is instantiated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.expressions import Spot
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.texts import UNKNOWN, is_ellipsis, is_empty, spelled, text_of

BASES = (
    "pydantic_settings.BaseSettings",
    "pydantic.BaseSettings",
    "pydantic.v1.BaseSettings",
    "pydantic_settings.main.BaseSettings",
)
MODELS = ("pydantic.BaseModel", "pydantic.v1.BaseModel", "pydantic.main.BaseModel")
CONFIG_NAMES = ("model_config", "Config")
CONSTRAINTS = frozenset("gt ge lt le min_length max_length pattern regex multiple_of min_items max_items".split())
PLAIN_FIELD_CALLS = ("Field", "pydantic.Field")
# Types whose own validation refuses an empty or malformed text (pydantic's documentation, "Types").
STRICT_TYPES = re.compile(
    r"(Url|Dsn|Email|IPv|IPv4|UUID|Literal\[|HttpUrl|FilePath|DirectoryPath|Positive|NonNegative|con(str|int)|Enum)"
)


class Field(NamedTuple):
    """One field of a settings class. ``default`` is None when it must be given; ``factory`` when a function makes it."""

    name: str
    variables: tuple[str, ...]
    annotation: str
    required: bool
    default: m.Expr | None
    check: str
    owner: Klass
    line: int
    end_line: int


def is_settings(klass: Klass) -> bool:
    return any(base in BASES for base in klass.external_bases)


def fields_of(links: Links, klass: Klass, depth: int = 0) -> Iterator[Field]:
    """The fields of a settings class and of its bases, with the variables that fill them; nested models one level deep."""
    prefix, delimiter, sensitive = _configuration(links, klass)
    seen: set[str] = set()
    for base in klass.ancestry:
        if not isinstance(base, Klass):
            continue
        validated = _validated(base)
        for stmt in base.facts.body:
            if not isinstance(stmt, m.Assign) or stmt.annotation is None or not isinstance(stmt.targets[0], m.Name):
                continue
            name = stmt.targets[0].id
            if name in seen or name in CONFIG_NAMES or name.startswith("_") or stmt.annotation.startswith("ClassVar"):
                continue
            seen.add(name)
            field = (
                stmt.value
                if isinstance(stmt.value, m.Call) and spelled(stmt.value.func).rpartition(".")[2] == "Field"
                else None
            )
            in_annotation = _annotated_names(stmt.annotation)
            aliases = _aliases(links, field, base.module.level) or in_annotation
            variables = aliases or (f"{prefix}{name}",)
            if not sensitive and not aliases:
                variables = tuple(v.upper() for v in variables)
            required, default = _default(stmt, field)
            check = "validator" if name in validated or "*" in validated or _constrained(stmt.annotation, field) else ""
            found = Field(name, variables, stmt.annotation, required, default, check, base, stmt.line, stmt.end_line)
            nested = _nested(links, base, stmt.annotation)
            if nested is not None and depth == 0:
                if is_settings(nested):
                    continue  # it reads its own variables where it is made
                if delimiter:
                    for inner in fields_of(links, nested, 1):
                        yield inner._replace(
                            name=f"{name}.{inner.name}", variables=(f"{variables[0]}{delimiter}{inner.name}".upper(),)
                        )
            yield found


def _configuration(links: Links, klass: Klass) -> tuple[str, str, bool]:
    """Prefix, delimiter of nested models, and whether case counts: of ``model_config``, ``class Config``, class keywords."""
    prefix, delimiter, sensitive = "", "", False
    for base in reversed([b for b in klass.ancestry if isinstance(b, Klass)]):
        given: dict[str, m.Expr] = {k: v for k, v in base.facts.keywords if k is not None}
        for stmt in base.facts.body:
            if (
                isinstance(stmt, m.Assign)
                and isinstance(stmt.targets[0], m.Name)
                and stmt.targets[0].id == "model_config"
            ):
                if isinstance(stmt.value, m.Call):
                    given.update({k: v for k, v in stmt.value.keywords if k is not None})
                elif isinstance(stmt.value, m.Mapping):
                    given.update({str(k.value): v for k, v in stmt.value.items if isinstance(k, m.Const)})
        inner = base.module.classes.get(f"{base.facts.qualname}.Config")
        if inner is not None:
            given.update({n: b.expr for n, found in inner.attributes.items() for _, b in found if b.expr is not None})
        level = base.module.level
        if "env_prefix" in given:
            prefix = text_of(links, given["env_prefix"], level)
        if "env_nested_delimiter" in given:
            delimiter = text_of(links, given["env_nested_delimiter"], level)
        case = given.get("case_sensitive")
        sensitive = isinstance(case, m.Const) and bool(case.value)
    return prefix, "" if delimiter == UNKNOWN else delimiter, sensitive


def _aliases(links: Links, field: m.Call | None, function: Func) -> tuple[str, ...]:
    if field is None:
        return ()
    for key in ("validation_alias", "env", "alias"):
        given = field.keyword(key)
        if given is None:
            continue
        if isinstance(given, m.Call):
            items: tuple[m.Expr, ...] = given.args  # AliasChoices("A", "B")
        elif isinstance(given, m.Sequence):
            items = given.items
        else:
            items = (given,)
        return tuple(t for i in items if (t := text_of(links, i, function)) != UNKNOWN)
    return ()


def _annotated_names(annotation: str) -> tuple[str, ...]:
    """Aliases inside ``Annotated[str, Field(validation_alias="X")]``."""
    found = re.search(r"(?:validation_alias|alias|env)=['\"]([^'\"]+)['\"]", annotation)
    return (found.group(1),) if found else ()


def _default(stmt: m.Assign, field: m.Call | None) -> tuple[bool, m.Expr | None]:
    """Whether a field must be given, and its default (None for a default of None)."""
    if stmt.value is None:
        return True, None
    if field is None:
        return is_ellipsis(stmt.value), None if is_empty(stmt.value) else stmt.value
    default = field.argument("default", 0)
    factory = field.keyword("default_factory")
    if default is None:
        return factory is None, factory
    return is_ellipsis(default), None if is_empty(default) else default


def _constrained(annotation: str, field: m.Call | None) -> bool:
    if field is not None and any(key in CONSTRAINTS for key, _ in field.keywords):
        return True
    return STRICT_TYPES.search(annotation) is not None or any(f"{c}=" in annotation for c in CONSTRAINTS)


def _validated(klass: Klass) -> frozenset[str]:
    """Fields that a validator of the class looks at; ``*`` for one that sees the whole model and can refuse it."""
    found: set[str] = set()
    for method in klass.methods.values():
        for decorator in method.facts.decorators:
            last = spelled(decorator).rpartition(".")[2]
            if last in ("field_validator", "validator") and isinstance(decorator, m.Call):
                found.update(str(a.value) for a in decorator.args if isinstance(a, m.Const))
            elif last in ("model_validator", "root_validator") and any(
                isinstance(p.stmt, m.Raise) for p in method.places
            ):
                text = " ".join(n.id for p in method.places for n in m.walk(p.stmt) if isinstance(n, m.Name))
                found.update(word.removeprefix("self.") for word in text.split() if word.startswith("self."))
    return frozenset(found)


def _nested(links: Links, owner: Klass, annotation: str) -> Klass | None:
    name = annotation.partition("|")[0].strip().removeprefix("Optional[").rstrip("]").strip("'\" ")
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    value = links.names.name(name, owner.module.level)
    klass = value.target if value is not None and value.kind == "class" else None
    if not isinstance(klass, Klass):
        return None
    return klass if is_settings(klass) or any(base in MODELS for base in klass.external_bases) else None


def conversion_of(annotation: str) -> str:
    """What pydantic makes of a variable's text, by the field's annotation."""
    text = annotation.removeprefix("Annotated[").partition(",")[0]
    text = re.sub(r"^(typing\.)?Optional\[(.*)\]$", r"\2", text).strip("'\" ")
    text = next((part.strip() for part in text.split("|") if part.strip() != "None"), text)
    plain = text.partition("[")[0].rpartition(".")[2]
    known = {"str": "", "SecretStr": "secret", "Path": "path", "list": "list", "List": "list", "set": "list", "dict": "json",
             "Dict": "json", "PositiveInt": "int", "NonNegativeInt": "int", "PositiveFloat": "float", "Literal": "enum",
             "timedelta": "float", "Any": ""}  # fmt: skip
    return known.get(plain, plain)


def class_call(links: Links, spot: Spot) -> Klass | None:
    """The project's class that a call instantiates, or that is handed over as a factory (``default_factory=X``)."""
    expr = spot.expr
    if not isinstance(expr, m.Call) or not isinstance(expr.func, m.Name | m.Attr):
        return None
    text = spelled(expr.func)
    last = text.rpartition(".")[2]
    if not last[:1].isupper() and last not in ("cls", "model_validate", "model_construct"):
        return None
    owner = text.rpartition(".")[0] if last in ("model_validate", "parse_obj") else text
    value = links.names.name(owner, spot.function)
    return value.target if value is not None and value.kind == "class" and isinstance(value.target, Klass) else None
