"""NuminaMath-CoT: `source`, `problem` and a worked `solution` whose last box holds the answer."""

from skymake.boxed import boxed
from skymake.records import MathCheck
from skymake.sources.row import Adapted, Drop, Row, text


class Numina(Row):
    source: str
    problem: str
    solution: str


def adapt(row: Numina) -> Adapted:
    """A row of NuminaMath-CoT as a problem. Proofs, whose solutions box nothing, are dropped."""
    answer = boxed(row.solution)
    if not answer:
        raise Drop("the solution has no boxed answer")
    return Adapted("math", text(row.problem, "question"), MathCheck(answer))
