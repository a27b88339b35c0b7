"""Rule filter_traces: the traces whose verdict is `correct`."""

import logging
from collections import Counter

from skymake import UserError, records, rule
from skymake.records import Trace, Verdict


def filter_traces(traces: list[str], verdicts: list[str], filtered: str) -> None:
    """Keep the correct traces of a set, in order. Raises UserError when verdicts and traces are not of one another."""
    counts: Counter[str] = Counter()
    records.write(filtered, correct(traces, verdicts, counts))
    logging.info("%s", ", ".join(f"{count} {status}" for status, count in counts.most_common()))


def correct(traces: list[str], verdicts: list[str], counts: Counter[str]):
    """The correct ones of traces and verdicts that stand in the same order."""
    pairs = zip(records.read_all(traces, Trace), records.read_all(verdicts, Verdict), strict=True)
    for trace, verdict in pairs:
        if (trace.key, trace.problem, trace.sample) != (verdict.key, verdict.problem, verdict.sample):
            raise UserError(f"trace {trace.problem}, sample {trace.sample} has no verdict at its place: grade it again")
        counts[verdict.status] += 1
        if verdict.status == "correct":
            yield trace


if __name__ == "__main__":
    rule.run(filter_traces, snakemake)
