"""A real rewriter, trained and served by the workflow: it copies most traces, and the contract has the others."""

import shutil

import pytest
from clone import Build

from skymake import markers, records
from skymake.funnel import Funnel
from skymake.records import Rejection, Trace

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]
CONFIGS = ["--configfile", "config/nano.yaml", "config/nano-rewriter.yaml"]


@pytest.fixture(scope="module")
def rewritten(build, tmp_path_factory) -> Build:
    """A copy of the nano build, and on top of it the rewriter, and the mixture of the recipe that names it."""
    made = Build(tmp_path_factory.mktemp("rewriter"))
    for part in ("results", "store", ".snakemake"):
        shutil.copytree(build.folder / part, made.folder / part, symlinks=True)
    made.output = made.snakemake(*CONFIGS, "--", "results/nano/funnels/rewritten.json")
    return made


def test_the_teacher_is_asked_nothing_and_most_traces_keep_the_contract(rewritten):
    assert "asking teacher" not in rewritten.output
    folder = "teacher/*/0.jsonl"
    rejected = [*records.read_all(rewritten.results.glob(f"rejections/reformatted-nano/{folder}"), Rejection)]
    kept = [*records.read_all(rewritten.results.glob(f"traces/reformatted-nano/{folder}"), Trace)]
    assert len(rejected) + len(kept) == 1500
    assert 0 < len(rejected) < 300, "it copies about nine in ten to the word"
    assert all(markers.parse(trace.text) for trace in kept)


def test_the_funnel_holds_raw_acceptance_beside_that_of_the_restated(rewritten):
    funnel = records.read_json(rewritten.results / "funnels" / "rewritten.json", Funnel)
    for part in funnel.sets:
        counts = part.counts
        assert counts["traces"] >= counts["reformatted"] >= counts["verified"] >= counts["kept"] > 0
        assert counts["verified"] >= 0.6 * counts["filtered"], part.set
    assert sum(sum(part.lost.get("reformatted", {}).values()) for part in funnel.sets) > 0
