"""Reads the files beside a ``run`` script by which s6 is told how to stop the service (s6's servicedir.html)."""

from __future__ import annotations

from runtime_ops.facts.artifacts import PlatformFile, Program, Unread, Value

SERVICE_FOLDER = "service-folder"


def read_down_signal(path: str, text: str) -> PlatformFile:
    """The service of a ``down-signal`` file, by the name of its folder: its first line is the name or the number of the signal that
    ``s6-svc -d`` sends in place of SIGTERM."""
    name = path.split("/")[-2] if "/" in path else ""
    signal = text.split("\n", 1)[0].strip()
    if not signal:
        return PlatformFile(path=path, unread=(Unread(1, "no signal in the first line"),), platform=SERVICE_FOLDER)
    program = Program(name, "service", 1, 1, stop_signal=Value(signal, 1, 1))
    return PlatformFile(path=path, platform=SERVICE_FOLDER, programs=(program,))
