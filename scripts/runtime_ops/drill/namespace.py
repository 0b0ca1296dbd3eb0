"""A PID namespace of its own: how a program is run as process 1, as it is in a container.

Source of the constants: `linux/sched.h`, `linux/mount.h`.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
NAMESPACE = "PID namespace: "
"""How an error begins that comes from making the namespace and not from the program."""


def enter(told: int) -> None:
    """Become process 1 of a new PID namespace. The forked child stays outside and ends; its own child goes on.

    Needs the right to make namespaces: CAP_SYS_ADMIN, or unprivileged user namespaces (unshare(2)).
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: Any) -> None:
        if getattr(libc, name)(*arguments) != 0:
            raise RuntimeError(f"{NAMESPACE}{name}: {os.strerror(ctypes.get_errno())}")

    uid, gid = os.getuid(), os.getgid()
    if os.geteuid() == 0:
        call("unshare", CLONE_NEWPID | CLONE_NEWNS)
    else:
        call("unshare", CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    inner = os.fork()
    if inner:
        os.write(told, f"pid {inner}\n".encode())
        os._exit(0)
    # Its own /proc: the old one would show foreign pids, and /proc/self would point nowhere.
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    call("mount", b"proc", b"/proc", b"proc", 0, None)
