"""Runs hostile programs with victims at hand: a home with a key, a secret, listeners, and a folder for marks of harm.

python -m hostile.scene TIER FILE...        grades these, and prints what went wrong as JSON
python -m hostile.scene TIER < CASES        grades the cases of other sets, one a line as JSON
"""

import contextlib
import ctypes
import json
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from skymake.grading import programs
from skymake.grading.limits import Limits
from skymake.grading.programs import ProgramGrader
from skymake.records import Origin, Problem, ProgramCheck, Test, Verdict

FOLDER = Path(__file__).parent
SECRET = "secret-of-the-grader"
PAIRS = [(0, 5), (1, 6), (2, 7), (3, 8), (4, 9)]
LIMITS = Limits(wall_factor=12.0, program_memory_mb=512)  # of wall time plenty: a busy machine is no sleeper
CPU_S = 0.5
GRACE_S = 30.0  # in which what was killed must be gone, on a machine that is busy
_PR_SET_CHILD_SUBREAPER = 36


class Program(msgspec.Struct):
    """A line of index.jsonl. want: `accept`, `reject`, or the status that a verdict must have.

    needs: `scratch`, a folder to write in, or `proc`, its own /proc: only namespaces give them, the latter not in every
    container.
    """

    file: str
    want: str
    tries: str
    entry: str | None = None
    needs: str | None = None


class Case(msgspec.Struct):
    """A program of another set, on its own tests, with what its verdict must be."""

    program: Program
    problem: Problem
    source: str


def index() -> list[Program]:
    return msgspec.json.Decoder(Program).decode_lines((FOLDER / "index.jsonl").read_bytes())


class Scene:
    """Victims that live as long as the block. `victims` are the values of the preamble's placeholders."""

    def __enter__(self) -> "Scene":
        self._stack = contextlib.ExitStack()
        root = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        root.chmod(0o755)
        self.marks, home = root / "marks", root / "home"
        self.marks.mkdir(mode=0o777)
        self.marks.chmod(0o777)
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "id_ed25519").write_text(SECRET)
        self._path, abstract = root / "socket", f"skymake-{root.name}"
        self._tcp = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self._listeners = [
            self._tcp,
            self._listen(socket.AF_UNIX, str(self._path)),
            self._listen(socket.AF_UNIX, f"\0{abstract}"),
        ]
        self._path.chmod(0o777)
        os.environ["SKYMAKE_TEST_SECRET"] = SECRET
        self.victims = {
            "MARKS": self.marks,
            "HOME": home,
            "SOCKET": self._path,
            "ABSTRACT": abstract,
            "PORT": self._tcp.getsockname()[1],
            "GRADER": os.getpid(),
            "SECRET": SECRET,
        }
        self._before = descendants()
        return self

    def __exit__(self, *exception: object) -> None:
        os.environ.pop("SKYMAKE_TEST_SECRET", None)
        self._stack.close()

    def _listen(self, family: int, address: object) -> socket.socket:
        listener = self._stack.enter_context(socket.socket(family))
        listener.bind(address)
        listener.listen()
        listener.setblocking(False)
        return listener

    def source(self, file: str) -> str:
        """A program of the folder, with the preamble that knows the victims."""
        preamble = (FOLDER / "preamble.py").read_text()
        for name, value in self.victims.items():
            preamble = preamble.replace(f"@{name}@", str(value))
        code = (FOLDER / file).read_text()
        future, _, rest = code.rpartition("from __future__ import annotations\n")
        return f"{'from __future__ import annotations' if future or rest != code else ''}\n{preamble}\n{rest}"

    def harm(self) -> list[str]:
        """What was done to the victims since the scene was set."""
        found = [f"mark: {line}" for mark in self.marks.iterdir() for line in mark.read_text().splitlines()]
        for listener in self._listeners:
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                found.append(f"connection to {listener.getsockname()!r}")
        if (self.victims["HOME"] / ".ssh" / "id_ed25519").read_text() != SECRET:
            found.append("the key has changed")
        return found

    def left_over(self) -> set[int]:
        """Processes that were started since, and do not end."""
        deadline = time.monotonic() + GRACE_S
        while (left := descendants() - self._before) and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)  # an orphan that has ended
            time.sleep(0.05)
        return left


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Within the block an orphan becomes ours, and is seen."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def descendants() -> set[int]:
    """All processes below this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def problem(entry: str | None, token: str | None = None) -> Problem:
    """The task of every program: the sum of two integers, or to print a token that only the grader knows."""
    if token:
        tests = [Test("", token)]
    elif entry is None:
        tests = [Test(f"{a} {b}\n", f"{a + b}\n") for a, b in PAIRS]
    else:
        tests = [Test([a, b], a + b) for a, b in PAIRS]
    return Problem("sum", "hostile", "code", "", ProgramCheck(entry, tests, CPU_S), None, Origin("own", "", 0))


def task(program: Program) -> Problem:
    return problem(program.entry, f"token-{secrets.token_hex(16)}" if program.file.startswith("secrets/") else None)


def complaints(program: Program, verdict: Verdict, harm: list[str]) -> Iterator[str]:
    """What is wrong with a verdict, or was done by a program."""
    accepted = verdict.status == "correct"
    if program.want == "accept" and not accepted or program.want == "reject" and accepted:
        yield f"want {program.want}"
    if program.want not in ("accept", "reject", verdict.status):
        yield f"want {program.want}"
    if verdict.status == "grader_failure":
        yield "the grader failed"
    if "HARM" in verdict.detail or SECRET in verdict.detail or "token-" in verdict.detail.partition(", got ")[2]:
        yield "harm"
    yield from harm


def run(tier: str, chosen: Iterable[Program], others: Iterable[Case] = ()) -> list[dict]:
    """Grade programs in a tier, one after the other by one grader: those with complaints, and what they are."""
    programs.probe = lambda: tier
    found = []
    with adopting_orphans(), Scene() as scene, ProgramGrader(LIMITS) as grader:
        for case in [*(Case(program, task(program), scene.source(program.file)) for program in chosen), *others]:
            verdict = grader.grade_source(case.problem, case.source)
            if wrong := list(complaints(case.program, verdict, scene.harm())):
                file, status, detail = case.program.file, verdict.status, verdict.detail
                found.append({"file": file, "status": status, "detail": detail, "wrong": wrong})
        grader.close()
        if left := scene.left_over():
            found.append({"file": "", "wrong": [f"{len(left)} processes left"]})
    return found


def main() -> None:
    tier, *files = sys.argv[1:]
    others = msgspec.json.Decoder(Case).decode_lines(sys.stdin.buffer.read()) if not files else []
    print(json.dumps(run(tier, [program for program in index() if program.file in files], others)))


if __name__ == "__main__":
    main()
