"""The inside of the sandbox: this process is forked from the zygote to become one untrusted program.

Everything here may be overturned by the program. It can do no more than give a wrong output, or say that it failed.
"""

import atexit
import io
import os
import resource
import signal
import sys
import threading
import types
from collections.abc import Callable
from json import dumps, loads
from os import dup2, ftruncate, lseek, pwrite, read, write

from skymake.sandbox import isolation, kernel, wire
from skymake.sandbox.seccomp import Filter
from skymake.sandbox.wire import Ending

# The process's own copies, apart from 0, 1 and 2.
INPUTS, SIZES, GIVEN, OUTPUT, GO, NOTICE, NULL = range(57, 64)
OPEN_FILES = 64
SPARE_THREADS = 256
STACK_BYTES = 64 << 20
FILE_BYTES = 16 << 20
FILE = "solution.py"
REHEARSALS = 16  # after which Python has adapted what it runs
REHEARSED = [
    ("import sys\nn = int(input())\nprint(n, *map(int, sys.stdin.readline().split()))", None, b"2\n3 4\n"),
    ("import sys\nread = sys.stdin.buffer.readline\nsys.stdout.write('%d\\n' % int(read()))", None, b"2\n"),
    ("class Solution:\n    def f(self, a: List[int]) -> int:\n        return [sum(a)]", "f", b"[[1, 2]]"),
]


def prepare(memory_bytes: int) -> None:
    """In the zygote, before it forks: set up what all candidates have in common, and rehearse their way.

    What a rehearsal touches for the first time, and what Python adapts to it, no candidate pays for again.
    """
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_STACK, STACK_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.argv = [FILE]
    sys.stderr = sys.__stderr__ = _writer(2)
    _rehearse()


def _rehearse() -> None:
    own = range(INPUTS, NULL + 1)
    zygote, streams = sys.modules["__main__"], (sys.stdin, sys.stdout, sys.__stdin__, sys.__stdout__)
    for descriptor in own:
        opened = os.open(os.devnull, os.O_RDWR) if descriptor == NULL else os.memfd_create("rehearsal")
        dup2(opened, descriptor)
        os.close(opened)
    for source, entry, given in REHEARSED * REHEARSALS:
        for descriptor in (INPUTS, SIZES, OUTPUT):
            ftruncate(descriptor, 0)
        pwrite(INPUTS, wire.pack([given]), 0)
        outcome = _run_all(_program(source, entry), FILE_BYTES)
        if outcome[0] is not Ending.FINISHED:
            raise RuntimeError(f"a rehearsal failed: {outcome[1]}")
    sys.modules["__main__"] = zygote
    del sys.modules["solution"]
    sys.stdin, sys.stdout, sys.__stdin__, sys.__stdout__ = streams
    dup2(NULL, 0)
    dup2(NULL, 1)
    for descriptor in own:
        os.close(descriptor)


def become(job: dict, descriptors: list[int], most_threads: int, calls: Filter) -> None:
    """Turn into the program of a job, and run on what INPUTS holds for every byte that comes on GO. Does not return.

    descriptors: what becomes INPUTS, SIZES, GIVEN, OUTPUT, GO, NOTICE and NULL. job: see `Zygote.begin`. The first
    notice is READY, before anything of the program has run, or else says why it could not.
    """
    try:
        _set_up(descriptors, most_threads, job, calls)
        run = _program(job["source"], job["entry"])
    except BaseException as error:
        write(NOTICE, _described(error).encode("utf-8", "replace"))
        os._exit(1)
    write(NOTICE, wire.READY)
    while read(GO, 1):
        ending, detail = _run_all(run, job["output_bytes"])
        write(NOTICE, wire.pack_notice(ending, detail))
    os._exit(0)


def _set_up(descriptors: list[int], most_threads: int, job: dict, calls: Filter) -> None:
    for own, given in enumerate(descriptors, start=INPUTS):
        dup2(given, own)
    os.closerange(3, INPUTS)
    os.closerange(NULL + 1, 4 * OPEN_FILES)
    dup2(NULL, 2)
    kernel.die_with_parent(signal.SIGKILL)
    _limit(resource.RLIMIT_CPU, int(job["total_cpu_s"]) + 5)  # should the zygote not see it in time
    _limit(resource.RLIMIT_FSIZE, max(FILE_BYTES, job["file_bytes"]))
    _limit(resource.RLIMIT_NPROC, most_threads)
    isolation.seal(calls)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (bound, bound))


def _program(source: str, entry: str | None) -> Callable[[bytes], None]:
    return Function(source, entry) if entry else Script(source)


def _run_all(run: Callable[[bytes], None], most_bytes: int) -> tuple[Ending, str]:
    """Run on all inputs, but not beyond one that does not end well, or once `most_bytes` are printed in all.

    SIZES gets how much each run that finished has printed, as soon as it has.
    """
    start = lseek(OUTPUT, 0, os.SEEK_END)
    for number, given in enumerate(wire.unpack(os.pread(INPUTS, os.fstat(INPUTS).st_size, 0))):
        ending, detail = _attempt(run, given)
        if ending is not Ending.FINISHED:
            return ending, detail
        end = lseek(OUTPUT, 0, os.SEEK_END)
        size = wire.pack_size(max(0, end - start))
        pwrite(SIZES, size, number * len(size))
        start = end
        if end > most_bytes:
            break
    return Ending.FINISHED, ""


