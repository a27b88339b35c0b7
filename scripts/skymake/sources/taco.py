"""TACO: APPS's tests, with a difficulty of five levels and, on some rows, a time limit of their own."""

import re

from skymake.sources.programs import Programming, adapt_program
from skymake.sources.row import Adapted

LEVELS = {"EASY": 1.0, "MEDIUM": 2.0, "MEDIUM_HARD": 3.0, "HARD": 4.0, "VERY_HARD": 5.0}
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*\d+(?:\.\d+)?)?\s*(?:s|sec|secs|second|seconds)\b", re.IGNORECASE)


class Taco(Programming):
    source: str | None = None
    time_limit: str | None = None


def adapt(row: Taco) -> Adapted:
    """A row of TACO as a problem, its difficulty 1 (EASY) to 5 (VERY_HARD)."""
    limit = _SECONDS.search(row.time_limit or "")
    return adapt_program(row, LEVELS.get(row.difficulty or ""), float(limit[1]) if limit else 0.0)
