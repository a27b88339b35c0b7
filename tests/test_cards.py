"""The cards say what the build's files say, in the form the hub reads, and own up to what is not known."""

import sys
from pathlib import Path

import pytest
import small_report
from huggingface_hub import DatasetCard, ModelCard

from compare_models import compare_models
from count_funnel import count_funnel
from skymake import cards, mixtures, records, weights
from skymake.ledgers import Bill, Ledger
from write_dataset_card import size, write_dataset_card
from write_model_card import write_model_card

BENCHMARKS = ["sums_test", "puzzles_test"]
LICENCE = "apache-2.0"


def config() -> dict:
    """A student of a student, taught by one model on the hub and one that is not."""
    return {
        "seed": 7,
        "sources": {
            "numina": {"adapter": "numina", "dataset": "AI/numina", "revision": "abc", "license": LICENCE},
            "own": {"adapter": "jsonl", "path": "rows", "revision": "mine"},
            "made": {"adapter": "apps", "nano": {"split": "train", "rows": 9}},
        },
        "sets": {"sums": {"source": "numina"}, "scripts": {"source": "own"}, "secrets": {"source": "numina"}},
        "models": {
            "qwen": {"hub": {"repository": "Qwen/Qwen", "revision": "def"}, "license": LICENCE},
            "qwq": {"hub": {"repository": "Qwen/QwQ", "revision": "ghi"}},
            "seed": {"nano": {"seed": 0}},
        },
        "trainings": {"published": {"epochs": 3, "settings": {"learning_rate": 1e-5}}},
        "recipes": {
            "first": {"student": "qwen"},
            "student": {
                "student": "first",
                "teacher": "qwq",
                "sets": ["sums", "scripts", "secrets"],
                "training": "published",
            },
        },
        "evaluation": {"baseline": "base", "benchmarks": BENCHMARKS},
        "release": {"license": LICENCE, "recipes": {"student": {"model": "me/it", "dataset": "me/its-data"}}},
    }


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """What a build left of a recipe, by the names that the cards' rules have for it."""
    counted = small_report.write_recipe(tmp_path)
    count_funnel(**counted, funnel=tmp_path / "funnel.json", recipe="student", private=["secrets"])
    scores = small_report.write_scores(tmp_path, {"base": 4, "student": 16, "other": 9}, tuple(BENCHMARKS))
    table = str(tmp_path / "comparison.csv")
    compare_models(scores, [], table, str(tmp_path / "c.md"), ["base", "student", "other"], BENCHMARKS, "base")
    records.write(tmp_path / "train.jsonl", [mixtures.row("Think twice.", "2 + 2?", "4")] * 3)
    (tmp_path / "card.md").write_text("# Mixture of the recipe student\n\n| sums | kept | 3 |\n")
    records.write(
        tmp_path / "log.jsonl", [{"current_steps": step, "total_steps": 20, "loss": 10 / step} for step in (10, 20)]
    )
    bill = Bill("student", 3, 7.5, 12.5, None, 450.0, 152.0, 4321)
    records.write_json(tmp_path / "ledger.json", Ledger([], [bill]))
    records.write_json(tmp_path / "manifest.json", weights.Manifest("d1ge57", {}))
    for name, package in (("train", "llamafactory==0.9.5"), ("serve", "vllm==0.32.0")):
        installed = {"python": sys.executable, "digest": "0", "packages": [package, "own @ file:///own", "other==1"]}
        records.write_json(tmp_path / f"{name}.json", installed)
    return {
        "manifest": str(tmp_path / "manifest.json"),
        "steps": str(tmp_path / "log.jsonl"),
        "train": str(tmp_path / "train.jsonl"),
        "provenance": str(tmp_path / "provenance.jsonl"),
        "mixture": str(tmp_path / "card.md"),
        "funnel": str(tmp_path / "funnel.json"),
        "scores": table,
        "ledger": str(tmp_path / "ledger.json"),
        "train_environment": str(tmp_path / "train.json"),
        "serve_environment": str(tmp_path / "serve.json"),
        "card": str(tmp_path / "README.md"),
    }


def model_card(files: dict, settings: dict | None = None) -> str:
    inputs = {name: path for name, path in files.items() if name != "provenance"}
    write_model_card(**inputs, recipe="student", settings=settings or config())
    return Path(files["card"]).read_text()


def dataset_card(files: dict, settings: dict | None = None) -> str:
    inputs = {name: files[name] for name in ("provenance", "mixture", "funnel", "card")}
    write_dataset_card(**inputs, recipe="student", settings=settings or config())
    return Path(files["card"]).read_text()


def test_the_hub_reads_what_the_model_is_and_how_good(files):
    data = ModelCard(model_card(files)).data
    assert (data.license, data.library_name, data.base_model) == (LICENCE, "transformers", "Qwen/Qwen")
    assert data.datasets == ["me/its-data"] and data.model_name == "it"
    assert {result.dataset_name: result.metric_value for result in data.eval_results} == {
        "sums_test": 80.0,
        "puzzles_test": 80.0,
    }


