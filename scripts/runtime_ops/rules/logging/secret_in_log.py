"""A credential, or somebody's private content, that is logged or printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runtime_ops.facts import model as m
from runtime_ops.findings import CONFIDENCES, Finding
from runtime_ops.libraries.credentials import words_of
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name, development_path
from runtime_ops.project.entrypoints import Entrypoint, is_command
from runtime_ops.project.links import argument_of
from runtime_ops.project.log_calls import LogCall, log_call
from runtime_ops.project.main_blocks import in_main_block
from runtime_ops.project.model import Func, Site, own_expressions
from runtime_ops.project.source_text import literal_words, source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._levels import shows_debug
from runtime_ops.rules.logging._programs import TOOL_FOLDERS, talkative
from runtime_ops.rules.logging._request_bodies import PRIVATE
from runtime_ops.rules.logging._secret_names import MADE_SECRET, PASSWORDS, WHOLE
from runtime_ops.rules.logging._secret_origins import in_path, opens
from runtime_ops.rules.logging._secrets import Told, told

RULE = Rule(
    __name__,
    severity="medium",
    summary="A secret, an address that carries one, or a whole request body is written to the log or the terminal.",
    lead=True,
)
PRINTS = frozenset(
    ("print", "click.echo", "typer.echo", "rich.print", "pprint.pprint", "sys.stdout.write", "sys.stderr.write")
)
MAKES = (
    "create",
    "generate",
    "issue",
    "mint",
    "new_",
    "register",
    "token_",
    "mask",
    "show",
    "reveal",
    "encode",
    "rotate",
    "reset",
)
"""How functions are called whose product is the secret that they print."""
ARCHIVES = frozenset("rar unrar rarfile zipfile unzip pyzipper py7zr sevenzip setpassword".split())
"""Words in the code around a password that opens an archive and no account."""
HOLDS = {
    "secret": "a secret",
    "address": "an address that carries a password or token as a rule",
    "signed": "a signed address, with which anybody gets the object until it expires",
    "dump": "settings one by one or as a whole, secrets among them",
    "body": "the whole of what the client sent",
    "content": "what a user wrote in their own words",
}


REFUSED = re.compile(r"(?i)\bmalformed\b|\binvalid\b|\bnot valid\b|\bexpired\b|\brejected\b")
CHECKS = re.compile(r"(?i)decode|verify|validate|authenticate|check")
"""How calls are named that refuse what they are given."""
WITH_PASSWORD = frozenset("database db dsn broker amqp redis mongo mongodb postgres postgresql mysql sqlalchemy".split())
"""Words in the names of addresses that are written with a password as a rule."""
CARRIES = frozenset("webhook webhooks proxy redis broker amqp".split())
"""Words in the names of addresses of which readers of code call the record wrong as it stands: a proxy, a broker and redis take their
password in the address alone, and who has the address of a webhook can send (Slack documentation, Sending messages using incoming
webhooks). An address of a database is as often one of a file, or had its password taken out before."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = list(_findings(project))
    for confidence in CONFIDENCES:
        yield from together(f for f in found if f.confidence == confidence)
    yield from _variables_in_tracebacks(project)


