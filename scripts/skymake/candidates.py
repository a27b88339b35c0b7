"""The problems that a set may have which a model's labels choose, while some of the labels are not there yet."""

from pathlib import Path
from typing import NamedTuple

from skymake import answers, difficulty, prompts, records
from skymake.records import Problem
from skymake.spending import Sampling, Work
from skymake.store import Store, requests


class Candidates(NamedTuple):
    """problems: those that may be chosen. most: how many of them the set has at most. sure: whether it has just these,
    since all are rated. ids: theirs in the set that takes them.
    """

    problems: list[Problem]
    most: int
    sure: bool
    ids: list[str]


def candidates(work: Work, store: Store) -> dict[str, Candidates]:
    """Each set whose problems a model's labels choose, and its candidates."""
    raters = {(part.model, part.set): part for part in work.samplings if part.stage == "labelling"}
    chosen = {part.set: part for part in work.samplings if part.choice}
    return {name: _candidates(part, raters[part.choice.model, part.choice.set], store) for name, part in chosen.items()}


def identity(part: Sampling) -> str:
    """What tells a model from others; "" for weights that are not there yet, which have answered nothing."""
    known = not part.weights or Path(part.weights).exists()
    return answers.identify(part.weights, part.identity) if known else ""


def _candidates(part: Sampling, rater: Sampling, store: Store) -> Candidates:
    """Of the rated problems those in the range, up to the limit, and each to which the store has no reply yet."""
    problems = sorted(records.read_all(part.problems, Problem), key=lambda problem: problem.origin.row)
    name = identity(rater)
    keys = [_key(rater, name, problem) for problem in problems]
    replies = store.completions(rater.model, rater.set, frozenset(keys))
    chosen, unrated = [], []
    for problem, key in zip(problems, keys, strict=True):
        rating = difficulty.rating(replies[key].text) if key in replies else None
        if key not in replies:
            unrated.append(problem)
        elif rating is not None and part.choice.lowest <= rating <= part.choice.highest:
            chosen.append(problem)
    found = chosen[: part.choice.limit] + unrated
    ids = [f"{part.set}-{problem.id.rpartition('-')[2]}" for problem in found]
    return Candidates(found, min(len(found), part.choice.limit or len(found)), not unrated, ids)


def _key(rater: Sampling, name: str, problem: Problem) -> str:
    """The key of the request whose reply is the rating of a problem: that of the first sample."""
    return requests(name, prompts.messages(rater.prompt, rater.system, problem), rater.sampling)[0].key
