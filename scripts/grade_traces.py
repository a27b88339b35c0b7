"""Rule grade_traces: problems, traces and quarantine -> one verdict a trace."""

import msgspec

from skymake import rule
from skymake.grading import Limits
from skymake.grading.files import grade_file


def grade_traces(
    problems: str, traces: str, quarantine: str, verdicts: str, limits: dict, published: bool, threads: int
) -> None:
    """Grade a file of traces with `threads` graders at once. `limits` is the config's `grading` section.

    published: whether the traces are the answers that a source publishes.
    """
    grade_file(problems, traces, verdicts, msgspec.convert(limits, Limits), threads, quarantine, published)


if __name__ == "__main__":
    rule.run(grade_traces, snakemake)