def _findings(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            printed = (site.dotted or "") in PRINTS
            call = None if printed else log_call(site)
            if call is None and not printed:
                continue
            what = told(project, site)
            if what is None or not _counts(project, site, call, what):
                continue
            verb = "prints" if printed else "logs"
            hidden = call is not None and call.level == "debug" and not _debug_is_on(project, site, call)
            yield RULE.at(
                project,
                site,
                f"{site.text}() {verb} {what.name}, which holds {_holds(what)}: "
                f"{'once DEBUG is switched on, ' if hidden else ''}it ends in the log store and with everybody who reads it",
                "log an id or a masked form; wrap secrets in a type that masks itself (SecretStr)",
                confidence=_confidence(project, site, call, what),
                severity="low" if what.kind == "signed" else None,
            )


def _confidence(project: Project, site: Site, call: LogCall | None, what: Told) -> str:
    if not what.sure or _bare(what) or _excused(project, site, call, what):
        return "possible"
    return "certain" if _proven_in_full(project, site, call, what) else "likely"


def _proven_in_full(project: Project, site: Site, call: LogCall | None, what: Told) -> bool:
    """Whether the line alone shows the harm: what the program itself keeps encrypted; the words or the headers of each caller;
    the headers of a call that it has just signed; a password that a caller or a client handed in; an address that is a
    credential."""
    if what.kind == "secret" and what.encrypted:
        return True
    if what.inside:
        return call is not None and call.level != "debug"
    if what.kind == "address":
        shown = call is not None and (call.level != "debug" or _debug_is_on(project, site, call))
        return shown and (what.opened or not (CARRIES | MADE_SECRET).isdisjoint(words_of(what.name)))
    served = any("serving" in found for found in project.phases(site).values())
    if not served or (call is not None and call.level == "debug" and what.kind != "secret"):
        return False
    if what.kind in ("content", "signed"):
        return True
    if what.kind == "dump" and what.name.endswith(".request.headers"):
        return call is not None and _signed_call(site, what.name)
    if what.kind == "dump" and what.name == "request.headers":
        return not any(isinstance(step.stmt, m.If | m.Try) for step in site.steps) and _of_flask(site.function)
    if what.kind == "secret":
        named = in_path(what.name, site.function) and opens(what.name, site.function)  # /screen/<token>, session["token"] = token
        return call is not None and (named or _given(project, site, what.name))
    return False


def _signed_call(site: Site, name: str) -> bool:
    """``r = requests.post(…, auth=…)`` with ``r.request.headers`` in the message itself; who reads an ``extra=`` is not known."""
    made = [b.expr.value if isinstance(b.expr, m.Await) else b.expr for b in site.function.bindings.get(name.partition(".")[0], ())]
    signed = any(isinstance(expr, m.Call) and (expr.keyword("auth") or expr.keyword("cookies")) is not None for expr in made)
    return signed and any(isinstance(n, m.Name) and n.id == name for n in m.walk(site.call.args))


def _of_flask(func: Func) -> bool:
    """Whether ``request`` is the one that a client has sent, not that of a browser which a test drives."""
    return any(b.kind == "import" and b.text == "flask.request" for b in func.module.level.bindings.get("request", ()))


def _given(project: Project, site: Site, name: str) -> bool:
    """Whether it is a password, or a key by a name that means nothing else, that the function is handed, or opens something with: one
    that a loop, here or in a caller, takes from a list may be a guess."""
    func, words = site.function, words_of(name)
    if name.startswith("self."):  # the connection's own, with which the function opens one
        return not PASSWORDS.isdisjoint(words_of(name.rpartition(".")[2])) and opens(name, func)
    param = func.param(name)
    if param is None or name in func.bindings or not words or (PASSWORDS.isdisjoint(words) and words[-1] not in WHOLE):
        return False
    return not _of_a_loop(project, func, name)


def _of_a_loop(project: Project, func: Func, name: str, depth: int = 0) -> bool:
    """Whether some way of calls hands the parameter what a loop goes through."""
    param = func.param(name)
    if param is None or depth > 3:
        return False
    for edge in project.links.callers.get(func, ()):
        expr = argument_of(edge.site, func, param) if edge.how == "call" else None
        if not isinstance(expr, m.Name):
            continue
        bound = {binding.line for binding in edge.caller.bindings.get(expr.id, ())}
        if any(isinstance(p.stmt, m.For) and p.stmt.line in bound for p in edge.caller.places):
            return True
        if _of_a_loop(project, edge.caller, expr.id, depth + 1):
            return True
    return False


def _excused(project: Project, site: Site, call: LogCall | None, what: Told) -> bool:
    """Whether somebody may say why it is no harm: nobody runs it, it was refused, a switch that is off guards it, a person at
    the terminal is told, at the start or by a command that shows the user's own settings."""
    phases = project.phases(site)
    if not phases or (what.kind == "secret" and _refused_credential(site, what.name)) or _switched_on(site):
        return True
    if call is not None and call.level == "debug" and not _debug_is_on(project, site, call) and PASSWORDS.isdisjoint(words_of(what.name)):
        return True  # who switches DEBUG on looks for such values
    if call is not None:
        return False
    if what.kind == "secret" and not site.function.is_module and not any("serving" in found for found in phases.values()):
        return True
    return what.kind == "dump" and not _of_the_server(site)


def _refused_credential(site: Site, name: str) -> bool:
    """``jwt.decode(token)`` has just failed, or the line calls it malformed: it opens nothing any more, as a rule. A password that
    was mistyped nearly opens something."""
    if not PASSWORDS.isdisjoint(words_of(name)):
        return False
    if REFUSED.search(literal_words(site.call)):
        return True
    if any(isinstance(step.stmt, m.If) and step.arm == "body" and _differs(step.stmt.test, name) for step in site.steps):
        return True
    attempts = [step.stmt for step in site.steps if step.handler is not None]
    return any(
        isinstance(attempt, m.Try)
        and any(
            CHECKS.search(source_of(call.func).rpartition(".")[2])
            and any(isinstance(n, m.Name) and n.id == name for a in call.args for n in m.walk(a))
            for stmt in attempt.body
            for call in m.calls(stmt)
        )
        for attempt in attempts
    )


def _differs(test: m.Expr, name: str) -> bool:
    """``not compare_digest(token, found)``: it is not the one that opens."""
    return any(
        "compare_digest" in source_of(call.func) and any(isinstance(n, m.Name) and n.id == name for n in m.walk(call.args))
        for call in m.calls(test)
    )


def _switched_on(site: Site) -> bool:
    """Below a test of a variable that is off unless somebody sets it: ``os.environ.get("LOG_PAYLOAD", "false") == "true"``."""
    return any(
        isinstance(step.stmt, m.If) and step.arm == "body" and any(_off_by_default(n) for n in m.walk(step.stmt.test))
        for step in site.steps
    )


def _off_by_default(node: m.Expr) -> bool:
    if not isinstance(node, m.Call) or not source_of(node.func).endswith(("environ.get", "getenv")):
        return False
    default = node.args[1] if len(node.args) > 1 else node.keyword("default")
    return default is None or (isinstance(default, m.Const) and str(default.value).lower() in ("", "0", "false", "no", "off", "none"))


def _of_the_server(site: Site) -> bool:
    """Settings of the program that serves, its environment among them; not the file that a user of a command keeps for himself."""
    texts = [source_of(b.expr) for bindings in site.function.bindings.values() for b in bindings if b.expr is not None]
    texts.append(source_of(site.call))
    return any(word in text for text in texts for word in ("app.config", "environ", "settings", "request.headers"))


def _holds(what: Told) -> str:
    if what.name.endswith(".request.headers"):
        return "the credential of a call that this program made"
    if what.inside:
        return f"a credential ({what.inside} is put into it here)"
    if what.opened:
        return "an address out of which this program takes a password"
    return "the caller's credentials among others" if what.name.endswith("headers") else HOLDS[what.kind]


def _counts(project: Project, site: Site, call: LogCall | None, what: Told) -> bool:
    """Whether the line is written where it matters: by something that runs, at a level that is on, not as a product."""
    reached = project.phases(site)
    running = [e for e in (reached or project.imported_by(site.function.module, "service", "worker"))]
    if not running or all(talkative(project, e) for e in running) or development_path(site.path):
        return False
    if what.kind == "dump" and any(step.handler is not None for step in site.steps):
        return False  # the one value that could not be read
    if _announced(site) or _refused(site, what.name) or _for_development(site):
        return False
    if what.kind == "secret" and (_handed_over(reached, site, what.name) or _of_an_archive(project, site, what.name)):
        return False
    if what.kind == "body" and _rejected(site):
        return False
    if call is None:
        if in_main_block(site):
            return False  # run by hand, for what it prints
        if what.kind == "secret" and not what.name.endswith(")") and is_command(site.function, project.links):
            return False  # on the terminal of whoever asked for it
        if any(e.long_running for e in running):
            return True
        if what.kind == "secret" and not what.name.endswith(")"):
            return False  # a command that prints a value of its own is asked for it
        tool = bool(set(site.path.split("/")[:-1]) & TOOL_FOLDERS)
        # who asks for the settings does not ask for the secrets among them
        return what.kind not in ("body", "content") and not tool and (what.kind == "dump" or not _product(site))
    if call.level == "debug":
        # somebody switches DEBUG on during an incident, and then every user's password is in the log store
        password = what.kind == "secret" and not PASSWORDS.isdisjoint(words_of(what.name))
        return password or (what.kind in ("secret", "address", "dump") and shows_debug(project, call, running))
    return True


def _announced(site: Site) -> bool:
    """In a branch for the first start or a reset: the value is told on purpose, once."""
    texts = [source_of(s.stmt.test).lower() for s in site.steps if isinstance(s.stmt, m.If)] + [site.function.name.lower()]
    return any(word in text for text in texts for word in ("first_install", "first_run", "no_user", "initial", "bootstrap", "reset"))


def _handed_over(reached: Mapping[Entrypoint, frozenset[str]], site: Site, name: str) -> bool:
    """A value that the start has just made, for an account that nobody has yet: how else would its owner get it."""
    if any("serving" in phases for phases in reached.values()):
        return False
    bound = [b.expr for b in site.function.bindings.get(name, ()) if b.line <= site.line]
    return bool(bound) and all(
        isinstance(expr, m.Call) and (source_of(expr.func).startswith("secrets.token_") or "random" in source_of(expr.func))
        for expr in bound
    )


def _of_an_archive(project: Project, site: Site, name: str) -> bool:
    """A password for the archive that the function, or a caller of it, unpacks: it is no account's."""
    if PASSWORDS.isdisjoint(words_of(name)[-1:]):
        return False
    callers = [edge.caller for edge in project.links.callers.get(site.function, ()) if edge.how == "call"]
    named = (text for func in (site.function, *callers) for text in (func.qualname, *(each.text for each in func.sites)))
    return any(not ARCHIVES.isdisjoint(words_of(text)) for text in named)


def _rejected(site: Site) -> bool:
    """What did not pass, in the arm for that: it is the message's subject, unless such callers send credentials."""
    around = words_of(f"{site.path} {site.function.qualname}")
    return any(step.handler is not None for step in site.steps) and PRIVATE.isdisjoint(around)


def _for_development(site: Site) -> bool:
    """Below a test that lets only tests and the desk come here: ``if not settings.ALLOW_TEST_USERS: raise Http404``."""
    for place in site.function.places:
        test = place.stmt
        if not isinstance(test, m.If) or test.line >= site.line or not test.body:
            continue
        text = source_of(test.test)
        around = any(step.stmt is test and step.arm == "body" for step in site.steps)
        denied = text.startswith("not ") or " not in " in text or " != " in text
        leaves = isinstance(test.body[-1], m.Return | m.Raise) and not any(step.stmt is test for step in site.steps)
        if development_name(text) and (leaves and not place.steps if denied else around):
            return True
    return False


def _refused(site: Site, name: str) -> bool:
    """In the branch, or arm, in which what was looked up by the value is not there: the value opens nothing."""
    if not words_of(name)[-1:] or words_of(name)[-1] not in ("token", "key", "code", "otp"):
        return False
    for step in site.steps:
        if isinstance(step.stmt, m.If) and step.arm == "body":
            test = source_of(step.stmt.test)
            looked = test.removeprefix("not ").removesuffix(" is None")
            if (test.startswith("not ") or test.endswith(" is None")) and name not in looked:
                bound = [b.expr for b in site.function.bindings.get(looked, ()) if isinstance(b.expr, m.Call | m.Await)]
                if any(isinstance(n, m.Name) and n.id == name for expr in bound for n in m.walk(expr)):
                    return True
        if step.handler is not None and any(w in t for t in step.handler.types for w in ("DoesNotExist", "NotFound", "KeyError")):
            return True
    return False


def _debug_is_on(project: Project, site: Site, call: LogCall) -> bool:
    return shows_debug(project, call, project.phases(site) or project.imported_by(site.function.module))


def _product(site: Site) -> bool:
    """A printed secret that the command has just made, or that is all it prints: showing it is its purpose."""
    func = site.function
    if any(word in func.name.lower() for word in MAKES):
        return True
    args = site.call.args
    if len(args) == 1 and isinstance(args[0], m.Name):
        return True
    heads = {n.id.partition(".")[0] for a in args for n in m.walk(a) if isinstance(n, m.Name)}
    for name in heads:
        for binding in func.bindings.get(name, ()):
            expr = binding.expr.value if isinstance(binding.expr, m.Await) else binding.expr
            for made in m.calls(expr) if expr is not None else ():
                text = (
                    made.func.id
                    if isinstance(made.func, m.Name)
                    else made.func.name
                    if isinstance(made.func, m.Attr)
                    else ""
                )
                if any(word in text.lower() for word in MAKES):
                    return True
    return False


def _own_format(call: m.Call) -> bool:
    """A format that is made by a function: loguru appends the traceback only to one that is a text (loguru 0.7)."""
    given = call.keyword("format")
    return given is not None and not isinstance(given, m.Const | m.Format)


def _takes_records(project: Project, site: Site) -> bool:
    """Whether the sink is a function that uses only the record of what it is given: the text with the variables, which is
    the message itself, goes nowhere.
    """
    given = site.call.argument("sink", 0)
    value = project.names.value(given, site.function) if isinstance(given, m.Name) else None
    sink = value.target if value is not None else None
    if not isinstance(sink, Func) or len(sink.facts.params) != 1:
        return False
    parameter = sink.facts.params[0].name
    used = {
        node.id
        for place in sink.places
        for expr in own_expressions(place.stmt)
        for node in m.walk(expr)
        if isinstance(node, m.Name) and node.id.partition(".")[0] == parameter
    }
    return bool(used) and all(text.startswith(f"{parameter}.record") for text in used)


def _bare(what: Told) -> bool:
    """Whether an address is of a kind that is as often written without a password."""
    return what.kind == "address" and not what.opened and (WITH_PASSWORD | CARRIES | MADE_SECRET).isdisjoint(words_of(what.name))


def _variables_in_tracebacks(project: Project) -> Iterator[Finding]:
    """loguru prints the values of variables into tracebacks unless ``diagnose=False``."""
    for use in project.log_parts:
        if use.name != "loguru.logger.add" or use.site is None or use.site.call.keyword("diagnose") is not None:
            continue
        if any(key is None for key, _ in use.site.call.keywords) or _own_format(use.site.call):
            continue
        if _takes_records(project, use.site):
            continue
        entrypoints = project.runs_in(use.site, "import", "startup", kinds=("service", "worker"))
        if not entrypoints:
            continue
        yield RULE.at(
            project,
            use.site,
            "The sink keeps loguru's diagnose=True: each traceback prints the values of the variables on its way, passwords and "
            "tokens among them",
            "logger.add(…, diagnose=False, backtrace=False) in production",
            severity="medium",
            kinds=("service", "worker"),
        )
