"""Rule rewrite_traces: traces restated in the four-marker format by a model, which is held to a contract."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from skymake import markers, plans, prompts, records, rule
from skymake.answers import ask_all, identify, trace_of
from skymake.endpoint import Address, described
from skymake.records import Problem, ProgramCheck, Rejection, Trace
from skymake.reformatting import Rewriter, accept, restated, whole
from skymake.store import Request, Store, requests

log = logging.getLogger(__name__)


def rewrite_traces(
    engine: str,
    problems: str,
    traces: str,
    weights: str,
    prompt: str,
    system: str,
    reformatted: str,
    rejections: str,
    rewrites: str,
    model: str,
    identity: str,
    set: str,
    rewriter: dict[str, Any],
    sampling: dict[str, Any],
    endpoint: dict[str, Any],
    store: str,
    failure_share: float,
    plan: str,
) -> None:
    """Restate the traces of this shard's problems, and write beside them the rejections, and the rewriter's answers as
    they came, whose key is that of the request to the rewriter.

    engine, weights, prompt, system, model, identity, sampling, endpoint: the rewriter's, as for sampling. The prompt
    knows `text`, the trace. rewriter: an entry of `rewriters`. Raises UserError when more than `failure_share` of the
    requests failed.
    """
    wanted, identity = msgspec.convert(rewriter, Rewriter), identify(weights, identity)
    asked = {problem.id: problem for problem in records.read(problems, Problem)}

    def request(trace: Trace) -> Request:
        messages = prompts.messages(prompt, system, asked[trace.problem], text=whole(trace))
        return requests(identity, messages, sampling)[0]

    def mine() -> Iterator[tuple[Trace, tuple[str, str] | None]]:
        """The traces of this shard, with their parts where they say them themselves."""
        for trace in records.read(traces, Trace):
            if trace.problem in asked:
                program = isinstance(asked[trace.problem].check, ProgramCheck)
                yield trace, markers.own_split(whole(trace), program) if wanted.split else None

    answers, failed = ask_all(
        lambda: (request(trace) for trace, parts in mine() if not parts),
        Store(store),
        model,
        set,
        described(endpoint, model),
        records.read_json(engine, Address) if engine else None,
        failure_share,
        lambda: plans.permit(plan, problems),
    )
    counts: Counter[str] = Counter()
    with (
        records.writing(reformatted) as keep,
        records.writing(rejections) as reject,
        records.writing(rewrites) as note,
    ):
        for trace, parts in mine():
            if parts:
                result = restated(trace, *parts)
            else:
                key = request(trace).key
                if key in answers:
                    note(trace_of(answers[key], trace.problem, trace.sample, model))
                result = accept(trace, asked[trace.problem], failed.get(key) or answers[key], wanted.contract)
            (reject if isinstance(result, Rejection) else keep)(result)
            counts[result.reason if isinstance(result, Rejection) else "split" if parts else "rewritten"] += 1
    log.info("%s", ", ".join(f"{count} {fate}" for fate, count in counts.most_common()))


if __name__ == "__main__":
    rule.run(rewrite_traces, snakemake)
