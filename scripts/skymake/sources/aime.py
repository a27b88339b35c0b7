"""The AIMO validation sets, AIME and AMC: problems with a number for an answer, and the contest in the `url`."""

from skymake.records import MathCheck
from skymake.sources.row import Adapted, Row, text


class Aime(Row):
    problem: str
    answer: str | float
    url: str


def adapt(row: Aime) -> Adapted:
    """A row as a problem. AMC publishes its whole numbers as floating point."""
    answer = row.answer if isinstance(row.answer, str) else format(row.answer, "g")
    return Adapted("math", text(row.problem, "question"), MathCheck(text(answer, "answer")))
