"""Program tests as APPS and TACO publish them: JSON in a string, in two formats, with known damage."""

import json
import re
from typing import Any

import msgspec

from skymake.records import ProgramCheck, Test
from skymake.sources.row import Adapted, Broken, Drop, Row, text

# ASSUME: a statement with one of these phrases accepts outputs that its tests do not list. Among 449 TACO problems that
# were judged one by one, no phrase stands in a problem with a single right output, and 33 of 40 others have one.
_SEVERAL = re.compile(
    r"\b(?:print|output|return|report|display|find|construct)(?:\s+\w+){0,3}\s+any\b(?!\s+(?:case|number|other|two)\b)"
    r"|\bchoose\s+any\s+(?:one\s+)?of\s+(?:them|these)\b"
    r"|\bany\s+(?:valid|correct|possible|suitable|optimal|acceptable)\s+(?:answer|solution|output)"
    r"|\b(?:print|output|return)[^.\n]{0,80}\bin\s+any\s+order\b",
    re.IGNORECASE,
)
_CUT = "..."


class Programming(Row):
    """The columns that APPS and TACO share. `input_output` is JSON, an empty string where there are no tests.

    solutions: a JSON list of programs; an empty string, or no column, where none are shipped.
    """

    question: str
    input_output: str
    starter_code: str
    difficulty: str | None
    solutions: str | None = None


class InputOutput(msgspec.Struct):
    """The JSON in `input_output`: one output an input, and the function to call, if one is called."""

    inputs: list[Any]
    outputs: list[Any]
    fn_name: str | None = None


def adapt_program(row: Programming, difficulty: float | None, time_limit_s: float = 0.0) -> Adapted:
    """The problem of a row of APPS or TACO. Its starter code ends the question; `time_limit_s` is the row's own."""
    question = text(row.question, "question")
    published = _parse(row.input_output)
    if len(published.inputs) != len(published.outputs):
        raise Drop("inputs and outputs differ in number")
    entry = published.fn_name or None
    tests = _calls(published, row.starter_code) if entry else _streams(published)
    whole = [test for test in tests if not _is_cut(test)]
    if not whole:
        raise Drop("no tests" if not tests else "every test is cut short")
    return Adapted(
        "code",
        question + ("\n" + row.starter_code if row.starter_code else ""),
        ProgramCheck(entry, whole, time_limit_s, accepts_several(question)),
        difficulty,
        remarks=("left out tests that are cut short",) if len(whole) < len(tests) else (),
        solutions=_solutions(row.solutions or ""),
    )


def accepts_several(question: str) -> bool:
    """Whether the statement says that more than one output is right."""
    return _SEVERAL.search(question) is not None


def _parse(input_output: str) -> InputOutput:
    """The tests of a row."""
    if not input_output.strip():
        raise Drop("no tests")
    try:
        return msgspec.json.decode(input_output, type=InputOutput)
    except msgspec.DecodeError as error:
        if _is_python_only(input_output):
            raise Drop("a test holds what JSON cannot hold") from None
        raise Broken(f"{error} - within `$.input_output`") from None


def _solutions(published: str) -> list[str]:
    """The reference solutions of a row."""
    if not published.strip():
        return []
    try:
        return msgspec.json.decode(published, type=list[str])
    except msgspec.DecodeError as error:
        raise Broken(f"{error} - within `$.solutions`") from None


def _is_python_only(input_output: str) -> bool:
    """Whether only Python reads it, whose JSON has NaN, infinities, and halves of characters: known damage."""
    try:
        msgspec.convert(json.loads(input_output), InputOutput)
    except (json.JSONDecodeError, msgspec.ValidationError):
        return False
    except ValueError:  # an integer of over 4300 digits
        return True
    return True


def _streams(published: InputOutput) -> list[Test]:
    return [
        Test(_lines(given), _lines(expected))
        for given, expected in zip(published.inputs, published.outputs, strict=True)
    ]


def _lines(value: Any) -> str:
    """What goes over stdin or stdout: a text, or the lines of one."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if isinstance(value, str):
        return value
    raise Drop("a stdin test is not text")


def _calls(published: InputOutput, starter_code: str) -> list[Test]:
    """Tests of a function: a list of arguments, and the value without the list that many rows wrap it in."""
    if not all(isinstance(arguments, list) for arguments in published.inputs):
        raise Drop("the arguments of a call are not a list")
    wrapped = _are_wrapped(published.outputs, starter_code)
    outputs = [output[0] for output in published.outputs] if wrapped else published.outputs
    return [Test(given, expected) for given, expected in zip(published.inputs, outputs, strict=True)]


def _are_wrapped(outputs: list[Any], starter_code: str) -> bool:
    """Whether every output is a list around the value: then all hold one item, and nest deeper than the annotation.

    ASSUME: without an annotation, a problem all of whose outputs are lists of one item has wrapped ones.
    """
    if not all(isinstance(output, list) and len(output) == 1 for output in outputs):
        return False
    annotation = re.search(r"->\s*(.+?)\s*:", starter_code)
    return annotation is None or max(map(_depth, outputs), default=0) > annotation[1].count("List[")


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _is_cut(test: Test) -> bool:
    """Whether the publisher cut the text of a test and wrote dots for the rest."""
    return any(isinstance(part, str) and part.rstrip().endswith(_CUT) for part in (test.input, test.output))
