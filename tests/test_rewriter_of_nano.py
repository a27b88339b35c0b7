"""A real rewriter, trained and served by the workflow: it copies most traces, and the contract has the others."""

import csv
import shutil

import pytest
from clone import Build

from skymake import markers, records
from skymake.funnel import Funnel
from skymake.ledgers import Ledger
from skymake.records import Rejection, Trace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
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


def test_the_ledger_of_the_build_has_the_hours_of_all_that_ran(build):
    ledger = records.read_json(build.results / "ledger.json", Ledger)
    assert {entry.stage for entry in ledger.entries} == {"sampling", "training"}
    assert all(entry.gpu_hours and entry.gpu_hours > 0 and entry.usd == 0 for entry in ledger.entries)
    [bill] = ledger.bills
    assert bill.recipe == "student" and bill.rows > 500 and bill.gpu_hours > 0
    with open(build.results / "ledger.csv", newline="") as lines:
        assert len([*csv.DictReader(lines)]) == len(ledger.entries)
    assert 'id="costs"' in (build.results / "report.html").read_text()
    assert (build.results / "plan.md").exists()
