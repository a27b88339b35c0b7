"""The plan: what is missing from the store, what that costs, and whether it may be spent."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from plan_costs import plan_costs
from skymake import UserError, plans, prompts, records, spending
from skymake.plans import Plan
from skymake.project import Project
from skymake.records import MathCheck, NoCheck, Origin, Problem, ProgramCheck
from skymake.store import Completion, Store, requests

# Problems left of each published source by the recipe's filters. How many olympiads are that hard is not published:
# enough for the 10,000 rows of math.
PUBLISHED = {"amc_aime": 4070, "math": 3994, "olympiads": 7000, "apps": 5000, "taco_medium": 3244, "taco_test": 1000}
OTHERS = {"science": 500, "puzzles": 500, "math500": 500, "aime24": 30, "gpqa_diamond": 198}
OTHERS |= {"lcb_easy": 182, "lcb_medium": 206, "lcb_hard": 123}
SYSTEM = "You think for long before you answer. " * 34  # as long as the published one


class Place:
    """A folder in which a project is planned: its problems are there, and nothing that costs anything."""

    def __init__(self, folder: Path, name: str, counts: dict[str, int]) -> None:
        self.folder = folder
        (folder / "config").symlink_to(ROOT / "config")
        self.config: dict[str, Any] = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
        for name, count in counts.items():
            self.set(name, count)

    def set(self, name: str, count: int) -> None:
        """Give a set so many problems, in one shard; the others are empty."""
        project, prompt = Project(self.config), self.config["sets"][name]["prompt"]
        code = prompt in ("contest", "program")
        check = ProgramCheck(None, []) if code else NoCheck() if prompt == "plain" else MathCheck("1")
        question = "What is the sum of all numbers that are described at some length here? " * (12 if code else 4)
        origin, domain = Origin("o", "r", 0), "code" if code else "open" if prompt == "plain" else "math"
        problems = [Problem(f"{name}-{n}", name, domain, f"{question}{n}", check, None, origin) for n in range(count)]
        for part, file in enumerate(project.files("problems/{set}/{shard}.jsonl", set=[name])):
            records.write(self.folder / file, [] if part else problems)

    def plan(self) -> Plan:
        project = Project(self.config)
        plan_costs(
            plan="plan.json",
            table="plan.md",
            project="p",
            devices=project.config["devices"],
            work=spending.work(project),
            estimates=spending.estimates(project),
            store="store",
        )
        return records.read_json("plan.json", Plan)


@pytest.fixture
def sky_t1(tmp_path, monkeypatch) -> Place:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, "sky-t1", PUBLISHED | OTHERS)
    system = tmp_path / Project(place.config).system("sky_t1")
    system.parent.mkdir(parents=True)
    system.write_text(SYSTEM)
    return place


@pytest.fixture
def nano(tmp_path, monkeypatch) -> Place:
    monkeypatch.chdir(tmp_path)
    sets = yaml.safe_load((ROOT / "config/nano.yaml").read_text())["sets"]
    return Place(tmp_path, "nano", dict.fromkeys(sets, 40))


@pytest.mark.slow
def test_the_published_training_is_met_from_first_principles(sky_t1):
    """8 H100 for 19 hours, $450, as published; beside it what that leaves out."""
    plan = sky_t1.plan()
    training = plan.total("whole", "training")
    assert training.gpu_hours / plan.devices == pytest.approx(19, rel=0.25)
    assert training.usd == pytest.approx(450, rel=0.25)
    [line] = [line for line in plan.lines if line.stage == "training"]
    assert line.count == pytest.approx(16_401, rel=0.1)
    assert plan.total("whole", "rewriting").usd == pytest.approx(100, rel=0.3)
    teacher = [line for line in plan.lines if (line.stage, line.model) == ("sampling", "qwq_32b_preview")]
    curated = sum(line.whole.gpu_hours for line in teacher if line.subject in PUBLISHED)
    assert 5 < curated < 20, "24,308 answers of a 32B model"
    table = Path("plan.md").read_text()
    assert all(
        words in table for words in ("| **training** |", "| **rewriting** |", "| **sampling** |", "0.43 longest")
    )


@pytest.mark.slow
def test_a_rewriter_that_is_asked_in_batches_costs_half(sky_t1):
    before = sky_t1.plan()
    sky_t1.config["models"]["gpt_4o_mini"]["batch"] = {"poll_s": 60, "requests": 50000, "megabytes": 200}
    after = sky_t1.plan()
    for part in ("whole", "rest"):
        assert after.total(part, "rewriting").usd == pytest.approx(before.total(part, "rewriting").usd / 2)
    assert after.total("whole", "sampling") == before.total("whole", "sampling")


@pytest.mark.slow
def test_the_fast_training_stands_beside_the_published_one(sky_t1):
    update_config(sky_t1.config, yaml.safe_load((ROOT / "config/sky-t1-fast.yaml").read_text()))
    plan = sky_t1.plan()
    spent = {line.subject: line.whole for line in plan.lines if line.stage == "training"}
    assert spent["sky_t1_fast"].gpu_hours / plan.devices < 5 and spent["sky_t1_fast"].usd < 120
    assert spent["sky_t1"].gpu_hours > 3 * spent["sky_t1_fast"].gpu_hours
    assert "training sky_t1_fast uses" in Path("plan.md").read_text()


def test_the_store_is_what_is_paid_and_measures_the_lengths(nano):
    before = {(line.model, line.subject): line for line in nano.plan().lines}
    assert before["teacher", "sums"].due == before["teacher", "sums"].count == 40
    assert not before["teacher", "sums"].measured
    pay(nano, "teacher", "sums", 30)
    after = {(line.model, line.subject): line for line in nano.plan().lines}
    paid = after["teacher", "sums"]
    assert (paid.count, paid.due, paid.measured) == (40, 10, True)
    assert (paid.prompt_tokens, paid.completion_tokens) == (50, 70)
    assert paid.rest.gpu_hours == pytest.approx(paid.whole.gpu_hours / 4)
    assert after["base", "sums_test"] == before["base", "sums_test"]
    nano.set("sums", 90)
    [more] = [line for line in nano.plan().lines if (line.model, line.subject) == ("teacher", "sums")]
    assert more.due == 60, "50 problems more"


def pay(place: Place, model: str, name: str, count: int) -> None:
    """Put answers to the first requests of a set into the store, as sampling does."""
    project = Project(place.config)
    manifest = Path(project.weights(model))
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"digest": "00ff"}))
    problems = list(records.read(project.files("problems/{set}/0.jsonl", set=[name])[0], Problem))[:count]
    with Store("store").segment(model, name) as segment:
        for problem in problems:
            messages = prompts.messages(project.prompt(name), project.system(model), problem)
            [request] = requests("sha256:00ff", messages, project.sampling(name))
            segment.append(Completion(request.key, "a", None, "stop", 50, 70, 1.0, request.seed, model))


@pytest.fixture
def rated(nano) -> Place:
    """Sums are 20 of those that a hosted model rates 5 or more, and a hosted teacher's; a dollar a million tokens."""
    hosted = {"url": "http://127.0.0.1:9/v1", "id": "o", "key_env": None, "concurrency": 1, "timeout_s": 1.0}
    paid = {"answer_tokens": 400, "price": {"prompt_usd": 1.0, "completion_usd": 1.0}}
    for name in ("rater", "oracle"):
        nano.config["models"][name] = {"api": {**hosted, "attempts": 1}, "system": None}
        nano.config["costs"]["models"][name] = paid
    sums = nano.config["sets"]["sums"]
    nano.config["sets"]["to_rate"] = {**sums, "prompt": "difficulty"}
    sums |= {"labels": {"set": "to_rate", "model": "rater"}, "filters": {"difficulty": [5, 10]}, "limit": 20}
    nano.config["recipes"]["student"]["other_teachers"] = {"sums": "oracle"}
    nano.config["costs"]["budget_usd"] = 100.0
    nano.set("to_rate", 40)
    for file in Project(nano.config).files("problems/{set}/{shard}.jsonl", set=["sums"]):
        Path(file).unlink()
    return nano


