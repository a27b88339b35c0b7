"""Pairs of answers: which of a problem's samples, how many of a set, and in which layout."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from build_preferences import build_preferences
from skymake import UserError, markers, mixtures, preferences, records, training
from skymake.decontamination import Hit
from skymake.mixtures import Pair
from skymake.records import MathCheck, Origin, Problem, Trace, Verdict


def problem(number: int, question: str = "", of: str = "sums") -> Problem:
    origin = Origin("nano", "0", number)
    return Problem(f"{of}-{number}", of, "math", question or f"What is {number} + 1?", MathCheck("1"), None, origin)


def answered(of: Problem, *samples: tuple[int, str]) -> list[tuple[Trace, Verdict]]:
    """Answers to a problem of these lengths and statuses."""
    return [
        (
            Trace(f"{of.id}/{n}", of.id, n, "student", text(of, n), None, "stop", 1, tokens, 0.1, 0),
            Verdict(f"{of.id}/{n}", of.id, n, status, "1", "", 0.0, "g"),
        )
        for n, (tokens, status) in enumerate(samples)
    ]


def text(of: Problem, sample: int) -> str:
    return markers.join(f"{of.id}, sample {sample}", "\\boxed{1}")


SAMPLES = st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["correct", "wrong", "truncated", "no_answer"])))


@given(SAMPLES)
def test_the_pair_by_length_is_the_shortest_and_the_longest_correct_answer(samples):
    found = preferences.by_length(*preferences.sides(answered(problem(1), *samples)))
    lengths = [tokens for tokens, status in samples if status == "correct"]
    if len(set(lengths)) < 2:
        assert found is None
    else:
        assert [one.completion_tokens for one in found] == [min(lengths), max(lengths)]


@given(SAMPLES)
def test_the_pair_by_correctness_prefers_a_longer_right_answer_to_the_shortest_wrong_one(samples):
    found = preferences.by_correctness(*preferences.sides(answered(problem(1), *samples)))
    wrong = [tokens for tokens, status in samples if status in ("wrong", "no_answer")]
    longer = [tokens for tokens, status in samples if status == "correct" and wrong and tokens > min(wrong)]
    if not longer:
        assert found is None
    else:
        chosen, rejected = found
        assert (chosen.completion_tokens, rejected.completion_tokens) == (min(longer), min(wrong))
        assert (samples[chosen.sample][1], samples[rejected.sample][1] != "correct") == ("correct", True)


@pytest.mark.parametrize("status", sorted(preferences.UNDECIDED))
def test_an_answer_without_a_decision_is_on_no_side(status):
    assert preferences.sides(answered(problem(1), (1, status), (2, "wrong"), (3, "correct")))[1][0].sample == 1


def test_a_correct_answer_without_the_markers_is_not_to_be_learnt():
    (bare, verdict), *others = answered(problem(1), (1, "correct"), (2, "correct"), (3, "correct"))
    bare = msgspec.structs.replace(bare, text="\\boxed{1}")
    correct, wrong = preferences.sides([(bare, verdict), *others])
    assert [one.completion_tokens for one in correct] == [2, 3] and not wrong


@pytest.fixture
def prefer(tmp_path, monkeypatch):
    """Build pairs; returns them, their provenance, and the card."""
    monkeypatch.chdir(tmp_path)
    Path("ask").write_text("Solve. {{ question }}\n")
    Path("system").write_text("Think.\n")

    def preferred(*samples, pairs=None, hits=(), problems=None):
        """samples: of problem 0, 1, 2 ...; or of `problems`."""
        problems = problems or [problem(number) for number in range(len(samples))]
        answers = [one for of, lengths in zip(problems, samples, strict=True) for one in answered(of, *lengths)]
        records.write("problems", problems)
        records.write("traces", [trace for trace, _ in answers])
        records.write("verdicts", [verdict for _, verdict in answers])
        records.write("hits", hits)
        pairs = pairs or {"sums": {"length": None, "correctness": None}}
        inputs = (["problems"], ["traces"], ["verdicts"], "hits", ["ask"] * len(pairs), "system")
        build_preferences(*inputs, "train", "info", "provenance", "card", pairs, "flash")
        origins = list(records.read("provenance", preferences.Provenance))
        return list(records.read("train", Pair)), origins, Path("card").read_text()

    return preferred


BOTH = [(5, "correct"), (3, "wrong"), (8, "correct"), (2, "correct")]


def test_a_pair_is_asked_as_its_model_was_asked_and_knows_both_its_answers(prefer):
    [pair], [origin], _ = prefer(BOTH, pairs={"sums": {"length": None}})
    asked = problem(0)
    assert pair == mixtures.pair("Think.", "Solve. What is 0 + 1?", text(asked, 3), text(asked, 2))
    assert (origin.row, origin.problem, origin.kind, origin.model) == (0, "sums-0", "length", "student")
    assert origin.chosen == preferences.Side(3, "sums-0/3", 2) and origin.rejected == preferences.Side(2, "sums-0/2", 8)


def test_a_problem_may_give_a_pair_of_each_kind_and_the_card_counts_them(prefer):
    _, origins, card = prefer(BOTH, [(5, "correct")])
    assert sorted(origin.kind for origin in origins) == ["correctness", "length"]
    assert "| sums | length | kept | 1 |" in card and "| sums | length | no such pair | 1 |" in card
    assert "| length | 1 | 2.0 | 8.0 |" in card and "| correctness | 1 | 5.0 | 3.0 |" in card


def test_the_layout_is_the_trainers(prefer):
    prefer(BOTH)
    row, info = next(records.read("train", dict)), records.read_json("info")["train"]
    assert info["ranking"] and info["formatting"] == "sharegpt"
    assert set(info["columns"].values()) == row.keys()
    assert [turn["from"] for turn in row["conversations"]] == [info["tags"]["user_tag"]]
    assert row["chosen"].keys() == row["rejected"].keys() == {info["tags"]["role_tag"], info["tags"]["content_tag"]}
    assert row["chosen"]["from"] == row["rejected"]["from"] == info["tags"]["assistant_tag"]


def test_a_set_gives_at_most_as_many_pairs_as_wanted_and_the_same_ones_whatever_the_others(prefer):
    few, many = ({"sums": {"length": most}} for most in (2, 4))
    samples = [BOTH] * 6
    fewer = [origin.problem for origin in prefer(*samples, pairs=few)[1]]
    more = [origin.problem for origin in prefer(*samples, pairs=many)[1]]
    assert len(fewer) == 2 and len(more) == 4 and set(fewer) < set(more)
    assert "| sums | length | more than wanted | 2 |" in Path("card").read_text()


def test_no_question_of_a_benchmark_and_none_twice(prefer):
    hits = [
        Hit("sums-1", "sums", "exam-9", "exam", True, "same", 1.0, "1 + 1"),
        Hit("sums-2", "sums", "sums-0", "sums", False, "same", 1.0, "0 + 1"),
    ]
    _, origins, card = prefer(BOTH, BOTH, BOTH, hits=hits)
    assert {origin.problem for origin in origins} == {"sums-0"}
    assert "| sums | length | asked by a benchmark | 1 |" in card
    assert "| sums | length | asked by another problem already | 1 |" in card


def test_without_a_pair_there_is_an_error_that_says_why(prefer):
    with pytest.raises(UserError, match=r"recipe flash: no problem gave a pair: .*no such pair"):
        prefer([(5, "correct"), (5, "correct")], pairs={"sums": {"length": None}})


@pytest.mark.slow
def test_flash_of_sky_t1_is_planned_on_top_of_its_student():
    layers = ["--configfile", "config/sky-t1.yaml", "config/sky-t1-flash.yaml"]
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--quiet", "rules", *layers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    planned = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE))
    assert (planned["build_mixture"], planned["build_preferences"], planned["train_student"]) == ("1", "1", "2")


def test_flash_of_sky_t1_has_the_published_settings():
    config: dict = {}
    for layer in ("sky-t1", "sky-t1-flash"):
        update_config(config, yaml.safe_load((ROOT / f"config/{layer}.yaml").read_text()))
    flash = config["recipes"]["flash"]
    chosen = msgspec.convert(config["trainings"][flash["training"]], training.Training)
    assert (chosen.preference, chosen.epochs, chosen.batch) == (training.Preference("simpo", 2.0, 0.3), 1, 96)
    assert chosen.settings["learning_rate"] == 5e-7
    sampling = config["sampling"][config["sets"]["math12k"]["sampling"]]
    assert (sampling["temperature"], sampling["samples"]) == (1.0, 8)
    assert sum(most for kinds in flash["pairs"].values() for most in kinds.values()) == 10_000