def _attempt(run: Callable[[bytes], None], given: bytes) -> tuple[Ending, str]:
    """How a run ended, in the program's own words."""
    try:
        run(given)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        return (Ending.RUNTIME_ERROR, f"exit code {code}") if code & 0xFF else (Ending.FINISHED, "")
    except MemoryError as error:
        return Ending.MEMORY_LIMIT, _described(error)
    except NotCompiled as error:
        return Ending.COMPILE_ERROR, _described(error.__cause__)
    except BaseException as error:
        return Ending.RUNTIME_ERROR, _described(error)
    return Ending.FINISHED, ""


def _described(error: BaseException) -> str:
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    try:
        text = str(error)
    except BaseException:  # a program's own exception may raise anything
        text = ""
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {text}"[: wire.LONGEST_DETAIL - len(where)] + where


class NotCompiled(Exception):
    """The source is not a program; `__cause__` says why."""


def _compiled(source: str) -> types.CodeType:
    try:
        return compile(source, FILE, "exec", dont_inherit=True)
    except BaseException as error:
        raise NotCompiled from error


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = FILE
    sys.modules[name] = module
    return module


def _writer(descriptor: int) -> io.TextIOWrapper:
    writer = io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)), encoding="utf-8")
    writer.mode = "w"  # as Python has it for its own, and templates for fast output ask
    return writer


def _set_streams(standard_input: int, standard_output: int) -> None:
    dup2(standard_input, 0)
    dup2(standard_output, 1)
    reader = io.BufferedReader(io.FileIO(0, closefd=False))
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(reader, encoding="utf-8", errors="surrogateescape")
    sys.stdin.mode = "r"
    sys.stdout = sys.__stdout__ = _writer(1)


def read_line(prompt: object = "", /) -> str:
    """`input` for programs: the one of Python asks the kernel on every line whether a terminal is there, and flushes
    what was printed, which takes far longer than to read the line.
    """
    if prompt != "":
        sys.stdout.write(str(prompt))
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


class Script:
    """A program that reads stdin and prints: run from its first line to its last, threads and exit functions too."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._code: types.CodeType | None = None

    def __call__(self, given: bytes) -> None:
        self._code = self._code or _compiled(self._source)
        lseek(GIVEN, 0, os.SEEK_SET)
        _write_all(GIVEN, given)
        ftruncate(GIVEN, len(given))  # after writing: pages of the input before are used again
        lseek(GIVEN, 0, os.SEEK_SET)
        _set_streams(GIVEN, OUTPUT)
        output = sys.stdout
        try:
            exec(self._code, _module("__main__").__dict__)
        finally:
            for thread in threading.enumerate():
                if thread is not threading.main_thread() and not thread.daemon:
                    thread.join()
            atexit._run_exitfuncs()
            for stream in (sys.stdout, output):
                if stream is not None and not getattr(stream, "closed", False):
                    stream.flush()


class Function:
    """A function, or a method of `class Solution`: called with a JSON list, its value goes to OUTPUT as JSON."""

    def __init__(self, source: str, entry: str) -> None:
        self._source, self._entry = source, entry
        self._defined: dict | None = None

    def __call__(self, given: bytes) -> None:
        arguments = _with_integer_keys(loads(given))
        _set_streams(NULL, NULL)
        if self._defined is None:
            code = _compiled(self._source)
            self._defined = _module("solution").__dict__
            exec(code, self._defined)
        try:
            value = self._find()(*arguments)
        except SystemExit as error:
            raise RuntimeError("the function ended the program") from error
        _write_all(OUTPUT, dumps(value, default=_plain).encode())

    def _find(self) -> Callable:
        """The program's own function of that name; not one that it was given, or one imported over it."""
        found = self._defined.get(self._entry)
        if found is not None and found is not NAMES.get(self._entry):
            return found
        solution = self._defined.get("Solution")
        if solution is not None and hasattr(solution, self._entry):
            return getattr(solution(), self._entry)
        raise NameError(f"no function {self._entry!r} is defined")


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[write(descriptor, rest) :]


def _with_integer_keys(arguments: list) -> list:
    """Integer keys that JSON made strings, given back to a dict that is the only argument, as APPS and TACO mean it."""
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        return arguments
    try:
        return [{int(key): value for key, value in arguments[0].items()}]
    except ValueError:
        return arguments


def _plain(value: object) -> object:
    """JSON of what JSON has no form for: arrays as lists, anything else as what equals nothing expected."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return {type(value).__name__: repr(value)[: wire.LONGEST_DETAIL]}


NAMES: dict[str, object] = {}  # what programs find without an import, as the zygote loads it