def test_scores_stand_with_their_intervals_beside_the_baseline_alone(files):
    card = model_card(files)
    assert "80.0 [" in card and "| base" in card and "+60.0 [" in card
    assert "other" not in card
    assert "sums_test: 20 problems, answers to each: 2" in card and "graded by math 1" in card


def test_a_model_that_was_not_scored_says_so(files):
    table = Path(files["scores"])
    table.write_text("".join(line for line in table.read_text().splitlines(True) if ",student," not in line))
    card = model_card(files)
    assert "It was not scored in this build." in card and ModelCard(card).data.eval_results is None


def test_what_it_was_made_from_has_revisions_and_licences_or_a_warning(files):
    card = model_card(files)
    assert f"| first weights | Qwen/Qwen | def | {LICENCE} |" in card
    assert "| answers | Qwen/QwQ | ghi | not stated in the config |" in card
    assert f"| problems of sums, secrets | AI/numina | abc | {LICENCE} |" in card
    assert "no licence of Qwen/QwQ: ask its publisher" in card and "no licence of own: ask" in card
    assert "no licence of AI/numina" not in card


def test_funnel_mixture_training_versions_and_prompt_are_of_the_build(files):
    card = model_card(files)
    assert "| sums | 9 | 8 | 8 | 5 | 5 | 4 | 3 |" in card
    assert "| sums | kept | 3 |" in card and "# Mixture" not in card
    assert "learnt from 3\nanswers of `qwq`" in card and "student ← first ← qwen" in card
    assert "At step 20 of 20" in card and "0.5000" in card and "| settings.learning_rate | 1e-05 |" in card
    assert "| llamafactory | 0.9.5 |" in card and "| vllm | 0.32.0 |" in card and "`d1ge57`" in card
    assert "Think twice." in card


def test_the_cost_is_the_ledgers_and_what_was_not_measured_is_said(files):
    assert "| $450.00 | $7.50 | $12.50 | not measured | 152.00 | 4,321 |" in model_card(files)


def test_a_rewriter_is_among_what_the_data_was_made_from(files):
    settings = config()
    settings["rewriters"] = {"mini": {"model": "small"}}
    settings["models"]["small"] = {"api": {"id": "small-1"}, "license": "terms of its API"}
    settings["recipes"]["student"]["rewriter"] = "mini"
    assert "| restating | small-1 |  | terms of its API |" in dataset_card(files, settings)


def test_no_text_of_a_private_set_is_on_a_card(files):
    assert small_report.SECRET not in model_card(files) + dataset_card(files)


def test_the_dataset_card_names_its_model_and_what_it_holds(files):
    card = dataset_card(files)
    data = DatasetCard(card).data
    assert data.license == LICENCE and data.size_categories == ["n<1K"]
    assert data.configs == [{"config_name": "default", "data_files": "train.jsonl"}]
    assert "[me/it](https://huggingface.co/me/it)" in card and "sums_test, puzzles_test" in card
    assert "first weights" not in card and "| answers | Qwen/QwQ |" in card


def test_a_recipe_of_pairs_has_no_funnel_and_says_pairs(files):
    settings = config()
    recipe = settings["recipes"]["student"]
    recipe["pairs"] = {name: {"length": None} for name in recipe.pop("sets")}
    pairs = files | {"funnel": []}
    for card in (model_card(pairs, settings), dataset_card(pairs, settings)):
        assert "pairs of answers" in card and "published rows" not in card and "problems of sums" in card


@pytest.mark.parametrize(("rows", "named"), [(999, "n<1K"), (1000, "1K<n<10K"), (16401, "10K<n<100K")])
def test_the_size_is_a_class_of_the_hub(rows, named):
    assert size(rows) == named


def test_what_was_generated_here_needs_no_licence():
    settings = config()
    settings["recipes"]["first"]["student"] = settings["recipes"]["student"]["teacher"] = "seed"
    settings["sets"] = {name: {"source": "made"} for name in settings["sets"]}
    assert {work.license for work in cards.works(settings, "student")} == {""}


def test_published_answers_without_a_key_are_not_said_to_be_checked():
    models = {"qwq": {}, "authors": {"publishes": "still2"}}
    recipe = {"teacher": "qwq", "sets": ["sums", "thoughts"], "other_teachers": {"thoughts": "authors"}}
    text = cards.chosen({"models": models, "recipes": {"mixed": recipe}}, "mixed")
    assert text.startswith("`qwq` and `authors`, chosen by graders") and "those of `authors` are as published" in text
    recipe = {"teacher": "qwq", "sets": ["sums"]}
    assert cards.chosen({"models": models, "recipes": {"one": recipe}}, "one").endswith("graders that check every one")
