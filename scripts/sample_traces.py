"""Rule sample_traces: a model asked every problem of a file, k times each, for what the store does not hold yet."""

import logging
from typing import Any

from skymake import plans, records, rule
from skymake.answers import ask_all, identify, requests_for, summary, trace_of
from skymake.endpoint import Address, described
from skymake.records import Failure
from skymake.store import FailedRequest, Store

log = logging.getLogger(__name__)


def sample_traces(
    engine: str,
    problems: str,
    weights: str,
    prompt: str,
    system: str,
    traces: str,
    failures: str,
    model: str,
    identity: str,
    set: str,
    sampling: dict[str, Any],
    endpoint: dict[str, Any],
    store: str,
    failure_share: float,
    plan: str,
) -> None:
    """Write the traces of a model for a file of problems, in the order (problem, sample), and the failures beside them.

    engine: description of the running server; empty for a hosted model. weights: manifest of local weights, whose
    digest identifies the model; empty where `identity` does. system: file of the system prompt, or empty.
    sampling: `samples` per problem, `seed`, and the parameters sent to the engine. store: root of the completion store.
    plan: must have counted the problems before anything is asked; "" where nothing costs money.
    Raises UserError when more than `failure_share` of the requests failed.
    """
    identity = identify(weights, identity)
    asked = list(requests_for(problems, prompt, system, identity, sampling))
    completions, failed = ask_all(
        lambda: (request for _, request in asked),
        Store(store),
        model,
        set,
        described(endpoint, model),
        records.read_json(engine, Address) if engine else None,
        failure_share,
        lambda: plans.permit(plan, problems),
    )
    keys = [(problem, request.sample, request.key) for problem, request in asked]
    there = (place for place in keys if place[2] in completions)
    records.write(traces, (trace_of(completions[key], problem, sample, model) for problem, sample, key in there))
    gone = (place for place in keys if place[2] in failed)
    records.write(failures, (failure(failed[key], problem, sample, model) for problem, sample, key in gone))
    if failed:
        log.warning("%d requests failed and will be asked again: %s", len(failed), summary(failed))


def failure(failed: FailedRequest, problem: str, sample: int, model: str) -> Failure:
    """The record of a request without an answer."""
    return Failure(failed.key, problem, sample, model, failed.kind, failed.detail)


if __name__ == "__main__":
    rule.run(sample_traces, snakemake)
