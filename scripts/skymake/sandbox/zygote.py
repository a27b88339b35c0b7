"""A warm interpreter behind walls, which forks one process per candidate and watches it.

Started by `Sandbox` as a program of its own with an empty environment. It sees programs and their inputs, hands out
what they print, and never learns what they should have printed.
"""

import builtins
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import site
import sys
import time
from typing import NamedTuple

from skymake.sandbox import candidate, isolation, kernel, namespaces, prelude, seccomp, syscalls, wire
from skymake.sandbox.seccomp import Filter
from skymake.sandbox.wire import Ending, Outcome


class Child(NamedTuple):
    """A forked candidate: its id, the pipe that starts it on its inputs, and the pipe on which it says how it went."""

    pid: int
    go: int
    notice: int

    def cpu_seconds(self) -> float:
        return time.clock_gettime((~self.pid << 3) | 2)  # another process's CPU clock, see clock_getcpuclockid(3)


class Zygote:
    """Serves one grader until its connection closes."""

    def __init__(self, control: int, tier: isolation.Tier, most_threads: int) -> None:
        self._control, self._tier, self._most_threads = control, tier, most_threads
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._calls = Filter(seccomp.withdrawal(syscalls.MACHINE))
        self._job: dict = {}
        self._child: Child | None = None
        self._inputs = self._sizes = self._output = -1

    def serve(self) -> None:
        """Do as the frames say; raises wire.Gone in the end."""
        self._say(wire.READY)
        frames = open(self._control, "rb", closefd=False)  # noqa: SIM115  (as long as the process)
        while True:
            frame = wire.receive(frames)
            kind, body = frame[:1], frame[1:]
            if kind == wire.CANDIDATE:
                self.begin(json.loads(body))
            elif kind == wire.END:
                self.stop()
            else:
                if kind == wire.FRESH_INPUTS:
                    self.stop()
                self._say(wire.pack_outcome(self.run(body)))

    def _say(self, content: bytes) -> None:
        rest = memoryview(wire.frame(content))
        while rest:
            rest = rest[os.write(self._control, rest) :]

    def begin(self, job: dict) -> None:
        """Take a candidate: its `source`, its `entry` (a function's name or None), and the fields of `Bounds`."""
        self.stop()
        self._job = job

    def stop(self) -> None:
        """End the candidate's process, if there is one."""
        if self._child is not None:
            os.kill(self._child.pid, signal.SIGKILL)
            self._reap()

    def run(self, packed: bytes) -> Outcome:
        """Run the candidate on inputs (see `wire.pack`), in the process that is alive from the last time if one is."""
        if self._child is None:
            self._fork()
        for file in (self._inputs, self._sizes, self._output):
            os.ftruncate(file, 0)
        rest, done = memoryview(packed), 0
        while done < len(packed):
            done += os.pwrite(self._inputs, rest[done:], done)
        outcome = self._watch(self._child)
        outputs, start, most = [], 0, self._job["output_bytes"]
        for size in wire.unpack_sizes(os.pread(self._sizes, wire.LONGEST_SIZES, 0)):
            if size > most:
                break
            outputs.append(os.pread(self._output, size, start))
            start += size
        unclaimed = os.fstat(self._output).st_size - start
        if unclaimed > most:
            outcome = outcome._replace(ending=Ending.OUTPUT_LIMIT, detail=f"more than {most:,} bytes")
        if outcome.ending is not Ending.FINISHED:
            self.stop()
        elif not outcome.alive:  # it ended itself in the midst of a run, with success
            outputs.append(os.pread(self._output, unclaimed, start))
        return outcome._replace(alive=self._child is not None, outputs=outputs)

    def _fork(self) -> None:
        for old in (self._inputs, self._sizes, self._output):
            if old >= 0:
                os.close(old)
        self._inputs, self._sizes, self._output = map(os.memfd_create, ("inputs", "sizes", "output"))
        given = os.memfd_create("stdin")
        if self._tier == "namespaces":
            namespaces.renew_scratch()
        go_read, go = os.pipe()
        notice, notice_write = os.pipe()
        pid = kernel.fork()
        if pid == 0:
            try:
                if self._tier == "namespaces":
                    os.chdir(namespaces.SCRATCH)
                inherited = [self._inputs, self._sizes, given, self._output, go_read, notice_write, self._null]
                candidate.become(self._job, inherited, self._most_threads, self._calls)
            finally:
                os._exit(1)
        for theirs in (given, go_read, notice_write):
            os.close(theirs)
        self._child = Child(pid, go, notice)
        ready = os.read(notice, wire.LONGEST_NOTICE)
        if ready != wire.READY:
            raise RuntimeError(f"no process for a candidate: {ready.decode('utf-8', 'replace')}")

    def _watch(self, child: Child) -> Outcome:
        """Start the child on its inputs and wait for the end."""
        cpu_limit, wall_limit = self._job["cpu_s"], self._job["wall_s"]
        waiting = select.poll()
        waiting.register(child.notice, select.POLLIN)
        waiting.register(self._control, 0)  # told when the grader is gone
        started, before = time.monotonic(), child.cpu_seconds()
        with contextlib.suppress(BrokenPipeError):  # it has closed its end: it will not give notice either
            os.write(child.go, b"g")
        while True:
            cpu, wall = child.cpu_seconds() - before, time.monotonic() - started
            if cpu >= cpu_limit or wall >= wall_limit:
                self.stop()
                return Outcome(Ending.TIME_LIMIT, False, cpu, f"{cpu:.2f} s of CPU in {wall:.2f} s", [])
            left = min(cpu_limit - cpu, wall_limit - wall)
            events = waiting.poll(max(1, int(left * 1000)))
            if any(descriptor == self._control for descriptor, _ in events):
                raise wire.Gone
            if events:
                packed = os.read(child.notice, wire.LONGEST_NOTICE)
                if not packed:
                    return self._ended(before)
                ending, detail = wire.unpack_notice(packed)
                return Outcome(ending, True, child.cpu_seconds() - before, detail, [])

    def _ended(self, before: float) -> Outcome:
        """The candidate has closed its notice pipe: it has exited, or it never will say how it went."""
        os.kill(self._child.pid, signal.SIGKILL)
        status, cpu = self._reap()
        code = os.waitstatus_to_exitcode(status)
        if code == 0 and not self._job["entry"]:
            return Outcome(Ending.FINISHED, False, cpu - before, "", [])
        detail = f"killed: {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"
        return Outcome(Ending.RUNTIME_ERROR, False, cpu - before, detail, [])

    def _reap(self) -> tuple[int, float]:
        _, status, usage = os.wait4(self._child.pid, 0)
        os.close(self._child.go)
        os.close(self._child.notice)
        self._child = None
        return status, usage.ru_utime + usage.ru_stime


