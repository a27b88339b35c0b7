"""Rule filter_traces: the traces whose verdict is `correct`, and published ones to whose questions there is no key."""

import logging
from collections import Counter
from collections.abc import Iterator

from skymake import judged, records, rule
from skymake.records import Trace


def filter_traces(traces: list[str], verdicts: list[str], filtered: str) -> None:
    """Keep the traces of a set whose verdict lets them stand, in order.

    Raises UserError when verdicts and traces are not of one another.
    """
    counts: Counter[str] = Counter()
    records.write(filtered, keep(traces, verdicts, counts))
    logging.info("%s", ", ".join(f"{count} {status}" for status, count in counts.most_common()))


def keep(traces: list[str], verdicts: list[str], counts: Counter[str]) -> Iterator[Trace]:
    """The traces that stand. counts: status -> traces."""
    for trace, verdict in judged.read(traces, verdicts):
        counts[verdict.status] += 1
        if verdict.status in judged.STANDS:
            yield trace


if __name__ == "__main__":
    rule.run(filter_traces, snakemake)
