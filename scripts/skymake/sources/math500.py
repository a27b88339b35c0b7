"""MATH500: problems with their answer, and a level of 1 to 5."""

from skymake.records import MathCheck
from skymake.sources.row import Adapted, Row, text


class Math500(Row):
    problem: str
    answer: str
    level: int
    subject: str
    unique_id: str


def adapt(row: Math500) -> Adapted:
    """A row of MATH500 as a problem; its level is its difficulty."""
    check = MathCheck(text(row.answer, "answer"))
    return Adapted("math", text(row.problem, "question"), check, row.level, subject=row.subject)
