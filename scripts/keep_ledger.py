"""Rule keep_ledger: what each stage really took, for each row that is trained on, as far as it was measured."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pandas as pd

from skymake import ledgers, records, rule
from skymake.costs import Price, occupying
from skymake.ledgers import Bill, Entry, Ledger, total
from skymake.plans import Estimates, Stage
from skymake.runs import Attempt
from skymake.spending import Choice, Rewriting, Sampling, Training, Work


class Spent(msgspec.Struct):
    """What is needed here of a trace."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    batched: bool = False


def keep_ledger(table: str, ledger: str, work: dict[str, Any], estimates: dict[str, Any], store: str) -> None:
    """Write the ledger, as a table and for the report. work: see skymake.spending; its files are all there."""
    wanted, known = msgspec.convert(work, Work), msgspec.convert(estimates, Estimates)
    rows = {part.recipe: count(part.provenance) for part in wanted.trainings if part.provenance}
    entries = [*asked(wanted, known, store), *(trained(part, known) for part in wanted.trainings)]
    frame = pd.DataFrame([msgspec.to_builtins(entry) for entry in entries])
    served = frame["recipes"].map(lambda recipes: sum(rows.get(recipe, 0) for recipe in recipes)).replace(0, None)
    for amount in ("usd", "gpu_hours", "completion_tokens"):
        frame[f"{amount}_per_row"] = pd.to_numeric(frame[amount]) / pd.to_numeric(served)
    frame["recipes"] = frame["recipes"].map(" ".join)
    with records.replacing(table) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")
    records.write_json(ledger, Ledger(entries, [bill(recipe, rows[recipe], entries) for recipe in rows]))


def count(path: str) -> int:
    """How many lines a file has."""
    with open(path, "rb") as lines:
        return sum(1 for _ in lines)


def asked(work: Work, estimates: Estimates, store: str) -> Iterator[Entry]:
    """The lines of all that was asked. A server's hours are shared by the tokens that it read and wrote."""
    parts = [part for part in (*work.samplings, *work.rewritings) if not isinstance(part, Sampling) or part.asked]
    prices = [estimates.models[part.model].price for part in parts]
    entries = [answered(part, work, price) for part, price in zip(parts, prices, strict=True)]
    tokens: dict[str, int] = defaultdict(int)
    for entry in entries:
        tokens[entry.model] += entry.prompt_tokens + entry.completion_tokens
    for part, price, entry in zip(parts, prices, entries, strict=True):
        hours = None if price else ledgers.gpu_hours(store, part.model, records.read_json(part.weights)["digest"])
        if hours is not None:
            share = (entry.prompt_tokens + entry.completion_tokens) / max(tokens[part.model], 1)
            entry.gpu_hours, entry.usd = share * hours, occupying(share * hours, estimates.device).usd
        yield entry


def answered(part: Sampling | Rewriting, work: Work, price: Price | None) -> Entry:
    """The line of one model on one set; before its hours and its money are known, where it has no price."""
    if isinstance(part, Sampling) and part.stage == "labelling":
        chosen = {each.set for each in work.samplings if each.choice and rates(part, each.choice)}
        recipes = [each.recipe for each in work.trainings if chosen & each.sets.keys()]
        return add_up("labelling", part.model, part.set, recipes, part.traces, price)
    if isinstance(part, Sampling):
        recipes = [each.recipe for each in work.trainings if each.sets.get(part.set) == part.model]
        return add_up("sampling", part.model, part.set, recipes, part.traces, price)
    recipes = [each.recipe for each in work.trainings if each.rewriter == part.rewriter and part.set in each.sets]
    return add_up("rewriting", part.model, f"{part.teacher} on {part.set}", recipes, part.rewrites, price)


def rates(part: Sampling, choice: Choice) -> bool:
    """Whether these are the ratings that choose the problems of a set."""
    return (part.model, part.set) == (choice.model, choice.set)


def add_up(
    stage: str, model: str, subject: str, recipes: list[str], files: Iterable[str], price: Price | None
) -> Entry:
    """Answers, tokens and the wall clocks of all requests in some files, and the money where they have a price."""
    unknown = 0.0 if price else None
    entry = Entry(stage, model, subject, recipes, 0, 0, 0, 0.0, unknown, unknown)
    for spent in records.read_all(files, Spent):
        entry.count += 1
        entry.prompt_tokens += spent.prompt_tokens
        entry.completion_tokens += spent.completion_tokens
        entry.request_hours += spent.seconds / 3600
        if price:
            entry.usd += price.cost(spent.prompt_tokens, spent.completion_tokens, spent.batched).usd
    return entry


def trained(part: Training, estimates: Estimates) -> Entry:
    """The line of a training: the time of all attempts at it."""
    run = next(Path(part.checkpoint).parent.glob("*.safetensors")).resolve().parents[1]
    attempts = list(records.read(run / "attempts.jsonl", Attempt)) if (run / "attempts.jsonl").exists() else []
    hours = sum(attempt.seconds * attempt.devices / 3600 for attempt in attempts) if attempts else None
    usd = None if hours is None else occupying(hours, estimates.device).usd
    rows = count(part.provenance) if part.provenance else part.corpus_rows
    return Entry("training", part.base, part.recipe, [part.recipe], rows, 0, 0, 0.0, hours, usd)


def bill(recipe: str, rows: int, entries: list[Entry]) -> Bill:
    """What one recipe would have cost alone: its labels, its teachers' answers, their restating, its training."""
    mine = [entry for entry in entries if recipe in entry.recipes]
    usd = (total(entry.usd for entry in mine if entry.stage == stage) for stage in get_args(Stage))
    hours, tokens = total(entry.gpu_hours for entry in mine), sum(entry.completion_tokens for entry in mine)
    return Bill(recipe, rows, *usd, hours, tokens)


if __name__ == "__main__":
    rule.run(keep_ledger, snakemake)
