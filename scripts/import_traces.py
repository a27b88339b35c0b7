"""Rule import_traces: the answers that a source publishes become traces, as published; no model is asked."""

import hashlib

from skymake import UserError, records, rule, sources
from skymake.records import Problem, Trace


def import_traces(source: str, problems: str, traces: str, failures: str, adapter: str, model: str) -> None:
    """Write one trace for each problem of a shard: what the row it was made from answers. model: who answered.

    Nothing is asked, so `failures` is empty. Raises UserError for a schema that publishes no answers.
    """
    schema = sources.adapter(adapter)
    if schema.answer is None:
        raise UserError(f"{source}: rows of {adapter} hold no published answers to import")
    asked = {problem.origin.row: problem.id for problem in records.read(problems, Problem)}
    rows = enumerate(records.read(source, schema.row))
    answers = {asked[number]: schema.answer(row) for number, row in rows if number in asked}
    records.write(failures, ())
    records.write(traces, (published(problem, model, answers[problem]) for problem in asked.values()))


def published(problem: str, model: str, text: str) -> Trace:
    """A published answer as a trace: nobody counted its tokens, and its key is its content."""
    key = hashlib.sha256(f"published\0{model}\0{problem}\0{text}".encode()).hexdigest()
    return Trace(key, problem, 0, model, text, None, "stop", 0, 0, 0.0, 0)


if __name__ == "__main__":
    rule.run(import_traces, snakemake)
