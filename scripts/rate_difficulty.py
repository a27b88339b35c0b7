"""Rule rate_difficulty: what a model replied when it was asked how hard problems are becomes their difficulties."""

import logging

from skymake import difficulty, records, rule
from skymake.difficulty import Rating
from skymake.records import Problem, Trace


def rate_difficulty(problems: str, traces: str, ratings: str) -> None:
    """Write the rating of every problem of a shard; one whose reply rates nothing, or that has none, is unrated."""
    replies = {trace.problem: trace.text for trace in records.read(traces, Trace) if trace.sample == 0}
    rated = [
        Rating(problem.id, problem.question, difficulty.rating(replies.get(problem.id, "")))
        for problem in records.read(problems, Problem)
    ]
    records.write(ratings, rated)
    unrated = sum(one.difficulty is None for one in rated)
    logging.info("%d problems, %d of them unrated, %d without a reply", len(rated), unrated, len(rated) - len(replies))


if __name__ == "__main__":
    rule.run(rate_difficulty, snakemake)
