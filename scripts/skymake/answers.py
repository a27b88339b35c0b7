"""Answers to many requests: from the completion store what is there, from the endpoint what is missing."""

import asyncio
import collections
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from skymake import UserError, batches, prompts, records
from skymake.batches import Batches, Note
from skymake.client import Client
from skymake.endpoint import Address, Endpoint
from skymake.progress import Progress
from skymake.records import Problem, Trace
from skymake.store import Completion, Completions, Entry, FailedRequest, Request, Segment, Store, requests

log = logging.getLogger(__name__)


def identify(weights: str | Path, identity: str) -> str:
    """What tells a model from others: the digest in the manifest of local weights, else the given identity."""
    return f"sha256:{records.read_json(weights)['digest']}" if weights else identity


def requests_for(
    problems: str | Path, prompt: str | Path, system: str | Path | None, identity: str, sampling: Mapping[str, Any]
) -> Iterator[tuple[str, Request]]:
    """What a model is asked for a file of problems: problem ids and requests, in the order (problem, sample)."""
    for problem in records.read(problems, Problem):
        for request in requests(identity, prompts.messages(prompt, system, problem), sampling):
            yield problem.id, request


def ask_all(
    asked: Callable[[], Iterable[Request]],
    store: Store,
    model: str,
    set: str,
    endpoint: Endpoint,
    server: Address | None,
    failure_share: float,
    permit: Callable[[], None],
) -> tuple[Completions, dict[str, FailedRequest]]:
    """The completions of all requests, by key, and the failures of this run, by key. Equal requests are asked once.

    asked: gives the requests, each time it is called; they need not fit into memory. permit: raises UserError when
    what is missing may not be paid for.

    An answer is in the store before it counts. Raises UserError as soon as more than `failure_share` of the requests
    have failed, or when none can be answered; what was answered until then is kept.
    """
    wanted = frozenset(request.key for request in asked())
    notes = batches.noted(store.folder(model, set))  # before the store: a note goes when the answers are there
    completions = store.completions(model, set, wanted)
    missing = wanted - completions.keys()
    log.info("%s, %s: %d requests, %d of them to ask", model, set, len(wanted), len(missing))
    if not missing:
        return completions, {}
    permit()
    under_way = batches.concerning(notes, missing)
    queue, client = _once(asked(), missing), Client(endpoint, server)
    with store.segment(model, set) as segment:
        intake = Intake(segment, completions, wanted, failure_share)
        if endpoint.batch:
            asking = Batches(client, endpoint.batch, store.folder(model, set))
            asyncio.run(_ask_in_batches(queue, under_way, asking, intake))
        else:
            batches.refuse(under_way)
            asyncio.run(_ask(queue, len(missing), client, intake))
    return completions, intake.failures


class Intake:
    """Takes what came of requests: first into the store, then, where it is wanted, into the result."""

    def __init__(self, segment: Segment, completions: Completions, wanted: Set[str], failure_share: float) -> None:
        self.segment, self.completions, self.wanted, self.failure_share = segment, completions, wanted, failure_share
        self.failures: dict[str, FailedRequest] = {}

    def keep(self, entry: Entry) -> None:
        """Keep what came of one request."""
        offset = self.segment.append(entry)
        if entry.key not in self.wanted:
            return
        if isinstance(entry, Completion):
            self.completions.add(entry.key, self.segment.path, offset)
        else:
            self.failures[entry.key] = entry

    def check(self) -> None:
        """Raises UserError when more than the share that may fail has failed."""
        if len(self.failures) > self.failure_share * len(self.wanted):
            raise UserError(f"too many requests failed, run again to ask for what is missing: {summary(self.failures)}")


def _once(asked: Iterable[Request], missing: Iterable[str]) -> Iterator[Request]:
    """The missing ones of the requests, each once."""
    left = {*missing}
    for request in asked:
        if (key := request.key) in left:
            left.remove(key)
            yield request


async def _ask_in_batches(queue: Iterator[Request], notes: dict[Path, Note], asking: Batches, intake: Intake) -> None:
    """Ask by the Batch API. A batch is forgotten when all that came of it is on the disk, failures too."""
    async with asking.client:
        async for note, entries in asking.answers(queue, notes):
            for entry in entries:
                intake.keep(entry)
            intake.segment.sync()
            note.unlink(missing_ok=True)
    intake.check()


async def _ask(queue: Iterator[Request], count: int, client: Client, intake: Intake) -> None:
    """Ask with bounded concurrency. After trouble nothing new is asked; what is in flight may finish: it is paid."""
    troubles: list[UserError] = []

    async def work() -> None:
        for request in queue:  # the workers share it
            try:
                entry = await client.ask(request)
                intake.keep(entry)
                intake.check()
            except UserError as trouble:
                if not troubles:
                    log.warning("nothing more is asked; waiting for what is in flight")
                troubles.append(trouble)
            else:
                progress.add(getattr(entry, "completion_tokens", 0), failed=isinstance(entry, FailedRequest))
            if troubles:
                return

    async with client:
        await client.ready()
        with Progress(count, f"asking {client.model}") as progress:
            await asyncio.gather(*(work() for _ in range(min(client.endpoint.concurrency, count))))
    if troubles:
        raise troubles[0]


def trace_of(answer: Completion, problem: str, sample: int, model: str) -> Trace:
    """The trace that a completion is."""
    return Trace(
        key=answer.key,
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
        batched=answer.batched,
    )


def summary(failures: Mapping[str, FailedRequest]) -> str:
    """Failures by kind, with one example of each."""
    kinds = collections.Counter(failure.kind for failure in failures.values())
    examples = {failure.kind: failure.detail for failure in failures.values()}
    return "; ".join(f"{count} {kind} (such as: {examples[kind]})" for kind, count in kinds.most_common())
