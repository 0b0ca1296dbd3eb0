"""A trace that ends where the next service begins."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.observability import instrument
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, components, programs, traced_around

RULE = Rule(
    __name__,
    severity="medium",
    summary="A traced service calls another one by a client that nothing instruments, so the trace ends at the call.",
    lead=True,
)
# OpenTelemetry's instrumentations are named after the library: opentelemetry.instrumentation.<name>
BOUNDARIES: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("requests.get", "requests.post", "requests.put", "requests.delete", "requests.request", "requests.Session.get",
      "requests.Session.post", "requests.Session.request"), ("requests", "urllib3"), "requests"),
    (("httpx.get", "httpx.post", "httpx.request", "httpx.Client.get", "httpx.Client.post", "httpx.AsyncClient.get",
      "httpx.AsyncClient.post", "httpx.AsyncClient.request"), ("httpx",), "httpx"),
    (("aiohttp.ClientSession.get", "aiohttp.ClientSession.post", "aiohttp.ClientSession.request"), ("aiohttp_client",), "aiohttp"),
    (("grpc.insecure_channel", "grpc.secure_channel", "grpc.aio.insecure_channel", "grpc.aio.secure_channel"), ("grpc",), "grpc"),
    (("pika.adapters.blocking_connection.BlockingChannel.basic_publish", "pika.channel.Channel.basic_publish"), ("pika",), "pika"),
    (("kafka.KafkaProducer.send",), ("kafka",), "kafka-python"),
    (("confluent_kafka.Producer.produce",), ("confluent_kafka",), "confluent-kafka"),
)  # fmt: skip
SERVICES = 2
TRACES = ("opentelemetry.trace.Tracer.", "opentelemetry.instrumentation.", "opentelemetry.sdk.trace.")
CARRIES = ("opentelemetry.propagate.inject", "opentelemetry.propagators.", "opentelemetry.trace.propagation.")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    alone = len(components(project)) < SERVICES
    for program in programs(project):
        if traced_around(program) or not traced(project, program):
            continue
        modules = program.modules
        if any(
            s.function.module in modules for s in project.sites(*(f"{c.rstrip('.')}*" for c in CARRIES), CARRIES[0])
        ):
            continue
        for calls, names, library in BOUNDARIES:
            if _instrumented(project, program, names):
                continue
            places = [
                s
                for s in project.sites(*calls)
                if s.function.module in modules and _runs(project, program, s, library)
                if not alone or _internal(s)  # else it goes to other people's services, which could join nothing
            ]
            if places:
                yield _finding(project, program, places, library)


def _internal(site: Site) -> bool:
    """Whether a call names a host of its own network: ``http://stock/items``, ``stock:50051``."""
    texts = m.texts(site.call.args[:1])
    host = texts[0].split("//")[-1].split("/")[0].split(":")[0] if texts else ""
    return bool(host) and "." not in host


def _finding(project: Project, program: Program, places: list[Site], library: str) -> Finding:
    first = places[0]
    return RULE.finding(
        first.path,
        first.line,
        f"{program.entrypoint.kind} {program.entrypoint.path} is traced, but its {library} calls carry no trace context: the next service "
        "starts a trace of its own, and the two cannot be joined",
        f"instrument the client (opentelemetry-instrumentation for {library}) or inject the context into the headers",
        end_line=first.call.end_line,
        entrypoints=(program.entrypoint,),
        phase="serving",
        anchor=f"{program.entrypoint.id}:{library}",
        count=len(places),
        also=[Evidence(s.path, s.line, "the same") for s in places[1:9]],
    )


def traced(project: Project, program: Program) -> bool:
    """Whether the program makes spans: a tracer provider is set up and something is instrumented or traced by hand."""
    found = {
        dotted
        for dotted, sites in project.links.by_dotted.items()
        if dotted.startswith(TRACES) and any(s.function.module in program.modules for s in sites)
    }
    rows = [instrument(d) for d in found]
    provider = any(d.startswith("opentelemetry.sdk.trace.") for d in found)
    return provider and any(row is not None and row.role in ("instrument", "observe") for row in rows)


def _instrumented(project: Project, program: Program, names: tuple[str, ...]) -> bool:
    prefixes = tuple(f"opentelemetry.instrumentation.{n}." for n in names)
    clients = ("Server",)  # ``GrpcInstrumentorServer`` covers what comes in, not what goes out
    return any(
        dotted.startswith(prefixes)
        and not dotted.removesuffix(".instrument").endswith(clients)
        and any(s.function.module in program.modules for s in sites)
        for dotted, sites in project.links.by_dotted.items()
    )


def _runs(project: Project, program: Program, site: Site, library: str) -> bool:
    lives = [project.lives[e] for e in program.all]
    wanted = {"serving", "startup", "import"} if library == "grpc" else {"serving"}
    return any(life.at(site.function, site.line, site.steps) & wanted for life in lives)
