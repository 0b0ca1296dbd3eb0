"""Dockerfiles: what each stage starts, with what, and how it is stopped and probed."""

from __future__ import annotations

from runtime_ops.facts.artifacts import Dockerfile, Stage
from runtime_ops.facts.dockerfile import read_dockerfile

IMAGE = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1 \\
    # a comment between the lines

    MODE="a b" EMPTY=
ENV OLD form of it
WORKDIR /app
COPY --from=builder --chown=1:1 /wheels /wheels
RUN <<EOF
CMD ["not", "this"]
pip install gunicorn
EOF
CMD ["python", "-m", "shop"]

FROM base AS web
ARG PORT=8080
ARG PYTHON
WORKDIR src
EXPOSE $PORT/tcp 9000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=3s --retries=2 \\
  CMD curl -f http://localhost:$PORT/health || exit 1
ENTRYPOINT ["/entry.sh",
            "web"]

FROM base as worker
HEALTHCHECK NONE
CMD exec celery -A shop worker --concurrency ${N:-4}
"""


def stage(file: Dockerfile, name: str) -> Stage:
    found = file.stage(name)
    assert found is not None
    return found


def test_stages_inherit_and_override() -> None:
    file = read_dockerfile("Dockerfile", IMAGE.replace('"/entry.sh",\n', '"/entry.sh", \\\n'))
    assert file.unread == ()
    base, web, worker = (stage(file, name) for name in ("base", "WEB", "2"))
    assert (base.image.text, base.image.templated, base.parent) == ("python:3.12-slim", False, None)
    assert web.parent == 0 and worker.parent == 0 and file.stage() is worker

    assert base.cmd is not None and base.cmd.argv == ("python", "-m", "shop") and base.cmd.form == "exec"
    assert web.cmd is None, "an ENTRYPOINT clears the CMD that is inherited"
    assert web.entrypoint is not None and web.entrypoint.argv == ("/entry.sh", "web")
    assert web.entrypoint.word_lines == (25, 26)
    assert worker.cmd is not None and worker.cmd.form == "shell" and worker.cmd.shell
    assert worker.cmd.argv == ("celery", "-A", "shop", "worker", "--concurrency", "${N:-4}")
    assert worker.cmd.parts[0].exec and worker.cmd.line == 30


def test_environment_keeps_lines() -> None:
    base = stage(read_dockerfile("Dockerfile", IMAGE), "base")
    assert [(v.name, v.value.text if v.value else None, v.line) for v in base.env] == [
        ("PYTHONUNBUFFERED", "1", 4),
        ("MODE", "a b", 7),
        ("EMPTY", "", 7),
        ("OLD", "form of it", 8),
    ]


def test_args_ports_and_folders() -> None:
    web = stage(read_dockerfile("Dockerfile", IMAGE), "web")
    assert [(v.name, v.value.text if v.value else None) for v in web.args] == [("PORT", "8080"), ("PYTHON", "3.12")]
    assert [(p.number.text, p.protocol) for p in web.ports] == [("8080", "tcp"), ("9000", "")]
    assert web.workdir is not None and web.workdir.text == "/app/src"
    assert web.stop_signal is not None and web.stop_signal.text == "SIGINT"
    (copy,) = web.copies
    assert (copy.sources, copy.target, copy.stage, copy.line) == (("/wheels",), "/wheels", "builder", 10)


def test_health_checks() -> None:
    file = read_dockerfile("Dockerfile", IMAGE)
    check = stage(file, "web").healthcheck
    assert check is not None and check.method == "exec" and (check.line, check.end_line) == (23, 24)
    assert check.period is not None and check.period.seconds == 30
    assert check.timeout is not None and check.timeout.seconds == 3
    assert check.failures is not None and check.failures.number == 2
    assert check.command is not None and check.command.line == 24
    assert [part.program for part in check.command.parts] == ["curl", "exit"]
    off = stage(file, "worker").healthcheck
    assert off is not None and off.method == "none"


def test_a_heredoc_is_the_script_of_its_run() -> None:
    base = stage(read_dockerfile("Dockerfile", IMAGE), "base")
    (run,) = base.runs
    assert run.line == 12 and run.parts[-1].argv == ("pip", "install", "gunicorn")


def test_a_heredoc_that_is_not_closed_is_unread() -> None:
    file = read_dockerfile("Dockerfile", "FROM x\nRUN cat <<EOT > y\nCMD z\n")
    assert file.unread[0].line == 2 and file.stages[0].cmd is None


def test_shell_form_with_several_commands_has_no_argv() -> None:
    file = read_dockerfile("Dockerfile", "FROM x\nCMD python migrate.py && python app.py\n")
    cmd = file.stages[0].cmd
    assert cmd is not None and cmd.argv is None and [p.argv[1] for p in cmd.parts] == ["migrate.py", "app.py"]


def test_exec_form_that_runs_a_shell() -> None:
    file = read_dockerfile("Dockerfile", 'FROM x\nCMD ["sh", "-c", "cd /app && exec gunicorn shop:app"]\n')
    cmd = file.stages[0].cmd
    assert cmd is not None and cmd.form == "exec" and cmd.shell
    assert cmd.parts[-1].exec and cmd.parts[-1].argv == ("gunicorn", "shop:app")


def test_exec_form_expands_no_variable() -> None:
    cmd = read_dockerfile("Dockerfile", 'FROM x\nCMD ["gunicorn", "-w", "$N"]\n').stages[0].cmd
    assert cmd is not None and cmd.parts[0].variables == ()


def test_a_list_in_single_quotes_is_the_shell_form() -> None:
    cmd = read_dockerfile("Dockerfile", "FROM x\nCMD ['python', 'app.py']\n").stages[0].cmd
    assert cmd is not None and cmd.form == "shell"


def test_the_escape_directive() -> None:
    file = read_dockerfile("Dockerfile", "# escape=`\nFROM x\nRUN a `\n  b\nCMD c d\n")
    assert file.unread == () and file.stages[0].runs[0].argv == ("a", "b")


def test_unknown_base_is_marked() -> None:
    image = read_dockerfile("Dockerfile", "ARG BASE\nFROM ${BASE}\n").stages[0].image
    assert image.templated and image.text == "${BASE}"


def test_what_is_no_instruction_is_unread() -> None:
    file = read_dockerfile("Dockerfile", "RUN x\nFROM y\nWIBBLE z\n{{ cookie }}\n")
    assert [(u.line, u.reason.split()[0]) for u in file.unread] == [(4, "no"), (1, "RUN"), (3, "unknown")]
    assert read_dockerfile("Dockerfile", "").unread[0].reason.startswith("no FROM")
