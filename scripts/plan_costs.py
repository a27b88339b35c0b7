"""Rule plan_costs: what is still to pay for, from problems, prompts and the store, before any of it is paid."""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from skymake import UserError, plans, prompts, records, rule
from skymake.candidates import Candidates, candidates, identity
from skymake.plans import Estimates, Line, Plan
from skymake.records import Problem
from skymake.spending import Rewriting, Sampling, Training, Work
from skymake.store import Completion, Store, requests, scan


def plan_costs(
    plan: str, table: str, project: str, devices: int, work: dict[str, Any], estimates: dict[str, Any], store: str
) -> None:
    """Write the plan, for machines and to be read. work: see skymake.spending. devices: that train together.

    Raises UserError with the plan when what is due exceeds the budget, unless the config allows that.
    """
    wanted, known, paid = msgspec.convert(work, Work), msgspec.convert(estimates, Estimates), Store(store)
    chosen = candidates(wanted, paid)
    files = {path: plans.digest(path) for part in wanted.samplings for path in part.problems}
    ids = [id for found in chosen.values() for id in found.ids]
    counted = Plan(project, files, ids, known, devices, list(lines(wanted, chosen, known, paid)))
    text, due = plans.markdown(counted), counted.total("rest").usd
    if due > known.budget_usd and known.over_budget == "refuse":
        raise UserError(
            f"{text}\n${due:,.2f} is over the budget of ${known.budget_usd:,.2f}: raise costs.budget_usd, or set "
            "costs.over_budget to allow"
        )
    logging.info("%s", text)
    records.write_json(plan, counted)
    Path(table).write_text(text)


class Asked(NamedTuple):
    """What a model is asked on a set: requests, how many of them the store has answers to, mean tokens, whether
    those are measured, and whether there may be fewer. question: tokens of a question alone, as it is asked.
    """

    count: int
    held: int
    tokens: tuple[float, float]
    measured: bool
    at_most: bool
    question: float
    domain: str
    published: bool


def lines(work: Work, chosen: dict[str, Candidates], estimates: Estimates, store: Store) -> Iterator[Line]:
    """Every line of the plan. chosen: the sets whose problems labels choose."""
    asked: dict[tuple[str, str], Asked] = {}
    for part in work.samplings:
        found = asked[part.model, part.set] = sampled(part, chosen.get(part.set), estimates, store)
        if part.asked:
            yield plans.asking(part.stage, estimates, part.model, part.set, *found[:5])
    for part in work.rewritings:
        yield rewritten(part, asked[part.teacher, part.set], estimates, store)
    for part in work.trainings:
        yield trained(part, asked, estimates)


def sampled(part: Sampling, chosen: Candidates | None, estimates: Estimates, store: Store) -> Asked:
    """What a model is asked on a set, of all candidates where labels choose its problems: at most the set's limit."""
    name = identity(part)
    keys: set[str] = set()
    characters, questions, problems, domain = 0, 0, 0, ""
    for problem in chosen.problems if chosen else records.read_all(part.problems, Problem):
        messages = prompts.messages(part.prompt, part.system, problem)
        problems, domain = problems + 1, problem.domain
        characters += sum(len(message["content"]) for message in messages)
        questions += len(messages[-1]["content"])
        keys |= {request.key for request in requests(name, messages, part.sampling)}
    expected, question = (n / max(problems, 1) / estimates.characters_per_token for n in (characters, questions))
    held, tokens = answered(store, part.model, part.set, keys)
    lengths = tokens or (expected, min(estimates.models[part.model].answer_tokens, part.sampling["max_tokens"]))
    most, at_most = (chosen.most, not chosen.sure) if chosen else (problems, False)
    if not part.asked:
        return Asked(most, most, lengths, False, at_most, question, domain, True)
    count = min(len(keys), most * part.sampling["samples"])
    held = count - min(count, len(keys) - held)
    return Asked(count, held, lengths, tokens is not None, at_most, question, domain, False)


def answered(store: Store, model: str, name: str, keys: set[str] | None) -> tuple[int, tuple[float, float] | None]:
    """How many of some requests (None: of all) the store has answers to, and their mean (prompt, answer) tokens."""
    entries = (entry for path in store.segments(model, name) for _, entry in scan(path))
    found = {
        entry.key: (entry.prompt_tokens, entry.completion_tokens)
        for entry in entries
        if isinstance(entry, Completion) and (keys is None or entry.key in keys)
    }
    if not found:
        return 0, None
    prompt, answer = map(sum, zip(*found.values(), strict=True))
    return len(found), (prompt / len(found), answer / len(found))


def rewritten(part: Rewriting, asked: Asked, estimates: Estimates, store: Store) -> Line:
    """What a rewriter is asked: the prompt and an answer in, a copy of the answer out."""
    count = asked.count * (estimates.accepted if part.correct_only else 1.0)
    held, tokens = answered(store, part.model, part.set, None)
    framing = len(Path(part.prompt).read_text()) / estimates.characters_per_token
    lengths = tokens or (framing + sum(asked.tokens), asked.tokens[1])
    known = (lengths, tokens is not None, asked.at_most)
    subject = f"{part.teacher} on {part.set}"
    return plans.asking("rewriting", estimates, part.model, subject, count, held, *known)


def trained(part: Training, asked: dict[tuple[str, str], Asked], estimates: Estimates) -> Line:
    """What a recipe trains on: the accepted answers, as many as its limits allow, or a corpus of the nano world."""
    rows: Counter[tuple[float, float]] = Counter()
    system = len(Path(part.system).read_text()) / estimates.characters_per_token if part.system else 0.0
    found = [asked[teacher, name] for name, teacher in part.sets.items()]
    accepted: Counter[str] = Counter()
    for each in found:
        accepted[each.domain] += stays(each, estimates)
    for each in found:
        share = min(1.0, part.limits.get(each.domain, math.inf) / max(accepted[each.domain], 1))
        rows[system + each.question, each.tokens[1]] += share * stays(each, estimates) * part.answers
    if part.corpus_rows:
        mean = sum(each.question for each in asked.values()) / max(len(asked), 1)
        rows[system + mean, estimates.models[part.base].answer_tokens] = part.corpus_rows
    done = all(each.held == each.count for each in found) and Path(part.checkpoint).exists()
    cut = {clip(tokens, part.cutoff_tokens): count for tokens, count in rows.items()}
    at_most = any(each.at_most for each in found)
    return plans.training(estimates, part.base, part.recipe, cut, part.epochs, part.utilisation, done, at_most)


def stays(asked: Asked, estimates: Estimates) -> float:
    """How many of the traces end in a mixture; published ones without a key all do."""
    return asked.count * (1.0 if asked.published else estimates.accepted)


def clip(tokens: tuple[float, float], cutoff: int) -> tuple[float, float]:
    """Lengths of a row of which the trainer takes `cutoff` tokens."""
    return tokens[0], min(tokens[1], cutoff - tokens[0])


if __name__ == "__main__":
    rule.run(plan_costs, snakemake)
