from made_sources import link

from runtime_ops.project.failures import HandlerEffects, find_failures, outside_calls
from runtime_ops.project.versions import Versions
from runtime_ops.project.waits import find_waits


def arm(body: str, types: str = "Exception as e", more: str = "") -> HandlerEffects:
    indented = "\n".join(f"        {line}" for line in body.splitlines())
    head = f"    except {types}:" if types else "    except:"
    source = (
        "import logging, sys, traceback, sentry_sdk, asyncio, flask\nfrom loguru import logger as loud\n"
        "import structlog\nfrom prometheus_client import Counter\nFAILED = Counter('failed', 'x')\n"
        f"log = logging.getLogger(__name__)\nslog = structlog.get_logger()\n{more}\n"
        f"def f(job, errors, self=None):\n    try:\n        work(job)\n        job.done()\n{head}\n{indented}\n"
    )
    (found,) = find_failures(link(source))
    return found


def test_silent_and_swallowing() -> None:
    effects = arm("pass")
    assert effects.silent and effects.swallows and effects.broad
    assert effects.catches == ("Exception",)
    assert effects.body_statements == 2 and [s.text for s in effects.body_calls] == ["work", "job.done"]
    assert arm("pass", "").catches == () and arm("pass", "").catches_cancellation
    assert not arm("pass", "ValueError").broad


def test_caught_names_are_resolved() -> None:
    more = "from asyncio import CancelledError as Stop\nTRANSIENT = (OSError, asyncio.TimeoutError)"
    assert arm("raise", "Stop", more).catches == ("asyncio.CancelledError",)
    assert arm("raise", "Stop", more).catches_cancellation
    assert arm("raise", "TRANSIENT", more).catches == ("OSError", "asyncio.TimeoutError")


def test_logs_with_level_and_traceback() -> None:
    assert [(c.level, c.traceback) for c in arm("log.exception('x')").logs] == [("error", True)]
    assert [(c.level, c.traceback) for c in arm("log.error('x %s', e)").logs] == [("error", False)]
    assert [(c.level, c.traceback) for c in arm("log.warning('x', exc_info=True)").logs] == [("warning", True)]
    assert [(c.level, c.traceback) for c in arm("log.log(logging.ERROR, 'x', exc_info=e)").logs] == [("error", True)]
    assert [(c.level, c.traceback) for c in arm("loud.opt(exception=True).error('x')").logs] == [("error", True)]
    assert [(c.level, c.traceback) for c in arm("slog.error('x', error=str(e))").logs] == [("error", False)]
    assert [(c.level, c.traceback) for c in arm("self.logger.error(traceback.format_exc())").logs] == [("error", True)]
    assert [(c.level, c.traceback) for c in arm("flask.current_app.logger.info('x')").logs] == [("info", False)]
    assert arm("job.info('x')").logs == ()
    assert arm("log.debug('x')").loudest == "debug"


def test_ways_out() -> None:
    assert arm("raise").raises == "always"
    assert arm("raise RuntimeError('x') from e").raised[0].chained
    assert not arm("raise RuntimeError('x') from None").raised[0].chained
    assert arm("if job:\n    raise").raises == "sometimes"
    effects = arm("log.error('x')\nsys.exit(1)")
    assert [(e.code, e.success) for e in effects.exits] == [(1, False)] and not effects.swallows
    assert arm("sys.exit(0)").exits[0].success
    assert arm("sys.exit()").exits[0].success and arm("sys.exit(0)").silent
    assert [r.kind for r in arm("if job:\n    return None\nreturn {'error': str(e)}").returns] == ["none", "exception"]
    assert [r.kind for r in arm("return []").returns] == ["empty"]
    assert [r.kind for r in arm("return False").returns] == ["false"]
    answered = arm("return {'x': 1}, 500")
    assert [(r.kind, r.status) for r in answered.returns] == [("error", 500)] and answered.tells_caller
    assert not arm("return {'x': 1}, 200").tells_caller
    for told in ("{'error': 'no'}", "{'status': 'failed'}", "Result(success=False)", "self.failure()"):
        assert [r.kind for r in arm(f"return {told}").returns] == ["failure"], told
    for untold in ("{'error': None}", "{'status': 'ok'}", "Result(success=True)", "{'a': 1}"):
        assert [r.kind for r in arm(f"return {untold}").returns] == ["value"], untold


def test_waits_of_the_try_body() -> None:
    links = link("""
        import requests
        def f(u):
            try:
                requests.get(u)
            except OSError:
                requests.post(u)
    """)
    (effects,) = find_failures(links)
    assert [w.dotted for w in outside_calls(effects, find_waits(links, Versions(())))] == ["requests.get"]


def test_what_is_counted_stored_and_reported() -> None:
    assert [s.text for s in arm("FAILED.inc()").counts] == ["FAILED.inc"]
    assert [s.how for s in arm("errors.append(str(e))").stores] == ["list"]
    assert [s.how for s in arm("job.error = str(e)\njob.save()").stores] == ["attribute", "save"]
    assert [s.how for s in arm("job.failures += 1").stores] == ["counter"]
    assert [s.how for s in arm("job.set_exception(e)").stores] == ["future"]
    assert arm("self.last = job").stores == ()
    assert len(arm("sentry_sdk.capture_exception(e)").reports) == 1
    assert len(arm("flask.flash('no')").answers) == 1
    assert len(arm("traceback.print_exc()").tracebacks) == 1
    assert [s.method for s in arm("job.nack()").settles] == ["nack"]
    assert not arm("print(e)").silent
    assert arm("print(e)").uses_error and not arm("pass").uses_error


def test_helpers_that_deal_with_the_failure_are_followed() -> None:
    more = "def report(e):\n    log.exception('failed')\ndef tidy():\n    log.error('tidy')"
    assert [c.traceback for c in arm("report(e)", more=more).logs] == [True]
    assert arm("tidy()", more=more).logs == ()


def test_loop_around_the_try() -> None:
    (effects,) = find_failures(
        link("""
        def f(q):
            while True:
                try:
                    q()
                except ValueError:
                    continue
        """)
    )
    assert effects.loop is not None and effects.loop.line == 3 and effects.ends == {"continue"}
