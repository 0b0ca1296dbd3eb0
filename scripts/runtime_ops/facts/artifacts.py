"""Facts of everything that is not Python: what starts, feeds, probes and stops a process, with lines.

Plain frozen dataclasses that pickle and compare by value. Lines are 1-based and count in the file as it is on disk
(`end_line` is inclusive). A text that holds a template expression nobody resolved keeps that expression as it stands
and has ``templated=True``: rules treat it as unknown. What a reader did not understand is in `Artifact.unread`.

Every artifact is a subclass of `Artifact`; `artifact_kinds.read_artifact` makes them from bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|msec|min|minutes?|m|sec|seconds?|s|hours?|hr|h|days?|d)?")
_UNIT_SECONDS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "ms": 1e-3, "m": 60.0, "s": 1.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(text: str) -> float | None:
    """Seconds of ``30``, ``1.5``, ``90s``, ``1m30s``, ``500ms``, ``1min 30s``; None for anything else.

    Source of the units: the Compose specification ("Specifying durations") and systemd.time(7).
    """
    text = text.strip()
    position, total = 0, 0.0
    for found in _DURATION.finditer(text):
        if text[position : found.start()].strip():
            return None
        position = found.end()
        unit = found.group(2) or "s"
        key = "ms" if unit in ("ms", "msec") else unit[0]
        total += float(found.group(1)) * _UNIT_SECONDS[key]
    return total if position and not text[position:].strip() else None


# ---------------------------------------------------------------- small parts


@dataclass(frozen=True, slots=True)
class Unread:
    """Something a reader left out, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Value:
    """One scalar with its place. ``text`` is the decoded text (quotes removed); ``templated``: not resolved."""

    text: str
    line: int
    end_line: int
    templated: bool = False

    @property
    def number(self) -> float | None:
        """The text as a number, None when it is none (``30``, ``0.5``, ``1_000`` is none)."""
        try:
            return None if "_" in self.text else float(self.text)
        except ValueError:
            return None

    @property
    def seconds(self) -> float | None:
        """The text as a duration in seconds (`duration_seconds`), None when it is none."""
        return duration_seconds(self.text)

    @property
    def truth(self) -> bool | None:
        """The text as a switch (true/yes/on/1, false/no/off/0, in any case), None when it is none."""
        word = self.text.strip().lower()
        if word in ("true", "yes", "on", "1", "y"):
            return True
        return False if word in ("false", "no", "off", "0", "n") else None


