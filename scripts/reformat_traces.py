"""Rule reformat_traces: correct traces restated in the four-marker format."""

import logging

import msgspec

from skymake import markers, records, rule
from skymake.records import Problem, ProgramCheck, Rejection, Trace


def reformat_traces(problems: str, filtered: str, traces: str, rejections: str) -> None:
    """Restate the traces of this shard's problems; what cannot be restated is a rejection with its reason."""
    checks = {problem.id: problem.check for problem in records.read(problems, Problem)}
    mine = [trace for trace in records.read(filtered, Trace) if trace.problem in checks]
    results = [reformat(trace, isinstance(checks[trace.problem], ProgramCheck)) for trace in mine]
    kept = records.write(traces, (result for result in results if isinstance(result, Trace)))
    lost = records.write(rejections, (result for result in results if isinstance(result, Rejection)))
    logging.info("%d traces reformatted, %d rejected", kept, lost)


def reformat(trace: Trace, program: bool) -> Trace | Rejection:
    """One trace in the four-marker format, cut by rules alone."""
    text = f"<think>{trace.reasoning}</think>{trace.text}" if trace.reasoning else trace.text
    parts = markers.split(text, program)
    if parts is None:
        return Rejection(trace.key, trace.problem, trace.sample, "no place to cut thought from solution")
    return msgspec.structs.replace(trace, text=markers.join(*parts), reasoning=None)


if __name__ == "__main__":
    rule.run(reformat_traces, snakemake)
