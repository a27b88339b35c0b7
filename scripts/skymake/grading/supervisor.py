"""Behind the walls of the sandbox: the template, the supervisors forked from it, and the workers forked from those.

A supervisor watches the CPU clock of its worker, and kills a worker over its limit. Nothing in a worker has to
cooperate: no signal, no timer of a library.
"""

import os
import resource
import signal
import socket
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec

from skymake.grading.workers import READY, Bounds, Comparison, Outcome
from skymake.sandbox import isolation, kernel, seccomp, syscalls
from skymake.sandbox.seccomp import Filter

JOBS_PER_WORKER = 2000  # the caches of computer algebra grow


def serve(control: socket.socket, bounds: Bounds) -> None:
    """Fork a supervisor for every connection that comes in, until the grader is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    calls = Filter(seccomp.program(syscalls.MACHINE))
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
