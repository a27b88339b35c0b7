"""The workflow with hosted models, from problems to a mixture: the requests are those that the server counts.

The teacher is asked one by one, the rewriter in batches.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from batch_server import BatchServer
from clone import Build
from faulty_server import Reply, good

from skymake import markers, records
from skymake.plans import Plan
from skymake.records import Rejection, Trace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROWS, SAMPLES = 12, 2
SECRET = "sk-secret-of-the-workflow"
RECIPE = {"teacher": "oracle", "sets": ["sums"], "student": "base", "training": "distillation"}
MIXTURE = "results/nano/mixtures/{}/train.jsonl"


def behaviour(body: dict, attempt: int) -> Reply:
    """A teacher of sums, or what restates its answers, a quarter of them without markers."""
    said = body["messages"][-1]["content"]
    if body["model"] == "oracle":
        first, second = map(int, re.search(r"(\d+) \+ (\d+)", said).groups())
        return good(
            body,
            text=f"ok we add {first} and then {second} with care, try {body['seed']}\nso \\boxed{{{first + second}}}",
        )
    return good(body, text=said if body["seed"] % 4 == 0 else markers.join(*markers.split(said, False)))


class Hosted:
    """A copy of the project whose teacher and rewriter are hosted, and the server that is both."""

    def __init__(self, build: Build, server: BatchServer) -> None:
        self.build, self.server = build, server
        api = {"url": server.url, "key_env": "SOME_KEY", "concurrency": 8, "timeout_s": 60, "attempts": 3}
        models = {name: {"api": {**api, "id": name}, "system": None} for name in ("oracle", "mini")}
        models["mini"]["batch"] = {"poll_s": 0.1, "requests": 20, "megabytes": 1.0}
        paid = {"answer_tokens": 40, "price": {"prompt_usd": 1.0, "completion_usd": 2.0, "batch_factor": 0.5}}
        contract = {"kept": 0.9, "taken": 0.9, "shortest": 0.8, "longest": 1.2}
        rewriter = {"model": "mini", "prompt": "rewrite_nano", "sampling": "once", "order": "rewrite_first"}
        self.overlay: dict[str, Any] = {
            "sources": {"numina": {"nano": {"rows": ROWS}}},
            "sampling": {"twice": {"temperature": 0.7, "top_p": 1.0, "max_tokens": 90, "samples": SAMPLES, "seed": 0}},
            "sets": {"sums": {"sampling": "twice"}},
            "models": models,
            "rewriters": {"hosted": {**rewriter, "split": True, "contract": contract}},
            "recipes": {"first": {**RECIPE, "rewriter": "hosted"}, "second": RECIPE},
            "costs": {"models": {"oracle": paid, "mini": paid}, "budget_usd": 1.0},
        }

    def run(self, *targets: str) -> str:
        (self.build.folder / "hosted.yaml").write_text(yaml.safe_dump(self.overlay))
        return self.build.snakemake("--configfile", "config/nano.yaml", "hosted.yaml", "--", *targets)

    def asked(self, *targets: str) -> dict[str, int]:
        """Model -> requests that the server sees while these targets are made."""
        before = Counter(self.paid)
        self.run(*targets)
        new = Counter(self.paid) - before
        return dict(new)

    @property
    def paid(self) -> list[str]:
        """The models of all requests so far."""
        assert "mini" not in (body["model"] for body in self.server.seen)
        return [body["model"] for body in (*self.server.seen, *self.server.requests)]

    @property
    def plan(self) -> Plan:
        return records.read_json(self.build.results / "plan.json", Plan)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Iterator[Hosted]:
    with pytest.MonkeyPatch.context() as patch, BatchServer(behaviour) as server:
        patch.setenv("SOME_KEY", SECRET)
        yield Hosted(Build(tmp_path_factory.mktemp("hosted")), server)


def test_the_plan_is_printed_before_anything_is_asked_and_over_budget_nothing_is(hosted):
    hosted.overlay["costs"]["budget_usd"] = 0.0
    (hosted.build.folder / "hosted.yaml").write_text(yaml.safe_dump(hosted.overlay))
    configs = ("--configfile", "config/nano.yaml", "hosted.yaml", "--")
    done = hosted.build.attempt(*configs, "plan")
    assert done.returncode and "is over the budget of $0.00" in done.stdout
    assert "| sampling | oracle | sums |" in done.stdout
    done = hosted.build.attempt(*configs, MIXTURE.format("first"))
    assert done.returncode and "run `snakemake plan`, read it, run again" in done.stdout
    assert not hosted.paid
    hosted.overlay["costs"]["budget_usd"] = 1.0
    assert hosted.asked("plan") == {}
    lines = {(line.stage, line.model): line for line in hosted.plan.lines if line.model in ("oracle", "mini")}
    assert lines["sampling", "oracle"].due == ROWS * SAMPLES
    assert lines["rewriting", "mini"].due == ROWS * SAMPLES


def test_each_answer_is_paid_once(hosted):
    """One test, since each step stands on the one before it. Other problems need another plan."""
    first, both = MIXTURE.format("first"), (MIXTURE.format("first"), MIXTURE.format("second"))
    assert hosted.asked(first) == {"oracle": ROWS * SAMPLES, "mini": ROWS * SAMPLES}
    assert hosted.asked(*both) == {}, "a second recipe with the same teacher"
    hosted.build.edit("scripts/skymake/grading/choice.py", 'GRADER = "choice/1"', 'GRADER = "choice/2"')
    assert hosted.asked(*both) == {}, "another grader"
    hosted.overlay["recipes"]["first"]["limits"] = {"math": 5}
    assert hosted.asked(*both) == {}, "another mixture"
    assert len((hosted.build.folder / first).read_text().splitlines()) == 5
    hosted.overlay["shards"] = 2
    assert hosted.asked(*both, "plan") == {}, "another number of shards"
    hosted.overlay["sources"]["numina"]["nano"]["rows"] = ROWS + 10
    assert hosted.asked("plan") == {}
    [teacher] = [line for line in hosted.plan.lines if (line.stage, line.model) == ("sampling", "oracle")]
    assert (teacher.count, teacher.due, teacher.measured) == ((ROWS + 10) * SAMPLES, 10 * SAMPLES, True)
    assert hosted.asked(*both) == {"oracle": 10 * SAMPLES, "mini": 10 * SAMPLES}, "problems more"
    hosted.overlay["sampling"]["twice"]["samples"] = 2 * SAMPLES
    more = (ROWS + 10) * SAMPLES
    assert hosted.asked(*both) == {"oracle": more, "mini": more}, "samples more"


def test_what_breaks_the_contract_is_rejected_and_no_key_is_written(hosted):
    results = hosted.build.results
    rejected = [*records.read_all(results.glob("rejections/reformatted-hosted/oracle/sums/*"), Rejection)]
    kept = [*records.read_all(results.glob("traces/reformatted-hosted/oracle/sums/*"), Trace)]
    assert {each.reason for each in rejected} == {"markers"} and kept
    assert len(rejected) + len(kept) == (ROWS + 10) * SAMPLES * 2
    files = [
        path for part in ("results", "store", ".snakemake/log") for path in (hosted.build.folder / part).rglob("*")
    ]
    assert not [path for path in files if path.is_file() and SECRET in path.read_text(errors="replace")]
    assert json.loads((results / "plan.json").read_text())["project"] == "nano"
