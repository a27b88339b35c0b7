"""Traces beside their verdicts, which stand in files of their own in the same order."""

from collections.abc import Iterable, Iterator

from skymake import UserError, records
from skymake.records import Trace, Verdict

STANDS = frozenset({"correct", "unchecked"})
"""The verdicts that let a trace stand: right, or published without a key."""


def read(traces: Iterable[str], verdicts: Iterable[str]) -> Iterator[tuple[Trace, Verdict]]:
    """The traces of some files, each with its verdict; UserError at the first whose verdict is not at its place."""
    for trace, verdict in zip(records.read_all(traces, Trace), records.read_all(verdicts, Verdict), strict=True):
        if (trace.key, trace.problem, trace.sample) != (verdict.key, verdict.problem, verdict.sample):
            raise UserError(f"trace {trace.problem}, sample {trace.sample} has no verdict at its place: grade it again")
        yield trace, verdict
