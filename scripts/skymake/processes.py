"""Child processes that never outlive the job that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 20.0  # between the request to end and the end by force
_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def running(
    command: list[str], variables: dict[str, str], log: Path, patience_s: float = PATIENCE_S
) -> Iterator[subprocess.Popen]:
    """A child in a session of its own, its output in `log`. Leaving the block ends it and all that it started, by
    force after `patience_s` seconds.

    Should this process be killed without a chance to clean up, the kernel tells the child to end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        child = subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        yield child
    finally:
        end(child, patience_s)


def end(child: subprocess.Popen, patience_s: float = PATIENCE_S) -> None:
    """Ask the child's whole session to end, and force it after `patience_s` seconds, or at once on Ctrl-C.

    Whoever ends this process may ask more than once: Slurm, Snakemake and the kernel all do.
    """
    with _held(signal.SIGTERM), contextlib.suppress(ProcessLookupError):  # the session is gone already
        os.killpg(child.pid, signal.SIGTERM)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(patience_s)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextlib.contextmanager
def _held(number: signal.Signals) -> Iterator[None]:
    """A signal that comes during the block is delivered after it."""
    came = []
    handler = signal.signal(number, lambda *_: came.append(number))
    try:
        yield
    finally:
        signal.signal(number, handler)
        if came:
            signal.raise_signal(number)


def tail(log: Path, characters: int = 3000) -> str:
    """The end of a log, for an error message."""
    return log.read_text(encoding="utf-8", errors="replace")[-characters:] if log.exists() else "(no log)"


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal should its parent be killed. Other kernels than Linux cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
