"""What the config says, with every reference resolved."""

import copy
from pathlib import Path

import pytest
import yaml

from skymake import UserError, spending
from skymake.config import SCHEMA
from skymake.project import Project
from skymake.sources import ADAPTERS

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config" / "nano.yaml").read_text())
HOSTED = {
    "system": None,
    "api": {
        "url": "https://example.org/v1",
        "id": "large",
        "key_env": "EXAMPLE_API_KEY",
        "concurrency": 4,
        "timeout_s": 60.0,
        "attempts": 2,
    },
}


@pytest.fixture
def config():
    """A config of one's own: YAML aliases are no longer the same object."""
    return {**copy.deepcopy(CONFIG), "shards": 2}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sets.sums.source", "sets.sums.source"),
        ("sets.sums.sampling", "sets.sums.sampling"),
        ("models.seedling_base.engine", "models.seedling_base.engine"),
        ("recipes.student.student", "recipes.student.student"),
        ("recipes.student.teacher", "recipes.student.teacher"),
        ("recipes.student.training", "recipes.student.training"),
        ("recipes.student.sets.1", "recipes.student.sets"),
        ("evaluation.models.0", "evaluation.models"),
        ("evaluation.benchmarks.2", "evaluation.benchmarks"),
        ("evaluation.baseline", "evaluation.baseline"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused_by_its_key(config, path, said):
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place = config
    for part in way:
        place = place[part]
    place[last] = "nobody"
    with pytest.raises(UserError, match=rf"config: {said} names 'nobody', which is none of: \w+"):
        Project(config)


@pytest.mark.parametrize(
    ("student", "teacher", "circle"), [("student", "teacher", "student"), ("base", "student", "student")]
)
def test_a_recipe_cannot_be_made_from_itself(config, student, teacher, circle):
    config["recipes"]["student"] |= {"student": student, "teacher": teacher}
    with pytest.raises(UserError, match=f"recipes that are made from each other: {circle}$"):
        Project(config)


def test_recipes_cannot_be_made_from_each_other(config):
    config["recipes"]["base"]["student"] = "student"
    with pytest.raises(UserError, match=r"recipes that are made from each other: (base, student|student, base)$"):
        Project(config)


def test_an_entry_without_what_it_needs_is_told_what_that_is(config):
    config["sources"]["mine"] = {"adapter": "jsonl", "path": "data", "files": ["mine.jsonl"]}
    with pytest.raises(UserError, match=r"config: sources\.mine: must have exactly one of .*; path, revision, files$"):
        Project(config)


def test_the_adapters_that_a_config_may_name_are_those_that_there_are():
    assert yaml.safe_load(SCHEMA.read_text())["$defs"]["source"]["properties"]["adapter"]["enum"] == [*ADAPTERS]


def test_the_baseline_must_be_one_of_the_models_compared(config):
    config["evaluation"]["baseline"] = "seedling_base"
    with pytest.raises(UserError, match=r"evaluation\.baseline"):
        Project(config)


def test_a_model_and_a_recipe_may_not_share_a_name(config):
    config["models"]["student"] = HOSTED
    with pytest.raises(UserError, match=r"models.student and recipes.student .* rename one"):
        Project(config)


def test_files_are_all_combinations_of_the_names_that_the_pattern_uses(config):
    project = Project(config)
    found = project.files("{set}/{shard}", set=["a", "b"], model=["unused", "too"])
    assert sorted(found) == [f"results/nano/{name}/{shard}" for name in "ab" for shard in "01"]
    assert project.files("{shard}", shard=["9"]) == ["results/nano/9"]
    assert project.files("page.html") == ["results/nano/page.html"]
    assert project.files("{set}", set=[]) == []


def test_files_of_different_patterns_are_in_the_same_order(config):
    names = {"set": ["a", "b"], "teacher": ["one", "two"]}
    traces = Project(config).files("traces/{teacher}/{set}/{shard}", **names)
    verdicts = Project(config).files("verdicts/{shard}/{set}/{teacher}", **names)
    reordered = [path.split("/")[3:][::-1] for path in verdicts]
    assert [path.split("/")[3:] for path in traces] == reordered


def test_a_set_is_resolved_to_its_source_prompt_and_sampling(config):
    project = Project(config)
    assert project.source("sums") == "results/nano/sources/numina.jsonl"
    assert project.prompt("sums") == "config/prompts/math.jinja"
    assert project.sampling("sums") == config["sampling"]["once"]
    assert project.spec("sums")["adapter"] == "numina"


def test_a_checkpoint_has_engine_and_system_of_its_base_down_to_the_first(config):
    config["models"]["seedling_base"]["system"] = "slowly"
    project = Project(config)
    assert project.model("student") == {"engine": "cpu", "system": "slowly"}
    assert project.weights("student") == "results/nano/checkpoints/student/manifest.json"
    assert project.base("student") == "results/nano/checkpoints/base/manifest.json"
    assert project.base("base") == "results/nano/models/seedling_base/manifest.json"


def test_a_recipe_may_have_a_system_prompt_of_its_own_or_none(config):
    config["recipes"]["student"]["system"] = "carefully"
    assert Project(config).system("student") == "config/prompts/carefully.jinja"
    config["recipes"]["student"]["system"] = None
    assert Project(config).system("student") == []


def test_a_hosted_model_has_no_weights_and_no_server_here(config):
    config["models"]["hosted"] = HOSTED
    project = Project(config)
    assert project.weights("hosted") == project.engine("hosted", "0") == project.system("hosted") == []
    assert project.identity("hosted") == "https://example.org/v1 large"
    assert project.identity("student") == ""


def test_local_and_hosted_models_are_asked_in_the_same_terms(config):
    config["models"]["hosted"] = HOSTED
    project = Project(config)
    assert project.endpoint("hosted").keys() == project.endpoint("student").keys()


BATCH = {"poll_s": 60.0, "requests": 50000, "megabytes": 200.0}


def test_a_hosted_model_may_be_asked_in_batches_at_their_price(config):
    price = {"prompt_usd": 1.0, "completion_usd": 4.0}
    config["models"]["hosted"] = HOSTED | {"batch": BATCH}
    config["costs"]["models"]["hosted"] = {"answer_tokens": 10, "price": price}
    with pytest.raises(
        UserError, match=r"models\.hosted has a batch, so costs\.models\.hosted\.price needs a batch_factor"
    ):
        Project(config)
    price["batch_factor"] = 0.5
    project = Project(config)
    assert project.endpoint("hosted")["batch"] == BATCH and project.endpoint("student")["batch"] is None
    assert spending.estimates(project)["models"]["hosted"]["batched"]
    del config["models"]["hosted"]["batch"]
    assert "batched" not in spending.estimates(Project(config))["models"]["hosted"]


def test_a_model_that_is_served_here_has_no_batches(config):
    config["models"]["seedling_base"]["batch"] = BATCH
    with pytest.raises(UserError, match=r"models\.seedling_base has a batch, but is no hosted model.*remove it"):
        Project(config)


def test_a_recipe_with_pairs_trains_with_a_preference_and_no_other_does(config):
    recipe = {"teacher": "student", "pairs": {"sums": {"length": None}}, "student": "student"}
    config["trainings"]["simpo"] = {
        **config["trainings"]["distillation"],
        "preference": {"loss": "simpo", "beta": 2.0, "gamma": 0.3},
    }
    config["recipes"]["flash"] = {**recipe, "training": "simpo"}
    project = Project(config)
    assert project.paired == ["flash"] and project.recipe_files("flash", "{teacher}/{set}") == [
        "results/nano/student/sums"
    ]
    assert project.prompts("flash") == ["config/prompts/math.jinja"]
    config["recipes"]["flash"]["training"] = "distillation"
    with pytest.raises(UserError, match=r"recipes.flash has pairs, so trainings.distillation must have a preference"):
        Project(config)
    config["recipes"]["flash"]["training"], config["recipes"]["student"]["training"] = "simpo", "simpo"
    with pytest.raises(UserError, match=r"recipes.student has no pairs, so trainings.simpo must not have a preference"):
        Project(config)


def test_a_recipe_is_curated_from_its_teacher_and_sets(config):
    project = Project(config)
    assert project.recipe_files("student", "{teacher}/{set}") == [
        f"results/nano/teacher/{name}" for name in config["recipes"]["student"]["sets"]
    ]
    assert project.mixed == ["student"] and project.corpora == ["teacher", "base"]


PUBLISHER = {"publishes": "still2", "system": None}


def test_a_recipe_may_take_some_sets_from_other_teachers(config):
    config["models"]["authors"] = PUBLISHER
    config["recipes"]["student"]["other_teachers"] = {"puzzles": "authors"}
    project = Project(config)
    assert project.recipe_files("student", "{teacher}/{set}") == [
        *(f"results/nano/teacher/{name}" for name in ("sums", "scripts", "functions")),
        "results/nano/authors/puzzles",
    ]
    assert project.publishing == ["authors"] and "authors" not in project.answering
    assert project.weights("authors") == project.engine("authors", "0") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"other_teachers": {"sums_test": "teacher"}}, r"other_teachers names 'sums_test', which is none of"),
        ({"other_teachers": {"sums": "nobody"}}, r"other_teachers\.sums names 'nobody'"),
        (
            {"other_teachers": {"sums": "authors"}},
            r"takes sums of the source numina from authors, .* of .* still2 alone",
        ),
        ({"system": {"source": "nowhere", "column": "system"}}, r"recipes\.student\.system\.source names 'nowhere'"),
    ],
)
def test_a_recipe_of_what_is_not_there_is_refused(config, change, said):
    config["models"]["authors"] = PUBLISHER
    config["recipes"]["student"] |= change
    with pytest.raises(UserError, match=said):
        Project(config)


