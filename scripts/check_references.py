"""Rule check_references: problems and their reference solutions -> the problems that cannot be trusted."""

import logging
from collections.abc import Iterator

import msgspec

from skymake import records, rule
from skymake.grading import Limits
from skymake.grading.programs import ProgramGrader, check_reference
from skymake.records import Problem, Quarantined, Reference

TRIED = 5  # some problems ship hundreds, and the first right one settles it


def check_references(problems: str, references: str, quarantine: str, limits: dict) -> None:
    """Write the problems of a shard none of whose references passes. `limits` is the config's `grading` section."""
    asked = {problem.id: problem for problem in records.read(problems, Problem)}
    shipped = [(asked[each.problem], each.solutions[:TRIED]) for each in records.read(references, Reference)]
    count = records.write(quarantine, failing(shipped, msgspec.convert(limits, Limits)) if shipped else ())
    logging.info("%d problems, %d with references, %d quarantined", len(asked), len(shipped), count)


def failing(shipped: list[tuple[Problem, list[str]]], limits: Limits) -> Iterator[Quarantined]:
    """Those problems that none of their references solves."""
    with ProgramGrader(limits) as grader:
        for problem, solutions in shipped:
            if verdict := check_reference(problem, solutions, grader):
                yield Quarantined(problem.id, verdict.status, verdict.detail)


if __name__ == "__main__":
    rule.run(check_references, snakemake)