def reply(place: Place, model: str, name: str, texts: list[str]) -> None:
    """Put a hosted model's replies to the first of the rated problems into the store, as what a set asks."""
    project = Project(place.config)
    problems = records.read(project.files("problems/{set}/0.jsonl", set=["to_rate"])[0], Problem)
    with Store("store").segment(model, name) as segment:
        for problem, text in zip(problems, texts, strict=False):
            messages = prompts.messages(project.prompt(name), None, problem)
            [request] = requests(project.identity(model), messages, project.sampling(name))
            segment.append(Completion(request.key, text, None, "stop", 50, 70, 1.0, request.seed, model))


def test_labels_are_planned_before_they_are_paid_and_what_they_choose_is_bounded(rated):
    lines = {(line.stage, line.model, line.subject): line for line in rated.plan().lines}
    labels, sums = lines["labelling", "rater", "to_rate"], lines["sampling", "oracle", "sums"]
    assert (labels.count, labels.due, labels.at_most, labels.measured) == (40, 40, False, False)
    longest = rated.config["sampling"]["once"]["max_tokens"]
    assert labels.completion_tokens == min(400, longest), "no answer is longer than it may be"
    assert labels.rest.usd == pytest.approx(40 * (labels.prompt_tokens + labels.completion_tokens) / 1e6)
    assert (sums.count, sums.due, sums.at_most) == (20, 20, True), "40 may be that hard; 20 are taken"
    assert lines["training", "base", "student"].at_most and not lines["sampling", "teacher", "puzzles"].at_most
    table = Path("plan.md").read_text()
    assert "At most **$" in table and "| ≤ 20 | ≤ 20 |" in table and "| **labelling** |" in table


