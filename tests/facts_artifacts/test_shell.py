"""Shell texts: commands, what encloses them, and how signals and statuses pass."""

from __future__ import annotations

from runtime_ops.facts.artifacts import ShellScript, SimpleCommand
from runtime_ops.facts.shell import interpreter_of, read_shell, split_shell

ENTRYPOINT = """\
#!/bin/bash -e
set -uo pipefail
PORT="${PORT:-8000}"

serve() {
    echo "serving on $PORT"
    exec gunicorn -b "0.0.0.0:$PORT" \\
        --workers ${WORKERS} shop.wsgi
}

healthy() {
    curl http://localhost:$PORT/health || exit 0
}

case "$1" in
    web|server)
        shift
        serve
        ;;
    worker)
        celery -A shop worker $*
        ;;
    *)
        exec "$@"
        ;;
esac
"""


def command(script: ShellScript, program: str) -> SimpleCommand:
    return next(c for c in script.commands if c.program == program)


def test_entry_script_says_what_each_arm_runs() -> None:
    script = read_shell("entrypoint.sh", ENTRYPOINT)
    assert script.unread == ()
    assert script.interpreter == "bash"
    assert {(o.name, o.on, o.line) for o in script.options} == {
        ("errexit", True, 1),
        ("nounset", True, 2),
        ("pipefail", True, 2),
    }
    assert [(f.name, f.line, f.end_line) for f in script.functions] == [("serve", 5, 9), ("healthy", 11, 13)]
    (case,) = script.cases
    assert (case.subject, case.line, case.end_line) == ("$1", 15, 26)
    assert [(arm.patterns, arm.line) for arm in case.arms] == [(("web", "server"), 16), (("worker",), 20), (("*",), 23)]

    gunicorn = command(script, "gunicorn")
    assert gunicorn.exec and gunicorn.tail and gunicorn.function == "serve"
    assert (gunicorn.line, gunicorn.end_line) == (7, 8)
    assert gunicorn.argv == ("gunicorn", "-b", "0.0.0.0:$PORT", "--workers", "${WORKERS}", "shop.wsgi")
    assert [(v.name, v.quoted, v.word, v.line) for v in gunicorn.variables] == [
        ("PORT", True, 2, 7),
        ("WORKERS", False, 4, 8),
    ]

    (call,) = script.calls("serve")
    assert call.tail and not call.exec and call.arms[0].patterns == ("web", "server")
    celery = command(script, "celery")
    assert celery.tail and not celery.exec
    assert [(v.name, v.quoted, v.word) for v in celery.variables] == [("*", False, 4)]
    passed_on = next(c for c in script.commands if c.program == "$@")
    assert passed_on.exec and passed_on.variables[0].quoted


def test_default_of_an_assignment() -> None:
    script = read_shell("entrypoint.sh", ENTRYPOINT)
    port = next(c for c in script.commands if c.assignments)
    assert (port.assignments[0].name, port.assignments[0].value) == ("PORT", "${PORT:-8000}")
    (use,) = port.variables
    assert (use.name, use.operator, use.operand, use.word) == ("PORT", ":-", "8000", -1)


def test_status_that_an_or_takes_away() -> None:
    curl, end = (c for c in read_shell("x.sh", ENTRYPOINT).commands if c.function == "healthy")
    assert (curl.program, curl.after, curl.tested, curl.tail) == ("curl", "||", True, False)
    assert (end.argv, end.before, end.tail) == (("exit", "0"), "||", True)


def test_background_wait_and_trap() -> None:
    script = read_shell("run.sh", "trap 'kill -TERM $PID; wait $PID' SIGTERM 2\npython app.py &\nPID=$!\nwait\n")
    (trap,) = script.traps
    assert trap.signals == ("TERM", "INT")
    assert [c.argv for c in trap.commands] == [("kill", "-TERM", "$PID"), ("wait", "$PID")]
    python = command(script, "python")
    assert python.background and python.after == "&" and not python.tail
    assert command(script, "wait").tail


def test_background_of_a_group_reaches_its_commands() -> None:
    commands = split_shell("{ first; second; } & (third | fourth)")
    assert [(c.program, c.background, c.subshell, c.after) for c in commands] == [
        ("first", True, 0, ";"),
        ("second", True, 0, ";"),
        ("third", False, 1, "|"),
        ("fourth", False, 1, ""),
    ]