def warm_up(preload: list[str]) -> None:
    """Import what programs are given, and `preload` as far as it is installed; `numpy` comes as `np` too."""
    candidate.NAMES.update({name: value for name, value in vars(prelude).items() if not name.startswith("__")})
    for name in preload:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        if name == "numpy":
            module.random.seed(0)
            candidate.NAMES["np"] = candidate.NAMES["numpy"] = module
    site.setquit()  # `exit` and `quit`
    vars(builtins).update({name: value for name, value in candidate.NAMES.items() if not hasattr(builtins, name)})
    builtins.input = candidate.read_line
    sys.set_int_max_str_digits(0)  # the sites' own limits are time and memory


def threads_of_machine() -> int:
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].split("/")[1])


def main() -> None:
    sys.dont_write_bytecode = True  # from here on: what this module imported is compiled once for all zygotes
    control, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    sys.path.pop(0)  # this package: loaded by now, and no business of candidates
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    most_threads = threads_of_machine() + candidate.SPARE_THREADS
    isolation.enclose(settings["tier"])
    warm_up(settings["preload"])
    candidate.prepare(settings["memory_bytes"])
    random.seed(0)  # a verdict does not depend on chance
    Filter(seccomp.program(syscalls.MACHINE, of_zygote=True)).install()
    zygote = Zygote(control, settings["tier"], most_threads)
    gc.collect()
    gc.freeze()  # collections in candidates leave the shared pages alone
    try:
        zygote.serve()
    except wire.Gone:
        zygote.stop()


if __name__ == "__main__":
    main()
