"""The walls around untrusted work, strongest first: namespaces, or Landlock, both with a filter of system calls.

A process that has imported what it needs calls `confine` and is a pure computation from then on. One that still has
to fork calls `enclose` first, and each of its children `seal`.
"""

import functools
import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Literal

from skymake import UserError
from skymake.sandbox import kernel, landlock, namespaces, syscalls
from skymake.sandbox.seccomp import Filter

Tier = Literal["namespaces", "landlock", "unsafe"]

_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/usr/share/zoneinfo")
_PROBE_S = 60  # a busy machine may take seconds


def confine(tier: Tier) -> None:
    """Turn this single-threaded process into a pure computation: no network, no new processes, nothing to write but
    scratch, nothing to read but Python's libraries. It continues in a forked child (see `namespaces.enter`).

    What the process already holds (memory, environment, open files) it keeps: start it with none that matter.
    """
    enclose(tier)
    seal(Filter())


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


def environment() -> dict[str, str]:
    """The whole environment of an untrusted process: where its libraries are, and one thread for each.

    `PYTHONPATH` holds this package and the folders of installed packages, for an interpreter started with `-S`.
    """
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    variables = {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *packages]),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    return variables | {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


@functools.cache
def probe() -> Tier:
    """The strongest tier that works here.

    Raises UserError where none does, with the reason of each and what to do.
    """
    reasons = {}
    for tier in ("namespaces", "landlock"):
        if (reason := obstacle(tier)) is None:
            return tier
        reasons[tier] = reason
    raise UserError(
        "no sandbox for untrusted programs on this machine: "
        + "; ".join(f"{tier}: {reason}" for tier, reason in reasons.items())
        + ". Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0), "
        "or use Linux 5.13 or later with Landlock, or, if you trust every model that is asked, set sandbox: unsafe"
    )


def obstacle(tier: Tier) -> str | None:
    """Why a tier does not work here, as a process of its own finds out; None when it does."""
    command = [sys.executable, "-S", "-P", "-B", "-m", "skymake.sandbox.isolation", tier]
    trial = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=_PROBE_S)
    if trial.returncode == 0:
        return None
    return (trial.stderr.strip() or f"exit code {trial.returncode}").splitlines()[-1]


def _folders_of_loaded_libraries() -> set[str]:
    with open("/proc/self/maps") as lines:
        files = (line.split(maxsplit=5)[-1].strip() for line in lines if ".so" in line)
        return {os.path.dirname(path) for path in files if path.startswith("/")}


def _readable_by_all(folders: list[str]) -> bool:
    """Whether every user may read these folders and pass those above them."""
    paths = [Path(folder).resolve() for folder in folders]
    return all(path.stat().st_mode & 0o005 == 0o005 for path in paths) and all(
        parent.stat().st_mode & 0o001 for path in paths for parent in path.parents
    )


def _prove() -> None:
    """Try what must be impossible now; AssertionError names what was possible. Import what must be possible."""
    attempts = {
        "read /etc/passwd": lambda: open("/etc/passwd").close(),
        "write beside Python": lambda: open(os.path.join(sysconfig.get_path("stdlib"), "sandbox-probe"), "w").close(),
        "fork": lambda: os.fork() or os._exit(0),
        "open a socket": lambda: socket.socket().close(),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        raise AssertionError(f"it was possible to {name}")
    import decimal  # noqa: F401


if __name__ == "__main__":
    if syscalls.MACHINE not in syscalls.AUDIT_ARCHITECTURES:
        sys.exit(f"unknown machine {syscalls.MACHINE}")
    confine(sys.argv[1])
    _prove()
