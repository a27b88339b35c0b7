"""Processes that compare mathematical answers, and are killed when they take too long.

One template imports the computer algebra once, behind the walls of the sandbox. Each grading thread has a supervisor
forked from it, and each supervisor a worker, whose own CPU clock it watches; a worker over its limit is killed and
forked anew. Nothing in a worker has to cooperate: no signal, no timer of a library.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec

from skymake.sandbox import isolation, kernel
from skymake.sandbox.seccomp import Filter

JOBS_PER_WORKER = 2000  # the caches of computer algebra grow
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
        self.tier = "unsafe" if self._unsafe else isolation.probe()
        self._control, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        arguments = [str(theirs.fileno()), self.tier, msgspec.json.encode(self.bounds).decode()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-B", "-m", "skymake.grading.workers", *arguments],
                env=isolation.environment(),
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


# What follows runs behind the walls: the template, its supervisors, their workers.


def serve(control: socket.socket, bounds: Bounds) -> None:
    """Fork a supervisor for every connection that comes in, until the grader is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    calls = Filter()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            kernel.die_with_parent(signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            supervise(Connection(descriptors[0]), bounds, calls)
            os._exit(0)
        os.close(descriptors[0])


def supervise(grader: Connection, bounds: Bounds, calls: Filter) -> None:
    """Answer comparisons until the grader is gone. One that its worker died of gets a second, fresh worker."""
    worker = Worker(grader, bounds, calls)
    while True:
        try:
            job = grader.recv_bytes()
        except EOFError:
            return worker.kill()
        outcome = worker.compare(job)
        if outcome.outcome == "died":
            worker = Worker(grader, bounds, calls)
            outcome = worker.compare(job)
        if worker.is_spent:
            worker.kill()
            worker = Worker(grader, bounds, calls)
        grader.send_bytes(msgspec.msgpack.encode(outcome))


class Worker:
    """A forked process that compares, seen from its supervisor, which holds the clock."""

    def __init__(self, grader: Connection, bounds: Bounds, calls: Filter) -> None:
        self._bounds, self._jobs = bounds, 0
        self._connection, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            kernel.die_with_parent(signal.SIGKILL)
            grader.close()
            self._connection.close()
            resource.setrlimit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
            isolation.seal(calls)
            work(theirs)
            os._exit(0)
        theirs.close()

    @property
    def is_spent(self) -> bool:
        return self._pid is None or self._jobs >= JOBS_PER_WORKER

    def compare(self, job: bytes) -> Outcome:
        """The worker's outcome. A worker that dies, or is killed over its bounds, is spent."""
        self._jobs += 1
        started, deadline = self._cpu(), time.monotonic() + self._bounds.wall_s
        try:
            self._connection.send_bytes(job)
            while True:
                spent = self._cpu() - started
                left = min(self._bounds.cpu_s - spent, deadline - time.monotonic())
                if left <= 0:
                    self.kill()
                    return Outcome(
                        "time_limit", f"the comparison took more than {self._bounds.cpu_s:g} s of CPU", spent
                    )
                if self._connection.poll(max(left, 0.005)):
                    outcome = msgspec.msgpack.decode(self._connection.recv_bytes(), type=Outcome)
                    outcome.cpu_seconds = self._cpu() - started
                    return outcome
        except (OSError, EOFError):
            self.kill()
            return Outcome("died", "the algebra worker died, twice, of this comparison")

    def kill(self) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._connection.close()
            self._pid = None

    def _cpu(self) -> float:
        return time.clock_gettime(~self._pid << 3 | 2)  # CPU time of another process, see clock_getcpuclockid(3)


def work(supervisor: Connection) -> None:
    """Compare until the supervisor is gone."""
    from skymake.grading import algebra
    from skymake.grading.equality import compare

    while True:
        try:
            job = msgspec.msgpack.decode(supervisor.recv_bytes(), type=Comparison)
        except EOFError:
            return
        try:
            outcome = Outcome(compare(job.key, job.answer, algebra.equal).value)
        except MemoryError:
            outcome = Outcome("memory_limit", "the comparison ran out of memory")
        except Exception as error:  # SymPy raises anything; what it could not compare is reported, never taken as wrong
            outcome = Outcome("failed", f"{type(error).__name__}: {error}"[:200])
        supervisor.send_bytes(msgspec.msgpack.encode(outcome))


def main() -> None:
    control, tier, bounds = sys.argv[1:]
    from skymake.grading import algebra

    algebra.equal("x+1", r"\frac{x^2-1}{x-1}")  # imports, and tables of the parser, that every comparison needs
    isolation.enclose(tier)
    connection = socket.socket(fileno=int(control))
    connection.sendall(READY)
    serve(connection, msgspec.json.decode(bounds, type=Bounds))


if __name__ == "__main__":
    main()
