"""Which walls can be put up on this machine, as processes of their own find out."""

import functools
import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

from skymake import UserError
from skymake.sandbox import isolation, syscalls
from skymake.sandbox.isolation import Tier

_PROBE_S = 60  # a busy machine may take seconds


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
    command = [sys.executable, "-S", "-P", "-B", "-m", "skymake.sandbox.tiers", tier]
    trial = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=_PROBE_S)
    if trial.returncode == 0:
        return None
    return (trial.stderr.strip() or f"exit code {trial.returncode}").splitlines()[-1]


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
    isolation.confine(sys.argv[1])
    _prove()
