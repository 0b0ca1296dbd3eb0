"""Facts of process supervisors, platforms and servers in front."""

from __future__ import annotations

from runtime_ops.facts.artifact_commands import (
    Command,
)
from runtime_ops.facts.artifact_parts import (
    EnvironmentSource,
    EnvironmentVariable,
    OptionSection,
    Port,
    Probe,
)
from runtime_ops.facts.artifact_values import Artifact, Value
from runtime_ops.plain import dataclass


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
    """Programs of a Procfile, render.yaml, fly.toml, app.yaml, heroku.yml, Marathon, ECS, Nomad or crontab file, or of Apache;
    ``platform`` is ``procfile``, ``render``, ``fly``, ``appengine``, ``heroku``, ``marathon``, ``ecs``, ``nomad``,
    ``crontab``, ``apache``, ``service-folder`` (s6)."""

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
