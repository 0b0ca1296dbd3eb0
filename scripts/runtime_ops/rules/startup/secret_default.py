"""A secret that has a value which everybody can read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import ShellScript
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.credentials import (
    all_secret_names,
    placeholder,
    secret_like,
    url_like,
    variable_reader,
    words_of,
)
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Module, Site
from runtime_ops.project.settings import SettingRead
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, as_one, together
from runtime_ops.rules.cli._started_by import is_named
from runtime_ops.rules.startup._reads import for_development, place, read_for_development

RULE = Rule(
    __name__,
    severity="high",
    summary="A secret falls back to a value that stands in the code, or an artifact gives it as plain text.",
)
NO_VALUE = re.compile(r"^(none|null|false|true|@\w+|\d{1,3}|\d+ [a-z]+|/.*|[a-z]+://[^@]*|.*[{<%$].*|\S+( \S+){3,}\.)$", re.IGNORECASE)
"""Texts that are no credential: switches, small numbers, paths, addresses without one, templates, sentences."""
GENERATED = re.compile(r"(?=.*[a-z])(?=.*[\d\W])(?!.*(?:\$\{|\{\{|<\w+>|%\(|\$\())\S{40,}")
"""A text that a tool made up, as ``django-admin startproject`` does its key: signs in it are no template."""
NAMED_ONLY = re.compile(
    r"(^|_)(TTL|EXPIRY|EXPIRATION|LIFETIME|TIMEOUT)_"
    r"|(_|^)(FILE|PATH|NAME|HEADER|URL|FIELD|PREFIX|TTL|LENGTH|TYPE|EXPIRE\w*|AGE|ISSUER|ID|METHODS?|ALG|ALGORITHMS?"
    r"|RATE|ENDPOINT|USER\w*|REGION|MODE|FORMAT|BACKEND|PROVIDER|SCOPES?"
    r"|DESCRIPTION|MESSAGE|TEXT|LABEL|HINT|POLICY|RULES?|REGEX|PATTERN|TEMPLATE|TITLE)$",
    re.IGNORECASE,
)
"""Names that speak of a secret and hold what is said about it."""
SHOWN = re.compile(r"(?i)(api|access|service|client|bot|account)_?(key|token|psk)$")
"""Credentials that this program shows to another."""
OTHERS = re.compile(
    r"(?i)(^|_)(DB|DATABASE|POSTGRES\w*|PG|MYSQL|MARIADB|MONGO\w*|SQL\w*|CLICKHOUSE|ELASTIC\w*|OPENSEARCH|REDIS|VALKEY|RABBIT\w*"
    r"|AMQP|BROKER|KAFKA|SMTP|EMAIL|MAIL|LDAP|AWS|S3|MINIO)(_|$)|DSN$"
)
"""Whose credential it is: a server that checks it itself, so that a known value opens nothing here."""
TAKEN_IN = frozenset({"exec", "execfile", "include", "yaml.safe_load", "yaml.load", "json.load", "toml.load", "tomllib.load"})
"""How a settings module takes in a file of the operator's."""
SESSIONS = re.compile(r"^flask\.session$|^(?:flask_dance|flask_login|authlib\.integrations\.flask_client)(?:\.|$)")
"""What keeps users' logins in Flask's signed cookie."""
FIRST_ACCOUNT = re.compile(r"(?i)(^|_)(admin|superuser|root|default|initial)\w*_pass")
"""Passwords of the account that a start makes when there is none."""
SHORT = 4  # characters: no credential
PRETENDED = re.compile(r"(?i)(?:^|_)(?:fake|mock|dummy|stub|anonymous)(?:_|$)")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(
        finding
        for read in project.settings
        if read.secret and read.source == "environment" and not read_for_development(read)
        for finding in _default(project, read)
    )
    for row in all_secret_names():
        if row.kind == "parameter":
            call, _, parameter = row.name.rstrip(")").partition("(")
            for site in project.sites(call):
                yield from _literal(project, site, parameter)
    alike: dict[str, list[Finding]] = {}
    for finding in _artifacts(project):
        alike.setdefault(finding.anchor, []).append(finding)
    for findings in alike.values():
        yield from as_one(findings)  # one account that several programs are given


