"""The configs of Sky-T1: a complete plan without a network, in seconds, in which no recipe asks a teacher again."""

import csv
import re
import resource
import subprocess
from pathlib import Path

import pytest
import yaml
from clone import Build

ROOT = Path(__file__).parents[1]
RECIPE = ["config/sky-t1.yaml"]
ABLATIONS = [*RECIPE, "config/sky-t1-ablations.yaml"]
WITHOUT_WEIGHTS = {"o1", "o1_journey", "bespoke_stratos_32b"}
SECONDS, MORE_SECONDS = 8, 12  # of CPU, also where others keep the machine busy
CUT_OFF = ["unshare", "--map-root-user", "--net"]


def test_published_scores_are_of_models_of_the_zoo_or_of_those_without_weights():
    zoo = yaml.safe_load((ROOT / RECIPE[0]).read_text())["models"].keys()
    with open(ROOT / "config/published-scores.csv", newline="") as lines:
        published = {row["model"] for row in csv.DictReader(line for line in lines if line[0] != "#")}
    assert published - zoo == WITHOUT_WEIGHTS


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Plan with some configs in a fresh copy, cut off from every network; returns the output and its CPU seconds."""
    copy = Build(tmp_path_factory.mktemp("sky-t1"))
    cut_off = CUT_OFF if can_be_cut_off() else []

    def run(configs: list[str], limit: float) -> tuple[str, float]:
        """Once more where the first is over the limit: who shares a core makes a second of CPU worth less."""
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = copy.attempt("--dry-run", "--configfile", *configs, before=cut_off)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert done.returncode == 0, done.stdout[-4000:]
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if seconds <= limit:
                break
        return done.stdout, seconds

    return run


def can_be_cut_off() -> bool:
    """Whether this machine lets a process have a network of its own, as containers often do not."""
    try:
        return subprocess.run([*CUT_OFF, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def asked(plan: str, model: str) -> list[str]:
    """The files of raw traces of a model that a plan makes."""
    return re.findall(rf"output: \S+/(traces/raw/{model}/\w+/\d+\.jsonl)", plan)


@pytest.mark.slow
def test_the_plan_is_complete_and_quick_and_recipes_share_the_teachers_traces(plan, capsys):
    (recipe, seconds), (ablations, more_seconds) = plan(RECIPE, SECONDS), plan(ABLATIONS, MORE_SECONDS)
    with capsys.disabled():
        print(f"\nplan of sky-t1: {seconds:.1f} s of CPU; with its ablations: {more_seconds:.1f} s")
    config = yaml.safe_load((ROOT / RECIPE[0]).read_text())
    wanted = [*config["recipes"]["sky_t1"]["sets"][:6], *config["evaluation"]["benchmarks"]]
    assert len(asked(recipe, "qwq_32b_preview")) == len(wanted) * config["shards"]
    assert sorted(asked(ablations, "qwq_32b_preview")) == sorted(asked(recipe, "qwq_32b_preview"))
    assert recipe.count("rule train_student:") == 1 and ablations.count("rule train_student:") == 6
    assert seconds <= SECONDS and more_seconds <= MORE_SECONDS
