"""Grade files: problems and traces in, one verdict a trace out."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tqdm import tqdm

from skymake import UserError, records
from skymake.grading import Limits, grade_all
from skymake.records import Problem, Quarantined, Trace, Verdict


def grade_file(
    problems: str | Path,
    traces: str | Path,
    verdicts: str | Path,
    limits: Limits,
    workers: int,
    quarantine: str | Path | None = None,
    published: bool = False,
) -> int:
    """Write the verdicts on `traces`, in their order; returns how many. Progress goes to stderr when it is a terminal.

    quarantine: a file of the problems that are not to be trusted, whose traces are `not_gradable`. published: whether
    the traces are answers that a source publishes, `unchecked` where there is no key.
    Raises UserError naming the line of a trace whose problem is not in `problems`.
    """
    with open(traces, "rb") as lines:
        total = sum(1 for _ in lines)
    untrusted = reasons(quarantine) if quarantine else {}
    graded = grade_all(pairs(problems, traces), limits, workers, untrusted, published)
    return records.write(verdicts, tqdm(graded, total=total, unit=" traces", desc="grading", disable=None))


def pairs(problems: str | Path, traces: str | Path) -> Iterator[tuple[Problem, Trace]]:
    """Each trace with its problem, in the order of the traces."""
    by_id = {problem.id: problem for problem in records.read(problems, Problem)}
    for number, trace in enumerate(records.read(traces, Trace), start=1):
        if trace.problem not in by_id:
            raise UserError(
                f"{traces}:{number}: problem {trace.problem!r} is not in {problems}: give the problems that were asked"
            )
        yield by_id[trace.problem], trace


def reasons(quarantine: str | Path) -> dict[str, str]:
    """Why each problem of the quarantine cannot be graded, by its id."""
    return {
        each.problem: f"its own reference solution fails: {each.status}: {each.detail}"
        for each in records.read(quarantine, Quarantined)
    }


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake grade`."""
    parser.add_argument("--problems", required=True, metavar="P.jsonl", help="problems that the traces answer")
    parser.add_argument("--traces", required=True, metavar="T.jsonl", help="traces to grade")
    parser.add_argument("--out", required=True, metavar="V.jsonl", help="where the verdicts go")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="graders at once (default: all cores)"
    )
    defaults = msgspec.to_builtins(Limits())
    for field in msgspec.structs.fields(Limits):
        option = "--" + field.name.replace("_", "-")
        if field.type is bool:
            parser.add_argument(option, action="store_true", help="(default: off)")
        else:
            choices = getattr(field.type, "__args__", None)
            parser.add_argument(
                option,
                type=type(defaults[field.name]),
                choices=choices,
                default=defaults[field.name],
                help="(default: %(default)s)",
            )


def run(arguments: argparse.Namespace) -> int:
    """`skymake grade`: write the verdicts, and say how many there are of each status."""
    limits = msgspec.convert({field: getattr(arguments, field) for field in Limits.__struct_fields__}, Limits)
    grade_file(arguments.problems, arguments.traces, arguments.out, limits, arguments.workers)
    statuses = Counter(verdict.status for verdict in records.read(arguments.out, Verdict))
    for status, count in statuses.most_common():
        print(f"{count:8,}  {status}")
    return 0