def _default(project: Project, read: SettingRead) -> Iterator[Finding]:
    if read.check in ("raise", "exit", "validator") or NAMED_ONLY.search(read.name) or OTHERS.search(read.name):
        return
    path, line = place(read)
    if read.default_setting and secret_like(read.default_setting) and read.default_setting != read.name:
        if _older_name(read.name, read.default_setting) or not _keys(read.name, read.default_setting):
            return
        message = (
            f"without {read.name} its value is that of {read.default_setting}, in silence: rotating the one makes what the other "
            "protects unreadable, and one leak opens both"
        )
        severity, shown = "medium", False
    elif read.default_text and _is_value(read.default_text.strip()):
        uses = project.settings.uses(read)
        if uses and all(is_management_command(u.function.path) and not is_named(project, u.function.path) for u in uses):
            return  # a command that somebody types alone: no start goes by it
        if any(f.kind == "compare" for u in uses for f in u.flows):
            return  # the known value is looked for somewhere
        if re.search(r"(?i)(^|_)(FAKE|MOCK|DUMMY|DEMO|SANDBOX)(_|$)", read.name):
            return  # it protects nothing
        message = (
            f"without {read.name} the service starts with the value that stands here, which everybody who reads the code "
            "knows: a secret that was forgotten does not stop it"
        )
        # a credential that is shown to somebody else is refused there, and opens nothing here
        shown = bool(SHOWN.search(read.name)) and not _keys(read.name)
        severity = "high" if not shown else "low" if placeholder(read.default_text) else "medium"
    else:
        return
    entrypoints = [e for e in project.phases_by_entrypoint(read.function, read.line, read.steps) if e.kind != "cli"]
    if not entrypoints:
        return
    sure = read.default_text is not None and _signs(project, read, entrypoints)
    confidence = "certain" if sure else "likely" if _opens(read) else "possible"
    yield RULE.finding(
        path,
        line,
        message,
        f"read it with os.environ[{read.name!r}] and let the start fail without it; give development its own value from outside",
        severity="medium" if sure else severity,
        confidence="possible" if shown or _provided(project, read, entrypoints) else confidence,
        phase="import" if read.function.is_module else "startup",
        entrypoints=entrypoints,
        anchor=read.name,
    )


def _is_value(text: str) -> bool:
    """Whether a default may be a credential."""
    return len(text) > 2 and (GENERATED.fullmatch(text) is not None or not NO_VALUE.match(text))


def _opens(read: SettingRead) -> bool:
    """Whether the default that is known opens something here: a key that signs or encrypts, or the first account's password."""
    return read.default_text is not None and (_keys(read.name) or FIRST_ACCOUNT.search(read.name) is not None)


def _signs(project: Project, read: SettingRead, entrypoints: list[Entrypoint]) -> bool:
    """Whether it is the key by which a served web application signs what its users bring back (sessions, links to reset a
    password), and nothing of the repository gives, replaces or asks for it: who knows the default logs in as anybody."""
    served = [x for e in entrypoints if e.kind == "service" for x in e.production if x.platform not in ("packaging", "shell")]
    if not served or any(read.name in x.env for x in project.launches if not x.development):
        return False
    if any(x.env_open for x in served):
        return False  # what gives more variables than can be read may give this one
    if any(isinstance(s.stmt, m.If | m.Try) for s in read.steps) or _asked_by_a_script(project, read.name):
        return False
    module = read.function.module
    name = (read.bound.name if read.bound is not None else "").rpartition(".")[2]
    if read.function.is_module and name == "SECRET_KEY" and "INSTALLED_APPS" in module.level.bindings:
        return not _replaced(project, module)
    into_sessions = any(
        f.kind == "argument" and f.parameter == "secret_key" and f.call is not None and "SessionMiddleware" in source_of(f.call)
        for f in (*read.flows, *(f for u in project.settings.uses(read) for f in u.flows))
    )
    return into_sessions or any(_into_flask(project, e, read, name) for e in entrypoints)


def _replaced(project: Project, settings: Module) -> bool:
    """Whether other settings may be what production runs with: a module that binds the key once more, or one beside it that takes
    in what a file says."""
    folder = settings.path.rpartition("/")[0]
    for module in project.modules:
        if module is not settings and "SECRET_KEY" in module.level.bindings and not for_development(module.path):
            return True
        if module.path.rpartition("/")[0] == folder and any(s.text in TAKEN_IN or s.dotted in TAKEN_IN for s in module.level.sites):
            return True
    local = (b.text for found in settings.level.bindings.values() for b in found if b.kind == "import")
    return any(text.rpartition(".")[2].startswith("local") for text in local)


def _asked_by_a_script(project: Project, name: str) -> bool:
    """Whether a script looks at the variable: it may set it, or end the start without it."""
    return any(
        any(name in c.raw for c in script.commands) or any(use.name == name for use in script.other_uses)
        for script in project.artifacts_of(ShellScript)
    )


def _into_flask(project: Project, entrypoint: Entrypoint, read: SettingRead, name: str) -> bool:
    """Whether a Flask application that keeps its users' sessions takes the value: ``app.secret_key = secret_key``."""
    stored = any(
        isinstance(p.stmt, m.Assign)
        and any(isinstance(t, m.Name) and t.id.endswith(".secret_key") for t in p.stmt.targets)
        and isinstance(p.stmt.value, m.Name)
        and p.stmt.value.id.rpartition(".")[2].lower() in (name.lower(), read.name.lower())
        for func in read.function.module.functions.values()
        for p in func.places
    )
    return stored and any(
        b.kind == "import" and SESSIONS.search(b.text)
        for module in entrypoint.modules
        for found in module.level.bindings.values()
        for b in found
    )


def _provided(project: Project, read: SettingRead, entrypoints: list[Entrypoint]) -> bool:
    """Whether other settings, for production as it may be, require the same variable, or all that starts the program in
    production gives it: then it is hardly forgotten."""
    if any(other.required and other.function is not read.function for other in project.settings.by_name(read.name)):
        return True
    launches = [x for e in entrypoints for x in e.production if x.platform not in ("packaging", "shell", "dockerfile")]
    return bool(launches) and all(read.name in x.env for x in launches)


