"""Make the third-party libraries importable before anything else of the package is imported.

Standard library only, and this file keeps to syntax that older interpreters parse, so that they reach the message.
"""

import os
import sys


def ensure_libraries(bytecode: bool = False) -> None:
    """Leave the runtime libraries importable, or end the process with exit code 2 and the reason on stderr.

    Entry scripts call this before they import anything third-party. Sources, in order: `scripts/_vendor/` (the
    packed bundle), the running interpreter's own libraries, a private folder in the user's cache.

    With `bytecode` the compiled modules are kept in that cache.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - the message is for the interpreters that are too old
        got = "%d.%d" % sys.version_info[:2]  # noqa: UP031
        sys.stderr.write("error: got Python " + got + ", expected 3.11 or newer; try python3.11, python3.12...\n")
        sys.exit(2)
    forget_pythonpath()
    if bytecode:
        from runtime_ops.bootstrap.bytecode import keep_bytecode

        keep_bytecode()
    from runtime_ops.bootstrap.libraries import BootstrapError, provide

    try:
        provide()
    except BootstrapError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


def forget_pythonpath() -> None:
    """Drop what PYTHONPATH put on the path, here and for child processes, as `python -E` would.

    With `PYTHONPATH=.` the audited repository's own `json.py` would come before the standard library's. This runs
    before anything is imported that the interpreter has not loaded already.
    """
    value = os.environ.pop("PYTHONPATH", None)
    if value is None:
        return
    scripts = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    entries = {os.path.abspath(entry) for entry in value.split(os.pathsep)} - {scripts}
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) not in entries]
