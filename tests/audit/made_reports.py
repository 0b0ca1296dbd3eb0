"""Reports made by hand, for the tests of the formats."""

from __future__ import annotations

from runtime_ops.findings import (
    PROMISES,
    EntrypointReport,
    Evidence,
    Finding,
    MapRow,
    Report,
    Skipped,
    Unparsed,
    Verdict,
    Waiver,
)

EXPLAIN = "python3 scripts/audit.py"
COMMAND = f"{EXPLAIN} shop"


def contract(words: str, path: str = "app/web.py") -> tuple[Verdict, ...]:
    """Six letters: m(et), b(roken), u(nknown), n(/a)."""
    made = []
    for promise, letter in zip(PROMISES, words, strict=True):
        if letter in "mb":
            verdict = "met" if letter == "m" else "broken"
            made.append(Verdict(promise, verdict, (Evidence(path, 12, f"evidence about {promise}"),)))
        else:
            reason = f"nothing was found that tells about {promise}"
            made.append(Verdict(promise, "unknown" if letter == "u" else "n/a", (), reason))
    return tuple(made)


def entrypoint(
    name: str = "app/web.py", kind: str = "service", words: str = "bmnbum", started: bool = True, rows: tuple[MapRow, ...] = ()
) -> EntrypointReport:
    starts = (Evidence("Dockerfile", 9, 'CMD ["gunicorn", "app.web:app"]'), Evidence("k8s/web.yaml", 20, "container web"))
    return EntrypointReport(name, kind, name.partition("::")[0], 4, "flask", starts if started else (), contract(words), rows)


def finding(
    line: int = 30,
    rule: str = "call-without-timeout",
    severity: str = "high",
    path: str = "app/web.py",
    entrypoints: tuple[str, ...] = ("app/web.py",),
    message: str = "requests.get(url) has no timeout: a server that accepts and never answers blocks this worker for ever",
    remedy: str = "pass timeout=(3.05, 10), below the platform's own limit",
    phase: str | None = "serving",
    concern: str = "deadlines",
    confidence: str = "likely",
    trace: tuple[Evidence, ...] = (),
    count: int = 1,
    also: tuple[Evidence, ...] = (),
) -> Finding:
    return Finding(
        rule, concern, severity, confidence, path, line, message, remedy, line + 1, phase, entrypoints, trace, f"f:{rule}", count,
        also,
    )  # fmt: skip


QUESTION = MapRow(
    "except", "except Exception", "app/jobs.py", 44, "serving", "question", None, (), "is losing the message right when it fails?"
)
ROWS = (
    MapRow("setting", "DATABASE_URL", "app/config.py", 3, "startup", "ok", "required at start", (Evidence("k8s/web.yaml", 31, "env"),)),
    MapRow("outbound", "requests.get", "app/web.py", 30, "serving", "finding"),
    QUESTION,
    MapRow("thread", "Thread(target=poll)", "app/web.py", 50, None, "unknown", "a flag that nothing seems to set"),
)
WAIVER = Waiver(
    "call-without-timeout", "the export takes an hour", "a hang blocks the export", ("test",), "app/export.py", 7, "", "2027-01-31",
    "reports team", {"test": "tests/test_export.py"},
)  # fmt: skip


def report(
    entrypoints: tuple[EntrypointReport, ...] = (),
    findings: tuple[Finding, ...] = (),
    waived: tuple[tuple[Finding, Waiver], ...] = (),
    complete: bool = True,
    skipped: tuple[Skipped, ...] = (),
    unparsed: tuple[Unparsed, ...] = (),
    failed: tuple[tuple[str, str], ...] = (),
    partial: tuple[Unparsed, ...] = (),
    root: str = "shop",
    leads: tuple[Finding, ...] = (),
) -> Report:
    return Report(root, complete, entrypoints, findings, waived, 12, 3, skipped, unparsed, failed, partial, leads)


def shop() -> Report:
    """A small, ordinary result with everything in it once."""
    return report(
        entrypoints=(
            entrypoint(rows=ROWS),
            entrypoint("app/jobs.py::celery", "worker", "mbbmnu", rows=(QUESTION,)),
            entrypoint("manage.py", "cli", "mnnnnn", started=False),
        ),
        findings=(
            finding(trace=(Evidence("Dockerfile", 9, "starts app.web:app"), Evidence("app/web.py", 28, "route /price"))),
            finding(61, count=3, also=(Evidence("app/web.py", 70, ""), Evidence("app/mail.py", 8, ""))),
            finding(12, "signal-blocked-by-shell", "high", "Dockerfile", ("app/web.py", "app/jobs.py::celery"),
                    "CMD in shell form: sh is process 1 and passes no SIGTERM on", 'write CMD ["gunicorn", …]', None,
                    "shutdown", "certain"),
            finding(80, "print-in-service", "medium", message="print() writes a bare line", remedy="use the logger", concern="logging"),
            finding(5, "lazy-config", "low", "lib/other.py", (), "the setting is read late", "read it at start", None, "startup"),
        ),
        waived=((finding(7, path="app/export.py"), WAIVER),),
        skipped=(Skipped("tests", "tests"), Skipped("docs", "docs"), Skipped("a.py", "ignored by .gitignore:3")),
        partial=(Unparsed("charts/web.yaml", 7, "written by a template elsewhere"),),
    )  # fmt: skip


def crowded() -> Report:
    """Far too much of everything, with names that are too long, too wide, or hostile."""
    names = [f"services/{'very-' * 12}long-name-{n}/src/handlers/main_{n}.py::application_factory" for n in range(40)]
    names += ["サービス/注文/アプリ.py", "evil\x1b[31m\r\n.py"]
    entrypoints = tuple(entrypoint(name, "service", "bbbbbb") for name in names)
    long = "a sentence about what happens at run time that goes on and on " * 12
    findings = tuple(
        finding(
            n + 1, f"rule-number-{n % 37}-with-a-rather-long-identifier", ("high", "medium", "low")[n % 3],
            f"{'deep/' * 30}f{n}.py", (names[n % 42],),
            f"{long}{n}", long, trace=tuple(Evidence(f"{'way/' * 40}t.py", k + 1, long) for k in range(9)),
        )
        for n in range(300)
    )  # fmt: skip
    unparsed = tuple(Unparsed(f"{'bad/' * 40}{n}.py", n + 1, long) for n in range(50))
    skipped = tuple(Skipped(f"x{n}", f"a reason of its own, number {n}") for n in range(60))
    failed = tuple((f"broken-rule-{n}", long) for n in range(5))
    return report(entrypoints, findings, (), False, skipped, unparsed, failed, unparsed, "/very/" + "long/" * 60 + "root")
