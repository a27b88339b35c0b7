"""The sandbox as the grader sees it: a zygote that is started, spoken to, and started again when it dies."""

import json
import socket
import subprocess
import sys
import tempfile
from typing import NamedTuple

from skymake.sandbox import tiers, wire
from skymake.sandbox.isolation import Tier
from skymake.sandbox.wire import Outcome

GOODBYE_S = 5.0  # between the end of a connection and the zygote's
GRACE_S = 60.0  # what the zygote may take beyond a candidate's wall limit on a machine that has no time for it


class Bounds(NamedTuple):
    """Of one candidate. cpu_s, wall_s: seconds of one call of `run`. total_cpu_s: CPU seconds of all.

    output_bytes: what it may print on one input. file_bytes: the largest file it may write, stdin and stdout included.
    """

    cpu_s: float
    wall_s: float
    total_cpu_s: float
    output_bytes: int
    file_bytes: int


class SandboxDied(Exception):
    """The zygote is gone or silent; its text says what it left on stderr."""


class Sandbox:
    """One zygote, started when first needed and again after it died. For one thread at a time.

    tier: what `probe` found, or `unsafe`. memory_bytes: address space of a candidate, the interpreter's own included.
    preload: modules that candidates find already imported, as far as they are installed.
    """

    def __init__(self, tier: Tier, memory_bytes: int, preload: tuple[str, ...] = ()) -> None:
        self._settings = json.dumps({"tier": tier, "memory_bytes": memory_bytes, "preload": preload})
        self._process: subprocess.Popen | None = None
        self._silence_s = GRACE_S
        self._unsent = b""  # a candidate goes with its first inputs

    def begin(self, source: str, entry: str | None, bounds: Bounds) -> None:
        """Take a candidate; the one before ends. entry: the function to call, None for a program that reads stdin."""
        if self._process is None:
            self._start()
        self._silence_s = bounds.wall_s + GRACE_S
        job = json.dumps({"source": source, "entry": entry, **bounds._asdict()})
        self._unsent = wire.frame(wire.CANDIDATE, job.encode())

    def run(self, inputs: list[bytes], fresh: bool = False) -> Outcome:
        """Run the candidate on at most MOST_INPUTS inputs: each stdin, or a JSON list of arguments. Raises SandboxDied.

        All run in one process, which is that of the call before if it is alive; `fresh` asks for a new one.
        """
        self._send(wire.frame(wire.FRESH_INPUTS if fresh else wire.INPUTS, wire.pack(inputs)))
        try:
            return wire.unpack_outcome(wire.receive(self._replies))
        except (OSError, wire.Gone) as error:
            raise self._died(error) from error

    def end(self) -> None:
        """End the candidate's process, if it has not died with the sandbox."""
        if self._process is not None:
            self._send(wire.frame(wire.END))

    def close(self) -> None:
        """End the zygote and all that it started."""
        if self._process is None:
            return
        self._replies.close()
        self._connection.close()
        try:
            self._process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()
        self._process = None

    def _start(self) -> None:
        self._connection, theirs = socket.socketpair()
        self._replies = self._connection.makefile("rb")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        with theirs:
            arguments = [str(theirs.fileno()), self._settings]
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", "skymake.sandbox.zygote", *arguments],
                env=tiers.environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,
            )
        self._connection.settimeout(GRACE_S)
        try:
            wire.receive(self._replies)
        except (OSError, wire.Gone) as error:
            raise self._died(error) from error

    def _send(self, frame: bytes) -> None:
        self._connection.settimeout(self._silence_s)
        try:
            self._connection.sendall(self._unsent + frame)
            self._unsent = b""
        except OSError as error:
            raise self._died(error) from error

    def _died(self, error: Exception) -> SandboxDied:
        self._process.kill()
        self._process.wait()
        self._stderr.seek(0)
        left = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        self.close()
        return SandboxDied(left[-1] if left else f"no answer: {error!r}")