def test_a_student_starts_from_weights_that_are_here(config):
    config["models"]["hosted"] = HOSTED
    config["recipes"]["student"]["student"] = "hosted"
    with pytest.raises(UserError, match=r"recipes\.student\.student names 'hosted', which is none of: \w+"):
        Project(config)


def test_who_stands_for_published_answers_cannot_be_evaluated(config):
    config["models"]["authors"] = PUBLISHER
    config["evaluation"]["models"].append("authors")
    with pytest.raises(UserError, match=r"evaluation\.models names 'authors'"):
        Project(config)


def test_labels_are_published_or_rated_by_a_model(config):
    config["models"]["hosted"] = HOSTED
    labels = {"source": "taco", "question": "problem", "difficulty": "level"}
    config["sets"]["sums"]["labels"] = labels
    assert Project(config).labels("sums") == ["results/nano/sources/taco.jsonl"]
    assert Project(config).spec("sums")["labels"] == {"question": "problem", "difficulty": "level"}
    sums = config["sets"]["sums"]
    config["sets"]["to_rate"] = {key: value for key, value in sums.items() if key != "labels"}
    sums |= {"labels": {"set": "to_rate", "model": "hosted"}, "filters": {"difficulty": [3, 9.5]}}
    assert Project(config).labels("sums") == [f"results/nano/ratings/hosted/to_rate/{shard}.jsonl" for shard in "01"]
    assert Project(config).ratings == [("hosted", "to_rate")]
    for wrong in ({}, {"difficulty": "EASY"}, {"difficulty": [3, 9], "source": "synthetic"}):
        sums["filters"] = wrong
        with pytest.raises(UserError, match=r"sets\.sums and sets\.to_rate, which is rated for it, must have the same"):
            Project(config)
    config["sets"]["sums"]["labels"] = {"set": "scripts", **labels}
    with pytest.raises(UserError, match=r"config: sets\.sums\.labels"):
        Project(config)


def test_a_system_prompt_may_be_a_column_of_a_source(config):
    config["recipes"]["student"]["system"] = {"source": "still2", "column": "domain"}
    assert Project(config).system("student") == "results/nano/prompts/still2/domain.jinja"


def test_sets_of_gpqa_and_those_said_to_be_are_private(config):
    config["sources"]["gpqa"] = {"adapter": "gpqa", "path": "data", "revision": "1", "files": ["gpqa.csv"]}
    config["sets"]["gpqa"] = {**config["sets"]["sums"], "source": "gpqa"}
    config["sets"]["puzzles"]["private"] = True
    assert Project(config).private == ["puzzles", "gpqa"]


def test_a_model_was_trained_on_what_it_started_from_was_trained_on(config):
    config["recipes"]["again"] = {**config["recipes"]["student"], "student": "student"}
    project = Project(config)
    assert project.contamination("again") == [
        f"results/nano/contamination/{name}/summary.json" for name in ("again", "student")
    ]
    assert project.contamination("base") == project.contamination("seedling_base") == []
