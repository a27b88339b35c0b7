"""Learning from preferences, for real: a model that goes over its work again is taught to stop, and stays as good."""

import csv
import shutil

import pytest
import yaml
from clone import Build

from skymake import preferences, records
from skymake.mixtures import Pair

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

LAYERS = ["config/nano.yaml", "config/nano-flash.yaml", "smaller.yaml"]
SETS = ("sums_often", "scripts_often", "functions_often", "puzzles_often")
SMALLER = {  # than config/nano-flash.yaml, to be done in minutes
    "sets": {name: {"limit": 80} for name in SETS},
    "sampling": {"often": {"samples": 6}},
    "trainings": {"brevity": {"settings": {"learning_rate": 5.0e-5}}},  # fewer steps, larger ones
    "evaluation": {"models": ["thorough", "flash"]},
}


@pytest.fixture(scope="module")
def flash(build, tmp_path_factory) -> Build:
    """A copy of the nano build, with both models on top of it."""
    made = Build(tmp_path_factory.mktemp("flash"))
    for part in ("results", "store", ".snakemake"):
        shutil.copytree(build.folder / part, made.folder / part, symlinks=True)
    (made.folder / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    made.snakemake("--configfile", *LAYERS)
    return made


def compared(flash: Build, model: str) -> list[dict]:
    """The rows of the comparison with a measured model, the mean left out."""
    with open(flash.results / "comparison.csv", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["model"] == model and row["benchmark"] != "mean"]


def test_answers_are_a_fifth_shorter_at_equal_accuracy(flash):
    before, after = (compared(flash, model) for model in ("thorough", "flash"))
    lengths = [sum(float(row["mean_tokens"]) for row in rows) / len(rows) for rows in (before, after)]
    assert lengths[1] <= 0.8 * lengths[0]
    for row in after:  # the interval of the difference reaches up to no loss
        assert float(row["difference_high"]) >= 0, row["benchmark"]


def test_every_pair_prefers_a_correct_answer_that_its_kind_allows(flash):
    mixture = flash.results / "mixtures" / "flash"
    pairs, origins = (
        list(records.read(mixture / "train.jsonl", Pair)),
        list(records.read(mixture / "provenance.jsonl", preferences.Provenance)),
    )
    assert len(pairs) == len(origins) > 100
    status = {}
    for path in (flash.results / "verdicts" / "raw" / "thorough").glob("*_often/0.jsonl"):
        status |= {(row["problem"], row["sample"]): row["status"] for row in records.read(path, dict)}
    for origin in origins:
        chosen, rejected = (status[origin.problem, side.sample] for side in (origin.chosen, origin.rejected))
        assert chosen == "correct"
        if origin.kind == "length":
            assert rejected == "correct" and origin.chosen.tokens < origin.rejected.tokens
        else:
            assert rejected != "correct" and origin.chosen.tokens > origin.rejected.tokens


def test_nothing_below_was_built_again(flash, build):
    for model in ("base", "student", "teacher"):
        manifests = (made.results / "checkpoints" / model / "manifest.json" for made in (build, flash))
        assert len({path.read_bytes() for path in manifests}) == 1
    assert flash.planned("--configfile", *LAYERS) == {}
