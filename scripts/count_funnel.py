"""Count what became of the problems of a recipe: one small file for the report, whatever the size of the traces."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import msgspec
import numpy as np

from skymake import UserError, records, rule
from skymake.funnel import STAGES, Example, Funnel, SetFunnel
from skymake.records import ChoiceCheck, MathCheck, Problem, Trace, Verdict

EXAMPLES = 2  # per set, form and status
BINS = 24
CLIP = 900  # characters of an example's question and text


class Drops(msgspec.Struct):
    """What the report needs of a set's `drops.json`."""

    set: str
    rows: int
    dropped: dict[str, dict]


class Row(msgspec.Struct):
    """What the report needs of a record of the filtered traces or of the mixture's provenance: its problem."""

    problem: str


@dataclass
class Tally:
    """The counts of one set while the files are read."""

    problems: dict[str, Problem] = field(default_factory=dict)
    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    stages: Counter = field(default_factory=Counter)
    rejected: dict[str, Counter] = field(default_factory=lambda: {"raw": Counter(), "reformatted": Counter()})
    kept: set[str] = field(default_factory=set)
    tokens: dict[str, list[int]] = field(default_factory=lambda: {"filtered": [], "rejected": []})
    examples: dict[tuple[str, str], list[tuple[Verdict, str]]] = field(default_factory=lambda: defaultdict(list))


class Tallies(dict[str, Tally]):
    """Set -> its counts; finds the set of a problem."""

    def __init__(self, problems: list[str]) -> None:
        self.homes: dict[str, Tally] = {}
        for problem in records.read_all(problems, Problem):
            tally = self.setdefault(problem.set, Tally())
            tally.problems[problem.id] = problem
            tally.stages["problems"] += 1
            self.homes[problem.id] = tally

    def of(self, problem: str) -> Tally:
        if problem not in self.homes:
            raise UserError(f"{problem}: has a trace, but is a problem of no set of the recipe")
        return self.homes[problem]


def count_verdicts(tallies: Tallies, form: str, traces: list[str], verdicts: list[str]) -> None:
    """Count the verdicts on the traces of one form, and keep the shortest rejected traces of each status."""
    judged = {(verdict.problem, verdict.sample): verdict for verdict in records.read_all(verdicts, Verdict)}
    for trace in records.read_all(traces, Trace):
        tally, verdict = tallies.of(trace.problem), judged.get((trace.problem, trace.sample))
        if verdict is None:
            raise UserError(f"{trace.problem}: sample {trace.sample} of {trace.model} has no verdict")
        tally.stages["traces" if form == "raw" else "reformatted"] += 1
        correct = verdict.status == "correct"
        if form == "raw":
            tally.tokens["filtered" if correct else "rejected"].append(trace.completion_tokens)
        elif correct:
            tally.stages["verified"] += 1
        if not correct:
            tally.rejected[form][verdict.status] += 1
            shortest = tally.examples[form, verdict.status]
            shortest.append((verdict, trace.text))
            shortest.sort(key=lambda example: (len(example[1]), example[0].key))
            del shortest[EXAMPLES:]


def clip(text: str) -> str:
    """The beginning and the end of a long text."""
    return text if len(text) <= CLIP else f"{text[: CLIP // 2].rstrip()}\n[...]\n{text[-CLIP // 2 :].lstrip()}"


def expected(problem: Problem) -> str | None:
    """The answer that a checker looks for, where there is one to show."""
    return problem.check.answer if isinstance(problem.check, MathCheck | ChoiceCheck) else None


def example(problem: Problem, form: str, verdict: Verdict, text: str) -> Example:
    return Example(
        form=form,
        status=verdict.status,
        problem=problem.id,
        question=clip(problem.question),
        expected=expected(problem),
        text=clip(text),
        answer=verdict.answer,
        detail=clip(verdict.detail),
    )


def by_difficulty(tally: Tally) -> dict[str, list[int]]:
    """Difficulty in whole steps -> [problems, problems kept]."""
    steps: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for problem in tally.problems.values():
        step = float("inf") if problem.difficulty is None else round(problem.difficulty)
        steps[step][0] += 1
        steps[step][1] += problem.id in tally.kept
    return {"unrated" if step == float("inf") else str(step): steps[step] for step in sorted(steps)}


def summarise(name: str, tally: Tally, edges: np.ndarray, private: bool) -> SetFunnel:
    """The funnel of one set; a private set's texts stay out of it."""
    shown = {} if private else tally.examples
    return SetFunnel(
        set=name,
        domain=next(iter(tally.problems.values())).domain,
        rows=tally.rows,
        dropped=tally.dropped,
        stages={stage: tally.stages[stage] for stage in STAGES},
        rejected={form: dict(counts.most_common()) for form, counts in tally.rejected.items()},
        difficulty=by_difficulty(tally),
        tokens={part: np.histogram(values, edges)[0].tolist() for part, values in tally.tokens.items()},
        examples=[
            example(tally.problems[verdict.problem], form, verdict, text)
            for (form, _), found in sorted(shown.items())
            for verdict, text in found
        ],
    )


def count_funnel(
    drops: list[str],
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    filtered: list[str],
    reformatted: list[str],
    reformatted_verdicts: list[str],
    provenance: str,
    funnel: str,
    recipe: str,
    private: list[str],
) -> None:
    """Write the counts of every stage of `recipe`, with examples of what was rejected.

    The lists hold the files of all shards of all sets of the recipe; `private` names the sets whose texts stay out.
    """
    tallies = Tallies(problems)
    for entry in (records.read_json(path, Drops) for path in drops):
        if entry.set in tallies:
            tallies[entry.set].rows = entry.rows
            tallies[entry.set].dropped = {reason: count["rows"] for reason, count in entry.dropped.items()}
    count_verdicts(tallies, "raw", traces, verdicts)
    for row in records.read_all(filtered, Row):
        tallies.of(row.problem).stages["filtered"] += 1
    count_verdicts(tallies, "reformatted", reformatted, reformatted_verdicts)
    for row in records.read(provenance, Row):
        tallies.of(row.problem).stages["kept"] += 1
        tallies.of(row.problem).kept.add(row.problem)
    tokens = [count for tally in tallies.values() for part in tally.tokens.values() for count in part]
    edges = np.linspace(0, max(tokens, default=1), BINS + 1)
    sets = [summarise(name, tally, edges, name in private) for name, tally in tallies.items()]
    records.write_json(funnel, Funnel(recipe=recipe, token_edges=edges.tolist(), sets=sets))


if __name__ == "__main__":
    rule.run(count_funnel, snakemake)
