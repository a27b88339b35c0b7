"""A user's own rows: a question with an answer, an answer among options, or tests. No other columns are allowed."""

import string

from skymake.records import ChoiceCheck, MathCheck, NoCheck, ProgramCheck, Test
from skymake.sources.options import with_options
from skymake.sources.row import Adapted, Broken, Row, text


class Own(Row, forbid_unknown_fields=True):
    """`options` turns `answer` into the letter of one; `tests` (with `entry` for a function) make it a program."""

    question: str
    answer: str | None = None
    options: list[str] | None = None
    tests: list[Test] | None = None
    entry: str | None = None
    time_limit_s: float = 0.0
    difficulty: float | None = None


def adapt(row: Own) -> Adapted:
    """A row as a problem: math, a program, a choice, or open where there is nothing to check against."""
    if not row.question.strip():
        raise Broken("empty - at `$.question`")
    question = text(row.question, "question")
    if row.tests is not None:
        return Adapted("code", question, _program(row), row.difficulty)
    if row.options is not None:
        return Adapted("choice", with_options(question, row.options), _choice(row), row.difficulty)
    if row.answer is not None:
        if not row.answer.strip():
            raise Broken("empty - at `$.answer`")
        return Adapted("math", question, MathCheck(row.answer), row.difficulty)
    return Adapted("open", question, NoCheck(), row.difficulty)


def _program(row: Own) -> ProgramCheck:
    if not row.tests:
        raise Broken("no tests - at `$.tests`")
    entry = row.entry or None
    kind = list if entry else str
    for position, test in enumerate(row.tests):
        if not isinstance(test.input, kind) or (entry is None and not isinstance(test.output, str)):
            wanted = "a list of arguments" if entry else "text"
            raise Broken(f"Expected {wanted} - at `$.tests[{position}]`")
    return ProgramCheck(entry, row.tests, row.time_limit_s)


def _choice(row: Own) -> ChoiceCheck:
    if len(row.options) > len(string.ascii_uppercase):
        raise Broken(f"{len(row.options)} options, more than there are letters - at `$.options`")
    letters = string.ascii_uppercase[: len(row.options)]
    if row.answer is None or len(row.answer) != 1 or row.answer not in letters:
        raise Broken(f"Expected one of {', '.join(letters)} - at `$.answer`")
    return ChoiceCheck(row.answer, row.options)
