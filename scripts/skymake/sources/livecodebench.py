"""LiveCodeBench: contest problems with public tests and, packed, private ones."""

import base64
import binascii
import io
import json
import pickle
import zlib
from typing import Any

import msgspec

from skymake.records import ProgramCheck, Test
from skymake.sources.programs import accepts_several
from skymake.sources.row import Adapted, Broken, Drop, Row, text

LEVELS = {"easy": 1.0, "medium": 2.0, "hard": 3.0}
# The benchmark's own errata: problems that accept several outputs, that are interactive, or whose tests are wrong.
ERRATA = {
    *("abc311_c", "abc326_d", "abc327_b", "abc333_e", "abc343_e", "abc362_c", "abc337_e", "abc355_e", "abc350_c"),
    *("find-words-containing-character", "find-the-peaks", "generate-binary-strings-without-adjacent-zeros"),
}


class LiveCodeBench(Row):
    question_title: str
    question_content: str
    platform: str
    question_id: str
    contest_date: str
    starter_code: str
    difficulty: str
    public_test_cases: str
    metadata: str
    private_test_cases: str = ""


class Case(msgspec.Struct):
    """A published test: texts, also where it calls a function."""

    input: str
    output: str
    testtype: str


class Metadata(msgspec.Struct):
    func_name: str | None = None


def adapt(row: LiveCodeBench) -> Adapted:
    """A row of LiveCodeBench as a problem, its difficulty 1 (easy) to 3 (hard); its starter code ends the question.

    A problem of the errata is marked as one that no comparison decides.
    """
    question = text(row.question_content, "question")
    entry = _decode(row.metadata, Metadata, "metadata").func_name
    cases = _decode(row.public_test_cases, list[Case], "public_test_cases")
    if row.private_test_cases:
        cases += _decode(_unpacked(row.private_test_cases), list[Case], "private_test_cases")
    if not cases:
        raise Drop("no tests")
    several = bool(ERRATA & {row.question_id, row.question_title}) or accepts_several(question)
    return Adapted(
        "code",
        question + ("\n" + row.starter_code if row.starter_code else ""),
        ProgramCheck(entry, [_test(case, entry) for case in cases], 0.0, several),
        LEVELS.get(row.difficulty),
        remarks=() if row.private_test_cases else ("has public tests only",),
    )


def _decode(json_text: str | bytes, type: Any, column: str) -> Any:
    try:
        return msgspec.json.decode(json_text, type=type)
    except msgspec.DecodeError as error:
        raise Broken(f"{error} - within `$.{column}`") from None


def _test(case: Case, entry: str | None) -> Test:
    """Tests of a function give one argument a line, each as JSON."""
    if entry is None:
        return Test(case.input, case.output)
    try:
        return Test([json.loads(line) for line in case.input.split("\n") if line], json.loads(case.output))
    except json.JSONDecodeError:
        raise Drop("a test of a function is not JSON") from None


def _unpacked(column: str) -> str | bytes:
    """Private tests: JSON, or the same pickled as text, compressed, in base 64."""
    if column.lstrip().startswith("["):
        return column
    try:
        return _TextOnly(io.BytesIO(zlib.decompress(base64.b64decode(column, validate=True)))).load()
    except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError) as error:
        raise Broken(f"not packed JSON: {error} - at `$.private_test_cases`") from None


class _TextOnly(pickle.Unpickler):
    """Unpickles text, never an object: a pickle can name any function and have it called."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")
