"""Rule build_preferences: pairs of answers to one problem, one to learn and one to unlearn, with their origin."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skymake import UserError, judged, mixtures, preferences, prompts, records, rule
from skymake.decontamination import Hit
from skymake.mixtures import Pair
from skymake.records import Problem, Trace, Verdict

Fates = dict[tuple[str, str], Counter]


class Choice(NamedTuple):
    """A pair of a kind of preferences.KINDS: the answer to learn and the answer to unlearn."""

    problem: Problem
    kind: str
    chosen: Trace
    rejected: Trace

    @property
    def place(self) -> str:
        """Where it stands: shuffled, and the same whatever other pairs come and go."""
        return hashlib.sha256(f"pair {self.kind} {self.chosen.key} {self.rejected.key}".encode()).hexdigest()


def build_preferences(
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    hits: str,
    prompt: list[str],
    system: str,
    train: str,
    info: str,
    provenance: str,
    card: str,
    pairs: dict[str, dict[str, int | None]],
    recipe: str,
) -> None:
    """Write the pairs of all sets, each question's once, none of them a benchmark's.

    traces, verdicts: of all samples, in the same order. hits: what find_contamination says of the problems.
    pairs: set -> kind -> how many at most, None for all. prompt: the prompt file of each of these sets, in their order.
    Raises UserError when there is no pair.
    """
    fates: Fates = defaultdict(Counter)
    asked = {problem.id: problem for problem in records.read_all(problems, Problem)}
    known = {hit.problem: hit for hit in records.read(hits, Hit)}
    found = choose(asked, judged.read(traces, verdicts), pairs, known, fates)
    chosen = sorted(limit(found, pairs, fates), key=lambda choice: choice.place)
    if not chosen:
        raise UserError(f"recipe {recipe}: no problem gave a pair: {dict(fates)}")
    prompt_of = dict(zip(pairs, prompt, strict=True))
    mixtures.write(train, info, (pair(choice, prompt_of, system) for choice in chosen), mixtures.PAIRS)
    records.write(provenance, (origin(number, choice) for number, choice in enumerate(chosen)))
    Path(card).write_text(describe(recipe, chosen, fates))


def choose(
    asked: dict[str, Problem],
    answers: Iterator[tuple[Trace, Verdict]],
    pairs: dict[str, dict[str, int | None]],
    hits: dict[str, Hit],
    fates: Fates,
) -> Iterator[Choice]:
    """All pairs of the wanted kinds; answers to one problem stand together. fates: (set, kind) -> what became of it."""
    seen: set[str] = set()
    for name, of_problem in groupby(answers, key=lambda answer: answer[0].problem):
        problem, hit = asked[name], hits.get(name)
        question = hit.other if hit else name
        correct, wrong = preferences.sides(of_problem)
        for kind in pairs[problem.set]:
            found = preferences.KINDS[kind](correct, wrong)
            if hit and hit.held_out:
                fates[problem.set, kind][mixtures.HELD_OUT] += 1
            elif question in seen:
                fates[problem.set, kind][mixtures.REPEATED] += 1
            elif not found:
                fates[problem.set, kind]["no such pair"] += 1
            else:
                yield Choice(problem, kind, *found)
        seen.add(question)


def limit(found: Iterator[Choice], pairs: dict[str, dict[str, int | None]], fates: Fates) -> Iterator[Choice]:
    """At most as many pairs of a set and a kind as wanted."""
    for choice in sorted(found, key=lambda choice: choice.place):
        fate, most = fates[choice.problem.set, choice.kind], pairs[choice.problem.set][choice.kind]
        if most is None or fate["kept"] < most:
            fate["kept"] += 1
            yield choice
        else:
            fate["more than wanted"] += 1


def pair(choice: Choice, prompt_of: dict[str, str], system: str) -> Pair:
    """The training row of a pair: asked as its model was asked."""
    said = prompts.render(system, choice.problem) if system else ""
    question = prompts.render(prompt_of[choice.problem.set], choice.problem)
    return mixtures.pair(said, question, choice.chosen.text, choice.rejected.text)


def origin(row: int, choice: Choice) -> preferences.Provenance:
    """Where a pair comes from."""
    (chosen, rejected), problem = (preferences.side(answer) for answer in choice[2:]), choice.problem
    return preferences.Provenance(row, problem.set, problem.id, choice.kind, choice.chosen.model, chosen, rejected)


def describe(recipe: str, chosen: list[Choice], fates: Fates) -> str:
    """The card of the pairs: what became of the problems of each set, and how long the answers are."""
    lines = [f"# Preference pairs of the recipe {recipe}", "", "| set | kind | fate | problems |", "|---|---|---|---:|"]
    lines += [f"| {name} | {kind} | {fate} | {n} |" for (name, kind), of in fates.items() for fate, n in of.items()]
    lines += ["", "| kind | pairs | tokens of the chosen | of the rejected |", "|---|---:|---:|---:|"]
    for kind in preferences.KINDS:
        of_kind = [choice for choice in chosen if choice.kind == kind]
        if of_kind:
            shorter = np.mean([choice.chosen.completion_tokens for choice in of_kind])
            longer = np.mean([choice.rejected.completion_tokens for choice in of_kind])
            lines.append(f"| {kind} | {len(of_kind)} | {shorter:.1f} | {longer:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rule.run(build_preferences, snakemake)
