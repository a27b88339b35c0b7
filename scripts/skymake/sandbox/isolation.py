"""The walls around untrusted work, strongest first: namespaces, or Landlock, both with a filter of system calls.

A process that has imported what it needs calls `confine` and is a pure computation from then on. One that still has
to fork calls `enclose` first, and each of its children `seal`.
"""

import os
import sys
from collections.abc import Iterator
from typing import Literal

from skymake.sandbox import kernel, landlock, namespaces, seccomp, syscalls
from skymake.sandbox.seccomp import Filter

Tier = Literal["namespaces", "landlock", "unsafe"]

_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/usr/share/zoneinfo")


def confine(tier: Tier) -> None:
    """Turn this single-threaded process into a pure computation: no network, no new processes, nothing to write but
    scratch, nothing to read but Python's libraries. It continues in a forked child (see `namespaces.enter`).

    What the process already holds (memory, environment, open files) it keeps: start it with none that matter.
    """
    enclose(tier)
    seal(Filter(seccomp.program(syscalls.MACHINE)))


def enclose(tier: Tier) -> None:
    """Put up the walls of a tier, inside which this process may still fork. `unsafe` has none.

    Only namespaces leave a folder to write in, `namespaces.SCRATCH`: nothing else could bound what is written.
    """
    if tier == "namespaces":
        namespaces.enter(readable_folders())
    elif tier == "landlock":
        if namespaces.can_become_nobody() and _readable_by_all(readable_folders()):
            namespaces.become_nobody()
        landlock.restrict([*readable_folders(), "/dev/urandom"], ["/dev/null"])
    os.chdir("/")
    kernel.set_dumpable(False)
    kernel.set_no_new_privileges()


def seal(calls: Filter) -> None:
    """The last wall, of every tier: no capabilities, and only the system calls of a computation, without `fork`."""
    kernel.drop_capabilities()
    calls.install()


def readable_folders() -> list[str]:
    """What this interpreter reads: system libraries, its own, and what is on `sys.path`; outermost folders only."""
    own_libraries = [os.path.join(sys.base_prefix, name) for name in ("lib", sys.platlibdir)]
    wanted = [*_SYSTEM_LIBRARIES, *own_libraries, *_folders_of_loaded_libraries(), *sys.path]
    folders = sorted({os.path.abspath(path) for path in wanted if path and os.path.isdir(path)} - {"/"})
    return [path for path in folders if not any(path.startswith(f"{other}/") for other in folders)]


def _folders_of_loaded_libraries() -> set[str]:
    with open("/proc/self/maps") as lines:
        files = (line.split(maxsplit=5)[-1].strip() for line in lines if ".so" in line)
        return {os.path.dirname(path) for path in files if path.startswith("/")}


def _readable_by_all(folders: list[str]) -> bool:
    """Whether every user may read these folders and pass those above them."""
    paths = [os.path.realpath(folder) for folder in folders]
    return all(os.stat(path).st_mode & 0o005 == 0o005 for path in paths) and all(
        os.stat(parent).st_mode & 0o001 for path in paths for parent in _parents(path)
    )


def _parents(path: str) -> Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path