def _older_name(name: str, other: str) -> bool:
    """``MYAPP_DB_PASSWORD`` that falls back to ``DB_PASSWORD``, ``STRIPE_SECRET_KEY`` to ``STRIPE_SECRET``: one setting
    under two names."""
    return name.endswith(f"_{other}") or other.endswith(f"_{name}") or name.startswith(f"{other}_") or other.startswith(f"{name}_")


def _keys(*names: str) -> bool:
    """Whether all are keys that sign or encrypt; a password under two names is one account."""
    return all(
        re.search(r"SECRET|KEY|SALT", name, re.IGNORECASE) and not re.search(r"AWS|S3|ACCESS|API|CLIENT", name, re.IGNORECASE)
        for name in names
    )


def _literal(project: Project, site: Site, parameter: str) -> Iterator[Finding]:
    """A credential that is written into the call of a known client."""
    if for_development(site.path) or not secret_like(parameter) or url_like(parameter):
        return
    position = 1 if parameter == "password" and len(site.call.args) == 2 else None
    given = site.call.argument(parameter, position)
    if not isinstance(given, m.Const) or not isinstance(given.value, str) or not given.value.strip():
        return
    if not project.phases(site) and not project.imported_by(site.function.module):
        return
    if PRETENDED.search(site.function.name) or len(given.value) < SHORT:
        return  # a stand-in that opens nothing: ``HTTPBasicAuth(api_key, "x")``, where the first is the secret
    yield RULE.at(
        project,
        site,
        f"{site.text}({parameter}=…) holds its credential as a literal: it cannot be changed without a new build, is the same "
        "in every environment, and stands in the history of the repository",
        "read it from the environment or a mounted secret at start-up, without a default",
        severity="medium",
    )


def _demo(launch: Launch) -> bool:
    """A compose service or a variable beside it that calls itself a demo, or an image built for development (``app:dev``)."""
    service = launch.service
    words = f"{service.name} {getattr(service, 'image', '') or ''}".lower() if service is not None else ""
    return bool(re.search(r"(^|[^a-z])demo([^a-z]|$)|:dev\b", words)) or any("demo" in words_of(name) for name in launch.env)


def _known(project: Project, name: str) -> bool:
    """Whether the code compares the value: a start with the placeholder is refused, or noticed."""
    reads = [read for read in project.settings if read.name == name]
    return any(f.kind == "compare" for r in reads for f in (*r.flows, *(f for u in project.settings.uses(r) for f in u.flows)))


def _without_copies(found: dict[str, dict[str, tuple[int, Launch]]]) -> Iterator[tuple[str, dict[str, tuple[int, Launch]]]]:
    """The artifacts with what each gives that no other has given already, the one with the shortest path first."""
    given: set[tuple[str, str]] = set()
    for path in sorted(found, key=lambda path: (len(path), path)):
        values = {name: x.env[name][0].value for name, (_, x) in found[path].items()}
        texts = {name: "" if value is None or placeholder(value.text) else value.text for name, value in values.items()}
        own = {name: at for name, at in found[path].items() if (name, texts[name]) not in given}
        given.update(texts.items())
        if own:
            yield path, own


def _artifacts(project: Project) -> Iterator[Finding]:
    """Plain secrets in what starts our programs in production: one finding an artifact."""
    found: dict[str, dict[str, tuple[int, Launch]]] = {}
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            for name, (variable, path) in launch.env.items():
                value = variable.value
                if (
                    value is None
                    or variable.templated
                    or value.templated
                    or variable.variables
                    or not value.text.strip()
                ):
                    continue
                if not secret_like(name) or NAMED_ONLY.search(name) or NO_VALUE.match(value.text.strip()):
                    continue
                if for_development(path) or path.endswith(".sh") or _demo(launch) or _known(project, name):
                    continue
                if (
                    launch.platform != "kubernetes"
                    and name not in project.settings.names
                    and variable_reader(name) is None
                ):
                    continue
                found.setdefault(path, {}).setdefault(name, (variable.line, launch))
    for path, names in _without_copies(found):
        (name, (line, launch)), *others = sorted(names.items(), key=lambda pair: pair[1][0])
        value = launch.env[name][0].value
        what = "a placeholder" if value is not None and placeholder(value.text) else "as plain text"
        entrypoints = [e for e in project.entrypoints if launch in e.launches]
        yield RULE.finding(
            path,
            line,
            f"{launch.platform} gives {name} {what}: a start with the value of the repository succeeds, and the secret is "
            "readable for everyone who can read the manifest",
            "take it from a secret of the platform (secretKeyRef, secrets:, an env file that is not committed)",
            severity="medium",
            confidence="possible",  # a manifest of the repository is often an example of one
            entrypoints=entrypoints,
            anchor=name,
            count=len(names),
            also=[Evidence(path, at, other) for other, (at, _) in others[:8]],
        )