def test_labels_in_the_store_are_paid_and_narrow_what_they_choose(rated):
    reply(rated, "rater", "to_rate", ["[[2]]"] * 8 + ["Hm."] * 7 + ["[[9]]"] * 10)
    reply(rated, "oracle", "sums", ["4"] * 16)
    lines = {(line.stage, line.subject): line for line in rated.plan().lines}
    assert (lines["labelling", "to_rate"].due, lines["labelling", "to_rate"].measured) == (15, True)
    assert (lines["sampling", "sums"].count, lines["sampling", "sums"].due) == (20, 20), "of 25, one is answered"
    reply(rated, "rater", "to_rate", ["[[2]]"] * 30 + ["[[5]]"] * 10)
    lines = {(line.stage, line.subject): line for line in rated.plan().lines}
    assert (lines["labelling", "to_rate"].due, lines["labelling", "to_rate"].rest.usd) == (0, 0)
    sums = lines["sampling", "sums"]
    assert (sums.count, sums.due, sums.at_most) == (20, 19, False), "the first reply to a request stays: 10 and 10"
    assert "At most" not in Path("plan.md").read_text()


def test_labels_count_against_the_budget(rated):
    rated.config["costs"]["budget_usd"] = 0.0001
    rated.config["costs"]["models"]["oracle"] = {
        "answer_tokens": 4,
        "price": {"prompt_usd": 0.0, "completion_usd": 0.0},
    }
    with pytest.raises(UserError, match=r"(?s)\| labelling \| rater \| to_rate \| 40 \| 40 .*over the budget"):
        rated.plan()


def test_a_label_is_permitted_by_the_plan_and_so_is_what_it_may_choose_and_nothing_else(rated, monkeypatch):
    monkeypatch.setattr(plans, "PATIENCE_S", 0.0)
    reply(rated, "rater", "to_rate", ["[[2]]"])
    rated.plan()
    every = Project(rated.config).files("problems/{set}/{shard}.jsonl", set=["to_rate"])[0]
    plans.permit("plan.json", every)
    easy, *hard = records.read(every, Problem)
    of_sums = [msgspec.structs.replace(problem, id=f"sums-{problem.id.split('-')[1]}") for problem in (*hard, easy)]
    records.write("chosen.jsonl", of_sums[:-1])
    plans.permit("plan.json", "chosen.jsonl")
    for other in (of_sums, hard):
        records.write("chosen.jsonl", other)
        with pytest.raises(UserError, match=r"chosen\.jsonl costs what plan\.json has not counted"):
            plans.permit("plan.json", "chosen.jsonl")


def test_over_budget_is_refused_unless_allowed(nano):
    assert nano.plan().total("rest").usd == 0, "a laptop costs nothing"
    nano.config["costs"]["device"]["usd_per_hour"] = 100.0
    Path("plan.md").unlink()
    with pytest.raises(
        UserError, match=r"(?s)# What p is going to cost.*over the budget of \$0\.00: raise costs\.budget"
    ):
        nano.plan()
    assert not Path("plan.md").exists()
    nano.config["costs"]["over_budget"] = "allow"
    assert nano.plan().total("rest").usd > 0


def test_a_recipe_more_pays_its_training_alone(nano):
    pay_all = nano.plan().total("whole", "sampling")
    recipes = nano.config["recipes"]
    recipes["no_puzzles"] = recipes["student"] | {"sets": ["sums", "scripts", "functions"]}
    plan = nano.plan()
    assert plan.total("whole", "sampling") == pay_all
    assert [line.subject for line in plan.lines if line.stage == "training"] == [
        "teacher",
        "base",
        "student",
        "no_puzzles",
    ]


def test_a_model_of_which_nothing_is_known_is_named(nano):
    del nano.config["costs"]["models"]["seedling_base"]
    with pytest.raises(UserError, match=r"costs\.models says nothing of seedling_base"):
        nano.plan()
