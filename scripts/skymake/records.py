"""The records of the workflow, one JSON object a line, and the only code that reads and writes them.

Reading is strict: an unknown field, a missing one or a wrong type is a `RecordError` that names file, line and field.
Writing is atomic: a file is complete or absent.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from skymake import UserError


class RecordError(UserError):
    """A line of a record file that is not such a record."""


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all records: fields in order of declaration, unknown fields refused."""


class MathCheck(Record, tag_field="kind", tag="math"):
    """The answer is a mathematical expression, in LaTeX or plain."""

    answer: str


class Test(Record):
    """One test of a program. stdin programs: two strings. Call-based: a list of arguments and the value expected."""

    __test__ = False  # not a pytest class
    input: Any
    output: Any


class ProgramCheck(Record, tag_field="kind", tag="program"):
    """The answer is a Python program; it is right when there is a test and every test passes.

    entry: the function (or method of `class Solution`) to call; None for a program that reads stdin.
    time_limit_s: CPU seconds a test.
    several: more than one output is right and the data has no checker, so no comparison can decide.
    """

    entry: str | None
    tests: list[Test]
    time_limit_s: float = 4.0
    several: bool = False


class ChoiceCheck(Record, tag_field="kind", tag="choice"):
    """The answer is the letter of an option: `A` is the first of `options`."""

    answer: str
    options: list[str]


class NoCheck(Record, tag_field="kind", tag="none"):
    """Nothing to check against: a published trace without a key, kept as published."""


Check = MathCheck | ProgramCheck | ChoiceCheck | NoCheck


class Origin(Record):
    """Where a problem comes from: the source's name in the config, its revision, the row (0 is the first)."""

    source: str
    revision: str
    row: int


class Problem(Record, omit_defaults=True):
    """A question, and how an answer to it is checked. `difficulty` is the source's own scale, None when unrated;
    `subject` what the source calls its field, None where it names none."""

    id: str
    set: str
    domain: Literal["math", "code", "choice", "open"]
    question: str
    check: Check
    difficulty: float | None
    origin: Origin
    subject: str | None = None


class Reference(Record):
    """The solutions that a source ships with a problem: programs, in its order; at least one."""

    problem: str
    solutions: list[str]


class Trace(Record, omit_defaults=True):
    """One model's answer to one problem.

    key: SHA-256 of the canonical request. sample: 0 .. k-1. finish: the engine's finish reason (`stop`, `length`, ...).
    reasoning: the thought where the engine returns it apart from the text. seconds: wall clock of the request; 0 of one
    that was batched, which is cheaper.
    """

    key: str
    problem: str
    sample: int
    model: str
    text: str
    reasoning: str | None
    finish: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    seed: int
    batched: bool = False


class Failure(Record):
    """A request that has no answer, and why. It is asked again by the next run.

    too_long: the prompt does not fit the model's context. refused: by the endpoint or the model, for another reason.
    """

    key: str
    problem: str
    sample: int
    model: str
    kind: Literal["rate_limited", "server_error", "timeout", "too_long", "refused", "filtered", "empty", "invalid"]
    detail: str


Status = Literal[
    "correct",
    "wrong",
    "no_answer",
    "truncated",
    "compile_error",
    "runtime_error",
    "time_limit",
    "memory_limit",
    "output_limit",
    "unchecked",
    "not_gradable",
    "grader_failure",
]
STATUSES: tuple[str, ...] = Status.__args__


class Verdict(Record):
    """What a grader says of one trace. `answer` is what was extracted; `grader` names the grader, version and tier."""

    key: str
    problem: str
    sample: int
    status: Status
    answer: str | None
    detail: str
    cpu_seconds: float
    grader: str


class Quarantined(Record):
    """A problem none of whose reference solutions passes, with the verdict on the first of them: its check is not to
    be trusted."""

    problem: str
    status: Status
    detail: str


RejectionReason = Literal[
    "no_place_to_cut",
    "request_failed",
    "truncated",
    "markers",
    "answer_changed",
    "length",
    "text_lost",
    "text_added",
]


class Rejection(Record):
    """A trace that could not be restated in the four-marker format, and why."""

    key: str
    problem: str
    sample: int
    reason: RejectionReason
    detail: str


T = TypeVar("T")


def read(path: str | Path, type: type[T]) -> Iterator[T]:
    """The records of a JSONL file, one at a time.

    Raises RecordError naming file, line and field at the first line that is not such a record.
    """
    decoder = msgspec.json.Decoder(type)
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise RecordError(f"{path}:{number}: {error}") from None
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None


def read_all(paths: Iterable[str | Path], type: type[T]) -> Iterator[T]:
    """The records of several files, in the order of the files."""
    for path in paths:
        yield from read(path, type)


def places(paths: Iterable[str | Path]) -> Iterator[tuple[str | Path, int]]:
    """Where each record of some files lies, in order: its file, and its offset there in bytes."""
    for path in paths:
        offset = 0
        with open(path, "rb") as lines:
            for line in lines:
                yield path, offset
                offset += len(line)


def read_at(path: str | Path, offset: int, type: type[T]) -> T:
    """The record that lies there."""
    with open(path, "rb") as lines:
        lines.seek(offset)
        return msgspec.json.decode(lines.readline(), type=type)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[Callable[[Any], None]]:
    """A function that writes a record (or plain object) as a line of JSONL. The file is there when the block ends."""
    encoder = msgspec.json.Encoder()
    with replacing(path) as temporary, open(temporary, "wb") as out:
        yield lambda record: out.writelines((encoder.encode(record), b"\n"))


def write(path: str | Path, records: Iterable[Any]) -> int:
    """Write records (or plain objects) as JSONL, atomically. Returns how many."""
    count = 0
    with writing(path) as add:
        for count, record in enumerate(records, start=1):  # noqa: B007
            add(record)
    return count


def write_json(path: str | Path, value: Any) -> None:
    """Write one object as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


def read_json(path: str | Path, type: type[T] = Any) -> T:
    """Read one JSON object of the given type; raises RecordError naming file and field."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=type)
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: {error}") from None
