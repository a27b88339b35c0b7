"""Real rows in the published schemas through the whole graph, with a nano teacher that cannot solve them."""

import shutil

import pytest
import yaml
from clone import Build

from skymake import records
from skymake.decontamination import Summary
from skymake.funnel import STAGES, Funnel, SetFunnel

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

REAL = {
    "amc_aime": ("numina", "math", "numina/numina_amc_aime"),
    "math": ("numina", "math", "numina/numina_math"),
    "olympiads": ("numina", "math", "numina/numina_olympiads"),
    "apps": ("apps", "contest", "apps/apps"),
    "taco": ("taco", "contest", "taco/taco"),
    "thoughts": ("still2", "plain", "still2/still2_like_r1distill"),
    "math500": ("math500", "math", "benchmarks/math500"),
    "aime24": ("aime", "math", "benchmarks/aime24"),
    "lcb": ("livecodebench", "contest", "benchmarks/livecodebench_v6_problems"),
}
"""Set -> adapter, prompt, file."""

BENCHMARKS = ["math500", "aime24", "lcb"]
TRAINING = [name for name in REAL if name not in BENCHMARKS]


@pytest.fixture(scope="module")
def real(build, real_data, tmp_path_factory) -> Build:
    """A copy of the nano build, and in it real rows, asked of its teacher, and published answers beside its own."""
    made = Build(tmp_path_factory.mktemp("real"))
    for part in ("results", "store", ".snakemake"):
        shutil.copytree(build.folder / part, made.folder / part, symlinks=True)
    own, chosen = {"path": str(real_data), "revision": "1"}, {"sampling": "once", "filters": {}, "time_limit_s": 4.0}
    rows = REAL.items()
    recipe = {"teacher": "teacher", "sets": TRAINING, "student": "base", "training": "distillation"}
    overlay = {
        "failure_share": 1.0,  # most contest problems are longer than the context of the nano teacher
        "sources": {
            f"real_{name}": {**own, "adapter": adapter, "files": [f"{file}.jsonl"]} for name, (adapter, _, file) in rows
        },
        "sets": {
            name: {**chosen, "source": f"real_{name}", "prompt": prompt, "limit": 40} for name, (_, prompt, _) in rows
        },
        "models": {"authors": {"publishes": "real_thoughts", "system": None}},
        "costs": {"models": {"authors": {"answer_tokens": 2000}}},
        "recipes": {"real": {**recipe, "other_teachers": {"thoughts": "authors"}}},
        "evaluation": {"models": ["teacher"], "benchmarks": BENCHMARKS, "baseline": "teacher"},
    }
    (made.folder / "real.yaml").write_text(yaml.safe_dump(overlay))
    targets = ("results/nano/funnels/real.json", "results/nano/comparison.csv")
    made.snakemake("--configfile", "config/nano.yaml", "real.yaml", "--", *targets)
    return made


@pytest.fixture
def sets(real) -> dict[str, SetFunnel]:
    """The funnel of the recipe, by set."""
    return {part.set: part for part in records.read_json(real.results / "funnels/real.json", Funnel).sets}


def test_real_rows_go_through_the_whole_graph_and_the_funnel_says_what_became_of_them(sets):
    for part in sets.values():
        assert part.counts["problems"] == 40
        assert part.counts["traces"] + sum(part.lost.get("traces", {}).values()) == 40
        assert part.counts["filtered"] + sum(part.lost.get("filtered", {}).values()) == part.counts["traces"]
    assert sum(sets[name].counts["kept"] for name in TRAINING if name != "thoughts") <= 2
    assert [sets["thoughts"].counts[stage] for stage in STAGES[:-1]] == [40] * 5
    assert sets["apps"].lost["traces"]["too_long"] > 20
    found = {reason for name in TRAINING for reason in sets[name].lost.get("filtered", {})}
    assert {"wrong", "no_answer"} <= found and "grader_failure" not in found


def test_scores_on_real_benchmarks_tell_what_went_wrong(real):
    scores = {score["benchmark"]: score for score in real.scores("teacher") if score["benchmark"] in BENCHMARKS}
    for name, problems in (("math500", 40), ("aime24", 15), ("lcb", 40)):
        score = scores[name]
        assert score["problems"] == problems == sum(score["statuses"].values()) + sum(score["failures"].values())
        assert score["accuracy"]["value"] <= 0.1 and not score["statuses"]["grader_failure"]


def test_real_training_rows_are_compared_with_the_benchmarks(real):
    summary = records.read_json(real.results / "contamination/real/summary.json", Summary)
    assert summary.training == dict.fromkeys(sorted(TRAINING), 40)
    assert summary.benchmarks == {"aime24": 15, "lcb": 40, "math500": 40}
