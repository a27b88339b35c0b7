"""Processes that compare mathematical answers, and are killed when they take too long.

One template imports the computer algebra once and is confined; each grading thread has a supervisor forked from it,
and each supervisor a worker, which it watches by the worker's own CPU clock, kills and forks again.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

HEADER = struct.Struct("<I")
JOBS_PER_WORKER = 2000  # SymPy's caches grow
GRACE_S = 10.0


class Comparison(msgspec.Struct):
    """A job: are these answers equal?"""

    key: str
    answer: str


class Outcome(msgspec.Struct):
    """What came of it: an `Equality` by value, or `time_limit`, `memory_limit`, `died`, `failed`."""

    outcome: str
    detail: str
    cpu_seconds: float


class WorkerDied(Exception):
    """A supervisor, or the template, is gone or silent."""


@dataclass(frozen=True)
class Bounds:
    """Of one comparison: CPU seconds and address space in bytes; and whether it is confined."""

    cpu_seconds: float
    memory_bytes: int
    sandbox: str

    @property
    def wall_seconds(self) -> float:
        """When a comparison is given up whatever it has used: far beyond what a busy machine makes of its CPU time."""
        return 60 + 10 * self.cpu_seconds


class Template:
    """The warm process that supervisors are forked from; started by the first comparison that needs algebra."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None

    def supervisor(self) -> socket.socket:
        """A connection to a new supervisor."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(self._control, [b"f"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise WorkerDied("the template is gone") from error
        ours.settimeout(self.bounds.wall_seconds + GRACE_S)
        return ours

    def _start(self) -> None:
        self.close()
        self._control, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-m",
            "skymake.grading.workers",
            str(theirs.fileno()),
            msgspec.json.encode(self.bounds),
        ]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "0"}
        with theirs:
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class AlgebraWorker:
    """One thread's comparer: blocking, never longer than the bounds and a grace."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._connection: socket.socket | None = None

    def compare(self, key: str, answer: str) -> Outcome:
        """The outcome of one comparison; a dead supervisor is replaced once, then `WorkerDied` is raised."""
        for attempt in (1, 2):
            try:
                if self._connection is None:
                    self._connection = self._template.supervisor()
                send(self._connection, msgspec.msgpack.encode(Comparison(key, answer)))
                return msgspec.msgpack.decode(receive(self._connection), type=Outcome)
            except (OSError, EOFError) as error:
                self.close()
                if attempt == 2:
                    raise WorkerDied(f"no answer from the algebra worker: {error!r}") from error
        raise AssertionError

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(HEADER.pack(len(message)) + message)


def receive(connection: socket.socket) -> bytes:
    """One message; EOFError when the other side is gone."""
    (size,) = HEADER.unpack(_exactly(connection, HEADER.size))
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := connection.recv(size - len(data))):
            raise EOFError
        data += part
    return data


# What follows runs in the template, the supervisors and the workers.


def serve(control: socket.socket, bounds: Bounds) -> None:
    """Fork a supervisor for every connection received, until the grader is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            if os.fork() == 0:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                with contextlib.suppress(EOFError):
                    supervise(connection, bounds)
                os._exit(0)


def supervise(connection: socket.socket, bounds: Bounds) -> None:
    """Answer comparisons from a worker; when it dies on one, try that once more in a fresh worker."""
    worker = Worker(bounds)
    while True:
        try:
            job = receive(connection)
        except EOFError:
            worker.kill()
            raise
        if worker.jobs >= JOBS_PER_WORKER:
            worker.kill()
            worker = Worker(bounds)
        outcome = worker.answer(job, bounds)
        if outcome.outcome == "died":
            worker = Worker(bounds)
            outcome = worker.answer(job, bounds)
        if outcome.outcome in ("died", "time_limit"):
            worker = Worker(bounds)
        send(connection, msgspec.msgpack.encode(outcome))


class Worker:
    """A forked process that compares; its parent holds the clock."""

    def __init__(self, bounds: Bounds) -> None:
        self.jobs = 0
        self.connection, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.connection.close()
            resource.setrlimit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
            with contextlib.suppress(EOFError):
                work(theirs)
            os._exit(0)
        theirs.close()

    def cpu(self) -> float:
        return time.clock_gettime((~self.pid << 3) | 2)  # the CPU clock of another process, see clock_getcpuclockid(3)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.connection.close()

    def answer(self, job: bytes, bounds: Bounds) -> Outcome:
        """The worker's outcome; a worker that dies or exceeds its bounds is killed and must be replaced."""
        self.jobs += 1
        started, deadline = self.cpu(), time.monotonic() + bounds.wall_seconds
        try:
            send(self.connection, job)
            while True:
                spent = self.cpu() - started
                left = min(bounds.cpu_seconds - spent, deadline - time.monotonic())
                if left <= 0:
                    self.kill()
                    return Outcome("time_limit", f"more than {bounds.cpu_seconds:g} s of CPU", spent)
                if select.select([self.connection], [], [], max(left, 0.01))[0]:
                    outcome = msgspec.msgpack.decode(receive(self.connection), type=Outcome)
                    outcome.cpu_seconds = self.cpu() - started
                    return outcome
        except (OSError, EOFError):
            self.kill()
            return Outcome("died", "the worker died twice on this comparison", 0.0)


def work(connection: socket.socket) -> None:
    """Compare until the supervisor is gone."""
    from skymake.grading import algebra
    from skymake.grading.equality import compare

    while True:
        job = msgspec.msgpack.decode(receive(connection), type=Comparison)
        try:
            outcome = Outcome(compare(job.key, job.answer, algebra.equal).value, "", 0.0)
        except MemoryError:
            outcome = Outcome("memory_limit", "out of memory", 0.0)
        except Exception as error:  # SymPy raises anything; what it could not compare is reported, never taken as wrong
            outcome = Outcome("failed", f"{type(error).__name__}: {error}"[:200], 0.0)
        send(connection, msgspec.msgpack.encode(outcome))


def main() -> None:
    from skymake.grading import algebra  # noqa: F401  (what makes the template warm)

    serve(socket.socket(fileno=int(sys.argv[1])), msgspec.json.decode(sys.argv[2], type=Bounds))


if __name__ == "__main__":
    main()
