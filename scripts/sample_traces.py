"""Rule sample_traces: a model asked every problem of a file, k times each, for what the store does not hold yet."""

import logging
from typing import Any

import msgspec

from skymake import UserError, records, rule
from skymake.answers import ask_all, requests_for, summary
from skymake.endpoint import Address, Endpoint
from skymake.records import Failure, Trace
from skymake.store import Completion, FailedRequest, Store

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
) -> None:
    """Write the traces of a model for a file of problems, in the order (problem, sample), and the failures beside them.

    engine: description of the running server; empty for a hosted model. weights: manifest of local weights, whose
    digest identifies the model; empty where `identity` does. system: file of the system prompt, or empty.
    sampling: `samples` per problem, `seed`, and the parameters sent to the engine. store: root of the completion store.
    Raises UserError when more than `failure_share` of the requests failed.
    """
    identity = f"sha256:{records.read_json(weights)['digest']}" if weights else identity
    asked = list(requests_for(problems, prompt, system, identity, sampling))
    completions, failed = ask_all(
        (request for _, request in asked),
        Store(store),
        model,
        set,
        _endpoint(endpoint, model),
        records.read_json(engine, Address) if engine else None,
        failure_share,
    )
    keys = [(problem, request.sample, request.key) for problem, request in asked]
    records.write(traces, (trace(*key, model, completions[key[2]]) for key in keys if key[2] in completions))
    records.write(failures, (failure(*key, model, failed[key[2]]) for key in keys if key[2] in failed))
    if failed:
        log.warning("%d requests failed and will be asked again: %s", len(failed), summary(failed))


def trace(problem: str, sample: int, key: str, model: str, answer: Completion) -> Trace:
    """The trace that a completion is."""
    return Trace(
        key=key,
        problem=problem,
        sample=sample,
        model=model,
        text=answer.text,
        reasoning=answer.reasoning,
        finish=answer.finish,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
        seed=answer.seed,
    )


def failure(problem: str, sample: int, key: str, model: str, failed: FailedRequest) -> Failure:
    """The record of a request without an answer."""
    return Failure(key, problem, sample, model, failed.kind, failed.detail)


def _endpoint(settings: dict[str, Any], model: str) -> Endpoint:
    try:
        return msgspec.convert(settings, Endpoint)
    except msgspec.ValidationError as error:
        raise UserError(f"endpoint of model {model}: {error}") from None


if __name__ == "__main__":
    rule.run(sample_traces, snakemake)
