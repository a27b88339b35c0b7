"""Rule reformat_traces: correct traces restated in the four-marker format."""

import logging

from skymake import markers, records, rule
from skymake.records import Problem, ProgramCheck, Rejection, Trace
from skymake.reformatting import rejected, restated, whole


def reformat_traces(problems: str, filtered: str, traces: str, rejections: str) -> None:
    """Restate the traces of this shard's problems; what cannot be restated is a rejection with its reason."""
    programs = {p.id: isinstance(p.check, ProgramCheck) for p in records.read(problems, Problem)}
    counts = {Trace: 0, Rejection: 0}
    with records.writing(traces) as keep, records.writing(rejections) as reject:
        for trace in records.read(filtered, Trace):
            if trace.problem in programs:
                result = reformat(trace, programs[trace.problem])
                (keep if isinstance(result, Trace) else reject)(result)
                counts[type(result)] += 1
    logging.info("%d traces reformatted, %d rejected", counts[Trace], counts[Rejection])


def reformat(trace: Trace, program: bool) -> Trace | Rejection:
    """One trace in the four-marker format, cut by rules alone."""
    parts = markers.split(whole(trace), program)
    return restated(trace, *parts) if parts else rejected(trace, "no_place_to_cut", "")


if __name__ == "__main__":
    rule.run(reformat_traces, snakemake)
