"""Processes that compare mathematical answers, seen from the grader. What runs inside them is `supervisor`.

One template imports the computer algebra once, behind the walls of the sandbox. Each grading thread has a supervisor
forked from it, and each supervisor a worker, which it kills and forks anew when a comparison takes too long.
"""

import socket
import subprocess
import sys
import tempfile
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec

from skymake.sandbox import tiers

START_S = 120.0  # a busy machine takes long to import
READY = b"r"
GRACE_S = 30.0  # beyond every limit of a supervisor, which then must be dead


class Bounds(msgspec.Struct, frozen=True):
    """Of one comparison: CPU seconds and address space in bytes."""

    cpu_s: float
    memory_bytes: int

    @property
    def wall_s(self) -> float:
        """When a comparison is given up whatever it has used: far beyond what a busy machine makes of its CPU time."""
        return 30 + 20 * self.cpu_s


class Comparison(msgspec.Struct):
    """A job: are these answers equal?"""

    key: str
    answer: str


class Outcome(msgspec.Struct):
    """What came of it: an `Equality` by its value, or `time_limit`, `memory_limit`, `failed` or `died`."""

    outcome: str
    detail: str = ""
    cpu_seconds: float = 0.0


class WorkerDied(Exception):
    """A supervisor, or the template, is gone or silent."""


class Template:
    """The warm process that supervisors are forked from. It starts with the first comparison that needs algebra.

    tier: of the sandbox around it; None as long as it has not started.
    """

    def __init__(self, bounds: Bounds, unsafe: bool) -> None:
        self.bounds, self.tier = bounds, None
        self._unsafe = unsafe
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def supervisor(self) -> Connection:
        """A connection to a new supervisor. Raises WorkerDied when the template cannot be reached."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            ours, theirs = Pipe()
            try:
                socket.send_fds(self._control, [b"1"], [theirs.fileno()])
            except OSError as error:
                raise WorkerDied(f"the template is gone: {error}") from error
            finally:
                theirs.close()
            return ours

    def close(self) -> None:
        """End the template and all that it forked."""
        if self._process is not None:
            self._control.close()
            self._process.kill()
            self._process.wait()
            self._stderr.close()
            self._process = None

    def _start(self) -> None:
        self.close()
        self.tier = "unsafe" if self._unsafe else tiers.probe()
        self._control, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        arguments = [str(theirs.fileno()), self.tier, msgspec.json.encode(self.bounds).decode()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-B", "-m", "skymake.grading.supervisor", *arguments],
                env=tiers.environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,  # Ctrl-C is for the grader, which then ends it
            )
        self._control.settimeout(START_S)
        if self._control.recv(1) != READY:
            self._stderr.seek(0)
            raise RuntimeError(f"the algebra workers do not start: {self._stderr.read()[-2000:].decode()}")


class AlgebraWorker:
    """One thread's comparer. It always answers, at the latest after its bounds and a grace."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._connection: Connection | None = None

    def compare(self, key: str, answer: str) -> Outcome:
        """The outcome of one comparison. A dead supervisor is replaced once; then WorkerDied is raised."""
        try:
            return self._ask(key, answer)
        except (OSError, EOFError):
            self.close()
        try:
            return self._ask(key, answer)
        except (OSError, EOFError) as error:
            self.close()
            raise WorkerDied(f"no answer from the algebra worker, twice: {error!r}") from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, key: str, answer: str) -> Outcome:
        if self._connection is None:
            self._connection = self._template.supervisor()
        self._connection.send_bytes(msgspec.msgpack.encode(Comparison(key, answer)))
        if not self._connection.poll(2 * self._template.bounds.wall_s + GRACE_S):
            raise TimeoutError("the supervisor is silent")
        return msgspec.msgpack.decode(self._connection.recv_bytes(), type=Outcome)