@dataclass(frozen=True, slots=True)
class Setting:
    """A named value: an option of a section, an annotation, a label."""

    name: str
    value: Value
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class VariableUse:
    """``$NAME`` or ``${NAME…}`` in a text that a shell (or compose) expands.

    ``name`` may be ``@``, ``*``, ``#``, ``?``, ``!``, ``$`` or a digit. ``operator`` is what follows the name in braces
    (``:-``, ``-``, ``:=``, ``=``, ``:?``, ``?``, ``:+``, ``+``, or ``#``, ``%``, ``/``, ``:``, ``[`` for other
    expansions), None for a plain use; ``operand`` is the text after it. ``quoted``: inside double quotes. ``word`` is
    the 0-based index in the command's ``argv``; -1 in an assignment prefix, -2 in a redirection or elsewhere.
    """

    name: str
    operator: str | None
    operand: str
    quoted: bool
    word: int
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection: ``operator`` (``>``, ``>>``, ``<``, ``>&``, ``&>``, ``<<<``, ``<<`` …), ``target`` word,
    ``descriptor`` as written (``2`` in ``2>&1``) or None."""

    operator: str
    target: str
    descriptor: int | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """``NAME=value``, alone, before a command, or given to ``export``/``local``/``readonly``/``declare``."""

    name: str
    value: str
    exported: bool
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class CaseArm:
    """One arm of ``case SUBJECT in``; ``patterns`` as written, quotes removed (``*`` is the default arm)."""

    subject: str
    patterns: tuple[str, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that encloses a command: ``kind`` ``if``, ``elif``, ``else``; ``test`` is the condition's text (for
    ``else`` that of its ``if``)."""

    kind: str
    test: str
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that encloses a command: ``kind`` ``while``, ``until``, ``for``, ``select``; ``test`` is its text."""

    kind: str
    test: str
    line: int


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One simple command of a shell text, in the order of the text.

    ``argv`` holds the words with quotes removed and ``$VAR`` left in them; a leading ``exec`` is not in it but in
    ``exec`` (also ``exec`` with redirections only: empty ``argv``). ``before``/``after`` are the operators around it
    (``;`` also for a new line; ``""`` at the ends): ``&&``, ``||``, ``|``, ``|&``, ``;``, ``&``. ``background``: it, or
    the list or group it stands in, is ended by ``&``. ``substitution``: it stands in ``$(…)``, backquotes or ``<(…)``.
    ``tested``: its status decides an ``if``/``while``/``until``, or is consumed by a following ``&&``/``||``, or it is
    negated. ``tail``: after it nothing else of its function (of the text, when it stands in none) can run, so its
    status is the result and a shell may stay its parent. ``subshell`` is the depth of enclosing ``( … )``.
    """

    argv: tuple[str, ...]
    raw: str
    line: int
    end_line: int
    exec: bool = False
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    variables: tuple[VariableUse, ...] = ()
    before: str = ""
    after: str = ""
    background: bool = False
    negated: bool = False
    tested: bool = False
    tail: bool = False
    substitution: bool = False
    subshell: int = 0
    function: str | None = None
    arms: tuple[CaseArm, ...] = ()
    branches: tuple[Branch, ...] = ()
    loops: tuple[Loop, ...] = ()

    @property
    def program(self) -> str:
        """The first word, empty when there is none."""
        return self.argv[0] if self.argv else ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that an artifact gives to a platform.

    ``form`` is ``exec`` (a list of words, or a text the platform splits itself: systemd, supervisord, compose) or
    ``shell`` (the platform runs ``sh -c TEXT``). ``argv``: the words; for the shell form those of its only simple
    command, None when there are several or the text could not be split. ``word_lines`` runs beside ``argv``. ``parts``:
    the simple commands that run as far as read: of the shell text, also of the text after ``sh -c``; else one for argv.
    Their ``variables`` are those that a shell or the platform (compose, systemd) fills in: an exec-form ``$X`` that
    nobody expands is not among them.
    """

    argv: tuple[str, ...] | None
    raw: str
    form: str
    line: int
    end_line: int
    word_lines: tuple[int, ...] = ()
    parts: tuple[SimpleCommand, ...] = ()
    templated: bool = False

    @property
    def shell(self) -> bool:
        """Whether a shell stands between the platform and the program: the shell form, or ``sh -c`` in the words."""
        if self.form == "shell":
            return True
        words = self.argv or ()
        return (
            len(words) > 1
            and words[0].rsplit("/", 1)[-1] in ("sh", "bash", "ash", "dash", "zsh")
            and any(word.startswith("-") and not word.startswith("--") and "c" in word for word in words[1:3])
        )


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable that an artifact sets.

    ``value`` None: taken from elsewhere, then ``source`` says from where (``secretKeyRef``, ``configMapKeyRef``,
    ``fieldRef``, ``resourceFieldRef``, ``host`` for a bare name in compose, ``build`` for an ARG, ``template``,
    ``empty``, ``removed`` by a patch, ``secret``, ``service``, ``generated`` …) and ``source_name``/
    ``source_key`` what. ``optional``: may be missing there. ``variables``: what the platform fills into the value.
    """

    name: str
    value: Value | None
    line: int
    end_line: int
    source: str | None = None
    source_name: str | None = None
    source_key: str | None = None
    optional: bool = False
    templated: bool = False
    variables: tuple[VariableUse, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentSource:
    """A whole set of variables from elsewhere: ``kind`` ``configMapRef``, ``secretRef``, ``env_file``,
    ``EnvironmentFile``, ``group``, ``template`` (a template fills the environment: anything may be set)."""

    kind: str
    name: str
    line: int
    end_line: int
    optional: bool = False
    templated: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A health check of a platform. ``role``: ``liveness``, ``readiness``, ``startup``, or ``health`` where the
    platform knows one kind only. ``method``: ``http``, ``tcp``, ``grpc``, ``exec``, ``none`` (switched off),
    ``template`` (filled by a template, nothing known). Times are `Value`s, read them by ``.seconds``."""

    role: str
    method: str
    line: int
    end_line: int
    path: Value | None = None
    port: Value | None = None
    scheme: str = ""
    service: Value | None = None
    command: Command | None = None
    timeout: Value | None = None
    period: Value | None = None
    failures: Value | None = None
    successes: Value | None = None
    initial_delay: Value | None = None
    grace: Value | None = None
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port: ``number`` inside the container (or the target port of a Kubernetes Service), ``published`` outside."""

    number: Value
    line: int
    end_line: int
    name: str = ""
    protocol: str = ""
    published: Value | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """``kind`` ``request`` or ``limit``; ``name`` ``cpu``, ``memory`` …"""

    kind: str
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class OptionSection:
    """A section of an ini-like file; an option may stand several times. Section ``""``: before any header."""

    name: str
    options: tuple[Setting, ...]
    line: int
    end_line: int

    def get(self, name: str) -> Value | None:
        """The last value of an option (names compare without case, ``-`` and ``_`` alike), None when not written."""
        found = self.all(name)
        return found[-1] if found else None

    def all(self, name: str) -> tuple[Value, ...]:
        """All values of an option in their order."""
        key = name.lower().replace("-", "_")
        return tuple(option.value for option in self.options if option.name.lower().replace("-", "_") == key)


# ---------------------------------------------------------------- the artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What one file says. ``path`` is relative to the audited root, with ``/``."""

    path: str
    unread: tuple[Unread, ...] = ()


# -- Dockerfile


@dataclass(frozen=True, slots=True)
class Copy:
    """``COPY``/``ADD``: ``stage`` is the ``--from`` (a stage or image), None for the build context."""

    sources: tuple[str, ...]
    target: str
    stage: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One build stage, with what it inherits from earlier stages of the file by ``FROM stage``.

    ``image`` is the base image as written with ARG defaults filled in where known; ``parent`` the index of the stage
    it builds on, None for an image. ``cmd``/``entrypoint``/``healthcheck``/``stop_signal``/``workdir``/``user``/
    ``env``/``ports`` are effective: the nearest along the parents (an ENTRYPOINT clears an inherited CMD, as the
    builder does). ``copies``, ``runs`` are of the whole chain, parents first.
    """

    index: int
    name: str | None
    image: Value
    parent: int | None
    line: int
    end_line: int
    cmd: Command | None = None
    entrypoint: Command | None = None
    healthcheck: Probe | None = None
    stop_signal: Value | None = None
    workdir: Value | None = None
    user: Value | None = None
    shell: tuple[str, ...] = ()
    env: tuple[EnvironmentVariable, ...] = ()
    args: tuple[EnvironmentVariable, ...] = ()
    ports: tuple[Port, ...] = ()
    copies: tuple[Copy, ...] = ()
    runs: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile(Artifact):
    """A Dockerfile or Containerfile; ``stages`` in their order."""

    stages: tuple[Stage, ...] = ()

    def stage(self, target: str | None = None) -> Stage | None:
        """The stage that a build makes: the last, or the one that ``--target`` names (by name or number)."""
        if target is None:
            return self.stages[-1] if self.stages else None
        for stage in reversed(self.stages):
            if (stage.name or "").lower() == target.lower() or str(stage.index) == target:
                return stage
        return None


# -- shell


@dataclass(frozen=True, slots=True)
class ShellFunction:
    """A function definition; its commands are those of the script whose ``function`` is its name."""

    name: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class ShellOption:
    """``set -e`` and the like, also of the first line (``#!/bin/bash -e``): ``name`` is ``errexit``, ``nounset``,
    ``pipefail``, ``xtrace``, ``monitor`` … or the letter."""

    name: str
    on: bool
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Trap:
    """``trap ACTION SIGNALS``: signals in upper case without ``SIG`` (``0`` is ``EXIT``); ``commands`` are those of
    the action; an empty ``action`` ignores the signals, ``-`` resets them."""

    action: str
    signals: tuple[str, ...]
    commands: tuple[SimpleCommand, ...]
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A ``case SUBJECT in … esac``; ``subject`` as written, quotes removed."""

    subject: str
    arms: tuple[CaseArm, ...]
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellScript(Artifact):
    """A shell script: all simple commands in order of the text, nested ones with their context.

    ``interpreter`` is ``sh``, ``bash`` … (``sh`` where the first line names none). ``other_uses``: variables outside
    simple commands (``case`` subjects, ``for`` lists, here-documents).
    """

    interpreter: str = ""
    commands: tuple[SimpleCommand, ...] = ()
    functions: tuple[ShellFunction, ...] = ()
    options: tuple[ShellOption, ...] = ()
    traps: tuple[Trap, ...] = ()
    cases: tuple[Case, ...] = ()
    other_uses: tuple[VariableUse, ...] = ()

    @property
    def sources(self) -> tuple[SimpleCommand, ...]:
        """The commands that read in another file (``source FILE``, ``. FILE``)."""
        return tuple(c for c in self.commands if c.program in ("source", ".") and len(c.argv) > 1)

    @property
    def exits(self) -> tuple[SimpleCommand, ...]:
        """The ``exit``/``return`` commands; ``argv[1]`` is the status where written."""
        return tuple(c for c in self.commands if c.program in ("exit", "return"))

    def calls(self, function: str) -> tuple[SimpleCommand, ...]:
        """The commands that call a function of this script."""
        return tuple(c for c in self.commands if c.program == function)


# -- compose


@dataclass(frozen=True, slots=True)
class Build:
    """``build:`` of a compose service; paths as written, relative to the compose file (context) and the context."""

    context: Value | None
    dockerfile: Value | None
    target: Value | None
    args: tuple[EnvironmentVariable, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """``depends_on``: ``condition`` ``service_started`` (also the list form), ``service_healthy``,
    ``service_completed_successfully``."""

    name: str
    condition: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume of a compose service; ``bind`` when the source is a path of the host."""

    source: str
    target: str
    bind: bool
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service, anchors, merges and ``extends`` within the file applied. ``extends_file``: the other file that
    ``extends`` names (its service is ``extends_service``), not followed here."""

    name: str
    line: int
    end_line: int
    build: Build | None = None
    image: Value | None = None
    command: Command | None = None
    entrypoint: Command | None = None
    env: tuple[EnvironmentVariable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()
    healthcheck: Probe | None = None
    grace: Value | None = None
    stop_signal: Value | None = None
    init: Value | None = None
    restart: Value | None = None
    replicas: Value | None = None
    user: Value | None = None
    working_dir: Value | None = None
    depends_on: tuple[Dependency, ...] = ()
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    profiles: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    watched: bool = False
    extends_file: str | None = None
    extends_service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile(Artifact):
    """A compose (or swarm stack) file. ``includes``: other compose files it names."""

    services: tuple[ComposeService, ...] = ()
    includes: tuple[Value, ...] = ()
    name: str | None = None


# -- Kubernetes


@dataclass(frozen=True, slots=True)
class Hook:
    """``lifecycle.preStop``/``postStart``: ``method`` ``exec``, ``http``, ``sleep``, ``template``; ``seconds`` slept
    when that can be read (``sleep 15`` in the command, or ``sleep.seconds``)."""

    method: str
    command: Command | None
    seconds: float | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod. ``command``/``args`` are Kubernetes' (they replace ENTRYPOINT and CMD). ``init`` for
    initContainers (``sidecar`` when its restartPolicy is Always)."""

    name: Value | None
    line: int
    end_line: int
    image: Value | None = None
    command: Command | None = None
    args: Command | None = None
    env: tuple[EnvironmentVariable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()
    ports: tuple[Port, ...] = ()
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    resources: tuple[Resource, ...] = ()
    pre_stop: Hook | None = None
    init: bool = False
    sidecar: bool = False
    working_dir: Value | None = None
    templated: bool = False

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Those of the three probes that are written."""
        return tuple(probe for probe in (self.liveness, self.readiness, self.startup) if probe is not None)


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs pods: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, Pod, Rollout,
    Service of Knative (``KnativeService``). ``labels`` are those of the pod. ``grace`` is
    terminationGracePeriodSeconds. ``patch``: a partial object that a kustomization lays over another of this name.
    ``templated``: a template adds something to the pod or its containers that is not known."""

    kind: str
    name: Value | None
    line: int
    end_line: int
    namespace: Value | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    replicas: Value | None = None
    grace: Value | None = None
    restart_policy: Value | None = None
    labels: tuple[Setting, ...] = ()
    annotations: tuple[Setting, ...] = ()
    schedule: Value | None = None
    concurrency: Value | None = None
    backoff_limit: Value | None = None
    active_deadline: Value | None = None
    share_process_namespace: Value | None = None
    patch: bool = False
    templated: bool = False


@dataclass(frozen=True, slots=True)
class NetworkService:
    """A Kubernetes Service: ``selector`` of pods, ports (``number`` is the target port)."""

    name: Value | None
    selector: tuple[Setting, ...]
    ports: tuple[Port, ...]
    line: int
    end_line: int
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Ingress:
    """An Ingress: ``annotations`` (controllers' read timeouts stand there), ``backends`` (service names)."""

    name: Value | None
    annotations: tuple[Setting, ...]
    backends: tuple[Value, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A ConfigMap or Secret (``kind``), also of a kustomize generator. ``Secret.data`` has keys only (value None)."""

    kind: str
    name: Value | None
    entries: tuple[EnvironmentVariable, ...]
    line: int
    end_line: int
    env_files: tuple[Value, ...] = ()
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler or KEDA ScaledObject: how many replicas its target may have."""

    target: Value | None
    minimum: Value | None
    maximum: Value | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Kustomization:
    """``kustomization.yaml``: paths as written, relative to its folder; patches given inline are `Workload`s of the
    file with ``patch=True``."""

    resources: tuple[Value, ...]
    components: tuple[Value, ...]
    patches: tuple[Value, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesFile(Artifact):
    """One YAML file with Kubernetes objects. ``template_source``: its text when it is a Helm template, so that
    `kubernetes.with_values` can read it again with the chart's values."""

    workloads: tuple[Workload, ...] = ()
    services: tuple[NetworkService, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    key_values: tuple[KeyValues, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    kustomization: Kustomization | None = None
    template_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmValues(Artifact):
    """``values.yaml`` of a chart: scalars by dotted name (``web.replicas``, ``list.0.name``), and its text."""

    values: tuple[Setting, ...] = ()
    source: str = ""


# -- process supervisors and platforms


@dataclass(frozen=True, slots=True)
class Program:
    """Something that an artifact starts, of any platform: ``kind`` is the platform's word (``web``, ``worker``,
    ``release``, ``cron``, ``program``, ``eventlistener``, ``service``, ``job``, ``task`` …)."""

    name: str
    kind: str
    line: int
    end_line: int
    command: Command | None = None
    pre_commands: tuple[Command, ...] = ()
    env: tuple[EnvironmentVariable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()
    probes: tuple[Probe, ...] = ()
    ports: tuple[Port, ...] = ()
    image: Value | None = None
    dockerfile: Value | None = None
    working_dir: Value | None = None
    grace: Value | None = None
    stop_signal: Value | None = None
    replicas: Value | None = None
    schedule: Value | None = None
    autostart: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFile(Artifact):
    """Programs of a Procfile, render.yaml, fly.toml, app.yaml, heroku.yml, Marathon, ECS, Nomad or crontab file;
    ``platform`` is ``procfile``, ``render``, ``fly``, ``appengine``, ``heroku``, ``marathon``, ``ecs``, ``nomad``,
    ``crontab``."""

    platform: str
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisordConfig(Artifact):
    """supervisord: all sections as written, and the programs (``kind`` ``program``, ``eventlistener``,
    ``fcgi-program``); ``environment`` of ``[supervisord]`` is in ``env``. ``includes``: file patterns."""

    sections: tuple[OptionSection, ...] = ()
    programs: tuple[Program, ...] = ()
    env: tuple[EnvironmentVariable, ...] = ()
    includes: tuple[Value, ...] = ()

    def section(self, program: Program) -> OptionSection | None:
        """The section of a program (``startretries``, ``autorestart``, ``stopwaitsecs`` …)."""
        wanted = f"{program.kind}:{program.name}"
        return next((section for section in self.sections if section.name == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdUnit(Artifact):
    """A systemd unit (also a drop-in): sections as written, and the program of ``[Service]``: ``command`` is
    ExecStart, ``pre_commands`` ExecStartPre, ``grace`` TimeoutStopSec (TimeoutSec), ``stop_signal`` KillSignal."""

    unit: str = ""
    sections: tuple[OptionSection, ...] = ()
    program: Program | None = None

    def get(self, section: str, option: str) -> Value | None:
        """The last value of an option, None when not written."""
        found = [value for part in self.sections if part.name == section for value in part.all(option)]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class UwsgiConfig(Artifact):
    """uWSGI options of an ini, YAML, JSON or XML file; a bare option has the text ``true``."""

    sections: tuple[OptionSection, ...] = ()

    def get(self, option: str) -> Value | None:
        """The last value of an option in the ``uwsgi`` section, None when not written."""
        found = [value for part in self.sections if part.name == "uwsgi" for value in part.all(option)]
        return found[-1] if found else None


# -- nginx


@dataclass(frozen=True, slots=True)
class NginxDirective:
    """A directive with the blocks around it, outermost first (``("http", "server", "location /api")``)."""

    name: str
    arguments: tuple[str, ...]
    blocks: tuple[str, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class NginxUpstream:
    """``upstream NAME { server ADDRESS; }``."""

    name: str
    servers: tuple[Value, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class NginxProxy:
    """A ``proxy_pass``/``uwsgi_pass``/``grpc_pass`` … and the timeouts in force there (inherited from outer blocks,
    None: nginx's default of 60 s)."""

    location: str
    directive: str
    target: Value
    read_timeout: Value | None
    send_timeout: Value | None
    connect_timeout: Value | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxConfig(Artifact):
    """An nginx configuration (also a template of one)."""

    directives: tuple[NginxDirective, ...] = ()
    upstreams: tuple[NginxUpstream, ...] = ()
    proxies: tuple[NginxProxy, ...] = ()


# -- packaging


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """A console script: ``target`` is ``package.module:function`` (or a file, for setup.py ``scripts=``); ``group``
    ``console_scripts``, ``gui_scripts``, ``scripts`` or another entry point group."""

    name: str
    target: str
    group: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """A required or locked distribution. ``name`` is normalised (PEP 503). ``specifier`` as written (poetry's ``^1.2``
    turned into PEP 440), empty for any; ``version`` is the exact version when one is pinned or locked. ``group``:
    empty for run time, else the extra or dependency group."""

    name: str
    specifier: str
    version: str | None
    line: int
    end_line: int
    extras: tuple[str, ...] = ()
    marker: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagingFile(Artifact):
    """pyproject.toml, setup.cfg, setup.py, requirements*.txt/.in, Pipfile, or a lock file (``locked``).

    ``flavour``: ``pyproject``, ``setup.cfg``, ``setup.py``, ``requirements``, ``pipfile``, ``uv.lock``,
    ``poetry.lock``, ``pdm.lock``, ``pylock``, ``Pipfile.lock``. ``package_roots``: folders that packages stand in,
    relative to the file (``src``), where the file says so. ``includes``: other requirement files (``-r``/``-c``).
    """

    flavour: str
    locked: bool = False
    name: str | None = None
    version: str | None = None
    requires_python: str | None = None
    scripts: tuple[ScriptEntry, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    package_roots: tuple[str, ...] = ()
    includes: tuple[Value, ...] = ()
    tools: tuple[str, ...] = ()


# -- environment files


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvFile(Artifact):
    """A ``.env`` file; ``example`` for samples and templates of one (`.env.example`, `env.sample`)."""

    variables: tuple[EnvironmentVariable, ...] = ()
    example: bool = False
