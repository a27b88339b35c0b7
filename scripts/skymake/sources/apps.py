"""APPS: programs with stdin or a function to call, and a difficulty of three levels."""

from skymake.sources.programs import Programming, adapt_program
from skymake.sources.row import Adapted

LEVELS = {"introductory": 1.0, "interview": 2.0, "competition": 3.0}


class Apps(Programming):
    pass


def adapt(row: Apps) -> Adapted:
    """A row of APPS as a problem, its difficulty 1 (introductory) to 3 (competition)."""
    return adapt_program(row, LEVELS.get(row.difficulty or ""))