def test_prefix_assignments_and_redirections() -> None:
    (only,) = split_shell("DEBUG=1 LEVEL='a b' exec python -u app.py > /dev/null 2>&1 <in.txt")
    assert only.exec and only.argv == ("python", "-u", "app.py")
    assert [(a.name, a.value) for a in only.assignments] == [("DEBUG", "1"), ("LEVEL", "a b")]
    assert [(r.descriptor, r.operator, r.target) for r in only.redirects] == [
        (None, ">", "/dev/null"),
        (2, ">&", "1"),
        (None, "<", "in.txt"),
    ]


def test_exec_options_and_a_quoted_exec() -> None:
    assert split_shell("exec -a web -c python app.py")[0].argv == ("python", "app.py")
    assert not split_shell("'exec' python")[0].exec


def test_conditions_and_loops_enclose() -> None:
    text = 'until nc -z db 5432; do\n  sleep 1\ndone\nif [ -n "$X" ]; then a; elif b; then c; else d; fi\n'
    by_program = {c.program: c for c in split_shell(text)}
    assert by_program["nc"].tested and by_program["nc"].loops[0].kind == "until"
    assert by_program["sleep"].loops[0].test == "nc -z db 5432" and not by_program["sleep"].tail
    assert by_program["["].tested
    assert [(b.kind, b.test) for b in by_program["a"].branches] == [("if", '[ -n "$X" ]')]
    assert by_program["c"].branches[0].kind == "elif"
    assert by_program["d"].branches[0].kind == "else" and by_program["d"].tail and by_program["a"].tail


def test_commands_of_substitutions_follow_their_command() -> None:
    commands = split_shell('WORKERS=$(nproc) gunicorn --bind "$(hostname -i):80" `cat opts`')
    assert [(c.program, c.substitution) for c in commands] == [
        ("gunicorn", False),
        ("nproc", True),
        ("hostname", True),
        ("cat", True),
    ]


def test_here_documents_are_no_commands() -> None:
    script = read_shell("x.sh", "cat <<EOF > /etc/app.conf\nexec rm $HOME_DIR\n(\nEOF\ncat <<'RAW'\n$NOT\nRAW\nrun\n")
    assert [c.program for c in script.commands] == ["cat", "cat", "run"]
    assert [(u.name, u.line) for u in script.other_uses] == [("HOME_DIR", 2)]
    assert script.commands[-1].line == 8


def test_case_inside_a_substitution_does_not_end_it() -> None:
    commands = split_shell("x=$(case $A in a) echo 1;; *) echo 2;; esac)\nrun")
    assert [c.program for c in commands] == ["", "echo", "echo", "run"]


def test_bash_words() -> None:
    text = (
        'if [[ $a == b && ( $c < d ) ]]; then :; fi\n((count++))\nfor ((i=0; i<3; i++)); do run; done\nlist=(a "$b")\n'
    )
    script = read_shell("x.sh", "#!/usr/bin/env -S bash -u\n" + text)
    assert script.unread == ()
    assert [c.program for c in script.commands] == ["[[", ":", "((count++))", "run", ""]
    assert script.options[0].name == "nounset"


def test_export_gives_assignments() -> None:
    (only,) = split_shell('export A=1 B="$C" D')
    assert [(a.name, a.value, a.exported) for a in only.assignments] == [("A", "1", True), ("B", "$C", True)]


def test_sources_and_exits() -> None:
    script = read_shell("x.sh", ". ./env.sh\nsource lib.sh\nexit 3\n")
    assert [c.argv[1] for c in script.sources] == ["./env.sh", "lib.sh"]
    assert script.exits[0].argv == ("exit", "3")


def test_interpreters() -> None:
    assert interpreter_of("#!/bin/sh -eu") == ("sh", ("-eu",))
    assert interpreter_of("#!/command/with-contenv /usr/bin/bash") == ("bash", ())
    assert interpreter_of("#!/usr/bin/env python3") is None
    assert interpreter_of("echo") is None


def test_what_is_not_understood_ends_the_reading_and_is_told() -> None:
    script = read_shell("x.sh", "first\nif second; then\n  third\n")
    assert [c.program for c in script.commands] == ["first"]
    assert not script.commands[0].tail
    assert script.unread[0].line == 4 and "'fi'" in script.unread[0].reason
    other = read_shell("x.sh", "#!/usr/bin/perl\nprint 1;\n")
    assert other.commands == () and "perl" in other.unread[0].reason


def test_windows_line_ends() -> None:
    script = read_shell("x.sh", "#!/bin/sh\r\nif a; then\r\n  exec b c\r\nfi\r\n")
    assert script.unread == () and script.commands[-1].argv == ("b", "c")
