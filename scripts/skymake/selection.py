"""Which verified traces a mixture is made of: each question once, none of a benchmark, no domain beyond its limit."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from skymake import judged, mixtures
from skymake.decontamination import Hit
from skymake.mixtures import Dropped
from skymake.records import Problem, Trace, Verdict


class Fates:
    """What became of the traces: counts, by set and fate, and the verified ones that are left out."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.left_out: list[Dropped] = []

    def leave_out(self, trace: Trace, name: str, reason: str, by: str | None) -> None:
        """A verified trace of the set `name` that is not trained on."""
        self.counts[name][reason] += 1
        self.left_out.append(Dropped(trace.key, trace.problem, trace.sample, reason, by))


def select(
    asked: dict[str, Problem], answers: Iterable[tuple[Trace, Verdict]], hits: dict[str, Hit], limits: dict[str, int]
) -> tuple[list[Trace], Fates]:
    """The traces of a mixture in its order, and what became of the others.

    answers: reformatted traces with their verdicts. hits: problem -> what asks it already. limits: domain -> at most so
    many rows.
    """
    fates = Fates()
    verified = sorted(choose(asked, answers, hits, fates), key=lambda trace: place(trace.key))
    return list(limited(verified, asked, limits, fates)), fates


def choose(
    asked: dict[str, Problem], answers: Iterable[tuple[Trace, Verdict]], hits: dict[str, Hit], fates: Fates
) -> Iterator[Trace]:
    """The verified traces of different questions. Of problems that repeat one another, the first that is solved stays.

    hits: problem -> what asks it already.
    """
    owner: dict[str, str] = {}
    for trace, verdict in answers:
        hit, name = hits.get(trace.problem), asked[trace.problem].set
        if verdict.status not in judged.STANDS:
            fates.counts[name]["not correct when reformatted"] += 1
        elif hit and hit.held_out:
            fates.leave_out(trace, name, mixtures.HELD_OUT, hit.other)
        elif (by := owner.setdefault(hit.other if hit else trace.problem, trace.problem)) != trace.problem:
            fates.leave_out(trace, name, mixtures.REPEATED, by)
        else:
            yield trace


def limited(traces: list[Trace], asked: dict[str, Problem], limits: dict[str, int], fates: Fates) -> Iterator[Trace]:
    """The first traces of each domain, as many as its limit allows."""
    rows: Counter[str] = Counter()
    for trace in traces:
        problem = asked[trace.problem]
        rows[problem.domain] += 1
        if rows[problem.domain] > limits.get(problem.domain, len(traces)):
            fates.leave_out(trace, problem.set, mixtures.LIMITED, None)
        else:
            fates.counts[problem.set]["kept"] += 1
            yield trace


def place(key: str) -> str:
    """Where a trace stands in the mixture: shuffled, and the same whatever other traces come and go."""
    return hashlib.sha256(f"mixture {key}".encode()).hexdigest()
